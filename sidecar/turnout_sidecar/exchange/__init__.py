"""The values of one call."""
