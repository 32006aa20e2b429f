"""The gateway's end of the pipe to the embedded engine: bytes into replies.

A protocol rather than streams: two replies a call come through here, and a reader task would cost more than the engine's answer.
Rules: a frame is decoded once all of it has come; what is no frame ends the connection, since nothing after it can be believed;
`ended` is set once, however it ends.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import cast

import msgspec

from turnout_sidecar.adapters import edge_protocol as protocol

log = logging.getLogger("turnout.cache")

_HEAD = protocol.HEADER.size


class EdgePipe(asyncio.Protocol):
    """Hands each reply to `take`."""

    def __init__(self, take: Callable[[protocol.Reply], None], ended: "asyncio.Future[None]") -> None:
        self.ended = ended
        self._take = take
        self._transport: asyncio.Transport | None = None
        self._rest = bytearray()
        self._wanted = _HEAD

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The pipe is open."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclass

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The engine's process has ended, or we have closed it."""
        if not self.ended.done():
            self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Any number of frames, the last perhaps in part."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._wanted:
                return
            data = bytes(self._rest)
            self._rest.clear()
        try:
            end = self._frames(data)
        except (ValueError, msgspec.DecodeError) as error:
            log.error("the cache engine sent what is no reply: %s", error)  # noqa: TRY400  the process is ours
            if self._transport is not None:
                self._transport.abort()
            return
        if end < len(data):
            self._rest += data[end:]

    def _frames(self, data: bytes) -> int:
        """Decode the whole frames; where the rest begins. Raises ValueError and DecodeError."""
        at, size = 0, len(data)
        while size - at >= _HEAD:
            (length,) = protocol.HEADER.unpack_from(data, at)
            if length > protocol.MAX_FRAME:
                raise ValueError(f"a frame of {length} bytes")
            end = at + _HEAD + length
            if end > size:
                self._wanted = end - at
                return at
            self._take(protocol.REPLIES.decode(data[at + _HEAD : end]))
            at = end
        self._wanted = _HEAD
        return at
