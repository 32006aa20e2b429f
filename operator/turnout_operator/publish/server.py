"""The WebSocket endpoint that gateways dial, over TLS.

A standby takes the connection only to close it with 4503, so that the gateway tries the next address of the headless Service.
A token that proves nothing is answered 401 before any upgrade; one that proves somebody else is upgraded and closed with 4403,
so that the gateway knows not to try again with it.

Rules: the namespace comes from the token; what a gateway may send is bounded (its messages are small); a slow reader costs its
own queue and nobody else's time.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

import msgspec
from aiohttp import WSMsgType, web

from turnout_contract.protocol import (
    CLOSE_FORBIDDEN,
    CLOSE_STANDBY,
    HEARTBEAT_SECONDS,
    PATH,
    Ack,
    FromGateway,
    FromOperator,
    Hello,
    Nack,
)
from turnout_operator.kube import ApiError
from turnout_operator.publish.auth import Refused, TokenReviewer
from turnout_operator.publish.publisher import CLOSE_PROTOCOL, Attached, Publisher
from turnout_operator.publish.registry import Peer

HELLO_SECONDS = 10.0
MOST_INCOMING_BYTES = 8 * 1024 * 1024
CLOSE_TOO_SLOW = 4413
MOST_QUEUED = 16
_log = logging.getLogger(__name__)
_DECODER: msgspec.json.Decoder[Hello | Ack | Nack] = msgspec.json.Decoder(FromGateway)
_ENCODER = msgspec.json.Encoder()


class SocketConnection:
    """A WebSocket as the publisher sees it: messages are queued and sent in order, then it is closed."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._queue: asyncio.Queue[FromOperator | tuple[int, str]] = asyncio.Queue()
        self._closing = False

    def send(self, message: FromOperator) -> None:
        """See `Connection.send`. A gateway that reads nothing is cut off, rather than remembered."""
        if self._closing:
            return
        if self._queue.qsize() >= MOST_QUEUED:
            self.close(CLOSE_TOO_SLOW, "too slow")
            return
        self._queue.put_nowait(message)

    def close(self, code: int, reason: str) -> None:
        """See `Connection.close`. What is still queued is not sent any more."""
        if self._closing:
            return
        self._closing = True
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait((code, reason))

    async def write(self) -> None:
        """Send what is queued until it is closed."""
        while True:
            item = await self._queue.get()
            if isinstance(item, tuple):
                code, reason = item
                await self._socket.close(code=code, message=reason.encode()[:120], drain=False)
                return
            if self._closing:
                continue
            await self._socket.send_str(_ENCODER.encode(item).decode())


class GatewayServer:
    """Takes gateways in."""

    def __init__(self, publisher: Publisher, reviewer: TokenReviewer, *, leading: Callable[[], bool]) -> None:
        self._publisher = publisher
        self._reviewer = reviewer
        self._leading = leading
        self._sockets: set[web.WebSocketResponse] = set()

    def application(self) -> web.Application:
        """The application to serve."""
        application = web.Application()
        application.router.add_get(PATH, self.connect)
        return application

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """One gateway, from its dialling to its end."""
        if not self._leading():
            return await self._turned_away(request, CLOSE_STANDBY, "standby")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return web.Response(status=401, text="a bearer token is needed", headers={"WWW-Authenticate": "Bearer"})
        try:
            answer = await self._reviewer.review(token.strip())
        except ApiError as error:
            _log.warning("a gateway could not be judged: %s", error)
            return web.Response(status=503, text="the API server cannot be asked now")
        if isinstance(answer, Refused):
            _log.warning("a gateway was refused: %s", answer.message)
            if answer.why == "Unauthenticated":
                return web.Response(status=401, text=answer.message, headers={"WWW-Authenticate": "Bearer"})
            return await self._turned_away(request, CLOSE_FORBIDDEN, answer.message)
        return await self._serve(request, answer)

    async def close(self) -> None:
        """Cut off whoever is still connected."""
        for socket in list(self._sockets):
            await socket.close(code=CLOSE_STANDBY, message=b"this operator ends", drain=False)

    async def _turned_away(self, request: web.Request, code: int, reason: str) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.close(code=code, message=reason.encode()[:120])
        return socket

    async def _serve(self, request: web.Request, peer: Peer) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, max_msg_size=MOST_INCOMING_BYTES)
        await socket.prepare(request)
        if not self._leading():  # the lease was lost while the token was judged
            await socket.close(code=CLOSE_STANDBY, message=b"standby")
            return socket
        connection = SocketConnection(socket)
        attached = self._publisher.attach(peer, connection)
        writer = asyncio.create_task(connection.write(), name=f"gateway-{peer.namespace}-{peer.pod}")
        self._sockets.add(socket)
        try:
            await self._read(socket, attached)
        finally:
            self._sockets.discard(socket)
            self._publisher.detach(attached)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writer
        return socket

    async def _read(self, socket: web.WebSocketResponse, attached: Attached) -> None:
        timer = asyncio.get_running_loop().call_later(HELLO_SECONDS, self._expect_hello, attached)
        try:
            async for message in socket:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                try:
                    said = _DECODER.decode(message.data)
                except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
                    attached.connection.close(CLOSE_PROTOCOL, f"not a message: {error}")
                    continue
                self._publisher.received(attached, said)
        finally:
            timer.cancel()

    @staticmethod
    def _expect_hello(attached: Attached) -> None:
        if not attached.session.greeted:
            attached.connection.close(CLOSE_PROTOCOL, "no hello")
