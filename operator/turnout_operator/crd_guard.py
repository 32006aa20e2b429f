"""Keeps a deleted CustomResourceDefinition from emptying every gateway.

When a definition goes, the API server deletes all its objects and every watch says so, one by one: to the compiler that looks
like teams who removed all their routes. So a namespace that lost objects of a kind is compiled only after a look at the kind's
definition; if that is gone, going, or another one than before, the namespace keeps what it has until an object of that kind is
back in it, or somebody says that it is meant so.

Rules: looked at only when something was deleted; a definition that may not be read counts as being there.
"""

import logging
from collections.abc import Mapping

from turnout_contract.api.registry import KINDS
from turnout_operator.kube import FORBIDDEN, NOT_FOUND, ApiError, AsyncKube

_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_log = logging.getLogger(__name__)


class CrdGuard:
    """Which namespaces must not be compiled for now, because a kind is not there."""

    def __init__(self, kube: AsyncKube) -> None:
        self._kube = kube
        self._uids: dict[str, str] = {}
        self._lost: dict[str, set[str]] = {}
        self._held: dict[str, set[str]] = {}
        self._taken: dict[tuple[str, str], str] = {}

    def remember(self, definitions: Mapping[str, str]) -> None:
        """Take these definitions (kind to uid) for the ones that hold."""
        self._uids.update({kind: uid for kind, uid in definitions.items() if uid})

    def lost(self, kind: str, namespace: str) -> None:
        """An object was deleted."""
        self._lost.setdefault(namespace, set()).add(kind)

    def back(self, kind: str, namespace: str) -> None:
        """There is an object of that kind."""
        for kinds in (self._held.get(namespace), self._lost.get(namespace)):
            if kinds is not None:
                kinds.discard(kind)

    def release(self, namespace: str) -> None:
        """What was lost in the namespace is meant to be lost."""
        self._lost.pop(namespace, None)
        self._held.pop(namespace, None)

    async def held(self, namespace: str) -> tuple[str, ...]:
        """The kinds for which the namespace keeps what it has, sorted. Raises ApiError where that cannot be found out now."""
        lost = self._lost.get(namespace, set())
        found = {kind: await self._uid(kind) for kind in sorted(lost)}
        for kind, uid in found.items():
            if kind not in lost:
                continue  # an object came back meanwhile
            lost.discard(kind)
            if uid is None:
                continue
            known = self._taken.get((namespace, kind), self._uids.get(kind, uid))
            self._taken[namespace, kind] = uid
            if not uid or (known and uid != known):
                _log.error("%s: its definition is gone or another one; %s keeps its configuration", kind, namespace)
                self._held.setdefault(namespace, set()).add(kind)
        return tuple(sorted(self._held.get(namespace, ())))

    async def definitions(self) -> dict[str, str]:
        """Each kind's definition as it is now: its uid, "" where it is gone or going. Raises ApiError.

        Kinds of which that may not be known are left out.
        """
        found = {kind: await self._uid(kind) for kind in KINDS}
        return {kind: uid for kind, uid in found.items() if uid is not None}

    async def _uid(self, kind: str) -> str | None:
        """The definition's uid; "" where it is gone or going; None where we may not know."""
        try:
            definition = await self._kube.request("GET", f"{_PATH}/{KINDS[kind].crd_name}")
        except ApiError as error:
            if error.status == NOT_FOUND:
                return ""
            if error.status == FORBIDDEN:
                return None
            raise
        metadata = definition["metadata"]
        return "" if metadata.get("deletionTimestamp") else str(metadata["uid"])
