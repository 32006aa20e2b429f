"""Canonical requests are written as Responses requests: as the table of support says, feature by feature."""

from typing import Any, get_args

import orjson
import pytest

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
from turnout_sidecar.wire.formats import Model
from turnout_sidecar.wire.responses.format import INBOUND, OUTBOUND, SUPPORT
from turnout_sidecar.wire.support import Feature, Untranslatable, uses

MODEL = Model("gpt-x", reasoning=True)
HELLO = Message("user", (Text("Hello"),))


def write(request: Request, model: Model = MODEL) -> dict[str, Any]:
    written = OUTBOUND.write_request(request, model)
    assert written.path == "/responses"
    body: dict[str, Any] = orjson.loads(written.body)
    return body


def with_part(*parts: Any, role: Any = "user") -> Request:
    return Request(messages=(Message(role, parts), HELLO))


def asked(**members: Any) -> Request:
    return Request(messages=(HELLO,), **members)


PICTURE = Image(Source(media_type="image/png", data="aGk="))
PAPER = Document(Source(media_type="application/pdf", data="aGk="), "a.pdf")
SOUND = Audio(Source(data="aGk="), "wav")

EXAMPLES: dict[Feature, tuple[Request, Any]] = {
    "text": (asked(), {"input": [{"type": "message", "role": "user", "content": "Hello"}]}),
    "system_messages": (
        Request(messages=(Message("system", (Text("Be brief."),)), HELLO)),
        {"input": [{"type": "message", "role": "system", "content": "Be brief."},
                   {"type": "message", "role": "user", "content": "Hello"}]},
    ),
    "system_inside": (
        Request(messages=(HELLO, Message("developer", (Text("Now."),)))),
        {"input": [{"type": "message", "role": "user", "content": "Hello"},
                   {"type": "message", "role": "developer", "content": "Now."}]},
    ),
    "names_of_speakers": (Request(messages=(Message("user", (Text("a"),), name="bob"),)), "messages.name"),
    "answer_prefill": (Request(messages=(HELLO, Message("assistant", (Text("{"),)))), Untranslatable),
    "tools": (
        asked(tools=(Tool("f"),)),
        {"tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False}]},
    ),
    "strict_tools": (
        asked(tools=(Tool("f", "d", {"type": "object"}, strict=True),)),
        {"tools": [{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}]},
    ),
    "tool_choice": (
        asked(tools=(Tool("f"),), tool_choice=ToolChoice("tool", "f")), {"tool_choice": {"type": "function", "name": "f"}}
    ),
    "parallel_tool_calls": (asked(tools=(Tool("f"),), parallel_tool_calls=False), {"parallel_tool_calls": False}),
    "tool_results": (
        Request(messages=(Message("assistant", (ToolCall("c1", "f", "{}"), ToolCall("c2", "f", ""))),
                          Message("user", (ToolResult("c1", (Text("a"),)), ToolResult("c2", (Text("b"), Text("c"))), Text("?"))))),
        {"input": [{"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
                   {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
                   {"type": "function_call_output", "call_id": "c1", "output": "a"},
                   {"type": "function_call_output", "call_id": "c2", "output": "b\nc"},
                   {"type": "message", "role": "user", "content": "?"}]},
    ),
    "tool_result_images": (
        Request(messages=(Message("user", (ToolResult("c1", (Text("a"), PICTURE)),)),)),
        {"input": [{"type": "function_call_output", "call_id": "c1", "output": [
            {"type": "input_text", "text": "a"},
            {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,aGk="}]}]},
    ),
    "provider_tools": (asked(provider_tools=("web_search",)), Untranslatable),
    "images": (
        Request(messages=(Message("user", (Text("see"), PICTURE)),)),
        {"input": [{"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "see"},
            {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,aGk="}]}]},
    ),
    "image_urls": (
        Request(messages=(Message("user", (Image(Source(url="https://example.test/a")),)),)),
        {"input": [{"type": "message", "role": "user", "content": [
            {"type": "input_image", "detail": "auto", "image_url": "https://example.test/a"}]}]},
    ),
    "image_detail": (
        Request(messages=(Message("user", (Image(Source(url="https://example.test/a"), "low"),)),)),
        {"input": [{"type": "message", "role": "user", "content": [
            {"type": "input_image", "detail": "low", "image_url": "https://example.test/a"}]}]},
    ),
    "documents": (
        Request(messages=(Message("user", (PAPER,)),)),
        {"input": [{"type": "message", "role": "user", "content": [
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}]}]},
    ),
    "document_urls": (
        Request(messages=(Message("user", (Document(Source(url="https://example.test/a")),)),)),
        {"input": [{"type": "message", "role": "user", "content": [
            {"type": "input_file", "file_url": "https://example.test/a"}]}]},
    ),
    "audio": (with_part(SOUND), Untranslatable),
    "audio_output": (asked(audio_output=True), Untranslatable),
    "files_by_id": (
        Request(messages=(Message("user", (Image(Source(file_id="f1")), Document(Source(file_id="f2")))),)),
        {"input": [{"type": "message", "role": "user", "content": [
            {"type": "input_image", "detail": "auto", "file_id": "f1"}, {"type": "input_file", "file_id": "f2"}]}]},
    ),
    "json_object": (asked(format=Format("json_object")), {"text": {"format": {"type": "json_object"}}}),
    "json_schema": (
        asked(format=Format("json_schema", schema={"type": "object"}, strict=True, description="d")),
        {"text": {"format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": True,
                             "description": "d"}}},
    ),
    "reasoning_effort": (
        asked(reasoning=Reasoning(effort="low", shown=True)), {"reasoning": {"effort": "low", "summary": "auto"}}
    ),
    "reasoning_budget": (asked(reasoning=Reasoning(budget=8_000)), {"reasoning": {"effort": "medium"}}),
    "thinking": (with_part(Thinking("Hm"), role="assistant"), "messages (thinking)"),
    "thinking_signatures": (
        Request(messages=(HELLO, Message("assistant", (Thinking("Hm", "responses:rs_1:gAAA"), ToolCall("c", "f", "{}"))))),
        {"input": [{"type": "message", "role": "user", "content": "Hello"},
                   {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm"}],
                    "encrypted_content": "gAAA"},
                   {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]},
    ),
    "max_tokens": (asked(max_tokens=9), {"max_output_tokens": 9}),
    "temperature": (asked(temperature=0), {"temperature": 0}),
    "top_p": (asked(top_p=0.5), {"top_p": 0.5}),
    "top_k": (asked(top_k=5), "top_k"),
    "stop": (asked(stop=("x",)), Untranslatable),
    "seed": (asked(seed=1), "seed"),
    "n": (asked(n=2), Untranslatable),
    "penalties": (asked(presence_penalty=1), "presence_penalty"),
    "logit_bias": (asked(logit_bias={"1": 5}), Untranslatable),
    "logprobs": (
        asked(logprobs=True, top_logprobs=2),
        {"include": ["reasoning.encrypted_content", "message.output_text.logprobs"], "top_logprobs": 2},
    ),
    "verbosity": (asked(verbosity="low"), {"text": {"verbosity": "low"}}),
    "service_tier": (asked(service_tier="flex"), {"service_tier": "flex"}),
    "user": (asked(user="u"), {"user": "u"}),
    "metadata": (asked(metadata={"a": "b"}), {"metadata": {"a": "b"}}),
    "prompt_cache_marks": (Request(messages=(Message("user", (Text("a", cache="5m"),)),)), "cache_control"),
    "prompt_cache_key": (asked(prompt_cache_key="k"), {"prompt_cache_key": "k"}),
    "stateful": (asked(stateful=("previous_response_id",)), Untranslatable),
}  # fmt: skip


@pytest.mark.parametrize("feature", get_args(Feature))
def test_each_feature_meets_the_fate_that_the_table_names(feature: Feature) -> None:
    request, expected = EXAMPLES[feature]
    assert feature == "text" or feature in {use.feature for use in uses(request)}
    fate = SUPPORT[feature].fate
    if expected is Untranslatable:
        assert fate == "refused"
        with pytest.raises(Untranslatable):
            OUTBOUND.write_request(request, MODEL)
        return
    written = OUTBOUND.write_request(request, MODEL)
    if isinstance(expected, str):
        assert fate == "dropped" or feature == "thinking"
        assert written.dropped == (expected,)
        return
    assert fate in ("exact", "translated")
    assert written.dropped == ()
    body = orjson.loads(written.body)
    assert {name: body[name] for name in expected} == expected


def test_the_table_has_a_line_for_every_feature() -> None:
    assert set(SUPPORT) == set(get_args(Feature)) == set(EXAMPLES)


def test_nothing_is_stored_and_thoughts_come_back_encrypted() -> None:
    body = write(asked(stream=True))
    assert body["model"] == "gpt-x"
    assert body["store"] is False
    assert body["stream"] is True
    assert body["include"] == ["reasoning.encrypted_content"]
    assert "stream" not in write(asked())


def test_a_model_that_does_not_think_is_told_nothing_of_thoughts() -> None:
    request = Request(
        messages=(HELLO, Message("assistant", (Thinking("Hm", "responses:rs_1:gAAA"), Text("a"))), HELLO),
        reasoning=Reasoning(effort="high", budget=5, shown=True),
        fields={"thinking": "thinking.budget_tokens"},
    )
    written = OUTBOUND.write_request(request, Model("m"))
    body = orjson.loads(written.body)
    assert "reasoning" not in body
    assert "include" not in body
    assert [item["role"] for item in body["input"]] == ["user", "assistant", "user"]
    assert written.dropped == ("messages (thinking)", "reasoning_effort", "thinking.budget_tokens")
    assert OUTBOUND.write_request(asked(reasoning=Reasoning(effort="none")), Model("m")).dropped == ()


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        (Reasoning(budget=1_024), {"effort": "low"}),
        (Reasoning(budget=32_000), {"effort": "high"}),
        (Reasoning(budget=32_000, effort="minimal"), {"effort": "minimal"}),
        (Reasoning(enabled=False), {"effort": "none"}),
        (Reasoning(shown=True), {"summary": "auto"}),
        (Reasoning(enabled=True), None),
    ],
)
def test_how_much_to_think_is_an_effort(reasoning: Reasoning, expected: Any) -> None:
    assert write(asked(reasoning=reasoning)).get("reasoning") == expected


def test_thoughts_of_other_providers_are_left_out_and_named() -> None:
    thoughts = (Thinking("a", "anthropic-signature"), Thinking(redacted="xyz"), Thinking(redacted="responses::gAAA"))
    request = Request(messages=(HELLO, Message("assistant", (*thoughts, Text("b"))), HELLO))
    written = OUTBOUND.write_request(request, MODEL)
    items = orjson.loads(written.body)["input"]
    assert written.dropped == ("messages (thinking)",)
    assert items[1] == {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
    assert items[2] == {"type": "message", "role": "assistant", "content": "b"}


def test_pitfall_08_a_tool_without_a_description_has_none() -> None:
    tool = write(asked(tools=(Tool("f", ""),)))["tools"][0]
    assert "description" not in tool


def test_words_around_calls_keep_their_order() -> None:
    parts = (Text("a"), Text(""), ToolCall("c", "f", "{}", signature="gone"), Refusal("no"), Text("b"))
    items = write(Request(messages=(Message("assistant", parts), HELLO)))["input"]
    assert items[:3] == [
        {"type": "message", "role": "assistant", "content": "a"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "message", "role": "assistant", "content": [
            {"type": "refusal", "refusal": "no"}, {"type": "output_text", "text": "b"}]},
    ]  # fmt: skip


def test_pitfall_09_the_result_of_a_tool_is_no_words_of_the_user() -> None:
    items = write(Request(messages=(Message("user", (ToolResult("c", (Text("42"),)),)),)))["input"]
    assert items == [{"type": "function_call_output", "call_id": "c", "output": "42"}]


def test_tiers_of_other_providers_are_translated_or_named() -> None:
    assert write(asked(service_tier="standard_only"))["service_tier"] == "default"
    written = OUTBOUND.write_request(asked(service_tier="turbo"), MODEL)
    assert written.dropped == ("service_tier",)
    assert "service_tier" not in orjson.loads(written.body)


def test_a_choice_among_no_tools_is_not_said() -> None:
    body = write(asked(tool_choice=ToolChoice("auto"), parallel_tool_calls=True))
    assert "tool_choice" not in body
    assert "parallel_tool_calls" not in body


def test_a_document_of_plain_text_becomes_text() -> None:
    paper = Document(Source(media_type="text/plain", data="aGk="), "a.txt")
    items = write(Request(messages=(Message("user", (paper, PICTURE)),)))["input"]
    assert items[0]["content"][0] == {"type": "input_text", "text": "a.txt:\nhi"}


def test_that_a_tool_failed_is_told_in_words() -> None:
    results = (ToolResult("c", (Text("no such city"),), is_error=True), ToolResult("d", (PICTURE,), is_error=True))
    items = write(Request(messages=(Message("user", results),)))["input"]
    assert items[0]["output"] == "Error: no such city"
    assert [part["type"] for part in items[1]["output"]] == ["input_text", "input_image"]
    assert items[1]["output"][0]["text"] == "Error: "


def test_ids_that_this_api_would_not_take_are_made_legal_alike_in_call_and_result() -> None:
    call, result = Message("assistant", (ToolCall("a b", "f", "{}"),)), Message("user", (ToolResult("a b", ()),))
    items = write(Request(messages=(call, result)))["input"]
    assert items[0]["call_id"] == items[1]["call_id"] != "a b"


def test_a_request_that_was_asked_in_this_api_is_written_as_it_was_meant() -> None:
    body = {
        "model": "m",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
        "text": {"format": {"type": "json_object"}},
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}],
        "tool_choice": "required",
        "max_output_tokens": 5,
    }
    assert write(INBOUND.read_request(body)) == {
        "model": "gpt-x",
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "input": [
            {"type": "message", "role": "system", "content": "Be brief."},
            {"type": "message", "role": "user", "content": "Hi"},
        ],
        "text": {"format": {"type": "json_object"}},
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}],
        "tool_choice": "required",
        "max_output_tokens": 5,
    }
