"""The control plane under the other cluster tests is the real one: what Turnout counts on of it is proved here.

Each test shows one thing that a fake API server would get wrong. When one fails after an upgrade of Kubernetes,
Turnout's own cluster tests need not be read before this one is understood.
"""

import secrets
import ssl
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from cluster.kube import ApiError, Cluster, eventually

AUDIENCE = "turnout.dev"
GROUP = "tests.turnout.dev"
SWITCHES = f"""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: switches.{GROUP}
spec:
  group: {GROUP}
  scope: Namespaced
  names: {{kind: Switch, plural: switches, singular: switch}}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {{status: {{}}}}
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              x-kubernetes-validations:
                - rule: "self.low <= self.high"
                  message: "low must not be above high"
              properties:
                low: {{type: integer}}
                high: {{type: integer, default: 9}}
                secretName: {{type: string, maxLength: 253}}
            status:
              type: object
              default: {{}}
              properties:
                conditions:
                  type: array
                  x-kubernetes-list-type: map
                  x-kubernetes-list-map-keys: [type]
                  default: [{{type: Programmed, status: Unknown}}]
                  items:
                    type: object
                    required: [type, status]
                    properties:
                      type: {{type: string}}
                      status: {{type: string}}
"""
SECRET_READERS_ONLY = f"""
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: switch-secret-readers.{GROUP}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - {{apiGroups: [{GROUP}], apiVersions: [v1], resources: [switches], operations: [CREATE, UPDATE]}}
  matchConditions:
    - name: names-a-secret
      expression: "has(object.spec.secretName)"
  validations:
    - expression: >-
        authorizer.group('').resource('secrets').namespace(object.metadata.namespace)
        .name(object.spec.secretName).check('get').allowed()
      messageExpression: "'you may not read the Secret ' + object.spec.secretName"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: switch-secret-readers.{GROUP}
spec:
  policyName: switch-secret-readers.{GROUP}
  validationActions: [Deny]
"""


def rights(name: str, account: str, namespace: str, rule: dict[str, list[str]]) -> list[dict[str, Any]]:
    """A Role with one rule, bound to a service account of the same namespace."""
    api = "rbac.authorization.k8s.io"
    meta = {"name": name, "namespace": namespace}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    reference = {"apiGroup": api, "kind": "Role", "name": name}
    return [
        {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": meta, "rules": [rule]},
        {
            "apiVersion": f"{api}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": reference,
            "subjects": [subject],
        },
    ]


def pod(name: str, namespace: str, account: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"serviceAccountName": account, "containers": [{"name": "main", "image": "none.invalid/none"}]},
    }


def review(cluster: Cluster, token: str, audience: str) -> dict[str, Any]:
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token, "audiences": [audience]},
    }
    status: dict[str, Any] = cluster.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body)["status"]
    return status


@pytest.fixture(scope="module")
def switches(cluster: Cluster) -> str:
    """The path below which a namespace's Switches are, once their CRD is served."""
    cluster.apply(SWITCHES)
    return f"/apis/{GROUP}/v1/namespaces"


def test_the_server_says_the_version_that_go_mod_pins(cluster: Cluster) -> None:
    go_mod = (Path(__file__).parents[2] / "tools" / "kube" / "go.mod").read_text(encoding="utf-8")
    said = cluster.request("GET", "/version")

    assert f"k8s.io/kubernetes {said['gitVersion']}\n" in go_mod
    assert [said["major"], said["minor"]] == said["gitVersion"].removeprefix("v").split(".")[:2]


def test_a_client_that_checks_certificates_strictly_trusts_the_ca_file(cluster: Cluster) -> None:
    trust = ssl.create_default_context(cafile=str(cluster.ca_file))
    trust.verify_flags |= ssl.VERIFY_X509_STRICT
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))

    with opener.open(f"{cluster.url}/readyz") as answer:
        assert answer.status == 200


def test_a_token_for_turnout_tells_its_namespace_account_and_pod(cluster: Cluster, namespace: str) -> None:
    cluster.apply([{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "gw", "namespace": namespace}}])
    cluster.apply(pod("gw-0", namespace, "gw"))
    token = cluster.service_account_token(namespace, "gw", audience=AUDIENCE, bound_pod="gw-0")

    status = review(cluster, token, AUDIENCE)

    assert status["authenticated"]
    assert status["audiences"] == [AUDIENCE]
    assert status["user"]["username"] == f"system:serviceaccount:{namespace}:gw"
    assert status["user"]["extra"]["authentication.kubernetes.io/pod-name"] == ["gw-0"]
    assert status["user"]["extra"]["authentication.kubernetes.io/pod-uid"]


def test_a_token_dies_with_the_pod_that_it_is_bound_to(cluster: Cluster, namespace: str) -> None:
    cluster.apply(pod("gw-0", namespace, "default"))
    first, second = (cluster.service_account_token(namespace, "default", AUDIENCE, bound_pod="gw-0") for _ in "12")
    assert review(cluster, first, AUDIENCE)["authenticated"]

    cluster.kubectl("delete", "pod", "gw-0", "-n", namespace, "--force", "--grace-period=0")

    # A token that was reviewed shortly before may stay good for the ten seconds of the API server's own cache.
    assert not review(cluster, second, AUDIENCE).get("authenticated")


def test_a_token_for_turnout_is_worth_nothing_to_anybody_else(cluster: Cluster, namespace: str) -> None:
    ours = cluster.service_account_token(namespace, "default", audience=AUDIENCE)
    theirs = cluster.service_account_token(namespace, "default")

    assert not review(cluster, theirs, AUDIENCE).get("authenticated")
    with pytest.raises(ApiError) as refusal:
        cluster.request("GET", "/api/v1/namespaces", token=ours)
    assert refusal.value.status == 401


def test_a_crd_defaults_validates_and_keeps_the_owners_of_fields_apart(
    cluster: Cluster, namespace: str, switches: str
) -> None:
    path = f"{switches}/{namespace}/switches/points"
    head = {"apiVersion": f"{GROUP}/v1", "kind": "Switch", "metadata": {"name": "points"}}
    with pytest.raises(ApiError, match="low must not be above high"):
        cluster.server_side_apply(path, {**head, "spec": {"low": 10}})

    made = cluster.server_side_apply(path, {**head, "spec": {"low": 1}})
    assert made["spec"] == {"low": 1, "high": 9}
    assert made["status"]["conditions"] == [{"type": "Programmed", "status": "Unknown"}]

    for manager, condition in (("one", "Accepted"), ("two", "Programmed")):
        status = {"conditions": [{"type": condition, "status": "True"}]}
        cluster.server_side_apply(f"{path}/status", {**head, "status": status}, manager=manager)
    seen = cluster.request("GET", path)
    assert {row["type"]: row["status"] for row in seen["status"]["conditions"]} == {
        "Accepted": "True",
        "Programmed": "True",
    }
    assert seen["metadata"]["generation"] == made["metadata"]["generation"], "a status is not a new generation"

    with pytest.raises(ApiError) as conflict:
        cluster.server_side_apply(path, {**head, "spec": {"low": 2}}, manager="somebody-else", force=False)
    assert conflict.value.status == 409


def test_an_admission_policy_asks_the_authorizer_about_the_writer(
    cluster: Cluster, namespace: str, switches: str
) -> None:
    cluster.apply(SECRET_READERS_ONLY)
    writer = {"apiGroups": [GROUP], "resources": ["switches"], "verbs": ["get", "create", "patch"]}
    reader = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["key"], "verbs": ["get"]}
    configs = {name: cluster.kubeconfig_for(namespace, name) for name in ("with", "without")}
    for name in configs:
        cluster.apply(rights(f"{name}-writes", name, namespace, writer))
    cluster.apply(rights("with-reads", "with", namespace, reader))

    def write(name: str, secret: str) -> subprocess.CompletedProcess[str]:
        text = (
            f"{{apiVersion: {GROUP}/v1, kind: Switch, metadata: {{name: s-{secrets.token_hex(3)}}},"
            f" spec: {{low: 1, secretName: {secret}}}}}"
        )
        return cluster.kubectl("create", "-f", "-", input=text, kubeconfig=configs[name], check=False)

    # Neither a policy nor a right is in force at the very moment of its creation.
    eventually("the policy is in force", lambda: "you may not read the Secret key" in write("without", "key").stderr)
    eventually("the reader may write", lambda: write("with", "key").returncode == 0)
    assert "you may not read the Secret other" in write("with", "other").stderr


def test_the_owner_takes_what_it_owns_along(cluster: Cluster, namespace: str) -> None:
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = cluster.request("POST", maps, {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    cluster.request("POST", maps, {"metadata": {"name": "owned", "ownerReferences": [reference]}})

    cluster.request("DELETE", f"{maps}/owner")

    def names() -> set[str]:
        return {item["metadata"]["name"] for item in cluster.request("GET", maps)["items"]}

    eventually("the owned one is gone", lambda: "owned" not in names(), seconds=60)


def test_the_api_server_comes_back_at_the_same_address_with_the_same_data(cluster: Cluster, namespace: str) -> None:
    config = cluster.kubeconfig_for(namespace, "survivor")
    before = cluster.url

    with cluster.apiserver_down():
        assert not cluster.ready()
        assert cluster.kubectl("get", "namespace", namespace, check=False).returncode != 0

    assert cluster.url == before
    assert namespace in cluster.kubectl("get", "namespace", namespace, "-o", "name").stdout
    whoami = cluster.kubectl("auth", "whoami", kubeconfig=config, check=False)
    assert whoami.returncode == 0, "a token outlives a restart of the server"
