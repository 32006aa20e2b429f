"""The chunks of a chat completion's stream, as any compatible server sends them, to canonical events.

Rules: only `[DONE]` ends the stream, and what ended the answer is told there, since some servers say a finish_reason in chunks
before the last; chunks without choices (Azure's filters, usage) and choices without a delta are no piece of the answer; a piece
of a call belongs to the call of its index, or to the last one where it has none (or -1), and opens another where it brings
another id and a name (Google's layer gives every call index 0); thoughts are read in all dialects (see `reasoning`). Lenient: what
is missing or of another type is passed over; what is no JSON is no answer.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
import orjson

from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire import openai, openai_errors, sse
from turnout_sidecar.wire.canonical import (
    ArgumentsDelta,
    Ended,
    Event,
    Failed,
    Finished,
    NotAnAnswer,
    PartEnded,
    Pinged,
    Refusal,
    RefusalDelta,
    Reported,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ThinkingSigned,
    ToolCallStarted,
)
from turnout_sidecar.wire.chat import finish, reasoning
from turnout_sidecar.wire.chat.answer_in import arguments, contents, first_choice, made_id, seconds, short, sound

_DONE: Final = b"[DONE]"
_ERRORS: Final = range(400, 600)
_UPSTREAM: Final = 502
_MOST_CALLS: Final = 1024


class _Call(msgspec.Struct):
    """A call of a tool; `part` is None until its name has come."""

    id: str = ""
    part: int | None = None
    waiting: str = ""


class StreamReader:
    """See `formats.StreamReader`."""

    def __init__(self, limit: int = sse.DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._parser = sse.SseParser(limit)
        self._events: list[Event] = []
        self._failure: NotAnAnswer | None = None
        self._started = False
        self._done = False
        self._parts = 0
        self._kind = ""  # of the part that is open
        self._open: int | None = None
        self._calls: dict[int, _Call] = {}  # by the index that the provider gave
        self._last: _Call | None = None
        self._waiting = 0  # characters of arguments without a name
        self._detail: int | None = None  # the index of the thought that is open, in the provider's numbers
        self._word: str | None = None
        self._refused = False
        self._usage: Usage | None = None

    def feed(self, piece: bytes) -> list[Event]:
        """See the protocol."""
        return self._read(lambda: self._parser.feed(piece))

    def finish(self) -> list[Event]:
        """See the protocol: `[DONE]` may lack its line break."""
        return self._read(
            lambda: [
                event for event in self._parser.finish() if event.terminated or (event.data or b"").strip() == _DONE
            ]
        )

    def _read(self, parsed: Callable[[], list[sse.SseEvent]]) -> list[Event]:
        """What can be read is told before what cannot is raised, so that it does not matter how the bytes were cut."""
        if self._failure is None:
            try:
                for event in parsed():
                    self._event(event)
            except NotAnAnswer as error:
                self._failure = error
        if self._failure is not None and not self._events:
            raise self._failure
        events, self._events = self._events, []
        return events

    def _event(self, event: sse.SseEvent) -> None:
        if self._done:
            return
        if event.data is None:
            if event.raw.lstrip().startswith(b":"):
                self._events.append(Pinged())
        elif event.data.strip() == _DONE:
            self._end()
        elif event.data.strip():
            self._chunk(event.data)

    def _chunk(self, data: bytes) -> None:
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise NotAnAnswer("an event of the stream is not JSON") from error
        if not isinstance(chunk, dict):
            return
        error_said = chunk.get("error") or (chunk if chunk.get("object") == "error" else None)
        if error_said:
            self._fail(error_said)
            return
        choice = first_choice(chunk)
        if choice is not None:
            self._start(chunk)
            word = short(choice.get("finish_reason"))
            self._word = word or self._word
            delta = choice.get("delta")
            if isinstance(delta, dict):
                self._delta(delta, sound(choice.get("logprobs")), data)
        usage = openai.read_usage(chunk.get("usage"))
        if usage is not None:
            merged = usage if self._usage is None else self._usage.merge(usage)
            if merged != self._usage:
                self._usage = merged
                self._events.append(Reported(merged))

    def _start(self, chunk: dict[str, Any]) -> None:
        if self._started:
            return
        self._started = True
        tier = short(chunk.get("service_tier"))
        self._events.append(
            Started(short(chunk.get("id")), short(chunk.get("model")), seconds(chunk.get("created")), tier)
        )

    def _fail(self, said: Any) -> None:
        error = openai_errors.of_object(said)
        status = int(error.code) if error.code.isdecimal() and len(error.code) == len("502") else 0
        self._events.append(Failed(error, status if status in _ERRORS else _UPSTREAM))

    def _delta(self, delta: dict[str, Any], logprobs: Any, data: bytes) -> None:
        self._thoughts(delta)
        for part in contents(delta.get("content")):
            if isinstance(part, Thinking):
                self._events.append(ThinkingDelta(self._part("thinking"), part.text))
            elif isinstance(part, Refusal):
                self._refuse(part.text)
            elif isinstance(part, Text):
                self._events.append(TextDelta(self._part("text"), part.text, logprobs))
                logprobs = None  # they are of the whole chunk
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            self._refuse(refusal)
        pieces = delta.get("tool_calls")
        for piece in pieces if isinstance(pieces, list) else ():
            if isinstance(piece, dict):
                self._call(piece, piece.get("function"), data)
        legacy = delta.get("function_call")
        if isinstance(legacy, dict):
            self._call({"index": 0}, legacy, data)

    def _refuse(self, text: str) -> None:
        self._refused = True
        self._events.append(RefusalDelta(self._part("refusal"), text))

    def _part(self, kind: str) -> int:
        """The number of the part of this kind that is open; it is opened where none is."""
        if self._open is None or self._kind != kind:
            self._close()
            self._open, self._kind = self._parts, kind
            self._parts += 1
        return self._open

    def _close(self) -> None:
        if self._open is not None:
            self._events.append(PartEnded(self._open))
        self._open, self._kind, self._detail = None, "", None

    def _thoughts(self, delta: dict[str, Any]) -> None:
        text = reasoning.plain(delta)
        for detail in reasoning.details(delta):
            said = reasoning.text_of(detail)
            signature, data = reasoning.string_of(detail, "signature"), reasoning.string_of(detail, "data")
            if not said and signature is None and data is None:
                continue
            place = self._thought(detail.get("index"))
            item = reasoning.string_of(detail, "id")
            if said:
                text = ""  # it is the same
                self._events.append(ThinkingDelta(place, said, item))
            elif text and signature is not None:
                self._events.append(ThinkingDelta(place, text, item))
                text = ""
            if signature is not None or data is not None:
                self._events.append(ThinkingSigned(place, signature, data, item))
        if text:
            self._events.append(ThinkingDelta(self._part("thinking"), text))

    def _thought(self, index: Any) -> int:
        """The part of the thought with this index in the provider's numbers."""
        if index.__class__ is int and self._kind == "thinking":
            if self._detail is not None and index != self._detail:
                self._close()
            place = self._part("thinking")
            self._detail = index
            return place
        place = self._part("thinking")
        self._detail = index if index.__class__ is int else None
        return place

    def _call(self, piece: dict[str, Any], function: Any, data: bytes) -> None:
        said: dict[str, Any] = function if isinstance(function, dict) else {}
        identity, name = short(piece.get("id")), short(said.get("name"))
        call = self._call_of(piece.get("index"), identity, name)
        if call.part is None:
            call.id = call.id or identity or ""
            if name is None:
                self._wait(call, arguments(said.get("arguments")))
                return
            self._open_call(call, name, data)
        text = call.waiting + arguments(said.get("arguments"))
        call.waiting = ""
        if text and call.part is not None:  # also of a call that is not the last one: calls may come side by side
            self._events.append(ArgumentsDelta(call.part, text))

    def _wait(self, call: _Call, text: str) -> None:
        """Arguments that came before the name of what is called."""
        self._waiting += len(text)
        if self._waiting > self._limit:
            raise NotAnAnswer("a call of a tool has arguments and no name")
        call.waiting += text

    def _open_call(self, call: _Call, name: str, data: bytes) -> None:
        self._close()
        call.part = self._part("call")
        self._events.append(ToolCallStarted(call.part, call.id or made_id(data, call.part), name))

    def _call_of(self, index: Any, identity: str | None, name: str | None) -> _Call:
        """The call that a piece belongs to."""
        known = index.__class__ is int and index >= 0
        call = self._calls.get(index) if known else self._last
        if call is not None and not (name and identity and call.id and identity != call.id):
            return call
        if len(self._calls) >= _MOST_CALLS:
            raise NotAnAnswer("the answer calls too many tools")
        call = self._last = _Call()
        key = index if known else len(self._calls)
        self._calls[key] = call
        return call

    def _end(self) -> None:
        if not self._started:
            raise NotAnAnswer("the stream ended before any answer")
        if any(call.waiting for call in self._calls.values()):
            raise NotAnAnswer("a call of a tool has arguments and no name")
        calls = any(call.part is not None for call in self._calls.values())
        self._close()
        self._events += [Finished(finish.read(self._word, calls=calls, refused=self._refused), self._word), Ended()]
        self._done = True
