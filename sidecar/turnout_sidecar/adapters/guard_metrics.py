"""The metrics of guardrails: what calls counted as, what each check said, and how long the looking took.

The policy enforcement rate is made of `turnout_guardrail_calls_total`: the share of calls that were evaluated, changed or blocked
among all, those that no policy held for (`bypassed`) too. What was refused before it was a call to a model (an unknown key, an
unknown model) is in neither part.

Rules: labels are names of the live snapshot (`_other` where a name is gone or a plug-in made one up) and fixed words, never data
of a call; a call that no policy holds for costs one count.
"""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry

from turnout_contract import semconv
from turnout_contract.snapshot import guards
from turnout_contract.snapshot.model import Snapshot
from turnout_sidecar.adapters import guard_fields
from turnout_sidecar.adapters.series import OTHER, Counters, Histograms
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.exchange.guarded import GuardTrail

_NANO: Final = 1e9
_FIXED: Final = frozenset(
    {
        *guards.BUILT_IN,
        guards.SECRET,
        "deny",
        "injection",
        "tokens",
        "binary",
        "schema",
        "refusal",
        "empty",
        "pii",
        "secrets",
    }
)
"""What a verdict may name beside what is configured: entities of our own, and checks by their own names."""


class GuardMetrics:
    """The families."""

    def __init__(self) -> None:
        self._rules: frozenset[str] = _FIXED
        self._routes: frozenset[str] = frozenset()
        self.calls = Counters(semconv.GUARD_CALLS, "Calls to models by what guardrails did.", ("route", "outcome"))
        self.verdicts = Counters(
            semconv.GUARD_VERDICTS, "What checks said.", ("check", "side", "rule", "state", "done")
        )
        self.restored = Counters(semconv.GUARD_RESTORED_TOTAL, "Placeholders that were put back.", ("route",))
        self.unresolved = Counters(
            semconv.GUARD_UNRESOLVED_TOTAL, "What looks like a placeholder and is none of its call's.", ("route",)
        )
        self.uninspected = Counters(
            semconv.GUARD_UNINSPECTED_TOTAL, "Images, sound and files that nothing looked into.", ("route",)
        )
        self.durations = Histograms(
            semconv.GUARD_DURATION, "Looking at one side of a call.", ("side",), semconv.GUARD_BUCKETS
        )

    def register(self, registry: CollectorRegistry) -> None:
        """Be collected."""
        for family in (self.calls, self.verdicts, self.restored, self.unresolved, self.uninspected, self.durations):
            registry.register(family)

    def configure(self, snapshot: Snapshot) -> None:
        """Another snapshot: its names are the ones that labels may have."""
        self._rules = _FIXED.union(*(_names(guard) for guard in snapshot.guards))
        self._routes = frozenset(route.name for route in snapshot.routes)
        for family in (self.calls, self.restored, self.unresolved, self.uninspected):
            family.prune({"route": self._routes})
        self.verdicts.prune({"rule": self._rules})

    def record(self, exchange: Exchange, route: str) -> None:
        """Count a call that is over; `route` as it may be told."""
        outcome = guard_fields.outcome(exchange)
        if outcome is None:
            return
        self.calls.add((route, outcome))
        if exchange.guard.guarded:
            self._guarded(exchange.guard, route)

    def _guarded(self, trail: GuardTrail, route: str) -> None:
        rules, verdicts = self._rules, self.verdicts
        for each in trail.verdicts:
            rule = each.rule if each.rule in rules else OTHER
            verdicts.add((each.check, each.side, rule, each.state, each.done))
        if trail.restored:
            self.restored.add((route,), trail.restored)
        if trail.unresolved:
            self.unresolved.add((route,), trail.unresolved)
        parts = guard_fields.uninspected(trail)
        if parts:
            self.uninspected.add((route,), parts)
        if trail.input_span is not None:
            self.durations.observe(("input",), trail.input_ns / _NANO)
        if trail.output_span is not None:
            self.durations.observe(("output",), trail.output_ns / _NANO)


def _names(guard: guards.Guard) -> Iterable[str]:
    """What a guard's verdicts may be named after."""
    yield from guard.policies
    for treatment in (*guard.input, *guard.output):
        yield treatment.entity
    for pattern in (*guard.deny_input, *guard.deny_output):
        yield pattern.name
    for schema in guard.schemas:
        yield schema.policy
    for plugin in guard.plugins:
        yield plugin.name
        for treatment in (*plugin.input, *plugin.output):
            yield treatment.entity
