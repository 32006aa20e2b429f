"""Server-sent events out of bytes and into bytes: sans-IO, incremental, by the WHATWG text.

A gateway must be able to pass on what it does not understand, so an event keeps its raw bytes, and all raw bytes together
are the stream: comments, blank lines and unknown fields come out as events without data. Rules:
- the same events for any way of cutting the stream into chunks; lines end in LF, CR or CRLF, in any mix;
- `data` stays bytes (nothing is decoded that may be cut inside a character);
- an event over the limit is an error, before its end has come: memory stays bounded;
- where the text would wait for ever, this waits too: a CR at the end of a chunk may be half of a CRLF;
- unlike the text, a last event without its blank line is given out, marked as not `terminated`: providers send them.
"""

import re
from typing import Final

import msgspec

from turnout_sidecar.wire.canonical import NotAnAnswer

DEFAULT_LIMIT: Final = 16 * 1024 * 1024

_BOM: Final = b"\xef\xbb\xbf"
_LF: Final = 0x0A
_CR: Final = 0x0D
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_BLANK_LINE: Final = re.compile(rb"(?:\r\n|\r(?!\n)|\n){2}")
_LONGEST_CUT_END: Final = 3
_PLAIN: Final = b"data: "
_NAMED: Final = re.compile(rb"event: ([^\r\n]*)\ndata: ([^\r\n]*)\n\n")


class SseEvent(msgspec.Struct, frozen=True, gc=False):
    """One event. `data` None: it had no data (a comment, a ping, a blank line). `event` empty: it named no type."""

    raw: bytes
    data: bytes | None = None
    event: str = ""
    id: str | None = None
    terminated: bool = True


class SseEventTooLarge(NotAnAnswer):
    """An event is larger than the reader takes: whoever sends it sends no answer."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"an event of the stream is over {limit} bytes")
        self.limit = limit


class SseParser:
    """Feed it chunks, get events; `finish` once at the end of the stream."""

    __slots__ = ("_failure", "_first", "_limit", "_only_lf", "_pending", "_searched")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._pending = bytearray()
        self._searched = 0
        self._only_lf = True
        self._first = True
        self._failure: SseEventTooLarge | None = None

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that `chunk` completes. Raises SseEventTooLarge, after those before it were given out."""
        if self._failure is not None:
            raise self._failure
        if not self._pending:
            event = _plain(chunk)
            if event is not None and len(chunk) <= self._limit:
                self._first = False
                return [event]
        if self._only_lf and _CR in chunk:
            self._only_lf = False
        if not self._pending:
            return self._split(chunk, final=False)
        self._pending += chunk
        return self._split(self._pending, final=False)

    def finish(self) -> list[SseEvent]:
        """What was left when the stream ended: at most one event that is not terminated, and perhaps one before it."""
        if self._failure is not None:
            raise self._failure
        events = self._split(self._pending, final=True)
        if self._pending:
            events.append(self._parse(bytes(self._pending), terminated=False))
            self._pending = bytearray()
        return events

    def _split(self, buffer: bytes | bytearray, *, final: bool) -> list[SseEvent]:
        events: list[SseEvent] = []
        start, size = 0, len(buffer)
        while start < size:
            end = self._end_of_block(buffer, start, final=final)
            if (end or size) - start > self._limit:
                self._pending = bytearray()
                return self._fail(events)
            if not end:
                break
            events.append(self._parse(bytes(buffer[start:end])))
            start = end
            self._searched = 0
        self._keep(buffer, start)
        return events

    def _keep(self, buffer: bytes | bytearray, start: int) -> None:
        if buffer is not self._pending:
            self._pending = bytearray(buffer[start:])
        elif start:
            del self._pending[:start]
        if not self._pending:
            self._only_lf = True
            self._searched = 0
        else:
            self._searched = max(0, len(self._pending) - _LONGEST_CUT_END)

    def _end_of_block(self, buffer: bytes | bytearray, start: int, *, final: bool) -> int:
        """Where the block that begins at `start` ends, with its blank line; 0 when that has not come."""
        searched = start + self._searched
        if self._only_lf:
            if buffer[start] == _LF:
                return start + 1
            found = buffer.find(b"\n\n", searched)
            return found + 2 if found >= 0 else 0
        match = _LINE_END.match(buffer, start) or _BLANK_LINE.search(buffer, searched)
        if match is None or (match.end() == len(buffer) and buffer[-1] == _CR and not final):
            return 0
        return match.end()

    def _fail(self, events: list[SseEvent]) -> list[SseEvent]:
        failure = SseEventTooLarge(self._limit)
        self._failure = failure
        if not events:
            raise failure
        return events

    def _parse(self, raw: bytes, *, terminated: bool = True) -> SseEvent:
        if self._first:
            self._first = False
            if raw.startswith(_BOM):
                return _parse_fields(raw, raw[len(_BOM) :], terminated=terminated)
        return (_plain(raw) if terminated else None) or _parse_fields(raw, raw, terminated=terminated)


def _plain(raw: bytes) -> SseEvent | None:
    """The event of one of the two shapes that nearly all have: `data: ...`, with `event: ...` before it or without, and a blank
    line; None for any other bytes."""
    if raw.startswith(_PLAIN):
        if raw.endswith(b"\n\n") and raw.find(b"\n") == len(raw) - 2 and _CR not in raw:
            return SseEvent(raw, raw[6:-2])
        return None
    named = _NAMED.fullmatch(raw)
    return None if named is None else SseEvent(raw, named[2], named[1].decode("utf-8", "replace"))


def _parse_fields(raw: bytes, text: bytes, *, terminated: bool) -> SseEvent:
    data: list[bytes] = []
    event = ""
    identity: str | None = None
    for line in _LINE_END.split(text):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            event = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            identity = value.decode("utf-8", "replace")
    return SseEvent(raw, b"\n".join(data) if data else None, event, identity, terminated)


class WholeEvents:
    """Cuts a stream into whole events, for who passes them on as they are. `kept`: what has come of the next one.

    Each byte is looked at once, however small the pieces in which a large event comes.
    """

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept = bytearray()

    def cut(self, piece: bytes) -> bytes:
        """The whole events that there are now, or nothing yet. Raises SseEventTooLarge."""
        if not self.kept and piece.endswith(b"\n\n"):
            return piece
        before = bytes(self.kept[-_LONGEST_CUT_END:])
        seen = before + piece if before else piece
        ends = (seen.rfind(b"\n\n"), 2), (seen.rfind(b"\n\r\n"), 3), (seen.rfind(b"\r\r"), 2)
        end = max((at + size for at, size in ends if at >= 0), default=0) - len(before)
        whole = b""
        if end > 0:
            whole = bytes(self.kept) + piece[:end]
            self.kept = bytearray(piece[end:])
        else:
            self.kept += piece
        if len(self.kept) > DEFAULT_LIMIT:
            raise SseEventTooLarge(DEFAULT_LIMIT)
        return whole

    def rest(self) -> bytes:
        """What is left at the end of the stream; it is kept no longer."""
        left, self.kept = bytes(self.kept), bytearray()
        return left


def write_event(data: bytes, event: str = "") -> bytes:
    """The bytes of one event; data of several lines becomes several `data` lines. Raises ValueError for a type of them."""
    if "\n" in event or "\r" in event:
        raise ValueError("event: a type of one line only")
    head = f"event: {event}\n".encode() if event else b""
    if b"\n" not in data and b"\r" not in data:
        return b"%bdata: %b\n\n" % (head, data)
    return head + b"".join(b"data: %b\n" % line for line in _LINE_END.split(data)) + b"\n"


def write_comment(text: str = "") -> bytes:
    """The bytes of a comment, which keeps a connection awake and means nothing."""
    return b"".join(b": %b\n" % line for line in _LINE_END.split(text.encode())) + b"\n"
