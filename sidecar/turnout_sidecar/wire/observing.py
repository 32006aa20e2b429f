"""What is read of an answer while it passes: the facts that are recorded and paid for.

`Tap` is what stands beside the bytes of a stream. Where both sides speak one protocol a tap of that format passes the bytes on
as they are; across protocols `TranslatingTap` reads one and writes the other. Sans-IO. Rules:
- what has no answer in it yet is held back across protocols, so that another attempt can still take its place;
- usage is told by the reader, merged, and never made up here: `estimate_output` is for who must guess;
- after the terminal event nothing more goes out.
"""

from collections.abc import Sequence
from typing import Protocol

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire import tokens
from turnout_sidecar.wire.canonical import (
    Answer,
    ArgumentsDelta,
    Ended,
    Event,
    Failed,
    Finished,
    Part,
    PartEnded,
    Pinged,
    ProviderError,
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
from turnout_sidecar.wire.formats import StreamReader, StreamWriter
from turnout_sidecar.wire.openai import Facts

_NOT_YET = (Started, Pinged, Reported)


class Tap(Protocol):
    """Reads along with a stream. Facts are final once `done`, or when the bytes have ended."""

    done: bool
    error: object
    usage: Usage | None
    model: str | None
    id: str | None
    finish_reasons: tuple[str, ...]

    @property
    def began(self) -> bool:
        """Whether any piece of an answer has come."""

    @property
    def events(self) -> int:
        """How many pieces of the answer have come."""

    def feed(self, piece: bytes) -> bytes:
        """What may go out now: whole frames, or nothing yet. Raises NotAnAnswer."""

    def finish(self) -> bytes:
        """The bytes have ended: what may still go out. `done` stays False where the stream broke off."""

    def estimate_output(self) -> int:
        """Tokens of the answer so far, by its text."""


class TranslatingTap:
    """One protocol in, another out."""

    __slots__ = (
        "_held",
        "_reader",
        "_text",
        "_writer",
        "began",
        "done",
        "error",
        "events",
        "finish_reasons",
        "id",
        "model",
        "usage",
    )

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._held: list[Event] = []
        self._text = 0  # bytes that the model wrote
        self.began = False
        self.done = False
        self.error: object = None
        self.events = 0
        self.usage: Usage | None = None
        self.model: str | None = None
        self.id: str | None = None
        self.finish_reasons: tuple[str, ...] = ()

    def feed(self, piece: bytes) -> bytes:
        """See Tap."""
        return self._pass(self._reader.feed(piece))

    def finish(self) -> bytes:
        """See Tap."""
        return self._pass(self._reader.finish())

    def estimate_output(self) -> int:
        """See Tap."""
        return tokens.of_bytes(self._text)

    def say(self, error: CallError) -> bytes:
        """The frames that end the stream with an error of ours."""
        held, self._held = self._held, []
        return (self._writer.write(held) if held else b"") + self._writer.error(error)

    def _pass(self, events: list[Event]) -> bytes:
        if self.done:
            return b""
        events = [no_answer(event) if isinstance(event, Finished) else event for event in events]
        for event in events:
            self._observe(event)
        if self._held:
            events = [*self._held, *events]
        if not self.began and not self.done:
            self._held = events
            return b""
        self._held = []
        return self._writer.write(events)

    def _observe(self, event: Event) -> None:
        if isinstance(event, TextDelta | ThinkingDelta | RefusalDelta | ArgumentsDelta):
            self._text += len(event.text.encode("utf-8", "surrogatepass"))
            self.events += 1
            self.began = True
        elif isinstance(event, Started):
            self.id, self.model = event.id, event.model
        elif isinstance(event, Reported):
            self.usage = event.usage if self.usage is None else self.usage.merge(event.usage)
        elif isinstance(event, Finished):
            self.finish_reasons = (event.reason,)
            self.began = True
        elif isinstance(event, Failed):
            self.error = event
        elif isinstance(event, Ended):
            self.done = True
        elif not isinstance(event, _NOT_YET):
            self.began = True


def no_answer(finished: Finished) -> Finished | Failed:
    """What ended with something that is no answer, such as a call of a tool that cannot be read, has failed."""
    if finished.reason != "error":
        return finished
    word = finished.raw or "error"
    return Failed(ProviderError(f"The answer ended with {word}.", code=word))


def facts_of(answer: Answer) -> Facts:
    """The facts of a whole answer that was read."""
    return Facts(answer.usage, answer.model, answer.id, (answer.finish,))


def estimate_answer(answer: Answer) -> int:
    """Tokens of a whole answer, by its text."""
    return sum(tokens.of_text(text) for part in answer.parts for text in _texts(part))


def _texts(part: Part) -> tuple[str, ...]:
    if isinstance(part, Text | Thinking | Refusal):
        return (part.text,)
    return (part.name, part.arguments) if isinstance(part, ToolCall) else ()


def as_events(answer: Answer) -> Sequence[Event]:
    """A whole answer as the stream that would have brought it."""
    events: list[Event] = [Started(answer.id, answer.model, answer.created, answer.service_tier)]
    for index, part in enumerate(answer.parts):
        events += _of_part(index, part, answer)
        events.append(PartEnded(index))
    events.append(Finished(answer.finish, answer.raw_finish, answer.stop_sequence))
    if answer.usage is not None:
        events.append(Reported(answer.usage))
    return [*events, Ended()]


def _of_part(index: int, part: Part, answer: Answer) -> list[Event]:
    if isinstance(part, Text):
        return [TextDelta(index, part.text, answer.logprobs)]
    if isinstance(part, Refusal):
        return [RefusalDelta(index, part.text)]
    if isinstance(part, ToolCall):
        return [ToolCallStarted(index, part.id, part.name, part.signature), ArgumentsDelta(index, part.arguments)]
    if isinstance(part, Thinking):
        thought: list[Event] = [ThinkingDelta(index, part.text, part.item)] if part.redacted is None else []
        if part.signature is not None or part.redacted is not None:
            thought.append(ThinkingSigned(index, part.signature, part.redacted, part.item))
        return thought
    return []
