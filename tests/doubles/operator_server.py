"""An operator on loopback that says what a test tells it to, over a real WebSocket, with TLS where it is given a certificate."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import msgspec
from aiohttp import WSMsgType, web

from turnout_contract import canonical
from turnout_contract.protocol import PATH, Ack, Credentials, FromGateway, Hello, Nack, Push, Synced

_DECODER: msgspec.json.Decoder[Hello | Ack | Nack] = msgspec.json.Decoder(FromGateway)


def push(text: str, *, nonce: str = "n1", epoch: int = 7, revision: int = 1, version: str | None = None) -> Push:
    """A push of a snapshot's text, with its true version unless told otherwise."""
    return Push(nonce, epoch, revision, version if version is not None else canonical.digest(text.encode()), text)


class Link:
    """One connection of a gateway."""

    def __init__(self, socket: web.WebSocketResponse, token: str) -> None:
        self.socket = socket
        self.token = token
        self.heard: asyncio.Queue[Hello | Ack | Nack] = asyncio.Queue()
        self.ended = asyncio.Event()

    async def hear(self) -> Hello | Ack | Nack:
        """The next message."""
        async with asyncio.timeout(20):
            return await self.heard.get()

    async def say(self, message: Push | Synced | Credentials | str) -> None:
        """Send a message, or any text."""
        text = message if isinstance(message, str) else msgspec.json.encode(message).decode()
        await self.socket.send_str(text)

    async def close(self, code: int) -> None:
        """End it."""
        await self.socket.close(code=code)


class FakeOperator:
    """Takes gateways in. `turn_away` gives a close code (or an HTTP status below 1000) for each dial, or None."""

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        self.links: asyncio.Queue[Link] = asyncio.Queue()
        self.dials = 0
        self.tokens: list[str] = []
        self.turn_away: Callable[[str], int | None] = lambda _token: None
        self.port = 0
        self._certificate = certificate
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> "FakeOperator":
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; on the port of before, if there was one."""
        app = web.Application()
        app.router.add_get(PATH, self._connect)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        context = None
        if self._certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*self._certificate)
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=context, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Be gone."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def link(self) -> Link:
        """The next connection."""
        async with asyncio.timeout(20):
            return await self.links.get()

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        self.dials += 1
        token = request.headers["authorization"].removeprefix("Bearer ")
        self.tokens.append(token)
        code = self.turn_away(token)
        if code is not None and code < 1000:
            return web.Response(status=code)
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        if code is not None:
            await socket.close(code=code)
            return socket
        link = Link(socket, token)
        self.links.put_nowait(link)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                link.heard.put_nowait(_DECODER.decode(message.data))
        link.ended.set()
        return socket
