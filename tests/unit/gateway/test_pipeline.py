"""The pipeline and its outermost stage: order, timed edges, and every way out settled once."""

import asyncio
from typing import Any

import orjson
import pytest

from gateway_rig import STREAM
from turnout_contract.snapshot import model as snap
from turnout_sidecar import pipeline
from turnout_sidecar.endpoints import SERVED
from turnout_sidecar.exchange.call import Attempt, Exchange, Proceed, Response, Stage
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.ports.clock import FakeClock
from turnout_sidecar.ports.telemetry import FakeCallTrace, FakeTelemetry
from turnout_sidecar.stages.record import Record
from turnout_sidecar.wire.openai_collect import Collected

MODEL = snap.Model("m", "Mid", ("Chat",))
PROVIDER = snap.Provider("p", "OpenAI", "http://x", None, "Internal", (), snap.Tls(), (MODEL,))


def an_exchange(trace: FakeCallTrace | None = None) -> Exchange:
    exchange = Exchange(
        id="1",
        endpoint=SERVED[0].endpoint,
        headers={},
        raw=b"",
        body={},
        runtime=None,
        received_ns=0,
        received_unix_ns=0,
    )
    exchange.trace = trace
    return exchange


def paid(*costs: int | None) -> Exchange:
    """A call with attempts of these costs."""
    exchange = an_exchange()
    for number, cost in enumerate(costs):
        attempt = Attempt(number, PROVIDER, MODEL, 0)
        attempt.cost_nano = cost
        exchange.attempts.append(attempt)
    return exchange


async def fine(_: Exchange) -> Response:
    return Response(200, body=b"{}")


class Pieces:
    """A stream of a test's own; an exception among its pieces is raised."""

    def __init__(self, *pieces: bytes | BaseException) -> None:
        self._pieces = list(pieces)
        self.closed = 0

    def __aiter__(self) -> "Pieces":
        return self

    async def __anext__(self) -> bytes:
        if not self._pieces:
            raise StopAsyncIteration
        piece = self._pieces.pop(0)
        if isinstance(piece, BaseException):
            raise piece
        return piece

    async def aclose(self) -> None:
        self.closed += 1


async def recorded(exchange: Exchange, pieces: Pieces, telemetry: FakeTelemetry) -> Any:
    async def streaming(_: Exchange) -> Response:
        return Response(200, stream=pieces)

    response = await Record(telemetry)(exchange, streaming)
    assert telemetry.ended == []
    return response.stream


async def test_stages_are_called_from_the_outside_in() -> None:
    seen: list[str] = []

    def stage(name: str) -> Stage:
        async def run(exchange: Exchange, proceed: Proceed) -> Response:
            seen.append(name)
            response = await proceed(exchange)
            seen.append(f"/{name}")
            return response

        return run

    await pipeline.build([stage("a"), stage("b")], fine)(an_exchange())
    assert seen == ["a", "b", "/b", "/a"]


@pytest.mark.parametrize("goes_on", [True, False])
async def test_an_edge_is_timed_until_the_stage_goes_on_or_answers(goes_on: bool) -> None:
    clock = FakeClock()
    trace = FakeCallTrace()

    async def looks_up(exchange: Exchange, proceed: Proceed) -> Response:
        exchange.cache_state = "miss" if goes_on else "exact"
        return await proceed(exchange) if goes_on else Response(200, body=b"")

    async def slow(_: Exchange) -> Response:
        assert len(trace.children) == 1
        return Response(200, body=b"")

    run = pipeline.build([looks_up], slow, spans={looks_up: "turnout.cache"}, clock=clock)
    await run(an_exchange(trace))
    assert trace.children == [("turnout.cache", {"turnout.cache.state": "miss" if goes_on else "exact"})]
    await run(an_exchange(FakeCallTrace(sampled=False)))
    assert len(trace.children) == 1


async def test_a_stage_that_fails_is_timed_too() -> None:
    trace = FakeCallTrace()

    async def fails(exchange: Exchange, proceed: Proceed) -> Response:
        raise CallError(400, "x", "y")

    run = pipeline.build([fails], fine, spans={fails: "s"}, clock=FakeClock())
    with pytest.raises(CallError):
        await run(an_exchange(trace))
    assert [name for name, _ in trace.children] == ["s"]


@pytest.mark.parametrize(
    ("costs", "total"), [((), 0), ((5,), 5), ((5, 0, 7), 12), ((5, None), None), ((None, 5), None)]
)
async def test_the_cost_is_the_sum_of_all_attempts_or_unknown(costs: tuple[int | None, ...], total: int | None) -> None:
    exchange = paid(*costs)
    await Record(FakeTelemetry())(exchange, fine)
    assert exchange.cost_nano == total


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (CallError(429, "rate", "m"), 429, "rate"),
        (RuntimeError("x"), 500, "internal"),
        (asyncio.CancelledError(), 499, "client_gone"),
    ],
)
async def test_every_error_is_settled_once_and_goes_on(error: BaseException, status: int, name: str) -> None:
    async def fails(_: Exchange) -> Response:
        raise error

    telemetry = FakeTelemetry()
    exchange = paid(3)
    with pytest.raises(type(error)):
        await Record(telemetry)(exchange, fails)
    assert telemetry.ended == [exchange]
    assert (exchange.status, exchange.error, exchange.cost_nano) == (status, name, 3)


async def test_a_stream_is_settled_at_its_end() -> None:
    telemetry, exchange, pieces = FakeTelemetry(), paid(3), Pieces(b"a", b"b")
    stream = await recorded(exchange, pieces, telemetry)
    assert [piece async for piece in stream] == [b"a", b"b"]
    await stream.aclose()
    assert telemetry.ended == [exchange]
    assert (exchange.client_gone, exchange.aborted) == (False, False)


@pytest.mark.parametrize("read", [0, 1])
async def test_a_stream_that_is_left_is_settled_even_if_never_started(read: int) -> None:
    telemetry, exchange, pieces = FakeTelemetry(), paid(3), Pieces(b"a", b"b")
    stream = await recorded(exchange, pieces, telemetry)
    for _ in range(read):
        await anext(stream)
    await stream.aclose()
    await stream.aclose()
    assert telemetry.ended == [exchange]
    assert (exchange.client_gone, exchange.aborted, pieces.closed) == (True, True, 1)


@pytest.mark.parametrize("error", [RuntimeError("x"), asyncio.CancelledError()])
async def test_a_stream_that_fails_is_closed_and_settled(error: BaseException) -> None:
    telemetry, exchange, pieces = FakeTelemetry(), paid(3), Pieces(b"a", error)
    stream = await recorded(exchange, pieces, telemetry)
    await anext(stream)
    with pytest.raises(type(error)):
        await anext(stream)
    await stream.aclose()
    assert telemetry.ended == [exchange]
    assert (exchange.aborted, pieces.closed) == (True, 1)


async def test_the_answer_is_told_where_content_is_wanted() -> None:
    for wanted in (True, False):
        trace = FakeCallTrace(wants_content=wanted)
        await Record(FakeTelemetry())(an_exchange(trace), fine)
        assert trace.answered == (b"{}" if wanted else None)


async def test_the_answer_of_a_stream_is_told_as_a_whole() -> None:
    trace = FakeCallTrace(wants_content=True)
    telemetry = FakeTelemetry()
    stream = await recorded(an_exchange(trace), Pieces(*STREAM), telemetry)
    assert [piece async for piece in stream] == list(STREAM)
    assert isinstance(trace.answered, bytes)
    assert orjson.loads(trace.answered)["choices"][0]["message"]["content"] == "Hello"


@pytest.mark.parametrize("where", ["feed", "answer"])
async def test_content_that_cannot_be_told_breaks_no_stream(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(Collected, where, fails)
    exchange, telemetry = an_exchange(FakeCallTrace(wants_content=True)), FakeTelemetry()
    stream = await recorded(exchange, Pieces(*STREAM), telemetry)
    assert [piece async for piece in stream] == list(STREAM)
    assert telemetry.ended == [exchange]
    assert (exchange.error, exchange.aborted) == (None, False)


async def test_a_very_deep_piece_of_an_answer_is_passed_on_where_content_is_wanted() -> None:
    nested = b'{"a":' * 1000 + b"1" + b"}" * 1000
    piece = b'data: {"choices": [{"index": 0, "delta": {"new": ' + nested + b"}}]}\n\n"
    trace, telemetry = FakeCallTrace(wants_content=True), FakeTelemetry()
    stream = await recorded(an_exchange(trace), Pieces(STREAM[0], piece, piece, *STREAM[1:]), telemetry)
    assert [part async for part in stream] == [STREAM[0], piece, piece, *STREAM[1:]]
    assert trace.answered is None
