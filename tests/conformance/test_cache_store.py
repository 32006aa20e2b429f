"""One suite for every cache store: in memory, the embedded engine, a Qdrant server (played by a double, and a real one).

A real server is used where TURNOUT_TEST_QDRANT_URL names one (gRPC on TURNOUT_TEST_QDRANT_GRPC_PORT, 6334 by
default; its key in TURNOUT_TEST_QDRANT_API_KEY where it wants one).
"""

import asyncio
import hashlib
import itertools
import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qdrant_client import AsyncQdrantClient

from doubles.qdrant_server import QdrantDouble
from turnout_sidecar.adapters.memory_store import MemoryStore
from turnout_sidecar.adapters.qdrant_edge import QdrantEdgeStore
from turnout_sidecar.adapters.qdrant_server import QdrantServerStore
from turnout_sidecar.adapters.qdrant_settings import QdrantSettings
from turnout_sidecar.adapters.stored_entry import Reader
from turnout_sidecar.ports.clock import FakeClock
from turnout_sidecar.ports.store import (
    Backing,
    CacheStore,
    Entry,
    Partition,
    StoreAdmin,
    StoreUnavailable,
    entry_id,
    namespace_scope,
    team_scope,
    user_scope,
)

DIMENSION = 16
REAL = os.environ.get("TURNOUT_TEST_QDRANT_URL")
KEY = os.environ.get("TURNOUT_TEST_QDRANT_API_KEY")
KINDS: list[Any] = ["memory", "edge", "server-grpc", "server-http"]
if REAL:
    KINDS += [pytest.param(kind, marks=pytest.mark.qdrant) for kind in ("real-grpc", "real-http")]


class Store(CacheStore, Backing, StoreAdmin, Protocol):
    reader: Reader


class House:
    """A store, its clock, and entries that nobody else in the test run has."""

    def __init__(self, store: Store, clock: FakeClock, kind: str) -> None:
        self.store = store
        self.clock = clock
        self.kind = kind
        self.namespace = f"ns-{uuid.uuid4().hex[:8]}"
        self.numbers = itertools.count()

    def partition(self, route: str = "chat", scope: str | None = None) -> str:
        return Partition(self.namespace, route, scope or namespace_scope()).key

    @property
    def now(self) -> float:
        return self.clock.unix_ns() / 1e9

    def entry(
        self,
        partition: str,
        name: str = "a",
        *,
        context: str = "c",
        question: str = "how?",
        answer: bytes = b"so",
        ttl: float = 3600,
        age: float = 0,
    ) -> Entry:
        exact = hashlib.sha256(name.encode()).hexdigest()
        return Entry(
            id=entry_id(partition, exact),
            partition=partition,
            exact_key=exact,
            context_key=hashlib.sha256(context.encode()).hexdigest(),
            question=question,
            answer=answer,
            expires_at=self.now + ttl,
            created_at=self.now - age,
        )

    async def found(self, entry: Entry) -> Entry | None:
        return await self.store.get(entry.partition, entry.exact_key)

    async def near(self, entry: Entry, vector: np.ndarray, limit: int = 6) -> list[str]:
        """The exact keys of what a search like this finds."""
        found = await self.store.search(entry.partition, entry.context_key, vector, limit)
        return [candidate.entry.exact_key for candidate in found]


def axis(number: int, towards: int = 0, share: float = 0.0) -> np.ndarray:
    """A unit vector, leaning towards another axis."""
    vector = np.zeros(DIMENSION, np.float32)
    vector[number] = 1
    vector[towards] += share
    return vector / np.float32(np.linalg.norm(vector))


@asynccontextmanager
async def opened(kind: str, clock: FakeClock, directory: Path) -> AsyncIterator[Store]:
    if kind == "memory":
        yield MemoryStore(dimension=DIMENSION, clock=clock)
    elif kind == "edge":
        edge = QdrantEdgeStore(directory, collection="turnout_test", dimension=DIMENSION, clock=clock)
        try:
            assert await edge.start(30)
            yield edge
        finally:
            await edge.close()
    else:
        where, how = kind.split("-")
        async with QdrantDouble() as double:
            real = where == "real"
            collection = f"turnout_test_{uuid.uuid4().hex[:8]}"
            server = QdrantServerStore(
                QdrantSettings(
                    url=str(REAL) if real else double.url,
                    grpc_port=int(os.environ.get("TURNOUT_TEST_QDRANT_GRPC_PORT", "6334"))
                    if real
                    else double.grpc_port,
                    collection=collection,
                    dimension=DIMENSION,
                    prefer_grpc=how == "grpc",
                    create=True,
                ),
                clock=clock,
                token=(lambda: KEY) if real and KEY else None,
            )
            try:
                yield server
            finally:
                await server.close()
                if real:
                    await AsyncQdrantClient(url=str(REAL), api_key=KEY).delete_collection(collection)


@pytest.fixture(params=KINDS)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    clock = FakeClock(time.time_ns())
    async with opened(request.param, clock, tmp_path) as store:
        yield House(store, clock, request.param)


async def test_what_was_put_is_found_by_its_exact_key_and_is_the_same(house: House) -> None:
    entry = house.entry(house.partition(), question="what is 2+2?", answer=b"\x00\xff4")
    await house.store.put(entry, axis(1))
    found = await house.found(entry)
    assert found is not None
    assert (found.id, found.partition, found.exact_key, found.context_key, found.question, found.answer) == (
        entry.id,
        entry.partition,
        entry.exact_key,
        entry.context_key,
        entry.question,
        entry.answer,
    )
    assert found.expires_at == pytest.approx(entry.expires_at)
    assert found.created_at == pytest.approx(entry.created_at)


async def test_what_was_never_put_is_absent(house: House) -> None:
    stranger = house.entry(house.partition(), "stranger")
    assert await house.found(stranger) is None
    assert await house.near(stranger, axis(1)) == []


async def test_a_write_is_visible_within_a_second(house: House) -> None:
    entry = house.entry(house.partition())
    await house.store.put(entry, axis(1))
    deadline = time.monotonic() + 1
    while await house.near(entry, axis(1)) != [entry.exact_key]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert await house.found(entry) is not None


async def test_the_nearest_comes_first_with_its_cosine(house: House) -> None:
    partition = house.partition()
    far, near, nearest = (house.entry(partition, name) for name in ("far", "near", "nearest"))
    await house.store.put(far, axis(5))
    await house.store.put(near, axis(1, towards=2, share=0.5))
    await house.store.put(nearest, axis(1, towards=2, share=0.1))
    found = await house.store.search(partition, far.context_key, axis(1), 6)
    assert [candidate.entry.exact_key for candidate in found] == [nearest.exact_key, near.exact_key, far.exact_key]
    expected = [float(axis(1, towards=2, share=share) @ axis(1)) for share in (0.1, 0.5)] + [0.0]
    assert [candidate.score for candidate in found] == pytest.approx(expected, abs=1e-4)
    assert await house.near(far, axis(1), limit=2) == [nearest.exact_key, near.exact_key]


async def test_an_entry_without_a_vector_is_found_by_its_key_only(house: House) -> None:
    entry = house.entry(house.partition())
    await house.store.put(entry, None)
    assert await house.found(entry) is not None
    assert await house.near(entry, axis(1)) == []


async def test_writing_again_replaces_answer_and_vector(house: House) -> None:
    entry = house.entry(house.partition(), answer=b"old")
    await house.store.put(entry, axis(1))
    newer = house.entry(house.partition(), answer=b"new")
    await house.store.put(newer, axis(2))
    found = await house.store.search(entry.partition, entry.context_key, axis(2), 6)
    assert [(candidate.entry.answer, round(candidate.score, 3)) for candidate in found] == [(b"new", 1.0)]


async def test_another_context_is_never_a_candidate(house: House) -> None:
    entry = house.entry(house.partition(), "a", context="system prompt 1")
    other = house.entry(house.partition(), "b", context="system prompt 2")
    await house.store.put(entry, axis(1))
    await house.store.put(other, axis(1))
    assert await house.near(entry, axis(1)) == [entry.exact_key]
    assert await house.near(other, axis(1)) == [other.exact_key]


async def test_partitions_of_route_team_and_user_are_apart(house: House) -> None:
    partitions = [
        house.partition("chat", namespace_scope()),
        house.partition("other", namespace_scope()),
        house.partition("chat", team_scope("t")),
        house.partition("chat", user_scope("t", "u")),
        house.partition("chat", user_scope("t/u", "")),
    ]
    for number, partition in enumerate(partitions):
        await house.store.put(house.entry(partition, answer=str(number).encode()), axis(1))
    for number, partition in enumerate(partitions):
        entry = house.entry(partition)
        found = await house.found(entry)
        assert found is not None
        assert found.answer == str(number).encode()
        near = await house.store.search(partition, entry.context_key, axis(1), 6)
        assert [candidate.entry.answer for candidate in near] == [str(number).encode()]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    writes=st.lists(
        st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 3), st.integers(0, 1)), min_size=1, max_size=12
    ),
    teams=st.tuples(st.text(max_size=8), st.text(max_size=8)).filter(lambda pair: pair[0] != pair[1]),
)
async def test_no_tenant_ever_sees_what_another_wrote(
    house: House, writes: list[tuple[bool, int, int, int]], teams: tuple[str, str]
) -> None:
    run = f"run-{next(house.numbers)}"
    partitions = [house.partition(run, team_scope(team)) for team in teams]
    for second, name, direction, context in writes:
        owner = partitions[int(second)]
        await house.store.put(
            house.entry(owner, str(name), context=str(context), answer=owner.encode()), axis(direction)
        )
    for owner in partitions:
        for name in range(6):
            found = await house.found(house.entry(owner, str(name)))
            assert found is None or (found.answer, found.partition) == (owner.encode(), owner)
        for direction, context in itertools.product(range(4), range(2)):
            key = house.entry(owner, context=str(context)).context_key
            near = await house.store.search(owner, key, axis(direction), 6)
            assert {candidate.entry.answer for candidate in near} <= {owner.encode()}
    assert house.store.reader.drops.foreign == 0


async def test_an_expired_entry_is_never_served(house: House) -> None:
    entry = house.entry(house.partition(), "short", ttl=10)
    lasting = house.entry(house.partition(), "long", ttl=1000)
    for each in (entry, lasting):
        await house.store.put(each, axis(1))
    house.clock.advance(9)
    assert await house.found(entry) is not None
    house.clock.advance(1.5)
    assert await house.found(entry) is None
    assert await house.near(entry, axis(1)) == [lasting.exact_key]


async def test_a_sweep_removes_what_has_expired_and_leaves_the_rest(house: House) -> None:
    partition = house.partition()
    for number in range(300):
        await house.store.put(house.entry(partition, f"old {number}", ttl=10), axis(number % DIMENSION))
    kept = house.entry(partition, "kept", ttl=1000)
    await house.store.put(kept, axis(1))
    assert await house.store.sweep(house.now, lambda _: 1000) == 0
    assert await house.store.sweep(house.now + 11, lambda _: 1000) == 300
    assert await house.store.sweep(house.now + 11, lambda _: 1000) == 0
    assert await house.found(kept) is not None


async def test_a_sweep_removes_the_oldest_of_a_partition_over_its_limit(house: House) -> None:
    full, other, unknown = house.partition("full"), house.partition("other"), house.partition("unknown")
    entries = [house.entry(full, str(number), age=100 - number) for number in range(10)]
    for entry in reversed(entries):
        await house.store.put(entry, axis(1))
    for partition in (other, unknown):
        for number in range(5):
            await house.store.put(house.entry(partition, str(number)), None)
    limits = {full: 4, other: 5}
    assert await house.store.sweep(house.now, limits.get) == 6
    left = [await house.found(entry) is not None for entry in entries]
    assert left == [False] * 6 + [True] * 4
    assert await house.store.sweep(house.now, limits.get) == 0
    for partition in (other, unknown):
        assert await house.found(house.entry(partition, "0")) is not None


async def test_a_deleted_partition_is_gone_and_its_neighbour_is_not(house: House) -> None:
    gone, stays = house.partition("gone"), house.partition("stays")
    for number in range(5):
        for partition in (gone, stays):
            await house.store.put(house.entry(partition, str(number)), axis(1))
    assert await house.store.delete_partition(gone) == 5
    assert await house.store.delete_partition(gone) == 0
    assert await house.near(house.entry(gone), axis(1)) == []
    assert len(await house.near(house.entry(stays), axis(1))) == 5


async def test_concurrent_writes_all_arrive(house: House) -> None:
    partition = house.partition()
    entries = [house.entry(partition, str(number), answer=str(number).encode()) for number in range(64)]
    async with asyncio.TaskGroup() as group:
        for number, entry in enumerate(entries):
            group.create_task(house.store.put(entry, axis(number % DIMENSION)))
    found = await asyncio.gather(*(house.found(entry) for entry in entries))
    assert [entry.answer if entry else None for entry in found] == [entry.answer for entry in entries]


async def test_many_are_put_at_once_and_the_last_of_one_id_stays(house: House) -> None:
    partition, other = house.partition("chat"), house.partition("other")
    writes = [(house.entry(partition, str(number)), axis(number % DIMENSION)) for number in range(70)]
    writes.append((house.entry(other, "0", answer=b"elsewhere"), axis(3)))
    writes.append((house.entry(partition, "0", answer=b"newer"), axis(9)))
    plain = house.entry(partition, "plain")
    assert await house.store.put_all([*writes, (plain, None)]) >= 72
    for entry, _ in writes[1:]:
        found = await house.found(entry)
        assert found is not None
        assert found.answer == entry.answer
    assert await house.found(plain) is not None
    near = await house.store.search(other, plain.context_key, axis(3), 6)
    assert [candidate.entry.answer for candidate in near] == [b"elsewhere"]


async def test_what_cannot_be_put_does_not_keep_the_others_out(house: House) -> None:
    good, bad = house.entry(house.partition(), "good"), house.entry(house.partition(), "bad")
    wrong = np.ones(3, np.float32)
    assert await house.store.put_all([(bad, wrong), (good, axis(1))]) == 1
    assert await house.found(good) is not None
    assert await house.found(bad) is None
    assert await house.store.put_all([(bad, wrong)]) == 0
    assert await house.store.put_all([]) == 0


async def test_a_store_never_claims_to_lack_what_it_holds(house: House) -> None:
    partition = house.partition()
    one, two, never = (house.entry(partition, name) for name in ("one", "two", "never"))
    await house.store.put(one, axis(1))
    await house.store.put_all([(two, None)])
    assert [house.store.lacks(each.partition, each.exact_key) for each in (one, two)] == [False, False]
    if house.store.lacks(partition, never.exact_key):
        assert await house.found(never) is None


async def test_an_answer_of_a_megabyte_comes_back_whole(house: House) -> None:
    entry = house.entry(house.partition(), answer=os.urandom(1_000_000))
    await house.store.put(entry, axis(1))
    found = await house.found(entry)
    assert found is not None
    assert found.answer == entry.answer
    near = await house.store.search(entry.partition, entry.context_key, axis(1), 6)
    assert near[0].entry.answer == entry.answer


@pytest.mark.parametrize("text", ["Grüße, 世界 🎈", "nul \x00 byte", "", "e\u0301 combining", "\u202eright to left"])
async def test_any_unicode_comes_back_as_it_was(house: House, text: str) -> None:
    entry = house.entry(house.partition(scope=user_scope(text, text)), question=text)
    await house.store.put(entry, axis(1))
    found = await house.found(entry)
    assert found is not None
    assert (found.question, found.partition) == (text, entry.partition)


async def test_a_lone_surrogate_is_replaced_and_harms_nothing(house: House) -> None:
    entry = house.entry(house.partition(scope=team_scope("\ud800")), question="half \ud83c")
    await house.store.put(entry, axis(1))
    found = await house.found(entry)
    assert found is not None
    assert found.question == "half ?"


@pytest.mark.parametrize("vector", [np.ones(3, np.float32), np.full(DIMENSION, np.nan, np.float32)])
async def test_a_vector_of_another_length_or_no_numbers_is_refused(house: House, vector: np.ndarray) -> None:
    entry = house.entry(house.partition())
    with pytest.raises(StoreUnavailable):
        await house.store.put(entry, vector)
    with pytest.raises(StoreUnavailable):
        await house.store.search(entry.partition, entry.context_key, vector, 6)


async def test_the_embedded_engine_keeps_its_entries_over_a_restart(tmp_path: Path) -> None:
    clock = FakeClock(time.time_ns())
    async with opened("edge", clock, tmp_path) as store:
        house = House(store, clock, "edge")
        entry = house.entry(house.partition(), answer=b"kept")
        await store.put(entry, axis(1))
    async with opened("edge", clock, tmp_path) as again:
        found = await again.get(entry.partition, entry.exact_key)
        assert found is not None
        assert found.answer == b"kept"
        near = await again.search(entry.partition, entry.context_key, axis(1), 6)
        assert [candidate.entry.answer for candidate in near] == [b"kept"]
