"""Patterns that must not occur: where they do, in the original text.

They are searched for in the text as it is written and, where that differs, in its plain form, so that a zero-width space or a
full-width letter does not hide a codename; and in what its long words say in base64 or hexadecimal, two deep, as detectors look
there: the word is the hit then, since no part of it stands for the match alone. One program that matches where any of them does is
asked first: sixty-four patterns cost an ordinary text little more than one.

Rules: offsets are code points of the original; a match of nothing is none; what one pattern matches twice over is one hit; after
MOST_HITS hits of a pattern the rest of the text counts as one more, so that a pattern that matches everything stays cheap and
nothing goes unmasked; the search is linear in the text, whatever the pattern.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from turnout_contract import patterns
from turnout_sidecar.guarding.decoded import encoded
from turnout_sidecar.guarding.normal import Plain, normalise

MOST_HITS = 4_096
_DEPTH = 2
_Program = Any  # of RE2, which has no types
_Gate = tuple[_Program | None, tuple[tuple[str, _Program], ...]]


class Hit(NamedTuple):
    """One match: code points [start, end) of the original text."""

    name: str
    start: int
    end: int


class Deny:
    """Compiled patterns. Building costs a millisecond or so; built once for a guard."""

    __slots__ = ("_gates", "widest")

    def __init__(self, denied: Mapping[str, str]) -> None:
        """RE2 expressions by name. Raises patterns.PatternError (a ValueError) that names the pattern."""
        compiled = []
        for name, pattern in denied.items():
            try:
                compiled.append((name, pattern, patterns.compiled(pattern)))
            except patterns.PatternError as error:
                raise patterns.PatternError(f"{name}: {error}") from None
        self._gates = tuple(_gates(compiled))
        widths = [patterns.widest(pattern) for pattern in denied.values()]
        bounded = [width for width in widths if width is not None]
        self.widest: int | None = max(bounded, default=0) if len(bounded) == len(widths) else None
        """How many characters decide about a match, at most; None: no bound. See patterns.widest."""

    def find(self, text: str, plain: Plain | None = None) -> list[Hit]:
        """All hits, by position. `plain`: the plain form, if the caller has it already."""
        if not self._gates or not text:
            return []
        hits = [Hit(*span) for span in self._spans(text)]
        plain = normalise(text) if plain is None else plain
        if plain.text != text:
            hits += [Hit(name, *plain.original(start, end)) for name, start, end in self._spans(plain.text)]
        for start, end, inner in encoded(plain.text):
            hits += [Hit(name, *plain.original(start, end)) for name in self._within(inner, _DEPTH)]
        return _merged(hits) if len(hits) > 1 else hits

    def _within(self, text: str, depth: int) -> set[str]:
        """Whose patterns a text holds, or what is encoded in it."""
        plain = normalise(text).text
        names = {name for one in {text, plain} for name, _, _ in self._spans(one, most=1)}
        for _, _, inner in encoded(plain) if depth > 1 else ():
            names |= self._within(inner, depth - 1)
        return names

    def _spans(self, text: str, most: int = MOST_HITS) -> Iterator[tuple[str, int, int]]:
        raw = text.encode(errors="replace")  # a lone surrogate becomes one "?", so that offsets stay
        ascii_only = len(raw) == len(text)
        for gate, members in self._gates:
            if gate is not None and gate.search(raw) is None:
                continue
            for name, program in members:
                found = _matches(program, raw, most)
                yield from ((name, *span) for span in (found if ascii_only else _in_characters(raw, found)))


def _gates(compiled: Sequence[tuple[str, str, _Program]]) -> Iterator[_Gate]:
    """The patterns in groups, each with a program that tells whether one of the group matches at all."""
    members = tuple((name, program) for name, _, program in compiled)
    gate = patterns.any_of([text for _, text, _ in compiled]) if len(members) > 1 else None
    if gate is not None or len(members) == 1:
        yield gate, members
    elif members:
        half = len(members) // 2
        yield from _gates(compiled[:half])
        yield from _gates(compiled[half:])


def _matches(program: _Program, raw: bytes, most: int) -> Iterator[tuple[int, int]]:
    """Where it matches something, in bytes, from left to right."""
    left = most
    for match in program.finditer(raw):
        start, end = match.span()
        if left == 0:
            yield start, len(raw)
            return
        if end > start:
            left -= 1
            yield start, end


def _in_characters(raw: bytes, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Offsets in bytes as offsets in characters."""
    seen = count = 0
    for start, end in spans:
        first = count + len(raw[seen:start].decode())
        seen, count = end, first + len(raw[start:end].decode())
        yield first, count


def _merged(hits: list[Hit]) -> list[Hit]:
    """Sorted, what one pattern matches twice over as one."""
    kept: list[Hit] = []
    last: dict[str, int] = {}
    for hit in sorted(hits, key=lambda one: (one.start, one.end, one.name)):
        before = last.get(hit.name)
        if before is not None and hit.start < kept[before].end:
            if hit.end > kept[before].end:
                kept[before] = kept[before]._replace(end=hit.end)
            continue
        last[hit.name] = len(kept)
        kept.append(hit)
    return kept
