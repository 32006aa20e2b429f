"""An OTLP/HTTP receiver in a thread of its own, for tests whose gateway is another process."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from doubles.otlp_receiver import Value, attributes
from support.http_thread import Handler, HttpThread
from support.turnout import until


class SeenSpan:
    """A span with its attributes by name, and those of its resource."""

    def __init__(self, span: Span, resource: dict[str, Value]) -> None:
        self.name = span.name
        self.kind = Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_")
        self.trace_id = span.trace_id.hex()
        self.id = span.span_id.hex()
        self.parent = span.parent_span_id.hex()
        self.attributes = attributes(list(span.attributes))
        self.resource = resource

    def __getitem__(self, name: str) -> Value:
        return self.attributes[name]


@dataclass
class SeenCall:
    """The spans of one call: the SERVER span, those of its attempts, and all that are below the SERVER span."""

    server: SeenSpan
    attempts: list[SeenSpan]
    below: list[SeenSpan]


class SpanReceiver(HttpThread):
    """Takes `POST /v1/traces`."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        super().__init__("otlp-receiver", _handler(self.bodies))

    def __enter__(self) -> SpanReceiver:
        super().__enter__()
        return self

    @property
    def url(self) -> str:
        """The endpoint, without the path that exporters add."""
        return self.origin

    @property
    def spans(self) -> list[SeenSpan]:
        """All spans that were taken."""
        found: list[SeenSpan] = []
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                of_all = attributes(list(resource.resource.attributes))
                found += [SeenSpan(span, of_all) for scope in resource.scope_spans for span in scope.spans]
        return found

    def call(self, request_id: str) -> SeenCall:
        """The spans of a call, once they have arrived."""

        def arrived() -> SeenCall | None:
            spans = self.spans
            servers = [span for span in spans if span.attributes.get("turnout.request_id") == request_id]
            if not servers:
                return None
            mine = [span for span in spans if span.trace_id == servers[0].trace_id and span.parent == servers[0].id]
            return SeenCall(servers[0], [span for span in mine if span.kind == "CLIENT"], mine)

        return until(f"the spans of call {request_id}", arrived)


def _handler(bodies: list[bytes]) -> type[Handler]:
    class Receiving(Handler):
        def posted(self, body: bytes) -> None:
            bodies.append(body)
            self.answer(200, "application/x-protobuf", ExportTraceServiceResponse().SerializeToString())

    return Receiving
