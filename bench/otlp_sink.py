"""An OTLP/HTTP receiver that only counts spans, so that exporting is real and what arrives can be checked.

GET /count answers the number of spans. `python -m bench.otlp_sink PORT`.
"""

import asyncio
import sys

import uvloop
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Sink:
    """The count."""

    def __init__(self) -> None:
        self.spans = 0

    async def export(self, request: web.Request) -> web.Response:
        """Count the spans of one export."""
        batch = ExportTraceServiceRequest()
        batch.ParseFromString(await request.read())
        self.spans += sum(len(scope.spans) for resource in batch.resource_spans for scope in resource.scope_spans)
        return web.Response(body=b"", content_type="application/x-protobuf")

    async def count(self, request: web.Request) -> web.Response:
        """The number until now."""
        return web.json_response({"spans": self.spans})


async def main(port: int) -> None:
    """Serve on loopback until killed."""
    sink = Sink()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/v1/traces", sink.export)
    app.router.add_get("/count", sink.count)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
