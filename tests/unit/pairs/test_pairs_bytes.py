"""Where both sides speak one protocol the bytes pass: a request but for what must change, an answer to the last byte."""

from typing import Any

import aiohttp
import orjson
import pytest

from gateway_rig import Client
from pair_rig import KEY, OUT, World, a_world

ODD = (
    rb'{ "zeta" :1.50e+2 ,"big":123456789012345678901234567890, "tiny":-0.0,"model" : "assistant",'
    b"\r\n\t"
    rb'"@MEMBERS@":[ ] ,"caf\u00e9":"\ud83d\ude00 \/ \u2028","nested":{"b":1,"a":[ 1.0,{}, null ]},  "max_tokens":64,'
    rb'"@SAID@":[{"role":"user","content":"Which of these claims is \u0061bout water? \ud83d\ude00" }]@STREAM@ }'
)
ENDPOINTS = {
    "chat": ("/v1/chat/completions", "messages", "max_completion_tokens"),
    "azure": ("/v1/chat/completions", "messages", "max_completion_tokens"),
    "responses": ("/v1/responses", "input", "max_output_tokens"),
    "anthropic": ("/v1/messages", "messages", "max_tokens"),
}
HEADERS = {"anthropic": {"anthropic_version": "2023-06-01", "anthropic_beta": "odd-members-2025-01-01"}}


def odd(name: str, *, stream: bool) -> bytes:
    """A call that no client would write so."""
    _, said, limit = ENDPOINTS[name]
    body = ODD.replace(b"@SAID@", said.encode()).replace(b"max_tokens", limit.encode()).replace(b"@MEMBERS@", b"tools")
    return body.replace(b"@STREAM@", b',"stream" : true' if stream else b"")


async def through(world: World, body: bytes, name: str) -> Any:
    path = ENDPOINTS[name][0]
    async with Client(world.gateway.port) as client:
        headers = {"authorization": f"Bearer {KEY}", "content_type": "application/json", **HEADERS.get(name, {})}
        client.send(body, path, **headers)
        return await client.reply()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ENDPOINTS)
async def test_an_odd_request_arrives_as_it_was_written(name: str, stream: bool) -> None:
    body = odd(name, stream=stream)
    async with a_world(OUT[name]) as world:
        reply = await through(world, body, name)
        assert reply.status == 200, reply.body
        sent = world.calls[-1]["body"].encode()
    wanted = body.replace(b'"assistant"', orjson.dumps(OUT[name].model))
    if stream and name in ("chat", "azure"):
        options = b'"stream_options":{"include_usage":true}'
        assert options in sent
        at = sent.index(options)
        without = sent[:at].rstrip().removesuffix(b",") + sent[at + len(options) :]
        assert b"".join(without.split()) == b"".join(wanted.split())
        assert without.rstrip(b" }") == wanted.rstrip(b" }")
    else:
        assert sent == wanted
    assert "x-turnout-dropped" not in reply.headers


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ["chat", "responses", "anthropic"])
async def test_an_answer_comes_back_as_it_was_given(name: str, stream: bool) -> None:
    """The provider, asked the same directly, says the same bytes."""
    body = odd(name, stream=stream)
    if name == "chat":  # so that the gateway has no need to ask for the usage
        body = body.replace(b'"zeta"', b'"stream_options":{"include_usage":true},"zeta"') if stream else body
    direct = body.replace(b'"assistant"', orjson.dumps(OUT[name].model))
    async with a_world(OUT[name]) as world:
        headers = {"authorization": "Bearer sk-provider", "content-type": "application/json"}
        headers |= {key.replace("_", "-"): value for key, value in HEADERS.get(name, {}).items()}
        url = world.provider_url + ENDPOINTS[name][0]
        async with aiohttp.ClientSession() as session, session.post(url, data=direct, headers=headers) as answered:
            given = await answered.read()
        reply = await through(world, body, name)
    assert reply.status == 200
    assert reply.body == given


async def test_what_is_asked_twice_in_one_body_is_refused() -> None:
    for name in ENDPOINTS:
        body = odd(name, stream=False).replace(b'"zeta"', b'"model":"assistant","zeta"')
        async with a_world(OUT[name]) as world:
            reply = await through(world, body, name)
            assert reply.status == 400, name
            assert "model" in reply.error["message"]
            assert world.calls == []


async def test_a_response_goes_on_from_an_earlier_one_where_the_provider_keeps_it() -> None:
    first: dict[str, Any] = {"model": "assistant", "input": "Which of these claims is about water?"}
    async with a_world(OUT["responses"]) as world:
        made = (await through(world, orjson.dumps(first), "responses")).json
        more = {**first, "input": "And about fire?", "previous_response_id": made["id"]}
        gone_on = await through(world, orjson.dumps(more), "responses")
        assert gone_on.status == 200
        assert gone_on.json["previous_response_id"] == made["id"]
        assert gone_on.json["usage"]["input_tokens"] > made["usage"]["input_tokens"]


@pytest.mark.parametrize("name", ["chat", "anthropic", "gemini", "bedrock", "azure"])
async def test_it_is_refused_by_name_where_the_provider_keeps_nothing(name: str) -> None:
    body = {"model": "assistant", "input": "And about fire?", "previous_response_id": "resp_1"}
    async with a_world(OUT[name]) as world:
        reply = await through(world, orjson.dumps(body), "responses")
        assert reply.status in (400, 503), reply.body
        assert "previous_response_id" in reply.error["message"]
        assert reply.status == 400
        assert world.calls == []
