"""Which of several findings stays where they overlap, without losing anything that was found.

Where a built-in detector picks one of two claims and drops the other, a model that says "Anna Berg" and "Berg Street" is
right about every character: the winner keeps all of its stretch, and what the loser has left of its own stays a finding too.

Rules: every character that was found stays found, but for the spaces and punctuation at the ends of what is left of a loser;
the result is sorted, without overlaps and the same for any order of the claims; O(n log n), since claims are made by others.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

from turnout_sidecar.guarding.findings import Finding


class Claim(NamedTuple):
    """A finding with what it is worth: the lowest `rank` wins, then the longer one, then the more certain one."""

    rank: int
    finding: Finding
    score: float = 0.0


def settled(text: str, claims: Iterable[Claim]) -> tuple[Finding, ...]:
    """What stays of the claims, by position. Their offsets are within the text, and none is empty."""
    ordered = sorted(claims, key=_order)
    if len(ordered) == 1:
        return (ordered[0].finding,)
    edges = sorted({edge for claim in ordered for edge in claim.finding[:2]})
    owners = _painted(edges, ordered)
    return tuple(_pieces(text, edges, owners, ordered))


def _order(claim: Claim) -> tuple[int, int, float, Finding]:
    return (claim.rank, claim.finding.start - claim.finding.end, -claim.score, claim.finding)


def _painted(edges: list[int], ordered: list[Claim]) -> list[int | None]:
    """Whose each stretch between two edges is. Each is painted once; `free` skips what is."""
    owners: list[int | None] = [None] * len(edges)
    free = list(range(len(edges)))

    def next_free(at: int) -> int:
        root = at
        while free[root] != root:
            root = free[root]
        while free[at] != root:
            free[at], at = root, free[at]
        return root

    for which, claim in enumerate(ordered):
        end = bisect_left(edges, claim.finding.end)
        at = next_free(bisect_left(edges, claim.finding.start))
        while at < end:
            owners[at] = which
            free[at] = at + 1
            at = next_free(at)
    return owners


def _pieces(text: str, edges: list[int], owners: list[int | None], ordered: list[Claim]) -> Iterable[Finding]:
    at = 0
    while at < len(owners) - 1:
        owner = owners[at]
        past = at + 1
        while owner is not None and owners[past] == owner:
            past += 1
        if owner is not None:
            whole = ordered[owner].finding
            piece = whole._replace(start=edges[at], end=edges[past])
            if piece == whole:
                yield whole
            elif rest := _trimmed(text, piece):
                yield rest
        at = past


def _trimmed(text: str, piece: Finding) -> Finding | None:
    start, end = piece.start, piece.end
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    return piece._replace(start=start, end=end) if start < end else None
