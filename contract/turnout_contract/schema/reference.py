"""Kinds to reference pages (Markdown): every field with its type, bounds, default and meaning, and every rule.

The pages are made from the CRDs' schemas, so they cannot say something else than the API server does.
"""

import typing
from collections.abc import Iterator

from turnout_contract.api import conditions, meta
from turnout_contract.api.meta import API_VERSION, Kind
from turnout_contract.api.registry import KINDS
from turnout_contract.schema.crd import object_schema
from turnout_contract.schema.structural import Schema

HEADER = "<!-- Generated from the types in contract/turnout_contract/api. Do not edit: run `make generate`. -->\n"
_VALIDATIONS = "x-kubernetes-validations"
_FORMS: dict[str, str] = {
    typing.get_args(alias)[1].pattern: name
    for alias, name in (
        (meta.Duration, "duration, such as `1m30s`"),
        (meta.Ratio, "decimal string, `0` to `1`"),
        (meta.Usd, "decimal string, dollars"),
        (meta.Url, "URL"),
        (meta.WebUrl, "URL"),
    )
}
"""What a pattern means, for those that have a name."""


def page(kind: Kind) -> str:
    """The reference page of a kind."""
    schema = object_schema(kind)
    lines = [
        HEADER,
        f"# {kind.name}",
        "",
        f"{kind.summary}",
        "",
        f"`{API_VERSION}`, namespaced. `kubectl get {kind.plural}`, or `kubectl get {kind.short}`.",
        "",
        "## spec",
        "",
        *_fields(schema["properties"]["spec"]),
        "",
    ]
    rules = [*_rules(schema, ""), *_rules_below(schema["properties"]["spec"], "spec")]
    if rules:
        lines += ["## Rules", "", "Beside types and bounds, the API server checks:", ""]
        lines += [f"- {where}{message}" for where, message in rules]
        lines.append("")
    lines += ["## status", "", *_fields(schema["properties"]["status"]), ""]
    lines += ["The conditions and their reasons are explained in the [overview](index.md)."]
    return "\n".join(lines) + "\n"


def overview() -> str:
    """The page that lists all kinds, conditions and reasons."""
    lines = [HEADER, "# Reference", "", f"All kinds are `{API_VERSION}` and namespaced.", ""]
    lines += ["| Kind | Short | What |", "|---|---|---|"]
    lines += [f"| [{kind.name}]({kind.singular}.md) | `{kind.short}` | {kind.summary} |" for kind in KINDS.values()]
    lines += ["", "What becomes of a call between two APIs is told in [Protocols](protocols.md),"]
    lines += ["what guardrails look at in [What is inspected](inspected.md)."]
    lines += ["", "## Conditions", "", "| Condition | True means |", "|---|---|"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in conditions.CONDITIONS.items()]
    lines += ["", "## Reasons", "", "| Reason | Meaning |", "|---|---|"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in conditions.REASONS.items()]
    return "\n".join(lines) + "\n"


def files() -> dict[str, str]:
    """All generated reference pages by their path below the repository's root."""
    pages = {f"docs/reference/{kind.singular}.md": page(kind) for kind in KINDS.values()}
    return {**pages, "docs/reference/index.md": overview()}


def _fields(schema: Schema) -> list[str]:
    rows = ["| Field | Type | Default | Meaning |", "|---|---|---|---|"]
    for path, field, required in _walk(schema, ""):
        default = "required" if required else _default(field)
        rows.append(f"| `{path}` | {_type(field)} | {default} | {_cell(field.get('description', ''))} |")
    return rows


def _walk(schema: Schema, prefix: str) -> Iterator[tuple[str, Schema, bool]]:
    """Every field below an object, depth first: its path, its schema, whether it must be given."""
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield path, field, name in schema.get("required", [])
        inner = field
        while inner.get("type") == "array":
            inner, path = inner["items"], f"{path}[]"
        yield from _walk(inner, f"{path}.")


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    kind: str = schema["type"]
    if kind == "array":
        return f"list of {_type(schema['items'])}{_span(schema, 'minItems', 'maxItems')}"
    if kind == "object" and "additionalProperties" in schema:
        return f"map of {_type(schema['additionalProperties'])}{_span(schema, 'minProperties', 'maxProperties')}"
    if kind == "object" and schema.get("x-kubernetes-preserve-unknown-fields"):
        return "any JSON object"
    if kind == "integer":
        return f"integer{_span(schema, 'minimum', 'maximum')}"
    if kind == "string" and schema.get("pattern") in _FORMS:
        return _FORMS[schema["pattern"]]
    if kind == "string":
        return f"string{_span(schema, 'minLength', 'maxLength')}"
    return kind


def _span(schema: Schema, low: str, high: str) -> str:
    least, most = schema.get(low), schema.get(high)
    return f" ({least if least is not None else 0} to {most})" if most is not None else ""


def _default(schema: Schema) -> str:
    default = schema.get("default")
    if default is None or isinstance(default, dict):
        return ""
    if isinstance(default, list):
        return ", ".join(f"`{value}`" for value in default if isinstance(value, str))
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _rules(schema: Schema, where: str) -> Iterator[tuple[str, str]]:
    for rule in schema.get(_VALIDATIONS, ()):
        path = f"{where}{rule.get('fieldPath', '')}".lstrip(".")
        yield (f"`{path}`: " if path else ""), _cell(rule["message"])


def _rules_below(schema: Schema, where: str) -> Iterator[tuple[str, str]]:
    yield from _rules(schema, where)
    if "items" in schema:
        yield from _rules_below(schema["items"], f"{where}[]")
    for name, field in schema.get("properties", {}).items():
        yield from _rules_below(field, f"{where}.{name}")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
