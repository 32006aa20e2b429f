"""Key formats of vendors: how a key begins, and what follows.

Vendors give their keys a prefix so that tools like this one can tell them. A rule is a name and a pattern. A long word is asked
for its first two characters, and only the patterns of that prefix are tried, so that many rules cost what few do. Keys whose
mark is not at their beginning are looked for around that mark.

Rules: patterns match from the start of a word and are bounded; lengths are given some room, since vendors change them; a prefix
of fewer than two characters is none.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from turnout_contract.snapshot.guards import SECRET
from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.vendor_rules import MARKED, RULES

_ALTERNATIVES = re.compile(r"\(\?:([^()]*)\)|\[([a-zA-Z]+)\]|\\?([^\\\[(])")
_ESCAPED = re.compile(r"\\([+.$\-])")
_LITERAL, _SHORTEST_MARKED = 2, 30
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


def _any_of(heads: set[str]) -> str:
    """A pattern of all these beginnings that looks at each character once."""
    if "" in heads:
        return ""
    firsts = sorted({head[0] for head in heads})
    rests = {first: _any_of({head[1:] for head in heads if head[0] == first}) for first in firsts}
    ends = "".join(re.escape(first) for first in firsts if not rests[first])
    branches = [f"[{ends}]"] if ends else []
    branches += [re.escape(first) + rest for first, rest in rests.items() if rest]
    return f"(?:{'|'.join(branches)})"


def _reach(written: str) -> range:
    """8-10 as a range, 32 as one of one."""
    low, _, high = written.partition("-")
    return range(int(low), int(high or low) + 1)


_BY_BEGINNING = _load()
_HEADS = sorted(_BY_BEGINNING, key=len, reverse=True)
# by the first two characters, and by the first three, which are few enough of a word's to ask its patterns
_BEGUN = frozenset(head[:_LITERAL] for head in _HEADS)
_BY_THREE: dict[str, tuple[Vendor, ...]] = {
    three: tuple(
        dict.fromkeys(
            vendor
            for head in _HEADS
            if head.startswith(three) or head == three[:_LITERAL]
            for vendor in _BY_BEGINNING[head]
        )
    )
    for three in {head[:3] for head in _HEADS if len(head) > _LITERAL}
}
_BY_TWO = {head: _BY_BEGINNING[head] for head in _HEADS if len(head) == _LITERAL}
_INNER = re.compile(f"[^A-Za-z0-9_.\\-](?={_any_of({*_BY_THREE, *_BY_TWO})})")
_MARKED = tuple(
    (mark, Vendor(f"key-{rule}", re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])")), _reach(reach))
    for mark, reach, rule, pattern in (line.split(" ", 3) for line in MARKED.strip().splitlines())
)
_ANY_MARK = re.compile("|".join(re.escape(mark) for mark, _, _ in _MARKED))


def keys(text: str, at: int, stretch: str, *, plain: bool = False) -> list[Claim]:
    """Keys in the formats of vendors, in a stretch of a text without white space; plain: it is letters and digits of ASCII only."""
    claims: list[Claim] = []
    taken, end = at, at + len(stretch)
    if stretch[:_LITERAL] in _BEGUN:
        claim = _key_at(text, at)
        if claim:
            taken = claim.end
            claims.append(claim)
    if not plain:
        for found in _INNER.finditer(stretch):
            place = at + found.end()
            if place >= taken:
                claim = _key_at(text, place)
                if claim:
                    taken = claim.end
                    claims.append(claim)
    if (
        len(stretch) >= _SHORTEST_MARKED
        and ("A" in stretch or "Q" in stretch or not plain)
        and _ANY_MARK.search(stretch)
    ):
        for marked in _MARKED:
            claims += _around(text, at, end, *marked)
    return claims


def _key_at(text: str, start: int) -> Claim | None:
    vendors = _BY_THREE.get(text[start : start + 3]) or _BY_TWO.get(text[start : start + _LITERAL], ())
    for vendor in vendors:
        found = vendor.pattern.match(text, start)
        if found:
            return Claim(1, start, found.end(), SECRET, vendor.rule)
    return None


def _around(text: str, at: int, end: int, mark: str, vendor: Vendor, reach: range) -> Iterator[Claim]:
    """Keys with a mark in their middle, so many characters from their beginning."""
    at = text.find(mark, at, end)
    while at >= 0:
        stop = at + len(mark)
        for before in reach if text[at - 1 : at].isalnum() else ():
            found = vendor.pattern.match(text, at - before) if at >= before else None
            if found:
                yield Claim(1, found.start(), found.end(), SECRET, vendor.rule)
                stop = found.end()
                break
        at = text.find(mark, stop, end)
