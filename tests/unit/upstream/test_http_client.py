"""What only our own client promises, beyond the port: its pool, and exactly when a request may be sent twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from conformance.upstream.raw_server import CHUNKED, OK, Peer, RawServer, answering, chunk
from turnout_sidecar.adapters.http_client import HttpClientSettings, HttpUpstream
from turnout_sidecar.adapters.http_connection import STALE_SECONDS
from turnout_sidecar.adapters.http_pool import PoolLimits
from turnout_sidecar.ports.upstream import UpstreamClosed, UpstreamProtocolError, UpstreamRequest, UpstreamTimeout


@contextlib.asynccontextmanager
async def client(pool: PoolLimits = PoolLimits()) -> AsyncIterator[HttpUpstream]:  # noqa: B008  frozen
    upstream = HttpUpstream(HttpClientSettings(pool=pool))
    yield upstream
    await upstream.close()


async def fetch(upstream: HttpUpstream, request: UpstreamRequest, connect_timeout: float = 5) -> bytes:
    response = await upstream.send(request, connect_timeout=connect_timeout, headers_timeout=5)
    try:
        return await response.read(1 << 20, timeout=5)
    finally:
        await response.close()


async def test_a_request_is_not_sent_again_once_a_byte_of_the_reply_has_come() -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)
        await peer.request()
        await peer.say(b"H")
        peer.cut()

    async with client() as upstream, RawServer(talk) as server:
        assert await fetch(upstream, server.post()) == b"ok"
        with pytest.raises(UpstreamClosed):
            await fetch(upstream, server.post())
        assert len(server.requests) == 2


async def test_a_request_that_the_peer_held_for_long_before_closing_is_not_sent_again() -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)
        await peer.request()
        await asyncio.sleep(STALE_SECONDS + 0.1)
        peer.cut()

    async with client() as upstream, RawServer(talk) as server:
        assert await fetch(upstream, server.post()) == b"ok"
        with pytest.raises(UpstreamClosed):
            await fetch(upstream, server.post())
        assert len(server.requests) == 2


async def test_bytes_that_come_while_nothing_is_asked_end_the_connection() -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)
        await asyncio.sleep(0.05)
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison")
        await peer.gone()
        peer.server.closed_by_client.set()

    async with client() as upstream, RawServer(talk) as server:
        assert await fetch(upstream, server.post()) == b"ok"
        await asyncio.wait_for(server.closed_by_client.wait(), 5)
        assert await fetch(upstream, server.post()) == b"ok"
        assert server.connections == 2


async def test_endless_interim_replies_are_refused() -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        with contextlib.suppress(ConnectionError):
            while True:
                await peer.say(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)

    async with client() as upstream, RawServer(talk) as server:
        with pytest.raises(UpstreamProtocolError, match="head over"):
            await fetch(upstream, server.post())


async def test_an_endless_trailer_is_refused() -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + chunk(b"body") + b"0\r\nx-trailer: ")
        with contextlib.suppress(ConnectionError):
            while True:
                await peer.say(b"a" * 4096)

    async with client() as upstream, RawServer(talk) as server:
        with pytest.raises(UpstreamProtocolError, match="head over"):
            await fetch(upstream, server.post())


async def test_a_reply_that_comes_before_the_request_was_uploaded_gives_the_connection_up() -> None:
    async def talk(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.say(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await asyncio.sleep(30)

    async with client() as upstream, RawServer(talk) as server:
        request = server.post(b"x" * 30_000_000)
        for _ in range(2):
            response = await upstream.send(request, connect_timeout=5, headers_timeout=5)
            assert response.status == 413
            assert await response.read(10) == b""
        assert server.connections == 2


async def test_an_idle_connection_is_let_go_after_its_time() -> None:
    async with client(PoolLimits(idle_seconds=0.05)) as upstream, RawServer(answering(OK)) as server:
        assert await fetch(upstream, server.post()) == b"ok"
        await asyncio.sleep(0.1)
        assert await fetch(upstream, server.post()) == b"ok"
        assert server.connections == 2


async def test_a_connection_is_let_go_at_its_age_however_busy_it_is() -> None:
    async with client(PoolLimits(max_age_seconds=0.2)) as upstream, RawServer(answering(OK)) as server:
        loop = asyncio.get_running_loop()
        until = loop.time() + 0.5
        while loop.time() < until:
            assert await fetch(upstream, server.post()) == b"ok"
            await asyncio.sleep(0.01)
        assert server.connections >= 2


async def test_the_time_that_a_peer_says_it_keeps_a_connection_is_believed() -> None:
    reply = b"HTTP/1.1 200 OK\r\nkeep-alive: timeout=1, max=100\r\ncontent-length: 2\r\n\r\nok"
    async with client() as upstream, RawServer(answering(reply)) as server:
        assert [await fetch(upstream, server.post()) for _ in range(2)] == [b"ok", b"ok"]
        assert server.connections == 2


async def test_the_idle_connections_kept_are_bounded() -> None:
    async with client(PoolLimits(max_idle=2)) as upstream, RawServer(answering(OK)) as server:
        await asyncio.gather(*(fetch(upstream, server.post()) for _ in range(10)))
        opened = server.connections
        await asyncio.gather(*(fetch(upstream, server.post()) for _ in range(3)))
        assert opened < server.connections <= opened + 1


async def test_a_cap_on_connections_makes_callers_wait_and_serves_them_all() -> None:
    async def talk(peer: Peer) -> None:
        while True:
            await peer.request()
            await asyncio.sleep(0.01)
            await peer.say(OK)

    async with client(PoolLimits(max_open=3)) as upstream, RawServer(talk) as server:
        assert await asyncio.gather(*(fetch(upstream, server.post()) for _ in range(30))) == [b"ok"] * 30
        assert server.connections == 3


async def test_waiting_below_a_cap_counts_as_connecting_and_a_given_up_place_goes_to_the_next() -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.gone()

    async with client(PoolLimits(max_open=1)) as upstream, RawServer(talk) as server:
        holds = asyncio.create_task(fetch(upstream, server.post()))
        await server.asked.acquire()
        with pytest.raises(UpstreamTimeout) as caught:
            await fetch(upstream, server.post(), connect_timeout=0.1)
        assert caught.value.kind == "connect"
        following = [asyncio.create_task(fetch(upstream, server.post())) for _ in range(2)]
        await asyncio.sleep(0.05)
        following[0].cancel()
        holds.cancel()
        await server.asked.acquire()
        following[1].cancel()
        outcomes = await asyncio.gather(holds, *following, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)


async def test_a_host_name_is_resolved_and_its_connection_kept() -> None:
    async with client() as upstream, RawServer(answering(OK)) as server:
        request = UpstreamRequest(server.target(host="localhost"), "/", (), b"")
        assert [await fetch(upstream, request) for _ in range(2)] == [b"ok", b"ok"]
        assert server.connections == 1
        assert b"host: localhost:%d\r\n" % server.port in server.requests[0]
