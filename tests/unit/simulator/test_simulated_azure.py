"""OpenAI's APIs as Azure serves them, as the real client sees them."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import openai
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI

from turnout_sidecar.ports.secrets import Secret
from unit.simulator.conftest import Start

Client = Callable[..., Awaitable[AsyncAzureOpenAI]]

ASK: list[Any] = [{"role": "user", "content": "How does the refund policy treat damaged parcels?"}]
CHAT = "/openai/deployments/small/chat/completions"


@pytest.fixture
async def client(start: Start) -> AsyncIterator[Client]:
    """The real client of a provider with these settings."""
    made: list[AsyncAzureOpenAI] = []

    async def begin(**settings: Any) -> AsyncAzureOpenAI:
        url = (await start(protocol="azure", **settings)).url
        made.append(
            AsyncAzureOpenAI(azure_endpoint=url, api_key="key", api_version="2024-10-21", max_retries=0, timeout=20)
        )
        return made[-1]

    yield begin
    for each in made:
        await each.close()


async def test_a_deployment_answers_as_openai_does_and_tells_what_its_filter_found(client: Client) -> None:
    azure = await client()
    whole = await azure.chat.completions.create(model="small", messages=ASK)
    assert whole.model == "small"
    assert whole.to_dict()["prompt_filter_results"]
    stream = await azure.chat.completions.create(
        model="small", messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices == []
    assert "prompt_filter_results" in chunks[0].to_dict()
    without_delta = [chunk for chunk in chunks if chunk.choices and "delta" not in chunk.choices[0].to_dict()]
    assert len(without_delta) == 1
    told = [chunk for chunk in chunks if chunk.choices and chunk not in without_delta]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in told) == whole.choices[0].message.content
    assert told[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].usage == whole.usage


async def test_tools_embeddings_responses_and_the_newer_paths_are_served(client: Client, start: Start) -> None:
    azure = await client()
    tool: Any = {"type": "function", "function": {"name": "get_time"}}
    called = await azure.chat.completions.create(model="small", messages=ASK, tools=[tool], tool_choice="required")
    assert called.choices[0].finish_reason == "tool_calls"
    assert (await azure.embeddings.create(model="small", input="hello", dimensions=8)).data[0].embedding
    assert (await azure.responses.create(model="small", input="hello")).output_text
    provider = await start(protocol="azure", models=("small", "large"))
    async with AsyncOpenAI(base_url=f"{provider.url}/openai/v1", api_key="key", max_retries=0) as newer:
        assert (await newer.chat.completions.create(model="small", messages=ASK)).choices[0].message.content
        assert (await newer.responses.create(model="small", input="hello")).output_text
        assert [model.id async for model in newer.models.list()] == ["small", "large"]


async def test_errors_are_azure_s_own(client: Client, start: Start) -> None:
    azure = await client(models=("small",), api_key=Secret(b"key"))
    with pytest.raises(openai.NotFoundError) as missing:
        await azure.chat.completions.create(model="large", messages=ASK)
    assert missing.value.code == "DeploymentNotFound"
    with pytest.raises(openai.RateLimitError) as limited:
        await azure.chat.completions.create(model="small", messages=ASK, extra_headers={"x-simulate": "status=429"})
    assert limited.value.code == "429"
    with pytest.raises(openai.BadRequestError) as bad:
        await azure.chat.completions.create(model="small", messages=[])
    assert (bad.value.param, bad.value.type) == ("messages", "invalid_request_error")
    provider = await start(protocol="azure", api_key=Secret(b"right"))
    body = json.dumps({"messages": ASK}).encode()
    assert (await provider.post(CHAT + "?api-version=1", body))[0] == 401
    assert (await provider.post(CHAT + "?api-version=1", body, api_key="wrong"))[0] == 401
    assert (await provider.post(CHAT + "?api-version=1", body, api_key="right"))[0] == 200
    assert (await provider.post(CHAT + "?api-version=1", body, authorization="Bearer right"))[0] == 200
    assert (await provider.post(CHAT, body, api_key="right"))[0] == 404
