"""All kinds, by name, and the one way from plain data to a typed object.

Rules: decoding is tolerant of unknown fields (an API server has pruned or refused them; the standalone mode refuses them by
the schema), strict about the types of known ones.
"""

from typing import Any, TypeVar

import msgspec

from turnout_contract.api import budget, cache, gateway, guardrail, prompt, provider, route
from turnout_contract.api.meta import API_VERSION, Kind, ObjectMeta, Part

_T = TypeVar("_T")

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
    metadata = _converted(data, "metadata", ObjectMeta)
    return TypedObject(kind=kind.name, metadata=metadata, spec=_converted(data, "spec", kind.spec))


def _converted(data: dict[str, Any], part: str, wanted: type[_T]) -> _T:
    value = data.get(part)
    try:
        return msgspec.convert({} if value is None else value, wanted)
    except msgspec.ValidationError as error:
        raise ValueError(_located(str(error), part)) from error


def _located(message: str, part: str) -> str:
    """The message with the field in front, as an API server says it: `spec.rules[0].name: Expected ...`."""
    what, found, where = message.partition(" - at `$")
    return f"{part}{where.rstrip('`')}: {what}" if found else f"{part}: {message}"
