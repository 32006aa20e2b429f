"""Which store a gateway uses, chosen again whenever its configuration or credentials change.

A Qdrant of the namespace's own (named by its ModelGateway) comes first, then the shared one that the operator gave a token for,
else the embedded engine below the state folder. Where no route has a cache there is no store at all, and no engine runs.

Rules: this is a CacheStore that never raises anything but StoreUnavailable; a change makes the new store beside the old one and
then swaps, so no look-up waits for it; the old one is closed afterwards; secrets are asked for at each connection, never kept.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
import numpy as np

from turnout_contract.protocol import Credentials
from turnout_contract.snapshot.model import SecretFile, Snapshot
from turnout_contract.vector_collection import collection_name
from turnout_sidecar.adapters.guarded_store import GuardedStore, StoreCounts
from turnout_sidecar.adapters.qdrant_settings import Authorities, QdrantSettings, Token
from turnout_sidecar.adapters.store_opening import OpenStore, open_embedded, open_server
from turnout_sidecar.adapters.sweeper import Sweeper, limits_by_route
from turnout_sidecar.ports.clock import Clock, Dice
from turnout_sidecar.ports.secrets import Secrets
from turnout_sidecar.ports.store import Candidate, Entry, StoreUnavailable

log = logging.getLogger("turnout.cache")

QDRANT_HTTP_PORT = 6333


class Choice(msgspec.Struct, frozen=True):
    """What to use. Equal choices are the same store."""

    kind: Literal["none", "embedded", "own", "shared"]
    url: str = ""
    collection: str = ""
    key: SecretFile | None = None
    ca: SecretFile | None = None
    shards: int = 1
    replicas: int = 1


class _Live(msgspec.Struct):
    choice: Choice
    store: OpenStore
    guarded: GuardedStore
    sweeper: Sweeper


class StoreChoice:
    """The store of one gateway. `configure` and `credentials` are called inside the event loop."""

    def __init__(
        self, *, namespace: str, embedder: str, dimension: int, state: Path, secrets: Secrets, clock: Clock, dice: Dice
    ) -> None:
        self._namespace = namespace
        self._collection = collection_name(namespace, embedder, dimension)
        self._dimension = dimension
        self._state = state
        self._secrets = secrets
        self._clock = clock
        self._dice = dice
        self._live: _Live | None = None
        self._wanted = Choice("none")
        self._snapshot: Snapshot | None = None
        self._credentials: Credentials | None = None
        self._limits: dict[str, int] = {}
        self._changing: asyncio.Task[None] | None = None
        self._none = StoreCounts()

    @property
    def counts(self) -> StoreCounts:
        """What the present store has been asked for."""
        return self._none if self._live is None else self._live.guarded.counts

    @property
    def open(self) -> bool:
        """Whether the breaker keeps callers away from the store."""
        return self._live is not None and self._live.guarded.breaker.state != "closed"

    def configure(self, snapshot: Snapshot) -> None:
        """Another snapshot is live."""
        self._snapshot = snapshot
        limits = {
            route.name: max(rule.cache.max_entries for rule in route.rules if rule.cache is not None)
            for route in snapshot.routes
            if any(rule.cache is not None for rule in route.rules)
        }
        self._limits.clear()  # the sweeper looks into this very map
        self._limits.update(limits)
        self._choose()

    def credentials(self, message: Credentials) -> None:
        """The operator gave a (new) token for the shared store."""
        self._credentials = message
        self._choose()

    def get(self, partition: str, exact_key: str) -> Coroutine[Any, Any, Entry | None]:
        """See CacheStore. Like the two below, it hands on the store's own coroutine: a call has enough of them."""
        return self._store().get(partition, exact_key)

    def search(
        self, partition: str, context_key: str, vector: Sequence[float] | np.ndarray, limit: int
    ) -> Coroutine[Any, Any, list[Candidate]]:
        """See CacheStore."""
        return self._store().search(partition, context_key, vector, limit)

    def put(self, entry: Entry, vector: np.ndarray | None) -> Coroutine[Any, Any, None]:
        """See CacheStore. Never waits."""
        return self._store().put(entry, vector)

    async def settled(self) -> None:
        """Wait until the store that is wanted is the one in use."""
        if self._changing is not None:
            await self._changing

    async def close(self) -> None:
        """Write what waits, for a bounded time, and let go of everything."""
        self._wanted = Choice("none")
        if self._changing is not None:
            await self._changing
        live, self._live = self._live, None
        if live is not None:
            await _close(live)

    def _store(self) -> GuardedStore:
        if self._live is None:
            raise StoreUnavailable("failed", "no store is open")
        return self._live.guarded

    def _choose(self) -> None:
        self._wanted = self._choice()
        current = self._live.choice if self._live is not None else Choice("none")
        if self._wanted != current and self._changing is None:
            self._changing = asyncio.get_running_loop().create_task(self._change(), name="cache-store-change")

    def _choice(self) -> Choice:
        snapshot = self._snapshot
        if snapshot is None or not self._limits:
            return Choice("none")
        own = snapshot.gateway.qdrant
        if own is not None:
            return Choice("own", own.url, self._collection, own.api_key, own.ca, own.shards, own.replicas)
        if self._credentials is not None:
            return Choice("shared", self._credentials.qdrant_url, self._credentials.collection)
        if snapshot.gateway.shared_qdrant:  # no token yet: the cache is bypassed until there is one
            return Choice("none")
        return Choice("embedded", "", self._collection)

    async def _change(self) -> None:
        """Until what is in use is what is wanted: choices that come meanwhile are followed too."""
        try:
            while (wanted := self._wanted) != (self._live.choice if self._live is not None else Choice("none")):
                fresh = None if wanted.kind == "none" else await self._opened(wanted)
                old, self._live = self._live, fresh
                log.info("the cache store is now: %s %s", wanted.kind, wanted.url)
                if old is not None:
                    await _close(old)
        finally:
            self._changing = None

    async def _opened(self, choice: Choice) -> _Live:
        if choice.kind == "embedded":
            store = await open_embedded(
                self._state, collection=choice.collection, dimension=self._dimension, clock=self._clock
            )
        else:
            store = await open_server(self._settings(choice), clock=self._clock, token=self._token(choice))
        guarded = GuardedStore(store, clock=self._clock)
        await guarded.start()
        sweeper = Sweeper(store, limits_by_route(self._limits), clock=self._clock, dice=self._dice)
        sweeper.start()
        return _Live(choice, store, guarded, sweeper)

    def _settings(self, choice: Choice) -> QdrantSettings:
        # gRPC is far cheaper, but it has a port of its own: it is used where the server has its usual ports
        return QdrantSettings(
            url=choice.url,
            collection=choice.collection,
            dimension=self._dimension,
            prefer_grpc=urlsplit(choice.url).port in (None, QDRANT_HTTP_PORT),
            create=choice.kind == "own",
            authorities=None if choice.ca is None else self._reader(choice.ca),
            shard_number=choice.shards,
            replication_factor=choice.replicas,
        )

    def _reader(self, file: SecretFile) -> Authorities:
        def read() -> bytes | None:
            secret = self._secrets.read(file)
            return None if secret is None else secret.reveal()

        return read

    def _token(self, choice: Choice) -> Token | None:
        if choice.kind == "own" and choice.key is None:
            return None

        def token() -> str | None:
            if choice.key is None:
                return None if self._credentials is None else self._credentials.qdrant_token
            secret = self._secrets.read(choice.key)
            return None if secret is None else secret.reveal().decode("utf-8", "replace")

        return token


async def _close(live: _Live) -> None:
    await live.sweeper.close()
    await live.guarded.close()
    with contextlib.suppress(StoreUnavailable):
        await live.store.close()
