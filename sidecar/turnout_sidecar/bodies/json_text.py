"""JSON that is the text of a string: whether it is, and its strings, keys and long numbers with their places.

It is edited token by token and never written anew, so that big integers, spacing and members given twice stay as they are. Rules:
what is not JSON from end to end is plain text; a string that is no Unicode text (a lone surrogate) is shown with U+FFFD in its
place.
"""

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import orjson

LONGEST: Final = 1 << 18  # characters; above it, or with more quotes, a text is inspected as it stands
_MOST_QUOTES: Final = 20_000
_BLANK: Final = " \t\r\n"
_PAIRS: Final = {"{": "}", "[": "]", '"': '"'}
_TOKEN: Final = re.compile(
    r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"([ \t\r\n]*+:)?|(?<![\d.eE+\-])-?\d{7,}[\d.eE+\-]*+', re.DOTALL
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Token(NamedTuple):
    """A string, a key or a long number: [start, end) of the text, and what it says."""

    start: int
    end: int
    said: str
    key: bool
    number: bool


def is_json(text: str) -> bool:
    """Whether a text is a JSON object or array, or a string in quotes."""
    if len(text) > LONGEST:
        return False
    first = text[0]
    last = text[-1]
    if first in _BLANK or last in _BLANK:
        stripped = text.strip(_BLANK)
        if len(stripped) < 2:  # noqa: PLR2004 - two brackets
            return False
        first, last = stripped[0], stripped[-1]
    if _PAIRS.get(first) != last or text.count('"') > _MOST_QUOTES:
        return False
    try:
        orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return _is_lax_json(text)
    return True


def _is_lax_json(text: str) -> bool:
    """Whether the standard parser, which takes NaN and lone surrogates, takes it."""
    if "\\u" not in text and "NaN" not in text and "Infinity" not in text:
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a JSON text, in order."""
    for found in _TOKEN.finditer(text):
        inner = found[1]
        if inner is None:
            yield Token(found.start(), found.end(), found[0], key=False, number=True)
        else:
            said = inner if "\\" not in inner else unescaped(inner)
            yield Token(found.start(), found.end(1) + 1, said, key=found[2] is not None, number=False)


def unescaped(inner: str) -> str:
    """What the inside of a string token says."""
    said: str = json.loads(f'"{inner}"', strict=False)
    return _SURROGATE.sub("\ufffd", said) if "\\u" in inner else said
