"""Kinds to CustomResourceDefinitions, as plain data and as YAML.

One served version; a status subresource whose conditions are defaulted to Unknown (so that kstatus waits for an object that
nobody has looked at yet); printer columns that end with Ready, Programmed, Reason and Age on every kind.

Rules: the same kinds give the same bytes; a Helm template is the same CRD with one annotation and its braces escaped.
"""

from typing import Any

import yaml

from turnout_contract.api import conditions
from turnout_contract.api.meta import GROUP, VERSION, Column, Kind
from turnout_contract.api.registry import KINDS
from turnout_contract.schema.structural import Schema, ordered, schema_of, validations

HEADER = "# Generated from the types in contract/turnout_contract/api. Do not edit: run `make generate`.\n"
_API_VERSION_DOC = "The version of this object's schema."
_KIND_DOC = "The kind of this object."


def crd(kind: Kind) -> Schema:
    """The CustomResourceDefinition of a kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd_name},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.singular,
                "shortNames": [kind.short],
                "categories": ["turnout"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(column) for column in _columns(kind)],
                    "schema": {"openAPIV3Schema": object_schema(kind)},
                }
            ],
        },
    }


def object_schema(kind: Kind) -> Schema:
    """The schema of a whole object of a kind."""
    metadata: Schema = {"type": "object"}
    if any(rule.path.startswith(".metadata.name") for rule in kind.rules):
        metadata["properties"] = {"name": {"type": "string", "maxLength": 253}}
    whole: Schema = {
        "type": "object",
        "description": kind.summary,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": _API_VERSION_DOC, "maxLength": 64},
            "kind": {"type": "string", "description": _KIND_DOC, "maxLength": 64},
            "metadata": metadata,
            "spec": schema_of(kind.spec),
            "status": _status(kind),
        },
    }
    if kind.rules:
        whole["x-kubernetes-validations"] = validations(kind.rules)
    return ordered(whole)


def _status(kind: Kind) -> Schema:
    """The status, defaulted whether it is absent as a whole or lacks its conditions only."""
    schema = schema_of(kind.status)
    properties = schema["properties"]
    properties["conditions"] = ordered({**properties["conditions"], "default": conditions.pending()})
    schema["default"] = {"conditions": conditions.pending()}
    return ordered(schema)


def _columns(kind: Kind) -> tuple[Column, ...]:
    def status_of(condition: str, part: str = "status") -> str:
        return f'.status.conditions[?(@.type=="{condition}")].{part}'

    return (
        *kind.columns,
        Column("Ready", status_of(conditions.READY)),
        Column("Programmed", status_of(conditions.PROGRAMMED)),
        Column("Reason", status_of(conditions.READY, "reason")),
        Column("Age", ".metadata.creationTimestamp", "date"),
    )


def _column(column: Column) -> Schema:
    shown: Schema = {"name": column.name, "type": column.type, "jsonPath": column.json_path}
    if column.priority:
        shown["priority"] = column.priority
    return shown


class _Dumper(yaml.SafeDumper):
    """YAML without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal parts out: a CRD is read by people."""
        del data
        return True


def to_yaml(data: Schema) -> str:
    """YAML of plain data, keys in the order given."""
    text = yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True, default_flow_style=False)
    return HEADER + str(text)


def helm_template(kind: Kind) -> str:
    """The CRD as a template of the chart: kept when the chart is uninstalled, since its deletion deletes every object."""
    definition = crd(kind)
    definition["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
    return to_yaml(definition).replace("{{", '{{ "{{" }}')


def files() -> dict[str, str]:
    """All generated CRD files by their path below the repository's root."""
    found: dict[str, str] = {}
    for kind in KINDS.values():
        found[f"crds/{kind.plural}.yaml"] = to_yaml(crd(kind))
        found[f"charts/turnout-crds/templates/{kind.plural}.yaml"] = helm_template(kind)
    return found
