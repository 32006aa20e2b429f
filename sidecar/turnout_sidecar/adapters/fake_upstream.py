"""An upstream in memory, for the tests of what calls one: replies as scripted, requests remembered.

It answers in the order of its script and repeats the last entry for ever; an entry is a reply or an error to raise. Bodies
are given out in the pieces scripted, with the same promises as the real clients: nothing after the end, errors after what
came before them, a limit on what is read whole.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import msgspec

from turnout_sidecar.ports.upstream import (
    ReplyHeaders,
    TimeoutKind,
    UpstreamBodyTooLarge,
    UpstreamClosed,
    UpstreamError,
    UpstreamRequest,
    UpstreamTimeout,
)

_ORIGIN: Final = "http://fake"


class FakeReply(msgspec.Struct, frozen=True):
    """One scripted reply. `error` is raised after the pieces; `hang_before` of a piece (its index; -1: the head) waits
    for ever, so that a time limit or a cancellation is what ends it."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    pieces: tuple[bytes, ...] = (b"{}",)
    error: UpstreamError | None = None
    hang_before: int | None = None


class FakeResponse:
    """A scripted reply on its way; see `ports.upstream.UpstreamResponse`."""

    def __init__(self, reply: FakeReply) -> None:
        self.status = reply.status
        self.headers = ReplyHeaders([(name.encode(), value.encode()) for name, value in reply.headers])
        self._reply = reply
        self._given = 0
        self.ended = False
        self.closed = False

    async def read(self, limit: int, *, timeout: float | None = None) -> bytes:
        """The whole body; see the port."""
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(timeout):
                while piece := await self._next():
                    parts.append(piece)
                    if sum(map(len, parts)) > limit:
                        raise UpstreamBodyTooLarge(_ORIGIN, f"body over {limit} bytes")
        except TimeoutError:
            raise UpstreamTimeout(_ORIGIN, "body") from None
        return b"".join(parts)

    async def iter_any(
        self, *, first_timeout: float | None = None, idle_timeout: float | None = None
    ) -> AsyncIterator[bytes]:
        """The body in its scripted pieces; see the port."""
        kind: TimeoutKind = "first-byte"
        limit = first_timeout
        while True:
            try:
                async with asyncio.timeout(limit):
                    piece = await self._next()
            except TimeoutError:
                raise UpstreamTimeout(_ORIGIN, kind) from None
            if not piece:
                return
            yield piece
            kind, limit = "idle", idle_timeout

    async def close(self) -> None:
        """Remembered in `closed`."""
        self.closed = True

    async def _next(self) -> bytes:
        if self.closed and not self.ended:
            raise UpstreamClosed(_ORIGIN, reply_started=True)
        if self._given == self._reply.hang_before:
            await asyncio.get_running_loop().create_future()
        if self._given < len(self._reply.pieces):
            self._given += 1
            return self._reply.pieces[self._given - 1]
        if self._reply.error is not None:
            raise self._reply.error
        self.ended = True
        return b""


class FakeUpstream:
    """The upstream of a test; see `ports.upstream.Upstream`. `requests` and `responses` are in the order of the calls."""

    def __init__(self, script: Sequence[FakeReply | UpstreamError]) -> None:
        self._script = list(script)
        self.requests: list[UpstreamRequest] = []
        self.responses: list[FakeResponse] = []
        self.timeouts: list[Mapping[str, float]] = []
        self.closed = False

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        """The next entry of the script."""
        self.requests.append(request)
        self.timeouts.append({"connect": connect_timeout, "headers": headers_timeout})
        entry = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(entry, UpstreamError):
            raise entry
        if entry.hang_before == -1:
            await self._hang(headers_timeout)
        response = FakeResponse(entry)
        self.responses.append(response)
        return response

    async def close(self) -> None:
        """Remembered in `closed`."""
        self.closed = True

    async def _hang(self, headers_timeout: float) -> None:
        try:
            async with asyncio.timeout(headers_timeout):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            raise UpstreamTimeout(_ORIGIN, "headers") from None
