"""Writes answers into the store after they were given, off the call's path.

What is expensive about keeping an answer (reading it, collecting a stream, the vector of its question) is done when the caller
already has it. Rules: a call never waits for it, unless it asks for the very answer that waits; what needs no vector is kept a
few at a time, which costs far less than one by one; what waits is bounded in number and bytes, and further answers are not kept;
whatever goes wrong loses an answer of the cache and nothing else; a stream that is too long to hold, broke off or was left is
not kept, nor is what a guardrail could not look at.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import numpy as np

from turnout_sidecar.caching import verify
from turnout_sidecar.caching.answers import Kept, entry_of, is_ambiguous, may_keep
from turnout_sidecar.caching.formats import CACHED
from turnout_sidecar.caching.key import Keys
from turnout_sidecar.exchange.call import ByteStream, Exchange
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.ports.embedder import Embedder, EmbedderUnavailable
from turnout_sidecar.ports.store import CacheStore, StoreUnavailable

log = logging.getLogger("turnout.cache")

MAX_WAITING = 256
MAX_WAITING_BYTES = 67_108_864
LINGER_S = 0.02
AT_A_TIME = 32
MAX_STREAM_BYTES = 2_097_152
MAX_REQUEST_BYTES = 1_048_576
"""Of a request: it is read once more before its answer is kept, and the event loop waits for that."""
EMBED_S = 10.0
CLOSE_S = 2.0


class Plan(msgspec.Struct, frozen=True):
    """How a call's answer is kept. `semantic`: its question gets a vector, `vector` where there is one already."""

    keys: Keys
    ttl_s: float
    semantic: bool = False
    vector: np.ndarray | None = None


class _Waiting(msgspec.Struct, frozen=True):
    exchange: Exchange
    plan: Plan
    body: Callable[[], bytes | None]
    size: int


_Key = tuple[str, str]
"""Partition and exact key."""


class Keeper:
    """Keeps answers of one gateway."""

    def __init__(self, store: CacheStore, embedder: Embedder, clock: Clock) -> None:
        self._store = store
        self._embedder = embedder
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._plain: dict[_Key, _Waiting] = {}
        self._enough = asyncio.Event()
        self._at_plain = False
        self._waiting = 0
        self._bytes = 0
        self.dropped = 0
        """Answers that were not kept because too many waited."""

    def body(self, exchange: Exchange, plan: Plan, body: bytes) -> None:
        """Keep a whole answer, if it may be kept."""
        self._soon(exchange, plan, lambda: body, len(body))

    def stream(self, exchange: Exchange, plan: Plan, pieces: list[bytes]) -> None:
        """Keep the answer that a stream held, if it ended well and may be kept."""
        self._soon(exchange, plan, lambda: _collected(exchange, pieces), sum(map(len, pieces)))

    def delays(self, keys: Keys) -> bool:
        """Whether an answer to this very call waits to be kept."""
        return (keys.partition, keys.exact) in self._plain

    async def hurry(self, keys: Keys) -> None:
        """Keep it now: it is asked for."""
        waiting = self._plain.pop((keys.partition, keys.exact), None)
        if waiting is not None:
            await self._keep_one(waiting)

    async def settled(self) -> None:
        """Wait until all that was to be kept is with the store."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Finish what waits, for a bounded time."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _soon(self, exchange: Exchange, plan: Plan, body: Callable[[], bytes | None], size: int) -> None:
        if len(exchange.raw) > MAX_REQUEST_BYTES:
            return
        size += len(exchange.raw)
        if self._waiting >= MAX_WAITING or self._bytes + size > MAX_WAITING_BYTES:
            self.dropped += 1
            return
        self._waiting += 1
        self._bytes += size
        waiting = _Waiting(exchange, plan, body, size)
        if plan.semantic and plan.vector is None:
            self._start(self._keep_one(waiting))
            return
        key = plan.keys.partition, plan.keys.exact
        earlier = self._plain.pop(key, None)
        if earlier is not None:
            self._left(earlier)
        self._plain[key] = waiting
        if len(self._plain) >= AT_A_TIME:
            self._enough.set()
        if not self._at_plain:
            self._at_plain = True
            self._start(self._keep_plain())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="cache-keep")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep_plain(self) -> None:
        """One task for all that waits for no vector."""
        try:
            while self._plain:
                timer = asyncio.get_running_loop().call_later(LINGER_S, self._enough.set)
                await self._enough.wait()
                timer.cancel()
                self._enough.clear()
                kept = 0
                for key in [*self._plain]:
                    waiting = self._plain.pop(key, None)
                    if waiting is not None:
                        await self._keep_one(waiting)
                    kept += 1
                    if kept >= max(AT_A_TIME, len(self._plain) // 2):  # the more wait, the more are kept in a turn
                        kept = 0
                        await asyncio.sleep(0)
        finally:
            self._at_plain = False

    async def _keep_one(self, waiting: "_Waiting") -> None:
        try:
            await self._keep(waiting.exchange, waiting.plan, waiting.body)
        finally:
            self._left(waiting)

    def _left(self, waiting: "_Waiting") -> None:
        self._waiting -= 1
        self._bytes -= waiting.size

    async def _keep(self, exchange: Exchange, plan: Plan, read: Callable[[], bytes | None]) -> None:
        try:
            if exchange.guard.unlooked:
                return
            body = read()
            name = exchange.endpoint.name
            if body is None or not may_keep(name, body) or is_ambiguous(exchange.raw, exchange.body):
                return
            now_s = self._clock.unix_ns() / 1e9
            entry = entry_of(
                plan.keys, _kept(exchange, plan.keys, body), now_s=now_s, ttl_s=plan.ttl_s, searched=plan.semantic
            )
            await self._store.put(entry, plan.vector)  # at once, so that the same call finds it, vector or not
            if plan.vector is None and (vector := await self._vector(plan)) is not None:
                await self._store.put(entry, vector)
        except StoreUnavailable:
            return
        except Exception as error:  # noqa: BLE001  boundary: nothing about keeping an answer may reach anyone
            log.warning("an answer could not be kept: %s", type(error).__name__)

    async def _vector(self, plan: Plan) -> np.ndarray | None:
        question = plan.keys.question
        if not plan.semantic or question is None or verify.form(question) is None:
            return None
        try:
            async with asyncio.timeout(EMBED_S):
                rows = await self._embedder.embed([question])
        except (EmbedderUnavailable, TimeoutError):
            return None
        first: np.ndarray = rows[0]
        return first


class Tee:
    """A stream that is remembered on its way, to be kept when it has ended well; see `exchange.call.ByteStream`."""

    __slots__ = ("_exchange", "_inner", "_keeper", "_pieces", "_plan", "_size")

    def __init__(self, inner: ByteStream, exchange: Exchange, plan: Plan, keeper: Keeper) -> None:
        self._inner = inner
        self._exchange = exchange
        self._plan = plan
        self._keeper = keeper
        self._pieces: list[bytes] | None = []
        self._size = 0

    def __aiter__(self) -> "Tee":
        return self

    async def __anext__(self) -> bytes:
        """The next frames, as they come."""
        try:
            piece = await self._inner.__anext__()
        except StopAsyncIteration:
            self._ended()
            raise
        if self._pieces is not None:
            self._size += len(piece)
            if self._size > MAX_STREAM_BYTES:
                self._pieces = None
            else:
                self._pieces.append(piece)
        return piece

    async def aclose(self) -> None:
        """Let go; what was not read to its end is not kept."""
        self._pieces = None
        await self._inner.aclose()

    def _ended(self) -> None:
        pieces, self._pieces = self._pieces, None
        if pieces and not self._exchange.aborted:
            self._keeper.stream(self._exchange, self._plan, pieces)


def _collected(exchange: Exchange, pieces: list[bytes]) -> bytes | None:
    """The answer of a stream that ended well, as a plain call would have got it."""
    return None if exchange.aborted else CACHED[exchange.endpoint.name].collected(b"".join(pieces), exchange.usage)


def _kept(exchange: Exchange, keys: Keys, body: bytes) -> Kept:
    return Kept(
        partition=keys.partition,
        exact_key=keys.exact,
        context_key=keys.context,
        endpoint=exchange.endpoint.name,
        backend=exchange.response_backend,
        body=body,
        usage=exchange.usage,
        cost_nano=exchange.attempts[-1].cost_nano if exchange.attempts else None,
        dropped=exchange.dropped,
        given=() if exchange.masks is None else exchange.masks.given_in(body.decode("utf-8", "surrogateescape")),
    )
