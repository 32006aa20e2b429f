"""What the compiler gives: the snapshot that the gateways run, and a verdict on every object.

A verdict is made of `Problem`s: what is wrong, under which reason. The first problem's reason is the condition's, the message
tells all of them, up to a bound.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec

from turnout_contract.api import conditions
from turnout_contract.api.registry import TypedObject
from turnout_contract.snapshot.model import Snapshot
from turnout_operator.compile.inputs import Broken

MOST_TOLD = 8
MOST_CHARACTERS = 4096


class Problem(NamedTuple):
    """One thing that is wrong: the condition's reason, and a sentence that names the field."""

    reason: str
    message: str


class ConditionValue(msgspec.Struct, frozen=True):
    """What a condition says."""

    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the compiler says of one object. `Programmed` is not its to say."""

    kind: str
    name: str
    namespace: str
    uid: str
    generation: int
    accepted: ConditionValue
    resolved: ConditionValue


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace, compiled. `secrets`: every Secret that any of its objects names, to be mounted into the gateways."""

    snapshot: Snapshot
    verdicts: tuple[Verdict, ...]
    wants_gateway: bool
    secrets: tuple[str, ...]


ACCEPTED = ConditionValue("True", conditions.ACCEPTED)
RESOLVED = ConditionValue("True", conditions.RESOLVED_REFS)
_UNREAD = ConditionValue("Unknown", conditions.INVALID, "the object could not be read")


def verdict(
    obj: TypedObject,
    *,
    refused: Sequence[Problem] = (),
    unresolved: Sequence[Problem] = (),
    accepted: ConditionValue = ACCEPTED,
) -> Verdict:
    """The verdict on an object: `accepted` unless something is `refused`; resolved unless something is `unresolved`."""
    return Verdict(
        kind=obj.kind,
        name=obj.name,
        namespace=obj.namespace,
        uid=obj.metadata.uid,
        generation=obj.metadata.generation,
        accepted=denied(refused) if refused else accepted,
        resolved=denied(unresolved) if unresolved else RESOLVED,
    )


def verdict_on_broken(broken: Broken, namespace: str) -> Verdict:
    """The verdict on an object that could not be read."""
    return Verdict(
        kind=broken.kind,
        name=broken.name,
        namespace=namespace,
        uid=broken.uid,
        generation=broken.generation,
        accepted=ConditionValue("False", conditions.INVALID, told((broken.message,))),
        resolved=_UNREAD,
    )


def denied(problems: Sequence[Problem]) -> ConditionValue:
    """The condition that problems make: False, by the first one's reason."""
    return ConditionValue("False", problems[0].reason, told(problem.message for problem in problems))


def told(messages: Iterable[str]) -> str:
    """Messages as one, each once, bounded in number and length."""
    distinct = list(dict.fromkeys(messages))
    more = len(distinct) - MOST_TOLD
    text = "; ".join(distinct[:MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
