"""What is asked of Converse, written from the canonical exchange."""

from typing import Any

import orjson
import pytest
from botocore.loaders import Loader  # type: ignore[import-untyped]
from botocore.model import ServiceModel  # type: ignore[import-untyped]
from botocore.validate import ParamValidator  # type: ignore[import-untyped]

from support.wire_features import EXAMPLES, FEATURES, PIXEL, TOOL, asking, body_of, hold_to_the_table, loop, said
from turnout_sidecar.wire.canonical import (
    Audio,
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
from turnout_sidecar.wire.converse.format import OUTBOUND, SUPPORT
from turnout_sidecar.wire.formats import Model
from turnout_sidecar.wire.support import Feature, Untranslatable

CLAUDE = Model("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", max_output_tokens=64000, reasoning=True)
ADAPTIVE = Model("anthropic.claude-opus-4-7-v1", reasoning=True)
NOVA = Model("amazon.nova-2-lite-v1:0", reasoning=True)
LLAMA = Model("meta.llama4-maverick-17b-instruct-v1:0", reasoning=True)


def written(request: Request, model: Model = CLAUDE) -> dict[str, Any]:
    return body_of(OUTBOUND, request, model)


def lost(request: Request, model: Model) -> tuple[str, ...]:
    return OUTBOUND.write_request(request, model).dropped


def test_the_table_has_a_line_for_every_feature() -> None:
    assert set(SUPPORT) == set(FEATURES)


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_is_written_dropped_or_refused_as_the_table_says(feature: Feature) -> None:
    hold_to_the_table(OUTBOUND, feature, CLAUDE)


@pytest.fixture(scope="module")
def shape() -> Any:
    return ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2")).shape_for("ConverseRequest")


@pytest.mark.parametrize("feature", [name for name in FEATURES if SUPPORT[name].fate != "refused"])
@pytest.mark.parametrize("model", [CLAUDE, ADAPTIVE, NOVA, LLAMA], ids=lambda model: model.name)
def test_what_is_written_is_what_the_service_model_takes(feature: Feature, model: Model, shape: Any) -> None:
    body = written(EXAMPLES[feature], model)
    report = ParamValidator().validate({"modelId": model.name, **body}, shape)
    assert not report.has_errors(), report.generate_report()
    assert set(body) <= set(shape.members)


def test_the_settings_keep_their_values() -> None:
    request = asking(
        max_tokens=99, temperature=0.25, top_p=0.75, top_k=33, stop=("END", ""), service_tier="flex",
        metadata={"ticket": "T-1", "bad": 7, "worse": "ä"},
    )  # fmt: skip
    body = written(request)
    assert body["inferenceConfig"] == {"maxTokens": 99, "temperature": 0.25, "topP": 0.75, "stopSequences": ["END"]}
    assert body["additionalModelRequestFields"] == {"top_k": 33}
    assert body["additionalModelResponseFieldPaths"] == ["/stop_sequence"]
    assert body["serviceTier"] == {"type": "flex"}
    assert body["requestMetadata"] == {"ticket": "T-1"}
    assert lost(request, CLAUDE) == ("metadata",)
    assert written(asking(top_k=3), NOVA)["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 3}}
    assert lost(asking(top_k=3), LLAMA) == ("top_k",)


def test_the_model_is_in_the_path_and_encoded() -> None:
    arn = Model("arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc")
    encoded = "arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Aapplication-inference-profile%2Fabc"
    assert OUTBOUND.write_request(asking(), arn).path == f"/model/{encoded}/converse"
    assert OUTBOUND.write_request(asking(stream=True), arn).path == f"/model/{encoded}/converse-stream"


def test_system_messages_go_up_and_blank_texts_go_away() -> None:
    body = written(
        asking(
            said(Text("One.", cache="1h"), role="system"),
            said(Text("Hello"), Text(" \n")),
            said(Text(""), role="assistant"),
            said(Text("Two."), role="developer"),
            said(Text("Go on")),
        )
    )
    assert body["system"] == [{"text": "One."}, {"cachePoint": {"type": "default", "ttl": "1h"}}, {"text": "Two."}]
    assert body["messages"] == [{"role": "user", "content": [{"text": "Hello"}, {"text": "Go on"}]}]
    alone = written(asking(said(Text("One."), role="system")))
    assert alone == {"messages": [{"role": "user", "content": [{"text": "One."}]}]}


def test_pitfall_08_a_tool_never_has_an_empty_name_or_description() -> None:
    tools = (Tool("one", "", None), Tool("", "nobody", {}), Tool("two", "Does.", {"type": "object"}, cache="5m"))
    assert written(asking(tools=tools))["toolConfig"]["tools"] == [
        {"toolSpec": {"name": "one", "inputSchema": {"json": {"type": "object", "properties": {}}}}},
        {"toolSpec": {"name": "two", "description": "Does.", "inputSchema": {"json": {"type": "object"}}}},
        {"cachePoint": {"type": "default"}},
    ]
    (call,) = written(asking(said(ToolCall("c", "", "{}"), role="assistant")))["messages"][0]["content"]
    assert call["toolUse"]["name"] == "unnamed"


def test_pitfalls_09_and_10_all_results_of_a_turn_are_tool_results_in_one_user_message() -> None:
    foreign = "call with blanks"
    calls = (ToolCall("c1", "one", "{}"), ToolCall(foreign, "two", '{"n": 12345678901234567890123}'))
    request = asking(
        said(Text("Go")),
        said(*calls, role="assistant"),
        said(Text("Here.")),
        said(ToolResult("c1", (Text("yes"), Image(Source("image/png", data=PIXEL))), cache="5m")),
        said(ToolResult(foreign, (Text(""),), is_error=True)),
        tools=(TOOL,),
    )
    raw = OUTBOUND.write_request(request, CLAUDE).body
    assert b'"n": 12345678901234567890123' in raw
    messages = orjson.loads(raw)["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    legal = messages[1]["content"][1]["toolUse"]["toolUseId"]
    assert legal.startswith("call_with_blanks_")
    picture = {"image": {"format": "png", "source": {"bytes": PIXEL}}}
    assert messages[2]["content"] == [
        {"toolResult": {"toolUseId": "c1", "content": [{"text": "yes"}, picture]}},
        {"cachePoint": {"type": "default"}},
        {"toolResult": {"toolUseId": legal, "content": [], "status": "error"}},
        {"text": "Here."},
    ]


def test_messages_that_hold_calls_have_their_tools_declared() -> None:
    (spec,) = written(asking(*loop()))["toolConfig"]["tools"]
    assert spec["toolSpec"]["name"] == "look_up"
    assert "toolConfig" not in written(asking(tools=(TOOL,), tool_choice=ToolChoice("none")))
    with pytest.raises(Untranslatable, match="none"):
        written(asking(*loop(), tools=(TOOL,), tool_choice=ToolChoice("none")))


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice("auto"), {"auto": {}}),
        (ToolChoice("required"), {"any": {}}),
        (ToolChoice("tool", "look_up"), {"tool": {"name": "look_up"}}),
    ],
)
def test_the_choice_of_tools_is_said(choice: ToolChoice, expected: dict[str, Any]) -> None:
    assert written(asking(tools=(TOOL,), tool_choice=choice))["toolConfig"]["toolChoice"] == expected


def test_pitfall_11_signed_thoughts_go_back_unchanged_and_others_are_named() -> None:
    own = (Thinking("Hm.", "proof"), Thinking(redacted="aGlk"), Thinking("Mine."))
    foreign = (Thinking("", "gemini.c2ln"), Thinking("Theirs.", "responses:x"), Thinking(redacted="responses:y"))
    answer = OUTBOUND.write_request(asking(*loop(thought=own + foreign)), CLAUDE)
    content = orjson.loads(answer.body)["messages"][1]["content"]
    assert content[:2] == [
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "proof"}}},
        {"reasoningContent": {"redactedContent": "aGlk"}},
    ]
    assert "toolUse" in content[2]
    assert answer.dropped == ("messages (thinking)",)


def test_media_go_with_their_bytes_and_documents_have_names_of_their_own() -> None:
    pdf = Source("application/pdf", data=PIXEL)
    body = written(
        asking(
            said(
                Document(pdf, "my_plan (v2).pdf"),
                Document(pdf, "my plan (v2).pdf"),
                Document(Source("text/csv", data=PIXEL)),
                Audio(Source(data=PIXEL), "mp3"),
            )
        )
    )
    blocks = body["messages"][0]["content"]
    assert [block["document"]["name"] for block in blocks[:3]] == ["my plan (v2)", "my plan (v2) 2", "document"]
    assert [block["document"]["format"] for block in blocks[:3]] == ["pdf", "pdf", "csv"]
    assert blocks[3] == {"audio": {"format": "mp3", "source": {"bytes": PIXEL}}}
    for part in (Image(Source("image/tiff", data=PIXEL)), Document(Source("a/b", data="")), Audio(Source(), "midi")):
        with pytest.raises(Untranslatable, match="no format"):
            written(asking(said(part)))


def test_a_schema_is_said_as_text() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    body = written(asking(format=Format("json_schema", "answer", schema, description="An answer")))
    structure = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert orjson.loads(structure.pop("schema")) == schema
    assert structure == {"name": "answer", "description": "An answer"}


@pytest.mark.parametrize(
    ("model", "asked", "fields", "effort"),
    [
        (CLAUDE, Reasoning(effort="low"), {"thinking": {"type": "enabled", "budget_tokens": 2048}}, None),
        (CLAUDE, Reasoning(enabled=True, budget=5000), {"thinking": {"type": "enabled", "budget_tokens": 5000}}, None),
        (CLAUDE, Reasoning(effort="none"), None, None),
        (CLAUDE, Reasoning(enabled=False), None, None),
        (ADAPTIVE, Reasoning(effort="xhigh"), {"thinking": {"type": "adaptive"}}, "xhigh"),
        (ADAPTIVE, Reasoning(enabled=True), {"thinking": {"type": "adaptive", "display": "summarized"}}, None),
        (NOVA, Reasoning(effort="max"), {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}, None),
        (Model("openai.gpt-oss-120b-1:0", reasoning=True), Reasoning(effort="max"), {"reasoning_effort": "high"}, None),
    ],
)
def test_thinking_is_asked_for_as_the_family_knows_it(
    model: Model, asked: Reasoning, fields: dict[str, Any] | None, effort: str | None
) -> None:
    body = written(asking(reasoning=asked), model)
    assert body.get("additionalModelRequestFields") == fields
    assert body.get("outputConfig", {}).get("effort") == effort
    assert lost(asking(reasoning=asked), model) == ()


def test_models_that_cannot_think_are_told_nothing_and_the_loss_is_named() -> None:
    for model in (LLAMA, Model(CLAUDE.name)):
        assert lost(asking(reasoning=Reasoning(effort="low")), model) == ("reasoning_effort",)
        assert lost(asking(reasoning=Reasoning(enabled=True, budget=2048)), model) == ("thinking",)
        assert "additionalModelRequestFields" not in written(asking(reasoning=Reasoning(effort="low")), model)


def test_a_budget_stays_below_max_tokens_and_goes_where_there_is_no_room() -> None:
    thinking = Reasoning(enabled=True, budget=8000)
    body = written(asking(reasoning=thinking, max_tokens=4000))
    assert body["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 3999
    assert lost(asking(reasoning=thinking, max_tokens=500), CLAUDE) == ("thinking",)


def test_what_a_claude_refuses_beside_its_thinking_goes_and_is_named() -> None:
    request = asking(
        reasoning=Reasoning(effort="low"), temperature=0.25, top_p=0.5, top_k=3, fields={"temperature": "heat"}
    )
    body = written(request)
    assert "inferenceConfig" not in body
    assert "top_k" not in body["additionalModelRequestFields"]
    assert lost(request, CLAUDE) == ("heat", "top_k", "top_p")


def test_a_turn_with_tools_that_was_begun_without_thoughts_goes_on_without() -> None:
    asked = Reasoning(enabled=True, budget=2048)
    assert lost(asking(*loop(), tools=(TOOL,), reasoning=asked), CLAUDE) == ("thinking",)
    thought = loop(thought=(Thinking("Hm.", "proof"),))
    assert lost(asking(*thought, tools=(TOOL,), reasoning=asked), CLAUDE) == ()
    forced = ToolChoice("required")
    assert lost(asking(tools=(TOOL,), tool_choice=forced, reasoning=asked), CLAUDE) == ("thinking",)


def test_marks_for_the_cache_are_for_those_who_take_them() -> None:
    request = EXAMPLES["prompt_cache_marks"]
    assert {"cachePoint": {"type": "default"}} in written(request)["messages"][0]["content"]
    assert written(request, LLAMA)["messages"][0]["content"] == [{"text": "Long."}]
    assert lost(request, LLAMA) == ("cache_control",)


def test_broken_arguments_are_refused() -> None:
    for broken in ("{", "[]", '"x"'):
        with pytest.raises(Untranslatable, match="JSON object"):
            written(asking(said(ToolCall("c", "look_up", broken), role="assistant")))
