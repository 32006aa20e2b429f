"""Sans-IO: bytes to values and back."""
