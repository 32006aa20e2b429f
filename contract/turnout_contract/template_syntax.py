"""Which templates are allowed: a list of what may stand in one, checked on its tokens and then on its syntax tree.

A prompt's text comes from whoever may write a PromptTemplate, and its variables from anyone who may call. Everything that is
not named here is refused when the template is compiled, so that rendering can neither reach Python nor grow without bound.

Rules: output, if/elif/else, for over a variable, comparisons with and/or/not, `is defined`, constants, and the filters of
FILTERS. No calls, arithmetic, `~`, slices, conditional expressions, macros, set, include, import, extends, block or filter
sections. No name or key that begins with an underscore. Tokens are looked at first, since a parser recurses and the tree is too
late to bound that.
"""

import math
import unicodedata
from collections.abc import Iterator

from jinja2 import Environment, TemplateSyntaxError, nodes

MAX_SOURCE = 65_536
MAX_NODES = 2_000
MAX_LOOPS = 2
MAX_SECTIONS = 16
MAX_DEPTH = 24
MAX_TAG_TOKENS = 256
MAX_BRACKETS = 8
MAX_PREFIXES = 16
MAX_INTEGER_BITS = 64

FILTERS: dict[str, tuple[int, int]] = {
    "default": (0, 2),
    "join": (0, 1),
    "length": (0, 0),
    "lower": (0, 0),
    "upper": (0, 0),
    "trim": (0, 0),
    "tojson": (0, 0),
}
"""The filters, with how few and how many arguments they take."""

LOOP_PARTS = frozenset({"index", "first", "last"})
_TAGS = frozenset({"if", "elif", "else", "endif", "for", "endfor"})
_OPERATORS = frozenset({".", "[", "]", "(", ")", ",", "|", "-", "==", "!=", "<", "<=", ">", ">="})
_COMPARISONS = frozenset({"eq", "ne", "lt", "lteq", "gt", "gteq", "in", "notin"})
_TESTS = frozenset({"defined", "undefined"})
_RESERVED = frozenset({"self", "super", "caller", "varargs", "kwargs"})


class Syntax:
    """What was found in one template: messages about what is not allowed, the names that it uses, and its tree."""

    def __init__(self) -> None:
        self.findings: list[str] = []
        self.names: set[str] = set()
        self.paths: set[tuple[str, ...]] = set()
        self.tree: nodes.Template | None = None


def examine(environment: Environment, source: str) -> Syntax:
    """Everything about a template's syntax. Never raises: what is wrong is in `findings`, and then `tree` is None."""
    syntax = Syntax()
    if len(source) > MAX_SOURCE:
        syntax.findings.append(f"the template is longer than {MAX_SOURCE} characters")
        return syntax
    try:
        source.encode()
        syntax.findings.extend(dict.fromkeys(_Tokens(environment, source).findings()))
        if not syntax.findings:
            tree = environment.parse(source)
            _Tree(syntax).check(tree)
            syntax.tree = None if syntax.findings else tree
    except UnicodeEncodeError:
        syntax.findings.append("the template holds half of a surrogate pair, which is no text")
    except TemplateSyntaxError as error:
        syntax.findings.append(f"line {error.lineno}: {error.message}")
    except (RecursionError, MemoryError):
        syntax.findings.append("the template is nested too deep")
    except ValueError:  # what Python will not read, such as 5,000 digits
        syntax.findings.append("a constant cannot be read")
    syntax.findings = list(dict.fromkeys(syntax.findings))
    return syntax


class _Tokens:
    """The tokens of a template, tag by tag, before any parser sees them."""

    def __init__(self, environment: Environment, source: str) -> None:
        self._tokens = environment.lex(source)
        self._sections = 0
        self._reset()

    def _reset(self) -> None:
        self._count = self._brackets = self._prefixes = 0

    def findings(self) -> Iterator[str]:
        at_name = False
        for line, kind, text in self._tokens:
            if kind in ("block_begin", "variable_begin"):
                self._reset()
                at_name = kind == "block_begin"
            elif kind == "name" and at_name:
                at_name = False
                yield from self._tag(line, text)
            elif kind in ("name", "operator", "string", "integer", "float"):
                yield from self._inside(line, kind, text)

    def _tag(self, line: int, name: str) -> Iterator[str]:
        if name not in _TAGS:
            yield f"line {line}: {{% {name[:40]} %}} is not allowed; only if, elif, else and for are"
        self._sections += name in ("if", "for")
        self._sections -= name in ("endif", "endfor")
        if self._sections > MAX_SECTIONS:
            yield f"more than {MAX_SECTIONS} sections stand in one another"

    def _inside(self, line: int, kind: str, text: str) -> Iterator[str]:
        self._count += 1
        if kind == "operator":
            if text not in _OPERATORS:
                yield f"line {line}: {text!r} is not allowed"
            self._brackets += text in ("(", "[")
            self._brackets -= text in (")", "]")
        self._prefixes += (kind, text) in (("name", "not"), ("operator", "-"))
        if self._count > MAX_TAG_TOKENS:
            yield f"line {line}: one tag holds more than {MAX_TAG_TOKENS} words and signs"
        if self._brackets > MAX_BRACKETS or self._prefixes > MAX_PREFIXES:
            yield f"line {line}: an expression is nested too deep"


class _Tree:
    """A walk over the syntax tree that knows every node it lets pass."""

    def __init__(self, syntax: Syntax) -> None:
        self._syntax = syntax
        self._nodes = 0
        self._bound: list[str] = []

    def check(self, template: nodes.Template) -> None:
        self._body(template.body, 0)

    def _no(self, node: nodes.Node, what: str) -> None:
        self._syntax.findings.append(f"line {node.lineno}: {what}")

    def _seen(self, node: nodes.Node, depth: int) -> bool:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._syntax.findings.append(f"the template has more than {MAX_NODES} parts")
            return False
        if depth > MAX_DEPTH:
            self._no(node, "an expression or section is nested too deep")
            return False
        return True

    def _body(self, body: list[nodes.Node], depth: int) -> None:
        for node in body:
            if self._nodes <= MAX_NODES and self._seen(node, depth):
                self._statement(node, depth + 1)

    def _statement(self, node: nodes.Node, depth: int) -> None:
        if isinstance(node, nodes.Output):
            for part in node.nodes:
                if not isinstance(part, nodes.TemplateData):
                    self._expression(part, depth)
        elif isinstance(node, nodes.If):
            self._expression(node.test, depth)
            self._body(node.body, depth)
            for other in node.elif_:
                self._statement(other, depth)
            self._body(node.else_, depth)
        elif isinstance(node, nodes.For):
            self._loop(node, depth)
        else:
            self._no(node, f"{type(node).__name__} is not allowed")

    def _loop(self, node: nodes.For, depth: int) -> None:
        if len(self._bound) >= MAX_LOOPS:
            self._no(node, f"more than {MAX_LOOPS} loops stand in one another")
        if node.recursive or node.test is not None:
            self._no(node, "for takes neither `recursive` nor a condition")
        if not isinstance(node.target, nodes.Name):
            self._no(node, "for takes one name")
            return
        self._name(node.target, node.target.name)
        if node.target.name == "loop":
            self._no(node, "a loop's own name may not be loop")
        if not self._is_path(node.iter):
            self._no(node, "for goes over a variable")
        self._expression(node.iter, depth)
        self._bound.append(node.target.name)
        self._body(node.body, depth)
        self._bound.pop()
        self._body(node.else_, depth)

    def _is_path(self, node: nodes.Node) -> bool:
        while isinstance(node, nodes.Getattr | nodes.Getitem):
            node = node.node
        return isinstance(node, nodes.Name)

    def _expression(self, node: nodes.Node, depth: int) -> None:
        if not self._seen(node, depth):
            return
        depth += 1
        if isinstance(node, nodes.Const):
            self._constant(node)
        elif isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
            self._path(node, depth)
        elif isinstance(node, nodes.And | nodes.Or):
            self._expression(node.left, depth)
            self._expression(node.right, depth)
        elif isinstance(node, nodes.Not):
            self._expression(node.node, depth)
        elif isinstance(node, nodes.Compare):
            self._compare(node, depth)
        elif isinstance(node, nodes.Filter):
            self._filter(node, depth)
        elif isinstance(node, nodes.Test):
            self._test(node, depth)
        elif isinstance(node, nodes.List | nodes.Tuple):
            self._constants(node, depth)
        elif not _is_negative(node):
            self._no(node, f"{_SAYS.get(type(node), type(node).__name__)} is not allowed")

    def _constant(self, node: nodes.Const) -> None:
        value = node.value
        endless = isinstance(value, float) and not math.isfinite(value)
        if endless or (isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS):
            self._no(node, "a constant is too large")

    def _constants(self, node: nodes.List | nodes.Tuple, depth: int) -> None:
        for item in node.items:
            if isinstance(item, nodes.Const) or _is_negative(item):
                self._expression(item, depth)
            else:
                self._no(node, "a list may only hold constants")

    def _compare(self, node: nodes.Compare, depth: int) -> None:
        self._expression(node.expr, depth)
        for operand in node.ops:
            if operand.op not in _COMPARISONS:
                self._no(node, f"{operand.op} is not allowed")
            self._expression(operand.expr, depth)

    def _filter(self, node: nodes.Filter, depth: int) -> None:
        least, most = FILTERS.get(node.name, (0, -1))
        if most < 0:
            self._no(node, f"there is no filter {node.name[:64]!r}; there are {', '.join(sorted(FILTERS))}")
        elif node.kwargs or node.dyn_args or node.dyn_kwargs or not least <= len(node.args) <= most:
            self._no(
                node,
                f"the filter {node.name} takes {'no arguments' if not most else f'at most {most} plain arguments'}",
            )
        for argument in node.args:
            if isinstance(argument, nodes.Const | nodes.List | nodes.Tuple) or self._is_path(argument):
                self._expression(argument, depth)
            else:
                self._no(node, "a filter's argument is a constant or a variable")
        if node.node is None:
            self._no(node, "a filter needs a value")
        else:
            self._expression(node.node, depth)

    def _test(self, node: nodes.Test, depth: int) -> None:
        if node.name not in _TESTS or node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
            self._no(node, f"the test {node.name[:64]!r} is not allowed; defined and undefined are")
        if not self._is_path(node.node):
            self._no(node, "only a variable can be tested")
        self._expression(node.node, depth)

    def _path(self, node: nodes.Node, depth: int) -> None:
        """Name, Name.part, Name["part"], Name[0], Name[other]; the whole path is taken at once."""
        top, parts, static = node, list[str](), True
        while isinstance(top, nodes.Getattr | nodes.Getitem):
            if not self._seen(top, depth + len(parts)):
                return
            part = top.attr if isinstance(top, nodes.Getattr) else self._key(top, depth)
            static = static and part is not None
            parts.append(part or "")
            self._hidden(top, part)
            top = top.node
        if not isinstance(top, nodes.Name):
            self._no(node, "only a variable has parts")
            return
        if top.name == "loop" and self._bound:
            if parts[-1:] == [] or len(parts) != 1 or parts[0] not in LOOP_PARTS:
                self._no(node, "of loop there are loop.index, loop.first and loop.last")
            return
        self._name(top, top.name)
        if top.name not in self._bound:
            self._syntax.names.add(top.name)
            if static:
                self._syntax.paths.add((top.name, *reversed(parts)))

    def _key(self, node: nodes.Getitem, depth: int) -> str | None:
        """A constant key as text; None where it is another variable's value."""
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str | int):
            return str(node.arg.value)
        if self._is_path(node.arg):
            self._expression(node.arg, depth + 1)
        elif not _is_negative(node.arg):
            self._no(node, "between [ and ] stands a constant or a variable")
        return None

    def _hidden(self, node: nodes.Node, part: str | None) -> None:
        if part is not None and part.startswith("_"):
            self._no(node, f"{part[:64]!r}: no part may begin with an underscore")

    def _name(self, node: nodes.Node, name: str) -> None:
        if name.startswith("_") or name in _RESERVED or unicodedata.normalize("NFKC", name) != name:
            self._no(node, f"{name[:64]!r} may not be used as a name")
        elif name == "loop" and not self._bound:
            self._no(node, "'loop' may not be used as a name")


def _is_negative(node: nodes.Node) -> bool:
    """A minus sign before a number is part of the constant."""
    return (
        isinstance(node, nodes.Neg)
        and isinstance(node.node, nodes.Const)
        and isinstance(node.node.value, int | float)
        and not isinstance(node.node.value, bool)
    )


_SAYS: dict[type[nodes.Node], str] = {
    nodes.Call: "a call",
    nodes.CondExpr: "`a if b else c`",
    nodes.Slice: "a slice",
    nodes.Neg: "arithmetic",
    nodes.Sub: "arithmetic",
    nodes.Dict: "an object",
    nodes.Concat: "`~`",
}
