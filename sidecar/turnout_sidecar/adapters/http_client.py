"""The upstream hop: an HTTP/1.1 client of our own on httptools, because a general one costs half of a gateway's CPU.

It does what calling a provider needs and no more: pooled keep-alive, TLS, every framing of a body, back-pressure, time
limits. Rules:
- a request is sent again only when a kept-alive connection turns out to be closed before any byte of a reply, and then
  once, on a connection opened for it;
- a call that is cancelled cuts its connection at once: the provider must not go on generating for nobody;
- no redirects, no cookies, no proxies (for those there is `aiohttp_upstream`).
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from turnout_sidecar.adapters.http_connection import ConnectionLimits, HttpConnection
from turnout_sidecar.adapters.http_dial import Resolver, connect_first, numeric
from turnout_sidecar.adapters.http_message import Inflater, UnreadableEncoding, inflater_for, request_head
from turnout_sidecar.adapters.http_pool import ConnectionPool, PoolLimits
from turnout_sidecar.adapters.http_tls import TlsContexts
from turnout_sidecar.adapters.http_watchdog import NEVER, Watchdog
from turnout_sidecar.adapters.pieces import Pieces
from turnout_sidecar.ports.upstream import (
    ConnectFailure,
    ReplyHeaders,
    Target,
    TimeoutKind,
    UpstreamBodyTooLarge,
    UpstreamClosed,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRequest,
    UpstreamTimeout,
)

_OF_ENCODED_BODY: Final = frozenset((b"content-encoding", b"content-length"))


class HttpClientSettings(msgspec.Struct, frozen=True):
    """Limits of the client; the defaults suit a gateway."""

    pool: PoolLimits = PoolLimits()
    connection: ConnectionLimits = ConnectionLimits()
    dns_ttl_seconds: float = 10.0


DEFAULTS: Final = HttpClientSettings()


class HttpResponse:
    """A reply on a connection of ours; see `ports.upstream.UpstreamResponse`."""

    __slots__ = ("_connection", "_ended", "_inflater", "_loop", "_pool", "_target", "headers", "status")

    def __init__(self, connection: HttpConnection, pool: ConnectionPool, loop: asyncio.AbstractEventLoop) -> None:
        self.status = connection.status
        self._connection: HttpConnection | None = connection
        self._pool = pool
        self._loop = loop
        self._ended = False
        raw = connection.headers
        self._inflater = inflater_for(connection.content_encoding.decode("latin-1"))
        if self._inflater is not None:
            raw = [header for header in raw if header[0].lower() not in _OF_ENCODED_BODY]
        self.headers = ReplyHeaders(raw)
        self._target = connection.target

    async def read(self, limit: int, *, timeout: float | None = None) -> bytes:
        """The whole body; see the port."""
        deadline = NEVER if timeout is None else self._loop.time() + timeout
        parts: list[bytes] = []
        size = 0
        while chunk := await self._next("body", deadline):
            size += len(chunk)
            if size > limit:
                self._give_back()
                raise UpstreamBodyTooLarge(self._target.origin, f"body over {limit} bytes")
            parts.append(chunk)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def iter_any(
        self, *, first_timeout: float | None = None, idle_timeout: float | None = None
    ) -> AsyncIterator[bytes]:
        """The body as it comes; see the port."""
        return Pieces(self, first_timeout, idle_timeout)

    async def next_piece(self, kind: TimeoutKind, timeout: float | None) -> bytes:
        """The next piece of the body, empty at its end; what `iter_any` is made of."""
        return await self._next(kind, NEVER if timeout is None else self._loop.time() + timeout)

    async def close(self) -> None:
        """Give the connection back, or cut it when the body was not finished."""
        self._give_back()

    def _give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.put_back(connection)

    async def _next(self, kind: TimeoutKind, deadline: float) -> bytes:
        try:
            piece = await (
                self._received(kind, deadline)
                if self._inflater is None
                else self._inflated(self._inflater, kind, deadline)
            )
        except UnreadableEncoding as error:
            self._give_back()
            raise UpstreamProtocolError(self._target.origin, str(error)) from None
        except UpstreamError:
            self._give_back()
            raise
        if not piece or (self._inflater is None and self._connection is not None and self._connection.complete):
            self._ended = True
            self._give_back()
        return piece

    async def _received(self, kind: TimeoutKind, deadline: float) -> bytes:
        if self._connection is not None:
            return await self._connection.next_chunk(kind, deadline)
        if self._ended:
            return b""
        raise UpstreamClosed(self._target.origin, reply_started=True)

    async def _inflated(self, inflater: Inflater, kind: TimeoutKind, deadline: float) -> bytes:
        while not (piece := inflater.take()):
            chunk = await self._received(kind, deadline)
            if not chunk:
                inflater.finish()
                return b""
            inflater.feed(chunk)
        return piece


class HttpUpstream:
    """The client; see `ports.upstream.Upstream`. Made inside a running event loop, for that loop."""

    def __init__(self, settings: HttpClientSettings = DEFAULTS) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._watchdog = Watchdog(self._loop)
        self._resolver = Resolver(self._loop, settings.dns_ttl_seconds)
        self._contexts = TlsContexts()
        self._pool = ConnectionPool(self._loop, settings.pool, self._open)

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> HttpResponse:
        """Send and wait for the head of the reply; see the port."""
        head = request_head(request)
        target = request.target
        connection = self._pool.take_idle(target)
        if connection is not None:
            try:
                return await self._exchange(connection, request, head, headers_timeout)
            except UpstreamError:
                if not connection.was_stale:
                    raise
        connection = await self._connect(target, connect_timeout)
        return await self._exchange(connection, request, head, headers_timeout)

    async def close(self) -> None:
        """Close every connection."""
        self._pool.close()
        self._watchdog.close()

    async def _exchange(
        self, connection: HttpConnection, request: UpstreamRequest, head: bytes, timeout: float
    ) -> HttpResponse:
        await connection.request(head, request.body, timeout=timeout)
        try:
            return HttpResponse(connection, self._pool, self._loop)
        except UnreadableEncoding as error:
            connection.abort()
            raise UpstreamProtocolError(request.target.origin, str(error)) from None

    async def _connect(self, target: Target, timeout: float) -> HttpConnection:
        try:
            async with asyncio.timeout(timeout):
                return await self._pool.open(target)
        except TimeoutError:
            raise UpstreamTimeout(target.origin, "connect") from None
        except ssl.SSLCertVerificationError as error:
            raise ConnectFailure(target.origin, f"certificate not trusted: {error.verify_message}") from None
        except ssl.SSLError as error:
            raise ConnectFailure(target.origin, f"no TLS: {error.reason or 'handshake failed'}") from None
        except socket.gaierror as error:
            raise ConnectFailure(target.origin, f"name not resolved: {error.strerror}") from None
        except OSError as error:
            raise ConnectFailure(target.origin, f"not connected: {error.strerror or error}") from None

    async def _open(self, target: Target, on_lost: Callable[[HttpConnection], None]) -> HttpConnection:
        addresses = numeric(target.host, target.port)
        if addresses is None:
            addresses = await self._resolver.resolve(target.host, target.port)
        context = await self._context(target) if target.scheme == "https" else None
        try:
            sock = await connect_first(self._loop, addresses)
        except OSError:
            self._resolver.forget(target.host, target.port)
            raise
        connection = HttpConnection(target, self._settings.connection, self._watchdog, self._loop, on_lost)
        try:
            await self._loop.create_connection(
                lambda: connection,
                sock=sock,
                ssl=context,
                server_hostname=(target.tls.server_name or target.host) if context is not None else None,
            )
        except BaseException:
            sock.close()
            raise
        return connection

    async def _context(self, target: Target) -> ssl.SSLContext:
        try:
            return await self._contexts.context_for(target.tls)
        except (OSError, ValueError):
            raise ConnectFailure(target.origin, "the authorities (CA) to trust cannot be read") from None
