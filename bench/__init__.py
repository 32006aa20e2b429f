"""Measurements of Turnout, as ratios against a reference in the same interleaved run. `python -m bench`."""
