"""What is checked beside personal data and secrets: patterns, shapes of answers, injection, quality. Pure functions."""
