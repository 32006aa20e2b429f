"""Removes collections of the shared Qdrant whose namespaces were deleted while no operator ran, and so were seen to go by nobody.

A name alone proves nothing: the same Qdrant may serve other clusters, whose namespaces are none of ours. So every collection
that the operator makes carries its cluster's mark, and only what bears it is ever removed. What has the name and not the mark
(it is another cluster's, or older than marks are) is counted, for people to look at.

Rules: nothing is removed but after a complete listing of the namespaces, this operator's own and `kube-system` among them; and
only where the namespace was missing for an hour of this very term, and is not there when asked for by name.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Protocol

from turnout_contract.vector_collection import PREFIX, collection_name
from turnout_operator.kube import NOT_FOUND, ApiError, AsyncKube
from turnout_operator.publish.credentials import QdrantError

CLUSTER_NAMESPACE = "kube-system"
"""Its uid is what tells one cluster from another."""
SWEEP_SECONDS = 300.0
GRACE_SECONDS = 3600.0
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_log = logging.getLogger(__name__)


class MarkedCollections(Protocol):
    """The shared Qdrant, as a sweeper sees it. Each raises QdrantError."""

    async def names(self) -> list[str]:
        """All collections, whoever made them."""
        ...

    async def mark(self, collection: str) -> str:
        """The mark of the cluster whose operator made it; "" where it has none, or is gone."""
        ...

    async def delete(self, collection: str) -> None:
        """Delete it, if it is there."""
        ...


def namespace_of(collection: str) -> str | None:
    """The namespace of a collection whose name is one that Turnout gives; None: it is not."""
    namespace, embedder, dimension = [*collection.removeprefix(PREFIX).split("_", 2), "", ""][:3]
    if not _NAMESPACE.fullmatch(namespace) or not dimension.isdigit():
        return None
    return namespace if collection == collection_name(namespace, embedder, int(dimension)) else None


class OrphanSweeper:
    """Looks for orphans while we lead. `own` is the operator's namespace; `left` hears how many must be left alone."""

    def __init__(
        self,
        collections: MarkedCollections,
        kube: AsyncKube,
        *,
        own: str,
        leading: Callable[[], bool],
        monotonic: Callable[[], float],
        left: Callable[[int], None],
    ) -> None:
        self._collections = collections
        self._kube = kube
        self._own = own
        self._leading = leading
        self._monotonic = monotonic
        self._left = left
        self._missing_since: dict[str, float] = {}

    async def run(self) -> None:
        """Look, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except (ApiError, QdrantError) as error:
                _log.warning("orphans in the shared Qdrant: %s", error)

    async def sweep(self) -> None:
        """One look. Raises ApiError, QdrantError."""
        if not self._leading():
            self._missing_since.clear()
            return
        found = {name: namespace for name in await self._collections.names() if (namespace := namespace_of(name))}
        uids = {
            str(item["metadata"]["name"]): str(item["metadata"]["uid"])
            for item in await self._kube.list_all("/api/v1/namespaces")
        }
        if self._own not in uids or CLUSTER_NAMESPACE not in uids:
            _log.warning("orphans in the shared Qdrant: the listing of the namespaces is not complete")
            return
        now = self._monotonic()
        orphans = {name: namespace for name, namespace in found.items() if namespace not in uids}
        self._missing_since = {name: self._missing_since.get(name, now) for name in orphans}
        foreign = 0
        for name, namespace in sorted(orphans.items()):
            if await self._collections.mark(name) != uids[CLUSTER_NAMESPACE]:
                foreign += 1
            elif now - self._missing_since[name] >= GRACE_SECONDS and await self._is_gone(namespace):
                await self._collections.delete(name)
                _log.info("collection %s was removed: its namespace is gone", name)
        self._left(foreign)

    async def _is_gone(self, namespace: str) -> bool:
        try:
            await self._kube.request("GET", f"/api/v1/namespaces/{namespace}")
        except ApiError as error:
            if error.status == NOT_FOUND:
                return self._leading()
            raise
        return False
