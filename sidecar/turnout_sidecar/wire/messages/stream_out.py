"""Events of an answer, written as a stream of the Messages API.

`message_start`, then for each part `content_block_start`, deltas and `content_block_stop`, then `message_delta` with why it ended
and the usage of all, then `message_stop`. Rules:
- one block is open at a time; blocks are numbered from 0 without gaps, whatever the parts' numbers are;
- a block is opened by its first piece: a part that brings none is no block, and there is no empty text;
- what comes late for a call or a thought whose block is closed goes out under its number; late text is a block of its own;
- why it ended and the usage go out together at the end, since other formats tell usage after the finish;
- where there is no event for something before the message has begun (a sign of life), a comment is sent.
"""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire import signed_ids
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
from turnout_sidecar.wire.messages.answer_out import opening
from turnout_sidecar.wire.messages.errors import error_frame, provider_frame
from turnout_sidecar.wire.messages.stops import write_stop
from turnout_sidecar.wire.messages.usage import write_usage
from turnout_sidecar.wire.sse import write_comment, write_event

_TEXT: Final = {"type": "text", "text": ""}
_THINKING: Final = {"type": "thinking", "thinking": "", "signature": ""}


class MessagesWriter:
    """Writes one stream."""

    __slots__ = ("_asked", "_begun", "_blocks", "_calls", "_ended", "_finished", "_open", "_places", "_start", "_usage")

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._start: Started | None = None  # held for the rest of its batch, which may tell usage
        self._begun = False
        self._blocks = 0
        self._places: dict[int, tuple[int, str]] = {}  # the block that a part has, or had, and its type
        self._open: int | None = None  # the part whose block is open
        self._calls = False
        self._usage: Usage | None = None
        self._finished = Finished("other")
        self._ended = False

    def write(self, events: Sequence[Event]) -> bytes:
        """The frames of these events."""
        out: list[bytes] = []
        for event in events:
            if self._ended:
                break
            self._event(event, out)
        if self._start is not None and not self._ended:
            self._begin(out)
        return b"".join(out)

    def error(self, error: CallError) -> bytes:
        """The frames that end a stream which went wrong here."""
        self._ended = True
        return error_frame(error)

    def _event(self, event: Event, out: list[bytes]) -> None:
        if isinstance(event, Started):
            self._start = event
        elif isinstance(event, Reported):
            self._usage = event.usage
        elif isinstance(event, Pinged):
            if self._start is not None:
                self._begin(out)
            out.append(_frame("ping") if self._begun else write_comment("ping"))
        elif isinstance(event, Failed):
            out.append(provider_frame(event.error, event.status))
            self._ended = True
        elif isinstance(event, Finished):
            self._finished = event
        elif isinstance(event, Ended):
            self._begin(out)
            self._end(out)
        else:
            self._begin(out)
            self._piece(event, out)

    def _piece(self, event: Event, out: list[bytes]) -> None:
        if isinstance(event, TextDelta | RefusalDelta):
            if event.text:
                self._delta(event.index, _TEXT, {"type": "text_delta", "text": event.text}, out)
        elif isinstance(event, ThinkingDelta):
            if event.text:
                self._delta(event.index, _THINKING, {"type": "thinking_delta", "thinking": event.text}, out)
        elif isinstance(event, ThinkingSigned):
            self._signed(event, out)
        elif isinstance(event, ToolCallStarted):
            self._calls = True
            name = signed_ids.join(event.id, event.signature)
            self._open_block(event.index, {"type": "tool_use", "id": name, "name": event.name, "input": {}}, out)
        elif isinstance(event, ArgumentsDelta):
            if event.text and self._is(event.index, "tool_use"):
                self._more(event.index, {"type": "input_json_delta", "partial_json": event.text}, out)
        elif isinstance(event, PartEnded) and self._open == event.index:
            self._close(out)

    def _signed(self, event: ThinkingSigned, out: list[bytes]) -> None:
        if event.redacted:
            self._open_block(event.index, {"type": "redacted_thinking", "data": event.redacted}, out)
            self._close(out)
        elif event.signature:
            if not self._is(event.index, "thinking"):
                self._open_block(event.index, _THINKING, out)
            self._more(event.index, {"type": "signature_delta", "signature": event.signature}, out)

    def _is(self, part: int, kind: str) -> bool:
        place = self._places.get(part)
        return place is not None and place[1] == kind

    def _delta(self, part: int, block: dict[str, Any], delta: dict[str, Any], out: list[bytes]) -> None:
        if self._open != part or not self._is(part, block["type"]):
            self._open_block(part, block, out)
        self._more(part, delta, out)

    def _more(self, part: int, delta: dict[str, Any], out: list[bytes]) -> None:
        out.append(_frame("content_block_delta", index=self._places[part][0], delta=delta))

    def _open_block(self, part: int, block: dict[str, Any], out: list[bytes]) -> None:
        self._close(out)
        self._open = part
        self._places[part] = (self._blocks, block["type"])
        out.append(_frame("content_block_start", index=self._blocks, content_block=block))
        self._blocks += 1

    def _close(self, out: list[bytes]) -> None:
        if self._open is not None:
            out.append(_frame("content_block_stop", index=self._places[self._open][0]))
            self._open = None

    def _begin(self, out: list[bytes]) -> None:
        if self._begun:
            return
        self._begun = True
        start = self._start or Started()
        self._start = None
        message = opening(start.id or self._asked.id, start.model or self._asked.model)
        out.append(_frame("message_start", message={**message, "usage": write_usage(self._usage, start.service_tier)}))

    def _end(self, out: list[bytes]) -> None:
        self._close(out)
        reason = write_stop(self._finished.reason, calls_tools=self._calls)
        sequence = self._finished.stop_sequence if reason == "stop_sequence" else None
        delta = {"stop_reason": reason, "stop_sequence": sequence}
        out.append(_frame("message_delta", delta=delta, usage=write_usage(self._usage)))
        out.append(_frame("message_stop"))
        self._ended = True


def _frame(kind: str, **members: Any) -> bytes:
    return write_event(orjson.dumps({"type": kind, **members}), kind)
