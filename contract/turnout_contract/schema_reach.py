"""How often a JSON Schema may look at one value, found out from the schema alone.

A few hundred bytes of `allOf` over `$ref` over `allOf` make a validator look at one value a billion times, and one that describes
itself along two ways doubles the work of telling what is wrong with each level of the value. Both are found here before a
validator is built.

Rules: the schema is written out, references followed, until the bound or a reference that is open already; a reference that
comes back to itself without stepping into the value is refused, and so is one to what is not in the document, except for the
drafts' own schemas, which every validator has.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag, urljoin

MAX_PARTS = 20_000
MAX_REPEATED = 4_000
"""Parts beside those that the document itself has: what references multiply."""
MAX_TIMES = 500
OUTSIDE = "a $ref points outside of the schema, or to nothing; nothing is fetched"

_SAME = frozenset({"not", "if", "then", "else"})
_SAME_MANY = frozenset({"allOf", "anyOf", "oneOf"})
_SAME_NAMED = frozenset({"dependentSchemas", "dependencies"})
_INSIDE = frozenset(
    {
        "additionalItems",
        "additionalProperties",
        "contains",
        "contentSchema",
        "items",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_ANY = "*"
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_DRAFTS = ("http://json-schema.org/", "https://json-schema.org/")
_DATA = frozenset({"const", "default", "enum", "examples"})


class TooFar(ValueError):  # noqa: N818 - says what happened
    """A schema would look at values too often."""


class Reach(NamedTuple):
    """`parts`: of the schema, written out; `times`: how many of them look at one place of a value, at most.

    `ways`: by how many ways it comes back to itself for one place, at most; 0: it never does.
    """

    parts: int
    times: int
    ways: int


def reach(schema: Any) -> Reach:
    """How far a schema reaches. Raises TooFar."""
    walk = _Walk(schema)
    walk.part(schema, "", ())
    every: Counter[str] = Counter()
    named: dict[str, int] = {}
    for (target, way), times in walk.back.items():
        if _ANY in way:
            every[target] += times
        else:
            named[target] = max(named.get(target, 0), times)
    ways = max((named.get(one, 0) + every[one] for one in {*named, *every}), default=0)
    return Reach(walk.parts, max(walk.at.values()), ways)


class _Walk:
    """A walk over everything that a validator may look at, references written out."""

    def __init__(self, root: Any) -> None:
        self.parts = 0
        self.at: Counter[tuple[str, ...]] = Counter()
        self.back: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self._places: dict[str, list[Any]] = {"": [root]}
        self._bases: dict[int, str] = {}
        self._dynamic: dict[str, list[str]] = {}
        self._open: dict[str, int] = {}  # reference -> how many steps into the value it was opened at
        self._note(root)
        self._most = min(MAX_PARTS, MAX_REPEATED + len(self._bases))

    def _note(self, root: Any) -> None:
        """Where every schema with a name of its own is, and what references below it are relative to."""
        waiting: list[tuple[Any, str]] = [(root, "")]
        while waiting:
            value, base = waiting.pop()
            if isinstance(value, dict):
                base = self._named(value, base)
                waiting += [(inner, base) for keyword, inner in value.items() if keyword not in _DATA]
            elif isinstance(value, list):
                waiting += [(inner, base) for inner in value]

    def _named(self, value: dict[str, Any], base: str) -> str:
        """Notes the names of one schema. Two with one name: either may be meant."""
        for keyword in ("$id", "id"):
            own = value.get(keyword)
            if isinstance(own, str):
                self._places.setdefault(_joined(base, own).rstrip("#"), []).append(value)
                base = base if own.startswith("#") else urldefrag(_joined(base, own))[0]
        for keyword in ("$anchor", "$dynamicAnchor"):
            name = value.get(keyword)
            if isinstance(name, str):
                self._places.setdefault(f"{base}#{name}", []).append(value)
                if keyword == "$dynamicAnchor":
                    self._dynamic.setdefault(name, []).append(f"{base}#{name}")
        self._bases[id(value)] = base
        return base

    def part(self, value: Any, base: str, way: tuple[str, ...]) -> None:
        """Everything below one schema; `way` are the steps into the value that led here."""
        self.parts += 1
        self.at[way] += 1
        if self.parts > self._most:
            raise TooFar(f"written out, the schema has more than {self._most} parts")
        if self.at[way] > MAX_TIMES:
            raise TooFar(f"written out, more than {MAX_TIMES} parts of the schema look at one place")
        if not isinstance(value, dict):
            return
        base = self._bases.get(id(value), base)
        for keyword, inner in value.items():
            if keyword in _REFERENCES and isinstance(inner, str):
                self._follow(keyword, inner, base, way)
            else:
                for step, below in _below(keyword, inner):
                    self.part(below, base, (*way, step) if step else way)

    def _follow(self, keyword: str, reference: str, base: str, way: tuple[str, ...]) -> None:
        targets = [_joined(base, reference)]
        if keyword == "$dynamicRef":
            targets += self._dynamic.get(reference.rpartition("#")[2], [])
        for target in dict.fromkeys(targets):
            if target in self._open:
                steps = way[self._open[target] :]
                if not steps:
                    raise TooFar("a $ref leads back to itself without a step into the value")
                self.back[target, steps] += 1
                continue
            found = self._resolved(target)
            if not found and not target.startswith(_DRAFTS):
                raise TooFar(OUTSIDE)
            self._open[target] = len(way)
            for one in found:
                self.part(one, target.partition("#")[0], way)
            del self._open[target]

    def _resolved(self, target: str) -> list[Any]:
        """What a reference points to in this document."""
        known = self._places.get(target.rstrip("#"))
        if known is None:
            document, _, fragment = target.partition("#")
            places = self._places.get(document, ()) if fragment.startswith("/") else ()
            known = [found for one in places if (found := _pointed(one, fragment)) is not None]
            self._places[target] = known
        return known


def _joined(base: str, reference: str) -> str:
    return base + reference if reference.startswith("#") else urljoin(base, reference)


def _pointed(value: Any, pointer: str) -> Any:
    """What a JSON pointer leads to; None: nothing."""
    for part in unquote(pointer).split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value


def _below(keyword: str, inner: Any) -> Iterator[tuple[str, Any]]:
    """The schemas that a keyword holds, each with the step into the value that it takes ("": none)."""
    if keyword in _SAME:
        yield "", inner
    elif keyword in _SAME_MANY and isinstance(inner, list):
        yield from (("", one) for one in inner)
    elif keyword in _SAME_NAMED and isinstance(inner, dict):
        yield from (("", one) for one in inner.values() if isinstance(one, dict))
    elif keyword == "properties" and isinstance(inner, dict):
        yield from ((f".{name}", one) for name, one in inner.items())
    elif keyword == "patternProperties" and isinstance(inner, dict):
        yield from ((_ANY, one) for one in inner.values())
    elif keyword == "prefixItems" or (keyword == "items" and isinstance(inner, list)):
        yield from ((f"[{index}]", one) for index, one in enumerate(inner if isinstance(inner, list) else ()))
    elif keyword == "items":
        yield "[]", inner
    elif keyword in _INSIDE:
        yield _ANY, inner
