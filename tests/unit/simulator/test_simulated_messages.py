"""Anthropic's messages API as the real client sees it."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anthropic
import jsonschema_rs
import pytest

from turnout_sidecar.ports.secrets import Secret
from turnout_sidecar.simulator.answers import count_tokens
from unit.simulator.conftest import Provider, Start

Client = Callable[..., Awaitable[anthropic.AsyncAnthropic]]

ASK: list[Any] = [{"role": "user", "content": "How does the refund policy treat damaged parcels?"}]
WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
        "required": ["city"],
    },
}
CLOCK: Any = {"name": "get_time", "input_schema": {"type": "object", "properties": {}}}
THINK: Any = {"type": "enabled", "budget_tokens": 1024}
CACHED: Any = {"type": "ephemeral"}
PNG = base64.b64encode(b"\x89PNG not really").decode()


@pytest.fixture
async def client(start: Start) -> AsyncIterator[Client]:
    """The real client of a provider with these settings."""
    made: list[anthropic.AsyncAnthropic] = []

    async def begin(**settings: Any) -> anthropic.AsyncAnthropic:
        provider = await start(protocol="anthropic", **settings)
        made.append(anthropic.AsyncAnthropic(base_url=provider.url, api_key="key", max_retries=0, timeout=20))
        return made[-1]

    yield begin
    for each in made:
        await each.close()


async def ask(provider: Provider, change: dict[str, Any], path: str = "/v1/messages") -> tuple[int, dict[str, Any]]:
    body = {"model": "m", "max_tokens": 2000, "messages": ASK} | change
    given = json.dumps({name: value for name, value in body.items() if value is not ...}).encode()
    status, reply = await provider.post(path, given, x_api_key="k", anthropic_version="2023-06-01")
    answer: dict[str, Any] = json.loads(reply)
    return status, answer


async def test_an_answer_is_readable_and_its_usage_adds_up(client: Client) -> None:
    messages = (await client()).messages
    answer = await messages.create(model="claude", max_tokens=500, messages=ASK, system="Be brief.")
    (block,) = answer.content
    assert block.type == "text"
    assert block.text.startswith("This is about ")
    assert (answer.model, answer.role, answer.stop_reason, answer.stop_sequence) == (
        "claude",
        "assistant",
        "end_turn",
        None,
    )
    assert answer.usage.output_tokens == count_tokens(block.text)
    assert answer.usage.input_tokens == count_tokens("Be brief.") + 3 + count_tokens(ASK[0]["content"])
    counted = await messages.count_tokens(model="claude", messages=ASK, system="Be brief.")
    assert counted.input_tokens == answer.usage.input_tokens
    assert await messages.create(model="claude", max_tokens=500, messages=ASK, system="Be brief.") == answer


async def test_a_stream_tells_what_the_whole_message_tells(client: Client) -> None:
    messages = (await client()).messages
    asked: Any = {
        "model": "m",
        "max_tokens": 3000,
        "thinking": THINK,
        "tools": [CLOCK, WEATHER],
        "messages": [{"role": "user", "content": "call get_weather and call get_time"}],
    }
    whole = await messages.create(**asked)
    async with messages.stream(**asked) as stream:
        kinds = [event.type async for event in stream]
        streamed = await stream.get_final_message()
    assert [block.type for block in whole.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert [block.to_dict() for block in streamed.content] == [block.to_dict() for block in whole.content]
    assert (streamed.id, streamed.stop_reason) == (whole.id, "tool_use")
    assert (streamed.usage.input_tokens, streamed.usage.output_tokens) == (
        whole.usage.input_tokens,
        whole.usage.output_tokens,
    )
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert {"signature", "input_json", "text", "thinking"} <= set(kinds)


async def test_a_tool_loop_with_thinking_goes_round_and_ends_in_words_about_the_results(client: Client) -> None:
    messages = (await client()).messages
    asked: Any = {"model": "m", "max_tokens": 3000, "tools": [WEATHER], "thinking": {"type": "adaptive"}}
    said: list[Any] = [{"role": "user", "content": "What is the weather? Please call get_weather twice."}]
    first = await messages.create(messages=said, **asked)
    calls = [block for block in first.content if block.type == "tool_use"]
    assert first.stop_reason == "tool_use"
    assert len({call.id for call in calls}) == 2
    assert all(jsonschema_rs.is_valid(WEATHER["input_schema"], call.input) for call in calls)
    results = [
        {"type": "tool_result", "tool_use_id": calls[0].id, "content": "sunny in Graz"},
        {"type": "tool_result", "tool_use_id": calls[1].id, "content": [{"type": "text", "text": "rain in Wien"}]},
    ]
    said += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    second = await messages.create(messages=said, **asked)
    text = next(block.text for block in second.content if block.type == "text")
    assert second.stop_reason == "end_turn"
    assert "sunny in Graz; rain in Wien" in text


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ({"type": "any"}, ["get_time"]),
        ({"type": "tool", "name": "get_weather"}, ["get_weather"]),
        ({"type": "none"}, []),
        ({"type": "auto"}, []),
    ],
)
async def test_the_choice_of_tools_is_obeyed(client: Client, choice: Any, called: list[str]) -> None:
    messages = (await client()).messages
    answer = await messages.create(model="m", max_tokens=500, messages=ASK, tools=[CLOCK, WEATHER], tool_choice=choice)
    assert [block.name for block in answer.content if block.type == "tool_use"] == called


async def test_a_prompt_that_is_marked_is_written_to_the_cache_once_and_read_after_that(client: Client) -> None:
    messages = (await client()).messages
    system: Any = [{"type": "text", "text": "A long manual. " * 40, "cache_control": CACHED}]
    hour: Any = [{"type": "text", "text": "A long manual. " * 40, "cache_control": CACHED | {"ttl": "1h"}}]
    plain = (await messages.create(model="m", max_tokens=50, messages=ASK, system=system[0]["text"])).usage
    first = (await messages.create(model="m", max_tokens=50, messages=ASK, system=system)).usage
    again = (await messages.create(model="m", max_tokens=50, messages=ASK, system=system)).usage
    other = (await messages.create(model="n", max_tokens=50, messages=ASK, system=hour)).usage
    manual = count_tokens(system[0]["text"])
    assert (plain.cache_creation_input_tokens, plain.cache_read_input_tokens) == (0, 0)
    assert (first.cache_creation_input_tokens, first.cache_read_input_tokens) == (manual, 0)
    assert (again.cache_creation_input_tokens, again.cache_read_input_tokens) == (0, manual)
    assert first.input_tokens == again.input_tokens == plain.input_tokens - manual
    assert other.cache_creation is not None
    assert other.cache_creation.ephemeral_1h_input_tokens == manual
    longer = [*ASK, {"role": "assistant", "content": "Well."}, {"role": "user", "content": "And?"}]
    grown = await messages.create(model="m", max_tokens=50, messages=longer, system=system, cache_control=CACHED)
    assert grown.usage.cache_read_input_tokens == manual
    assert (grown.usage.cache_creation_input_tokens or 0) > 0


async def test_thinking_can_be_hidden_or_redacted_and_still_comes_back(client: Client) -> None:
    messages = (await client()).messages
    hidden: Any = {"type": "adaptive", "display": "omitted"}
    magic: Any = [{"role": "user", "content": "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING please"}]
    for asked, thinking in ((ASK, hidden), (magic, THINK)):
        said = asked
        answer = await messages.create(model="m", max_tokens=2000, messages=said, thinking=thinking)
        assert answer.content[0].type == ("thinking" if thinking is hidden else "redacted_thinking")
        said = [*said, {"role": "assistant", "content": answer.content}, {"role": "user", "content": "go on"}]
        assert (await messages.create(model="m", max_tokens=2000, messages=said, thinking=thinking)).content
    refused = await messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL"}]
    )
    assert (refused.stop_reason, refused.content) == ("refusal", [])


async def test_limits_and_stop_words_end_an_answer_and_say_so(client: Client) -> None:
    messages = (await client()).messages
    cut = await messages.create(model="m", max_tokens=5, messages=ASK)
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 5)
    stopped = await messages.create(model="m", max_tokens=500, messages=ASK, stop_sequences=["xyz", "about"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "about")
    assert [block.text for block in stopped.content if block.type == "text"] == ["This is "]


async def test_images_documents_and_json_output_are_taken(client: Client) -> None:
    messages = (await client()).messages
    content: Any = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PNG}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "some words"}},
        {"type": "image", "source": {"type": "url", "url": "https://www.example.com/a.png"}},
        {"type": "text", "text": "What is this?"},
    ]
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    answer = await messages.create(
        model="m",
        max_tokens=500,
        messages=[{"role": "user", "content": content}],
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    assert answer.usage.input_tokens > 2 * 1200 + 1500
    assert answer.content[0].type == "text"
    assert jsonschema_rs.is_valid(schema, json.loads(answer.content[0].text))


USE: Any = {"type": "tool_use", "id": "a", "name": "get_time", "input": {}}
RESULT: Any = {"type": "tool_result", "tool_use_id": "a", "content": "noon"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"max_tokens": ...}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"model": ...}, "model"),
        ({"logit_bias": {}}, "logit_bias"),
        ({"temperature": 1.5}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "first message"),
        ({"messages": [{"role": "user", "content": ""}]}, "non-empty content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "must be non-empty"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": " \n"}]}]}, "non-whitespace"),
        ({"messages": [{"role": "user", "content": [{"type": "input_text", "text": "x"}]}]}, "content.0.type"),
        ({"messages": [{"role": "user", "content": "x", "name": "me"}]}, "messages.0.name"),
        ({"messages": [{"role": "user", "content": [RESULT]}]}, "unexpected `tool_use_id`"),
        ({"tools": [CLOCK], "messages": [*ASK, {"role": "assistant", "content": [USE]}]}, "without `tool_result`"),
        (
            {"tools": [CLOCK], "messages": [*ASK, {"role": "assistant", "content": [USE]}, *ASK]},
            "without `tool_result`",
        ),
        (
            {
                "tools": [CLOCK],
                "messages": [
                    *ASK,
                    {"role": "assistant", "content": [USE]},
                    {"role": "user", "content": [{"type": "text", "text": "here"}, RESULT]},
                ],
            },
            "must come first",
        ),
        (
            {
                "tools": [CLOCK],
                "messages": [
                    *ASK,
                    {"role": "assistant", "content": [USE, USE]},
                    {"role": "user", "content": [RESULT]},
                ],
            },
            "unique",
        ),
        (
            {"messages": [*ASK, {"role": "assistant", "content": [USE]}, {"role": "user", "content": [RESULT]}]},
            "must define tools",
        ),
        (
            {
                "tools": [CLOCK],
                "thinking": THINK,
                "messages": [*ASK, {"role": "assistant", "content": [USE]}, {"role": "user", "content": [RESULT]}],
            },
            "Expected `thinking`",
        ),
        (
            {
                "messages": [
                    *ASK,
                    {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "c29tZQ=="}]},
                    *ASK,
                ]
            },
            "Invalid `signature`",
        ),
        ({"thinking": {"type": "enabled", "budget_tokens": 5}}, "budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "greater than"),
        ({"thinking": THINK, "temperature": 0.5}, "temperature"),
        ({"thinking": THINK, "tools": [CLOCK], "tool_choice": {"type": "any"}}, "forces tool use"),
        ({"tools": [{"name": "a b", "input_schema": {"type": "object"}}]}, "tools.0.name"),
        ({"tools": [{"name": "", "input_schema": {"type": "object"}}]}, "tools.0.name"),
        ({"tools": [{"name": "a"}]}, "tools.0.input_schema"),
        ({"tools": [CLOCK, CLOCK]}, "unique"),
        ({"tools": [{"type": "function", "function": {"name": "a"}}]}, "tools.0"),
        ({"tool_choice": {"type": "auto"}}, "tool_choice"),
        ({"tools": [CLOCK], "tool_choice": "required"}, "tool_choice"),
        ({"stop_sequences": [" "]}, "stop_sequences"),
        ({"system": [{"type": "text", "text": ""}]}, "system"),
        ({"system": [{"type": "text", "text": str(n), "cache_control": CACHED} for n in range(5)]}, "maximum of 4"),
    ],
)
async def test_what_the_real_one_refuses_is_refused(start: Start, change: dict[str, Any], named: str) -> None:
    status, reply = await ask(await start(protocol="anthropic"), change)
    assert (status, reply["type"], reply["error"]["type"]) == (400, "error", "invalid_request_error")
    assert named in reply["error"]["message"]


async def test_messages_of_one_role_in_a_row_are_one_turn(start: Start) -> None:
    change = {
        "tools": [CLOCK],
        "messages": [*ASK, *ASK, {"role": "assistant", "content": [USE]}, {"role": "user", "content": [RESULT]}, *ASK],
    }
    status, reply = await ask(await start(protocol="anthropic"), change)
    assert (status, reply.get("stop_reason")) == (200, "end_turn")


async def test_credentials_and_version_are_asked_for(start: Start, client: Client) -> None:
    provider = await start(protocol="anthropic")
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": ASK}).encode()
    assert (await provider.post("/v1/messages", body, anthropic_version="2023-06-01"))[0] == 401
    assert (await provider.post("/v1/messages", body, x_api_key="k"))[0] == 400
    assert (await provider.post("/v1/messages", body, authorization="Bearer k", anthropic_version="2023-06-01"))[
        0
    ] == 200
    with pytest.raises(anthropic.AuthenticationError):
        await (await client(api_key=Secret(b"right"))).messages.create(model="m", max_tokens=9, messages=ASK)


async def test_models_are_listed_and_unknown_ones_are_not_found(client: Client) -> None:
    told = await client(models=("claude-a", "claude-b"))
    assert [model.id async for model in told.models.list(limit=1)] == ["claude-a", "claude-b"]
    assert (await told.models.retrieve("claude-b")).type == "model"
    with pytest.raises(anthropic.NotFoundError):
        await told.messages.create(model="gpt", max_tokens=9, messages=ASK)
    with pytest.raises(anthropic.RateLimitError):
        await told.messages.create(
            model="claude-a", max_tokens=9, messages=ASK, extra_headers={"x-simulate": "status=429,retry_after=1"}
        )
