"""An entry as a payload, and the second look at everything that is read back.

The same payload goes into every engine (JSON types only, the answer in base64), so that one conformance suite says something
about all of them. Rules: the filter sent with a query is not trusted: partition, key or context and expiry are compared again
here, and what fails is dropped and counted, never returned and never an error. A foreign partition among the results is the
one count that must stay 0: it means that a filter did not hold.
"""

import base64
import binascii
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from turnout_contract.vector_collection import SPACE_FIELD, space
from turnout_sidecar.ports.store import Candidate, Entry, StoreUnavailable

Objection = Literal["foreign", "other_key", "expired", "malformed"]


class Payload(msgspec.Struct, frozen=True):
    """What an engine keeps beside the vector. Unknown fields are passed over, so that a newer gateway may add some."""

    partition: str
    exact_key: str
    context_key: str
    question: str
    answer: str
    expires_at: float
    created_at: float


class Drops:
    """How many results were dropped on the second look, since the start, by reason."""

    __slots__ = ("expired", "foreign", "malformed", "other_key")

    def __init__(self) -> None:
        self.foreign = 0
        """Of another partition: the wall had to be held here. Alert on it."""
        self.other_key = 0
        """Of the right partition but another exact or context key."""
        self.expired = 0
        self.malformed = 0

    def count(self, objection: Objection) -> None:
        """One more was dropped for this."""
        setattr(self, objection, getattr(self, objection) + 1)


def to_payload(entry: Entry) -> dict[str, str | float]:
    """The payload of an entry. Text that is no Unicode (lone surrogates) is stored with `?` in their place."""
    return {
        "partition": entry.partition,
        SPACE_FIELD: space(entry.partition, entry.context_key),
        "exact_key": entry.exact_key,
        "context_key": entry.context_key,
        "question": entry.question.encode("utf-8", "replace").decode(),
        "answer": base64.b64encode(entry.answer).decode("ascii"),
        "expires_at": float(entry.expires_at),
        "created_at": float(entry.created_at),
    }


def from_payload(point_id: str, payload: Mapping[str, Any]) -> Entry | None:
    """The entry of a payload, or None where it is not one of ours."""
    try:
        read = msgspec.convert(payload, Payload)
        answer = base64.b64decode(read.answer, validate=True)
    except (msgspec.ValidationError, binascii.Error, ValueError, TypeError):
        return None
    return Entry(
        id=point_id,
        partition=read.partition,
        exact_key=read.exact_key,
        context_key=read.context_key,
        question=read.question,
        answer=answer,
        expires_at=read.expires_at,
        created_at=read.created_at,
    )


def as_row(vector: Sequence[float] | np.ndarray, dimension: int) -> np.ndarray:
    """The vector as contiguous float32 of shape (dimension,). Raises StoreUnavailable for any other shape, or no numbers."""
    row = np.ascontiguousarray(vector, np.float32)
    if row.shape != (dimension,):
        raise StoreUnavailable("failed", f"the vector has shape {row.shape}, not ({dimension},)")
    if not math.isfinite(float(row.sum())):
        raise StoreUnavailable("failed", "the vector is not finite")
    return row


def objection(
    entry: Entry, *, partition: str, now: float, exact_key: str | None = None, context_key: str | None = None
) -> Objection | None:
    """Why this entry may not be returned to one who asks for this partition and key; None: it may. Pure."""
    if entry.partition != partition:
        return "foreign"
    if exact_key is not None and entry.exact_key != exact_key:
        return "other_key"
    if context_key is not None and entry.context_key != context_key:
        return "other_key"
    if not entry.expires_at > now:
        return "expired"
    return None


class Reader:
    """The second look, and its counters. One for a store."""

    def __init__(self) -> None:
        self.drops = Drops()

    def exact(self, entry: Entry | None, *, partition: str, exact_key: str, now: float) -> Entry | None:
        """The entry, if it is the very one that was asked for, and alive. None stands for a malformed one."""
        if entry is None:
            self.drops.count("malformed")
            return None
        found = objection(entry, partition=partition, now=now, exact_key=exact_key)
        if found is not None:
            self.drops.count(found)
            return None
        return entry

    def near(
        self, found: Iterable[tuple[Entry | None, float]], *, partition: str, context_key: str, now: float
    ) -> list[Candidate]:
        """Those that may be served to this partition and context, alive, nearest first."""
        kept = []
        for entry, score in found:
            if entry is None or not math.isfinite(score):
                self.drops.count("malformed")
                continue
            wrong = objection(entry, partition=partition, now=now, context_key=context_key)
            if wrong is not None:
                self.drops.count(wrong)
                continue
            kept.append(Candidate(entry, score))
        kept.sort(key=lambda candidate: -candidate.score)
        return kept
