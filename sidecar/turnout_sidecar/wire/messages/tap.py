"""What an answer of the Messages API says of itself, read beside the bytes, which pass through untouched.

For calls that came as messages and go to a backend of messages. Sans-IO, with the same face as `wire.openai.StreamTap`. Rules:
- only the events that may hold a fact are parsed; the others are looked at by a search at C speed, counted and passed on;
- usage is merged over the whole stream as the API tells it, in totals; a zero that is reported is a zero;
- only `message_stop` ends a stream well;
- a piece that goes out is one or more whole events, and never waits for more than the rest of its own event.
"""

from typing import Any, Final

import msgspec
import orjson

from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire import lenient, tokens
from turnout_sidecar.wire.canonical import NotAnAnswer
from turnout_sidecar.wire.messages.usage import Counts, read_counts, read_usage
from turnout_sidecar.wire.openai import Facts
from turnout_sidecar.wire.sse import SseEvent, SseParser, WholeEvents

_FACTS: Final = (b"message_", b'"error"', b"event: error", b"event:error")
_FIRST_EVENTS: Final = 4  # that are read whatever they hold, to learn what an event weighs
_TEXTS: Final = ("text", "thinking", "partial_json")


class _Reply(msgspec.Struct):
    type: Any = None
    id: Any = None
    model: Any = None
    stop_reason: Any = None
    usage: Any = None
    error: Any = None


_REPLY: Final = msgspec.json.Decoder(_Reply)


def read_unary(body: bytes) -> Facts:
    """The facts of a whole answer. Raises NotAnAnswer where it is no JSON object."""
    try:
        reply = lenient.decode(_REPLY, body)
    except msgspec.ValidationError as error:
        raise NotAnAnswer("the reply is not a JSON object") from error
    failed = reply.error or (True if reply.type == "error" else None)
    return Facts(
        usage=read_usage(reply.usage),
        model=lenient.label(reply.model),
        id=lenient.label(reply.id),
        finish_reasons=(reply.stop_reason,) if isinstance(reply.stop_reason, str) else (),
        error=None if reply.type == "message" else failed,
    )


def estimate_output(body: bytes) -> int:
    """Tokens of a whole answer, by its text, where the provider reported none."""
    total = 0
    for block in lenient.mappings(lenient.load(body).get("content")):
        total += sum(tokens.of_text(block[name]) for name in _TEXTS if isinstance(block.get(name), str))
        if block.get("type") == "tool_use":
            total += tokens.of_bytes(len(_dump([block.get("name"), block.get("input")])))
    return total


class MessagesTap:
    """Reads along with a stream."""

    __slots__ = (
        "_bytes",
        "_counts",
        "_cut",
        "_overhead",
        "began",
        "done",
        "error",
        "events",
        "finish_reasons",
        "id",
        "model",
        "usage",
    )

    def __init__(self) -> None:
        self._cut = WholeEvents()
        self.began = False  # a piece of an answer has come; the message's start is none, it may be followed by an error
        self.events = 0  # that carry a piece of the answer
        self._bytes = 0
        self._overhead = 0  # bytes of an event around its text
        self._counts = Counts()
        self.done = False  # the stream has ended as it should
        self.error: Any = None  # the `error` member of an event
        self.usage: Usage | None = None
        self.model: str | None = None
        self.id: str | None = None
        self.finish_reasons: tuple[str, ...] = ()

    def feed(self, piece: bytes) -> bytes:
        """What may go out now: whole events, or nothing yet. Raises NotAnAnswer where an event has no end."""
        piece = self._cut.cut(piece)
        if not piece:
            return b""
        if self.events >= _FIRST_EVENTS and not any(mark in piece for mark in _FACTS):
            self.events += piece.count(b"\n\n") + piece.count(b"\n\r\n")
            self._bytes += len(piece)
        else:
            self._read(piece)
        return piece

    def finish(self) -> bytes:
        """The stream has ended: a last `message_stop` that lacks its blank line goes out with it, anything else is lost."""
        rest = self._cut.rest().rstrip()
        ended = self.done
        if not rest:
            return b""
        last = rest + b"\n\n"
        self._read(last)
        return last if self.done and not ended else b""

    def estimate_output(self) -> int:
        """Tokens of the answer so far: a delta is one at least, and four bytes of text are one."""
        return max(self.events, tokens.of_bytes(max(0, self._bytes - self.events * self._overhead)))

    def _read(self, piece: bytes) -> None:
        parser = SseParser()
        for frame in (*parser.feed(piece), *parser.finish()):
            said = _load(frame)
            if said is not None:
                self._event(said, frame)

    def _event(self, said: dict[str, Any], frame: SseEvent) -> None:
        if self.done:
            return
        kind = said.get("type") or frame.event
        if kind == "content_block_delta":
            self.began = True
            self._delta(said.get("delta"), len(frame.raw))
        elif kind == "content_block_start":
            self.began = True
        elif kind == "message_start":
            self._head(said.get("message"))
        elif kind == "message_delta":
            self._count(said.get("usage"))
            delta = said.get("delta")
            reason = delta.get("stop_reason") if isinstance(delta, dict) else None
            if isinstance(reason, str):
                self.finish_reasons = (reason,)
        elif kind == "message_stop":
            self.done = True
        elif kind == "error" or frame.event == "error" or ("type" not in said and said.get("error")):
            self.error = said.get("error") or said

    def _head(self, message: Any) -> None:
        if isinstance(message, dict):
            self.model = self.model or lenient.label(message.get("model"))
            self.id = self.id or lenient.label(message.get("id"))
            self._count(message.get("usage"))

    def _count(self, usage: Any) -> None:
        counts = read_counts(usage)
        if counts is not None:
            self._counts = self._counts.merge(counts)
            self.usage = self._counts.usage()

    def _delta(self, delta: Any, size: int) -> None:
        words = [delta.get(name) for name in _TEXTS] if isinstance(delta, dict) else []
        text = sum(len(word.encode("utf-8", "surrogatepass")) for word in words if isinstance(word, str))
        if text or not self.events:
            self._overhead = min(self._overhead or size, size - text)
        self.events += 1
        self._bytes += size


def _load(frame: SseEvent) -> dict[str, Any] | None:
    if frame.data is None:
        return None
    try:
        said = orjson.loads(frame.data)
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, dict) else None


def _dump(value: Any) -> bytes:
    """JSON; of what is nested too deeply nothing."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return b""
