"""Faults of the checks of a question: what could not be looked at is told so, and fails as the policy says."""

from typing import Any

import pytest

from gateway_rig import a_gateway, call
from guard_rig import EMAIL, Echo, a_guard, asked, guarded, treated
from turnout_contract.snapshot import guards
from turnout_sidecar.checks import injection
from turnout_sidecar.checks.deny import Deny
from turnout_sidecar.inspection import question
from turnout_sidecar.inspection.answer import Answer
from turnout_sidecar.ports.telemetry import FakeTelemetry

FALCON = guards.Pattern("codenames", "(?i)project falcon", "Mask", "default")


def broken(*_: object, **__: object) -> Any:
    raise ValueError(EMAIL)


@pytest.mark.parametrize(("fail_open", "status"), [(False, 503), (True, 200)])
async def test_patterns_that_cannot_be_searched_for_fail_as_the_policy_says(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fail_open: bool, status: int
) -> None:
    telemetry = FakeTelemetry()
    guard = a_guard(deny_input=(FALCON,), fail_open=fail_open)
    monkeypatch.setattr(Deny, "find", broken)
    async with a_gateway(guarded(guard), upstream=Echo(), telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", "Hello"))
    assert reply.status == status
    assert telemetry.ended[-1].guard.outcome == ("failed" if fail_open else "blocked")
    assert [one.state for one in telemetry.ended[-1].guard.verdicts if one.check == "deny"] == ["failed"]
    assert EMAIL not in caplog.text + reply.body.decode()


async def test_a_failing_signal_that_only_watches_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = a_guard(
        input=(), deny_input=(guards.Pattern("c", "x", "Monitor", "d"),), injections=(guards.Injection(0.5, "Monitor"),)
    )
    monkeypatch.setattr(Deny, "find", broken)
    monkeypatch.setattr(injection, "score", broken)
    telemetry = FakeTelemetry()
    async with a_gateway(guarded(guard), upstream=Echo(), telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", "Hello"))
    assert reply.status == 200
    assert telemetry.ended[-1].guard.outcome == "failed"
    assert telemetry.ended[-1].sensitivity == "Internal"


@pytest.mark.parametrize(
    ("guard", "status", "outcome"), [(a_guard(), 503, "blocked"), (a_guard(input=treated("Monitor")), 200, "failed")]
)
async def test_a_body_that_nobody_foresaw_is_told_as_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, guard: guards.Guard, status: int, outcome: str
) -> None:
    telemetry = FakeTelemetry()
    upstream = Echo()
    monkeypatch.setattr(question, "read", broken)
    async with a_gateway(guarded(guard), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", f"I am {EMAIL}"))
    assert reply.status == status
    assert len(upstream.requests) == (status == 200)
    assert telemetry.ended[-1].guard.outcome == outcome
    assert not telemetry.ended[-1].guard.inspected


async def test_more_texts_than_can_be_looked_at_stop_no_call_that_is_only_watched() -> None:
    body = {**asked("chat", "Hi"), "metadata": {"a": ["x"] * 260_000}}
    upstream = Echo()
    async with a_gateway(guarded(a_guard(input=treated("Monitor"))), upstream=upstream) as gateway:
        watched = await call(gateway, body)
    async with a_gateway(guarded(), upstream=upstream) as gateway:
        guarded_one = await call(gateway, body)
    assert (watched.status, guarded_one.status) == (200, 400)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("action", "status", "outcome"), [("Mask", 503, "blocked"), ("Monitor", 200, "failed")])
async def test_an_answer_that_nobody_foresaw_is_told_as_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, action: guards.Action, status: int, outcome: str, stream: bool
) -> None:
    telemetry = FakeTelemetry()
    pattern = guards.Pattern("c", "no.*where", action, "d")
    guard = a_guard(input=(), output=treated(action, restore=False), deny_output=(pattern,))
    monkeypatch.setattr(Answer, "tell", broken)
    async with a_gateway(guarded(guard), upstream=Echo(lambda _: "Fine."), telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", "Hi", stream=stream))
    assert reply.status == status
    assert telemetry.ended[-1].guard.outcome == outcome
    told = {one.state for one in telemetry.ended[-1].guard.verdicts if one.side == "output" and one.check != "quality"}
    assert told == {"failed"}
