"""What a hostile caller or provider may try: nothing is a 500, nothing leaks, nothing is billed that cannot be."""

from typing import Any

import orjson
import pytest

from gateway_rig import (
    CHAT,
    DONE,
    EVENTS,
    STREAM,
    Client,
    Reply,
    a_gateway,
    a_model,
    a_provider,
    a_route,
    a_rule,
    a_snapshot,
    answer,
    chat,
    delta,
)
from gateway_rig import call as called
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.adapters.memory_store import MemoryStore
from turnout_sidecar.ports.clock import SystemClock
from turnout_sidecar.ports.embedder import FakeEmbedder
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.retry import read_retry_after
from turnout_sidecar.server import Gateway
from turnout_sidecar.stages.look_up_cache import LookUpCache

EMBEDDINGS = "/v1/embeddings"
OK = FakeReply(pieces=(answer(),))
VECTORS = orjson.dumps({"object": "list", "data": [{"index": 0, "embedding": [0.5]}]})
KEEPS = snap.Cache("default", ttl_ms=60_000, scope="Team", semantic=False, max_temperature=0.0, max_entries=100)
CACHED = a_snapshot(a_route("assistant", a_rule(cache=KEEPS)))


def a_cache() -> LookUpCache:
    return LookUpCache(MemoryStore(dimension=64, clock=SystemClock()), FakeEmbedder(), clock=SystemClock())


async def sent(gateway: Gateway, *lines: bytes, path: str = CHAT, body: Any = None) -> Reply:
    """The answer to a call with these very header lines."""
    raw = orjson.dumps(chat() if body is None else body)
    async with Client(gateway.port) as client:
        head = b"\r\n".join((f"POST {path} HTTP/1.1".encode(), b"host: t", *lines, b"content-length: %d" % len(raw)))
        client.writer.write(head + b"\r\n\r\n" + raw)
        return await client.reply()


@pytest.mark.parametrize("said", [(b"Public", b"Restricted"), (b"Restricted", b"Public")])
async def test_of_a_sensitivity_on_two_lines_the_higher_counts(said: tuple[bytes, bytes]) -> None:
    rule = a_rule("openai/gpt", "house/gpt")
    providers = [a_provider(clearance="Internal"), a_provider("house", clearance="Restricted")]
    async with a_gateway(
        a_snapshot(a_route("assistant", rule), providers=providers), upstream=FakeUpstream([OK])
    ) as it:
        reply = await sent(it, *(b"x-turnout-sensitivity: " + value for value in said))
    assert (reply.status, reply.headers["x-turnout-backend"]) == (200, "house/gpt")


async def test_a_cache_wish_on_a_line_of_its_own_counts() -> None:
    cache = a_cache()
    async with a_gateway(CACHED, upstream=FakeUpstream([OK, OK]), cache=cache) as gateway:
        await sent(gateway, b"x-turnout-cache: no-cache", b"x-turnout-cache: no-store")
        await cache.keeper.settled()
        assert (await sent(gateway)).headers["x-turnout-cache"] == "miss"
    await cache.close()


async def test_a_header_of_the_key_may_hold_bytes_that_are_no_text() -> None:
    cache = a_cache()
    async with a_gateway(CACHED, upstream=FakeUpstream([OK, OK]), cache=cache) as gateway:
        assert (await sent(gateway, b"openai-beta: \xff")).status == 200
        await cache.keeper.settled()
        assert (await sent(gateway, b"openai-beta: \xff")).headers["x-turnout-cache"] == "exact"
        assert (await sent(gateway, b"openai-beta: \xfe")).headers["x-turnout-cache"] == "miss"
    await cache.close()


@pytest.mark.parametrize("more", [{"n": "x"}, {"max_tokens": "x"}, {"messages": 5}, {"messages": ["x"]}, {"tools": 5}])
async def test_members_of_chat_in_an_embeddings_call_are_for_the_provider_to_judge(more: dict[str, Any]) -> None:
    small = a_provider("openai", a_model(context_window=1000))
    cache = a_cache()
    snapshot = a_snapshot(a_route("assistant", a_rule(cache=KEEPS)), providers=[small])
    async with a_gateway(snapshot, upstream=FakeUpstream([FakeReply(pieces=(VECTORS,))]), cache=cache) as gateway:
        reply = await sent(gateway, path=EMBEDDINGS, body={"model": "assistant", "input": "x" * 2000, **more})
    assert reply.status == 200
    await cache.close()


@pytest.mark.parametrize("status", [400, 404, 422, 429])
async def test_an_error_that_repeats_the_providers_key_does_not_show_it(status: int) -> None:
    provider = a_provider(api_key=snap.SecretFile("up", "key"))
    error = {"message": "Wrong: Bearer sk-secret!", "type": "sk-secret", "code": "c-sk-secret", "param": "sk-secret"}
    upstream = FakeUpstream([FakeReply(status=status, pieces=(orjson.dumps({"error": error}),))])
    secrets, telemetry = FakeSecrets({"up": {"key": b"sk-secret"}}), FakeTelemetry()
    snapshot = a_snapshot(a_route(retry=snap.Retry(attempts=0)), providers=[provider])
    async with a_gateway(snapshot, upstream=upstream, secrets=secrets, telemetry=telemetry) as gateway:
        reply = await called(gateway, chat())
    assert reply.status == status
    assert b"sk-secret" not in reply.body
    assert reply.error["message"] == "Wrong: Bearer [hidden]!"
    assert "sk-secret" not in str(telemetry.ended[0].error)


async def test_an_error_event_that_repeats_the_providers_key_does_not_show_it() -> None:
    provider = a_provider(api_key=snap.SecretFile("up", "key"))
    event = b'data: {"error": {"message": "Wrong: sk-secret"}}\n\n'
    upstream = FakeUpstream([FakeReply(pieces=(event,), headers=EVENTS)])
    secrets = FakeSecrets({"up": {"key": b"sk-secret"}})
    snapshot = a_snapshot(a_route(retry=snap.Retry(attempts=0)), providers=[provider])
    async with a_gateway(snapshot, upstream=upstream, secrets=secrets) as gateway:
        reply = await called(gateway, chat(stream=True))
    assert (reply.status, b"sk-secret" in reply.body) == (502, False)


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 99999999999999999999 Jan 2020 00:00:00 GMT",
        "Mon, 01 Jan 2020 00:00:00 +99999999999999",
        "Mon, 32 Jan 2020",
    ],
)
def test_a_retry_after_that_is_no_date_is_none(date: str) -> None:
    assert read_retry_after(date, None, 0) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "\xff", "choices": []}',
        b'{"choices": [{"message": {"content": "\xff"}}]}',
        b'{"choices": [], "x": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
async def test_an_answer_that_cannot_be_read_goes_on_to_the_next_backend(body: bytes) -> None:
    rule = a_rule("one/gpt", "two/gpt")
    snapshot = a_snapshot(
        a_route("assistant", rule, retry=snap.Retry(attempts=0)), providers=[a_provider("one"), a_provider("two")]
    )
    async with a_gateway(snapshot, upstream=FakeUpstream([FakeReply(pieces=(body,)), OK])) as gateway:
        reply = await called(gateway, chat())
    assert (reply.status, reply.headers["x-turnout-backend"]) == (200, "two/gpt")


async def test_a_count_of_tokens_that_no_call_can_use_is_estimated_instead() -> None:
    usage = b'{"prompt_tokens": 1000000000000000000000000000000, "completion_tokens": 5}'
    body = answer().replace(orjson.dumps(orjson.loads(answer())["usage"]), usage)
    telemetry = FakeTelemetry()
    async with a_gateway(a_snapshot(), upstream=FakeUpstream([FakeReply(pieces=(body,))]), telemetry=telemetry) as it:
        assert (await called(it, chat())).status == 200
    used = telemetry.ended[0].usage
    assert used is not None
    assert used.estimated
    assert used.input is not None
    assert used.input < 100


async def test_an_error_within_a_stream_does_not_show_the_providers_key() -> None:
    provider = a_provider(api_key=snap.SecretFile("up", "key"))
    error = b'data: {"error": {"message": "Wrong: sk-secret"}}\n\n'
    events = FakeReply(pieces=(delta(), delta("Hi"), error), headers=EVENTS)
    secrets = FakeSecrets({"up": {"key": b"sk-secret"}})
    async with a_gateway(a_snapshot(providers=[provider]), upstream=FakeUpstream([events]), secrets=secrets) as gateway:
        reply = await called(gateway, chat(stream=True))
    assert (reply.status, b"Wrong: [hidden]" in reply.body, b"sk-secret" in reply.body) == (200, True, False)


async def test_a_media_type_in_capitals_is_a_stream() -> None:
    events = FakeReply(pieces=STREAM, headers=(("content-type", "Text/Event-Stream"),))
    async with a_gateway(a_snapshot(), upstream=FakeUpstream([events])) as gateway:
        reply = await called(gateway, chat(stream=True))
    assert (reply.status, reply.body.endswith(DONE)) == (200, True)


async def test_what_comes_after_the_end_of_a_stream_is_not_kept() -> None:
    cache = a_cache()
    events = FakeReply(pieces=(b"".join(STREAM) + delta("AFTER"),), headers=EVENTS)
    async with a_gateway(CACHED, upstream=FakeUpstream([events]), cache=cache) as gateway:
        await called(gateway, chat(stream=True))
        await cache.keeper.settled()
        reply = await called(gateway, chat())
    assert reply.headers["x-turnout-cache"] == "exact"
    assert reply.json["choices"][0]["message"]["content"] == "Hello"
    await cache.close()
