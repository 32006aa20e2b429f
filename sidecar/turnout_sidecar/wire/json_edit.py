"""Change some top-level members of a JSON object and leave every other byte as it was.

Providers' prompt caches compare bytes, and a body may hold what a parser would lose: spacing, big integers, members given
twice, escapes. So a body is edited, not written anew. Rules:
- the input has been parsed before: it is a well-formed JSON object in UTF-8 (else ValueError);
- a member that is replaced is replaced wherever it stands, also twice and also with its name escaped, so that no reader
  sees another value than the one that was checked; one that is removed is removed everywhere, with one comma;
- only top-level members are walked over. msgspec hands out the bytes of every value, so that values are skipped at C
  speed; where a name stands twice with different values it knows only the last, and the standard parser finds the ends.
"""

import json
import re
from collections.abc import Callable, Mapping

import msgspec
import orjson

Changes = Mapping[str, bytes | None]
_EndOf = Callable[[str, int], int]

_VALUES = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STANDARD = json.JSONDecoder()
_OPEN = re.compile(rb"[ \t\n\r]*\{")
_KEY = re.compile(rb'[ \t\n\r]*"((?:[^"\\]|\\.)*+)"[ \t\n\r]*:[ \t\n\r]*', re.DOTALL)
_MARK = re.compile(rb"[ \t\n\r]*([,}])")
_EMPTY = re.compile(rb"[ \t\n\r]*\}")
_NOT_AN_OBJECT = "not a JSON object"


class _Unequal(Exception):  # noqa: N818  says what was found
    """A name stands twice, with different values."""


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
    if _EMPTY.match(raw, opening):
        return opening, []
    try:
        return opening, _walk(raw, opening, _RawValues(raw).end)
    except _Unequal:
        return opening, _walk(raw, opening, _ParsedValues(raw, opening).end)


def _twice(members: list[_Member]) -> str:
    seen: set[str] = set()
    for member in members:
        if member.name in seen:
            return member.name
        seen.add(member.name)
    return ""


class _RawValues:
    """Finds the end of a value by its bytes, which msgspec has cut out."""

    __slots__ = ("_raw", "_values")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        try:
            self._values = _VALUES.decode(raw)
        except msgspec.DecodeError as error:
            raise ValueError(_NOT_AN_OBJECT) from error

    def end(self, name: str, start: int) -> int:
        """Raises _Unequal where the value that is known is that of another member of this name."""
        value = bytes(self._values[name])
        if not self._raw.startswith(value, start):
            raise _Unequal
        end = start + len(value)
        if _MARK.match(self._raw, end) is None:  # 1, where the last one is 12
            raise _Unequal
        return end


class _ParsedValues:
    """Finds the end of a value by parsing it. Positions are counted in characters there and in bytes here."""

    __slots__ = ("_at_byte", "_at_char", "_raw", "_text")

    def __init__(self, raw: bytes, opening: int) -> None:
        self._raw = raw
        self._text = raw.decode()
        self._at_byte = opening
        self._at_char = opening

    def end(self, name: str, start: int) -> int:  # noqa: ARG002  one shape for both
        """Called once for each member, in order."""
        begin = self._at_char + len(self._raw[self._at_byte : start].decode())
        _, stop = _STANDARD.raw_decode(self._text, begin)
        self._at_char = stop
        self._at_byte = start + len(self._text[begin:stop].encode())
        return self._at_byte


def _walk(raw: bytes, opening: int, end_of: _EndOf) -> list[_Member]:
    members: list[_Member] = []
    before = start = opening
    while True:
        key = _KEY.match(raw, start)
        if key is None:
            raise ValueError(_NOT_AN_OBJECT)
        escaped = key.group(1)
        name = orjson.loads(b'"' + escaped + b'"') if b"\\" in escaped else escaped.decode()
        value = key.end()
        end = end_of(name, value)
        members.append(_Member(name, before, start, value, end))
        mark = _MARK.match(raw, end)
        if mark is None:
            raise ValueError(_NOT_AN_OBJECT)
        if mark.group(1) == b"}":
            return members
        before, start = end, mark.end()
