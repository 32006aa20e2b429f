"""What must be looked at from time to time, since no event tells of it.

Ghosts in the store; gateways whose pods are gone; leftovers of workloads in namespaces that want none any more; gateways that a
new leader has to expect, because their pods are ready and serve although they have not dialled in yet.

Rules: a look that fails changes nothing and is repeated; only the leader asks about gateways and workloads.
"""

import asyncio
import logging
from collections.abc import Callable

from turnout_operator.audit import EVERYTHING, Auditor, RelistDetector
from turnout_operator.kube import NOT_FOUND, ApiError, AsyncKube, Json
from turnout_operator.publish.registry import Peer, Registry
from turnout_operator.settings import OperatorSettings
from turnout_operator.status.engine import StatusEngine
from turnout_operator.workloads.keeper import WorkloadKeeper
from turnout_operator.workloads.reconcile import SELECTOR, Reconciler
from turnout_operator.workloads.render import NAME

LOOK_SECONDS = 1.0
ABSENT_SECONDS = 3.0
ASK_AGAIN_SECONDS = 15.0
STATUS_SECONDS = 5.0
RETRY_SECONDS = 5.0
GATEWAY_PODS = f"app.kubernetes.io/name={NAME},{SELECTOR}"
_log = logging.getLogger(__name__)


class Housekeeping:
    """The looks, and when they are due. `dirty` marks namespaces to be compiled."""

    def __init__(
        self,
        settings: OperatorSettings,
        kube: AsyncKube,
        *,
        auditor: Auditor,
        detector: RelistDetector,
        registry: Registry,
        engine: StatusEngine,
        workloads: WorkloadKeeper,
        reconciler: Reconciler,
        dirty: Callable[[set[str]], None],
        leading: Callable[[], bool],
        monotonic: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._kube = kube
        self._auditor = auditor
        self._detector = detector
        self._registry = registry
        self._engine = engine
        self._workloads = workloads
        self._reconciler = reconciler
        self._dirty = dirty
        self._leading = leading
        self._monotonic = monotonic
        self._asked: dict[str, float] = {}
        self._statuses_at = 0.0
        self._everything_at = 0.0
        self._terms = 0
        self._took_over = False
        self._leftovers_due = False

    def term_began(self) -> None:
        """We lead: gateways are expected, leftovers looked for."""
        self._terms += 1
        self._took_over = False
        self._leftovers_due = True
        self._asked.clear()

    @property
    def took_over(self) -> bool:
        """Whether it is known which gateways this term has to expect. Until then nobody is missed."""
        return self._took_over

    def everything(self) -> None:
        """Events may have been missed: audit all kinds."""
        self._detector.schedule(EVERYTHING, self._monotonic() + LOOK_SECONDS)

    async def run(self) -> None:
        """Look, until cancelled."""
        now = self._monotonic()
        self._everything_at = now + self._settings.audit_seconds
        # What was deleted between our own listing and the informer's was never told to anyone.
        self._detector.schedule(EVERYTHING, now + RETRY_SECONDS)
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for look in (self._take_over, self._audit, self._look):
                try:
                    await look(self._monotonic())
                except ApiError as error:
                    _log.warning("housekeeping: %s", error)

    async def _look(self, now: float) -> None:
        if not self._leading():
            return
        if self._leftovers_due:
            await self._look_for_leftovers()
            self._leftovers_due = False
        for peer in self._registry.absent(now, ABSENT_SECONDS):
            await self._ask_after(peer, now)
        if now >= self._statuses_at:
            self._statuses_at = now + STATUS_SECONDS
            for namespace in self._registry.unsettled():
                self._engine.mark(namespace)

    async def _audit(self, now: float) -> None:
        everything = now >= self._everything_at
        due = list(EVERYTHING) if everything else self._detector.due(now)
        failed = await self._auditor.audit_all(due) if due else []
        self._detector.schedule(failed, self._monotonic() + RETRY_SECONDS)
        if everything:
            self._everything_at = self._monotonic() + self._settings.audit_seconds
            if self._leading():
                self._engine.mark_all()
                self._workloads.again()
                await self._look_for_leftovers()

    async def _take_over(self, _now: float) -> None:
        if self._took_over or not self._leading():
            return
        term = self._terms
        pods = await self._gateway_pods()
        if self._terms != term:
            return
        for pod in pods:
            if _ready(pod):
                metadata = pod["metadata"]
                peer = Peer(str(metadata["namespace"]), str(metadata["name"]), str(metadata["uid"]))
                self._registry.expect(peer, self._monotonic())
        self._took_over = True
        self._engine.mark_all()

    async def _look_for_leftovers(self) -> None:
        owned = await self._reconciler.owned_namespaces(self._settings.namespaces)
        # Of a namespace without any object of ours nothing was ever said: compiled, it says that it wants nothing.
        unknown = {namespace for namespace in owned if not self._workloads.knows(namespace)}
        for namespace in unknown:
            self._workloads.leftover(namespace)
        self._dirty(unknown)

    async def _gateway_pods(self) -> list[Json]:
        if self._settings.namespaces is None:
            return await self._kube.list_all("/api/v1/pods", selector=GATEWAY_PODS)
        pods = []
        for namespace in self._settings.namespaces:
            pods += await self._kube.list_all(f"/api/v1/namespaces/{namespace}/pods", selector=GATEWAY_PODS)
        return pods

    async def _ask_after(self, peer: Peer, now: float) -> None:
        if now < self._asked.get(peer.uid, 0.0):
            return
        self._asked[peer.uid] = now + ASK_AGAIN_SECONDS
        if await self._is_gone(peer):
            self._asked.pop(peer.uid, None)
            self._registry.forget(peer)
        self._engine.mark(peer.namespace)

    async def _is_gone(self, peer: Peer) -> bool:
        try:
            pod = await self._kube.request("GET", f"/api/v1/namespaces/{peer.namespace}/pods/{peer.pod}")
        except ApiError as error:
            if error.status == NOT_FOUND:
                return True
            raise
        metadata, phase = pod["metadata"], (pod.get("status") or {}).get("phase")
        return (
            metadata["uid"] != peer.uid or bool(metadata.get("deletionTimestamp")) or phase in ("Succeeded", "Failed")
        )


def _ready(pod: Json) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(condition.get("type") == "Ready" and condition.get("status") == "True" for condition in conditions)
