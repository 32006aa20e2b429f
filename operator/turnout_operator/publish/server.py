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
from typing import Any

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
CLOSE_SECONDS = 2.0
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

    async def write(self) -> tuple[int, str]:
        """Send what is queued until it is to be closed; returns with what code and reason."""
        while True:
            item = await self._queue.get()
            if isinstance(item, tuple):
                return item
            await self._socket.send_str(_ENCODER.encode(item).decode())


class GatewayServer:
    """Takes gateways in."""

    def __init__(self, publisher: Publisher, reviewer: TokenReviewer, *, leading: Callable[[], bool]) -> None:
        self._publisher = publisher
        self._reviewer = reviewer
        self._leading = leading

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

    async def _turned_away(self, request: web.Request, code: int, reason: str) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(timeout=CLOSE_SECONDS)
        await socket.prepare(request)
        await socket.close(code=code, message=reason.encode()[:120])
        return socket

    async def _serve(self, request: web.Request, peer: Peer) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            timeout=CLOSE_SECONDS, heartbeat=HEARTBEAT_SECONDS, max_msg_size=MOST_INCOMING_BYTES
        )
        await socket.prepare(request)
        if not self._leading():  # the lease was lost while the token was judged
            await socket.close(code=CLOSE_STANDBY, message=b"standby")
            return socket
        connection = SocketConnection(socket)
        attached = self._publisher.attach(peer, connection)
        try:
            await self._converse(socket, connection, attached)
        finally:
            self._publisher.detach(attached)
        return socket

    async def _converse(self, socket: web.WebSocketResponse, connection: SocketConnection, attached: Attached) -> None:
        reader = asyncio.create_task(self._read(socket, attached))
        writer = asyncio.create_task(connection.write())
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
            # Nobody may be reading while it is closed: then the close waits for the gateway's own, and the code arrives.
            await _stopped(reader)
            if writer.done():
                with contextlib.suppress(ConnectionError):
                    code, reason = writer.result()
                    await socket.close(code=code, message=reason.encode()[:120])
        finally:
            reader.cancel()
            await _stopped(writer)

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


async def _stopped(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end; a connection that broke is an end like any other."""
    task.cancel()
    await asyncio.wait({task})
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, ConnectionError):
        raise error
