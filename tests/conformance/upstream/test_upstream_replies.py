"""What a client hands out when the upstream behaves: every framing of a reply, reuse, back-pressure."""

import asyncio
import gzip
import zlib

import msgspec
import pytest

from conformance.upstream.raw_server import CHUNKED, OK, Peer, RawServer, answering, chunk
from turnout_sidecar.ports.upstream import (
    InvalidUpstreamRequest,
    Upstream,
    UpstreamBodyTooLarge,
    UpstreamRequest,
    UpstreamResponse,
)

LIMIT = 1 << 20


async def send(upstream: Upstream, request: UpstreamRequest) -> UpstreamResponse:
    return await upstream.send(request, connect_timeout=5, headers_timeout=5)


async def fetch(upstream: Upstream, request: UpstreamRequest) -> bytes:
    response = await send(upstream, request)
    try:
        return await response.read(LIMIT, timeout=5)
    finally:
        await response.close()


async def test_the_request_arrives_byte_for_byte_with_only_the_framing_added(upstream: Upstream) -> None:
    async with RawServer(answering(OK)) as server:
        request = UpstreamRequest(
            server.target(), "/v1/models/a%2Fb?x=%20y", (("authorization", "Bearer k"), ("x-trace", "ä")), b'{ "a" :1}'
        )
        assert await fetch(upstream, request) == b"ok"
        head, body = server.requests[0].split(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[0] == b"POST /v1/models/a%2Fb?x=%20y HTTP/1.1"
        assert {line.lower() for line in lines[1:]} == {
            b"host: 127.0.0.1:%d" % server.port,
            b"authorization: bearer k",
            "x-trace: ä".encode(),
            b"accept-encoding: identity",
            b"content-length: 9",
        }
        assert body == b'{ "a" :1}'


async def test_a_large_request_body_arrives_whole(upstream: Upstream) -> None:
    body = bytes(range(256)) * 20_000
    async with RawServer(answering(OK)) as server:
        assert await fetch(upstream, server.post(body)) == b"ok"
        assert server.requests[0].endswith(body)


async def test_a_get_without_a_body_is_answered(upstream: Upstream) -> None:
    async with RawServer(answering(OK)) as server:
        request = UpstreamRequest(server.target(), "/v1/models", (), b"", method="GET")
        assert await fetch(upstream, request) == b"ok"
        assert server.requests[0].startswith(b"GET /v1/models HTTP/1.1\r\n")


async def test_status_and_headers_are_given_by_lower_case_name_and_with_all_values(upstream: Upstream) -> None:
    reply = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nX-Many: a\r\nx-many: b\r\nContent-Length: 0\r\n\r\n"
    async with RawServer(answering(reply)) as server:
        response = await send(upstream, server.post())
        assert response.status == 429
        assert response.headers["retry-after"] == "7"
        assert response.headers["x-many"] == "a, b"
        assert response.headers.get_all("x-many") == ("a", "b")
        assert "absent" not in response.headers
        assert await response.read(LIMIT) == b""


async def test_a_redirect_is_a_reply_and_is_not_followed(upstream: Upstream) -> None:
    reply = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/elsewhere\r\ncontent-length: 0\r\n\r\n"
    async with RawServer(answering(reply)) as server:
        response = await send(upstream, server.post())
        assert response.status == 307
        await response.close()
        assert len(server.requests) == 1


async def test_a_chunked_stream_comes_piece_by_piece_as_it_is_sent(upstream: Upstream) -> None:
    taken = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + chunk(b"data: 1\n\n"))
        await taken.wait()
        await peer.say(chunk(b"data: 2\n\n") + b"0\r\n\r\n")
        await peer.gone()

    async with RawServer(talk) as server:
        pieces = (await send(upstream, server.post())).iter_any(first_timeout=5, idle_timeout=5)
        assert await anext(pieces) == b"data: 1\n\n"
        taken.set()
        assert [piece async for piece in pieces] == [b"data: 2\n\n"]


async def test_a_reply_sent_byte_by_byte_is_the_same_reply(upstream: Upstream) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        for byte in CHUNKED + chunk(b"hello") + chunk(b" world") + b"0\r\nx-trailer: 1\r\n\r\n":
            await peer.say(bytes([byte]))
            await asyncio.sleep(0)
        await peer.gone()

    async with RawServer(talk) as server:
        assert await fetch(upstream, server.post()) == b"hello world"


async def test_a_body_without_a_length_ends_where_the_connection_does(upstream: Upstream) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\n\r\nall of ")
        await peer.say(b"it")
        peer.cut()

    async with RawServer(talk) as server:
        assert await fetch(upstream, server.post()) == b"all of it"


async def test_interim_replies_are_passed_over(upstream: Upstream) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    async with RawServer(answering(interim + OK)) as server:
        response = await send(upstream, server.post())
        assert (response.status, "link" in response.headers) == (200, False)
        assert await response.read(LIMIT) == b"ok"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_a_reply_that_has_no_body_ends_with_its_head(upstream: Upstream, status: bytes) -> None:
    async with RawServer(answering(b"HTTP/1.1 " + status + b"\r\n\r\n")) as server:
        assert await fetch(upstream, server.post()) == b""
        assert await fetch(upstream, server.post()) == b""
        assert server.connections == 1


@pytest.mark.parametrize(
    ("encoding", "encoded"),
    [
        (b"gzip", gzip.compress(b"hello" * 1000)),
        (b"gzip", gzip.compress(b"hello" * 999) + gzip.compress(b"hello")),
        (b"deflate", zlib.compress(b"hello" * 1000)),
        (b"deflate", zlib.compress(b"hello" * 1000, wbits=-zlib.MAX_WBITS)),
    ],
    ids=["gzip", "two gzip members", "deflate", "bare deflate"],
)
async def test_a_compressed_body_is_opened_though_none_was_asked_for(
    upstream: Upstream, encoding: bytes, encoded: bytes
) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (encoding, len(encoded))
    async with RawServer(answering(head + encoded)) as server:
        response = await send(upstream, server.post())
        assert "content-encoding" not in response.headers
        assert "content-length" not in response.headers
        assert await response.read(LIMIT) == b"hello" * 1000


async def test_a_kept_alive_connection_serves_the_next_request(upstream: Upstream) -> None:
    async with RawServer(answering(OK, CHUNKED + chunk(b"two") + b"0\r\n\r\n", OK)) as server:
        assert [await fetch(upstream, server.post()) for _ in range(3)] == [b"ok", b"two", b"ok"]
        assert server.connections == 1


@pytest.mark.parametrize("closing", [b"HTTP/1.1 200 OK\r\nconnection: close\r\n", b"HTTP/1.0 200 OK\r\n"])
async def test_a_connection_that_says_it_closes_is_not_used_again(upstream: Upstream, closing: bytes) -> None:
    async with RawServer(answering(closing + b"content-length: 2\r\n\r\nok")) as server:
        assert [await fetch(upstream, server.post()) for _ in range(2)] == [b"ok", b"ok"]
        assert server.connections == 2


async def test_a_reply_closed_before_its_end_gives_its_connection_up(upstream: Upstream) -> None:
    async with RawServer(answering(CHUNKED + chunk(b"never ends"), OK)) as server:
        response = await send(upstream, server.post())
        assert await anext(response.iter_any()) == b"never ends"
        await response.close()
        await response.close()
        await asyncio.wait_for(server.closed_by_client.wait(), 1)
        assert server.connections == 1


async def test_requests_side_by_side_each_get_their_own_reply(upstream: Upstream) -> None:
    async def talk(peer: Peer) -> None:
        while True:
            body = (await peer.request()).partition(b"\r\n\r\n")[2]
            await asyncio.sleep(0.001 * (body[-1] % 5))
            await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    async with RawServer(talk) as server:
        bodies = [b"call %d" % number for number in range(60)]
        assert await asyncio.gather(*(fetch(upstream, server.post(body)) for body in bodies)) == bodies
        assert server.connections <= 60


async def test_a_reader_that_is_slow_stops_the_sender_and_memory_stays_flat(upstream: Upstream) -> None:
    total = 64 << 20
    written = 0

    async def talk(peer: Peer) -> None:
        nonlocal written
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        while written < total:
            await peer.say(b"x" * 65536)
            written += 65536
        await peer.gone()

    async with RawServer(talk) as server:
        response = await send(upstream, server.post())
        pieces = response.iter_any(first_timeout=10, idle_timeout=10)
        first = await anext(pieces)
        before = -1
        while before != written:  # until the sender is stuck
            before = written
            await asyncio.sleep(0.3)
        assert written < total // 2
        assert len(first) + sum([len(piece) async for piece in pieces]) == total


async def test_a_compressed_body_that_grows_a_thousandfold_is_opened_in_small_pieces(
    upstream: Upstream,
) -> None:
    bomb = gzip.compress(b"\0" * (64 << 20))
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    async with RawServer(answering(head + bomb)) as server:
        response = await send(upstream, server.post())
        longest = max([len(piece) async for piece in response.iter_any()])
        assert longest <= 65536
        response = await send(upstream, server.post())
        with pytest.raises(UpstreamBodyTooLarge):
            await response.read(LIMIT)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"headers": (("x-a", "1\r\nx-b: 2"),)}, "x-a"),
        ({"headers": (("x-a", "1\n"),)}, "x-a"),
        ({"headers": (("x-a", "\0"),)}, "x-a"),
        ({"headers": (("x-a", "\ud800"),)}, "x-a"),
        ({"headers": (("x a", "1"),)}, "x a"),
        ({"headers": (("host", "other"),)}, "host"),
        ({"headers": (("Content-Length", "1"),)}, "Content-Length"),
        ({"path": "/a b"}, "path"),
        ({"path": "http://other/"}, "path"),
        ({"method": "GET /x"}, "method"),
    ],
)
async def test_a_request_that_http_cannot_carry_is_refused_by_name_and_without_its_value(
    upstream: Upstream, change: dict[str, object], names: str
) -> None:
    async with RawServer(answering(OK)) as server:
        with pytest.raises(InvalidUpstreamRequest, match=names) as caught:
            await send(upstream, msgspec.structs.replace(server.post(), **change))
        assert "x-b" not in str(caught.value)
        assert server.requests == []
