"""What was found in one text, by whomever, with what is to be done about it; and how what overlaps becomes one.

Detectors know nothing of each other: a name and an address may share characters. Nothing of either may leave, so what overlaps is
one stretch, treated as strictly as its strictest part.

Rules: a match that is only counted takes no part in it; the result is sorted and without overlaps.
"""

from collections.abc import Iterable
from typing import NamedTuple

from turnout_contract.snapshot.guards import Action
from turnout_sidecar.exchange.guarded import Check

TEXT = "Text"
"""The entity of what no entity says: a pattern of one's own."""


class Match(NamedTuple):
    """Code points [start, end) of a text. `check` and `rule` are for the trail, `policy` too where one said it."""

    start: int
    end: int
    entity: str
    check: Check
    rule: str
    action: Action
    reroute: bool = False
    restore: bool = True
    policy: str = ""


def masked(matches: Iterable[Match]) -> list[Match]:
    """The stretches to mask."""
    found = sorted((match for match in matches if match.action == "Mask"), key=lambda match: (match.start, -match.end))
    united: list[Match] = []
    for match in found:
        last = united[-1] if united else None
        if last is None or match.start >= last.end:
            united.append(match)
            continue
        longer = last if last.end - last.start >= match.end - match.start else match
        united[-1] = longer._replace(
            start=last.start, end=max(last.end, match.end), restore=last.restore and match.restore
        )
    return united


def disjoint(matches: Iterable[Match]) -> list[Match]:
    """All of them for who goes through a text once: what overlaps is one, and what is only counted gives way."""
    found = list(matches)
    strict = sorted((one for one in found if one.action != "Monitor"), key=lambda one: (one.start, -one.end))
    united: list[Match] = []
    for match in strict:
        last = united[-1] if united else None
        if last is None or match.start >= last.end:
            united.append(match)
        else:
            graver = match if match.action == "Block" and last.action != "Block" else last
            united[-1] = graver._replace(start=last.start, end=max(last.end, match.end))
    for match in found:
        if match.action == "Monitor" and all(match.end <= one.start or match.start >= one.end for one in united):
            united.append(match)
    return sorted(united)
