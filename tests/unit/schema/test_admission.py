"""The folder of valid and invalid resources, tried on the standalone admission.

`tests/cluster/test_admission_real.py` tries the same folder on a real API server: one schema and rule set, one test over both.
"""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from resource_folder import INVALID, VALID, expectation, in_floats, objects
from turnout_contract.api.registry import KINDS, decode
from turnout_contract.schema.admission import Admission, Finding

ADMISSION = Admission()


def admit(obj: dict[str, Any]) -> tuple[Finding, ...]:
    return ADMISSION.admit(obj)[1]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_resource_is_admitted_and_can_be_decoded(path: Path) -> None:
    for obj in objects(path):
        admitted, findings = ADMISSION.admit(obj)
        assert findings == ()
        assert decode(admitted).kind == obj["kind"]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_whole_float_is_the_integer_that_it_is_worth(path: Path) -> None:
    for obj in objects(path):
        floats = {**obj, "spec": in_floats(obj["spec"])}
        admitted, findings = ADMISSION.admit(floats)
        assert findings == ()
        assert json.dumps(admitted["spec"]) == json.dumps(ADMISSION.admit(obj)[0]["spec"])


@pytest.mark.parametrize("replicas", [1.5, -1.0, 1e4, 1e300, float("inf"), float("nan")])
def test_a_float_that_is_no_integer_or_out_of_bounds_is_refused(replicas: float) -> None:
    kind = {"apiVersion": "turnout.dev/v1alpha1", "kind": "ModelGateway", "metadata": {"name": "default"}}
    (found,) = admit({**kind, "spec": {"replicas": replicas}})
    assert found.path == "spec.replicas"


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_resource_is_refused_naming_the_field(path: Path) -> None:
    (obj,) = objects(path)
    findings = admit(obj)
    assert findings
    assert any(expectation(path) in f"{found.path}: {found.message}" for found in findings), findings


def test_there_are_valid_and_invalid_resources_of_every_kind() -> None:
    assert len(INVALID) >= 70
    for paths in (VALID, INVALID):
        assert {obj["kind"] for path in paths for obj in objects(path)} == set(KINDS)


def test_admission_never_changes_the_object_that_it_is_given() -> None:
    for path in (*VALID, *INVALID):
        for obj in objects(path):
            before = copy.deepcopy(obj)
            admit(obj)
            assert obj == before


def test_admission_fills_in_defaults_where_the_parent_is_present() -> None:
    obj = {
        "apiVersion": "turnout.dev/v1alpha1",
        "kind": "ModelRoute",
        "metadata": {"name": "search", "uid": "made-up", "creationTimestamp": "2020-01-01T00:00:00Z"},
        "spec": {
            "rules": [{"name": "all", "backendRefs": [{"name": "acme", "model": "small"}]}],
            "retry": {"attempts": 1},
        },
        "status": {"conditions": []},
    }
    admitted, findings = ADMISSION.admit(obj)
    assert findings == ()
    assert admitted["metadata"] == {"name": "search"}
    assert "status" not in admitted
    assert admitted["spec"]["visibility"] == "Public"
    assert admitted["spec"]["rules"][0]["strategy"] == "Weighted"
    assert admitted["spec"]["rules"][0]["backendRefs"][0] == {
        "name": "acme",
        "model": "small",
        "weight": 1,
        "priority": 0,
    }
    assert admitted["spec"]["retry"]["budgetPercent"] == 10
    assert "timeouts" not in admitted["spec"]


def test_defaults_are_not_shared_between_objects() -> None:
    obj = {
        "apiVersion": "turnout.dev/v1alpha1",
        "kind": "ModelProvider",
        "metadata": {"name": "acme"},
        "spec": {"protocol": "OpenAI", "endpoint": "http://acme", "models": [{"name": "small"}]},
    }
    first, _ = ADMISSION.admit(obj)
    first["spec"]["models"][0]["capabilities"].append("Tools")
    second, _ = ADMISSION.admit(obj)
    assert second["spec"]["models"][0]["capabilities"] == ["Chat"]


@pytest.mark.parametrize(
    ("obj", "path"),
    [
        ({"apiVersion": "turnout.dev/v1alpha1", "kind": "Deployment", "metadata": {"name": "a"}}, "kind"),
        ({"apiVersion": "turnout.dev/v1", "kind": "ModelRoute", "metadata": {"name": "a"}}, "apiVersion"),
        ({"apiVersion": "turnout.dev/v1alpha1", "kind": ["ModelRoute"]}, "kind"),
        ({"apiVersion": "turnout.dev/v1alpha1", "kind": "Budget", "metadata": "x", "spec": {}}, "metadata"),
        ({"apiVersion": "turnout.dev/v1alpha1", "kind": "CachePolicy", "metadata": {"name": "a"}, "spec": []}, "spec"),
        (
            {"apiVersion": "turnout.dev/v1alpha1", "kind": "CachePolicy", "metadata": {"name": 7}, "spec": {}},
            "metadata.name",
        ),
        (
            {
                "apiVersion": "turnout.dev/v1alpha1",
                "kind": "CachePolicy",
                "metadata": {"name": "a", "x": 1},
                "spec": {},
            },
            "metadata.x",
        ),
    ],
)
def test_what_is_no_object_of_ours_is_refused(obj: dict[str, Any], path: str) -> None:
    assert path in [found.path for found in admit(obj)]


def test_a_boolean_is_not_an_integer() -> None:
    obj = {"apiVersion": "turnout.dev/v1alpha1", "kind": "ModelGateway", "metadata": {"name": "default"}}
    assert [found.path for found in admit({**obj, "spec": {"replicas": True}})] == ["spec.replicas"]


def test_a_huge_value_is_not_repeated_in_the_message() -> None:
    obj = {"apiVersion": "turnout.dev/v1alpha1", "kind": "CachePolicy", "metadata": {"name": "a"}}
    (found,) = admit({**obj, "spec": {"mode": "x" * 100_000}})
    assert len(found.message) < 500


def test_half_of_a_surrogate_pair_is_no_text() -> None:
    rule = {"name": "all", "backendRefs": [{"name": "acme", "model": "small"}]}
    rule["matches"] = [{"headers": [{"name": "a", "value": "\ud800"}]}]
    obj = {
        "apiVersion": "turnout.dev/v1alpha1",
        "kind": "ModelRoute",
        "metadata": {"name": "a"},
        "spec": {"rules": [rule]},
    }
    assert [found.path for found in admit(obj)] == ["spec.rules[0].matches[0].headers[0].value"]
