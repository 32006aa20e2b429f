"""What a call carries for its trace while it runs: a few ids, next to nothing; see `ports.telemetry.CallTrace`. No IO.

Rules: where nothing is recorded here, the caller's own context goes on to the provider unchanged, so that its trace has no
hole; the answer is kept only where content is asked for; the number of INTERNAL spans of one call is bounded.
"""

from typing import Any, Final

from turnout_sidecar.adapters import trace_context
from turnout_sidecar.exchange.call import Attempt
from turnout_sidecar.wire.canonical import Answer

_MOST_CHILDREN: Final = 64


class Trace:
    """The trace of one call; see `ports.telemetry.CallTrace`. `sampled`: its spans are written."""

    __slots__ = (
        "_bits",
        "_forward",
        "answered",
        "children",
        "ended_ns",
        "parent",
        "sampled",
        "span_id",
        "trace_id",
        "wants_content",
    )

    def __init__(
        self,
        parent: trace_context.Parent | None,
        trace_id: str,
        bits: trace_context.Bits,
        *,
        sampled: bool,
        content: bool,
    ) -> None:
        self.parent = parent
        self.trace_id = trace_id
        self.sampled = sampled
        self.wants_content = sampled and content
        self.span_id = trace_context.new_span_id(bits)
        self.children: list[tuple[str, int, int, dict[str, Any]]] = []
        self.answered: bytes | Answer | None = None
        self.ended_ns = 0  # monotonic, set when the call ends
        self._bits = bits
        self._forward: tuple[tuple[str, str], ...] | None = None

    def child(self, name: str, start_unix_ns: int, end_unix_ns: int, attributes: dict[str, Any]) -> None:
        """An INTERNAL span below the SERVER span."""
        if self.sampled and len(self.children) < _MOST_CHILDREN:
            self.children.append((name, start_unix_ns, end_unix_ns, attributes))

    def headers_for(self, attempt: Attempt) -> tuple[tuple[str, str], ...]:
        """The context that goes to the provider; where nothing is recorded here, the caller's own goes on."""
        if self.sampled:
            attempt.span_id = trace_context.new_span_id(self._bits)
            return self._headers(attempt.span_id, sampled=True)
        if self._forward is None:
            parent = self.parent
            self._forward = (
                self._headers(self.span_id, sampled=False)
                if parent is None
                else self._headers(parent.span_id, sampled=parent.sampled)
            )
        return self._forward

    def _headers(self, span_id: str, *, sampled: bool) -> tuple[tuple[str, str], ...]:
        context = (trace_context.TRACEPARENT, trace_context.write(self.trace_id, span_id, sampled=sampled))
        if self.parent is None or not self.parent.state:
            return (context,)
        return (context, (trace_context.TRACESTATE, self.parent.state))

    def new_id(self) -> str:
        """An id for a span of this call."""
        return trace_context.new_span_id(self._bits)

    def answer(self, answer: bytes | Answer) -> None:
        """The whole answer, for its content; kept only where that is wanted."""
        if self.wants_content:
            self.answered = answer
