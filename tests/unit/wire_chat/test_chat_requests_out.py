"""Canonical requests written as chat completions: what every compatible server takes, and what is dropped or refused."""

import base64
from typing import Any, get_args

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.wire.canonical import (
    Audio,
    Document,
    Format,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Request,
    Role,
    Source,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from turnout_sidecar.wire.chat.format import INBOUND, OUTBOUND, SUPPORT
from turnout_sidecar.wire.formats import Model, Written
from turnout_sidecar.wire.support import Feature, Untranslatable

HELLO = Message("user", (Text("Hello"),))
PLAIN = Model("m")
THINKER = Model("m", reasoning=True)
IMAGE = Image(Source("image/png", "aWk="))
SCHEMA = {"type": "object", "properties": {}}


def written(model: Model = PLAIN, **members: Any) -> Written:
    return OUTBOUND.write_request(Request(**{"messages": (HELLO,), **members}), model)


def body(model: Model = PLAIN, **members: Any) -> dict[str, Any]:
    made: dict[str, Any] = orjson.loads(written(model, **members).body)
    return made


def messages(*parts: Part, role: Role = "user") -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = body(messages=(Message(role, parts), HELLO))["messages"]
    return said[:-1]


def test_a_plain_call_says_model_and_messages_alone() -> None:
    assert written() == Written("/chat/completions", b'{"model":"m","messages":[{"role":"user","content":"Hello"}]}')


def test_a_developer_is_a_system_for_every_server() -> None:
    assert messages(Text("a"), Text("b"), role="developer") == [
        {"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    ]


def test_every_kind_of_part_is_written() -> None:
    text = base64.b64encode("größe".encode()).decode()
    parts = (
        Text("Look", "5m"),
        Text(""),
        Image(Source("image/png", "aWk="), "low"),
        Image(Source(url="https://example.com/a.png")),
        Document(Source("application/pdf", "JVBERi0="), "a.pdf"),
        Document(Source(None, "JVBERi0=")),
        Document(Source("text/plain", text), "a.txt"),
        Document(Source("text/plain", "!")),
        Audio(Source("audio/wav", "UklGRg==")),
        Audio(Source("audio/mpeg", "UklGRg=="), "mp3"),
    )
    pdf = "data:application/pdf;base64,JVBERi0="
    assert messages(*parts)[0]["content"] == [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aWk=", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": pdf}},
        {"type": "file", "file": {"filename": "document.pdf", "file_data": pdf}},
        {"type": "text", "text": "a.txt:\ngröße"},
        {"type": "file", "file": {"filename": "document", "file_data": "data:text/plain;base64,!"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "mp3"}},
    ]


def test_pitfall_09_and_10_each_result_is_a_tool_message_before_what_the_user_says() -> None:
    assert messages(
        Text("And?"),
        ToolResult("call_1", (Text("rain"), Text("wind"))),
        ToolResult("call_2", (Text("no map"), IMAGE), is_error=True),
    ) == [
        {"role": "tool", "tool_call_id": "call_1", "content": "rain\nwind"},
        {"role": "tool", "tool_call_id": "call_2", "content": "Error: no map"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What call call_2 returned:"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aWk="}},
                {"type": "text", "text": "And?"},
            ],
        },
    ]


def test_an_assistant_says_one_text_and_its_calls() -> None:
    long = "call_" + "x" * 60
    calls = (ToolCall("call_1", "weather", '{"a":1}'), ToolCall(long, "time", ""))
    [said] = messages(Thinking("Hm", "sig"), Text("One, "), Text("two"), *calls, role="assistant")
    assert said["content"] == "One, two"
    assert [call["function"] for call in said["tool_calls"]] == [
        {"name": "weather", "arguments": '{"a":1}'},
        {"name": "time", "arguments": "{}"},
    ]
    assert said["tool_calls"][0]["id"] == "call_1"
    assert len(said["tool_calls"][1]["id"]) <= 40
    [result] = messages(ToolResult(long, (Text("noon"),)))
    assert result["tool_call_id"] == said["tool_calls"][1]["id"]
    assert messages(*calls, role="assistant")[0]["content"] is None
    assert messages(Refusal("No."), role="assistant") == [{"role": "assistant", "content": None, "refusal": "No."}]
    assert messages(role="assistant") == [{"role": "assistant", "content": ""}]


def test_pitfall_08_what_is_empty_of_a_tool_is_left_out() -> None:
    tools = (Tool("t", ""), Tool("u", "U.", SCHEMA, strict=True))
    assert body(tools=tools)["tools"] == [
        {"type": "function", "function": {"name": "t"}},
        {"type": "function", "function": {"name": "u", "description": "U.", "parameters": SCHEMA, "strict": True}},
    ]


def test_choices_of_tools_are_said_with_tools_alone() -> None:
    assert "tool_choice" not in body(tool_choice=ToolChoice("auto"), parallel_tool_calls=False)
    said = body(tools=(Tool("t"),), tool_choice=ToolChoice("tool", "t"), parallel_tool_calls=False)
    assert said["tool_choice"] == {"type": "function", "function": {"name": "t"}}
    assert said["parallel_tool_calls"] is False
    assert body(tools=(Tool("t"),), tool_choice=ToolChoice("required"))["tool_choice"] == "required"


def test_a_limit_above_what_the_model_can_give_is_what_it_can_give() -> None:
    assert body(Model("m", 100), max_tokens=500)["max_tokens"] == 100
    assert body(Model("m", 100), max_tokens=50)["max_tokens"] == 50
    assert "max_tokens" not in body(Model("m", 100))


def test_a_long_id_of_the_end_user_becomes_its_digest() -> None:
    assert body(user="u" * 64)["user"] == "u" * 64
    assert len(body(user="u" * 65)["user"]) == 64
    assert body(user="u" * 65) == body(user="u" * 65) != body(user="u" * 66)


def test_a_thinking_model_takes_the_new_name_of_its_limit_and_others_the_old() -> None:
    assert body(max_tokens=5)["max_tokens"] == 5
    assert body(THINKER, max_tokens=5)["max_completion_tokens"] == 5


@pytest.mark.parametrize(
    ("asked", "effort"),
    [
        (Reasoning("minimal"), "minimal"),
        (Reasoning("none", enabled=False), "none"),
        (Reasoning(budget=1024), "low"),
        (Reasoning(budget=16000), "medium"),
        (Reasoning(budget=60000), "high"),
        (Reasoning("low", budget=60000), "low"),
        (Reasoning(enabled=True), None),
    ],
)
def test_effort_of_thinking(asked: Reasoning, effort: str | None) -> None:
    told = written(THINKER, reasoning=asked)
    assert orjson.loads(told.body).get("reasoning_effort") == effort
    assert told.dropped == ()


def test_models_that_do_not_think_are_told_nothing_of_it() -> None:
    assert written(reasoning=Reasoning("high")).dropped == ("reasoning_effort",)
    assert written(reasoning=Reasoning(budget=5), fields={"thinking": "thinking.budget_tokens"}).dropped == (
        "thinking.budget_tokens",
    )
    assert written(THINKER, reasoning=Reasoning(enabled=False)).dropped == ("thinking",)
    assert written(reasoning=Reasoning(enabled=True)).dropped == ()


def test_formats_of_the_answer() -> None:
    assert body(format=Format("json_object"))["response_format"] == {"type": "json_object"}
    assert body(format=Format("json_schema", schema=SCHEMA, description="d", strict=False))["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "description": "d", "schema": SCHEMA, "strict": False},
    }


def test_tiers_that_chat_does_not_know_are_named() -> None:
    assert body(service_tier="standard_only")["service_tier"] == "default"
    assert written(service_tier="batch").dropped == ("service_tier",)


def test_usage_is_asked_for_in_every_stream() -> None:
    assert body(stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in body()


def in_parts(*parts: Part) -> dict[str, Any]:
    return {"messages": (Message("user", parts), HELLO)}


USES: dict[Feature, tuple[dict[str, Any], bytes]] = {
    "text": ({}, b"Hello"),
    "system_messages": ({"messages": (Message("system", (Text("S"),)), HELLO)}, b'"system"'),
    "system_inside": ({"messages": (HELLO, Message("developer", (Text("S"),)), HELLO)}, b'"system"'),
    "names_of_speakers": ({"messages": (Message("user", (Text("x"),), "ann"),)}, b'"name":"ann"'),
    "answer_prefill": ({"messages": (HELLO, Message("assistant", (Text("It"),)))}, b""),
    "tools": ({"tools": (Tool("t"),)}, b'"tools"'),
    "strict_tools": ({"tools": (Tool("t", strict=True),)}, b'"strict":true'),
    "tool_choice": ({"tools": (Tool("t"),), "tool_choice": ToolChoice("none")}, b'"tool_choice":"none"'),
    "parallel_tool_calls": ({"tools": (Tool("t"),), "parallel_tool_calls": True}, b'"parallel_tool_calls":true'),
    "tool_results": (in_parts(ToolResult("c", (Text("rain"),))), b'"role":"tool"'),
    "tool_result_images": (in_parts(ToolResult("c", (IMAGE,))), b"base64,aWk="),
    "provider_tools": ({"provider_tools": ("web_search",)}, b""),
    "images": (in_parts(IMAGE), b"base64,aWk="),
    "image_urls": (in_parts(Image(Source(url="https://example.com/a"))), b"https://example.com/a"),
    "image_detail": (in_parts(Image(Source(url="https://example.com/a"), "low")), b'"detail":"low"'),
    "documents": (in_parts(Document(Source("application/pdf", "aWk="))), b"base64,aWk="),
    "document_urls": (in_parts(Document(Source(url="https://example.com/a"))), b""),
    "audio": (in_parts(Audio(Source("audio/wav", "aWk="))), b'"data":"aWk="'),
    "audio_output": ({"audio_output": True}, b""),
    "files_by_id": (in_parts(Document(Source(file_id="file-1"))), b""),
    "json_object": ({"format": Format("json_object")}, b"json_object"),
    "json_schema": ({"format": Format("json_schema", "a", SCHEMA)}, b"json_schema"),
    "reasoning_effort": ({"reasoning": Reasoning("high")}, b'"reasoning_effort":"high"'),
    "reasoning_budget": ({"reasoning": Reasoning(budget=9000)}, b'"reasoning_effort":"medium"'),
    "thinking": ({"messages": (Message("assistant", (Thinking("Hm"), Text("x"))), HELLO)}, b"Hm"),
    "thinking_signatures": ({"messages": (Message("assistant", (Thinking("Hm", "sg"), Text("x"))), HELLO)}, b"sg"),
    "max_tokens": ({"max_tokens": 7}, b'"max_completion_tokens":7'),
    "temperature": ({"temperature": 0}, b'"temperature":0'),
    "top_p": ({"top_p": 0.5}, b'"top_p":0.5'),
    "top_k": ({"top_k": 7}, b"top_k"),
    "stop": ({"stop": ("END",)}, b'"stop":["END"]'),
    "seed": ({"seed": 0}, b'"seed":0'),
    "n": ({"n": 2}, b'"n":2'),
    "penalties": ({"presence_penalty": 1, "frequency_penalty": 2}, b'"presence_penalty":1,"frequency_penalty":2'),
    "logit_bias": ({"logit_bias": {"1": 2}}, b'"logit_bias":{"1":2}'),
    "logprobs": ({"logprobs": True, "top_logprobs": 0}, b'"logprobs":true,"top_logprobs":0'),
    "verbosity": ({"verbosity": "low"}, b'"verbosity":"low"'),
    "service_tier": ({"service_tier": "flex"}, b'"service_tier":"flex"'),
    "user": ({"user": "u1"}, b'"user":"u1"'),
    "metadata": ({"metadata": {"a": "b"}}, b"metadata"),
    "prompt_cache_marks": (in_parts(Text("x", "5m")), b"5m"),
    "prompt_cache_key": ({"prompt_cache_key": "k1"}, b"k1"),
    "stateful": ({"stateful": ("previous_response_id",)}, b""),
}


def test_every_feature_is_decided() -> None:
    assert set(SUPPORT) == set(get_args(Feature)) == set(USES)


@pytest.mark.parametrize("feature", get_args(Feature))
def test_the_table_tells_the_truth(feature: Feature) -> None:
    members, sign = USES[feature]
    fate = SUPPORT[feature].fate
    if fate == "refused":
        with pytest.raises(Untranslatable) as refused:
            written(THINKER, **members)
        assert refused.value.status == 400
        assert refused.value.param
        return
    told = written(THINKER, **members)
    assert (sign in told.body) == (fate != "dropped")
    assert bool(told.dropped) == (fate == "dropped")


def test_what_the_reader_had_no_place_for_is_named() -> None:
    assert written(unknown=("prediction", "store")).dropped == ("prediction", "store")


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
SAID = st.one_of(
    st.builds(Text, TEXTS),
    st.builds(Image, st.builds(Source, st.just("image/png"), st.just("aWk=")), st.sampled_from([None, "low"])),
    st.builds(Audio, st.just(Source("audio/wav", "aWk=")), st.just("wav")),
    st.builds(Document, st.just(Source("application/pdf", "aWk=")), NAMES),
)
USER = st.builds(Message, st.just("user"), st.lists(SAID, min_size=1, max_size=3).map(tuple), st.none() | NAMES)
TURN = st.builds(
    lambda text, ids, answers: (
        Message("assistant", (*((Text(text),) if text else ()), *(ToolCall(own, "t", "{}") for own in ids))),
        Message("user", tuple(ToolResult(own, (Text(answer),)) for own, answer in zip(ids, answers, strict=False))),
    ),
    st.none() | TEXTS,
    st.lists(NAMES, min_size=1, max_size=3, unique=True),
    st.lists(TEXTS, min_size=3, max_size=3),
)
TOOLS = st.builds(Tool, NAMES, st.none() | TEXTS, st.none() | st.just(SCHEMA), st.none() | st.booleans())
REQUESTS = st.builds(
    Request,
    messages=st.tuples(USER, TURN, USER).map(lambda said: (said[0], *said[1], said[2])),
    tools=st.lists(TOOLS, max_size=2).map(tuple),
    temperature=st.none() | st.integers(0, 2) | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    max_tokens=st.none() | st.integers(1, 9),
    stop=st.lists(TEXTS, max_size=3).map(tuple),
    seed=st.none() | st.integers(-9, 9),
    user=st.none() | TEXTS,
    verbosity=st.sampled_from([None, "low"]),
    format=st.sampled_from(
        [None, Format("text"), Format("json_object"), Format("json_schema", "a", SCHEMA, strict=True)]
    ),
    reasoning=st.sampled_from([None, Reasoning("low")]),
    stream=st.booleans(),
)


@given(REQUESTS, st.booleans())
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read_again(request: Request, thinks: bool) -> None:
    told = OUTBOUND.write_request(request, Model("m", reasoning=thinks))
    again = orjson.loads(told.body)
    INBOUND.check(again)
    read = INBOUND.read_request(again)
    wanted = request if thinks else msgspec.structs.replace(request, reasoning=None)
    assert msgspec.structs.replace(read, fields={}) == wanted


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    ["messages", "tools", "tool_choice", "functions", "function_call", "stop", "response_format", "modalities", "audio", "role",
     "content", "type", "image_url", "file", "input_audio", "tool_calls", "function", "name", "arguments", "reasoning_details",
     "reasoning_effort", "cache_control", "allowed_tools", "mode", "text", "id", "tool_call_id", "url", "json_schema"]
)  # fmt: skip
WORDS = st.sampled_from(
    ["user", "assistant", "tool", "text", "image_url", "file", "function", "custom", "allowed_tools", "auto"]
)
SHAPES = st.recursive(
    JSON | WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=5), max_leaves=20
)


@given(st.dictionaries(MEMBERS, SHAPES, max_size=6))
@settings(max_examples=300, deadline=None)
def test_no_body_does_more_than_be_refused(body: dict[str, Any]) -> None:
    refused = 400
    for step in (INBOUND.check, INBOUND.read_request):
        try:
            step({"model": "m", **body})
        except CallError as error:
            refused = error.status
            break
    assert refused == 400
