"""Budgets: whose calls they count, and what a Hard one closes while it is not in force.

A Hard budget that is refused, misplaced or cannot be read closes the routes that it names, else all of the namespace: whose
calls it counts (team, user, use case) is known only at the call. Soft and Shadow ones close nothing.
"""

from collections.abc import Sequence
from typing import Any

from turnout_contract.api import conditions
from turnout_contract.api.budget import BudgetSelector, BudgetSpec
from turnout_contract.api.registry import TypedObject
from turnout_operator.compile.attach import Routes, Target
from turnout_operator.compile.closures import Closures
from turnout_operator.compile.inputs import Broken, Inputs, is_organisation_wide
from turnout_operator.compile.organisation import Organisation, misplaced
from turnout_operator.compile.result import Problem, Verdict, told, verdict
from turnout_operator.compile.support import unsupported


def compile_budgets(
    objects: Sequence[TypedObject],
    broken: Sequence[Broken],
    inputs: Inputs,
    above: Organisation,
    routes: Routes,
    closures: Closures,
) -> list[Verdict]:
    """All Budgets of a namespace, and the organisation's that select it."""
    verdicts = []
    for obj in objects:
        refused = [*misplaced(obj, inputs), *unsupported(obj)]
        verdicts.append(verdict(obj, refused=refused, unresolved=_unresolved(_spec(obj), routes)))
        if not (is_organisation_wide(obj) and inputs.namespace == inputs.defaults.operator_namespace):
            _close(obj, f"Budget {obj.name}", refused, routes, closures)
    for obj in above.policies:
        if obj.kind == "Budget":
            _close(obj, f"Budget {obj.name} of the organisation", unsupported(obj), routes, closures)
    for item in broken:
        if _may_be_hard(item.spec):
            closures.close((None,), f"Budget {item.name}: {item.message}", routes)
    for item in above.broken:
        if item.kind == "Budget" and _may_be_hard(item.spec):
            closures.close((None,), f"Budget {item.name} of the organisation: {item.message}", routes)
    return verdicts


def _spec(obj: TypedObject) -> BudgetSpec:
    assert isinstance(obj.spec, BudgetSpec)  # noqa: S101 - the caller sorted by kind
    return obj.spec


def _unresolved(spec: BudgetSpec, routes: Routes) -> list[Problem]:
    named = (spec.selector or BudgetSelector()).routes
    return [
        Problem(conditions.TARGET_NOT_FOUND, f"spec.selector.routes[{at}]: ModelRoute {name} does not exist")
        for at, name in enumerate(named)
        if name not in routes.rules
    ]


def _close(obj: TypedObject, who: str, refused: list[Problem], routes: Routes, closures: Closures) -> None:
    spec = _spec(obj)
    if spec.mode != "Hard" or not refused:
        return
    wanted: tuple[Target, ...] = tuple((name, None) for name in (spec.selector or BudgetSelector()).routes) or (None,)
    closures.close(wanted, f"{who}: {told(problem.message for problem in refused)}", routes)


def _may_be_hard(spec: Any) -> bool:
    return not isinstance(spec, dict) or spec.get("mode") not in ("Soft", "Shadow")
