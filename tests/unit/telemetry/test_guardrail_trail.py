"""What logs, spans and metrics tell of guardrails: the outcome, the verdicts that say something, and never more than that."""

import random
from typing import Any

import msgspec
import orjson
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span
from prometheus_client.parser import text_string_to_metric_families

from doubles.finished_calls import MILLI, START_NS, START_UNIX_NS, attempt, call, snapshot
from doubles.otlp_receiver import attributes
from turnout_contract.snapshot import guards
from turnout_sidecar.adapters.call_trace import Trace
from turnout_sidecar.adapters.log import line_of
from turnout_sidecar.adapters.metrics import GatewayMetrics
from turnout_sidecar.adapters.spans import SpanWriter
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.exchange.guarded import Verdict

LABELS = ("route", "outcome", "check", "side", "rule", "state", "done", "le")
DIGEST = "bcdfghjkmnpq"
MASKED = Verdict("pii", "input", "Email", "matched", "masked", 2, (DIGEST, "qpnmkjhgfdcb"), "privacy")
PASSED = Verdict("pii", "input", "IBAN", "passed", policy="privacy")
FAILED = Verdict("plugin", "input", "presidio", "failed", policy="org/house-rules")
NOT_RUN = Verdict("schema", "output", "schema", "not_run")
GUARD = guards.Guard(
    id="g1",
    policies=("privacy", "org/house-rules"),
    input=(guards.Treatment("Email", "Mask"), guards.Treatment("Person", "Mask")),
    deny_input=(guards.Pattern("case-number", "AZ-[0-9]+", "Block", "privacy"),),
    plugins=(guards.Plugin("presidio", "org/house-rules", "Presidio", url="http://presidio"),),
)


def guarded(*verdicts: Verdict, asked: bool = True) -> Exchange:
    """A call that policies looked at; `asked`: a provider answered it."""
    exchange = call()
    if asked:
        attempt(exchange)
    exchange.guard.guarded = exchange.guard.inspected = True
    exchange.guard.policies = GUARD.policies
    exchange.guard.verdicts += verdicts
    return exchange


def a_trace(exchange: Exchange, *, content: bool = False) -> Trace:
    bits = random.Random(3).getrandbits
    trace = Trace(None, "4bf92f3577b34da6a3ce929d0e0e4736", bits, sampled=True, content=content)
    trace.ended_ns = exchange.received_ns + 500 * MILLI
    exchange.trace = trace
    return trace


def line(exchange: Exchange) -> dict[str, Any]:
    whole: dict[str, Any] = orjson.loads(line_of(exchange, a_trace(exchange)))
    return {name: value for name, value in whole.items() if name.startswith("guardrail")}


def spans(exchange: Exchange, *, content: bool = False) -> list[Span]:
    data = b"".join(SpanWriter().write(exchange, a_trace(exchange, content=content)))
    return list(ScopeSpans.FromString(data).spans)


def said(span: Span) -> dict[str, Any]:
    found = attributes(list(span.attributes))
    return {name: value for name, value in found.items() if name.startswith("turnout.guardrail")}


def metrics_of(*calls: Exchange) -> GatewayMetrics:
    metrics = GatewayMetrics()
    metrics.configure(msgspec.structs.replace(snapshot(), guards=(GUARD,)), "ab" * 32)
    for each in calls:
        metrics.record(each, START_NS + 500 * MILLI)
    return metrics


def samples(metrics: GatewayMetrics) -> dict[str, dict[tuple[str, ...], float]]:
    """By name, and the label values in the order that they are declared in."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(metrics.render("text/plain")[0].decode()):
        for sample in family.samples:
            if sample.name.startswith("turnout_guardrail"):
                values = tuple(sample.labels[label] for label in LABELS if label in sample.labels)
                found.setdefault(sample.name, {})[values] = sample.value
    return found


def test_a_line_names_what_matched_failed_or_did_not_run_and_counts_what_passed() -> None:
    exchange = guarded(MASKED, PASSED, PASSED, FAILED, NOT_RUN)
    exchange.guard.restored, exchange.guard.unresolved = 3, 1

    assert line(exchange) == {
        "guardrail": "failed",
        "guardrail_policies": ["privacy", "org/house-rules"],
        "guardrail_passed": 2,
        "guardrail_verdicts": [
            {
                "check": "pii",
                "side": "input",
                "rule": "Email",
                "state": "matched",
                "done": "masked",
                "count": 2,
                "digests": [DIGEST, "qpnmkjhgfdcb"],
                "policy": "privacy",
            },
            {"check": "plugin", "side": "input", "rule": "presidio", "state": "failed", "policy": "org/house-rules"},
            {"check": "schema", "side": "output", "rule": "schema", "state": "not_run"},
        ],
        "guardrail_restored": 3,
        "guardrail_unresolved": 1,
    }


def test_a_call_in_which_nothing_was_found_says_so_in_three_words() -> None:
    assert line(guarded(PASSED, PASSED)) == {
        "guardrail": "evaluated",
        "guardrail_policies": ["privacy", "org/house-rules"],
        "guardrail_passed": 2,
    }


def test_a_call_that_no_policy_holds_for_is_bypassed() -> None:
    exchange = call()
    attempt(exchange)

    assert line(exchange) == {"guardrail": "bypassed"}
    assert said(spans(exchange)[0]) == {"turnout.guardrail.outcome": "bypassed"}
    assert samples(metrics_of(exchange))["turnout_guardrail_calls_total"] == {("assistant", "bypassed"): 1}


def test_an_answer_of_the_cache_that_no_policy_holds_for_is_bypassed() -> None:
    exchange = call()
    exchange.cache_state = "exact"

    assert line(exchange) == {"guardrail": "bypassed"}


@pytest.mark.parametrize(
    ("status", "error"), [(401, "invalid_api_key"), (404, "model_not_found"), (400, "bad_request")]
)
def test_what_was_refused_before_it_was_a_call_to_a_model_is_not_counted(status: int, error: str) -> None:
    exchange = call()
    exchange.route = exchange.rule = exchange.caller = None
    exchange.cache_state = "bypass"
    exchange.status, exchange.error = status, error

    assert line(exchange) == {}
    assert said(spans(exchange)[0]) == {}
    assert "turnout_guardrail_calls_total" not in samples(metrics_of(exchange))


def test_a_call_that_was_refused_before_its_policies_looked_is_not_counted() -> None:
    exchange = call()
    exchange.rule = msgspec.structs.replace(exchange.rule, guard="g1")  # type: ignore[type-var]
    exchange.status, exchange.error = 400, "missing_variable"

    assert line(exchange) == {}


def test_a_guarded_call_that_asked_nobody_is_counted_all_the_same() -> None:
    blocked = msgspec.structs.replace(MASKED, done="blocked")

    assert samples(metrics_of(guarded(blocked, asked=False)))["turnout_guardrail_calls_total"] == {
        ("assistant", "blocked"): 1
    }


def test_a_line_stays_short_whatever_is_found() -> None:
    many = msgspec.structs.replace(MASKED, digests=(DIGEST,) * 500, rule="r" * 5000, policy="p" * 5000)
    exchange = guarded(*[many] * 500)
    exchange.guard.policies = ("x" * 5000,) * 500

    told = line(exchange)

    assert len(told["guardrail_verdicts"]) == 32
    assert told["guardrail_verdicts_omitted"] == 468
    assert all(len(verdict["digests"]) == 16 for verdict in told["guardrail_verdicts"])
    assert len(orjson.dumps(told)) < 32_768


def test_a_name_that_is_no_unicode_breaks_no_line() -> None:
    told = line(guarded(msgspec.structs.replace(FAILED, rule="\ud800")))

    assert told["guardrail_verdicts"][0]["rule"] == "?"


def test_the_server_span_counts_what_checks_said() -> None:
    exchange = guarded(MASKED, PASSED, FAILED, NOT_RUN, Verdict("binary", "input", "binary", "matched", "monitored", 3))
    exchange.guard.restored, exchange.guard.unresolved = 4, 1

    assert said(spans(exchange)[0]) == {
        "turnout.guardrail.outcome": "failed",
        "turnout.guardrail.policies": ["privacy", "org/house-rules"],
        "turnout.guardrail.passed": 1,
        "turnout.guardrail.matched": 2,
        "turnout.guardrail.failed": 1,
        "turnout.guardrail.not_run": 1,
        "turnout.guardrail.restored": 4,
        "turnout.guardrail.unresolved": 1,
        "turnout.guardrail.uninspected_parts": 3,
    }


def test_each_verdict_that_says_something_is_an_event_of_the_server_span() -> None:
    exchange = guarded(MASKED, PASSED, NOT_RUN)
    exchange.guard.took("input", START_NS + MILLI, START_NS + 2 * MILLI)

    first, second = spans(exchange)[0].events

    assert first.name == second.name == "turnout.guardrail.verdict"
    assert first.time_unix_nano == START_UNIX_NS + 2 * MILLI
    assert second.time_unix_nano == START_UNIX_NS + 500 * MILLI, "when the output was looked at is not known"
    assert attributes(list(first.attributes)) == {
        "turnout.guardrail.check": "pii",
        "turnout.guardrail.side": "input",
        "turnout.guardrail.rule": "Email",
        "turnout.guardrail.state": "matched",
        "turnout.guardrail.done": "masked",
        "turnout.guardrail.count": 2,
        "turnout.guardrail.digests": [DIGEST, "qpnmkjhgfdcb"],
        "turnout.guardrail.policy": "privacy",
    }


def test_a_span_has_32_events_and_says_how_many_more_there_were() -> None:
    span = spans(guarded(*[MASKED] * 40))[0]

    assert (len(span.events), span.dropped_events_count) == (32, 8)


def test_the_time_of_looking_is_a_span_for_each_side() -> None:
    exchange = guarded(MASKED)
    exchange.guard.took("input", START_NS + MILLI, START_NS + 2 * MILLI)
    exchange.guard.took("output", START_NS + 100 * MILLI, START_NS + 101 * MILLI)
    exchange.guard.took("output", START_NS + 200 * MILLI, START_NS + 202 * MILLI)

    server, _, first, second = spans(exchange)

    assert (first.name, second.name) == ("turnout.guardrail.input", "turnout.guardrail.output")
    assert first.parent_span_id == second.parent_span_id == server.span_id
    assert (second.start_time_unix_nano, second.end_time_unix_nano) == (
        START_UNIX_NS + 100 * MILLI,
        START_UNIX_NS + 202 * MILLI,
    )
    assert said(second) == {"turnout.guardrail.busy_ms": 3.0}


def test_metrics_count_calls_verdicts_placeholders_parts_and_time() -> None:
    exchange = guarded(MASKED, PASSED, FAILED, Verdict("binary", "input", "binary", "matched", "monitored", 3))
    exchange.guard.restored, exchange.guard.unresolved = 4, 1
    exchange.guard.took("input", START_NS, START_NS + 200_000)
    exchange.guard.took("output", START_NS, START_NS + MILLI)
    exchange.guard.took("output", START_NS, START_NS + MILLI)

    found = samples(metrics_of(exchange))

    assert found["turnout_guardrail_calls_total"] == {("assistant", "failed"): 1}
    assert found["turnout_guardrail_verdicts_total"] == {
        ("pii", "input", "Email", "matched", "masked"): 1,
        ("pii", "input", "IBAN", "passed", "none"): 1,
        ("plugin", "input", "presidio", "failed", "none"): 1,
        ("binary", "input", "binary", "matched", "monitored"): 1,
    }
    assert found["turnout_guardrail_restored_total"] == {("assistant",): 4}
    assert found["turnout_guardrail_unresolved_total"] == {("assistant",): 1}
    assert found["turnout_guardrail_uninspected_parts_total"] == {("assistant",): 3}
    assert found["turnout_guardrail_duration_seconds_count"] == {("input",): 1, ("output",): 1}
    assert found["turnout_guardrail_duration_seconds_sum"][("output",)] == pytest.approx(0.002)


def test_the_enforcement_rate_is_made_of_one_counter() -> None:
    plain = call()
    attempt(plain)
    blocked = guarded(msgspec.structs.replace(MASKED, done="blocked"))

    counts = samples(metrics_of(plain, guarded(PASSED), guarded(MASKED), blocked, guarded(FAILED)))

    enforced = {"evaluated", "changed", "blocked"}
    calls = counts["turnout_guardrail_calls_total"]
    assert sum(calls.values()) == 5
    assert sum(count for (_, outcome), count in calls.items() if outcome in enforced) == 3


def test_a_rule_that_is_not_configured_makes_no_series_of_its_own() -> None:
    made_up = [msgspec.structs.replace(MASKED, rule=f"made-up-{number}") for number in range(100)]

    assert set(samples(metrics_of(guarded(*made_up)))["turnout_guardrail_verdicts_total"]) == {
        ("pii", "input", "_other", "matched", "masked")
    }


def test_series_of_a_pattern_that_is_gone_are_forgotten() -> None:
    denied = Verdict("deny", "input", "case-number", "matched", "blocked", 1, policy="privacy")
    metrics = metrics_of(guarded(denied))
    assert ("deny", "input", "case-number", "matched", "blocked") in samples(metrics)[
        "turnout_guardrail_verdicts_total"
    ]

    metrics.configure(snapshot(), "cd" * 32)

    assert "turnout_guardrail_verdicts_total" not in samples(metrics)
