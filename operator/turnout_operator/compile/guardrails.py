"""GuardrailPolicies: what they guard, and what they close while they are not in force.

They add up: each one that attaches to a rule holds for it, and rules with the same policies have one guard. One that is refused,
misplaced or cannot be read closes its routes, in whatever mode; a rule that it names and that does not exist closes the whole
route.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from turnout_contract.api import conditions
from turnout_contract.api.guardrail import GuardrailPolicySpec
from turnout_contract.api.registry import TypedObject
from turnout_contract.snapshot import model as snapshot
from turnout_contract.snapshot.guards import Guard
from turnout_operator.compile.attach import Routes, Target, targets, targets_of_broken, unresolved_targets
from turnout_operator.compile.closures import Closures
from turnout_operator.compile.gateway import RANDOM_KEY
from turnout_operator.compile.guard_problems import problems
from turnout_operator.compile.inputs import Broken, Inputs, is_organisation_wide
from turnout_operator.compile.organisation import Organisation, misplaced
from turnout_operator.compile.result import ACCEPTED, MOST_TOLD, ConditionValue, Problem, Verdict, told, verdict
from turnout_operator.compile.strictest import Policy, guard_of, masks

NOTHING_CHECKED = "nothing is checked: neither input nor output nor plugins name anything to look for"


class _Judged(NamedTuple):
    """An object of the namespace, as a policy, and what is wrong with it."""

    obj: TypedObject
    policy: Policy
    refused: list[Problem]
    unresolved: list[Problem]


class Guardrails:
    """The policies that are in force, by what they attach to, and what is said of all of them."""

    def __init__(self, routes: Routes, closures: Closures, *, unkeyed: bool = False) -> None:
        """`unkeyed`: there is neither a masking key nor a ModelGateway of the namespace that could say so."""
        self._unkeyed = unkeyed
        self._routes = routes
        self._closures = closures
        self._attached: dict[Target, list[Policy]] = {}
        self._guards: dict[tuple[str, ...], Guard | None] = {}
        self._monitoring: set[str] = set()
        self.judged: list[_Judged] = []

    def take(
        self,
        policy: Policy,
        wanted: Sequence[Target],
        who: str,
        refused: Sequence[Problem],
        unresolved: Sequence[Problem] = (),
    ) -> None:
        """Let a policy hold for its targets; one that is refused closes them, one without a target what is left of that."""
        if refused:
            self._closures.close(wanted, f"{who}: {told(problem.message for problem in refused)}", self._routes)
            return
        dangling = [target for target in wanted if self._routes.missing(target) is not None]
        if dangling:
            self._closures.close(dangling, f"{who}: {told(problem.message for problem in unresolved)}", self._routes)
        for target in wanted:
            self._attached.setdefault(target, []).append(policy)
        if not policy.enforced:
            self._monitoring.add(policy.label)

    def of(self, route: str, rule: str) -> Guard | None:
        """What holds for a rule of a route."""
        places: tuple[Target, ...] = (None, (route, None), (route, rule))
        found = {policy.label: policy for place in places for policy in self._attached.get(place, ())}
        names = tuple(sorted(found))
        if names not in self._guards:
            self._guards[names] = guard_of(found.values())
        return self._guards[names]

    def used(self, routes: Iterable[snapshot.Route]) -> tuple[Guard, ...]:
        """The guards that rules have, by id."""
        wanted = {rule.guard for route in routes for rule in route.rules}
        known = {guard.id: guard for guard in self._guards.values() if guard is not None}
        return tuple(guard for name, guard in sorted(known.items()) if name in wanted)

    def shown(self, route: str, rules: Sequence[snapshot.Rule]) -> list[str]:
        """Who guards the rules of a route, in words; nothing where nobody does."""
        by_rule = {rule.name: self._names(route, rule) for rule in rules}
        everywhere = [
            name for name in next(iter(by_rule.values()), []) if all(name in names for names in by_rule.values())
        ]
        said = [f"guarded by GuardrailPolicy {_listed(everywhere)}"] if everywhere else []
        for rule, names in by_rule.items():
            here = [name for name in names if name not in everywhere]
            if here:
                also = "also " if everywhere else ""
                said.append(f"rule {rule} is {also}guarded by GuardrailPolicy {_listed(here)}")
        if self._unkeyed and any(self._masks_untold(route, rule) for rule in by_rule):
            said.append(RANDOM_KEY)
        return said

    def _masks_untold(self, route: str, rule: str) -> bool:
        """Whether placeholders are made for a rule, and no policy of the namespace's own says with which key."""
        guard = self.of(route, rule)
        if guard is None or not masks(guard):
            return False
        alone = (guard_of([item.policy]) for item in self.judged if item.policy.label in guard.policies)
        return not any(own is not None and masks(own) for own in alone)

    def verdicts(self, used: Sequence[Guard], *, keyed: bool) -> list[Verdict]:
        """What is said of the namespace's own objects. `keyed`: there is a masking key."""
        holding = {name for guard in used for name in guard.policies}
        return [
            verdict(
                item.obj,
                refused=item.refused,
                unresolved=item.unresolved,
                accepted=_accepted(item.policy, in_use=item.policy.label in holding, keyed=keyed),
            )
            for item in self.judged
        ]

    def _names(self, route: str, rule: snapshot.Rule) -> list[str]:
        guard = self.of(route, rule.name)
        names = guard.policies if guard is not None else ()
        return [f"{name} (Monitor)" if name in self._monitoring else name for name in names]


def compile_guardrails(
    objects: Sequence[TypedObject],
    broken: Sequence[Broken],
    inputs: Inputs,
    above: Organisation,
    routes: Routes,
    closures: Closures,
) -> Guardrails:
    """All GuardrailPolicies of a namespace, and the organisation's that select it."""
    found = Guardrails(routes, closures, unkeyed=_unkeyed(inputs))
    elsewhere = inputs.defaults.operator_namespace
    for obj in objects:
        spec = _spec(obj)
        for_all = is_organisation_wide(obj) and inputs.namespace == elsewhere
        policy = Policy(f"{elsewhere}/{obj.name}" if for_all else obj.name, spec)
        refused = [*misplaced(obj, inputs), *problems(spec)]
        unresolved = unresolved_targets(spec.target_refs, routes)
        found.judged.append(_Judged(obj, policy, refused, unresolved))
        if not for_all:
            found.take(policy, targets(spec.target_refs), f"GuardrailPolicy {obj.name}", refused, unresolved)
    for obj in above.policies:
        if obj.kind == "GuardrailPolicy":
            policy = Policy(f"{elsewhere}/{obj.name}", _spec(obj))
            found.take(policy, (None,), f"GuardrailPolicy {obj.name} of the organisation", problems(policy.spec))
    for item in broken:
        closures.close(targets_of_broken(item.spec), f"GuardrailPolicy {item.name}: {item.message}", routes)
    for item in above.broken:
        if item.kind == "GuardrailPolicy":
            closures.close((None,), f"GuardrailPolicy {item.name} of the organisation: {item.message}", routes)
    return found


def _unkeyed(inputs: Inputs) -> bool:
    kinds = {*(obj.kind for obj in inputs.objects), *(item.kind for item in inputs.broken)}
    return "ModelGateway" not in kinds and inputs.defaults.gateway.masking_key is None


def _spec(obj: TypedObject) -> GuardrailPolicySpec:
    assert isinstance(obj.spec, GuardrailPolicySpec)  # noqa: S101 - the caller sorted by kind
    return obj.spec


def _accepted(policy: Policy, *, in_use: bool, keyed: bool) -> ConditionValue:
    """What an accepted policy says of itself beyond that."""
    alone = guard_of([policy])
    if alone is None:
        return ConditionValue("True", conditions.ACCEPTED, NOTHING_CHECKED)
    if in_use and not keyed and masks(alone):
        return ConditionValue("True", conditions.ACCEPTED, RANDOM_KEY)
    return ACCEPTED


def _listed(names: Sequence[str]) -> str:
    """Names as a person would list them, up to a number."""
    shown = [*names[:MOST_TOLD], f"{len(names) - MOST_TOLD} more"] if len(names) > MOST_TOLD else list(names)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
