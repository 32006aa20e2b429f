"""Change some top-level members of a JSON object and leave every other byte as it was.

Providers' prompt caches compare bytes, and a body may hold what a parser would lose: spacing, big integers, members given
twice, escapes. So a body is edited, not written anew. Rules:
- the input has been parsed before: it is a well-formed JSON object in UTF-8 (else ValueError);
- a member that is replaced is replaced wherever it stands, also twice and also with its name escaped, so that no reader
  sees another value than the one that was checked; one that is removed is removed everywhere, with one comma;
- only top-level members are walked over. msgspec hands out the bytes of every value, so that values are skipped at C
  speed; where a name stands twice it knows only the last, and a slower walk with the standard parser finds all ends.
"""

import json
import re
from collections.abc import Mapping

import msgspec
import orjson

Changes = Mapping[str, bytes | None]

_VALUES = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STANDARD = json.JSONDecoder()
_NAME = rb'[ \t\n\r]*"([^"\\]*+(?:\\.[^"\\]*+)*+)"[ \t\n\r]*:[ \t\n\r]*'
_KEY = re.compile(_NAME, re.DOTALL)
_FIRST = re.compile(rb"[ \t\n\r]*\{" + _NAME, re.DOTALL)
_NEXT = re.compile(rb"[ \t\n\r]*," + _NAME, re.DOTALL)
_LAST = re.compile(rb"[ \t\n\r]*\}")
_OPEN = re.compile(rb"[ \t\n\r]*\{")
_MARK = re.compile(rb"[ \t\n\r]*([,}])")
_NOT_AN_OBJECT = "not a JSON object"


class _Member:
    """A member. The comma before it ends at `start`, the member before that at `before`; its value is `value` to `end`."""

    __slots__ = ("before", "end", "name", "start", "value")

    def __init__(self, name: str, before: int, start: int, value: int, end: int) -> None:
        self.name = name
        self.before = before
        self.start = start
        self.value = value
        self.end = end


class MemberTwice(ValueError):  # noqa: N818  says what was found
    """A member stands twice. `name` is its name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name[:128]} is given twice")
        self.name = name[:128]


def replace_members(raw: bytes, changes: Changes, *, unique: bool = False) -> bytes:
    """`raw` with each named top-level member replaced by (or added with) its JSON text, or removed where that is None.

    `unique`: raises MemberTwice where any member stands twice, since two readers might then read two things.
    """
    if not changes:
        return raw
    spans = _spans(raw)
    if spans and None not in changes.values():
        return _replaced(raw, spans, changes)
    opening, members = _members(raw)
    if unique and len({member.name for member in members}) != len(members):
        raise MemberTwice(_twice(members))
    parts = [raw[:opening]]
    missing = dict(changes)
    first = True
    for member in members:
        name = member.name
        if name in changes:
            text = changes[name]
            missing.pop(name, None)
            if text is None:
                continue
        else:
            text = raw[member.value : member.end]
        if not first:
            parts.append(raw[member.before : member.start])
        first = False
        parts += (raw[member.start : member.value], text)
    for name, text in missing.items():
        if text is not None:
            parts += (b"" if first else b",", orjson.dumps(name), b":", text)
            first = False
    parts.append(raw[members[-1].end if members else opening :])
    return b"".join(parts)


def _members(raw: bytes) -> tuple[int, list[_Member]]:
    """Where the inside of the object begins, and its members in order."""
    start = _OPEN.match(raw)
    if start is None:
        raise ValueError(_NOT_AN_OBJECT)
    opening = start.end()
    if _LAST.match(raw, opening):
        return opening, []
    return opening, _walk(raw, opening, _Ends(raw, opening))


def _twice(members: list[_Member]) -> str:
    seen: set[str] = set()
    for member in members:
        if member.name in seen:
            return member.name
        seen.add(member.name)
    return ""


def _spans(raw: bytes) -> dict[str, tuple[int, int]] | None:
    """Where each member's value begins and ends, in order; None where a name stands twice (or there is none).

    Each step finds the bytes of the next value where they should be, and a mark after them: so positions are exact, and as
    many members as there are different names end the object.
    """
    try:
        values = _VALUES.decode(raw)
    except msgspec.DecodeError as error:
        raise ValueError(_NOT_AN_OBJECT) from error
    spans: dict[str, tuple[int, int]] = {}
    position = 0
    pattern = _FIRST
    for name, value in values.items():
        key = pattern.match(raw, position)
        text = bytes(value)
        if key is None or not raw.startswith(text, start := key.end()):
            return None
        position = start + len(text)
        spans[name] = (start, position)
        pattern = _NEXT
    return spans if spans and _LAST.match(raw, position) else None


def _replaced(raw: bytes, spans: dict[str, tuple[int, int]], changes: Changes) -> bytes:
    """The quick way, where no name stands twice and nothing is removed."""
    parts: list[bytes] = []
    position = end = 0
    for name, (start, end) in spans.items():
        text = changes.get(name)
        if text is not None:
            parts += (raw[position:start], text)
            position = end
    if len(parts) < 2 * len(changes):
        parts.append(raw[position:end])
        position = end
        for name, text in changes.items():
            if text is not None and name not in spans:
                parts += (b",", orjson.dumps(name), b":", text)
    parts.append(raw[position:])
    return b"".join(parts)


class _Ends:
    """Finds the end of a value by parsing it. Positions are counted in characters there and in bytes here."""

    __slots__ = ("_at_byte", "_at_char", "_raw", "_text")

    def __init__(self, raw: bytes, opening: int) -> None:
        self._raw = raw
        self._text = raw.decode()
        self._at_byte = self._at_char = opening  # nothing but ASCII comes before

    def end(self, start: int) -> int:
        """The end of the value that begins at byte `start`; called once for each member, in order."""
        begin = self._at_char + len(self._raw[self._at_byte : start].decode())
        try:
            _, stop = _STANDARD.raw_decode(self._text, begin)
        except ValueError as error:
            raise ValueError(_NOT_AN_OBJECT) from error
        self._at_char = stop
        self._at_byte = start + len(self._text[begin:stop].encode())
        return self._at_byte


def _walk(raw: bytes, opening: int, ends: _Ends) -> list[_Member]:
    members: list[_Member] = []
    before = start = opening
    while True:
        key = _KEY.match(raw, start)
        if key is None:
            raise ValueError(_NOT_AN_OBJECT)
        escaped = key.group(1)
        name = orjson.loads(b'"' + escaped + b'"') if b"\\" in escaped else escaped.decode()
        value = key.end()
        end = ends.end(value)
        members.append(_Member(name, before, start, value, end))
        mark = _MARK.match(raw, end)
        if mark is None:
            raise ValueError(_NOT_AN_OBJECT)
        if mark.group(1) == b"}":
            return members
        before, start = end, mark.end()
