"""One gateway put together: which adapter stands behind each port, and in what order things start and stop.

Why here: the standalone mode, the gateway in a pod and the tests run the very same composition; only where snapshots and secrets
come from differs.

Rules: everything is made inside the running event loop; `stop` may be called at any time after `start` began; nothing started
here outlives it.
"""

import asyncio
import functools
import gc
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from turnout_contract import semconv
from turnout_contract.protocol import Credentials
from turnout_contract.snapshot.model import Snapshot
from turnout_sidecar.adapters.metrics import GatewayMetrics
from turnout_sidecar.adapters.minilm import MiniLmEmbedder
from turnout_sidecar.adapters.otel import CallTelemetry, TelemetrySettings
from turnout_sidecar.adapters.output import LineWriter
from turnout_sidecar.adapters.store_choice import StoreChoice
from turnout_sidecar.adapters.trace_context import system_bits
from turnout_sidecar.adapters.upstream_choice import open_upstream
from turnout_sidecar.admin import AdminState, admin_app
from turnout_sidecar.discovery import Discovery
from turnout_sidecar.ports.clock import SystemClock, system_dice
from turnout_sidecar.ports.secrets import Secrets
from turnout_sidecar.server import Gateway, GatewaySettings
from turnout_sidecar.stages.look_up_cache import LookUpCache

WARM_SECONDS = 5.0
"""How long a start waits for the cache; after that calls are answered without it until it is there."""
_COLLECT_AFTER = (50_000, 10, 10)
"""Counting references frees nearly all that a call makes; looking for cycles every 700 objects cost 8 % of a call."""


class Assembly:
    """A gateway with all that it needs. `stdout` is the descriptor that log lines of calls go to."""

    def __init__(self, settings: GatewaySettings, secrets: Secrets, *, stdout: int | None = None) -> None:
        clock, dice = SystemClock(), system_dice()
        self.settings = settings
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.metrics = GatewayMetrics()
        self._lines = LineWriter(sys.stdout.fileno() if stdout is None else stdout)
        self._upstream = open_upstream(os.environ)
        self._telemetry = CallTelemetry(
            _telemetry_settings(settings),
            upstream=self._upstream,
            metrics=self.metrics,
            lines=self._lines,
            clock=clock,
            dice=dice,
            bits=system_bits(),
        )
        self._embedder = MiniLmEmbedder()
        self.store = StoreChoice(
            namespace=settings.namespace,
            embedder=self._embedder.name,
            dimension=self._embedder.dimension,
            state=self._cache_folder(),
            secrets=secrets,
            clock=clock,
            dice=dice,
        )
        self._cache = LookUpCache(self.store, self._embedder, clock)
        self.gateway = Gateway(
            settings,
            secrets=secrets,
            upstream=self._upstream,
            telemetry=self._telemetry,
            cache=self._cache,
            clock=clock,
            dice=dice,
        )
        self.discovery = Discovery(self._upstream, dice)
        self.gateway.subscribe(self._configured)
        self._admin: web.AppRunner | None = None
        self._loading: asyncio.Task[None] | None = None

    def _cache_folder(self) -> Path:
        if self.settings.state_dir is not None:
            return Path(self.settings.state_dir) / "cache"
        self._temporary = tempfile.TemporaryDirectory(prefix="turnout-cache-")
        return Path(self._temporary.name)

    async def start(self) -> None:
        """Listen on both ports. Ready only once a snapshot was applied, and what it wants of the cache was given time to open."""
        await self._warm()
        await self.gateway.start()
        app = admin_app(AdminState(self.gateway, self.metrics))
        self._admin = web.AppRunner(app, access_log=None)
        await self._admin.setup()
        await web.TCPSite(self._admin, self.settings.admin_host, self.settings.admin_port).start()
        self._expose()
        self.discovery.start()
        gc.collect()
        gc.freeze()  # what was loaded at the start is never garbage: no collection need look at it again
        gc.set_threshold(*_COLLECT_AFTER)

    async def _warm(self) -> None:
        wanted = [asyncio.ensure_future(self.store.settled())]
        if self._loading is not None:
            wanted.append(self._loading)
        await asyncio.wait(wanted, timeout=WARM_SECONDS)

    def _dropped(self) -> int:
        """Answers that were not kept: too many waited, for the store or before it."""
        return self.store.counts.writes_dropped + self._cache.keeper.dropped

    def _expose(self) -> None:
        counts = (
            (semconv.STORE_LOOKUPS, "Look-ups of the cache store.", lambda: self.store.counts.lookups),
            (semconv.STORE_TIMEOUTS, "Look-ups that took too long.", lambda: self.store.counts.timeouts),
            (semconv.STORE_FAILURES, "Look-ups that failed.", lambda: self.store.counts.failures),
            (semconv.STORE_WRITES_DROPPED, "Writes that were dropped.", self._dropped),
        )
        self.discovery.expose(self.metrics)
        for name, text, read in counts:
            self.metrics.watch(name, text, functools.partial(_single, read), counter=True)
        self.metrics.watch(semconv.STORE_OPEN, "1 while the store is left alone.", lambda: {(): float(self.store.open)})

    def _configured(self) -> None:
        if self.gateway.runtime is not None:
            self.discovery.configure(self.gateway.runtime)

    def apply(self, data: bytes, version: str) -> tuple[str, ...]:
        """Run a snapshot from the next call on; what is missing. Raises BuildError and changes nothing."""
        missing = self.gateway.apply(data, version)
        runtime = self.gateway.runtime
        if runtime is not None:
            self._telemetry.configure(runtime.snapshot, version)
            self.store.configure(runtime.snapshot)
            if self._loading is None and _semantic(runtime.snapshot):
                # beforehand, so that the first question need not wait for half a second of reading weights
                self._loading = asyncio.get_running_loop().create_task(self._embedder.load(), name="embedder-load")
        return missing

    def credentials(self, message: Credentials) -> None:
        """A token for the shared store."""
        self.store.credentials(message)

    async def stop(self) -> None:
        """Not ready, then let calls finish for as long as the configuration allows, then let go of everything."""
        runtime = self.gateway.runtime
        await self.gateway.stop(runtime.gateway.limits.drain_ms / 1000 if runtime is not None else 0.0)
        await self.discovery.close()
        await self._telemetry.close()
        await self._cache.close()
        await self.store.close()
        if self._loading is not None:
            await asyncio.wait([self._loading])
        await self._embedder.close()
        await self._upstream.close()
        if self._admin is not None:
            await self._admin.cleanup()
        if self._temporary is not None:
            self._temporary.cleanup()


def _telemetry_settings(settings: GatewaySettings) -> TelemetrySettings:
    instance = os.environ.get("POD_NAME") or f"{os.uname().nodename}-{os.getpid()}"
    return TelemetrySettings(namespace=settings.namespace, instance=instance, otlp_endpoint=settings.otlp_endpoint)


def _semantic(snapshot: Snapshot) -> bool:
    return any(rule.cache is not None and rule.cache.semantic for route in snapshot.routes for rule in route.rules)


def _single(read: Callable[[], int]) -> dict[tuple[str, ...], float]:
    return {(): float(read())}
