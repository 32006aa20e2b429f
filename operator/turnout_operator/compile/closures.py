"""What policies close: the namespace, a route, or a rule, each with the reasons.

A policy that must guard calls and is not in force leaves nothing unguarded: its routes answer 503 until it is.
"""

from collections.abc import Iterable

from turnout_operator.compile.attach import Routes, Target


class Closures:
    """Collects reasons while policies are compiled; read by the routes afterwards."""

    def __init__(self) -> None:
        self._reasons: dict[Target, list[str]] = {}

    def close(self, targets: Iterable[Target], reason: str, routes: Routes) -> None:
        """Close what a policy attaches to. A rule that does not exist closes its route, a route that does not, nothing."""
        for target in targets:
            place = target
            if target is not None and target[0] in routes.rules and routes.missing(target) is not None:
                place = (target[0], None)
            self._reasons.setdefault(place, []).append(reason)

    def of_route(self, route: str) -> list[str]:
        """Why a route is closed, sorted; empty: it is not."""
        return sorted({*self._reasons.get(None, ()), *self._reasons.get((route, None), ())})

    def of_rule(self, route: str, rule: str) -> list[str]:
        """Why a rule of an open route is closed, sorted; empty: it is not."""
        return sorted(set(self._reasons.get((route, rule), ())))
