"""Kinds to JSON Schemas (2020-12) of whole objects, for editors and for checks in a repository.

They are the CRDs' schemas without what only Kubernetes reads; unlike a CRD they refuse unknown fields, as an API server does
under strict validation. CEL rules cannot be said in JSON Schema; `turnout validate` checks them too.
"""

import json
from typing import Any

from turnout_contract.api.meta import API_VERSION, Kind
from turnout_contract.api.registry import KINDS
from turnout_contract.schema.crd import object_schema
from turnout_contract.schema.structural import Schema

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PRESERVE = "x-kubernetes-preserve-unknown-fields"


def json_schema(kind: Kind) -> Schema:
    """The JSON Schema of a whole object of a kind."""
    whole = object_schema(kind)
    properties = dict(whole["properties"])
    properties["apiVersion"] = {"enum": [API_VERSION]}
    properties["kind"] = {"enum": [kind.name]}
    properties["metadata"] = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string", "maxLength": 253}},
    }
    plain: Schema = _plain({**whole, "properties": {name: properties[name] for name in whole["properties"]}})
    plain["properties"]["metadata"].pop("additionalProperties")
    plain["required"] = ["apiVersion", "kind", "metadata", "spec"]
    return {"$schema": _DIALECT, "title": kind.name, **plain}


def _plain(schema: Schema) -> Schema:
    found: Schema = {}
    for key, value in schema.items():
        if key == "properties":
            found[key] = {name: _plain(inner) for name, inner in value.items()}
        elif key in {"items", "additionalProperties"}:
            found[key] = _plain(value)
        elif key == "x-kubernetes-list-type" and value == "set":
            found["uniqueItems"] = True
        elif not key.startswith("x-kubernetes-") and key != "format":
            found[key] = value
    if schema.get("type") == "object" and "additionalProperties" not in schema and not schema.get(_PRESERVE):
        found["additionalProperties"] = False
    return found


def to_text(data: Any) -> str:
    """JSON for people."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def files() -> dict[str, str]:
    """All generated JSON Schemas by their path below the repository's root."""
    return {f"docs/schemas/{kind.singular}.json": to_text(json_schema(kind)) for kind in KINDS.values()}
