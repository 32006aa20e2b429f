"""How big a JSON value is, and whether it is one at all, found out before anything is done with it.

Whoever takes values from a caller (variables of a prompt, schemas of a resource) measures them here first: what comes after may
then take time and memory in proportion, and may recurse.

Rules: only what JSON can say passes (text, numbers, true, false, null, arrays, objects with text keys); text must be valid
Unicode, since it leaves as UTF-8; the walk stops as soon as a bound is passed, so that it is itself bounded.
"""

import math
from typing import Any

NODE_BYTES = 4
"""What every value counts beside its text, so that a million empty arrays are not free."""


class TooMuch(ValueError):  # noqa: N818  says what happened
    """A value is no JSON, too big or too deep. `path` are keys and indices from the top."""

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def measure(value: Any, *, max_bytes: int, max_depth: int) -> int:
    """The size of a value in bytes, about that of its JSON. Raises TooMuch where it passes a bound or is no JSON."""
    return _Walk(max_bytes, max_depth).of(value, ())


class _Walk:
    """One walk over one value, with what is left of its allowance."""

    def __init__(self, max_bytes: int, max_depth: int) -> None:
        self._max = max_bytes
        self._depth = max_depth
        self._used = 0

    def of(self, value: Any, path: tuple[str | int, ...]) -> int:
        self._add(NODE_BYTES, path)
        if isinstance(value, str):
            self._text(value, path)
        elif isinstance(value, dict | list):
            self._inside(value, path)
        elif isinstance(value, float):
            if not math.isfinite(value):
                raise TooMuch(path, "is not a number that JSON knows")
        elif value is not None and not isinstance(value, bool):
            self._whole(value, path)
        return self._used

    def _inside(self, value: dict[Any, Any] | list[Any], path: tuple[str | int, ...]) -> None:
        if len(path) >= self._depth:
            raise TooMuch(path, f"is nested more than {self._depth} deep")
        if isinstance(value, list):
            for index, item in enumerate(value):
                self.of(item, (*path, index))
            return
        for key, item in value.items():
            if not isinstance(key, str):
                raise TooMuch(path, "has a key that is not text")
            self._text(key, path)
            self.of(item, (*path, key))

    def _whole(self, value: Any, path: tuple[str | int, ...]) -> None:
        if not isinstance(value, int):
            raise TooMuch(path, f"is a {type(value).__name__}, which JSON does not know")
        self._add(value.bit_length() // 3, path)
        if value.bit_length() > 4096:  # noqa: PLR2004  beyond what Python will write in decimal
            raise TooMuch(path, "is a number with too many digits")

    def _text(self, text: str, path: tuple[str | int, ...]) -> None:
        if len(text) + self._used > self._max:  # before the copy below
            self._add(len(text), path)
        if text.isascii():
            self._add(len(text), path)
            return
        try:
            self._add(len(text.encode()), path)
        except UnicodeEncodeError:
            raise TooMuch(path, "holds half of a surrogate pair, which is no text") from None

    def _add(self, size: int, path: tuple[str | int, ...]) -> None:
        self._used += size
        if self._used > self._max:
            raise TooMuch(path, f"is too large: more than {self._max} bytes in all")
