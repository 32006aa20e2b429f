"""What the pipeline tells of a call while it runs. Edges are wrapped by the pipeline; stages do not know of it.

Rules: an unsampled call costs next to nothing; content is recorded only where the snapshot asks for it; failure to export is
counted and never reaches a caller.
"""

from typing import Any, Protocol

from turnout_sidecar.exchange.call import Attempt, Exchange
from turnout_sidecar.wire.canonical import Answer


class CallTrace(Protocol):
    """The trace of one call, kept in `exchange.trace`."""

    sampled: bool
    wants_content: bool

    def child(self, name: str, start_unix_ns: int, end_unix_ns: int, attributes: dict[str, Any]) -> None:
        """An INTERNAL span for a stage (cache, guardrails)."""
        ...

    def headers_for(self, attempt: Attempt) -> tuple[tuple[str, str], ...]:
        """Starts the CLIENT span of an attempt: the traceparent (and tracestate) to send to the provider."""
        ...

    def answer(self, answer: bytes | Answer) -> None:
        """The whole answer, where `wants_content`: the body that went out, or what was read of a stream."""
        ...


class Telemetry(Protocol):
    """One for a gateway."""

    def begin(self, exchange: Exchange) -> CallTrace:
        """Reads the caller's context (W3C) and decides on sampling."""
        ...

    def end(self, exchange: Exchange) -> None:
        """The call is settled: spans, metrics and the log line, once. Never raises."""
        ...

    async def close(self) -> None:
        """Flushes what is waiting, for a bounded time."""
        ...


class FakeCallTrace:
    """A trace that remembers what it was told."""

    def __init__(self, *, sampled: bool = True, wants_content: bool = False) -> None:
        self.sampled = sampled
        self.wants_content = wants_content
        self.children: list[tuple[str, dict[str, Any]]] = []
        self.attempts: list[Attempt] = []
        self.answered: bytes | Answer | None = None

    def child(self, name: str, start_unix_ns: int, end_unix_ns: int, attributes: dict[str, Any]) -> None:
        """Remember name and attributes; the span must not end before it begins."""
        if end_unix_ns < start_unix_ns:
            raise ValueError(f"{name} ends before it begins")
        self.children.append((name, attributes))

    def headers_for(self, attempt: Attempt) -> tuple[tuple[str, str], ...]:
        """A traceparent that counts the attempts."""
        self.attempts.append(attempt)
        attempt.span_id = f"{len(self.attempts):016x}"
        return (("traceparent", f"00-{1:032x}-{attempt.span_id}-01"),)

    def answer(self, answer: bytes | Answer) -> None:
        """Remember the answer."""
        self.answered = answer


class FakeTelemetry:
    """Telemetry that remembers the calls that ended."""

    def __init__(self, *, wants_content: bool = False) -> None:
        self.begun: list[Exchange] = []
        self.ended: list[Exchange] = []
        self._wants_content = wants_content

    def begin(self, exchange: Exchange) -> FakeCallTrace:
        """A trace of its own."""
        self.begun.append(exchange)
        return FakeCallTrace(wants_content=self._wants_content)

    def end(self, exchange: Exchange) -> None:
        """Remember the call; twice is an error."""
        if exchange in self.ended:
            raise ValueError(f"{exchange.id} ended twice")
        self.ended.append(exchange)

    async def close(self) -> None:
        """Nothing waits."""
