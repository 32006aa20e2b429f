"""Requests of the Responses API are read into canonical values, or refused with the name of the member."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.canonical import (
    Audio,
    Document,
    Format,
    Image,
    Message,
    Reasoning,
    Refusal,
    Request,
    Source,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from turnout_sidecar.wire.responses.check import check, check_has_input
from turnout_sidecar.wire.responses.format import INBOUND, question, stateful_fields, texts
from turnout_sidecar.wire.support import uses


def read(**members: Any) -> Request:
    body = {"model": "m", "input": "Hello", **members}
    check(body)
    check_has_input(body)
    return INBOUND.read_request(body)


def refused(**members: Any) -> CallError:
    with pytest.raises(CallError) as caught:
        read(**members)
    assert caught.value.status == 400
    return caught.value


def test_a_string_is_what_the_user_says() -> None:
    request = read()
    assert request.messages == (Message("user", (Text("Hello"),)),)
    assert request.unknown == ()
    assert not request.stream


def test_instructions_stand_before_everything_else() -> None:
    assert read(instructions="Be brief.").messages[0] == Message("system", (Text("Be brief."),))


def test_all_parts_of_a_message_are_read() -> None:
    content = [
        {"type": "input_text", "text": "Look", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "input_image", "image_url": "https://example.test/a.png", "detail": "high"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "auto"},
        {"type": "input_image", "file_id": "file-1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="},
        {"type": "input_file", "file_url": "https://example.test/a.pdf"},
        {"type": "input_file", "file_id": "file-2", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}},
        {"type": "input_file", "filename": "b.pdf", "file_data": "aGk="},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
    ]
    request = read(input=[{"role": "user", "content": content}])
    assert request.messages[0].parts == (
        Text("Look", cache="5m"),
        Image(Source(url="https://example.test/a.png"), "high"),
        Image(Source(media_type="image/png", data="aGk="), "auto"),
        Image(Source(file_id="file-1")),
        Document(Source(media_type="application/pdf", data="aGk="), "a.pdf"),
        Document(Source(url="https://example.test/a.pdf")),
        Document(Source(file_id="file-2"), cache="1h"),
        Document(Source(data="aGk="), "b.pdf"),
        Audio(Source(data="aGk="), "wav"),
    )


def test_pitfall_10_thoughts_words_and_calls_of_a_turn_are_one_message_and_so_are_its_results() -> None:
    request = read(
        input=[
            {"role": "user", "content": "Weather?"},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Two"}], "content": None,
             "encrypted_content": "turnout:signature:SIG"},
            {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
             "content": [{"type": "output_text", "text": "I look.", "annotations": []}, {"type": "refusal", "refusal": "No"}]},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"at":"Oslo"}', "id": "fc_1"},
            {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": ""},
            {"type": "function_call_output", "call_id": "c1", "output": "cold"},
            {"type": "function_call_output", "call_id": "c2", "output": [
                {"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": "https://example.test/b.png"}]},
            {"role": "user", "content": "And now?"},
        ]
    )  # fmt: skip
    assert request.messages == (
        Message("user", (Text("Weather?"),)),
        Message(
            "assistant",
            (
                Thinking("Two", signature="SIG"),
                Text("I look."),
                Refusal("No"),
                ToolCall("c1", "weather", '{"at":"Oslo"}'),
                ToolCall("c2", "weather", "{}"),
            ),
        ),
        Message(
            "user",
            (
                ToolResult("c1", (Text("cold"),)),
                ToolResult("c2", (Text("see"), Image(Source(url="https://example.test/b.png")))),
            ),
        ),
        Message("user", (Text("And now?"),)),
    )


def test_pitfall_12_a_signature_in_the_id_of_a_call_goes_back_to_its_place() -> None:
    own = signed_ids.join("call_1", "sig+/=")
    request = read(
        input=[
            {"type": "function_call", "call_id": own, "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": own, "output": ""},
        ]
    )
    assert request.messages[0].parts == (ToolCall("call_1", "f", "{}", signature="sig+/="),)
    assert request.messages[1].parts == (ToolResult("call_1", (Text(""),)),)


def test_what_hides_a_thought_comes_back_and_what_others_encrypted_is_named() -> None:
    hidden = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "turnout:redacted:XYZ"}
    assert read(input=[hidden]).messages[0].parts == (Thinking(redacted="XYZ"),)
    foreign = read(input=[{**hidden, "encrypted_content": "gAAAA"}])
    assert foreign.messages[0].parts == (Thinking(item="rs_1"),)
    assert foreign.unknown == ("input (reasoning.encrypted_content)",)


def test_every_option_is_read() -> None:
    request = read(
        tools=[{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}],
        tool_choice={"type": "function", "name": "f"},
        parallel_tool_calls=False,
        max_output_tokens=7,
        temperature=0,
        top_p=0.5,
        top_logprobs=3,
        include=["message.output_text.logprobs", "reasoning.encrypted_content"],
        text={"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {"a": 1}, "strict": True}},
        reasoning={"effort": "high", "summary": "auto"},
        safety_identifier="u1",
        metadata={"a": "b"},
        prompt_cache_key="k",
        service_tier="flex",
        store=False,
        truncation="disabled",
        background=False,
        stream=True,
        stream_options={"include_obfuscation": False},
    )
    assert request.tools == (Tool("f", "d", {"type": "object"}, strict=True),)
    assert request.tool_choice == ToolChoice("tool", "f")
    assert request.parallel_tool_calls is False
    assert (request.max_tokens, request.temperature, request.top_p) == (7, 0, 0.5)
    assert (request.logprobs, request.top_logprobs) == (True, 3)
    assert request.format == Format("json_schema", "n", {"a": 1}, strict=True)
    assert request.reasoning == Reasoning(effort="high", shown=True)
    assert (request.verbosity, request.user, request.service_tier) == ("low", "u1", "flex")
    assert request.fields["user"] == "safety_identifier"
    assert (request.metadata, request.prompt_cache_key, request.stream) == ({"a": "b"}, "k", True)
    assert request.unknown == ()
    assert request.stateful == ()


def test_what_cannot_be_kept_is_named() -> None:
    request = read(
        store=True,
        truncation="auto",
        max_tool_calls=3,
        include=["web_search_call.results"],
        stream_options={"include_obfuscation": True},
        moderation={"model": "x"},
        reasoning={"context": "all_turns", "mode": "standard"},
        user="a",
        safety_identifier="b",
        prompt={"variables": {}},
        background=None,
    )
    assert request.unknown == (
        "include",
        "max_tool_calls",
        "moderation",
        "prompt",
        "reasoning.context",
        "store",
        "stream_options.include_obfuscation",
        "truncation",
        "user",
    )


def test_what_leans_on_the_provider_is_told_and_not_refused_here() -> None:
    body = {
        "model": "m",
        "previous_response_id": "resp_1",
        "conversation": {"id": "conv_1"},
        "background": True,
        "prompt": {"id": "pmpt_1"},
        "input": [{"id": "msg_1"}, {"type": "item_reference", "id": "rs_1"}],
    }
    check(body)
    assert stateful_fields(body) == ("previous_response_id", "conversation", "background", "prompt", "input[0]")
    assert INBOUND.read_request(body).stateful == (
        "previous_response_id", "conversation", "background", "prompt", "input[0] (item_reference)", "input[1] (item_reference)"
    )  # fmt: skip
    assert stateful_fields({"model": "m", "input": "x", "store": True}) == ()


def test_tools_of_the_provider_are_told_by_their_type() -> None:
    request = read(
        tools=[{"type": "web_search"}, {"type": "custom", "name": "c"}],
        tool_choice={"type": "mcp", "server_label": "x"},
        input=[{"type": "web_search_call", "id": "ws_1", "status": "completed"}],
    )
    assert request.provider_tools == ("web_search", "custom", "mcp", "web_search_call")


def test_allowed_tools_are_the_only_ones_that_a_backend_is_told_of() -> None:
    functions = [{"type": "function", "name": name} for name in ("a", "b")]
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "b"}]}
    request = read(tools=functions, tool_choice=choice)
    assert [tool.name for tool in request.tools] == ["b"]
    assert request.tool_choice == ToolChoice("required")


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"input": 3}, "input"),
        ({"input": None}, "input"),
        ({"input": [3]}, "input[0]"),
        ({"input": [{}]}, "input[0].type"),
        ({"input": [{"type": "no_such_item"}]}, "input[0].type"),
        ({"input": [{"role": "nobody", "content": ""}]}, "input[0].role"),
        ({"input": [{"type": "message"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 3}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [3]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "no"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input[0].content[0].input_audio"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call", "call_id": "c", "arguments": "{}"}]}, "input[0].name"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}, "input[0].arguments"),
        ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input[0].output"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
        ({"input": [{"type": "reasoning", "summary": [{"text": 3}]}]}, "input[0].summary[0].text"),
        ({"tools": [3]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"text": {"format": {"type": "yaml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"text": {"verbosity": 3}}, "text.verbosity"),
        ({"reasoning": {"effort": "extreme"}}, "reasoning.effort"),
        ({"max_output_tokens": 1.5}, "max_output_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stream": 1}, "stream"),
        ({"model": 3}, "model"),
        ({"model": ""}, "model"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_by_name(members: dict[str, Any], param: str) -> None:
    error = refused(**members)
    assert error.param == param
    assert param in error.message


def test_input_may_be_missing_where_the_provider_keeps_it() -> None:
    for name, value in (("previous_response_id", "resp_1"), ("conversation", "conv_1"), ("prompt", {"id": "pmpt_1"})):
        check({"model": "m", name: value})


def test_what_a_call_needs_is_found() -> None:
    body = {
        "tools": [{"type": "function"}],
        "text": {"format": {"type": "json_schema"}},
        "input": [
            {"role": "user", "content": [{"type": "input_audio"}, {"type": "input_text"}]},
            {"type": "function_call_output", "output": [{"type": "input_image"}]},
        ],
        "max_output_tokens": 5,
    }
    assert INBOUND.needs(body) == {"Tools", "JSONSchema", "Vision", "Audio"}
    assert INBOUND.needs({"input": "x"}) == frozenset()
    assert INBOUND.output_limit(body) == 5
    assert INBOUND.output_limit({"input": "x"}) is None


def test_the_question_is_the_text_of_the_last_message_of_a_user() -> None:
    assert question({"model": "m", "input": "Why?"}) == ("Why?", {"model": "m", "input": None})
    first = {"role": "user", "content": "Hi"}
    asked, rest = question({"input": [first, {"role": "user", "content": "Why?"}]})
    assert asked == "Why?"
    assert rest == {"input": [first, {"role": "user", "content": None}]}
    asked, rest = question({"input": [{"role": "user", "content": [{"type": "input_text", "text": "Why?"}]}]})
    assert asked == "Why?"
    assert rest == {"input": [{"role": "user", "content": [{"type": "input_text", "text": None}]}]}
    for other in (
        " ",
        [],
        [{"role": "assistant", "content": "x"}],
        [{"type": "function_call_output", "call_id": "c", "output": "x"}],
        [{"role": "user", "content": [{"type": "input_image", "image_url": "u"}]}],
        [{"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]}],
        [{"role": "user", "content": " "}],
        None,
    ):
        assert question({"input": other}) == (None, {"input": other})


def test_all_text_is_counted_and_nothing_binary() -> None:
    body = {
        "instructions": "a",
        "tools": [{"name": "t"}],
        "input": [
            {
                "role": "user",
                "content": [{"type": "input_text", "text": "b"}, {"type": "input_image", "image_url": "data:x"}],
            },
            {"type": "function_call", "name": "c", "arguments": "d"},
            {"type": "function_call_output", "output": "e"},
            {"type": "reasoning", "summary": [{"text": "f"}]},
        ],
    }
    assert list(texts(body))[:-1] == ["a", "b", "c", "d", "e", "f"]
    assert list(texts({"input": "x"})) == ["x"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ITEM_MEMBERS = st.sampled_from(
    ["type", "role", "content", "call_id", "name", "arguments", "output", "summary", "encrypted_content", "id", "text"]
)
WORDS = st.sampled_from(
    [
        "message",
        "user",
        "assistant",
        "function_call",
        "function_call_output",
        "reasoning",
        "input_text",
        "input_image",
        "x",
    ]
)
ITEMS = st.lists(st.dictionaries(ITEM_MEMBERS, JSON | WORDS, max_size=5) | JSON, max_size=4)
MEMBERS = st.sampled_from(
    [
        "tools",
        "tool_choice",
        "text",
        "reasoning",
        "include",
        "user",
        "prompt",
        "stream_options",
        "store",
        "x",
        "metadata",
    ]
)


@settings(max_examples=200, deadline=None)
@given(given_input=ITEMS | JSON, others=st.dictionaries(MEMBERS, JSON | ITEMS, max_size=4))
def test_any_json_is_read_or_refused(given_input: Any, others: dict[str, Any]) -> None:
    body = {"model": "m", "input": given_input, **others}
    stateful_fields(body)
    with suppress(CallError):
        list(uses(INBOUND.read_request(body)))
    with suppress(CallError):
        check(body)
        INBOUND.needs(body)
        question(body)
        list(texts(body))
