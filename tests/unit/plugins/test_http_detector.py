"""Turnout's protocol for detectors, over the upstream port: what is sent, what is believed, how each failure is told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.plugins.asking import MOST_ANSWERED, UnusableAddress, address
from turnout_sidecar.plugins.http_detector import HttpDetector
from turnout_sidecar.plugins.presidio import PresidioDetector
from turnout_sidecar.ports.detector import Detected, DetectorFailed, Flag
from turnout_sidecar.ports.upstream import (
    ConnectFailure,
    InvalidUpstreamRequest,
    UpstreamClosed,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRequest,
    UpstreamTimeout,
)

URL = "http://guards.example:8080/detect?model=large"


def replied(*said: object) -> FakeUpstream:
    return FakeUpstream([FakeReply(pieces=(orjson.dumps(one),)) for one in said])


def detector(upstream: FakeUpstream, *, timeout: float = 30, at_once: int = 16) -> HttpDetector:
    return HttpDetector("names", URL, upstream, timeout=timeout, at_once=at_once)


async def test_the_question_holds_texts_entities_and_side_and_nothing_of_the_caller() -> None:
    upstream = replied({"findings": [[{"start": 0, "end": 4, "entity": "Person"}]]})
    said = await detector(upstream).detect(["Anna"], ("Person", "Location"), "output")
    assert said == Detected(((Finding(0, 4, "Person", "names"),),))
    request = upstream.requests[0]
    assert (request.method, request.target.origin, request.path) == (
        "POST",
        "http://guards.example:8080",
        "/detect?model=large",
    )
    assert dict(request.headers) == {"content-type": "application/json", "accept": "application/json"}
    assert orjson.loads(request.body) == {
        "version": 1,
        "side": "output",
        "entities": ["Person", "Location"],
        "texts": ["Anna"],
    }
    assert upstream.responses[0].closed


async def test_texts_in_which_nothing_can_be_are_not_sent_and_places_stay() -> None:
    upstream = replied(
        {"findings": [[{"start": 1, "end": 2, "entity": "Person"}]], "flags": [{"rule": "odd", "score": 1, "text": 0}]}
    )
    said = await detector(upstream).detect(["", " ", "\ud800a", "!"], ["Person"], "input")
    assert said.findings == ((), (), (Finding(1, 2, "Person", "names"),), ())
    assert said.flags == (Flag(2, "odd", 1.0),)
    assert orjson.loads(upstream.requests[0].body)["texts"] == ["\ufffda"]


async def test_nothing_worth_asking_asks_nobody() -> None:
    upstream = replied({})
    assert await detector(upstream).detect(["", "..."], ["Person"], "input") == Detected(((), ()))
    assert upstream.requests == []


async def test_many_texts_go_in_several_questions() -> None:
    def lists(count: int) -> dict[str, Any]:
        return {"findings": [[{"start": 0, "end": 1, "entity": "Person"}]] * count}

    upstream = replied(lists(1000), lists(1000), lists(500))
    said = await detector(upstream).detect(["ab"] * 2500, ["Person"], "input")
    assert said.findings == ((Finding(0, 1, "Person", "names"),),) * 2500
    assert [len(orjson.loads(request.body)["texts"]) for request in upstream.requests] == [1000, 1000, 500]


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"error": "busy"}',
        b'{"findings": null}',
        b'{"findings": [[{"start": "0", "end": 1, "entity": "Person"}]]}',
        b'{"findings": [[{"start": 0.5, "end": 1, "entity": "Person"}]]}',
        b'{"findings": [[{"start": true, "end": 1, "entity": "Person"}]]}',
        b'{"findings": [[{"start": 0, "end": 1}]]}',
        b'{"findings": [[]]',
        b'{"findings": [[]], "flags": {}}',
        b'{"findings": [["\xff"]]}',
        b'{"findings": ' + b"[" * 100_000,
        b'{"findings": [[]], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"<html>",
    ],
)
async def test_what_is_no_answer_of_the_protocol_is_malformed(said: bytes) -> None:
    upstream = FakeUpstream([FakeReply(pieces=(said,) if said else ())])
    with pytest.raises(DetectorFailed) as failed:
        await detector(upstream).detect(["Anna"], ["Person"], "input")
    assert failed.value.reason == "malformed"


FAILURES: list[tuple[FakeReply | UpstreamError, str]] = [
    (ConnectFailure("http://x", "refused"), "connection"),
    (UpstreamClosed("http://x", reply_started=False), "connection"),
    (UpstreamTimeout("http://x", "headers"), "timeout"),
    (UpstreamTimeout("http://x", "connect"), "timeout"),
    (UpstreamProtocolError("http://x", "Anna is no header"), "malformed"),
    (FakeReply(error=UpstreamClosed("http://x", reply_started=True)), "connection"),
    (FakeReply(status=503, pieces=(b"Anna",)), "status"),
    (FakeReply(status=404), "status"),
    (FakeReply(status=302, headers=(("location", "http://elsewhere"),)), "status"),
    (FakeReply(pieces=(b" " * MOST_ANSWERED, b"{}")), "too_large"),
]


@pytest.mark.parametrize(("script", "reason"), FAILURES, ids=range(len(FAILURES)))
async def test_each_failure_has_a_reason_and_says_nothing_of_the_text(
    script: FakeReply | UpstreamError, reason: str
) -> None:
    for make in (HttpDetector, PresidioDetector):
        upstream = FakeUpstream([script])
        with pytest.raises(DetectorFailed) as failed:
            await make("names", URL, upstream, timeout=30).detect(["Anna"], ["Person"], "input")
        assert failed.value.reason == reason
        assert "Anna" not in str(failed.value)
        assert failed.value.__suppress_context__ or failed.value.__context__ is None
        assert all(response.closed for response in upstream.responses)


async def test_a_request_that_cannot_be_made_is_unavailable() -> None:
    class Refusing(FakeUpstream):
        async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> Any:
            raise InvalidUpstreamRequest("path")

    with pytest.raises(DetectorFailed, match="unavailable"):
        await detector(Refusing([FakeReply()])).detect(["Anna"], ["Person"], "input")


async def test_one_limit_of_time_holds_over_all_that_a_call_asks() -> None:
    upstream = FakeUpstream([FakeReply(hang_before=0)])
    with pytest.raises(DetectorFailed) as failed:
        await detector(upstream, timeout=0.02).detect(["Anna"], ["Person"], "input")
    assert failed.value.reason == "timeout"
    assert upstream.responses[0].closed


class Gate(FakeUpstream):
    """Answers when it is told to, and counts how many wait for it at once."""

    def __init__(self) -> None:
        super().__init__([FakeReply(pieces=(b'{"findings": [[]]}',))])
        self.open = asyncio.Event()
        self.waiting = 0
        self.most = 0

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> Any:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            await self.open.wait()
        finally:
            self.waiting -= 1
        return await super().send(request, connect_timeout=connect_timeout, headers_timeout=headers_timeout)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.001)


def call(one: HttpDetector) -> Awaitable[Detected]:
    return one.detect(["Anna"], ["Person"], "input")


async def test_no_more_than_sixteen_are_asked_at_once() -> None:
    gate = Gate()
    one = detector(gate)
    calls = [asyncio.ensure_future(call(one)) for _ in range(40)]
    await until(lambda: gate.waiting == 16)
    gate.open.set()
    await asyncio.gather(*calls)
    assert gate.most == 16


async def test_waiting_for_a_free_place_counts_and_frees_what_it_took() -> None:
    gate = Gate()
    one = detector(gate, timeout=0.05, at_once=1)
    failures = await asyncio.gather(call(one), call(one), call(one), return_exceptions=True)
    assert [getattr(failure, "reason", None) for failure in failures] == ["timeout"] * 3
    assert gate.most == 1
    gate.open.set()
    assert await call(detector(gate, at_once=1)) == Detected(((),))
    assert await call(one) == Detected(((),))


@pytest.mark.parametrize(
    "url", ["", "ftp://a/", "http://", "http://user@a/", "http://a:99999/", "http://[::1/", "//a/"]
)
def test_an_address_that_cannot_be_asked_is_refused(url: str) -> None:
    with pytest.raises(UnusableAddress) as unusable:
        address(url)
    assert "user" not in str(unusable.value)


def test_ports_and_addresses_of_each_kind() -> None:
    assert address("https://a.example/x")[0].origin == "https://a.example:443"
    assert address("http://a")[0].origin == "http://a:80"
    assert address("http://[::1]:8/y?z=1")[0].host == "::1"
    assert address("http://[::1]:8/y?z=1")[1:] == ("/y", "z=1")
