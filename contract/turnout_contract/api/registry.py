"""All kinds, by name, and the one way from plain data to a typed object.

Rules: decoding is tolerant of unknown fields (an API server has pruned or refused them; the standalone mode refuses them by
the schema), strict about the types of known ones.
"""

from typing import Any

import msgspec

from turnout_contract.api import budget, cache, gateway, guardrail, prompt, provider, route
from turnout_contract.api.meta import API_VERSION, Kind, ObjectMeta, Part

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        gateway.KIND,
        provider.KIND,
        route.KIND,
        prompt.KIND,
        cache.KIND,
        guardrail.KIND,
        budget.KIND,
    )
}
BY_PLURAL: dict[str, Kind] = {kind.plural: kind for kind in KINDS.values()}


class TypedObject(msgspec.Struct, frozen=True, kw_only=True):
    """One object of one of the kinds; `spec` has the kind's own type."""

    kind: str
    metadata: ObjectMeta
    spec: Part

    @property
    def name(self) -> str:
        """The object's name."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """The object's namespace."""
        return self.metadata.namespace


def decode(data: dict[str, Any]) -> TypedObject:
    """A typed object of plain data. Raises ValueError, naming the field, where it is none."""
    kind = KINDS.get(str(data.get("kind", "")))
    if kind is None or data.get("apiVersion") != API_VERSION:
        raise ValueError(f"{data.get('apiVersion')}/{data.get('kind')} is not a kind of {API_VERSION}")
    try:
        metadata = msgspec.convert(data.get("metadata", {}), ObjectMeta)
        spec = msgspec.convert(data.get("spec", {}), kind.spec)
    except msgspec.ValidationError as error:
        raise ValueError(f"{kind.name} {data.get('metadata', {}).get('name', '?')}: {error}") from error
    return TypedObject(kind=kind.name, metadata=metadata, spec=spec)
