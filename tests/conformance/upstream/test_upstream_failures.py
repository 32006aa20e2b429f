"""What a client says when the upstream, or the road to it, fails: which error, how soon, and what was handed out first."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from conformance.upstream.raw_server import CHUNKED, OK, Peer, RawServer, answering, chunk
from turnout_sidecar.ports.upstream import (
    ConnectFailure,
    Target,
    Upstream,
    UpstreamBodyTooLarge,
    UpstreamClosed,
    UpstreamProtocolError,
    UpstreamRequest,
    UpstreamResponse,
    UpstreamTimeout,
)

LIMIT = 1 << 20


async def send(upstream: Upstream, request: UpstreamRequest, headers_timeout: float = 5) -> UpstreamResponse:
    return await upstream.send(request, connect_timeout=5, headers_timeout=headers_timeout)


async def fetch(upstream: Upstream, request: UpstreamRequest) -> bytes:
    response = await send(upstream, request)
    try:
        return await response.read(LIMIT, timeout=5)
    finally:
        await response.close()


async def exhaust(pieces: AsyncIterator[bytes]) -> None:
    async for _ in pieces:
        pass


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """A port that is listened to by somebody who never accepts, with its queue already full."""
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_a_refused_connection_is_a_connect_failure(upstream: Upstream) -> None:
    target = Target("http", "127.0.0.1", free_port())
    with pytest.raises(ConnectFailure, match=f"http://127.0.0.1:{target.port}"):
        await send(upstream, UpstreamRequest(target, "/", (), b""))


async def test_a_name_that_does_not_resolve_is_a_connect_failure(upstream: Upstream) -> None:
    with pytest.raises(ConnectFailure, match="name not resolved"):
        await send(upstream, UpstreamRequest(Target("http", "nowhere.invalid", 80), "/", (), b""))


async def test_a_peer_that_does_not_accept_is_a_timeout_of_the_connection(upstream: Upstream) -> None:
    with full_backlog() as port, pytest.raises(UpstreamTimeout) as caught:
        await upstream.send(
            UpstreamRequest(Target("http", "127.0.0.1", port), "/", (), b""), connect_timeout=0.3, headers_timeout=60
        )
    assert caught.value.kind == "connect"


async def test_a_peer_that_does_not_answer_is_a_timeout_of_the_headers(upstream: Upstream) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\n")
        await peer.gone()
        peer.server.closed_by_client.set()

    async with RawServer(talk) as server:
        with pytest.raises(UpstreamTimeout) as caught:
            await send(upstream, server.post(), headers_timeout=0.3)
        assert caught.value.kind == "headers"
        await asyncio.wait_for(server.closed_by_client.wait(), 1)


async def test_the_time_for_the_headers_is_counted_on_a_kept_alive_connection_too(upstream: Upstream) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)
        await peer.request()
        await peer.gone()

    async with RawServer(talk) as server:
        assert await fetch(upstream, server.post()) == b"ok"
        with pytest.raises(UpstreamTimeout) as caught:
            await send(upstream, server.post(), headers_timeout=0.3)
        assert (caught.value.kind, server.connections) == ("headers", 1)


async def test_a_stream_that_stops_is_a_timeout_of_its_first_byte_or_of_a_later_one(upstream: Upstream) -> None:
    async def talk(peer: Peer) -> None:
        request = await peer.request()
        await peer.say(CHUNKED + (chunk(b"one") if b"some" in request else b""))
        await peer.gone()

    async with RawServer(talk) as server:
        pieces = (await send(upstream, server.post(b"none"))).iter_any(first_timeout=0.2, idle_timeout=60)
        with pytest.raises(UpstreamTimeout) as caught:
            await anext(pieces)
        assert caught.value.kind == "first-byte"
    async with RawServer(talk) as server:
        pieces = (await send(upstream, server.post(b"some"))).iter_any(first_timeout=60, idle_timeout=0.2)
        assert await anext(pieces) == b"one"
        with pytest.raises(UpstreamTimeout) as caught:
            await anext(pieces)
        assert caught.value.kind == "idle"


async def test_a_body_that_does_not_end_in_time_is_a_timeout_of_the_body(upstream: Upstream) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED)
        with contextlib.suppress(ConnectionError):
            while True:
                await peer.say(chunk(b"drip"))
                await asyncio.sleep(0.02)

    async with RawServer(talk) as server:
        response = await send(upstream, server.post())
        with pytest.raises(UpstreamTimeout) as caught:
            await response.read(LIMIT, timeout=0.3)
        assert caught.value.kind == "body"


@pytest.mark.parametrize(
    "said",
    [
        CHUNKED + chunk(b"begun"),
        CHUNKED + chunk(b"begun") + b"400\r\npart of a chunk",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun",
    ],
    ids=["between chunks", "inside a chunk", "below its length"],
)
async def test_a_reply_that_is_cut_is_closed_in_the_middle_after_what_had_come(upstream: Upstream, said: bytes) -> None:
    taken = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(said)
        await taken.wait()
        peer.cut()

    async with RawServer(talk) as server:
        pieces = (await send(upstream, server.post())).iter_any(first_timeout=5, idle_timeout=5)
        assert (await anext(pieces)).startswith(b"begun")
        taken.set()
        with pytest.raises(UpstreamClosed, match="in the middle") as caught:
            await exhaust(pieces)
        assert caught.value.reply_started


async def test_a_peer_that_closes_unanswered_is_closed_before_its_reply_and_not_asked_again(upstream: Upstream) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        peer.cut()

    async with RawServer(talk) as server:
        with pytest.raises(UpstreamClosed, match="before it replied") as caught:
            await send(upstream, server.post())
        assert not caught.value.reply_started
        assert len(server.requests) == 1


async def test_a_kept_alive_connection_that_had_been_closed_is_replaced_once(upstream: Upstream) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        if peer.server.connections == 1:
            await peer.say(OK)
            await peer.request()  # takes the next request and closes: what a race with an idle timeout looks like
            peer.cut()
        else:
            await peer.say(OK)
            await peer.gone()

    async with RawServer(talk) as server:
        assert await fetch(upstream, server.post(b"first")) == b"ok"
        assert await fetch(upstream, server.post(b"second")) == b"ok"
        assert server.connections == 2
        assert [request.partition(b"\r\n\r\n")[2] for request in server.requests] == [b"first", b"second", b"second"]


async def test_a_stale_connection_is_replaced_only_once(upstream: Upstream) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        if peer.server.connections == 1:
            await peer.say(OK)
            await peer.request()
        peer.cut()

    async with RawServer(talk) as server:
        assert await fetch(upstream, server.post()) == b"ok"
        with pytest.raises(UpstreamClosed):
            await fetch(upstream, server.post())
        assert server.connections == 2


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 two hundred OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x-long: " + b"a" * 200_000 + b"\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x-many: a\r\n" * 5000 + b"content-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nok",
        CHUNKED + b"not a size\r\n",
    ],
    ids=[
        "another protocol",
        "no status",
        "no header",
        "two lengths",
        "an upgrade",
        "a huge header",
        "many headers",
        "an unknown encoding",
        "a broken encoding",
        "a broken chunk",
    ],
)
async def test_what_is_not_a_readable_reply_is_a_protocol_error(upstream: Upstream, said: bytes) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(said)
        await peer.gone()

    async with RawServer(talk) as server:
        with pytest.raises(UpstreamProtocolError):
            await fetch(upstream, server.post())


async def test_a_head_that_never_ends_is_refused_while_it_comes(upstream: Upstream) -> None:
    said = 0

    async def talk(peer: Peer) -> None:
        nonlocal said
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\n")
        with contextlib.suppress(ConnectionError):
            while said < 50_000_000:
                await peer.say(b"x-header-%d: " % said + b"a" * 4000 + b"\r\n")
                said += 4000

    async with RawServer(talk) as server:
        with pytest.raises(UpstreamProtocolError):
            await fetch(upstream, server.post())
        assert said < 50_000_000


async def test_bytes_after_a_reply_end_the_connection_and_not_the_reply(upstream: Upstream) -> None:
    poison = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison"
    async with RawServer(answering(OK + poison)) as server:
        assert [await fetch(upstream, server.post()) for _ in range(3)] == [b"ok"] * 3
        assert server.connections == 3


async def test_a_body_over_the_limit_is_refused_and_its_connection_cut(upstream: Upstream) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
        while True:
            await peer.say(b"x" * 65536)

    async with RawServer(talk) as server:
        response = await send(upstream, server.post())
        with pytest.raises(UpstreamBodyTooLarge, match="1000 bytes"):
            await response.read(1000)
        await asyncio.wait_for(server.closed_by_client.wait(), 1)


@pytest.mark.parametrize("when", ["before the head", "in the body"])
async def test_a_cancelled_call_closes_its_connection_within_a_second(upstream: Upstream, when: str) -> None:
    asked = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.request()
        if when == "in the body":
            await peer.say(CHUNKED + chunk(b"one"))
        asked.set()
        await peer.gone()
        peer.server.closed_by_client.set()

    async with RawServer(talk) as server:
        call = asyncio.create_task(fetch(upstream, server.post()))
        await asked.wait()
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(server.closed_by_client.wait(), 1)


async def test_closing_the_client_ends_what_is_in_flight(upstream: Upstream) -> None:
    asked = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await peer.gone()
        peer.server.closed_by_client.set()

    async with RawServer(talk) as server:
        call = asyncio.create_task(fetch(upstream, server.post()))
        await asked.wait()
        await upstream.close()
        with pytest.raises(UpstreamClosed):
            await asyncio.wait_for(call, 5)
        await asyncio.wait_for(server.closed_by_client.wait(), 1)
