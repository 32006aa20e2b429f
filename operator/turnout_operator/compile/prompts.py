"""PromptTemplates: checked here with the very code that the gateways run them with.

A template that is not accepted stays in the snapshot as a closed one, without its texts, so that a call that names it learns why.
"""

import functools
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from turnout_contract import canonical, templates
from turnout_contract.api import conditions
from turnout_contract.api.prompt import PromptParameters, PromptTemplateSpec, PromptVersion
from turnout_contract.api.registry import TypedObject
from turnout_contract.snapshot import model as snapshot
from turnout_contract.variables import SchemaError, Variables
from turnout_operator.compile.inputs import Broken
from turnout_operator.compile.memory import Memory
from turnout_operator.compile.result import Problem, Verdict, told, verdict

_TEXTS: Memory[tuple[str, ...]] = Memory(10_000)
_SCHEMAS: Memory[str | None] = Memory(2_000)


def compile_prompts(
    objects: Sequence[TypedObject], broken: Sequence[Broken]
) -> tuple[dict[str, snapshot.Prompt], list[Verdict]]:
    """All PromptTemplates of a namespace, by name."""
    found = {item.name: _closed(item.name, item.message) for item in broken}
    verdicts = []
    for obj in objects:
        assert isinstance(obj.spec, PromptTemplateSpec)  # noqa: S101 - the caller sorted by kind
        problems = [*_shares_problems(obj.spec), *_schema_problems(obj.spec), *_text_problems(obj.spec)]
        verdicts.append(verdict(obj, refused=problems))
        reason = told(problem.message for problem in problems)
        found[obj.name] = _closed(obj.name, reason) if problems else _prompt(obj.name, obj.spec)
    return found, verdicts


def _closed(name: str, reason: str) -> snapshot.Prompt:
    return snapshot.Prompt(name=name, variables={}, shares=(), versions=(), closed=reason)


def _shares(spec: PromptTemplateSpec) -> tuple[tuple[str, int], ...]:
    if spec.active is not UNSET:
        return ((spec.active, 1),)
    return tuple(sorted((share.version, share.weight) for share in spec.split))


def _shares_problems(spec: PromptTemplateSpec) -> list[Problem]:
    """What the API server refuses too; an object may be older than that rule."""
    names = {version.name for version in spec.versions}
    where = "spec.active" if spec.active is not UNSET else "spec.split"
    shares = _shares(spec)
    if not shares:
        return [Problem(conditions.INVALID, "spec: exactly one of active and split must be given")]
    return [
        Problem(conditions.INVALID, f"{where}: there is no version {name}") for name, _ in shares if name not in names
    ]


def _schema_problems(spec: PromptTemplateSpec) -> list[Problem]:
    if spec.variables is UNSET:
        return []
    try:
        text = canonical.encode(spec.variables)
    except (TypeError, ValueError, RecursionError):
        return [Problem(conditions.INVALID, "spec.variables: is not JSON")]
    message = _SCHEMAS.recall(text, functools.partial(_schema_message, spec.variables))
    return [] if message is None else [Problem(conditions.INVALID, message)]


def _schema_message(schema: dict[str, Any]) -> str | None:
    try:
        Variables(schema)
    except SchemaError as error:
        return f"{'.'.join(('spec.variables', *map(str, error.path)))}: {error.message}"
    return None


def _text_problems(spec: PromptTemplateSpec) -> list[Problem]:
    return [
        Problem(conditions.INVALID, f"spec.versions[{at}].messages[{number}].content: {finding}")
        for at, version in enumerate(spec.versions)
        for number, message in enumerate(version.messages)
        for finding in _findings(message.content)
    ]


def _findings(content: str) -> tuple[str, ...]:
    return _TEXTS.recall(content.encode("utf-8", "surrogatepass"), lambda: tuple(templates.check(content)))


def _prompt(name: str, spec: PromptTemplateSpec) -> snapshot.Prompt:
    return snapshot.Prompt(
        name=name,
        variables={} if spec.variables is UNSET else spec.variables,
        shares=_shares(spec),
        versions=tuple(sorted((_version(version) for version in spec.versions), key=lambda version: version.name)),
    )


def _version(version: PromptVersion) -> snapshot.PromptVersion:
    parameters = version.parameters or PromptParameters()
    return snapshot.PromptVersion(
        name=version.name,
        messages=tuple(snapshot.PromptMessage(message.role, message.content) for message in version.messages),
        temperature=parameters.temperature or None,
        top_p=parameters.top_p or None,
        max_tokens=parameters.max_tokens or None,
    )
