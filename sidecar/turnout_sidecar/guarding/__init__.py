"""What is personal or secret in a text: pure functions, without IO, state or a clock."""
