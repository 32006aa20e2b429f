"""How workloads come into being at a real API server: never by touching what somebody else makes in the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cluster.kube import Cluster
from cluster.operator_rig import there
from turnout_operator.kube import AsyncKube, ClusterKube, configure
from turnout_operator.settings import GatewayDefaults
from turnout_operator.workloads.reconcile import Reconciler
from turnout_operator.workloads.render import Facts, render

Json = dict[str, Any]


def facts(namespace: str, **annotations: str) -> Facts:
    return Facts(
        namespace=namespace,
        secrets=(),
        drain_seconds=10,
        replicas=3,
        ca="ca",
        operator_url="wss://operator",
        operator_namespace="system",
        operator_port=8443,
        service_account_annotations=annotations,
    )


class Interrupted:
    """An API server at which something happens just before the first write below a path."""

    def __init__(self, kubeconfig: Path, folder: str, happens: Callable[[], object]) -> None:
        self._kube = ClusterKube(configure(str(kubeconfig)))
        self._folder = folder
        self._happens: Callable[[], object] | None = happens

    def request(self, method: str, path: str, **options: Any) -> Json:
        happens = self._happens
        if happens is not None and method != "GET" and path.startswith(self._folder):
            self._happens = None
            happens()
        return self._kube.request(method, path, **options)


def reconciler(kube: Any) -> Reconciler:
    return Reconciler(AsyncKube(kube, ThreadPoolExecutor(1)))


async def test_an_account_that_somebody_makes_in_the_same_moment_is_not_touched(
    cluster: Cluster, namespace: str
) -> None:
    folder = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    # Nothing in it contradicts what we would apply: an apply without force would have been merged into it.
    theirs: Json = {"metadata": {"name": "turnout-gateway"}}
    made: list[Json] = []
    kube = Interrupted(cluster.kubeconfig, folder, lambda: made.append(cluster.request("POST", folder, theirs)))
    outcome = await reconciler(kube).make(namespace, render(facts(namespace), GatewayDefaults()), 3)
    assert outcome.foreign == ("ServiceAccount/turnout-gateway",)
    (before,), now = made, there(cluster, namespace, "serviceaccounts", "turnout-gateway")
    assert now is not None
    assert "labels" not in now["metadata"]
    assert now["metadata"]["uid"] == before["metadata"]["uid"]
    assert "automountServiceAccountToken" not in now


async def test_what_was_created_belongs_to_apply_and_the_replicas_to_whoever_scales(
    cluster: Cluster, namespace: str
) -> None:
    made = reconciler(ClusterKube(configure(str(cluster.kubeconfig))))
    await made.make(namespace, render(facts(namespace, role="arn"), GatewayDefaults()), 3)
    deployment = there(cluster, namespace, "deployments", "turnout-gateway", "/apis/apps/v1")
    assert deployment is not None
    assert deployment["spec"]["replicas"] == 3
    owners = {(entry["manager"], entry["operation"]) for entry in deployment["metadata"]["managedFields"]}
    assert ("turnout-operator", "Update") not in owners
    assert {("turnout-operator", "Apply"), ("turnout-operator-replicas", "Apply")} <= owners

    await made.make(namespace, render(facts(namespace), GatewayDefaults()), 2)
    account = there(cluster, namespace, "serviceaccounts", "turnout-gateway")
    assert account is not None
    assert "annotations" not in account["metadata"], "what is no longer applied is gone"
    deployment = there(cluster, namespace, "deployments", "turnout-gateway", "/apis/apps/v1")
    assert deployment is not None
    assert deployment["spec"]["replicas"] == 2


async def test_a_creation_that_was_cut_short_is_finished_by_the_next_one(cluster: Cluster, namespace: str) -> None:
    manifests = render(facts(namespace, role="arn"), GatewayDefaults())
    account = next(item for item in manifests if item["kind"] == "ServiceAccount")
    kube = ClusterKube(configure(str(cluster.kubeconfig)))
    folder = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    kube.request("POST", folder, query={"fieldManager": "turnout-operator"}, body=account)
    await reconciler(kube).make(namespace, render(facts(namespace), GatewayDefaults()), 2)
    left = there(cluster, namespace, "serviceaccounts", "turnout-gateway")
    assert left is not None
    assert {entry["operation"] for entry in left["metadata"]["managedFields"]} == {"Apply"}
