"""Workloads are made, kept and removed; what is not ours is left alone."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from turnout_operator.kube import ApiError, AsyncKube
from turnout_operator.kube_fake import FakeKube
from turnout_operator.settings import GatewayDefaults
from turnout_operator.workloads.reconcile import PLACES, Reconciler, claimed
from turnout_operator.workloads.render import Facts, render

FACTS = Facts(
    namespace="claims",
    secrets=(),
    drain_seconds=10,
    replicas=2,
    ca="ca",
    operator_url="wss://operator",
    operator_namespace="system",
    operator_port=8443,
)
PATHS = {kind: f"{place.folder('claims')}/{place.name}" for kind, place in PLACES.items()}


def reconciler(kube: FakeKube) -> Reconciler:
    return Reconciler(AsyncKube(kube, ThreadPoolExecutor(1)))


async def test_all_is_made_and_all_is_removed() -> None:
    kube = FakeKube()
    outcome = await reconciler(kube).make("claims", render(FACTS, GatewayDefaults()), 2)
    assert outcome.trouble is None
    assert set(kube.objects) == set(PATHS.values())
    assert kube.objects[PATHS["Deployment"]]["spec"]["replicas"] == 2
    await reconciler(kube).remove("claims")
    assert kube.objects == {}


async def test_what_is_not_wanted_any_more_goes() -> None:
    kube = FakeKube()
    await reconciler(kube).make("claims", render(FACTS, GatewayDefaults()), 2)
    await reconciler(kube).make("claims", render(FACTS, GatewayDefaults(network_policy=False)), 2)
    assert PATHS["NetworkPolicy"] not in kube.objects
    assert PATHS["Deployment"] in kube.objects


async def test_a_foreign_object_is_named_and_neither_changed_nor_removed() -> None:
    kube = FakeKube()
    theirs = {"metadata": {"name": "turnout", "namespace": "claims"}, "spec": {"mine": True}}
    kube.request("POST", PATHS["Service"].rsplit("/", 1)[0], body=theirs)
    before = kube.objects[PATHS["Service"]]
    outcome = await reconciler(kube).make("claims", render(FACTS, GatewayDefaults()), 2)
    assert outcome.foreign == ("Service/turnout",)
    await reconciler(kube).remove("claims")
    assert kube.objects == {PATHS["Service"]: before}


async def test_one_made_in_the_very_moment_stays_as_it_is() -> None:
    kube = FakeKube()
    theirs = {"metadata": {"name": "turnout", "namespace": "claims"}, "spec": {"mine": True}}
    folder = PATHS["Service"].rsplit("/", 1)[0]

    def fault(method: str, path: str) -> None:
        if method != "GET" and path.startswith(folder):  # they were quicker than what we are about to write
            kube.fault = None
            kube.request("POST", folder, body=theirs)

    kube.fault = fault
    outcome = await reconciler(kube).make("claims", render(FACTS, GatewayDefaults()), 2)
    assert outcome.foreign == ("Service/turnout",)
    assert kube.objects[PATHS["Service"]]["spec"] == {"mine": True}
    assert "labels" not in kube.objects[PATHS["Service"]]["metadata"]


async def test_one_made_by_a_former_leader_in_the_very_moment_is_ours() -> None:
    kube = FakeKube()
    folder = PATHS["Service"].rsplit("/", 1)[0]
    service = next(item for item in render(FACTS, GatewayDefaults()) if item["kind"] == "Service")

    def fault(method: str, path: str) -> None:
        if method != "GET" and path.startswith(folder):
            kube.fault = None
            kube.request("POST", folder, body={**service, "spec": {}})

    kube.fault = fault
    outcome = await reconciler(kube).make("claims", render(FACTS, GatewayDefaults()), 2)
    assert outcome.foreign == ()
    assert kube.objects[PATHS["Service"]]["spec"] == service["spec"]


async def test_a_conflict_that_is_not_about_the_name_is_tried_again_later() -> None:
    kube = FakeKube()

    def fault(method: str, path: str) -> None:
        if method == "POST" and path.endswith("/services"):
            raise ApiError(409, "Conflict", "Operation cannot be fulfilled on resourcequotas")

    kube.fault = fault
    with pytest.raises(ApiError):
        await reconciler(kube).make("claims", render(FACTS, GatewayDefaults()), 2)


def test_a_creation_is_turned_into_an_apply_and_others_fields_stay_theirs() -> None:
    theirs = {"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": {}, "subresource": "status"}
    created = {"manager": "turnout-operator", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:spec": {}}}
    applied = {**created, "operation": "Apply"}
    (kept, ours) = claimed({"metadata": {"managedFields": [created, theirs]}}) or []
    assert kept == theirs
    assert (ours["operation"], list(ours["fieldsV1"])) == ("Apply", ["f:metadata"])
    assert claimed({"metadata": {"managedFields": [applied, created, theirs]}}) == [applied, theirs]
    assert claimed({"metadata": {"managedFields": [applied, theirs]}}) is None


async def test_whoever_scales_keeps_the_replicas() -> None:
    kube = FakeKube()
    await reconciler(kube).make("claims", render(FACTS, GatewayDefaults()), 2)
    kube.objects[PATHS["Deployment"]]["spec"]["replicas"] = 7
    patched = []

    def fault(method: str, path: str) -> None:
        if method == "PATCH" and path == PATHS["Deployment"]:
            patched.append(path)
            if len(patched) == 2:  # the second is the one with replicas, and without force
                raise ApiError(409, "Conflict", "the autoscaler owns .spec.replicas")

    kube.fault = fault
    outcome = await reconciler(kube).make("claims", render(FACTS, GatewayDefaults()), 3)
    assert outcome.trouble is None
    assert kube.objects[PATHS["Deployment"]]["spec"]["replicas"] == 7
