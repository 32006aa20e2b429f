"""References between objects. All stay within the namespace of the object that makes them.

Rules: a reference that names nothing is a condition on the object that holds it, never silence.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from turnout_contract.api.meta import GROUP, ModelName, ObjectName, Part, SecretKey, SectionName, doc


class SecretRef(Part, frozen=True, kw_only=True):
    """One key of a Secret of the same namespace. The gateway mounts it as a file; nobody reads it through the API."""

    name: Annotated[ObjectName, doc("The Secret.")]
    key: Annotated[SecretKey, doc("The key within it.")]


class LocalRef(Part, frozen=True, kw_only=True):
    """An object of a known kind in the same namespace."""

    name: Annotated[ObjectName, doc("Its name.")]


class ModelRef(Part, frozen=True, kw_only=True):
    """One model of a ModelProvider of the same namespace."""

    name: Annotated[ObjectName, doc("The ModelProvider.")]
    model: Annotated[ModelName, doc("The model, by the name that the provider lists.")]


class BackendRef(ModelRef, frozen=True, kw_only=True):
    """A model that a rule may send a call to."""

    weight: Annotated[int, Meta(description="Share of the calls under Weighted; 0 drains.", ge=0, le=1_000_000)] = 1
    priority: Annotated[
        int, Meta(description="Order under Failover: lower first; equal: as listed.", ge=0, le=1000)
    ] = 0


class TargetRef(Part, frozen=True, kw_only=True):
    """The object that a policy attaches to."""

    group: Annotated[Literal["turnout.dev"], doc("Always turnout.dev.")] = GROUP
    kind: Annotated[Literal["ModelRoute"], doc("ModelRoute.")]
    name: Annotated[ObjectName, doc("The route.")]
    section_name: Annotated[SectionName | UnsetType, doc("One rule of the route; absent: all of it.")] = UNSET
