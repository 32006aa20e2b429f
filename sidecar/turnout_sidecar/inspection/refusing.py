"""The errors by which guardrails refuse: what is told of a match is its kind and its place, never the match."""

from collections.abc import Iterable

from turnout_sidecar.exchange.errors import CallError

BLOCKED = "guardrail_blocked"
FAILED = "guardrail_failed"
REFUSED = "answer_refused"
_MOST = 8


def blocked(what: Iterable[str], param: str | None = None) -> CallError:
    """403: the call holds what it must not."""
    return CallError(403, BLOCKED, f"A guardrail refuses this call: {_listed(what)}.", param=param)


def failed(what: str) -> CallError:
    """503: a check that must be made could not be made."""
    message = f"A guardrail could not look at this call ({what}), and nothing passes without it."
    return CallError(503, FAILED, message, headers={"retry-after": "1"})


def refused(what: Iterable[str]) -> CallError:
    """422: the answer holds what it must not, or is not what it must be."""
    return CallError(422, REFUSED, f"A guardrail refuses the answer: {_listed(what)}.")


def unread(what: str) -> CallError:
    """503: the answer could not be looked at."""
    return CallError(503, FAILED, f"A guardrail could not look at the answer ({what}), and none is given without it.")


def _listed(what: Iterable[str]) -> str:
    said = list(dict.fromkeys(what))
    return "; ".join(said[:_MOST]) + (f"; and {len(said) - _MOST} more" if len(said) > _MOST else "")
