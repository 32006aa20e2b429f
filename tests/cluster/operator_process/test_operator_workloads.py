"""The gateways' Kubernetes objects at a real API server: made, changed, removed, and nobody else's touched."""

from collections.abc import Callable
from typing import Any

import pytest

from cluster.kube import Cluster, eventually
from cluster.operator_rig import (
    FakeGateway,
    OperatorRig,
    Replica,
    gateway_pods,
    has_condition,
    model_gateway,
    provider,
    route,
    secret,
    there,
)

Fleet = Callable[..., list[FakeGateway]]
Json = dict[str, Any]

WORKLOADS = [
    ("deployments", "turnout-gateway", "/apis/apps/v1"),
    ("services", "turnout", "/api/v1"),
    ("serviceaccounts", "turnout-gateway", "/api/v1"),
    ("configmaps", "turnout-operator-ca", "/api/v1"),
    ("poddisruptionbudgets", "turnout-gateway", "/apis/policy/v1"),
    ("networkpolicies", "turnout-gateway", "/apis/networking.k8s.io/v1"),
]


def present(cluster: Cluster, namespace: str) -> list[str]:
    return [plural for plural, name, group in WORKLOADS if there(cluster, namespace, plural, name, group)]


def deployment(cluster: Cluster, namespace: str) -> Json:
    return eventually(
        "the Deployment", lambda: there(cluster, namespace, "deployments", "turnout-gateway", "/apis/apps/v1")
    )


def replicas(cluster: Cluster, namespace: str) -> int:
    number: int = deployment(cluster, namespace)["spec"]["replicas"]
    return number


def mounted(cluster: Cluster, namespace: str) -> list[str]:
    volumes = deployment(cluster, namespace)["spec"]["template"]["spec"]["volumes"]
    return sorted(volume["secret"]["secretName"] for volume in volumes if "secret" in volume)


def test_a_route_brings_workloads_and_its_deletion_takes_them_away(
    cluster: Cluster, namespace: str, operator: Replica
) -> None:
    cluster.apply([provider(), route()], namespace=namespace)
    eventually("all of them are there", lambda: len(present(cluster, namespace)) == len(WORKLOADS))
    eventually("two pods, as by default", lambda: len(gateway_pods(cluster, namespace)) == 2)
    cluster.kubectl("delete", "modelroute", "assistant", "-n", namespace)
    eventually("none of them is left", lambda: present(cluster, namespace) == [])


def test_the_pods_pass_the_restricted_standard(cluster: Cluster, namespace: str, operator: Replica) -> None:
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    cluster.request("PATCH", f"/api/v1/namespaces/{namespace}", label, content_type="application/merge-patch+json")
    cluster.apply([provider(secret="key"), route()], namespace=namespace)
    eventually("pods are admitted", lambda: len(gateway_pods(cluster, namespace)) == 2)


def test_workloads_left_behind_while_no_operator_ran_are_removed(
    cluster: Cluster, namespace: str, operator: Replica
) -> None:
    cluster.apply([provider(), route()], namespace=namespace)
    eventually("all of them are there", lambda: len(present(cluster, namespace)) == len(WORKLOADS))
    operator.process.stop()
    cluster.kubectl("delete", "modelroute,modelprovider", "--all", "-n", namespace)
    operator.start()
    eventually("none of them is left", lambda: present(cluster, namespace) == [])


def test_what_somebody_else_made_is_never_touched_and_is_said(
    cluster: Cluster, namespace: str, operator: Replica
) -> None:
    theirs: Json = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "turnout", "labels": {"app": "theirs"}},
        "spec": {"selector": {"app": "theirs"}, "ports": [{"name": "web", "port": 80}]},
    }
    cluster.apply([theirs], namespace=namespace)
    before = there(cluster, namespace, "services", "turnout")
    cluster.apply([provider(), route()], namespace=namespace)
    found = eventually(
        "the route says so",
        has_condition(cluster, namespace, "modelroutes", "assistant", "Programmed", "False", "WorkloadConflict"),
    )
    assert "Service/turnout" in found["message"]
    cluster.kubectl("delete", "modelroute", "assistant", "-n", namespace)
    eventually("the others are gone", lambda: present(cluster, namespace) == ["services"])
    assert there(cluster, namespace, "services", "turnout") == before


@pytest.mark.parametrize("what", ["count/deployments.apps", "pods"])
def test_a_quota_that_leaves_no_room_is_said_in_its_own_words_until_it_does(
    cluster: Cluster, namespace: str, operator: Replica, what: str
) -> None:
    folder = f"/api/v1/namespaces/{namespace}/resourcequotas"
    cluster.request("POST", folder, {"metadata": {"name": "small"}, "spec": {"hard": {what: "0"}}})
    eventually(
        "the quota is in force", lambda: "used" in cluster.request("GET", f"{folder}/small").get("status", {}), 60
    )
    cluster.apply([model_gateway(), provider(), route()], namespace=namespace)
    for plural, name in (("modelroutes", "assistant"), ("modelgateways", "default")):
        refused = has_condition(cluster, namespace, plural, name, "Programmed", "False", "WorkloadRefused")
        assert "exceeded quota: small" in eventually(f"{plural} says so", refused)["message"]
    cluster.request("DELETE", f"{folder}/small")
    eventually("two pods", lambda: len(gateway_pods(cluster, namespace)) == 2, 90)
    none = has_condition(cluster, namespace, "modelroutes", "assistant", "Programmed", "Unknown", "NoGateways")
    eventually("it waits for gateways", none, 60)


def test_replicas_are_ours_until_somebody_scales(cluster: Cluster, namespace: str, operator: Replica) -> None:
    cluster.apply([model_gateway(replicas=3), provider(), route()], namespace=namespace)
    eventually("three", lambda: replicas(cluster, namespace) == 3)
    cluster.apply([model_gateway(replicas=1)], namespace=namespace)
    eventually("one", lambda: replicas(cluster, namespace) == 1)
    cluster.kubectl("scale", "deployment/turnout-gateway", "--replicas=4", "-n", namespace)
    cluster.apply([model_gateway(replicas=2, limits={"drain": "60s"})], namespace=namespace)
    eventually(
        "the new drain has arrived",
        lambda: deployment(cluster, namespace)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] < 100,
    )
    assert replicas(cluster, namespace) == 4


def test_annotations_of_the_service_account_follow_the_model_gateway(
    cluster: Cluster, namespace: str, operator: Replica
) -> None:
    key = "eks.amazonaws.com/role-arn"
    cluster.apply([model_gateway(serviceAccountAnnotations={key: "arn"}), provider(), route()], namespace=namespace)

    def annotation() -> str | None:
        account = there(cluster, namespace, "serviceaccounts", "turnout-gateway") or {"metadata": {}}
        found: str | None = (account["metadata"].get("annotations") or {}).get(key)
        return found

    eventually("it is there", lambda: annotation() == "arn")
    cluster.apply([model_gateway()], namespace=namespace)
    eventually("it is gone", lambda: annotation() is None)


def test_a_new_secret_rolls_the_deployment_and_waits_for_gateways_that_have_it(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([provider(secret="one"), route()], namespace=namespace)
    (old,) = fleet(operator, secrets=("one",))
    eventually("it runs", lambda: old.runs("ModelRoute", "assistant", 1))
    assert mounted(cluster, namespace) == ["one"]

    cluster.apply([secret("two", apiKey="sk"), provider("second", secret="two")], namespace=namespace)
    found = eventually(
        "it waits for new pods",
        has_condition(cluster, namespace, "modelproviders", "second", "Programmed", "False", "RolloutPending"),
    )
    assert "two" in found["message"]
    eventually("another pod template", lambda: mounted(cluster, namespace) == ["one", "two"])
    assert not old.runs("ModelProvider", "second", 1)
    eventually(
        "what did not change stays as it is",
        has_condition(cluster, namespace, "modelroutes", "assistant", "Programmed", "True"),
    )

    def newest() -> str | None:
        pods = [pod for pod in gateway_pods(cluster, namespace) if pod.split("-")[2] != old.pod.split("-")[2]]
        return pods[0] if pods else None

    pod = eventually("a pod of the new template", newest)
    new = FakeGateway(cluster, namespace, pod, secrets=("one", "two")).dial(operator)
    eventually("the new one runs it", lambda: new.runs("ModelProvider", "second", 1))
    assert not old.runs("ModelProvider", "second", 1)
    old.hang_up()
    cluster.request("DELETE", f"/api/v1/namespaces/{namespace}/pods/{old.pod}")
    eventually(
        "it is programmed",
        has_condition(cluster, namespace, "modelproviders", "second", "Programmed", "True"),
    )
    new.stop()


def test_workloads_deleted_by_hand_come_back_with_the_next_audit(
    cluster: Cluster, namespace: str, rig: OperatorRig
) -> None:
    rig.start(auditSeconds=2.0)
    cluster.apply([provider(), route()], namespace=namespace)
    eventually("all of them are there", lambda: len(present(cluster, namespace)) == len(WORKLOADS))
    cluster.kubectl("delete", "service/turnout", "networkpolicy/turnout-gateway", "-n", namespace)
    eventually("they are back", lambda: len(present(cluster, namespace)) == len(WORKLOADS))


def test_a_namespace_can_be_deleted_whole(cluster: Cluster, namespace: str, operator: Replica) -> None:
    cluster.apply([provider(), route()], namespace=namespace)
    eventually("all of them are there", lambda: len(present(cluster, namespace)) == len(WORKLOADS))
    cluster.request("DELETE", f"/api/v1/namespaces/{namespace}")
    eventually(
        "it is gone",
        lambda: (
            not any(
                item["metadata"]["name"] == namespace for item in cluster.request("GET", "/api/v1/namespaces")["items"]
            )
        ),
        60,
    )
