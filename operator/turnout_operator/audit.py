"""Finds ghosts: objects that vanished while a watch was broken, which no event will ever tell of.

When a watch cannot go on from where it was, the informer lists again, and emits what exists. A listed object that was known
before is the sign of that: then its kind is listed once more, by ourselves, and the store is swept against that listing. Every
few minutes all kinds are, whatever was seen.

Rules: a listing that fails sweeps nothing (a kind that is gone is not a kind without objects); what an event touched since the
listing began is left alone.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from turnout_contract.api.meta import API_VERSION
from turnout_contract.api.registry import KINDS
from turnout_operator.events import NAMESPACE
from turnout_operator.kube import ApiError, AsyncKube, Json
from turnout_operator.store import Store

EVERYTHING = (*KINDS, NAMESPACE)
_log = logging.getLogger(__name__)


class Lister(Protocol):
    """Lists a kind."""

    async def list_kind(self, kind: str, namespace: str | None) -> list[Json]:
        """All its objects (of a namespace). Raises ApiError."""
        ...


class ClusterLister:
    """Lists at the API server."""

    def __init__(self, kube: AsyncKube) -> None:
        self._kube = kube

    async def list_kind(self, kind: str, namespace: str | None) -> list[Json]:
        """See `Lister.list_kind`."""
        if kind == NAMESPACE:
            return await self._kube.list_all("/api/v1/namespaces")
        plural = KINDS[kind].plural
        if namespace is None:
            return await self._kube.list_all(f"/apis/{API_VERSION}/{plural}")
        return await self._kube.list_all(f"/apis/{API_VERSION}/namespaces/{namespace}/{plural}")


class RelistDetector:
    """Which kinds seem to have been listed again, and when to look. Times are monotonic seconds."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._due: dict[str, float] = {}

    def listed(self, kind: str, now: float, *, known: bool) -> None:
        """A listed object came; `known` says whether it was there before."""
        if known:
            self._due.setdefault(kind, now + self._delay)

    def schedule(self, kinds: Iterable[str], at: float) -> None:
        """Look at these then, whatever is seen."""
        for kind in kinds:
            self._due[kind] = min(at, self._due.get(kind, at))

    def due(self, now: float) -> list[str]:
        """The kinds to audit now."""
        kinds = [kind for kind, at in self._due.items() if at <= now]
        for kind in kinds:
            del self._due[kind]
        return kinds


class Auditor:
    """Lists kinds and sweeps the store. `namespaces` None: all. `ghosts` hears how many were found."""

    def __init__(
        self,
        store: Store,
        lister: Lister,
        *,
        namespaces: Sequence[str] | None,
        ghosts: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._store = store
        self._lister = lister
        self._namespaces = namespaces
        self._ghosts = ghosts

    async def audit(self, kind: str) -> None:
        """Make the store agree with the cluster about one kind. Raises ApiError where it cannot be listed."""
        if kind == NAMESPACE:
            mark = self._store.mark()
            swept = self._store.sweep_namespaces(mark, await self._lister.list_kind(kind, None))
            self._count(kind, swept)
            return
        for namespace in self._namespaces if self._namespaces is not None else (None,):
            mark = self._store.mark()
            listed = await self._lister.list_kind(kind, namespace)
            self._count(kind, self._store.sweep(kind, mark, listed, within=namespace))

    async def audit_all(self, kinds: Iterable[str] = EVERYTHING) -> list[str]:
        """Audit these; returns those that could not be listed."""
        failed = []
        for kind in kinds:
            try:
                await self.audit(kind)
            except ApiError as error:
                _log.warning("audit of %s: %s", kind, error)
                failed.append(kind)
        return failed

    def _count(self, kind: str, ghosts: int) -> None:
        if ghosts:
            _log.warning("audit: %d %s were gone without an event", ghosts, kind)
            self._ghosts(ghosts)
