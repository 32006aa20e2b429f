"""CachePolicies: which one holds for which rule of which route.

The most specific wins (a rule before its route before the namespace's default), then the oldest. A policy that is refused keeps
its place and caches nothing there: were a wider one to step in, answers could be shared further than was ever asked for.
"""

from collections.abc import Sequence
from typing import NamedTuple

from turnout_contract import durations
from turnout_contract.api import conditions
from turnout_contract.api.cache import CachePolicySpec, Semantic
from turnout_contract.api.registry import TypedObject
from turnout_contract.snapshot import model as snapshot
from turnout_operator.compile.attach import Routes, Target, targets, targets_of_broken, unresolved_targets
from turnout_operator.compile.inputs import Broken
from turnout_operator.compile.result import ConditionValue, Problem, Verdict, told, verdict
from turnout_operator.compile.support import unsupported


class Caches(NamedTuple):
    """What each target's policy caches; None: nothing."""

    places: dict[Target, snapshot.Cache | None]
    verdicts: list[Verdict]

    def of(self, route: str, rule: str) -> snapshot.Cache | None:
        """What holds for a rule of a route."""
        for target in ((route, rule), (route, None), None):
            if target in self.places:
                return self.places[target]
        return None


class _Candidate(NamedTuple):
    """A policy that wants places; it sorts by age."""

    created: str
    name: str
    wants: tuple[Target, ...]
    obj: TypedObject | None


def compile_caches(objects: Sequence[TypedObject], broken: Sequence[Broken], routes: Routes) -> Caches:
    """All CachePolicies of a namespace."""
    candidates = [_candidate(obj) for obj in objects]
    candidates += [_Candidate(item.created, item.name, targets_of_broken(item.spec), None) for item in broken]
    found = Caches({}, [])
    owners: dict[Target, str] = {}
    for candidate in sorted(candidates, key=lambda item: item[:2]):
        present = [target for target in candidate.wants if routes.missing(target) is None]
        lost = [(target, owners[target]) for target in present if target in owners]
        refused = unsupported(candidate.obj) if candidate.obj is not None else []
        cache = None if candidate.obj is None or refused else _cache(candidate.obj)
        for target in present:
            if target not in owners:
                owners[target] = candidate.name
                found.places[target] = cache
        if candidate.obj is not None:
            found.verdicts.append(_verdict(candidate.obj, refused, lost, present, routes))
    return found


def _candidate(obj: TypedObject) -> _Candidate:
    return _Candidate(obj.metadata.creation_timestamp or "", obj.name, targets(_spec(obj).target_refs), obj)


def _spec(obj: TypedObject) -> CachePolicySpec:
    assert isinstance(obj.spec, CachePolicySpec)  # noqa: S101 - the caller sorted by kind
    return obj.spec


def _verdict(
    obj: TypedObject, refused: list[Problem], lost: list[tuple[Target, str]], present: list[Target], routes: Routes
) -> Verdict:
    conflict = told(f"{_shown(target)} has CachePolicy {winner} already" for target, winner in lost)
    problems = list(refused)
    if lost and len(lost) == len(present):
        problems.append(Problem(conditions.CONFLICTED, conflict))
    unresolved = unresolved_targets(_spec(obj).target_refs, routes)
    if lost and not problems:
        partly = ConditionValue("True", conditions.CONFLICTED, conflict)
        return verdict(obj, unresolved=unresolved, accepted=partly)
    return verdict(obj, refused=problems, unresolved=unresolved)


def _shown(target: Target) -> str:
    if target is None:
        return "the namespace"
    route, rule = target
    return f"ModelRoute {route}" if rule is None else f"rule {rule} of ModelRoute {route}"


def _cache(obj: TypedObject) -> snapshot.Cache | None:
    spec = _spec(obj)
    if spec.mode == "Off":
        return None
    semantic = spec.semantic or Semantic()
    return snapshot.Cache(
        policy=obj.name,
        ttl_ms=durations.parse_ms(spec.ttl),
        scope=spec.scope,
        semantic=spec.mode == "Semantic",
        max_temperature=float(semantic.max_temperature),
        max_entries=spec.max_entries,
    )
