"""Requests in every API that can be asked, put to a backend of every protocol: what is said stays, or is named."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tools import protocols

from support.said_bodies import SAID
from turnout_sidecar.wire.canonical import (
    Format,
    Image,
    Message,
    Request,
    Source,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from turnout_sidecar.wire.formats import Model
from turnout_sidecar.wire.registry import INBOUND, outbound
from turnout_sidecar.wire.support import Feature, Untranslatable, uses

FORMATS = ("chat", "responses", "messages", "gemini", "converse")
MODELS = {
    "chat": Model("gpt-4o", 4096),
    "responses": Model("gpt-4o", 4096),
    "messages": Model("claude-sonnet-4-5", 4096),
    "gemini": Model("gemini-3-pro", 4096),
    "converse": Model("anthropic.claude-sonnet-4-5-20250929-v1:0", 4096),
}
PAIRS = [(asked, spoken) for asked in INBOUND for spoken in FORMATS if asked != spoken]
Item = tuple[Any, ...]


def skeleton(request: Request) -> dict[str, Any]:
    """What no translation may change."""
    items: list[Item] = []
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text):
                items.append((message.role, "text", part.text))
            elif isinstance(part, Image):
                items.append((message.role, "image", part.source.data))
            elif isinstance(part, ToolCall):
                items.append((message.role, "call", part.id, part.name, orjson.loads(part.arguments)))
            elif isinstance(part, ToolResult):
                text = "".join(inner.text for inner in part.parts if isinstance(inner, Text))
                items.append((message.role, "result", part.id, text))
    return {
        "items": joined(items),
        "tools": [(tool.name, tool.description or "", tool.parameters) for tool in request.tools],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
    }


def joined(items: list[Item]) -> list[Item]:
    """Texts of one speaker that follow each other are one, whatever a format makes of them; words of the system come first."""
    found: list[Item] = []
    for role, kind, *rest in items:
        speaker = "system" if role in ("system", "developer") else role
        if kind == "text" and found and found[-1][:2] == (speaker, "text"):
            found[-1] = (speaker, "text", found[-1][2] + rest[0])
        else:
            found.append((speaker, kind, *rest))
    return found


def skeleton_of_gemini(body: dict[str, Any]) -> dict[str, Any]:
    items: list[Item] = [
        ("system", "text", part["text"]) for part in body.get("systemInstruction", {}).get("parts", ())
    ]
    for content in body["contents"]:
        role = "assistant" if content.get("role") == "model" else "user"
        for part in content["parts"]:
            if "text" in part:
                items.append((role, "text", part["text"]))
            elif "inlineData" in part:
                items.append((role, "image", part["inlineData"]["data"]))
            elif "functionCall" in part:
                call = part["functionCall"]
                items.append((role, "call", call["id"], call["name"], call["args"]))
            elif "functionResponse" in part:
                said = part["functionResponse"]
                items.append((role, "result", said["id"], said["response"]["output"]))
    tools = [tool for group in body.get("tools", ()) for tool in group["functionDeclarations"]]
    config = body.get("generationConfig", {})
    return {
        "items": joined(items),
        "tools": [(tool["name"], tool.get("description", ""), tool.get("parametersJsonSchema")) for tool in tools],
        "max_tokens": config.get("maxOutputTokens"),
        "temperature": config.get("temperature"),
        "top_p": config.get("topP"),
    }


def skeleton_of_converse(body: dict[str, Any]) -> dict[str, Any]:
    items: list[Item] = [("system", "text", block["text"]) for block in body.get("system", ())]
    for message in body["messages"]:
        for block in message["content"]:
            role = message["role"]
            if "text" in block:
                items.append((role, "text", block["text"]))
            elif "image" in block:
                items.append((role, "image", block["image"]["source"]["bytes"]))
            elif "toolUse" in block:
                items.append(
                    (role, "call", block["toolUse"]["toolUseId"], block["toolUse"]["name"], block["toolUse"]["input"])
                )
            elif "toolResult" in block:
                text = "".join(inner["text"] for inner in block["toolResult"]["content"])
                items.append((role, "result", block["toolResult"]["toolUseId"], text))
    tools = [tool["toolSpec"] for tool in body.get("toolConfig", {}).get("tools", ()) if "toolSpec" in tool]
    config = body.get("inferenceConfig", {})
    return {
        "items": joined(items),
        "tools": [(tool["name"], tool.get("description", ""), tool["inputSchema"]["json"]) for tool in tools],
        "max_tokens": config.get("maxTokens"),
        "temperature": config.get("temperature"),
        "top_p": config.get("topP"),
    }


def put(spoken: str, request: Request) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(outbound(spoken).write_request(request, MODELS[spoken]).body)
    return body


def read(asked: str, body: dict[str, Any]) -> Request:
    INBOUND[asked].check(body)
    return INBOUND[asked].read_request(body)


def told(spoken: str, body: dict[str, Any]) -> dict[str, Any]:
    if spoken == "gemini":
        return skeleton_of_gemini(body)
    return skeleton_of_converse(body) if spoken == "converse" else skeleton(read(spoken, body))


TEXTS = st.text("abcäß漢🚋 .,\n", min_size=1, max_size=12).filter(str.strip).map(lambda text: f"<{text}>")
IDS = st.from_regex(r"call_[a-zA-Z0-9]{1,20}", fullmatch=True)
NAMES = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,20}", fullmatch=True)
SCHEMAS = st.just({"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]})
ARGUMENTS = st.dictionaries(NAMES, TEXTS | st.integers(-(10**9), 10**9) | st.booleans(), max_size=3)
PICTURES = st.just(Image(Source("image/png", data="iVBORw0KGgo=")))


@st.composite
def requests(draw: st.DrawFn) -> Request:
    tools = draw(st.lists(st.builds(Tool, NAMES, TEXTS, SCHEMAS), max_size=2, unique_by=lambda tool: tool.name))
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message("system", (Text(draw(TEXTS)),)))
    for _ in range(draw(st.integers(0, 3))):
        messages.append(Message("user", (Text(draw(TEXTS)), *draw(st.lists(PICTURES, max_size=1)))))
        ids = draw(st.lists(IDS, max_size=3, unique=True)) if tools else []
        calls = [
            ToolCall(own, draw(st.sampled_from(tools)).name, orjson.dumps(draw(ARGUMENTS)).decode()) for own in ids
        ]
        words = [Text(draw(TEXTS))] if not calls or draw(st.booleans()) else []
        messages.append(Message("assistant", (*words, *calls)))
        if calls:
            results = [ToolResult(own, (Text(draw(TEXTS)),)) for own in ids]
            messages += [Message("user", tuple(results)), Message("assistant", (Text(draw(TEXTS)),))]
    messages.append(Message("user", (Text(draw(TEXTS)),)))
    return Request(
        messages=tuple(messages),
        tools=tuple(tools),
        tool_choice=draw(st.sampled_from([None, ToolChoice("auto"), ToolChoice("required")])) if tools else None,
        max_tokens=draw(st.integers(16, 4096)),
        temperature=draw(st.none() | st.sampled_from([0, 0.5, 1])),
        top_p=None,
        format=None
        if tools
        else draw(st.sampled_from([None, Format("json_schema", "answer", {"type": "object"}, strict=True)])),
        stream=draw(st.booleans()),
    )


@pytest.mark.parametrize("asked", INBOUND)
def test_a_call_is_read_as_what_it_says(asked: str) -> None:
    @given(requests())
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def run(request: Request) -> None:
        again = read(asked, put(asked, request))
        assert skeleton(again) == skeleton(request)
        assert (again.stream, again.tool_choice) == (request.stream, request.tool_choice)
        assert again.unknown == ()

    run()


@pytest.mark.parametrize(("asked", "spoken"), PAIRS)
def test_a_call_says_the_same_to_every_backend(asked: str, spoken: str) -> None:
    @given(requests())
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def run(request: Request) -> None:
        canonical = read(asked, put(asked, request))
        assert told(spoken, put(spoken, canonical)) == skeleton(request)

    run()


SAYINGS = [(asked, feature, spoken) for asked, said in SAID.items() for feature in said for spoken in FORMATS]


@pytest.mark.parametrize(("asked", "feature", "spoken"), [case for case in SAYINGS if case[0] != case[2]])
def test_what_becomes_of_a_feature_is_what_the_table_says(asked: str, feature: Feature, spoken: str) -> None:
    request, out = read(asked, SAID[asked][feature]), outbound(spoken)
    fates = {out.support[use.feature].fate for use in uses(request)}
    assert protocols.fate(asked, spoken, feature) in fates
    if "refused" in fates:
        with pytest.raises(Untranslatable, match="cannot be said to a backend that speaks") as refused:
            out.write_request(request, MODELS[spoken])
        assert refused.value.status == 400
        assert refused.value.param
        return
    written = out.write_request(request, MODELS[spoken])
    assert orjson.loads(written.body)
    assert "dropped" not in fates or written.dropped
