"""W3C Trace Context: reading what a caller sent, writing what goes on, deciding what is recorded. No IO.

Rules: what cannot be read is as if it had not been sent (a new trace begins); `tracestate` goes with a good `traceparent` or
not at all, and is passed on unread; a caller's sampled flag is followed, a new trace is sampled by the ratio of its own id
(so that every gateway decides alike); baggage is not passed on.
"""

import random
import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from multidict import MultiMapping

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
_PARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_MEMBER: Final = re.compile(
    r"[a-z0-9][-_*/@a-z0-9]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_MOST_MEMBERS: Final = 32
_MOST_STATE_CHARS: Final = 8192
_SAMPLED: Final = 0x01
_LOW_64: Final = (1 << 64) - 1

Bits = Callable[[int], int]
"""A source of random bits, such as `random.Random().getrandbits`."""


class Parent(msgspec.Struct, frozen=True):
    """Where a call stands in its caller's trace. Ids are lower-case hexadecimal; `state` is "" for none."""

    trace_id: str
    span_id: str
    flags: int
    state: str = ""

    @property
    def sampled(self) -> bool:
        """Whether the caller records."""
        return bool(self.flags & _SAMPLED)


def read(headers: Mapping[str, str]) -> Parent | None:
    """The caller's context, None where there is none that can be read."""
    text = headers.get(TRACEPARENT)
    if text is None or len(_all(headers, TRACEPARENT)) > 1:
        return None
    parent = parse(text)
    if parent is None or TRACESTATE not in headers:
        return parent
    state = ",".join(_all(headers, TRACESTATE))
    return msgspec.structs.replace(parent, state=state) if is_state(state) else parent


def _all(headers: Mapping[str, str], name: str) -> list[str]:
    return headers.getall(name) if isinstance(headers, MultiMapping) else [headers[name]]


def parse(traceparent: str) -> Parent | None:
    """A `traceparent`, of any version that keeps the first one's beginning; None where it is not valid."""
    match = _PARENT.fullmatch(traceparent.strip(" \t"))
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest is not None):
        return None
    if trace_id == "0" * 32 or span_id == "0" * 16:
        return None
    return Parent(trace_id, span_id, int(flags, 16))


def is_state(text: str) -> bool:
    """Whether a `tracestate` may be passed on: up to 32 members of the right form."""
    if len(text) > _MOST_STATE_CHARS:
        return False
    members = [stripped for member in text.split(",") if (stripped := member.strip(" \t"))]
    keys = [member.partition("=")[0] for member in members]
    return (
        0 < len(members) <= _MOST_MEMBERS
        and len(set(keys)) == len(keys)
        and all(_MEMBER.fullmatch(member) for member in members)
    )


def write(trace_id: str, span_id: str, *, sampled: bool) -> str:
    """A `traceparent` of version 00."""
    return f"00-{trace_id}-{span_id}-{'01' if sampled else '00'}"


def new_trace_id(bits: Bits) -> str:
    """A random trace id."""
    return f"{bits(128) or 1:032x}"


def new_span_id(bits: Bits) -> str:
    """A random span id."""
    return f"{bits(64) or 1:016x}"


def system_bits() -> Bits:
    """Fast random bits: ids must differ, nothing secret depends on them."""
    return random.Random().getrandbits  # noqa: S311


def bound_of(ratio: float) -> int:
    """The bound below which the low 64 bits of a trace id are sampled: 0 for none, 2^64 for all."""
    return round(min(max(ratio, 0.0), 1.0) * (_LOW_64 + 1))


def falls_below(trace_id: str, bound: int) -> bool:
    """Whether a new trace is recorded, as TraceIdRatioBased decides."""
    return int(trace_id[16:], 16) < bound
