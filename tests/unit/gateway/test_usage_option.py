"""A provider that does not take `stream_options`: its callers do not notice, and what it does not report is estimated."""

from typing import Any

import orjson
import pytest

from gateway_rig import DONE, EVENTS, STREAM, a_gateway, a_provider, a_route, a_rule, a_snapshot, call, chat, delta
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import Target
from turnout_sidecar.routing import LiveBackend, ProviderEnd
from turnout_sidecar.usage_option import MOST, REMEMBERED_NS, UsageOption

SILENT = FakeReply(pieces=(delta(), delta("Hello"), delta(finish="stop"), DONE), headers=EVENTS)
UNKNOWN = {"error": {"message": "Unrecognized request argument supplied: stream_options"}}
FORBIDDEN = {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"]}]}
ROUTE = a_route(retry=snap.Retry(attempts=0))


def refuses(body: Any = None, status: int = 400) -> FakeReply:
    return FakeReply(status=status, pieces=(orjson.dumps(body or UNKNOWN),))


def asked(upstream: FakeUpstream) -> list[Any]:
    return [orjson.loads(request.body).get("stream_options") for request in upstream.requests]


def a_backend(name: str = "gpt") -> LiveBackend:
    model = snap.Model(name, "Mid", ("Chat",))
    end = ProviderEnd(Target("http", "127.0.0.1", 9), "/v1", ())
    return LiveBackend(a_rule(), snap.Backend("openai", name, 1), a_provider("openai", model), model, end)


@pytest.mark.parametrize("refusal", [refuses(), refuses(FORBIDDEN, 422)])
async def test_it_is_asked_again_without_and_remembered(refusal: FakeReply) -> None:
    telemetry = FakeTelemetry()
    upstream = FakeUpstream([refusal, SILENT])
    async with a_gateway(a_snapshot(ROUTE), upstream=upstream, telemetry=telemetry) as gateway:
        first = await call(gateway, chat(stream=True))
        second = await call(gateway, chat(stream=True))
    assert (first.status, first.body) == (second.status, second.body) == (200, b"".join(SILENT.pieces))
    assert asked(upstream) == [{"include_usage": True}, None, None]
    assert [len(ended.attempts) for ended in telemetry.ended] == [2, 1]
    for ended in telemetry.ended:
        usage = ended.attempts[-1].usage
        assert usage is not None
        assert usage.estimated
        assert usage.output
        assert ended.cost_nano
    refused = telemetry.ended[0].attempts[0]
    assert (refused.error, refused.cost_nano) == (str(refusal.status), 0)


async def test_the_callers_own_options_are_left_to_him() -> None:
    upstream = FakeUpstream([refuses(), SILENT])
    async with a_gateway(a_snapshot(ROUTE), upstream=upstream) as gateway:
        reply = await call(gateway, chat(stream=True, stream_options={"include_obfuscation": False}))
        assert reply.status == 200
        assert asked(upstream)[1] == {"include_obfuscation": False}
    upstream = FakeUpstream([refuses(), SILENT])
    async with a_gateway(a_snapshot(ROUTE), upstream=upstream) as gateway:
        reply = await call(gateway, chat(stream=True, stream_options={"include_usage": True}))
    assert (reply.status, len(upstream.requests)) == (400, 1)


async def test_another_refusal_is_passed_on_at_once_and_a_second_one_too() -> None:
    for refusal, times in ((refuses({"error": {"message": "bad tool"}}), 1), (refuses(), 2)):
        upstream = FakeUpstream([refusal])
        async with a_gateway(a_snapshot(ROUTE), upstream=upstream) as gateway:
            reply = await call(gateway, chat(stream=True))
        assert (reply.status, len(upstream.requests)) == (400, times)


async def test_usage_that_is_reported_all_the_same_is_believed_and_not_shown() -> None:
    telemetry = FakeTelemetry()
    upstream = FakeUpstream([refuses(), FakeReply(pieces=STREAM, headers=EVENTS)])
    async with a_gateway(a_snapshot(ROUTE), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, chat(stream=True))
    assert b'"prompt_tokens"' not in reply.body
    usage = telemetry.ended[0].usage
    assert usage is not None
    assert (usage.input, usage.estimated) == (10, False)


def test_a_refusal_is_forgotten_in_time_and_of_one_model_alone() -> None:
    option = UsageOption()
    assert option.refused(a_backend(), 400, b"no stream_options", 5)
    assert not option.known_to(a_backend(), 5 + REMEMBERED_NS - 1)
    assert option.known_to(a_backend(), 5 + REMEMBERED_NS)
    assert option.known_to(a_backend("other"), 6)
    assert not option.refused(a_backend("other"), 500, b"no stream_options", 6)


def test_what_is_remembered_is_bounded() -> None:
    option = UsageOption()
    for number in range(MOST + 1):
        assert option.refused(a_backend(f"m{number}"), 400, b"stream_options", number)
    assert option.known_to(a_backend("m0"), 10)
    assert not option.known_to(a_backend("m1"), 10)
