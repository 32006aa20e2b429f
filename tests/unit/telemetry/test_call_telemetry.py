"""A call's telemetry from its beginning to what arrives outside: spans at a receiver, a line on a pipe, counted metrics."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest

from doubles.finished_calls import attempt, call, snapshot
from doubles.otlp_receiver import OtlpReceiver, attributes
from turnout_contract.snapshot.model import Snapshot
from turnout_sidecar.adapters.http_client import HttpUpstream
from turnout_sidecar.adapters.metrics import GatewayMetrics
from turnout_sidecar.adapters.otel import CallTelemetry, TelemetrySettings
from turnout_sidecar.adapters.otlp_export import ExportLimits
from turnout_sidecar.adapters.output import LineWriter
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.ports.clock import SystemClock
from turnout_sidecar.ports.telemetry import Telemetry

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
FAST = ExportLimits(interval=0.01)
CANARY = "sk-canary-0123456789"


class Rig:
    """Telemetry with all that it needs, and what came out of it."""

    def __init__(self, receiver: OtlpReceiver, default_endpoint: str | None = None) -> None:
        self.receiver = receiver
        self.metrics = GatewayMetrics()
        self._upstream = HttpUpstream()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is read
        settings = TelemetrySettings("claims", "pod-1", otlp_endpoint=default_endpoint, export=FAST, close_seconds=30)
        self.telemetry = CallTelemetry(
            settings,
            upstream=self._upstream,
            metrics=self.metrics,
            lines=LineWriter(self._log.fileno(), interval=0.001),
            clock=SystemClock(),
            dice=random.Random(1),
            bits=random.Random(2).getrandbits,
        )

    def configure(self, **telemetry: Any) -> None:
        self.telemetry.configure(
            snapshot(**{"otlp_endpoint": self.receiver.url, "sampling": 1.0} | telemetry), "ab" * 32
        )

    async def run(self, exchange: Exchange, during: Callable[[Exchange], None] | None = None) -> Exchange:
        exchange.trace = self.telemetry.begin(exchange)
        if during is None:
            exchange.trace.headers_for(attempt(exchange))
        else:
            during(exchange)
        self.telemetry.end(exchange)
        await asyncio.sleep(0)
        return exchange

    async def lines(self) -> list[dict[str, Any]]:
        """Ends everything; what was logged."""
        await self.telemetry.close()
        await self._upstream.close()
        with self._log as stream:
            stream.seek(0)
            return [orjson.loads(line) for line in stream.read().splitlines()]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with OtlpReceiver() as receiver:
        rig = Rig(receiver)
        rig.configure()
        yield rig


def as_port(telemetry: CallTelemetry) -> Telemetry:
    """mypy checks here that the adapter is the port."""
    return telemetry


async def test_a_call_arrives_as_spans_a_line_and_metrics(rig: Rig) -> None:
    exchange = await rig.run(call())
    assert b'turnout_requests_total{backend="openai/gpt-4o-mini"' in rig.metrics.render("")[0]
    (line,) = await rig.lines()

    server, client = rig.receiver.spans
    assert (server.name, client.name) == ("POST /v1/chat/completions", "chat gpt-4o-mini")
    assert server.trace_id.hex() == line["trace_id"] == exchange.trace.trace_id
    assert attributes(list(rig.receiver.requests[0].resource_spans[0].resource.attributes)) == {
        "service.name": "turnout-gateway",
        "service.namespace": "claims",
        "service.instance.id": "pod-1",
        "service.version": "0.1.0",
        "telemetry.sdk.name": "turnout",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": "0.1.0",
    }


@pytest.mark.parametrize(("flags", "sampling", "recorded"), [("01", 0.0, 2), ("00", 1.0, 0)])
async def test_a_callers_decision_is_followed_whatever_the_ratio(
    rig: Rig, flags: str, sampling: float, recorded: int
) -> None:
    rig.configure(sampling=sampling)
    await rig.run(call(headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-{flags}"}))
    (line,) = await rig.lines()

    assert len(rig.receiver.spans) == recorded
    assert line["trace_id"] == TRACE


async def test_new_traces_are_recorded_by_the_ratio_and_all_are_logged_and_counted(rig: Rig) -> None:
    rig.configure(sampling=0.25)
    for _ in range(2000):
        await rig.run(call())
    lines = await rig.lines()

    assert len(lines) == 2000
    calls = len(rig.receiver.spans) / 2
    assert abs(calls - 500) < 5 * (2000 * 0.25 * 0.75) ** 0.5
    assert (
        b'cache="miss",route="assistant"} 2000.0' in rig.metrics.render("")[0] or b"2000.0" in rig.metrics.render("")[0]
    )


async def test_without_an_endpoint_nothing_is_recorded_and_the_context_goes_on() -> None:
    async with OtlpReceiver() as receiver:
        rig = Rig(receiver)
        rig.configure(otlp_endpoint=None)
        headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        sent: list[tuple[tuple[str, str], ...]] = []
        await rig.run(call(headers=headers), lambda each: sent.append(each.trace.headers_for(attempt(each))))
        await rig.lines()

        assert dict(sent[0]) == headers
        assert receiver.tries == 0


async def test_the_processs_own_endpoint_holds_where_the_snapshot_names_none() -> None:
    async with OtlpReceiver() as receiver:
        rig = Rig(receiver, default_endpoint=receiver.url)
        rig.configure(otlp_endpoint=None)
        await rig.run(call())
        await rig.lines()

        assert len(receiver.spans) == 2


async def test_an_endpoint_that_is_no_address_stops_traces_and_nothing_else(rig: Rig) -> None:
    rig.configure(otlp_endpoint="nonsense")
    await rig.run(call())

    assert len(await rig.lines()) == 1
    assert not rig.receiver.spans


async def test_secrets_and_content_are_in_no_span_line_or_metric(rig: Rig) -> None:
    exchange = call(
        headers={"authorization": f"Bearer {CANARY}", "x-api-key": CANARY, "baggage": f"key={CANARY}"},
        body={
            "model": "assistant",
            "messages": [{"role": "user", "content": CANARY}],
            "user": CANARY,
            "tools": [CANARY],
        },
    )
    exchange.raw = CANARY.encode()

    def during(each: Exchange) -> None:
        each.trace.headers_for(attempt(each, error="server_error", status=500))
        each.trace.headers_for(attempt(each))
        each.trace.answer(b'{"choices":[{"message":{"content":"%s"}}]}' % CANARY.encode())

    await rig.run(exchange, during)
    shown = rig.metrics.render("")[0]
    lines = await rig.lines()

    assert len(rig.receiver.spans) == 3
    for sink in (*rig.receiver.bodies, shown, orjson.dumps(lines)):
        assert CANARY.encode() not in sink
    assert b"claim-42" not in shown, "ids of outcomes are for spans and lines"
    assert b"user-7" not in shown


async def test_content_leaves_where_the_snapshot_asks_for_it(rig: Rig) -> None:
    rig.configure(capture_content=True)

    def during(each: Exchange) -> None:
        assert each.trace.wants_content
        each.trace.headers_for(attempt(each))
        each.trace.answer(b'{"choices":[{"message":{"role":"assistant","content":"ANSWER"},"finish_reason":"stop"}]}')

    await rig.run(call(), during)
    lines = await rig.lines()

    client = attributes(list(rig.receiver.spans[1].attributes))
    assert "hello" in str(client["gen_ai.input.messages"])
    assert "ANSWER" in str(client["gen_ai.output.messages"])
    assert "ANSWER" not in str(lines)


async def test_calls_under_way_are_counted(rig: Rig) -> None:
    one, two = call(), call()
    one.trace, two.trace = rig.telemetry.begin(one), rig.telemetry.begin(two)
    rig.telemetry.end(one)

    assert b"turnout_requests_in_flight 1.0" in rig.metrics.render("")[0]
    rig.telemetry.end(two)
    assert b"turnout_requests_in_flight 0.0" in rig.metrics.render("")[0]
    assert len(await rig.lines()) == 2


async def test_a_fault_in_telemetry_reaches_no_caller_and_is_counted(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    broken = call()
    broken.trace = rig.telemetry.begin(broken)
    broken.status = None  # type: ignore[assignment]
    broken.model = CANARY
    rig.telemetry.end(broken)
    await rig.run(call())

    assert b"turnout_telemetry_failed_records_total 1.0" in rig.metrics.render("")[0]
    assert CANARY not in caplog.text
    assert len(await rig.lines()) == 1


async def test_thousands_of_calls_that_end_at_once_are_all_recorded(rig: Rig) -> None:
    calls = [call() for _ in range(3000)]
    for each in calls:
        each.trace = rig.telemetry.begin(each)
        each.trace.headers_for(attempt(each))
    for each in calls:
        rig.telemetry.end(each)
    lines = await rig.lines()

    assert len(lines) == 3000
    assert len(rig.receiver.spans) == 6000


async def test_a_new_snapshot_changes_names_and_profile_while_calls_are_under_way(rig: Rig) -> None:
    exchange = call()
    exchange.trace = rig.telemetry.begin(exchange)
    exchange.trace.headers_for(attempt(exchange))
    bare: Snapshot = snapshot(otlp_endpoint=rig.receiver.url, semconv="latest")
    rig.telemetry.configure(bare, "cd" * 32)
    rig.telemetry.end(exchange)
    await asyncio.sleep(0)

    shown = rig.metrics.render("")[0]
    assert b"gen_ai_client_inference_duration_seconds_count" in shown
    assert b"gen_ai_client_token_usage" not in shown
    await rig.lines()
    assert len(rig.receiver.spans) == 2
