"""Which policies of the whole organisation hold for a namespace, and where such a policy may stand.

They live in the operator's own namespace and select others by label; a namespace can neither remove one nor make one.
"""

from typing import NamedTuple

from msgspec import UNSET

from turnout_contract.api import conditions
from turnout_contract.api.budget import BudgetSpec
from turnout_contract.api.guardrail import GuardrailPolicySpec
from turnout_contract.api.registry import TypedObject
from turnout_operator.compile.attach import selects
from turnout_operator.compile.inputs import Broken, Inputs, is_organisation_wide
from turnout_operator.compile.result import Problem


class Organisation(NamedTuple):
    """The organisation's policies that hold here. One that cannot be read holds everywhere, since its selector is unknown."""

    policies: tuple[TypedObject, ...]
    broken: tuple[Broken, ...]


def organisation(inputs: Inputs) -> Organisation:
    """What of the organisation's policies selects this namespace."""
    candidates = {(obj.kind, obj.name): obj for obj in inputs.organisation if is_organisation_wide(obj)}
    if inputs.namespace == inputs.defaults.operator_namespace:
        candidates.update({(obj.kind, obj.name): obj for obj in inputs.objects if is_organisation_wide(obj)})
    labels = inputs.namespace_labels
    chosen = [
        obj
        for _, obj in sorted(candidates.items(), key=lambda item: item[0])
        if isinstance(obj.spec, GuardrailPolicySpec | BudgetSpec)
        and obj.spec.namespace_selector is not UNSET
        and selects(obj.spec.namespace_selector, labels)
    ]
    return Organisation(tuple(chosen), inputs.organisation_broken)


def misplaced(obj: TypedObject, inputs: Inputs) -> list[Problem]:
    """What is wrong with a namespaceSelector outside the operator's own namespace."""
    own = inputs.defaults.operator_namespace
    if not is_organisation_wide(obj) or inputs.namespace == own:
        return []
    return [Problem(conditions.NOT_ALLOWED, f"spec.namespaceSelector: only in the operator's own namespace, {own}")]
