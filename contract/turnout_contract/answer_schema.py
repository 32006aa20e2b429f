"""JSON Schemas that answers are checked against: which may be used, and validators built from them.

They come from policies and, with `response_format`, from any caller: nothing in them is trusted. The operator refuses a policy's
schema with the same words with which the gateway would.

Rules: the draft is the one that `$schema` names, else 2020-12; nothing is fetched, and a `$ref` stays in the document; patterns
run in linear time; size, depth and how often one value would be looked at are bounded before anything is built; formats are
annotations in every draft, as the specification has it.
"""

from typing import Any

import jsonschema_rs

from turnout_contract.json_bounds import TooMuch, measure
from turnout_contract.schema_reach import OUTSIDE, Reach, TooFar, reach

MAX_BYTES = 262_144
MAX_DEPTH = 100
_PATTERN_BYTES = 65_536
_MASK = "the value"
_DEFAULT = jsonschema_rs.Draft202012Validator
DRAFTS: dict[str, type[jsonschema_rs.Validator]] = {
    "json-schema.org/draft-04/schema": jsonschema_rs.Draft4Validator,
    "json-schema.org/draft-06/schema": jsonschema_rs.Draft6Validator,
    "json-schema.org/draft-07/schema": jsonschema_rs.Draft7Validator,
    "json-schema.org/draft/2019-09/schema": jsonschema_rs.Draft201909Validator,
    "json-schema.org/draft/2020-12/schema": jsonschema_rs.Draft202012Validator,
}


class SchemaUnusable(ValueError):  # noqa: N818 - says what happened
    """A schema that answers cannot be checked against, and why."""


def built(schema: Any) -> tuple[jsonschema_rs.Validator, Reach]:
    """A validator, and how often it may look at one value. Raises SchemaUnusable."""
    if not isinstance(schema, dict | bool):
        raise SchemaUnusable("a schema is an object, true or false")
    try:
        measure(schema, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
        far = reach(schema)
        return _compiled(schema), far
    except TooMuch as error:
        raise SchemaUnusable(f"{_place(error.path)}{error.message}") from None
    except SchemaUnusable:
        raise
    except jsonschema_rs.ValidationError as error:
        raise SchemaUnusable(_refused(error)) from None
    except (TooFar, ValueError, jsonschema_rs.ReferencingError) as error:
        raise SchemaUnusable(_one_line(str(error))) from None


def problem(schema: Any) -> str | None:
    """What is wrong with a schema, in words; None where it can be used."""
    try:
        built(schema)
    except SchemaUnusable as error:
        return str(error)
    return None


def _compiled(schema: Any) -> jsonschema_rs.Validator:
    draft: type[jsonschema_rs.Validator] | None = _DEFAULT
    if schema.__class__ is dict and "$schema" in schema:
        draft = DRAFTS.get(str(schema["$schema"]).rpartition("://")[2].rstrip("#"))
    if draft is None:
        raise SchemaUnusable("$schema names no draft of JSON Schema that is known (4, 6, 7, 2019-09 and 2020-12 are)")
    options = jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES)
    return draft(schema, offline=True, mask=_MASK, pattern_options=options, validate_formats=False)


def _refused(error: jsonschema_rs.ValidationError) -> str:
    """What is wrong with the schema itself; schemas are no secret, but their constants are not echoed either."""
    path = tuple(error.instance_path)
    where = _place(path)
    if path[-1:] == ("pattern",) or "patternProperties" in path:
        return f"{where}is not a pattern that runs in linear time (no look-around or back-references), or is too large"
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Referencing):
        return OUTSIDE
    return f"{where}is not as its draft wants it (rule {error.kind.name})"


def _place(path: tuple[str | int, ...]) -> str:
    return f"{'.'.join(map(str, path))}: "[:256] if path else ""


def _one_line(message: str) -> str:
    return " ".join(message.split("\n\n", 1)[0].split())[:400]
