"""GuardrailPolicies: what they guard, and what they close while they are not in force.

They add up: each one that attaches to a route holds for it. One that is refused, misplaced or cannot be read closes its routes,
in whatever mode; a rule that it names and that does not exist closes the whole route.
"""

from collections.abc import Sequence

from turnout_contract.api.guardrail import GuardrailPolicySpec
from turnout_contract.api.registry import TypedObject
from turnout_operator.compile.attach import Routes, Target, targets, targets_of_broken, unresolved_targets
from turnout_operator.compile.closures import Closures
from turnout_operator.compile.inputs import Broken, Inputs, is_organisation_wide
from turnout_operator.compile.organisation import Organisation, misplaced
from turnout_operator.compile.result import Problem, Verdict, told, verdict
from turnout_operator.compile.support import unsupported


def compile_guardrails(
    objects: Sequence[TypedObject],
    broken: Sequence[Broken],
    inputs: Inputs,
    above: Organisation,
    routes: Routes,
    closures: Closures,
) -> list[Verdict]:
    """All GuardrailPolicies of a namespace, and the organisation's that select it."""
    verdicts = []
    for obj in objects:
        spec = _spec(obj)
        refused = [*misplaced(obj, inputs), *unsupported(obj)]
        unresolved = unresolved_targets(spec.target_refs, routes)
        verdicts.append(verdict(obj, refused=refused, unresolved=unresolved))
        if not (is_organisation_wide(obj) and inputs.namespace == inputs.defaults.operator_namespace):
            _close(targets(spec.target_refs), f"GuardrailPolicy {obj.name}", refused, unresolved, routes, closures)
    for obj in above.policies:
        if obj.kind == "GuardrailPolicy":
            _close((None,), f"GuardrailPolicy {obj.name} of the organisation", unsupported(obj), [], routes, closures)
    for item in broken:
        closures.close(targets_of_broken(item.spec), f"GuardrailPolicy {item.name}: {item.message}", routes)
    for item in above.broken:
        if item.kind == "GuardrailPolicy":
            closures.close((None,), f"GuardrailPolicy {item.name} of the organisation: {item.message}", routes)
    return verdicts


def _spec(obj: TypedObject) -> GuardrailPolicySpec:
    assert isinstance(obj.spec, GuardrailPolicySpec)  # noqa: S101 - the caller sorted by kind
    return obj.spec


def _close(
    wanted: tuple[Target, ...],
    who: str,
    refused: list[Problem],
    unresolved: list[Problem],
    routes: Routes,
    closures: Closures,
) -> None:
    if refused:
        closures.close(wanted, f"{who}: {told(problem.message for problem in refused)}", routes)
    elif unresolved:
        dangling = [target for target in wanted if routes.missing(target) is not None]
        closures.close(dangling, f"{who}: {told(problem.message for problem in unresolved)}", routes)
