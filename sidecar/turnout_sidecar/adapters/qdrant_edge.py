"""The embedded Qdrant engine as a store: for the standalone gateway, one machine, no server.

The engine runs in a process of its own (`edge_process`), since it holds the interpreter while it works; this is its client.
Rules: what the engine holds is known here too (`edge_known`), so that a guard need not ask for the rest; nothing is waited for
longer than the limits below; the engine's filter is not trusted (`stored_entry.Reader`); entries survive a restart of gateway
and engine.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from turnout_sidecar.adapters import edge_protocol as protocol
from turnout_sidecar.adapters import sweeping
from turnout_sidecar.adapters.edge_child import EdgeChild
from turnout_sidecar.adapters.edge_payload import pack, unpack
from turnout_sidecar.adapters.stored_entry import Reader, as_row
from turnout_sidecar.adapters.sweeping import Selection
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.ports.store import Candidate, Entry, EntryLimit, StoreUnavailable, Write, entry_id

READ_LIMIT = 0.25
WRITE_LIMIT = 10.0
HOUSEKEEPING_LIMIT = 60.0

T = TypeVar("T")

_PAYLOAD: msgspec.msgpack.Decoder[dict[str, Any] | None] = msgspec.msgpack.Decoder(dict[str, Any] | None)
_FOUND: msgspec.msgpack.Decoder[list[tuple[str, float, Any]]] = msgspec.msgpack.Decoder(list[tuple[str, float, Any]])
_COUNTS: msgspec.msgpack.Decoder[list[tuple[str, int]]] = msgspec.msgpack.Decoder(list[tuple[str, int]])
_IDS: msgspec.msgpack.Decoder[list[str]] = msgspec.msgpack.Decoder(list[str])


class QdrantEdgeStore:
    """CacheStore and StoreAdmin over one folder: `directory` / `collection`."""

    def __init__(self, directory: Path, *, collection: str, dimension: int, clock: Clock) -> None:
        self._dimension = dimension
        self._clock = clock
        self.child = EdgeChild(directory / collection, dimension)
        self.reader = Reader()

    async def start(self, wait: float = 5.0) -> bool:
        """Start the engine; whether it was open after so many seconds at most. Until it is, look-ups are unavailable."""
        return await self.child.start(wait)

    async def get(self, partition: str, exact_key: str) -> Entry | None:
        """See CacheStore."""
        point = entry_id(partition, exact_key)
        deadline = self._deadline()
        value = await self.child.call(lambda number: protocol.Get(number, deadline, point), READ_LIMIT)
        payload = _decode(_PAYLOAD, value)
        if payload is None:
            return None
        found = unpack(point, payload)
        return self.reader.exact(found, partition=partition, exact_key=exact_key, now=self._now())

    async def search(
        self, partition: str, context_key: str, vector: Sequence[float] | np.ndarray, limit: int
    ) -> list[Candidate]:
        """See CacheStore."""
        data = as_row(vector, self._dimension).tobytes()
        now, deadline = self._now(), self._deadline()
        value = await self.child.call(
            lambda number: protocol.Search(number, deadline, partition, context_key, now, data, limit), READ_LIMIT
        )
        found = ((_entry(point, payload), score) for point, score, payload in _decode(_FOUND, value))
        return self.reader.near(found, partition=partition, context_key=context_key, now=now)

    async def put(self, entry: Entry, vector: np.ndarray | None) -> None:
        """See CacheStore."""
        await self._put([self._point(entry, vector)])

    def lacks(self, partition: str, exact_key: str) -> bool:
        """See Backing."""
        return self.child.open and self.child.known.lacks(entry_id(partition, exact_key))

    async def put_all(self, writes: Sequence[Write]) -> int:
        """See Backing."""
        points: dict[str, protocol.Point] = {}
        for entry, vector in writes:
            with contextlib.suppress(StoreUnavailable):
                points[entry.id] = self._point(entry, vector)
        if points:
            await self._put([*points.values()])
        return len(points)

    async def partition_counts(self, limit: int) -> list[tuple[str, int]]:
        """See Sweepable."""
        value = await self.child.call(lambda number: protocol.Counts(number, limit), HOUSEKEEPING_LIMIT)
        return _decode(_COUNTS, value)

    async def pick(self, selection: Selection, limit: int) -> list[str]:
        """See Sweepable."""
        value = await self.child.call(
            lambda number: protocol.Pick(number, selection.partition, selection.expired_at, limit), HOUSEKEEPING_LIMIT
        )
        return _decode(_IDS, value)

    async def remove(self, ids: list[str]) -> None:
        """See Sweepable."""
        self.child.known.discard(ids)
        try:
            await self.child.call(lambda number: protocol.Remove(number, ids), HOUSEKEEPING_LIMIT)
        except BaseException:  # boundary: whatever happened, they may still be there
            self.child.known.add(ids)
            raise

    async def delete_partition(self, partition: str) -> int:
        """See StoreAdmin."""
        return await sweeping.delete_partition(self, partition)

    async def sweep(self, now: float, max_entries: EntryLimit) -> int:
        """See StoreAdmin. Also writes to disk, and gives back the space of what was removed where that pays."""
        removed = await sweeping.sweep(self, now, max_entries)
        await self.child.call(protocol.Tidy, HOUSEKEEPING_LIMIT)
        return removed

    async def close(self) -> None:
        """Write everything and end the engine's process."""
        await self.child.close()

    def _point(self, entry: Entry, vector: np.ndarray | None) -> protocol.Point:
        data = b"" if vector is None else as_row(vector, self._dimension).tobytes()
        return protocol.Point(entry.id, pack(entry, searchable=bool(data)), data)

    async def _put(self, points: list[protocol.Point]) -> None:
        self.child.known.add(point.id for point in points)
        await self.child.call(lambda number: protocol.Put(number, points), WRITE_LIMIT)

    def _now(self) -> float:
        return self._clock.unix_ns() / 1e9

    @staticmethod
    def _deadline() -> float:
        return protocol.monotonic() + READ_LIMIT


def _entry(point: str, payload: object) -> Entry | None:
    return unpack(point, payload) if isinstance(payload, dict) else None


def _decode(decoder: msgspec.msgpack.Decoder[T], value: msgspec.Raw) -> T:
    try:
        return decoder.decode(value)
    except msgspec.DecodeError as error:
        raise StoreUnavailable("failed", f"the engine's answer cannot be read: {error}") from error
