"""The token sources of a gateway: one for each identity that a snapshot names, for as long as one does.

A source outlives snapshots, so that a change of a route asks for no new token. Rules: `source` while a runtime is built, then
`settle`, which ends those that the new one did not ask for.
"""

import asyncio
from collections.abc import Mapping

from turnout_contract.snapshot import model as snap
from turnout_sidecar.credentials.platform import exchange_for
from turnout_sidecar.credentials.source import TokenSource
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.ports.upstream import Upstream

_Key = tuple[str, str | None, str | None]


class Identities:
    """See the module. Used inside one event loop."""

    def __init__(self, upstream: Upstream, clock: Clock, environment: Mapping[str, str]) -> None:
        self._upstream = upstream
        self._clock = clock
        self._environment = environment
        self._sources: dict[_Key, tuple[TokenSource, asyncio.Task[None]]] = {}
        self._asked: set[_Key] = set()

    def source(self, identity: snap.Identity, region: str | None) -> TokenSource:
        """The source of an identity; it begins at once to get its credentials. Raises NoIdentity."""
        key = (identity.type, identity.audience, region)
        if key not in self._sources:
            exchange = exchange_for(identity, region, self._environment)
            source = TokenSource(f"workload identity of {identity.type}", exchange, self._upstream, self._clock)
            self._sources[key] = (source, asyncio.get_running_loop().create_task(source.keep_fresh()))
        self._asked.add(key)
        return self._sources[key][0]

    def settle(self) -> None:
        """End the sources that nobody asked for since the last time."""
        for key in self._sources.keys() - self._asked:
            self._sources.pop(key)[1].cancel()
        self._asked.clear()

    async def close(self) -> None:
        """End them all."""
        tasks = [task for _, task in self._sources.values()]
        self._sources.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
