"""What the gateway knows of the embedded engine's entries: never less than there is."""

import asyncio
import os
import signal
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_sidecar.adapters import edge_protocol as protocol
from turnout_sidecar.adapters.edge_known import Known, packed
from turnout_sidecar.adapters.guarded_store import GuardedStore
from turnout_sidecar.adapters.qdrant_edge import QdrantEdgeStore
from turnout_sidecar.ports.clock import FakeClock
from turnout_sidecar.ports.store import Entry, StoreUnavailable, entry_id

VECTOR = np.ones(4, np.float32)
STEPS = st.lists(st.tuples(st.sampled_from(["add", "discard"]), st.lists(st.integers(0, 9))), max_size=20)


def point(number: int) -> str:
    return entry_id("p", str(number))


def ids(*numbers: int) -> bytes:
    return packed(uuid.UUID(point(number)) for number in numbers)


def test_nothing_is_known_before_the_engine_has_told() -> None:
    known = Known()
    known.add([point(1)])
    assert not known.lacks(point(1))
    assert not known.lacks(point(2))


def test_what_the_engine_told_was_written_or_removed_is_known() -> None:
    known = Known()
    known.learn(ids(1, 2))
    known.add([point(3)])
    known.discard([point(2), point(9)])
    assert [known.lacks(point(number)) for number in range(4)] == [True, False, True, False]


def test_an_engine_that_opens_anew_is_believed_and_what_was_known_is_forgotten() -> None:
    known = Known()
    known.learn(ids(1))
    known.learn(ids(2))
    assert [known.lacks(point(number)) for number in (1, 2)] == [True, False]
    known.learn(None)
    assert not known.lacks(point(1))


def test_too_many_are_not_remembered_and_then_all_is_asked_for() -> None:
    known = Known(most=3)
    known.learn(ids(1, 2, 3))
    assert known.lacks(point(4))
    known.add([point(4)])
    assert not known.lacks(point(5))
    known.learn(ids(1, 2, 3, 4))
    assert not known.lacks(point(5))


@given(first=st.sets(st.integers(0, 9)), steps=STEPS)
def test_it_agrees_with_a_plain_set(first: set[int], steps: list[tuple[str, list[int]]]) -> None:
    known, model = Known(), set(first)
    known.learn(ids(*first))
    for what, numbers in steps:
        if what == "add":
            known.add(map(point, numbers))
            model.update(numbers)
        else:
            known.discard(map(point, numbers))
            model.difference_update(numbers)
        assert [known.lacks(point(number)) for number in range(10)] == [number not in model for number in range(10)]


def entry(number: int, *, partition: str = "p", ttl: float = 3600, age: float = 0) -> Entry:
    now = time.time()
    key = str(number)
    return Entry(entry_id(partition, key), partition, key, "c", "?", b"a", now + ttl, now - age)


class House:
    """An engine over a folder, as often as it is opened."""

    def __init__(self, directory: Path) -> None:
        self.clock = FakeClock(time.time_ns())
        self.store = QdrantEdgeStore(directory, collection="c", dimension=4, clock=self.clock)

    async def __aenter__(self) -> QdrantEdgeStore:
        assert await self.store.start(30)
        return self.store

    async def __aexit__(self, *_: object) -> None:
        await self.store.close()


def tell(store: QdrantEdgeStore, number: int) -> None:
    assert store.child.pid is not None
    os.kill(store.child.pid, number)


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_what_an_engine_holds_is_known_after_a_restart_of_the_gateway(tmp_path: Path) -> None:
    async with House(tmp_path) as store:
        await store.put_all([(entry(number), None) for number in range(50)])
        await store.remove([entry(7).id])
    async with House(tmp_path) as again:
        assert [number for number in range(60) if again.lacks("p", str(number))] == [7, *range(50, 60)]
        assert again.lacks("q", "1")
        assert await again.get("p", "1") is not None


async def test_what_an_engine_holds_is_known_after_it_was_killed(tmp_path: Path) -> None:
    async with House(tmp_path) as store:
        await store.put_all([(entry(number), VECTOR) for number in range(5)])
        tell(store, signal.SIGKILL)
        await until(lambda: store.child.restarts == 1)
        assert not store.lacks("p", "9")  # nobody can tell while it is away
        assert await store.child.start(30)
        assert [store.lacks("p", str(number)) for number in range(6)] == [False] * 5 + [True]


async def test_what_was_swept_is_known_to_be_gone_and_can_come_again(tmp_path: Path) -> None:
    async with House(tmp_path) as store:
        await store.put(entry(1, ttl=1), None)
        await store.put_all([(entry(number, age=100 - number), None) for number in (2, 3, 4)])
        assert await store.sweep(time.time() + 2, lambda _: 2) == 2
        assert [store.lacks("p", str(number)) for number in range(1, 5)] == [True, True, False, False]
        assert await store.delete_partition("p") == 2
        assert store.lacks("p", "4")
        await store.put(entry(1), None)
        assert not store.lacks("p", "1")
        assert await store.get("p", "1") is not None


async def test_what_could_not_be_removed_stays_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with House(tmp_path) as store:
        await store.put(entry(1), None)

        async def refused(*_: object) -> None:
            raise StoreUnavailable("busy")

        with monkeypatch.context() as patch:
            patch.setattr(store.child, "call", refused)
            with pytest.raises(StoreUnavailable):
                await store.remove([entry(1).id])
        assert not store.lacks("p", "1")


async def test_a_removal_and_a_put_on_their_way_together_leave_what_the_engine_has(tmp_path: Path) -> None:
    async with House(tmp_path) as store:
        for _ in range(20):
            await asyncio.gather(
                store.put(entry(1), None),
                store.remove([entry(1).id]),
                store.put(entry(2), None),
                store.put(entry(1), None),
            )
            assert not store.lacks("p", "1")
            assert await store.get("p", "1") is not None
            await asyncio.gather(store.put(entry(2), None), store.remove([entry(2).id]))
            assert store.lacks("p", "2") == (await store.get("p", "2") is None)


async def test_what_a_stuck_engine_does_not_hold_is_no_news_of_it(tmp_path: Path) -> None:
    async with House(tmp_path) as store:
        guard = GuardedStore(store, clock=FakeClock(time.time_ns()), lookup_s=0.02)
        await store.put(entry(1), None)
        tell(store, signal.SIGSTOP)
        for _ in range(5):
            assert await guard.get("p", "2") is None
            with pytest.raises(StoreUnavailable, match="timeout"):
                await guard.get("p", "1")
        with pytest.raises(StoreUnavailable, match="open"):
            await guard.get("p", "2")
        tell(store, signal.SIGCONT)


def test_an_engine_that_tells_nothing_is_understood() -> None:
    ready = protocol.REPLIES.decode(protocol.frame(protocol.Ready(None, ""))[protocol.HEADER.size :])
    assert isinstance(ready, protocol.Ready)
    assert ready.ids is None
