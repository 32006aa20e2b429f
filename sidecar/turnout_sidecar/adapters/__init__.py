"""The real thing behind each port, with its fake beside it."""
