"""Answers in the format that was asked for, whole and as streams: every text of them through an edit, all else as it came.

The guards work on texts and know no format; this package knows the formats and no guard. `formats.FORMATS` is its door.
"""
