"""The gateway: one listening server, one pipeline, and the runtime that is swapped under them.

A new snapshot is built beside the old one and put in its place by one assignment; calls in flight go on with theirs. Rules:
- not ready until a snapshot was applied; not ready any more once it drains;
- a snapshot that cannot be built changes nothing (`BuildError`);
- when secrets change the same snapshot is built again with them;
- whatever a handler did not foresee is a 500 with the request's id, logged without content.
"""

import asyncio
import functools
import logging
import os
from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web

from turnout_contract import semconv
from turnout_contract.protocol import NackError
from turnout_contract.snapshot import codec
from turnout_contract.snapshot.model import Snapshot
from turnout_sidecar import pipeline, reply
from turnout_sidecar.credentials.identities import Identities
from turnout_sidecar.endpoints import CHECKS, MODELS, SERVED
from turnout_sidecar.exchange.call import Endpoint, Exchange, Proceed, Stage
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.faults import place
from turnout_sidecar.front import Front
from turnout_sidecar.inspection.guards import Guarding
from turnout_sidecar.intake import IntakeLimits, read_body
from turnout_sidecar.ports.clock import Clock, Dice, SystemClock, system_dice
from turnout_sidecar.ports.secrets import Secrets
from turnout_sidecar.ports.telemetry import Telemetry
from turnout_sidecar.ports.upstream import Upstream
from turnout_sidecar.refusals import Refusals
from turnout_sidecar.retry import RetryBudgets
from turnout_sidecar.runtime import BuildError, Runtime
from turnout_sidecar.stages.authenticate import authenticate
from turnout_sidecar.stages.call_upstream import CallUpstream
from turnout_sidecar.stages.guard_input import GuardInput
from turnout_sidecar.stages.guard_output import GuardOutput
from turnout_sidecar.stages.list_models import list_models
from turnout_sidecar.stages.read_request import ReadRequest
from turnout_sidecar.stages.record import Record
from turnout_sidecar.stages.render_prompt import render_prompt
from turnout_sidecar.stages.resolve_route import resolve_route

_LOG = logging.getLogger("turnout.gateway")
_NOT_READY = CallError(503, "not_ready", "The gateway has no configuration yet.", headers={"retry-after": "1"})


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one gateway process runs. Port 0: any that is free."""

    host: str = "127.0.0.1"
    port: int = 8080
    admin_host: str = "127.0.0.1"
    admin_port: int = 9090
    namespace: str = "default"
    state_dir: str | None = None
    """Where the last good snapshot and the embedded store are kept; None: nowhere."""
    secrets_dir: str | None = None
    """Where Secrets are mounted as NAME/KEY."""
    otlp_endpoint: str | None = None
    """Where traces go when the snapshot does not say."""
    intake: IntakeLimits = IntakeLimits()


def request_id() -> str:
    """A new id: 32 random hexadecimal digits."""
    return os.urandom(16).hex()


class Gateway:
    """See the module. Made, started and stopped inside one event loop."""

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        secrets: Secrets,
        upstream: Upstream,
        telemetry: Telemetry,
        cache: Stage | None = None,
        clock: Clock | None = None,
        dice: Dice | None = None,
        ids: Callable[[], str] = request_id,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.settings = settings
        self.port = settings.port
        self.runtime: Runtime | None = None
        self._secrets = secrets
        self._telemetry = telemetry
        self._clock = clock if clock is not None else SystemClock()
        self._ids = ids
        self._identities = Identities(upstream, self._clock, environment)
        self._guarding = Guarding(upstream)
        self._budgets = RetryBudgets()
        self._in_flight = 0
        self._idle: asyncio.Future[None] | None = None
        self._draining = False
        self._listening = False
        self._callbacks: list[Callable[[], None]] = []
        self._front = Front(self._handle, settings.intake, self._malformed)
        dice = dice if dice is not None else system_dice()
        call = CallUpstream(upstream, clock=self._clock, dice=dice, budgets=self._budgets)
        self._table = self._routes(self._stages(telemetry, cache, dice), call, cache)
        served = [endpoint for endpoint, _ in self._table.values()]
        self._refusals = Refusals(served, telemetry, self._clock, ids)
        secrets.subscribe(self._secrets_changed)

    def _stages(self, telemetry: Telemetry, cache: Stage | None, dice: Dice) -> list[Stage]:
        return [
            Record(telemetry),
            authenticate,
            ReadRequest(CHECKS),
            resolve_route,
            render_prompt(self._clock, dice),
            GuardInput(self._clock),
            *([cache] if cache is not None else []),
            GuardOutput(self._clock),
        ]

    def _routes(
        self, stages: list[Stage], call: Proceed, cache: Stage | None
    ) -> dict[tuple[str, str], tuple[Endpoint, Proceed]]:
        spans = {cache: semconv.SPAN_CACHE} if cache is not None else {}
        calls = pipeline.build(stages, call, spans=spans, clock=self._clock)
        table = {(served.endpoint.method, served.endpoint.path): (served.endpoint, calls) for served in SERVED}
        table[MODELS.method, MODELS.path] = (
            MODELS,
            pipeline.build([Record(self._telemetry), authenticate], list_models),
        )
        return table

    @property
    def served(self) -> tuple[tuple[str, str], ...]:
        """Every method and path that is served."""
        return tuple(self._table)

    @property
    def ready(self) -> bool:
        """Whether calls should be sent here."""
        return self._listening and self.runtime is not None and not self._draining

    @property
    def version(self) -> str:
        """The version that runs, "" for none."""
        return self.runtime.version if self.runtime is not None else ""

    @property
    def in_flight(self) -> int:
        """The calls that are being answered, streams too."""
        return self._in_flight

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Call back after each swap of the runtime, also for new secrets (`runtime.missing` may then be another)."""
        self._callbacks.append(changed)

    def apply(self, data: bytes, version: str) -> tuple[str, ...]:
        """Run this snapshot from the next call on. Returns the secret files that are missing. Raises BuildError."""
        if codec.version(data) != version:
            raise BuildError((NackError("Snapshot", "", "the bytes are not those of that version"),))
        try:
            snapshot = codec.decode(data)
        except ValueError as error:
            raise BuildError((NackError("Snapshot", "", str(error)),)) from error
        return self._swap(snapshot, version)

    def _swap(self, snapshot: Snapshot, version: str) -> tuple[str, ...]:
        runtime = Runtime.build(snapshot, version, self._secrets, self._identities, self._guarding)
        self._identities.settle()
        self._guarding.settle(snapshot.guards)
        self._budgets.keep(runtime.backends())
        self.runtime = runtime
        for changed in self._callbacks:
            changed()
        return runtime.missing

    def _secrets_changed(self) -> None:
        if self.runtime is not None:
            try:
                self._swap(self.runtime.snapshot, self.runtime.version)
            except BuildError as error:
                _LOG.error("with the new secrets the configuration cannot be built: %s", error)

    async def start(self) -> None:
        """Listen. `port` is then the port that was taken."""
        self.port = await self._front.listen(self.settings.host, self.settings.port)
        self._listening = True

    async def drain(self) -> None:
        """Not ready any more: calls are still answered, and each answer ends its connection."""
        self._draining = True

    async def stop(self, limit_s: float) -> None:
        """Take no new connections, let calls finish for so many seconds, cut what is left."""
        self._draining = True
        self._listening = False
        self._front.refuse()
        if self._in_flight:
            self._idle = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._idle], timeout=limit_s)
        await self._front.close()
        await self._identities.close()
        await self._guarding.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._in_flight += 1
        try:
            answer = await self._answer(request)
        finally:
            self._in_flight -= 1
            if self._idle is not None and not self._in_flight and not self._idle.done():
                self._idle.set_result(None)
        if self._draining:
            answer.force_close()
        return answer

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        runtime = self.runtime
        found = self._table.get((request.method, request.path))
        refusal = self._refusal(request, runtime, known=found is not None)
        if refusal is not None or runtime is None or found is None:
            return self._refusals.answer(refusal or _NOT_READY, runtime, request.method, request.path, request.headers)
        endpoint, proceed = found
        exchange = Exchange(
            id=self._ids(),
            endpoint=endpoint,
            headers=request.headers,
            raw=b"",
            body={},
            runtime=runtime,
            received_ns=self._clock.monotonic_ns(),
            received_unix_ns=self._clock.unix_ns(),
            receive=functools.partial(read_body, request, self.settings.intake),
        )
        return await self._call(request, exchange, proceed)

    async def _call(self, request: web.BaseRequest, exchange: Exchange, proceed: Proceed) -> web.StreamResponse:
        exchange.trace = self._telemetry.begin(exchange)
        try:
            response = await proceed(exchange)
        except CallError as error:
            return reply.failed(exchange, error)
        except Exception as error:  # noqa: BLE001  boundary: whatever no stage foresaw
            _LOG.error("call %s failed: %s", exchange.id, place(error))
            message = f"Something went wrong in the gateway (request {exchange.id})."
            return reply.failed(exchange, CallError(500, "internal_error", message))
        if response.stream is None:
            return reply.whole(exchange, response)
        try:
            return await reply.stream(request, exchange, response, response.stream, last=self._draining)
        except Exception as error:
            _LOG.error("the stream of call %s failed: %s", exchange.id, place(error))
            raise

    def _malformed(self, error: CallError) -> web.Response:
        return self._refusals.answer(error, self.runtime, "", "", {})

    def _refusal(self, request: web.BaseRequest, runtime: Runtime | None, *, known: bool) -> CallError | None:
        """Why there will be no call, if there will be none."""
        if not known:
            return self._unknown(request.method[:16], request.path)
        if runtime is None:
            return _NOT_READY
        if self._in_flight > runtime.gateway.limits.max_in_flight:
            return CallError(503, "overloaded", "Too many calls at once.", headers={"retry-after": "1"})
        return None

    def _unknown(self, method: str, path: str) -> CallError:
        allowed = ", ".join(allowed for allowed, served in self._table if served == path)
        if not allowed:
            return CallError(404, "unknown_url", f"Unknown request URL: {method} {path[:128]}.")
        message = f"{path} takes {allowed}, not {method}."
        return CallError(405, "method_not_allowed", message, headers={"allow": allowed})
