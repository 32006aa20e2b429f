"""How a store is kept small: expired entries go, then the oldest of each partition that holds too many.

The same procedure for every engine, over three primitives that each engine has: count by partition, pick a few ids, remove
ids. Rules: a sweep does a bounded amount of work (`BATCHES` picks of `BATCH` ids), so that it never holds an engine for long;
it is idempotent, so that every replica of a gateway may sweep the same collection; the count is per partition key, that is
per route and scope, which is what `maxEntries` of a CachePolicy means.
"""

from typing import Protocol

import msgspec

from turnout_sidecar.ports.store import EntryLimit

BATCH = 256
BATCHES = 64
PARTITIONS = 10_000


class Selection(msgspec.Struct, frozen=True):
    """Which entries: of a partition (oldest first), or expired at a time (any order). Exactly one is set."""

    partition: str | None = None
    expired_at: float | None = None


class Sweepable(Protocol):
    """What an engine can do for its own housekeeping. Raises StoreUnavailable."""

    async def partition_counts(self, limit: int) -> list[tuple[str, int]]:
        """Partition keys and how many entries each holds (about), the largest `limit` ones."""
        ...

    async def pick(self, selection: Selection, limit: int) -> list[str]:
        """Ids of at most `limit` entries; those of a partition oldest first."""
        ...

    async def remove(self, ids: list[str]) -> None:
        """Remove these; an id that is not there is no error."""
        ...


async def sweep(store: Sweepable, now: float, max_entries: EntryLimit) -> int:
    """Expired ones first, then what is over the limits; the number removed. See StoreAdmin.sweep."""
    batches = BATCHES
    removed, batches = await _remove(store, Selection(expired_at=now), None, batches)
    for partition, count in await store.partition_counts(PARTITIONS):
        limit = max_entries(partition)
        if limit is None or count <= limit:
            continue
        gone, batches = await _remove(store, Selection(partition=partition), count - limit, batches)
        removed += gone
        if batches <= 0:
            break
    return removed


async def delete_partition(store: Sweepable, partition: str) -> int:
    """Every entry of the partition; the number removed."""
    removed = 0
    while ids := await store.pick(Selection(partition=partition), BATCH):
        await store.remove(ids)
        removed += len(ids)
    return removed


async def _remove(store: Sweepable, selection: Selection, most: int | None, batches: int) -> tuple[int, int]:
    """Remove up to `most` (None: all) in at most `batches` steps; how many, and the steps that are left."""
    removed = 0
    while batches > 0 and (most is None or removed < most):
        size = BATCH if most is None else min(BATCH, most - removed)
        ids = await store.pick(selection, size)
        if not ids:
            break
        await store.remove(ids)
        removed += len(ids)
        batches -= 1
        if len(ids) < size:
            break
    return removed, batches
