"""Whole answers: read from a backend's response object, written as one that the official client's types take strictly."""

from typing import Any

import orjson
import pytest
from openai.types.responses import Response

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.canonical import (
    Answer,
    Audio,
    FailedAnswer,
    FinishReason,
    NotAnAnswer,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolCall,
)
from turnout_sidecar.wire.formats import Asked
from turnout_sidecar.wire.responses.format import INBOUND, OUTBOUND

BODY: dict[str, Any] = {
    "model": "asked-for",
    "instructions": "Be brief.",
    "input": "Hello",
    "temperature": 0.5,
    "max_output_tokens": 100,
    "tools": [{"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}],
    "tool_choice": "auto",
    "text": {"verbosity": "low"},
    "reasoning": {"effort": "low"},
    "metadata": {"team": "search"},
    "store": True,
}
ASKED = Asked(id="call-1", model="asked-for", created=1_700_000_000, body=BODY)
LOGPROBS = {
    "content": [{"token": "Hi", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "Ha", "logprob": -2}]}]
}


def written(answer: Answer, asked: Asked = ASKED) -> dict[str, Any]:
    """The response object, which the client's own types have taken without a cast."""
    raw = INBOUND.write_answer(answer, asked)
    Response.model_validate_json(raw, strict=True)
    found: dict[str, Any] = orjson.loads(raw)
    return found


def test_an_answer_with_everything_is_a_strict_response() -> None:
    answer = Answer(
        parts=(
            Thinking("Hm", signature="SIG"),
            Text("Hi"),
            Refusal("Not that."),
            ToolCall("c1", "weather", '{"at": 12345678901234567890}', signature="s"),
            ToolCall("c2", "weather", ""),
            Audio(Source(data="x")),
        ),
        finish="tool_calls",
        id="chatcmpl-1",
        model="real-model",
        created=1_700_000_001,
        usage=Usage(input=10, output=5, cached_input=4, reasoning=2, cache_write_5m=1),
        service_tier="standard",
        logprobs=LOGPROBS,
    )
    response = written(answer)
    thought, message, first, second = response["output"]
    assert thought["summary"] == [{"type": "summary_text", "text": "Hm"}]
    assert thought["encrypted_content"] == "turnout:signature:SIG"
    assert message["content"] == [
        {"type": "output_text", "text": "Hi", "annotations": [], "logprobs": [
            {"token": "Hi", "logprob": -0.5, "bytes": [72, 105],
             "top_logprobs": [{"token": "Ha", "logprob": -2, "bytes": [72, 97]}]}]},
        {"type": "refusal", "refusal": "Not that."},
    ]  # fmt: skip
    assert (first["call_id"], first["arguments"]) == (signed_ids.join("c1", "s"), '{"at": 12345678901234567890}')
    assert (second["call_id"], second["arguments"], second["status"]) == ("c2", "{}", "completed")
    assert [item["id"][:3] for item in response["output"]] == ["rs_", "msg", "fc_", "fc_"]
    assert len({item["id"] for item in response["output"]}) == 4
    assert response["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 15,
    }
    assert response["model"] == "real-model"
    assert response["created_at"] == 1_700_000_001
    assert response["service_tier"] == "default"


def test_the_response_repeats_what_was_asked_and_says_that_nothing_is_stored() -> None:
    response = written(Answer(parts=(Text("Hi"),), finish="stop"))
    assert response["id"].startswith("resp_")
    assert (response["status"], response["error"], response["incomplete_details"]) == ("completed", None, None)
    assert response["instructions"] == "Be brief."
    assert (response["temperature"], response["top_p"], response["max_output_tokens"]) == (0.5, None, 100)
    assert response["text"] == {"verbosity": "low", "format": {"type": "text"}}
    assert response["reasoning"] == {"effort": "low", "summary": None}
    assert response["metadata"] == {"team": "search"}
    assert response["tools"][0] == {**BODY["tools"][0], "description": None, "strict": None}
    assert (response["store"], response["background"], response["previous_response_id"]) == (False, False, None)
    assert (response["parallel_tool_calls"], response["tool_choice"]) == (True, "auto")
    assert response["model"] == "asked-for"
    assert response["usage"] is None


def test_an_answer_to_a_bare_call_is_a_strict_response() -> None:
    assert written(Answer(parts=(), finish="stop"), Asked(id="resp_1", model="m", created=1))["id"] == "resp_1"


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("stop_sequence", "completed", None),
        ("tool_calls", "completed", None),
        ("other", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("context_window", "incomplete", "max_output_tokens"),
        ("pause", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
        ("refusal", "incomplete", "content_filter"),
        ("error", "failed", None),
    ],
)
def test_why_it_ended_is_a_status_and_a_reason(finish: FinishReason, status: str, reason: str | None) -> None:
    response = written(Answer(parts=(Text("Hi"),), finish=finish))
    assert response["status"] == status
    assert response["incomplete_details"] == (None if reason is None else {"reason": reason})
    assert (response["error"] is not None) == (status == "failed")
    assert response["output"][0]["status"] == ("completed" if status == "completed" else "incomplete")


def test_a_refusal_in_words_is_whole_with_them() -> None:
    assert written(Answer(parts=(Refusal("No."),), finish="refusal"))["status"] == "completed"


def test_what_hides_a_thought_is_told_apart_from_a_signature() -> None:
    response = written(Answer(parts=(Thinking(redacted="XYZ"),), finish="stop"))
    assert response["output"][0]["encrypted_content"] == "turnout:redacted:XYZ"
    assert response["output"][0]["summary"] == []


def test_what_the_gateway_wrote_comes_back_as_it_was() -> None:
    parts = (Thinking("Hm", signature="SIG"), Text("Hi"), ToolCall("c1", "weather", "{}", signature="s"))
    output = written(Answer(parts=parts, finish="tool_calls"))["output"]
    request = INBOUND.read_request({"model": "m", "input": output})
    thought, *others = request.messages[0].parts
    assert isinstance(thought, Thinking)
    assert (thought.text, thought.signature) == ("Hm", "SIG")
    assert tuple(others) == parts[1:]


RESPONSE: dict[str, Any] = {
    "id": "resp_9",
    "object": "response",
    "created_at": 1_700_000_002.0,
    "status": "completed",
    "model": "gpt-x-2026",
    "service_tier": "flex",
    "error": None,
    "incomplete_details": None,
    "output": [
        {"id": "rs_1", "type": "reasoning", "encrypted_content": "gAAA",
         "summary": [{"type": "summary_text", "text": "One"}, {"type": "summary_text", "text": "Two"}]},
        {"id": "ws_1", "type": "web_search_call", "status": "completed"},
        {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [
            {"type": "output_text", "text": "Hi", "annotations": [], "logprobs": [{"token": "Hi", "logprob": -1.5}]},
            {"type": "refusal", "refusal": "No."},
            {"type": "something_new"}]},
        {"id": "fc_1", "type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"at": 1}'},
        {"id": "rs_2", "type": "reasoning", "summary": [], "encrypted_content": "gBBB"},
    ],
    "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 7,
              "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 17},
}  # fmt: skip


def read(**changed: Any) -> Answer:
    return OUTBOUND.read_answer(orjson.dumps({**RESPONSE, **changed}))


def test_a_response_is_read_whole() -> None:
    answer = read()
    assert answer.parts == (
        Thinking("One\n\nTwo", signature="responses:rs_1:gAAA", item="rs_1"),
        Text("Hi"),
        Refusal("No."),
        ToolCall("c1", "weather", '{"at": 1}'),
        Thinking(redacted="responses:rs_2:gBBB", item="rs_2"),
    )
    assert (answer.id, answer.model, answer.created, answer.service_tier) == (
        "resp_9",
        "gpt-x-2026",
        1_700_000_002,
        "flex",
    )
    assert (answer.finish, answer.raw_finish) == ("tool_calls", "completed")
    assert answer.usage == Usage(input=10, output=7, cached_input=0, reasoning=3)
    assert answer.logprobs["content"][0]["token"] == "Hi"


def test_pitfall_15_what_was_cached_is_a_part_of_the_input_and_counted_once() -> None:
    said = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 80, "cache_write_tokens": 10},
        "output_tokens": 5,
    }
    answer = read(usage=said)
    assert answer.usage == Usage(input=100, output=5, cached_input=80, cache_write_5m=10)
    again = written(answer)["usage"]
    assert (again["input_tokens"], again["total_tokens"]) == (100, 105)
    assert again["input_tokens_details"] == {"cached_tokens": 80, "cache_write_tokens": 10}


def test_pitfall_21_the_id_of_a_call_goes_through_unchanged() -> None:
    call = read().parts[3]
    assert isinstance(call, ToolCall)
    assert written(Answer(parts=(call,), finish="tool_calls"))["output"][0]["call_id"] == call.id == "c1"


def test_pitfall_25_a_zero_is_a_zero_and_nothing_is_nothing() -> None:
    assert read(usage={"input_tokens": 0, "output_tokens": 0}).usage == Usage(input=0, output=0)
    assert read(usage=None).usage is None
    assert read(usage={"input_tokens": True, "output_tokens": "many"}).usage is None
    assert read(usage={"input_tokens": 3, "input_tokens_details": []}).usage == Usage(input=3)


def test_a_cut_response_keeps_its_reason_and_its_usage() -> None:
    answer = read(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert (answer.finish, answer.raw_finish) == ("length", "max_output_tokens")
    assert answer.usage is not None
    assert read(status="incomplete", incomplete_details={"reason": "content_filter"}).finish == "content_filter"
    strange = read(status="incomplete", incomplete_details={"reason": "steered"})
    assert (strange.finish, strange.raw_finish) == ("other", "steered")
    assert read(status="incomplete").finish == "other"


def test_words_of_refusal_alone_are_a_refusal() -> None:
    refusal = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}
    assert read(output=[refusal]).finish == "refusal"
    assert read(output=[]).finish == "stop"
    assert read(status=None).finish == "tool_calls"


def test_a_failed_response_tells_the_provider_s_error_and_usage() -> None:
    with pytest.raises(FailedAnswer, match="Slow down") as caught:
        read(status="failed", error={"code": "rate_limit_exceeded", "message": "Slow down"}, output=[])
    assert caught.value.status == 429
    assert caught.value.error.code == "rate_limit_exceeded"
    assert caught.value.usage is not None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"{}",
        b'{"output": 3}',
        b'{"output": [], "status": "in_progress"}',
        b'{"error": {"message": "x"}}',
    ],
)
def test_what_is_no_response_is_no_answer(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        OUTBOUND.read_answer(body)


def test_thoughts_in_content_are_read_where_there_is_no_summary() -> None:
    thought = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]}
    assert read(output=[thought]).parts == (Thinking("Hm"),)


def test_a_call_without_an_id_gets_one_of_its_own() -> None:
    call = {"type": "function_call", "name": "f", "arguments": ""}
    first, second = read(output=[call, call]).parts
    other = read(id="resp_8", output=[call]).parts[0]
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert isinstance(other, ToolCall)
    assert len({first.id, second.id, other.id}) == 3
    assert first.id.startswith("call_")
    assert first.arguments == "{}"


def test_errors_have_the_shape_of_the_api() -> None:
    error = CallError(400, "invalid_type", "input must be a string", param="input")
    assert orjson.loads(INBOUND.error_body(error))["error"] == {
        "message": "input must be a string",
        "type": "invalid_request_error",
        "param": "input",
        "code": "invalid_type",
    }
    frame = INBOUND.error_frame(error)
    assert frame.startswith(b"event: error\ndata: ")
    event = orjson.loads(frame.split(b"data: ")[1])
    assert (event["type"], event["code"], event["message"], event["param"]) == (
        "error", "invalid_type", "input must be a string", "input"
    )  # fmt: skip
    said = OUTBOUND.read_error(400, b'{"error": {"message": "bad", "code": "x", "type": "y", "param": "z"}}')
    assert (said.message, said.code, said.type, said.param) == ("bad", "x", "y", "z")
    assert OUTBOUND.read_error(500, b"<html>").message == ""
