"""The spans of a call, decoded: which there are, how they hang together, what they say and what they never say."""

import random
from typing import Any

import orjson
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from doubles.finished_calls import EMBEDDINGS, HOUSE, MILLI, START_UNIX_NS, VERSION, attempt, call
from doubles.otlp_receiver import Value, attributes
from turnout_contract.semconv import PROFILES, ProfileName
from turnout_sidecar.adapters.call_trace import Trace
from turnout_sidecar.adapters.content_chat import input_messages, output_messages
from turnout_sidecar.adapters.spans import SpanWriter
from turnout_sidecar.adapters.trace_context import Parent
from turnout_sidecar.endpoints import MESSAGES, RESPONSES
from turnout_sidecar.exchange.call import Endpoint, Exchange, PromptUse
from turnout_sidecar.exchange.usage import Usage

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def trace_of(exchange: Exchange, *, parent: Parent | None = None, content: bool = False) -> Trace:
    trace = Trace(parent, TRACE, random.Random(3).getrandbits, sampled=True, content=content)
    trace.ended_ns = exchange.received_ns + 500 * MILLI
    for each in exchange.attempts:
        trace.headers_for(each)
    exchange.trace = trace
    return trace


def spans_of(exchange: Exchange, trace: Trace | None = None) -> list[Span]:
    data = b"".join(SpanWriter().write(exchange, trace or trace_of(exchange)))
    return list(ScopeSpans.FromString(data).spans)


def said(span: Span) -> dict[str, Value]:
    return attributes(list(span.attributes))


def test_a_call_is_a_server_span_with_a_client_span_for_its_attempt() -> None:
    exchange = call(headers={})
    one = attempt(exchange)

    server, client = spans_of(exchange)

    assert (server.name, server.kind) == ("POST /v1/chat/completions", Span.SPAN_KIND_SERVER)
    assert (client.name, client.kind) == ("chat gpt-4o-mini", Span.SPAN_KIND_CLIENT)
    assert client.parent_span_id == server.span_id
    assert client.span_id.hex() == one.span_id
    assert server.trace_id == client.trace_id == bytes.fromhex(TRACE)
    assert server.start_time_unix_nano == START_UNIX_NS
    assert server.end_time_unix_nano == START_UNIX_NS + 500 * MILLI
    assert client.start_time_unix_nano == START_UNIX_NS + 50 * MILLI
    assert client.end_time_unix_nano == START_UNIX_NS + 90 * MILLI


def test_the_client_span_has_the_conventions_attributes() -> None:
    exchange = call(
        body={
            "model": "assistant",
            "messages": [],
            "temperature": 0.2,
            "top_p": 1,
            "max_tokens": 128,
            "max_completion_tokens": 256,
            "seed": 7,
            "n": 2,
            "stop": ["END", "STOP"],
            "frequency_penalty": 0.5,
            "presence_penalty": -0.5,
            "response_format": {"type": "json_schema"},
        }
    )
    exchange.stream = True
    exchange.prompt = PromptUse("triage", "v2", "d")
    attempt(exchange)

    client = said(spans_of(exchange)[1])

    assert client == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "server.address": "api.openai.com",
        "server.port": 443,
        "turnout.backend": "openai/gpt-4o-mini",
        "turnout.tier": "Small",
        "turnout.team": "claims",
        "turnout.client": "triage",
        "turnout.use_case": "triage",
        "turnout.outcome_id": "claim-42",
        "turnout.route": "assistant",
        "turnout.rule": "default",
        "gen_ai.prompt.name": "triage",
        "gen_ai.prompt.version": "v2",
        "turnout.attempt": 1,
        "gen_ai.request.stream": True,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.top_p": 1.0,
        "gen_ai.request.max_tokens": 256,
        "gen_ai.request.seed": 7,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.stop_sequences": ["END", "STOP"],
        "gen_ai.request.frequency_penalty": 0.5,
        "gen_ai.request.presence_penalty": -0.5,
        "gen_ai.output.type": "json",
        "http.response.status_code": 200,
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.01,
        "gen_ai.usage.input_tokens": 1200,
        "gen_ai.usage.output_tokens": 301,
        "gen_ai.usage.cache_read.input_tokens": 128,
        "gen_ai.usage.reasoning.output_tokens": 7,
        "turnout.cost.usd": "0.0003606",
        "gen_ai.usage.cost": 0.0003606,
    }


@pytest.mark.parametrize(("profile", "name"), [("v1.41", "cache_creation"), ("latest", "cache_write")])
def test_what_was_written_to_a_cache_is_named_as_the_profile_does(profile: ProfileName, name: str) -> None:
    exchange = call()
    attempt(exchange).usage = Usage(1000, 300, cache_write_5m=0, cache_write_1h=7)
    writer = SpanWriter()
    writer.follow(PROFILES[profile])

    spans = ScopeSpans.FromString(b"".join(writer.write(exchange, trace_of(exchange)))).spans

    assert {key: value for key, value in said(spans[1]).items() if "cache" in key and "usage" in key} == {
        f"gen_ai.usage.{name}.input_tokens": 7
    }


def test_the_server_span_says_what_was_decided() -> None:
    exchange = call()
    attempt(exchange)

    server = said(spans_of(exchange)[0])

    assert server == {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "url.path": "/v1/chat/completions",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "turnout.request_id": "req_0123456789abcdef",
        "turnout.config.version": VERSION,
        "turnout.cache.state": "miss",
        "turnout.sensitivity": "Internal",
        "turnout.value": "Normal",
        "turnout.attempts": 1,
        "turnout.requested_model": "assistant",
        "turnout.guardrail.outcome": "bypassed",
        "turnout.backend": "openai/gpt-4o-mini",
        "turnout.cost.usd": "0.0003606",
        "turnout.team": "claims",
        "turnout.client": "triage",
        "turnout.use_case": "triage",
        "turnout.outcome_id": "claim-42",
        "turnout.route": "assistant",
        "turnout.rule": "default",
    }


def test_every_attempt_has_its_own_span_and_a_failed_one_says_so_in_a_word() -> None:
    exchange = call()
    attempt(exchange, error="rate_limited", status=429)
    attempt(exchange, HOUSE)

    server, first, second = spans_of(exchange)

    assert first.status.code == Status.STATUS_CODE_ERROR
    assert first.status.message == ""
    assert said(first)["error.type"] == "rate_limited"
    assert said(first)["http.response.status_code"] == 429
    assert "gen_ai.usage.input_tokens" not in said(first)
    assert (said(second)["turnout.attempt"], said(second)["server.address"], said(second)["server.port"]) == (
        2,
        "vllm.house",
        8000,
    )
    assert first.parent_span_id == second.parent_span_id == server.span_id
    assert server.status.code == Status.STATUS_CODE_UNSET


def test_a_call_that_failed_has_an_error_on_its_server_span() -> None:
    exchange = call()
    attempt(exchange, error="timeout", status=None)
    exchange.status, exchange.error = 504, "upstream_timeout"

    server = spans_of(exchange)[0]

    assert server.status.code == Status.STATUS_CODE_ERROR
    assert said(server)["error.type"] == "upstream_timeout"


def test_a_stream_that_broke_off_is_an_error_of_the_server_and_one_that_was_left_is_not() -> None:
    exchange = call()
    attempt(exchange)
    exchange.status, exchange.error, exchange.aborted = 200, "stream_broken", True

    assert spans_of(exchange)[0].status.code == Status.STATUS_CODE_ERROR

    exchange.error, exchange.client_gone = "client_gone", True

    assert spans_of(exchange)[0].status.code == Status.STATUS_CODE_UNSET


def test_a_call_that_the_caller_got_wrong_is_no_error_of_the_server() -> None:
    exchange = call()
    exchange.route = exchange.rule = exchange.caller = None
    exchange.model, exchange.status, exchange.error = "x" * 5000, 404, "model_not_found"

    (server,) = spans_of(exchange)

    assert server.status.code == Status.STATUS_CODE_UNSET
    assert said(server)["error.type"] == "model_not_found"
    assert "turnout.requested_model" not in said(server), "it is no name of ours, and may be anything"
    assert "turnout.team" not in said(server)


def test_a_callers_trace_goes_on() -> None:
    exchange = call()
    attempt(exchange)

    server, client = spans_of(exchange, trace_of(exchange, parent=Parent(TRACE, "00f067aa0ba902b7", 1, "a=1")))

    assert server.parent_span_id.hex() == "00f067aa0ba902b7"
    assert server.trace_state == client.trace_state == "a=1"
    assert server.flags == 0x301
    assert client.flags == 0x101


def test_a_stage_has_an_internal_span() -> None:
    exchange = call()
    trace = trace_of(exchange)
    trace.child("turnout.cache", START_UNIX_NS + 1, START_UNIX_NS + 2, {"turnout.cache.state": "exact", "hits": 2})

    server, cache = spans_of(exchange, trace)

    assert (cache.name, cache.kind, cache.parent_span_id) == (
        "turnout.cache",
        Span.SPAN_KIND_INTERNAL,
        server.span_id,
    )
    assert said(cache) == {"turnout.cache.state": "exact", "hits": 2}


def test_the_spans_of_stages_are_bounded() -> None:
    exchange = call()
    trace = trace_of(exchange)
    for _ in range(1000):
        trace.child("x", 1, 2, {})

    assert len(spans_of(exchange, trace)) == 65


def test_a_hit_says_what_it_saved() -> None:
    exchange = call()
    exchange.cache_state, exchange.saved_nano, exchange.cost_nano = "semantic", 360_600, 0
    exchange.response_backend = "openai/gpt-4o-mini"

    server = said(spans_of(exchange)[0])

    assert (server["turnout.cache.state"], server["turnout.cost.saved_usd"], server["turnout.cost.usd"]) == (
        "semantic",
        "0.0003606",
        "0",
    )


def test_embeddings_are_an_operation_of_their_own() -> None:
    exchange = call(endpoint=EMBEDDINGS, body={"model": "assistant", "input": "x"})
    attempt(exchange)

    assert [span.name for span in spans_of(exchange)] == ["POST /v1/embeddings", "embeddings gpt-4o-mini"]


def test_an_unpriced_attempt_has_no_cost_rather_than_none() -> None:
    exchange = call()
    one = attempt(exchange)
    one.cost_nano = None
    one.usage = Usage(input=5, estimated=True)

    client = said(spans_of(exchange)[1])

    assert not {"turnout.cost.usd", "gen_ai.usage.cost", "gen_ai.usage.output_tokens"} & set(client)
    assert client["turnout.usage.estimated"] is True


@pytest.mark.parametrize(
    ("endpoint", "body", "expected"),
    [
        (
            RESPONSES,
            {
                "max_output_tokens": 64,
                "temperature": 0.5,
                "text": {"format": {"type": "json_schema"}},
                "max_tokens": 9,
                "stop": "x",
            },
            {"max_tokens": 64, "temperature": 0.5, "output.type": "json"},
        ),
        (
            MESSAGES,
            {"max_tokens": 64, "top_k": 5, "top_p": 0.9, "stop_sequences": ["END"], "stop": "x", "seed": 7},
            {"max_tokens": 64, "top_k": 5.0, "top_p": 0.9, "stop_sequences": ["END"]},
        ),
        (RESPONSES, {"max_output_tokens": "many", "text": {"format": 3}}, {}),
        (MESSAGES, {"top_k": [], "stop_sequences": {"a": 1}}, {}),
    ],
)
def test_the_parameters_of_each_api_have_the_conventions_names(
    endpoint: Endpoint, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    exchange = call(body=body, endpoint=endpoint)
    attempt(exchange)

    client = said(spans_of(exchange)[1])

    names = ("max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "seed")
    found = {name: client[f"gen_ai.request.{name}"] for name in names if f"gen_ai.request.{name}" in client}
    if "gen_ai.output.type" in client:
        found["output.type"] = client["gen_ai.output.type"]
    assert found == expected


@pytest.mark.parametrize(
    "body",
    [
        {"temperature": "hot", "max_tokens": "many", "n": {}, "stop": {"a": 1}, "response_format": "json"},
        {"temperature": 10**400, "max_tokens": 10**400, "seed": -(10**400), "stop": [None] * 1000},
        {"temperature": None, "top_p": [], "stop": 3, "messages": "none"},
        {"stop": "\ud800", "response_format": {"type": ["x"]}, "messages": [{"role": "user", "content": "\ud800"}]},
        {"messages": [None, 3, {"role": 5, "content": {"a": 1}}, {"role": "tool"}, {"tool_calls": [{}, 4]}]},
    ],
)
def test_parameters_of_a_wrong_type_break_nothing(body: dict[str, Any]) -> None:
    exchange = call(body=body)
    attempt(exchange)

    assert len(spans_of(exchange, trace_of(exchange, content=True))) == 2


def test_content_is_there_only_when_asked_for() -> None:
    answer = b'{"choices":[{"message":{"role":"assistant","content":"ANSWER"},"finish_reason":"stop"}]}'
    exchange = call(body={"messages": [{"role": "user", "content": "QUESTION"}]})
    attempt(exchange, error="500", status=500)
    attempt(exchange)
    silent, asked = trace_of(exchange), trace_of(exchange, content=True)
    for trace in (silent, asked):
        trace.answer(answer)

    plain = b"".join(SpanWriter().write(exchange, silent))
    _, first, last = spans_of(exchange, asked)

    assert b"QUESTION" not in plain
    assert b"ANSWER" not in plain
    assert silent.answered is None
    assert "gen_ai.input.messages" not in said(first)
    assert orjson.loads(str(said(last)["gen_ai.input.messages"])) == [
        {"role": "user", "parts": [{"type": "text", "content": "QUESTION"}]}
    ]
    assert orjson.loads(str(said(last)["gen_ai.output.messages"])) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "ANSWER"}], "finish_reason": "stop"}
    ]


def test_the_content_of_a_hit_is_on_the_server_span() -> None:
    exchange = call()
    exchange.cache_state = "exact"
    trace = trace_of(exchange, content=True)
    trace.answer(b'{"choices":[{"message":{"content":"ANSWER"}}]}')

    (server,) = spans_of(exchange, trace)

    assert "ANSWER" in str(said(server)["gen_ai.output.messages"])


def test_long_content_is_cut_and_says_so() -> None:
    exchange = call(body={"messages": [{"role": "user", "content": "a" * 1_000_000}]})
    attempt(exchange)

    client = said(spans_of(exchange, trace_of(exchange, content=True))[1])

    assert client["turnout.content_truncated"] is True
    (message,) = orjson.loads(str(client["gen_ai.input.messages"]))
    assert len(message["parts"][0]["content"]) == 65_537


def test_of_very_many_messages_the_newest_are_kept() -> None:
    content = input_messages({"messages": [{"role": "user", "content": f"m{number}"} for number in range(10_000)]})

    assert content is not None
    assert content.truncated
    assert '"m9999"' in content.text
    assert '"m0"' not in content.text


def test_tools_and_media_have_the_conventions_shapes() -> None:
    call_one = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"a":1}'}}
    picture = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
    inline = {"type": "image_url", "image_url": {"url": "data:image/png;base64,SECRETBYTES"}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "look"}, picture, inline, {"type": "odd"}]},
        {"role": "assistant", "content": None, "tool_calls": [call_one]},
        {"role": "tool", "tool_call_id": "c1", "content": "found"},
    ]

    content = input_messages({"messages": messages})

    assert content is not None
    assert orjson.loads(content.text) == [
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "look"},
                {"type": "uri", "modality": "image", "uri": "https://x/y.png"},
                {"type": "blob", "modality": "image"},
                {"type": "odd"},
            ],
        },
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c1", "name": "find", "arguments": '{"a":1}'}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "found"}]},
    ]


@pytest.mark.parametrize("answer", [b"", b"nonsense", b"[]", b'{"choices":[]}', b'{"choices":"x"}', b'{"data":[1]}'])
def test_an_answer_that_is_no_chat_answer_has_no_content(answer: bytes) -> None:
    assert output_messages(answer) is None


def test_content_that_is_nested_very_deeply_is_told_as_far_as_it_can_be() -> None:
    nested = b"[" * 1000 + b"1" + b"]" * 1000
    said = output_messages(b'{"choices": [{"message": {"role": "assistant", "content": {"x": ' + nested + b"}}}]}")

    assert said is not None
    assert said.text.startswith('[{"role":"assistant","parts":[{"type":"text","content":"')
