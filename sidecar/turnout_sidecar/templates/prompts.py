"""Prompts made ready to run: templates and schema compiled once, a version chosen and rendered for each call.

Rules: everything that can be wrong with a prompt is found when the snapshot is built (`PromptError`, with the path in the
object); a closed prompt compiles to its reason alone; who comes again with the same outcome, else the same user, gets the same
version, by weighted rendezvous hashing, so that a change of weights moves few.
"""

import math
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from turnout_contract import canonical
from turnout_contract.snapshot import model as snap
from turnout_contract.templates import Template, TemplateError, render_all
from turnout_contract.variables import SchemaError, Variables
from turnout_sidecar.ports.clock import Dice


class PromptError(ValueError):
    """A prompt that cannot be run. `path` is in the PromptTemplate."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


class CompiledVersion(msgspec.Struct, frozen=True):
    """A version ready to render. `parameters` are members of a chat body, as JSON numbers."""

    name: str
    roles: tuple[str, ...]
    templates: tuple[Template, ...]
    parameters: dict[str, int | float]

    def render(self, variables: Mapping[str, Any], now: Callable[[], float]) -> list[dict[str, Any]]:
        """Its messages. Raises TemplateError (and MissingVariable, TemplateLimit)."""
        texts = render_all(self.templates, variables, now=now)
        return [{"role": role, "content": text} for role, text in zip(self.roles, texts, strict=True)]


class CompiledPrompt:
    """A prompt of the namespace. `closed`: it may not be used, and why."""

    def __init__(
        self, prompt: snap.Prompt, variables: Variables | None, versions: Mapping[str, CompiledVersion]
    ) -> None:
        self.name = prompt.name
        self.closed = prompt.closed
        self.versions = versions
        self._variables = variables
        self._shares = tuple(
            (versions[name], weight) for name, weight in prompt.shares if weight > 0 and name in versions
        )

    def check(self, values: Any) -> dict[str, Any]:
        """The variables with defaults. Raises VariableError."""
        if self._variables is None:
            raise PromptError("spec", f"the prompt is closed: {self.closed}")
        return self._variables.check(values)

    def choose(self, sticky: str | None, dice: Dice) -> CompiledVersion:
        """The version for a call: the active one, or by share; the same for the same `sticky`."""
        if len(self._shares) == 1:
            return self._shares[0][0]
        if sticky is not None:
            return max(self._shares, key=lambda share: _draw(self.name, sticky, *share))[0]
        point = dice.random() * sum(weight for _, weight in self._shares)
        for version, weight in self._shares:
            point -= weight
            if point < 0:
                return version
        return self._shares[-1][0]


def compile_prompt(prompt: snap.Prompt) -> CompiledPrompt:
    """Make it ready. Raises PromptError."""
    if prompt.closed is not None:
        return CompiledPrompt(prompt, None, {})
    try:
        variables = Variables(prompt.variables)
    except SchemaError as error:
        raise PromptError(".".join(["spec.variables", *map(str, error.path)]), error.message) from None
    versions = {version.name: _version(version, index) for index, version in enumerate(prompt.versions)}
    compiled = CompiledPrompt(prompt, variables, versions)
    if not any(weight > 0 and name in versions for name, weight in prompt.shares):
        raise PromptError("spec.split", "no version has a share of the calls")
    return compiled


def digest_of(variables: Mapping[str, Any]) -> str:
    """Of the variables that a call was rendered with; equal values, equal digest."""
    return canonical.digest(canonical.encode(dict(variables)))


def _version(version: snap.PromptVersion, index: int) -> CompiledVersion:
    templates = []
    for place, message in enumerate(version.messages):
        try:
            templates.append(Template.compile(message.content))
        except TemplateError as error:
            raise PromptError(f"spec.versions[{index}].messages[{place}].content", error.message) from None
    parameters: dict[str, int | float] = {}
    for name, decimal in (("temperature", version.temperature), ("top_p", version.top_p)):
        if decimal is not None:
            parameters[name] = _number(decimal, f"spec.versions[{index}].parameters")
    if version.max_tokens is not None:
        parameters["max_tokens"] = version.max_tokens
    return CompiledVersion(
        name=version.name,
        roles=tuple(message.role for message in version.messages),
        templates=tuple(templates),
        parameters=parameters,
    )


def _number(decimal: str, path: str) -> int | float:
    """The JSON number: of so few places a float's shortest form is the decimal itself."""
    try:
        value = float(decimal) if "." in decimal else int(decimal)
    except ValueError:
        raise PromptError(path, f"{decimal[:16]!r} is not a decimal number") from None
    if not 0 <= value <= 2:  # noqa: PLR2004  what the schema allows
        raise PromptError(path, f"{decimal[:16]!r} is not between 0 and 2")
    return value


def _draw(prompt: str, sticky: str, version: CompiledVersion, weight: int) -> float:
    """A version's number for one caller (-weight / ln u); the largest wins."""
    digest = blake2b(f"{prompt}\0{sticky}\0{version.name}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return -weight / math.log((int.from_bytes(digest) + 0.5) / 2**64)
