"""A backend's stream of the Responses API as canonical events, and its whole answers by the same way.

Four events end a stream: `response.completed`, `response.incomplete`, `response.failed` and `error`; usage may be in the first
three. There is no `[DONE]`, and one that comes is passed over. Rules: an event that is not known is passed over; data that is no
JSON object is no stream of this API; after the end nothing is read; after an error only the end.
"""

from collections.abc import Callable
from typing import Any

from turnout_sidecar.wire import lenient
from turnout_sidecar.wire.canonical import (
    Answer,
    Ended,
    Event,
    Failed,
    FailedAnswer,
    Finished,
    FinishReason,
    NotAnAnswer,
    Pinged,
    ProviderError,
    Reported,
    Started,
)
from turnout_sidecar.wire.gather import Gathered
from turnout_sidecar.wire.openai_errors import of_object
from turnout_sidecar.wire.responses.counts import read_usage
from turnout_sidecar.wire.responses.errors import of_event, status_of
from turnout_sidecar.wire.responses.read_output import Output
from turnout_sidecar.wire.sse import SseEvent, SseParser

_DONE = b"[DONE]"
_TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed"})
_BEGINNING = frozenset({"response.created", "response.in_progress", "response.queued"})
_INCOMPLETE: dict[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}


class ResponsesReader:
    """Bytes to events of one stream."""

    def __init__(self) -> None:
        self._parser = SseParser()
        self._reading = Reading()

    def feed(self, piece: bytes) -> list[Event]:
        """See StreamReader."""
        return self._read(self._parser.feed(piece))

    def finish(self) -> list[Event]:
        """See StreamReader."""
        return self._read(self._parser.finish())

    def _read(self, frames: list[SseEvent]) -> list[Event]:
        events: list[Event] = []
        for frame in frames:
            if self._reading.ended:
                break
            if frame.data is None:
                events += [Pinged()] if frame.raw.startswith(b":") else []
            elif frame.data.strip() != _DONE:
                events += self._reading.read(lenient.load(frame.data, "an event of the stream"), frame.event)
        return events


class Reading:
    """One event of the API after the other to canonical events."""

    def __init__(self) -> None:
        self._output = Output()
        self._started = False
        self._failed = False
        self.ended = False
        output = self._output
        self._takes: dict[str, Callable[[dict[str, Any]], None]] = {
            "response.output_item.added": output.added,
            "response.output_item.done": _whole_item(output),
            "response.content_part.done": output.part_done,
            "response.output_text.delta": lambda event: output.text_delta(event, "text"),
            "response.output_text.done": lambda event: output.text_done(event, "text", "text"),
            "response.refusal.delta": lambda event: output.text_delta(event, "refusal"),
            "response.refusal.done": lambda event: output.text_done(event, "refusal", "refusal"),
            "response.function_call_arguments.delta": output.arguments_delta,
            "response.function_call_arguments.done": output.arguments_done,
            "response.reasoning_summary_text.delta": lambda event: output.thought_delta(event, "summary"),
            "response.reasoning_summary_text.done": lambda event: output.thought_done(event, "summary"),
            "response.reasoning_text.delta": lambda event: output.thought_delta(event, "content"),
            "response.reasoning_text.done": lambda event: output.thought_done(event, "content"),
        }

    def read(self, event: dict[str, Any], name: str = "") -> list[Event]:
        """The events that `event` brings. `name`: its type where it does not say one itself."""
        kind = lenient.text(event.get("type")) or name
        if self.ended:
            return []
        if kind in _TERMINAL:
            return self._terminal(event, kind)
        if self._failed:
            return []
        if kind == "error" or (event.get("error") and not kind.startswith("response.")):
            return self._fail(of_event(event))
        if kind in _BEGINNING:
            return self._start(lenient.mapping(event.get("response")))
        if kind in ("keepalive", "ping"):
            return [Pinged()]
        take = self._takes.get(kind)
        if take is None:
            return []
        started = self._start({})
        take(event)
        return [*started, *self._output.take()]

    def _start(self, response: dict[str, Any]) -> list[Event]:
        if self._started:
            return []
        self._started = True
        own = lenient.label(response.get("id"))
        self._output.response_id = own or ""
        created = lenient.count(_whole_number(response.get("created_at")))
        tier = lenient.label(response.get("service_tier"))
        return [Started(own, lenient.label(response.get("model")), created, tier)]

    def _terminal(self, event: dict[str, Any], kind: str) -> list[Event]:
        response = lenient.mapping(event.get("response"))
        self.ended = True
        events = self._start(response)
        usage = read_usage(response.get("usage"))
        reported: list[Event] = [] if usage is None else [Reported(usage)]
        if kind == "response.failed" or self._failed:
            return [*events, *reported, *self._fail(of_object(response.get("error"))), Ended()]
        self._output.response_done(response.get("output"))
        events += self._output.take()
        reason = lenient.label(lenient.mapping(response.get("incomplete_details")).get("reason"))
        return [*events, *reported, self._finished(kind, reason), Ended()]

    def _finished(self, kind: str, reason: str | None) -> Finished:
        """A call of a tool is the reason, unless the answer was cut."""
        if kind == "response.incomplete":
            return Finished(_INCOMPLETE.get(reason or "", "other"), reason or "incomplete")
        if self._output.called:
            return Finished("tool_calls", "completed")
        return Finished("refusal" if self._output.refused else "stop", "completed")

    def _fail(self, error: ProviderError) -> list[Event]:
        if self._failed:
            return []
        self._failed = True
        return [Failed(error, status_of(error))]


def read_answer(body: bytes) -> Answer:
    """A whole response. Raises NotAnAnswer, and FailedAnswer where it says itself that it failed."""
    response = lenient.load(body)
    status = response.get("status")
    if status == "failed" or (response.get("error") and not response.get("output")):
        error = of_object(response.get("error"))
        raise FailedAnswer(error, status_of(error), read_usage(response.get("usage")))
    if not isinstance(response.get("output"), list):
        raise NotAnAnswer("the response has no output")
    if status not in (None, "completed", "incomplete"):
        raise NotAnAnswer(f"the response is not complete: {str(status)[:32]}")
    gathered = Gathered()
    gathered.feed(Reading().read({"type": f"response.{status or 'completed'}", "response": response}))
    return gathered.answer()


def _whole_item(output: Output) -> Callable[[dict[str, Any]], None]:
    return lambda event: output.item_done(lenient.mapping(event.get("item")), event.get("output_index"))


def _whole_number(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
