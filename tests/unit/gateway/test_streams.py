"""Streams: relayed as they come, read along, ended well or with an error, and settled when their client leaves."""

import asyncio
from typing import Any

import orjson
import pytest

from gateway_rig import (
    DONE,
    EVENTS,
    STREAM,
    USAGE,
    Client,
    RawProvider,
    a_gateway,
    a_provider,
    a_route,
    a_rule,
    a_snapshot,
    answer,
    call,
    chat,
    delta,
    event,
    until,
)
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import UpstreamClosed

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


def streams(*pieces: bytes, **fields: Any) -> FakeReply:
    return FakeReply(pieces=pieces, headers=EVENTS, **fields)


async def streamed(
    *script: FakeReply, telemetry: FakeTelemetry | None = None, **fields: Any
) -> tuple[bytes, FakeUpstream]:
    """What a client gets of a stream, and what the provider was asked."""
    upstream = FakeUpstream(script)
    async with a_gateway(a_snapshot(), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, chat(stream=True, **fields))
    assert reply.status == 200
    return reply.body, upstream


async def test_usage_is_asked_for_and_its_chunk_taken_out_again() -> None:
    telemetry = FakeTelemetry()
    body, upstream = await streamed(streams(*STREAM), telemetry=telemetry)
    assert body == b"".join(STREAM).replace(USAGE, b"")
    assert orjson.loads(upstream.requests[0].body)["stream_options"] == {"include_usage": True}
    assert dict(upstream.requests[0].headers)["accept"] == "text/event-stream"
    ended = telemetry.ended[0]
    assert ended.usage == Usage(input=10, output=5)
    assert ended.cost_nano == 20_000
    attempt = ended.attempts[0]
    assert (attempt.response_model, attempt.response_id, attempt.finish_reasons) == ("gpt-x", "c1", ("stop",))
    assert attempt.first_token_ns is not None
    assert not ended.aborted


async def test_a_client_that_asks_for_usage_gets_its_chunk() -> None:
    body, upstream = await streamed(streams(*STREAM), stream_options={"include_usage": True, "x": 1})
    assert body == b"".join(STREAM)
    assert orjson.loads(upstream.requests[0].body)["stream_options"] == {"include_usage": True, "x": 1}


async def test_other_stream_options_stay_when_usage_is_forced() -> None:
    _, upstream = await streamed(
        streams(*STREAM), stream_options={"include_usage": False, "include_obfuscation": False}
    )
    assert orjson.loads(upstream.requests[0].body)["stream_options"] == {
        "include_usage": True,
        "include_obfuscation": False,
    }


async def test_usage_on_the_last_piece_of_an_answer_is_read_and_the_piece_kept() -> None:
    last = event(
        {
            "choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 0},
        }
    )
    telemetry = FakeTelemetry()
    body, _ = await streamed(streams(delta(), last, DONE), telemetry=telemetry)
    assert body == delta() + last + DONE
    assert telemetry.ended[0].usage == Usage(input=1, output=0)


@pytest.mark.parametrize("size", [1, 7, 50, 400])
async def test_events_are_whole_however_they_arrive(size: int) -> None:
    whole = b": hello\n\n" + b"".join(STREAM)
    body, _ = await streamed(streams(*(whole[at : at + size] for at in range(0, len(whole), size))))
    assert body == whole.replace(USAGE, b"")


async def test_carriage_returns_are_line_breaks_too() -> None:
    whole = b"".join(STREAM).replace(b"\n", b"\r\n")
    telemetry = FakeTelemetry()
    body, _ = await streamed(streams(whole[:333], whole[333:]), telemetry=telemetry)
    assert body == whole.replace(USAGE.replace(b"\n", b"\r\n"), b"")
    assert telemetry.ended[0].usage == Usage(input=10, output=5)


async def test_an_end_without_its_last_line_break_is_an_end() -> None:
    body, _ = await streamed(streams(*STREAM[:-1], b"data: [DONE]\n"))
    assert body.endswith(DONE)


async def test_a_stream_without_its_end_ends_with_an_error() -> None:
    telemetry = FakeTelemetry()
    body, _ = await streamed(streams(*STREAM[:3], b'data: {"half'), telemetry=telemetry)
    kept, error = body[: len(b"".join(STREAM[:3]))], body[len(b"".join(STREAM[:3])) :]
    assert kept == b"".join(STREAM[:3])
    assert orjson.loads(error.removeprefix(b"data: "))["error"]["code"] == "upstream_incomplete"
    ended = telemetry.ended[0]
    assert (ended.status, ended.error, ended.aborted) == (200, "stream_broken", True)
    assert ended.usage is not None
    assert ended.usage.estimated
    assert DONE not in body


async def test_a_connection_that_breaks_ends_the_stream_with_an_error() -> None:
    body, upstream = await streamed(streams(*STREAM[:3], error=UpstreamClosed("http://x", reply_started=True)))
    assert b'"upstream_incomplete"' in body
    assert len(upstream.requests) == 1
    assert upstream.responses[0].closed


async def test_a_pause_that_is_too_long_ends_the_stream_with_an_error() -> None:
    upstream = FakeUpstream([streams(*STREAM, hang_before=3)])
    route = a_route(timeouts=snap.Timeouts(5000, 2000, 100))
    telemetry = FakeTelemetry()
    async with a_gateway(a_snapshot(route), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, chat(stream=True))
    assert reply.body.startswith(b"".join(STREAM[:3]))
    assert b'"upstream_timeout"' in reply.body
    assert telemetry.ended[0].error == "stream_idle_timeout"


async def test_an_error_event_in_the_middle_is_passed_on_and_recorded() -> None:
    error = event({"error": {"message": "overloaded", "type": "server_error", "code": "overloaded"}})
    telemetry = FakeTelemetry()
    body, _ = await streamed(streams(*STREAM[:3], error), telemetry=telemetry)
    assert body == b"".join(STREAM[:3]) + error
    assert (telemetry.ended[0].error, telemetry.ended[0].aborted) == ("stream_error", True)


async def test_an_error_as_the_first_event_is_tried_again() -> None:
    error = event({"error": {"message": "overloaded"}})
    body, upstream = await streamed(streams(error), streams(*STREAM))
    assert body.startswith(STREAM[0])
    assert len(upstream.requests) == 2
    assert upstream.responses[0].closed


async def test_no_first_token_in_time_goes_to_the_next_backend() -> None:
    upstream = FakeUpstream([streams(hang_before=0), streams(*STREAM)])
    route = a_route(
        "assistant", a_rule("one/gpt", "two/gpt"), timeouts=snap.Timeouts(5000, 100, 1000), retry=snap.Retry(attempts=0)
    )
    snapshot = a_snapshot(route, providers=[a_provider("one"), a_provider("two")])
    telemetry = FakeTelemetry()
    async with a_gateway(snapshot, upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, chat(stream=True))
    assert (reply.headers["x-turnout-backend"], reply.headers["x-turnout-attempts"]) == ("two/gpt", "2")
    first, second = telemetry.ended[0].attempts
    assert (first.error, second.error) == ("first_token_timeout", None)
    assert first.usage is not None
    assert first.usage.estimated


async def test_nothing_is_tried_again_after_the_first_byte() -> None:
    body, upstream = await streamed(streams(STREAM[0]), streams(*STREAM))
    assert b'"upstream_incomplete"' in body
    assert len(upstream.requests) == 1


async def test_a_whole_answer_to_a_stream_is_passed_on_whole() -> None:
    body, _ = await streamed(FakeReply(pieces=(answer(),)))
    assert body == answer()


async def test_an_estimate_counts_pieces_or_bytes() -> None:
    telemetry = FakeTelemetry()
    long = delta("word " * 80)
    await streamed(
        streams(delta(), delta("a"), delta("b"), delta("c"), long, delta(finish="stop"), DONE),
        telemetry=telemetry,
        messages=[{"role": "user", "content": "x" * 400}],
    )
    usage = telemetry.ended[0].usage
    assert usage is not None
    assert usage.estimated
    assert usage.input == 107
    assert usage.output is not None
    assert 90 <= usage.output <= 110


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_client_that_leaves_with_the_end_in_hand_has_not_left_early(at_once: bool) -> None:
    async def lingering(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"".join(STREAM) if at_once else HEAD + b"".join(STREAM[:-1]))
        await writer.drain()
        await asyncio.sleep(0.01)
        if not at_once:
            writer.write(DONE)

    telemetry = FakeTelemetry()
    async with (
        RawProvider(lingering) as provider,
        a_gateway(a_snapshot(providers=[a_provider(port=provider.port)]), telemetry=telemetry) as gateway,
    ):
        async with Client(gateway.port) as client:
            client.send(chat(stream=True))
            await client.reader.readuntil(DONE)
        await until(lambda: len(telemetry.ended) == 1)
        await provider.left.wait()
    ended = telemetry.ended[0]
    assert (ended.error, ended.aborted, ended.client_gone) == (None, False, False)
    assert ended.usage == Usage(input=10, output=5)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_closes_the_upstream_within_a_second(stream: bool) -> None:
    async def slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if stream:
            writer.write(HEAD + STREAM[0] + STREAM[1])

    telemetry = FakeTelemetry()
    route = a_route(timeouts=snap.Timeouts())
    async with (
        RawProvider(slowly) as provider,
        a_gateway(a_snapshot(route, providers=[a_provider(port=provider.port)]), telemetry=telemetry) as gateway,
    ):
        async with Client(gateway.port) as client:
            client.send(chat(stream=stream))
            await until(lambda: bool(provider.requests))
            if stream:
                await client.reader.readuntil(STREAM[1])
        async with asyncio.timeout(1):
            await provider.left.wait()
        await until(lambda: len(telemetry.ended) == 1)
        assert gateway.in_flight == 0
    ended = telemetry.ended[0]
    assert (ended.client_gone, ended.error, ended.status) == (True, "client_gone", 200 if stream else 499)
    assert ended.aborted is stream
    usage = ended.attempts[0].usage
    assert usage is not None
    assert usage.estimated
    assert usage.input is not None
    assert usage.input > 0
    assert ended.cost_nano == ended.attempts[0].cost_nano
    assert ended.cost_nano


async def test_events_are_not_held_back() -> None:
    gate = asyncio.Event()

    async def gated(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + STREAM[0] + STREAM[1])
        await gate.wait()
        writer.write(b"".join(STREAM[2:]))
        writer.write_eof()

    async with (
        RawProvider(gated) as provider,
        a_gateway(a_snapshot(providers=[a_provider(port=provider.port)])) as gateway,
        Client(gateway.port) as client,
    ):
        client.send(chat(stream=True))
        async with asyncio.timeout(5):
            await client.reader.readuntil(STREAM[1])
        gate.set()
        async with asyncio.timeout(5):
            await client.reader.readuntil(DONE)


async def test_calls_in_flight_finish_while_it_stops_and_new_ones_are_not_taken() -> None:
    gate = asyncio.Event()

    async def gated(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + STREAM[0])
        await gate.wait()
        writer.write(b"".join(STREAM[1:]))
        writer.write_eof()

    async with (
        RawProvider(gated) as provider,
        a_gateway(a_snapshot(providers=[a_provider(port=provider.port)])) as gateway,
        Client(gateway.port) as client,
        Client(gateway.port) as idle,
    ):
        client.send(chat(stream=True))
        await client.reader.readuntil(STREAM[0])
        await gateway.drain()
        assert not gateway.ready
        idle.send(b"", "/v1/models", method="GET")
        assert (await idle.reply()).headers["connection"] == "close"
        stopping = asyncio.create_task(gateway.stop(20))
        await asyncio.sleep(0.05)
        with pytest.raises(ConnectionError):
            await call(gateway, chat())
        gate.set()
        async with asyncio.timeout(5):
            assert (await client.reader.readuntil(DONE)).endswith(DONE)
        await stopping


async def test_a_stream_that_outlasts_the_limit_is_cut_and_settled() -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + STREAM[0])

    telemetry = FakeTelemetry()
    route = a_route(timeouts=snap.Timeouts())
    async with (
        RawProvider(silent) as provider,
        a_gateway(a_snapshot(route, providers=[a_provider(port=provider.port)]), telemetry=telemetry) as gateway,
        Client(gateway.port) as client,
    ):
        client.send(chat(stream=True))
        await client.reader.readuntil(STREAM[0])
        async with asyncio.timeout(10):
            await gateway.stop(0.1)
            await provider.left.wait()
    assert len(telemetry.ended) == 1
    assert telemetry.ended[0].aborted
