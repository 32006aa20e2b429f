"""Take in the body of a request: bounded in size, in time and in how far it may unpack.

Rules: nothing is taken in that has announced itself too large, and nothing past the limit is kept; a body that comes slower
than a floor is given up; gzip and deflate are unpacked piece by piece, up to the same limit and to a ratio, so that a small
bomb is noticed while it is small; an encoding that is not known is refused, never passed on.
"""

import asyncio
import zlib

import msgspec
from aiohttp import StreamReader, web

from turnout_sidecar.exchange.errors import CallError, bad_request

_PIECE = 64 * 1024
_ENCODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_IDENTITY = ("", "identity")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class IntakeLimits(msgspec.Struct, frozen=True):
    """How patient the gateway is with slow clients, and how far a body may unpack."""

    head_seconds: float = 10.0
    """For a request's head, from its first byte (or from the connection) on."""
    body_grace_seconds: float = 10.0
    body_bytes_per_second: int = 4096
    """The floor: a body may take the grace and the time that it would take at this speed."""
    stalled_write_seconds: float = 60.0
    """For a client that does not read its answer."""
    keep_alive_seconds: float = 75.0
    ratio: int = 200
    """How many times its size a body may unpack to; small ones may unpack further."""
    ratio_from_bytes: int = 1_048_576


async def read_body(request: web.BaseRequest, limits: IntakeLimits, limit: int) -> bytes:
    """The body, unpacked, of at most `limit` bytes. Raises CallError 400, 408, 413, 415."""
    headers = request.headers
    announced = headers.get("Content-Length")
    if announced is not None and announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    inflater = _inflater(headers.get("Content-Encoding", ""), limits, limit)
    content = request.content
    if not content.is_eof() and headers.get("Expect", "").lower() == "100-continue":
        await _say_continue(request)
    parts: list[bytes] = []
    size = 0
    deadline = _Deadline(limits)
    try:
        while not content.at_eof():
            piece = content.read_nowait() if content.is_eof() else await deadline.readany(content, size)
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            parts.append(piece if inflater is None else inflater.feed(piece))
    except (web.RequestPayloadError, ConnectionError):
        raise bad_request("The body broke off or is badly framed.", code="broken_body") from None
    if inflater is not None:
        inflater.finish()
    return parts[0] if len(parts) == 1 else b"".join(parts)


class _Deadline:
    """Until when more of a body must have come; moves with every piece."""

    __slots__ = ("_limits", "_loop", "_start")

    def __init__(self, limits: IntakeLimits) -> None:
        self._limits = limits
        self._start: float | None = None

    async def readany(self, content: StreamReader, received: int) -> bytes:
        """The next piece. Raises CallError 408."""
        loop = asyncio.get_running_loop()
        if self._start is None:
            self._start = loop.time()
        limits = self._limits
        try:
            async with asyncio.timeout_at(
                self._start + limits.body_grace_seconds + received / limits.body_bytes_per_second
            ):
                piece: bytes = await content.readany()
        except TimeoutError:
            message = "The body came too slowly."
            raise CallError(408, "request_timeout", message, headers={"connection": "close"}) from None
        return piece


class _Inflater:
    """Unpacks a body. Raises CallError 413 past the limit or the ratio, 400 where it is no such encoding."""

    def __init__(self, window: int, name: str, limits: IntakeLimits, limit: int) -> None:
        self._stream = zlib.decompressobj(window)
        self._window = window
        self._name = name
        self._limits = limits
        self._limit = limit
        self._packed = 0
        self._unpacked = 0

    def feed(self, piece: bytes) -> bytes:
        """What this piece unpacks to."""
        first = self._packed == 0
        self._packed += len(piece)
        parts: list[bytes] = []
        while piece:
            try:
                part = self._stream.decompress(piece, _PIECE)
            except zlib.error:
                if not (first and self._window > 0 and self._name == "deflate"):
                    raise self._broken() from None
                self._window = -15  # "deflate" without its zlib header, as some send it
                self._stream = zlib.decompressobj(self._window)
                continue
            first = False
            self._count(len(part))
            parts.append(part)
            if self._stream.eof and self._stream.unused_data:
                raise self._broken()
            piece = self._stream.unconsumed_tail
        return b"".join(parts)

    def finish(self) -> None:
        """The body has ended."""
        if self._packed and not self._stream.eof:
            raise self._broken()

    def _count(self, size: int) -> None:
        self._unpacked += size
        bomb = self._unpacked > self._limits.ratio_from_bytes and self._unpacked > self._packed * self._limits.ratio
        if self._unpacked > self._limit or bomb:
            raise _too_large(self._limit)

    def _broken(self) -> CallError:
        return bad_request(f"The body is not what its content-encoding ({self._name}) says.", code="broken_encoding")


def _inflater(encoding: str, limits: IntakeLimits, limit: int) -> _Inflater | None:
    name = encoding.strip().lower()
    if name in _IDENTITY:
        return None
    window = _ENCODINGS.get(name)
    if window is None:
        message = "This content-encoding is not taken; gzip, deflate and identity are."
        raise CallError(415, "unsupported_encoding", message, param="content-encoding")
    return _Inflater(window, name, limits, limit)


async def _say_continue(request: web.BaseRequest) -> None:
    transport = request.transport
    if transport is not None:
        transport.write(_CONTINUE)


def _too_large(limit: int) -> CallError:
    return CallError(413, "request_too_large", f"The body is larger than {limit} bytes, the most that is taken.")
