"""Every string leaf of a body, in the order of the body.

Objects of the API are read field by field (`fields`); what stands in fields of free form, or under names that nobody knows, is read
whole, keys included (`free`); a string that holds others is read into (`texts`).

Rules: one pass, linear; strings are counted on the way, so that bytes can be compared with what was read; nothing is changed; the
depth of a body is bounded by its parser.
"""

from typing import Any, Final

from turnout_sidecar.bodies.fields import INSIDE, ROLES, TOP, Field, Fields, Part, kind_of
from turnout_sidecar.bodies.free import Free
from turnout_sidecar.bodies.leaves import SOFT, Leaf, Leaves, Path, place_of
from turnout_sidecar.bodies.skipped import WORDS, is_id, signature_at
from turnout_sidecar.bodies.texts import HARD, MOST, SPECIAL, is_data, too_many
from turnout_sidecar.bodies.writing import VALUE, Coded

_INPUT: Final = (None, "input")
_SPOKEN: Final = (_INPUT, (None, "messages"))
"""Where what has a role stands: a role that a part of it claims is nobody's."""
_CITATIONS: Final = frozenset(("file_citation", "container_file_citation", "file_path"))


def read(endpoint: str, body: dict[str, Any]) -> Leaves:
    """The leaves of a body of this endpoint, as it was parsed."""
    reader = _Reader(_INPUT if endpoint == "responses" else None)
    reader.members(body, None, "other", TOP[endpoint])
    parts = reader.parts
    if parts and parts[0] == HARD:
        parts[0] = ""
    return Leaves(body, reader.items, parts, reader.cells, tuple(reader.binary), reader.strings, reader.numbers)


class _Reader(Free):
    """Takes the objects of the APIs."""

    __slots__ = ("_items", "_joined")

    def __init__(self, items: Path | None) -> None:
        """`items`: the path of the list whose objects say by their type who speaks."""
        super().__init__()
        self._items = items
        self._joined: tuple[Any, int, int] = (None, -1, -1)  # list and index of the last part of text; leaves after it

    def members(self, held: dict[str, Any], path: Any, part: Part, fields: Fields) -> None:
        """An object, field by field."""
        if len(self.items) + len(held) > MOST:
            raise too_many()
        for name, value in held.items():
            self.strings += 1
            field = fields.get(name)
            kind = value.__class__
            if field is None:
                before = self.key(name, (path, name), part)
                self.value(value, (path, name), part, name, before)
            elif kind is str:
                self.strings += 1
                if not value or (field.words and value in WORDS):
                    continue
                here = (path, name)
                if field.plain and value[0] not in SPECIAL:
                    self.cells.append((here, self.strings - 1, len(self.items), VALUE))
                    self.items.append(Leaf(value, field.part or part, here, bare=field.bare))
                    self.parts += (HARD, value)
                else:
                    self._field(value, here, field.part or part, field, held)
            elif kind is list:
                self._list(value, (path, name), field.part or part, field, held)
            elif kind is dict:
                self._object(value, (path, name), field.part or part, field)
            elif kind is int or kind is float:
                self.number(value, (path, name), field.part or part, HARD, setting=field.numbers)

    def _object(self, held: dict[str, Any], path: Any, part: Part, field: Field) -> None:
        """An object in a field of the API, or in a list there."""
        inside = field.inside
        fields = INSIDE.get(inside)
        if field.skip is not None and field.skip(held):
            self.strings += len(held)
            self.numbers += len(held)
        elif fields is not None:
            kind = kind_of(held, inside, item=self._items is not None and path[0] == self._items)
            if kind is not None:
                fields = kind.fields or fields
                part = kind.part or part
            role = held.get("role")
            if role.__class__ is str and path[0] in _SPOKEN:
                part = ROLES.get(role, part)
            self.members(held, path, part, fields)
        elif inside == "schema":
            self.schema(held, path, part, "")
        elif inside == "headers":
            self.headers(held, path, part)
        else:
            self.free(held, path, part, "")

    def _list(self, values: list[Any], path: Any, part: Part, field: Field, held: dict[str, Any]) -> None:
        if field.tokens and values and self._are_tokens(values, path):
            return
        if len(self.items) + len(values) > MOST:
            raise too_many()
        for index, value in enumerate(values):
            kind = value.__class__
            if kind is dict:
                self._object(value, (path, index), part, field)
            elif kind is str:
                self.strings += 1
                if not value or (field.words and value in WORDS):
                    continue
                if field.plain and value[0] not in SPECIAL:
                    here = (path, index)
                    self.cells.append((here, self.strings - 1, len(self.items), VALUE))
                    self.items.append(Leaf(value, part, here, bare=field.bare))
                    self.parts += (HARD, value)
                else:
                    self._field(value, (path, index), part, field, held)
            elif kind is list:
                self._list(value, (path, index), part, field, held)
            elif kind is int or kind is float:
                self.number(value, (path, index), part, HARD, setting=field.numbers)

    def _are_tokens(self, values: list[Any], path: Any) -> bool:
        """Whether they are numbers of tokens, which could say anything: they count as binary."""
        if values[0].__class__ is not int or {value.__class__ for value in values} != {int}:
            return False
        self.numbers += len(values)
        self.binary.append(place_of(path))
        return True

    def _field(self, text: str, path: Any, part: Part, field: Field, held: dict[str, Any]) -> None:
        """A string in a field of which more is known than that it is text."""
        if field.media == "file" and held.get("type") not in _CITATIONS:
            self.binary.append(place_of(path))
        skip = field.skip
        if skip is not None:
            if skip(text):
                return
            at = signature_at(text) if skip is is_id else 0
            if at:
                tail = text[at:]
                node = self.node(text[:at], path, part, HARD, bare=True)
                self.cell(Coded(node, lambda own: own + tail), path)
                return
        if field.joins:
            self._joining(text, path, part)
        elif field.media in ("", "file") or is_data(text):
            self.string(text, path, part, HARD, bare=field.bare)
        elif field.media == "url":
            self.binary.append(place_of(path))  # what it points to
            self.string(text, path, part, HARD, bare=True)
        elif held.get("type") == "text":
            self.string(text, path, part, HARD)
        else:
            self.media(text, held.get("media_type"), path, part)

    def _joining(self, text: str, path: Any, part: Part) -> None:
        """The text of a part, which may go on from the part before it."""
        where, index = path[0] or (None, None)
        if index.__class__ is not int:
            self.string(text, path, part, HARD)
            return
        joined = self._joined
        goes_on = joined[0] is where and joined[1] == index - 1 and joined[2] == len(self.items)
        self.string(text, path, part, SOFT if goes_on else HARD)
        self._joined = (where, index, len(self.items))
