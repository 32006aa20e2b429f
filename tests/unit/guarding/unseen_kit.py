"""Makes values of a written shape, so that no key, card or number stands in the tests themselves.

A shape is literal text with `{A36}` for 36 characters drawn from an alphabet (the table below). Values are drawn from a seed,
so that a failure repeats.

Rules: nothing here knows how the scanner works; a value is judged by where it stands in the text.
"""

import random
import re

from turnout_sidecar.guarding.scanner import scan

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
ALPHABETS = {
    "A": _LOWER + _LOWER.upper() + _DIGITS,
    "B": _LOWER + _LOWER.upper() + _DIGITS + "+/",
    "U": _LOWER + _LOWER.upper() + _DIGITS + "-_",
    "C": _LOWER.upper() + _DIGITS,
    "D": _DIGITS,
    "H": "0123456789abcdef",
    "L": _LOWER + _DIGITS,
    "T": _LOWER.upper() + "234567",
}
_DRAW = re.compile(r"\{([ABUCDHLT])(\d+)\}")


def made(shape: str, seed: int) -> str:
    """A value of the shape; the same for the same seed."""
    source = random.Random(f"{shape}/{seed}")

    def drawn(match: re.Match[str]) -> str:
        return "".join(source.choices(ALPHABETS[match[1]], k=int(match[2])))

    return _DRAW.sub(drawn, shape)


def named(text: str) -> list[tuple[str, str]]:
    """Entity and words of every finding, by place."""
    return [(found.entity, text[found.start : found.end]) for found in scan(text)]


def luhn(digits: str) -> str:
    """The digits with their check digit behind."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        twice = int(digit) * (2 if place % 2 == 0 else 1)
        total += twice - 9 if twice > 9 else twice
    return digits + str(-total % 10)


def iban(country: str, account: str) -> str:
    """The account as an IBAN with its check digits (ISO 7064 mod 97-10)."""
    number = "".join(str(int(letter, 36)) for letter in account + country + "00")
    return f"{country}{98 - int(number) % 97:02d}{account}"
