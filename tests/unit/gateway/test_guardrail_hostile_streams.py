"""Attacks on streams that are held, watched or passed: choices, refusals, calls, clients that leave at any moment."""

import asyncio
from typing import Any

import orjson
import pytest

from gateway_rig import EVENTS, Client, a_gateway, call, event, until
from guard_rig import CARD, EMAIL, PATHS, STREAM, Echo, a_guard, asked, guarded, native, streamed, treated
from turnout_contract.snapshot import guards
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeResponse
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import UpstreamRequest

FORMATS = tuple(PATHS)
MASKS = treated("Mask", restore=False)
DONE = event(b"[DONE]")
UNBOUNDED = (guards.Pattern("c", "falcon.*eagle", "Block", "d"),)


def chunk(delta: dict[str, Any], index: int = 0, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish, **more}
    return event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})


class Says(Echo):
    """Answers with these frames, and waits before the frame of this number."""

    def __init__(self, *frames: bytes, wait: int | None = None) -> None:
        super().__init__()
        self._reply = FakeReply(headers=EVENTS, pieces=frames, hang_before=wait)
        self.given: list[FakeResponse] = []

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        """The frames."""
        del connect_timeout, headers_timeout
        self.requests.append(request)
        self.given.append(FakeResponse(self._reply))
        return self.given[-1]


HELD = a_guard(input=(), output=MASKS, deny_output=UNBOUNDED)
PASSED = a_guard(input=(), output=MASKS)
WATCHED = a_guard(input=(), output=treated("Monitor"))
WAYS = {"held": HELD, "passed": PASSED, "watched": WATCHED}
CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": f'{{"to": "{EMAIL}"}}'}}
ODD: dict[str, tuple[bytes, ...]] = {
    "two choices": (
        chunk({"role": "assistant", "content": "one "}, 0),
        chunk({"role": "assistant", "content": f"two {EMAIL}"}, 1),
        chunk({}, 0, "stop"),
        chunk({}, 1, "stop"),
        DONE,
    ),
    "a refusal": (chunk({"role": "assistant", "refusal": f"I cannot mail {EMAIL}"}), chunk({}, finish="stop"), DONE),
    "thoughts": (
        chunk({"role": "assistant", "reasoning_content": f"so {EMAIL} it is"}),
        chunk({"content": "Yes."}),
        chunk({}, finish="stop"),
        DONE,
    ),
    "a call": (chunk({"role": "assistant", "tool_calls": [CALL]}), chunk({}, finish="tool_calls"), DONE),
    "an old call": (
        chunk({"role": "assistant", "function_call": {"name": "f", "arguments": f'{{"to": "{EMAIL}"}}'}}),
        chunk({}, finish="function_call"),
        DONE,
    ),
    "a length": (chunk({"role": "assistant", "content": f"to {EMAIL}"}), chunk({}, finish="length"), DONE),
    "a filter": (chunk({"role": "assistant", "content": f"to {EMAIL}"}), chunk({}, finish="content_filter"), DONE),
    "no words": (chunk({"role": "assistant"}), chunk({}, finish="stop"), DONE),
    "probabilities": (
        chunk(
            {"role": "assistant", "content": f"to {EMAIL}"},
            logprobs={"content": [{"token": EMAIL, "logprob": -1, "bytes": [97], "top_logprobs": []}]},
        ),
        chunk({}, finish="stop"),
        DONE,
    ),
    "annotations": (
        chunk({"role": "assistant", "content": "see"}),
        chunk({"annotations": [{"type": "url_citation", "url_citation": {"url": f"https://x.org/?m={EMAIL}"}}]}),
        chunk({}, finish="stop"),
        DONE,
    ),
    "unknown members": (
        chunk({"role": "assistant", "content": "see", "notes": {"mail": [EMAIL]}}),
        chunk({}, finish="stop"),
        DONE,
    ),
}


@pytest.mark.parametrize("way", ["held", "passed"])
@pytest.mark.parametrize("odd", list(ODD))
async def test_no_odd_stream_gets_past_or_is_lost(way: str, odd: str) -> None:
    telemetry = FakeTelemetry()
    async with a_gateway(guarded(WAYS[way]), upstream=Says(*ODD[odd]), telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", "Hi", stream=True, n=2 if odd == "two choices" else 1))
    assert reply.status == 200, reply.body
    assert EMAIL.encode() not in reply.body
    assert reply.body.endswith(DONE)
    assert reply.body.count(b"[DONE]") == 1
    assert telemetry.ended[-1].error is None
    if odd != "no words":
        assert b"<EMAIL_" in reply.body
        assert telemetry.ended[-1].guard.outcome == "changed"


@pytest.mark.parametrize("odd", list(ODD))
async def test_no_odd_stream_is_changed_where_it_is_only_watched(odd: str) -> None:
    telemetry = FakeTelemetry()
    bodies = []
    for snapshot in (guarded(WATCHED), guarded(a_guard(input=treated("Monitor")))):
        async with a_gateway(snapshot, upstream=Says(*ODD[odd]), telemetry=telemetry) as gateway:
            bodies.append((await call(gateway, asked("chat", "Hi", stream=True, n=2))).body)
    assert bodies[0] == bodies[1]
    assert telemetry.ended[0].guard.outcome == "evaluated"
    told = {one.state for one in telemetry.ended[0].guard.verdicts if one.check == "pii" and one.side == "output"}
    assert told == ({"passed"} if odd == "no words" else {"matched"})


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("after", [0, 1, 4])
async def test_a_client_may_leave_at_any_moment(way: str, name: str, after: int) -> None:
    frames = list(STREAM[name]([f"Hello {EMAIL} and ", "more ", "of ", "it."]))
    telemetry = FakeTelemetry()
    upstream = Says(*frames, wait=after)
    async with a_gateway(native(name, WAYS[way]), upstream=upstream, telemetry=telemetry) as gateway:
        async with Client(gateway.port) as client:
            client.send(asked(name, "Hi", stream=True), PATHS[name])
            await until(lambda: bool(upstream.given))
            await asyncio.sleep(0.02)
        await until(lambda: bool(telemetry.ended))
        await until(lambda: upstream.given[0].closed)
    assert len(telemetry.ended) == 1
    assert telemetry.ended[0].client_gone
    states = {one.state for one in telemetry.ended[0].guard.verdicts if one.side == "output" and one.check == "secrets"}
    assert "passed" not in states or way == "passed"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("way", list(WAYS))
async def test_a_stream_that_breaks_off_ends_with_one_error_and_nothing_in_clear(name: str, way: str) -> None:
    frames = list(STREAM[name]([f"Hello {EMAIL[:12]}"]))[:4]
    telemetry = FakeTelemetry()
    async with a_gateway(native(name, WAYS[way]), upstream=Says(*frames), telemetry=telemetry) as gateway:
        reply = await call(gateway, asked(name, "Hi", stream=True), PATHS[name])
    assert reply.status == (502 if way == "held" else 200)
    assert b"error" in reply.body
    assert telemetry.ended[-1].error is not None
    assert len(telemetry.ended) == 1
    states = [one.state for one in telemetry.ended[-1].guard.verdicts if one.side == "output" and one.check == "pii"]
    assert "passed" not in states or way == "passed"


@pytest.mark.parametrize("name", FORMATS)
async def test_a_strict_stream_of_a_refusal_is_given_and_not_judged(name: str) -> None:
    wanted = guards.AnswerSchema("d", "Retry", strict=True, schema={"type": "object"})
    frames = {
        "chat": ODD["a refusal"],
        "messages": tuple(
            frame.replace(b'"end_turn"', b'"refusal"') if b"message_delta" in frame else frame
            for frame in STREAM["messages"](["No."])
        ),
        "responses": tuple(
            frame.replace(b'"output_text","text"', b'"refusal","refusal"') for frame in STREAM["responses"](["No."])
        ),
    }[name]
    telemetry = FakeTelemetry()
    guard = a_guard(input=(), schemas=(wanted,))
    upstream = Says(*frames)
    async with a_gateway(native(name, guard), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked(name, "Hi", stream=True), PATHS[name])
    assert reply.status == 200
    assert len(upstream.requests) == 1
    assert [one.state for one in telemetry.ended[-1].guard.verdicts if one.check == "schema"] == ["not_run"]


async def test_a_stream_of_a_million_characters_is_given_whole_and_others_are_served_meanwhile() -> None:
    text = "The quick brown fox jumps. " * 8_000 + EMAIL
    upstream = Echo(lambda body: text if body.get("stream") else "ok", piece=400)
    async with a_gateway(guarded(a_guard(output=MASKS)), upstream=upstream) as gateway:
        long = asyncio.create_task(call(gateway, asked("chat", "Hi", stream=True)))
        await until(lambda: bool(upstream.requests))
        short = await call(gateway, asked("chat", "Hi"))
        assert short.status == 200
        assert not long.done()
        reply = await long
    given = streamed("chat", reply.body)
    assert given.startswith(text[:100_000])
    assert EMAIL not in given
    assert orjson.loads(reply.body.split(b"\n\n")[-3][6:])["choices"] is not None


@pytest.mark.parametrize("way", list(WAYS))
async def test_a_card_in_the_last_piece_is_seen_though_no_end_is_told(way: str) -> None:
    frames = (chunk({"role": "assistant", "content": "Pay with "}), chunk({"content": CARD}), DONE)
    async with a_gateway(guarded(WAYS[way]), upstream=Says(*frames)) as gateway:
        reply = await call(gateway, asked("chat", "Hi", stream=True))
    assert (CARD in streamed("chat", reply.body)) == (way == "watched")
