"""What logs and spans tell of the guardrails of a call: its outcome, and the verdicts that say something.

What a check passed is a number, so that a line stays short; what it matched, could not look at or was never asked is told verdict
by verdict: names of the configuration, numbers and keyed digests, never text. No IO.

Rules: at most 32 verdicts of a call are told, and of each at most 16 digests, and what was left out is counted; a call is no
call to a model, and has no outcome, until a policy has looked at it, a provider was asked or the cache answered.
"""

from typing import Any, Final

import msgspec

from turnout_contract import semconv
from turnout_sidecar.adapters import otlp_encoding as otlp
from turnout_sidecar.adapters.otlp_encoding import Key
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.exchange.guarded import MOST_DIGESTS, GuardTrail, Outcome, Side, State, Verdict

MOST_VERDICTS: Final = 32
_MOST_POLICIES: Final = 32
_MOST_NAME: Final = 128
_HITS: Final = frozenset({"exact", "semantic"})
_BINARY: Final = "binary"
_PER_MS: Final = 1e6

_OUTCOME = Key(semconv.GUARD_OUTCOME)
_POLICIES = Key(semconv.GUARD_POLICIES)
_PASSED = Key(semconv.GUARD_PASSED)
_COUNTS: Final[tuple[tuple[State, Key], ...]] = (
    ("matched", Key(semconv.GUARD_MATCHED)),
    ("failed", Key(semconv.GUARD_FAILED)),
    ("not_run", Key(semconv.GUARD_NOT_RUN)),
)
_RESTORED = Key(semconv.GUARD_RESTORED)
_UNRESOLVED = Key(semconv.GUARD_UNRESOLVED)
_UNINSPECTED = Key(semconv.GUARD_UNINSPECTED)
_CHECK = Key(semconv.VERDICT_CHECK)
_SIDE = Key(semconv.VERDICT_SIDE)
_RULE = Key(semconv.VERDICT_RULE)
_STATE = Key(semconv.VERDICT_STATE)
_DONE = Key(semconv.VERDICT_DONE)
_COUNT = Key(semconv.VERDICT_COUNT)
_DIGESTS = Key(semconv.VERDICT_DIGESTS)
_POLICY = Key(semconv.VERDICT_POLICY)
_BUSY = Key(semconv.GUARD_BUSY_MS)
_EVENT = otlp.event_name(semconv.EVENT_GUARD_VERDICT)
_NAMES: Final[dict[Side, str]] = {"input": semconv.SPAN_GUARD_INPUT, "output": semconv.SPAN_GUARD_OUTPUT}


class Work(msgspec.Struct, frozen=True):
    """The time that one side of a call was looked at, for a span of its own; monotonic nanoseconds."""

    name: str
    began_ns: int
    ended_ns: int
    fields: list[bytes]


def outcome(exchange: Exchange) -> Outcome | None:
    """What the call counts as; None for what was no call to a model: refused before any policy looked and anybody was asked."""
    trail = exchange.guard
    if trail.guarded or exchange.attempts or exchange.cache_state in _HITS:
        return trail.outcome
    return None


def content_may_be_told(exchange: Exchange) -> bool:
    """Whether what the call carries is what its policies let pass; without policies, whether it was a call to a model."""
    trail = exchange.guard
    return trail.inspected if trail.guarded else outcome(exchange) is not None


def uninspected(trail: GuardTrail) -> int:
    """Parts that nothing could look into: images, sound, files."""
    return _parts(_telling(trail))


def of_line(line: dict[str, Any], exchange: Exchange) -> None:
    """Put into a log line what it tells of guardrails."""
    found = outcome(exchange)
    if found is None:
        return
    line["guardrail"] = found
    trail = exchange.guard
    if not trail.guarded:
        return
    line["guardrail_policies"] = _policies(trail)
    told = _telling(trail)
    line["guardrail_passed"] = len(trail.verdicts) - len(told)
    if told:
        line["guardrail_verdicts"] = [_compact(verdict) for verdict in told[:MOST_VERDICTS]]
    if len(told) > MOST_VERDICTS:
        line["guardrail_verdicts_omitted"] = len(told) - MOST_VERDICTS
    if trail.restored:
        line["guardrail_restored"] = trail.restored
    if trail.unresolved:
        line["guardrail_unresolved"] = trail.unresolved


def of_span(exchange: Exchange) -> list[bytes]:
    """Attributes of the SERVER span."""
    found = outcome(exchange)
    if found is None:
        return []
    fields = [_OUTCOME.text(found)]
    trail = exchange.guard
    if not trail.guarded:
        return fields
    told = _telling(trail)
    states = [verdict.state for verdict in told]
    fields += (_POLICIES.texts(_policies(trail)), _PASSED.number(len(trail.verdicts) - len(told)))
    fields += [key.number(states.count(state)) for state, key in _COUNTS]
    for key, count in ((_RESTORED, trail.restored), (_UNRESOLVED, trail.unresolved), (_UNINSPECTED, _parts(told))):
        if count:
            fields.append(key.number(count))
    return fields


def events(exchange: Exchange, ended_ns: int) -> list[bytes]:
    """Events of the SERVER span, one a verdict that says something. `ended_ns`: the call's end, for a side of unknown time."""
    trail = exchange.guard
    if not trail.guarded:
        return []
    told = _telling(trail)
    offset = exchange.received_unix_ns - exchange.received_ns
    ends = {
        "input": ended_ns if trail.input_span is None else trail.input_span[1],
        "output": ended_ns if trail.output_span is None else trail.output_span[1],
    }
    written = [otlp.event(ends[each.side] + offset, _EVENT, _verdict(each)) for each in told[:MOST_VERDICTS]]
    if len(told) > MOST_VERDICTS:
        written.append(otlp.dropped_events(len(told) - MOST_VERDICTS))
    return written


def work(trail: GuardTrail) -> list[Work]:
    """When each side was looked at."""
    sides: tuple[tuple[Side, tuple[int, int] | None, int], ...] = (
        ("input", trail.input_span, trail.input_ns),
        ("output", trail.output_span, trail.output_ns),
    )
    return [
        Work(_NAMES[side], span[0], span[1], [_BUSY.real(busy / _PER_MS)])
        for side, span, busy in sides
        if span is not None
    ]


def _telling(trail: GuardTrail) -> list[Verdict]:
    return [verdict for verdict in trail.verdicts if verdict.state != "passed"]


def _parts(told: list[Verdict]) -> int:
    return sum([verdict.count for verdict in told if verdict.check == _BINARY])


def _policies(trail: GuardTrail) -> list[str]:
    return [name[:_MOST_NAME] for name in trail.policies[:_MOST_POLICIES]]


def _compact(verdict: Verdict) -> dict[str, Any]:
    told: dict[str, Any] = {
        "check": verdict.check,
        "side": verdict.side,
        "rule": verdict.rule[:_MOST_NAME],
        "state": verdict.state,
    }
    if verdict.done != "none":
        told["done"] = verdict.done
    if verdict.count:
        told["count"] = verdict.count
    if verdict.digests:
        told["digests"] = _digests(verdict)
    if verdict.policy:
        told["policy"] = verdict.policy[:_MOST_NAME]
    return told


def _verdict(verdict: Verdict) -> list[bytes]:
    fields = [
        _CHECK.text(verdict.check),
        _SIDE.text(verdict.side),
        _RULE.text(verdict.rule[:_MOST_NAME]),
        _STATE.text(verdict.state),
        _DONE.text(verdict.done),
        _COUNT.number(verdict.count),
    ]
    if verdict.digests:
        fields.append(_DIGESTS.texts(_digests(verdict)))
    if verdict.policy:
        fields.append(_POLICY.text(verdict.policy[:_MOST_NAME]))
    return fields


def _digests(verdict: Verdict) -> list[str]:
    return [digest[:_MOST_NAME] for digest in verdict.digests[:MOST_DIGESTS]]
