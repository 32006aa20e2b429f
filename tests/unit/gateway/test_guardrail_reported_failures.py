"""What users of other gateways reported of checks that break, and of what is told: rows 14 to 17 of the list in
`test_guardrail_reported_bugs.py`, through a real gateway, before a provider of each protocol.
"""

import random
import tempfile
from typing import Any

import orjson
import pytest

from canaries import Canary
from canary_search import Search
from doubles.otlp_receiver import OtlpReceiver
from gateway_rig import a_gateway, apply, call, until
from guard_answers import Made
from guard_rig import CARD, EMAIL, IBAN, KEY, Echo, a_guard, treated
from guard_ways import ENDPOINTS, PLACES, Spot, Way, every_spot, every_way, through
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.http_client import HttpUpstream
from turnout_sidecar.adapters.metrics import GatewayMetrics
from turnout_sidecar.adapters.otel import CallTelemetry, TelemetrySettings
from turnout_sidecar.adapters.otlp_export import ExportLimits
from turnout_sidecar.adapters.output import LineWriter
from turnout_sidecar.guarding import scanner
from turnout_sidecar.ports.clock import SystemClock
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.server import Gateway, GatewaySettings
from unit.gateway.test_guardrail_plugins import Outside, a_plugin

TEXT = f"Write to {EMAIL}, card {CARD}, account {IBAN}, key {KEY}."
CANARIES = tuple(Canary("caller", "value", value, TEXT) for value in (EMAIL, CARD, IBAN, KEY))
SEARCH = Search(CANARIES)
NAMES = a_plugin()
MASK_ONLY = treated()


def _broken(*_: object) -> Any:
    raise ZeroDivisionError


def _broken_by_words(text: str, *_: object) -> Any:
    """A scanner that can look at questions, and breaks on what the model says."""
    if "_BREAK_" in text:
        raise ZeroDivisionError
    return ()


@every_spot("user", "arguments", "result", "system", "list", stream=(False,))
async def test_reported_14_what_is_only_to_be_masked_does_not_leave_when_the_scanner_breaks(
    spot: Spot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanner, "scan", _broken)
    echo = Echo()
    async with a_gateway(through(spot.way, a_guard(input=MASK_ONLY)), upstream=echo) as gateway:
        reply = await spot.way.ask(gateway, spot.body(TEXT))
    assert reply.status == 503
    assert b"guardrail_failed" in reply.body
    assert echo.requests == []
    assert SEARCH.found({"error": reply.body}) == []


@every_spot("user", "list")
async def test_reported_14_nor_when_a_plug_in_does_not_answer(spot: Spot) -> None:
    outside = Outside(broken=True)
    guard = a_guard(input=(), plugins=(a_plugin(input=treated("Mask", "Person")),))
    async with a_gateway(through(spot.way, guard), upstream=outside) as gateway:
        reply = await spot.way.ask(gateway, spot.body("I am Zoe."))
    assert (reply.status, outside.requests) == (503, [])


@every_way
async def test_reported_14_an_answer_that_could_not_be_looked_at_is_not_given(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanner, "scan", _broken_by_words)
    guard = a_guard(input=(), output=treated("Mask", restore=False))
    telemetry = FakeTelemetry()
    says = Made(text=f"_BREAK_ the card is {CARD}", calls=(("send", f'{{"to": "_BREAK_{EMAIL}"}}'),))
    async with a_gateway(through(way, guard), upstream=Echo(lambda _: says), telemetry=telemetry) as gateway:
        reply = await way.say(gateway, "How?")
        await until(lambda: bool(telemetry.ended))
    assert b"guardrail_failed" in reply.body
    assert reply.status == (200 if way.stream else 503)
    assert SEARCH.found({"answer": reply.body}) == []
    assert telemetry.ended[0].guard.outcome == "blocked"


@every_way
async def test_reported_14_where_it_is_let_through_it_is_told_as_failed_and_goes_to_cleared_models_alone(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanner, "scan", _broken)
    telemetry, echo = FakeTelemetry(), Echo()
    async with a_gateway(
        through(way, a_guard(input=treated(fail_open=True))), upstream=echo, telemetry=telemetry
    ) as gateway:  # fmt: skip
        reply = await way.say(gateway, TEXT)
    assert (reply.status, echo.requests) == (503, [])
    assert b"no_eligible_backend" in reply.body
    assert telemetry.ended[0].guard.outcome == "failed"


class Told:
    """A gateway whose telemetry is the real one, with the content of calls, and all that it tells."""

    def __init__(self, receiver: OtlpReceiver, upstream: Echo) -> None:
        self.receiver = receiver
        self.metrics = GatewayMetrics()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is read
        self._exporter = HttpUpstream()
        self._telemetry = CallTelemetry(
            TelemetrySettings("ns", "pod-1", export=ExportLimits(interval=0.01), close_seconds=30),
            upstream=self._exporter,
            metrics=self.metrics,
            lines=LineWriter(self._log.fileno(), interval=0.001),
            clock=SystemClock(),
            dice=random.Random(1),
            bits=random.Random(2).getrandbits,
        )
        self.gateway = Gateway(
            GatewaySettings(port=0), secrets=FakeSecrets(), upstream=upstream, telemetry=self._telemetry
        )

    async def serve(self, way: Way, guard: guards.Guard) -> None:
        """From now on this guard."""
        settings = snap.Telemetry(otlp_endpoint=self.receiver.url, sampling=1.0, capture_content=True)
        snapshot = through(way, guard, gateway=snap.Gateway(telemetry=settings))
        apply(self.gateway, snapshot)
        self._telemetry.configure(snapshot, self.gateway.version)

    async def end(self) -> dict[str, bytes]:
        """Ends everything; all that was told, by place."""
        await self.gateway.stop(1)
        await self._telemetry.close()
        await self._exporter.close()
        with self._log as stream:
            stream.seek(0)
            log = stream.read()
        spans = b"".join(request.SerializeToString() for request in self.receiver.requests)
        return {"log": log, "spans": spans, "metrics": self.metrics.render("text/plain")[0]}


TELLING = {
    "masked": a_guard(output=treated("Mask", restore=False)),
    "refused": a_guard(input=treated("Block")),
    "answer refused": a_guard(output=treated("Block", restore=False)),
    "only counted": a_guard(output=treated("Mask", restore=False), injections=(guards.Injection(0.1, "Monitor"),)),
}


@pytest.mark.parametrize("asked", ENDPOINTS)
@pytest.mark.parametrize("spoken", ["chat", "messages", "responses"])
async def test_reported_15_neither_log_nor_span_nor_metric_of_any_endpoint_holds_a_value(
    asked: str, spoken: str, caplog: pytest.LogCaptureFixture
) -> None:
    if asked == "embeddings" and spoken != "chat":
        return
    says = Made(text=f"{CARD} and {EMAIL}", thought=KEY, calls=(("send", f'{{"to": "{EMAIL}"}}'),))
    echo = Echo(lambda _: says)
    async with OtlpReceiver() as receiver:
        told = Told(receiver, echo)
        await told.gateway.start()
        for at, guard in enumerate(TELLING.values()):
            streams = (False, True) if asked in ("chat", "messages", "responses") else (False,)
            for stream in streams:
                way = Way(asked, spoken, stream)
                await told.serve(way, guard)
                for place in PLACES[asked].values():
                    reply = await way.ask(told.gateway, place(TEXT))
                    assert reply.status in (200, 403, 422), (at, reply.body)
        places = await told.end()
    assert b"guardrail" in places["log"]
    assert b"<EMAIL_" in places["spans"] or asked in ("embeddings", "count_tokens")
    assert SEARCH.found({**places, "messages of the process": caplog.text}) == []


REFUSING = {
    "what is blocked": a_guard(input=treated("Block")),
    "a pattern": a_guard(input=(), deny_input=(guards.Pattern("p", r"ann\.lee@\S+", "Block", "default"),)),
    "a plug-in": a_guard(input=(), plugins=(a_plugin(input=treated("Block", "Person")),)),
}


@pytest.mark.parametrize("why", REFUSING)
@every_spot("user", "arguments", "result", "definition", "list", stream=(False,))
async def test_reported_16_the_error_of_a_refused_question_names_what_it_was_and_not_its_text(
    spot: Spot, why: str
) -> None:
    if spot.place == "definition" and why == "a pattern":
        return
    outside = Outside()
    async with a_gateway(through(spot.way, REFUSING[why]), upstream=outside) as gateway:
        reply = await spot.way.ask(gateway, spot.body(f"Zoe: {TEXT}"))
    assert (reply.status, outside.requests) == (403, [])
    assert SEARCH.found({"body": reply.body, "headers": repr(reply.headers)}) == []
    assert b"Zoe" not in reply.body
    assert any(word in reply.body for word in (b"Email", b"the pattern p", b"Person"))


@every_way
async def test_reported_16_nor_does_the_error_of_a_refused_answer_whole_or_in_a_stream(way: Way) -> None:
    guard = a_guard(input=(), output=treated("Block", restore=False))
    async with a_gateway(through(way, guard), upstream=Echo(lambda _: Made(text=TEXT, thought=TEXT))) as gateway:
        reply = await way.say(gateway, "Who?")
    assert SEARCH.found({"body": reply.body, "headers": repr(reply.headers)}) == []
    assert b"A guardrail refuses the answer" in reply.body


@every_way
async def test_reported_16_nor_the_words_of_a_schema_that_an_answer_does_not_fit(way: Way) -> None:
    schema = {"type": "object", "properties": {"to": {"type": "number", "enum": [1]}}, "required": ["to", "from"]}
    for strict in (True, False):
        wanted = guards.AnswerSchema("default", "Block", strict=strict, schema=schema)
        says = orjson.dumps({"to": EMAIL, CARD: KEY}).decode()
        async with a_gateway(
            through(way, a_guard(input=(), output=treated("Mask", restore=False), schemas=(wanted,))),
            upstream=Echo(lambda _, said=says: said),  # type: ignore[misc]
        ) as gateway:
            reply = await way.say(gateway, "Who?")
        assert SEARCH.found({"body": reply.body, "headers": repr(reply.headers)}) == []


def states(telemetry: FakeTelemetry, at: int = -1) -> dict[tuple[str, str], str]:
    """By check and side."""
    return {(v.check, v.side): v.state for v in telemetry.ended[at].guard.verdicts}


@every_way
async def test_reported_17_what_nobody_asked_for_is_not_said_to_have_passed(way: Way) -> None:
    telemetry = FakeTelemetry()
    snapshot = through(way, a_guard(input=treated("Mask", "Email")))
    async with a_gateway(snapshot, upstream=Echo(), telemetry=telemetry) as gateway:
        await way.say(gateway, "Hello, what is the weather?")
        await until(lambda: bool(telemetry.ended))
    assert states(telemetry) == {("pii", "input"): "passed"}


@every_way
async def test_reported_17_what_could_not_look_failed_and_did_not_pass(way: Way) -> None:
    telemetry, outside = FakeTelemetry(), Outside(broken=True)
    guard = a_guard(plugins=(a_plugin(fail_open=True, output=treated("Mask", "Person", restore=False)),))
    async with a_gateway(through(way, guard), upstream=outside, telemetry=telemetry) as gateway:
        reply = await way.say(gateway, "Hello, what is the weather?")
        await until(lambda: bool(telemetry.ended))
    assert reply.status == 200
    assert states(telemetry)["plugin", "input"] == states(telemetry)["plugin", "output"] == "failed"
    assert telemetry.ended[0].guard.outcome == "failed"


@every_way
async def test_reported_17_a_shape_that_nobody_gave_was_not_judged(way: Way) -> None:
    telemetry = FakeTelemetry()
    guard = a_guard(schemas=(guards.AnswerSchema("default", "Block"),))
    async with a_gateway(through(way, guard), upstream=Echo(), telemetry=telemetry) as gateway:
        await way.say(gateway, "Hello, what is the weather?")
        await until(lambda: bool(telemetry.ended))
    assert states(telemetry)["schema", "output"] == "not_run"


@pytest.mark.parametrize("name", ["count_tokens", "embeddings"])
async def test_reported_17_where_there_is_no_answer_in_words_no_answer_has_passed(name: str) -> None:
    telemetry = FakeTelemetry()
    guard = a_guard(
        output=treated("Block", restore=False), schemas=(guards.AnswerSchema("default", "Block", schema={}),)
    )
    async with a_gateway(through("chat", guard), upstream=Echo(), telemetry=telemetry) as gateway:
        reply = await call(gateway, PLACES[name]["user"]("Hello"), ENDPOINTS[name])
    assert reply.status == 200
    assert {side for _, side in states(telemetry)} == {"input"}


@every_way
async def test_reported_17_a_refused_question_has_no_answer_that_passed(way: Way) -> None:
    telemetry = FakeTelemetry()
    guard = a_guard(input=treated("Block"), output=treated("Mask", restore=False))
    async with a_gateway(through(way, guard), upstream=Echo(), telemetry=telemetry) as gateway:
        await way.say(gateway, TEXT)
    assert {side for _, side in states(telemetry)} == {"input"}
    assert telemetry.ended[0].guard.outcome == "blocked"
