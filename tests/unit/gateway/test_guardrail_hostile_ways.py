"""Attacks by the way of a call: translated and asked again, watched by detectors, stopped by a sequence, masked twice over."""

from typing import Any

import orjson
import pytest

from gateway_rig import EVENTS, a_gateway, a_model, a_provider, a_route, a_rule, a_snapshot, call
from guard_rig import CARD, EMAIL, PATHS, STREAM, WHOLE, Echo, a_guard, asked, guarded, native, said, streamed, treated
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeResponse
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import UpstreamRequest

FORMATS = tuple(PATHS)
MASKS = treated("Mask", restore=False)
OBJECT = {"type": "object", "required": ["a"]}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("spoken", ["OpenAI", "Anthropic"])
async def test_a_translated_call_is_asked_again_with_what_is_wrong(name: str, spoken: str, stream: bool) -> None:
    guard = a_guard(schemas=(guards.AnswerSchema("d", "Retry", strict=True, schema=OBJECT),))
    provider = a_provider("openai", a_model(capabilities=("Chat", "Tools", "JSONSchema")), protocol=spoken)
    snapshot = a_snapshot(a_route("assistant", a_rule(guard="g")), providers=(provider,), guards=(guard,))
    answers = iter(["nonsense", '{"a": 1}'])
    upstream = Echo(lambda _: next(answers))
    telemetry = FakeTelemetry()
    async with a_gateway(snapshot, upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked(name, f"I am {EMAIL}", stream=stream), PATHS[name])
    assert (streamed if stream else said)(name, reply.body) == '{"a": 1}'
    assert b"nonsense" in upstream.requests[1].body
    assert b"does not have the shape" in upstream.requests[1].body
    assert EMAIL.encode() not in upstream.raw
    assert len(telemetry.ended[-1].attempts) == 2


class Detects(Echo):
    """A model beside a detector that finds Zoe."""

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        """The detector's answer, or the model's."""
        if request.path != "/detect":
            return await super().send(request, connect_timeout=connect_timeout, headers_timeout=headers_timeout)
        texts = orjson.loads(request.body)["texts"]
        found = [
            [{"start": t.index("Zoe"), "end": t.index("Zoe") + 3, "entity": "Person"}] if "Zoe" in t else []
            for t in texts
        ]
        return FakeResponse(FakeReply(pieces=(orjson.dumps({"findings": found}),)))


async def test_a_detector_that_only_watches_holds_no_stream_and_is_asked_at_its_end() -> None:
    plugin = guards.Plugin(
        "names",
        "d",
        "Turnout",
        url="http://n/detect",
        output=treated("Monitor", "Person"),
        timeout_ms=5000,
        enforced=False,
    )
    telemetry = FakeTelemetry()
    bodies = []
    for guard in (a_guard(input=(), plugins=(plugin,)), a_guard(input=treated("Monitor"))):
        upstream = Detects(lambda _: "Zoe is here.")
        async with a_gateway(guarded(guard), upstream=upstream, telemetry=telemetry) as gateway:
            bodies.append((await call(gateway, asked("chat", "Hi", stream=True))).body)
    assert bodies[0] == bodies[1]
    told = [(one.check, one.state, one.done) for one in telemetry.ended[0].guard.verdicts if one.side == "output"]
    assert ("plugin", "matched", "monitored") in told
    assert telemetry.ended[0].guard.outcome == "evaluated"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_masked_stop_sequence_comes_back_as_it_was_asked(stream: bool) -> None:
    class Stops(Echo):
        async def send(self, request: UpstreamRequest, **limits: float) -> FakeResponse:
            self.requests.append(request)
            stop = orjson.loads(request.body)["stop_sequences"][0]
            if not stream:
                answer = {**WHOLE["messages"]("Ok."), "stop_reason": "stop_sequence", "stop_sequence": stop}
                return FakeResponse(FakeReply(pieces=(orjson.dumps(answer),)))
            frames = tuple(
                frame.replace(b'"stop_sequence":null}', b'"stop_sequence":' + orjson.dumps(stop) + b"}")
                if b"message_delta" in frame
                else frame
                for frame in STREAM["messages"](["Ok."])
            )
            return FakeResponse(FakeReply(headers=EVENTS, pieces=frames))

    upstream = Stops()
    async with a_gateway(native("messages", a_guard(output=MASKS)), upstream=upstream) as gateway:
        body = asked("messages", "Hi", stream=stream, stop_sequences=[EMAIL])
        reply = await call(gateway, body, PATHS["messages"])
    assert EMAIL.encode() not in upstream.raw
    assert b'"stop_sequence":"%s"' % EMAIL.encode() in reply.body.replace(b'": "', b'":"')


async def test_two_policies_may_use_one_name_for_two_patterns() -> None:
    patterns = (
        guards.Pattern("names", "(?i)falcon", "Mask", "one"),
        guards.Pattern("names", "(?i)eagle", "Monitor", "two"),
    )
    upstream = Echo()
    telemetry = FakeTelemetry()
    async with a_gateway(guarded(a_guard(deny_input=patterns)), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", "falcon and eagle"))
    assert b"falcon" not in upstream.raw
    assert b"eagle" in upstream.raw
    assert said("chat", reply.body) == "falcon and eagle"
    told = [(one.policy, one.done) for one in telemetry.ended[-1].guard.verdicts if one.check == "deny"]
    assert sorted(told) == [("one", "masked"), ("two", "monitored")]


@pytest.mark.parametrize("name", FORMATS)
async def test_what_is_blocked_is_asked_of_nobody_and_costs_nothing(name: str) -> None:
    telemetry = FakeTelemetry()
    upstream = Echo()
    guard = a_guard(input=treated("Block", "CreditCard"))
    async with a_gateway(native(name, guard), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked(name, CARD, stream=True), PATHS[name])
    assert (reply.status, upstream.requests) == (403, [])
    assert reply.headers["content-type"].startswith("application/json")
    ended = telemetry.ended[-1]
    assert (ended.cost_nano, ended.attempts, ended.guard.outcome) == (0, [], "blocked")
    assert not ended.guard.inspected


@pytest.mark.parametrize("size", [1, 64])
async def test_sixty_four_patterns_hold_in_a_stream_however_it_is_cut(size: int) -> None:
    patterns = tuple(guards.Pattern(f"p{at}", f"(?i)code{at} [a-z]{{3,9}} falcon", "Mask", "d") for at in range(64))
    text = "So code7 secret falcon and code63 other falcon, but code64 other falcon. " * 5
    guard = a_guard(input=(), deny_output=patterns)
    async with a_gateway(guarded(guard), upstream=Echo(lambda _: text, piece=size)) as gateway:
        whole = await call(gateway, asked("chat", "Hi"))
        stream = await call(gateway, asked("chat", "Hi", stream=True))
    assert streamed("chat", stream.body) == said("chat", whole.body)
    assert "secret" not in said("chat", whole.body)
    assert said("chat", whole.body).count("code64 other falcon") == 5


async def test_a_token_limit_counts_what_was_sent_and_not_what_it_became() -> None:
    guard = a_guard(token_limits=(guards.TokenLimit(20, "Block"),))
    upstream = Echo()
    async with a_gateway(guarded(guard), upstream=upstream) as gateway:
        short = await call(gateway, asked("chat", f"I am {EMAIL}"))
        long = await call(gateway, asked("chat", "many words " * 50))
    assert (short.status, long.status) == (200, 403)


async def test_a_namespace_that_shares_with_everybody_keeps_conversations_apart() -> None:
    upstream = Echo()
    async with a_gateway(guarded(gateway=snap.Gateway()), upstream=upstream) as gateway:
        for first in ("One.", "Two."):
            turns: list[dict[str, Any]] = [{"role": "user", "content": first}, {"role": "user", "content": EMAIL}]
            reply = await call(gateway, {"model": "assistant", "messages": turns})
            assert said("chat", reply.body) == EMAIL
    one, two = (body["messages"][1]["content"] for body in upstream.sent)
    assert one != two
