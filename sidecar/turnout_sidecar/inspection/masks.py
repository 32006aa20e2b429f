"""How the values of one call are masked: its masker, its table, and what of answers may be shown.

Made once for a call, by the inspection of its question; the answer is masked with the same masker and restored from the same
table. Rules: nothing here outlives the call; the key never leaves the masker.
"""

from collections.abc import Collection, Iterator, Sequence
from hashlib import blake2b

from turnout_contract.snapshot.guards import Action
from turnout_sidecar.bodies.leaves import Leaves
from turnout_sidecar.exchange.call import Caller
from turnout_sidecar.exchange.guarded import MOST_DIGESTS, Done, Side, Verdict
from turnout_sidecar.inspection.matches import Grouped, Match
from turnout_sidecar.masking.placeholders import Masker, masked, placeholders_in
from turnout_sidecar.masking.placeholders import bare as bare_form
from turnout_sidecar.masking.table import Table

_DONE: dict[Action, Done] = {"Monitor": "monitored", "Mask": "masked", "Block": "blocked"}
_GRAVER: tuple[Done, ...] = ("monitored", "rerouted", "masked", "blocked")


class Masks:
    """See the module. `asked`: placeholders that were in the question already, from earlier turns or typed."""

    __slots__ = ("asked", "masker", "table")

    def __init__(self, masker: Masker) -> None:
        self.masker = masker
        self.table = Table(masker)
        self.asked: frozenset[str] = frozenset()

    def known(self, text: str, given: Collection[str] = ()) -> bool:
        """Whether every placeholder of an answer is one of this call's own, or was `given` for good where it was made."""
        return all(one in given or self.owns(one) for one in placeholders_in(text))

    def owns(self, placeholder: str) -> bool:
        """Whether it (its canonical form) was in the question, as it came or as it was masked."""
        return placeholder in self.asked or self.table.knows(placeholder)

    def give(self, entity: str, value: str) -> str:
        """What stands in the answer for a value that is not given."""
        made = self.masker.placeholder(entity, value)
        self.table.given.add(made)
        return made

    def given_in(self, text: str) -> tuple[str, ...]:
        """The placeholders of an answer that were masked there and are nothing of the question's.

        Whoever gets it sees them as they are, so that it may be kept for others with the same question.
        """
        given = self.table.given
        return tuple(sorted(one for one in placeholders_in(text) & given if not self.owns(one))) if given else ()

    def pieces(self, text: str, matches: Sequence[Match], *, bare: bool = False, signed: bool = False) -> str:
        """A text with its matches masked. They are in the table already, so that look-alikes of all are known.

        A look-alike in what is `signed` stays: the model wrote it so, and nothing but exact placeholders was restored in it.
        """

        def placeholder(match: Match, value: str) -> str:
            made = self.table.add(match.entity, value, restore=match.restore)
            return bare_form(made) if bare else made

        return masked(text, matches, placeholder, None if signed else self.table.escape)

    def verdicts(self, side: Side, found: Grouped) -> Iterator[Verdict]:
        """What is told of all that was found on a side, one verdict for each rule."""
        for (check, rule, policy), group in sorted(found.items(), key=lambda item: item[0]):
            done = max((_done(match) for _, match in group), key=_GRAVER.index)
            digests = self._digests((one.entity, value) for value, one in group)
            yield Verdict(check, side, rule, "matched", done, count=len(group), digests=digests, policy=policy)

    def _digests(self, values: Iterator[tuple[str, str]]) -> tuple[str, ...]:
        """Keyed digests of values (entity, value), each once, and no more than are told."""
        found: dict[str, None] = {}
        for entity, value in values:
            found[self.masker.digest(entity, value)] = None
            if len(found) >= MOST_DIGESTS:
                break
        return tuple(found)


def _done(match: Match) -> Done:
    return "rerouted" if match.reroute and match.action == "Monitor" else _DONE[match.action]


def conversation_of(caller: Caller | None, leaves: Leaves) -> str:
    """What a conversation is known by: its outcome, else how its first user message began it."""
    if caller is not None and caller.outcome_id:
        return f"outcome:{caller.outcome_id}"
    first = next((leaf.text for leaf in leaves.items if leaf.part == "user"), "")
    return f"first:{blake2b(first.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


def partition_of(namespace: str, caller: Caller | None) -> str:
    """Whose values are whose."""
    return f"{namespace}\0{caller.team if caller is not None else ''}"
