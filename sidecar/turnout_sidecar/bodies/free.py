"""What a caller made up: metadata, arguments, schemas, and whatever stands under a name that nobody knows.

Everything in it is a leaf, keys included, and a value stands behind the name that it goes by, since a password is known
by that. Rules: words of JSON Schema are no text where a schema stands; names of its properties are bare, as providers want them.
"""

from typing import Any

from turnout_sidecar.bodies.fields import SCHEMA_KEYWORDS, Part
from turnout_sidecar.bodies.skipped import SCHEMA_WORDS, SECRET_NAMES, is_credential
from turnout_sidecar.bodies.texts import HARD, MOST, NAMES, SAYS_LITTLE, Texts, going_by, too_many


class Free(Texts):
    """Takes values of free form."""

    __slots__ = ()

    def value(self, value: Any, path: Any, part: Part, context: str, before: str) -> None:
        """Any value. `context`: the name that it goes by; `before`: what it stands behind."""
        kind = value.__class__
        if kind is str:
            self.strings += 1
            if value:
                self.string(value, path, part, before)
        elif kind is dict:
            self.free(value, path, part, context)
        elif kind is list:
            if len(self.items) + len(value) > MOST:
                raise too_many()
            again = going_by(context)
            for index, inner in enumerate(value):
                self.value(inner, (path, index), part, context, again)
        elif kind is int or kind is float:
            self.number(value, path, part, before)

    def free(self, held: dict[str, Any], path: Any, part: Part, context: str) -> None:
        """An object."""
        if len(self.items) + len(held) > MOST:
            raise too_many()
        for name, value in held.items():
            self.strings += 1
            here = (path, name)
            before = self.key(name, here, part)
            if name in SAYS_LITTLE:
                known = _named(held) or context
                self.value(value, here, part, known, going_by(known) if known else before)
            else:
                self.value(value, here, part, name, before)

    def schema(self, held: dict[str, Any], path: Any, part: Part, context: str) -> None:
        """A JSON schema."""
        if len(self.items) + len(held) > MOST:
            raise too_many()
        for name, value in held.items():
            self.strings += 1
            if value.__class__ is str and value in SCHEMA_WORDS and name in SCHEMA_KEYWORDS:
                self.strings += 1
            elif name not in SCHEMA_KEYWORDS:
                here = (path, name)
                self._schema_value(value, here, part, name, self.key(name, here, part, bare=True))
            else:
                before = going_by(context) if name in SAYS_LITTLE else HARD
                self._schema_value(value, (path, name), part, context, before)

    def headers(self, held: dict[str, Any], path: Any, part: Part) -> None:
        """Headers for a tool server: credentials in them are the caller's gift to it."""
        for name, value in held.items():
            self.strings += 1
            here = (path, name)
            before = self.key(name, here, part, bare=True)
            lower = name.lower()
            if any(word in lower for word in SECRET_NAMES) and is_credential(value):
                self.strings += 1
            else:
                self.value(value, here, part, name, before)

    def _schema_value(self, value: Any, path: Any, part: Part, context: str, before: str) -> None:
        kind = value.__class__
        if kind is str:
            self.strings += 1
            if value and value not in SCHEMA_WORDS:
                self.string(value, path, part, before, bare=path[1].__class__ is int)
        elif kind is dict:
            self.schema(value, path, part, context)
        elif kind is list:
            for index, inner in enumerate(value):
                self._schema_value(inner, (path, index), part, context, before)
        elif kind is int or kind is float:
            self.number(value, path, part, before)


def _named(held: dict[str, Any]) -> str:
    """The name that an object of a name and a value gives the value."""
    for name in NAMES:
        said = held.get(name)
        if said.__class__ is str:
            return str(said)
    return ""
