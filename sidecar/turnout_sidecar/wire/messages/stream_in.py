"""A stream of the Messages API, read into events.

Lenient where providers that copy the API differ from it: a missing start of the message or of a block, an index that is missing
or negative, a tool's input whole in the block's start or not at all, events and deltas of unknown types. Rules:
- a part is opened by its first piece, so an empty text block is no part; parts of Anthropic's own tools are passed over;
- usage is merged field by field as the API names it, over `message_start` and every `message_delta`;
- why it ended is told at `message_stop`, the only event that ends a stream well; after it, or an error, nothing counts.
"""

from typing import Any, Final

import orjson

from turnout_sidecar.wire import lenient
from turnout_sidecar.wire.canonical import (
    ArgumentsDelta,
    Ended,
    Event,
    Failed,
    Finished,
    NotAnAnswer,
    PartEnded,
    Pinged,
    Reported,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingSigned,
    ToolCallStarted,
)
from turnout_sidecar.wire.messages import errors
from turnout_sidecar.wire.messages.answer_in import call_id
from turnout_sidecar.wire.messages.stops import read_stop
from turnout_sidecar.wire.messages.usage import Counts, read_counts, read_tier
from turnout_sidecar.wire.sse import SseEvent, SseParser

_DONE: Final = b"[DONE]"
_KINDS: Final = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "thinking",
}
"""The type of block that a delta belongs to, for blocks whose start is missing; a tool's has its name, and cannot be missing."""


class _Block:
    """A block: its type, the number of its part once it has one, a tool's input from its start, and whether it was ended."""

    __slots__ = ("ended", "given", "kind", "part")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.part: int | None = None
        self.given: Any = None
        self.ended = False


class MessagesReader:
    """Reads one stream."""

    __slots__ = ("_blocks", "_calls", "_counts", "_ended", "_id", "_last", "_parser", "_parts", "_started", "_stop")

    def __init__(self) -> None:
        self._parser = SseParser()
        self._blocks: dict[int, _Block] = {}
        self._last = 0  # the block that a delta without an index is of
        self._parts = 0
        self._calls = False
        self._counts = Counts()
        self._started = False
        self._ended = False
        self._id: str | None = None
        self._stop: dict[str, Any] = {}

    def feed(self, piece: bytes) -> list[Event]:
        """The events that `piece` completes. Raises NotAnAnswer."""
        return self._events(self._parser.feed(piece), cut=False)

    def finish(self) -> list[Event]:
        """The bytes have ended. No `Ended` by now: the stream broke off."""
        return self._events(self._parser.finish(), cut=True)

    def _events(self, frames: list[SseEvent], *, cut: bool) -> list[Event]:
        found: list[Event] = []
        for frame in frames:
            if self._ended:
                break
            if frame.data is None:
                if frame.raw.startswith(b":"):
                    found.append(Pinged())
                continue
            try:
                said = orjson.loads(frame.data)
            except orjson.JSONDecodeError as error:
                if frame.data.strip() == _DONE or (cut and not frame.terminated):
                    continue
                raise NotAnAnswer("an event of the stream is not JSON") from error
            if isinstance(said, dict):
                self._event(said, frame.event, found)
        return found

    def _event(self, said: dict[str, Any], name: str, found: list[Event]) -> None:
        kind = said.get("type")
        kind = kind if isinstance(kind, str) and kind else name
        if kind == "ping":
            found.append(Pinged())
        elif kind == "error" or name == "error":
            error = errors.of_object(said.get("error", said))
            found.append(Failed(error, errors.status_of(error)))
            self._ended = True
        elif kind == "message_start":
            self._start(said.get("message"), found)
        elif kind in _OF_BLOCKS:
            self._open(found)
            _OF_BLOCKS[kind](self, said, found)
        elif kind == "message_delta":
            self._open(found)
            delta = said.get("delta")
            if isinstance(delta, dict):
                self._stop |= {key: value for key, value in delta.items() if value is not None}
            self._report(said.get("usage"), found)
        elif kind == "message_stop":
            self._open(found)
            self._end(found)

    def _start(self, message: Any, found: list[Event]) -> None:
        message = message if isinstance(message, dict) else {}
        usage = message.get("usage")
        if not self._started:
            self._started = True
            self._id = lenient.label(message.get("id"))
            found.append(Started(self._id, lenient.label(message.get("model")), service_tier=read_tier(usage)))
        self._report(usage, found)

    def _open(self, found: list[Event]) -> None:
        """The message, whose start is missing."""
        if not self._started:
            self._started = True
            found.append(Started())

    def _report(self, usage: Any, found: list[Event]) -> None:
        counts = read_counts(usage)
        if counts is None:
            return
        self._counts = self._counts.merge(counts)
        total = self._counts.usage()
        if total is not None:
            found.append(Reported(total))

    def _end(self, found: list[Event]) -> None:
        self._close(found)
        word, sequence = self._stop.get("stop_reason"), self._stop.get("stop_sequence")
        reason = read_stop(word, calls_tools=self._calls)
        found.append(Finished(reason, lenient.label(word), sequence if isinstance(sequence, str) else None))
        found.append(Ended())
        self._ended = True

    def _block_start(self, said: dict[str, Any], found: list[Event]) -> None:
        block = said.get("content_block")
        block = block if isinstance(block, dict) else {}
        self._close(found)
        kind = block.get("type")
        opened = _Block(kind if isinstance(kind, str) else "")
        index = said.get("index")
        self._last = index if index.__class__ is int and index >= 0 else self._last + 1
        self._blocks[self._last] = opened
        if opened.kind == "tool_use":
            self._call(opened, block, found)
        elif opened.kind == "redacted_thinking" and _text(block.get("data")):
            found.append(ThinkingSigned(self._part(opened), redacted=block["data"]))
        else:
            for name in ("text", "thinking", "signature"):
                self._add(opened, name, block.get(name), found)

    def _call(self, opened: _Block, block: dict[str, Any], found: list[Event]) -> None:
        part = self._part(opened)
        self._calls = True
        opened.given = block.get("input")
        identity = _text(block.get("id")) or call_id(self._id, part)
        found.append(ToolCallStarted(part, identity, _text(block.get("name"))))

    def _block_delta(self, said: dict[str, Any], found: list[Event]) -> None:
        delta = said.get("delta")
        if not isinstance(delta, dict):
            return
        index = said.get("index")
        block = self._blocks.get(index if index.__class__ is int and index >= 0 else self._last)
        if block is None:
            kind = _KINDS.get(_text(delta.get("type")))
            if kind is None:
                return
            self._block_start({"index": index, "content_block": {"type": kind}}, found)
            block = self._blocks[self._last]
        for name in ("text", "thinking", "signature", "partial_json"):
            self._add(block, name, delta.get(name), found)

    def _add(self, block: _Block, name: str, words: Any, found: list[Event]) -> None:
        """A piece of a block's part; nothing where the block is not of the kind that has such pieces."""
        if not isinstance(words, str) or not words:
            return
        if name == "text" and block.kind == "text":
            found.append(TextDelta(self._part(block), words))
        elif name == "thinking" and block.kind == "thinking":
            found.append(ThinkingDelta(self._part(block), words))
        elif name == "signature" and block.kind == "thinking":
            found.append(ThinkingSigned(self._part(block), signature=words))
        elif name == "partial_json" and block.kind == "tool_use":
            block.given = None
            found.append(ArgumentsDelta(self._part(block), words))

    def _block_stop(self, said: dict[str, Any], found: list[Event]) -> None:
        index = said.get("index")
        block = self._blocks.pop(index if index.__class__ is int and index >= 0 else self._last, None)
        if block is not None:
            self._end_block(block, found)

    def _close(self, found: list[Event]) -> None:
        """A part is whole before the next one and the end. What still comes for its block, out of order, is not lost."""
        for block in self._blocks.values():
            self._end_block(block, found)

    @staticmethod
    def _end_block(block: _Block, found: list[Event]) -> None:
        if block.ended or block.part is None:
            return
        block.ended = True
        if block.given:
            try:
                found.append(ArgumentsDelta(block.part, orjson.dumps(block.given).decode()))
            except orjson.JSONEncodeError as error:
                raise NotAnAnswer("a tool's input is nested too deeply") from error
        found.append(PartEnded(block.part))

    def _part(self, block: _Block) -> int:
        if block.part is None:
            block.part = self._parts
            self._parts += 1
        return block.part


_OF_BLOCKS: Final = {
    "content_block_start": MessagesReader._block_start,
    "content_block_delta": MessagesReader._block_delta,
    "content_block_stop": MessagesReader._block_stop,
}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
