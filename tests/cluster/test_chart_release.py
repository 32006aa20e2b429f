"""The charts as releases on a real API server: installed, upgraded, rolled back, tested, uninstalled, and what stays."""

import base64
import json
import secrets
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest
import yaml

from chart.rendering import CASES, objects
from cluster.charts import CHART, CRDS_CHART, CRDS_RELEASE, Installed, config, install, leave_definitions_to_helm
from cluster.kube import ApiError, Cluster, eventually
from turnout_contract.api.meta import API_VERSION
from turnout_contract.api.registry import KINDS

Json = dict[str, Any]
RELEASE = "second"
MONITORING = {"ServiceMonitor": "servicemonitors", "PodMonitor": "podmonitors", "PrometheusRule": "prometheusrules"}


@pytest.fixture(scope="module")
def second(cluster: Cluster, turnout_installed: Installed) -> Iterator[Installed]:
    """A second release of the chart, in a namespace of its own, so that the session's stays as it is.

    Every test leaves it installed, with no values.
    """
    installed = install(cluster, f"release-{secrets.token_hex(4)}", release=RELEASE)
    yield installed
    with config(cluster, installed.namespace) as connection:
        connection.uninstall(RELEASE, ignore_not_found=True)
    cluster.request("DELETE", f"/api/v1/namespaces/{installed.namespace}")


def deployment(installed: Installed) -> Json:
    path = f"/apis/apps/v1/namespaces/{installed.namespace}/deployments/{installed.name}"
    return installed.cluster.request("GET", path)


def settings(installed: Installed) -> Json:
    path = f"/api/v1/namespaces/{installed.namespace}/configmaps/{installed.name}"
    found: Json = yaml.safe_load(installed.cluster.request("GET", path)["data"]["operator.yaml"])
    return found


def history(installed: Installed) -> list[str]:
    with config(installed.cluster, installed.namespace) as connection:
        return [revision["status"] for revision in connection.history(installed.release)]


def test_what_is_rendered_is_there(cluster: Cluster, turnout_installed: Installed) -> None:
    with config(cluster, turnout_installed.namespace) as connection:
        status = connection.status(turnout_installed.release)
    assert status["status"] == "deployed"
    rendered = [found for found in yaml.safe_load_all(status["manifest"]) if found]
    names = cluster.kubectl("get", "-f", "-", "-o", "name", input=status["manifest"]).stdout.split()
    assert len(names) == len(rendered) > 15


def test_the_kinds_are_established(cluster: Cluster, turnout_installed: Installed) -> None:
    for kind in KINDS.values():
        found = cluster.request("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind.crd_name}")
        assert {"type": "Established", "status": "True"}.items() <= {
            key: value for row in found["status"]["conditions"] if row["type"] == "Established" for key, value in row.items()
        }.items()  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_api_server_takes_every_field_that_is_rendered(
    cluster: Cluster, turnout_installed: Installed, namespace: str, case: str
) -> None:
    rendered = [found for found in objects(CASES[case]) if not found["apiVersion"].startswith("cert-manager.io/")]
    for found in rendered:
        if "namespace" in found["metadata"]:
            found["metadata"]["namespace"] = namespace
    # Each under a name of its own, since a dry run over what is there would be an update of it.
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": rendered}).replace("turnout-operator", "dry-run")
    done = cluster.kubectl("create", "--dry-run=server", "--validate=strict", "-o", "name", "-f", "-", input=text)
    assert len(done.stdout.split()) == len(rendered)
    assert "Warning" not in done.stderr


def test_the_operators_pods_are_admitted_where_the_restricted_standard_is_enforced(
    cluster: Cluster, turnout_installed: Installed
) -> None:
    namespace = cluster.request("GET", f"/api/v1/namespaces/{turnout_installed.namespace}")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    selector = "app.kubernetes.io%2Fcomponent%3Doperator"
    path = f"/api/v1/namespaces/{turnout_installed.namespace}/pods?labelSelector={selector}"
    wanted = deployment(turnout_installed)["spec"]["replicas"]
    eventually("the pods are made", lambda: len(cluster.request("GET", path)["items"]) == wanted)


def test_a_release_is_upgraded_and_rolled_back(second: Installed) -> None:
    before, revisions = deployment(second), history(second)
    assert before["spec"]["replicas"] == 2
    with config(second.cluster, second.namespace) as connection:
        connection.upgrade(CHART, RELEASE, {"replicas": 3, "auditSeconds": 60})
        assert deployment(second)["spec"]["replicas"] == 3
        assert deployment(second)["spec"]["template"] != before["spec"]["template"]
        assert settings(second)["auditSeconds"] == 60
        assert history(second) == ["superseded"] * len(revisions) + ["deployed"]

        connection.rollback(RELEASE)
    assert deployment(second)["spec"]["replicas"] == 2
    assert deployment(second)["spec"]["template"] == before["spec"]["template"]
    assert settings(second)["auditSeconds"] == 300
    assert history(second) == ["superseded"] * (len(revisions) + 1) + ["deployed"]


def test_an_upgrade_with_a_wrong_value_changes_nothing(second: Installed) -> None:
    before = history(second)
    with config(second.cluster, second.namespace) as connection, pytest.raises(helm.HelmError, match="replica"):
        connection.upgrade(CHART, RELEASE, {"replica": 3})
    assert history(second) == before


def test_the_certificate_survives_upgrade_rollback_and_uninstallation(second: Installed) -> None:
    cluster = second.cluster
    path = f"/api/v1/namespaces/{second.namespace}/secrets/{second.certificate_secret}"
    token = second.operator_token()
    secret = cluster.request("GET", path, token=token)
    assert "data" not in secret
    data = {"tls.crt": base64.b64encode(b"certificate").decode(), "tls.key": base64.b64encode(b"key").decode()}
    cluster.request("PUT", path, {**secret, "data": data}, token=token)

    with config(cluster, second.namespace) as connection:
        connection.upgrade(CHART, RELEASE, {"replicas": 1})
        assert cluster.request("GET", path)["data"] == data
        connection.rollback(RELEASE)
        assert cluster.request("GET", path)["data"] == data
        connection.uninstall(RELEASE)
        assert cluster.request("GET", path)["data"] == data
        with pytest.raises(ApiError, match="not found"):
            deployment(second)
        connection.install(CHART, RELEASE)
        assert cluster.request("GET", path)["data"] == data


def test_what_the_operator_scales_or_an_autoscaler_sets_is_not_the_charts(second: Installed) -> None:
    """The Lease and the workloads of gateways are in no manifest, so that no release can take them away."""
    with config(second.cluster, second.namespace) as connection:
        manifest = connection.status(RELEASE)["manifest"]
    kinds = {(found["kind"], found["metadata"]["name"]) for found in yaml.safe_load_all(manifest) if found}
    assert not [kind for kind, name in kinds if kind == "Lease" or name in {"turnout-gateway", "turnout-operator-ca"}]


def test_helm_test_passes_when_its_pod_does(second: Installed) -> None:
    cluster = second.cluster
    path = f"/api/v1/namespaces/{second.namespace}/pods/{second.name}-test"
    seen: list[Json] = []

    def succeed() -> None:
        """What a kubelet would say once the command has ended well."""
        seen.append(eventually("the pod of the test", lambda: get(cluster, path)))
        status = {"status": {"phase": "Succeeded"}}
        cluster.request("PATCH", f"{path}/status", status, content_type="application/merge-patch+json")

    kubelet = threading.Thread(target=succeed)
    kubelet.start()
    with config(cluster, second.namespace) as connection:
        connection.test(RELEASE, timeout=60)
    kubelet.join()
    assert seen[0]["spec"]["containers"][0]["args"][:2] == ["status", "--url"]
    assert f"{second.name}-admin.{second.namespace}.svc:8081" in seen[0]["spec"]["containers"][0]["args"][2]
    assert get(cluster, path) is None or get(cluster, path)["metadata"].get("deletionTimestamp")  # type: ignore[index]


def get(cluster: Cluster, path: str) -> Json | None:
    try:
        return cluster.request("GET", path)
    except ApiError:
        return None


# --- monitoring, which is rendered only where the cluster knows the kinds


@pytest.fixture(scope="module")
def monitoring(cluster: Cluster) -> Iterator[None]:
    """The Prometheus operator's kinds, as far as an API server needs to know them."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    made: list[Json] = []
    for kind, plural in MONITORING.items():
        version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": free}}
        spec = {
            "group": "monitoring.coreos.com", "scope": "Namespaced", "versions": [version],
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
        }  # fmt: skip
        made.append(
            {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": f"{plural}.monitoring.coreos.com"},
                "spec": spec,
            }
        )
    cluster.apply(made)
    yield
    cluster.kubectl("delete", "crd", *(found["metadata"]["name"] for found in made))


def rendered_for(second: Installed, values: Json) -> dict[str, Json]:
    """The objects of monitoring that an upgrade with these values would make, by kind."""
    with config(second.cluster, second.namespace) as connection:
        manifest = connection.upgrade(CHART, RELEASE, values, dry_run="server")["manifest"]
    found = [item for item in yaml.safe_load_all(manifest) if item and item["kind"] in MONITORING]
    return {item["kind"]: item for item in found}


def test_without_the_kinds_of_monitoring_none_is_made(second: Installed) -> None:
    assert rendered_for(second, {}) == {}


def test_monitors_and_alerts_are_made_where_the_cluster_knows_them(second: Installed, monitoring: None) -> None:
    with config(second.cluster, second.namespace) as connection:
        connection.upgrade(CHART, RELEASE, {})
    made = {}
    for kind, plural in MONITORING.items():
        path = f"/apis/monitoring.coreos.com/v1/namespaces/{second.namespace}/{plural}"
        (made[kind],) = second.cluster.request("GET", path)["items"]
    rule = made["PrometheusRule"]
    alerts = [alert for group in rule["spec"]["groups"] for alert in group["rules"]]
    assert {alert["alert"] for alert in alerts} == {
        "TurnoutNoLeader", "TurnoutTwoLeaders", "TurnoutGatewayRefusedConfiguration", "TurnoutGatewaysDisconnected",
        "TurnoutStoreGhosts", "TurnoutCompileFailures", "TurnoutNamespacesInTrouble", "TurnoutWorkloadFailures",
        "TurnoutCertificateExpires", "TurnoutGatewayErrors", "TurnoutTelemetryDropped", "TurnoutGatewayDegraded",
        "TurnoutGuardrailFails",
    }  # fmt: skip
    for alert in alerts:
        assert alert["expr"].count("(") == alert["expr"].count(")")
        assert alert["expr"].count("{") == alert["expr"].count("}")
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert alert["annotations"].keys() == {"summary", "description"}
    named = f'turnout_operator_leader{{namespace="{second.namespace}", job="{second.name}-admin"}}'
    assert named in next(alert["expr"] for alert in alerts if alert["alert"] == "TurnoutNoLeader")


def test_each_value_of_monitoring_has_an_effect(second: Installed, monitoring: None) -> None:
    plain = rendered_for(second, {})
    parts = {"serviceMonitor": "ServiceMonitor", "podMonitor": "PodMonitor", "rules": "PrometheusRule"}
    for part, kind in parts.items():
        assert rendered_for(second, {"metrics": {part: {"enabled": False}}}).keys() == plain.keys() - {kind}
    labels = {"release": "prometheus"}
    often = {"interval": "7s", "labels": labels}
    other = rendered_for(
        second, {"metrics": {"serviceMonitor": often, "podMonitor": often, "rules": {"labels": labels}}}
    )
    assert all(found["metadata"]["labels"]["release"] == "prometheus" for found in other.values())
    assert other["ServiceMonitor"]["spec"]["endpoints"][0]["interval"] == "7s"
    assert other["PodMonitor"]["spec"]["podMetricsEndpoints"][0]["interval"] == "7s"
    served = rendered_for(second, {"watchNamespaces": [second.namespace]})["PodMonitor"]["spec"]["namespaceSelector"]
    assert plain["PodMonitor"]["spec"]["namespaceSelector"] == {"any": True}
    assert served == {"matchNames": [second.namespace]}


# --- the definitions


def definition(cluster: Cluster) -> Json:
    return cluster.request("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{KINDS['Budget'].crd_name}")


def test_definitions_are_upgraded_and_rolled_back(
    cluster: Cluster, turnout_installed: Installed, tmp_path: Path
) -> None:
    newer = tmp_path / "turnout-crds"
    shutil.copytree(CRDS_CHART, newer)
    template = newer / "templates" / "budgets.yaml"
    text = template.read_text(encoding="utf-8")
    template.write_text(
        text.replace("    shortNames:\n    - bud\n", "    shortNames:\n    - bud\n    - bdg\n"), encoding="utf-8"
    )
    with config(cluster, turnout_installed.namespace) as connection:
        revisions = len(connection.history(CRDS_RELEASE))
        leave_definitions_to_helm(cluster)
        connection.upgrade(newer, CRDS_RELEASE)
        assert definition(cluster)["spec"]["names"]["shortNames"] == ["bud", "bdg"]
        connection.rollback(CRDS_RELEASE)
        assert definition(cluster)["spec"]["names"]["shortNames"] == ["bud"]
        assert len(connection.history(CRDS_RELEASE)) == revisions + 2


def test_definitions_and_objects_stay_when_their_release_goes(
    cluster: Cluster, turnout_installed: Installed, namespace: str
) -> None:
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/budgets"
    spec = {"window": {"per": "Day"}, "limit": {"usd": "1"}}
    body = {"apiVersion": API_VERSION, "kind": "Budget", "metadata": {"name": "kept"}, "spec": spec}
    made = cluster.request("POST", path, body)
    before = definition(cluster)["metadata"]["uid"]
    with config(cluster, turnout_installed.namespace) as connection:
        connection.uninstall(CRDS_RELEASE)
        try:
            assert definition(cluster)["metadata"]["uid"] == before
            assert not definition(cluster)["metadata"].get("deletionTimestamp")
        finally:
            connection.install(CRDS_CHART, CRDS_RELEASE)
    assert definition(cluster)["metadata"]["uid"] == before
    assert cluster.request("GET", f"{path}/kept")["metadata"]["uid"] == made["metadata"]["uid"]
