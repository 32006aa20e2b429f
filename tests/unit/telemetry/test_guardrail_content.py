"""Content where policies hold: only what they let pass is told, masked, and of a refused call nothing."""

import asyncio
import random

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

import gateway_rig as rig
from doubles.finished_calls import attempt, call
from turnout_sidecar.adapters.call_trace import Trace
from turnout_sidecar.adapters.spans import SpanWriter
from turnout_sidecar.answer_content import tell_answer
from turnout_sidecar.caching.replay import Replay
from turnout_sidecar.exchange.call import Exchange, Response
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.stages.record import Record

SECRET = "ada@example.org"
PLACEHOLDER = "<EMAIL_bcdfghjkmnpq>"
BODY = rig.answer(f"Write to {PLACEHOLDER}.")


def told(exchange: Exchange) -> bytes:
    """All spans of a call, as they leave."""
    trace: Trace = exchange.trace
    trace.ended_ns = exchange.received_ns + 1
    data = b"".join(SpanWriter().write(exchange, trace))
    assert ScopeSpans.FromString(data).spans
    return data


def a_call(*, content: bool = True) -> Exchange:
    """A call that asks with personal data."""
    exchange = call(body={"model": "assistant", "messages": [{"role": "user", "content": f"Write to {SECRET}"}]})
    exchange.trace = Trace(
        None, "4bf92f3577b34da6a3ce929d0e0e4736", random.Random(3).getrandbits, sampled=True, content=content
    )
    return exchange


def restored(data: bytes) -> bytes:
    return data.replace(PLACEHOLDER.encode(), SECRET.encode())


class Restoring:
    """A stage that masks the question, tells the answer and puts back what it had masked."""

    def __init__(self, *frames: bytes) -> None:
        self._frames = frames

    async def __call__(self, exchange: Exchange) -> Response:
        masked = {"model": "assistant", "messages": [{"role": "user", "content": f"Write to {PLACEHOLDER}"}]}
        exchange.body = exchange.parsed = masked
        exchange.guard.guarded = exchange.guard.inspected = True
        attempt(exchange)
        if not self._frames:
            response = Response(200, body=BODY)
            tell_answer(exchange, response)
            response.body = restored(BODY)
            return response
        response = Response(200, stream=Replay(iter(self._frames)))
        tell_answer(exchange, response)
        assert response.stream is not None
        frames = [frame async for frame in response.stream]
        response.stream = Replay(restored(frame) for frame in frames)
        return response


async def test_the_answer_is_told_as_it_was_before_the_values_were_put_back() -> None:
    exchange = a_call()

    response = await Record(FakeTelemetry())(exchange, Restoring())
    data = told(exchange)

    assert response.body is not None
    assert SECRET.encode() in response.body
    assert PLACEHOLDER.encode() in data
    assert SECRET.encode() not in data


async def test_the_answer_of_a_stream_is_told_as_it_was_before_the_values_were_put_back() -> None:
    exchange = a_call()
    frames = (
        rig.delta(),
        rig.delta("Write to <EMAIL_bcdf"),
        rig.delta("ghjkmnpq>."),
        rig.delta(finish="stop"),
        rig.DONE,
    )

    response = await Record(FakeTelemetry())(exchange, Restoring(*frames))
    assert response.stream is not None
    async for _ in response.stream:
        pass
    data = told(exchange)

    assert data.count(PLACEHOLDER.encode()) == 2, "of the question and of the answer"
    assert SECRET.encode() not in data


@pytest.mark.parametrize("state", ["blocked", "before its policies looked", "unknown model"])
async def test_a_refused_call_is_told_of_without_its_content(state: str) -> None:
    exchange = a_call()
    if state == "blocked":
        exchange.guard.guarded = True
    if state == "unknown model":
        exchange.route = exchange.rule = None
        exchange.model = SECRET

    data = told(exchange)

    assert SECRET.encode() not in data
    assert b"gen_ai.input.messages" not in data


async def test_who_tells_first_tells_alone() -> None:
    exchange = a_call()
    tell_answer(exchange, Response(200, body=b'{"first": 1}'))
    tell_answer(exchange, Response(200, body=b'{"second": 2}'))

    assert exchange.trace.answered == b'{"first": 1}'


async def test_a_stream_is_left_alone_where_nobody_wants_its_content() -> None:
    exchange = a_call(content=False)
    stream = Replay(iter([rig.DONE]))
    response = Response(200, stream=stream)

    tell_answer(exchange, response)

    assert response.stream is stream
    assert not exchange.answer_told


@pytest.mark.parametrize("end", [RuntimeError("upstream"), asyncio.CancelledError(), "left"])
async def test_a_stream_that_breaks_off_is_told_as_far_as_it_came(end: BaseException | str) -> None:
    class Broken:
        def __init__(self) -> None:
            self._frames = [rig.delta(), rig.delta("as far as")]

        def __aiter__(self) -> "Broken":
            return self

        async def __anext__(self) -> bytes:
            if self._frames:
                return self._frames.pop(0)
            assert isinstance(end, BaseException)
            raise end

        async def aclose(self) -> None:
            """Nothing is held."""

    exchange = a_call()
    response = Response(200, stream=Broken())
    tell_answer(exchange, response)
    stream = response.stream
    assert stream is not None
    await anext(stream)
    await anext(stream)
    if isinstance(end, BaseException):
        with pytest.raises(type(end)):
            await anext(stream)
    await stream.aclose()

    assert isinstance(exchange.trace.answered, bytes)
    assert b"as far as" in exchange.trace.answered
