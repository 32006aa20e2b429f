"""Gateway API duration strings ("1h30m", "500ms") as milliseconds.

The grammar is GEP-2257's: up to four parts of one to five digits and a unit, no fractions, no sign.
"""

import re

PATTERN = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
_WHOLE = re.compile(PATTERN)
_PART = re.compile(r"([0-9]{1,5})(ms|h|m|s)")
_UNIT = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


def parse_ms(text: str) -> int:
    """Milliseconds of a duration string. Raises ValueError where it is not one."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration such as 500ms, 30s or 1h30m")
    return sum(int(number) * _UNIT[unit] for number, unit in _PART.findall(text))
