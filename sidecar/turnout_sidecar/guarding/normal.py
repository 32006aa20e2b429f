"""Text as it is meant, for detectors, with a way back to the text as it was written.

Values are hidden, by accident or on purpose, behind full-width or Arabic digits, zero-width characters, no-break spaces, percent
and unicode escapes and HTML references. Detectors see them resolved; what is masked is the original.

Rules: one character of the plain form stands for a stretch of the original, in order; a character that says nothing (zero width)
has no plain form; nothing is ever refused, lone surrogates included; plain ASCII without escapes is returned as it is.
"""

import re
import unicodedata
from bisect import bisect_right
from functools import lru_cache

# the class of first characters comes first, so that the engine can skip to them
_ESCAPES = re.compile(
    "[%\\\\&\x80-\U0010ffff](?:(?<=[^\x00-\x7f])"
    r"|(?<=%)(?:25)*+[0-9A-Fa-f]{2}"
    r"|(?<=\\)(?:u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|x[0-9A-Fa-f]{2}|[nrt])"
    r"|(?<=&)#x?[0-9A-Fa-f]{2,5};)"
)
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_SPECIAL = (
    dict.fromkeys(_DASHES, "-")
    | dict.fromkeys("\u00b7\u2022\u2024\u30fb\u3002", ".")
    | {char: char for char in "\u2018\u2019\u201c\u201d\u2026\u2122"}
    | {"\u034f": "", "\u115f": "", "\u1160": "", "\u3164": "", "\ufffc": ""}
)
_ASCII_END = 0x80
_HIGHEST = 0x10FFFF


class Plain:
    """A text in its plain form, and where each replaced piece of the original went."""

    __slots__ = ("_at", "_pieces", "text")

    def __init__(self, text: str, at: list[int], pieces: list[tuple[int, int, int]]) -> None:
        self.text = text
        self._at = at
        self._pieces = pieces

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the original that [start, end) of the plain form stands for."""
        if not self._at:
            return start, end
        return self._stretch(start)[0], self._stretch(end - 1)[1]

    def _stretch(self, place: int) -> tuple[int, int]:
        """What one character of the plain form stands for."""
        index = bisect_right(self._at, place) - 1
        if index < 0:
            return place, place + 1
        length, begin, stop = self._pieces[index]
        beyond = place - self._at[index] - length
        return (begin, stop) if beyond < 0 else (stop + beyond, stop + beyond + 1)


@lru_cache(maxsize=8192)
def _fold(char: str) -> str:
    known = _SPECIAL.get(char)
    if known is not None:
        return known
    category = unicodedata.category(char)
    if category in {"Cf", "Mn"}:
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category in {"Zs", "Zl", "Zp"}:
        return " "
    return unicodedata.normalize("NFKC", char)


def _unescape(piece: str) -> str:
    """What an escape means; itself where it means no printable character."""
    kind = piece[0]
    if kind == "%":
        code = int(piece[-2:], 16)
        return chr(code) if 0x20 <= code < 0x7F else piece  # noqa: PLR2004 - printable ASCII
    if kind == "&":
        digits = piece[2:-1]
        hexadecimal = digits[0] == "x"
        if not hexadecimal and not digits.isdecimal():
            return piece
        code = int(digits[1:], 16) if hexadecimal else int(digits)
    elif len(piece) == 2:  # noqa: PLR2004 - a line break or tab
        return " "
    else:
        code = int(piece[2:].strip("{}"), 16)
    if code > _HIGHEST:
        return piece
    return chr(code) if code < _ASCII_END else _fold(chr(code))


def normalise(text: str) -> Plain:
    """The plain form of a text, in time linear in its length."""
    if text.isascii() and "%" not in text and "\\" not in text and "&#" not in text:
        return Plain(text, [], [])
    parts: list[str] = []
    places: list[int] = []
    pieces: list[tuple[int, int, int]] = []
    at = shift = 0
    for found in _ESCAPES.finditer(text):
        piece = found[0]
        meant = _fold(piece) if piece[0] >= "\x80" else _unescape(piece)
        if meant == piece:
            continue
        begin, stop = found.span()
        parts += (text[at:begin], meant)
        places.append(begin - shift)
        pieces.append((len(meant), begin, stop))
        shift += stop - begin - len(meant)
        at = stop
    if not places:
        return Plain(text, [], [])
    parts.append(text[at:])
    return Plain("".join(parts), places, pieces)
