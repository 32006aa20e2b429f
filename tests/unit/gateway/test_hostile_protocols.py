"""What goes wrong between protocols: streams that say nothing, free calls that fail, headers on several lines, hits with losses."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway_rig import (
    EVENTS,
    Client,
    a_gateway,
    a_model,
    a_provider,
    a_route,
    a_rule,
    a_snapshot,
    answer,
    call,
    chat,
    event,
)
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.adapters.memory_store import MemoryStore
from turnout_sidecar.ports.clock import SystemClock
from turnout_sidecar.ports.embedder import FakeEmbedder
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import UpstreamClosed
from turnout_sidecar.stages.look_up_cache import LookUpCache
from turnout_sidecar.wire.messages.tap import MessagesTap
from turnout_sidecar.wire.observing import Tap
from turnout_sidecar.wire.openai import StreamTap
from turnout_sidecar.wire.registry import INBOUND
from turnout_sidecar.wire.responses.tap import ResponsesTap

MESSAGES = "/v1/messages"
COUNT = "/v1/messages/count_tokens"
ONCE = snap.Retry(attempts=0)
KEEPS = snap.Cache("default", ttl_ms=60_000, scope="Team", semantic=False, max_temperature=0.0, max_entries=100)
JSON = ("content-type", "application/json")


def ask(**fields: Any) -> dict[str, Any]:
    return {"model": "assistant", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello?"}], **fields}


def named(kind: str, **data: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **data}) + b"\n\n"


def begun() -> bytes:
    message: dict[str, Any] = {"id": "m", "type": "message", "role": "assistant", "content": [], "model": "c"}
    return named(
        "message_start", message={**message, "stop_reason": None, "usage": {"input_tokens": 10, "output_tokens": 1}}
    )


def claude(name: str = "claude", **fields: Any) -> snap.Provider:
    return a_provider(name, a_model(), protocol="Anthropic", **fields)


async def test_a_stream_that_only_says_that_it_lives_is_given_up_in_time() -> None:
    alive = FakeReply(headers=EVENTS, pieces=(begun(), *[named("ping")] * 3), hang_before=4)
    upstream = FakeUpstream([alive, FakeReply(pieces=(answer(),))])
    times = snap.Timeouts(request_ms=60_000, first_token_ms=200, stream_idle_ms=60_000)
    route = a_route("assistant", a_rule("claude/gpt", "openai/gpt"), timeouts=times, retry=ONCE)
    telemetry = FakeTelemetry()
    snapshot = a_snapshot(route, providers=[claude(), a_provider()])
    async with a_gateway(snapshot, upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, chat(stream=True))
    assert (reply.status, reply.headers["x-turnout-backend"]) == (200, "openai/gpt")
    assert [attempt.error for attempt in telemetry.ended[0].attempts] == ["first_token_timeout", None]
    assert upstream.responses[0].closed


async def test_counting_tokens_costs_nothing_when_it_fails_either() -> None:
    upstream = FakeUpstream([UpstreamClosed("http://fake", reply_started=False)])
    telemetry = FakeTelemetry()
    snapshot = a_snapshot(a_route("assistant", a_rule("claude/gpt"), retry=ONCE), providers=[claude()])
    async with a_gateway(snapshot, upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, {"model": "assistant", "messages": ask()["messages"]}, COUNT)
    assert (reply.status, reply.headers["x-turnout-cost-usd"]) == (502, "0")
    assert (telemetry.ended[0].cost_nano, telemetry.ended[0].attempts[0].usage) == (0, None)


async def test_every_line_of_anthropic_beta_goes_on_and_into_the_key() -> None:
    whole = {"id": "m", "type": "message", "role": "assistant", "model": "c", "stop_sequence": None}
    spoken = {"content": [{"type": "text", "text": "Hi."}], "usage": {"input_tokens": 1, "output_tokens": 1}}
    body = orjson.dumps({**whole, **spoken, "stop_reason": "end_turn"})
    upstream = FakeUpstream([FakeReply(pieces=(body,))])
    cache = LookUpCache(MemoryStore(dimension=64, clock=SystemClock()), FakeEmbedder(), clock=SystemClock())
    snapshot = a_snapshot(a_route("assistant", a_rule("claude/gpt", cache=KEEPS)), providers=[claude()])
    async with a_gateway(snapshot, upstream=upstream, cache=cache) as gateway:
        states = []
        for lines in (b"anthropic-beta: a-1\r\nanthropic-beta: b-2\r\n", b"anthropic-beta: a-1\r\n"):
            raw = orjson.dumps(ask())
            async with Client(gateway.port) as client:
                head = b"POST /v1/messages?beta=true HTTP/1.1\r\nhost: t\r\n" + lines
                client.writer.write(head + b"content-length: %d\r\n\r\n" % len(raw) + raw)
                states.append((await client.reply()).headers["x-turnout-cache"])
            await cache.keeper.settled()
    assert states == ["miss", "miss"]
    assert [dict(request.headers)["anthropic-beta"] for request in upstream.requests] == ["a-1, b-2", "a-1"]


async def test_when_to_come_back_is_told_of_a_provider_that_is_overloaded() -> None:
    said = b'{"type":"error","error":{"type":"overloaded_error","message":"Busy."}}'
    upstream = FakeUpstream([FakeReply(529, (JSON, ("retry-after", "7")), (said,))])
    snapshot = a_snapshot(a_route("assistant", a_rule("claude/gpt"), retry=ONCE), providers=[claude()])
    async with a_gateway(snapshot, upstream=upstream) as gateway:
        for body, path in ((ask(), MESSAGES), (chat(), "/v1/chat/completions")):
            reply = await call(gateway, body, path)
            assert (reply.status, reply.headers["retry-after"]) == (502, "7")


async def test_a_credential_is_hidden_in_every_word_of_a_providers_error() -> None:
    said = {"message": "no sk-1", "type": "bad_sk-1", "code": "sk-1"}
    upstream = FakeUpstream([FakeReply(500, (JSON,), (orjson.dumps({"error": said}),))])
    provider = a_provider(api_key=snap.SecretFile("one", "apiKey"))
    secrets = FakeSecrets({"one": {"apiKey": b"sk-1"}})
    snapshot = a_snapshot(a_route(retry=ONCE), providers=[provider])
    async with a_gateway(snapshot, upstream=upstream, secrets=secrets) as gateway:
        reply = await call(gateway, chat())
    assert reply.status == 502
    assert b"sk-1" not in reply.body
    assert reply.error["details"]["provider"]["type"] == "bad_[hidden]"


async def test_a_credential_is_hidden_where_a_long_message_is_cut_in_the_middle_of_it() -> None:
    said = {"message": "a" * 4084 + "sk-0123456789abcdef"}
    upstream = FakeUpstream([FakeReply(400, (JSON,), (orjson.dumps({"error": said}),))])
    provider = a_provider(api_key=snap.SecretFile("one", "apiKey"))
    secrets = FakeSecrets({"one": {"apiKey": b"sk-0123456789abcdef"}})
    snapshot = a_snapshot(a_route(retry=ONCE), providers=[provider])
    async with a_gateway(snapshot, upstream=upstream, secrets=secrets) as gateway:
        reply = await call(gateway, chat())
    assert reply.error["message"] == "a" * 4084 + "[hidden]"


async def test_a_hit_says_what_was_dropped_when_its_answer_was_made() -> None:
    upstream = FakeUpstream([FakeReply(pieces=(answer(),))])
    cache = LookUpCache(MemoryStore(dimension=64, clock=SystemClock()), FakeEmbedder(), clock=SystemClock())
    async with a_gateway(a_snapshot(a_route("assistant", a_rule(cache=KEEPS))), upstream=upstream, cache=cache) as it:
        first = await call(it, ask(top_k=3), MESSAGES)
        await cache.keeper.settled()
        second = await call(it, ask(top_k=3), MESSAGES)
    assert (first.headers["x-turnout-cache"], second.headers["x-turnout-cache"]) == ("miss", "exact")
    assert first.headers["x-turnout-dropped"] == second.headers["x-turnout-dropped"] == "top_k"


async def test_a_prompt_whose_tokens_are_counted_brings_its_words_and_no_parameters() -> None:
    upstream = FakeUpstream([FakeReply(pieces=(b'{"input_tokens":12}',))])
    version = snap.PromptVersion("v1", (snap.PromptMessage("system", "Be kind."),), temperature="0.2", max_tokens=50)
    route = a_route("assistant", a_rule("claude/gpt"), prompt="kind")
    prompts = (snap.Prompt("kind", {}, (("v1", 1),), (version,)),)
    async with a_gateway(a_snapshot(route, providers=[claude()], prompts=prompts), upstream=upstream) as gateway:
        reply = await call(gateway, {"model": "assistant", "messages": ask()["messages"]}, COUNT)
    assert reply.json == {"input_tokens": 12}
    sent = orjson.loads(upstream.requests[0].body)
    assert sent == {
        "model": "gpt",
        "system": [{"type": "text", "text": "Be kind."}],
        "messages": [{"role": "user", "content": "Hello?"}],
    }


async def test_a_prompt_of_the_route_may_be_all_that_a_response_is_asked_for() -> None:
    upstream = FakeUpstream([FakeReply(pieces=(answer(),))])
    version = snap.PromptVersion("v1", (snap.PromptMessage("user", "Say hello."),), max_tokens=50)
    prompts = (snap.Prompt("kind", {}, (("v1", 1),), (version,)),)
    routes = (a_route("assistant", prompt="kind"), a_route("plain"))
    async with a_gateway(a_snapshot(*routes, prompts=prompts), upstream=upstream) as gateway:
        reply = await call(gateway, {"model": "assistant"}, "/v1/responses")
        nothing = await call(gateway, {"model": "plain"}, "/v1/responses")
    assert (reply.status, nothing.status, nothing.error["param"]) == (200, 400, "input")
    sent = orjson.loads(upstream.requests[0].body)
    assert sent["messages"] == [{"role": "user", "content": "Say hello."}]
    assert 50 in sent.values()


def test_many_calls_of_tools_in_one_turn_are_read_one_by_one() -> None:
    count = 30_000
    calls = [{"type": "function_call", "call_id": f"c{at}", "name": "f", "arguments": "{}"} for at in range(count)]
    results = [{"type": "function_call_output", "call_id": f"c{at}", "output": "x"} for at in range(count)]
    asked = {"model": "m", "input": [{"role": "user", "content": "q"}, *calls, *results]}
    read = INBOUND["responses"].read_request(asked)
    assert [(message.role, len(message.parts)) for message in read.messages] == [
        ("user", 1),
        ("assistant", count),
        ("user", count),
    ]


RESPONSE = {"id": "resp_1", "object": "response", "status": "in_progress", "model": "gpt", "output": []}


def responding(**extra: Any) -> dict[str, Any]:
    return {**RESPONSE, **extra}


async def test_an_event_whose_type_is_no_word_breaks_nothing() -> None:
    odd = event({"type": ["response.created"], "response": {}})
    ended = named("response.completed", response=responding(status="completed"))
    frames = (odd, named("response.created", response=responding()), ended)
    upstream = FakeUpstream([FakeReply(headers=EVENTS, pieces=frames)])
    provider = a_provider("openai", a_model(capabilities=("Responses",)))
    async with a_gateway(a_snapshot(providers=[provider]), upstream=upstream) as gateway:
        reply = await call(gateway, {"model": "assistant", "input": "Hi", "stream": True}, "/v1/responses")
    assert (reply.status, reply.body) == (200, b"".join(frames))


@pytest.mark.parametrize("odd", [b'data: {"error":{"message":"Boo."}}\n\n', named("error", error={"message": "Boo."})])
@pytest.mark.parametrize("late", [False, True])
async def test_an_error_in_a_stream_counts_before_its_end_and_not_behind_it(odd: bytes, late: bool) -> None:
    piece = named("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi"})
    end = named("message_stop")
    frames = (begun(), piece, *((end, odd) if late else (odd, end)))
    telemetry = FakeTelemetry()
    upstream = FakeUpstream([FakeReply(headers=EVENTS, pieces=(b"".join(frames),))])
    snapshot = a_snapshot(a_route("assistant", a_rule("claude/gpt")), providers=[claude()])
    async with a_gateway(snapshot, upstream=upstream, telemetry=telemetry) as gateway:
        await call(gateway, ask(stream=True), MESSAGES)
    assert telemetry.ended[0].error == (None if late else "stream_error")


async def test_input_that_must_be_guessed_is_no_less_than_what_was_read_from_the_cache() -> None:
    usage = {"output_tokens": 5, "cache_read_input_tokens": 2000, "cache_creation_input_tokens": 100}
    body = {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [], "stop_reason": "end_turn"}
    upstream = FakeUpstream([FakeReply(pieces=(orjson.dumps({**body, "usage": usage}),))])
    telemetry = FakeTelemetry()
    snapshot = a_snapshot(a_route("assistant", a_rule("claude/gpt")), providers=[claude()])
    async with a_gateway(snapshot, upstream=upstream, telemetry=telemetry) as gateway:
        await call(gateway, ask(), MESSAGES)
    used = telemetry.ended[0].usage
    assert used is not None
    assert (used.input, used.cached_input, used.estimated) == (2100, 2000, True)


@pytest.mark.parametrize("made", [lambda: StreamTap(strip_usage=True), MessagesTap, ResponsesTap])
def test_a_large_event_in_small_pieces_costs_its_size_and_not_its_square(made: Callable[[], Tap]) -> None:
    tap, size = made(), 6_000_000
    raw = b'data: {"type":"picture","data":"' + b"a" * size + b'"}\n\ndata: {}\n'
    gone = [piece for start in range(0, len(raw), 500) if (piece := tap.feed(raw[start : start + 500]))]
    assert gone == [raw[: -len(b"data: {}\n")]]
    assert tap.feed(b"\n") == b"data: {}\n\n"


MALFORMED = orjson.dumps(
    {
        "candidates": [{"content": {"role": "model", "parts": []}, "finishReason": "MALFORMED_FUNCTION_CALL"}],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 0, "totalTokenCount": 10},
        "modelVersion": "gemini-3-pro",
    }
)


@pytest.mark.parametrize("path", ["/v1/chat/completions", MESSAGES, "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True])
async def test_what_ended_as_no_answer_is_an_error_in_every_api_and_the_next_backend_is_asked(
    path: str, *, stream: bool
) -> None:
    broken = FakeReply(
        pieces=(b"data: " + MALFORMED + b"\n\n" if stream else MALFORMED,), headers=EVENTS if stream else ()
    )
    good = FakeReply(pieces=(answer(),))
    upstream = FakeUpstream([broken, broken, good])
    providers = [a_provider("google", a_model(), protocol="Gemini"), a_provider("openai", a_model())]
    quick = snap.Retry(attempts=0)
    alone = a_route("alone", a_rule("google/gpt"), retry=quick)
    both = a_route("both", a_rule("google/gpt", "openai/gpt"), retry=quick)
    telemetry = FakeTelemetry()
    body = {"stream": stream, "max_tokens": 9, "messages": ask()["messages"], "input": "Hello?"}
    async with a_gateway(
        a_snapshot(alone, both, providers=providers), upstream=upstream, telemetry=telemetry
    ) as gateway:
        failed = await call(gateway, {"model": "alone", **body}, path)
        went_on = await call(gateway, {"model": "both", **body}, path)
    assert (failed.status, went_on.status) == (502, 200)
    assert "MALFORMED_FUNCTION_CALL" in failed.error["message"]
    assert [attempt.error for attempt in telemetry.ended[0].attempts] == ["error_answer"]
    assert telemetry.ended[0].attempts[0].usage is not None
    assert went_on.headers["x-turnout-backend"] == "openai/gpt"
