"""The upstream hop through aiohttp's client, for where providers are reached only through an HTTP proxy.

Same port, same errors, same rules as `http_client`, at several times its cost: it is chosen when the environment names a
proxy (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY; NO_PROXY is honoured), and never else. What aiohttp would do on its own
(redirects, cookies, `.netrc`, decoding without bounds, its cap on connections) is switched off. What it cannot do as well:
it does not tell whether a byte of a reply had come before a kept-alive connection was lost, so a request is sent again
also when only a part of a head had; and it takes bytes that came unasked for the next reply.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable
from http import HTTPStatus
from types import SimpleNamespace
from typing import Final, TypeVar

import aiohttp
import yarl

from turnout_sidecar.adapters.http_client import DEFAULTS, HttpClientSettings
from turnout_sidecar.adapters.http_connection import STALE_SECONDS
from turnout_sidecar.adapters.http_message import Inflater, UnreadableEncoding, inflater_for, request_head
from turnout_sidecar.adapters.http_proxies import Proxies
from turnout_sidecar.adapters.http_tls import TlsContexts
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

_T = TypeVar("_T")
_OF_ENCODED_BODY: Final = frozenset((b"content-encoding", b"content-length"))
NO_PROXIES: Final = Proxies()
_CUT: Final = (aiohttp.http_exceptions.ContentLengthError, aiohttp.http_exceptions.TransferEncodingError)


class _Attempt:
    """What aiohttp tells of one attempt while it runs: it is connected now, and on what kind of connection."""

    def __init__(self, timer: asyncio.Timeout, headers_timeout: float, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = timer
        self._headers_timeout = headers_timeout
        self._loop = loop
        self._connected_at = 0.0
        self._kept_alive = False

    @property
    def connected(self) -> bool:
        """Whether it got as far as sending."""
        return self._connected_at > 0

    @property
    def was_stale(self) -> bool:
        """Whether it used a kept-alive connection and only just: aiohttp does not tell whether a byte had come."""
        return self._kept_alive and self._loop.time() - self._connected_at < STALE_SECONDS

    def connect(self, *, kept_alive: bool) -> None:
        """From now on the time is that for the head of the reply."""
        self._connected_at = self._loop.time()
        self._kept_alive = kept_alive
        self._timer.reschedule(self._loop.time() + self._headers_timeout)


async def _on_new(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    context.trace_request_ctx.connect(kept_alive=False)


async def _on_kept(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    context.trace_request_ctx.connect(kept_alive=True)


class AiohttpUpstream:
    """The client; see `ports.upstream.Upstream`. Made inside a running event loop, for that loop."""

    def __init__(self, settings: HttpClientSettings = DEFAULTS, *, proxies: Proxies = NO_PROXIES) -> None:
        self._loop = asyncio.get_running_loop()
        self._contexts = TlsContexts()
        self._proxies = proxies
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_create_end.append(_on_new)
        tracing.on_connection_reuseconn.append(_on_kept)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                limit_per_host=settings.pool.max_open or 0,
                keepalive_timeout=settings.pool.idle_seconds,
                ttl_dns_cache=int(settings.dns_ttl_seconds),
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            trace_configs=[tracing],
            skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
            max_line_size=settings.connection.head_bytes,
            max_field_size=settings.connection.head_bytes,
            max_headers=settings.connection.header_count,
        )

    async def send(
        self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float
    ) -> "AiohttpResponse":
        """Send and wait for the head of the reply; see the port."""
        request_head(request)  # refuses what aiohttp would let through
        response, error = await self._attempt(request, connect_timeout, headers_timeout)
        if response is None and error is None:
            response, error = await self._attempt(request, connect_timeout, headers_timeout)
        if response is None:
            raise error or UpstreamClosed(request.target.origin, reply_started=False)
        return response

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def _attempt(
        self, request: UpstreamRequest, connect_timeout: float, headers_timeout: float
    ) -> "tuple[AiohttpResponse | None, UpstreamError | None]":
        """A response or an error; neither when a kept-alive connection was closed before any byte of a reply."""
        target = request.target
        attempt: _Attempt | None = None
        try:
            async with asyncio.timeout(connect_timeout) as timer:
                attempt = _Attempt(timer, headers_timeout, self._loop)
                reply = await self._request(request, attempt)
        except TimeoutError:
            return None, UpstreamTimeout(target.origin, "headers" if attempt and attempt.connected else "connect")
        except UpstreamError as error:
            return None, error
        except (aiohttp.ClientError, OSError, ssl.CertificateError) as error:
            failure = _translated(error, target, reply_started=False)
            stale = attempt is not None and attempt.was_stale and isinstance(failure, UpstreamClosed)
            return None, None if stale else failure
        if reply.status < HTTPStatus.OK:
            reply.close()
            return None, UpstreamProtocolError(target.origin, "switched to a protocol that was not asked for")
        try:
            return AiohttpResponse(reply, target), None
        except UnreadableEncoding as error:
            reply.close()
            return None, UpstreamProtocolError(target.origin, str(error))

    async def _request(self, request: UpstreamRequest, attempt: _Attempt) -> aiohttp.ClientResponse:
        target = request.target
        headers = list(request.headers)
        if all(name.lower() != "accept-encoding" for name, _ in headers):
            headers.append(("accept-encoding", "identity"))
        return await self._session.request(
            request.method,
            yarl.URL(target.origin + request.path, encoded=True),
            data=request.body,
            headers=headers,
            allow_redirects=False,
            proxy=self._proxies.for_target(target),
            ssl=await self._context(target) if target.scheme == "https" else True,
            server_hostname=target.tls.server_name or None,
            trace_request_ctx=attempt,
        )

    async def _context(self, target: Target) -> ssl.SSLContext:
        try:
            return await self._contexts.context_for(target.tls)
        except (OSError, ValueError):
            raise ConnectFailure(target.origin, "the authorities (CA) to trust cannot be read") from None


class AiohttpResponse:
    """A reply of aiohttp's; see `ports.upstream.UpstreamResponse`."""

    __slots__ = ("_cut", "_ended", "_inflater", "_reply", "_target", "headers", "status")

    def __init__(self, reply: aiohttp.ClientResponse, target: Target) -> None:
        self.status = reply.status
        self._reply = reply
        self._target = target
        self._ended = self._cut = False
        raw = list(reply.raw_headers)
        self._inflater: Inflater | None = inflater_for(reply.headers.get("content-encoding", ""))
        if self._inflater is not None:
            raw = [header for header in raw if header[0].lower() not in _OF_ENCODED_BODY]
        self.headers = ReplyHeaders(raw)

    async def read(self, limit: int, *, timeout: float | None = None) -> bytes:
        """The whole body; see the port."""
        return await self._within(timeout, "body", self._read(limit))

    async def _read(self, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while piece := await self._next():
            size += len(piece)
            if size > limit:
                self._cut_off()
                raise UpstreamBodyTooLarge(self._target.origin, f"body over {limit} bytes")
            parts.append(piece)
        return b"".join(parts)

    def iter_any(
        self, *, first_timeout: float | None = None, idle_timeout: float | None = None
    ) -> AsyncIterator[bytes]:
        """The body as it comes; see the port."""
        return Pieces(self, first_timeout, idle_timeout)

    async def next_piece(self, kind: TimeoutKind, timeout: float | None) -> bytes:
        """The next piece of the body, empty at its end; what `iter_any` is made of."""
        return await self._within(timeout, kind, self._next())

    async def close(self) -> None:
        """Give the connection back, or cut it when the body was not finished."""
        if not self._ended:
            self._cut_off()

    def _cut_off(self) -> None:
        self._cut = True
        self._reply.close()

    async def _within(self, timeout: float | None, kind: TimeoutKind, work: Awaitable[_T]) -> _T:
        try:
            async with asyncio.timeout(timeout):
                return await work
        except TimeoutError:
            self._cut_off()
            raise UpstreamTimeout(self._target.origin, kind) from None
        except asyncio.CancelledError:
            self._cut_off()
            raise

    async def _next(self) -> bytes:
        try:
            if self._inflater is None:
                piece = await self._received()
            else:
                piece = await self._inflated(self._inflater)
        except UnreadableEncoding as error:
            self._cut_off()
            raise UpstreamProtocolError(self._target.origin, str(error)) from None
        except (aiohttp.ClientError, OSError) as error:
            self._cut_off()
            raise _translated(error, self._target, reply_started=True) from None
        if not piece:
            self._ended = True
            self._reply.release()
        return piece

    async def _received(self) -> bytes:
        if self._cut:
            raise UpstreamClosed(self._target.origin, reply_started=True)
        return await self._reply.content.readany()

    async def _inflated(self, inflater: Inflater) -> bytes:
        while not (piece := inflater.take()):
            chunk = await self._received()
            if not chunk:
                inflater.finish()
                return b""
            inflater.feed(chunk)
        return piece


def _translated(error: Exception, target: Target, *, reply_started: bool) -> UpstreamError:
    """The port's error for one of aiohttp's."""
    origin = target.origin
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return ConnectFailure(origin, f"certificate not trusted: {error.certificate_error}")
        case aiohttp.ClientConnectorSSLError():
            return ConnectFailure(origin, "no TLS: handshake failed")
        case aiohttp.ClientConnectorDNSError():
            return ConnectFailure(origin, "name not resolved")
        case aiohttp.ClientConnectorError():
            return ConnectFailure(origin, f"not connected: {error.os_error.strerror}")
        case aiohttp.ClientHttpProxyError():
            return ConnectFailure(origin, f"the proxy refused: status {error.status}")
        case aiohttp.ClientPayloadError() if not _was_cut(error):
            return UpstreamProtocolError(origin, "not HTTP (broken body)")
        case aiohttp.ClientResponseError():
            return UpstreamProtocolError(origin, f"not HTTP ({error.message[:80]})")
        case _:
            return UpstreamClosed(origin, reply_started=reply_started)


def _was_cut(error: aiohttp.ClientPayloadError) -> bool:
    return isinstance(error.__cause__, _CUT) and "Not enough data" in str(error.__cause__)
