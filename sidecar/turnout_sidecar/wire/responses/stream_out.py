"""Canonical events as a stream of the Responses API, event by event.

Rules: `response.created` and `response.in_progress` come first, whatever happens; texts and refusals that follow each other are
parts of one message, which closes when something else begins; all parts are closed by the finish, and the terminal event, with
the whole response in it, is written when the answer has ended (usage may come after the finish); an error is an `error` event
and then `response.failed`, since clients wait for either; numbers count every event from 0; there is no `[DONE]`.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.canonical import (
    ArgumentsDelta,
    Ended,
    Event,
    Failed,
    Finished,
    PartEnded,
    Pinged,
    RefusalDelta,
    Reported,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingSigned,
    ToolCallStarted,
)
from turnout_sidecar.wire.formats import Asked
from turnout_sidecar.wire.responses import shape
from turnout_sidecar.wire.responses.counts import write_usage
from turnout_sidecar.wire.responses.errors import error_event, failed_code
from turnout_sidecar.wire.responses.ids import made_id
from turnout_sidecar.wire.responses.token_logprobs import write_logprobs
from turnout_sidecar.wire.responses.write_output import CallItem, MessageItem, Part, ThoughtItem, WordsPart
from turnout_sidecar.wire.sse import write_comment, write_event

_NO_ANSWER = "The model gave no answer that can be used."
_SERVER_ERROR = 502


class ResponsesWriter:
    """Events to bytes of one stream."""

    def __init__(self, asked: Asked) -> None:
        self._shape = shape.Shape(asked)
        self._frames: list[bytes] = []
        self._sequence = 0
        self._output: list[dict[str, Any]] = []
        self._message: MessageItem | None = None
        self._parts: dict[int, Part] = {}
        self._refused = False
        self._usage: Usage | None = None
        self._finish = Finished("other")
        self._begun = False
        self._over = False

    def write(self, events: Sequence[Event]) -> bytes:
        """See StreamWriter."""
        for event in events:
            if not self._over:
                self._write(event)
        return self._taken()

    def error(self, error: CallError) -> bytes:
        """See StreamWriter."""
        if not self._over:
            said = {"type": error.kind, "code": error.code, "message": error.message, "param": error.param}
            self._fail(said, error.status)
        return self._taken()

    def _taken(self) -> bytes:
        frames, self._frames = self._frames, []
        return b"".join(frames)

    def _write(self, event: Event) -> None:
        match event:
            case Pinged():
                self._frames.append(write_comment("ping"))
            case Started():
                self._shape.begin(event.model, event.created, event.service_tier)
                self._begin()
            case Reported(usage):
                self._usage = usage if self._usage is None else self._usage.merge(usage)
            case Failed(error, status):
                said = {"type": error.type or "upstream_error", "code": error.code or None}
                self._fail({**said, "message": error.message or _NO_ANSWER, "param": error.param}, status)
            case Finished():
                self._finished(event)
            case Ended():
                self._end()
            case _:
                self._begin()
                self._grow(event)

    def _grow(self, event: Event) -> None:
        match event:
            case TextDelta(index, text, logprobs):
                self._words(index, refusal=False).grow(text, write_logprobs(logprobs))
            case RefusalDelta(index, text):
                self._refused = True
                self._words(index, refusal=True).grow(text, [])
            case ThinkingDelta(index, text, item):
                self._thought(index, item).grow(text)
            case ThinkingSigned(index, signature, redacted, item):
                self._thought(index, item).sign(signature, redacted)
            case ToolCallStarted(index):
                self._close_part(index)
                self._close_message()
                own = made_id("fc_", self._shape.id, len(self._output))
                self._parts[index] = CallItem(self._emit, own, self._output, event)
            case ArgumentsDelta(index, text):
                call = self._parts.get(index)
                if isinstance(call, CallItem):
                    call.grow(text)
            case PartEnded(index):
                self._close_part(index)
            case _:
                pass

    def _words(self, index: int, *, refusal: bool) -> WordsPart:
        part = self._parts.get(index)
        if isinstance(part, WordsPart):
            return part
        self._close_part(index)
        if self._message is None:
            own = made_id("msg_", self._shape.id, len(self._output))
            self._message = MessageItem(self._emit, own, self._output)
        self._parts[index] = words = WordsPart(self._message, refusal=refusal)
        return words

    def _thought(self, index: int, item: str | None) -> ThoughtItem:
        part = self._parts.get(index)
        if isinstance(part, ThoughtItem):
            return part
        self._close_part(index)
        self._close_message()
        own = item if item is not None and item.startswith("rs_") else made_id("rs_", self._shape.id, len(self._output))
        self._parts[index] = thought = ThoughtItem(self._emit, own, self._output)
        return thought

    def _close_part(self, index: int) -> None:
        part = self._parts.pop(index, None)
        if part is not None:
            part.close("completed")

    def _close_message(self, status: str = "completed") -> None:
        """The message and what is open in it."""
        if self._message is None:
            return
        for index in [index for index, part in self._parts.items() if isinstance(part, WordsPart)]:
            self._parts.pop(index).close(status)
        message, self._message = self._message, None
        message.close(status)

    def _finished(self, event: Finished) -> None:
        self._begin()
        self._finish = event
        status, _ = shape.end_of(event.reason, refused=self._refused)
        self._close(status if status == "completed" else "incomplete")

    def _close(self, status: str) -> None:
        """Everything that is open. Where the answer was cut, what was open last is what was cut."""
        open_parts, self._parts = self._parts, {}
        for index, part in open_parts.items():
            if isinstance(part, WordsPart):
                self._parts[index] = part
            else:
                part.close(status)
        self._close_message(status)

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        for kind in ("response.created", "response.in_progress"):
            self._emit(kind, {"response": self._shape.response("in_progress", [])})

    def _end(self) -> None:
        self._begin()
        self._close("completed")
        status, reason = shape.end_of(self._finish.reason, refused=self._refused)
        if status == "failed":
            said = {"type": "upstream_error", "code": "invalid_answer", "message": _NO_ANSWER, "param": None}
            self._fail(said, _SERVER_ERROR)
            return
        self._over = True
        usage = write_usage(self._usage)
        self._emit(
            f"response.{status}", {"response": self._shape.response(status, self._output, usage=usage, reason=reason)}
        )

    def _fail(self, said: dict[str, Any], status: int) -> None:
        self._begin()
        self._over = True
        self._frames.append(write_event(orjson.dumps(error_event(said, self._sequence)), "error"))
        self._sequence += 1
        error = {"code": failed_code(status), "message": said["message"]}
        usage = write_usage(self._usage)
        whole = [item for item in self._output if item.get("status") != "in_progress"]
        self._emit("response.failed", {"response": self._shape.response("failed", whole, usage=usage, error=error)})

    def _emit(self, kind: str, members: dict[str, Any]) -> None:
        event = {"type": kind, "sequence_number": self._sequence, **members}
        self._sequence += 1
        self._frames.append(write_event(orjson.dumps(event), kind))
