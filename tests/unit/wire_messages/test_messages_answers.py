import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from anthropic.types import ErrorResponse
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_sidecar.exchange.errors import CallError, bad_request
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.canonical import Answer, NotAnAnswer, ProviderError, Text, Thinking, ToolCall
from turnout_sidecar.wire.formats import Asked
from turnout_sidecar.wire.messages.format import INBOUND, OUTBOUND
from turnout_sidecar.wire.messages.usage import read_usage, write_usage

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts" / "messages"
ASKED = Asked(id="msg_ours", model="asked-for", created=1_700_000_000)


def answer(**members: Any) -> Answer:
    return OUTBOUND.read_answer(json.dumps({"type": "message", "content": [], **members}).encode())


def test_a_whole_answer_is_read() -> None:
    assert OUTBOUND.read_answer((TRANSCRIPTS / "answer.json").read_bytes()) == Answer(
        parts=(
            Thinking("Let me think.", signature="EqQBSig=="),
            Thinking(redacted="Hidden+/="),
            Text("I look it up."),
            ToolCall("toolu_01A", "get_weather", '{"city": "München", "big": 12345678901234567890123}'),
            ToolCall("toolu_01B", "get_time", "{}"),
        ),
        finish="tool_calls",
        id="msg_01Turnout",
        model="claude-sonnet-4-5-20250929",
        raw_finish="tool_use",
        usage=Usage(
            input=2140,
            output=77,
            cached_input=2000,
            reasoning=33,
            cache_write_5m=60,
            cache_write_1h=40,
            tool_searches=1,
        ),
        service_tier="priority",
    )


def test_an_answer_that_is_written_is_read_the_same() -> None:
    read = OUTBOUND.read_answer((TRANSCRIPTS / "answer.json").read_bytes())
    assert OUTBOUND.read_answer(INBOUND.write_answer(read, ASKED)) == read


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop_sequence"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "pause"),
        ("refusal", "refusal"),
        ("model_context_window_exceeded", "context_window"),
        ("brand_new", "other"),
        (None, "other"),
        (["odd"], "other"),
    ],
)
def test_every_stop_reason_has_a_meaning(word: object, reason: str) -> None:
    found = answer(stop_reason=word)
    assert found.finish == reason
    assert found.raw_finish == (word if isinstance(word, str) else None)


def test_pitfall_02_an_answer_with_calls_ended_for_them() -> None:
    calls = [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]
    assert answer(content=calls, stop_reason="end_turn").finish == "tool_calls"
    assert answer(content=calls, stop_reason="max_tokens").finish == "length"


def test_pitfall_13_calls_without_ids_get_ids_that_no_other_answer_repeats() -> None:
    calls = [{"type": "tool_use", "name": "f"}, {"type": "tool_use", "name": "f", "id": ""}]
    ids = [
        part.id
        for name in ("msg_1", "msg_2")
        for part in answer(id=name, content=calls).parts
        if isinstance(part, ToolCall)
    ]
    assert len(set(ids)) == 4
    assert ids[:2] == [part.id for part in answer(id="msg_1", content=calls).parts if isinstance(part, ToolCall)]


@pytest.mark.parametrize(
    "body", [b"", b"no", b"[]", b"{}", b'{"content": 5}', b'{"content": [5]}', b'{"type":"error","content":[]}']
)
def test_what_is_no_message_is_no_answer(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        OUTBOUND.read_answer(body)


LEAF = st.none() | st.booleans() | st.integers(-5, 10**20) | st.text(max_size=5)
BLOCK = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "thinking", "redacted_thinking", "tool_use", "x"]) | LEAF},
    optional={name: LEAF | st.dictionaries(st.text(max_size=2), LEAF, max_size=2) for name in
              ("text", "thinking", "signature", "data", "id", "name", "input")},
)  # fmt: skip


@given(
    st.lists(BLOCK, max_size=3),
    st.dictionaries(st.sampled_from(["id", "model", "stop_reason", "usage"]), LEAF, max_size=4),
)
@settings(deadline=None)
def test_no_content_whatever_breaks_the_reader_or_the_writer(blocks: list[Any], members: dict[str, Any]) -> None:
    found = answer(content=blocks, **members)
    assert json.loads(INBOUND.write_answer(found, ASKED))["type"] == "message"


def test_pitfalls_15_17_cached_tokens_are_counted_once_there_and_back() -> None:
    told = {"input_tokens": 10, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5, "output_tokens": 7}
    usage = read_usage(told)
    assert usage == Usage(input=105, output=7, cached_input=90, cache_write_5m=5)
    assert write_usage(usage) == told


@pytest.mark.parametrize(
    "usage", [None, 5, {}, {"input_tokens": "many"}, {"input_tokens": -1}, {"output_tokens": True}]
)
def test_usage_that_cannot_be_read_is_none(usage: object) -> None:
    assert read_usage(usage) is None


def test_a_breakdown_of_cache_writes_without_a_total_counts() -> None:
    told = {"input_tokens": 1, "output_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 4}}
    assert read_usage(told) == Usage(input=5, output=1, cache_write_1h=4)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (401, "authentication_error"), (403, "permission_error"), (404, "not_found_error"),
     (405, "invalid_request_error"), (408, "timeout_error"), (413, "request_too_large"), (429, "rate_limit_error"),
     (500, "api_error"), (502, "api_error"), (503, "overloaded_error"), (504, "timeout_error"), (529, "overloaded_error")],
)  # fmt: skip
def test_an_error_has_one_of_the_apis_types(status: int, kind: str) -> None:
    body = INBOUND.error_body(CallError(status, "some_code", "It went wrong."))
    assert orjson.loads(body) == {
        "type": "error",
        "error": {"type": kind, "message": "It went wrong.", "details": {"error_code": "some_code"}},
    }
    if kind != "request_too_large":  # which the SDK has no type for
        ErrorResponse.model_validate_json(body)
    assert INBOUND.error_frame(CallError(status, "some_code", "It went wrong.")) == b"event: error\ndata: %b\n\n" % body


def test_an_error_names_its_field_and_keeps_its_details() -> None:
    error = bad_request("max_tokens must be a whole number.", param="max_tokens")
    assert orjson.loads(INBOUND.error_body(error))["error"]["details"] == {
        "error_code": "invalid_request",
        "param": "max_tokens",
    }
    detailed = CallError(422, "guardrail", "No.", details={"rule": "pii"})
    assert orjson.loads(INBOUND.error_body(detailed))["error"]["details"] == {"rule": "pii", "error_code": "guardrail"}


def test_a_providers_own_type_is_kept() -> None:
    error = CallError(400, "upstream_error", "No credit.", kind="billing_error")
    assert orjson.loads(INBOUND.error_body(error))["error"]["type"] == "billing_error"


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (
            b'{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}',
            ProviderError("slow", "rate_limit_error"),
        ),
        (
            b'{"error":{"type":"invalid_request_error","message":"m","details":{"error_code":"c","param":"p"}}}',
            ProviderError("m", "invalid_request_error", "c", "p"),
        ),
        (b'{"error":"sentence"}', ProviderError("sentence")),
        (b'{"message":"bare","type":"x"}', ProviderError("bare", "x")),
        (b"<html>", ProviderError()),
        (b"[]", ProviderError()),
        (b'{"error":5}', ProviderError()),
    ],
)
def test_a_providers_error_is_read(raw: bytes, wanted: ProviderError) -> None:
    assert OUTBOUND.read_error(400, raw) == wanted
