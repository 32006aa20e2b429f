"""The operator as a process: starts the rooms in order, watches them, and ends them.

The order matters: everything is listed before anything is compiled, and there is a certificate before anyone may dial; only then
is the operator ready, and only then does it take part in the election. Standbys are ready too.

Rules: crash-only: whatever ends that should not ends the process, and a restart is invisible; SIGTERM gives the Lease up first,
so that the next leader need not wait.
"""

import asyncio
import contextlib
import logging
import signal
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from aiohttp import web

from turnout_operator import deep_json
from turnout_operator.assembly import Operator
from turnout_operator.audit import EVERYTHING
from turnout_operator.events import Event
from turnout_operator.health import Health
from turnout_operator.informer import Informer
from turnout_operator.informer_keeper import Ended, InformerKeeper
from turnout_operator.publish.publisher import Publisher
from turnout_operator.settings import OperatorSettings
from turnout_operator.status.engine import StatusEngine

LIST_RETRY_SECONDS = 1.0
TICK_SECONDS = 1.0
SHUTDOWN_SECONDS = 2.0
_log = logging.getLogger(__name__)


async def run(settings: OperatorSettings) -> None:
    """Run the operator until SIGTERM or SIGINT. Raises what it cannot go on after."""
    deep_json.install()
    async with aiohttp.ClientSession() as session:
        await _Process(settings, session).run()


class _Process:
    def __init__(self, settings: OperatorSettings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._operator = Operator(settings, session)
        self._waits_for = "the first listing"
        self._stopping = asyncio.Event()
        self._informer = InformerKeeper(
            self._make_informer,
            self._operator.guard,
            seen=self._operator.definitions_seen,
            started=self._operator.housekeeping.everything,
        )
        self._health = Health(self._operator.metrics, alive=self._alive, ready=self._ready, gateways=self._gateways)

    async def run(self) -> None:
        """Start, wait, end."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(signum, self._stopping.set)
        settings, operator = self._settings, self._operator
        async with _listening(self._health.application(), settings.health_host, settings.health_port):
            serving = asyncio.create_task(self._serve(), name="serve")
            stopping = asyncio.create_task(self._stopping.wait(), name="stopping")
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._waits_for = "the end"
            _log.info("ending: the lease is given up, gateways are sent on")
            await operator.leadership.release()
            serving.cancel()
            stopping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving
            await self._informer.stop()

    async def _serve(self) -> None:
        operator, settings = self._operator, self._settings
        await self._list_everything()
        self._waits_for = "the certificate"
        await operator.certificates.first()
        definitions = await operator.guard.definitions()
        operator.guard.remember(definitions)
        self._informer.start(definitions)
        application = operator.server.application()
        context = operator.certificates.context
        async with _listening(application, settings.host, settings.port, context):
            self._waits_for = ""
            _log.info("ready: %s", ", ".join(f"{n} {kind}" for kind, n in operator.store.counts().items()))
            await self._work()

    async def _work(self) -> None:
        operator = self._operator
        async with asyncio.TaskGroup() as group:
            group.create_task(self._informer.run(), name="informer")
            group.create_task(operator.leadership.run(), name="election")
            group.create_task(operator.leader.run(), name="compile")
            group.create_task(operator.engine.run(), name="status")
            group.create_task(operator.writer.run(), name="status-writer")
            group.create_task(operator.workloads.run(), name="workloads")
            group.create_task(operator.housekeeping.run(), name="housekeeping")
            group.create_task(operator.certificates.run(), name="certificates")
            group.create_task(self._tick(), name="tick")
            if operator.collections is not None:
                group.create_task(operator.collections.run(), name="collections")
            if operator.orphans is not None:
                group.create_task(operator.orphans.run(), name="orphans")

    async def _list_everything(self) -> None:
        left = list(EVERYTHING)
        while left:
            left = await self._operator.auditor.audit_all(left)
            if left:
                await asyncio.sleep(LIST_RETRY_SECONDS)

    async def _tick(self) -> None:
        operator = self._operator
        while True:
            await asyncio.sleep(TICK_SECONDS)
            operator.publisher.tick()
            for kind, count in operator.store.counts().items():
                operator.metrics.objects.labels(kind).set(count)
            troubles = operator.engine.troubles()
            operator.metrics.in_trouble(one.reason for found in troubles.values() for one in found)

    # --- the informer's thread

    def _sink(self, event: Event) -> None:
        self._loop.call_soon_threadsafe(self._operator.event, event)

    def _make_informer(self, ended: Ended) -> Informer:
        return Informer(
            self._operator.configuration, namespaces=self._settings.namespaces, sink=self._sink, ended=ended
        )

    # --- what is shown

    def _alive(self) -> str:
        return "" if self._informer.alive else "the informer has ended"

    def _ready(self) -> str:
        return f"waiting for {self._waits_for}" if self._waits_for else ""

    def _gateways(self) -> dict[str, Any]:
        operator = self._operator
        return overview(operator.publisher, operator.engine, leader=operator.leadership.epoch is not None)


def overview(publisher: Publisher, engine: StatusEngine, *, leader: bool) -> dict[str, Any]:
    """What `/gateways` shows: of each namespace the version wanted, its gateways, and what is wrong with the whole of it."""
    namespaces = publisher.overview()
    for namespace, troubles in sorted(engine.troubles().items()):
        shown = namespaces.setdefault(namespace, {"version": "", "gateways": []})
        shown["troubles"] = [{"reason": one.reason, "message": one.message} for one in troubles]
    return {"leader": leader, "namespaces": namespaces}


@contextlib.asynccontextmanager
async def _listening(
    application: web.Application, host: str, port: int, context: ssl.SSLContext | None = None
) -> AsyncIterator[None]:
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=context).start()
        yield
    finally:
        await runner.cleanup()
