"""What is put waits a moment, is found meanwhile, and reaches the store together."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_sidecar.adapters.write_behind import BATCH, WriteBehind
from turnout_sidecar.ports.store import Entry, Write, entry_id

FOR_EVER = 3600.0
VECTOR = np.ones(4, np.float32)


def entry(number: int, answer: bytes = b"a", partition: str = "p") -> Entry:
    return Entry(entry_id(partition, str(number)), partition, str(number), "c", "", answer, 4e9, 1.0)


class Shelf:
    """Where batches go. `gate`: closed, nothing arrives."""

    def __init__(self) -> None:
        self.batches: list[list[Write]] = []
        self.begun = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, writes: Sequence[Write]) -> None:
        self.begun += 1
        await self.gate.wait()
        self.batches.append(list(writes))

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.batches]


@asynccontextmanager
async def behind(
    linger_s: float = FOR_EVER, entries: int = 1000, size: int = 10_000_000
) -> AsyncIterator[tuple[WriteBehind, Shelf]]:
    shelf = Shelf()
    found = WriteBehind(shelf.write, entries=entries, size=size, linger_s=linger_s)
    found.start()
    try:
        yield found, shelf
    finally:
        await found.stop()


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def test_what_comes_within_a_moment_leaves_together() -> None:
    async with behind(linger_s=0.02) as (writes, shelf):
        for number in range(5):
            assert writes.put(entry(number), None)
        await until(lambda: len(shelf.batches) == 1)
        assert shelf.batches == [[(entry(number), None) for number in range(5)]]


async def test_a_full_batch_waits_for_nobody() -> None:
    async with behind() as (writes, shelf):
        for number in range(BATCH):
            writes.put(entry(number), None)
        await until(lambda: shelf.sizes == [BATCH])


async def test_what_is_too_much_for_a_batch_leaves_in_several() -> None:
    async with behind() as (writes, shelf):
        for number in range(2 * BATCH + 3):
            writes.put(entry(number), None)
        assert await writes.flush(30)
        assert shelf.sizes == [BATCH, BATCH, 3]


async def test_a_batch_is_bounded_in_bytes_too() -> None:
    async with behind() as (writes, shelf):
        for number in range(4):
            writes.put(entry(number, b"x" * 600_000), None)
        assert await writes.flush(30)
        assert shelf.sizes == [2, 2]


async def test_what_waits_or_is_under_way_is_found_and_nothing_else() -> None:
    async with behind() as (writes, shelf):
        shelf.gate.clear()
        writes.put(entry(1, b"here"), None)
        found = writes.waiting("p", "1")
        assert found is not None
        assert found.answer == b"here"
        assert writes.waiting("q", "1") is None
        assert writes.waiting("p", "2") is None
        flushing = asyncio.create_task(writes.flush(30))
        await until(lambda: shelf.begun == 1)
        assert writes.waiting("p", "1") is not None
        shelf.gate.set()
        assert await flushing
        assert writes.waiting("p", "1") is None


async def test_a_later_put_takes_the_place_of_one_that_waits() -> None:
    async with behind() as (writes, shelf):
        writes.put(entry(1, b"old"), None)
        writes.put(entry(1, b"new"), VECTOR)
        found = writes.waiting("p", "1")
        assert found is not None
        assert found.answer == b"new"
        assert await writes.flush(30)
        ((written,),) = shelf.batches
        assert written[0].answer == b"new"
        assert written[1] is VECTOR


async def test_a_later_put_follows_one_that_is_under_way() -> None:
    async with behind(linger_s=0.0) as (writes, shelf):
        shelf.gate.clear()
        writes.put(entry(1, b"old"), None)
        await until(lambda: shelf.begun == 1)
        writes.put(entry(1, b"new"), None)
        found = writes.waiting("p", "1")
        assert found is not None
        assert found.answer == b"new"
        shelf.gate.set()
        assert await writes.flush(30)
        assert [batch[0][0].answer for batch in shelf.batches] == [b"old", b"new"]


async def test_there_is_no_room_beyond_the_number_of_entries_but_to_replace_one() -> None:
    async with behind(entries=2) as (writes, _):
        assert [writes.put(entry(number), None) for number in range(3)] == [True, True, False]
        assert writes.put(entry(1, b"new"), None)


async def test_there_is_no_room_beyond_the_bytes_until_some_have_left() -> None:
    async with behind(size=1000) as (writes, _):
        assert [writes.put(entry(number, b"x" * 400), None) for number in range(3)] == [True, True, False]
        assert not writes.put(entry(0, b"x" * 700), None)
        assert writes.put(entry(0, b"x" * 500), None)
        assert await writes.flush(30)
        assert writes.put(entry(3, b"x" * 1000), None)


async def test_a_flush_that_takes_too_long_says_so() -> None:
    async with behind() as (writes, shelf):
        shelf.gate.clear()
        writes.put(entry(1), None)
        assert not await writes.flush(0.01)


async def test_a_flush_of_nothing_is_done_at_once_and_later_puts_linger_again() -> None:
    async with behind() as (writes, shelf):
        assert await writes.flush(30)
        writes.put(entry(1), None)
        assert await writes.flush(30)
        writes.put(entry(2), None)
        await asyncio.sleep(0.02)
        assert shelf.sizes == [1]


@settings(max_examples=50, deadline=None)
@given(puts=st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=40))
async def test_the_last_put_of_each_entry_is_what_stays(puts: list[tuple[int, bool]]) -> None:
    async with behind() as (writes, shelf):
        last = {}
        for count, (number, flushed) in enumerate(puts):
            writes.put(entry(number, str(count).encode()), None)
            last[str(number)] = str(count).encode()
            if flushed:
                assert await writes.flush(30)
        assert await writes.flush(30)
        stays = {each.exact_key: each.answer for batch in shelf.batches for each, _ in batch}
        assert stays == last
