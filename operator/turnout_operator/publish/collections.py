"""Keeps each namespace's collection in the shared Qdrant, and its gateways' token for it fresh.

Rules: a namespace gets a token only once its collection is there; a token is renewed at half its life; a collection is deleted
when the Namespace itself was seen to go, never because something was not found.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from turnout_contract.protocol import Credentials
from turnout_operator.publish.credentials import Collections, QdrantError, collection_of, mint, prefix_of, read_key
from turnout_operator.settings import SharedQdrant

TICK_SECONDS = 1.0
RETRY_SECONDS = 10.0
_log = logging.getLogger(__name__)


class CollectionKeeper:
    """Who may use the shared Qdrant. `give` sends a namespace's gateways their credentials (None: no more).

    `mark` is what collections made here are marked with ("": it is not known now, and they are not).
    """

    def __init__(
        self,
        settings: SharedQdrant,
        collections: Collections,
        *,
        leading: Callable[[], bool],
        give: Callable[[str, Credentials | None], None],
        wall_ms: Callable[[], int],
        mark: Callable[[], str] = lambda: "",
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        self._settings = settings
        self._collections = collections
        self._leading = leading
        self._give = give
        self._wall_ms = wall_ms
        self._mark = mark
        self._tick_seconds = tick_seconds
        self._wanted: set[str] = set()
        self._gone: set[str] = set()
        self._renew_at: dict[str, float] = {}
        self._retry_at: dict[str, float] = {}

    def want(self, namespace: str, *, wanted: bool) -> None:
        """Whether the namespace's gateways are to use the shared Qdrant."""
        if wanted:
            self._gone.discard(namespace)
            self._wanted.add(namespace)
        elif namespace in self._wanted:
            self._drop(namespace)

    def gone(self, namespace: str) -> None:
        """The Namespace was deleted: so is what is kept for it."""
        self._drop(namespace)
        self._gone.add(namespace)

    def forget(self) -> None:
        """We do not lead."""
        for known in (self._wanted, self._gone, self._renew_at, self._retry_at):
            known.clear()

    async def run(self) -> None:
        """Keep at it until cancelled."""
        while True:
            if self._leading():
                await self.tick()
            await asyncio.sleep(self._tick_seconds)

    async def tick(self) -> None:
        """Do what is due."""
        now = self._wall_ms() / 1000
        for namespace in sorted(self._gone):
            await self._try(namespace, now, self._remove)
        for namespace in sorted(self._wanted):
            if self._renew_at.get(namespace, 0.0) <= now:
                await self._try(namespace, now, self._renew)

    async def _try(self, namespace: str, now: float, action: Callable[[str, float], Awaitable[None]]) -> None:
        if self._retry_at.get(namespace, 0.0) > now:
            return
        try:
            await action(namespace, now)
        except (QdrantError, OSError, ValueError) as error:
            _log.warning("shared Qdrant, for %s: %s", namespace, error)
            self._retry_at[namespace] = now + RETRY_SECONDS

    async def _renew(self, namespace: str, now: float) -> None:
        if namespace not in self._renew_at:
            await self._collections.ensure(collection_of(namespace), self._mark())
        if namespace not in self._wanted:
            return
        credentials = mint(self._settings, read_key(self._settings.key_file), namespace, int(now))
        self._renew_at[namespace] = now + self._settings.token_seconds / 2
        self._give(namespace, credentials)

    async def _remove(self, namespace: str, _now: float) -> None:
        await self._collections.remove(prefix_of(namespace))
        self._gone.discard(namespace)

    def _drop(self, namespace: str) -> None:
        self._wanted.discard(namespace)
        self._renew_at.pop(namespace, None)
        self._retry_at.pop(namespace, None)
        self._give(namespace, None)
