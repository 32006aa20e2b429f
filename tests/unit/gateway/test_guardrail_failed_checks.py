"""Checks that could not look, or were never asked: told apart from those that passed, wherever a call is told of."""

import asyncio
from collections import Counter
from typing import Any

import orjson
import pytest

from gateway_rig import a_gateway, a_model, a_provider, a_route, a_rule, a_snapshot, call
from guard_rig import CARD, EMAIL, a_guard, asked, guarded, said, treated
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeResponse
from turnout_sidecar.adapters.guard_fields import events, of_line, of_span
from turnout_sidecar.adapters.guard_metrics import GuardMetrics
from turnout_sidecar.adapters.memory_store import MemoryStore
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.inspection import question
from turnout_sidecar.ports.clock import SystemClock
from turnout_sidecar.ports.embedder import FakeEmbedder
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import UpstreamRequest
from turnout_sidecar.stages.look_up_cache import LookUpCache
from unit.gateway.test_guardrail_plugins import TEXT, Outside, a_plugin

OPEN = a_plugin(fail_open=True, input=treated("Mask", "Person", fail_open=True))
CLASSIFIER = a_plugin(fail_open=True, flags=guards.Flags(0.9, "Block"))
NOTE = guards.Pattern("note", "falcon", "Block", "default")
STRICT = guards.AnswerSchema("default", "Block", schema={"type": "object"})


def cleared(guard: guards.Guard) -> snap.Snapshot:
    """A route before a provider outside and, after it, one that is cleared for everything."""
    outside, inside = a_provider("outside"), a_provider("inside", a_model("own"), port=10, clearance="Restricted")
    route = a_route("assistant", a_rule("outside/gpt", "inside/own", guard=guard.id))
    return a_snapshot(route, providers=(inside, outside), guards=(guard,))


def states(exchange: Exchange, side: str = "input") -> dict[str, str]:
    """What each check said of a side, plug-ins by their names."""
    told = [verdict for verdict in exchange.guard.verdicts if verdict.side == side and verdict.check != "quality"]
    names = [verdict.rule if verdict.check == "plugin" else verdict.check for verdict in told]
    assert max(Counter(names).values(), default=0) <= 1
    return dict(zip(names, (verdict.state for verdict in told), strict=True))


async def ended(guard: guards.Guard, upstream: Outside, status: int, **fields: Any) -> Exchange:
    """A call to its end."""
    telemetry = FakeTelemetry()
    async with a_gateway(guarded(guard), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", TEXT, **fields))
    assert reply.status == status, reply.body
    return telemetry.ended[-1]


async def test_a_question_that_a_plug_in_was_to_mask_and_could_not_goes_on_to_cleared_models_alone() -> None:
    telemetry, upstream = FakeTelemetry(), Outside(broken=True)
    async with a_gateway(cleared(a_guard(plugins=(OPEN,))), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", TEXT))
    assert (reply.status, said("chat", reply.body)) == (200, TEXT)
    exchange = telemetry.ended[-1]
    assert (exchange.response_backend, exchange.sensitivity) == ("inside/own", "Restricted")
    assert exchange.guard.outcome == "failed"
    assert [(v.state, v.done) for v in exchange.guard.verdicts if v.check == "plugin"] == [("failed", "rerouted")]


async def test_where_no_model_is_cleared_such_a_question_is_refused() -> None:
    upstream = Outside(broken=True)
    await ended(a_guard(plugins=(OPEN,)), upstream, 503)
    assert upstream.requests == []


async def test_a_classifier_that_fails_open_lets_the_call_go_on_as_it_was() -> None:
    exchange = await ended(a_guard(plugins=(CLASSIFIER,)), Outside(broken=True), 200)
    assert (exchange.sensitivity, exchange.guard.outcome) == ("Internal", "failed")


async def test_a_plug_in_that_only_watches_fails_without_a_trace_in_the_call() -> None:
    plugin = a_plugin(enforced=False, input=treated("Monitor", "Person"))
    exchange = await ended(a_guard(plugins=(plugin,)), Outside(broken=True), 200)
    assert (exchange.sensitivity, exchange.guard.unlooked) == ("Internal", False)
    assert states(exchange)["names"] == "failed"


async def test_a_plug_in_that_only_reroutes_is_no_guard_that_only_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise ValueError(EMAIL)

    monkeypatch.setattr(question, "read", broken)
    plugin = a_plugin(fail_open=True, input=treated("Monitor", "Person", reroute=True, fail_open=True))
    upstream = Outside()
    exchange = await ended(a_guard(input=(), plugins=(plugin,)), upstream, 503)
    assert (upstream.requests, states(exchange)) == ([], {"pii": "failed", "names": "not_run"})


@pytest.mark.parametrize("plugin", [OPEN, CLASSIFIER], ids=["open", "classifier"])
async def test_a_plug_in_that_failed_open_is_told_as_failed_in_log_span_event_metric_and_rate(
    plugin: guards.Plugin,
) -> None:
    telemetry, snapshot = FakeTelemetry(), cleared(a_guard(plugins=(plugin,)))
    async with a_gateway(snapshot, upstream=Outside(broken=True), telemetry=telemetry) as gateway:
        assert (await call(gateway, asked("chat", TEXT))).status == 200
    exchange, line, metrics = telemetry.ended[-1], dict[str, Any](), GuardMetrics()
    of_line(line, exchange)
    told = [one for one in line["guardrail_verdicts"] if one["check"] == "plugin"]
    assert [(one["rule"], one["state"], one["policy"]) for one in told] == [("names", "failed", "default")]
    assert line["guardrail"] == "failed"
    assert b"failed" in b"".join(of_span(exchange))
    assert any(b"names" in one and b"failed" in one for one in events(exchange, 1))
    metrics.configure(snapshot)
    metrics.record(exchange, "assistant")
    series = {
        (sample.name, *sample.labels.values())
        for family in (metrics.calls, metrics.verdicts)
        for metric in family.collect()
        for sample in metric.samples
        if sample.value
    }
    assert {outcome for name, *_, outcome in series if "calls" in name} == {"failed"}
    assert not any("passed" in labels and "names" in labels for labels in series)
    assert any({"plugin", "input", "names", "failed"} <= set(labels) for labels in series)


async def test_checks_that_were_never_asked_since_a_plug_in_refused_say_so_and_the_others_what_they_found() -> None:
    class Slow(Outside):
        async def send(self, request: UpstreamRequest, **limits: float) -> FakeResponse:
            if request.target.host == "slow":
                await asyncio.Event().wait()
            return await super().send(request, **limits)

    slow = a_plugin(name="slow", url="http://slow/detect")
    guard = a_guard(deny_input=(NOTE,), plugins=(a_plugin(), slow))
    exchange = await ended(guard, Slow(broken=True), 503)
    assert states(exchange) == {
        "deny": "passed", "pii": "matched", "secrets": "passed", "names": "failed", "slow": "not_run"
    }  # fmt: skip
    assert exchange.guard.outcome == "blocked"


async def test_checks_behind_a_scan_that_failed_were_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise ValueError(EMAIL)

    monkeypatch.setattr("turnout_sidecar.guarding.scanner.scan", broken)
    guard = a_guard(deny_input=(NOTE,), injections=(guards.Injection(0.9, "Monitor"),), plugins=(a_plugin(),))
    exchange = await ended(guard, Outside(), 503)
    assert states(exchange) == {
        "pii": "failed", "secrets": "failed", "deny": "not_run", "injection": "not_run", "names": "not_run"
    }  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_a_plug_in_could_not_look_at_tells_what_the_other_checks_found(stream: bool) -> None:
    plugin = a_plugin(input=(), output=treated("Mask", "Person", restore=False))
    guard = a_guard(
        input=(), output=treated("Mask", "CreditCard", restore=False), deny_output=(NOTE,), plugins=(plugin,)
    )
    exchange = await ended(guard, Outside(lambda _: f"Pay {CARD}.", broken=True), 503, stream=stream)
    assert states(exchange, "output") == {"pii": "matched", "deny": "passed", "names": "failed"}


@pytest.mark.parametrize("stream", [False, True])
async def test_checks_of_an_answer_that_was_refused_for_its_shape_did_not_run(stream: bool) -> None:
    plugin = a_plugin(input=(), output=treated("Mask", "Person", restore=False))
    guard = a_guard(input=(), output=treated("Mask", "CreditCard", restore=False), schemas=(STRICT,), plugins=(plugin,))
    exchange = await ended(guard, Outside(lambda _: "no json"), 422, stream=stream)
    assert states(exchange, "output") == {"schema": "matched", "pii": "not_run", "names": "not_run"}


@pytest.mark.parametrize(
    "guard",
    [
        a_guard(plugins=(CLASSIFIER,)),
        a_guard(plugins=(a_plugin(input=(), output=treated("Mask", "Person", restore=False), fail_open=True),)),
    ],
    ids=["input", "output"],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_to_what_could_not_be_looked_at_is_kept_for_nobody(guard: guards.Guard, stream: bool) -> None:
    clock, embedder = SystemClock(), FakeEmbedder()
    cache = LookUpCache(MemoryStore(dimension=embedder.dimension, clock=clock), embedder, clock, store_s=30.0)
    kept = snap.Cache("c", 60_000, "Team", semantic=False, max_temperature=1.0, max_entries=100)
    upstream = Outside(lambda _: "It was Zoe.", broken=True)
    async with a_gateway(guarded(guard, cache=kept), upstream=upstream, cache=cache) as gateway:
        for _ in range(2):
            reply = await call(gateway, asked("chat", "Who?", stream=stream))
            assert (reply.status, reply.headers["x-turnout-cache"]) == (200, "miss")
            await cache.keeper.settled()
    assert len([orjson.loads(request.body) for request in upstream.requests]) == 2
