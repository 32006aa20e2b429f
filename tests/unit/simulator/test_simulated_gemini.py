"""Gemini's API as the real client sees it."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from turnout_sidecar.ports.secrets import Secret
from turnout_sidecar.simulator.answers import count_tokens
from unit.simulator.conftest import Provider, Start

Client = Callable[..., Awaitable[genai.client.AsyncClient]]

ASK = "How does the refund policy treat damaged parcels?"
SCHEMA: Any = {
    "type": "OBJECT",
    "properties": {"city": {"type": "STRING"}, "days": {"type": "INTEGER", "minimum": 1, "maximum": 7}},
    "required": ["city"],
}
WEATHER = types.FunctionDeclaration(name="get_weather", parameters=types.Schema.model_validate(SCHEMA))
CLOCK = types.FunctionDeclaration(name="get_time", parameters_json_schema={"type": "object", "properties": {}})
TOOLS: Any = [types.Tool(function_declarations=[WEATHER, CLOCK])]
GENERATE = "/v1beta/models/gemini-3-flash:generateContent"


@pytest.fixture
async def client(start: Start) -> AsyncIterator[Client]:
    """The real client of a provider with these settings."""
    made: list[genai.client.AsyncClient] = []

    async def begin(**settings: Any) -> genai.client.AsyncClient:
        provider = await start(protocol="gemini", **settings)
        options = types.HttpOptions(base_url=provider.url, timeout=20_000)
        made.append(genai.Client(api_key="key", http_options=options, vertexai=False).aio)
        return made[-1]

    yield begin
    for each in made:
        await each.aclose()


async def ask(provider: Provider, change: dict[str, Any], path: str = GENERATE) -> tuple[int, dict[str, Any]]:
    body = {"contents": [{"role": "user", "parts": [{"text": ASK}]}]} | change
    status, reply = await provider.post(path, json.dumps(body).encode(), x_goog_api_key="k")
    answer: dict[str, Any] = json.loads(reply)
    return status, answer


def parts_of(response: types.GenerateContentResponse) -> list[types.Part]:
    assert response.candidates
    assert response.candidates[0].content is not None
    return response.candidates[0].content.parts or []


async def test_an_answer_is_readable_and_its_usage_adds_up(client: Client) -> None:
    models = (await client()).models
    answer = await models.generate_content(model="gemini-3-flash", contents=ASK)
    assert (answer.text or "").startswith("This is about ")
    assert answer.candidates
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    usage = answer.usage_metadata
    assert usage is not None
    assert usage.candidates_token_count == count_tokens(answer.text or "")
    assert usage.total_token_count == (usage.prompt_token_count or 0) + (usage.candidates_token_count or 0)
    assert (usage.thoughts_token_count, usage.cached_content_token_count) == (None, None)
    counted = await models.count_tokens(model="gemini-3-flash", contents=ASK)
    assert counted.total_tokens == usage.prompt_token_count
    again = await models.generate_content(model="gemini-3-flash", contents=ASK)
    assert (again.text, again.response_id) == (answer.text, answer.response_id)


async def test_a_stream_tells_what_the_whole_answer_tells(client: Client) -> None:
    models = (await client()).models
    config = types.GenerateContentConfig(
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=512)
    )
    whole = await models.generate_content(model="m", contents=ASK, config=config)
    stream = await models.generate_content_stream(model="m", contents=ASK, config=config)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.text or "" for chunk in chunks) == whole.text
    thoughts = "".join(part.text or "" for chunk in chunks for part in parts_of(chunk) if part.thought)
    assert [part.text for part in parts_of(whole) if part.thought] == [thoughts]
    assert chunks[-1].usage_metadata == whole.usage_metadata
    assert whole.usage_metadata is not None
    assert whole.usage_metadata.thoughts_token_count == count_tokens(thoughts)
    assert parts_of(chunks[-1])[0].thought_signature == parts_of(whole)[-1].thought_signature is not None
    assert [bool(chunk.candidates and chunk.candidates[0].finish_reason) for chunk in chunks[-2:]] == [False, True]
    totals = [chunk.usage_metadata.total_token_count or 0 for chunk in chunks if chunk.usage_metadata]
    assert totals == sorted(totals)


async def test_without_sse_a_stream_is_one_array(start: Start) -> None:
    provider = await start(protocol="gemini")
    body = json.dumps({"contents": [{"parts": [{"text": ASK}]}]}).encode()
    path = GENERATE.replace("generateContent", "streamGenerateContent")
    status, array = await provider.post(path, body, x_goog_api_key="k")
    _, events = await provider.post(path + "?alt=sse", body, x_goog_api_key="k")
    told = [json.loads(event.removeprefix(b"data: ")) for event in events.split(b"\r\n\r\n")[:-1]]
    assert (status, json.loads(array)) == (200, told)


@pytest.mark.parametrize("model", ["gemini-3-flash", "gemini-2.5-flash"])
async def test_a_tool_loop_goes_round_with_signatures_and_ends_in_words_about_the_results(
    client: Client, model: str
) -> None:
    models = (await client()).models
    config = types.GenerateContentConfig(tools=TOOLS)
    said: list[Any] = [types.UserContent(parts=[types.Part(text="Please call get_weather twice")])]
    first = await models.generate_content(model=model, contents=said, config=config)
    calls = first.function_calls or []
    assert first.candidates
    assert first.candidates[0].finish_reason == types.FinishReason.STOP
    assert [call.name for call in calls] == ["get_weather", "get_weather"]
    assert [bool(part.thought_signature) for part in parts_of(first)] == [True, False]
    assert len({call.id for call in calls}) == (2 if model == "gemini-3-flash" else 1)
    results = [
        types.Part(
            function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": f"{number} mm"})
        )
        for number, call in enumerate(calls)
    ]
    said += [first.candidates[0].content, types.UserContent(parts=results)]
    second = await models.generate_content(model=model, contents=said, config=config)
    assert "0 mm; 1 mm" in (second.text or "")
    signature = parts_of(first)[0].thought_signature
    parts_of(first)[0].thought_signature = None
    if model == "gemini-3-flash":
        with pytest.raises(errors.ClientError, match="missing a thought_signature"):
            await models.generate_content(model=model, contents=said, config=config)
    parts_of(first)[0].thought_signature = b"skip_thought_signature_validator"
    assert (await models.generate_content(model=model, contents=said, config=config)).text
    parts_of(first)[0].thought_signature = (signature or b"")[:-1] + b"x"
    with pytest.raises(errors.ClientError, match="Thought signature is not valid"):
        await models.generate_content(model=model, contents=said, config=config)


@pytest.mark.parametrize(
    ("mode", "allowed", "called"),
    [("ANY", None, "get_weather"), ("ANY", ["get_time"], "get_time"), ("NONE", None, None), ("AUTO", None, None)],
)
async def test_the_choice_of_functions_is_obeyed(
    client: Client, mode: Any, allowed: list[str] | None, called: str | None
) -> None:
    calling = types.FunctionCallingConfig(mode=mode, allowed_function_names=allowed)
    config = types.GenerateContentConfig(tools=TOOLS, tool_config=types.ToolConfig(function_calling_config=calling))
    answer = await (await client()).models.generate_content(model="m", contents=ASK, config=config)
    assert [call.name for call in answer.function_calls or []] == ([called] if called else [])


class _Invoice(BaseModel):
    number: int
    lines: list[str]


async def test_json_limits_stops_and_inputs_of_every_kind_are_taken(client: Client) -> None:
    models = (await client()).models
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=_Invoice)
    parsed = await models.generate_content(model="m", contents=ASK, config=config)
    assert isinstance(parsed.parsed, _Invoice)
    schema = _Invoice.model_json_schema()
    config = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=schema)
    told = await models.generate_content(model="m", contents=ASK, config=config)
    assert jsonschema_rs.is_valid(schema, json.loads(told.text or ""))
    cut = await models.generate_content(
        model="m", contents=ASK, config=types.GenerateContentConfig(max_output_tokens=5)
    )
    assert cut.candidates
    assert cut.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    stopped = await models.generate_content(
        model="m", contents=ASK, config=types.GenerateContentConfig(stop_sequences=["about"], candidate_count=2)
    )
    assert stopped.candidates
    assert len(stopped.candidates) == 2
    assert stopped.text == "This is "
    media: Any = [
        types.Part.from_bytes(data=b"not really", mime_type="image/png"),
        types.Part.from_bytes(data=b"not really", mime_type="audio/wav"),
        types.Part.from_uri(file_uri="https://www.example.com/a.pdf", mime_type="application/pdf"),
        "What is this?",
    ]
    seen = await models.generate_content(model="m", contents=media)
    assert seen.usage_metadata is not None
    told_by = {each.modality: each.token_count for each in seen.usage_metadata.prompt_tokens_details or []}
    assert told_by[types.MediaModality.IMAGE] == 258
    assert sum(count or 0 for count in told_by.values()) == seen.usage_metadata.prompt_token_count


async def test_a_long_prompt_that_comes_again_is_cached_and_counted_within_the_prompt(client: Client) -> None:
    models = (await client()).models
    manual = "A long manual of many words. " * 300
    config = types.GenerateContentConfig(system_instruction=manual)
    first, second = [
        (await models.generate_content(model="m", contents=ASK, config=config)).usage_metadata for _ in range(2)
    ]
    assert first is not None
    assert second is not None
    assert first.cached_content_token_count is None
    assert 1024 <= (second.cached_content_token_count or 0) <= (second.prompt_token_count or 0)
    assert second.prompt_token_count == first.prompt_token_count


CALL: Any = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
USER: Any = {"role": "user", "parts": [{"text": "x"}]}


def response(**change: Any) -> dict[str, Any]:
    return {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"a": 1}} | change}]}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"contents": []}, "contents"),
        ({"messages": []}, 'Unknown name "messages"'),
        ({"generationConfig": {"max_tokens": 5}}, "Unknown name \"max_tokens\" at 'generation_config'"),
        ({"contents": [{"role": "user", "content": "x"}]}, 'Unknown name "content"'),
        ({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}, "valid role"),
        ({"contents": [{"role": "user", "parts": []}]}, "must not be empty"),
        ({"contents": [{"role": "user", "parts": [{}]}]}, "oneof field 'data'"),
        ({"contents": [{"role": "user", "parts": [{"text": "x", "inlineData": {}}]}]}, "oneof field 'data'"),
        ({"contents": [{"parts": [{"text": "x", "type": "text"}]}]}, 'Unknown name "type"'),
        ({"contents": [CALL, response()]}, "function call turn comes immediately after"),
        ({"contents": [USER, response()]}, "function response turn comes immediately after"),
        ({"contents": [USER, CALL, USER]}, "number of function response parts"),
        ({"contents": [USER, CALL, response(name="")]}, "Name cannot be empty"),
        ({"contents": [USER, CALL, response(name="g")]}, "responds to"),
        ({"contents": [USER, CALL, response(response="x")]}, "expected an object"),
        ({"contents": [USER, CALL, response()]}, "missing a thought_signature"),
        ({"tools": [{"functionDeclarations": [{"name": ""}]}]}, "Invalid function name"),
        ({"tools": [{"type": "function"}]}, 'Unknown name "type"'),
        ({"tools": [{"functionDeclarations": [{"name": "f"}, {"name": "f"}]}]}, "Duplicate"),
        (
            {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "object", "$ref": "#"}}]}]},
            'Unknown name "$ref"',
        ),
        ({"generationConfig": {"responseSchema": {"type": "STRING"}}}, "response_mime_type"),
        ({"generationConfig": {"stopSequences": list("abcdef")}}, "stop_sequences"),
        ({"generationConfig": {"temperature": 3}}, "temperature"),
        ({"generationConfig": {"thinkingConfig": {"thinkingBudget": 5, "thinkingLevel": "LOW"}}}, "only one of"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "REQUIRED"}}}, "mode"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "without function_declarations"),
    ],
)
async def test_what_the_real_one_refuses_is_refused(start: Start, change: dict[str, Any], named: str) -> None:
    status, reply = await ask(await start(protocol="gemini"), change)
    assert (status, reply["error"]["code"], reply["error"]["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert named in reply["error"]["message"]


async def test_a_call_of_an_earlier_turn_needs_no_signature_and_older_models_take_no_json_with_functions(
    start: Start,
) -> None:
    provider = await start(protocol="gemini")
    earlier = [USER, CALL, response(), {"role": "model", "parts": [{"text": "so"}]}, USER]
    assert (await ask(provider, {"contents": earlier}))[0] == 200
    both = {
        "tools": [{"function_declarations": [{"name": "f"}]}],
        "generation_config": {"response_mime_type": "application/json"},
    }
    assert (await ask(provider, both))[0] == 200
    assert (await ask(provider, both, GENERATE.replace("3-flash", "2.5-pro")))[0] == 400


async def test_embeddings_models_and_keys_are_as_the_client_expects(client: Client, start: Start) -> None:
    told = await client(models=("gemini-3-flash", "gemini-embedding-001"))
    made = await told.models.embed_content(
        model="gemini-embedding-001",
        contents=["a parcel", "the parcel"],
        config=types.EmbedContentConfig(output_dimensionality=64),
    )
    vectors = np.array([each.values for each in made.embeddings or []])
    assert vectors.shape == (2, 64)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    listed = await told.models.list(config={"page_size": 1})
    assert [model.name async for model in listed] == ["models/gemini-3-flash", "models/gemini-embedding-001"]
    assert (await told.models.get(model="gemini-3-flash")).name == "models/gemini-3-flash"
    with pytest.raises(errors.ClientError, match="404 NOT_FOUND"):
        await told.models.generate_content(model="gpt", contents=ASK)
    with pytest.raises(errors.ClientError, match="API key not valid"):
        await (await client(api_key=Secret(b"right"))).models.generate_content(model="m", contents=ASK)
    provider = await start(protocol="gemini")
    assert (await provider.post(GENERATE, b"{}"))[0] == 403
    assert (await provider.post(GENERATE + "?key=k", b"{}"))[0] == 400
    one = {"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 8}
    status, reply = await provider.post("/v1beta/models/e:embedContent", json.dumps(one).encode(), x_goog_api_key="k")
    assert (status, len(json.loads(reply)["embedding"]["values"])) == (200, 8)


def test_a_signature_is_told_in_base64_that_the_client_gives_back() -> None:
    raw = base64.b64encode(b"\xfb\xff" * 24).decode()
    assert types.Part.model_validate({"text": "", "thoughtSignature": raw}).thought_signature == b"\xfb\xff" * 24
