"""A Qdrant server that is down, slow, lying, strange or locked: always StoreUnavailable or nothing, never another error."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from doubles.certificates import issue
from doubles.qdrant_engine import Point
from doubles.qdrant_server import QdrantDouble
from turnout_contract.vector_collection import INDEXES
from turnout_sidecar.adapters.guarded_store import GuardedStore
from turnout_sidecar.adapters.qdrant_server import QdrantServerStore
from turnout_sidecar.adapters.qdrant_settings import QdrantSettings, Token
from turnout_sidecar.adapters.sweeper import Sweeper
from turnout_sidecar.ports.clock import FakeClock, system_dice
from turnout_sidecar.ports.store import Entry, StoreUnavailable, entry_id

DIMENSION = 4
VECTOR = np.ones(DIMENSION, np.float32)
TRANSPORTS = pytest.mark.parametrize("grpc", [True, False], ids=["grpc", "http"])


def entry(name: str = "a", partition: str = "p") -> Entry:
    return Entry(entry_id(partition, name), partition, name, "c", "?", b"a", time.time() + 3600, time.time())


@asynccontextmanager
async def connected(
    double: QdrantDouble,
    *,
    grpc: bool,
    token: Token | None = None,
    create: bool = True,
    dimension: int = DIMENSION,
    ca_file: Path | None = None,
    clock: FakeClock | None = None,
    timeout_s: float = 5.0,
) -> AsyncIterator[QdrantServerStore]:
    settings = QdrantSettings(
        url=double.url,
        collection="turnout_test",
        dimension=dimension,
        grpc_port=double.grpc_port,
        prefer_grpc=grpc,
        authorities=None if ca_file is None else lambda: ca_file.read_bytes() if ca_file.exists() else None,
        create=create,
        timeout_s=timeout_s,
    )
    store = QdrantServerStore(settings, clock=clock or FakeClock(time.time_ns()), token=token)
    try:
        yield store
    finally:
        await store.close()


def every_call(store: QdrantServerStore, dimension: int = DIMENSION) -> list[Callable[[], Awaitable[object]]]:
    vector = np.ones(dimension, np.float32)
    return [
        lambda: store.get("p", "a"),
        lambda: store.search("p", "c", vector, 6),
        lambda: store.put(entry(), vector),
        lambda: store.delete_partition("p"),
        lambda: store.sweep(time.time(), lambda _: 1),
    ]


async def heals(call: Callable[[], Awaitable[object]]) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            await call()
        except StoreUnavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        else:
            return


@TRANSPORTS
async def test_a_server_that_is_down_is_unavailable_and_found_again(grpc: bool) -> None:
    async with QdrantDouble() as double, connected(double, grpc=grpc) as store:
        await store.put(entry(), VECTOR)
        await double.stop()
        for call in every_call(store):
            with pytest.raises(StoreUnavailable):
                await call()
        await double.start()
        await heals(lambda: store.get("p", "a"))
        assert await store.get("p", "a") is not None


@TRANSPORTS
async def test_nobody_listening_from_the_start_is_unavailable(grpc: bool) -> None:
    async with QdrantDouble() as double:
        pass
    async with connected(double, grpc=grpc) as store:
        for call in every_call(store):
            with pytest.raises(StoreUnavailable):
                await call()


@TRANSPORTS
async def test_a_slow_server_is_bypassed_within_the_limit(grpc: bool) -> None:
    async with QdrantDouble() as double, connected(double, grpc=grpc) as store:
        await store.put(entry(), VECTOR)
        double.engine.delay = 30
        guard = GuardedStore(store, clock=FakeClock())
        before = time.monotonic()
        for _ in range(5):
            with pytest.raises(StoreUnavailable, match="timeout"):
                await guard.get("p", "a")
        with pytest.raises(StoreUnavailable, match="open"):
            await guard.search("p", "c", VECTOR, 6)
        assert time.monotonic() - before < 10


async def test_a_call_has_a_deadline_of_its_own() -> None:
    async with QdrantDouble() as double, connected(double, grpc=True, timeout_s=0.2) as store:
        await store.put(entry(), VECTOR)
        double.engine.delay = 30
        with pytest.raises(StoreUnavailable) as caught:
            await store.get("p", "a")
        assert caught.value.why == "timeout"


@TRANSPORTS
async def test_another_tenants_point_is_dropped_and_counted(grpc: bool) -> None:
    async with QdrantDouble() as double, connected(double, grpc=grpc) as store:
        await store.put(entry(), VECTOR)
        await store.put(entry(partition="other"), VECTOR)
        foreign = [point for point in _points(double) if point.payload["partition"] == "other"]
        double.engine.tamper = lambda _: foreign
        assert await store.get("p", "a") is None
        assert await store.search("p", "c", VECTOR, 6) == []
        assert store.reader.drops.foreign == 2
        double.engine.tamper = lambda points: foreign + points
        found = await store.search("p", "c", VECTOR, 6)
        assert [candidate.entry.partition for candidate in found] == ["p"]


@TRANSPORTS
@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"partition": "p"},
        {"partition": 7, "exact_key": True, "context_key": "c"},
        {"partition": "p", "exact_key": "a", "context_key": "c", "question": {}, "answer": "=", "expires_at": "x"},
    ],
)
async def test_points_that_are_not_ours_are_dropped_and_counted(grpc: bool, payload: dict[str, object]) -> None:
    async with QdrantDouble() as double, connected(double, grpc=grpc) as store:
        await store.put(entry(), VECTOR)
        double.engine.tamper = lambda points: [Point(point.id, payload, {}, 1.0) for point in points]
        assert await store.get("p", "a") is None
        assert await store.search("p", "c", VECTOR, 6) == []
        assert store.reader.drops.malformed == 2


def _points(double: QdrantDouble) -> list[Point]:
    return list(double.engine.collection("turnout_test").points.values())


@TRANSPORTS
async def test_a_collection_of_another_dimension_is_refused_and_kept(grpc: bool) -> None:
    async with QdrantDouble() as double:
        async with connected(double, grpc=grpc) as store:
            await store.put(entry(), VECTOR)
        async with connected(double, grpc=grpc, dimension=8) as wider:
            for call in every_call(wider, 8):
                with pytest.raises(StoreUnavailable, match="8 dimensions"):
                    await call()
        async with connected(double, grpc=grpc, dimension=8, create=False) as blind:
            with pytest.raises(StoreUnavailable, match="dimension"):
                await blind.search("p", "c", np.ones(8, np.float32), 6)
        assert len(_points(double)) == 1


@TRANSPORTS
@pytest.mark.parametrize(
    "noise", [b"", b"\x00" * 4096, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nnot json!", b"{}"]
)
async def test_a_server_that_speaks_something_else_is_unavailable(grpc: bool, noise: bytes) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(noise)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    double = QdrantDouble()
    double.grpc_port = double.http_port = server.sockets[0].getsockname()[1]
    async with server, connected(double, grpc=grpc, timeout_s=1.0) as store:
        for call in every_call(store):
            with pytest.raises(StoreUnavailable):
                await call()


@TRANSPORTS
async def test_without_leave_to_create_it_a_missing_collection_is_unavailable(grpc: bool) -> None:
    async with QdrantDouble() as double, connected(double, grpc=grpc, create=False) as store:
        for call in every_call(store):
            with pytest.raises(StoreUnavailable):
                await call()
        assert double.engine.collections == {}
        async with connected(double, grpc=grpc) as owner:
            await owner.put(entry(), VECTOR)
        assert await store.get("p", "a") is not None


@TRANSPORTS
async def test_the_collection_is_made_once_by_many_gateways_with_its_indexes(grpc: bool) -> None:
    async with QdrantDouble() as double, connected(double, grpc=grpc) as one, connected(double, grpc=grpc) as two:
        await asyncio.gather(*(store.put(entry(f"{number}"), VECTOR) for number in range(8) for store in (one, two)))
        made = double.engine.collection("turnout_test")
        assert made.sizes == {"question": DIMENSION}
        assert set(made.indexes) == set(INDEXES)
        assert made.indexes["partition"]["is_tenant"] is True
        assert (made.settings["m"], made.settings["payload_m"]) == (0, 16)
        assert (made.settings["shard_number"], made.settings["replication_factor"]) == (1, 1)


@TRANSPORTS
async def test_a_collection_that_vanishes_is_made_again(grpc: bool) -> None:
    async with QdrantDouble() as double, connected(double, grpc=grpc) as store:
        await store.put(entry(), VECTOR)
        double.engine.collections.clear()
        with pytest.raises(StoreUnavailable):
            await store.search("p", "c", VECTOR, 6)
        assert await store.search("p", "c", VECTOR, 6) == []
        await store.put(entry(), VECTOR)
        assert await store.get("p", "a") is not None


@TRANSPORTS
async def test_making_the_collection_goes_on_when_the_caller_leaves(grpc: bool) -> None:
    async with QdrantDouble() as double, connected(double, grpc=grpc) as store:
        double.engine.delay = 0.05
        caller = asyncio.create_task(store.get("p", "a"))
        await asyncio.sleep(0.08)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        deadline = time.monotonic() + 10
        while len(double.engine.collections) != 1 or set(double.engine.collection("turnout_test").indexes) != set(
            INDEXES
        ):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


@TRANSPORTS
async def test_a_rotated_token_is_used_from_the_next_call_on(grpc: bool) -> None:
    tokens: list[str | None] = [None]
    async with QdrantDouble() as double, connected(double, grpc=grpc, token=lambda: tokens[0]) as store:
        double.engine.token = "first"
        with pytest.raises(StoreUnavailable) as caught:
            await store.get("p", "a")
        assert caught.value.why == "credentials"
        assert double.engine.tokens_seen == []
        tokens[0] = "first"
        await store.put(entry(), VECTOR)
        double.engine.token = "second"
        with pytest.raises(StoreUnavailable) as caught:
            await store.get("p", "a")
        assert caught.value.why == "credentials"
        tokens[0] = "second"
        assert await store.get("p", "a") is not None


@TRANSPORTS
async def test_a_token_that_the_server_quotes_is_not_in_the_error(grpc: bool, caplog: pytest.LogCaptureFixture) -> None:
    async with QdrantDouble() as double, connected(double, grpc=grpc, token=lambda: "canary-key") as store:
        double.engine.token = "another"
        for call in every_call(store):
            with pytest.raises(StoreUnavailable) as caught:
                await call()
            assert "canary-key" not in repr(caught.value)
            assert caught.value.__cause__ is None
            assert caught.value.__suppress_context__
        assert "canary-key" not in caplog.text


@TRANSPORTS
async def test_an_authority_of_ones_own_is_trusted_and_others_are_not(grpc: bool, tmp_path: Path) -> None:
    authority, key, chain = issue(tmp_path / "good")
    stranger, _, _ = issue(tmp_path / "strange")
    async with QdrantDouble((key, chain)) as double:
        async with connected(double, grpc=grpc, ca_file=authority) as store:
            await store.put(entry(), VECTOR)
            assert await store.get("p", "a") is not None
        for ca_file in (stranger, None, tmp_path / "missing.pem"):
            async with connected(double, grpc=grpc, ca_file=ca_file) as store:
                with pytest.raises(StoreUnavailable):
                    await store.get("p", "a")


@TRANSPORTS
async def test_a_changed_authority_is_trusted_without_a_restart(grpc: bool, tmp_path: Path) -> None:
    authority, key, chain = issue(tmp_path / "good")
    stranger, _, _ = issue(tmp_path / "strange")
    mounted = tmp_path / "ca.pem"
    shutil.copy(stranger, mounted)
    clock = FakeClock(time.time_ns())
    async with (
        QdrantDouble((key, chain)) as double,
        connected(double, grpc=grpc, ca_file=mounted, clock=clock) as store,
    ):
        with pytest.raises(StoreUnavailable):
            await store.put(entry(), VECTOR)
        shutil.copy(authority, mounted)
        clock.advance(6)
        await heals(lambda: store.put(entry(), VECTOR))


@TRANSPORTS
async def test_a_sweep_of_a_server_that_is_down_is_counted(grpc: bool) -> None:
    async with QdrantDouble() as double:
        pass
    async with connected(double, grpc=grpc) as store:
        sweeper = Sweeper(store, lambda _: 1, clock=FakeClock(), dice=system_dice())
        assert await sweeper.sweep() == 0
        assert sweeper.failures == 1
