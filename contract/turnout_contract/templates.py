"""Templates of prompts: text with variables, compiled once and rendered for each call.

Jinja2's syntax, of which little is allowed (template_syntax), in a sandbox that meters what a rendering uses (template_sandbox).
The operator checks a template before it goes into a snapshot, the gateway compiles and renders it: the same code, so that what
one accepts the other can run.

Rules: rendering is piece by piece, with size and time looked at between pieces, and never with more variables than the limits
allow; equal variables give equal text; a variable that is used and not given is MissingVariable, never an empty text.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jinja2

from turnout_contract.json_bounds import TooMuch, measure
from turnout_contract.template_sandbox import (
    Limits,
    Meter,
    MissingVariable,
    Sandbox,
    TemplateError,
    TemplateLimit,
    meter_loops_and_comparisons,
    with_meter,
)
from turnout_contract.template_syntax import examine

__all__ = ["Limits", "MissingVariable", "Template", "TemplateError", "TemplateLimit", "check", "render_all"]

LIMITS = Limits()
_SANDBOX = Sandbox()


def check(source: str) -> list[str]:
    """What is wrong with a template, one sentence each, with the line; empty: it may be used."""
    return examine(_SANDBOX, source).findings


class Template:
    """A compiled template. Compiling costs milliseconds, rendering microseconds; it holds nothing of a call."""

    def __init__(self, compiled: jinja2.Template, names: frozenset[str], paths: frozenset[tuple[str, ...]]) -> None:
        self._compiled = compiled
        self._names = names
        self._paths = paths

    @classmethod
    def compile(cls, source: str) -> "Template":
        """Raises TemplateError with everything that is wrong with it."""
        syntax = examine(_SANDBOX, source)
        if syntax.tree is None:
            raise TemplateError("; ".join(syntax.findings))
        meter_loops_and_comparisons(syntax.tree)
        code = _SANDBOX.compile(syntax.tree)
        compiled = jinja2.Template.from_code(_SANDBOX, code, {}, None)
        return cls(compiled, frozenset(syntax.names), frozenset(syntax.paths))

    @property
    def names(self) -> frozenset[str]:
        """The variables that it uses, at the top level."""
        return self._names

    def render(
        self, variables: Mapping[str, Any], *, limits: Limits = LIMITS, now: Callable[[], float] = time.monotonic
    ) -> str:
        """The text. Raises MissingVariable, TemplateLimit, else TemplateError. `now`: seconds that never go back."""
        return render_all((self,), variables, limits=limits, now=now)[0]

    def pieces(self, variables: dict[str, Any], meter: Meter) -> str:
        """The text, from variables that were measured and carry the meter."""
        written: list[str] = []
        try:
            for piece in self._compiled.generate(variables):
                meter.wrote(piece)
                written.append(piece)
        except MissingVariable as error:
            raise MissingVariable(self._whole_path(error.name)) from None
        except TemplateError as error:  # without the template's frames, which hold the variables
            raise type(error)(error.message) from None
        except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError, jinja2.TemplateError) as error:
            raise TemplateError(f"the template cannot be rendered: {_short(error)}") from None
        return "".join(written)

    def _whole_path(self, name: str) -> str:
        """`a.b` for the missing `b`, where only one place of the template can mean it."""
        places = {path[: at + 1] for path in self._paths for at, part in enumerate(path) if part == name}
        return ".".join(places.pop()) if len(places) == 1 else name


def render_all(
    templates: Sequence[Template],
    variables: Mapping[str, Any],
    *,
    limits: Limits = LIMITS,
    now: Callable[[], float] = time.monotonic,
) -> list[str]:
    """A text for each template, within one allowance of size and time for all. Raises as `Template.render` does."""
    values = dict(variables)
    try:
        measure(values, max_bytes=limits.variable_bytes, max_depth=limits.variable_depth)
    except TooMuch as error:
        where = ".".join(map(str, error.path[:8])) or "the variables"
        raise TemplateLimit(f"{where} {error.message}") from None
    meter = Meter(limits, now)
    seen = with_meter(values, meter)
    return [template.pieces(seen, meter) for template in templates]


def _short(error: BaseException) -> str:
    """What Python says about types, which never holds a value ('<' not supported between ...)."""
    return str(error)[:200] if isinstance(error, TypeError) else type(error).__name__
