from typing import Any

import orjson
import pytest

from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.canonical import (
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
from turnout_sidecar.wire.formats import Model, Written
from turnout_sidecar.wire.messages.format import INBOUND, OUTBOUND
from turnout_sidecar.wire.messages.generations import takes_sampling, thinks_by_budget
from turnout_sidecar.wire.support import Untranslatable

OLD = Model("claude-sonnet-4-5", max_output_tokens=64_000, reasoning=True)
NEW = Model("claude-opus-4-8", max_output_tokens=64_000, reasoning=True)
PLAIN = Model("claude-3-5-haiku-latest", max_output_tokens=8192)
HELLO = Message("user", (Text("Hello"),))
TOOL = Tool("f", None, {"properties": {"q": {"type": "string"}}})
CALL = ToolCall("call_1", "f", "{}")
RESULT = Message("user", (ToolResult("call_1", (Text("42"),)),))


def write(request: Request, model: Model = OLD) -> Written:
    return OUTBOUND.write_request(request, model)


def body(request: Request, model: Model = OLD) -> Any:
    return orjson.loads(write(request, model).body)


def talk(*messages: Message, **members: Any) -> Request:
    return Request(messages=messages, **members)


def test_the_smallest_request() -> None:
    written = write(talk(HELLO))
    assert written.path == "/messages"
    assert orjson.loads(written.body) == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 64_000,
        "messages": [{"role": "user", "content": "Hello"}],
    }
    assert body(talk(HELLO, stream=True))["stream"] is True


def test_max_tokens_is_always_there() -> None:
    assert body(talk(HELLO), Model("m"))["max_tokens"] == 4096
    assert body(talk(HELLO, max_tokens=5))["max_tokens"] == 5
    assert body(talk(HELLO, max_tokens=0))["max_tokens"] == 0


def test_pitfall_10_all_results_of_a_turn_go_into_one_message_and_stand_first() -> None:
    two = Message("assistant", (Text("Looking"), CALL, ToolCall("call_2", "f", '{"q":"x"}')))
    first = Message("user", (ToolResult("call_1", (Text("1"),)),))
    aside = Message("user", (Text("By the way"),))
    second = Message("user", (ToolResult("call_2", (Text("2"), Text(" ")), is_error=True),))
    messages = body(talk(HELLO, two, first, aside, second, tools=(TOOL,)))["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert messages[1]["content"][2] == {"type": "tool_use", "id": "call_2", "name": "f", "input": {"q": "x"}}
    assert messages[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "call_1", "content": "1"},
        {"type": "tool_result", "tool_use_id": "call_2", "content": "2", "is_error": True},
        {"type": "text", "text": "By the way"},
    ]


def test_pitfall_08_tools_without_words_are_legal() -> None:
    tools = body(talk(HELLO, tools=(Tool("f", "", {}), TOOL)))["tools"]
    assert tools == [
        {"name": "f", "input_schema": {"type": "object", "properties": {}}},
        {"name": "f", "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}}},
    ]


def test_a_conversation_with_calls_declares_tools_of_which_none_may_be_called() -> None:
    written = body(talk(HELLO, Message("assistant", (CALL, CALL)), RESULT))
    assert written["tools"] == [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]
    assert written["tool_choice"] == {"type": "none"}


def test_a_choice_of_tools_is_said_only_where_there_are_tools() -> None:
    assert "tool_choice" not in body(talk(HELLO, tool_choice=ToolChoice("auto"), parallel_tool_calls=True))
    named = talk(HELLO, tools=(TOOL,), tool_choice=ToolChoice("tool", "f"), parallel_tool_calls=True)
    assert body(named)["tool_choice"] == {"type": "tool", "name": "f", "disable_parallel_tool_use": False}
    none = talk(HELLO, tools=(TOOL,), tool_choice=ToolChoice("none"), parallel_tool_calls=False)
    assert body(none)["tool_choice"] == {"type": "none"}


def test_the_arguments_of_a_call_are_its_own_bytes_and_always_an_object() -> None:
    def arguments(text: str) -> bytes:
        return write(talk(HELLO, Message("assistant", (ToolCall("a", "f", text),)), RESULT, tools=(TOOL,))).body

    assert b'"input":{"z": 1, "big": 12345678901234567890123}' in arguments('{"z": 1, "big": 12345678901234567890123}')
    assert b'"input":{}' in arguments("")
    assert b'"input":{"INVALID_JSON":"[1]"}' in arguments("[1]")
    assert b'"input":{"INVALID_JSON":"{\\"q\\": "}' in arguments('{"q": ')


def test_ids_are_legal_and_the_same_in_a_call_and_its_result() -> None:
    call = Message("assistant", (ToolCall("a.b/c", "f", "{}", signature="c2ln"),))
    answered = Message("user", (ToolResult("a.b/c", ()),))
    messages = body(talk(HELLO, call, answered, tools=(TOOL,)))["messages"]
    assert messages[1]["content"][0]["id"] == messages[2]["content"][0]["tool_use_id"] == signed_ids.legal("a.b/c")
    assert "content" not in messages[2]["content"][0]


def test_empty_texts_and_messages_are_left_out() -> None:
    messages = body(talk(HELLO, Message("assistant", (Text(" \n"),)), Message("user", (Text(""), Text("Hi")))))[
        "messages"
    ]
    assert messages == [
        {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": "Hi"}]}
    ]
    with pytest.raises(Untranslatable, match="messages"):
        write(talk(Message("system", (Text("Only this"),))))


def test_a_refusal_in_the_history_is_text() -> None:
    messages = body(talk(HELLO, Message("assistant", (Refusal("No."),)), HELLO))["messages"]
    assert messages[1]["content"] == "No."


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        (Image(Source("image/jpg", "/9j/")), {"type": "base64", "media_type": "image/jpeg", "data": "/9j/"}),
        (Image(Source(data="R0lGODlh")), {"type": "base64", "media_type": "image/gif", "data": "R0lGODlh"}),
        (Document(Source(data="JVBERi0x")), {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"}),
        (Document(Source("text/csv", "YSxi")), {"type": "text", "media_type": "text/plain", "data": "a,b"}),
    ],
)
def test_media_are_named_as_the_api_wants_them(part: Image | Document, wanted: dict[str, str]) -> None:
    assert body(talk(Message("user", (part,))))["messages"][0]["content"][0]["source"] == wanted


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (talk(Message("user", (Image(Source(data="????")),))), "messages (image)"),
        (talk(Message("user", (Document(Source("application/msword", "x")),))), "messages (file)"),
        (talk(Message("user", (Document(Source("text/plain", "%%%")),))), "messages (file)"),
        (talk(Message("system", (Image(Source(url="u")),)), HELLO), "messages"),
        (talk(HELLO, stop=("a", "\n"), fields={"stop": "stop_sequences"}), "stop_sequences"),
    ],
)
def test_what_the_api_does_not_take_is_refused_by_name(request_: Request, field: str) -> None:
    with pytest.raises(Untranslatable) as refusal:
        write(request_)
    assert refusal.value.param == field


@pytest.mark.parametrize(
    ("effort", "max_tokens", "budget"),
    [("minimal", None, 1024), ("low", None, 1024), ("high", None, 16_384), ("max", None, 32_768), ("high", 8000, 6000),
     ("low", 1100, 1024)],
)  # fmt: skip
def test_an_effort_is_a_budget_below_max_tokens(effort: Any, max_tokens: int | None, budget: int) -> None:
    written = body(talk(HELLO, reasoning=Reasoning(effort), max_tokens=max_tokens))
    assert written["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert budget < written["max_tokens"]
    assert "output_config" not in written


def test_newer_models_think_as_they_see_fit_with_an_effort() -> None:
    written = body(talk(HELLO, reasoning=Reasoning("minimal", shown=True)), NEW)
    assert written["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert written["output_config"] == {"effort": "low"}
    wanted = Format("json_schema", schema={"type": "object"})
    written = body(talk(HELLO, reasoning=Reasoning(budget=10_000, shown=False), format=wanted), NEW)
    assert written["thinking"] == {"type": "adaptive", "display": "omitted"}
    assert written["output_config"]["effort"] == "high"
    assert written["output_config"]["format"]["schema"] == {"type": "object"}
    assert "output_config" not in body(talk(HELLO, reasoning=Reasoning(enabled=True)), NEW)


@pytest.mark.parametrize("model", [OLD, NEW])
@pytest.mark.parametrize("off", [Reasoning("none"), Reasoning(enabled=False)])
def test_thinking_is_switched_off(model: Model, off: Reasoning) -> None:
    written = write(talk(HELLO, reasoning=off), model)
    assert orjson.loads(written.body)["thinking"] == {"type": "disabled"}
    assert written.dropped == ()


def test_a_model_that_does_not_think_is_told_nothing_of_thinking() -> None:
    turn = Message("assistant", (Thinking("Hm", "sig"), Text("Hi")))
    written = write(talk(HELLO, turn, HELLO, reasoning=Reasoning("high")), PLAIN)
    assert b"thinking" not in written.body
    assert written.dropped == ("messages (thinking)", "reasoning_effort")
    assert write(talk(HELLO, reasoning=Reasoning("none")), PLAIN).dropped == ()


@pytest.mark.parametrize(
    "members",
    [
        {"tools": (TOOL,), "tool_choice": ToolChoice("required")},
        {"max_tokens": 1000},
    ],
)
def test_thinking_that_cannot_be_is_off_and_named(members: dict[str, Any]) -> None:
    written = write(talk(HELLO, reasoning=Reasoning("high"), **members))
    assert "thinking" not in orjson.loads(written.body)
    assert written.dropped == ("reasoning_effort",)


def test_nobody_thinks_before_going_on_with_a_given_beginning() -> None:
    begun = Message("assistant", (Text("{"),))
    written = write(talk(HELLO, begun, reasoning=Reasoning("high")))
    assert "thinking" not in orjson.loads(written.body)
    assert written.dropped == ("reasoning_effort",)


def test_pitfall_11_a_turn_whose_thoughts_are_lost_goes_on_without_thinking() -> None:
    lost = talk(HELLO, Message("assistant", (Text("Looking"), CALL)), RESULT, tools=(TOOL,), reasoning=Reasoning("low"))
    written = write(lost)
    assert "thinking" not in orjson.loads(written.body)
    assert written.dropped == ("thinking",)
    assert body(lost, NEW)["thinking"] == {"type": "adaptive"}  # which takes such a turn

    kept = talk(
        HELLO, Message("assistant", (Thinking("Hm", "sig"), CALL)), RESULT, tools=(TOOL,), reasoning=Reasoning("low")
    )
    written = write(kept)
    assert orjson.loads(written.body)["thinking"] == {"type": "enabled", "budget_tokens": 1024}
    assert written.dropped == ()

    earlier = talk(
        *lost.messages, Message("assistant", (Text("42"),)), HELLO, tools=(TOOL,), reasoning=Reasoning("low")
    )
    assert "thinking" in body(earlier)


@pytest.mark.parametrize(
    "foreign",
    [
        Thinking("Hm"),
        Thinking("Hm", "sig", item="rs_1"),
        Thinking("Hm", "gemini.x"),
        Thinking(redacted="responses:rs_1:x"),
    ],
)
def test_thoughts_that_the_api_did_not_sign_stay_away_and_are_named(foreign: Thinking) -> None:
    written = write(talk(HELLO, Message("assistant", (foreign, Text("Hi"))), HELLO))
    assert orjson.loads(written.body)["messages"][1] == {"role": "assistant", "content": "Hi"}
    assert written.dropped == ("messages (thinking)",)


def test_sampling_is_left_out_where_it_would_be_refused() -> None:
    sampled = talk(HELLO, temperature=0.2, top_p=0.9, top_k=5)
    written = write(sampled)
    assert written.dropped == ("top_p",)
    assert orjson.loads(written.body)["temperature"] == 0.2
    assert write(sampled, NEW).dropped == ("temperature", "top_k", "top_p")
    thinking = talk(HELLO, temperature=0.2, reasoning=Reasoning("low"))
    assert write(thinking).dropped == ("temperature",)
    other = Model("minimax-m2", reasoning=True)
    assert write(sampled, other).dropped == ()


def test_an_unknown_tier_is_named() -> None:
    assert write(talk(HELLO, service_tier="flex")).dropped == ("service_tier",)


@pytest.mark.parametrize(
    ("name", "budget", "sampling"),
    [
        ("claude-3-7-sonnet-latest", True, True),
        ("claude-2.1", True, True),
        ("claude-sonnet-4-20250514", True, True),
        ("claude-sonnet-4@20250514", True, True),
        ("databricks-claude-sonnet-4", True, True),
        ("claude-opus-4-1-20250805", True, True),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", True, True),
        ("anthropic/claude-sonnet-4.5", True, True),
        ("claude-opus-4-6", False, True),
        ("claude-opus-4-7", False, False),
        ("claude-opus-4-10", False, False),
        ("claude-sonnet-5", False, False),
        ("deepseek-chat", True, True),
    ],
)
def test_the_generation_of_a_model_is_told_by_its_name(name: str, budget: bool, sampling: bool) -> None:
    assert (thinks_by_budget(name), takes_sampling(name)) == (budget, sampling)


def test_what_was_read_is_written_again_the_same() -> None:
    whole = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 9000,
        "system": [{"type": "text", "text": "Rules", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "messages": [
            {"role": "user", "content": "Hello"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm", "signature": "sig"},
                    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"q": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "42"},
                    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "doc"}},
                ],
            },
        ],
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u"},
        "service_tier": "standard_only",
        "stream": True,
    }
    assert body(INBOUND.read_request(whole)) == whole
