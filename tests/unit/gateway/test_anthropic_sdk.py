"""The real anthropic client, through a really listening gateway, against a provider that speaks chat completions."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import anthropic
import pytest
from aiohttp import web
from anthropic import AsyncAnthropic

from gateway_rig import a_client, a_gateway, a_provider, a_route, a_rule, a_snapshot
from turnout_contract.snapshot import model as snap
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.server import Gateway
from turnout_sidecar.simulator.server import make_runner
from turnout_sidecar.simulator.settings import SimulatorSettings

MESSAGES: Any = [{"role": "user", "content": "Which of these claims is about water?"}]
WEATHER: Any = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CLOCK: Any = {"name": "clock", "input_schema": {"type": "object", "properties": {}}}


class World:
    """A simulated provider, a gateway in front of it, and the client for the gateway."""

    def __init__(self, gateway: Gateway, provider: str, telemetry: FakeTelemetry) -> None:
        self.gateway = gateway
        self.provider = provider
        self.telemetry = telemetry
        self.client = self.as_client("key-of-app")

    def as_client(self, key: str) -> AsyncAnthropic:
        return AsyncAnthropic(base_url=f"http://127.0.0.1:{self.gateway.port}", api_key=key, max_retries=0, timeout=20)

    async def faults(self, *lines: str) -> None:
        async with aiohttp.ClientSession() as session, session.put(f"{self.provider}/_faults", data="\n".join(lines)):
            pass

    @property
    def last(self) -> Exchange:
        return self.telemetry.ended[-1]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    runner = make_runner(SimulatorSettings())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    secrets = FakeSecrets({"app": {"key": b"key-of-app"}})
    route = a_route("assistant", a_rule("one/gpt"), models=("assistant",), retry=snap.Retry(attempts=1))
    snapshot = a_snapshot(route, providers=[a_provider("one", port=port)], gateway=snap.Gateway(clients=(a_client(),)))
    telemetry = FakeTelemetry()
    async with a_gateway(snapshot, secrets=secrets, telemetry=telemetry) as gateway:
        made = World(gateway, f"http://127.0.0.1:{port}", telemetry)
        yield made
        await made.client.close()
    await runner.cleanup()


async def test_a_message_is_answered_with_usage_and_cost(world: World) -> None:
    raw = await world.client.messages.with_raw_response.create(
        model="assistant", max_tokens=200, messages=MESSAGES, system="Be brief.", stop_sequences=["never"]
    )
    answer = await raw.parse()
    (block,) = answer.content
    assert block.type == "text"
    assert block.text
    assert (answer.type, answer.role, answer.stop_reason) == ("message", "assistant", "end_turn")
    usage = world.last.usage
    assert usage is not None
    assert (usage.output, usage.estimated) == (answer.usage.output_tokens, False)
    assert usage.input == answer.usage.input_tokens + (answer.usage.cache_read_input_tokens or 0)
    assert float(raw.headers["x-turnout-cost-usd"]) > 0
    assert answer._request_id == raw.headers["x-turnout-request-id"]


async def test_a_stream_is_the_whole_answer_in_pieces(world: World) -> None:
    whole = await world.client.messages.create(model="assistant", max_tokens=200, messages=MESSAGES)
    async with world.client.messages.stream(model="assistant", max_tokens=200, messages=MESSAGES) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()
    assert [block.model_dump(include={"text"}) for block in whole.content] == [{"text": text}]
    assert final.stop_reason == whole.stop_reason
    assert (final.usage.input_tokens, final.usage.output_tokens) == (
        whole.usage.input_tokens,
        whole.usage.output_tokens,
    )
    assert world.last.error is None


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_tool_loop_of_two_turns_with_two_calls_at_once(world: World, streamed: bool) -> None:
    said: Any = [{"role": "user", "content": "Please call weather twice."}]
    ask: Any = {"model": "assistant", "max_tokens": 500, "tools": [WEATHER, CLOCK]}
    if streamed:
        async with world.client.messages.stream(messages=said, **ask) as stream:
            first = await stream.get_final_message()
    else:
        first = await world.client.messages.create(messages=said, **ask)
    calls = [block for block in first.content if block.type == "tool_use"]
    assert first.stop_reason == "tool_use"
    assert [call.name for call in calls] == ["weather", "weather"]
    assert all("city" in call.input for call in calls)
    assert len({call.id for call in calls}) == 2
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": f"rain {call.id}"} for call in calls]
    said += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    second = await world.client.messages.create(messages=said, **ask)
    (block,) = second.content
    assert block.type == "text"
    assert all(f"rain {call.id}" in block.text for call in calls)


async def test_tokens_are_counted(world: World) -> None:
    short = await world.client.messages.count_tokens(model="assistant", messages=MESSAGES)
    long = await world.client.messages.count_tokens(model="assistant", messages=MESSAGES, system="x" * 4000)
    assert long.input_tokens > 900 + short.input_tokens > 900


async def test_errors_are_the_clients_own_exceptions(world: World) -> None:
    create = world.client.messages.create
    with pytest.raises(anthropic.NotFoundError, match="nothing"):
        await create(model="nothing", max_tokens=5, messages=MESSAGES)
    odd: Any = [{"role": "user", "content": [{"type": "search_result"}]}]
    with pytest.raises(anthropic.BadRequestError, match=r"messages\[0\]\.content\[0\]\.type"):
        await create(model="assistant", max_tokens=5, messages=odd)
    async with world.as_client("wrong") as stranger:
        with pytest.raises(anthropic.AuthenticationError):
            await stranger.messages.create(model="assistant", max_tokens=5, messages=MESSAGES)
    await world.faults("status=429,retry_after=30 x2")
    with pytest.raises(anthropic.RateLimitError) as limited:
        await create(model="assistant", max_tokens=5, messages=MESSAGES)
    assert limited.value.response.headers["retry-after"] == "30"
    body: Any = limited.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "rate_limit_error")
    await world.faults("status=500 x2")
    with pytest.raises(anthropic.InternalServerError):
        await create(model="assistant", max_tokens=5, messages=MESSAGES)


async def test_what_the_backend_lacks_is_named(world: World) -> None:
    raw = await world.client.messages.with_raw_response.create(
        model="assistant",
        max_tokens=50,
        messages=MESSAGES,
        cache_control={"type": "ephemeral"},
        extra_body={"top_k": 5},
    )
    assert raw.headers["x-turnout-dropped"] == "cache_control, top_k"


async def test_a_stream_that_is_cut_is_an_error_to_the_client(world: World) -> None:
    await world.faults("cut=3")
    with pytest.raises(anthropic.APIError, match="broke off"):
        async with world.client.messages.stream(model="assistant", max_tokens=200, messages=MESSAGES) as stream:
            await stream.get_final_message()
    assert world.last.error == "stream_broken"
