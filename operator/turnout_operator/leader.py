"""What only the leader does: compile what is dirty, publish it, say so in status, keep workloads.

A term begins with every namespace dirty and nothing remembered, so that nothing depends on the leader before. The compilation has
a thread of its own; everything else here runs in the event loop and returns at once.

Rules: whatever fails is tried again by its own queue; the result of a compilation that outlived our term is thrown away.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from turnout_contract.api.conditions import DEFINITION_MISSING, INTERNAL_ERROR, NOT_PUBLISHED
from turnout_operator.compile import ConditionValue, Defaults, Inputs
from turnout_operator.compiling import Compiled, compiled, facts
from turnout_operator.crd_guard import CrdGuard
from turnout_operator.kube import ApiError
from turnout_operator.metrics import Metrics
from turnout_operator.publish.collections import CollectionKeeper
from turnout_operator.publish.publisher import Publisher
from turnout_operator.queue import Work
from turnout_operator.settings import OperatorSettings
from turnout_operator.status.engine import Standing, StatusEngine
from turnout_operator.store import RELEASED, Store
from turnout_operator.work_queue import WorkQueue
from turnout_operator.workloads.keeper import WorkloadKeeper

FRESHEN_SECONDS = 10.0
_FAILED = "the compiler failed ({}): gateways keep what they have, and it is tried again; the operator's log says where"
_MISSING = (
    "the definition of {} was deleted or replaced: gateways keep what they have until such an object is here again, "
    "or the Namespace's annotation {} is given a new value"
)
_log = logging.getLogger(__name__)


class Rooms(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the leader works with. `collections` None: there is no shared Qdrant."""

    store: Store
    guard: CrdGuard
    publisher: Publisher
    engine: StatusEngine
    workloads: WorkloadKeeper
    collections: CollectionKeeper | None


class Leader:
    """Compiles and hands on, while `epoch` says that we lead. `ca` is the bundle that gateways are to trust; `freshen` makes the
    store agree with the cluster."""

    def __init__(
        self,
        settings: OperatorSettings,
        defaults: Defaults,
        rooms: Rooms,
        *,
        epoch: Callable[[], int | None],
        ca: Callable[[], str],
        monotonic: Callable[[], float],
        metrics: Metrics,
        freshen: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._settings = settings
        self._defaults = defaults
        self._rooms = rooms
        self._epoch = epoch
        self._ca = ca
        self._monotonic = monotonic
        self._metrics = metrics
        self._freshen = freshen
        self._fresh = freshen is None
        self._queue = WorkQueue(quiet=settings.debounce.quiet, most=settings.debounce.most, monotonic=monotonic)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compile")
        self._changed_at: dict[str, tuple[str, float]] = {}
        self._terms = 0

    # --- what happens

    def dirty(self, namespaces: Iterable[str]) -> None:
        """They must be compiled again; nothing while we do not lead, since a new term compiles everything."""
        if self._epoch() is None:
            return
        for namespace in namespaces:
            self._queue.mark(namespace)

    def everything(self) -> None:
        """Every namespace must be compiled again."""
        self.dirty(self._rooms.store.namespaces())

    def wanted_by(self, namespace: str) -> None:
        """A gateway of that namespace is here; compile it, if it was not yet in this term."""
        if self._rooms.publisher.wanted(namespace) is None:
            self.dirty((namespace,))

    def acknowledged(self, namespace: str, version: str) -> None:
        """A gateway runs a version: how long did that take?"""
        known = self._changed_at.get(namespace)
        if known is not None and known[0] == version:
            self._metrics.propagation.labels("ack").observe(self._monotonic() - known[1])

    def forget(self) -> None:
        """We lead no more."""
        rooms = self._rooms
        self._terms += 1
        self._fresh = self._freshen is None
        self._queue.forget()
        self._changed_at.clear()
        rooms.publisher.stop()
        rooms.engine.forget()
        rooms.workloads.forget()
        if rooms.collections is not None:
            rooms.collections.forget()

    # --- at work

    async def run(self) -> None:
        """Compile what is dirty, until cancelled."""
        while True:
            await self._queue.wait()
            if not self._fresh and len(self._queue):
                await self._look_anew()
            for work in self._queue.take():
                await self._work(work)
            self._metrics.queued.set(len(self._queue))

    async def _look_anew(self) -> None:
        """Before a term's first compilation: while we stood by, a watch may have stalled that has not noticed it yet.

        What it kept from us the last leader may have pushed; compiled without it, gateways would go back to what was before.
        """
        term = self._terms
        try:
            async with asyncio.timeout(FRESHEN_SECONDS):
                if self._freshen is not None:
                    await self._freshen()
        except (ApiError, TimeoutError) as error:
            _log.warning("a term begins with what the watches told: %r", error)
        self._fresh = self._terms == term

    async def _work(self, work: Work) -> None:
        failed, term = True, self._terms
        try:
            await self._compile(work)
            failed = False
        except ApiError as error:
            _log.warning("namespace %s is not compiled until this can be known: %s", work.key, error)
        except Exception as error:  # noqa: BLE001  boundary: a compiler that fails on one namespace must not stop the others
            self._metrics.compile_failures.inc()
            kind = type(error).__name__
            _log.exception("namespace %s could not be compiled (%s): its gateways keep what they have", work.key, kind)
            if self._epoch() is not None and self._terms == term:
                self._rooms.engine.withheld(work.key, ConditionValue("False", INTERNAL_ERROR, _FAILED.format(kind)))
        finally:
            self._queue.done(work.key, failed=failed)

    async def _compile(self, work: Work) -> None:
        namespace, term = work.key, self._terms
        held = await self._rooms.guard.held(namespace)
        if self._epoch() is None:
            return
        if held:
            missing = _MISSING.format(", ".join(held), RELEASED)
            self._rooms.engine.withheld(namespace, ConditionValue("False", DEFINITION_MISSING, missing))
            return
        inputs = self._rooms.store.inputs(namespace, self._defaults)
        if self._rooms.store.namespace(namespace) is None:
            # Without its labels nobody knows what of the organisation's holds for it: it is compiled once they are known.
            if not inputs.objects and not inputs.broken:
                self._gone(namespace)
            return
        began = self._monotonic()
        done = await asyncio.get_running_loop().run_in_executor(self._thread, compiled, inputs)
        self._metrics.compile_seconds.observe(self._monotonic() - began)
        self._metrics.propagation.labels("compile").observe(self._monotonic() - work.since)
        if self._epoch() is not None and self._terms == term:
            self._hand_on(inputs, done, work.since)

    def _gone(self, namespace: str) -> None:
        """There is no such Namespace: all that was made in it went with it, and nothing of it is kept here."""
        rooms = self._rooms
        self._changed_at.pop(namespace, None)
        was_there = rooms.publisher.wanted(namespace) is not None
        for room in (rooms.publisher, rooms.engine, rooms.workloads):
            room.gone(namespace)
        if rooms.collections is not None:
            rooms.collections.want(namespace, wanted=False)
            if was_there:
                rooms.collections.gone(namespace)

    def _hand_on(self, inputs: Inputs, done: Compiled, since: float) -> None:
        namespace, rooms, result = inputs.namespace, self._rooms, done.result
        if not done.too_large and rooms.publisher.want(
            namespace, version=done.version, text=done.text, secrets=done.secrets, sources=done.sources
        ):
            self._changed_at[namespace] = (done.version, since)
            self._metrics.propagation.labels("send").observe(self._monotonic() - since)
        exists = rooms.store.namespace(namespace)
        rooms.engine.compiled(
            namespace,
            Standing(
                verdicts=tuple(result.verdicts),
                wants_gateway=result.wants_gateway,
                version=done.version,
                withheld=ConditionValue("False", NOT_PUBLISHED, done.too_large) if done.too_large else None,
            ),
        )
        wants = result.wants_gateway
        if wants or inputs.objects or inputs.broken or rooms.workloads.knows(namespace):
            rooms.workloads.want(namespace, facts(inputs, done, self._settings, self._ca()) if wants else None)
        if rooms.collections is not None:
            cached = any(rule.cache is not None for route in result.snapshot.routes for rule in route.rules)
            uses = wants and cached and result.snapshot.gateway.shared_qdrant
            rooms.collections.want(namespace, wanted=uses)
            if exists is not None and exists.terminating:
                rooms.collections.gone(namespace)
