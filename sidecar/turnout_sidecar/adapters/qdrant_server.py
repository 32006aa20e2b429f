"""A Qdrant server as a store: what all replicas of a namespace's gateway share.

Rules: every failure of server or network becomes StoreUnavailable, here; the token is asked for on every call, so that a rotated
key or token needs no restart, and is never part of an error; a collection is made only where the settings allow it (a server of
the namespace's own), else it is the operator's; an upsert waits, so that it can be read when it returns.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import numpy as np
from qdrant_client import models

from turnout_contract.vector_collection import TENANT_FIELD
from turnout_sidecar.adapters import qdrant_collection, qdrant_filter, sweeping
from turnout_sidecar.adapters.qdrant_connection import Connection
from turnout_sidecar.adapters.qdrant_faults import as_unavailable, is_missing
from turnout_sidecar.adapters.qdrant_settings import QdrantSettings, Token
from turnout_sidecar.adapters.qdrant_wire import GrpcWire, HttpWire, Point, Wire
from turnout_sidecar.adapters.stored_entry import Reader, as_row, from_payload, to_payload
from turnout_sidecar.adapters.sweeping import Selection
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.ports.store import Candidate, Entry, EntryLimit, StoreUnavailable, Write, entry_id

T = TypeVar("T")


class QdrantServerStore:
    """CacheStore and StoreAdmin over one collection. `token` gives the API key or JWT of now; None: there is none yet."""

    def __init__(self, settings: QdrantSettings, *, clock: Clock, token: Token | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._token = token
        self._connection = Connection(settings, clock=clock, token=token)
        self._making: asyncio.Task[None] | None = None
        self.reader = Reader()

    async def get(self, partition: str, exact_key: str) -> Entry | None:
        """See CacheStore."""
        point = entry_id(partition, exact_key)
        payload = await self._run(lambda: self._wire().fetch(point))
        if payload is None:
            return None
        found = from_payload(point, payload)
        return self.reader.exact(found, partition=partition, exact_key=exact_key, now=self._now())

    async def search(
        self, partition: str, context_key: str, vector: Sequence[float] | np.ndarray, limit: int
    ) -> list[Candidate]:
        """See CacheStore."""
        row, now = as_row(vector, self._settings.dimension), self._now()
        where = qdrant_filter.live(partition, context_key, now)
        points = await self._run(lambda: self._wire().nearest(where, row, limit))
        found = ((from_payload(point, payload), score) for point, score, payload in points)
        return self.reader.near(found, partition=partition, context_key=context_key, now=now)

    async def put(self, entry: Entry, vector: np.ndarray | None) -> None:
        """See CacheStore."""
        points = [self._point(entry, vector)]
        await self._run(lambda: self._wire().upsert(points))

    def lacks(self, partition: str, exact_key: str) -> bool:  # noqa: ARG002
        """See Backing. Other replicas write too, so it never is known."""
        return False

    async def put_all(self, writes: Sequence[Write]) -> int:
        """See Backing."""
        points: dict[str, Point] = {}
        for entry, vector in writes:
            with contextlib.suppress(StoreUnavailable):
                points[entry.id] = self._point(entry, vector)
        kept = [*points.values()]
        if kept:
            await self._run(lambda: self._wire().upsert(kept))
        return len(kept)

    async def partition_counts(self, limit: int) -> list[tuple[str, int]]:
        """See Sweepable."""
        name = self._settings.collection
        reply = await self._run(lambda: self._connection.client().facet(name, TENANT_FIELD, limit=limit, exact=True))
        return [(str(hit.value), hit.count) for hit in reply.hits]

    async def pick(self, selection: Selection, limit: int) -> list[str]:
        """See Sweepable."""
        where = qdrant_filter.as_model(qdrant_filter.selected(selection))
        order = (
            None if selection.partition is None else models.OrderBy(key="created_at", direction=models.Direction.ASC)
        )
        records, _ = await self._run(
            lambda: self._connection.client().scroll(
                self._settings.collection, where, limit=limit, order_by=order, with_payload=False, with_vectors=False
            )
        )
        return [str(record.id) for record in records]

    async def remove(self, ids: list[str]) -> None:
        """See Sweepable."""
        chosen = models.PointIdsList(points=[*ids])
        await self._run(lambda: self._connection.client().delete(self._settings.collection, chosen, wait=True))

    async def delete_partition(self, partition: str) -> int:
        """See StoreAdmin."""
        return await sweeping.delete_partition(self, partition)

    async def sweep(self, now: float, max_entries: EntryLimit) -> int:
        """See StoreAdmin."""
        return await sweeping.sweep(self, now, max_entries)

    async def close(self) -> None:
        """Close the connections."""
        if self._making is not None:
            self._making.cancel()
            self._making = None
        await self._connection.close()

    def _point(self, entry: Entry, vector: np.ndarray | None) -> Point:
        return entry.id, to_payload(entry), None if vector is None else as_row(vector, self._settings.dimension)

    def _now(self) -> float:
        return self._clock.unix_ns() / 1e9

    def _wire(self) -> Wire:
        settings = self._settings
        client = self._connection.client()
        if settings.prefer_grpc:
            return GrpcWire(client, settings.collection, settings.timeout_s)
        return HttpWire(client, settings.collection)

    async def _run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Carry out one call; whatever goes wrong is StoreUnavailable."""
        token = self._token() if self._token is not None else ""
        if token is None:
            raise StoreUnavailable("credentials", "there is no token for the store yet")
        try:
            if self._settings.create:
                await self._made()
            return await call()
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  boundary: two transports, each with its own families of errors
            if is_missing(error):
                self._making = None
            raise as_unavailable(error, token) from None

    async def _made(self) -> None:
        """The collection is there. One task makes it, whoever asks and whoever stops waiting."""
        task = self._making
        if task is not None and task.done():
            if not task.cancelled() and task.exception() is None:
                return
            task = None
        if task is None:
            task = self._making = asyncio.create_task(self._make(), name="make-collection")
            task.add_done_callback(_look_at)
        await asyncio.shield(task)

    async def _make(self) -> None:
        settings = self._settings
        await qdrant_collection.ensure(
            self._connection.client(),
            settings.collection,
            dimension=settings.dimension,
            shard_number=settings.shard_number,
            replication_factor=settings.replication_factor,
        )


def _look_at(task: asyncio.Task[None]) -> None:
    """Every waiter may have left before it failed; the error is told to the next one by another try."""
    if not task.cancelled():
        task.exception()
