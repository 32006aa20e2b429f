"""Whole answers of chat completions, read and written; errors too."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from support.transcripts import FOLDER
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.canonical import (
    Answer,
    FinishReason,
    NotAnAnswer,
    ProviderError,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from turnout_sidecar.wire.chat.format import INBOUND, OUTBOUND
from turnout_sidecar.wire.formats import Asked

ASKED = Asked(id="call-1", model="asked", created=1700000000)
HEAD: dict[str, Any] = {"id": "chatcmpl-9a", "model": "gpt-x", "created": 1760000000}


def read(name: str) -> Answer:
    return OUTBOUND.read_answer((FOLDER / "chat" / f"{name}.json").read_bytes())


def of(message: Any, finish: Any = "stop", **members: Any) -> Answer:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return OUTBOUND.read_answer(orjson.dumps({"choices": [choice], **members}))


def written(answer: Answer, asked: Asked = ASKED) -> dict[str, Any]:
    body = INBOUND.write_answer(answer, asked)
    ChatCompletion.model_validate_json(body)
    told: dict[str, Any] = orjson.loads(body)
    return told


def test_a_plain_answer_with_all_that_it_used() -> None:
    usage = Usage(20, 9, cached_input=8, reasoning=5, cache_write_5m=4, audio_input=3, image_input=2, audio_output=1)
    assert read("plain") == Answer(
        parts=(Text("Grüße 🚂"),), finish="stop", raw_finish="stop", usage=usage, service_tier="default", **HEAD
    )


def test_calls_keep_their_ids_and_their_arguments_as_text() -> None:
    calls = (ToolCall("call_a1", "weather", '{"n":12345678901234567890}'), ToolCall("call_a2", "time", "{}"))
    assert read("tools") == Answer(parts=calls, finish="tool_calls", raw_finish="tool_calls", **HEAD)


def test_pitfall_02_and_13_calls_without_ids_that_end_with_stop() -> None:
    answer = read("ollama_tool")
    assert answer.finish == "tool_calls"
    one, two = answer.parts
    assert isinstance(one, ToolCall)
    assert isinstance(two, ToolCall)
    assert (one.name, one.arguments) == (two.name, two.arguments) == ("weather", '{"city":"Bonn"}')
    assert one.id != two.id


def test_thoughts_in_both_dialects() -> None:
    assert read("vllm_reasoning").parts == (Thinking("Let me think."), Text("42"))
    assert read("openrouter_details").parts == (Thinking("Hmm.", "c2ln"), Thinking(redacted="aGlk"), Text("Yes."))
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}, {"type": "text", "text": "Yes"}]
    assert of({"content": parts}).parts == (Thinking("Hm"), Text("Yes"))


def test_refusals_legacy_calls_and_answers_that_were_cut() -> None:
    assert read("refusal").parts == (Refusal("I can't do that."),)
    [call] = read("legacy_function").parts
    assert isinstance(call, ToolCall)
    assert (call.name, read("legacy_function").finish) == ("weather", "tool_calls")
    assert read("cut").finish == "length"


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"),
        ("content_filter", "content_filter"),
        ("abort", "other"),
        (None, "other"),
        ("model_length", "length"),
    ],
)
def test_words_of_the_end(word: str | None, reason: FinishReason) -> None:
    answer = of({"content": "x"}, word)
    assert (answer.finish, answer.raw_finish) == (reason, word)


def test_a_cut_call_is_cut() -> None:
    call = {"id": "c", "function": {"name": "t", "arguments": '{"a'}}
    assert of({"tool_calls": [call]}, "length").finish == "length"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":[{"message":null}]}',
        b'{"error":{"message":"x"}}',
        b"[" * 5000,
        b"\xff",
    ],
)
def test_what_holds_no_choice_is_no_answer(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        OUTBOUND.read_answer(body)


def test_nothing_that_is_nested_too_deeply_is_passed_on() -> None:
    deep = b'{"a":' * 600 + b"1" + b"}" * 600
    body = b'{"choices":[{"message":{"content":"x"},"logprobs":%b}]}' % deep
    assert OUTBOUND.read_answer(body).logprobs is None


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            b'{"error":{"message":"No","type":"invalid_request_error","param":"n","code":"bad"}}',
            ProviderError("No", "invalid_request_error", "bad", "n"),
        ),
        (b'{"error":{"code":"429","message":"Slow down","innererror":{}}}', ProviderError("Slow down", code="429")),
        (
            b'{"object":"error","message":"No","type":"BadRequestError","param":null,"code":400}',
            ProviderError("No", "BadRequestError", "400"),
        ),
        (b'{"error":"model not found"}', ProviderError("model not found")),
        (b'[{"error":{"code":400,"message":"No","status":"INVALID_ARGUMENT"}}]', ProviderError("No", code="400")),
        (b'{"detail":"Not Found"}', ProviderError("Not Found")),
        (b'{"detail":[{"loc":["body"]}]}', ProviderError()),
        (b"<html>", ProviderError()),
        (b"[]", ProviderError()),
        (b"7", ProviderError()),
    ],
)
def test_errors_of_every_server(body: bytes, error: ProviderError) -> None:
    assert OUTBOUND.read_error(400, body) == error


def test_what_is_written_has_the_shape_that_the_sdk_knows() -> None:
    answer = Answer(
        parts=(
            Thinking("Hm", "proof", item="rs_1"),
            Thinking(redacted="hidden"),
            Text("One, "),
            Text("two"),
            ToolCall("c1", "weather", '{"a":1}', signature="sig"),
            ToolCall("c2", "time", ""),
        ),
        finish="tool_calls",
        usage=Usage(10, 5, cached_input=0, reasoning=2, cache_write_5m=1, cache_write_1h=2),
        service_tier="default",
    )
    assert written(answer) == {
        "id": "call-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "asked",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "One, two",
                    "refusal": None,
                    "reasoning_content": "Hm",
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "Hm", "signature": "proof", "id": "rs_1", "index": 0},
                        {"type": "reasoning.encrypted", "data": "hidden", "index": 1},
                    ],
                    "tool_calls": [
                        {
                            "id": signed_ids.join("c1", "sig"),
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"a":1}'},
                        },
                        {"id": "c2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
                    ],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
        "service_tier": "default",
    }


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (Answer(parts=(Text("x"),), finish="stop_sequence"), "stop"),
        (Answer(parts=(Text("x"),), finish="pause"), "stop"),
        (Answer(parts=(Text("x"),), finish="other"), "stop"),
        (Answer(parts=(), finish="context_window"), "length"),
        (Answer(parts=(), finish="refusal"), "content_filter"),
        (Answer(parts=(Refusal("No."),), finish="refusal"), "stop"),
        (Answer(parts=(), finish="error"), "content_filter"),
        (Answer(parts=(ToolCall("c", "t", "{}"),), finish="stop"), "tool_calls"),
        (Answer(parts=(ToolCall("c", "t", "{}"),), finish="length"), "length"),
    ],
)
def test_pitfall_03_the_word_of_the_end_is_one_that_the_api_has(answer: Answer, word: str) -> None:
    assert written(answer)["choices"][0]["finish_reason"] == word


def test_what_is_not_known_of_the_usage_is_not_said() -> None:
    assert "usage" not in written(Answer(parts=(), finish="stop", usage=Usage(input=5)))
    assert written(Answer(parts=(), finish="stop", usage=Usage(0, 0)))["usage"]["total_tokens"] == 0


def test_callers_of_functions_get_a_function_call() -> None:
    asked = Asked(id="i", model="m", created=1, body={"functions": [{"name": "t"}]})
    choice = written(Answer(parts=(ToolCall("c", "t", "{}"),), finish="tool_calls"), asked)["choices"][0]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"] == {"name": "t", "arguments": "{}"}
    assert "tool_calls" not in choice["message"]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
COUNT = st.none() | st.integers(0, 10**6)
ANSWERS = st.builds(
    lambda thoughts, text, calls, more: Answer(
        parts=(*thoughts, *((Text(text),) if text or not calls else ()), *calls),
        finish="tool_calls" if calls else "stop",
        raw_finish="tool_calls" if calls else "stop",
        **more,
    ),
    st.lists(st.one_of(st.builds(Thinking, TEXT, st.none() | TEXT), st.builds(Thinking, redacted=TEXT)), max_size=3),
    TEXT,
    st.lists(st.builds(ToolCall, TEXT, TEXT, st.just('{"a":1}')), max_size=2),
    st.fixed_dictionaries(
        {
            "id": TEXT,
            "model": TEXT,
            "created": st.integers(0, 10**9),
            "usage": st.none()
            | st.builds(
                Usage, st.integers(0, 9), st.integers(0, 9), cached_input=COUNT, reasoning=COUNT, cache_write_5m=COUNT
            ),
        }
    ),
)


@given(ANSWERS)
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read_again(answer: Answer) -> None:
    body = INBOUND.write_answer(answer, ASKED)
    again = OUTBOUND.read_answer(body)
    assert again.parts == tuple(
        ToolCall(signed_ids.join(part.id, None), part.name, part.arguments) if isinstance(part, ToolCall) else part
        for part in answer.parts
    )
    assert (again.usage, again.finish, again.id, again.model) == (answer.usage, answer.finish, answer.id, answer.model)


MEMBERS = st.sampled_from(
    ["content", "tool_calls", "function", "reasoning_details", "refusal", "function_call", "text", "name", "index"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=10,
)


@given(JSON, JSON, JSON)
@settings(max_examples=200, deadline=None)
def test_no_answer_does_more_than_be_none(message: Any, finish: Any, usage: Any) -> None:
    try:
        answer = of(message, finish, usage=usage, id=finish)
    except NotAnAnswer:
        return
    ChatCompletion.model_validate_json(INBOUND.write_answer(answer, ASKED))
