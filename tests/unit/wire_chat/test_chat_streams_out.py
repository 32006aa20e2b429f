"""Streams of chat completions, written: what the openai client makes of them, and what the reader reads again."""

from collections.abc import Sequence
from typing import Any

import httpx2
import openai
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from support.transcripts import read_in_pieces
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.canonical import (
    ArgumentsDelta,
    Ended,
    Event,
    Failed,
    Finished,
    PartEnded,
    Pinged,
    ProviderError,
    RefusalDelta,
    Reported,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingSigned,
    ToolCallStarted,
)
from turnout_sidecar.wire.chat.format import INBOUND, OUTBOUND
from turnout_sidecar.wire.formats import Asked

ASKED = Asked(id="call-1", model="asked", created=1700000000, include_usage=True)
ENDS = (Finished("stop", "end_turn"), Reported(Usage(11, 5, cached_input=3)), Ended())
TALK: list[Event] = [
    Started("msg_1", "model-1", 1760000000),
    ThinkingDelta(0, "H"),
    ThinkingDelta(0, "m"),
    ThinkingSigned(0, "proof"),
    PartEnded(0),
    Pinged(),
    TextDelta(1, "Grüße"),
    TextDelta(1, " 🚂"),
    PartEnded(1),
    ToolCallStarted(2, "c1", "weather", "sig"),
    ArgumentsDelta(2, '{"city":'),
    ArgumentsDelta(2, '"Bonn"}'),
    PartEnded(2),
    ToolCallStarted(3, "c2", "time"),
    PartEnded(3),
    Finished("tool_calls", "tool_use"),
    Reported(Usage(11, 5, cached_input=3)),
    Ended(),
]


def write(events: Sequence[Event], asked: Asked = ASKED) -> bytes:
    return INBOUND.writer(asked).write(events)


def chunks(stream: bytes) -> list[dict[str, Any]]:
    found = [frame[len(b"data: ") :] for frame in stream.split(b"\n\n") if frame.startswith(b"data: ")]
    assert found[-1] == b"[DONE]"
    for chunk in found[:-1]:
        ChatCompletionChunk.model_validate_json(chunk)
    return [orjson.loads(chunk) for chunk in found[:-1]]


def client(stream: bytes) -> openai.OpenAI:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="k", base_url="http://gateway.test/v1", http_client=http, max_retries=0)


def accumulated(stream: bytes) -> ChatCompletion:
    with client(stream).chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as told:
        for _ in told:
            pass
        return told.get_final_completion()


def test_the_client_puts_text_calls_and_usage_together() -> None:
    completion = accumulated(write(TALK))
    [choice] = completion.choices
    calls = choice.message.tool_calls or []
    assert (completion.id, completion.model, completion.created) == ("msg_1", "model-1", 1760000000)
    assert choice.finish_reason == "tool_calls"
    assert choice.message.role == "assistant"
    assert choice.message.content == "Grüße 🚂"
    assert [(call.id, call.function.name, call.function.arguments) for call in calls if call.type == "function"] == [
        (signed_ids.join("c1", "sig"), "weather", '{"city":"Bonn"}'),
        ("c2", "time", "{}"),
    ]
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.total_tokens) == (11, 16)


def test_the_client_keeps_thoughts_so_that_they_can_be_sent_back() -> None:
    message = accumulated(write(TALK)).choices[0].message.model_dump()
    again = INBOUND.read_request({"model": "m", "messages": [message]}).messages[0].parts
    assert [type(part).__name__ for part in again] == ["Thinking", "Text", "ToolCall", "ToolCall"]
    thought, _, call, _ = again
    assert (thought.text, thought.signature) == ("Hm", "proof")  # type: ignore[union-attr]
    assert (call.id, call.signature) == ("c1", "sig")  # type: ignore[union-attr]


def test_a_plain_loop_over_the_stream() -> None:
    stream = client(
        write([Started(), TextDelta(0, "a"), TextDelta(0, "b"), PartEnded(0), *ENDS])
    ).chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], stream=True)
    told = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in told if chunk.choices) == "ab"
    assert told[0].choices[0].delta.role == "assistant"
    assert {chunk.id for chunk in told} == {"call-1"}


def test_the_order_of_chunks() -> None:
    first, *_, finish, usage = chunks(write(TALK))
    assert first["choices"][0]["delta"] == {"role": "assistant"}
    assert (finish["choices"][0]["delta"], finish["choices"][0]["finish_reason"]) == ({}, "tool_calls")
    assert usage["choices"] == []
    assert usage["usage"]["prompt_tokens_details"] == {"cached_tokens": 3}
    assert all(chunk["usage"] is None for chunk in chunks(write(TALK))[:-1])
    assert b": ping\n\n" in write(TALK)


def test_usage_is_told_only_to_those_who_asked() -> None:
    asked = Asked(id="i", model="m", created=1)
    told = chunks(write(TALK, asked))
    assert all("usage" not in chunk and chunk["choices"] for chunk in told)


def test_calls_are_numbered_from_zero_and_named_once() -> None:
    deltas = [choice["delta"] for chunk in chunks(write(TALK)) for choice in chunk["choices"]]
    pieces = [piece for delta in deltas for piece in delta.get("tool_calls", ())]
    assert [piece["index"] for piece in pieces] == [0, 0, 0, 1, 1]
    assert ["id" in piece for piece in pieces] == [True, False, False, True, False]
    assert ["name" in piece["function"] for piece in pieces] == [True, False, False, True, False]


def test_pitfall_07_and_13_nothing_sounds_like_an_end_before_the_end_came() -> None:
    broken = write([*TALK[:-1]])
    assert b'"finish_reason":"' not in broken
    assert b"[DONE]" not in broken


def test_pitfall_20_a_stream_without_a_start_says_its_role_all_the_same() -> None:
    assert chunks(write([TextDelta(0, "x"), *ENDS]))[0]["choices"][0]["delta"] == {"role": "assistant"}
    assert len(chunks(write([Ended()]))) == 2


def test_errors_of_the_provider_and_of_the_gateway_are_error_events() -> None:
    failed = write([Started(), Failed(ProviderError("Busy", "overloaded_error", "529"), 503), Ended()])
    assert b"[DONE]" not in failed
    assert b'"error":{"message":"Busy","type":"overloaded_error","param":null,"code":"529"}' in failed
    with pytest.raises(openai.APIError, match="Busy"):
        accumulated(failed)
    own = INBOUND.writer(ASKED).error(CallError(502, "upstream_incomplete", "It broke off."))
    assert own == INBOUND.error_frame(CallError(502, "upstream_incomplete", "It broke off."))
    assert write([Failed(ProviderError())]).startswith(b'data: {"error":{"message":"The provider failed."')


def test_refusals_logprobs_and_hidden_thoughts() -> None:
    logprobs = {"content": [{"token": "a", "logprob": -1.0, "top_logprobs": []}], "refusal": None}
    told = chunks(
        write([TextDelta(0, "a", logprobs), RefusalDelta(1, "No."), ThinkingSigned(2, None, "hid", "rs_1"), *ENDS])
    )
    assert told[1]["choices"][0]["logprobs"] == logprobs
    assert told[2]["choices"][0]["delta"] == {"refusal": "No."}
    detail = {"type": "reasoning.encrypted", "data": "hid", "id": "rs_1", "index": 0}
    assert told[3]["choices"][0]["delta"] == {"reasoning_details": [detail]}


def test_callers_of_functions_get_function_calls() -> None:
    asked = Asked(id="i", model="m", created=1, body={"functions": [{"name": "weather"}]})
    told = [chunk["choices"][0] for chunk in chunks(write(TALK, asked))]
    pieces = [choice["delta"]["function_call"] for choice in told if "function_call" in choice["delta"]]
    assert pieces[0] == {"name": "weather", "arguments": ""}
    assert "".join(piece["arguments"] for piece in pieces) == '{"city":"Bonn"}'
    assert told[-1]["finish_reason"] == "function_call"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


def _part(index: int, kind: str, texts: list[str]) -> list[Event]:
    made: list[Event] = []
    if kind == "text":
        made = [TextDelta(index, text) for text in texts]
    elif kind == "thinking":
        made = [*(ThinkingDelta(index, text) for text in texts), ThinkingSigned(index, texts[0])]
    else:
        made = [ToolCallStarted(index, f"c{index}", texts[0]), *(ArgumentsDelta(index, text) for text in texts)]
    return [*made, PartEnded(index)]


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    kinds = draw(st.lists(st.sampled_from(["text", "thinking", "call"]), min_size=1, max_size=4))
    kinds = [kind for place, kind in enumerate(kinds) if kind != "text" or kinds[place - 1 : place] != ["text"]]
    made: list[Event] = [Started("i", "m", 1)]
    for index, kind in enumerate(kinds):
        made += _part(index, kind, draw(st.lists(TEXT, min_size=1, max_size=3)))
    reason = "tool_calls" if "call" in kinds else "stop"
    made += [Reported(Usage(3, 4)), Finished("tool_calls" if "call" in kinds else "stop", reason), Ended()]
    return made


@given(streams())
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read_again(events: list[Event]) -> None:
    again = read_in_pieces(OUTBOUND.reader, write(events))
    order = sorted(again, key=lambda event: isinstance(event, Finished | Ended | Reported))
    assert [event for event in order if not isinstance(event, Reported)] == [
        event for event in events if not isinstance(event, Reported)
    ]
    assert [event for event in again if isinstance(event, Reported)] == [Reported(Usage(3, 4))]


@given(streams(), st.integers(0, 30))
@settings(max_examples=50, deadline=None)
def test_it_does_not_matter_how_events_come_together(events: list[Event], cut: int) -> None:
    writer = INBOUND.writer(ASKED)
    assert writer.write(events[:cut]) + writer.write(events[cut:]) == write(events)
