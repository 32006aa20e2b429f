"""Keeps every object's status at what is true: recomputes a namespace when its verdicts or its gateways change.

Nothing is remembered that cannot be derived again: verdicts come from the compiler, acknowledgements from the registry, the
present status from the store. What was written and has not yet come back by the watch is laid over the store, so that a slow
echo causes no second write.

Rules: runs in the event loop, returns at once, writes through `StatusWriter`; a namespace is recomputed at most every
`QUIET` seconds, however many gateways speak.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

from turnout_contract.api.conditions import ACCEPTED, PENDING, PROGRAMMED, RESOLVED_REFS
from turnout_contract.api.gateway import GatewayReport
from turnout_contract.api.meta import Condition
from turnout_operator.compile import ConditionValue, Verdict
from turnout_operator.publish.registry import GatewayView
from turnout_operator.status.conditions import Scene, conditions, same
from turnout_operator.status.writer import Write
from turnout_operator.store import Store, Stored
from turnout_operator.work_queue import WorkQueue

QUIET = 0.1
MOST = 0.5
ECHO_SECONDS = 30.0
LOOK_AGAIN_SECONDS = 1.0
MOST_GATEWAYS = 200
GATEWAY_KIND = "ModelGateway"


class Writer(Protocol):
    """Where statuses go."""

    def write(self, write: Write) -> None:
        """The status that an object is to have."""
        ...

    def settled(self, key: tuple[str, str, str]) -> None:
        """The object has the status that it is to have."""
        ...


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a namespace, beside its gateways."""

    verdicts: tuple[Verdict, ...] = ()
    wants_gateway: bool = False
    version: str = ""
    withheld: ConditionValue | None = None
    """Why this is not what its gateways are given."""


class _Overlay(msgspec.Struct, frozen=True):
    status: dict[str, Any]
    over: dict[str, Any]
    until: float


class StatusEngine:
    """Statuses of all namespaces. `views` says how a namespace's gateways stand, `settled` whether a take-over is long past."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        *,
        views: Callable[[str], tuple[GatewayView, ...]],
        leading: Callable[[], bool],
        settled: Callable[[], bool],
        monotonic: Callable[[], float],
        timestamp: Callable[[], str],
    ) -> None:
        self._store = store
        self._writer = writer
        self._views = views
        self._leading = leading
        self._settled = settled
        self._monotonic = monotonic
        self._timestamp = timestamp
        self._standing: dict[str, Standing] = {}
        self._trouble: dict[str, ConditionValue] = {}
        self._overlays: dict[str, _Overlay] = {}
        self._queue = WorkQueue(quiet=QUIET, most=MOST, monotonic=monotonic)

    # --- what happens

    def compiled(self, namespace: str, standing: Standing) -> None:
        """A namespace was compiled."""
        self._standing[namespace] = standing
        self.mark(namespace)

    def withheld(self, namespace: str, why: ConditionValue) -> None:
        """A namespace could not be compiled, or must not be: its gateways keep what they have."""
        standing = self._standing.get(namespace, Standing())
        self.compiled(namespace, msgspec.structs.replace(standing, withheld=why))

    def workloads(self, namespace: str, trouble: ConditionValue | None) -> None:
        """What stands in the way of a namespace's workloads (None: nothing)."""
        if self._trouble.get(namespace) == trouble:
            return
        if trouble is None:
            del self._trouble[namespace]
        else:
            self._trouble[namespace] = trouble
        self.mark(namespace)

    def troubles(self) -> dict[str, list[ConditionValue]]:
        """What is wrong with whole namespaces, by namespace: what is withheld from its gateways, what its workloads lack."""
        found: dict[str, list[ConditionValue]] = {}
        for namespace, standing in self._standing.items():
            if standing.withheld is not None:
                found.setdefault(namespace, []).append(standing.withheld)
        for namespace, trouble in self._trouble.items():
            found.setdefault(namespace, []).append(trouble)
        return found

    def gone(self, namespace: str) -> None:
        """There is no such namespace any more."""
        self._standing.pop(namespace, None)
        self._trouble.pop(namespace, None)

    def mark(self, namespace: str) -> None:
        """Its statuses may be other ones now."""
        self._queue.mark(namespace)

    def mark_all(self) -> None:
        """All of them may: a moment has come."""
        for namespace in self._standing:
            self.mark(namespace)

    def forget(self) -> None:
        """We do not lead: what was compiled is forgotten."""
        self._standing.clear()
        self._trouble.clear()
        self._overlays.clear()
        self._queue.forget()

    # --- at work

    async def run(self) -> None:
        """Recompute what is marked, until cancelled."""
        while True:
            await self._queue.wait()
            for work in self._queue.take():
                self.refresh(work.key)
                self._queue.done(work.key)
                await asyncio.sleep(0)

    def refresh(self, namespace: str) -> None:
        """Recompute a namespace's statuses and write those that are not what they should be."""
        standing = self._standing.get(namespace)
        if standing is None or not self._leading():
            return
        views = self._views(namespace)
        scene = Scene(
            wants_gateway=standing.wants_gateway,
            gateways=views,
            # What a gateway runs that has yet to dial in for the first time, only the status says that stands there.
            settled=self._settled() and not any(view.expected for view in views),
            workload_trouble=self._trouble.get(namespace),
            withheld=standing.withheld,
        )
        if scene.unsettled:
            asyncio.get_running_loop().call_later(LOOK_AGAIN_SECONDS, self.mark, namespace)
        now = self._timestamp()
        for verdict in self._verdicts(namespace, standing):
            stored = self._store.get(verdict.namespace, verdict.kind, verdict.name)
            if stored is None or (stored.uid, stored.generation) != (verdict.uid, verdict.generation):
                continue  # it is another by now, and about to be compiled again
            self._refresh_one(verdict, stored, scene, standing.version, now)

    def _verdicts(self, namespace: str, standing: Standing) -> Iterable[Verdict]:
        if standing.withheld is None:
            return standing.verdicts
        known = {(verdict.uid, verdict.generation): verdict for verdict in standing.verdicts}
        return [
            known.get((stored.uid, stored.generation)) or _unjudged(stored, standing.withheld)
            for stored in self._store.objects(namespace)
        ]

    def _refresh_one(self, verdict: Verdict, stored: Stored, scene: Scene, version: str, now: str) -> None:
        before = self._present(stored)
        previous = _conditions(before)
        wanted = conditions(verdict, scene, secrets=stored.secrets, previous=previous, now=now)
        if scene.unsettled and any(one.reason == PENDING and one.type == PROGRAMMED for one in wanted):
            return  # in a moment it is acknowledged: one write then, rather than two
        status: dict[str, Any] = {"conditions": [_plain(one) for one in wanted]}
        right = same(wanted, previous)
        if verdict.kind == GATEWAY_KIND:
            status["version"] = version or str(before.get("version") or "")
            status["gateways"] = _reports(scene.gateways, before, now)
            right = right and all(
                (before.get(key) or type(value)()) == value for key, value in status.items() if key != "conditions"
            )
        write = Write(verdict.kind, verdict.namespace, verdict.name, verdict.uid, status)
        if right:
            if stored.uid not in self._overlays:
                self._writer.settled(write.key)
            return
        self._overlays[stored.uid] = _Overlay({**before, **status}, stored.status, self._monotonic() + ECHO_SECONDS)
        self._writer.write(write)

    def _present(self, stored: Stored) -> dict[str, Any]:
        """The object's status: what we wrote last, until the watch brings another or too much time has passed."""
        overlay = self._overlays.get(stored.uid)
        if overlay is None:
            return stored.status
        if overlay.over == stored.status and self._monotonic() < overlay.until:
            return overlay.status
        del self._overlays[stored.uid]
        return stored.status


def _unjudged(stored: Stored, why: ConditionValue) -> Verdict:
    """The verdict on an object that no compilation of ours has seen: what its status says of this generation, if anything."""
    said = {one.type: one for one in _conditions(stored.status) if one.observed_generation == stored.generation}

    def standing(kind: str) -> ConditionValue:
        one = said.get(kind)
        if one is None or one.status == "Unknown":
            return ConditionValue("Unknown", why.reason, why.message)
        return ConditionValue(one.status, one.reason, one.message)

    return Verdict(
        kind=stored.kind,
        name=stored.name,
        namespace=stored.namespace,
        uid=stored.uid,
        generation=stored.generation,
        accepted=standing(ACCEPTED),
        resolved=standing(RESOLVED_REFS),
    )


def _plain(condition: Condition) -> dict[str, Any]:
    """A condition with its message, be it empty: what is not applied stays at the schema's default."""
    return {"message": "", **msgspec.to_builtins(condition)}


def _conditions(status: dict[str, Any]) -> tuple[Condition, ...]:
    found = []
    for item in status.get("conditions") or ():
        try:
            found.append(msgspec.convert(item, Condition))
        except msgspec.ValidationError:
            continue  # not of our shape: it will be replaced
    return tuple(found)


def _reports(views: tuple[GatewayView, ...], before: dict[str, Any], now: str) -> list[dict[str, Any]]:
    known = {str(report.get("pod")): report for report in before.get("gateways") or ()}
    reports = []
    # A pod may be made anew under its name, and the list is a map by pod: what was last heard counts.
    newest = {view.pod: view for view in sorted(views, key=lambda view: view.since)}
    for _, view in sorted(newest.items())[:MOST_GATEWAYS]:
        old = known.get(view.pod, {})
        if view.expected and old:
            reports.append(old)
            continue
        since = str(old.get("since") or now) if old.get("state") == view.state else now
        report = GatewayReport(pod=view.pod, state=view.state, version=view.version, since=since)
        reports.append({"version": "", "since": "", **msgspec.to_builtins(report)})
    return reports
