"""Every string leaf of a body, in the order of the body.

Objects of the API are read field by field (`fields`); what stands in fields of free form, or under names that nobody knows, is read
whole, keys included. A string that is JSON is read into, three deep; so are data URLs and files that are text.

Rules: one pass, linear; strings are counted on the way, so that bytes can be compared with what was read; nothing is changed; the
depth of a body is bounded by its parser.
"""

from typing import Any, Final

from turnout_sidecar.bodies import coded
from turnout_sidecar.bodies.fields import (
    INNER,
    ROLES,
    SCHEMA_KEYWORDS,
    SECRET_HEADERS,
    TOOL,
    TOP,
    Field,
    Fields,
    Part,
    part_of,
)
from turnout_sidecar.bodies.json_text import is_json, tokens
from turnout_sidecar.bodies.leaf import INSIDE, Cell, Leaf, Leaves, place_of
from turnout_sidecar.bodies.skipped import SCHEMA_WORDS, words
from turnout_sidecar.bodies.writing import KEY, NOTHING, NUMBER, VALUE, Coded, InJson, Node, Slot

HARD: Final = "\n\x00\n"
"""Between leaves on the page: no match goes over it."""
SOFT: Final = "\n"
"""Between parts of one message that go on."""
GIVES: Final = ": "
"""Between a key and its value."""
_DEEPEST: Final = 4
_JSON_BEGINS: Final = frozenset('{[" \t\r\n')
_SPECIAL: Final = _JSON_BEGINS | frozenset("dD")
_LONG_NUMBER: Final = 1_000_000  # seven digits: no number that means somebody is shorter
_LONGEST_WHOLE: Final = 1e19
_LONGEST_CONTEXT: Final = 64
_SAYS_LITTLE: Final = frozenset(
    words(
        """
    value val default const example examples enum content text data raw
    """
    )
)
_NAMES: Final = frozenset(("name", "key"))


def read(endpoint: str, body: dict[str, Any]) -> Leaves:
    """The leaves of a body of this endpoint, as it was parsed."""
    reader = _Reader()
    reader.members(body, None, "other", TOP[endpoint])
    parts = reader.parts
    if parts and parts[0] == HARD:
        parts[0] = ""
    return Leaves(body, reader.items, parts, reader.cells, tuple(reader.binary), reader.strings, reader.numbers)


class _Reader:
    __slots__ = ("_joined", "binary", "cells", "items", "numbers", "parts", "strings")

    def __init__(self) -> None:
        self.items: list[Leaf] = []
        self.parts: list[str] = []  # what stands before a leaf, the leaf, and so on
        self.cells: list[Cell] = []
        self.binary: list[str] = []
        self.strings = 0
        self.numbers = 0
        self._joined: tuple[Any, Any, int] = (None, None, -1)

    # objects of the API

    def members(self, held: dict[str, Any], path: Any, part: Part, fields: Fields) -> None:
        """An object of the API."""
        for name, value in held.items():
            self.strings += 1
            field = fields.get(name)
            kind = value.__class__
            if field is None:
                self._unknown(name, value, path, part)
            elif kind is str:
                self.strings += 1
                skip = field.skip
                if value and (skip is None or not skip(value)):
                    self._said(value, (path, name), field.part or part, field, held)
            elif kind is list:
                self._list(value, (path, name), field.part or part, field)
            elif kind is dict:
                self._object(value, (path, name), field.part or part, field)
            elif kind is int or kind is float:
                self._number(value, (path, name), part, HARD, skip=field.numbers)

    def _said(self, text: str, path: Any, part: Part, field: Field, held: dict[str, Any]) -> None:
        """A string in a field of the API."""
        before = HARD
        if field.media:
            self._media(text, path, part, field, held)
            return
        if field.joins and path[0] is not None and path[0][1].__class__ is int:
            where, index = path[0]
            if self._joined == (where, index - 1, len(self.items)) and self._joined[0] is where:
                before = SOFT
            self._string(text, path, part, before, bare=field.bare)
            self._joined = (where, index, len(self.items))
            return
        self._string(text, path, part, before, bare=field.bare)

    def _object(self, value: dict[str, Any], path: Any, part: Part, field: Field) -> None:
        if field.skip is not None and field.skip(value):
            self.strings += len(value)
            self.numbers += len(value)
        elif field.inside == "free":
            self._free(value, path, part, "")
        elif field.inside == "schema":
            self._schema(value, path, part, "")
        elif path[1] == "headers":
            self._headers(value, path, part)
        else:
            role = value.get("role")
            said = (ROLES.get(role) if role.__class__ is str else None) or part_of(value.get("type")) or part
            self.members(value, path, said, TOOL if field.inside == "tool" else INNER)

    def _list(self, values: list[Any], path: Any, part: Part, field: Field) -> None:
        if field.tokens and values and self._are_tokens(values, path):
            return
        skip = field.skip
        for index, value in enumerate(values):
            kind = value.__class__
            if kind is dict:
                self._object(value, (path, index), part, field)
            elif kind is str:
                self.strings += 1
                if value and (skip is None or not skip(value)):
                    self._said(value, (path, index), part, field, {})
            elif kind is list:
                self._list(value, (path, index), part, field)
            elif kind is int or kind is float:
                self._number(value, (path, index), part, HARD, skip=field.numbers)

    def _are_tokens(self, values: list[Any], path: Any) -> bool:
        if values[0].__class__ is not int or {value.__class__ for value in values} != {int}:
            return False
        self.numbers += len(values)
        self.binary.append(place_of(path))
        return True

    def _unknown(self, name: str, value: Any, path: Any, part: Part) -> None:
        """A member that nothing is known of."""
        self._key(name, (path, name), part, bare=False)
        self._value(value, (path, name), part, name)

    def _headers(self, held: dict[str, Any], path: Any, part: Part) -> None:
        """Headers for a tool server: credentials in them are the caller's gift to it."""
        given = TOOL["headers"].skip
        for name, value in held.items():
            self.strings += 1
            here = (path, name)
            self._key(name, here, part, bare=True)
            lower = name.lower()
            if (
                value.__class__ is str
                and given is not None
                and any(word in lower for word in SECRET_HEADERS)
                and given(value)
            ):
                self.strings += 1
            else:
                self._value(value, here, part, name)

    # media

    def _media(self, text: str, path: Any, part: Part, field: Field, held: dict[str, Any]) -> None:
        """A string that may be media, by what stands beside it."""
        kind = held.get("type")
        if field.media == "source":
            if kind == "text" or text[:5].lower() == "data:":
                self._string(text, path, part, HARD)
                return
            media_type = held.get("media_type")
            found = coded.file_text(text, media_type if media_type.__class__ is str else "")
        elif text[:5].lower() == "data:":
            self._string(text, path, part, HARD)
            return
        elif field.media == "url":
            self.binary.append(place_of(path))  # what it points to
            self._string(text, path, part, HARD, bare=True)
            return
        else:
            found = coded.file_text(text)
        node = None if found is None else self._decoded(found, path, part, HARD, 1)
        if node is None:
            self._string(text, path, part, HARD)
        elif node != NOTHING:
            self.cells.append(Cell(path, self.strings - 1, node, VALUE))

    def _decoded(self, found: coded.DataUrl, path: Any, part: Part, before: str, depth: int) -> Node:
        if found.text is None:
            self.binary.append(place_of(path))
            return NOTHING
        if not found.text.text:
            return NOTHING
        return Coded(self._node(found.text.text, (path, INSIDE), part, before, depth=depth), found.text.encode)

    # strings

    def _string(self, text: str, path: Any, part: Part, before: str, *, bare: bool = False) -> None:
        """A string of the body that is not empty."""
        if text[0] in _SPECIAL:
            node = self._node(text, path, part, before, bare=bare)
            if node != NOTHING:
                self.cells.append(Cell(path, self.strings - 1, node, VALUE))
            return
        self.cells.append(Cell(path, self.strings - 1, len(self.items), VALUE))
        self.items.append(Leaf(text, part, path, bare=bare))
        self.parts += (before, text)

    def _node(self, text: str, path: Any, part: Part, before: str, *, bare: bool = False, depth: int = 0) -> Node:
        """A string wherever it stands, not empty; NOTHING: there is nothing to inspect in it."""
        if depth < _DEEPEST and text[0] in _SPECIAL:
            if text[0] in _JSON_BEGINS:
                if is_json(text):
                    return self._json(text, path, part, bare=bare, depth=depth + 1)
            elif text[:5].lower() == "data:":
                found = coded.data_url(text)
                if found is not None:
                    return self._decoded(found, path, part, before, depth + 1)
        self.items.append(Leaf(text, part, path, bare=bare))
        self.parts += (before, text)
        return len(self.items) - 1

    def _json(self, text: str, path: Any, part: Part, *, bare: bool, depth: int) -> Node:
        """JSON in a string, token by token."""
        slots: list[Slot] = []
        inside = (path, INSIDE)
        context = name = last = ""
        before = HARD
        for token in tokens(text):
            said = token.said
            if token.key:
                last = said
                if said not in _SAYS_LITTLE:
                    context = said
                if said:
                    slots.append(Slot(token.start, token.end, self._leaf(said, part, inside, key=True, bare=bare)))
                before = f"{HARD}{name or context}{GIVES}"[:_LONGEST_CONTEXT] if said in _SAYS_LITTLE else GIVES
                continue
            if last in _NAMES and not token.number:
                name = said[-_LONGEST_CONTEXT:]
            elif last not in _SAYS_LITTLE:
                name = ""
            if said and token.number:
                slots.append(Slot(token.start, token.end, self._leaf(said, part, inside, before, number=True)))
            elif said:
                node = self._node(said, inside, part, before, depth=depth)
                if node != NOTHING:
                    slots.append(Slot(token.start, token.end, node))
            before = f"{HARD}{context[-_LONGEST_CONTEXT:]}{GIVES}" if context else HARD
        return InJson(text, slots) if slots else NOTHING

    def _leaf(
        self,
        text: str,
        part: Part,
        path: Any,
        before: str = HARD,
        *,
        key: bool = False,
        bare: bool = False,
        number: bool = False,
    ) -> int:
        self.items.append(Leaf(text, part, path, key=key, bare=bare, number=number))
        self.parts += (before, text)
        return len(self.items) - 1

    # anybody's data

    def _key(self, name: str, path: Any, part: Part, *, bare: bool) -> None:
        if name:
            self.cells.append(Cell(path, self.strings - 1, len(self.items), KEY))
            self.items.append(Leaf(name, part, path, key=True, bare=bare))
            self.parts += (HARD, name)

    def _value(self, value: Any, path: Any, part: Part, context: str, before: str = GIVES) -> None:
        """A value of free form. `context`: the name that it goes by."""
        kind = value.__class__
        if kind is str:
            self.strings += 1
            if value:
                self._string(value, path, part, before)
        elif kind is dict:
            self._free(value, path, part, context)
        elif kind is list:
            again = f"{HARD}{context[-_LONGEST_CONTEXT:]}{GIVES}" if context else HARD
            for index, inner in enumerate(value):
                self._value(inner, (path, index), part, context, again)
        elif kind is int or kind is float:
            self._number(value, path, part, before)

    def _free(self, held: dict[str, Any], path: Any, part: Part, context: str) -> None:
        for name, value in held.items():
            self.strings += 1
            here = (path, name)
            self._key(name, here, part, bare=False)
            if name in _SAYS_LITTLE:
                known = _named(held) or context
                before = f"{HARD}{known[-_LONGEST_CONTEXT:]}{GIVES}" if known else GIVES
                self._value(value, here, part, known, before)
            else:
                self._value(value, here, part, name)

    def _schema(self, held: dict[str, Any], path: Any, part: Part, context: str) -> None:
        """A JSON schema: its own words are no text."""
        for name, value in held.items():
            self.strings += 1
            here = (path, name)
            inner, before = context, HARD
            if name not in SCHEMA_KEYWORDS:
                self._key(name, here, part, bare=True)
                inner, before = name, GIVES
            elif name in _SAYS_LITTLE and context:
                before = f"{HARD}{context[-_LONGEST_CONTEXT:]}{GIVES}"
            self._schema_value(value, here, part, inner, before)

    def _schema_value(self, value: Any, path: Any, part: Part, context: str, before: str) -> None:
        kind = value.__class__
        if kind is str:
            self.strings += 1
            if value and value not in SCHEMA_WORDS:
                self._string(value, path, part, before, bare=path[1].__class__ is int)
        elif kind is dict:
            self._schema(value, path, part, context)
        elif kind is list:
            for index, inner in enumerate(value):
                self._schema_value(inner, (path, index), part, context, before)
        elif kind is int or kind is float:
            self._number(value, path, part, before)

    def _number(self, value: Any, path: Any, part: Part, before: str, *, skip: bool = False) -> None:
        self.numbers += 1
        if skip or not (value >= _LONG_NUMBER or value <= -_LONG_NUMBER):
            return
        whole = value.__class__ is int or (value.is_integer() and -_LONGEST_WHOLE < value < _LONGEST_WHOLE)
        self.cells.append(Cell(path, self.numbers - 1, len(self.items), NUMBER))
        self._leaf(str(int(value)) if whole else repr(value), part, path, before, number=True)


def _named(held: dict[str, Any]) -> str:
    """The name that an object of a name and a value gives the value."""
    for name in _NAMES:
        said = held.get(name)
        if said.__class__ is str:
            return str(said)
    return ""
