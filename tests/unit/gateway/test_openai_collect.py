"""A stream put together."""

from typing import Any

import orjson
import pytest

from gateway_rig import DONE, STREAM, delta, event
from turnout_sidecar.wire.openai_collect import Collected


def collected(*pieces: bytes) -> Any:
    whole = Collected()
    for piece in pieces:
        whole.feed(piece)
    answer = whole.answer()
    return None if answer is None else orjson.loads(answer)


def chunk(part: dict[str, Any], index: int = 0, **choice: Any) -> bytes:
    return event({"id": "c", "object": "chat.completion.chunk", "choices": [{"index": index, "delta": part, **choice}]})


def test_text_is_joined_and_the_head_is_kept() -> None:
    assert collected(b"".join(STREAM[:3]), *STREAM[3:]) == {
        "id": "c1",
        "model": "gpt-x",
        "object": "chat.completion",
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
    }


def test_tool_calls_are_joined_by_their_index() -> None:
    def call(index: int, **fields: Any) -> dict[str, Any]:
        return {"tool_calls": [{"index": index, **fields}]}

    answer = collected(
        chunk({"role": "assistant", "content": None}),
        chunk(call(0, id="a", type="function", function={"name": "weather", "arguments": ""})),
        chunk(call(0, function={"arguments": '{"ci'})),
        chunk(call(1, id="b", type="function", function={"name": "time", "arguments": "{}"})),
        chunk(call(0, function={"arguments": 'ty":1}'})),
        chunk({}, finish_reason="tool_calls"),
        DONE,
    )
    assert answer["choices"][0]["message"] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"city":1}'}},
            {"id": "b", "type": "function", "function": {"name": "time", "arguments": "{}"}},
        ],
    }


def test_choices_logprobs_and_unknown_members_are_kept_apart() -> None:
    answer = collected(
        chunk({"content": "b"}, 1, logprobs={"content": [{"token": "b"}], "refusal": None}),
        chunk({"content": "a", "annotations": [1]}, 0),
        chunk({"content": "B", "new": {"x": 1}}, 1, logprobs={"content": [{"token": "B"}]}),
    )
    assert [choice["message"]["content"] for choice in answer["choices"]] == ["a", "bB"]
    assert answer["choices"][0]["message"]["annotations"] == [1]
    assert answer["choices"][1]["message"]["new"] == {"x": 1}
    assert answer["choices"][1]["logprobs"] == {"content": [{"token": "b"}, {"token": "B"}], "refusal": None}


def test_what_is_no_sound_chat_stream_is_no_answer() -> None:
    assert collected() is None
    assert collected(DONE) is None
    assert collected(delta("x"), event(b"{broken")) is None
    assert collected(delta("x"), event({"error": {"message": "m"}})) is None
    assert collected(event([1])) is None


def deep(levels: int, opening: bytes = b'{"a":', closing: bytes = b"}") -> bytes:
    nested = opening * levels + b"1" + closing * levels
    return b'data: {"choices": [{"index": 0, "delta": {"content": "x", "new": ' + nested + b"}}]}\n\n"


@pytest.mark.parametrize("levels", [65, 300, 1000])
def test_what_is_nested_too_deeply_is_no_answer_and_no_error(levels: int) -> None:
    assert collected(delta("x"), deep(levels), deep(levels), DONE) is None
    assert collected(delta("x"), deep(levels * 5), DONE) is None


def test_arrays_that_cannot_be_written_are_no_answer_and_no_error() -> None:
    assert collected(delta("x"), deep(1000, b"[", b"]"), DONE) is None


def test_tool_calls_in_one_another_are_bounded_too() -> None:
    nested = b'{"tool_calls":[' * 300 + b"{}" + b"]}" * 300
    piece = b'data: {"choices": [{"index": 0, "delta": ' + nested + b"}]}\n\n"
    assert collected(delta("x"), piece, piece, DONE) is None


def test_tool_calls_of_another_type_are_replaced() -> None:
    answer = collected(chunk({"tool_calls": {"a": 1}}), chunk({"tool_calls": [{"index": 0, "id": "b"}]}))
    assert answer["choices"][0]["message"]["tool_calls"] == [{"id": "b"}]


def test_thoughts_are_joined_by_their_index() -> None:
    def thought(**fields: Any) -> bytes:
        return chunk({"reasoning_details": [{"type": "reasoning.text", **fields}]})

    hidden = {"type": "reasoning.encrypted", "data": "x", "index": 0}
    answer = collected(
        thought(index=0, text="Hm"),
        thought(index=0, text=", so."),
        thought(index=0, signature="c2ln"),
        thought(index=1, text="Yes."),
        chunk({"reasoning_details": [hidden, "odd"]}),
        thought(text="nobody's"),
        thought(text="nobody's"),
    )
    loose = {"type": "reasoning.text", "text": "nobody's"}
    assert answer["choices"][0]["message"]["reasoning_details"] == [
        {"type": "reasoning.text", "index": 0, "text": "Hm, so.", "signature": "c2ln"},
        {"type": "reasoning.text", "index": 1, "text": "Yes."},
        hidden,
        "odd",
        loose,
        loose,
    ]
