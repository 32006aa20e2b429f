"""The events of an answer, gathered into the whole: how a format whose streams are read needs no second reader for bodies.

Rules: parts keep the order of their indices; a part that stayed empty is left out, but for a tool call and a signed thought;
an error among the events, or no finish, makes it no answer.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.canonical import (
    Answer,
    ArgumentsDelta,
    Event,
    Failed,
    Finished,
    NotAnAnswer,
    Part,
    Refusal,
    RefusalDelta,
    Reported,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ThinkingSigned,
    ToolCall,
    ToolCallStarted,
)


class _Open(msgspec.Struct):
    """A part that is being gathered. `call` is set for a tool call, whose arguments are then the text."""

    kind: str
    texts: list[str]
    signature: str | None = None
    redacted: str | None = None
    item: str | None = None
    call: ToolCallStarted | None = None

    def part(self) -> Part | None:
        text = "".join(self.texts)
        if self.call is not None:
            return ToolCall(self.call.id, self.call.name, text or "{}", self.call.signature)
        if self.kind == "thinking":
            thought = Thinking(text, self.signature, self.redacted, self.item)
            return thought if text or self.signature or self.redacted else None
        if not text:
            return None
        return Refusal(text) if self.kind == "refusal" else Text(text)


class Gathered:
    """What the events fed so far make."""

    def __init__(self) -> None:
        self._parts: dict[int, _Open] = {}
        self._started = Started()
        self._finished: Finished | None = None
        self._usage: Usage | None = None
        self._tokens: list[Any] = []  # logprobs

    def feed(self, events: Iterable[Event]) -> None:
        """Take them in. Raises NotAnAnswer where one says that something went wrong."""
        for event in events:
            match event:
                case Started():
                    self._started = event
                case Reported(usage):
                    self._usage = usage
                case Finished():
                    self._finished = event
                case Failed(error):
                    raise NotAnAnswer(error.message or error.code or "an error in the place of an answer")
                case _:
                    self._feed_part(event)

    def answer(self) -> Answer:
        """The whole. Raises NotAnAnswer where its end was not told."""
        if self._finished is None:
            raise NotAnAnswer("the answer says no reason for its end")
        return self._whole(self._finished)

    def so_far(self) -> Answer | None:
        """What came, though its end was not told (then it ended for an `other` reason); None where nothing did."""
        if self._finished is None and not self._parts:
            return None
        return self._whole(self._finished or Finished("other"))

    def _whole(self, finished: Finished) -> Answer:
        parts = (self._parts[index].part() for index in sorted(self._parts))
        return Answer(
            parts=tuple(part for part in parts if part is not None),
            finish=finished.reason,
            id=self._started.id,
            model=self._started.model,
            created=self._started.created,
            raw_finish=finished.raw,
            stop_sequence=finished.stop_sequence,
            usage=self._usage,
            service_tier=self._started.service_tier,
            logprobs={"content": self._tokens, "refusal": None} if self._tokens else None,
        )

    def _feed_part(self, event: Event) -> None:
        match event:
            case TextDelta(index, text, logprobs):
                self._open(index, "text").texts.append(text)
                if isinstance(logprobs, dict) and isinstance(logprobs.get("content"), list):
                    self._tokens += logprobs["content"]
            case RefusalDelta(index, text):
                self._open(index, "refusal").texts.append(text)
            case ThinkingDelta(index, text, item):
                self._open(index, "thinking").texts.append(text)
                self._parts[index].item = item or self._parts[index].item
            case ThinkingSigned(index, signature, redacted, item):
                part = self._open(index, "thinking")
                part.signature, part.redacted = signature or part.signature, redacted or part.redacted
                part.item = item or part.item
            case ToolCallStarted(index):
                self._open(index, "tool_call").call = event
            case ArgumentsDelta(index, text):
                self._open(index, "tool_call").texts.append(text)
            case _:
                pass

    def _open(self, index: int, kind: str) -> _Open:
        return self._parts.setdefault(index, _Open(kind, []))
