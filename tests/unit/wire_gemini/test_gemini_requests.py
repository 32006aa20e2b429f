"""What is asked of Gemini, written from the canonical exchange."""

from typing import Any

import orjson
import pytest
from google.genai import types as genai

from support.wire_features import EXAMPLES, FEATURES, PIXEL, TOOL, asking, body_of, hold_to_the_table, loop, said
from turnout_sidecar.wire.canonical import (
    Document,
    Format,
    Image,
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
from turnout_sidecar.wire.formats import Model
from turnout_sidecar.wire.gemini.format import OUTBOUND, SUPPORT
from turnout_sidecar.wire.gemini.signatures import SKIP
from turnout_sidecar.wire.support import Feature, Untranslatable

NEW = Model("gemini-3-flash-preview", reasoning=True)
OLD = Model("gemini-2.5-flash", reasoning=True)


def written(request: Request, model: Model = NEW) -> dict[str, Any]:
    return body_of(OUTBOUND, request, model)


def test_the_table_has_a_line_for_every_feature() -> None:
    assert set(SUPPORT) == set(FEATURES) == set(EXAMPLES)


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_is_written_dropped_or_refused_as_the_table_says(feature: Feature) -> None:
    hold_to_the_table(OUTBOUND, feature, NEW)


@pytest.mark.parametrize("feature", [name for name in FEATURES if SUPPORT[name].fate != "refused"])
def test_what_is_written_is_what_the_sdk_knows(feature: Feature) -> None:
    body = written(EXAMPLES[feature])
    for content in body["contents"]:
        genai.Content.model_validate(content)
    genai.GenerationConfig.model_validate(body.get("generationConfig", {}))
    for tool in body.get("tools", []):
        genai.Tool.model_validate(tool)
    genai.ToolConfig.model_validate(body.get("toolConfig", {}))
    known = {"contents", "systemInstruction", "generationConfig", "tools", "toolConfig", "serviceTier"}
    assert set(body) <= known


def test_the_settings_keep_their_values() -> None:
    request = asking(
        max_tokens=99, temperature=0.25, top_p=0.75, top_k=33, stop=("END",), seed=2**40 + 5, presence_penalty=0.5,
        frequency_penalty=0.125, logprobs=True, top_logprobs=3, service_tier="default",
    )  # fmt: skip
    body = written(request)
    assert body["generationConfig"] == {
        "maxOutputTokens": 99, "temperature": 0.25, "topP": 0.75, "topK": 33, "stopSequences": ["END"], "seed": 5,
        "presencePenalty": 0.5, "frequencyPenalty": 0.125, "responseLogprobs": True, "logprobs": 3,
    }  # fmt: skip
    assert body["serviceTier"] == "standard"


def test_the_model_is_in_the_path_and_encoded() -> None:
    assert OUTBOUND.write_request(asking(), NEW).path == "/models/gemini-3-flash-preview:generateContent"
    odd = OUTBOUND.write_request(asking(stream=True), Model("tunedModels/a b?c"))
    assert odd.path == "/tunedModels/a%20b%3Fc:streamGenerateContent?alt=sse"


def test_system_messages_are_the_instruction_wherever_they_stand() -> None:
    body = written(asking(said(Text("One."), role="developer"), said(Text("Hello")), said(Text("Two."), role="system")))
    assert body["systemInstruction"] == {"parts": [{"text": "One."}, {"text": "Two."}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hello"}]}]


def test_a_call_of_system_messages_alone_still_holds_a_turn() -> None:
    body = written(asking(said(Text("One."), role="system")))
    assert body == {"contents": [{"role": "user", "parts": [{"text": "One."}]}]}


def test_a_schema_goes_as_json_schema_and_empty_words_are_left_out() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"type": "string"}}}
    tools = (Tool("one", "", schema), Tool("two", None, {"type": "object", "properties": {}}), Tool("three"))
    (declared,) = written(asking(tools=tools))["tools"]
    assert declared["functionDeclarations"] == [
        {"name": "one", "parametersJsonSchema": schema},
        {"name": "two"},
        {"name": "three"},
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("tool", "look_up"), {"mode": "ANY", "allowedFunctionNames": ["look_up"]}),
    ],
)
def test_the_choice_of_tools_is_said(choice: ToolChoice, expected: dict[str, Any]) -> None:
    body = written(asking(tools=(TOOL,), tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": expected}


def test_pitfall_10_all_results_of_a_turn_stand_in_one_turn_with_their_names() -> None:
    calls = (ToolCall("c1", "one", "{}", "c2ln"), ToolCall("c2", "two", '{"n": 12345678901234567890123}'))
    results = (
        said(Text("Here.")),
        said(ToolResult("c1", (Text("yes"),))),
        said(ToolResult("c2", (Text("broken"),), is_error=True)),
        said(Text("And now?")),
    )
    request = asking(said(Text("Go")), said(*calls, role="assistant"), *results)
    raw = OUTBOUND.write_request(request, NEW).body
    assert b'"n": 12345678901234567890123' in raw
    contents = orjson.loads(raw)["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user"]
    assert contents[1]["parts"][0]["thoughtSignature"] == "c2ln"
    assert "thoughtSignature" not in contents[1]["parts"][1]
    assert contents[2]["parts"] == [
        {"functionResponse": {"name": "one", "response": {"output": "yes"}, "id": "c1"}},
        {"functionResponse": {"name": "two", "response": {"error": "broken"}, "id": "c2"}},
        {"text": "Here."},
        {"text": "And now?"},
    ]


def test_pitfall_12_calls_that_another_model_made_get_the_documented_stand_in_on_gemini_3_alone() -> None:
    model_turn = written(asking(*loop()))["contents"][1]
    assert model_turn["parts"][0]["thoughtSignature"] == SKIP
    older = written(asking(*loop()), OLD)["contents"]
    assert older[1]["parts"] == [{"functionCall": {"name": "look_up", "args": {"word": "tram"}}}]
    assert "id" not in older[2]["parts"][0]["functionResponse"]


def test_thoughts_go_back_to_whom_they_belong() -> None:
    thoughts = (Thinking("Hm.", "gemini.c2ln"), Thinking("Foreign.", "proof"), Thinking("", "gemini.dGV4dA=="))
    request = asking(*loop(thought=thoughts))
    answer = OUTBOUND.write_request(request, NEW)
    parts = orjson.loads(answer.body)["contents"][1]["parts"]
    assert parts[0] == {"text": "Hm.", "thought": True, "thoughtSignature": "c2ln"}
    assert parts[1] == {"text": "", "thoughtSignature": "dGV4dA=="}
    assert answer.dropped == ("messages (thinking)",)
    silent = OUTBOUND.write_request(request, Model("gemini-3-flash"))
    assert silent.dropped == ("messages (thinking)",)
    assert b"c2ln" not in silent.body


def test_pictures_in_results_stand_inside_them_and_before_gemini_3_after_them() -> None:
    request = EXAMPLES["tool_result_images"]
    blob = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
    (result,) = written(request)["contents"][2]["parts"]
    assert result["functionResponse"]["parts"] == [blob]
    assert result["functionResponse"]["response"] == {"output": "This:"}
    older = written(request, OLD)["contents"][2]["parts"]
    assert older[1] == blob


def test_media_have_their_types() -> None:
    parts = written(
        asking(
            said(
                Image(Source(data=PIXEL)),
                Document(Source(data=PIXEL)),
                Image(Source(url="https://pictures.test/a/tram.webp?size=1")),
            )
        )
    )["contents"][0]["parts"]
    assert parts == [
        {"inlineData": {"mimeType": "image/jpeg", "data": PIXEL}},
        {"inlineData": {"mimeType": "application/pdf", "data": PIXEL}},
        {"fileData": {"mimeType": "image/webp", "fileUri": "https://pictures.test/a/tram.webp?size=1"}},
    ]
    with pytest.raises(Untranslatable, match="type"):
        written(asking(said(Image(Source(url="https://pictures.test/42")))))


@pytest.mark.parametrize(
    ("model", "asked", "expected"),
    [
        ("gemini-3-flash", Reasoning(effort="none"), {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-pro", Reasoning(effort="none"), {"thinkingLevel": "LOW"}),
        ("gemini-3-pro", Reasoning(effort="max"), {"thinkingLevel": "HIGH"}),
        ("gemini-flash-latest", Reasoning(effort="medium"), {"thinkingLevel": "MEDIUM"}),
        ("gemini-3-pro", Reasoning(enabled=True), {"includeThoughts": True}),
        ("gemini-3-pro", Reasoning(enabled=True, budget=2048), {"thinkingBudget": 2048, "includeThoughts": True}),
        ("gemini-3-flash", Reasoning(enabled=False), {"thinkingLevel": "MINIMAL"}),
        ("gemini-2.5-flash", Reasoning(effort="medium"), {"thinkingBudget": 8192}),
        ("gemini-2.5-flash", Reasoning(effort="none"), {"thinkingBudget": 0}),
        ("gemini-2.5-pro", Reasoning(enabled=False), {"thinkingBudget": 128}),
        ("gemini-2.5-pro", Reasoning(enabled=True, shown=False), {"thinkingBudget": -1, "includeThoughts": False}),
    ],
)
def test_thinking_is_asked_for_as_the_generation_knows_it(
    model: str, asked: Reasoning, expected: dict[str, Any]
) -> None:
    body = written(asking(reasoning=asked), Model(model, reasoning=True))
    assert body["generationConfig"] == {"thinkingConfig": expected}


def test_a_model_that_cannot_think_is_told_nothing_of_it_and_the_loss_is_named() -> None:
    for asked, lost in (
        (Reasoning(effort="high"), "reasoning_effort"),
        (Reasoning(enabled=True, budget=9), "thinking"),
    ):
        answer = OUTBOUND.write_request(asking(reasoning=asked), Model("gemini-2.0-flash"))
        assert answer.dropped == (lost,)
        assert b"thinkingConfig" not in answer.body
    assert OUTBOUND.write_request(asking(reasoning=Reasoning(effort="none")), Model("gemini-2.0-flash")).dropped == ()


def test_pitfall_26_a_format_beside_tools_is_for_gemini_3_and_refused_before() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    request = asking(
        tools=(TOOL,), format=Format("json_schema", "a", schema), fields={"response_format": "text.format"}
    )
    config = written(request)["generationConfig"]
    assert config == {"responseMimeType": "application/json", "responseJsonSchema": schema}
    with pytest.raises(Untranslatable) as refused:
        written(request, OLD)
    assert refused.value.param == "text.format"


def test_results_of_unknown_calls_and_broken_arguments_are_refused() -> None:
    with pytest.raises(Untranslatable, match="no call has its id"):
        written(asking(said(ToolResult("gone", (Text("x"),)))))
    named = written(asking(said(ToolResult("gone", (Text("x"),), name="look_up"))))
    assert named["contents"][0]["parts"][0]["functionResponse"]["name"] == "look_up"
    for broken in ("{", "[]", '"x"'):
        with pytest.raises(Untranslatable, match="JSON object"):
            written(asking(said(ToolCall("c", "look_up", broken), role="assistant")))


def test_an_unknown_tier_is_dropped_by_its_own_name() -> None:
    request = asking(service_tier="scale", fields={"service_tier": "tier"}, unknown=("store",))
    assert OUTBOUND.write_request(request, NEW).dropped == ("store", "tier")
