"""The five conditions of an object, as a pure function of its verdict, of what its namespace's gateways run, and of time.

`Accepted` and `ResolvedRefs` are the compiler's, but for secret files that gateways miss and models that providers do not have.
`Programmed` is True only where every gateway has acknowledged a version that contains this very generation: by (uid,
generation), not by version, so that an edit of one object does not unsettle the others. `Ready` and `Stalled` sum up.

Rules: messages hold nothing that changes without the object (no versions, no counts of all), or every edit would rewrite every
status; `lastTransitionTime` moves with the status alone; after a take-over what stands there stands until gateways had time to
come back.
"""

from collections.abc import Iterable, Sequence

import msgspec

from turnout_contract.api import conditions as names
from turnout_contract.api.meta import Condition
from turnout_contract.protocol import NackError
from turnout_operator.compile import ConditionValue, Verdict
from turnout_operator.publish.absence import absent_models
from turnout_operator.publish.registry import GatewayView

MOST_MESSAGE = 2048
MOST_NAMED = 3
MOST_MODELS_NAMED = 8
PROVIDER = "ModelProvider"
CARRIERS = ("ModelGateway", "ModelRoute")
"""The kinds that speak of the namespace's workloads."""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What the objects of a namespace have in common."""

    wants_gateway: bool
    gateways: tuple[GatewayView, ...] = ()
    settled: bool = True
    """False for a while after a take-over."""
    workload_trouble: ConditionValue | None = None
    """What stands in the way of the gateways' pods: an object that is not ours, or a refusal of the API server."""
    withheld: ConditionValue | None = None
    """Why what stands in the objects is not pushed at all."""

    @property
    def unsettled(self) -> bool:
        """Whether acknowledgements are on their way that make what could be said now untrue in a moment."""
        stale = [view for view in self.gateways if view.state == "STALE"]
        return bool(stale) and all(view.asked for view in stale)


def conditions(
    verdict: Verdict, scene: Scene, *, secrets: frozenset[str], previous: Sequence[Condition], now: str
) -> tuple[Condition, ...]:
    """The conditions, sorted by type. `secrets` are the files that the object names, `previous` what its status says now."""
    before = {condition.type: condition for condition in previous}
    accepted, resolved = verdict.accepted, _resolved(verdict, scene, secrets)
    missing = before.get(names.RESOLVED_REFS)
    if not scene.settled and resolved.status == "True" and _says_missing(missing, verdict.generation) and missing:
        resolved = ConditionValue(missing.status, missing.reason, missing.message)
    computed = programmed(verdict, scene)
    standing = before.get(names.PROGRAMMED)
    if not scene.settled and _stands(standing, computed, verdict.generation) and standing is not None:
        computed = ConditionValue(standing.status, standing.reason, standing.message)
    findings = {
        names.ACCEPTED: accepted,
        names.PROGRAMMED: computed,
        names.READY: _ready(accepted, resolved, computed, scene),
        names.RESOLVED_REFS: resolved,
        names.STALLED: _stalled(accepted),
    }
    return tuple(
        _condition(kind, finding, verdict.generation, before.get(kind), now) for kind, finding in findings.items()
    )


def programmed(verdict: Verdict, scene: Scene) -> ConditionValue:
    """Whether every gateway runs this generation."""
    computed, trouble = _programmed(verdict, scene), scene.workload_trouble
    if trouble is None or verdict.kind not in CARRIERS:
        return computed
    # Where every gateway that there is serves a route, refused is only what would have been more of them.
    serves = verdict.kind == "ModelRoute" and computed.status == "True"
    return computed if serves and trouble.reason == names.WORKLOAD_REFUSED else trouble


def _programmed(verdict: Verdict, scene: Scene) -> ConditionValue:
    if scene.withheld is not None and verdict.accepted.status != "False":
        return scene.withheld
    if not scene.wants_gateway:
        return ConditionValue("Unknown", names.NO_GATEWAYS, "no ModelRoute in the namespace: no gateway is wanted")
    if verdict.accepted.status == "False":
        return ConditionValue("False", names.NOT_ACCEPTED, "the object is not accepted")
    if not scene.gateways:
        return ConditionValue("Unknown", names.NO_GATEWAYS, "no gateway has connected")
    refusals = list(_refusals(verdict, scene.gateways))
    if refusals:
        return ConditionValue("False", names.REJECTED, _refused(refusals))
    return _by_gateways((verdict.uid, verdict.generation), scene.gateways)


def same(new: Sequence[Condition], old: Sequence[Condition]) -> bool:
    """Whether an object's status says already what it should; conditions of others are not looked at."""
    present = {condition.type: condition for condition in old}
    return all(present.get(condition.type) == condition for condition in new)


def _by_gateways(source: tuple[str, int], gateways: Sequence[GatewayView]) -> ConditionValue:
    # One that never ran anything serves nothing yet: it unsettles nobody while others serve and it is not late.
    counted = [view for view in gateways if not view.fresh] or list(gateways)
    behind = [view for view in counted if source not in view.sources]
    waited_for = [view for view in behind if view.state != "DISCONNECTED"]
    pending = [view for view in waited_for if view.not_mounted]
    if pending:
        needed = _some(sorted({name for view in pending for name in view.not_mounted}))
        return ConditionValue(
            "False", names.ROLLOUT_PENDING, f"waiting for gateways that have mounted the Secrets {needed}"
        )
    if any(view.state == "NACKED" for view in waited_for):
        named = _some(sorted({error.ref or "the version" for view in waited_for for error in view.errors}))
        return ConditionValue("False", names.BLOCKED, f"gateways refused the version because of {named}")
    if waited_for:
        return ConditionValue(
            "False", names.PENDING, f"waiting for {_some([view.pod for view in waited_for])} to acknowledge"
        )
    silent = [view.pod for view in counted if view.state == "DISCONNECTED"]
    if silent:
        return ConditionValue("Unknown", names.DISCONNECTED, f"not heard of: {_some(silent)}")
    return ConditionValue("True", names.PROGRAMMED, "every gateway has acknowledged this generation")


def _refusals(verdict: Verdict, gateways: Iterable[GatewayView]) -> Iterable[NackError]:
    ref = f"{verdict.kind}/{verdict.name}"
    return (error for view in gateways for error in view.errors if error.ref == ref)


def _refused(errors: Sequence[NackError]) -> str:
    told = dict.fromkeys(f"{error.path}: {error.message}" if error.path else error.message for error in errors)
    return _cut("refused by the gateway: " + "; ".join(list(told)[:MOST_NAMED]))


def _resolved(verdict: Verdict, scene: Scene, secrets: frozenset[str]) -> ConditionValue:
    if verdict.resolved.status == "False" or verdict.accepted.status == "False":
        return verdict.resolved
    missing = sorted({path for view in scene.gateways for path in view.missing} & secrets)
    if missing:
        return ConditionValue(
            "False", names.SECRET_MISSING, f"not there, as gateways see it: {_some(missing)} (Secret/key)"
        )
    if verdict.kind != PROVIDER:
        return verdict.resolved
    return resolved_models(verdict, absent_models(scene.gateways, verdict.name, (verdict.uid, verdict.generation)))


def resolved_models(verdict: Verdict, absent: Sequence[str]) -> ConditionValue:
    """What `ResolvedRefs` of a provider says where these of its models do not exist; what else is wrong goes first."""
    if not absent or verdict.resolved.status == "False" or verdict.accepted.status == "False":
        return verdict.resolved
    named = _some(absent, MOST_MODELS_NAMED)
    return ConditionValue("False", names.MODEL_NOT_FOUND, f"the provider says that there is no model {named}")


def _says_missing(standing: Condition | None, generation: int) -> bool:
    return (
        standing is not None
        and standing.reason in (names.SECRET_MISSING, names.MODEL_NOT_FOUND)
        and standing.observed_generation == generation
    )


def _ready(
    accepted: ConditionValue, resolved: ConditionValue, computed: ConditionValue, scene: Scene
) -> ConditionValue:
    needed = (
        [accepted, resolved]
        if not scene.wants_gateway and computed.status == "Unknown"
        else [accepted, resolved, computed]
    )
    for status in ("False", "Unknown"):
        for finding in needed:
            if finding.status == status:
                return ConditionValue(finding.status, finding.reason, finding.message)
    return ConditionValue("True", names.READY, "")


def _stalled(accepted: ConditionValue) -> ConditionValue:
    if accepted.status == "False":
        return ConditionValue("True", accepted.reason, accepted.message)
    return ConditionValue("False", names.PROGRESSING, "")


def _stands(standing: Condition | None, computed: ConditionValue, generation: int) -> bool:
    if standing is None or standing.observed_generation != generation:
        return False
    return computed.status != "True" and computed.reason not in (
        names.REJECTED,
        names.WORKLOAD_CONFLICT,
        names.NOT_ACCEPTED,
        names.NOT_PUBLISHED,
        names.DEFINITION_MISSING,
        names.INTERNAL_ERROR,
    )


def _condition(kind: str, finding: ConditionValue, generation: int, previous: Condition | None, now: str) -> Condition:
    # The schema's default carries the beginning of 1970, which is when nothing happened.
    kept = (
        previous is not None
        and previous.status == finding.status
        and not previous.last_transition_time.startswith("1970")
    )
    return Condition(
        type=kind,
        status=finding.status,
        reason=finding.reason,
        message=_cut(finding.message),
        last_transition_time=previous.last_transition_time if kept and previous is not None else now,
        observed_generation=generation,
    )


def _some(names: Sequence[str], most: int = MOST_NAMED) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _cut(text: str) -> str:
    return text if len(text) <= MOST_MESSAGE else text[: MOST_MESSAGE - 1] + "…"
