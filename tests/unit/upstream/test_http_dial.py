"""Resolving and racing addresses."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from turnout_sidecar.adapters.http_dial import Address, Resolver, connect_first, numeric


class CountingLoop:
    """The running loop with a name service of the test's own."""

    def __init__(self, answers: Sequence[Any]) -> None:
        self._loop = asyncio.get_running_loop()
        self._answers = answers
        self.asked = 0
        self.now = 100.0

    def time(self) -> float:
        return self.now

    def create_task(self, work: Any) -> Any:
        return self._loop.create_task(work)

    async def getaddrinfo(self, host: str, port: int, **_: Any) -> Sequence[Any]:
        self.asked += 1
        await asyncio.sleep(0)
        if not self._answers:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return self._answers


V4 = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))
V6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 80, 0, 0))


async def test_a_name_is_asked_for_once_within_its_time_and_again_after_it() -> None:
    loop: Any = CountingLoop([V4])
    resolver = Resolver(loop, ttl_seconds=10)
    await asyncio.gather(*(resolver.resolve("a", 80) for _ in range(5)))
    assert loop.asked == 1
    loop.now += 11
    await resolver.resolve("a", 80)
    assert loop.asked == 2
    resolver.forget("a", 80)
    await resolver.resolve("a", 80)
    assert loop.asked == 3


async def test_a_failure_to_resolve_is_told_to_all_who_wait_and_not_remembered() -> None:
    loop: Any = CountingLoop([])
    resolver = Resolver(loop, ttl_seconds=10)
    outcomes = await asyncio.gather(*(resolver.resolve("a", 80) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(outcome, socket.gaierror) for outcome in outcomes)
    with pytest.raises(socket.gaierror):
        await resolver.resolve("a", 80)
    assert loop.asked == 2


async def test_one_who_gives_up_waiting_for_a_name_does_not_take_it_from_the_others() -> None:
    loop: Any = CountingLoop([V4])
    resolver = Resolver(loop, ttl_seconds=10)
    first, second = (asyncio.create_task(resolver.resolve("a", 80)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert len(await second) == 1


async def test_the_families_of_a_name_take_turns() -> None:
    loop: Any = CountingLoop([V6, V6, V4, V4])
    found = await Resolver(loop, ttl_seconds=10).resolve("a", 80)
    assert [family for family, _, _ in found] == [socket.AF_INET6, socket.AF_INET, socket.AF_INET6, socket.AF_INET]


def test_an_address_is_not_asked_for() -> None:
    found = numeric("127.0.0.1", 80)
    assert found is not None
    assert found[0][2] == ("127.0.0.1", 80)
    assert numeric("::1", 80) is not None
    assert numeric("localhost", 80) is None


def listening() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    return sock


def address_of(sock: socket.socket) -> Address:
    return socket.AF_INET, 6, sock.getsockname()


async def test_an_address_that_refuses_gives_way_to_the_next_at_once() -> None:
    with socket.socket() as closed, listening() as listener:
        closed.bind(("127.0.0.1", 0))
        loop = asyncio.get_running_loop()
        sock = await connect_first(loop, [address_of(closed), address_of(listener)], stagger_seconds=60)
        assert sock.getpeername() == listener.getsockname()
        sock.close()


async def test_an_address_that_hangs_is_overtaken_by_the_next() -> None:
    with socket.socket() as full, listening() as listener:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        loop = asyncio.get_running_loop()
        sock = await connect_first(loop, [address_of(full), address_of(listener)], stagger_seconds=0.05)
        assert sock.getpeername() == listener.getsockname()
        for each in (sock, *fillers):
            each.close()


async def test_when_no_address_answers_the_failure_is_told() -> None:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            await connect_first(asyncio.get_running_loop(), [address_of(one), address_of(two)])
