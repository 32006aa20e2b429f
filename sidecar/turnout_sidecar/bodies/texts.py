"""Strings taken as leaves, whatever holds them: plain ones, JSON in a string, data URLs and files that are text.

Rules: strings are counted as they come, so that each knows which of the bytes' strings it is; a leaf is put on the page with what
stands before it: a break, or the name that it goes by.
"""

from typing import Any, Final

from turnout_sidecar.bodies import coded
from turnout_sidecar.bodies.fields import Part
from turnout_sidecar.bodies.json_text import is_json, tokens
from turnout_sidecar.bodies.leaves import INSIDE, Cell, Leaf, place_of
from turnout_sidecar.bodies.skipped import words
from turnout_sidecar.bodies.writing import KEY, NOTHING, NUMBER, VALUE, Coded, InJson, Node
from turnout_sidecar.exchange.errors import CallError, bad_request

HARD: Final = "\n\x00\n"
"""Between leaves on the page: no match goes over it."""
GIVES: Final = ": "
"""Between a key and its value."""
SAYS_LITTLE: Final = frozenset(words("value val default const example examples enum content text data raw"))
"""Keys whose values go by another name: that of what holds them, or of the `name` beside them."""
NAMES: Final = frozenset(("name", "key"))
SPECIAL: Final = frozenset('{[" \t\r\ndD')
"""How a string begins that may hold others."""
_JSON_BEGINS: Final = frozenset('{[" \t\r\n')
MOST: Final = 250_000
"""Texts of a body, keys included; an embeddings call may bring 100,000."""
_DEEPEST: Final = 4
_SHORT_BINARY: Final = 2048
_LONG_NUMBER: Final = 1_000_000  # seven digits: no number that means somebody is shorter
_LONGEST_WHOLE: Final = 1e19
_LONGEST_CONTEXT: Final = 64


def is_data(text: str) -> bool:
    """Whether it may be a data URL."""
    return text[:64].lstrip()[:5].lower() == "data:"


def too_many() -> CallError:
    """A 400: nobody could look at so many texts while a caller waits."""
    return bad_request(f"The body holds more than {MOST} texts.", code="too_complex")


def going_by(name: str) -> str:
    """What stands on the page before a value that goes by a name, without the name being a leaf there."""
    return f"{HARD}{name[-_LONGEST_CONTEXT:]}{GIVES}" if name else HARD


class Texts:
    """Takes strings, keys and numbers, in the order of the body."""

    __slots__ = ("binary", "cells", "items", "numbers", "parts", "strings")

    def __init__(self) -> None:
        self.items: list[Leaf] = []
        self.parts: list[str] = []  # what stands before a leaf, the leaf, and so on
        self.cells: list[Cell] = []
        self.binary: list[str] = []
        self.strings = 0
        self.numbers = 0

    def string(self, text: str, path: Any, part: Part, before: str, *, bare: bool = False) -> None:
        """A string of the body, the last that was counted; not empty."""
        if text[0] in SPECIAL:
            self.cell(self.node(text, path, part, before, bare=bare), path)
            return
        self.cells.append((path, self.strings - 1, len(self.items), VALUE))
        self.items.append(Leaf(text, part, path, bare=bare))
        self.parts += (before, text)

    def cell(self, node: Node, path: Any) -> None:
        """What the string that was counted last is made of."""
        if node != NOTHING:
            self.cells.append((path, self.strings - 1, node, VALUE))

    def key(self, name: str, path: Any, part: Part, *, bare: bool = False) -> str:
        """A key, the string that was counted last. What its value has to stand behind."""
        if not name:
            return HARD
        self.cells.append((path, self.strings - 1, len(self.items), KEY))
        self.items.append(Leaf(name, part, path, key=True, bare=bare))
        self.parts += (HARD, name)
        return GIVES

    def number(self, value: Any, path: Any, part: Part, before: str, *, setting: bool = False) -> None:
        """A number of the body."""
        self.numbers += 1
        if setting or -_LONG_NUMBER < value < _LONG_NUMBER:
            return
        whole = value.__class__ is int or (value.is_integer() and -_LONGEST_WHOLE < value < _LONGEST_WHOLE)
        self.cells.append((path, self.numbers - 1, len(self.items), NUMBER))
        self._leaf(str(int(value)) if whole else repr(value), path, part, before, number=True)

    def media(self, text: str, media_type: Any, path: Any, part: Part) -> None:
        """A string that should be base64: taken as text where it is none."""
        found = coded.file_text(text, media_type if media_type.__class__ is str else "")
        if found is None:
            self.cell(self.node(text, path, part, HARD), path)
        else:
            self.cell(self._decoded(found, text, path, part, HARD, 1), path)

    def node(self, text: str, path: Any, part: Part, before: str, *, bare: bool = False, depth: int = 0) -> Node:
        """A string wherever it stands, not empty. NOTHING: there is nothing in it to inspect."""
        if text[0] in SPECIAL and depth < _DEEPEST:
            if text[0] in _JSON_BEGINS and is_json(text):
                return self._json(text, path, part, depth + 1)
            if is_data(text):
                found = coded.data_url(text)
                if found is not None:
                    return self._decoded(found, text, path, part, before, depth + 1)
        return self._leaf(text, path, part, before, bare=bare)

    def _decoded(self, found: coded.Found, text: str, path: Any, part: Part, before: str, depth: int) -> Node:
        """What base64 says. A short word that says nothing may still be somebody's key, which is base64 to look at."""
        if found.text is None:
            self.binary.append(place_of(path))
            return self._leaf(text, path, part, before) if len(text) <= _SHORT_BINARY else NOTHING
        if not found.text.text:
            return NOTHING
        inner = self.node(found.text.text, (path, INSIDE), part, before, depth=depth)
        return NOTHING if inner == NOTHING else Coded(inner, found.text.encode)

    def _json(self, text: str, path: Any, part: Part, depth: int) -> Node:
        """JSON in a string, token by token. What says the same under the same name is one leaf."""
        nodes: list[Node] = []
        inside = (path, INSIDE)
        keys: dict[str, Node] = {"": NOTHING}
        values: dict[tuple[str, str], Node] = {}
        context = named = last = by = ""
        fresh = -1  # how many leaves there are right behind a new key
        for said, key, number in tokens(text):
            if key:
                found = keys.get(said)
                if found is None:
                    found = keys[said] = self._leaf(said, inside, part, HARD, key=True)
                    fresh = len(self.items)
                nodes.append(found)
                last = said
                by = (named or context) if said in SAYS_LITTLE else said
                context = context if said in SAYS_LITTLE else said
                continue
            found = values.get((by, said)) if said else NOTHING
            if found is None:
                before = GIVES if fresh == len(self.items) and by == last else going_by(by)
                if number:
                    found = self._leaf(said, inside, part, before, number=True)
                else:
                    found = self.node(said, inside, part, before, depth=depth)
                values[by, said] = found
            nodes.append(found)
            if last in NAMES:
                named = said
            elif last not in SAYS_LITTLE:
                named = ""
        return InJson(text, nodes) if nodes else NOTHING

    def _leaf(
        self,
        text: str,
        path: Any,
        part: Part,
        before: str,
        *,
        key: bool = False,
        bare: bool = False,
        number: bool = False,
    ) -> int:
        self.items.append(Leaf(text, part, path, key=key, bare=bare, number=number))
        self.parts += (before, text)
        return len(self.items) - 1
