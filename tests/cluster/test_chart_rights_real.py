"""What the operator's own service account may do on a real API server, and that it may do nothing else."""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from cluster.charts import Installed, config, install, make_namespace
from cluster.kube import ApiError, Cluster, eventually
from turnout_contract.api.meta import API_VERSION, GROUP
from turnout_contract.api.registry import KINDS

Json = dict[str, Any]
PLURALS = sorted(kind.plural for kind in KINDS.values())
MADE = [
    ("", "configmaps", "turnout-operator-ca"),
    ("", "serviceaccounts", "turnout-gateway"),
    ("", "services", "turnout"),
    ("apps", "deployments", "turnout-gateway"),
    ("networking.k8s.io", "networkpolicies", "turnout-gateway"),
    ("policy", "poddisruptionbudgets", "turnout-gateway"),
]
"""What the operator makes, by group, resource and name."""


def allowed(cluster: Cluster, who: str, verb: str, resource: str, **attributes: str) -> bool:
    """Ask the API server whether somebody may. `resource` is RESOURCE[/SUB][.GROUP]."""
    plural, _, group = resource.partition(".")
    plural, _, subresource = plural.partition("/")
    asked = {"verb": verb, "group": group, "resource": plural, "subresource": subresource, **attributes}
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{who.split(':')[2]}", "system:authenticated"]
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": who, "groups": groups, "resourceAttributes": asked},
    }
    status = cluster.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)["status"]
    return bool(status["allowed"])


def test_the_operator_reads_the_kinds_of_every_namespace_and_says_how_they_stand(
    cluster: Cluster, turnout_installed: Installed, namespace: str
) -> None:
    who = turnout_installed.username
    for plural in PLURALS:
        for verb in ("get", "list", "watch"):
            assert allowed(cluster, who, verb, f"{plural}.{GROUP}")
        assert allowed(cluster, who, "patch", f"{plural}/status.{GROUP}", namespace=namespace, name="any")
        for verb in ("create", "update", "patch", "delete", "deletecollection"):
            assert not allowed(cluster, who, verb, f"{plural}.{GROUP}", namespace=namespace)


@pytest.mark.parametrize(("group", "plural", "name"), MADE)
def test_the_operator_changes_only_what_bears_its_own_names(
    cluster: Cluster, turnout_installed: Installed, namespace: str, group: str, plural: str, name: str
) -> None:
    who, resource = turnout_installed.username, f"{plural}.{group}".rstrip(".")
    assert allowed(cluster, who, "list", resource)
    assert allowed(cluster, who, "create", resource, namespace=namespace)
    for verb in ("get", "patch", "delete"):
        assert allowed(cluster, who, verb, resource, namespace=namespace, name=name)
        assert not allowed(cluster, who, verb, resource, namespace=namespace, name="other")
    assert not allowed(cluster, who, "deletecollection", resource, namespace=namespace)


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("create", "tokenreviews.authentication.k8s.io"),
        ("list", "namespaces"),
        ("watch", "namespaces"),
        ("list", "customresourcedefinitions.apiextensions.k8s.io"),
        ("watch", "customresourcedefinitions.apiextensions.k8s.io"),
        ("get", "pods"),
        ("list", "pods"),
    ],
)
def test_the_operator_may(cluster: Cluster, turnout_installed: Installed, verb: str, resource: str) -> None:
    assert allowed(cluster, turnout_installed.username, verb, resource)


@pytest.mark.parametrize("verb", ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"])
def test_the_operator_has_no_right_on_secrets(
    cluster: Cluster, turnout_installed: Installed, namespace: str, verb: str
) -> None:
    who, own = turnout_installed.username, turnout_installed.namespace
    assert not allowed(cluster, who, verb, "secrets")
    assert not allowed(cluster, who, verb, "secrets", namespace=own)
    assert not allowed(cluster, who, verb, "secrets", namespace=own, name="other")
    assert not allowed(cluster, who, verb, "secrets", namespace=namespace, name=turnout_installed.certificate_secret)
    may = allowed(cluster, who, verb, "secrets", namespace=own, name=turnout_installed.certificate_secret)
    assert may == (verb in {"get", "update"})


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("create", "serviceaccounts/token"),
        ("impersonate", "users"),
        ("impersonate", "serviceaccounts"),
        ("create", "pods"),
        ("create", "pods/exec"),
        ("get", "pods/log"),
        ("create", "roles.rbac.authorization.k8s.io"),
        ("create", "rolebindings.rbac.authorization.k8s.io"),
        ("create", "clusterrolebindings.rbac.authorization.k8s.io"),
        ("patch", "clusterroles.rbac.authorization.k8s.io"),
        ("escalate", "clusterroles.rbac.authorization.k8s.io"),
        ("bind", "clusterroles.rbac.authorization.k8s.io"),
        ("patch", "validatingadmissionpolicies.admissionregistration.k8s.io"),
        ("delete", "validatingadmissionpolicybindings.admissionregistration.k8s.io"),
        ("create", "certificatesigningrequests.certificates.k8s.io"),
        ("create", "namespaces"),
        ("delete", "namespaces"),
        ("create", "daemonsets.apps"),
        ("create", "jobs.batch"),
        ("patch", "customresourcedefinitions.apiextensions.k8s.io"),
        ("get", "nodes"),
    ],
)
def test_the_operator_has_no_way_up(
    cluster: Cluster, turnout_installed: Installed, namespace: str, verb: str, resource: str
) -> None:
    for where in (namespace, turnout_installed.namespace, ""):
        assert not allowed(cluster, turnout_installed.username, verb, resource, namespace=where)


def rules(cluster: Cluster, token: str, namespace: str) -> set[tuple[str, ...]]:
    """Everything that somebody may do in a namespace, one rule an entry."""
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    status = cluster.request("POST", path, body, token=token)["status"]
    assert not status["incomplete"]
    return {
        (verb, group, resource, name)
        for rule in status["resourceRules"]
        for verb in rule["verbs"]
        for group in rule.get("apiGroups", ("",))
        for resource in rule.get("resources", ())
        for name in rule.get("resourceNames", ("",))
    }


def test_beside_that_the_operator_may_what_every_service_account_may(
    cluster: Cluster, turnout_installed: Installed, namespace: str
) -> None:
    anybody = rules(cluster, cluster.service_account_token(namespace, "default"), namespace)
    operator = rules(cluster, turnout_installed.operator_token(), namespace) - anybody
    kinds = {(verb, GROUP, plural, "") for plural in PLURALS for verb in ("get", "list", "watch")}
    statuses = {("patch", GROUP, f"{plural}/status", "") for plural in PLURALS}
    made = {(verb, group, plural, "") for group, plural, _ in MADE for verb in ("create", "list")}
    own = {(verb, group, plural, name) for group, plural, name in MADE for verb in ("get", "patch", "delete")}
    definitions = ("apiextensions.k8s.io", "customresourcedefinitions")
    assert operator == kinds | statuses | made | own | {
        ("create", "authentication.k8s.io", "tokenreviews", ""),
        *((verb, "", "namespaces", "") for verb in ("get", "list", "watch")),
        *((verb, "", "pods", "") for verb in ("get", "list")),
        *((verb, *definitions, "") for verb in ("list", "watch")),
        *(("get", *definitions, kind.crd_name) for kind in KINDS.values()),
    }


def test_the_operator_reads_and_fills_its_certificate_and_reads_no_other_secret(
    cluster: Cluster, turnout_installed: Installed, namespace: str
) -> None:
    token = turnout_installed.operator_token()
    own = f"/api/v1/namespaces/{turnout_installed.namespace}/secrets"
    cluster.request("POST", own, {"metadata": {"name": "other"}, "stringData": {"key": "hidden"}})
    secret = cluster.request("GET", f"{own}/{turnout_installed.certificate_secret}", token=token)
    assert cluster.request("PUT", f"{own}/{turnout_installed.certificate_secret}", secret, token=token)
    for path in (own, f"{own}/other", f"/api/v1/namespaces/{namespace}/secrets"):
        with pytest.raises(ApiError) as refused:
            cluster.request("GET", path, token=token)
        assert refused.value.status == 403
    cluster.request("DELETE", f"{own}/other")


def test_the_operator_makes_changes_and_deletes_a_workload_by_server_side_apply(
    cluster: Cluster, turnout_installed: Installed, namespace: str
) -> None:
    token = turnout_installed.operator_token()
    folder = f"/api/v1/namespaces/{namespace}/configmaps"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "turnout-operator-ca"}, "data": {"a": "1"}}
    for value in ("1", "2"):
        body["data"] = {"a": value}
        made = cluster.server_side_apply(f"{folder}/turnout-operator-ca", body, token=token)
        assert made["data"] == {"a": value}
    assert cluster.request("GET", f"{folder}?labelSelector=turnout.dev/owned", token=token)["kind"] == "ConfigMapList"
    cluster.request("DELETE", f"{folder}/turnout-operator-ca", token=token)
    with pytest.raises(ApiError) as refused:
        cluster.server_side_apply(f"{folder}/other", {**body, "metadata": {"name": "other"}}, token=token)
    assert refused.value.status == 403


def test_the_operator_holds_its_own_lease_and_no_other(cluster: Cluster, turnout_installed: Installed) -> None:
    token = turnout_installed.operator_token()
    folder = f"/apis/coordination.k8s.io/v1/namespaces/{turnout_installed.namespace}/leases"
    with suppress(ApiError):  # that an operator of another test left
        cluster.request("DELETE", f"{folder}/{turnout_installed.name}")
    lease = {"metadata": {"name": turnout_installed.name}, "spec": {"holderIdentity": "test"}}
    made = cluster.request("POST", folder, lease, token=token)
    made["spec"]["holderIdentity"] = "another"
    assert cluster.request("PUT", f"{folder}/{turnout_installed.name}", made, token=token)
    for verb in ("get", "update", "patch", "delete"):
        who, where = turnout_installed.username, turnout_installed.namespace
        assert not allowed(cluster, who, verb, "leases.coordination.k8s.io", namespace=where, name="other")
        assert not allowed(cluster, who, verb, "leases.coordination.k8s.io", namespace="kube-system", name="kube")
    cluster.request("DELETE", f"{folder}/{turnout_installed.name}")


# --- people


@pytest.mark.parametrize(("role", "may_write"), [("view", False), ("edit", True), ("admin", True)])
def test_the_clusters_roles_include_turnouts_kinds(
    cluster: Cluster, turnout_installed: Installed, namespace: str, role: str, may_write: bool
) -> None:
    cluster.kubectl(
        "create", "rolebinding", role, f"--clusterrole={role}", f"--serviceaccount={namespace}:default", "-n", namespace
    )
    who = f"system:serviceaccount:{namespace}:default"
    for plural in PLURALS:
        reads = partial(allowed, cluster, who, "list", f"{plural}.{GROUP}", namespace=namespace)
        eventually(f"{role} is aggregated", reads)
        for verb in ("create", "patch", "delete"):
            asked = partial(allowed, cluster, who, verb, f"{plural}.{GROUP}", namespace=namespace)
            assert eventually(f"{role} is aggregated", asked) if may_write else not asked()
        assert not allowed(cluster, who, "patch", f"{plural}/status.{GROUP}", namespace=namespace)


# --- with some namespaces only


@pytest.fixture(scope="module")
def confined(cluster: Cluster, turnout_installed: Installed) -> Iterator[tuple[Installed, str]]:
    """A second operator, which serves one namespace beside its own."""
    own, served = (f"confined-{part}-{secrets.token_hex(4)}" for part in ("own", "served"))
    make_namespace(cluster, served)
    installed = install(cluster, own, {"watchNamespaces": [served]}, release="confined")
    yield installed, served
    with config(cluster, own) as connection:
        connection.uninstall("confined")
    for name in (own, served):
        cluster.request("DELETE", f"/api/v1/namespaces/{name}")


def test_an_operator_of_some_namespaces_has_its_rights_there_and_nowhere_else(
    cluster: Cluster, confined: tuple[Installed, str], namespace: str
) -> None:
    installed, served = confined
    for where in (served, installed.namespace):
        listing = partial(allowed, cluster, installed.username, "list", f"modelroutes.{GROUP}", namespace=where)
        eventually("the rights hold", listing)
        assert allowed(cluster, installed.username, "create", "deployments.apps", namespace=where)
        assert allowed(cluster, installed.username, "patch", f"modelroutes/status.{GROUP}", namespace=where)
    for where in (namespace, ""):
        for verb, resource in (
            ("list", f"modelroutes.{GROUP}"),
            ("create", "deployments.apps"),
            ("list", "pods"),
            ("patch", f"modelroutes/status.{GROUP}"),
        ):
            assert not allowed(cluster, installed.username, verb, resource, namespace=where)
    assert allowed(cluster, installed.username, "create", "tokenreviews.authentication.k8s.io")
    assert allowed(cluster, installed.username, "list", "namespaces")
    assert not allowed(cluster, installed.username, "list", "customresourcedefinitions.apiextensions.k8s.io")


def test_what_the_operator_is_for_is_known_to_the_api_server(cluster: Cluster, turnout_installed: Installed) -> None:
    served = cluster.request("GET", f"/apis/{API_VERSION}", token=turnout_installed.operator_token())
    assert {resource["name"] for resource in served["resources"]} >= {
        *PLURALS,
        *(f"{plural}/status" for plural in PLURALS),
    }
