"""Opens the store that a gateway is told to use.

The client of a Qdrant server takes a second and 80 MB to import, which a gateway with the embedded engine, or without a cache,
must not pay; so it is imported here, when it is asked for, and in a thread.
"""

import asyncio
import importlib
from pathlib import Path
from typing import Protocol

from turnout_sidecar.adapters.qdrant_edge import QdrantEdgeStore
from turnout_sidecar.adapters.qdrant_settings import QdrantSettings, Token
from turnout_sidecar.adapters.stored_entry import Reader
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.ports.store import Backing, CacheStore, StoreAdmin


class OpenStore(CacheStore, Backing, StoreAdmin, Protocol):
    """A whole store, with the counters of its second look."""

    @property
    def reader(self) -> Reader:
        """`reader.drops` says what was read and not returned."""
        ...


async def open_server(settings: QdrantSettings, *, clock: Clock, token: Token | None = None) -> OpenStore:
    """A store on a Qdrant server. Does not connect: that is done on first use."""
    module = await asyncio.to_thread(importlib.import_module, "turnout_sidecar.adapters.qdrant_server")
    store: OpenStore = module.QdrantServerStore(settings, clock=clock, token=token)
    return store


async def open_embedded(
    directory: Path, *, collection: str, dimension: int, clock: Clock, wait_s: float = 5.0
) -> OpenStore:
    """The embedded engine over `directory` / `collection`, waited for at most so long; later it opens behind the scenes."""
    store = QdrantEdgeStore(directory, collection=collection, dimension=dimension, clock=clock)
    await store.start(wait_s)
    return store
