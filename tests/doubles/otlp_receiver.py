"""An OTLP/HTTP receiver on loopback that decodes with the generated protobuf classes; it may fail as told."""

from collections import deque

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Value = str | int | float | bool | list[str]


def plain(value: AnyValue) -> Value:
    """An attribute's value as Python has it."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case "bool_value":
            return value.bool_value
        case "array_value":
            return [item.string_value for item in value.array_value.values]
    raise AssertionError(f"no attribute of ours has {value}")


def attributes(pairs: "list[KeyValue]") -> dict[str, Value]:
    """Attributes by name; a name that is there twice is an error."""
    named = {pair.key: plain(pair.value) for pair in pairs}
    assert len(named) == len(pairs), [pair.key for pair in pairs]
    return named


class OtlpReceiver:
    """Takes `POST /v1/traces`. `answers` are statuses to give before it takes anything."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.bodies: list[bytes] = []
        self.answers: deque[int] = deque()
        self.retry_after: str | None = None
        self.refuse_spans = 0
        self.tries = 0
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> "OtlpReceiver":
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.tries += 1
        assert request.content_type == "application/x-protobuf"
        body = await request.read()
        if self.answers and (status := self.answers.popleft()) != 200:
            return web.Response(status=status, headers={"retry-after": self.retry_after} if self.retry_after else {})
        self.bodies.append(body)
        self.requests.append(ExportTraceServiceRequest.FromString(body))
        answer = ExportTraceServiceResponse()
        if self.refuse_spans:
            answer.partial_success.CopyFrom(
                ExportTracePartialSuccess(rejected_spans=self.refuse_spans, error_message="too old")
            )
        return web.Response(body=answer.SerializeToString(), content_type="application/x-protobuf")

    @property
    def spans(self) -> list[Span]:
        """All spans that were taken."""
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
