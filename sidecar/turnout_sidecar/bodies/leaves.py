"""What reading a body gives: its leaves as one page, what was not inspected, and the way back.

A leaf is a stretch of text that somebody wrote: a string, a key, a long number, or a string inside of JSON or of a data URL
in a string. Rules: leaves stand on the page in the order of the body, with a break between them that nothing matches across, but
a key stands right before its value; a place names fields of the API and never a caller's own keys.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple

import msgspec

from turnout_sidecar.bodies.fields import KNOWN, Part
from turnout_sidecar.bodies.writing import Change, Node, said, with_changes
from turnout_sidecar.guarding.findings import Finding

Path = tuple[Any, Any]
"""(the path of what holds it, its key or index; None as a key: inside of the string itself); None: the body."""

INSIDE = None
SOFT: Final = "\n"
"""Between parts of one message that go on."""


class Leaf(msgspec.Struct, frozen=True, gc=False):
    """One text. `key`: it is the name of a member; `bare`: a placeholder in it has no angle brackets."""

    text: str
    part: Part
    path: Any
    key: bool = False
    bare: bool = False
    number: bool = False

    @property
    def place(self) -> str:
        """Where it stands, without anything that the caller made up: `messages[0].content`, `metadata.*`."""
        return place_of(self.path)


def place_of(path: Any) -> str:
    """A path as text; keys that are not the API's own are stars."""
    steps: list[str] = []
    while path is not None:
        path, step = path
        if step is INSIDE:
            steps.append("{}")
        elif step.__class__ is int:
            steps.append(f"[{step}]")
        else:
            steps.append(f".{step if step in KNOWN else '*'}")
    return "".join(reversed(steps)).removeprefix(".")


Cell = tuple[Any, int, Node, int]
"""A string (or number) of the body that holds leaves: its path, which string or number of the bytes it is, what it is made of, and
VALUE, KEY or NUMBER."""


class Stretch(NamedTuple):
    """Leaves [first, end) that go on in each other, and their text: parts of one message; most are one leaf alone."""

    first: int
    end: int
    text: str


class Leaves:
    """See the module. `items` are the leaves, `binary` the places of what could not be inspected."""

    __slots__ = ("_body", "_parts", "_starts", "_stretches", "binary", "cells", "items", "numbers", "page", "strings")

    def __init__(
        self,
        body: dict[str, Any],
        items: Sequence[Leaf],
        parts: list[str],
        cells: list[Cell],
        binary: tuple[str, ...],
        strings: int,
        numbers: int,
    ) -> None:
        self._body = body
        self._parts = parts
        self._starts: list[int] | None = None
        self._stretches: tuple[Stretch, ...] | None = None
        self.items = tuple(items)
        if any("\x00" in leaf.text for leaf in items):  # a break of the page is nobody else's
            parts[1::2] = [text.replace("\x00", "\u200b") for text in parts[1::2]]
        self.page = "".join(parts)
        self.cells = cells
        self.binary = binary
        self.strings = strings  # how many the bytes have to hold, keys included
        self.numbers = numbers

    def split(self, findings: Iterable[Finding]) -> dict[int, list[Finding]]:
        """Findings of the page by leaf, in each leaf's own offsets; what lies between leaves is left out."""
        found: dict[int, list[Finding]] = {}
        starts = self._starts
        if starts is None:
            ends = list(accumulate(map(len, self._parts)))
            starts = self._starts = ends[::2]
        for finding in findings:
            index = max(0, bisect_right(starts, finding.start) - 1)
            while index < len(starts) and starts[index] < finding.end:
                begin = starts[index]
                start = max(0, finding.start - begin)
                end = min(len(self.items[index].text), finding.end - begin)
                if start < end:
                    found.setdefault(index, []).append(finding._replace(start=start, end=end))
                index += 1
        return found

    def stretches(self) -> tuple[Stretch, ...]:
        """All leaves, those that go on in each other as one text: what is looked at by whoever is not shown the page."""
        if self._stretches is None:
            before = self._parts[::2]
            firsts = [index for index, text in enumerate(before) if text != SOFT]
            ends = [*firsts[1:], len(before)]
            parts = self._parts
            self._stretches = tuple(
                Stretch(
                    first, end, self.items[first].text if end == first + 1 else "".join(parts[2 * first + 1 : 2 * end])
                )
                for first, end in zip(firsts, ends, strict=True)
            )
        return self._stretches

    def within(self, stretch: Stretch, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Code points [start, end) of a stretch as leaves, each with offsets of its own; what lies between them is left out."""
        begin = 0
        for index in range(stretch.first, stretch.end):
            size = len(self.items[index].text)
            first, last = max(0, start - begin), min(size, end - begin)
            if first < last:
                yield index, first, last
            begin += size + len(SOFT)

    def rewritten(self, new: Mapping[int, str]) -> dict[str, Any]:
        """The body with new texts. What holds nothing new is the very same object."""
        changes = self.changes(new)
        body: dict[str, Any] = with_changes(self._body, changes) if changes else self._body
        return body

    def changes(self, new: Mapping[int, str]) -> list[Change]:
        """The strings of the body that become others."""
        changed = {index: text for index, text in new.items() if text != self.items[index].text}
        if not changed:
            return []
        found = []
        for path, ordinal, node, kind in self.cells:
            text = said(node, changed)
            if text is not None:
                found.append(Change(path, ordinal, kind, text))
        return found
