"""The real openai client, through a really listening gateway, against a simulated provider."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import orjson
import pytest
from aiohttp import web
from openai import AsyncOpenAI

from gateway_rig import a_client, a_gateway, a_provider, a_route, a_rule, a_snapshot
from turnout_contract.snapshot import model as snap
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.ports.secrets import FakeSecrets, Secret
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.server import Gateway
from turnout_sidecar.simulator.server import make_runner
from turnout_sidecar.simulator.settings import SimulatorSettings

MESSAGES: Any = [{"role": "user", "content": "Which of these claims is about water?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class World:
    """A simulated provider, a gateway in front of it, and the client for the gateway."""

    def __init__(self, gateway: Gateway, provider: str, telemetry: FakeTelemetry) -> None:
        self.gateway = gateway
        self.provider = provider
        self.telemetry = telemetry
        self.client = self.as_client("key-of-app")

    def as_client(self, key: str) -> AsyncOpenAI:
        url = f"http://127.0.0.1:{self.gateway.port}/v1"
        return AsyncOpenAI(base_url=url, api_key=key, max_retries=0, timeout=20)

    async def faults(self, *lines: str) -> None:
        async with aiohttp.ClientSession() as session, session.put(f"{self.provider}/_faults", data="\n".join(lines)):
            pass

    async def calls(self) -> list[dict[str, Any]]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.provider}/_calls") as response:
            shown = await response.json()
            found: list[dict[str, Any]] = shown["calls"]
            return found

    @property
    def last(self) -> Exchange:
        return self.telemetry.ended[-1]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    runner = make_runner(SimulatorSettings(api_key=Secret(b"sk-provider")))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    providers = [a_provider("one", port=port, api_key=snap.SecretFile("one", "apiKey"))]
    secrets = FakeSecrets({"one": {"apiKey": b"sk-provider"}, "app": {"key": b"key-of-app"}})
    route = a_route("assistant", a_rule("one/gpt"), models=("assistant", "assistant-*"), retry=snap.Retry(attempts=1))
    snapshot = a_snapshot(route, providers=providers, gateway=snap.Gateway(clients=(a_client(),)))
    telemetry = FakeTelemetry()
    async with a_gateway(snapshot, secrets=secrets, telemetry=telemetry) as gateway:
        made = World(gateway, f"http://127.0.0.1:{port}", telemetry)
        yield made
        await made.client.close()
    await runner.cleanup()


async def test_a_chat_is_answered_with_usage_and_cost(world: World) -> None:
    raw = await world.client.chat.completions.with_raw_response.create(model="assistant", messages=MESSAGES)
    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.usage is not None
    usage = world.last.usage
    assert usage is not None
    assert (usage.input, usage.output, usage.estimated) == (
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
        False,
    )
    assert raw.headers["x-turnout-backend"] == "one/gpt"
    assert float(raw.headers["x-turnout-cost-usd"]) > 0
    sent = (await world.calls())[-1]
    assert sent["path"] == "/v1/chat/completions"
    assert not any(name.lower().startswith(("x-turnout", "x-stainless")) for name in dict(sent["headers"]))


@pytest.mark.parametrize("include", [True, False])
async def test_a_chat_streams_and_usage_comes_only_where_asked(world: World, include: bool) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if include else {}
    stream = await world.client.chat.completions.create(model="assistant-x", messages=MESSAGES, stream=True, **options)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert [chunk for chunk in chunks if not chunk.choices] == ([chunks[-1]] if include else [])
    assert (chunks[-1].usage is not None) is include
    usage = world.last.usage
    assert usage is not None
    assert not usage.estimated
    assert world.last.cost_nano


async def test_a_streamed_answer_is_the_whole_answer_in_pieces(world: World) -> None:
    whole = await world.client.chat.completions.create(model="assistant", messages=MESSAGES)
    stream = await world.client.chat.completions.create(model="assistant", messages=MESSAGES, stream=True)
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
    assert text == whole.choices[0].message.content


@pytest.mark.parametrize("stream", [True, False])
async def test_a_tool_loop_of_two_turns(world: World, stream: bool) -> None:
    ask: Any = {"model": "assistant", "messages": MESSAGES, "tools": [WEATHER], "tool_choice": "required"}
    if stream:
        pieces = [chunk async for chunk in await world.client.chat.completions.create(**ask, stream=True)]
        calls = [call for chunk in pieces if chunk.choices for call in chunk.choices[0].delta.tool_calls or ()]
        name = next(call.function.name for call in calls if call.function and call.function.name)
        arguments = "".join(call.function.arguments or "" for call in calls if call.function)
        made = {
            "id": next(call.id for call in calls if call.id),
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
    else:
        answer = await world.client.chat.completions.create(**ask)
        message = answer.choices[0].message
        assert message.tool_calls
        made = message.tool_calls[0].model_dump()
    assert made["function"]["name"] == "weather"
    assert "city" in orjson.loads(made["function"]["arguments"])
    turns = [
        *MESSAGES,
        {"role": "assistant", "tool_calls": [made]},
        {"role": "tool", "tool_call_id": made["id"], "content": "rain"},
    ]
    end = await world.client.chat.completions.create(model="assistant", messages=turns, tools=[WEATHER])
    assert end.choices[0].message.content


async def test_embeddings_come_as_numbers_and_as_base64(world: World) -> None:
    answer = await world.client.embeddings.create(model="assistant", input=["one", "two"])
    assert len(answer.data) == 2
    assert len(answer.data[0].embedding) == len(answer.data[1].embedding) > 1
    usage = world.last.usage
    assert usage is not None
    assert (usage.input, usage.output) == (answer.usage.prompt_tokens, 0)


async def test_models_are_listed(world: World) -> None:
    assert [model.id async for model in world.client.models.list()] == ["assistant"]


async def test_errors_are_the_clients_own_exceptions(world: World) -> None:
    create = world.client.chat.completions.create
    with pytest.raises(openai.NotFoundError) as missing:
        await create(model="nothing", messages=MESSAGES)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as bad:
        await create(model="assistant", messages=[{"role": "nobody", "content": "x"}])  # type: ignore[misc, list-item]
    assert bad.value.param == "messages[0].role"
    with pytest.raises(openai.AuthenticationError):
        await world.as_client("wrong").models.list()
    await world.faults("status=400")
    with pytest.raises(openai.BadRequestError):
        await create(model="assistant", messages=MESSAGES)
    await world.faults("status=429,retry_after=30 x2")
    with pytest.raises(openai.RateLimitError) as limited:
        await create(model="assistant", messages=MESSAGES)
    assert limited.value.response.headers["retry-after"] == "30"
    await world.faults("status=500 x2")
    with pytest.raises(openai.InternalServerError) as broken:
        await create(model="assistant", messages=MESSAGES)
    assert broken.value.status_code == 502
    assert broken.value.response.headers["x-turnout-attempts"] == "2"


async def test_a_failure_is_retried_and_nobody_notices(world: World) -> None:
    await world.faults("status=503")
    raw = await world.client.chat.completions.with_raw_response.create(model="assistant", messages=MESSAGES)
    assert raw.headers["x-turnout-attempts"] == "2"
    assert [attempt.error for attempt in world.last.attempts] == ["503", None]


async def test_a_stream_that_is_cut_is_an_error_to_the_client(world: World) -> None:
    await world.faults("cut=3")
    stream = await world.client.chat.completions.create(model="assistant", messages=MESSAGES, stream=True)
    with pytest.raises(openai.APIError, match="broke off"):
        async for _ in stream:
            pass
    assert world.last.error == "stream_broken"


async def test_a_client_that_closes_its_stream_frees_everything(world: World) -> None:
    await world.faults("hang=middle")
    stream = await world.client.chat.completions.create(model="assistant", messages=MESSAGES, stream=True)
    await anext(aiter(stream))
    await stream.close()
    async with asyncio.timeout(2):
        while not world.telemetry.ended or world.gateway.in_flight:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert world.last.client_gone


async def test_two_hundred_calls_at_once_are_each_answered_with_their_own(world: World) -> None:
    async def ask(number: int) -> str:
        answer = await world.client.chat.completions.create(
            model="assistant", messages=[{"role": "user", "content": f"Say number {number}."}]
        )
        return answer.choices[0].message.content or ""

    at_once = await asyncio.gather(*(ask(number) for number in range(200)))
    for number in (0, 57, 199):
        assert at_once[number] == await ask(number)
