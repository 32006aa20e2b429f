"""The bytes that leave are OTLP: decoded here with the generated protobuf classes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from doubles.otlp_receiver import attributes
from turnout_sidecar.adapters import otlp_encoding as otlp
from turnout_sidecar.adapters.otlp_encoding import Key

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TEXT = st.text(st.characters(codec="utf-8"), max_size=3000)


def decoded(*fields: bytes, code: int = otlp.UNSET, flags: int = otlp.LOCAL_PARENT) -> Span:
    span = otlp.span(
        otlp.trace(TRACE, ""),
        "00f067aa0ba902b7",
        "",
        otlp.span_name("chat m"),
        otlp.CLIENT,
        17,
        2**63,
        fields,
        code=code,
        flags=flags,
    )
    spans: list[Span] = list(ScopeSpans.FromString(span).spans)
    assert len(spans) == 1
    return spans[0]


def test_a_span_has_all_its_parts() -> None:
    written = otlp.span(
        otlp.trace(TRACE, "a=1,b=2"),
        "00f067aa0ba902b7",
        "1111111111111111",
        otlp.span_name("POST /v1/chat/completions"),
        otlp.SERVER,
        1_700_000_000_000_000_000,
        1_700_000_000_000_000_009,
        (),
        flags=otlp.REMOTE_PARENT,
        code=otlp.ERROR,
    )

    (span,) = ScopeSpans.FromString(written).spans

    assert span.trace_id.hex() == TRACE
    assert span.span_id.hex() == "00f067aa0ba902b7"
    assert span.parent_span_id.hex() == "1111111111111111"
    assert span.trace_state == "a=1,b=2"
    assert span.name == "POST /v1/chat/completions"
    assert span.kind == Span.SPAN_KIND_SERVER
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (
        1_700_000_000_000_000_000,
        1_700_000_000_000_000_009,
    )
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert span.flags == 0x301


def test_a_root_span_has_no_parent_and_no_status() -> None:
    span = decoded()

    assert span.parent_span_id == b""
    assert not span.HasField("status")
    assert span.flags == 0x101


@given(TEXT)
def test_any_text_comes_back(text: str) -> None:
    key = Key("k")
    for _ in range(2):  # the second time by what was remembered for the length
        assert attributes(list(decoded(key.text(text)).attributes)) == {"k": text}


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_whole_number_comes_back(number: int) -> None:
    assert attributes(list(decoded(Key("k").number(number)).attributes)) == {"k": number}


@pytest.mark.parametrize("number", [0, 1, 127, 128, 16_383, 16_384, 2**21, 2**32, 2**63 - 1, -1])
def test_numbers_at_the_edges_of_their_lengths_come_back(number: int) -> None:
    assert attributes(list(decoded(Key("k").number(number)).attributes)) == {"k": number}


@given(st.floats(allow_nan=False))
def test_any_double_comes_back(number: float) -> None:
    assert attributes(list(decoded(Key("k").real(number)).attributes)) == {"k": number}


@given(st.lists(TEXT, max_size=5))
def test_lists_of_texts_come_back(texts: list[str]) -> None:
    key = Key("k")
    assert attributes(list(decoded(key.texts(texts)).attributes)) == {"k": texts}


def test_values_of_any_kind_find_their_type() -> None:
    fields = [Key(str(number)).any(value) for number, value in enumerate([True, 3, 0.5, "x", ["a", 1], None])]

    assert attributes(list(decoded(*fields).attributes)) == {
        "0": True, "1": 3, "2": 0.5, "3": "x", "4": ["a", "1"], "5": "None",
    }  # fmt: skip


def test_text_that_is_not_unicode_is_replaced() -> None:
    assert attributes(list(decoded(Key("k").text("a\ud800b")).attributes)) == {"k": "a?b"}


def test_a_request_holds_resource_scope_and_spans() -> None:
    one = otlp.span(otlp.trace(TRACE, ""), "0" * 15 + "1", "", otlp.span_name("a"), otlp.INTERNAL, 1, 2, ())
    body = otlp.request(
        otlp.resource((("service.name", "turnout-gateway"),)), otlp.scope("s", "1"), [one, one], "http://x"
    )

    request = ExportTraceServiceRequest.FromString(body)

    (resource,) = request.resource_spans
    (scope,) = resource.scope_spans
    assert attributes(list(resource.resource.attributes)) == {"service.name": "turnout-gateway"}
    assert (scope.scope.name, scope.scope.version) == ("s", "1")
    assert (resource.schema_url, scope.schema_url) == ("http://x", "http://x")
    assert [span.name for span in scope.spans] == ["a", "a"]


@pytest.mark.parametrize("count", [0, 1, 300, 2**40])
def test_a_partial_success_tells_how_many_were_refused(count: int) -> None:
    reply = ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(error_message="too old", rejected_spans=count)
    )

    assert otlp.rejected_spans(reply.SerializeToString()) == count


@given(st.binary(max_size=200))
def test_no_reply_breaks_the_reading(reply: bytes) -> None:
    assert otlp.rejected_spans(reply) >= 0
