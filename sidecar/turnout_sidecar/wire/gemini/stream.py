"""Gemini's streams: server-sent events, and the list of JSON objects of a server that knows nothing of `alt=sse`.

Which of the two it is shows in the first byte; a whole answer is a list of one. `Ended` is told where a reason for the end was,
and where nothing is left over of the bytes: a stream that broke off has neither.
"""

import re
from typing import Final

from turnout_sidecar.wire.canonical import Answer, Event, NotAnAnswer, Pinged
from turnout_sidecar.wire.gather import Gathered
from turnout_sidecar.wire.gemini.answer import Reading
from turnout_sidecar.wire.sse import DEFAULT_LIMIT, SseEvent, SseEventTooLarge, SseParser

_BLANK: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_OUTSIDE: Final = re.compile(rb'["{}]')
_INSIDE: Final = re.compile(rb'\\|"')
_DONE: Final = b"[DONE]"


def read_answer(body: bytes) -> Answer:
    """A whole answer, also one that is told in a list of pieces. Raises NotAnAnswer."""
    reader = StreamReader()
    gathered = Gathered()
    gathered.feed(reader.feed(body))
    gathered.feed(reader.finish())
    return gathered.answer()


class StreamReader:
    """Reads one stream."""

    def __init__(self) -> None:
        self._reading = Reading()
        self._head = b""
        self._sse: SseParser | None = None
        self._list: ObjectSplitter | None = None

    def feed(self, piece: bytes) -> list[Event]:
        """The events that it completes. Raises NotAnAnswer."""
        if self._sse is not None:
            return self._of_sse(self._sse, piece)
        if self._list is None:
            self._head = (self._head + piece).removeprefix(_BOM).lstrip(_BLANK)
            if not self._head or _BOM.startswith(self._head):
                return []
            piece, self._head = self._head, b""
            if piece[:1] not in (b"[", b"{"):
                self._sse = SseParser()
                return self._of_sse(self._sse, piece)
            self._list = ObjectSplitter()
        return self._of_objects(self._list.feed(piece))

    def finish(self) -> list[Event]:
        """The bytes have ended."""
        events: list[Event] = []
        if self._sse is not None:
            try:
                events += self._read(self._sse.finish())
            except SseEventTooLarge:
                raise
            except NotAnAnswer:
                return events  # half an event: it broke off
        elif self._list is None or self._list.within:
            return events
        return [*events, *self._reading.end()]

    def _of_sse(self, parser: SseParser, piece: bytes) -> list[Event]:
        return self._read(parser.feed(piece))

    def _read(self, found: list[SseEvent]) -> list[Event]:
        events: list[Event] = []
        for event in found:
            if event.data is None or not event.data.strip():
                events.append(Pinged())
            elif event.data.strip() != _DONE:
                events += self._reading.piece(event.data)
        return events

    def _of_objects(self, objects: list[bytes]) -> list[Event]:
        return [event for raw in objects for event in self._reading.piece(raw)]


class ObjectSplitter:
    """Takes the outermost objects out of the bytes of a JSON list, in whatever pieces they come."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._kept = bytearray()  # of the object that is open
        self._depth = 0
        self._string = False
        self._escaped = False

    @property
    def within(self) -> bool:
        """Whether an object is open."""
        return self._depth > 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The objects that it completes. Raises NotAnAnswer where one is too large."""
        found: list[bytes] = []
        start, at = 0, 0  # of what belongs to the open object; of what was not looked at
        while at < len(piece):
            if self._escaped:
                self._escaped = False
                at += 1
                continue
            match = (_INSIDE if self._string else _OUTSIDE).search(piece, at)
            if match is None:
                break
            at = match.end()
            if self._step(match.group()):
                start = match.start()
            elif not self._depth and match.group() == b"}":
                found.append(bytes(self._kept) + piece[start:at])
                self._kept.clear()
        if self._depth:
            self._kept += piece[start:]
            if len(self._kept) > self._limit:
                raise NotAnAnswer(f"an object of the stream is over {self._limit} bytes")
        return found

    def _step(self, byte: bytes) -> bool:
        """Whether this byte opens an outermost object."""
        if byte == b"\\":
            self._escaped = True
        elif byte == b'"':
            self._string = not self._string
        elif byte == b"{":
            self._depth += 1
            return self._depth == 1
        else:
            self._depth = max(0, self._depth - 1)
        return False
