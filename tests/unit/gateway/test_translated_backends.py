"""Clients of OpenAI and Anthropic, asking Gemini and Bedrock through the gateway: whole, in streams, and round with tools.

The providers are simulated ones which are as strict as the real: Gemini 3 wants its signatures back, AWS checks its own.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI, BadRequestError, InternalServerError

from gateway_rig import a_gateway, a_model, a_provider, a_route, a_rule, a_snapshot
from turnout_contract.snapshot import model as snap
from turnout_sidecar.ports.secrets import FakeSecrets, Secret
from turnout_sidecar.simulator.server import make_runner
from turnout_sidecar.simulator.settings import SimulatorSettings

MODELS = {"gemini": "gemini-3-flash-preview", "bedrock": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"}
KEYS = {"gemini": b"key-of-google", "bedrock": b"AKIDTEST:secret-of-aws"}
PARAMETERS = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]}
CHAT_TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather.", "parameters": PARAMETERS},
}
CLAUDE_TOOL: Any = {"name": "weather", "description": "The weather.", "input_schema": PARAMETERS}
ASK: Any = {"role": "user", "content": "Please call weather twice for Ulm."}
KINDS = pytest.mark.parametrize("kind", sorted(MODELS))
STREAMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


class World:
    """A gateway before both providers."""

    def __init__(self, port: int) -> None:
        base = f"http://127.0.0.1:{port}"
        self.openai = AsyncOpenAI(base_url=f"{base}/v1", api_key="any", max_retries=0, timeout=30)
        self.anthropic = AsyncAnthropic(base_url=base, api_key="any", max_retries=0, timeout=30)


async def _started(runner: web.AppRunner) -> str:
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


def providers(urls: dict[str, str]) -> list[snap.Provider]:
    abilities: Any = ("Chat", "Tools", "JSONSchema", "Vision", "Reasoning", "Embeddings")
    gemini = a_model(MODELS["gemini"], capabilities=abilities)
    claude = a_model(MODELS["bedrock"], capabilities=abilities, max_output_tokens=64_000)
    keys = snap.AwsKeys(snap.SecretFile("aws", "id"), snap.SecretFile("aws", "secret"))
    return [
        a_provider(
            "gemini",
            gemini,
            protocol="Gemini",
            endpoint=f"{urls['gemini']}/v1beta",
            api_key=snap.SecretFile("google", "key"),
        ),
        a_provider(
            "bedrock",
            claude,
            protocol="BedrockConverse",
            endpoint=urls["bedrock"],
            region="eu-central-1",
            aws_keys=keys,
        ),
    ]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    runners = {kind: make_runner(SimulatorSettings(protocol=kind, api_key=Secret(KEYS[kind]))) for kind in MODELS}
    urls = {kind: await _started(runner) for kind, runner in runners.items()}
    identity, _, secret = KEYS["bedrock"].partition(b":")
    secrets = FakeSecrets({"google": {"key": KEYS["gemini"]}, "aws": {"id": identity, "secret": secret}})
    times = snap.Timeouts(request_ms=30_000, first_token_ms=30_000, stream_idle_ms=30_000)
    routes = [a_route(kind, a_rule(f"{kind}/{MODELS[kind]}"), timeouts=times) for kind in MODELS]
    try:
        async with a_gateway(a_snapshot(*routes, providers=providers(urls)), secrets=secrets) as gateway:
            made = World(gateway.port)
            yield made
            await made.openai.close()
            await made.anthropic.close()
    finally:
        for runner in runners.values():
            await runner.cleanup()


async def chatted(client: AsyncOpenAI, *, stream: bool, **asked: Any) -> tuple[dict[str, Any], Any]:
    """The assistant's message as a client would send it back, and the finish."""
    if not stream:
        answer = await client.chat.completions.create(**asked)
        return answer.choices[0].message.model_dump(exclude_none=True), answer
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    calls: dict[int, dict[str, Any]] = {}
    finish, usage = None, None
    async for chunk in await client.chat.completions.create(
        stream=True, stream_options={"include_usage": True}, **asked
    ):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            message["content"] += choice.delta.content or ""
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or ():
                held = calls.setdefault(
                    call.index, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
                )
                held["id"] += call.id or ""
                if call.function is not None:
                    held["function"]["name"] += call.function.name or ""
                    held["function"]["arguments"] += call.function.arguments or ""
    assert usage is not None
    assert usage.prompt_tokens > 0
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    return message, finish


@KINDS
@STREAMS
async def test_an_openai_client_goes_round_with_tools(world: World, kind: str, stream: bool) -> None:
    messages: list[Any] = [{"role": "system", "content": "Be brief."}, ASK]
    asked = {"model": kind, "tools": [CHAT_TOOL], "max_tokens": 500}
    message, _ = await chatted(world.openai, stream=stream, messages=messages, **asked)
    calls = message["tool_calls"]
    assert len(calls) == 2
    assert len({call["id"] for call in calls}) == 2
    assert all('"town"' in call["function"]["arguments"] for call in calls)
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "17 degrees"} for call in calls]
    answer, _ = await chatted(world.openai, stream=stream, messages=[*messages, message, *results], **asked)
    assert "17 degrees" in answer["content"]
    assert not answer.get("tool_calls")


@KINDS
async def test_the_finish_and_the_usage_are_those_of_the_api_that_was_asked(world: World, kind: str) -> None:
    create = world.openai.chat.completions.create
    said = await create(model=kind, messages=[{"role": "user", "content": "How does the refund policy work?"}])
    assert said.choices[0].finish_reason == "stop"
    assert said.usage is not None
    assert said.usage.completion_tokens > 0
    called = await create(model=kind, messages=[ASK], tools=[CHAT_TOOL])
    assert called.choices[0].finish_reason == "tool_calls"
    short = await create(model=kind, messages=[{"role": "user", "content": "Tell me a lot"}], max_tokens=3)
    assert short.choices[0].finish_reason == "length"


async def claude(client: AsyncAnthropic, *, stream: bool, **asked: Any) -> Any:
    if not stream:
        return await client.messages.create(**asked)
    async with client.messages.stream(**asked) as events:
        return await events.get_final_message()


@KINDS
@STREAMS
async def test_an_anthropic_client_that_thinks_goes_round_with_tools(world: World, kind: str, stream: bool) -> None:
    asked: dict[str, Any] = {
        "model": kind,
        "max_tokens": 4000,
        "tools": [CLAUDE_TOOL],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    first = await claude(world.anthropic, stream=stream, messages=[ASK], **asked)
    assert first.stop_reason == "tool_use"
    uses = [block for block in first.content if block.type == "tool_use"]
    assert len(uses) == 2
    assert any(block.type == "thinking" for block in first.content)
    assert first.usage.input_tokens > 0
    turn = {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]}
    results = [{"type": "tool_result", "tool_use_id": use.id, "content": "17 degrees"} for use in uses]
    messages = [ASK, turn, {"role": "user", "content": results}]
    second = await claude(world.anthropic, stream=stream, messages=messages, **asked)
    assert second.stop_reason == "end_turn"
    assert any(block.type == "text" and "17 degrees" in block.text for block in second.content)


@KINDS
async def test_a_schema_is_kept_to(world: World, kind: str) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "weather", "schema": PARAMETERS}}
    said = await world.openai.chat.completions.create(
        model=kind, messages=[{"role": "user", "content": "Where?"}], response_format=form
    )
    assert '"town"' in (said.choices[0].message.content or "")


@KINDS
async def test_what_cannot_be_said_to_a_backend_names_the_field(world: World, kind: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        await world.openai.chat.completions.create(model=kind, messages=[ASK], n=2)
    assert refused.value.param == "n"


@KINDS
async def test_calls_at_once_are_each_answered_with_their_own(world: World, kind: str) -> None:
    async def ask(number: int) -> str:
        question: Any = [{"role": "user", "content": f"Tell me of number {number}"}]
        said = await world.openai.chat.completions.create(model=kind, messages=question)
        return said.choices[0].message.content or ""

    answers = await asyncio.gather(*(ask(number) for number in range(20)))
    assert [await ask(number) for number in range(20)] == answers


@KINDS
async def test_embeddings_are_not_asked_of_who_speaks_another_protocol(world: World, kind: str) -> None:
    with pytest.raises(InternalServerError) as refused:
        await world.openai.embeddings.create(model=kind, input="tram")
    assert refused.value.status_code == 503
    assert "lacks Embeddings" in str(refused.value)
