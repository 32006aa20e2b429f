"""The listening side: aiohttp's HTTP server, with patience that ends and errors in the API's shape.

aiohttp bounds heads in size but not in time, and waits for ever for a client that does not read. One sweep a second over
the open connections bounds both, so that no call sets a timer of its own. Rules:
- a request's head has so many seconds from its first byte on, and a new connection as many for its first;
- a client that does not read its answer is cut off;
- a client that closes its side has left: HTTP cannot tell a half-closed connection from an abandoned one, and an abandoned
  call must not go on costing money;
- what is no HTTP is answered by a 400 of ours, and nothing of it is logged.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.intake import IntakeLimits
from turnout_sidecar.shapes import OPENAI, error_body

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Malformed = Callable[[CallError], web.StreamResponse]
"""The answer to what is no HTTP request."""

SERVER = "turnout"
MAX_HEAD_FIELD = 16_384
_JSON = "application/json"
_SERVER_ERROR = 500


class Connection(web.RequestHandler):
    """A client's connection. `busy`: a request is being handled."""

    __slots__ = ("_malformed", "busy", "head_since", "stalled_since")

    def __init__(self, manager: "Front", *, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        super().__init__(manager, loop=loop, **options)
        self._malformed = manager.malformed
        self.busy = False
        self.head_since = 0.0
        self.stalled_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The first head is waited for."""
        super().connection_made(transport)
        self.head_since = self._loop.time()

    def data_received(self, data: bytes) -> None:
        """The first byte of a head starts its time."""
        if not self.busy and not self.head_since:
            self.head_since = self._loop.time()
        super().data_received(data)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  it quotes what was sent
    ) -> web.StreamResponse:
        """What is no HTTP request, or an error of ours that got here: a JSON error, and the connection ends."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun and cannot be another one now") from exc
        if status >= _SERVER_ERROR:  # the call itself was told of by whoever handled it
            error = CallError(500, "internal_error", "Something went wrong in the gateway.")
            headers = {"Content-Type": _JSON, "Server": SERVER}
            answer: web.StreamResponse = web.Response(status=500, body=error_body(OPENAI, error), headers=headers)
        else:
            answer = self._malformed(CallError(status, "bad_http", "This is not an HTTP request that can be read."))
        answer.force_close()
        return answer

    def overdue(self, now: float, limits: IntakeLimits) -> bool:
        """Whether its time is over; asked once a second."""
        if self.writing_paused:
            self.stalled_since = self.stalled_since or now
            return now - self.stalled_since > limits.stalled_write_seconds
        self.stalled_since = 0.0
        return not self.busy and self.head_since > 0 and now - self.head_since > limits.head_seconds

    def cut(self) -> None:
        """End it at once."""
        if self.transport is not None:
            self.transport.abort()


class Front(web.Server):
    """The server: every request goes to one handler."""

    def __init__(self, handler: Handler, limits: IntakeLimits, malformed: Malformed) -> None:
        super().__init__(
            self._handle,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=limits.keep_alive_seconds,
            lingering_time=5.0,
            max_line_size=MAX_HEAD_FIELD,
            max_field_size=MAX_HEAD_FIELD,
        )
        self._handler = handler
        self.malformed = malformed
        self._limits = limits
        self._server: asyncio.Server | None = None
        self._sweep_handle: asyncio.TimerHandle | None = None

    def __call__(self) -> Connection:
        """A protocol for a new connection."""
        return Connection(self, loop=self._loop, **self._kwargs)

    async def listen(self, host: str, port: int) -> int:
        """Take connections; the port, which was chosen for `port` 0."""
        self._server = await self._loop.create_server(self, host, port, backlog=4096)
        self._sweep()
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    def refuse(self) -> None:
        """Take no more connections; idle ones end now. Busy ones go on, and still read what belongs to their request."""
        if self._server is not None:
            self._server.close()
        for connection in self.connections:
            if isinstance(connection, Connection) and not connection.busy:
                connection.close()

    async def close(self) -> None:
        """Cut whatever is still open."""
        self.refuse()
        if self._sweep_handle is not None:
            self._sweep_handle.cancel()
        await self.shutdown(0.5)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection)  # noqa: S101  __call__ makes no others
        connection.busy = True
        connection.head_since = 0.0
        try:
            return await self._handler(request)
        finally:
            connection.busy = False

    def _sweep(self) -> None:
        now = self._loop.time()
        for connection in self.connections:
            if isinstance(connection, Connection) and connection.overdue(now, self._limits):
                connection.cut()
        self._sweep_handle = self._loop.call_later(min(1.0, self._limits.head_seconds / 4), self._sweep)
