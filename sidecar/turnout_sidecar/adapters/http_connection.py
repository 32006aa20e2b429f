"""One HTTP/1.1 connection to an upstream: an asyncio Protocol around httptools, one request at a time.

Everything that a connection must remember lives here; the pool and the client only ask. Rules:
- bytes from the peer are never trusted to be few: the head, the trailers and interim replies are bounded, and a body
  that is not read stops the socket, so memory stays flat;
- whatever comes when nothing was asked ends the connection: its next reply could not be believed;
- a connection is used again only after a whole reply that allows it, and with nothing left to write;
- errors reach whoever waits, after what had come before them was handed out.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Final, cast

import httptools
import msgspec

from turnout_sidecar.adapters.http_watchdog import NEVER, Watchdog
from turnout_sidecar.ports.upstream import (
    Target,
    TimeoutKind,
    UpstreamClosed,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamTimeout,
)

_IDLE: Final = 0
_AWAITING_HEAD: Final = 1
_IN_BODY: Final = 2
_COMPLETE: Final = 3
_DEAD: Final = 4

_FIRST_FINAL_STATUS: Final = 200
_JOIN_BELOW: Final = 65536
STALE_SECONDS: Final = 1.0
_KEEP_ALIVE_TIMEOUT: Final = re.compile(rb"(?:^|[,\s])timeout\s*=\s*(\d{1,6})", re.IGNORECASE)
_NOTED_LENGTHS: Final = frozenset(
    len(name) for name in ("content-length", "transfer-encoding", "content-encoding", "keep-alive")
)


class ConnectionLimits(msgspec.Struct, frozen=True):
    """How much of a peer is borne. Bytes, but for the count of headers."""

    head_bytes: int = 65536
    header_count: int = 256
    high_water: int = 262144
    low_water: int = 65536


class HttpConnection(asyncio.Protocol):
    """A connection that is idle, or under way with one request."""

    __slots__ = (
        "_barren",
        "_buffered",
        "_chunks",
        "_ends_at_close",
        "_error",
        "_fields",
        "_interim",
        "_keep_alive",
        "_limits",
        "_loop",
        "_on_lost",
        "_origin",
        "_parser",
        "_paused",
        "_phase",
        "_poisoned",
        "_sent_at",
        "_transport",
        "_waiter",
        "_waiting_for",
        "_watchdog",
        "content_encoding",
        "deadline",
        "headers",
        "opened_at",
        "peer_keeps_seconds",
        "served",
        "status",
        "target",
        "usable_until",
    )

    def __init__(
        self,
        target: Target,
        limits: ConnectionLimits,
        watchdog: Watchdog,
        loop: asyncio.AbstractEventLoop,
        on_lost: "Callable[[HttpConnection], None]",
    ) -> None:
        self.target = target
        self._origin = target.origin
        self._limits = limits
        self._watchdog = watchdog
        self._loop = loop
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._phase = _IDLE
        self._waiter: asyncio.Future[None] | None = None
        self._waiting_for: TimeoutKind = "headers"
        self._error: UpstreamError | None = None
        self._fields: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._barren = 0
        self._interim = self._keep_alive = self._ends_at_close = self._poisoned = self._paused = False
        self._sent_at = 0.0
        self.deadline = NEVER
        self.headers: list[tuple[bytes, bytes]] = []
        self.content_encoding = b""
        self.peer_keeps_seconds = NEVER
        self.status = 0
        self.served = 0
        self.opened_at = loop.time()
        self.usable_until = NEVER

    # What the client asks.

    @property
    def usable(self) -> bool:
        """Whether it is idle and open."""
        return self._phase == _IDLE and self._transport is not None and not self._transport.is_closing()

    @property
    def complete(self) -> bool:
        """Whether the whole reply has come and was handed out."""
        return self._phase == _COMPLETE and not self._chunks

    @property
    def was_stale(self) -> bool:
        """Whether a kept-alive connection died under its next request, unheard: the peer had already closed it.

        A loss long after sending is another thing: the peer had the request, and may have acted on it.
        """
        return (
            self.served > 0
            and self._phase == _DEAD
            and self._barren == 0
            and isinstance(self._error, UpstreamClosed)
            and self._loop.time() - self._sent_at < STALE_SECONDS
        )

    async def request(self, head: bytes, body: bytes, *, timeout: float) -> None:
        """Write a request and wait for the head of its reply: `status` and `headers` are then set."""
        if self._transport is None or self._phase != _IDLE:
            raise UpstreamClosed(self._origin, reply_started=False)
        self._phase = _AWAITING_HEAD
        self._barren = 0
        self.content_encoding = b""
        self._ends_at_close = True
        self._sent_at = self._loop.time()
        self._watchdog.watch(self)
        if len(body) < _JOIN_BELOW:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        await self._wait("headers", self._sent_at + timeout)
        if not self.status:
            raise self._error or UpstreamClosed(self._origin, reply_started=False)

    async def next_chunk(self, kind: TimeoutKind, deadline: float) -> bytes:
        """All of the body that has come and was not yet handed out; empty at its end."""
        while not self._chunks:
            if self._phase == _COMPLETE:
                return b""
            if self._error is not None:
                raise self._error
            if self._phase != _IN_BODY:
                raise UpstreamClosed(self._origin, reply_started=True)
            await self._wait(kind, deadline)
        chunk = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        if self._paused:
            self._resume()
        return chunk

    def release(self) -> bool:
        """Done with the reply: True when the connection may serve another request, else it is cut."""
        self._watchdog.forget(self)
        transport = self._transport
        if (
            self._phase != _COMPLETE
            or not self._keep_alive
            or self._poisoned
            or transport is None
            or transport.is_closing()
            or transport.get_write_buffer_size()
        ):
            self.abort()
            return False
        self._phase = _IDLE
        self.status = 0
        self.served += 1
        self._chunks.clear()
        self._buffered = 0
        if self._paused:
            self._resume()
        return True

    def abort(self) -> None:
        """Cut it now, whatever is under way."""
        if self._phase in (_AWAITING_HEAD, _IN_BODY):
            self._fail(UpstreamClosed(self._origin, reply_started=self._phase == _IN_BODY))
        self._phase = _DEAD
        self._watchdog.forget(self)
        if self._transport is not None:
            self._transport.abort()

    def expire(self) -> None:
        """The watchdog's call: what is waited for did not come in time."""
        self._fail(UpstreamTimeout(self._origin, self._waiting_for))

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is connected (and its TLS established)."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer."""
        if self._phase == _DEAD or self._parser is None:
            return
        if self._phase in (_IDLE, _COMPLETE):
            self._poisoned = True
            if self._phase == _IDLE:
                self.abort()
            return
        self._barren += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(UpstreamProtocolError(self._origin, "switched to a protocol that was not asked for"))
        except httptools.HttpParserError as error:
            self._unreadable(error)
        if self._phase != _COMPLETE and self._barren > self._limits.head_bytes:
            self._fail(UpstreamProtocolError(self._origin, f"head over {self._limits.head_bytes} bytes"))
        if self._buffered > self._limits.high_water and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        if self._phase != _AWAITING_HEAD:
            self._wake()

    def eof_received(self) -> None:
        """The peer has sent its last byte; the transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if self._phase == _IN_BODY and self._ends_at_close and exc is None:
            self._phase = _COMPLETE
            self._keep_alive = False
        elif self._phase in (_AWAITING_HEAD, _IN_BODY):
            self._fail(UpstreamClosed(self._origin, reply_started=self._barren > 0 or self._phase == _IN_BODY))
        elif self._phase == _IDLE:
            self._phase = _DEAD
        self._transport = None
        self._parser = None
        self._wake()
        self._on_lost(self)

    # What the parser tells.

    def on_message_begin(self) -> None:
        """A status line begins."""
        if self._phase != _AWAITING_HEAD:
            self._poisoned = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header of the head, or a trailer, which nobody looks at."""
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        fields, self._fields = self._fields, []
        parser = self._parser
        if self._poisoned or parser is None:
            return
        status = parser.get_status_code()
        self._interim = status < _FIRST_FINAL_STATUS
        if self._interim:
            return
        if len(fields) > self._limits.header_count:
            raise UpstreamProtocolError(self._origin, f"more than {self._limits.header_count} headers")
        size = 0
        for name, value in fields:
            size += len(name) + len(value)
            if len(name) in _NOTED_LENGTHS:
                self._note(name.lower(), value)
        if size > self._limits.head_bytes:
            raise UpstreamProtocolError(self._origin, f"head over {self._limits.head_bytes} bytes")
        self.headers = fields
        self.status = status
        self._phase = _IN_BODY

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if not self._poisoned:
            self._barren = 0
            self._buffered += len(data)
            self._chunks.append(data)

    def on_message_complete(self) -> None:
        """The reply, or an interim one, is whole."""
        if self._poisoned or self._interim or self._parser is None:
            self._interim = False
            return
        self._keep_alive = self._parser.should_keep_alive()
        self._phase = _COMPLETE

    # Within.

    def _note(self, name: bytes, value: bytes) -> None:
        if name in (b"content-length", b"transfer-encoding"):
            self._ends_at_close = False
        elif name == b"content-encoding":
            self.content_encoding = value
        elif name == b"keep-alive" and (found := _KEEP_ALIVE_TIMEOUT.search(value)):
            # One second less than it says, so that a request on its way does not meet a closing door.
            self.peer_keeps_seconds = float(found[1]) - 1.0

    def _unreadable(self, error: httptools.HttpParserError) -> None:
        if self._phase == _COMPLETE:
            self._poisoned = True
            return
        ours = error.__context__
        if isinstance(ours, UpstreamError):
            self._fail(ours)
        else:
            self._fail(UpstreamProtocolError(self._origin, f"not HTTP ({str(error)[:80]})"))

    def _fail(self, error: UpstreamError) -> None:
        if self._error is None:
            self._error = error
        self._phase = _DEAD
        self._watchdog.forget(self)
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    async def _wait(self, kind: TimeoutKind, deadline: float) -> None:
        self._waiting_for = kind
        self.deadline = deadline
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            self._waiter = None
            self.deadline = NEVER

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _resume(self) -> None:
        self._paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
