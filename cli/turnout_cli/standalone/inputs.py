"""What the compiler is given for one namespace of a folder: its own objects, and what holds for the whole organisation.

A folder has no Namespace objects: a namespace's only label is its name, as every API server sets it.
"""

from turnout_cli.standalone.folder import Loaded
from turnout_contract.api.registry import TypedObject
from turnout_operator.compile import Broken, Defaults, Inputs
from turnout_operator.compile.inputs import is_organisation_wide

NAME_LABEL = "kubernetes.io/metadata.name"


def inputs_for(loaded: Loaded, namespace: str, defaults: Defaults) -> Inputs:
    """The compiler's inputs for a namespace."""
    return Inputs(
        namespace=namespace,
        objects=tuple(item for item in loaded.objects if item.namespace == namespace),
        broken=loaded.refused_in(namespace),
        organisation=tuple(item for item in loaded.objects if _for_all(item, defaults)),
        organisation_broken=tuple(item for item in loaded.refused_in(defaults.operator_namespace) if _selects(item)),
        namespace_labels={NAME_LABEL: namespace},
        defaults=defaults,
    )


def served(loaded: Loaded, defaults: Defaults) -> tuple[str, ...]:
    """The namespaces that have objects of their own, beside what the operator's namespace holds for all."""
    return tuple(sorted({item.namespace for item in loaded.objects if not _for_all(item, defaults)}))


def _selects(item: Broken) -> bool:
    """Whether a policy that could not be read seems to select namespaces."""
    return isinstance(item.spec, dict) and "namespaceSelector" in item.spec


def _for_all(item: TypedObject, defaults: Defaults) -> bool:
    return is_organisation_wide(item) and item.namespace == defaults.operator_namespace
