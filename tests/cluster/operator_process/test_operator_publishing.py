"""From `kubectl apply` to an acknowledged generation, by a real operator at a real API server.

The gateways are protocol and nothing else (`FakeGateway`), in the places of pods that the operator's own Deployment made.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from cluster.kube import Cluster, eventually
from cluster.operator_rig import (
    FakeGateway,
    OperatorRig,
    Replica,
    condition,
    custom,
    gateway_pods,
    has_condition,
    model_gateway,
    overview,
    provider,
    route,
)
from turnout_contract.protocol import AUDIENCE, CLOSE_FORBIDDEN, NackError, Push

Fleet = Callable[..., list[FakeGateway]]
Json = dict[str, Any]


def programmed(cluster: Cluster, namespace: str, name: str = "assistant", plural: str = "modelroutes") -> Json:
    return eventually(f"{name} is programmed", has_condition(cluster, namespace, plural, name, "Programmed", "True"))


def test_an_applied_route_is_pushed_acknowledged_and_programmed(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([provider(), route()], namespace=namespace)
    eventually(
        "a route without gateways",
        has_condition(cluster, namespace, "modelroutes", "assistant", "Programmed", "Unknown", "NoGateways"),
    )
    gateways = fleet(operator, 2)

    programmed(cluster, namespace)
    item = custom(cluster, namespace, "modelroutes", "assistant")
    assert {one["type"]: one["status"] for one in item["status"]["conditions"]} == {
        "Accepted": "True",
        "ResolvedRefs": "True",
        "Programmed": "True",
        "Ready": "True",
        "Stalled": "False",
    }
    assert all(gateway.runs("ModelRoute", "assistant", 1) for gateway in gateways)
    assert [one["state"] for one in overview(operator, namespace)] == ["SYNCED", "SYNCED"]


def test_without_a_route_no_gateway_is_wanted_and_a_provider_is_ready(
    cluster: Cluster, namespace: str, operator: Replica
) -> None:
    cluster.apply([provider()], namespace=namespace)
    eventually(
        "a provider is ready", has_condition(cluster, namespace, "modelproviders", "openai", "Ready", "True", "Ready")
    )
    found = condition(custom(cluster, namespace, "modelproviders", "openai"), "Programmed")
    assert (found["status"], found["reason"]) == ("Unknown", "NoGateways")
    assert gateway_pods(cluster, namespace) == []


def test_an_edit_reaches_every_gateway_and_leaves_the_neighbours_status_alone(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([provider(), route(), route("neighbour")], namespace=namespace)
    gateways = fleet(operator, 2)
    programmed(cluster, namespace)
    programmed(cluster, namespace, "neighbour")
    before = custom(cluster, namespace, "modelroutes", "neighbour")["metadata"]["resourceVersion"]

    cluster.apply([route(sensitivity="Confidential")], namespace=namespace)
    found = programmed(cluster, namespace)
    assert found["observedGeneration"] == 2
    assert all(gateway.runs("ModelRoute", "assistant", 2) for gateway in gateways)
    assert custom(cluster, namespace, "modelroutes", "neighbour")["metadata"]["resourceVersion"] == before


def test_a_gateway_that_has_not_acknowledged_keeps_the_route_from_being_programmed(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([provider(), route()], namespace=namespace)
    quick, slow = fleet(operator, 2)
    programmed(cluster, namespace)
    slow.answers = False
    cluster.apply([route(sensitivity="Confidential")], namespace=namespace)
    found = eventually(
        "it waits", has_condition(cluster, namespace, "modelroutes", "assistant", "Programmed", "False", "Pending")
    )
    assert slow.pod in found["message"]
    assert quick.pod not in found["message"]
    eventually("the quick one runs it", lambda: quick.runs("ModelRoute", "assistant", 2))


def test_a_broken_object_is_flagged_and_its_neighbours_are_served(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([provider(), route(), route("broken", backend="nobody")], namespace=namespace)
    (gateway,) = fleet(operator)
    programmed(cluster, namespace)
    found = eventually(
        "the broken one says so",
        has_condition(cluster, namespace, "modelroutes", "broken", "ResolvedRefs", "False", "BackendNotFound"),
    )
    assert "nobody" in found["message"]
    snapshot = gateway.snapshot
    assert snapshot is not None
    rules = {one.name: one.rules[0] for one in snapshot.routes}
    assert rules["assistant"].closed is None
    assert rules["broken"].closed


def test_a_mended_reference_heals_the_route_that_needs_it(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([route()], namespace=namespace)
    eventually(
        "it is unresolved", has_condition(cluster, namespace, "modelroutes", "assistant", "ResolvedRefs", "False")
    )
    cluster.apply([provider()], namespace=namespace)
    eventually("it is resolved", has_condition(cluster, namespace, "modelroutes", "assistant", "ResolvedRefs", "True"))


def test_a_deleted_route_is_gone_from_the_gateways(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([provider(), route(), route("other")], namespace=namespace)
    (gateway,) = fleet(operator)
    programmed(cluster, namespace, "other")
    cluster.kubectl("delete", "modelroute", "other", "-n", namespace)
    eventually(
        "it is gone", lambda: (s := gateway.snapshot) is not None and [r.name for r in s.routes] == ["assistant"]
    )


def test_a_refused_version_is_blamed_on_the_object_and_not_sent_again(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet
) -> None:
    def refuse(push: Push) -> NackError | None:
        if '"bad"' not in push.snapshot:
            return None
        return NackError(ref="ModelRoute/bad", path="spec.rules[0]", message="not with me")

    cluster.apply([provider(), route()], namespace=namespace)
    (gateway,) = fleet(operator)
    programmed(cluster, namespace)
    gateway.refuse = refuse
    cluster.apply([route("bad")], namespace=namespace)
    found = eventually(
        "it is blamed", has_condition(cluster, namespace, "modelroutes", "bad", "Programmed", "False", "Rejected")
    )
    assert "spec.rules[0]: not with me" in found["message"]
    assert condition(custom(cluster, namespace, "modelroutes", "assistant"), "Programmed")["status"] == "True"
    pushes = len(gateway.pushes)
    gateway.hang_up()
    eventually("it is closed", lambda: gateway.closed)
    gateway.dial(operator)
    time.sleep(1)  # what must not happen has no event to wait for
    assert len(gateway.pushes) == pushes
    cluster.kubectl("delete", "modelroute", "bad", "-n", namespace)
    eventually("it is in step again", lambda: [one["state"] for one in overview(operator, namespace)] == ["SYNCED"])


def test_missing_secret_files_are_said_of_the_object_that_names_them(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([provider(secret="key"), provider("other"), route()], namespace=namespace)
    (gateway,) = fleet(operator, secrets=("key",))
    programmed(cluster, namespace)
    gateway.missing = ("key/apiKey",)
    gateway.report_missing()
    found = eventually(
        "the provider says so",
        has_condition(cluster, namespace, "modelproviders", "openai", "ResolvedRefs", "False", "SecretMissing"),
    )
    assert "key/apiKey" in found["message"]
    assert condition(custom(cluster, namespace, "modelproviders", "other"), "ResolvedRefs")["status"] == "True"
    gateway.missing = ()
    gateway.report_missing()
    eventually("it heals", has_condition(cluster, namespace, "modelproviders", "openai", "ResolvedRefs", "True"))


def test_a_killed_and_restarted_operator_pushes_nothing_and_leaves_status_alone(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([provider(), route()], namespace=namespace)
    gateways = fleet(operator, 2)
    programmed(cluster, namespace)
    before = custom(cluster, namespace, "modelroutes", "assistant")["metadata"]["resourceVersion"]
    pushes = [len(gateway.pushes) for gateway in gateways]

    operator.process.stop()
    operator.start()
    eventually("it leads again", operator.leads)
    for gateway in gateways:
        gateway.dial(operator)
    eventually(
        "both are in step", lambda: [one["state"] for one in overview(operator, namespace)] == ["SYNCED", "SYNCED"]
    )
    time.sleep(2.5)  # beyond the grace of a take-over
    assert [len(gateway.pushes) for gateway in gateways] == pushes
    assert custom(cluster, namespace, "modelroutes", "assistant")["metadata"]["resourceVersion"] == before
    cluster.apply([route(sensitivity="Confidential")], namespace=namespace)
    assert programmed(cluster, namespace)["observedGeneration"] == 2


def test_a_gateway_that_is_gone_makes_programmed_unknown_until_its_pod_is_gone(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([provider(), route()], namespace=namespace)
    stays, goes = fleet(operator, 2)
    programmed(cluster, namespace)
    goes.hang_up()
    found = eventually(
        "it is missed",
        has_condition(cluster, namespace, "modelroutes", "assistant", "Programmed", "Unknown", "Disconnected"),
    )
    assert goes.pod in found["message"]
    cluster.request("DELETE", f"/api/v1/namespaces/{namespace}/pods/{goes.pod}")
    programmed(cluster, namespace)
    assert [one["pod"] for one in overview(operator, namespace)] == [stays.pod]


def test_the_model_gateways_status_lists_every_gateway(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([model_gateway(replicas=1), provider(), route()], namespace=namespace)
    (gateway,) = fleet(operator)
    programmed(cluster, namespace, "default", "modelgateways")

    def listed() -> Json | None:
        status: Json = custom(cluster, namespace, "modelgateways", "default")["status"]
        synced = [one for one in status.get("gateways", ()) if one["state"] == "SYNCED"]
        return status if synced and status["version"] == gateway.have.version else None

    status = eventually("it is listed", listed)
    assert [(one["pod"], one["version"]) for one in status["gateways"]] == [(gateway.pod, gateway.have.version)]


@pytest.mark.parametrize(
    ("account", "audience", "bound", "http", "code"),
    [
        pytest.param("default", AUDIENCE, False, None, CLOSE_FORBIDDEN, id="another service account"),
        pytest.param("turnout-gateway", "elsewhere", True, 401, None, id="another audience"),
        pytest.param("turnout-gateway", None, True, 401, None, id="a token for the API server"),
        pytest.param("turnout-gateway", AUDIENCE, False, None, CLOSE_FORBIDDEN, id="not bound to a pod"),
    ],
)
def test_whoever_is_no_gateway_is_refused(
    cluster: Cluster,
    namespace: str,
    operator: Replica,
    fleet: Fleet,
    account: str,
    audience: str | None,
    bound: bool,
    http: int | None,
    code: int | None,
) -> None:
    cluster.apply([provider(), route()], namespace=namespace)
    (honest,) = fleet(operator)
    token = cluster.service_account_token(
        namespace, account, audience=audience, bound_pod=honest.pod if bound else None
    )
    (stranger,) = fleet(operator, token=token)
    if http is not None:
        assert stranger.status == http
    else:
        eventually("it is turned away", lambda: stranger.closed == code)
    assert stranger.received == []


def test_a_gateway_gets_its_tokens_namespace_whatever_it_says(
    cluster: Cluster, namespace: str, rig: OperatorRig, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([provider(), route()], namespace=namespace)
    elsewhere = f"{namespace}-b"
    cluster.create_namespace(elsewhere)
    cluster.apply([provider(), route("theirs")], namespace=elsewhere)
    (gateway,) = fleet(operator)
    eventually("it runs its own", lambda: gateway.runs("ModelRoute", "assistant", 1))
    assert all(f'"namespace":"{namespace}"' in push.snapshot for push in gateway.pushes)
    assert all("theirs" not in push.snapshot for push in gateway.pushes)
    cluster.request("DELETE", f"/api/v1/namespaces/{elsewhere}")


def test_nothing_secret_is_in_a_snapshot(cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet) -> None:
    cluster.apply([provider(secret="key"), route()], namespace=namespace)
    (gateway,) = fleet(operator, secrets=("key",))
    eventually("it runs", lambda: gateway.runs("ModelRoute", "assistant", 1))
    assert msgspec.json.decode(gateway.pushes[-1].snapshot)["providers"][0]["api_key"] == {
        "name": "key",
        "key": "apiKey",
    }
