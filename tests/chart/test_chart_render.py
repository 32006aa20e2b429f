"""What the chart `turnout` renders to, without a cluster: goldens over several sets of values, and what holds for all of them."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest
import yaml

from chart.rendering import CASES, CHART, CRDS_CHART, DIGEST, NAMESPACE, NOTES, ROOT, Json, objects, one, parse, texts
from turnout_contract import __version__

GOLDEN = Path(__file__).parent / "golden"
CLUSTER_WIDE = {
    "ClusterRole", "ClusterRoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
}  # fmt: skip
HELM_WARNING = 2

every_case = pytest.mark.parametrize("case", CASES)


@every_case
def test_the_rendered_objects_are_the_golden_ones(case: str, update_golden: bool) -> None:
    golden = GOLDEN / f"{case}.yaml"
    text = yaml.safe_dump_all(objects(CASES[case]), sort_keys=True, width=120)
    if update_golden:
        golden.write_text(text, encoding="utf-8")
    assert parse(golden.read_text(encoding="utf-8")) == parse(text), "make golden writes it anew, if this is meant"


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.parametrize("chart", [CHART, CRDS_CHART], ids=lambda path: path.name)
def test_the_charts_are_linted_without_a_warning(chart: Path) -> None:
    cases = CASES.values() if chart == CHART else [{}]
    for values in cases:
        report = helm.lint(chart, values, strict=True, namespace=NAMESPACE, kube_version="v1.30.0")
        assert report["errors"] == []
        assert [found for found in report["messages"] if found["severity"] >= HELM_WARNING] == []


@every_case
def test_every_object_is_whole_and_known_as_ours(case: str) -> None:
    seen = set()
    for found in objects(CASES[case]):
        metadata = found["metadata"]
        key = (found["kind"], metadata.get("namespace"), metadata["name"])
        assert key not in seen, "an object is rendered twice"
        seen.add(key)
        assert found["apiVersion"]
        assert ("namespace" in metadata) == (found["kind"] not in CLUSTER_WIDE)
        assert metadata["labels"]["app.kubernetes.io/part-of"] == "turnout"
        assert metadata["labels"]["app.kubernetes.io/instance"] == "turnout"
        assert list(nulls(found, found["kind"])) == []


def nulls(value: Any, path: str) -> Iterator[str]:
    """Where a null stands: a field that the template left empty."""
    if value is None:
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from nulls(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from nulls(inner, f"{path}[{index}]")


@every_case
def test_every_pod_meets_the_restricted_standard(case: str) -> None:
    rendered = objects(CASES[case])
    pods = [found["spec"]["template"]["spec"] for found in rendered if found["kind"] == "Deployment"]
    pods += [found["spec"] for found in rendered if found["kind"] == "Pod"]
    assert len(pods) == 2
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.keys()
        assert not [volume for volume in pod.get("volumes", ()) if "hostPath" in volume]


def test_another_setting_is_another_pod_and_another_replica_count_is_not() -> None:
    def template(values: Json) -> Any:
        return one(objects(values), "Deployment")["spec"]["template"]

    assert template({"auditSeconds": 60}) != template({})
    assert template({"replicas": 5}) == template({})


def test_a_digest_pins_the_image_of_operator_and_gateways() -> None:
    rendered = objects({"image": {"digest": DIGEST}})
    assert one(rendered, "Deployment")["spec"]["template"]["spec"]["containers"][0]["image"] == f"turnout@{DIGEST}"
    assert f'image: "turnout@{DIGEST}"' in one(rendered, "ConfigMap")["data"]["operator.yaml"]


@pytest.mark.parametrize(
    ("own", "image"),
    [
        ({}, f"turnout:1@{DIGEST}"),
        ({"tag": "2"}, "turnout:2"),
        ({"repository": "other"}, "other:0.1.0"),
        ({"repository": "other", "digest": DIGEST}, f"other@{DIGEST}"),
    ],
)
def test_the_gateways_image_is_the_operators_but_for_what_is_said(own: Json, image: str) -> None:
    rendered = objects({"image": {"tag": "1", "digest": DIGEST}, "gateway": {"image": own}})
    assert f'image: "{image}"' in one(rendered, "ConfigMap")["data"]["operator.yaml"]


def test_the_certificates_secret_is_rendered_empty_and_kept() -> None:
    secret = one(objects({}), "Secret")
    assert not {"data", "stringData"} & secret.keys()
    assert secret["type"] == "Opaque"
    assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_cert_manager_makes_a_secret_of_another_name() -> None:
    own = one(objects({}), "Secret")["metadata"]["name"]
    rendered = objects(CASES["cert-manager"])
    assert not [found for found in rendered if found["kind"] == "Secret"]
    serving = one(rendered, "Certificate", "turnout-operator")["spec"]
    assert serving["secretName"] != own
    assert serving["dnsNames"] == [f"turnout-operator.{NAMESPACE}.svc", "turnout.example"]
    assert serving["ipAddresses"] == ["10.0.0.7"]


def test_a_gateway_finds_only_operators_that_are_ready() -> None:
    service = one(objects({}), "Service", "turnout-operator")["spec"]
    assert service["clusterIP"] == "None"
    assert service["publishNotReadyAddresses"] is False
    assert [port["port"] for port in service["ports"]] == [8443]


def test_the_network_policy_denies_all_but_what_is_named() -> None:
    policy = one(objects(CASES["full"]), "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [[port["port"] for port in rule["ports"]] for rule in policy["ingress"]] == [[8443], [8081]]
    assert all(rule["from"] for rule in policy["ingress"])
    assert [[port["port"] for port in rule["ports"]] for rule in policy["egress"]] == [
        [53, 53], [443, 6443], [6333], [3128],
    ]  # fmt: skip


def test_the_notes_say_how_to_see_the_status() -> None:
    notes = texts(CASES["some-namespaces"])[NOTES]
    assert "turnout status" in notes
    assert "serving billing, claims, turnout-system" in notes


@pytest.mark.parametrize("chart", [CHART, CRDS_CHART], ids=lambda path: path.name)
def test_the_charts_bear_the_version_of_the_package(chart: Path) -> None:
    metadata = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    assert metadata["version"] == metadata["appVersion"] == __version__


def test_the_crds_chart_is_the_committed_definitions_kept_on_uninstall() -> None:
    rendered = {found["metadata"]["name"]: found for found in objects({}, chart=CRDS_CHART)}
    committed = [parse(path.read_text(encoding="utf-8"))[0] for path in sorted((ROOT / "crds").glob("*.yaml"))]
    assert len(committed) == 7
    assert rendered.keys() == {found["metadata"]["name"] for found in committed}
    for found in committed:
        chart = copy.deepcopy(rendered[found["metadata"]["name"]])
        assert chart["metadata"]["annotations"].pop("helm.sh/resource-policy") == "keep"
        assert chart["spec"] == found["spec"]
