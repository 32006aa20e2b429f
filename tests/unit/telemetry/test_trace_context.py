"""W3C context: what is read, what is refused, what goes on, what is sampled."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from doubles.finished_calls import attempt, call
from turnout_sidecar.adapters import trace_context as tc
from turnout_sidecar.adapters.call_trace import Trace

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


def headers(*pairs: tuple[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(pairs))


def bits() -> tc.Bits:
    return random.Random(7).getrandbits


def test_a_callers_context_is_read() -> None:
    parent = tc.read(headers(("Traceparent", GOOD), ("TraceState", "a=1"), ("tracestate", "b=2,c@d=x y")))

    assert parent == tc.Parent(TRACE, SPAN, 1, "a=1,b=2,c@d=x y")
    assert parent.sampled


def test_no_context_is_none() -> None:
    assert tc.read(headers()) is None
    assert tc.read(headers(("tracestate", "a=1"))) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00_{TRACE}_{SPAN}_01",
        "\u06600-" + GOOD[3:],
    ],
)
def test_what_is_not_a_traceparent_begins_a_new_trace(text: str) -> None:
    assert tc.parse(text) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert tc.parse(f"cc-{TRACE}-{SPAN}-01-what-comes") == tc.Parent(TRACE, SPAN, 1)


def test_two_traceparents_are_none() -> None:
    assert tc.read(headers(("traceparent", GOOD), ("traceparent", GOOD))) is None


@pytest.mark.parametrize(
    "state", ["novalue", "a=1,a=2", "A=1", "a=1,,=", ",".join(f"k{n}=1" for n in range(33)), "a=" + "x" * 9000]
)
def test_a_bad_tracestate_is_left_behind_and_the_trace_goes_on(state: str) -> None:
    assert tc.read(headers(("traceparent", GOOD), ("tracestate", state))) == tc.Parent(TRACE, SPAN, 1, "")


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading(text: str) -> None:
    tc.parse(text)
    tc.is_state(text)


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_what_is_written_is_read_back(trace: int, span: int, sampled: bool) -> None:
    text = tc.write(f"{trace:032x}", f"{span:016x}", sampled=sampled)

    assert tc.parse(text) == tc.Parent(f"{trace:032x}", f"{span:016x}", int(sampled))


def test_ids_are_never_zero() -> None:
    assert tc.new_trace_id(lambda _: 0) == "0" * 31 + "1"
    assert tc.new_span_id(lambda _: 0) == "0" * 15 + "1"


@pytest.mark.parametrize("ratio", [0.0, 0.01, 0.1, 0.5, 1.0])
def test_the_share_of_new_traces_is_the_ratio(ratio: float) -> None:
    source, count = bits(), 20_000
    bound = tc.bound_of(ratio)

    sampled = sum(tc.falls_below(tc.new_trace_id(source), bound) for _ in range(count))

    deviation = (count * ratio * (1 - ratio)) ** 0.5
    assert abs(sampled - count * ratio) <= 5 * deviation


def test_a_gateway_decides_as_any_other_by_the_low_half_of_the_id() -> None:
    bound = tc.bound_of(0.5)

    assert tc.falls_below("f" * 16 + "7" + "f" * 15, bound)
    assert not tc.falls_below("0" * 16 + "8" + "0" * 15, bound)


def test_a_recorded_attempt_sends_its_own_span_and_the_callers_state() -> None:
    exchange = call()
    one, two = attempt(exchange, error="500"), attempt(exchange)
    trace = Trace(tc.Parent(TRACE, SPAN, 1, "a=1"), TRACE, bits(), sampled=True, content=False)

    sent = [dict(trace.headers_for(each)) for each in (one, two)]

    assert [each["traceparent"] for each in sent] == [f"00-{TRACE}-{each.span_id}-01" for each in (one, two)]
    assert len({one.span_id, two.span_id, trace.span_id, SPAN}) == 4
    assert sent[0]["tracestate"] == "a=1"


@pytest.mark.parametrize("flags", [0, 1])
def test_where_nothing_is_recorded_the_callers_own_context_goes_on(flags: int) -> None:
    trace = Trace(tc.Parent(TRACE, SPAN, flags, "a=1"), TRACE, bits(), sampled=False, content=False)

    sent = dict(trace.headers_for(attempt(call())))

    assert sent == {"traceparent": f"00-{TRACE}-{SPAN}-0{flags}", "tracestate": "a=1"}


def test_a_new_trace_that_is_not_recorded_tells_the_provider_so() -> None:
    trace = Trace(None, TRACE, bits(), sampled=False, content=True)

    assert trace.headers_for(attempt(call())) == (("traceparent", f"00-{TRACE}-{trace.span_id}-00"),)
    assert not trace.wants_content
