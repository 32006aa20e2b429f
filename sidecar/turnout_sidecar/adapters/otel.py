"""What becomes of a call when it is over: spans, metrics and a log line; see `ports.telemetry.Telemetry`.

Beginning costs a few ids. Ending costs an append: the rest is done right after, a few calls at a time between other work of
the event loop, so that no caller waits for it and no thread fights for the interpreter.

Rules: a call is recorded once and never sampled in metrics and log; spans only where an endpoint is named and the caller or
the ratio says so; what waits is bounded; a fault in here is counted and logged, and reaches no caller.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import Final

import msgspec

from turnout_contract import __version__, semconv
from turnout_contract.snapshot.model import Snapshot
from turnout_contract.snapshot.model import Telemetry as Settings
from turnout_sidecar.adapters import otlp_encoding as otlp
from turnout_sidecar.adapters import trace_context
from turnout_sidecar.adapters.call_trace import Trace
from turnout_sidecar.adapters.log import CallLog
from turnout_sidecar.adapters.metrics import GatewayMetrics
from turnout_sidecar.adapters.otlp_export import ExportLimits, SpanExporter
from turnout_sidecar.adapters.output import LineWriter
from turnout_sidecar.adapters.series import Labels
from turnout_sidecar.adapters.spans import SpanWriter
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.ports.clock import Clock, Dice
from turnout_sidecar.ports.upstream import Upstream

_LOG: Final = logging.getLogger(__name__)
_AT_A_TIME: Final = 16


class TelemetrySettings(msgspec.Struct, frozen=True):
    """What the process knows before any snapshot. `otlp_endpoint` holds where a snapshot names none; None: nothing leaves."""

    namespace: str
    instance: str
    otlp_endpoint: str | None = None
    export: ExportLimits = ExportLimits()
    close_seconds: float = 5.0


class CallTelemetry:
    """One for a gateway."""

    def __init__(
        self,
        settings: TelemetrySettings,
        *,
        upstream: Upstream,
        metrics: GatewayMetrics,
        lines: LineWriter,
        clock: Clock,
        dice: Dice,
        bits: trace_context.Bits,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._lines = lines
        self._log = CallLog(lines)
        self._clock = clock
        self._bits = bits
        self._spans = SpanWriter()
        self._exporter = SpanExporter(
            upstream, dice, _resource(settings), otlp.scope(semconv.SCOPE, __version__), settings.export
        )
        self._ended: deque[Exchange] = deque()
        self._scheduled = False
        self._failed = 0
        self._content = False
        self._bound = 0
        self._apply(Settings())
        self._expose()

    def _expose(self) -> None:
        metrics, exporter = self._metrics, self._exporter

        def dropped() -> Mapping[Labels, float]:
            return {(reason,): float(count) for reason, count in exporter.dropped.copy().items()}

        metrics.watch(semconv.SPANS_DROPPED, "Spans that did not leave.", dropped, labels=("reason",), counter=True)
        metrics.watch(
            semconv.SPANS_EXPORTED, "Spans that were taken.", lambda: {(): float(exporter.exported)}, counter=True
        )
        metrics.watch(semconv.LINES_DROPPED, "Log lines lost.", lambda: {(): float(self._lines.dropped)}, counter=True)
        metrics.watch(
            semconv.RECORDS_FAILED, "Calls not recorded for a fault.", lambda: {(): float(self._failed)}, counter=True
        )

    def configure(self, snapshot: Snapshot, version: str) -> None:
        """Another snapshot is live: its endpoint, ratio, profile and names."""
        self._apply(snapshot.gateway.telemetry)
        self._metrics.configure(snapshot, version)

    def _apply(self, settings: Settings) -> None:
        endpoint = settings.otlp_endpoint or self._settings.otlp_endpoint
        profile = semconv.PROFILES[settings.semconv]
        self._spans.follow(profile)
        try:
            self._exporter.configure(endpoint, profile.schema_url)
        except ValueError:
            _LOG.exception("no traces leave")
            self._exporter.configure(None, "")
        self._bound = trace_context.bound_of(settings.sampling)
        self._content = settings.capture_content

    def begin(self, exchange: Exchange) -> Trace:
        """See the port."""
        self._metrics.in_flight += 1
        bits = self._bits
        parent = trace_context.read(exchange.headers)
        if parent is None:
            trace_id = trace_context.new_trace_id(bits)
            sampled = trace_context.falls_below(trace_id, self._bound)
        else:
            trace_id = parent.trace_id
            sampled = parent.sampled
        return Trace(parent, trace_id, bits, sampled=sampled and self._exporter.active, content=self._content)

    def end(self, exchange: Exchange) -> None:
        """See the port."""
        self._metrics.in_flight -= 1
        exchange.trace.ended_ns = self._clock.monotonic_ns()
        self._ended.append(exchange)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._some)

    def _some(self) -> None:
        waiting = len(self._ended)
        for _ in range(min(waiting, max(_AT_A_TIME, waiting // 8))):  # a share of them, so that it cannot grow for ever
            self._record(self._ended.popleft())
        self._scheduled = bool(self._ended)
        if self._scheduled:
            asyncio.get_running_loop().call_soon(self._some)

    def _record(self, exchange: Exchange) -> None:
        trace: Trace = exchange.trace
        try:
            self._metrics.record(exchange, trace.ended_ns)
            self._log.record(exchange, trace)
            if trace.sampled:
                self._exporter.add(self._spans.write(exchange, trace))
        except Exception as error:  # boundary: a call is over and answered, whatever happens here  # noqa: BLE001
            self._failed += 1
            if self._failed == 1:  # the first says enough; the metric counts
                _LOG.error("a call was not recorded: %s", type(error).__name__)

    async def close(self) -> None:
        """See the port."""
        while self._ended:
            self._record(self._ended.popleft())
        async with asyncio.TaskGroup() as group:
            group.create_task(self._exporter.close(self._settings.close_seconds))
            group.create_task(self._lines.close(self._settings.close_seconds))


def _resource(settings: TelemetrySettings) -> bytes:
    return otlp.resource(
        (
            (semconv.SERVICE_NAME, semconv.GATEWAY_SERVICE),
            (semconv.SERVICE_NAMESPACE, settings.namespace),
            (semconv.SERVICE_INSTANCE_ID, settings.instance),
            (semconv.SERVICE_VERSION, __version__),
            (semconv.SDK_NAME, "turnout"),
            (semconv.SDK_LANGUAGE, "python"),
            (semconv.SDK_VERSION, __version__),
        )
    )
