"""Where templates run: a Jinja2 sandbox that sees JSON data and nothing of Python, and a meter that every step pays into.

The syntax is already limited (template_syntax); what is left to bound is time and size. Pieces of output are counted as they
come, but one piece can be made by a long chain of filters and a loop can go round without any output, so filters, loop steps
and comparisons ask the meter as well.

Rules: `a.b` and `a["b"]` look into objects and arrays only, never at attributes of Python values; what is no text is written as
JSON (true, null, 1.5, {"a": 1}); an undefined value is an error wherever it is used; nothing is HTML-escaped.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import msgspec
from jinja2 import StrictUndefined, Undefined, nodes, pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from turnout_contract.template_syntax import LOOP_PARTS

METER = " meter"
"""The meter's key among the variables: no template can say a name with a space in it."""
_STEPS = " steps"
_WATCHED = " watched"
_LOOK_EVERY = 16


class TemplateError(ValueError):
    """A template that may not be used, or that cannot be rendered with these variables."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class MissingVariable(TemplateError):  # noqa: N818  says what happened
    """A value that the template uses was not given. `name` is its dotted path, as far as it is known."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is used by the template and was not given")
        self.name = name


class TemplateLimit(TemplateError):  # noqa: N818  says what happened
    """Rendering took more time, more steps or more room than it may."""


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one rendering, all messages of a prompt together."""

    output_bytes: int = 1_048_576
    variable_bytes: int = 1_048_576
    variable_depth: int = 32
    seconds: float = 0.25
    steps: int = 100_000


class Meter:
    """What one rendering has used. `now` gives seconds that never go back."""

    def __init__(self, limits: Limits, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now
        self._deadline = now() + limits.seconds
        self._bytes = 0
        self._steps = 0

    def look(self) -> None:
        """Raises TemplateLimit where the time is over."""
        if self._now() > self._deadline:
            raise TemplateLimit(f"rendering took longer than {self._limits.seconds:g} s")

    def step(self) -> None:
        """One round of a loop."""
        self._steps += 1
        if self._steps > self._limits.steps:
            raise TemplateLimit(f"the loops of the template went round more than {self._limits.steps} times")
        if self._steps % _LOOK_EVERY == 0:
            self.look()

    def wrote(self, piece: str) -> None:
        """A piece of output."""
        self.look()
        self._bytes += len(piece) if piece.isascii() else len(piece.encode())
        if self._bytes > self._limits.output_bytes:
            raise TemplateLimit(f"the text is longer than {self._limits.output_bytes} bytes")

    def room(self, length: int) -> None:
        """A value of so many characters is about to be made."""
        self.look()
        if length > self._limits.output_bytes:
            raise TemplateLimit(f"a value is longer than {self._limits.output_bytes} bytes")

    def made(self, text: str) -> str:
        """The text that a filter made, if there is room for it."""
        self.room(len(text))
        return text


class _Missing(StrictUndefined):
    """A value that was not given: whatever is done with it says which."""

    def _fail_with_undefined_error(self, *_: object, **__: object) -> NoReturn:
        raise MissingVariable(str(self._undefined_name or "a value"))

    __str__ = __iter__ = __len__ = __bool__ = __contains__ = _fail_with_undefined_error
    __eq__ = __ne__ = __hash__ = __lt__ = __le__ = __gt__ = __ge__ = _fail_with_undefined_error


def _meter(context: Context) -> Meter:
    meter = context[METER]
    if not isinstance(meter, Meter):  # the key is ours alone
        raise TemplateError("the template was rendered without a meter")
    return meter


def _given(value: Any) -> Any:
    if isinstance(value, Undefined):
        raise MissingVariable(str(value._undefined_name or "a value"))
    return value


def _json(context: Context, value: Any) -> str:
    meter = _meter(context)
    meter.look()
    try:
        return meter.made(json.dumps(_given(value), ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, TemplateError):
            raise
        raise TemplateError(f"a {type(value).__name__} cannot be written as JSON") from error


def _text(context: Context, value: Any) -> str:
    _given(value)
    return value if isinstance(value, str) else _json(context, value)


@pass_context
def _finalize(context: Context, value: Any) -> str:
    return _text(context, value)


@pass_context
def _default(_: Context, value: Any, other: Any = "", also_empty: Any = False) -> Any:  # noqa: FBT002  as Jinja2 has it
    return other if isinstance(value, Undefined) or (also_empty and not value) else value


@pass_context
def _join(context: Context, value: Any, between: Any = "") -> str:
    if not isinstance(_given(value), list | tuple):
        raise TemplateError("join takes a list")
    meter, sign = _meter(context), _text(context, between)
    pieces: list[str] = []
    length = 0
    for item in value:
        piece = _text(context, item)
        length += len(piece) + len(sign)
        meter.step()
        meter.room(length - len(sign))
        pieces.append(piece)
    return sign.join(pieces)


@pass_context
def _length(_: Context, value: Any) -> int:
    if not isinstance(_given(value), str | list | tuple | dict):
        raise TemplateError("length takes a text, a list or an object")
    return len(value)


@pass_context
def _lower(context: Context, value: Any) -> str:
    return _meter(context).made(_text(context, value).lower())


@pass_context
def _upper(context: Context, value: Any) -> str:
    return _meter(context).made(_text(context, value).upper())


@pass_context
def _trim(context: Context, value: Any) -> str:
    return _meter(context).made(_text(context, value).strip())


@pass_context
def _tojson(context: Context, value: Any) -> str:
    return _json(context, value)


@pass_context
def _steps(context: Context, value: Any) -> Iterator[Any]:
    """What a loop goes over: a list's items or an object's keys, each step metered."""
    if not isinstance(_given(value), list | dict):
        raise TemplateError("for goes over a list or an object")
    return _metered(_meter(context), value)


def _metered(meter: Meter, value: list[Any] | dict[str, Any]) -> Iterator[Any]:
    for item in value:
        meter.step()
        yield item


@pass_context
def _watched(context: Context, value: Any) -> Any:
    """A side of a comparison: comparing big values takes time, and a thousand of them more than there is."""
    _meter(context).look()
    return _given(value)


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all templates. It has no globals, no Python attributes and no filters but ours."""

    def __init__(self) -> None:
        super().__init__(
            undefined=_Missing,
            autoescape=False,
            finalize=_finalize,
            keep_trailing_newline=True,
            cache_size=0,
            loader=None,
        )
        self.globals = {}
        self.tests = {name: self.tests[name] for name in ("defined", "undefined")}
        self.filters = {
            "default": _default,
            "join": _join,
            "length": _length,
            "lower": _lower,
            "upper": _upper,
            "trim": _trim,
            "tojson": _tojson,
            _STEPS: _steps,
            _WATCHED: _watched,
        }

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`a.b`: the member b of an object, and of `loop` the parts that are allowed."""
        if isinstance(obj, LoopContext) and attribute in LOOP_PARTS:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`a[b]`: a member of an object or an item of a list, else undefined."""
        _given(argument)
        if isinstance(obj, Undefined):
            return _given(obj)
        if isinstance(obj, dict) and isinstance(argument, str) and argument in obj:
            return obj[argument]
        if isinstance(obj, list) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self.undefined(obj=obj, name=str(argument) if isinstance(argument, str | int) else "a value")


def meter_loops_and_comparisons(tree: nodes.Template) -> None:
    """Put the meter into a checked tree: what loops go over, and both sides of comparisons."""
    for loop in tree.find_all(nodes.For):
        loop.iter = _through(loop.iter, _STEPS)
    for compare in tree.find_all(nodes.Compare):
        compare.expr = _through(compare.expr, _WATCHED)
        for operand in compare.ops:
            operand.expr = _through(operand.expr, _WATCHED)


def _through(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def with_meter(variables: Mapping[str, Any], meter: Meter) -> dict[str, Any]:
    """The variables as a template sees them. A caller's variable of the meter's name is lost, and no template can miss it."""
    return {**variables, METER: meter}
