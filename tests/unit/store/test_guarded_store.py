"""Look-ups end in time, a failing store is left alone, writes never wait."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
import numpy as np
import pytest

from turnout_sidecar.adapters.guarded_store import LOOKUP_S, GuardedStore
from turnout_sidecar.adapters.memory_store import MemoryStore
from turnout_sidecar.adapters.sweeper import Sweeper, limits_by_route
from turnout_sidecar.ports.clock import FakeClock
from turnout_sidecar.ports.store import Candidate, Entry, Partition, StoreUnavailable, Write, entry_id, team_scope


class MoodyStore:
    """A store in memory that can be slow, away, or broken in ways that no store should be."""

    def __init__(self, clock: FakeClock) -> None:
        self.memory = MemoryStore(dimension=4, clock=clock)
        self.delay = 0.0
        self.error: Exception | None = None
        self.asked = 0
        self.knows = False
        self.batches: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def _mood(self) -> None:
        self.asked += 1
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.error is not None:
            raise self.error

    async def get(self, partition: str, exact_key: str) -> Entry | None:
        await self._mood()
        return await self.memory.get(partition, exact_key)

    async def search(
        self, partition: str, context_key: str, vector: Sequence[float] | np.ndarray, limit: int
    ) -> list[Candidate]:
        await self._mood()
        return await self.memory.search(partition, context_key, vector, limit)

    async def put(self, entry: Entry, vector: np.ndarray | None) -> None:
        await self.put_all([(entry, vector)])

    def lacks(self, partition: str, exact_key: str) -> bool:
        return self.knows and self.memory.lacks(partition, exact_key)

    async def put_all(self, writes: Sequence[Write]) -> int:
        await self.gate.wait()
        await self._mood()
        self.batches.append(len(writes))
        return await self.memory.put_all(writes)


def entry(number: int = 0, answer: bytes = b"a") -> Entry:
    return Entry(entry_id("p", str(number)), "p", str(number), "c", "?", answer, 4e9, 1.0)


class Scene:
    def __init__(self, *, queue: int, queue_bytes: int, lookup_s: float) -> None:
        self.clock = FakeClock()
        self.store = MoodyStore(self.clock)
        self.guard = GuardedStore(self.store, clock=self.clock, queue=queue, queue_bytes=queue_bytes, lookup_s=lookup_s)

    async def trouble(self) -> str:
        """Why a look-up is bypassed; empty where it is not."""
        try:
            await self.guard.get("p", "0")
        except StoreUnavailable as error:
            return error.why
        return ""


@asynccontextmanager
async def started(*, queue: int = 1024, queue_bytes: int = 1_000_000, lookup_s: float = 10.0) -> AsyncIterator[Scene]:
    """A guard with patience, so that a busy machine changes nothing; what is about the limit names one."""
    scene = Scene(queue=queue, queue_bytes=queue_bytes, lookup_s=lookup_s)
    await scene.guard.start()
    try:
        yield scene
    finally:
        await scene.guard.close()


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def test_what_is_put_can_be_looked_up() -> None:
    async with started() as scene:
        await scene.guard.put(entry(), np.ones(4, np.float32))
        assert await scene.guard.flush()
        assert await scene.guard.get("p", "0") == entry()
        near = await scene.guard.search("p", "c", np.ones(4, np.float32), 3)
        assert [candidate.entry for candidate in near] == [entry()]
        assert (scene.guard.counts.lookups, scene.guard.counts.writes) == (2, 1)


async def test_the_last_put_of_an_entry_stays_whichever_writers_take_the_puts() -> None:
    async with started() as scene:
        scene.store.delay = 0.05
        await scene.guard.put(entry(), None)
        await until(lambda: scene.store.asked == 1)  # one writer is at it, and slow
        scene.store.delay = 0.0
        await scene.guard.put(entry(), np.ones(4, np.float32))
        assert await scene.guard.flush()
        near = await scene.guard.search("p", "c", np.ones(4, np.float32), 3)
        assert [candidate.entry for candidate in near] == [entry()]


async def test_what_is_put_is_found_before_it_is_written_until_it_expires() -> None:
    async with started() as scene:
        scene.store.gate.clear()
        short = msgspec.structs.replace(entry(), expires_at=scene.clock.unix_ns() / 1e9 + 10)
        await scene.guard.put(short, None)
        assert await scene.guard.get("p", "0") == short
        assert scene.store.asked == 0
        scene.clock.advance(11)
        assert await scene.guard.get("p", "0") is None
        assert await scene.guard.get("q", "0") is None
        assert scene.store.asked == 1  # another partition is another entry
        scene.store.gate.set()


async def test_what_is_put_together_is_written_in_one_request_and_what_is_wrong_harms_nobody() -> None:
    async with started() as scene:
        for number in range(10):
            await scene.guard.put(entry(number), np.ones(3 if number == 5 else 4, np.float32))
        assert await scene.guard.flush()
        assert scene.store.batches == [10]
        assert (scene.guard.counts.writes, scene.guard.counts.writes_failed) == (9, 1)
        assert [await scene.guard.get("p", str(number)) is None for number in range(10)].index(True) == 5


async def test_a_store_that_knows_it_lacks_an_entry_is_not_asked_for_it() -> None:
    async with started() as scene:
        scene.store.knows = True
        assert await scene.guard.get("p", "0") is None
        assert (scene.store.asked, scene.guard.counts.lookups) == (0, 1)
        await scene.guard.put(entry(), None)
        assert await scene.guard.flush()
        assert await scene.guard.get("p", "0") == entry()


async def test_what_a_failing_store_lacks_neither_opens_nor_closes_the_breaker() -> None:
    async with started() as scene:
        scene.store.error = StoreUnavailable("failed")
        for _ in range(4):
            await scene.trouble()
            scene.store.knows = True
            assert await scene.guard.get("p", "9") is None
            scene.store.knows = False
        assert [await scene.trouble(), await scene.trouble()] == ["failed", "open"]
        scene.store.knows = True
        with pytest.raises(StoreUnavailable, match="open"):
            await scene.guard.get("p", "9")


async def test_a_slow_store_is_bypassed_within_the_limit() -> None:
    async with started(lookup_s=LOOKUP_S) as scene:
        scene.store.delay = 30
        before = time.monotonic()
        assert await scene.trouble() == "timeout"
        with pytest.raises(StoreUnavailable, match="timeout"):
            await scene.guard.search("p", "c", np.ones(4), 3)
        assert 0.05 <= time.monotonic() - before < 5
        assert scene.guard.counts.timeouts == 2


async def test_a_failing_store_is_left_alone_and_tried_again_by_one_probe() -> None:
    async with started() as scene:
        scene.store.error = StoreUnavailable("failed", "down")
        assert [await scene.trouble() for _ in range(7)] == ["failed"] * 5 + ["open"] * 2
        assert scene.store.asked == 5
        scene.clock.advance(10.1)
        assert [await scene.trouble() for _ in range(2)] == ["failed", "open"]
        scene.store.error = None
        scene.clock.advance(10.1)
        assert [await scene.trouble() for _ in range(3)] == [""] * 3
        assert (scene.guard.counts.failures, scene.guard.counts.refused) == (6, 3)


async def test_while_a_probe_is_out_the_others_are_bypassed_at_once() -> None:
    async with started() as scene:
        scene.store.error = StoreUnavailable("failed")
        for _ in range(5):
            await scene.trouble()
        scene.store.error, scene.store.delay = None, 0.02
        scene.clock.advance(10.1)
        assert sorted(await asyncio.gather(*(scene.trouble() for _ in range(5)))) == ["", *["open"] * 4]
        assert await scene.trouble() == ""


async def test_a_store_that_raises_anything_is_unavailable_and_nothing_else() -> None:
    async with started() as scene:
        scene.store.error = ZeroDivisionError("a secret detail")
        with pytest.raises(StoreUnavailable, match=r"^failed: ZeroDivisionError$"):
            await scene.guard.get("p", "0")


async def test_a_caller_that_leaves_neither_counts_nor_blocks_the_probe() -> None:
    async with started() as scene:
        scene.store.error = StoreUnavailable("failed")
        for _ in range(5):
            await scene.trouble()
        scene.store.error, scene.store.delay = None, 0.04
        scene.clock.advance(10.1)
        caller = asyncio.create_task(scene.guard.get("p", "0"))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        scene.store.delay = 0
        assert await scene.trouble() == ""


async def test_writes_never_wait_and_are_dropped_when_the_queue_is_full() -> None:
    async with started(queue=8) as scene:
        scene.store.gate.clear()
        for number in range(100):
            await scene.guard.put(entry(number), None)
        assert scene.guard.counts.writes_dropped == 92
        scene.store.gate.set()
        assert await scene.guard.flush()
        assert scene.guard.counts.writes == 8


async def test_the_queue_is_bounded_in_bytes_too() -> None:
    async with started(queue_bytes=1000) as scene:
        scene.store.gate.clear()
        for number in range(5):
            await scene.guard.put(entry(number, b"x" * 400), None)
        assert scene.guard.counts.writes_dropped == 3
        scene.store.gate.set()
        assert await scene.guard.flush()
        await scene.guard.put(entry(9, b"x" * 900), None)
        assert await scene.guard.flush()
        assert scene.guard.counts.writes == 3


async def test_failed_writes_are_counted_and_do_not_stop_the_writer_or_the_look_ups() -> None:
    async with started() as scene:
        scene.store.error = RuntimeError("read only")
        for number in range(20):
            await scene.guard.put(entry(number), None)
        await until(lambda: scene.guard.counts.writes_failed == 20)
        scene.store.error = None
        assert await scene.trouble() == ""
        await scene.guard.put(entry(), None)
        assert await scene.guard.flush()
        assert scene.guard.counts.writes == 1


async def test_writes_to_a_store_that_is_left_alone_are_dropped() -> None:
    async with started() as scene:
        scene.store.error = StoreUnavailable("failed")
        for _ in range(5):
            await scene.trouble()
        await scene.guard.put(entry(), None)
        assert await scene.guard.flush()
        assert (scene.guard.counts.writes_dropped, scene.store.asked) == (1, 5)


async def test_a_write_that_hangs_is_given_up() -> None:
    clock = FakeClock()
    store = MoodyStore(clock)
    guard = GuardedStore(store, clock=clock, write_s=0.01)
    await guard.start()
    store.gate.clear()
    await guard.put(entry(), None)
    await until(lambda: guard.counts.writes_failed == 1)
    await guard.close()


async def test_closing_writes_what_waits() -> None:
    async with started() as scene:
        for number in range(50):
            await scene.guard.put(entry(number), None)
        await scene.guard.close()
        assert scene.guard.counts.writes == 50


def test_the_limit_of_a_partition_is_that_of_its_route() -> None:
    limit = limits_by_route({"chat": 7})
    assert limit(Partition("ns", "chat", team_scope("a/b")).key) == 7
    assert limit(Partition("ns", "gone", team_scope("a/b")).key) is None
    assert limit("no key") is None


class Zero:
    def random(self) -> float:
        return 0.0


async def test_the_sweeper_comes_again_and_outlives_a_store_that_is_away() -> None:
    clock = FakeClock()
    memory = MemoryStore(dimension=4, clock=clock)
    sweeper = Sweeper(memory, lambda _: 2, clock=clock, dice=Zero(), every_s=0.01)
    for number in range(5):
        await memory.put(entry(number), None)
    sweeper.start()
    await until(lambda: sweeper.removed == 3 and sweeper.sweeps >= 2)
    await sweeper.close()


async def test_a_sweep_of_a_store_that_is_away_is_counted() -> None:
    class Away(MemoryStore):
        async def pick(self, *_: object) -> list[str]:
            raise StoreUnavailable("failed")

    clock = FakeClock()
    sweeper = Sweeper(Away(dimension=4, clock=clock), lambda _: 2, clock=clock, dice=Zero())
    assert await sweeper.sweep() == 0
    assert (sweeper.sweeps, sweeper.failures) == (0, 1)
