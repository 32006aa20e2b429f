"""Whether the text of an answer is JSON of the shape that was asked for, and what is wrong with it where it is not.

Rules: the text is parsed strictly, a fenced block is no JSON, nor is an object with a member twice; what is told about an error is
its place, the rule and what the schema itself says, never a value of the answer; names of members that the schema does not mention
are told as `*`; validators are kept by the digest of their schema, a bounded number of them, schemas that cannot be used as well.
"""

import hashlib
from collections import OrderedDict
from itertools import islice
from typing import Any, NamedTuple

import jsonschema_rs
import orjson

from turnout_contract.answer_schema import SchemaUnusable, built
from turnout_sidecar.answers.leaves import strings_in
from turnout_sidecar.checks.schema_words import told
from turnout_sidecar.wire.json_body import quotes

__all__ = ["Checker", "SchemaError", "SchemaUnusable", "errors"]

MOST_ERRORS = 8
MOST_VALIDATORS = 256
_MOST_WEIGHT = 4_194_304  # bytes of schemas; a validator takes some fifty times as much
MAX_TEXT = 4_194_304
"""Characters of an answer that is checked at all."""
_DETAILED = 32_768  # characters; what is wrong with a longer one would take too long to put together
_WORK = 100_000_000  # characters times how many parts of the schema look at one place
_MOST_WAYS = 128


class SchemaError(NamedTuple):
    """`path` is a JSON pointer ("" is the answer), `message` holds no value, `rule` is a keyword, `json` or `size`."""

    path: str
    message: str
    rule: str = "json"


class Checker:
    """One schema, ready to check answers. Raises SchemaUnusable where it cannot be used."""

    __slots__ = ("_names", "_reach", "_validator")

    def __init__(self, schema: Any) -> None:
        self._validator, self._reach = built(schema)
        self._names = frozenset(_names(schema))

    def errors(self, text: str) -> tuple[SchemaError, ...]:
        """What is wrong with the text of an answer, at most MOST_ERRORS; empty: nothing."""
        if len(text) > MAX_TEXT or len(text) * self._reach.times > _WORK:
            return (SchemaError("", "is too long to be checked", "size"),)
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            return (_no_json(text, error),)
        if quotes(text.encode()) != 2 * strings_in(value):
            return (SchemaError("", "gives a member twice"),)
        if self._validator.is_valid(value):
            return ()
        if len(text) > _DETAILED or self._reach.ways ** min(_depth(value), 8) > _MOST_WAYS:
            return (SchemaError("", "does not fit the schema", "schema"),)
        found = islice(self._validator.iter_errors(value), MOST_ERRORS)
        return tuple(self._described(error) for error in found) or (SchemaError("", "does not fit", "schema"),)

    def _described(self, error: jsonschema_rs.ValidationError) -> SchemaError:
        parts = (part if isinstance(part, int) or part in self._names else "*" for part in error.instance_path)
        path = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)
        return SchemaError(path, told(error.kind), error.kind.name)


class _Kept:
    """The last used checkers by the digest of their schema, bounded in number and in what their schemas weigh."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[int, Checker | SchemaUnusable]] = OrderedDict()
        self._weight = 0

    def get(self, schema: Any) -> Checker:
        """The checker of a schema. Raises SchemaUnusable."""
        try:
            raw = orjson.dumps(schema)
        except (TypeError, orjson.JSONEncodeError):
            raise SchemaUnusable("is no JSON, or too deep") from None
        digest = hashlib.blake2b(raw, digest_size=16).digest()
        if digest in self._known:
            self._known.move_to_end(digest)
        else:
            self._add(digest, len(raw), _made(schema))
        known = self._known[digest][1]
        if isinstance(known, SchemaUnusable):
            raise SchemaUnusable(*known.args)
        return known

    def _add(self, digest: bytes, weight: int, made: "Checker | SchemaUnusable") -> None:
        weight = 0 if isinstance(made, SchemaUnusable) else weight
        self._known[digest] = (weight, made)
        self._weight += weight
        while len(self._known) > MOST_VALIDATORS or (self._weight > _MOST_WEIGHT and len(self._known) > 1):
            self._weight -= self._known.popitem(last=False)[1][0]


_kept = _Kept()


def checker(schema: Any) -> Checker:
    """The checker of a schema, kept for the next call. Raises SchemaUnusable."""
    return _kept.get(schema)


def errors(schema: Any, text: str) -> tuple[SchemaError, ...]:
    """What is wrong with an answer's text; empty: nothing. Raises SchemaUnusable: it could not be checked."""
    return checker(schema).errors(text)


def _made(schema: Any) -> "Checker | SchemaUnusable":
    try:
        return Checker(schema)
    except SchemaUnusable as error:
        return error.with_traceback(None)


def _no_json(text: str, error: orjson.JSONDecodeError) -> SchemaError:
    start = text.lstrip()
    if not start:
        return SchemaError("", "is empty; JSON is needed")
    if start.startswith("```"):
        return SchemaError("", "is a fenced block; the answer must be the JSON alone, without ``` around it")
    if start[0] not in '{["-0123456789tfn':
        return SchemaError("", "does not begin as JSON; the answer must be the JSON alone, without words around it")
    return SchemaError("", f"is not JSON (line {error.lineno}, column {error.colno})")


def _depth(value: Any) -> int:
    """How deep it is nested, counted level by level."""
    level, depth = [value], 0
    while level:
        depth += 1
        inside = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [inner for one in inside for inner in one]
    return depth


def _names(schema: Any) -> "set[str]":
    """The names of members that the schema itself mentions."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            properties, required = value.get("properties"), value.get("required")
            found.update(properties if isinstance(properties, dict) else ())
            found.update(one for one in (required if isinstance(required, list) else ()) if isinstance(one, str))
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found
