"""JSON that is changed in some of its strings, and byte for byte the same in all else.

Why: an answer may hold what a parser loses (integers of any size, spacing, order), and clients compare bytes. A JSON text's
strings, names included, are numbered in the order in which they stand; whoever has parsed it counts along, and what is to be
changed is told by number. Rules: the text has been parsed before; where a name stands twice in one object the numbers do not
agree, and the text is written anew from what the parser saw, so that no reader sees another value than the one inspected.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

from turnout_sidecar.wire.json_body import STRING

_MARK = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
_COLON = re.compile(rb"[ \t\n\r]*:[ \t\n\r]*")
_HALF = re.compile("[\ud800-\udfff]")
_OPENING = frozenset(b"[{")
_CLOSING = frozenset(b"]}")


class TooDeep(ValueError):  # noqa: N818  says what is the matter
    """It is nested more deeply than answers are."""


def loads(data: bytes) -> Any:
    """What `data` says. Raises ValueError. Halves of surrogate pairs, which some servers send, are read as they are."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(data)
    except RecursionError:
        raise TooDeep from None


def sound(text: str) -> str:
    """The text without halves of surrogate pairs: two are joined, one is U+FFFD."""
    if _HALF.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def string(text: str) -> bytes:
    """The text as a JSON string."""
    return dumps(text)


def dumps(value: Any) -> bytes:
    """The value as JSON."""
    try:
        return orjson.dumps(value)
    except TypeError:  # half of a surrogate pair, or an integer of any size
        return json.dumps(value).encode()


class Strings:
    """The strings of one JSON text, by number."""

    __slots__ = ("raw", "spans")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.spans = [match.span() for match in STRING.finditer(raw)]

    def value_after(self, number: int) -> tuple[int, int]:
        """Where the object or list begins and ends that is the value of the name with this number."""
        colon = _COLON.match(self.raw, self.spans[number][1])
        start = self.spans[number][1] if colon is None else colon.end()
        depth = 0
        for mark in _MARK.finditer(self.raw, start):
            first = self.raw[mark.start()]
            if first in _OPENING:
                depth += 1
            elif first in _CLOSING:
                depth -= 1
            if depth == 0:
                return start, mark.end()
        return start, len(self.raw)

    def written(self, strings: Mapping[int, bytes], values: Mapping[int, bytes]) -> bytes:
        """The text with other strings, and with other values for the names whose values are objects or lists."""
        changes = [(*self.spans[number], new) for number, new in strings.items()]
        changes += [(*self.value_after(number), new) for number, new in values.items()]
        parts: list[bytes] = []
        done = 0
        for start, end, new in sorted(changes):
            if start >= done:
                parts += (self.raw[done:start], new)
                done = end
        parts.append(self.raw[done:])
        return b"".join(parts)


def anew(raw: bytes) -> bytes:
    """The same values written anew: each name once. Raises ValueError, and TooDeep."""
    try:
        return json.dumps(json.loads(raw), ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(json.loads(raw), separators=(",", ":")).encode()
    except RecursionError:
        raise TooDeep from None


def strings_of(raw: bytes, count: int) -> Strings:
    """The strings, of which a reader has counted so many; of a text in which a name stands twice those of the text written anew.

    Raises TooDeep.
    """
    strings = Strings(raw)
    return strings if len(strings.spans) == count else Strings(anew(raw))
