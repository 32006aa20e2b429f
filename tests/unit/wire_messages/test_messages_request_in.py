import base64
from typing import Any

import pytest

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.canonical import (
    Document,
    Format,
    Image,
    Message,
    Reasoning,
    Request,
    Source,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from turnout_sidecar.wire.messages.count_tokens import check_count, estimate, write_count
from turnout_sidecar.wire.messages.format import INBOUND, question, texts
from turnout_sidecar.wire.support import uses

USER = {"role": "user", "content": "Hello"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def body(**members: Any) -> dict[str, Any]:
    return {"model": "claude", "max_tokens": 100, "messages": [USER], **members}


def read(**members: Any) -> Request:
    whole = body(**members)
    INBOUND.check(whole)
    return INBOUND.read_request(whole)


def parts(*blocks: dict[str, Any], role: str = "user") -> tuple[Any, ...]:
    return read(messages=[{"role": role, "content": list(blocks)}]).messages[0].parts


def test_a_plain_call_is_read() -> None:
    request = read(
        system="Be brief.",
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        stop_sequences=["END"],
        stream=True,
        metadata={"user_id": "u-1"},
        service_tier="standard_only",
    )
    assert request.messages == (Message("system", (Text("Be brief."),)), Message("user", (Text("Hello"),)))
    assert (request.max_tokens, request.temperature, request.top_p, request.top_k) == (100, 0.5, 0.9, 5)
    assert request.stop == ("END",)
    assert request.stream
    assert request.user == "u-1"
    assert request.service_tier == "default"
    assert request.unknown == ()
    assert request.fields["stop"] == "stop_sequences"


def test_cache_marks_are_read_where_they_stand() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    hour = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    request = read(
        system=[{"type": "text", "text": "Rules", **hour}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "Hi", **mark}]}],
        tools=[{"name": "f", "input_schema": SCHEMA, **mark}],
    )
    assert request.messages == (Message("system", (Text("Rules", "1h"),)), Message("user", (Text("Hi", "5m"),)))
    assert request.tools == (Tool("f", None, SCHEMA, None, "5m"),)


def test_media_are_read_from_every_source() -> None:
    picture = {"type": "base64", "media_type": "image/png", "data": "iVBOR"}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBER"}
    assert parts(
        {"type": "image", "source": picture},
        {"type": "image", "source": {"type": "url", "url": "https://example.test/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "document", "source": pdf, "title": "Report"},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
    ) == (
        Image(Source("image/png", "iVBOR")),
        Image(Source(url="https://example.test/a.png")),
        Image(Source(file_id="file_1")),
        Document(Source("application/pdf", "JVBER"), "Report"),
        Document(Source("text/plain", base64.b64encode(b"plain").decode())),
        Document(Source("text/plain", base64.b64encode(b"a").decode())),
    )


def test_a_loop_of_tools_with_thoughts_is_read() -> None:
    signed = signed_ids.join("call_1", "c2ln")
    request = read(
        messages=[
            USER,
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm", "signature": "s"},
                    {"type": "thinking", "thinking": "Hm", "signature": ""},
                    {"type": "redacted_thinking", "data": "d"},
                    {"type": "tool_use", "id": signed, "name": "f", "input": {"b": 1, "a": 2}, "caller": {"type": "direct"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": signed, "content": "42"},
                    {"type": "tool_result", "tool_use_id": "call_2", "is_error": True},
                    {"type": "tool_result", "tool_use_id": "call_3", "content": [{"type": "text", "text": "x"}]},
                ],
            },
        ]
    )  # fmt: skip
    assert request.messages[1].parts == (
        Thinking("Hm", signature="s"),
        Thinking("Hm"),
        Thinking(redacted="d"),
        ToolCall("call_1", "f", '{"b":1,"a":2}', signature="c2ln"),
    )
    assert request.messages[2].parts == (
        ToolResult("call_1", (Text("42"),)),
        ToolResult("call_2", (), is_error=True),
        ToolResult("call_3", (Text("x"),)),
    )
    assert request.unknown == ()


@pytest.mark.parametrize(
    ("given", "wanted", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("required"), False),
        ({"type": "tool", "name": "f", "disable_parallel_tool_use": False}, ToolChoice("tool", "f"), True),
        ({"type": "none"}, ToolChoice("none"), None),
    ],
)
def test_the_choice_of_tools_is_read(given: dict[str, Any], wanted: ToolChoice, parallel: bool | None) -> None:
    request = read(tools=[{"name": "f", "type": "custom", "input_schema": SCHEMA, "strict": True}], tool_choice=given)
    assert (request.tool_choice, request.parallel_tool_calls) == (wanted, parallel)
    assert request.tools[0].strict


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, Reasoning(None, 2000, enabled=True, shown=True)),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, Reasoning(enabled=True, shown=False)),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, Reasoning(enabled=False)),
        ({"output_config": {"effort": "xhigh"}}, Reasoning("xhigh")),
        ({}, None),
    ],
)
def test_thinking_is_read(members: dict[str, Any], wanted: Reasoning | None) -> None:
    assert read(**members).reasoning == wanted


@pytest.mark.parametrize("name", ["output_config", "output_format"])
def test_the_shape_of_the_answer_is_read(name: str) -> None:
    wanted = {"type": "json_schema", "schema": SCHEMA}
    given = {"output_config": {"format": wanted}} if name == "output_config" else {"output_format": wanted}
    assert read(**given).format == Format("json_schema", name="answer", schema=SCHEMA, strict=True)
    assert INBOUND.needs(body(**given)) == {"JSONSchema"}


def test_what_leans_on_anthropic_is_told_apart_from_what_can_be_left_out() -> None:
    request = read(
        tools=[{"type": "web_search_20250305", "name": "web_search"}, {"type": "bash_20250124", "name": "bash"}],
        container="c_1",
        mcp_servers=[{"type": "url", "url": "https://example.test", "name": "m"}],
        inference_geo="eu",
        context_management={"edits": []},
        cache_control={"type": "ephemeral"},
        speed="fast",
        output_config={"task_budget": {"type": "tokens", "total": 5}},
        metadata={"user_id": None, "team": "x"},
    )
    assert request.provider_tools == ("web_search_20250305", "bash_20250124", "mcp_servers")
    assert request.stateful == ("container", "inference_geo")
    assert request.unknown == (
        "cache_control",
        "context_management",
        "metadata.team",
        "output_config.task_budget",
        "speed",
    )
    assert {use.feature for use in uses(request)} >= {"provider_tools", "stateful"}


def test_members_of_blocks_that_have_no_place_are_named_without_their_numbers() -> None:
    document = {"type": "document", "source": {"type": "url", "url": "u"}, "citations": {"enabled": True}}
    assert read(messages=[{"role": "user", "content": [document]}]).unknown == ("messages.content.citations",)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "search_result"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "gopher"}}]}]},
            "messages[0].content[0].source.type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [
                {"type": "tool_reference"}]}]}]},
            "messages[0].content[0].content[0].type",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_result", "tool_use_id": "a"}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": {}}]}]},
            "messages[0].content[0].type",
        ),
        ({"system": [{"type": "image"}]}, "system[0].type"),
        ({"tools": [{"name": 5}]}, "tools[0].name"),
        ({"tools": ["f"]}, "tools[0]"),
        ({"tool_choice": {"type": "maybe"}}, "tool_choice.type"),
        ({"thinking": {"type": "hard"}}, "thinking.type"),
        ({"thinking": {"type": "enabled", "budget_tokens": True}}, "thinking.budget_tokens"),
        ({"output_config": {"effort": "extreme"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
        ({"stop_sequences": ["a", 5]}, "stop_sequences[1]"),
        ({"metadata": {"user_id": 5}}, "metadata.user_id"),
        ({"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "9y"}}]},
         "system[0].cache_control.ttl"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_names_its_field(members: dict[str, Any], field: str) -> None:
    with pytest.raises(CallError) as refusal:
        read(**members)
    assert (refusal.value.status, refusal.value.param) == (400, field)
    assert field in refusal.value.message


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"stream": 1}, "stream"),
        ({"temperature": True}, "temperature"),
        ({"system": 5}, "system"),
        ({"messages": {}}, "messages"),
        ({"messages": [5]}, "messages[0]"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [USER, {"role": "user", "content": [{}]}]}, "messages[1].content[0].type"),
        ({"messages": [{"role": "user", "content": [[]]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [5]}]}]},
            "messages[0].content[0].content[0]",
        ),
    ],
)
def test_every_call_is_checked_where_the_gateway_reads_it(members: dict[str, Any], field: str) -> None:
    with pytest.raises(CallError) as refusal:
        INBOUND.check(body(**members))
    assert (refusal.value.status, refusal.value.param) == (400, field)


def test_unknown_blocks_and_members_pass_the_check() -> None:
    INBOUND.check(body(messages=[{"role": "user", "content": [{"type": "brand_new", "content": 5}]}], brand="new"))
    INBOUND.check({"model": "claude"})


def test_what_a_call_needs_is_told() -> None:
    picture = {"type": "image", "source": {"type": "url", "url": "u"}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": [picture]}
    assert INBOUND.needs(body()) == frozenset()
    assert INBOUND.needs(body(messages=[{"role": "user", "content": [picture]}])) == {"Vision"}
    assert INBOUND.needs(body(messages=[{"role": "user", "content": [result]}], tools=[{"name": "f"}])) == {
        "Vision",
        "Tools",
    }
    assert INBOUND.output_limit(body()) == 100
    assert INBOUND.output_limit({"model": "claude"}) is None


def test_the_question_is_the_last_plain_text_of_a_user() -> None:
    asked, rest = question(body())
    assert asked == "Hello"
    assert rest == body(messages=[{"role": "user", "content": None}])
    block = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
    asked, rest = question(body(messages=[USER, block]))
    assert asked == "Hi"
    assert rest["messages"] == [USER, {"role": "user", "content": [{"type": "text", "text": None}]}]


@pytest.mark.parametrize(
    "last",
    [
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": " "},
        {"role": "user", "content": []},
        {"role": "user", "content": [{"type": "text"}]},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x"}]},
    ],
)
def test_anything_else_is_no_question(last: dict[str, Any]) -> None:
    whole = body(messages=[USER, last])
    assert question(whole) == (None, whole)
    assert question({"model": "claude"})[0] is None


def test_all_text_of_a_call_is_found() -> None:
    whole = body(
        system=[{"type": "text", "text": "sys"}],
        messages=[
            {"role": "user", "content": "one"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "two", "signature": "s"},
                    {"type": "tool_use", "id": "a", "name": "three", "input": {"k": "four"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "five"}]},
                    {
                        "type": "document",
                        "title": "six",
                        "source": {"type": "text", "media_type": "text/plain", "data": "seven"},
                    },
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 10_000}},
                ],
            },
        ],
        tools=[{"name": "eight", "input_schema": {}}],
    )
    found = "\n".join(texts(whole))
    assert all(word in found for word in ("sys", "one", "two", "three", "four", "five", "six", "seven", "eight"))
    assert "AAAA" not in found


def test_tokens_are_counted_before_a_call() -> None:
    check_count(body())
    assert estimate(body(messages=[{"role": "user", "content": "x" * 400}])) > estimate(body()) > 0
    assert write_count(12) == b'{"input_tokens":12}'
    for bad in ({"model": "claude"}, {"model": "claude", "messages": []}, {"messages": [USER]}):
        with pytest.raises(CallError):
            check_count(bad)
