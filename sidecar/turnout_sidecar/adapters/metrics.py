"""The gateway's metrics: the GenAI conventions' names as Prometheus writes them, and `turnout_*` for what is ours.

Every label value is a name of the snapshot that is live or a word of a fixed set; a name that is gone is `_other`, none is
`_none`, and its series are forgotten with the next snapshot. Ids of users, sessions, outcomes and requests, teams and use cases
that a header may name, and the model name that was asked for are never labels: anybody could make a million of them.

Rules: used from the event loop only, but for `render`, which reads and may run in a thread; one profile of names at a time.
"""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from turnout_contract import money, semconv
from turnout_contract.snapshot.model import Snapshot
from turnout_sidecar.adapters.genai_metrics import GenAiMetrics
from turnout_sidecar.adapters.guard_metrics import GuardMetrics
from turnout_sidecar.adapters.series import NONE, OTHER, Counters, Histograms, Labels, Names, Watched
from turnout_sidecar.exchange.call import Attempt, Exchange

_NANO: Final = 1e9
_MOST_ERRORS: Final = 64
_CLASSES: Final = {number: f"{number}xx" for number in range(1, 6)}


class GatewayMetrics:
    """All series of one gateway, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.in_flight = 0
        self._version = ""
        self._routes: frozenset[str] = frozenset()
        self._rules: frozenset[str] = frozenset()
        self._backends: frozenset[str] = frozenset()
        self._providers: frozenset[str] = frozenset()
        self._errors: set[str] = set()
        self._genai = GenAiMetrics(semconv.PROFILES["v1.41"])
        self._genai.register(self.registry)
        labels = ("endpoint", "route", "rule", "backend", "status_class", "cache")
        self.requests = Counters(semconv.REQUESTS, "Requests answered.", labels)
        self.durations = Histograms(
            semconv.REQUEST_DURATION, "From a call's arrival to its end.", ("route", "cache"), semconv.CALL_BUCKETS
        )
        self.cost = Counters(semconv.COST, "What attempts cost.", ("route", "backend"), scale=money.NANO)
        self.unpriced = Counters(semconv.UNPRICED, "Attempts of unknown cost.", ("route", "backend"))
        self.lookups = Counters(semconv.CACHE_LOOKUPS, "Cache look-ups by result.", ("route", "result"))
        self.saved = Counters(semconv.CACHE_SAVED, "What hits had cost when made.", ("route",), scale=money.NANO)
        self.retries = Counters(semconv.RETRIES, "Attempts on a backend that the call had tried.", ("route", "backend"))
        self.fallbacks = Counters(semconv.FALLBACKS, "Attempts on a further backend.", ("route", "backend"))
        self.upstream_errors = Counters(semconv.UPSTREAM_ERRORS, "Attempts that failed.", ("provider", "error_type"))
        self._families: tuple[Counters | Histograms, ...] = (
            self.requests, self.durations, self.cost, self.unpriced, self.lookups, self.saved, self.retries,
            self.fallbacks, self.upstream_errors,
        )  # fmt: skip
        for family in self._families:
            self.registry.register(family)
        self.guards = GuardMetrics()
        self.guards.register(self.registry)
        self.watch(semconv.IN_FLIGHT, "Calls under way.", lambda: {(): float(self.in_flight)})
        self.watch(
            semconv.CONFIG_INFO,
            "1, with the version that is live.",
            lambda: {(self._version,): 1.0} if self._version else {},
            labels=("version",),
        )

    def watch(
        self,
        name: str,
        text: str,
        read: Callable[[], Mapping[Labels, float]],
        *,
        labels: Labels = (),
        counter: bool = False,
    ) -> None:
        """A gauge (or counter) whose values are asked for when they are read; `read` may be called from a thread."""
        self.registry.register(Watched(name, text, labels, read, counter=counter))

    def configure(self, snapshot: Snapshot, version: str) -> None:
        """Another snapshot: its names are the ones that labels may have, its profile the one that is followed."""
        self._version = version
        self._routes = frozenset(route.name for route in snapshot.routes)
        self._rules = frozenset(rule.name for route in snapshot.routes for rule in route.rules)
        self._providers = frozenset(provider.name for provider in snapshot.providers)
        models = [(provider, model) for provider in snapshot.providers for model in provider.models]
        self._backends = frozenset(f"{provider.name}/{model.name}" for provider, model in models)
        names: Names = {
            "route": self._routes,
            "rule": self._rules,
            "backend": self._backends,
            "provider": self._providers,
            "gen_ai_request_model": frozenset(model.name for _, model in models),
            "server_address": frozenset(urlsplit(provider.endpoint).hostname or "" for provider in snapshot.providers),
        }
        profile = semconv.PROFILES[snapshot.gateway.telemetry.semconv]
        if profile is not self._genai.profile:
            self._genai.unregister(self.registry)
            self._genai = GenAiMetrics(profile)
            self._genai.register(self.registry)
        self._genai.prune(names)
        for family in self._families:
            family.prune(names)
        self.guards.configure(snapshot)

    def record(self, exchange: Exchange, ended_ns: int) -> None:
        """Count a call that is over."""
        route = NONE if exchange.route is None else _of(exchange.route.name, self._routes)
        rule = NONE if exchange.rule is None else _of(exchange.rule.name, self._rules)
        backend = exchange.response_backend
        backend = _of(backend, self._backends) if backend else NONE
        cache = exchange.cache_state
        status = _CLASSES.get(exchange.status // 100, NONE)
        self.requests.add((exchange.endpoint.name, route, rule, backend, status, cache))
        self.durations.observe((route, cache), (ended_ns - exchange.received_ns) / _NANO)
        if exchange.route is not None:
            self.lookups.add((route, cache))
        if exchange.saved_nano:
            self.saved.add((route,), exchange.saved_nano)
        self.guards.record(exchange, route)
        known = True
        for attempt in exchange.attempts:
            known = self._attempt(exchange, attempt, route, ended_ns) and known
        if exchange.attempts and known:
            self._genai.call(exchange, ended_ns, self._error(exchange.error))

    def _attempt(self, exchange: Exchange, attempt: Attempt, route: str, ended_ns: int) -> bool:
        """Count an attempt; whether its backend is one of the live snapshot's."""
        backend = _of(attempt.name, self._backends)
        error = self._error(attempt.error)
        if attempt.cost_nano is not None:
            self.cost.add((route, backend), attempt.cost_nano)
        elif attempt.usage is not None:
            self.unpriced.add((route, backend))
        if error is not None:
            self.upstream_errors.add((_of(attempt.backend.name, self._providers), error))
        if attempt is not exchange.attempts[0]:
            before = exchange.attempts[: exchange.attempts.index(attempt)]
            again = any(other.name == attempt.name for other in before)
            (self.retries if again else self.fallbacks).add((route, backend))
        known = backend is not OTHER
        if known:
            self._genai.attempt(exchange, attempt, ended_ns, error)
        return known

    def _error(self, error: str | None) -> str | None:
        """An error type, of which there are few by design; should there ever be many, the rest is `_OTHER`."""
        if error is None or error in self._errors:
            return error
        if len(self._errors) >= _MOST_ERRORS:
            return semconv.ERROR_OTHER
        self._errors.add(error)
        return error

    def render(self, accept: str) -> tuple[bytes, str]:
        """The exposition and its content type, in the format that an Accept header asks for."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self.registry), content_type


def _of(name: str, names: frozenset[str]) -> str:
    return name if name in names else OTHER
