"""Keeps every namespace's workloads at what is wanted: a queue of namespaces, reconciled a few at a time, again on failure.

Rules: only the leader reconciles; a namespace that is being deleted is left alone; what is wanted is derived from the last
compilation and nothing else; everything is reconciled again at each audit, since nobody watches these objects.
"""

import asyncio
import logging
from collections.abc import Callable

from turnout_operator.compile import ConditionValue
from turnout_operator.kube import ApiError
from turnout_operator.settings import GatewayDefaults
from turnout_operator.work_queue import WorkQueue
from turnout_operator.workloads.reconcile import Reconciler
from turnout_operator.workloads.refusal import complete, may_pass, of_pods, refusal
from turnout_operator.workloads.render import Facts, render

QUIET = 0.05
MOST = 0.5
AT_ONCE = 4
LOOK_SECONDS = 5.0
PATIENCE_SECONDS = 10.0
_log = logging.getLogger(__name__)


class WorkloadKeeper:
    """What each namespace's workloads should be, and the work of making them so."""

    def __init__(
        self,
        reconciler: Reconciler,
        defaults: GatewayDefaults,
        *,
        leading: Callable[[], bool],
        exists: Callable[[str], bool],
        trouble: Callable[[str, ConditionValue | None], None],
        monotonic: Callable[[], float],
        failed: Callable[[], None] = lambda: None,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._reconciler = reconciler
        self._defaults = defaults
        self._leading = leading
        self._exists = exists
        self._trouble = trouble
        self._monotonic = monotonic
        self._failed = failed
        self._failing_since: dict[str, float] = {}
        self._unready: set[str] = set()
        self._look_seconds = look_seconds
        self._wanted: dict[str, Facts | None] = {}
        self._leftovers: set[str] = set()
        self._queue = WorkQueue(quiet=QUIET, most=MOST, monotonic=monotonic)

    def want(self, namespace: str, facts: Facts | None) -> None:
        """The namespace is to have these workloads; None: none."""
        if namespace not in self._wanted or self._wanted[namespace] != facts:
            self._wanted[namespace] = facts
            self._queue.mark(namespace)

    def leftover(self, namespace: str) -> None:
        """Something of ours is in the namespace, and nothing was said of it in this term: whatever is wanted will be done."""
        self._leftovers.add(namespace)

    def knows(self, namespace: str) -> bool:
        """Whether it was ever said what the namespace is to have."""
        return namespace in self._wanted or namespace in self._leftovers

    def gone(self, namespace: str) -> None:
        """There is no such namespace any more, and so nothing of ours in it."""
        self._wanted.pop(namespace, None)
        self._leftovers.discard(namespace)
        self._failing_since.pop(namespace, None)
        self._unready.discard(namespace)

    def again(self) -> None:
        """Look at all of them again."""
        for namespace in self._wanted:
            self._queue.mark(namespace)

    def forget(self) -> None:
        """We do not lead."""
        self._wanted.clear()
        self._leftovers.clear()
        self._failing_since.clear()
        self._unready.clear()
        self._queue.forget()

    async def run(self) -> None:
        """Reconcile until cancelled."""
        gate = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_after_pods(), name="workloads-pods")
            while True:
                await self._queue.wait()
                for work in self._queue.take():
                    group.create_task(self._reconcile(work.key, gate), name=f"workloads-{work.key}")

    async def _reconcile(self, namespace: str, gate: asyncio.Semaphore) -> None:
        failed = True
        try:
            async with gate:
                await self._once(namespace)
            failed = False
            self._failing_since.pop(namespace, None)
        except ApiError as error:
            self._failed()
            _log.warning("workloads of %s: %s", namespace, error)
            self._tell(namespace, error)
        finally:
            self._queue.done(namespace, failed=failed)

    async def _once(self, namespace: str) -> None:
        if not self._leading() or namespace not in self._wanted or not self._exists(namespace):
            return
        facts = self._wanted[namespace]
        if facts is None:
            await self._reconciler.remove(namespace)
            self._unready.discard(namespace)
            self._trouble(namespace, None)
            return
        outcome = await self._reconciler.make(namespace, render(facts, self._defaults), facts.replicas)
        if outcome.trouble is None:
            self._unready.add(namespace)
            await self._look(namespace)
        elif self._leading():
            self._unready.discard(namespace)
            self._trouble(namespace, outcome.trouble)

    def _tell(self, namespace: str, error: ApiError) -> None:
        """A refusal is said at once, unless it may pass by itself: then only once it has gone on for a while."""
        since = self._failing_since.setdefault(namespace, self._monotonic())
        if not self._leading() or error.status == 0:
            return
        if not may_pass(error) or self._monotonic() - since >= PATIENCE_SECONDS:
            self._unready.discard(namespace)
            self._trouble(namespace, refusal(error))

    async def _look(self, namespace: str) -> None:
        """Whether the Deployment got its pods; it is looked at again until it has them all."""
        deployment = await self._reconciler.deployment(namespace)
        if namespace not in self._unready or not self._leading():
            return  # meanwhile something else came of it
        if deployment is None or complete(deployment):
            self._unready.discard(namespace)
        self._trouble(namespace, of_pods(deployment) if deployment is not None else None)

    async def _look_after_pods(self) -> None:
        """Nobody watches Deployments: those that lack pods are looked at from time to time."""
        while True:
            await asyncio.sleep(self._look_seconds)
            for namespace in sorted(self._unready):
                try:
                    await self._look(namespace)
                except ApiError as error:
                    _log.warning("the Deployment of %s: %s", namespace, error)
