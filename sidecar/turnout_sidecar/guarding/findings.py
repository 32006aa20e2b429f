"""What a scan reports, and how reports that overlap are settled.

A finding names a stretch of the original text, what it is (an entity of the policy, or Secret) and the rule that said so.
Detectors work on their own and may claim the same characters: the more specific rule wins, then the longer claim, then the
earlier one.

Rules: findings never hold the text itself, so that they can be logged; the result is sorted, without overlaps and the same for
the same text.
"""

from bisect import bisect_left
from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple


class Finding(NamedTuple):
    """One match: code points [start, end) of the original text."""

    start: int
    end: int
    entity: str
    rule: str


class Claim(NamedTuple):
    """A match before overlaps are settled; the lowest rank is the most specific."""

    rank: int
    start: int
    end: int
    entity: str
    rule: str


def _order(claim: Claim) -> tuple[int, int, int, str]:
    return (claim.rank, claim.start - claim.end, claim.start, claim.rule)


_PLACE = itemgetter(1)


def settle(claims: Iterable[Claim]) -> list[Claim]:
    """The claims that stay, by position: none overlaps another."""
    placed = sorted(claims, key=_PLACE)
    end = 0
    for claim in placed:
        if claim[1] < end:
            break
        end = claim[2]
    else:
        return placed
    ordered = sorted(placed, key=_order)
    starts: list[int] = []
    kept: list[Claim] = []
    for claim in ordered:
        at = bisect_left(starts, claim.start)
        if at < len(kept) and kept[at].start < claim.end:
            continue
        if at and kept[at - 1].end > claim.start:
            continue
        starts.insert(at, claim.start)
        kept.insert(at, claim)
    return kept
