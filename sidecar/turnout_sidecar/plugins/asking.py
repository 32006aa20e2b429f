"""The way to a detector that is asked by HTTP: its address, how many are asked at once, how long, how much is read.

Rules: nothing of the caller goes along but the texts, no header and no credential; a status that is no 2xx is a failure, and its
body is never read, since it may echo the texts; one limit of time over everything, waiting for a free place included.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from turnout_sidecar.plugins.answers import together
from turnout_sidecar.plugins.batches import batches, sendable
from turnout_sidecar.ports.detector import Detected, DetectorFailed, Reason
from turnout_sidecar.ports.upstream import (
    InvalidUpstreamRequest,
    Target,
    Upstream,
    UpstreamBodyTooLarge,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRequest,
    UpstreamTimeout,
)

AT_ONCE: Final = 16
MOST_ANSWERED: Final = (
    8_000_000  # bytes; each finding takes some sixty, and a request has at most about a megabyte of text
)
_HEADERS: Final = (("content-type", "application/json"), ("accept", "application/json"))
_GOOD: Final = range(200, 300)
Ask = Callable[[list[str]], Awaitable[Detected]]


class UnusableAddress(ValueError):  # noqa: N818  says what it is
    """A URL that cannot be asked; the message says why, without the URL."""


def address(url: str) -> tuple[Target, str, str]:
    """Whom to connect to, the path and the query of a detector's URL. Raises UnusableAddress."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise UnusableAddress("not a URL") from None
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
        raise UnusableAddress("not an http or https URL with a host and without credentials")
    target = Target("https", host, port or 443) if parts.scheme == "https" else Target("http", host, port or 80)
    return target, parts.path, parts.query


class Line:
    """Requests to one detector: at most so many at once, each within what is left of its call's time."""

    def __init__(
        self, upstream: Upstream, target: Target, path: str, *, timeout: float, at_once: int = AT_ONCE
    ) -> None:
        self._upstream = upstream
        self._target = target
        self._path = path
        self._timeout = timeout
        self._places = asyncio.Semaphore(at_once)

    async def each_batch(self, texts: Sequence[str], ask: Ask) -> Detected:
        """What `ask` says of the texts, batch by batch, all within the timeout. Raises DetectorFailed."""
        try:
            async with asyncio.timeout(self._timeout):
                parts = [(places, await ask([sendable(texts[at]) for at in places])) for places in batches(texts)]
        except TimeoutError:
            raise DetectorFailed("timeout") from None
        return together(len(texts), parts)

    async def post(self, body: bytes) -> bytes:
        """The body of a good answer. Raises DetectorFailed."""
        request = UpstreamRequest(self._target, self._path, _HEADERS, body)
        async with self._places:
            try:
                return await self._posted(request)
            except (UpstreamError, InvalidUpstreamRequest) as error:
                raise DetectorFailed(_reason(error)) from None

    async def _posted(self, request: UpstreamRequest) -> bytes:
        reply = await self._upstream.send(request, connect_timeout=self._timeout, headers_timeout=self._timeout)
        try:
            if reply.status not in _GOOD:
                raise DetectorFailed("status", str(reply.status))
            return await reply.read(MOST_ANSWERED, timeout=self._timeout)
        finally:
            await reply.close()


def _reason(error: UpstreamError | InvalidUpstreamRequest) -> Reason:
    match error:
        case InvalidUpstreamRequest():
            return "unavailable"
        case UpstreamTimeout():
            return "timeout"
        case UpstreamBodyTooLarge():
            return "too_large"
        case UpstreamProtocolError():
            return "malformed"
    return "connection"
