"""What a reply's `iter_any` gives, whichever client it came by.

A plain iterator, since an abandoned async generator is closed by nobody in time. The first piece has a time limit of its own.
"""

from typing import Protocol

from turnout_sidecar.ports.upstream import TimeoutKind


class TimedReply(Protocol):
    """A reply that can be asked for its next bytes."""

    async def next_piece(self, kind: TimeoutKind, timeout: float | None) -> bytes:
        """The next bytes, b"" at the end. Raises UpstreamTimeout of that kind after so many seconds."""
        ...


class Pieces:
    """The pieces of one reply."""

    __slots__ = ("_kind", "_next_timeout", "_reply", "_timeout")

    def __init__(self, reply: TimedReply, first_timeout: float | None, idle_timeout: float | None) -> None:
        self._reply = reply
        self._kind: TimeoutKind = "first-byte"
        self._timeout = first_timeout
        self._next_timeout = idle_timeout

    def __aiter__(self) -> "Pieces":
        return self

    async def __anext__(self) -> bytes:
        piece = await self._reply.next_piece(self._kind, self._timeout)
        if not piece:
            raise StopAsyncIteration
        self._kind = "idle"
        self._timeout = self._next_timeout
        return piece
