"""What Gemini answers, whole and in streams, read into the canonical exchange."""

import contextlib
import itertools
import random
from collections.abc import Iterable
from pathlib import Path

import orjson
import pytest
from google.genai import types as genai
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_sidecar import failures
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.canonical import (
    Answer,
    Ended,
    Event,
    Failed,
    Finished,
    NotAnAnswer,
    Pinged,
    Started,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolCallStarted,
)
from turnout_sidecar.wire.gather import Gathered
from turnout_sidecar.wire.gemini.answer import finish_of
from turnout_sidecar.wire.gemini.format import OUTBOUND

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts" / "gemini"
MEANT = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "pause",
    "MALFORMED_FUNCTION_CALL": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
    "MALFORMED_RESPONSE": "error",
    "OTHER": "other",
    "IMAGE_OTHER": "other",
    "NO_IMAGE": "other",
    "FINISH_REASON_UNSPECIFIED": "other",
}


def chunk(*parts: object, **more: object) -> bytes:
    """One GenerateContentResponse; `finishReason` and the like are the candidate's."""
    top = {name: more.pop(name) for name in ("usageMetadata", "responseId", "promptFeedback") if name in more}
    return orjson.dumps({"candidates": [{"content": {"role": "model", "parts": parts}, **more}], **top})


def sse(*chunks: bytes) -> bytes:
    return b"".join(b"data: " + part + b"\r\n\r\n" for part in chunks)


def read(pieces: Iterable[bytes]) -> list[Event]:
    reader = OUTBOUND.reader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    return [event for event in events + reader.finish() if not isinstance(event, Pinged)]


def cut(stream: bytes, chance: random.Random, times: int = 12) -> list[bytes]:
    edges = sorted({0, len(stream), *(chance.randrange(len(stream) + 1) for _ in range(times))})
    return [stream[start:end] for start, end in itertools.pairwise(edges)]


def whole(events: Iterable[Event]) -> Answer:
    gathered = Gathered()
    gathered.feed(events)
    return gathered.answer()


def test_a_whole_answer_has_its_thoughts_texts_and_calls_in_order() -> None:
    answer = OUTBOUND.read_answer((TRANSCRIPTS / "answer.json").read_bytes())
    thought, text, weather, time = answer.parts
    assert thought == Thinking("The user wants the weather.")
    assert text == Text("Let me look that up.")
    assert isinstance(weather, ToolCall)
    assert weather.name == "weather"
    assert weather.signature == "c2lnbmVk"
    assert weather.arguments == '{"town": "Ulm", "station": 12345678901234567890123}'
    assert time == ToolCall("fc_own", "time", "{}")
    assert (answer.id, answer.model, answer.raw_finish) == ("resp-1", "gemini-3-flash-preview", "STOP")


def test_usage_counts_what_was_read_and_thought_once() -> None:
    answer = OUTBOUND.read_answer((TRANSCRIPTS / "answer.json").read_bytes())
    assert answer.usage == Usage(input=127, output=80, cached_input=100, reasoning=50, audio_input=10, image_input=20)


def test_our_transcripts_are_what_the_sdk_takes_for_answers() -> None:
    said = genai.GenerateContentResponse.model_validate_json((TRANSCRIPTS / "answer.json").read_bytes())
    assert said.usage_metadata is not None
    assert said.usage_metadata.total_token_count == 207
    for piece in orjson.loads((TRANSCRIPTS / "list.json").read_bytes()):
        genai.GenerateContentResponse.model_validate(piece)


def test_a_missing_count_is_what_the_total_leaves() -> None:
    usage = {"promptTokenCount": 12, "totalTokenCount": 12}
    body = chunk({"text": "x"}, finishReason="STOP", usageMetadata=usage)
    assert OUTBOUND.read_answer(body).usage == Usage(input=12, output=0)


def test_pitfall_25_a_zero_is_a_zero_and_no_usage_is_none() -> None:
    usage = {"promptTokenCount": 0, "candidatesTokenCount": 0}
    assert OUTBOUND.read_answer(chunk(finishReason="STOP", usageMetadata=usage)).usage == Usage(input=0, output=0)
    assert OUTBOUND.read_answer(chunk(finishReason="STOP")).usage is None


def test_pitfall_02_a_stop_with_calls_is_tool_calls() -> None:
    assert OUTBOUND.read_answer((TRANSCRIPTS / "answer.json").read_bytes()).finish == "tool_calls"
    assert finish_of("STOP", calls=False) == "stop"
    assert finish_of("MAX_TOKENS", calls=True) == "length"


@pytest.mark.parametrize("raw", [reason.value for reason in genai.FinishReason] + ["WHAT_IS_NEW"])
def test_pitfall_14_every_reason_of_the_sdk_has_a_meaning(raw: str) -> None:
    meant = MEANT.get(raw, "other" if raw == "WHAT_IS_NEW" else "content_filter")
    assert finish_of(raw, calls=False) == meant


@pytest.mark.parametrize("raw", [reason.value for reason in genai.BlockedReason])
def test_a_blocked_prompt_is_an_answer_without_parts(raw: str) -> None:
    body = orjson.dumps({"promptFeedback": {"blockReason": raw}, "usageMetadata": {"promptTokenCount": 5}})
    for answer in (OUTBOUND.read_answer(body), whole(read([sse(body)]))):
        assert answer.parts == ()
        assert (answer.finish, answer.raw_finish) == ("content_filter", raw)


def test_pitfall_13_made_ids_are_unique_in_an_answer_and_between_answers() -> None:
    call = {"functionCall": {"name": "time", "args": {}}}
    ids = [
        part.id
        for body in (
            chunk(call, call, finishReason="STOP", responseId="a"),
            chunk(call, finishReason="STOP", responseId="b"),
            chunk(call, finishReason="STOP", usageMetadata={"promptTokenCount": 1}),
            chunk(call, finishReason="STOP", usageMetadata={"promptTokenCount": 2}),
        )
        for part in OUTBOUND.read_answer(body).parts
        if isinstance(part, ToolCall)
    ]
    assert len(set(ids)) == 5
    assert all(len(name) == len("call_") + 24 for name in ids)


def test_pitfall_12_the_signature_of_a_call_is_kept() -> None:
    events = read([(TRANSCRIPTS / "tools.sse").read_bytes()])
    signatures = [event.signature for event in events if isinstance(event, ToolCallStarted)]
    assert signatures == ["c2lnbmVk", None]


def test_the_signature_of_a_text_follows_where_thoughts_were_shown() -> None:
    shown = chunk({"text": "Hm.", "thought": True}, {"text": "Yes", "thoughtSignature": "c2ln"}, finishReason="STOP")
    assert OUTBOUND.read_answer(shown).parts == (Thinking("Hm."), Text("Yes"), Thinking("", "gemini.c2ln"))
    hidden = chunk({"text": "Yes"}, {"text": "", "thoughtSignature": "c2ln"}, finishReason="STOP")
    assert OUTBOUND.read_answer(hidden).parts == (Text("Yes"),)


def test_a_stream_gives_thoughts_text_and_calls_and_ends_once() -> None:
    events = read([(TRANSCRIPTS / "tools.sse").read_bytes()])
    assert isinstance(events[0], Started)
    assert events[-1] == Ended()
    assert sum(isinstance(event, Ended | Finished) for event in events) == 2
    answer = whole(events)
    thought, text, weather, time = answer.parts
    assert thought == Thinking("Straßenbahn or tram?", "gemini.dGhvdWdodA==")
    assert text == Text("I look 🚋")
    assert isinstance(weather, ToolCall)
    assert isinstance(time, ToolCall)
    assert (weather.arguments, time.arguments) == ('{"town":"Ulm"}', "{}")
    assert answer.usage == Usage(input=12, output=30, reasoning=9)
    assert answer.finish == "tool_calls"


def test_pitfall_01_the_finish_comes_last_whenever_it_was_told() -> None:
    events = read([sse(chunk({"text": "a"}, finishReason="STOP"), chunk({"text": "b"}, finishReason="STOP"))])
    kinds = [type(event) for event in events]
    assert kinds.index(Finished) > max(place for place, kind in enumerate(kinds) if kind is TextDelta)
    assert whole(events).parts == (Text("ab"),)


@pytest.mark.parametrize("name", ["tools.sse", "list.json", "answer.json"])
def test_any_way_of_cutting_the_bytes_gives_the_same_events(name: str) -> None:
    stream = (TRANSCRIPTS / name).read_bytes()
    expected = read([stream])
    assert Ended() in expected
    chance = random.Random(7)
    for _ in range(200):
        assert read(cut(stream, chance)) == expected
    assert read([stream[at : at + 1] for at in range(len(stream))]) == expected
    crlf = stream.replace(b"\n", b"\r\n")
    assert read(cut(crlf, chance)) == expected


def test_a_list_in_the_place_of_a_stream_is_read_too() -> None:
    body = (TRANSCRIPTS / "list.json").read_bytes()
    answer = whole(read([body]))
    assert OUTBOUND.read_answer(body) == answer
    assert answer.parts == (Text('a } in "[text\\" { und Ende'),)
    assert (answer.finish, answer.usage) == ("length", Usage(input=3, output=5))


@pytest.mark.parametrize("name", ["tools.sse", "list.json"])
def test_pitfall_07_a_stream_that_breaks_off_has_no_end(name: str) -> None:
    stream = (TRANSCRIPTS / name).read_bytes()
    cut_off = stream[: stream.index(b"finishReason") - 40]
    assert not any(isinstance(event, Ended | Finished) for event in read([cut_off]))
    in_the_last = stream[: stream.rindex(b"usageMetadata")]
    assert Ended() not in read([in_the_last])
    assert read([]) == []


def test_an_error_in_a_stream_is_told_and_ends_nothing() -> None:
    error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    events = read([sse(chunk({"text": "a"}, finishReason="STOP"), orjson.dumps(error))])
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert (failed.status, failed.error.code, failed.error.message) == (503, "UNAVAILABLE", "overloaded")
    listed = read([orjson.dumps([error])])
    assert isinstance(listed[-1], Failed)


def test_log_probabilities_come_in_the_shape_of_the_openai_api() -> None:
    result = {
        "chosenCandidates": [{"token": "ü", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "ü", "logProbability": -0.5}, {"token": "u"}]}],
    }
    answer = OUTBOUND.read_answer(chunk({"text": "ü"}, finishReason="STOP", logprobsResult=result))
    (token,) = answer.logprobs["content"]
    assert token["token"] == "ü"
    assert token["bytes"] == [195, 188]
    assert [top["logprob"] for top in token["top_logprobs"]] == [-0.5, 0.0]


@pytest.mark.parametrize("body", [b"", b"[]", b"nothing", b"{}", b'{"error": {"message": "no"}}', chunk({"text": "x"})])
def test_what_is_no_answer_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        OUTBOUND.read_answer(body)


def test_an_error_tells_its_word_and_when_to_come_back() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]
    error = {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED", "details": details}}
    for body in (orjson.dumps(error), orjson.dumps([error])):
        said = OUTBOUND.read_error(429, body)
        assert (said.code, said.type, said.message) == ("RESOURCE_EXHAUSTED", "rate_limit_error", "slow down")
        assert said.retry_after == 34.5
        assert failures.of_status(429, {}, said, "gemini/flash", 0).retry_after == 34.5
        assert failures.of_status(429, {"retry-after": "2"}, said, "gemini/flash", 0).retry_after == 2


def test_a_key_that_is_not_valid_is_no_mistake_of_the_caller() -> None:
    error = {"code": 400, "message": "no", "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}
    said = OUTBOUND.read_error(400, orjson.dumps({"error": error}))
    assert (said.code, said.type) == ("invalid_api_key", "authentication_error")
    failure = failures.of_status(400, {}, said, "gemini/flash", 0)
    assert (failure.error.status, failure.error.code) == (502, "upstream_refused")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["candidates", "content", "parts", "text", "thought", "functionCall", "name", "args", "id", "finishReason",
             "usageMetadata", "promptTokenCount", "thoughtSignature", "promptFeedback", "blockReason", "error", "details",
             "logprobsResult", "chosenCandidates", "responseId", "promptTokensDetails", "tokenCount", "modality"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@given(st.lists(JSON, max_size=4), st.randoms(use_true_random=False), st.sampled_from(["sse", "list", "bytes"]))
@settings(max_examples=300, deadline=None)
def test_no_json_and_no_cut_breaks_the_reader(values: list[object], chance: random.Random, kind: str) -> None:
    chunks = [chunk_of(value) for value in values]
    stream = sse(*chunks) if kind == "sse" else b"[" + b",".join(chunks) + b"]" if kind == "list" else b"".join(chunks)
    try:
        first = read([stream])
    except NotAnAnswer:
        return
    assert read(cut(stream, chance)) == first


def chunk_of(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_SUBCLASS, default=str) if _fits(value) else b"{}"


def _fits(value: object) -> bool:
    try:
        orjson.dumps(value)
    except (orjson.JSONEncodeError, TypeError):
        return False
    return True


@given(JSON | st.binary(max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_json_breaks_the_reading_of_bodies_and_errors(value: object) -> None:
    body = value if isinstance(value, bytes) else chunk_of(value)
    OUTBOUND.read_error(500, body)
    with contextlib.suppress(NotAnAnswer):
        OUTBOUND.read_answer(body)
