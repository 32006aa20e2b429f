"""The store that ships beside the real ones: dictionaries and a matrix product.

For tests, and as the plainest statement of what every other adapter must do. Rules: the same payloads as the engines keep, the
same second look, the same sweep; nothing survives the process.
"""

import contextlib
from collections.abc import Sequence

import numpy as np

from turnout_sidecar.adapters import sweeping
from turnout_sidecar.adapters.stored_entry import Reader, as_row, from_payload, to_payload
from turnout_sidecar.adapters.sweeping import Selection
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.ports.store import Candidate, Entry, EntryLimit, StoreUnavailable, Write, entry_id


class _Point:
    __slots__ = ("payload", "vector")

    def __init__(self, payload: dict[str, str | float], vector: np.ndarray | None) -> None:
        self.payload = payload
        self.vector = vector


class MemoryStore:
    """CacheStore and StoreAdmin in this process. `dimension` is that of its vectors."""

    def __init__(self, *, dimension: int, clock: Clock) -> None:
        self._dimension = dimension
        self._clock = clock
        self._points: dict[str, _Point] = {}
        self.reader = Reader()

    def _now(self) -> float:
        return self._clock.unix_ns() / 1e9

    def _vector(self, vector: Sequence[float] | np.ndarray) -> np.ndarray:
        row = as_row(vector, self._dimension)
        return row / max(float(np.linalg.norm(row)), 1e-12)

    async def get(self, partition: str, exact_key: str) -> Entry | None:
        """See CacheStore."""
        point_id = entry_id(partition, exact_key)
        point = self._points.get(point_id)
        if point is None:
            return None
        found = from_payload(point_id, point.payload)
        return self.reader.exact(found, partition=partition, exact_key=exact_key, now=self._now())

    async def search(
        self, partition: str, context_key: str, vector: Sequence[float] | np.ndarray, limit: int
    ) -> list[Candidate]:
        """See CacheStore."""
        wanted = self._vector(vector)
        now = self._now()
        scored = [
            (float(point.vector @ wanted), point_id, point)
            for point_id, point in self._points.items()
            if point.vector is not None and self._matches(point, partition, context_key, now)
        ]
        scored.sort(key=lambda item: -item[0])
        found = ((from_payload(point_id, point.payload), score) for score, point_id, point in scored[:limit])
        return self.reader.near(found, partition=partition, context_key=context_key, now=now)

    @staticmethod
    def _matches(point: _Point, partition: str, context_key: str, now: float) -> bool:
        payload = point.payload
        return (
            payload["partition"] == partition
            and payload["context_key"] == context_key
            and float(payload["expires_at"]) > now
        )

    async def put(self, entry: Entry, vector: np.ndarray | None) -> None:
        """See CacheStore."""
        self._points[entry.id] = _Point(to_payload(entry), None if vector is None else self._vector(vector))

    def lacks(self, partition: str, exact_key: str) -> bool:
        """See Backing."""
        return entry_id(partition, exact_key) not in self._points

    async def put_all(self, writes: Sequence[Write]) -> int:
        """See Backing."""
        kept = 0
        for entry, vector in writes:
            with contextlib.suppress(StoreUnavailable):
                await self.put(entry, vector)
                kept += 1
        return kept

    async def partition_counts(self, limit: int) -> list[tuple[str, int]]:
        """See Sweepable."""
        counts: dict[str, int] = {}
        for point in self._points.values():
            key = str(point.payload["partition"])
            counts[key] = counts.get(key, 0) + 1
        return sorted(counts.items(), key=lambda item: -item[1])[:limit]

    async def pick(self, selection: Selection, limit: int) -> list[str]:
        """See Sweepable."""
        at = selection.expired_at
        chosen = [
            (float(point.payload["created_at"]), point_id)
            for point_id, point in self._points.items()
            if (at is None or float(point.payload["expires_at"]) <= at)
            and (selection.partition is None or point.payload["partition"] == selection.partition)
        ]
        return [point_id for _, point_id in sorted(chosen)[:limit]]

    async def remove(self, ids: list[str]) -> None:
        """See Sweepable."""
        for point_id in ids:
            self._points.pop(point_id, None)

    async def delete_partition(self, partition: str) -> int:
        """See StoreAdmin."""
        return await sweeping.delete_partition(self, partition)

    async def sweep(self, now: float, max_entries: EntryLimit) -> int:
        """See StoreAdmin."""
        return await sweeping.sweep(self, now, max_entries)

    async def close(self) -> None:
        """Forget everything."""
        self._points.clear()
