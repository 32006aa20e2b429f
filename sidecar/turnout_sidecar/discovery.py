"""Which of the configured models the providers do not have: asked for beside the calls, for nothing, and told to who listens.

A provider is asked soon after it, its models or its credentials changed, and again every ten minutes; what an edit does not
touch is not asked about again. Providers that differ in nothing but names and models are one endpoint. What is asked, and what
an answer means, is `wire.model_lists`'.

Rules: only GETs of lists and of single models, which no provider bills; two endpoints at once, each for a bounded time and of
answers of bounded size; whatever goes wrong here touches no call; credentials go to the provider alone and into no log; what
could not be asked for the moment stays as it was known.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from turnout_contract import __version__, semconv
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.metrics import GatewayMetrics
from turnout_sidecar.ports.clock import Dice
from turnout_sidecar.ports.upstream import (
    InvalidUpstreamRequest,
    Upstream,
    UpstreamBodyTooLarge,
    UpstreamError,
    UpstreamRequest,
)
from turnout_sidecar.routing import ProviderEnd
from turnout_sidecar.runtime import Runtime
from turnout_sidecar.wire.model_lists import LISTING, Answer, Finding, inquire

_LOG: Final = logging.getLogger(__name__)
_MOST_BYTES: Final = 4 * 1024 * 1024
_AT_ONCE: Final = 2
_ASKED: Final = (("accept", "application/json"), ("user-agent", f"turnout/{__version__}"))
_NO_ANSWER: Final = Answer(0)  # nothing that could be read, which is no failure for a moment


class DiscoverySettings(msgspec.Struct, frozen=True):
    """Seconds: from a change to the question (at most), from one to the next, after trouble, for an answer, and for all."""

    settle: float = 1.0
    interval: float = 600.0
    again: float = 60.0
    answer: float = 10.0
    inquiry: float = 60.0


DEFAULTS: Final = DiscoverySettings()


class _Place(msgspec.Struct, eq=False):
    """An endpoint that lists models. `due` is when to ask next, on the loop's clock."""

    protocol: str
    end: ProviderEnd
    models: frozenset[str]
    due: float
    listed: int | None = None
    absent: frozenset[str] = frozenset()


class Discovery:
    """One for a gateway. `configure` at each change of what runs; `start` once, inside the event loop; then `close`."""

    def __init__(self, upstream: Upstream, dice: Dice, settings: DiscoverySettings = DEFAULTS) -> None:
        self.absent: Mapping[str, tuple[str, ...]] = {}
        """By provider, its models that do not exist, sorted; providers without such are left out."""
        self.listed: Mapping[str, int] = {}
        """By provider, how many models its endpoint lists; left out where that is not known."""
        self._upstream = upstream
        self._dice = dice
        self._settings = settings
        self._places: dict[snap.Provider, _Place] = {}
        self._providers: tuple[snap.Provider, ...] = ()
        self._callbacks: list[Callable[[], None]] = []
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Call back whenever `absent` is another."""
        self._callbacks.append(changed)

    def expose(self, metrics: GatewayMetrics) -> None:
        """Show what was found."""
        metrics.watch(
            semconv.MODELS_LISTED,
            "Models that a provider's endpoint lists.",
            lambda: {(provider,): float(count) for provider, count in self.listed.items()},
            labels=("provider",),
        )
        metrics.watch(
            semconv.MODELS_ABSENT,
            "Configured models that a provider does not have.",
            lambda: {(provider,): float(len(models)) for provider, models in self.absent.items()},
            labels=("provider",),
        )

    def configure(self, runtime: Runtime) -> None:
        """This runs now, or the same with other secrets."""
        known, self._places = self._places, {}
        usable = [
            provider
            for provider in runtime.snapshot.providers
            if provider.protocol in LISTING and runtime.ends[provider.name].unusable is None
        ]
        self._providers = tuple(usable)
        for provider in usable:
            self._place(provider, runtime.ends[provider.name], known)
        self._tell()
        self._woken.set()

    def start(self) -> None:
        """Begin to ask."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="model-discovery")

    async def close(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    # --- who is asked

    def _place(self, provider: snap.Provider, end: ProviderEnd, known: Mapping[snap.Provider, _Place]) -> None:
        key = _endpoint_of(provider)
        models = frozenset(model.name for model in provider.models)
        place = self._places.get(key)
        if place is not None:
            place.models |= models
        else:
            old = known.get(key)
            place = _Place(provider.protocol, end, models, -math.inf)
            if old is not None:
                place.listed, place.absent = old.listed, old.absent
                same = old.end.headers == end.headers and old.end.target == end.target
                place.due = old.due if same else -math.inf
            self._places[key] = place
        before = known.get(key)
        if place.due == -math.inf or before is None or not place.models <= before.models:
            place.due = asyncio.get_running_loop().time() + self._settings.settle * self._dice.random()

    def _tell(self) -> None:
        absent: dict[str, tuple[str, ...]] = {}
        listed: dict[str, int] = {}
        for provider in self._providers:
            place = self._places[_endpoint_of(provider)]
            lost = tuple(sorted(model.name for model in provider.models if model.name in place.absent))
            if lost:
                absent[provider.name] = lost
            if place.listed is not None:
                listed[provider.name] = place.listed
        before, self.absent, self.listed = self.absent, absent, listed
        for name, models in absent.items():
            if before.get(name) != models:
                _LOG.warning("the provider %s has no model %s", name, ", ".join(models[:8]))
        if absent != before:
            for changed in self._callbacks:
                changed()

    # --- asking

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            now = loop.time()
            due = [(key, place) for key, place in self._places.items() if place.due <= now]
            if due:
                slots = asyncio.Semaphore(_AT_ONCE)
                await asyncio.gather(*(self._visit(key, place, slots) for key, place in due))
                continue
            next_due = min((place.due for place in self._places.values()), default=None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_due):
                    await self._woken.wait()

    async def _visit(self, key: snap.Provider, place: _Place, slots: asyncio.Semaphore) -> None:
        async with slots:
            place.due = math.inf
            models = place.models
            try:
                finding = await self._inquire(place, models)
            except Exception:  # boundary: a fault in here must not end the asking of the others  # noqa: BLE001
                _LOG.exception("the models of %s could not be asked for", place.end.target.origin)
                finding = Finding(unsettled=models)
        current = self._places.get(key)
        if current is not None:
            self._found(current, finding)

    def _found(self, current: _Place, finding: Finding) -> None:
        """What was found counts for whoever has that endpoint now; who changed meanwhile is asked again all the same."""
        if finding.listed is not None or not finding.unsettled:
            current.listed = finding.listed
        current.absent = finding.absent | (current.absent & finding.unsettled)
        if current.due == math.inf:
            wait = self._settings.again if finding.unsettled else self._settings.interval
            current.due = asyncio.get_running_loop().time() + wait * (0.9 + 0.2 * self._dice.random())
        self._tell()

    async def _inquire(self, place: _Place, models: frozenset[str]) -> Finding:
        inquiry = inquire(place.protocol, models)
        try:
            async with asyncio.timeout(self._settings.inquiry):
                path = next(inquiry)
                while True:
                    path = inquiry.send(await self._get(place.end, path))
        except StopIteration as end:
            found: Finding = end.value
            return found
        except TimeoutError:
            return Finding(unsettled=models)

    async def _get(self, end: ProviderEnd, path: str) -> Answer | None:
        seconds = self._settings.answer
        request = UpstreamRequest(end.target, end.path + path, (*end.headers, *_ASKED), b"", "GET")
        try:
            if end.sign is not None:
                request = end.sign(request)
            async with asyncio.timeout(seconds):
                reply = await self._upstream.send(request, connect_timeout=seconds, headers_timeout=seconds)
                try:
                    return Answer(reply.status, await reply.read(_MOST_BYTES, timeout=seconds))
                finally:
                    await reply.close()
        except (UpstreamBodyTooLarge, InvalidUpstreamRequest):
            return _NO_ANSWER
        except (UpstreamError, TimeoutError):
            return None


def _endpoint_of(provider: snap.Provider) -> snap.Provider:
    """What makes its endpoint another one: all but its name, what it has, and what it may see."""
    return msgspec.structs.replace(provider, name="", models=(), residency=(), clearance="Public")
