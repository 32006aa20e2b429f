"""From what a policy says of a plug-in to the detector that is asked.

Rules: opening never fails: what cannot be set up becomes a detector that always fails, so that the plug-in's failure mode decides;
a plug-in that stays in the next snapshot keeps its detector, so that models are loaded once.
"""

import asyncio
from collections.abc import Iterable, Sequence

from turnout_contract.snapshot.guards import Plugin
from turnout_sidecar.plugins.asking import UnusableAddress
from turnout_sidecar.plugins.http_detector import HttpDetector
from turnout_sidecar.plugins.in_process import InProcessDetector
from turnout_sidecar.plugins.presidio import PresidioDetector
from turnout_sidecar.ports.detector import Detected, Detector, DetectorFailed, Side
from turnout_sidecar.ports.upstream import Upstream

_Key = tuple[str, str, str | None, str | None, int]


def open_detector(plugin: Plugin, upstream: Upstream) -> Detector:
    """The plug-in's detector; its findings' rule is the plug-in's name. Call it inside the running event loop."""
    timeout = plugin.timeout_ms / 1000
    try:
        if plugin.entry_point is not None:
            return InProcessDetector(plugin.name, plugin.entry_point, timeout=timeout)
        if plugin.adapter == "Presidio":
            return PresidioDetector(plugin.name, plugin.url or "", upstream, timeout=timeout)
        return HttpDetector(plugin.name, plugin.url or "", upstream, timeout=timeout)
    except UnusableAddress as unusable:
        return UnusableDetector(str(unusable))


class UnusableDetector:
    """Could not be set up; see `ports.detector.Detector`."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def detect(self, texts: Sequence[str], entities: Sequence[str], side: Side) -> Detected:
        """Always fails."""
        del texts, entities, side
        raise DetectorFailed("unavailable", self._why)

    async def close(self) -> None:
        """Nothing to close."""


class Detectors:
    """The detectors of all plug-ins that are in force."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._open: dict[_Key, Detector] = {}

    def of(self, plugin: Plugin) -> Detector:
        """Its detector, opened when it is first asked for."""
        key = _key(plugin)
        if key not in self._open:
            self._open[key] = open_detector(plugin, self._upstream)
        return self._open[key]

    async def keep(self, plugins: Iterable[Plugin]) -> None:
        """Close all but these plug-ins' detectors. Calls that are under way may still end."""
        kept = {_key(plugin) for plugin in plugins}
        closing = [self._open.pop(key) for key in self._open.keys() - kept]
        await asyncio.gather(*(detector.close() for detector in closing))

    async def close(self) -> None:
        """Close them all."""
        await self.keep(())


def _key(plugin: Plugin) -> _Key:
    return (plugin.name, plugin.adapter, plugin.url, plugin.entry_point, plugin.timeout_ms)
