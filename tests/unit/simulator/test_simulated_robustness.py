"""Whatever comes, a simulated provider answers or refuses: it never breaks."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_sidecar.simulator.dialect import Asked, Dialect, Refusal, Reply
from turnout_sidecar.simulator.server import DIALECTS
from turnout_sidecar.simulator.signatures import seal, sign

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
BODIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "chat": (
        "openai",
        "/v1/chat/completions",
        {
            "model": "m",
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "call f"}, {"type": "image_url", "image_url": {}}],
                },
                {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "a", "content": "x"},
                {"role": "user", "content": "call f"},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
            "tool_choice": "auto",
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
            "stop": ["x"],
            "logprobs": True,
            "reasoning_effort": "low",
        },
    ),
    "responses": (
        "openai",
        "/v1/responses",
        {
            "model": "m",
            "stream": True,
            "input": [
                {
                    "role": "user",
                    "content": [{"type": "input_text", "text": "call f"}, {"type": "input_file", "file_id": "i"}],
                },
                {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": seal("responses", "x")},
                {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "x"}]},
            ],
            "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}],
            "tool_choice": {"type": "function", "name": "f"},
            "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
            "reasoning": {"effort": "low", "summary": "auto"},
            "include": ["reasoning.encrypted_content"],
            "instructions": "x",
            "prompt_cache_key": "k",
        },
    ),
    "anthropic": (
        "anthropic",
        "/v1/messages",
        {
            "model": "m",
            "max_tokens": 2000,
            "stream": True,
            "system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "call f"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "AAAA"}},
                    ],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "x", "signature": sign("anthropic", "x")},
                        {"type": "redacted_thinking", "data": seal("anthropic", "x")},
                        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "x"}]},
                        {"type": "text", "text": "go on"},
                    ],
                },
            ],
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "tools": [{"name": "f", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
            "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
            "stop_sequences": ["x"],
            "metadata": {"user_id": "u"},
        },
    ),
    "gemini": (
        "gemini",
        "/v1beta/models/{model}:streamGenerateContent",
        {
            "system_instruction": {"parts": [{"text": "x"}]},
            "contents": [
                {
                    "role": "user",
                    "parts": [{"text": "call f"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}],
                },
                {
                    "role": "model",
                    "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": seal("gemini", "x")}],
                },
                {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"a": 1}}}]},
            ],
            "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {}}}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
            "generationConfig": {
                "responseMimeType": "application/json",
                "responseSchema": {"type": "ARRAY", "items": {"type": "STRING"}, "maxItems": "3"},
                "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 5},
                "stopSequences": ["x"],
                "candidateCount": 2,
            },
        },
    ),
    "bedrock": (
        "bedrock",
        "/model/{model}/converse-stream",
        {
            "system": [{"text": "x"}, {"cachePoint": {"type": "default"}}],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"text": "call f"},
                        {"document": {"name": "d", "format": "pdf", "source": {"bytes": "AAAA"}}},
                        {"cachePoint": {"type": "default", "ttl": "1h"}},
                    ],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"reasoningContent": {"reasoningText": {"text": "x", "signature": sign("anthropic", "x")}}},
                        {"toolUse": {"toolUseId": "a", "name": "f", "input": {}}},
                    ],
                },
                {
                    "role": "user",
                    "content": [{"toolResult": {"toolUseId": "a", "content": [{"text": "x"}, {"json": {}}]}}],
                },
            ],
            "toolConfig": {
                "tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": SCHEMA}}}],
                "toolChoice": {"auto": {}},
            },
            "inferenceConfig": {"maxTokens": 2000, "stopSequences": ["x"]},
            "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}"}}}},
        },
    ),
}
BODIES["azure"] = ("azure", "/openai/v1/chat/completions", BODIES["chat"][2])

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["type", "text", "name", "role", "content", "x"]), inner, max_size=3),
    ),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a body."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, inner in pairs for found in ((*path, key), *places(inner, (*path, key)))]


def change(body: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The body with another value in one place; `...`: with none."""
    changed = copy.deepcopy(body)
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed


def answer(dialect: Dialect, path: str, body: dict[str, Any]) -> Reply:
    endpoint = next(each for each in dialect.endpoints if each.path == path)
    try:
        return endpoint.answer(Asked({"model": "m"}, {}, json.dumps(body).encode(), (), 1))
    except Refusal as refusal:
        return dialect.refuse(refusal)


@pytest.mark.parametrize("name", sorted(BODIES))
def test_the_request_that_is_changed_here_is_a_good_one(name: str) -> None:
    protocol, path, body = BODIES[name]
    reply = answer(DIALECTS[protocol](), path, body)
    assert (reply.status, reply.frames is not None) == (200, True), reply.body


@pytest.mark.parametrize("name", sorted(BODIES))
def test_a_request_without_one_of_its_members_is_answered_or_refused(name: str) -> None:
    protocol, path, body = BODIES[name]
    dialect = DIALECTS[protocol]()
    for place in places(body):
        assert answer(dialect, path, change(body, place, ...)).status in (200, 400)


@pytest.mark.parametrize("name", sorted(BODIES))
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_request_with_any_value_in_any_place_is_answered_or_refused(name: str, data: st.DataObject) -> None:
    protocol, path, body = BODIES[name]
    changed = change(body, data.draw(st.sampled_from(places(body))), data.draw(VALUES))
    assert answer(DIALECTS[protocol](), path, changed).status in (200, 400, 404)
