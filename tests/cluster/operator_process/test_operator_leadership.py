"""Who leads, at a real API server: two operators, a paused one, and a Lease that somebody deleted.

Whatever happens to the Lease, a gateway never takes a push under an epoch lower than one that it has seen.
"""

import signal
import time
from collections.abc import Callable
from contextlib import suppress

from cluster.kube import ApiError, Cluster, eventually
from cluster.operator_rig import (
    FakeGateway,
    OperatorRig,
    Replica,
    has_condition,
    provider,
    route,
)
from turnout_contract.protocol import CLOSE_LOST_LEASE, CLOSE_STANDBY, Have

Fleet = Callable[..., list[FakeGateway]]


def acknowledged(cluster: Cluster, namespace: str, generation: int) -> None:
    found = eventually(
        f"generation {generation} is programmed",
        has_condition(cluster, namespace, "modelroutes", "assistant", "Programmed", "True"),
    )
    assert found["observedGeneration"] == generation


def edit(cluster: Cluster, namespace: str, sensitivity: str) -> None:
    cluster.apply([route(sensitivity=sensitivity)], namespace=namespace)


def epoch(rig: OperatorRig) -> int:
    return int(rig.lease()["metadata"]["annotations"]["turnout.dev/epoch"])


def lease_path(rig: OperatorRig) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{rig.namespace}/leases/turnout-operator"


def take_over(rig: OperatorRig, old: Replica, new: Replica) -> None:
    eventually(f"{new.name} leads", lambda: rig.leader() == new.name and new.leads())
    eventually(f"{old.name} knows that it does not", lambda: not old.leads())


def test_a_standby_is_ready_and_sends_gateways_on(
    cluster: Cluster, namespace: str, rig: OperatorRig, fleet: Fleet
) -> None:
    first, second = rig.start("operator-0"), rig.start("operator-1")
    eventually("the first leads", first.leads)
    cluster.apply([provider(), route()], namespace=namespace)
    (gateway,) = fleet(second)
    eventually("it is sent on", lambda: gateway.closed == CLOSE_STANDBY)
    gateway.dial(first)
    acknowledged(cluster, namespace, 1)
    assert second.ready()


def test_a_second_operator_takes_over_from_one_that_was_killed(
    cluster: Cluster, namespace: str, rig: OperatorRig, fleet: Fleet
) -> None:
    first, second = rig.start("operator-0"), rig.start("operator-1")
    eventually("the first leads", first.leads)
    cluster.apply([provider(), route()], namespace=namespace)
    (gateway,) = fleet(first)
    acknowledged(cluster, namespace, 1)
    before, pushes = epoch(rig), len(gateway.pushes)

    first.process.stop()
    eventually("the second leads", second.leads)
    assert epoch(rig) > before
    gateway.dial(second)
    eventually("it is in step under the new epoch", lambda: gateway.have.epoch == epoch(rig))
    assert len(gateway.pushes) == pushes
    edit(cluster, namespace, "Confidential")
    acknowledged(cluster, namespace, 2)


def test_a_leader_that_is_told_to_end_gives_the_lease_up_at_once(
    cluster: Cluster, namespace: str, rig: OperatorRig, fleet: Fleet
) -> None:
    first, second = rig.start("operator-0"), rig.start("operator-1")
    eventually("the first leads", first.leads)
    cluster.apply([provider(), route()], namespace=namespace)
    (gateway,) = fleet(first)
    acknowledged(cluster, namespace, 1)
    first.process.stop(signal.SIGTERM)
    eventually("the gateway is sent on", lambda: gateway.closed == CLOSE_LOST_LEASE)
    eventually("the second leads", second.leads)


def test_a_paused_leader_that_comes_back_pushes_nothing_that_is_taken(
    cluster: Cluster, namespace: str, rig: OperatorRig, fleet: Fleet
) -> None:
    first, second = rig.start("operator-0"), rig.start("operator-1")
    eventually("the first leads", first.leads)
    cluster.apply([provider(), route()], namespace=namespace)
    (stays,) = fleet(first)  # its connection to the first stays open all the time
    acknowledged(cluster, namespace, 1)
    first.process.send_signal(signal.SIGSTOP)
    eventually("the second leads", second.leads)
    (other,) = fleet(second, have=stays.have)
    edit(cluster, namespace, "Confidential")
    eventually("the new leader's push is taken", lambda: other.runs("ModelRoute", "assistant", 2))
    stays.have = Have(version=stays.have.version, epoch=other.have.epoch)  # as the same gateway, having moved on
    seen = len(stays.pushes)

    first.process.send_signal(signal.SIGCONT)
    eventually("the old connection is closed", lambda: stays.closed == CLOSE_LOST_LEASE)
    late = stays.pushes[seen:]
    assert all(push.epoch < other.have.epoch for push in late)
    assert stays.refused_stale == late
    eventually("the old leader knows", lambda: not first.leads())
    assert second.leads()


def test_a_deleted_lease_made_anew_still_raises_the_epoch(
    cluster: Cluster, namespace: str, rig: OperatorRig, fleet: Fleet
) -> None:
    first = rig.start("operator-0")
    eventually("it leads", first.leads)
    cluster.apply([provider(), route()], namespace=namespace)
    (gateway,) = fleet(first)
    acknowledged(cluster, namespace, 1)
    before = epoch(rig)
    cluster.request("DELETE", lease_path(rig))
    eventually("it is made anew, above", lambda: _epoch_or_none(rig, before))
    edit(cluster, namespace, "Confidential")
    acknowledged(cluster, namespace, 2)
    assert gateway.have.epoch > before
    assert gateway.refused_stale == []


def test_a_lease_stolen_within_a_second_fences_off_the_one_before(
    cluster: Cluster, namespace: str, rig: OperatorRig, fleet: Fleet
) -> None:
    first = rig.start("operator-0")
    eventually("it leads", first.leads)
    cluster.apply([provider(), route()], namespace=namespace)
    (gateway,) = fleet(first)
    acknowledged(cluster, namespace, 1)
    first.process.send_signal(signal.SIGSTOP)
    cluster.request("DELETE", lease_path(rig))
    second = rig.start("operator-1")
    eventually("the second leads", second.leads)
    high = epoch(rig)
    (moved,) = fleet(second, have=gateway.have)
    eventually("it has the new epoch", lambda: moved.have.epoch == high)
    gateway.have = moved.have
    first.process.send_signal(signal.SIGCONT)
    take_over(rig, first, second)
    assert all(push.epoch < high for push in gateway.refused_stale)
    assert gateway.have.epoch == high


def test_an_operator_whose_clock_was_set_back_leads_above_what_gateways_have_seen(
    cluster: Cluster, namespace: str, rig: OperatorRig, fleet: Fleet
) -> None:
    first = rig.start("operator-0")
    eventually("it leads", first.leads)
    cluster.apply([provider(), route()], namespace=namespace)
    # The epoch of a leader whose clock was an hour ahead, and whose Lease is gone.
    ahead = epoch(rig) + 3_600_000
    (gateway,) = fleet(first, have=Have(epoch=ahead))
    eventually("the leader went above", lambda: epoch(rig) > ahead)
    eventually("the gateway runs the route", lambda: gateway.runs("ModelRoute", "assistant", 1))
    assert gateway.refused_stale == []
    assert gateway.have.epoch == epoch(rig)


def test_an_epoch_that_nobody_can_have_had_is_not_believed(
    cluster: Cluster, namespace: str, rig: OperatorRig, fleet: Fleet
) -> None:
    first = rig.start("operator-0")
    eventually("it leads", first.leads)
    cluster.apply([provider(), route()], namespace=namespace)
    before = epoch(rig)
    (liar,) = fleet(first, have=Have(epoch=2**62))
    eventually("it is closed", lambda: liar.closed)
    assert epoch(rig) == before


def test_the_operator_outlives_an_api_server_that_is_away(
    cluster: Cluster, namespace: str, rig: OperatorRig, fleet: Fleet
) -> None:
    first = rig.start("operator-0")
    cluster.apply([provider(), route()], namespace=namespace)
    (gateway,) = fleet(first)
    acknowledged(cluster, namespace, 1)
    pushes, pid = len(gateway.pushes), first.process.pid
    cluster.stop_apiserver()
    time.sleep(4)  # longer than the lease
    cluster.start_apiserver()
    eventually("it leads again", first.leads, 60)
    gateway.dial(first)
    eventually("it is in step", lambda: gateway.have.epoch == epoch(rig))
    assert (len(gateway.pushes), first.process.pid) == (pushes, pid)
    edit(cluster, namespace, "Confidential")
    eventually("the edit arrives", lambda: gateway.runs("ModelRoute", "assistant", 2), 60)


def _epoch_or_none(rig: OperatorRig, above: int) -> int | None:
    with suppress(ApiError):
        found = epoch(rig)
        return found if found > above else None
    return None
