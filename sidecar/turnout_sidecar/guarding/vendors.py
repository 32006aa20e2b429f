"""Key formats of vendors: how a key begins, and what follows.

Vendors give their keys a prefix so that tools like this one can tell them. A rule is a name and a pattern. One linear search of
the page for all prefixes at once finds the places where a key could begin; only there the patterns of that prefix are tried, so
that many rules cost what few do. Keys whose mark is not at their beginning have a search of their own, for that mark.

Rules: patterns match from the start of a word and are bounded; lengths are given some room, since vendors change them; a prefix
of fewer than two characters is none.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import re2

from turnout_sidecar.guarding.findings import SECRET, Claim
from turnout_sidecar.guarding.page import LATIN, Page
from turnout_sidecar.guarding.vendor_rules import MARKED, RULES

_ALTERNATIVES = re.compile(r"\(\?:([^()]*)\)|\[([a-zA-Z]+)\]|\\?([^\\\[(])")
_ESCAPED = re.compile(r"\\([+.$\-])")
_LITERAL = 2
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


def _reach(written: str) -> range:
    """8-10 as a range, 32 as one of one."""
    low, _, high = written.partition("-")
    return range(int(low), int(high or low) + 1)


_BY_BEGINNING = _load()
_HEADS = sorted(_BY_BEGINNING, key=len, reverse=True)
_ANY_HEAD = re2.compile(
    ("(?:^|[^A-Za-z0-9])(?:" + "|".join(re.escape(head) for head in _HEADS) + r")[A-Za-z0-9_\-.~|$+/=:]{3}").encode(),
    LATIN,
)
_LENGTHS = sorted({len(head) for head in _HEADS}, reverse=True)
_MARKED = tuple(
    (mark, Vendor(f"key-{rule}", re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])")), _reach(reach))
    for mark, reach, rule, pattern in (line.split(" ", 3) for line in MARKED.strip().splitlines())
)


def keys(page: Page) -> Iterator[Claim]:
    """Keys in the formats of vendors."""
    text, raw = page.text, page.raw
    taken = 0
    for found in _ANY_HEAD.finditer(raw):
        start = found.start()
        if start < taken:
            continue
        if text[start] == "_" and text[start - 1 : start].islower():
            continue  # in the middle of a longer prefix
        # the match may hold the character before the key
        claim = _key_at(text, start + 1) or (_key_at(text, 0) if start == 0 else None)
        if claim:
            taken = claim.end
            yield claim
    for mark, vendor, reach in _MARKED:
        if mark in text:
            yield from _around(text, mark, vendor, reach)


def _key_at(text: str, start: int) -> Claim | None:
    # the longest beginning is not always the right one: shorter ones that are beginnings of it are asked too
    for length in _LENGTHS:
        for vendor in _BY_BEGINNING.get(text[start : start + length], ()):
            found = vendor.pattern.match(text, start)
            if found:
                return Claim(1, start, found.end(), SECRET, vendor.rule)
    return None


def _around(text: str, mark: str, vendor: Vendor, reach: range) -> Iterator[Claim]:
    """Keys with a mark in their middle, so many characters from their beginning."""
    at = text.find(mark)
    while at >= 0:
        end = at + len(mark)
        for before in reach if text[at - 1 : at].isalnum() else ():
            found = vendor.pattern.match(text, at - before) if at >= before else None
            if found:
                yield Claim(1, found.start(), found.end(), SECRET, vendor.rule)
                end = found.end()
                break
        at = text.find(mark, end)
