"""Applications talk to the gateway with OpenAI's own client and notice nothing but more headers."""

import asyncio
import json
import re
from typing import Any

import pytest
from openai import (
    AsyncOpenAI,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    OpenAI,
    PermissionDeniedError,
    RateLimitError,
)

from support.keys import Keys
from support.turnout import Gateway, Provider

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
VERDICT: Any = {
    "type": "json_schema",
    "json_schema": {
        "name": "verdict",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"kind": {"enum": ["water", "fire"]}, "amount": {"type": "integer", "minimum": 0}},
            "required": ["kind", "amount"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture
def app(house: Gateway) -> OpenAI:
    return house.openai()


@pytest.fixture
def async_app(house: Gateway) -> AsyncOpenAI:
    return house.async_openai()


def messages(text: str) -> Any:
    return [{"role": "user", "content": text}]


def test_a_chat_is_answered_and_its_tokens_are_counted(app: OpenAI, alpha: Provider) -> None:
    answer = app.chat.completions.create(model="plain", messages=messages("What is a turnout?"))
    assert "turnout" in str(answer.choices[0].message.content)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert json.loads(alpha.calls[0]["body"])["model"] == "small"


async def test_the_asynchronous_client_is_answered_too_many_at_once(async_app: AsyncOpenAI) -> None:
    async def ask(number: int) -> str:
        answer = await async_app.chat.completions.create(model="plain", messages=messages(f"Number {number}?"))
        return str(answer.choices[0].message.content)

    answers = await asyncio.gather(*(ask(number) for number in range(20)))
    assert all(answers)
    await async_app.close()


def test_a_stream_tells_what_the_whole_answer_tells(app: OpenAI) -> None:
    asked = messages("Why do trains change tracks?")
    whole = app.chat.completions.create(model="plain", messages=asked)
    stream = app.chat.completions.create(model="plain", messages=asked, stream=True)
    chunks = list(stream)
    said = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert said == whole.choices[0].message.content
    assert len(chunks) > 5


def test_a_stream_has_usage_only_for_a_client_that_asks_and_the_gateway_always_asks(
    app: OpenAI, alpha: Provider
) -> None:
    asked = messages("How much is it?")
    without = list(app.chat.completions.create(model="plain", messages=asked, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in without)
    options: Any = {"include_usage": True}
    chunks = list(app.chat.completions.create(model="plain", messages=asked, stream=True, stream_options=options))
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0
    assert [json.loads(call["body"])["stream_options"] for call in alpha.calls] == [{"include_usage": True}] * 2


async def test_an_asynchronous_stream_ends_by_itself(async_app: AsyncOpenAI) -> None:
    stream = await async_app.chat.completions.create(model="plain", messages=messages("And then?"), stream=True)
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices[0].finish_reason == "stop"
    await async_app.close()


def test_tools_are_called_whole_and_in_pieces(app: OpenAI) -> None:
    asked = messages("Please call weather for Bonn.")
    answer = app.chat.completions.create(model="plain", messages=asked, tools=[WEATHER])
    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "function"
    assert calls[0].function.name == "weather"
    assert "city" in json.loads(calls[0].function.arguments)
    assert answer.choices[0].finish_reason == "tool_calls"

    stream = app.chat.completions.create(model="plain", messages=asked, tools=[WEATHER], stream=True)
    deltas = [call for chunk in stream for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    arguments = "".join(delta.function.arguments or "" for delta in deltas if delta.function is not None)
    assert json.loads(arguments) == json.loads(calls[0].function.arguments)


def test_structured_output_has_the_shape_that_was_asked_for(app: OpenAI) -> None:
    answer = app.chat.completions.create(
        model="plain", messages=messages("Water in the cellar."), response_format=VERDICT
    )
    verdict = json.loads(str(answer.choices[0].message.content))
    assert verdict["kind"] in {"water", "fire"}
    assert set(verdict) == {"kind", "amount"}


def test_embeddings_are_vectors(app: OpenAI) -> None:
    answer = app.embeddings.create(model="embed", input=["a switch", "a turnout"])
    assert [item.index for item in answer.data] == [0, 1]
    assert len(answer.data[0].embedding) == len(answer.data[1].embedding) > 100
    assert answer.usage.prompt_tokens > 0


def test_models_are_the_exact_names_that_this_caller_may_use(app: OpenAI, house: Gateway, keys: Keys) -> None:
    names = [item.id for item in app.models.list()]
    assert names == sorted(names)
    assert {"plain", "cached", "embed", "named", "triage"} <= set(names)
    assert not [name for name in names if "*" in name]
    assert [item.id for item in house.openai(keys.narrow).models.list()] == ["plain"]


def test_a_name_with_a_known_beginning_is_a_model(app: OpenAI) -> None:
    assert app.chat.completions.create(model="many-things", messages=messages("Which?")).choices


def test_the_headers_say_what_was_decided(app: OpenAI) -> None:
    raw = app.chat.completions.with_raw_response.create(model="plain", messages=messages("How was it decided?"))
    ours = {name: value for name, value in raw.headers.items() if name.startswith("x-turnout-")}
    usage = raw.parse().usage
    assert usage is not None
    nanos = usage.prompt_tokens * 1000 + usage.completion_tokens * 2000
    assert ours.pop("x-turnout-cost-usd") == f"{nanos / 1e9:.9f}".rstrip("0")
    assert re.fullmatch(r"[0-9a-f]{32}", ours.pop("x-turnout-request-id"))
    assert re.fullmatch(r"[0-9a-f]{64}", ours.pop("x-turnout-config"))
    assert ours == {
        "x-turnout-route": "plain",
        "x-turnout-rule": "all",
        "x-turnout-backend": "alpha/small",
        "x-turnout-cache": "bypass",
        "x-turnout-attempts": "1",
    }


def test_the_headers_of_a_stream_say_what_is_known_at_its_start(app: OpenAI) -> None:
    raw = app.chat.completions.with_raw_response.create(model="plain", messages=messages("And a stream?"), stream=True)
    ours = {name for name in raw.headers if name.startswith("x-turnout-")}
    assert ours == {
        "x-turnout-request-id",
        "x-turnout-config",
        "x-turnout-route",
        "x-turnout-rule",
        "x-turnout-backend",
        "x-turnout-cache",
        "x-turnout-attempts",
    }
    list(raw.parse())


def test_a_prompt_of_the_namespace_is_rendered_and_a_version_needs_trust(
    app: OpenAI, house: Gateway, alpha: Provider, keys: Keys
) -> None:
    variables = {"claim": "Water came through the ceiling."}
    app.chat.completions.create(model="triage", messages=[], extra_body={"prompt": {"variables": variables}})
    asked: Any = {"prompt": {"id": "triage", "version": "v2", "variables": variables}}
    app.chat.completions.create(model="triage", messages=[], extra_body=asked)
    first, second = (json.loads(call["body"]) for call in alpha.calls)
    assert first["messages"][0] == {"role": "system", "content": "Sort it."}
    assert first["messages"][1]["content"] == variables["claim"]
    assert second["messages"] == [{"role": "user", "content": f"Sort this: {variables['claim']}"}]
    assert "prompt" not in first
    with pytest.raises(PermissionDeniedError) as refused:
        house.openai(keys.other).chat.completions.create(model="triage", messages=[], extra_body=asked)
    assert refused.value.param == "prompt.version"


def test_no_credentials_of_a_client_and_no_own_headers_reach_a_provider(
    app: OpenAI, alpha: Provider, keys: Keys
) -> None:
    own = {"x-turnout-user": "ann", "x-turnout-cache": "no-cache", "cookie": "a=b", "x-other": "1"}
    app.chat.completions.create(model="plain", messages=messages("Who sees it?"), extra_headers=own)
    headers = alpha.calls[0]["headers"]
    assert set(headers) <= {
        "host",
        "authorization",
        "content-type",
        "content-length",
        "accept",
        "accept-encoding",
        "user-agent",
        "traceparent",
    }
    assert headers["user-agent"].startswith("turnout/")
    assert keys.app not in json.dumps(alpha.calls)


def test_a_wrong_key_is_an_authentication_error(house: Gateway) -> None:
    with pytest.raises(AuthenticationError) as refused:
        house.openai("no-such-key").chat.completions.create(model="plain", messages=messages("Hello?"))
    assert refused.value.code == "invalid_api_key"
    assert refused.value.response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("key", ["app", "narrow"])
def test_a_model_that_is_unknown_or_not_allowed_is_not_found(house: Gateway, keys: Keys, key: str) -> None:
    asked = "gpt-9" if key == "app" else "cached"
    with pytest.raises(NotFoundError) as refused:
        house.openai(getattr(keys, key)).chat.completions.create(model=asked, messages=messages("Hello?"))
    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


def test_a_bad_call_is_a_bad_request_that_names_the_field(app: OpenAI) -> None:
    wrong: Any = "warm"
    with pytest.raises(BadRequestError) as refused:
        app.chat.completions.create(model="plain", messages=messages("Hello?"), temperature=wrong)
    assert refused.value.param == "temperature"


def test_what_a_provider_finds_wrong_is_said_in_its_words(app: OpenAI) -> None:
    with pytest.raises(BadRequestError) as refused:
        app.chat.completions.create(model="plain", messages=messages("Hello?"), temperature=7)
    assert refused.value.param == "temperature"
    assert refused.value.response.headers["x-turnout-backend"] == "alpha/small"


def test_a_provider_that_limits_is_a_rate_limit_error_with_its_retry_after(app: OpenAI, alpha: Provider) -> None:
    alpha.prescribe("status=429,retry_after=7")
    with pytest.raises(RateLimitError) as refused:
        app.chat.completions.create(model="plain", messages=messages("Now?"))
    assert refused.value.response.headers["retry-after"] == "7"
    assert refused.value.type is not None


def test_a_provider_that_fails_is_a_server_error_of_the_gateways_own(app: OpenAI, alpha: Provider) -> None:
    alpha.prescribe("status=500")
    with pytest.raises(InternalServerError) as refused:
        app.chat.completions.create(model="plain", messages=messages("Now?"))
    assert (refused.value.status_code, refused.value.code) == (502, "upstream_error")


def test_a_provider_that_does_not_answer_is_a_timeout(app: OpenAI, alpha: Provider) -> None:
    alpha.prescribe("hang=headers")
    with pytest.raises(InternalServerError) as refused:
        app.chat.completions.create(model="alone", messages=messages("Now?"))
    assert (refused.value.status_code, refused.value.code) == (504, "upstream_timeout")


def test_credentials_that_a_provider_refuses_are_no_fault_of_the_callers(app: OpenAI) -> None:
    with pytest.raises(InternalServerError) as refused:
        app.chat.completions.create(model="locked", messages=messages("Now?"))
    assert (refused.value.status_code, refused.value.code) == (502, "upstream_refused")


def test_nobody_who_could_answer_is_a_503_that_says_why_for_each(app: OpenAI) -> None:
    with pytest.raises(InternalServerError) as refused:
        app.chat.completions.create(
            model="plain", messages=messages("Secret?"), extra_headers={"x-turnout-sensitivity": "Restricted"}
        )
    assert refused.value.status_code == 503
    assert "alpha/small" in refused.value.message
    assert "Restricted" in refused.value.message
