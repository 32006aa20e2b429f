"""From the name that is asked for to a route, and from a call to the rule that is used; compiled when a snapshot is built.

Rules: an exact name beats the longest prefix; the first rule that matches is used; a look-up takes as long with ten
thousand routes as with one (a dict of exact names, and a dict of prefixes for each length that occurs).
"""

from collections.abc import Callable, Iterable

from turnout_contract.api.meta import VALUES, Value
from turnout_contract.snapshot import model as snap
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.routing import RANK, LiveRule

VALUE_RANK: dict[Value, int] = {name: rank for rank, name in enumerate(VALUES)}

Predicate = Callable[[Exchange], bool]


class LiveRoute:
    """A route with its rules, each with the predicates of its matches (any of which must hold; none: always)."""

    __slots__ = ("route", "rules")

    def __init__(self, route: snap.Route, rules: Iterable[LiveRule]) -> None:
        self.route = route
        self.rules = tuple((tuple(_predicate(match) for match in rule.rule.matches), rule) for rule in rules)

    def rule_for(self, exchange: Exchange) -> LiveRule | None:
        """The first rule that matches."""
        for predicates, rule in self.rules:
            if not predicates or any(holds(exchange) for holds in predicates):
                return rule
        return None


class RouteTable:
    """Routes by the names that they claim."""

    __slots__ = ("_exact", "_prefixes")

    def __init__(self, routes: Iterable[LiveRoute]) -> None:
        self._exact: dict[str, LiveRoute] = {}
        by_length: dict[int, dict[str, LiveRoute]] = {}
        for route in routes:
            for name in route.route.models:
                if name.endswith("*"):
                    by_length.setdefault(len(name) - 1, {})[name[:-1]] = route
                else:
                    self._exact[name] = route
        self._prefixes = tuple(sorted(by_length.items(), reverse=True))

    def find(self, model: str) -> LiveRoute | None:
        """The route that answers for this model name."""
        found = self._exact.get(model)
        if found is not None or not self._prefixes:
            return found
        for length, prefixes in self._prefixes:
            found = prefixes.get(model[:length])
            if found is not None and len(model) >= length:
                return found
        return None

    def exact_names(self) -> Iterable[tuple[str, LiveRoute]]:
        """Every exact name with its route."""
        return self._exact.items()


def _predicate(match: snap.Match) -> Predicate:
    parts: list[Predicate] = []
    if match.models:
        parts.append(_models(match.models))
    if match.headers:
        parts.append(_headers(match.headers))
    if match.sensitivity is not None:
        parts.append(_sensitivity(RANK[match.sensitivity]))
    if match.value is not None:
        parts.append(_value(VALUE_RANK[match.value]))
    if len(parts) == 1:
        return parts[0]
    return lambda exchange: all(part(exchange) for part in parts)


def _models(names: tuple[str, ...]) -> Predicate:
    exact = frozenset(name for name in names if not name.endswith("*"))
    prefixes = tuple(name[:-1] for name in names if name.endswith("*"))
    return lambda exchange: exchange.model in exact or (bool(prefixes) and exchange.model.startswith(prefixes))


def _headers(wanted: tuple[tuple[str, str], ...]) -> Predicate:
    return lambda exchange: all(exchange.headers.get(name) == value for name, value in wanted)


def _sensitivity(least: int) -> Predicate:
    return lambda exchange: RANK[exchange.sensitivity] >= least


def _value(least: int) -> Predicate:
    return lambda exchange: VALUE_RANK[exchange.value] >= least
