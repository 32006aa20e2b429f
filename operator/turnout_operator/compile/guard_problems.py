"""What is wrong with a GuardrailPolicy by itself, in words that name the field.

Checked here with the very code that the gateways check texts with, so that a policy that is Accepted runs. An object may be older
than the rules of the API server, so what those refuse is refused here again.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from turnout_contract import answer_schema, canonical, patterns
from turnout_contract.api import conditions
from turnout_contract.api import guardrail as api
from turnout_contract.snapshot import guards
from turnout_operator.compile.memory import Memory
from turnout_operator.compile.result import Problem
from turnout_operator.compile.strictest import Side, entities, sides

_PATTERNS: Memory[str | None] = Memory(10_000)
_SCHEMAS: Memory[str | None] = Memory(2_000)


def problems(spec: api.GuardrailPolicySpec) -> list[Problem]:
    """What keeps a policy from being in force."""
    asked, answered = spec.input or api.InputChecks(), spec.output or api.OutputChecks()
    messages = [
        *_unfound(spec.plugins, "Input", asked.pii.entities if asked.pii else UNSET),
        *_bad_patterns("spec.input", asked.deny_patterns),
        *_bad_schema(answered.json_schema or api.OutputSchema()),
        *_unfound(spec.plugins, "Output", answered.pii.entities if answered.pii else UNSET),
        *_bad_patterns("spec.output", answered.deny_patterns),
        *_misplaced(spec.plugins),
        *_unknown_to_plugins(spec.plugins),
        *_too_late(spec.plugins),
    ]
    return [Problem(conditions.INVALID, message) for message in messages]


def _unfound(plugins: Sequence[api.Plugin], side: Side, wanted: Sequence[str] | UnsetType) -> Iterator[str]:
    """Entities that the gateway does not find by itself, and no plug-in of the policy either."""
    for at, entity in enumerate(() if wanted is UNSET else wanted):
        found = any(side in sides(plugin) and entity in entities(plugin) for plugin in plugins)
        if entity not in guards.BUILT_IN and not found:
            field = f"spec.{side.lower()}.pii.entities[{at}]"
            yield f"{field}: {entity} is found by plug-ins only, and none of spec.plugins looks for it on {side}"


def _bad_patterns(path: str, denied: Sequence[api.DenyPattern]) -> Iterator[str]:
    for at, one in enumerate(denied):
        content = one.pattern.encode("utf-8", "surrogatepass")
        found = _PATTERNS.recall(content, functools.partial(patterns.problem, one.pattern))
        if found is not None:
            yield f"{path}.denyPatterns[{at}].pattern: {found}"


def _bad_schema(asked: api.OutputSchema) -> Iterator[str]:
    if asked.schema is UNSET:
        return
    path = "spec.output.jsonSchema.schema"
    found = _schema_problem(asked.schema)
    if found is not None:
        yield f"{path}: {found}"


def _schema_problem(schema: dict[str, Any]) -> str | None:
    try:
        content = canonical.encode(schema)
    except (TypeError, ValueError, RecursionError):
        return "is not JSON"
    return _SCHEMAS.recall(content, functools.partial(answer_schema.problem, schema))


def _misplaced(plugins: Sequence[api.Plugin]) -> Iterator[str]:
    for at, plugin in enumerate(plugins):
        if bool(plugin.url) == bool(plugin.entry_point):
            yield f"spec.plugins[{at}]: exactly one of url and entryPoint is needed"
        elif plugin.entry_point and plugin.adapter != "Turnout":
            yield f"spec.plugins[{at}].adapter: goes with url, an entryPoint is asked as Turnout asks"


def _too_late(plugins: Sequence[api.Plugin]) -> Iterator[str]:
    """What cannot be done any more when there is an answer."""
    for at, plugin in enumerate(plugins):
        if plugin.flags and plugin.flags.action == "Reroute" and "Input" not in sides(plugin):
            yield f"spec.plugins[{at}].flags.action: Reroute goes with Input: an answer has been given by its model already"


def _unknown_to_plugins(plugins: Sequence[api.Plugin]) -> Iterator[str]:
    for at, plugin in enumerate(plugins):
        for number, entity in enumerate(entities(plugin)):
            if plugin.adapter == "Presidio" and entity in guards.UNKNOWN_TO_PRESIDIO:
                yield f"spec.plugins[{at}].entities[{number}]: Presidio knows no {entity}"
