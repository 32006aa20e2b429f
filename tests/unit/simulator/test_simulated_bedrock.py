"""Bedrock's Converse as the real client of AWS sees it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

import botocore.config  # type: ignore[import-untyped]
import botocore.session  # type: ignore[import-untyped]
import jsonschema_rs
import pytest
from botocore.eventstream import ChecksumMismatch  # type: ignore[import-untyped]
from botocore.exceptions import ClientError, EventStreamError  # type: ignore[import-untyped]

from turnout_sidecar.ports.secrets import Secret
from turnout_sidecar.simulator.answers import count_tokens
from turnout_sidecar.simulator.event_stream import write_message
from unit.simulator.conftest import Provider, Start

Client = Callable[..., Awaitable["Bedrock"]]

MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
ASK: list[Any] = [{"role": "user", "content": [{"text": "How does the refund policy treat damaged parcels?"}]}]
THINK = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
CACHE: Any = {"cachePoint": {"type": "default"}}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
    "required": ["city"],
}


def tool(name: str, **change: Any) -> dict[str, Any]:
    return {"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}} | change}


TOOLS: Any = [tool("get_weather", description="The weather.", inputSchema={"json": SCHEMA}), tool("get_time")]


@lru_cache(maxsize=1)
def session() -> Any:
    made = botocore.session.Session()
    made.set_credentials("AKIDTEST", "secret-of-the-test")
    return made


class Bedrock:
    """The real client, which blocks, in threads."""

    def __init__(self, url: str) -> None:
        config = botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=20)
        self.client = session().create_client("bedrock-runtime", "eu-central-1", endpoint_url=url, config=config)

    async def converse(self, **asked: Any) -> dict[str, Any]:
        answer: dict[str, Any] = await asyncio.to_thread(
            self.client.converse, **{"modelId": MODEL, "messages": ASK} | asked
        )
        return answer

    async def stream(self, **asked: Any) -> list[dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            return list(self.client.converse_stream(**{"modelId": MODEL, "messages": ASK} | asked)["stream"])

        return await asyncio.to_thread(read)


@pytest.fixture
def client(start: Start) -> Client:
    """The real client of a provider with these settings."""

    async def begin(**settings: Any) -> Bedrock:
        return Bedrock((await start(protocol="bedrock", **settings)).url)

    return begin


async def ask(provider: Provider, change: dict[str, Any], **headers: str) -> tuple[int, str, dict[str, Any]]:
    body = json.dumps({"messages": ASK} | change).encode()
    given = {"authorization": "Bearer key"} | headers
    async with provider.session.post(f"{provider.url}/model/m/converse", data=body, headers=given) as response:
        return response.status, response.headers.get("x-amzn-errortype", ""), await response.json()


async def test_an_answer_is_readable_and_its_usage_adds_up(client: Client) -> None:
    bedrock = await client()
    answer = await bedrock.converse(system=[{"text": "Be brief."}])
    (block,) = answer["output"]["message"]["content"]
    assert block["text"].startswith("This is about ")
    assert (answer["output"]["message"]["role"], answer["stopReason"]) == ("assistant", "end_turn")
    usage = answer["usage"]
    assert usage["outputTokens"] == count_tokens(block["text"])
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]
    assert answer["metrics"]["latencyMs"] > 0
    assert (await bedrock.converse(system=[{"text": "Be brief."}]))["output"] == answer["output"]


async def test_a_stream_tells_what_the_whole_answer_tells(client: Client) -> None:
    bedrock = await client()
    asked: Any = {
        "messages": [{"role": "user", "content": [{"text": "call get_weather and call get_time"}]}],
        "toolConfig": {"tools": TOOLS},
        "additionalModelRequestFields": THINK,
    }
    whole = await bedrock.converse(**asked)
    events = await bedrock.stream(**asked)
    kinds = [next(iter(event)) for event in events]
    assert (kinds[0], kinds[-2:]) == ("messageStart", ["messageStop", "metadata"])
    assert events[-2]["messageStop"]["stopReason"] == whole["stopReason"] == "tool_use"
    assert events[-1]["metadata"]["usage"] == whole["usage"]
    said: dict[int, dict[str, str]] = {}
    for event in events:
        if "contentBlockDelta" in event:
            block = said.setdefault(event["contentBlockDelta"]["contentBlockIndex"], {})
            ((kind, value),) = event["contentBlockDelta"]["delta"].items()
            ((name, text),) = ({kind: value} if kind == "text" else value).items()
            block[name] = block.get(name, "") + text
    content = whole["output"]["message"]["content"]
    assert said[0] == content[0]["reasoningContent"]["reasoningText"]
    assert said[1] == content[1]
    assert [json.loads(said[index]["input"]) for index in (2, 3)] == [part["toolUse"]["input"] for part in content[2:]]
    assert jsonschema_rs.is_valid(SCHEMA, content[2]["toolUse"]["input"])


async def test_a_tool_loop_with_thinking_goes_round_and_ends_in_words_about_the_results(client: Client) -> None:
    bedrock = await client()
    asked: Any = {"toolConfig": {"tools": TOOLS}, "additionalModelRequestFields": THINK}
    said: list[Any] = [{"role": "user", "content": [{"text": "call get_weather twice"}]}]
    message = (await bedrock.converse(messages=said, **asked))["output"]["message"]
    uses = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
    assert len(set(uses)) == 2
    results: list[Any] = [
        {"toolResult": {"toolUseId": uses[0], "content": [{"text": "sunny"}]}},
        {"toolResult": {"toolUseId": uses[1], "content": [{"json": {"mm": 3}}], "status": "success"}},
    ]
    said += [message, {"role": "user", "content": results}]
    content = (await bedrock.converse(messages=said, **asked))["output"]["message"]["content"]
    assert 'sunny; {"mm": 3}' in content[-1]["text"]
    thought = message["content"].pop(0)
    with pytest.raises(ClientError, match="Expected `thinking`"):
        await bedrock.converse(messages=said, **asked)
    thought["reasoningContent"]["reasoningText"]["text"] += "!"
    message["content"].insert(0, thought)
    with pytest.raises(ClientError, match="Invalid `signature`"):
        await bedrock.converse(messages=said, **asked)


@pytest.mark.parametrize(
    ("choice", "called"),
    [({"any": {}}, ["get_weather"]), ({"tool": {"name": "get_time"}}, ["get_time"]), ({"auto": {}}, [])],
)
async def test_the_choice_of_tools_is_obeyed(client: Client, choice: Any, called: list[str]) -> None:
    answer = await (await client()).converse(toolConfig={"tools": TOOLS, "toolChoice": choice})
    content = answer["output"]["message"]["content"]
    assert [block["toolUse"]["name"] for block in content if "toolUse" in block] == called


async def test_cache_points_are_written_once_and_read_after_that(client: Client) -> None:
    bedrock = await client()
    system: Any = [{"text": "A long manual. " * 40}, CACHE]
    first, second = [(await bedrock.converse(system=system))["usage"] for _ in range(2)]
    manual = count_tokens(system[0]["text"])
    assert (first["cacheWriteInputTokens"], first["cacheReadInputTokens"]) == (manual, 0)
    assert first["cacheDetails"] == [{"ttl": "5m", "inputTokens": manual}]
    assert (second["cacheWriteInputTokens"], second["cacheReadInputTokens"]) == (0, manual)
    assert first["totalTokens"] == second["totalTokens"] == manual + second["inputTokens"] + second["outputTokens"]


async def test_limits_stops_json_and_inputs_of_every_kind_are_taken(client: Client) -> None:
    bedrock = await client()
    cut = await bedrock.converse(inferenceConfig={"maxTokens": 5})
    assert (cut["stopReason"], cut["usage"]["outputTokens"]) == ("max_tokens", 5)
    stopped = await bedrock.converse(inferenceConfig={"stopSequences": ["about"]})
    assert (stopped["stopReason"], stopped["output"]["message"]["content"]) == ("stop_sequence", [{"text": "This is "}])
    structure = {"jsonSchema": {"name": "place", "schema": json.dumps(SCHEMA)}}
    told = await bedrock.converse(outputConfig={"textFormat": {"type": "json_schema", "structure": structure}})
    assert jsonschema_rs.is_valid(SCHEMA, json.loads(told["output"]["message"]["content"][0]["text"]))
    content: Any = [
        {"image": {"format": "png", "source": {"bytes": b"not really"}}},
        {"document": {"format": "pdf", "name": "A report", "source": {"bytes": b"not really"}}},
        {"audio": {"format": "wav", "source": {"bytes": b"not really"}}},
        {"text": "What is this?"},
    ]
    seen = await bedrock.converse(messages=[{"role": "user", "content": content}])
    assert seen["usage"]["inputTokens"] > 1200 + 1500 + 500


USE: Any = {"role": "assistant", "content": [{"toolUse": {"toolUseId": "a", "name": "get_time", "input": {}}}]}


def result(*names: str) -> dict[str, Any]:
    return {
        "role": "user",
        "content": [{"toolResult": {"toolUseId": name, "content": [{"text": "x"}]}} for name in names],
    }


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"messages": []}, "messages"),
        ({"max_tokens": 5}, "max_tokens"),
        ({"messages": [*ASK, *ASK]}, "must alternate"),
        ({"messages": [{"role": "assistant", "content": [{"text": "x"}]}]}, "must start with a user message"),
        ({"messages": [{"role": "system", "content": [{"text": "x"}]}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": []}]}, "is empty"),
        ({"messages": [{"role": "user", "content": [{"text": ""}]}]}, "is blank"),
        ({"messages": [{"role": "user", "content": "x"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "one member"),
        (
            {"messages": [{"role": "user", "content": [{"document": {"name": "a", "source": {"text": "x"}}}]}]},
            "text block is required",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"document": {"name": "a.pdf", "source": {"text": "x"}}}, {"text": "x"}],
                    }
                ]
            },
            "document.name",
        ),
        ({"messages": [*ASK, USE, result("a")]}, "toolConfig field must be defined"),
        ({"toolConfig": {"tools": TOOLS}, "messages": [*ASK, USE, *ASK]}, "Expected toolResult blocks"),
        ({"toolConfig": {"tools": TOOLS}, "messages": [*ASK, USE, result("a", "b")]}, "exceeds the number"),
        ({"toolConfig": {"tools": TOOLS}, "messages": [*ASK, USE, result("b")]}, "Expected toolResult blocks"),
        ({"toolConfig": {"tools": TOOLS}, "messages": [result("a")]}, "exceeds the number"),
        ({"toolConfig": {"tools": TOOLS}, "messages": [*ASK, USE]}, "nothing answers"),
        ({"toolConfig": {"tools": [tool("")]}}, "toolSpec.name"),
        ({"toolConfig": {"tools": [tool("a b")]}}, "toolSpec.name"),
        ({"toolConfig": {"tools": [tool("a", description="")]}}, "greater than or equal to 1"),
        ({"toolConfig": {"tools": [tool("a", inputSchema={"json": {}})]}}, "inputSchema.json.type"),
        ({"toolConfig": {"tools": [tool("a"), tool("a")]}}, "more than once"),
        ({"toolConfig": {"tools": [], "toolChoice": {"any": {}}}}, "toolConfig.tools"),
        ({"toolConfig": {"tools": TOOLS, "toolChoice": "auto"}}, "toolConfig.toolChoice"),
        ({"inferenceConfig": {"max_tokens": 5}}, "max_tokens"),
        ({"inferenceConfig": {"temperature": 1.5}}, "temperature"),
        ({"inferenceConfig": {"maxTokens": 100}, "additionalModelRequestFields": THINK}, "budget_tokens"),
        ({"system": "Be brief."}, "system"),
        ({"system": [{"text": ""}]}, "system.0.text"),
    ],
)
async def test_what_the_real_one_refuses_is_refused(start: Start, change: dict[str, Any], named: str) -> None:
    status, kind, reply = await ask(await start(protocol="bedrock"), change)
    assert (status, kind.partition(":")[0]) == (400, "ValidationException")
    assert named in reply["message"]


async def test_a_request_is_signed_and_with_a_key_signed_rightly(client: Client, start: Start) -> None:
    signed = await client(api_key=Secret(b"AKIDTEST:secret-of-the-test"))
    assert (await signed.converse())["stopReason"] == "end_turn"
    assert (await signed.stream())[-1]["metadata"]["usage"]["outputTokens"] > 0
    for key, code in (
        (b"AKIDTEST:another", "InvalidSignatureException"),
        (b"AKIDOTHER:x", "UnrecognizedClientException"),
    ):
        with pytest.raises(ClientError) as caught:
            await (await client(api_key=Secret(key))).converse()
        assert caught.value.response["Error"]["Code"] == code
    provider = await start(protocol="bedrock")
    status, kind, _ = await ask(provider, {}, authorization="")
    assert (status, kind.partition(":")[0]) == (403, "MissingAuthenticationTokenException")
    scope = (
        "AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/{}/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
    )
    today = {"x-amz-date": "20260101T000000Z"}
    assert (await ask(provider, {}, authorization=scope.format("s3"), **today))[0] == 403
    assert (await ask(provider, {}, authorization=scope.format("bedrock"), **today))[0] == 200
    assert (await ask(provider, {}, authorization=scope.format("bedrock")))[0] == 403


async def test_errors_are_the_client_s_own_before_and_within_a_stream(client: Client) -> None:
    bedrock = await client(models=("known-model",))
    with pytest.raises(bedrock.client.exceptions.ValidationException, match="identifier is invalid"):
        await bedrock.converse()
    assert await bedrock.converse(modelId="us.known-model")

    def simulate(fault: str) -> Bedrock:
        other = Bedrock(bedrock.client.meta.endpoint_url)

        def add(params: Any, **_: Any) -> None:
            params["headers"]["x-simulate"] = fault

        other.client.meta.events.register("before-call.bedrock-runtime", add)
        return other

    with pytest.raises(bedrock.client.exceptions.ThrottlingException):
        await simulate("status=429,retry_after=1").converse(modelId="known-model")
    with pytest.raises(EventStreamError, match="throttlingException"):
        await simulate("error-event").stream(modelId="known-model")
    with pytest.raises(ChecksumMismatch):
        await simulate("malformed").stream(modelId="known-model")
    assert "messageStop" not in [next(iter(event)) for event in await simulate("no-end").stream(modelId="known-model")]


async def test_models_and_profiles_are_listed(start: Start) -> None:
    provider = await start(protocol="bedrock", models=("a.model",))
    for path, listed, name in (
        ("/foundation-models", "modelSummaries", "modelId"),
        ("/inference-profiles", "inferenceProfileSummaries", "inferenceProfileId"),
    ):
        async with provider.session.get(provider.url + path, headers={"authorization": "Bearer k"}) as response:
            assert [each[name].removeprefix("us.") for each in (await response.json())[listed]] == ["a.model"]


def test_a_message_is_framed_as_documented() -> None:
    """The empty message, whose bytes can be worked out by hand: two lengths, the CRC of them, the CRC of all."""
    assert write_message({}, b"").hex() == "000000100000000005c248eb7d98c8ff"
