"""Between the call path and a store: look-ups that end in time, a breaker, writes behind a bounded queue.

Wraps any CacheStore and is one. Rules: a look-up takes at most `lookup_s`, whatever the store does, and then says
StoreUnavailable, which the cache stage answers with a bypass; five failures in a row and the store is left alone for ten
seconds, then one look-up tries it; `put` returns at once, and what finds the queue full, or the store away, is dropped and
counted, since a cache may lose entries but not time. Only look-ups move the breaker: a store that refuses writes still serves.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Sequence
from typing import TypeVar

import numpy as np

from turnout_sidecar.adapters.breaker import Breaker
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.ports.store import CacheStore, Candidate, Entry, StoreUnavailable
from turnout_sidecar.time_limit import within

log = logging.getLogger("turnout.cache")
T = TypeVar("T")

LOOKUP_S = 0.05
WRITE_S = 10.0
QUEUE = 1024
QUEUE_BYTES = 64 * 1024 * 1024
WRITERS = 4
CLOSE_S = 5.0


class StoreCounts:
    """Plain numbers since the start, for metrics."""

    __slots__ = ("failures", "lookups", "refused", "timeouts", "writes", "writes_dropped", "writes_failed")

    def __init__(self) -> None:
        self.lookups = 0
        """Look-ups that were asked for, `get` and `search`."""
        self.timeouts = 0
        self.failures = 0
        """Look-ups that the store could not answer, timeouts not among them."""
        self.refused = 0
        """Look-ups that the open breaker turned away."""
        self.writes = 0
        """Writes that arrived."""
        self.writes_dropped = 0
        """Writes that found the queue full or the store away."""
        self.writes_failed = 0


class GuardedStore:
    """A CacheStore that costs a caller at most `lookup_s`. `start` and `close` are called inside the event loop."""

    def __init__(
        self,
        store: CacheStore,
        *,
        clock: Clock,
        lookup_s: float = LOOKUP_S,
        write_s: float = WRITE_S,
        queue: int = QUEUE,
        queue_bytes: int = QUEUE_BYTES,
        breaker: Breaker | None = None,
    ) -> None:
        self._store = store
        self._lookup_s = lookup_s
        self._write_s = write_s
        self._most_bytes = queue_bytes
        self._bytes = 0
        self._waiting = 0
        self._most = queue
        # An entry's id says which writer it falls to, so that its writes keep their order: the last put is what stays.
        self._queues = tuple(asyncio.Queue[tuple[Entry, "np.ndarray | None"]]() for _ in range(WRITERS))
        self._writers: list[asyncio.Task[None]] = []
        self.breaker = breaker or Breaker(clock)
        self.counts = StoreCounts()

    async def start(self) -> None:
        """Begin to write what is put."""
        if not self._writers:
            self._writers = [asyncio.create_task(self._write(queue), name="cache-writer") for queue in self._queues]

    @property
    def waiting(self) -> int:
        """Writes in the queue."""
        return self._waiting

    async def get(self, partition: str, exact_key: str) -> Entry | None:
        """See CacheStore."""
        return await self._look_up(self._store.get(partition, exact_key))

    async def search(
        self, partition: str, context_key: str, vector: Sequence[float] | np.ndarray, limit: int
    ) -> list[Candidate]:
        """See CacheStore."""
        return await self._look_up(self._store.search(partition, context_key, vector, limit))

    async def put(self, entry: Entry, vector: np.ndarray | None) -> None:
        """Queue it; never waits and never fails."""
        size = len(entry.answer)
        if self._bytes + size > self._most_bytes or self._waiting >= self._most:
            self.counts.writes_dropped += 1
            return
        self._bytes += size
        self._waiting += 1
        self._queues[hash(entry.id) % WRITERS].put_nowait((entry, vector))

    async def flush(self, limit_s: float = CLOSE_S) -> bool:
        """Wait until all that was put is written, at most so long; whether it was."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                for queue in self._queues:
                    await queue.join()
                return True
        return False

    async def close(self) -> None:
        """Write what is waiting, for at most five seconds, and stop. The store within is closed by its owner."""
        if not self._writers:
            return
        if self.breaker.state == "closed":
            await self.flush()
        for task in self._writers:
            task.cancel()
        await asyncio.gather(*self._writers, return_exceptions=True)
        self._writers = []

    async def _look_up(self, work: Awaitable[T]) -> T:
        self.counts.lookups += 1
        if not self.breaker.admit():
            self.counts.refused += 1
            _discard(work)
            raise StoreUnavailable("open", "the store failed repeatedly and is left alone for a while")
        try:
            with within(self._lookup_s):
                found = await work
        except TimeoutError:
            self.counts.timeouts += 1
            self._failed("timeout")
            raise StoreUnavailable("timeout", f"no answer in {self._lookup_s} s") from None
        except StoreUnavailable as error:
            self.counts.failures += 1
            self._failed(error)
            raise
        except asyncio.CancelledError:
            self.breaker.abandoned()
            raise
        except Exception as error:  # boundary: no store, however broken, may break a call
            self.counts.failures += 1
            self._failed(error)
            raise StoreUnavailable("failed", type(error).__name__) from error
        self.breaker.succeeded()
        return found

    def _failed(self, why: object) -> None:
        opened = self.breaker.openings
        self.breaker.failed()
        if self.breaker.openings > opened:
            log.warning("the cache store is left alone for a while: %s", why)

    async def _write(self, queue: "asyncio.Queue[tuple[Entry, np.ndarray | None]]") -> None:
        while True:
            entry, vector = await queue.get()
            self._waiting -= 1
            try:
                await self._write_one(entry, vector)
            finally:
                self._bytes -= len(entry.answer)
                queue.task_done()

    async def _write_one(self, entry: Entry, vector: np.ndarray | None) -> None:
        if self.breaker.state != "closed":
            self.counts.writes_dropped += 1
            return
        try:
            with within(self._write_s):
                await self._store.put(entry, vector)
        except Exception as error:  # noqa: BLE001  boundary: a writer must outlive whatever one write does
            self.counts.writes_failed += 1
            log.debug("a write to the cache store failed: %s", error)
        else:
            self.counts.writes += 1


def _discard(work: Awaitable[object]) -> None:
    """Close a coroutine that will not be awaited."""
    close = getattr(work, "close", None)
    if close is not None:
        close()
