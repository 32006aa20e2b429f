"""What was asked and answered, as it stands on spans: the same shape for each API, bounded, without media and signatures."""

import itertools
import json
import random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.finished_calls import CHAT, call
from support.transcripts import FOLDER, random_cuts, transcripts
from turnout_sidecar.adapters import content
from turnout_sidecar.adapters.content_room import MOST_CHARS, Content
from turnout_sidecar.endpoints import COUNT_TOKENS, EMBEDDINGS, MESSAGES, RESPONSES
from turnout_sidecar.exchange.call import Endpoint
from turnout_sidecar.wire.canonical import Answer, Message, Request, Text
from turnout_sidecar.wire.collected import collecting
from turnout_sidecar.wire.registry import INBOUND

SIGNED, PICTURE = "CANARYSIGNATURE", "Q0FOQVJZ"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
MESSAGES_BODY: dict[str, Any] = {
    "model": "assistant",
    "max_tokens": 100,
    "system": [{"type": "text", "text": "Be brief."}],
    "tools": [{"name": "weather", "description": "Of a city", "input_schema": SCHEMA}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look."},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}},
                {"type": "image", "source": {"type": "url", "url": "https://x.example/y.png"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Where?", "signature": SIGNED},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "Rain."}]},
                {"type": "text", "text": "And now?"},
            ],
        },
    ],
}
RESPONSES_BODY: dict[str, Any] = {
    "model": "assistant",
    "instructions": "Be brief.",
    "tools": [{"type": "function", "name": "weather", "description": "Of a city", "parameters": SCHEMA}],
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look."},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"},
                {"type": "input_image", "image_url": "https://x.example/y.png"},
            ],
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Where?"}],
            "encrypted_content": SIGNED,
        },
        {"type": "function_call", "call_id": "toolu_1", "name": "weather", "arguments": '{"city":"Oslo"}'},
        {"type": "function_call_output", "call_id": "toolu_1", "output": "Rain."},
        {"role": "user", "content": "And now?"},
    ],
}


def loaded(told: Content | None) -> Any:
    return None if told is None else orjson.loads(told.text)


@pytest.mark.parametrize(("endpoint", "body"), [(MESSAGES, MESSAGES_BODY), (RESPONSES, RESPONSES_BODY)])
def test_a_call_is_told_alike_whatever_api_it_came_in(endpoint: Endpoint, body: dict[str, Any]) -> None:
    asked = content.asked(call(body=body, endpoint=endpoint))

    assert loaded(asked.instructions) == [{"type": "text", "content": "Be brief."}]
    assert loaded(asked.tools) == [
        {"type": "function", "name": "weather", "description": "Of a city", "parameters": SCHEMA}
    ]
    assert loaded(asked.messages) == [
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "Look."},
                {"type": "blob", "modality": "image", "mime_type": "image/png"},
                {"type": "uri", "modality": "image", "uri": "https://x.example/y.png"},
            ],
        },
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Where?"},
                {"type": "tool_call", "id": "toolu_1", "name": "weather", "arguments": '{"city":"Oslo"}'},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "toolu_1", "response": "Rain."}]},
        {"role": "user", "parts": [{"type": "text", "content": "And now?"}]},
    ]
    assert SIGNED not in str(asked)
    assert PICTURE not in str(asked)


def test_the_tools_of_a_chat_call_are_told_in_the_same_shape() -> None:
    function = {"name": "weather", "description": "Of a city", "parameters": SCHEMA, "strict": True}
    body = {"messages": [{"role": "user", "content": "Hi"}], "tools": [{"type": "function", "function": function}, 3]}

    asked = content.asked(call(body=body))

    assert asked.instructions is None
    assert loaded(asked.tools) == [
        {"type": "function", "name": "weather", "description": "Of a city", "parameters": SCHEMA}
    ]


def test_what_was_read_to_be_translated_is_not_read_again() -> None:
    exchange = call(body=MESSAGES_BODY, endpoint=MESSAGES)
    exchange.canonical = (exchange.body, Request(messages=(Message("user", (Text("read before"),)),)))

    assert "read before" in str(content.asked(exchange).messages)
    exchange.canonical = ({}, Request(messages=(Message("user", (Text("of another body"),)),)))
    assert "of another body" not in str(content.asked(exchange).messages)


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        (
            MESSAGES,
            {
                "max_tokens": 1,
                "messages": [{"role": "user", "content": [{"type": "text", "text": "WORD"}, {"type": "new_kind"}]}],
            },
        ),
        (
            RESPONSES,
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "WORD"}, {"type": "new_kind"}]}]},
        ),
    ],
)
def test_what_only_its_own_provider_understands_is_told_as_far_as_it_can_be(
    endpoint: Endpoint, body: dict[str, Any]
) -> None:
    (message,) = loaded(content.asked(call(body=body, endpoint=endpoint)).messages)

    assert message == {"role": "user", "parts": [{"type": "text", "content": "WORD"}, {"type": "new_kind"}]}


def test_large_schemas_are_left_out_and_long_words_are_cut() -> None:
    tools = [
        {"name": "vast", "input_schema": {"type": "object", "description": "x" * MOST_CHARS}},
        {"name": "small", "input_schema": SCHEMA},
    ]
    body = {"max_tokens": 1, "system": "y" * 100_000, "tools": tools, "messages": [{"role": "user", "content": "Hi"}]}

    asked = content.asked(call(body=body, endpoint=MESSAGES))

    assert loaded(asked.tools) == [
        {"type": "function", "name": "vast"},
        {"type": "function", "name": "small", "parameters": SCHEMA},
    ]
    assert asked.instructions is not None
    assert len(asked.instructions.text) < MOST_CHARS + 100
    assert [each.truncated for each in (asked.tools, asked.instructions, asked.messages) if each] == [True, True, False]


def test_of_very_many_messages_of_any_api_the_newest_are_kept() -> None:
    body = {"input": [{"role": "user", "content": f"m{number}"} for number in range(1000)]}

    told = content.asked(call(body=body, endpoint=RESPONSES)).messages

    assert told is not None
    assert told.truncated
    assert '"m999"' in told.text
    assert '"m0"' not in told.text


def test_an_answer_of_the_messages_api_is_told_without_its_signatures() -> None:
    (said,) = loaded(content.answered((FOLDER / "messages" / "answer.json").read_bytes(), "messages"))

    assert [part["type"] for part in said["parts"] if part.get("content") != ""] == [
        "reasoning",
        "text",
        "tool_call",
        "tool_call",
    ]
    assert (said["role"], said["finish_reason"]) == ("assistant", "tool_calls")
    assert "12345678901234567890123" in said["parts"][-2]["arguments"]
    assert "EqQBSig==" not in str(said)
    assert "Hidden" not in str(said)


@pytest.mark.parametrize(("format_name", "whole", "stream"), [("responses", "text.json", "text.sse")])
def test_a_stream_is_told_as_the_whole_answer_would_be(format_name: str, whole: str, stream: str) -> None:
    folder = FOLDER / format_name
    dice = random.Random(4)
    at_once = content.answered((folder / whole).read_bytes(), format_name)
    raw = (folder / stream).read_bytes()
    for _ in range(50):
        cuts = [0, *sorted(random_cuts(dice, len(raw))), len(raw)]
        collected = collecting(format_name)
        for start, end in itertools.pairwise(cuts):
            collected.feed(raw[start:end])
        answer = collected.answer()
        assert isinstance(answer, Answer)
        assert content.answered(answer, format_name) == at_once


@pytest.mark.parametrize(
    ("format_name", "words"), [("responses", b'"response.output_text.delta"'), ("messages", b'"text_delta"')]
)
def test_a_stream_that_breaks_off_is_told_as_far_as_it_came(format_name: str, words: bytes) -> None:
    raw = (FOLDER / format_name / "text.sse").read_bytes()
    collected = collecting(format_name)
    collected.feed(raw[: raw.index(b"\n\n", raw.index(words)) + 2])
    collected.feed(b"event: error\ndata: {not json\n\n")
    collected.feed(b"data: more\n\n")

    answer = collected.answer()

    assert isinstance(answer, Answer)
    assert answer.finish == "other"
    assert collecting(format_name).answer() is None


@pytest.mark.parametrize("format_name", ["chat", "responses", "messages"])
def test_every_stream_of_the_transcripts_can_be_collected(format_name: str) -> None:
    for path in transcripts(format_name, ".sse"):
        collected = collecting(format_name)
        collected.feed(path.read_bytes())
        answer = collected.answer()
        assert answer is None or content.answered(answer, format_name) is not None, path.name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
ENDPOINTS = (CHAT, RESPONSES, MESSAGES, COUNT_TOKENS, EMBEDDINGS)


@settings(max_examples=200, deadline=None)
@given(body=st.dictionaries(st.sampled_from(["messages", "input", "system", "instructions", "tools"]), JSON))
def test_nothing_that_is_asked_makes_telling_it_fail(body: dict[str, Any]) -> None:
    for endpoint in ENDPOINTS:
        content.asked(call(body=body, endpoint=endpoint))


@settings(max_examples=200, deadline=None)
@given(body=st.dictionaries(st.sampled_from(["choices", "output", "content", "status", "type"]), JSON))
def test_nothing_that_is_answered_makes_telling_it_fail(body: dict[str, Any]) -> None:
    for name in INBOUND:
        content.answered(json.dumps(body).encode("utf-8", "surrogatepass"), name)
