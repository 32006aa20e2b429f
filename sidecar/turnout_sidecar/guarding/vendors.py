"""Key formats of vendors: how a key begins, and what follows.

Vendors give their keys a prefix so that tools like this one can tell them. A rule is a name and a pattern. A long word is asked
for its first three characters, and those behind its marks, and only the patterns of that prefix are tried, so that many rules
cost what few do. Keys whose mark is not at their beginning are looked for around that mark.

Rules: patterns match from the start of a word and are bounded; lengths are given some room, since vendors change them; a prefix
of fewer than two characters is none.
"""

import re
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import NamedTuple

from turnout_contract.snapshot.guards import SECRET
from turnout_sidecar.guarding.blocks import TOKENS, over_lines
from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.vendor_rules import MARKED, RULES

_ALTERNATIVES = re.compile(r"\(\?:([^()]*)\)|\[([a-zA-Z]+)\]|\\?([^\\\[(])")
_ESCAPED = re.compile(r"\\([+.$\-])")
_LITERAL, _KEY = 2, 3
_LONGEST, _MOST = 10, 40


class Vendor(NamedTuple):
    """One key format."""

    rule: str
    pattern: re.Pattern[str]


def _beginnings(pattern: str) -> frozenset[str]:
    """The literal beginnings that a key of this format may have, as far as they can be listed."""
    begun = {""}
    at = 0
    while max(map(len, begun)) < _LONGEST:
        found = _ALTERNATIVES.match(pattern, at)
        if found is None or found[0] in {r"\d", r"\w", "."} or pattern[found.end() : found.end() + 1] in {*"{?*+"}:
            break
        choices = found[1].split("|") if found[1] is not None else list(found[2] or found[3])
        choices = [_ESCAPED.sub(r"\1", choice) for choice in choices]
        longer = {head + choice for head in begun for choice in choices}
        if len(longer) > _MOST or any(set(choice) & set("[]{}?*\\") for choice in choices):
            break
        begun = longer
        at = found.end()
    return frozenset(begun)


def _load() -> dict[str, tuple[Vendor, ...]]:
    listed: dict[str, list[Vendor]] = {}
    for line in RULES.strip().splitlines():
        rule, _, pattern = line.partition(" ")
        vendor = Vendor(f"key-{rule}", re.compile(f"(?:{pattern})(?![A-Za-z0-9])"))
        for head in _beginnings(pattern):
            if len(head) < _LITERAL:
                message = f"the rule {rule} has no beginning of its own"
                raise ValueError(message)
            listed.setdefault(head, []).append(vendor)
    return {head: tuple(found) for head, found in listed.items()}


class Marked(NamedTuple):
    """A key format with a mark that is not at the beginning."""

    shortest: int
    mark: str
    reach: range
    rule: str
    pattern: re.Pattern[str]


def _marks() -> tuple[Marked, ...]:
    """All of them, those of the shortest words first."""
    found = []
    for line in MARKED.strip().splitlines():
        mark, reach, shortest, rule, pattern = line.split(" ", 4)
        whole = re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])")
        found.append(Marked(int(shortest), mark, _reach(reach), f"key-{rule}", whole))
    return tuple(sorted(found, key=itemgetter(0)))


def _begun_pieces() -> dict[bytes, tuple[bytes, ...]]:
    """How pieces begin that may begin keys, as far as a key itself is one piece, by the first three characters.

    A word with a dollar or a tilde is looked at whole: keys begin with the one, and with a common word and the other.
    """
    begun: dict[bytes, set[bytes]] = {}
    for three, rules in _RULES.items():
        for head in {head for heads, _, _ in rules for head in heads}:
            piece = max(three, head, key=len).encode().translate(_PIECES).partition(b" ")[0]
            if not head.startswith("$") and "~" not in head:
                begun.setdefault(piece[:_KEY], set()).add(piece)
    return {three: tuple(heads) for three, heads in begun.items()}


def _reach(written: str) -> range:
    """8-10 as a range, 32 as one of one."""
    low, _, high = written.partition("-")
    return range(int(low), int(high or low) + 1)


_Tried = tuple[
    tuple[str, ...], Callable[[str, int], re.Match[str] | None], str
]  # beginnings, a pattern's match, a rule


def _by_three(listed: dict[str, tuple[Vendor, ...]]) -> dict[str, tuple[_Tried, ...]]:
    """The formats by the first three characters of their keys, longer beginnings first; two go with whatever is third."""
    ordered = sorted(listed, key=len, reverse=True)
    threes = {head[:_KEY] for head in ordered if len(head) >= _KEY}
    threes |= {head + chr(code) for head in ordered if len(head) < _KEY for code in range(0x21, 0x7F)}
    rules: dict[str, tuple[_Tried, ...]] = {}
    by_two: dict[str, list[str]] = {}
    for head in ordered:
        by_two.setdefault(head[:_LITERAL], []).append(head)
    for three in threes:
        heads: dict[Vendor, list[str]] = {}
        for head in by_two[three[:_LITERAL]]:
            if three.startswith(head[:_KEY]):
                for vendor in listed[head]:
                    heads.setdefault(vendor, []).append(head)
        rules[three] = tuple((tuple(begun), vendor.pattern.match, vendor.rule) for vendor, begun in heads.items())
    return rules


_RULES = _by_three(_load())
_IN_PIECES = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-"
# a space for each character behind which a key may begin within a word
_PIECES = bytes(code if code in _IN_PIECES else ord(" ") for code in range(256))
_DOLLAR, _TILDE, _COLON, _PLUS, _EQUALS = b"$~:+="
_BASE64 = frozenset("+/")
_BEGUN = _begun_pieces()
_MARKED = _marks()
# what has neither of these letters, as most words have not, has but some of the marks
_A, _Q = b"AQ"
_SMALL = tuple(marked for marked in _MARKED if "A" not in marked.mark and "Q" not in marked.mark)
_PLAIN = tuple(marked for marked in _MARKED if marked.mark.isalnum() and "=" not in marked.pattern.pattern)
_FEW = tuple(marked for marked in _MARKED if marked in _SMALL or marked in _PLAIN)
_SHORTEST_MARKED, _SHORTEST_PLAIN = _MARKED[0].shortest, _PLAIN[0].shortest


def keys(text: str, at: int, word: bytes, *, plain: bool) -> list[Claim]:
    """Keys in the formats of vendors in a word of a text, given in its raw form; plain: it is letters and digits of ASCII only."""
    claims: list[Claim] = []
    length = len(word)
    if plain:
        heads = _BEGUN.get(word[:_KEY])
        if heads and word.startswith(heads):
            claims = _begun(text, at, word)
        if length >= _SHORTEST_PLAIN and (_A in word or _Q in word):
            claims += _marked(text, at, at + length, _PLAIN)
        return claims
    flat = word.translate(_PIECES)
    for piece in flat.split():
        heads = _BEGUN.get(piece[:_KEY])
        if heads and piece.startswith(heads):
            claims = _begun(text, at, flat)
            break
    else:
        if _DOLLAR in word or _TILDE in word:
            claims = _begun(text, at, flat)
    if length >= _SHORTEST_MARKED:
        claims += _marked(text, at, at + length, _marks_of(word))
    return claims


def _marks_of(word: bytes) -> tuple[Marked, ...]:
    """The marks that a word of more than letters and digits may have: a number is looked for in bytes faster than text in text."""
    if _A not in word and _Q not in word:
        return _SMALL
    if _TILDE in word or _COLON in word or _PLUS in word or _EQUALS in word:
        return _MARKED
    return _FEW


def _begun(text: str, at: int, flat: bytes) -> list[Claim]:
    """Keys at the beginning of a word, or behind one of its spaces."""
    claims: list[Claim] = []
    taken = place = at
    end = at + len(flat)
    while place < end:
        if place >= taken:
            for heads, match, rule in _RULES.get(text[place : place + _KEY], ()):
                found = match(text, place) if text.startswith(heads, place) else None
                stop = found.end() if found else 0
                if rule in TOKENS and stop:
                    stop = over_lines(text, place, stop, rule)
                if stop:
                    taken = stop
                    claims.append(Claim(1, place, taken, SECRET, rule))
                    break
        gap = flat.find(b" ", place - at)
        place = at + gap + 1 if gap >= 0 else end
    return claims


def _marked(text: str, at: int, end: int, marks: tuple[Marked, ...]) -> list[Claim]:
    """Keys with one of these marks in their middle."""
    claims: list[Claim] = []
    word, length = text[at:end], end - at
    for marked in marks:
        shortest, mark, _, _, _ = marked
        if shortest > length:
            break
        if mark in word:
            claims += _around(text, at, end, marked)
    return claims


def _around(text: str, at: int, end: int, marked: Marked) -> Iterator[Claim]:
    """Keys with a mark in their middle, so many characters from their beginning."""
    _, mark, reach, rule, pattern = marked
    at = text.find(mark, at, end)
    while at >= 0:
        stop = at + len(mark)
        for before in reach if text[at - 1 : at].isalnum() or text[at - 1 : at] in _BASE64 else ():
            found = pattern.match(text, at - before) if at >= before else None
            if found:
                yield Claim(1, found.start(), found.end(), SECRET, rule)
                stop = found.end()
                break
        at = text.find(mark, stop, end)
