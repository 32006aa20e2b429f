"""What was found in one text, by whomever, with what is to be done about it; and how what overlaps becomes one.

Detectors know nothing of each other: a name and an address may share characters. Nothing of either may leave, so what overlaps is
one stretch, treated as strictly as its strictest part.

Rules: a match that is only counted takes no part in it; the result is sorted and without overlaps.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from turnout_contract.snapshot.guards import Action, Treatment
from turnout_sidecar.exchange.guarded import Check
from turnout_sidecar.guarding.findings import Finding

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


Grouped = dict[tuple[Check, str, str], list[tuple[str, Match]]]
"""What was found, by check, rule and policy: each value with its match."""


def of_finding(finding: Finding, treatment: Treatment, check: Check, rule: str, policy: str = "") -> Match:
    """What a detector found, with what is to be done about it."""
    done = treatment.action, treatment.reroute, treatment.restore
    return Match(finding.start, finding.end, finding.entity, check, rule, *done, policy)


def grouped(found: Iterable[tuple[str, Match]]) -> Grouped:
    """Values and their matches by what they are told of together."""
    groups: Grouped = {}
    for value, match in found:
        groups.setdefault((match.check, match.rule, match.policy), []).append((value, match))
    return groups


def masked(matches: Iterable[Match]) -> list[Match]:
    """The stretches to mask."""

    def one(last: Match, match: Match) -> Match:
        longer = last if last.end - last.start >= match.end - match.start else match
        return longer._replace(restore=last.restore and match.restore)

    return _united((match for match in matches if match.action == "Mask"), one)


def disjoint(matches: Iterable[Match]) -> list[Match]:
    """All of them for who goes through a text once: what overlaps is one, and what is only counted gives way."""
    found = list(matches)
    united = _united(
        (match for match in found if match.action != "Monitor"),
        lambda last, match: match if match.action == "Block" and last.action != "Block" else last,
    )
    for match in found:
        if match.action == "Monitor" and all(match.end <= one.start or match.start >= one.end for one in united):
            united.append(match)
    return sorted(united)


def _united(matches: Iterable[Match], one: Callable[[Match, Match], Match]) -> list[Match]:
    """The matches by position; of those that overlap, `one` says which stands for the stretch of all."""
    united: list[Match] = []
    for match in sorted(matches, key=lambda match: (match.start, -match.end)):
        last = united[-1] if united else None
        if last is None or match.start >= last.end:
            united.append(match)
        else:
            united[-1] = one(last, match)._replace(start=last.start, end=max(last.end, match.end))
    return united
