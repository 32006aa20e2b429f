"""Streams of answers on their way through the guardrails; see `exchange.call.ByteStream`.

`Edited` passes each piece through an editor, which holds back no more than what might still become a match or a placeholder, and
flushes it however the stream ends. `whole` takes a stream whose answer must be known before any of it is shown; `Watched` is one in
which nothing is ever changed.

Rules: a piece is never empty; what refuses in the middle of a stream ends it with an error event in the asked API's words, lets go
of the upstream at once, and nothing of what was refused goes out; an aborted answer is not kept by the cache.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from turnout_sidecar.exchange.call import ByteStream, Exchange
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.faults import place
from turnout_sidecar.inspection.refusing import unread
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.wire.registry import INBOUND

_LOG = logging.getLogger("turnout.guardrails")
MAX_HELD_BYTES = 16_777_216
"""Of an answer that must be known whole."""
_A_TURN = 16_384
"""Bytes after which others get their turn: a provider may be faster than what is looked for in its answer."""


class Editor(Protocol):
    """What changes the frames of one stream."""

    def feed(self, frames: bytes) -> bytes:
        """What may go out of them and of what was held. Raises CallError where nothing more may."""

    def finish(self) -> bytes:
        """The end has come, a good or a bad one: what was held."""


class Edited:
    """A stream through an editor. `ended` is told when nothing more comes, whatever the reason.

    `clock`: by which the time is counted that it takes to look at the answer; None: it is not looked at.
    """

    __slots__ = ("_clock", "_editor", "_ended", "_exchange", "_fed_bytes", "_inner", "_over")

    def __init__(
        self,
        inner: ByteStream,
        editor: Editor,
        exchange: Exchange,
        ended: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
    ) -> None:
        self._inner = inner
        self._editor = editor
        self._exchange = exchange
        self._ended = ended
        self._clock = clock
        self._fed_bytes = 0
        self._over = False

    def __aiter__(self) -> "Edited":
        return self

    async def __anext__(self) -> bytes:
        """The next frames that may be shown."""
        while not self._over:
            try:
                piece = await self._inner.__anext__()
            except StopAsyncIteration:
                return self._last()
            try:
                shown = self._fed(piece)
            except CallError as error:
                return await self._refuse(error)
            except Exception as error:  # noqa: BLE001  boundary: what was not foreseen has not been looked at
                return await self._refuse(self._unforeseen(error))
            self._fed_bytes += len(piece)
            if self._fed_bytes > _A_TURN:
                self._fed_bytes = 0
                await asyncio.sleep(0)
            if shown:
                return shown
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Let go; what was held is nobody's any more."""
        if not self._over:
            self._over = True
            self._ended()
        await self._inner.aclose()

    def _fed(self, piece: bytes) -> bytes:
        if self._clock is None:
            return self._editor.feed(piece)
        began = self._clock.monotonic_ns()
        try:
            return self._editor.feed(piece)
        finally:
            self._exchange.guard.took("output", began, self._clock.monotonic_ns())

    def _last(self) -> bytes:
        self._over = True
        try:
            shown = self._editor.finish()
        except CallError as error:
            shown = self._told(error)
        except Exception as error:  # noqa: BLE001  boundary: as above
            shown = self._told(self._unforeseen(error))
        self._ended()
        if not shown:
            raise StopAsyncIteration
        return shown

    async def _refuse(self, error: CallError) -> bytes:
        self._over = True
        await self._inner.aclose()
        told = self._told(error)
        self._ended()
        return told

    def _unforeseen(self, error: Exception) -> CallError:
        _LOG.error("the stream of call %s could not be edited: %s", self._exchange.id, place(error))
        return unread("its stream")

    def _told(self, error: CallError) -> bytes:
        self._exchange.aborted = True
        self._exchange.error = error.code
        return INBOUND[self._exchange.endpoint.format].error_frame(error)


class Watched:
    """A stream that passes as it is, and is looked at when all of it has come. `look` is given its pieces then, once.

    `left` is told instead where there is nothing to look at: the client left, it broke off, or it is longer than can be held.
    """

    __slots__ = ("_broken", "_inner", "_left", "_look", "_over", "_pieces", "_size")

    def __init__(
        self,
        inner: ByteStream,
        look: Callable[[list[bytes]], Awaitable[None]],
        left: Callable[[], None],
        broken: Callable[[], bool],
    ) -> None:
        self._inner = inner
        self._look = look
        self._left = left
        self._broken = broken
        self._pieces: list[bytes] = []
        self._size = 0
        self._over = False

    def __aiter__(self) -> "Watched":
        return self

    async def __anext__(self) -> bytes:
        """The next piece, as it came."""
        try:
            piece = await self._inner.__anext__()
        except StopAsyncIteration:
            await self._end()
            raise
        self._size += len(piece)
        if self._size <= MAX_HELD_BYTES:
            self._pieces.append(piece)
        else:
            self._pieces = []
        return piece

    async def aclose(self) -> None:
        """Let go."""
        if not self._over:
            self._over = True
            self._left()
        await self._inner.aclose()

    async def _end(self) -> None:
        if self._over:
            return
        self._over = True
        if self._broken() or self._size > MAX_HELD_BYTES:
            self._left()
        else:
            await self._look(self._pieces)


async def whole(stream: ByteStream) -> list[bytes]:
    """All pieces of a stream. Raises CallError (502) where they are more than can be held."""
    pieces: list[bytes] = []
    size = 0
    try:
        async for piece in stream:
            pieces.append(piece)
            size += len(piece)
            if size > MAX_HELD_BYTES:
                message = (
                    f"The answer is larger than the {MAX_HELD_BYTES} bytes that can be looked at before it is given."
                )
                raise CallError(502, "answer_too_large", message)
    finally:
        await stream.aclose()
    return pieces
