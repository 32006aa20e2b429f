"""A Qdrant of the namespace's own: all that its ModelGateway says of it counts where the gateway meets it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from doubles.certificates import issue
from doubles.qdrant_server import QdrantDouble
from turnout_contract.snapshot import model as snapshot
from turnout_sidecar.adapters.store_choice import StoreChoice
from turnout_sidecar.ports.clock import FakeClock, system_dice
from turnout_sidecar.ports.secrets import HeldSecrets
from turnout_sidecar.ports.store import Entry, StoreUnavailable, entry_id
from turnout_sidecar.runtime import Runtime

DIMENSION = 4
VECTOR = np.ones(DIMENSION, np.float32)
KEY, CA = snapshot.SecretFile("qdrant", "api-key"), snapshot.SecretFile("qdrant-tls", "ca.crt")


def wanting(server: snapshot.QdrantServer) -> snapshot.Snapshot:
    cache = snapshot.Cache(
        policy="all", ttl_ms=60_000, scope="Team", semantic=False, max_temperature=1.0, max_entries=10
    )
    rule = snapshot.Rule("all", (), "Weighted", (), cache=cache, closed="no backend")
    route = snapshot.Route("a", ("a",), "Public", "Internal", (rule,))
    return snapshot.Snapshot("team", snapshot.Gateway(qdrant=server), routes=(route,))


def entry() -> Entry:
    return Entry(entry_id("p", "a"), "p", "a", "c", "?", b"a", time.time() + 3600, time.time())


async def until(what: str, probe: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not probe():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


@asynccontextmanager
async def choosing(server: snapshot.QdrantServer, secrets: HeldSecrets, state: Path) -> AsyncIterator[StoreChoice]:
    clock = FakeClock(time.time_ns())
    choice = StoreChoice(
        namespace="team",
        embedder="test",
        dimension=DIMENSION,
        state=state,
        secrets=secrets,
        clock=clock,
        dice=system_dice(),
    )
    choice.configure(wanting(server))
    await choice.settled()
    try:
        yield choice
    finally:
        await choice.close()


async def test_its_authority_key_shards_and_replicas_count(tmp_path: Path) -> None:
    authority, key, chain = issue(tmp_path / "good")
    secrets = HeldSecrets({"qdrant": {"api-key": b"k"}, "qdrant-tls": {"ca.crt": authority.read_bytes()}})
    async with QdrantDouble((key, chain)) as double:
        double.engine.token = "k"
        server = snapshot.QdrantServer(double.url, KEY, CA, shards=3, replicas=2)
        async with choosing(server, secrets, tmp_path) as choice:
            await choice.put(entry(), VECTOR)
            await until("the entry is there", lambda: any(one.points for one in double.engine.collections.values()))
        (made,) = double.engine.collections.values()
        assert (made.settings["shard_number"], made.settings["replication_factor"]) == (3, 2)


async def test_without_its_authority_there_is_no_cache_rather_than_another_trust(tmp_path: Path) -> None:
    _, key, chain = issue(tmp_path / "good")
    async with QdrantDouble((key, chain)) as double:
        server = snapshot.QdrantServer(double.url, None, CA)
        async with choosing(server, HeldSecrets(), tmp_path) as choice:
            with pytest.raises(StoreUnavailable):
                await choice.get("p", "a")
        assert double.engine.collections == {}


def test_files_that_are_not_there_are_reported_as_missing() -> None:
    wanted = wanting(snapshot.QdrantServer("https://qdrant", KEY, CA))
    assert Runtime.build(wanted, "v", HeldSecrets()).missing == (CA.path, KEY.path)
    there = HeldSecrets({"qdrant": {"api-key": b"k"}, "qdrant-tls": {"ca.crt": b"pem"}})
    assert Runtime.build(wanted, "v", there).missing == ()
