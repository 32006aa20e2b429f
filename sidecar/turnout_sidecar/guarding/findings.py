"""What a scan reports, and how reports that overlap are settled.

A finding names a stretch of the original text, what it is (an entity of the policy, or Secret) and the rule that said so.
Detectors work on their own and may claim the same characters: the more specific rule wins, then the longer claim, then the
earlier one.

Rules: findings never hold the text itself, so that they can be logged; the result is sorted, without overlaps and the same for
the same text.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import partial
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
    rank, start, end, _, rule = claim
    return rank, start - end, start, rule


_PLACE = itemgetter(1)


def settle(claims: Iterable[Claim]) -> list[Claim]:
    """The claims that stay, by position: none overlaps another."""
    kept: list[Claim] = []
    # few overlap at all: only these are put in order, those of one place together
    crowd: list[Claim] = []
    end = 0
    for claim in sorted(claims, key=_PLACE):
        if claim[1] >= end:
            if crowd:
                kept += _settled(crowd)
                crowd = []
            kept.append(claim)
            end = claim[2]
            continue
        if not crowd:
            crowd.append(kept.pop())
        crowd.append(claim)
        end = max(end, claim[2])
    return kept + _settled(crowd) if crowd else kept


def _settled(crowd: list[Claim]) -> list[Claim]:
    """Those of some claims that stay, each of which overlaps one before it."""
    if len(crowd) == 2:  # noqa: PLR2004 - most are, and of two ranks
        one, other = crowd
        if one[0] != other[0]:
            return [one if one[0] < other[0] else other]
    ordered = sorted(crowd, key=_order)
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


# a named tuple made by its own name takes three times as long
_finding = partial(tuple.__new__, Finding)


def reported(
    claims: Iterable[Claim], entities: frozenset[str], original: Callable[[int, int], tuple[int, int]] | None = None
) -> tuple[Finding, ...]:
    """Settled claims of these entities as findings; original tells places of the original text, where they differ."""
    if original is None:
        return tuple([_finding(claim[1:]) for claim in claims if claim[3] in entities])
    return tuple(
        [
            _finding((*original(start, end), entity, rule))
            for _, start, end, entity, rule in claims
            if entity in entities
        ]
    )
