"""A provider that says 200 and means an error: an error it is, with its status, tried again, paid for by nobody, never kept."""

from typing import Any

import orjson
import pytest

from gateway_rig import EVENTS, STREAM, a_gateway, a_provider, a_route, a_rule, a_snapshot, answer, call, chat, event
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.adapters.memory_store import MemoryStore
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.ports.clock import SystemClock
from turnout_sidecar.ports.embedder import FakeEmbedder
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.stages.look_up_cache import LookUpCache
from turnout_sidecar.wire.openai import read_unary


def says(error: Any, *, stream: bool = False, **fields: Any) -> FakeReply:
    body = {"error": error, **fields} if error is not None else fields
    if stream:
        return FakeReply(pieces=(event(body),), headers=EVENTS)
    return FakeReply(pieces=(orjson.dumps(body),))


ONCE = a_route(retry=snap.Retry(attempts=0))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ({"message": "no luck"}, 502, "upstream_error"),
        ("no luck", 502, "upstream_error"),
        ({"message": "m", "type": "server_error", "code": 503}, 502, "upstream_error"),
        ({"message": "m", "code": 429}, 429, "429"),
        ({"message": "m", "type": "rate_limit_error"}, 429, "rate_limit_exceeded"),
        ({"message": "m", "type": "invalid_request_error", "code": "bad_tool"}, 400, "bad_tool"),
        ({"message": "sk-abc", "type": "invalid_request_error", "code": "invalid_api_key"}, 502, "upstream_refused"),
    ],
)
async def test_its_status_is_what_it_says(stream: bool, error: Any, status: int, code: str) -> None:
    telemetry = FakeTelemetry()
    upstream = FakeUpstream([says(error, stream=stream)])
    async with a_gateway(a_snapshot(ONCE), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, chat(stream=stream))
    assert (reply.status, reply.error["code"]) == (status, code)
    assert b"sk-abc" not in reply.body
    (ended,) = telemetry.ended
    assert ended.usage is None
    assert (ended.attempts[0].usage, ended.attempts[0].cost_nano) == (None, 0)
    assert ended.attempts[0].error is not None


@pytest.mark.parametrize("stream", [False, True])
async def test_it_is_tried_again_as_a_server_error_would_be(stream: bool) -> None:
    good = FakeReply(pieces=STREAM, headers=EVENTS) if stream else FakeReply(pieces=(answer(),))
    upstream = FakeUpstream([says({"message": "busy"}, stream=stream), good])
    async with a_gateway(a_snapshot(), upstream=upstream) as gateway:
        reply = await call(gateway, chat(stream=stream))
    assert (reply.status, len(upstream.requests)) == (200, 2)
    upstream = FakeUpstream([says({"message": "busy"}, stream=stream), good])
    route = a_route("assistant", a_rule("one/gpt", "two/gpt"), retry=snap.Retry(attempts=0))
    snapshot = a_snapshot(route, providers=[a_provider("one"), a_provider("two")])
    async with a_gateway(snapshot, upstream=upstream) as gateway:
        reply = await call(gateway, chat(stream=stream))
    assert (reply.status, reply.headers["x-turnout-backend"]) == (200, "two/gpt")


async def test_usage_that_it_names_is_counted() -> None:
    telemetry = FakeTelemetry()
    used = {"prompt_tokens": 7, "completion_tokens": 0}
    upstream = FakeUpstream([says({"message": "m"}, usage=used)])
    async with a_gateway(a_snapshot(ONCE), upstream=upstream, telemetry=telemetry) as gateway:
        await call(gateway, chat())
    assert telemetry.ended[0].attempts[0].usage == Usage(input=7, output=0)


async def test_it_is_never_kept() -> None:
    cache = LookUpCache(MemoryStore(dimension=64, clock=SystemClock()), FakeEmbedder(), SystemClock())
    policy = snap.Cache("c", 60_000, "Namespace", semantic=False, max_temperature=0.3, max_entries=100)
    route = a_route("assistant", a_rule(cache=policy), retry=snap.Retry(attempts=0))
    upstream = FakeUpstream([says({"message": "m"}), FakeReply(pieces=(answer("fine"),))])
    async with a_gateway(a_snapshot(route), upstream=upstream, cache=cache) as gateway:
        first = await call(gateway, chat())
        await cache.keeper.settled()
        second = await call(gateway, chat())
    assert (first.status, second.status, second.headers["x-turnout-cache"]) == (502, 200, "miss")


def test_an_answer_with_a_word_on_an_error_is_an_answer() -> None:
    assert read_unary(answer(error={"message": "a warning"})).error is None
    assert read_unary(answer(error=None)).error is None
    assert read_unary(orjson.dumps({"object": "list", "data": [{"embedding": [1]}], "error": {"x": 1}})).error is None
    bare = {"object": "error", "message": "too long", "code": 400}
    assert read_unary(orjson.dumps(bare)).error == bare
