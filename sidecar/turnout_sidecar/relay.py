"""A provider's stream on its way to the caller: whole events as they come, read along, and settled however it ends.

Rules: nothing waits but for the rest of its own event; a stream that does not end with its terminal event ends with an
error event, never as if all were well; whoever stops listening has the upstream closed at once, and what had come until
then is counted as an estimate.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from turnout_sidecar.estimates import Estimates
from turnout_sidecar.exchange import usage as money
from turnout_sidecar.exchange.call import Attempt, Exchange
from turnout_sidecar.exchange.chunks import ChunkTimes
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.failures import INTERNAL
from turnout_sidecar.faults import place
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.ports.upstream import UpstreamError, UpstreamResponse, UpstreamTimeout
from turnout_sidecar.wire.canonical import NotAnAnswer
from turnout_sidecar.wire.observing import Tap

LINGER_SECONDS = 0.25

_LOG = logging.getLogger("turnout.gateway")


class Relay:
    """The answer of one attempt as a stream; see `exchange.call.ByteStream`. `first` has been read already.

    `say` is how an error ends the stream; `hide` takes credentials out of the text of an error.
    """

    __slots__ = (
        "_attempt",
        "_chunks",
        "_clock",
        "_estimates",
        "_events",
        "_exchange",
        "_first",
        "_hide",
        "_over",
        "_pieces",
        "_reply",
        "_say",
        "_tap",
    )

    def __init__(
        self,
        exchange: Exchange,
        attempt: Attempt,
        reply: UpstreamResponse,
        pieces: AsyncIterator[bytes],
        tap: Tap,
        first: bytes,
        clock: Clock,
        estimates: Estimates,
        say: Callable[[CallError], bytes],
        hide: Callable[[str], str] = str,
    ) -> None:
        self._exchange = exchange
        self._attempt = attempt
        self._reply = reply
        self._pieces = pieces
        self._tap = tap
        self._say = say
        self._hide = hide
        self._first = self._shown(first)
        self._clock = clock
        self._estimates = estimates
        self._over = False
        self._chunks = attempt.chunks = ChunkTimes()
        self._events = 0
        if tap.events and attempt.first_token_ns is not None:
            self._timed(attempt.first_token_ns)
        exchange.aborted = tap.error is not None

    def __aiter__(self) -> "Relay":
        return self

    async def __anext__(self) -> bytes:
        """The next whole events."""
        frames, self._first = self._first, b""
        if self._over:
            raise StopAsyncIteration
        try:
            if not frames:
                frames = await self._more()
            if self._tap.done:
                await self._finish()
        except (UpstreamError, NotAnAnswer) as error:
            return await self._broken(error)
        except StopAsyncIteration:
            raise
        except Exception as error:  # noqa: BLE001  boundary: whatever was not foreseen ends as any other broken stream
            return await self._failed(error)
        except BaseException:
            await self.aclose()
            raise
        if not frames:
            raise StopAsyncIteration
        return frames

    async def aclose(self) -> None:
        """Let go of the upstream; what has not ended by now has lost its listener."""
        if not self._over:
            self._settle("client_gone")
            await self._reply.close()

    async def _more(self) -> bytes:
        """The next whole events, or the error that says that there are none."""
        tap = self._tap
        async for piece in self._pieces:
            frames = tap.feed(piece)
            if tap.events != self._events:
                self._timed(self._clock.monotonic_ns())
            if tap.error is not None:
                self._exchange.aborted = True
            if frames or tap.done:
                return self._shown(frames)
        last = tap.finish()
        if last or tap.done:
            return last
        return await self._broken(None)

    def _timed(self, now_ns: int) -> None:
        """How long what has just come was waited for."""
        events = self._tap.events
        self._chunks.came(events - self._events, now_ns)
        self._events = events

    def _shown(self, frames: bytes) -> bytes:
        """Where they hold an error they may repeat what the provider was sent."""
        if self._tap.error is None:
            return frames
        return self._hide(frames.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    async def _finish(self) -> None:
        """The end has come: settled before it goes out, since a client may leave as soon as it has it.

        The rest of the reply is waited for a moment, so that the connection can be used again.
        """
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                async for _ in self._pieces:
                    pass
        except (TimeoutError, UpstreamError):
            pass
        self._settle(None if self._tap.error is None else "stream_error")
        await self._reply.close()

    async def _broken(self, error: Exception | None) -> bytes:
        """The event that says so; a provider's own error was said already."""
        late = isinstance(error, UpstreamTimeout)
        own = self._tap.error is not None
        self._settle("stream_error" if own else "stream_idle_timeout" if late else "stream_broken")
        await self._reply.close()
        if own:
            raise StopAsyncIteration
        backend = self._attempt.name
        if late:
            return self._say(CallError(504, "upstream_timeout", f"{backend} paused for too long in its answer."))
        what = "sent an answer that cannot be read" if isinstance(error, NotAnAnswer) else "broke off its answer"
        return self._say(CallError(502, "upstream_incomplete", f"{backend} {what}."))

    async def _failed(self, error: Exception) -> bytes:
        """The event that says that the gateway itself is at fault."""
        _LOG.error("the stream of call %s failed: %s", self._exchange.id, place(error))
        self._settle(INTERNAL)
        await self._reply.close()
        message = f"Something went wrong in the gateway (request {self._exchange.id})."
        return self._say(CallError(500, "internal_error", message))

    def _settle(self, error: str | None) -> None:
        self._over = True
        self._first = b""
        exchange, attempt, tap = self._exchange, self._attempt, self._tap
        attempt.ended_ns = self._clock.monotonic_ns()
        attempt.error = error
        attempt.response_model = tap.model
        attempt.response_id = tap.id
        attempt.finish_reasons = tap.finish_reasons
        made, estimates = tap.estimate_output(), self._estimates
        if tap.done and tap.usage is not None:
            estimates.learn(attempt.name, exchange, tap.usage, lambda: made)
        settled = estimates.complete if tap.done else estimates.so_far
        attempt.usage = settled(attempt.name, tap.usage, exchange, made)
        attempt.cost_nano = money.cost(attempt.usage, attempt.model.price)
        exchange.usage = attempt.usage
        if error is not None:
            exchange.aborted = True
            exchange.error = error


class Once:
    """A stream that is there at once: the answer of a backend that gave it whole; see `exchange.call.ByteStream`."""

    __slots__ = ("_left",)

    def __init__(self, frames: bytes) -> None:
        self._left = frames

    def __aiter__(self) -> "Once":
        return self

    async def __anext__(self) -> bytes:
        """All frames."""
        frames, self._left = self._left, b""
        if not frames:
            raise StopAsyncIteration
        return frames

    async def aclose(self) -> None:
        """Nothing is held."""
        self._left = b""
