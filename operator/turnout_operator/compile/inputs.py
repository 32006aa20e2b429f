"""What the compiler is given: all objects of one namespace and what else decides about them.

Rules: values only, no clock and no IO, so that equal inputs give equal bytes; the order of the objects means nothing.
"""

from typing import Any

import msgspec
from msgspec import UNSET

from turnout_contract.api.budget import BudgetSpec
from turnout_contract.api.guardrail import GuardrailPolicySpec
from turnout_contract.api.registry import TypedObject, decode
from turnout_contract.snapshot import model as snapshot


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's settings that decide what a namespace may do and has by default."""

    operator_namespace: str = "turnout-system"
    allow_insecure_tls: bool = False
    gateway: snapshot.Gateway = snapshot.Gateway()
    """What holds where a ModelGateway, or a part of it, is absent."""
    shared_qdrant: bool = False
    """Whether the chart names a Qdrant for namespaces that have none of their own."""


class Broken(msgspec.Struct, frozen=True):
    """An object that could not be decoded, and why. `spec` is what it said, of whatever shape; `created` as in its metadata."""

    kind: str
    name: str
    uid: str
    generation: int
    message: str
    spec: Any = None
    created: str = ""


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """One namespace. `organisation` are the policies of the operator's own namespace that carry a namespaceSelector."""

    namespace: str
    objects: tuple[TypedObject, ...] = ()
    broken: tuple[Broken, ...] = ()
    organisation: tuple[TypedObject, ...] = ()
    organisation_broken: tuple[Broken, ...] = ()
    namespace_labels: dict[str, str] = {}
    defaults: Defaults = Defaults()


MOST_LEVELS = 64
"""How deep a spec may be nested. No field of ours is; JSON Schemas that are could end whatever walks through them."""


def read(data: dict[str, Any]) -> TypedObject | Broken:
    """The typed object of plain data, or what can be said of it where it is none."""
    spec = data.get("spec")
    try:
        too_deep = _too_deep(spec)
        if too_deep:
            raise ValueError(f"{too_deep}: is nested more than {MOST_LEVELS} levels deep")  # noqa: TRY301
        return decode(data)
    except ValueError as error:
        metadata = data.get("metadata")
        known: dict[str, Any] = metadata if isinstance(metadata, dict) else {}
        generation = known.get("generation")
        return Broken(
            kind=str(data.get("kind", "")),
            name=str(known.get("name", "")),
            uid=str(known.get("uid", "")),
            generation=generation if isinstance(generation, int) else 0,
            message=str(error),
            spec=_cut(spec, MOST_LEVELS),
            created=str(known.get("creationTimestamp") or ""),
        )


def _too_deep(spec: Any) -> str:
    """The field of the spec that is nested too deeply, as a path; "" where none is."""
    if not isinstance(spec, dict):
        return ""
    return next((f"spec.{key}" for key, value in spec.items() if _deeper(value, MOST_LEVELS)), "")


def _deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    children = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper(child, levels - 1) for child in children)


def _cut(value: Any, levels: int) -> Any:
    """The value down to so many levels; below them None."""
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        return None
    if isinstance(value, dict):
        return {key: _cut(child, levels - 1) for key, child in value.items()}
    return [_cut(child, levels - 1) for child in value]


def is_organisation_wide(obj: TypedObject) -> bool:
    """Whether a policy selects namespaces."""
    return isinstance(obj.spec, GuardrailPolicySpec | BudgetSpec) and obj.spec.namespace_selector is not UNSET
