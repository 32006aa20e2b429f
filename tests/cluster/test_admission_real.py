"""The folder of valid and invalid resources, tried on a real API server (dry run, strict field validation).

`tests/unit/schema/test_admission.py` tries the same folder on the standalone admission.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.kube import ApiError, Cluster
from resource_folder import INVALID, VALID, expectation, in_floats, objects
from resource_mutations import mutations
from turnout_contract.api import conditions
from turnout_contract.api.meta import API_VERSION
from turnout_contract.api.registry import KINDS
from turnout_contract.schema.admission import Admission
from turnout_contract.schema.crd import crd

ADMISSION = Admission()


@pytest.fixture(scope="module")
def definitions(cluster: Cluster) -> None:
    cluster.apply([crd(kind) for kind in KINDS.values()])


def create(cluster: Cluster, obj: dict[str, Any], *, dry_run: bool = True) -> dict[str, Any]:
    plural = KINDS[obj["kind"]].plural
    query = "fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
    return cluster.request("POST", f"/apis/{API_VERSION}/namespaces/default/{plural}?{query}", obj)


def attempt(cluster: Cluster, obj: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    try:
        return create(cluster, obj), ""
    except ApiError as refused:
        return None, refused.message


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_resource_is_created_with_the_defaults_that_admission_gives_it(
    cluster: Cluster, definitions: None, path: Path
) -> None:
    for obj in objects(path):
        created = create(cluster, obj)
        assert created["spec"] == ADMISSION.admit(obj)[0]["spec"]
        assert created["status"] == {"conditions": conditions.pending()}


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_whole_floats_are_stored_as_integers_as_admission_has_it(
    cluster: Cluster, definitions: None, path: Path
) -> None:
    for obj in objects(path):
        floats = yaml.safe_dump({**obj, "spec": in_floats(obj["spec"])})
        made = cluster.kubectl("create", "--dry-run=server", "--output=json", "--filename=-", input=floats)
        admitted = ADMISSION.admit(yaml.safe_load(floats))[0]["spec"]
        assert json.dumps(json.loads(made.stdout)["spec"], sort_keys=True) == json.dumps(admitted, sort_keys=True)


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_resource_is_refused_by_the_server_naming_the_field(
    cluster: Cluster, definitions: None, path: Path
) -> None:
    (obj,) = objects(path)
    with pytest.raises(ApiError) as refused:
        create(cluster, obj)
    assert refused.value.status in {400, 422}
    assert expectation(path) in refused.value.message


def test_admission_and_the_server_agree_on_resources_changed_at_random(cluster: Cluster, definitions: None) -> None:
    for obj in mutations([obj for path in VALID for obj in objects(path)], count=600, seed=20):
        admitted, findings = ADMISSION.admit(obj)
        created, refusal = attempt(cluster, obj)
        if created is not None:
            assert not findings, (obj, findings)
            assert created["spec"] == admitted["spec"]
        else:
            named = {found.path.partition("[")[0] for found in findings}
            assert any(name in refusal for name in named), (obj, findings, refusal)


def test_kubectl_shows_the_columns_and_finds_all_kinds_by_their_category(
    cluster: Cluster, definitions: None, namespace: str
) -> None:
    seen: set[str] = set()
    for path in VALID:
        for obj in objects(path):
            if obj["kind"] not in seen:
                seen.add(obj["kind"])
                cluster.apply(obj, namespace=namespace)
    shown = cluster.kubectl("get", "turnout", "-n", namespace).stdout
    for kind in KINDS.values():
        assert f"{kind.singular}.turnout.dev/" in shown
        assert cluster.kubectl("get", kind.short, "-n", namespace, "-o", "name").stdout.startswith(kind.singular)
    for line in shown.splitlines():
        if line.startswith("NAME"):
            assert line.split()[-4:] == ["READY", "PROGRAMMED", "REASON", "AGE"]


def test_a_definition_survives_being_applied_again(cluster: Cluster, definitions: None) -> None:
    before = [cluster.request("GET", f"{_CRDS}/{kind.crd_name}")["metadata"]["generation"] for kind in KINDS.values()]
    cluster.apply([crd(kind) for kind in KINDS.values()])
    after = [cluster.request("GET", f"{_CRDS}/{kind.crd_name}")["metadata"]["generation"] for kind in KINDS.values()]
    assert after == before


_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
