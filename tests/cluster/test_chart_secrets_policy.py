"""Nobody reaches a Secret through Turnout that he could not read himself: the chart's admission policies on a real API server.

`allowed` is a Secret that the writer of these tests may get; any other name is one that he may not. Whether the Secret is there
makes no difference, here or in the policies.
"""

import secrets
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from cluster.charts import EXEMPT_GROUP, Installed, dry_run, grant
from cluster.kube import ApiError, Cluster, eventually
from secret_references import PLACES, gateway, naming, provider
from turnout_contract.api.meta import API_VERSION, GROUP
from turnout_contract.api.registry import KINDS

MANY = [f"secret-{number:02}-{'x' * 54}" for number in range(25)]
"""As many names as one policy has checks for, and one more; each as long as a label may be."""
EVERY_PLACE = [(kind, place) for kind, places in PLACES.items() for place in places]
PLURALS = sorted(kind.plural for kind in KINDS.values())


def get_secrets(*names: str) -> dict[str, list[str]]:
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    return {**rule, "resourceNames": list(names)} if names else rule


def is_created(cluster: Cluster, namespace: str, obj: dict[str, Any], token: str) -> bool:
    return not dry_run(cluster, namespace, obj, token)


class Writers:
    """Service accounts of one namespace that may all write Turnout's kinds, and differ in the Secrets that they may get."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        write = {"apiGroups": [GROUP], "resources": PLURALS, "verbs": ["get", "create", "update", "patch", "delete"]}
        self.tokens = {
            "stranger": self._account("stranger", [write]),
            "writer": self._account("writer", [write, get_secrets("allowed")]),
            "holder-of-24": self._account("holder-of-24", [write, get_secrets(*MANY[:24])]),
            "holder-of-25": self._account("holder-of-25", [write, get_secrets(*MANY)]),
            "reader": self._account("reader", [write, get_secrets()]),
        }
        for token in self.tokens.values():  # a right is not in force at the very moment of its creation
            eventually("the rights hold", partial(is_created, cluster, namespace, provider(), token))
        for who, names in {"writer": ["allowed"], "holder-of-25": MANY[24:], "reader": ["any"]}.items():
            eventually("the rights hold", partial(is_created, cluster, namespace, gateway(*names), self.tokens[who]))

    def _account(self, name: str, rules: list[dict[str, list[str]]]) -> str:
        self.cluster.kubeconfig_for(self.namespace, name)
        grant(self.cluster, self.namespace, name, name, rules)
        return self.cluster.service_account_token(self.namespace, name)

    def create(self, who: str, obj: dict[str, Any]) -> str:
        """The refusal's message, "" where it would be created."""
        return dry_run(self.cluster, self.namespace, obj, self.tokens[who])


@pytest.fixture(scope="module")
def writers(cluster: Cluster, turnout_installed: Installed) -> Iterator[Writers]:
    name = f"policy-{secrets.token_hex(4)}"
    cluster.create_namespace(name)
    yield Writers(cluster, name)
    cluster.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.mark.parametrize(("kind", "place"), EVERY_PLACE)
def test_a_secret_is_named_only_by_one_who_may_get_it(writers: Writers, kind: str, place: str) -> None:
    refusal = writers.create("writer", naming(place, "forbidden"))
    assert refusal.startswith("403 ")
    assert "spec names the Secret forbidden, which you may not get in this namespace" in refusal
    assert writers.create("writer", naming(place, "allowed")) == ""
    assert writers.create("reader", naming(place, "forbidden")) == ""
    assert "spec names the Secret allowed" in writers.create("stranger", naming(place, "allowed"))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_names_no_secret_is_written_by_anybody_who_may_write_the_kind(writers: Writers, kind: str) -> None:
    versions = [{"name": "v1", "messages": [{"role": "user", "content": "Hello"}]}]
    specs: dict[str, dict[str, Any]] = {
        "ModelGateway": {"replicas": 1},
        "ModelProvider": provider()["spec"],
        "ModelRoute": {
            "rules": [{"name": "all", "strategy": "Failover", "backendRefs": [{"name": "a", "model": "b"}]}]
        },
        "PromptTemplate": {"active": "v1", "versions": versions},
        "CachePolicy": {"mode": "Exact", "ttl": "1h"},
        "GuardrailPolicy": {"mode": "Monitor"},
        "Budget": {"window": {"per": "Day"}, "limit": {"usd": "1"}},
    }
    obj = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "default"}, "spec": specs[kind]}
    assert writers.create("stranger", obj) == ""


def test_24_names_are_each_asked_for(writers: Writers) -> None:
    assert writers.create("holder-of-24", gateway(*MANY[:24])) == ""
    for position in (0, 12, 23):
        names = [*MANY[:position], "forbidden", *MANY[position + 1 : 24]]
        assert "spec names the Secret forbidden," in writers.create("holder-of-24", gateway(*names))


def test_a_25th_name_needs_the_right_on_all_secrets_of_the_namespace(writers: Writers) -> None:
    refusal = writers.create("holder-of-25", gateway(*MANY))
    assert refusal.startswith("403 ")
    assert "spec names more than 24 Secrets" in refusal
    assert writers.create("reader", gateway(*MANY)) == ""


def test_a_name_that_is_there_many_times_counts_once(writers: Writers) -> None:
    assert writers.create("writer", gateway(*["allowed"] * 100)) == ""
    assert writers.create("holder-of-24", gateway(*MANY[:24], *MANY[:24])) == ""


def test_the_largest_gateway_is_within_what_an_api_server_computes(writers: Writers) -> None:
    names = [MANY[number % 24] for number in range(256 * 8)]
    assert writers.create("holder-of-24", gateway(*names)) == ""
    assert writers.create("reader", gateway(*names)) == ""
    fewer = [*(MANY[number % 23] for number in range(256 * 8 - 1)), "forbidden"]
    assert "spec names the Secret forbidden," in writers.create("holder-of-24", gateway(*fewer))


def test_a_right_in_another_namespace_is_none_in_this(writers: Writers, namespace: str) -> None:
    cluster = writers.cluster
    write = {"apiGroups": [GROUP], "resources": PLURALS, "verbs": ["create"]}
    cluster.kubeconfig_for(namespace, "elsewhere")
    token = cluster.service_account_token(namespace, "elsewhere")
    grant(cluster, namespace, "elsewhere", "reads", [write, get_secrets()])
    subject = {"kind": "ServiceAccount", "name": "elsewhere", "namespace": namespace}
    grant(cluster, writers.namespace, "elsewhere", "elsewhere", [write])
    binding = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{writers.namespace}/rolebindings/elsewhere"
    patch = {"subjects": [subject]}
    cluster.request("PATCH", binding, patch, content_type="application/merge-patch+json")

    eventually("it may write there", lambda: not dry_run(cluster, writers.namespace, provider(), token))
    eventually("it may read here", lambda: not dry_run(cluster, namespace, provider("any"), token))
    assert "spec names the Secret any," in dry_run(cluster, writers.namespace, provider("any"), token)


# --- updates


@pytest.fixture
def written(writers: Writers) -> Iterator[str]:
    """The path of a ModelProvider that names a Secret, written by one who may."""
    folder = f"/apis/{API_VERSION}/namespaces/{writers.namespace}/modelproviders"
    obj = provider("allowed")
    writers.cluster.request("POST", folder, obj, token=writers.tokens["writer"])
    path = f"{folder}/{obj['metadata']['name']}"
    yield path
    try:
        writers.cluster.request("DELETE", path)
    except ApiError as error:
        if error.status != 404:
            raise


def patch(writers: Writers, path: str, who: str, change: dict[str, Any]) -> dict[str, Any]:
    kind = "application/merge-patch+json"
    return writers.cluster.request("PATCH", path, change, token=writers.tokens[who], content_type=kind)


def test_a_change_that_leaves_the_spec_alone_asks_for_no_right_on_secrets(writers: Writers, written: str) -> None:
    made = patch(writers, written, "stranger", {"metadata": {"labels": {"team": "b"}, "annotations": {"note": "c"}}})
    assert made["metadata"]["labels"] == {"team": "b"}
    assert patch(writers, written, "stranger", {"spec": made["spec"]})["metadata"]["generation"] == 1


def test_a_change_of_any_part_of_the_spec_asks_for_the_right(writers: Writers, written: str) -> None:
    change = {"spec": {"endpoint": "https://elsewhere.example/v1"}}
    with pytest.raises(ApiError, match="spec names the Secret allowed,") as refused:
        patch(writers, written, "stranger", change)
    assert refused.value.status == 403
    assert patch(writers, written, "writer", change)["spec"]["endpoint"] == "https://elsewhere.example/v1"


def test_a_secret_that_is_added_asks_for_the_right(writers: Writers, written: str) -> None:
    change = {"spec": {"tls": {"caSecretRef": {"name": "forbidden", "key": "ca.crt"}}}}
    with pytest.raises(ApiError, match="spec names the Secret forbidden,"):
        patch(writers, written, "writer", change)


def test_a_secret_may_be_taken_away_by_anybody_who_may_write(writers: Writers, written: str) -> None:
    made = patch(writers, written, "stranger", {"spec": {"credentials": None}})
    assert "credentials" not in made["spec"]


def test_server_side_apply_and_replace_are_writes_like_any_other(writers: Writers, written: str) -> None:
    change = {**provider("forbidden"), "metadata": {"name": "provider"}}
    with pytest.raises(ApiError, match="spec names the Secret forbidden,"):
        writers.cluster.server_side_apply(written, change, token=writers.tokens["writer"])
    current = writers.cluster.request("GET", written)
    current["spec"]["credentials"]["secretRef"]["name"] = "forbidden"
    with pytest.raises(ApiError, match="spec names the Secret forbidden,"):
        writers.cluster.request("PUT", written, current, token=writers.tokens["writer"])


def test_who_may_delete_deletes(writers: Writers, written: str) -> None:
    writers.cluster.request("DELETE", written, token=writers.tokens["stranger"])


def test_the_operator_writes_a_status_without_any_right_on_secrets(
    writers: Writers, written: str, turnout_installed: Installed
) -> None:
    condition = {
        "type": "Accepted",
        "status": "True",
        "reason": "Accepted",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    body = {
        "apiVersion": API_VERSION, "kind": "ModelProvider", "metadata": {"name": "provider"},
        "status": {"conditions": [condition]},
    }  # fmt: skip
    made = writers.cluster.server_side_apply(f"{written}/status", body, token=turnout_installed.operator_token())
    assert {"type": "Accepted", "status": "True"}.items() <= made["status"]["conditions"][0].items()


# --- who is exempt


def test_a_member_of_an_exempt_group_is_not_asked(writers: Writers) -> None:
    def create(*groups: str) -> str:
        whose = [
            f"--as=system:serviceaccount:{writers.namespace}:stranger",
            *(f"--as-group={group}" for group in groups),
        ]
        options = ["create", "--dry-run=server", "-n", writers.namespace, "-f", "-"]
        manifest = str(provider("forbidden")).replace("'", '"')
        return writers.cluster.kubectl(*options, *whose, input=manifest, check=False).stderr

    assert "spec names the Secret forbidden," in create("system:authenticated")
    assert create("system:authenticated", EXEMPT_GROUP) == ""


def test_the_api_server_finds_no_fault_in_the_policies(cluster: Cluster, turnout_installed: Installed) -> None:
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    for kind in PLACES:
        name = f"{KINDS[kind].plural}.{turnout_installed.name}.{turnout_installed.namespace}"

        def checked(name: str = name) -> dict[str, Any]:
            status: dict[str, Any] = cluster.request("GET", f"{path}/{name}").get("status", {})
            return status if "typeChecking" in status else {}

        assert eventually(f"{name} is checked", checked)["typeChecking"] == {}
