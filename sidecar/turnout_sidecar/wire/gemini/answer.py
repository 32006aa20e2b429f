"""What Gemini answers, a body or a piece of a stream: a GenerateContentResponse to events.

A body is a stream of one piece, so both are read by `Reading`. Rules: the finish is told at the end alone, whatever came
earlier (it says STOP too early, and also where it calls tools); a call without an id gets one that no other answer has; a call
comes whole; a prompt that was blocked is an answer without parts. Pictures and code that a model makes are passed over: no
API that asks here has a place for them.
"""

from hashlib import sha256
from typing import Any, Final

from turnout_sidecar.wire import lenient, signed_ids
from turnout_sidecar.wire.canonical import (
    ArgumentsDelta,
    Ended,
    Event,
    Failed,
    Finished,
    FinishReason,
    PartEnded,
    Reported,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingSigned,
    ToolCallStarted,
)
from turnout_sidecar.wire.gemini.errors import error_of, status_of
from turnout_sidecar.wire.gemini.logprobs import read_logprobs
from turnout_sidecar.wire.gemini.signatures import marked
from turnout_sidecar.wire.gemini.usage import read_usage

_FILTERED: Final = (
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION", "MODEL_ARMOR", "ESCALATION", "PUP_LIMITED_DISABLED", "LANGUAGE",
)  # fmt: skip
_ERRORS: Final = (
    "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
)  # fmt: skip
_REASONS: Final[dict[str, FinishReason]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "pause",
    **dict.fromkeys(_FILTERED, "content_filter"),
    **dict.fromkeys(_ERRORS, "error"),
}


def finish_of(raw: str, *, calls: bool) -> FinishReason:
    """What a finishReason means. `calls`: the answer calls tools."""
    reason = _REASONS.get(raw, "other")
    return "tool_calls" if calls and reason in ("stop", "other") else reason


class Reading:
    """The state of one answer that is being read."""

    def __init__(self) -> None:
        self._begun = False
        self._failed = False
        self._seed = ""  # of ids
        self._index = -1
        self._open = ""  # the kind of the part that is open: text, thinking
        self._calls = 0
        self._thought = False
        self._late: str | None = None  # the signature of a text, told in the end
        self._reason: str | None = None
        self._blocked = False  # the prompt was

    @property
    def finished(self) -> bool:
        """Whether a reason for the end was told."""
        return self._reason is not None and not self._failed

    def piece(self, raw: bytes) -> list[Event]:
        """The events of one GenerateContentResponse. Raises NotAnAnswer where it is no JSON object."""
        said = lenient.load(raw)
        events: list[Event] = []
        if said.get("error"):
            self._failed = True
            return [Failed(error_of(said["error"]), status_of(said["error"]))]
        if not self._begun:
            self._begun = True
            self._seed = lenient.label(said.get("responseId")) or sha256(raw).hexdigest()
            events.append(Started(lenient.label(said.get("responseId")), lenient.label(said.get("modelVersion"))))
        candidates = said.get("candidates")
        if isinstance(candidates, list) and candidates:
            self._candidate(raw, lenient.mapping(candidates[0]), events)
        blocked = lenient.label(lenient.mapping(said.get("promptFeedback")).get("blockReason"))
        if blocked is not None and not candidates:
            self._reason, self._blocked = blocked, True
        usage = read_usage(said.get("usageMetadata"))
        if usage is not None:
            events.append(Reported(usage))
        return events

    def end(self) -> list[Event]:
        """The bytes have ended as they should: what that means."""
        events: list[Event] = []
        if not self.finished or self._reason is None:
            return events
        if self._late is not None and self._thought:
            self._part("thinking", events)
            events.append(ThinkingSigned(self._index, marked(self._late)))
        self._close(events)
        reason = "content_filter" if self._blocked else finish_of(self._reason, calls=self._calls > 0)
        return [*events, Finished(reason, self._reason), Ended()]

    def _candidate(self, raw: bytes, candidate: dict[str, Any], events: list[Event]) -> None:
        logprobs = read_logprobs(candidate.get("logprobsResult"))
        parts = lenient.mapping(candidate.get("content")).get("parts")
        for place, part in enumerate(parts if isinstance(parts, list) else ()):
            if not isinstance(part, dict):
                continue
            if isinstance(part.get("functionCall"), dict):
                arguments = lenient.raw_at(raw, "candidates", 0, "content", "parts", place, "functionCall", "args")
                self._call(part, arguments, events)
            elif isinstance(part.get("text"), str):
                self._text(part, logprobs, events)
                logprobs = None
        reason = lenient.label(candidate.get("finishReason"))
        if reason is not None and reason != "FINISH_REASON_UNSPECIFIED":
            self._reason = reason

    def _text(self, part: dict[str, Any], logprobs: Any, events: list[Event]) -> None:
        text, signature = part["text"], lenient.text(part.get("thoughtSignature"))
        if part.get("thought") is True:
            self._thought = True
            if text or signature:
                self._part("thinking", events)
            if text:
                events.append(ThinkingDelta(self._index, text))
            if signature:
                events.append(ThinkingSigned(self._index, marked(signature)))
                self._close(events)
            return
        if text:
            self._part("text", events)
            events.append(TextDelta(self._index, text, logprobs))
        self._late = signature or self._late

    def _call(self, part: dict[str, Any], arguments: str | None, events: list[Event]) -> None:
        self._close(events)
        self._index += 1
        said = part["functionCall"]
        signature = lenient.text(part.get("thoughtSignature")) or None
        seed = f"{self._seed}\0{self._calls}".encode("utf-8", "surrogatepass")
        identity = lenient.label(said.get("id")) or signed_ids.made(seed)
        self._calls += 1
        events.append(ToolCallStarted(self._index, identity, lenient.text(said.get("name")) or "", signature))
        if isinstance(said.get("args"), dict) and arguments is not None:
            events.append(ArgumentsDelta(self._index, arguments))
        events.append(PartEnded(self._index))

    def _part(self, kind: str, events: list[Event]) -> None:
        """Be in a part of this kind."""
        if self._open != kind:
            self._close(events)
            self._index += 1
            self._open = kind

    def _close(self, events: list[Event]) -> None:
        if self._open:
            events.append(PartEnded(self._index))
            self._open = ""
