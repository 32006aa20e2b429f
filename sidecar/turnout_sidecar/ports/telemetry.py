"""What the pipeline tells of a call while it runs. Edges are wrapped by the pipeline; stages do not know of it.

Rules: an unsampled call costs next to nothing; content is recorded only where the snapshot asks for it; failure to export is
counted and never reaches a caller.
"""

from typing import Any, Protocol

from turnout_sidecar.exchange.call import Attempt, Exchange


class CallTrace(Protocol):
    """The trace of one call, kept in `exchange.trace`."""

    sampled: bool

    def child(self, name: str, start_unix_ns: int, end_unix_ns: int, attributes: dict[str, Any]) -> None:
        """An INTERNAL span for a stage (cache, guardrails)."""
        ...

    def headers_for(self, attempt: Attempt) -> tuple[tuple[str, str], ...]:
        """Starts the CLIENT span of an attempt: the traceparent (and tracestate) to send to the provider."""
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
