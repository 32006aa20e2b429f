"""The five conditions: what each combination of verdict, gateways and time makes of them."""

import msgspec

from turnout_contract.api.meta import Condition
from turnout_contract.protocol import NackError
from turnout_operator.compile import ConditionValue, Verdict
from turnout_operator.publish.registry import GatewayView
from turnout_operator.status.conditions import Scene, conditions, same

NOW, EARLIER = "2026-11-22T12:00:00Z", "2026-11-22T11:00:00Z"
MINE = frozenset({("uid-1", 2)})
GOOD = Verdict(
    kind="ModelRoute",
    name="assistant",
    namespace="claims",
    uid="uid-1",
    generation=2,
    accepted=ConditionValue("True", "Accepted"),
    resolved=ConditionValue("True", "ResolvedRefs"),
)
BAD = msgspec.structs.replace(GOOD, accepted=ConditionValue("False", "Invalid", "spec.rules: no"))


def view(pod: str = "pod-a", **rest: object) -> GatewayView:
    given = {"state": "SYNCED", "version": "v2", "since": 0.0, "sources": MINE, **rest}
    return GatewayView(pod=pod, **given)  # type: ignore[arg-type]


def of(
    verdict: Verdict, scene: Scene, *previous: Condition, secrets: frozenset[str] = frozenset()
) -> dict[str, Condition]:
    found = conditions(verdict, scene, secrets=secrets, previous=previous, now=NOW)
    return {condition.type: condition for condition in found}


def scene(*views: GatewayView, **rest: object) -> Scene:
    return Scene(wants_gateway=True, gateways=views, **rest)  # type: ignore[arg-type]


def told(found: dict[str, Condition], kind: str) -> tuple[str, str]:
    return found[kind].status, found[kind].reason


def standing(kind: str, status: str, reason: str, generation: int = 2, at: str = EARLIER) -> Condition:
    return Condition(
        type=kind,
        status=status,  # type: ignore[arg-type]
        reason=reason,
        message="as it was",
        last_transition_time=at,
        observed_generation=generation,
    )


def test_every_gateway_that_runs_this_generation_makes_it_programmed_and_ready() -> None:
    found = of(GOOD, scene(view(), view("pod-b")))
    assert told(found, "Programmed") == ("True", "Programmed")
    assert told(found, "Ready") == ("True", "Ready")
    assert told(found, "Stalled") == ("False", "Progressing")
    assert {condition.observed_generation for condition in found.values()} == {2}


def test_a_gateway_one_version_behind_that_has_this_generation_counts() -> None:
    found = of(GOOD, scene(view(), view("pod-b", version="v1", state="STALE")))
    assert told(found, "Programmed") == ("True", "Programmed")


def test_a_gateway_that_runs_an_older_generation_is_waited_for_by_name() -> None:
    found = of(GOOD, scene(view(), view("pod-b", state="STALE", sources=frozenset({("uid-1", 1)}))))
    assert told(found, "Programmed") == ("False", "Pending")
    assert "pod-b" in found["Programmed"].message
    assert "pod-a" not in found["Programmed"].message
    assert told(found, "Ready") == ("False", "Pending")


def test_a_gateway_that_never_ran_anything_unsettles_nobody_while_others_serve() -> None:
    new = view("pod-b", state="STALE", version="", sources=frozenset(), fresh=True)
    assert told(of(GOOD, scene(view(), new)), "Programmed") == ("True", "Programmed")
    assert told(of(GOOD, scene(new)), "Programmed") == ("False", "Pending")
    late = msgspec.structs.replace(new, fresh=False)
    assert told(of(GOOD, scene(view(), late)), "Programmed") == ("False", "Pending")


def test_a_refusal_is_blamed_on_the_object_named_and_blocks_what_came_with_it() -> None:
    errors = (NackError(ref="ModelRoute/assistant", path="spec.rules[0]", message="no"),)
    behind = view("pod-b", state="NACKED", sources=frozenset(), errors=errors)
    found = of(GOOD, scene(view(), behind))
    assert told(found, "Programmed") == ("False", "Rejected")
    assert "spec.rules[0]: no" in found["Programmed"].message
    neighbour = msgspec.structs.replace(GOOD, name="other", uid="uid-2")
    assert told(of(neighbour, scene(behind)), "Programmed") == ("False", "Blocked")


def test_gateways_without_the_new_secrets_are_a_rollout() -> None:
    behind = view("pod-b", state="STALE", sources=frozenset(), not_mounted=("key",))
    found = of(GOOD, scene(view(), behind))
    assert told(found, "Programmed") == ("False", "RolloutPending")
    assert "key" in found["Programmed"].message


def test_a_gateway_that_is_silent_makes_it_unknown() -> None:
    silent = view("pod-b", state="DISCONNECTED", sources=frozenset())
    assert told(of(GOOD, scene(view(), silent)), "Programmed") == ("Unknown", "Disconnected")
    assert told(of(GOOD, scene(view(), view("pod-b", state="DISCONNECTED"))), "Programmed") == (
        "Unknown",
        "Disconnected",
    )
    behind = view("pod-c", state="STALE", sources=frozenset())
    assert told(of(GOOD, scene(behind, silent)), "Programmed") == ("False", "Pending")


def test_no_gateway_is_unknown_and_only_where_one_is_wanted_not_ready() -> None:
    wanted = of(GOOD, scene())
    assert told(wanted, "Programmed") == ("Unknown", "NoGateways")
    assert told(wanted, "Ready") == ("Unknown", "NoGateways")
    unwanted = of(GOOD, Scene(wants_gateway=False))
    assert told(unwanted, "Programmed") == ("Unknown", "NoGateways")
    assert told(unwanted, "Ready") == ("True", "Ready")


def test_what_is_not_accepted_is_stalled_and_not_programmed() -> None:
    found = of(BAD, scene(view()))
    assert told(found, "Programmed") == ("False", "NotAccepted")
    assert told(found, "Stalled") == ("True", "Invalid")
    assert told(found, "Ready") == ("False", "Invalid")


def test_missing_secret_files_are_said_only_of_who_names_them() -> None:
    short = scene(view(missing=("key/apiKey", "other/x")))
    found = of(GOOD, short, secrets=frozenset({"key/apiKey"}))
    assert told(found, "ResolvedRefs") == ("False", "SecretMissing")
    assert "other" not in found["ResolvedRefs"].message
    assert told(of(GOOD, short), "ResolvedRefs") == ("True", "ResolvedRefs")


def test_a_foreign_object_in_the_way_is_said_of_routes_and_of_the_gateway_only() -> None:
    blocked = scene(view(), workload_trouble=ConditionValue("False", "WorkloadConflict", "Service/turnout exists"))
    assert told(of(GOOD, blocked), "Programmed") == ("False", "WorkloadConflict")
    provider = msgspec.structs.replace(GOOD, kind="ModelProvider")
    assert told(of(provider, blocked), "Programmed") == ("True", "Programmed")


def test_a_refused_workload_is_said_of_the_gateway_and_of_routes_that_not_every_gateway_serves() -> None:
    refused = ConditionValue("False", "WorkloadRefused", "exceeded quota")
    served, unserved = scene(view(), workload_trouble=refused), scene(workload_trouble=refused)
    gateway = msgspec.structs.replace(GOOD, kind="ModelGateway")
    provider = msgspec.structs.replace(GOOD, kind="ModelProvider")
    assert told(of(GOOD, served), "Programmed") == ("True", "Programmed")
    assert told(of(gateway, served), "Programmed") == ("False", "WorkloadRefused")
    assert told(of(GOOD, unserved), "Programmed") == ("False", "WorkloadRefused")
    assert told(of(provider, unserved), "Programmed") == ("Unknown", "NoGateways")


def test_what_is_withheld_is_said_of_all_and_at_once_after_a_take_over() -> None:
    missing = ConditionValue("False", "DefinitionMissing", "the definition of ModelRoute is gone")
    held = scene(view(), withheld=missing, settled=False)
    before = standing("Programmed", "True", "Programmed")
    assert told(of(GOOD, held, before), "Programmed") == ("False", "DefinitionMissing")
    assert told(of(GOOD, held, before), "Ready") == ("False", "DefinitionMissing")


def test_after_a_take_over_what_stands_there_stands() -> None:
    before = standing("Programmed", "True", "Programmed")
    found = of(GOOD, scene(settled=False), before)
    assert told(found, "Programmed") == ("True", "Programmed")
    assert found["Programmed"].last_transition_time == EARLIER
    assert told(of(GOOD, scene(settled=True), before), "Programmed") == ("Unknown", "NoGateways")


def test_after_a_take_over_another_generation_or_a_refusal_does_not_stand() -> None:
    old = standing("Programmed", "True", "Programmed", generation=1)
    assert told(of(GOOD, scene(settled=False), old), "Programmed") == ("Unknown", "NoGateways")
    errors = (NackError(ref="ModelRoute/assistant", path="", message="no"),)
    refused = scene(view(state="NACKED", sources=frozenset(), errors=errors), settled=False)
    assert told(of(GOOD, refused, standing("Programmed", "True", "Programmed")), "Programmed") == ("False", "Rejected")


def test_the_time_of_transition_moves_with_the_status_alone() -> None:
    found = of(GOOD, scene(), standing("Programmed", "Unknown", "Disconnected"))
    assert found["Programmed"].last_transition_time == EARLIER
    assert of(GOOD, scene(view()), standing("Programmed", "Unknown", "X"))["Programmed"].last_transition_time == NOW
    default = standing("Programmed", "Unknown", "Pending", at="1970-01-01T00:00:00Z")
    assert of(GOOD, scene(), default)["Programmed"].last_transition_time == NOW


def test_what_was_written_is_what_is_wanted_the_next_time() -> None:
    first = conditions(GOOD, scene(view()), secrets=frozenset(), previous=(), now=EARLIER)
    again = conditions(GOOD, scene(view()), secrets=frozenset(), previous=first, now=NOW)
    assert same(again, first)


def test_a_message_is_bounded() -> None:
    verdict = msgspec.structs.replace(GOOD, accepted=ConditionValue("False", "Invalid", "x" * 100_000))
    assert all(len(condition.message) <= 4096 for condition in of(verdict, scene()).values())
