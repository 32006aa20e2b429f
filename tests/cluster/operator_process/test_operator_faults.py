"""What goes wrong in a cluster, done to a real one: kinds deleted, storms of objects, hands in our status, clocks of etcd."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cluster.kube import Cluster, eventually
from cluster.operator_rig import (
    REPOSITORY,
    FakeGateway,
    OperatorRig,
    Replica,
    condition,
    custom,
    has_condition,
    install_crds,
    model_gateway,
    provider,
    route,
    there,
)

Fleet = Callable[..., list[FakeGateway]]
Json = dict[str, Any]
ROUTES = 100


@pytest.fixture
def definitions_again(cluster: Cluster) -> Iterator[None]:
    """The CRDs are there after the test, whatever it did to them."""
    yield
    cluster.apply(REPOSITORY / "crds")


def test_a_deleted_kind_empties_no_gateway(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet, definitions_again: None
) -> None:
    cluster.apply([provider(), route()], namespace=namespace)
    (gateway,) = fleet(operator)
    eventually("it runs", lambda: gateway.runs("ModelRoute", "assistant", 1))
    pushes = len(gateway.pushes)
    cluster.kubectl("delete", "crd", "modelroutes.turnout.dev")
    time.sleep(3)  # longer than debounce, audit and compilation
    assert len(gateway.pushes) == pushes
    assert there(cluster, namespace, "deployments", "turnout-gateway", "/apis/apps/v1")
    held = has_condition(cluster, namespace, "modelproviders", "openai", "Programmed", "False", "DefinitionMissing")
    assert "ModelRoute" in eventually("what is left says so", held)["message"]
    in_trouble = 'turnout_operator_namespaces_in_trouble{reason="DefinitionMissing"}'
    eventually("it is counted", lambda: operator.metric(in_trouble) == 1)
    shown = json.loads(operator.get("/gateways")[1])["namespaces"][namespace]
    assert [trouble["reason"] for trouble in shown["troubles"]] == ["DefinitionMissing"]
    cluster.apply(REPOSITORY / "crds")
    cluster.apply([route(sensitivity="Confidential")], namespace=namespace)
    eventually(
        "it is served again", has_condition(cluster, namespace, "modelroutes", "assistant", "Programmed", "True"), 60
    )
    assert all('"routes":[]' not in push.snapshot for push in gateway.pushes)


def test_a_loss_that_is_meant_is_released_by_an_annotation(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet, definitions_again: None
) -> None:
    cluster.apply([provider(), route()], namespace=namespace)
    (gateway,) = fleet(operator)
    eventually("it runs", lambda: gateway.runs("ModelRoute", "assistant", 1))
    cluster.kubectl("delete", "crd", "modelroutes.turnout.dev")
    held = has_condition(cluster, namespace, "modelproviders", "openai", "Programmed", "False", "DefinitionMissing")
    eventually("it is held", held)
    cluster.kubectl("annotate", "namespace", namespace, "--overwrite", "turnout.dev/released-at=now")
    eventually("the gateway has no route", lambda: (s := gateway.snapshot) is not None and s.routes == ())
    eventually("it is ready", has_condition(cluster, namespace, "modelproviders", "openai", "Ready", "True"))


def test_a_storm_of_routes_is_one_push_or_few_and_every_status_is_right(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([provider(), route()], namespace=namespace)
    (gateway,) = fleet(operator)
    eventually("it runs", lambda: gateway.runs("ModelRoute", "assistant", 1))
    before = len(gateway.pushes)
    written = operator.metric('turnout_operator_status_write_total{result="written"}')
    cluster.apply([route(f"route-{number}") for number in range(ROUTES)], namespace=namespace)

    def right() -> bool:
        path = f"/apis/turnout.dev/v1alpha1/namespaces/{namespace}/modelroutes"
        items = cluster.request("GET", path)["items"]
        done = [item for item in items if condition(item, "Programmed").get("status") == "True"]
        return len(done) == ROUTES + 1

    eventually("all are programmed", right, 60)
    assert len(gateway.pushes) - before <= 20
    assert operator.metric('turnout_operator_status_write_total{result="written"}') - written <= 2 * ROUTES + 10
    cluster.kubectl("delete", "modelroute", "--all", "-n", namespace)
    eventually("all are gone", lambda: (s := gateway.snapshot) is not None and s.routes == (), 60)


def test_a_status_that_somebody_overwrote_is_put_right(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([provider(), route()], namespace=namespace)
    fleet(operator)
    eventually("it is right", has_condition(cluster, namespace, "modelroutes", "assistant", "Programmed", "True"))
    item = custom(cluster, namespace, "modelroutes", "assistant")
    for one in item["status"]["conditions"]:
        one["status"], one["message"] = "False", "somebody was here"
    path = f"/apis/turnout.dev/v1alpha1/namespaces/{namespace}/modelroutes/assistant/status"
    cluster.request("PUT", path, item)
    found = eventually(
        "it is right again", has_condition(cluster, namespace, "modelroutes", "assistant", "Programmed", "True")
    )
    assert found["message"] != "somebody was here"


def test_an_object_made_anew_under_its_name_gets_a_status_of_its_own(
    cluster: Cluster, namespace: str, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([provider(), route()], namespace=namespace)
    (gateway,) = fleet(operator)
    eventually("it is right", has_condition(cluster, namespace, "modelroutes", "assistant", "Programmed", "True"))
    for _ in range(3):
        cluster.kubectl("delete", "modelroute", "assistant", "-n", namespace)
        cluster.apply([route()], namespace=namespace)
    uid = custom(cluster, namespace, "modelroutes", "assistant")["metadata"]["uid"]
    eventually("it is right", has_condition(cluster, namespace, "modelroutes", "assistant", "Programmed", "True"))
    assert gateway.snapshot is not None
    assert uid in {source.uid for source in gateway.snapshot.sources}


def test_only_the_named_namespaces_are_watched_where_some_are_named(
    cluster: Cluster, namespace: str, rig: OperatorRig
) -> None:
    install_crds(cluster)
    elsewhere = f"{namespace}-b"
    cluster.create_namespace(elsewhere)
    rig.start(watchNamespaces=[namespace])
    cluster.apply([provider()], namespace=elsewhere)
    cluster.apply([provider()], namespace=namespace)
    eventually("ours is looked at", has_condition(cluster, namespace, "modelproviders", "openai", "Ready", "True"))
    found = condition(custom(cluster, elsewhere, "modelproviders", "openai"), "Ready")
    assert found["status"] == "Unknown"
    cluster.request("DELETE", f"/api/v1/namespaces/{elsewhere}")


def test_an_operator_with_nothing_to_do_writes_nothing_at_its_audits(
    cluster: Cluster, namespace: str, rig: OperatorRig, fleet: Fleet
) -> None:
    operator = rig.start(auditSeconds=1.0)
    cluster.apply([model_gateway(replicas=1), provider(), route()], namespace=namespace)
    (gateway,) = fleet(operator)
    for plural, name in (("modelgateways", "default"), ("modelproviders", "openai"), ("modelroutes", "assistant")):
        eventually("it is programmed", has_condition(cluster, namespace, plural, name, "Programmed", "True"))
    eventually(
        "the gateway is listed",
        lambda: (
            [one["version"] for one in custom(cluster, namespace, "modelgateways", "default")["status"]["gateways"]]
            == [gateway.have.version]
        ),
    )
    time.sleep(2.5)  # the grace of the first term, and audits
    counter = 'turnout_operator_status_write_total{result="written"}'
    before = operator.metric(counter)
    time.sleep(4)  # several audits, each of which looks at every status
    assert operator.metric(counter) == before
    for plural, name in (("modelgateways", "default"), ("modelproviders", "openai"), ("modelroutes", "assistant")):
        messages = [one.get("message") for one in custom(cluster, namespace, plural, name)["status"]["conditions"]]
        assert "Waiting for the operator" not in messages
