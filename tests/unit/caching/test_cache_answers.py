"""Which answers are kept, and what is checked when they are read."""

from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.cached_calls import all_of
from gateway_rig import answer
from turnout_sidecar.caching.answers import (
    MAX_BYTES,
    Kept,
    entry_of,
    is_ambiguous,
    may_keep,
    read,
)
from turnout_sidecar.caching.chat_answers import MAX_CHOICES
from turnout_sidecar.caching.formats import CACHED
from turnout_sidecar.caching.key import Keys
from turnout_sidecar.caching.replay import Replay, with_usage
from turnout_sidecar.exchange.call import Response
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.openai_collect import Collected

KEYS = Keys("ns/r/team", "e" * 64, "c" * 64, "question?")


def kept(body: bytes = b"{}", **changes: Any) -> Kept:
    filled = {
        "partition": KEYS.partition,
        "exact_key": KEYS.exact,
        "context_key": KEYS.context,
        "endpoint": "chat",
        "backend": "openai/gpt",
    }
    return Kept(**{**filled, "body": body, "usage": Usage(input=1, output=2), "cost_nano": 7, **changes})


def choice(**changes: Any) -> dict[str, Any]:
    return {"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop", **changes}


def test_a_kept_answer_reads_back_as_it_was() -> None:
    entry = entry_of(KEYS, kept(b'{"a":1}'), now_s=100, ttl_s=60, searched=True)
    assert entry.question == "question?"
    assert entry_of(KEYS, kept(), now_s=100, ttl_s=60, searched=False).question == ""
    assert (entry.created_at, entry.expires_at, entry.question) == (100, 160, "question?")
    assert read(entry, KEYS, "chat", now_s=159, ttl_s=60, exact=True) == kept(b'{"a":1}')


@pytest.mark.parametrize(
    ("change", "keys", "endpoint", "now", "ttl"),
    [
        ({"partition": "ns/r/other"}, KEYS, "chat", 101, 60),
        ({"context_key": "d" * 64}, KEYS, "chat", 101, 60),
        ({"exact_key": "d" * 64}, KEYS, "chat", 101, 60),
        ({}, msgspec.structs.replace(KEYS, partition="ns/r/other"), "chat", 101, 60),
        ({}, msgspec.structs.replace(KEYS, context="d" * 64), "chat", 101, 60),
        ({}, msgspec.structs.replace(KEYS, exact="d" * 64), "chat", 101, 60),
        ({}, KEYS, "embeddings", 101, 60),
        ({}, KEYS, "chat", 160, 60),
        ({}, KEYS, "chat", 111, 10),
        ({"answer": b"\xff\x00 not ours"}, KEYS, "chat", 101, 60),
        ({"answer": b""}, KEYS, "chat", 101, 60),
    ],
)
def test_an_entry_of_another_tenant_call_or_time_is_not_read(
    change: dict[str, Any], keys: Keys, endpoint: str, now: float, ttl: float
) -> None:
    entry = msgspec.structs.replace(entry_of(KEYS, kept(), now_s=100, ttl_s=60, searched=True), **change)
    assert read(entry, keys, endpoint, now_s=now, ttl_s=ttl, exact=True) is None


@pytest.mark.parametrize("name", ["partition", "context_key", "exact_key"])
def test_what_is_inside_counts_as_much_as_what_the_store_says(name: str) -> None:
    entry = entry_of(KEYS, msgspec.structs.replace(kept(), **{name: "another"}), now_s=100, ttl_s=60, searched=True)
    assert read(entry, KEYS, "chat", now_s=101, ttl_s=60, exact=True) is None
    assert read(entry, KEYS, "chat", now_s=101, ttl_s=60, exact=False) is None


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"choices": [choice(), choice(index=1)]}, True),
        ({"choices": [choice(message={"role": "assistant", "content": None, "refusal": "No."})]}, True),
        ({"choices": [choice(message={"role": "assistant", "content": "x", "tool_calls": []})]}, True),
        ({"choices": [choice(logprobs={"content": []})]}, True),
        ({"choices": []}, False),
        ({"choices": None}, False),
        ({"choices": [choice()] * (MAX_CHOICES + 1)}, False),
        ({"choices": ["x"]}, False),
        ({"choices": [choice(finish_reason="length")]}, False),
        ({"choices": [choice(finish_reason="content_filter")]}, False),
        ({"choices": [choice(finish_reason="tool_calls")]}, False),
        ({"choices": [choice(finish_reason=None)]}, False),
        ({"choices": [choice(), choice(finish_reason="length")]}, False),
        ({"choices": [choice(message={"role": "assistant", "content": ""})]}, False),
        ({"choices": [choice(message={"role": "assistant", "content": "x", "tool_calls": [{"id": "1"}]})]}, False),
        ({"choices": [choice(message={"role": "assistant", "content": "x", "function_call": {"name": "f"}})]}, False),
        ({"choices": [choice(message={"role": "assistant", "content": "x", "audio": {"id": "1"}})]}, False),
        ({"choices": [choice(message={"role": "assistant", "content": ["x"]})]}, False),
        ({"choices": [choice(message=None)]}, False),
        ({"error": {"message": "x"}}, False),
        ({"padding": "x" * MAX_BYTES}, False),
    ],
)
def test_only_whole_text_answers_are_kept(changes: dict[str, Any], good: bool) -> None:
    assert may_keep("chat", answer(**changes)) is good


def test_what_is_no_answer_is_not_kept() -> None:
    for body in (b"", b"null", b"[]", b"{", b'"x"', b"{}"):
        assert not may_keep("chat", body)
        assert not may_keep("embeddings", body)


def test_embeddings_are_kept_as_they_are() -> None:
    body = orjson.dumps({"object": "list", "data": [{"index": 0, "embedding": [0.1]}], "usage": {"prompt_tokens": 1}})
    assert may_keep("embeddings", body)
    assert not may_keep("embeddings", orjson.dumps({"data": []}))
    assert CACHED["embeddings"].renewed(body, "1", 5) == body


async def test_an_answer_with_parts_that_are_no_text_is_not_kept_from_a_stream() -> None:
    body = answer(choices=[choice(message={"role": "assistant", "content": "x", "annotations": [{"url": "y"}]})])
    assert may_keep("chat", body)
    assert CACHED["chat"].collected(await stream_of(body), None) is None
    assert CACHED["chat"].collected(await stream_of(answer("Hi.")), None) is not None


@pytest.mark.parametrize(
    ("raw", "twice"),
    [
        (b'{"a":1,"b":{"a":1}}', False),
        (b'{"a":1,"a":1}', True),
        (b'{"m":[{"role":"user","content":"a","content":"b"}]}', True),
        (b'{"m":[{"role":"user","content":"a","\\u0063ontent":"b"}]}', True),
        (b'{"a":1.0,"b":[true,null,"x"],"a":1.0}', True),
        (b'{ "a": 1 }', False),
        (b'{"a":"\\ud800"}', False),
        (b"not json", True),
        (b"[" * 100_000, True),
        (b'{"seed":18446744073709551615,"a":-9223372036854775808,"b":1e300}', False),
        (b'{"seed":18446744073709551616}', True),
        (b'{"seed":-9223372036854775809}', True),
        (b'{"seed":' + b"1" * 10_000 + b"}", True),
    ],
)
def test_a_body_that_can_be_read_in_two_ways_is_seen(raw: bytes, twice: bool) -> None:
    assert is_ambiguous(raw, None) is twice
    try:
        read_of_it = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return
    assert is_ambiguous(raw, read_of_it) is twice


def test_a_replayed_answer_has_an_id_and_time_of_its_own_and_is_otherwise_unchanged() -> None:
    body = answer("Hi.", created=1, system_fingerprint="fp", vendor={"x": 1})
    again = orjson.loads(CACHED["chat"].renewed(body, "abc", 99))
    assert (again["id"], again["created"]) == ("chatcmpl-abc", 99)
    assert {**again, "id": 0, "created": 0} == {**orjson.loads(body), "id": 0, "created": 0}


def replay_of(body: bytes, *, include_usage: bool = False) -> Replay:
    return Replay(CACHED["chat"].frames(body, include_usage))


async def stream_of(body: bytes, *, include_usage: bool = False) -> bytes:
    return await all_of(Response(200, stream=replay_of(body, include_usage=include_usage)))


def chunks(stream: bytes) -> list[dict[str, Any]]:
    events = stream.split(b"\n\n")
    assert events[-2:] == [b"data: [DONE]", b""]
    return [orjson.loads(event.removeprefix(b"data: ")) for event in events[:-2]]


async def test_a_kept_answer_is_sent_as_the_stream_that_the_api_would_send() -> None:
    text = "The capital of France is Paris, and has been so for a very long time indeed."
    found = chunks(await stream_of(answer(text, created=7)))
    assert found[0]["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
    ]
    assert found[-1]["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]
    assert all(
        chunk["object"] == "chat.completion.chunk" and chunk["id"] == "c1" and chunk["created"] == 7 for chunk in found
    )
    assert all("usage" not in chunk for chunk in found)
    pieces = [chunk["choices"][0]["delta"]["content"] for chunk in found[1:-1]]
    assert "".join(pieces) == text
    assert len(pieces) > 1


async def test_usage_is_the_last_chunk_where_it_was_asked_for() -> None:
    found = chunks(await stream_of(answer("Hi."), include_usage=True))
    assert all(chunk["usage"] is None for chunk in found[:-1])
    assert found[-1]["choices"] == []
    assert found[-1]["usage"] == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


async def test_choices_refusals_reasoning_and_log_probabilities_survive() -> None:
    logprobs = {"content": [{"token": "Hi", "logprob": -0.1}], "refusal": None}
    first = {"role": "assistant", "content": "Hi there, " * 20, "reasoning_content": "Let me think. " * 9}
    choices = [
        choice(message=first, logprobs=logprobs),
        choice(index=1, message={"role": "assistant", "content": None, "refusal": "I will not, " * 9}),
    ]
    body = answer(choices=choices)
    collected = Collected()
    collected.feed(await stream_of(body, include_usage=True))
    again = orjson.loads(collected.answer() or b"{}")
    assert again["choices"][0]["message"] == first
    assert again["choices"][0]["logprobs"] == logprobs
    assert again["choices"][1]["message"]["refusal"] == "I will not, " * 9
    assert again["choices"][1]["message"]["content"] is None
    assert again["usage"] == orjson.loads(body)["usage"]


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300))
def test_any_text_survives_the_way_into_a_stream_and_back(text: str) -> None:
    body = answer(text)
    collected = Collected()
    for piece in CACHED["chat"].frames(body, True):
        assert piece.endswith(b"\n\n")
        collected.feed(piece)
    assert orjson.loads(collected.answer() or b"{}")["choices"][0]["message"]["content"] == text


async def test_a_replay_that_is_left_ends() -> None:
    replay = replay_of(answer("word " * 1000))
    assert await replay.__anext__()
    await replay.aclose()
    with pytest.raises(StopAsyncIteration):
        await replay.__anext__()


def test_usage_that_was_taken_out_of_a_stream_is_put_back_unless_it_was_estimated() -> None:
    bare = b'{"choices":[],"usage":null}'
    full = orjson.loads(with_usage(bare, Usage(input=3, output=4, cached_input=1, reasoning=2)))
    assert full["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "total_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    assert "usage" not in orjson.loads(with_usage(bare, Usage(input=3, output=4, estimated=True)))
    assert "usage" not in orjson.loads(with_usage(bare, None))
    own = b'{"usage":{"prompt_tokens":1}}'
    assert with_usage(own, Usage(input=3, output=4)) == own
