"""Bodies of chat completions, read: every member that the API has, and the 400 that names the field."""

from typing import Any

import pytest

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
from turnout_sidecar.wire.chat.format import INBOUND

PNG = "data:image/png;base64,iVBORw0KGgo="
IMAGE = {"type": "image_url", "image_url": PNG}
TOOL = {"type": "function", "function": {"name": "weather", "description": "Now.", "parameters": {"type": "object"}}}


def read(**members: Any) -> Request:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], **members}
    INBOUND.check(body)
    return INBOUND.read_request(body)


def said(*messages: dict[str, Any]) -> tuple[Message, ...]:
    return read(messages=list(messages)).messages


def refusal(**members: Any) -> CallError:
    with pytest.raises(CallError) as error:
        read(**members)
    assert error.value.status == 400
    return error.value


def test_a_plain_call_is_its_messages_and_nothing_else() -> None:
    assert read() == Request(messages=(Message("user", (Text("Hello"),)),))


def test_roles_keep_their_order_and_speakers_their_names() -> None:
    assert said(
        {"role": "developer", "content": "Be brief."},
        {"role": "system", "content": [{"type": "text", "text": "Be kind."}], "name": "house"},
        {"role": "user", "content": "Hi", "name": "ann"},
        {"role": "assistant", "content": "Hello"},
    ) == (
        Message("developer", (Text("Be brief."),)),
        Message("system", (Text("Be kind."),), "house"),
        Message("user", (Text("Hi"),), "ann"),
        Message("assistant", (Text("Hello"),)),
    )


def test_every_kind_of_part_is_read() -> None:
    content = [
        {"type": "text", "text": "Look", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}, "cache_control": {"ttl": "1h"}},
        {"type": "image_url", "image_url": "https://example.com/b.png"},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "JVBERi0=", "filename": "b.PDF"}},
        {"type": "file", "file": {"file_id": "file-1"}, "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "mp3"}},
    ]
    assert said({"role": "user", "content": content})[0].parts == (
        Text("Look", "5m"),
        Image(Source("image/png", "iVBORw0KGgo="), "low"),
        Image(Source(url="https://example.com/a.png"), cache="1h"),
        Image(Source(url="https://example.com/b.png")),
        Document(Source("application/pdf", "JVBERi0="), "a.pdf"),
        Document(Source("application/pdf", "JVBERi0="), "b.PDF"),
        Document(Source(file_id="file-1"), cache="1h"),
        Audio(Source("audio/mpeg", "UklGRg=="), "mp3"),
    )


def test_tools_and_results_of_one_turn_are_one_call_each_and_one_message() -> None:
    calls = [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"n":12345678901234567890}'},
        },
        {"id": signed_ids.join("call_2", "sig"), "type": "function", "function": {"name": "time", "arguments": ""}},
    ]
    assert said(
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        {
            "role": "tool",
            "tool_call_id": signed_ids.join("call_2", "sig"),
            "content": [{"type": "text", "text": "noon"}],
        },
        {"role": "user", "content": "And?"},
    ) == (
        Message(
            "assistant",
            (
                ToolCall("call_1", "weather", '{"n":12345678901234567890}'),
                ToolCall("call_2", "time", "{}", signature="sig"),
            ),
        ),
        Message("user", (ToolResult("call_1", (Text("rain"),)), ToolResult("call_2", (Text("noon"),)))),
        Message("user", (Text("And?"),)),
    )


def test_results_at_the_end_are_not_lost() -> None:
    read_back = said(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "function": {"name": "t", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "rain"},
    )
    assert read_back[-1] == Message("user", (ToolResult("c", (Text("rain"),)),))


def test_the_legacy_functions_are_tools_of_which_a_turn_calls_one() -> None:
    request = read(
        functions=[{"name": "weather", "parameters": {"type": "object"}}],
        function_call={"name": "weather"},
        messages=[
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}},
            {"role": "function", "name": "weather", "content": "rain"},
        ],
    )
    call, result = request.messages[1].parts[0], request.messages[2].parts[0]
    assert isinstance(call, ToolCall)
    assert isinstance(result, ToolResult)
    assert (call.id, call.name, result.name) == (result.id, "weather", "weather")
    assert request.tools == (Tool("weather", parameters={"type": "object"}),)
    assert request.tool_choice == ToolChoice("tool", "weather")
    assert request.parallel_tool_calls is False
    assert request.fields["tools"] == "functions"


def test_an_assistants_thoughts_come_back_as_they_were_given_out() -> None:
    details = [
        {"type": "reasoning.text", "text": "Hm", "index": 0},
        {"type": "reasoning.text", "text": "m", "signature": "sig", "index": 0},
        {"type": "reasoning.encrypted", "data": "hidden", "index": 1},
    ]
    message = {"role": "assistant", "content": "Yes", "reasoning_content": "Hmm", "reasoning_details": details}
    assert said(message)[0].parts == (Thinking("Hmm", "sig"), Thinking(redacted="hidden"), Text("Yes"))
    assert said({"role": "assistant", "content": "Yes", "reasoning": "Hmm"})[0].parts == (Thinking("Hmm"), Text("Yes"))
    only_signed = {
        "role": "assistant",
        "content": "",
        "reasoning_content": "Hmm",
        "reasoning_details": [details[1] | {"text": ""}],
    }
    assert said(only_signed)[0].parts == (Thinking("Hmm", "sig"), Text(""))


def test_what_an_assistant_refused_is_a_refusal() -> None:
    assert said({"role": "assistant", "content": None, "refusal": "No."})[0].parts == (Refusal("No."),)
    parts = [{"type": "refusal", "refusal": "No."}]
    assert said({"role": "assistant", "content": parts})[0].parts == (Refusal("No."),)


def test_every_option_of_the_api_has_its_place() -> None:
    request = read(
        tools=[TOOL, {"type": "function", "function": {"name": "time", "strict": True}}],
        tool_choice="required",
        parallel_tool_calls=False,
        max_completion_tokens=7,
        max_tokens=9,
        temperature=0,
        top_p=0.5,
        top_k=3,
        stop="END",
        seed=1,
        n=2,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logit_bias={"1": 2},
        logprobs=True,
        top_logprobs=3,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "a", "schema": {"type": "object"}, "strict": True},
        },
        reasoning_effort="high",
        verbosity="low",
        service_tier="flex",
        user="u",
        metadata={"a": "b"},
        prompt_cache_key="k",
        stream=True,
        store=False,
        stream_options={"include_usage": True},
    )
    assert request == Request(
        messages=(Message("user", (Text("Hello"),)),),
        tools=(Tool("weather", "Now.", {"type": "object"}), Tool("time", strict=True)),
        tool_choice=ToolChoice("required"),
        parallel_tool_calls=False,
        max_tokens=7,
        temperature=0,
        top_p=0.5,
        top_k=3,
        stop=("END",),
        seed=1,
        n=2,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logit_bias={"1": 2},
        logprobs=True,
        top_logprobs=3,
        format=Format("json_schema", "a", {"type": "object"}, strict=True),
        reasoning=Reasoning("high"),
        verbosity="low",
        service_tier="flex",
        user="u",
        metadata={"a": "b"},
        prompt_cache_key="k",
        stream=True,
        fields={"max_tokens": "max_completion_tokens"},
    )


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ({"type": "function", "function": {"name": "weather"}}, ToolChoice("tool", "weather")),
    ],
)
def test_tool_choices(choice: Any, wanted: ToolChoice) -> None:
    assert read(tools=[TOOL], tool_choice=choice).tool_choice == wanted


def test_allowed_tools_leave_the_others_away() -> None:
    other = {"type": "function", "function": {"name": "time"}}
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "time"}}]}
    request = read(tools=[TOOL, other], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert request.tools == (Tool("time"),)
    assert request.tool_choice == ToolChoice("required")
    error = refusal(tools=[TOOL], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert error.param == "tool_choice.allowed_tools.tools"


def test_what_a_provider_itself_must_do_is_named() -> None:
    request = read(
        tools=[{"type": "custom", "custom": {"name": "c"}}],
        tool_choice={"type": "custom", "custom": {"name": "c"}},
        web_search_options={},
        moderation={"model": "m"},
    )
    assert request.provider_tools == ("custom", "web_search_options", "moderation")
    assert request.fields["tools (web_search_options)"] == "web_search_options"
    assert read(messages=[{"role": "assistant", "audio": {"id": "audio_1"}}]).stateful == ("messages[0].audio",)
    assert read(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}).audio_output


def test_no_thinking_is_said_twice_over() -> None:
    assert read(reasoning_effort="none").reasoning == Reasoning("none", enabled=False)


def test_the_safety_identifier_takes_the_place_of_user() -> None:
    request = read(user="u", safety_identifier="s")
    assert (request.user, request.fields["user"]) == ("s", "safety_identifier")


def test_what_has_no_place_is_named() -> None:
    request = read(
        prediction={"type": "content", "content": "x"}, store=True, min_p=0.1, prompt_cache_retention="24h", gone=None
    )
    assert request.unknown == ("min_p", "prediction", "prompt_cache_retention", "store")


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "video_url"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{**IMAGE, "image_url": {}}]}]}, "messages[0].content[0].image_url.url"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}, "messages[0].content[0].file"),
        ({"messages": [{"role": "user", "content": [{"type": "refusal", "refusal": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "system", "content": [IMAGE]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "assistant", "content": [IMAGE]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].name"),
        ({"messages": [{"role": "user", "content": "x", "name": 1}]}, "messages[0].name"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]}, "messages[0].tool_calls[0].function"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"type": "other"}]}]}, "messages[0].tool_calls[0].type"),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "assistant", "reasoning_content": 1}]}, "messages[0].reasoning_content"),
        ({"tools": [1]}, "tools[0]"),
        ({"tools": [{"type": "function", "function": {"name": 1}}]}, "tools[0].function.name"),
        ({"tool_choice": "some"}, "tool_choice"),
        ({"tool_choice": 1}, "tool_choice"),
        ({"tool_choice": {"type": "other"}}, "tool_choice.type"),
        ({"functions": [{"name": "f"}], "function_call": "some"}, "function_call"),
        ({"stop": 1}, "stop"),
        ({"stop": ["a", 1]}, "stop[1]"),
        ({"seed": 1.5}, "seed"),
        ({"seed": True}, "seed"),
        ({"logprobs": 1}, "logprobs"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"metadata": []}, "metadata"),
        ({"verbosity": 1}, "verbosity"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_named(members: dict[str, Any], field: str) -> None:
    error = refusal(**members)
    assert error.param == field
    assert field in error.message


def test_needs_are_those_beside_chat() -> None:
    assert INBOUND.needs({"messages": []}) == frozenset()
    image = {"type": "image_url", "image_url": {"url": PNG}}
    assert INBOUND.needs({"messages": [{"role": "user", "content": [image]}], "tools": [TOOL]}) == {"Vision", "Tools"}
    assert INBOUND.output_limit({"max_tokens": 5}) == 5
