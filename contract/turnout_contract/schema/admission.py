"""Admission: what an API server would do with an object, done without one.

It reads the very schemas that the CRDs are made of, and takes an API server's steps in an API server's order: unknown fields
(refused, as kubectl's strict validation does), nulls, defaults, types and bounds, list types, then the CEL rules. One folder of
valid and invalid resources is tried on both in the tests.

Rules: nothing is half admitted: an object with a finding is not to be used; the object given is never changed.
"""

from typing import Any

from turnout_contract.api.meta import API_VERSION
from turnout_contract.api.registry import KINDS
from turnout_contract.schema import defaulting, metadata, validation
from turnout_contract.schema.crd import object_schema
from turnout_contract.schema.structural import Schema
from turnout_contract.schema.validation import Finding

__all__ = ["Admission", "Finding"]

_TOP = {"apiVersion", "kind", "metadata", "spec", "status"}


class Admission:
    """The rules of all kinds, ready to use."""

    def __init__(self) -> None:
        self._schemas: dict[str, Schema] = {name: object_schema(kind) for name, kind in KINDS.items()}

    def admit(self, obj: dict[str, Any]) -> tuple[dict[str, Any], tuple[Finding, ...]]:
        """The object as a server would store it (defaults filled in, no status), and what is wrong with it."""
        kind = obj.get("kind")
        schema = self._schemas.get(kind) if isinstance(kind, str) else None
        if schema is None:
            return obj, (Finding("kind", f"{kind!r} is not one of {', '.join(KINDS)}"),)
        if obj.get("apiVersion") != API_VERSION:
            return obj, (Finding("apiVersion", f"{obj.get('apiVersion')!r} is not {API_VERSION}"),)
        found = [Finding(str(key), "unknown field") for key in sorted(obj.keys() - _TOP, key=str)]
        whole: dict[str, Any] = {
            "apiVersion": API_VERSION,
            "kind": kind,
            "metadata": metadata.admitted(obj.get("metadata"), found),
        }
        if obj.get("spec") is not None:
            unknown: list[str] = []
            whole["spec"] = defaulting.defaulted(obj["spec"], schema["properties"]["spec"], "spec", unknown)
            found.extend(Finding(path, "unknown field") for path in unknown)
        found.extend(validation.findings(whole, schema, ""))
        if not found:
            found.extend(validation.violations(whole, schema, ""))
        return whole, tuple(found)
