"""A value that was found in one place of a question is found wherever else it stands in it.

What gives a password away is often the word before it. When the model repeats the value without that word, the answer is restored,
and it comes back in the history of the next turn with nothing beside it that a detector could go by: it would leave in clear, and
a signed thought that holds it would not be what its provider has signed. So what is known to be a value is looked for as it is.

Rules: whole words only; what is short, or an ordinary word, or is found by its own form wherever it stands is not looked for; long
numbers of JSON are no text; what a detector has found already stays as it is; the work for one call is bounded.
"""

from collections.abc import Mapping, Sequence

from turnout_sidecar.bodies.leaves import Leaf
from turnout_sidecar.inspection.matches import Match

SHORTEST = 6
MOST_CHARACTERS = 30_000_000
"""Characters that are gone through for one call; with more values than that, the rest are found as detectors find them."""
_BY_FORM = frozenset({"Email", "CreditCard", "IBAN", "IPAddress", "MACAddress", "CryptoWallet"})
"""What needs no words around it to be found; a telephone number with its country needs none either."""


def repeated(leaves: Sequence[Leaf], page: str, matches: Mapping[int, Sequence[Match]]) -> dict[int, list[Match]]:
    """The matches that are missing, by the leaf that they stand in."""
    known, seen = _values(leaves, matches, most=MOST_CHARACTERS // (len(page) or 1))
    again = [value for value in known if page.count(value) > seen[value]]
    found: dict[int, list[Match]] = {}
    taken: dict[int, list[tuple[int, int]]] = {}
    for value in sorted(again, key=len, reverse=True):
        for index, leaf in enumerate(leaves):
            if leaf.number or value not in leaf.text:
                continue
            if index not in taken:
                taken[index] = sorted((one.start, one.end) for one in matches.get(index, ()) if one.action == "Mask")
            more = _free(_places(leaf.text, value), len(value), taken[index])
            if more:
                found.setdefault(index, []).extend(known[value]._replace(start=at, end=at + len(value)) for at in more)
                taken[index] = sorted([*taken[index], *((at, at + len(value)) for at in more)])
    return found


def _free(places: Sequence[int], length: int, taken: Sequence[tuple[int, int]]) -> list[int]:
    """The places where nothing is taken: one pass through both, which are sorted."""
    free: list[int] = []
    reach = at = 0
    for place in places:
        while at < len(taken) and taken[at][0] < place + length:
            reach = max(reach, taken[at][1])
            at += 1
        if reach <= place:
            free.append(place)
    return free


def _values(
    leaves: Sequence[Leaf], matches: Mapping[int, Sequence[Match]], *, most: int
) -> tuple[dict[str, Match], dict[str, int]]:
    known: dict[str, Match] = {}
    seen: dict[str, int] = {}
    for index, found in matches.items():
        text = leaves[index].text
        for match in found:
            if match.entity in _BY_FORM or match.action != "Mask" or match.check == "deny":
                continue
            if match.end - match.start < SHORTEST:
                continue
            value = text[match.start : match.end]
            if value in seen:
                seen[value] += 1
            elif len(known) < most and not value.isalpha() and not value.startswith("+"):
                known[value] = match
                seen[value] = 1
    return known, seen


def _places(text: str, value: str) -> list[int]:
    """Where a value stands as a word of its own."""
    places = []
    at = text.find(value)
    while at >= 0:
        end = at + len(value)
        if not (at and text[at - 1].isalnum() and value[0].isalnum()) and not (
            end < len(text) and text[end].isalnum() and value[-1].isalnum()
        ):
            places.append(at)
        at = text.find(value, end)
    return places
