"""Sweeps a store again and again, in the background, at a pace.

Rules: replicas do not sweep in step (each waits a random share more); a sweep that fails is counted and the next one comes at its
time; the limits are asked for at each sweep, so that an edited CachePolicy holds from the next one on.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from turnout_sidecar.ports.clock import Clock, Dice
from turnout_sidecar.ports.store import EntryLimit, Partition, StoreAdmin, StoreUnavailable

log = logging.getLogger("turnout.cache")

EVERY_S = 60.0
SPREAD = 0.25


def limits_by_route(limits: Mapping[str, int]) -> EntryLimit:
    """The limit of a partition is that of its route; partitions of routes that are not named are left alone."""

    def limit(key: str) -> int | None:
        partition = Partition.parse(key)
        return None if partition is None else limits.get(partition.route)

    return limit


class Sweeper:
    """One for a store."""

    def __init__(
        self, store: StoreAdmin, max_entries: EntryLimit, *, clock: Clock, dice: Dice, every_s: float = EVERY_S
    ) -> None:
        self._store = store
        self._max_entries = max_entries
        self._clock = clock
        self._dice = dice
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None
        self.sweeps = 0
        self.failures = 0
        self.removed = 0

    def start(self) -> None:
        """Begin; the first sweep comes after one pause."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="cache-sweeper")

    async def close(self) -> None:
        """Stop."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def sweep(self) -> int:
        """One sweep, now; how many entries went. Never raises but when cancelled."""
        try:
            gone = await self._store.sweep(self._clock.unix_ns() / 1e9, self._max_entries)
        except StoreUnavailable as error:
            self.failures += 1
            log.debug("the cache store cannot be swept now: %s", error)
            return 0
        self.sweeps += 1
        self.removed += gone
        return gone

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s * (1 + SPREAD * self._dice.random()))
            await self.sweep()
