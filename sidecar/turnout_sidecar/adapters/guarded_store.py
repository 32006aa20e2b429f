"""Between the call path and a store: look-ups that end in time, a breaker, writes behind a bounded queue.

Wraps any CacheStore and is one. Rules: a look-up takes at most `lookup_s`, whatever the store does, and then says
StoreUnavailable, which the cache stage answers with a bypass; five failures in a row and the store is left alone for ten
seconds, then one look-up tries it; `put` returns at once, what was put is found at once, and reaches the store with others (see
`write_behind`); what finds no room, or the store away, is dropped and counted, since a cache may lose entries but not time.
Only look-ups move the breaker: a store that refuses writes still serves.
"""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from turnout_sidecar.adapters.breaker import Breaker
from turnout_sidecar.adapters.write_behind import WriteBehind
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.ports.store import Backing, CacheStore, Candidate, Entry, StoreUnavailable, Write
from turnout_sidecar.time_limit import limited, within

log = logging.getLogger("turnout.cache")
T = TypeVar("T")

LOOKUP_S = 0.05
WRITE_S = 10.0
QUEUE = 1024
QUEUE_BYTES = 64 * 1024 * 1024
CLOSE_S = 5.0


class Store(CacheStore, Backing, Protocol):
    """What can be guarded."""


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
        """Writes that found no room or the store away."""
        self.writes_failed = 0


class GuardedStore:
    """A CacheStore that costs a caller at most `lookup_s`. `start` and `close` are called inside the event loop."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        lookup_s: float = LOOKUP_S,
        write_s: float = WRITE_S,
        queue: int = QUEUE,
        queue_bytes: int = QUEUE_BYTES,
        breaker: Breaker | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._lookup_s = lookup_s
        self._write_s = write_s
        self._behind = WriteBehind(self._write, entries=queue, size=queue_bytes)
        self.breaker = breaker or Breaker(clock)
        self.counts = StoreCounts()

    async def start(self) -> None:
        """Begin to write what is put."""
        self._behind.start()

    @property
    def waiting(self) -> int:
        """Writes that have not left yet."""
        return len(self._behind)

    async def get(self, partition: str, exact_key: str) -> Entry | None:
        """See CacheStore."""
        waiting = self._behind.waiting(partition, exact_key)
        if waiting is not None:
            self.counts.lookups += 1
            return waiting if waiting.expires_at > self._clock.unix_ns() / 1e9 else None
        if self.breaker.state == "closed" and self._store.lacks(partition, exact_key):
            self.counts.lookups += 1  # nobody was asked, so it says nothing about the store
            return None
        return await self._look_up(self._store.get(partition, exact_key))

    async def search(
        self, partition: str, context_key: str, vector: Sequence[float] | np.ndarray, limit: int
    ) -> list[Candidate]:
        """See CacheStore."""
        return await self._look_up(self._store.search(partition, context_key, vector, limit))

    async def put(self, entry: Entry, vector: np.ndarray | None) -> None:
        """Take it; never waits and never fails."""
        if not self._behind.put(entry, vector):
            self.counts.writes_dropped += 1

    async def flush(self, limit_s: float = CLOSE_S) -> bool:
        """Wait until all that was put is written, at most so long; whether it was."""
        return await self._behind.flush(limit_s)

    async def close(self) -> None:
        """Write what is waiting, for at most five seconds, and stop. The store within is closed by its owner."""
        if self.breaker.state == "closed":
            await self.flush()
        await self._behind.stop()

    async def _look_up(self, work: Coroutine[Any, Any, T]) -> T:
        self.counts.lookups += 1
        if not self.breaker.admit():
            self.counts.refused += 1
            work.close()
            raise StoreUnavailable("open", "the store failed repeatedly and is left alone for a while")
        try:
            found = await limited(work, self._lookup_s)
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

    async def _write(self, writes: Sequence[Write]) -> None:
        if self.breaker.state != "closed":
            self.counts.writes_dropped += len(writes)
            return
        try:
            with within(self._write_s):
                kept = await self._store.put_all(writes)
        except Exception as error:  # noqa: BLE001  boundary: the writer must outlive whatever a write does
            self.counts.writes_failed += len(writes)
            log.debug("%d writes to the cache store failed: %s", len(writes), error)
        else:
            self.counts.writes += kept
            self.counts.writes_failed += len(writes) - kept
