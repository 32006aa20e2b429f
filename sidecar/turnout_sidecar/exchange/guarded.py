"""What the guardrails did to one call: the trail that logs, spans, metrics and later the ledger are told of.

Rules: a verdict says which rule, what was done, how often, and keyed digests of what it was about, never the text; "it found
nothing", "it could not look" and "it was never asked" are three things, told apart.
"""

from typing import Literal

import msgspec

State = Literal["passed", "matched", "failed", "not_run"]
"""`passed`: looked and found nothing; `matched`: found something; `failed`: could not look; `not_run`: was never asked."""
Done = Literal["none", "monitored", "masked", "rerouted", "blocked", "retried", "escalated"]
Outcome = Literal["bypassed", "evaluated", "changed", "blocked", "failed"]
MOST_DIGESTS = 16


class Verdict(msgspec.Struct, frozen=True):
    """What one check said. `rule` is an entity, a pattern's or plug-in's name, or the check's own name."""

    check: Literal["pii", "secrets", "deny", "injection", "tokens", "binary", "schema", "plugin", "quality"]
    side: Literal["input", "output"]
    rule: str
    state: State
    done: Done = "none"
    count: int = 0
    digests: tuple[str, ...] = ()  # of what matched, keyed: the letters of its placeholders
    policy: str = ""


class GuardTrail:
    """Filled in by the guard stages. `guarded` False: no policy holds, the call counts as bypassed."""

    __slots__ = ("guarded", "restored", "unresolved", "verdicts")

    def __init__(self) -> None:
        self.guarded = False
        self.verdicts: list[Verdict] = []
        self.restored = 0  # placeholders that were put back
        self.unresolved = 0  # what looks like a placeholder in an answer and is none of this call's

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
