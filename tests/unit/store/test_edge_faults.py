"""The embedded engine when it is killed, stuck, locked or handed a damaged state."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from turnout_sidecar.adapters import edge_protocol as protocol
from turnout_sidecar.adapters.guarded_store import GuardedStore
from turnout_sidecar.adapters.qdrant_edge import QdrantEdgeStore
from turnout_sidecar.ports.clock import FakeClock
from turnout_sidecar.ports.store import Entry, StoreUnavailable, entry_id

VECTOR = np.ones(4, np.float32)
COLLECTION = "turnout_test"


def entry(number: int = 0, partition: str = "p", answer: bytes = b"a") -> Entry:
    now = time.time()
    return Entry(entry_id(partition, str(number)), partition, str(number), "c", "?", answer, now + 3600, now)


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[QdrantEdgeStore]:
    store = QdrantEdgeStore(directory, collection=COLLECTION, dimension=4, clock=FakeClock(time.time_ns()))
    try:
        assert await store.start(30)
        yield store
    finally:
        await store.close()


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def kill(store: QdrantEdgeStore, number: int = signal.SIGKILL) -> None:
    assert store.child.pid is not None
    os.kill(store.child.pid, number)


async def test_a_call_in_flight_fails_at_once_when_the_engine_is_killed_and_it_heals(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        await store.put(entry(), VECTOR)
        kill(store, signal.SIGSTOP)
        calls = [asyncio.create_task(store.put(entry(number), VECTOR)) for number in range(1, 5)]
        await asyncio.sleep(0.05)
        before = time.monotonic()
        kill(store)
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert time.monotonic() - before < 5
        assert [type(result) for result in results] == [StoreUnavailable] * 4
        with pytest.raises(StoreUnavailable):
            await store.get("p", "0")
        assert await store.child.start(30)
        assert store.child.restarts == 1
        assert await store.get("p", "0") is not None
        assert store.child.moved_aside == 0


async def test_a_stuck_engine_costs_a_look_up_no_more_than_the_guard_allows(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        guard = GuardedStore(store, clock=FakeClock())
        await store.put(entry(), VECTOR)
        kill(store, signal.SIGSTOP)
        before = time.monotonic()
        with pytest.raises(StoreUnavailable, match="timeout"):
            await guard.get("p", "0")
        assert time.monotonic() - before < 5
        kill(store, signal.SIGCONT)
        deadline = time.monotonic() + 10
        while True:
            try:
                assert await guard.get("p", "0") is not None
                break
            except StoreUnavailable:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)


async def test_look_ups_whose_asker_has_gone_are_not_carried_out(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        late = protocol.monotonic() - 1
        with pytest.raises(StoreUnavailable, match="too late"):
            await store.child.call(lambda number: protocol.Get(number, late, entry().id), 10)


async def test_what_is_in_flight_is_bounded(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        kill(store, signal.SIGSTOP)
        calls = [asyncio.create_task(store.get("p", str(number))) for number in range(600)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert {result.why for result in results if isinstance(result, StoreUnavailable)} == {"busy", "timeout"}
        kill(store, signal.SIGCONT)


async def test_writes_survive_a_kill(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        for number in range(50):
            await store.put(entry(number), VECTOR)
        kill(store)
        await until(lambda: store.child.restarts == 1)
        assert await store.child.start(30)
        assert [await store.get("p", str(number)) is not None for number in range(50)] == [True] * 50


async def test_the_engine_goes_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = f"""
import asyncio, time
from pathlib import Path
from turnout_sidecar.adapters.qdrant_edge import QdrantEdgeStore
from turnout_sidecar.ports.clock import SystemClock
async def main():
    store = QdrantEdgeStore(Path({str(tmp_path)!r}), collection="c", dimension=4, clock=SystemClock())
    assert await store.start(30)
    print(store.child.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    engine = int(await asyncio.to_thread(parent.stdout.readline))
    assert alive(engine)
    parent.kill()
    await asyncio.to_thread(parent.wait)
    parent.stdout.close()
    await until(lambda: not alive(engine))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


async def test_signals_of_the_terminal_are_left_to_the_gateway(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            kill(store, number)
        await store.put(entry(), VECTOR)
        assert store.child.restarts == 0


async def test_keys_in_the_environment_are_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    async with running(tmp_path) as store:
        assert b"sk-canary" not in Path(f"/proc/{store.child.pid}/environ").read_bytes()


async def test_a_state_in_use_is_not_touched_and_taken_when_it_is_free(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    second = QdrantEdgeStore(tmp_path, collection=COLLECTION, dimension=4, clock=FakeClock(time.time_ns()))
    async with running(tmp_path) as first:
        await first.put(entry(), VECTOR)
        assert not await second.start(1.5)
        assert "in use" in caplog.text
        assert await first.get("p", "0") is not None
        with pytest.raises(StoreUnavailable):
            await second.get("p", "0")
    try:
        assert await second.start(30)
        assert await second.get("p", "0") is not None
    finally:
        await second.close()


def garbage_in_every_file(state: Path) -> None:
    for file in state.rglob("*"):
        if file.is_file():
            file.write_bytes(b"\xff" * file.stat().st_size)


def empty_every_file(state: Path) -> None:
    for file in state.rglob("*"):
        if file.is_file():
            file.write_bytes(b"")


def no_segment(state: Path) -> None:
    for file in (state / "segments").rglob("*.json"):
        file.unlink()


def a_file_in_its_place(state: Path) -> None:
    state.rename(state.with_name("elsewhere"))
    state.write_bytes(b"not a folder")


def crashed_twice_while_opening(state: Path) -> None:
    (state.parent / "opening").write_text("2")


@pytest.mark.parametrize(
    "damage",
    [garbage_in_every_file, empty_every_file, no_segment, a_file_in_its_place, crashed_twice_while_opening],
)
async def test_a_damaged_state_is_moved_aside_and_the_cache_begins_empty(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    async with running(tmp_path) as store:
        await store.put(entry(), VECTOR)
    state = tmp_path / COLLECTION / "shard"
    damage(state)
    async with running(tmp_path) as store:
        assert await store.get("p", "0") is None
        assert store.child.moved_aside == 1
        assert "begins empty" in caplog.text
        await store.put(entry(), VECTOR)
        assert await store.get("p", "0") is not None
    assert len(list(state.parent.glob("shard.unreadable-*"))) == 1
    async with running(tmp_path) as store:
        assert await store.get("p", "0") is not None
        assert store.child.moved_aside == 0


async def test_a_state_of_another_dimension_is_moved_aside(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        await store.put(entry(), VECTOR)
    wider = QdrantEdgeStore(tmp_path, collection=COLLECTION, dimension=8, clock=FakeClock(time.time_ns()))
    try:
        assert await wider.start(30)
        assert wider.child.moved_aside == 1
        await wider.put(entry(), np.ones(8, np.float32))
    finally:
        await wider.close()


async def test_a_state_that_cannot_be_written_is_unavailable_and_no_error(tmp_path: Path) -> None:
    (tmp_path / COLLECTION).write_text("a file where the folder should be")
    store = QdrantEdgeStore(tmp_path, collection=COLLECTION, dimension=4, clock=FakeClock(time.time_ns()))
    assert not await store.start(1)
    with pytest.raises(StoreUnavailable):
        await store.get("p", "0")
    await store.close()


async def fill(store: QdrantEdgeStore, count: int) -> None:
    rng = np.random.default_rng(1)
    for start in range(0, count, 100):
        batch = (entry(number, answer=b"x" * 3000) for number in range(start, start + 100))
        await asyncio.gather(*(store.put(each, rng.normal(size=4).astype(np.float32)) for each in batch))


def disk(directory: Path) -> int:
    """Blocks that its segments take (files of the engine are large and mostly holes)."""
    return sum(file.stat().st_blocks for file in (directory / COLLECTION / "shard" / "segments").rglob("*"))


async def test_removed_space_is_given_back_when_nobody_looks_anything_up(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        await fill(store, 3000)
        before = disk(tmp_path)
        assert await store.sweep(0, lambda _: 10) == 2990
        assert disk(tmp_path) < before / 2
        left = [number for number in range(3000) if await store.get("p", str(number)) is not None]
        assert len(left) == 10
        assert len(await store.search("p", "c", VECTOR, 20)) == 10
        kill(store)
        await until(lambda: store.child.restarts == 1)
        assert await store.child.start(30)
        assert len(await store.search("p", "c", VECTOR, 20)) == 10


async def test_space_is_not_given_back_while_somebody_looks_things_up(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        await fill(store, 3000)
        before = disk(tmp_path)
        assert await store.get("p", "0") is not None
        assert await store.sweep(0, lambda _: 10) == 2990
        assert disk(tmp_path) > before / 2
        assert len(await store.search("p", "c", VECTOR, 20)) == 10


async def test_nothing_is_left_running_after_close(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        pid = store.child.pid
    assert pid is not None
    assert not alive(pid)
    with pytest.raises(StoreUnavailable):
        await store.get("p", "0")
