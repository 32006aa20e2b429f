"""The shape that a call asks its answer to have, and which texts of the answer must have it.

Rules: `json_object` asks for any JSON object; what the call says wrongly is the provider's to refuse, and no shape; an answer that
calls a tool, or says by its own field that it refuses, is no answer of that shape and not judged by it.
"""

from typing import Any

from turnout_sidecar.checks.answer_texts import Answer, said
from turnout_sidecar.wire.lenient import mapping

ANY_OBJECT: dict[str, Any] = {"type": "object"}


def asked_schema(endpoint: str, body: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON Schema that a call asks for; None: none."""
    if endpoint == "chat":
        wanted = mapping(body.get("response_format"))
        return _schema(wanted, mapping(wanted.get("json_schema")))
    if endpoint == "responses":
        wanted = mapping(mapping(body.get("text")).get("format"))
        return _schema(wanted, wanted)
    if endpoint == "messages":
        wanted = _configured(body) or mapping(body.get("output_format"))
        return _schema(wanted, wanted)
    return None


def place_of_schema(endpoint: str, body: dict[str, Any]) -> str:
    """Where the schema that a call asks for stands in it."""
    if endpoint == "messages":
        return "output_config.format.schema" if _configured(body) else "output_format.schema"
    return "response_format.json_schema.schema" if endpoint == "chat" else "text.format.schema"


def _configured(body: dict[str, Any]) -> dict[str, Any]:
    return mapping(mapping(body.get("output_config")).get("format"))


def judged(endpoint: str, answer: Answer) -> tuple[tuple[int, str], ...]:
    """The texts that must have the shape, each with the number of its choice; empty: the schema does not apply."""
    choices = enumerate(said(endpoint, answer))
    return tuple((index, one.text) for index, one in choices if not one.calls and not one.refused)


def _schema(wanted: dict[str, Any], holder: dict[str, Any]) -> dict[str, Any] | None:
    kind = wanted.get("type")
    if kind == "json_object":
        return ANY_OBJECT
    if kind != "json_schema":
        return None
    schema = holder.get("schema")
    return schema if isinstance(schema, dict) else None
