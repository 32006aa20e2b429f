"""Masking that can be undone: placeholders for values, the table of one call, and the way back, whole or in a stream."""
