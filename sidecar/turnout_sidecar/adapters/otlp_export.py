"""Sends spans to an OTLP/HTTP endpoint: in batches, beside the traffic, and never in its way.

Spans come as bytes and are joined into requests of a few hundred; one task sends them through the gateway's own HTTP client.
There is no thread: one that runs Python code takes the interpreter from the event loop for milliseconds at a time. There is no
compression: 2 KB a call are cheap to send to a collector nearby, and would cost more CPU to squeeze than to make.

Rules: what waits is bounded in bytes and in spans, and what does not fit is dropped and counted; a failure that may pass is
tried again with growing pauses, a few times; a batch goes to the endpoint that held when it was filled; nothing here raises
into a call, and no content is ever logged.
"""

import asyncio
import contextlib
import logging
from collections import Counter, deque
from typing import Final
from urllib.parse import urlsplit

import msgspec

from turnout_sidecar.adapters import otlp_encoding as otlp
from turnout_sidecar.ports.clock import Dice
from turnout_sidecar.ports.upstream import (
    InvalidUpstreamRequest,
    Target,
    Upstream,
    UpstreamError,
    UpstreamRequest,
    UpstreamResponse,
)

_LOG: Final = logging.getLogger(__name__)
_PATH: Final = "/v1/traces"
_AGAIN: Final = frozenset((429, 502, 503, 504))
_GOOD: Final = range(200, 300)
_MOST_REPLY_BYTES: Final = 65_536


class ExportLimits(msgspec.Struct, frozen=True):
    """When a batch leaves, how much may wait, and how often a failed one is tried again (seconds)."""

    batch_spans: int = 512
    batch_bytes: int = 1_048_576
    interval: float = 1.0
    waiting_spans: int = 16_384
    waiting_bytes: int = 16_777_216
    attempts: int = 5
    first_pause: float = 0.5
    longest_pause: float = 8.0
    connect_timeout: float = 3.0
    reply_timeout: float = 10.0


class _Batch(msgspec.Struct, frozen=True):
    request: UpstreamRequest
    spans: int
    size: int


class _Place(msgspec.Struct, frozen=True):
    """Where spans go, and what is said of them all."""

    target: Target
    path: str
    schema_url: str


class SpanExporter:
    """The way out for spans. `dropped` counts by reason: full, rejected, failed, closed."""

    def __init__(self, upstream: Upstream, dice: Dice, resource: bytes, scope: bytes, limits: ExportLimits) -> None:
        self.exported = 0
        self.dropped: Counter[str] = Counter()
        self._upstream = upstream
        self._dice = dice
        self._resource = resource
        self._scope = scope
        self._limits = limits
        self._place: _Place | None = None
        self._filling: list[bytes] = []
        self._filling_bytes = 0
        self._waiting: deque[_Batch] = deque()
        self._waiting_spans = 0
        self._waiting_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def active(self) -> bool:
        """Whether spans go anywhere."""
        return self._place is not None

    def configure(self, endpoint: str | None, schema_url: str) -> None:
        """Another endpoint (a base address, `/v1/traces` is appended) or none; what was filled goes to the old one."""
        place = None if endpoint is None else _Place(*_address(endpoint), schema_url)
        if place != self._place:
            self._seal()
            self._place = place

    def add(self, spans: list[bytes]) -> None:
        """The spans of a call."""
        size = sum(map(len, spans))
        limits = self._limits
        if self._closing or self._place is None:
            self.dropped["closed"] += len(spans)
            return
        if (
            self._waiting_spans + len(self._filling) + len(spans) > limits.waiting_spans
            or self._waiting_bytes + self._filling_bytes + size > limits.waiting_bytes
        ):
            self.dropped["full"] += len(spans)
            return
        self._filling += spans
        self._filling_bytes += size
        if len(self._filling) >= limits.batch_spans or self._filling_bytes >= limits.batch_bytes:
            self._seal()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(limits.interval, self._seal)

    def _seal(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._filling or self._place is None:
            return
        body = otlp.request(self._resource, self._scope, self._filling, self._place.schema_url)
        headers = (("content-type", "application/x-protobuf"), ("user-agent", "turnout-gateway"))
        batch = _Batch(
            UpstreamRequest(target=self._place.target, path=self._place.path, headers=headers, body=body),
            len(self._filling),
            len(body),
        )
        self._filling = []
        self._filling_bytes = 0
        self._waiting.append(batch)
        self._waiting_spans += batch.spans
        self._waiting_bytes += batch.size
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._send_waiting(), name="otlp-export")

    async def _send_waiting(self) -> None:
        while self._waiting:
            batch = self._waiting[0]
            try:
                await self._send(batch)
            except Exception:  # boundary: a fault in telemetry must not end the exports to come  # noqa: BLE001
                self.dropped["failed"] += batch.spans
                _LOG.exception("spans were dropped: the exporter failed")
            self._waiting.popleft()
            self._waiting_spans -= batch.spans
            self._waiting_bytes -= batch.size

    async def _send(self, batch: _Batch) -> None:
        pause = self._limits.first_pause
        for _ in range(self._limits.attempts):
            again, hint = await self._try(batch)
            if not again:
                return
            if self._place is None or self._place.target != batch.request.target:
                break  # nobody wants that endpoint any more: do not hold up the next one
            wait = max(hint, pause * (0.5 + self._dice.random()))
            await asyncio.sleep(min(wait, self._limits.longest_pause))
            pause = min(2 * pause, self._limits.longest_pause)
        self.dropped["failed"] += batch.spans
        _LOG.warning("%d spans were dropped: %s does not take them", batch.spans, batch.request.target.origin)

    async def _try(self, batch: _Batch) -> tuple[bool, float]:
        """Send once: whether it is worth trying again, and after how many seconds the endpoint asked for."""
        limits = self._limits
        try:
            response = await self._upstream.send(
                batch.request, connect_timeout=limits.connect_timeout, headers_timeout=limits.reply_timeout
            )
            try:
                return await self._judge(batch, response)
            finally:
                await response.close()
        except UpstreamError:
            return True, 0.0
        except InvalidUpstreamRequest:
            self.dropped["rejected"] += batch.spans
            return False, 0.0

    async def _judge(self, batch: _Batch, response: UpstreamResponse) -> tuple[bool, float]:
        reply = await response.read(_MOST_REPLY_BYTES, timeout=self._limits.reply_timeout)
        if response.status in _GOOD:
            refused = min(otlp.rejected_spans(reply), batch.spans)
            self.exported += batch.spans - refused
            if refused:
                self.dropped["rejected"] += refused
            return False, 0.0
        if response.status in _AGAIN:
            return True, _seconds(response.headers.get("retry-after", ""))
        self.dropped["rejected"] += batch.spans
        _LOG.warning("%d spans were refused by %s: %d", batch.spans, batch.request.target.origin, response.status)
        return False, 0.0

    async def close(self, limit: float) -> None:
        """Send what waits, for at most so many seconds; the rest is dropped and counted."""
        self._seal()
        self._closing = True
        task, self._task = self._task, None
        if task is not None and not task.done():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(task, limit)
        self.dropped["closed"] += sum(batch.spans for batch in self._waiting)
        self._waiting.clear()
        self._waiting_spans = self._waiting_bytes = 0


def _address(endpoint: str) -> tuple[Target, str]:
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("telemetry.otlpEndpoint: not an http or https address")
    path = parts.path.rstrip("/")
    if parts.scheme == "https":
        target = Target("https", parts.hostname, parts.port or 443)
    else:
        target = Target("http", parts.hostname, parts.port or 80)
    return target, path if path.endswith(_PATH) else path + _PATH


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0  # noqa: PLR2004 - no more than a day
