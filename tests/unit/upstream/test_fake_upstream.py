"""The fake keeps the promises of the port, so that what passes with it passes with a real upstream."""

import asyncio

import pytest

from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.ports.upstream import (
    ConnectFailure,
    Target,
    Upstream,
    UpstreamBodyTooLarge,
    UpstreamClosed,
    UpstreamRequest,
    UpstreamTimeout,
)

REQUEST = UpstreamRequest(Target("https", "provider.example", 443), "/v1/x", (("authorization", "Bearer k"),), b"{}")


def test_a_request_never_shows_the_values_of_its_headers() -> None:
    assert "Bearer" not in repr(REQUEST)
    assert "authorization" in repr(REQUEST)


async def test_the_script_is_played_in_order_and_its_last_entry_repeated() -> None:
    fake = FakeUpstream(
        [ConnectFailure("http://fake", "refused"), FakeReply(status=429), FakeReply(pieces=(b"a", b"b"))]
    )
    upstream: Upstream = fake
    with pytest.raises(ConnectFailure):
        await upstream.send(REQUEST, connect_timeout=1, headers_timeout=2)
    assert (await upstream.send(REQUEST, connect_timeout=1, headers_timeout=2)).status == 429
    for _ in range(2):
        response = await upstream.send(REQUEST, connect_timeout=1, headers_timeout=2)
        assert await response.read(10) == b"ab"
    assert fake.requests == [REQUEST] * 4
    assert fake.timeouts[0] == {"connect": 1, "headers": 2}


async def test_an_error_comes_after_the_pieces_before_it() -> None:
    cut = UpstreamClosed("http://fake", reply_started=True)
    response = await FakeUpstream([FakeReply(pieces=(b"one",), error=cut)]).send(
        REQUEST, connect_timeout=1, headers_timeout=1
    )
    pieces = response.iter_any()
    assert await anext(pieces) == b"one"
    with pytest.raises(UpstreamClosed):
        await anext(pieces)


async def test_a_hang_is_ended_by_the_time_limit_of_its_place() -> None:
    with pytest.raises(UpstreamTimeout, match="no reply"):
        await FakeUpstream([FakeReply(hang_before=-1)]).send(REQUEST, connect_timeout=1, headers_timeout=0.01)
    fake = FakeUpstream([FakeReply(pieces=(b"a", b"b"), hang_before=1)])
    response = await fake.send(REQUEST, connect_timeout=1, headers_timeout=1)
    pieces = response.iter_any(first_timeout=5, idle_timeout=0.01)
    assert await anext(pieces) == b"a"
    with pytest.raises(UpstreamTimeout) as caught:
        await anext(pieces)
    assert caught.value.kind == "idle"
    response = await fake.send(REQUEST, connect_timeout=1, headers_timeout=1)
    with pytest.raises(UpstreamTimeout) as caught:
        await response.read(10, timeout=0.01)
    assert caught.value.kind == "body"


async def test_a_body_over_the_limit_is_refused_and_a_closed_reply_gives_nothing_more() -> None:
    fake = FakeUpstream([FakeReply(pieces=(b"abc", b"def"))])
    response = await fake.send(REQUEST, connect_timeout=1, headers_timeout=1)
    with pytest.raises(UpstreamBodyTooLarge):
        await response.read(5)
    response = await fake.send(REQUEST, connect_timeout=1, headers_timeout=1)
    await response.close()
    with pytest.raises(UpstreamClosed):
        await response.read(10)
    assert fake.responses[1].closed
    await asyncio.sleep(0)
