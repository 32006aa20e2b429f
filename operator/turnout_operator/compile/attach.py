"""Who comes first: age, claims of model names, and the policies that attach to routes and their rules.

Rules: age is the creationTimestamp, then the name (files have one age); among those that want the same thing the oldest wins,
whatever else may be wrong with it, so that a name or a place never changes hands because of an edit elsewhere; the loser says
so and names the winner.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from msgspec import UNSET

from turnout_contract.api import conditions
from turnout_contract.api.guardrail import LabelExpression, LabelSelector
from turnout_contract.api.references import TargetRef
from turnout_contract.api.registry import TypedObject
from turnout_operator.compile.result import Problem

Target = tuple[str, str | None] | None
"""A route and one of its rules; (route, None): the whole route; None: every route of the namespace."""


class Claimant(NamedTuple):
    """A route that wants model names. It sorts by age."""

    created: str
    name: str
    models: tuple[str, ...]


class Claims(NamedTuple):
    """Which of a route's model names are its own, and to which older routes the others went."""

    won: tuple[str, ...]
    lost: tuple[tuple[str, str], ...]


class Routes(NamedTuple):
    """The routes of a namespace with the names of their rules; None where a route could not be read."""

    rules: Mapping[str, frozenset[str] | None]

    def missing(self, target: Target) -> str | None:
        """What of a target does not exist."""
        if target is None:
            return None
        route, section = target
        if route not in self.rules:
            return f"ModelRoute {route}"
        rules = self.rules[route]
        return (
            f"rule {section} of ModelRoute {route}" if section and rules is not None and section not in rules else None
        )


def by_age(objects: Iterable[TypedObject]) -> list[TypedObject]:
    """The oldest first."""
    return sorted(objects, key=lambda obj: (obj.metadata.creation_timestamp or "", obj.name))


def settle(claimants: Iterable[Claimant]) -> dict[str, Claims]:
    """Who has which model name, by route. An exact name and a prefix are two names: at a call the more exact one is used."""
    owners: dict[str, str] = {}
    found: dict[str, Claims] = {}
    for claimant in sorted(claimants):
        won, lost = [], []
        for model in sorted(set(claimant.models)):
            owner = owners.setdefault(model, claimant.name)
            if owner == claimant.name:
                won.append(model)
            else:
                lost.append((model, owner))
        found[claimant.name] = Claims(tuple(won), tuple(lost))
    return found


def targets(refs: tuple[TargetRef, ...]) -> tuple[Target, ...]:
    """What a policy attaches to; without targetRefs, everything."""
    if not refs:
        return (None,)
    return tuple(dict.fromkeys((ref.name, None if ref.section_name is UNSET else ref.section_name) for ref in refs))


def targets_of_broken(spec: Any) -> tuple[Target, ...]:
    """What a policy that could not be read seems to attach to; everything where that cannot be told."""
    refs = spec.get("targetRefs") if isinstance(spec, dict) else None
    if not isinstance(refs, list) or not refs:
        return (None,)
    found: list[Target] = []
    for ref in refs:
        if not isinstance(ref, dict) or not isinstance(ref.get("name"), str):
            return (None,)
        section = ref.get("sectionName")
        found.append((ref["name"], section if isinstance(section, str) else None))
    return tuple(dict.fromkeys(found))


def unresolved_targets(refs: tuple[TargetRef, ...], routes: Routes) -> list[Problem]:
    """The targetRefs that name nothing."""
    problems = []
    for at, ref in enumerate(refs):
        missing = routes.missing((ref.name, None if ref.section_name is UNSET else ref.section_name))
        if missing is not None:
            problems.append(Problem(conditions.TARGET_NOT_FOUND, f"spec.targetRefs[{at}]: {missing} does not exist"))
    return problems


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether a namespace's labels fulfil a selector, as metav1.LabelSelector defines it."""
    if any(labels.get(key) != value for key, value in selector.match_labels.items()):
        return False
    return all(_fulfils(expression, labels) for expression in selector.match_expressions)


def _fulfils(expression: LabelExpression, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression.key)
    if expression.operator == "Exists":
        return value is not None
    if expression.operator == "DoesNotExist":
        return value is None
    if expression.operator == "In":
        return value is not None and value in expression.values
    return value is None or value not in expression.values
