"""JSON that is the text of a string: whether it is, and its strings, keys and long numbers with their places.

It is edited token by token and never written anew, so that big integers, spacing and members given twice stay as they are. Rules:
what is not JSON from end to end is plain text; a string that is no Unicode text (a lone surrogate) is shown with U+FFFD in its
place.
"""

import json
import re
from collections.abc import Iterator
from typing import Final

import orjson

LONGEST: Final = 1 << 18  # characters; above it, or with more quotes, a text is inspected as it stands
_MOST_QUOTES: Final = 20_000
_BLANK: Final = " \t\r\n"
_PAIRS: Final = {"{": "}", "[": "]", '"': '"'}
_TOKEN: Final = re.compile(
    r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"([ \t\r\n]*+:)?|((?<![\d.eE+\-])-?\d{7,}[\d.eE+\-]*+)', re.DOTALL
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


_LONG_NUMBER: Final = re.compile(r"\d{7}")

Token = tuple[str, bool, bool]
"""What a string, a key or a long number says; whether it is a key; whether it is a number."""


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


def tokens(text: str) -> list[Token]:
    """The tokens of a JSON text, in order."""
    if "\\" not in text and _LONG_NUMBER.search(text) is None:
        return _between_quotes(text)
    return [_token(inner, colon, number) for inner, colon, number in _TOKEN.findall(text)]


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Where each of the same tokens stands."""
    for found in _TOKEN.finditer(text):
        yield found.start(), found.end() if found[3] is not None else found.end(1) + 1


def _between_quotes(text: str) -> list[Token]:
    """The quick way, where nothing is escaped and no number is long."""
    pieces = text.split('"')
    return [
        (said, after[:1] == ":" or (after[:1] in _BLANK and after.lstrip(_BLANK)[:1] == ":"), False)
        for said, after in zip(pieces[1::2], pieces[2::2], strict=True)
    ]


def _token(inner: str, colon: str, number: str) -> Token:
    if number:
        return number, False, True
    return inner if "\\" not in inner else unescaped(inner), bool(colon), False


def unescaped(inner: str) -> str:
    """What the inside of a string token says."""
    said: str = json.loads(f'"{inner}"', strict=False)
    return _SURROGATE.sub("\ufffd", said) if "\\u" in inner else said
