"""A golden case of the compiler: a file of resources to its inputs, its result to plain data.

Beside Turnout's kinds a case may hold a `Namespace` (the namespace that is compiled, and its labels; else `shop`) and an
`OperatorDefaults`. What an API server would refuse is refused here too, unless the object carries the annotation
`older-than-the-rules`. Policies of the operator's namespace that select namespaces become the organisation's.
"""

from pathlib import Path
from typing import Any

import msgspec
import yaml

from turnout_contract import manifests
from turnout_contract.api.registry import TypedObject
from turnout_contract.schema.admission import Admission
from turnout_contract.snapshot import codec
from turnout_operator.compile import Broken, ConditionValue, Defaults, Inputs, Result, Verdict, read

FOLDER = Path(__file__).parent / "golden" / "compile"
OPERATOR_NAMESPACE = "turnout-system"
OLD = "older-than-the-rules"
_ADMISSION = Admission()


def inputs_of(path: Path) -> Inputs:
    """The inputs that a case describes."""
    namespace, labels, items = documents_of(path)
    own = [read(item) for item in items if item["metadata"]["namespace"] == namespace]
    above = [read(item) for item in items if item["metadata"]["namespace"] != namespace]
    return Inputs(
        namespace=namespace,
        objects=tuple(item for item in own if isinstance(item, TypedObject)),
        broken=tuple(item for item in own if isinstance(item, Broken)),
        organisation=tuple(item for item in above if isinstance(item, TypedObject)),
        organisation_broken=tuple(item for item in above if isinstance(item, Broken)),
        namespace_labels=labels,
        defaults=_defaults(path),
    )


def documents_of(path: Path) -> tuple[str, dict[str, str], list[dict[str, Any]]]:
    """The namespace that a case is about, its labels, and its objects as an API server would send them."""
    namespace, labels = "shop", {}
    documents = []
    for document in manifests.parse(path.read_text(encoding="utf-8")):
        if document["kind"] == "Namespace":
            namespace = document["metadata"]["name"]
            labels = document["metadata"].get("labels", {})
        elif document["kind"] != "OperatorDefaults":
            documents.append(document)
    return namespace, labels, [_served(document, namespace) for document in documents]


def _defaults(path: Path) -> Defaults:
    for document in manifests.parse(path.read_text(encoding="utf-8")):
        if document["kind"] == "OperatorDefaults":
            return msgspec.convert(document["spec"], Defaults)
    return Defaults()


def _served(document: dict[str, Any], namespace: str) -> dict[str, Any]:
    written = document["metadata"]
    served = {
        "namespace": namespace,
        "uid": f"{document['kind']}-{written['name']}".lower(),
        "generation": 1,
        **written,
    }
    admitted = document
    if OLD not in written.get("annotations", {}):
        admitted, findings = _ADMISSION.admit(document)
        assert not findings, findings
    return {**admitted, "metadata": served}


def plain(result: Result) -> dict[str, Any]:
    """A result as a golden file shows it: without what is as it is by default; `version` pins every byte all the same."""
    snapshot = _shown(result.snapshot)
    snapshot.pop("secrets", None)
    snapshot["sources"] = [
        f"{source.kind}/{source.name} {source.generation}" + (f" of {source.namespace}" if source.namespace else "")
        for source in result.snapshot.sources
    ]
    return {
        "verdicts": {f"{verdict.kind}/{verdict.name}": _said(verdict) for verdict in result.verdicts},
        "snapshot": snapshot,
        "secrets": list(result.secrets),
        "wants_gateway": result.wants_gateway,
        "version": codec.version(codec.encode(result.snapshot)),
    }


def _said(verdict: Verdict) -> list[str]:
    return [f"Accepted {_condition(verdict.accepted)}", f"ResolvedRefs {_condition(verdict.resolved)}"]


def _condition(value: ConditionValue) -> str:
    return f"{value.status} {value.reason}" + (f": {value.message}" if value.message else "")


def _shown(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        return {
            field.name: _shown(getattr(value, field.name))
            for field in fields
            if field.required or getattr(value, field.name) != field.default
        }
    return [_shown(item) for item in value] if isinstance(value, tuple) else value


def to_text(data: dict[str, Any]) -> str:
    """The golden file of plain data."""
    verdicts, rest = {"verdicts": data["verdicts"]}, {key: data[key] for key in data if key != "verdicts"}
    told = yaml.safe_dump(verdicts, sort_keys=False, width=10**6, allow_unicode=True, default_flow_style=False)
    made = yaml.safe_dump(rest, sort_keys=False, width=116, allow_unicode=True, default_flow_style=None)
    return f"{told}{made}"
