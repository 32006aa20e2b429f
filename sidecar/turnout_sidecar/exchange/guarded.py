"""What the guardrails did to one call: the trail that logs, spans, metrics and later the ledger are told of.

Rules: a verdict says which rule, what was done, how often, and keyed digests of what it was about, never the text; "it found
nothing", "it could not look" and "it was never asked" are three things, told apart.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

State = Literal["passed", "matched", "failed", "not_run"]
"""`passed`: looked and found nothing; `matched`: found something; `failed`: could not look; `not_run`: was never asked."""
Done = Literal["none", "monitored", "masked", "rerouted", "blocked", "retried", "escalated"]
Side = Literal["input", "output"]
Check = Literal["pii", "secrets", "deny", "injection", "tokens", "binary", "schema", "plugin", "quality"]
Outcome = Literal["bypassed", "evaluated", "changed", "blocked", "failed"]
MOST_DIGESTS = 16


class Verdict(msgspec.Struct, frozen=True):
    """What one check said. `rule` is an entity, a pattern's or plug-in's name, or the check's own name."""

    check: Check
    side: Side
    rule: str
    state: State
    done: Done = "none"
    count: int = 0
    digests: tuple[str, ...] = ()  # of what matched, keyed: the letters of its placeholders
    policy: str = ""


class GuardTrail:
    """Filled in by the guard stages. `guarded` False: no policy holds, the call counts as bypassed.

    `unlooked` True: a check that must act could not look, and its policy let the call go on; its answer is kept for nobody.

    `inspected` True: what the call carries is what the policies let pass, so that its content may be told; a call that was
    refused before is told of without its content. `input_ns` and `output_ns` are the time that it took, in all.
    """

    __slots__ = (
        "guarded",
        "input_ns",
        "input_span",
        "inspected",
        "output_ns",
        "output_span",
        "policies",
        "restored",
        "unlooked",
        "unresolved",
        "verdicts",
    )  # fmt: skip

    def __init__(self) -> None:
        self.guarded = False
        self.inspected = False
        self.unlooked = False
        self.policies: tuple[str, ...] = ()  # that hold, as the guard has them
        self.verdicts: list[Verdict] = []
        self.restored = 0  # placeholders that were put back
        self.unresolved = 0  # what looks like a placeholder in an answer and is none of this call's
        self.input_ns = 0
        self.output_ns = 0
        self.input_span: tuple[int, int] | None = None  # monotonic: from the first look to the end of the last
        self.output_span: tuple[int, int] | None = None

    def rest(self, expected: Iterable[Verdict]) -> None:
        """Nothing more is looked at: of the checks that were expected, those that have said nothing say these."""
        said = {_speaker(verdict) for verdict in self.verdicts}
        self.verdicts += [verdict for verdict in expected if _speaker(verdict) not in said]

    def took(self, side: Side, began_ns: int, ended_ns: int) -> None:
        """One look at a side, of the pieces of a stream too; monotonic nanoseconds."""
        if side == "input":
            self.input_ns += ended_ns - began_ns
            self.input_span = (began_ns if self.input_span is None else self.input_span[0], ended_ns)
        else:
            self.output_ns += ended_ns - began_ns
            self.output_span = (began_ns if self.output_span is None else self.output_span[0], ended_ns)

    @property
    def outcome(self) -> Outcome:
        """What the call counts as: the gravest of what happened to it."""
        if not self.guarded:
            return "bypassed"
        done = {verdict.done for verdict in self.verdicts}
        if "blocked" in done:
            return "blocked"
        if any(verdict.state == "failed" for verdict in self.verdicts):
            return "failed"
        return "changed" if done & {"masked", "rerouted", "retried", "escalated"} else "evaluated"


def _speaker(verdict: Verdict) -> tuple[str, ...]:
    """Which check said it: of plug-ins and schemas there may be several."""
    if verdict.check in ("plugin", "schema"):
        return verdict.check, verdict.side, verdict.rule, verdict.policy
    return verdict.check, verdict.side
