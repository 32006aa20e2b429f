"""Names that callers choose themselves (a model's beyond a prefix, team, use case, outcome) are told masked, in log and spans."""

import random
from typing import Any

import pytest

from gateway_rig import a_client, a_gateway, a_provider, a_route, a_rule, a_snapshot, call
from guard_rig import CARD, EMAIL, Echo, a_guard, asked, treated
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters import trace_context
from turnout_sidecar.adapters.call_trace import Trace
from turnout_sidecar.adapters.log import line_of
from turnout_sidecar.adapters.spans import SpanWriter
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.guarding import scanner
from turnout_sidecar.ports.secrets import HeldSecrets
from turnout_sidecar.ports.telemetry import FakeTelemetry

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HEADERS = ("x-turnout-team", "x-turnout-use-case", "x-turnout-outcome-id")
TRUST = ("Outcome", "Team", "UseCase", "User")


async def told(guard: guards.Guard | None, model: str = "assistant", **headers: str) -> tuple[Exchange, bytes, bytes]:
    """A call, its line in the log, and its spans."""
    gate = snap.Gateway(clients=(a_client(trust=TRUST),), masking_key=snap.SecretFile("mask", "key"))
    rule = a_rule(guard=guard.id if guard is not None else None)
    route = a_route("assistant", rule, models=("assistant", "gpt-*"))
    closed = a_route("shut", rules=(), closed="for a test")
    kept = () if guard is None else (guard,)
    snapshot = a_snapshot(route, closed, providers=(a_provider(),), gateway=gate, guards=kept)
    telemetry, secrets = FakeTelemetry(), HeldSecrets({"app": {"key": b"key-of-app"}, "mask": {"key": b"m" * 32}})
    async with a_gateway(snapshot, upstream=Echo(), telemetry=telemetry, secrets=secrets) as gateway:
        body = {**asked("chat", "Hello"), "model": model}
        await call(gateway, body, authorization="Bearer key-of-app", **headers)
    exchange = telemetry.ended[-1]
    parent = trace_context.read(exchange.headers)
    trace = Trace(parent, "4bf92f3577b34da6a3ce929d0e0e4736", random.Random(3).getrandbits, sampled=True, content=True)
    trace.ended_ns = exchange.received_ns + 1
    exchange.trace = trace
    return exchange, line_of(exchange, trace), b"".join(SpanWriter().write(exchange, trace))


@pytest.mark.parametrize("header", HEADERS)
async def test_what_a_guard_finds_in_a_header_that_names_the_call_is_told_masked(header: str) -> None:
    exchange, line, spans = await told(a_guard(), **{header: f"for {EMAIL}"})
    assert exchange.status == 200
    for said in (line, spans):
        assert EMAIL.encode() not in said
        assert b"for <EMAIL_" in said


async def test_what_a_guard_finds_in_a_model_s_name_beyond_a_prefix_is_told_masked() -> None:
    exchange, line, spans = await told(a_guard(), model=f"gpt-4 for {CARD}")
    assert exchange.status == 200
    assert CARD.encode() not in line + spans
    assert b"gpt-4 for <CARD_" in spans


async def test_a_team_has_one_name_over_all_its_outcomes_and_another_team_has_another() -> None:
    """Else what is told of a team could not be added up."""
    told_as = [
        (await told(a_guard(), **{HEADERS[0]: team, HEADERS[2]: outcome}))[0].renamed[team]
        for team, outcome in ((EMAIL, "o1"), (EMAIL, "o2"), (f"x.{EMAIL}", "o1"))
    ]
    assert told_as[0] == told_as[1] != told_as[2]


async def test_one_outcome_has_one_name_and_another_has_another() -> None:
    lines = [(await told(a_guard(), **{HEADERS[2]: name}))[0].renamed[name] for name in (EMAIL, f"x.{EMAIL}")]
    again = await told(a_guard(), **{HEADERS[2]: EMAIL, HEADERS[1]: EMAIL})
    assert lines[0] != lines[1]
    assert set(again[0].renamed) == {EMAIL}


@pytest.mark.parametrize("model", ["shut", "nothing-of-that-name"])
async def test_a_call_that_ended_before_its_question_was_looked_at_is_told_masked_too(model: str) -> None:
    headers = {**dict.fromkeys(HEADERS, EMAIL), "tracestate": f"x={EMAIL}", "traceparent": PARENT}
    exchange, line, spans = await told(a_guard(), model=model, **headers)
    assert exchange.status in (404, 503)
    assert EMAIL.encode() not in line + spans
    assert b"<EMAIL_" in line


async def test_the_state_of_a_trace_that_is_left_out_is_not_told_either() -> None:
    _, _, spans = await told(a_guard(), traceparent=PARENT, tracestate=f"x={EMAIL}")
    assert EMAIL.encode() not in spans
    _, _, spans = await told(a_guard(), traceparent=PARENT, tracestate="x=plain")
    assert b"x=plain" in spans


async def test_a_pattern_of_one_s_own_is_masked_in_them() -> None:
    guard = a_guard(input=(), deny_input=(guards.Pattern("case", "AZ-[0-9]+", "Block", "default"),))
    exchange, line, spans = await told(guard, **{HEADERS[2]: "case AZ-17"})
    assert exchange.status == 200
    assert b"AZ-17" not in line + spans
    assert b"case <TEXT_" in line


@pytest.mark.parametrize("guard", [None, a_guard(input=treated("Monitor"))], ids=["none", "Monitor"])
async def test_who_guards_nothing_or_only_watches_changes_no_name(guard: guards.Guard | None) -> None:
    exchange, line, spans = await told(guard, **{HEADERS[2]: EMAIL})
    assert not exchange.renamed
    assert EMAIL.encode() in line
    assert EMAIL.encode() in spans


async def test_names_of_the_usual_kinds_are_told_as_they_are() -> None:
    names = ("claims-eu", "invoice triage", "3f0c2a52-8f5e-4c6e-9a52-0d6a6f1b7c11")
    exchange, line, _ = await told(a_guard(), model="gpt-4o-2024-08-06", **dict(zip(HEADERS, names, strict=True)))
    assert not exchange.renamed
    assert all(name.encode() in line for name in names)


async def test_a_name_that_could_not_be_looked_at_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(scanner, "scan", broken)
    _, line, spans = await told(a_guard(), **{HEADERS[2]: "a-name-of-its-own"})
    assert b"a-name-of-its-own" not in line + spans
