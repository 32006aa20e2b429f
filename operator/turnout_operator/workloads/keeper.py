"""Keeps every namespace's workloads at what is wanted: a queue of namespaces, reconciled a few at a time, again on failure.

Rules: only the leader reconciles; a namespace that is being deleted is left alone; what is wanted is derived from the last
compilation and nothing else; everything is reconciled again at each audit, since nobody watches these objects.
"""

import asyncio
import logging
from collections.abc import Callable

from turnout_operator.kube import ApiError
from turnout_operator.settings import GatewayDefaults
from turnout_operator.work_queue import WorkQueue
from turnout_operator.workloads.reconcile import Reconciler
from turnout_operator.workloads.render import Facts, render

QUIET = 0.05
MOST = 0.5
AT_ONCE = 4
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
        trouble: Callable[[str, str], None],
        monotonic: Callable[[], float],
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._reconciler = reconciler
        self._defaults = defaults
        self._leading = leading
        self._exists = exists
        self._trouble = trouble
        self._failed = failed
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

    def again(self) -> None:
        """Look at all of them again."""
        for namespace in self._wanted:
            self._queue.mark(namespace)

    def forget(self) -> None:
        """We do not lead."""
        self._wanted.clear()
        self._leftovers.clear()
        self._queue.forget()

    async def run(self) -> None:
        """Reconcile until cancelled."""
        gate = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                await self._queue.wait()
                for work in self._queue.take():
                    group.create_task(self._reconcile(work.key, gate), name=f"workloads-{work.key}")

    async def _reconcile(self, namespace: str, gate: asyncio.Semaphore) -> None:
        failed = False
        try:
            async with gate:
                await self._once(namespace)
        except ApiError as error:
            failed = True
            self._failed()
            _log.warning("workloads of %s: %s", namespace, error)
        finally:
            self._queue.done(namespace, failed=failed)

    async def _once(self, namespace: str) -> None:
        if not self._leading() or namespace not in self._wanted or not self._exists(namespace):
            return
        facts = self._wanted[namespace]
        if facts is None:
            await self._reconciler.remove(namespace)
            self._trouble(namespace, "")
            return
        outcome = await self._reconciler.make(namespace, render(facts, self._defaults), facts.replicas)
        self._trouble(namespace, outcome.trouble)
