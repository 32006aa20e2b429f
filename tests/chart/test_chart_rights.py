"""The rights that the chart gives, and the policy on naming Secrets, as they are rendered. What an API server makes of them is
tried in tests/cluster/test_chart_rights_real.py and test_chart_secrets_policy.py.
"""

from collections.abc import Iterator

import msgspec
import pytest

from chart.rendering import CASES, NAMESPACE, Json, objects, one
from secret_references import PLACES
from turnout_contract.api.references import SecretRef
from turnout_contract.api.registry import KINDS

every_case = pytest.mark.parametrize("case", CASES)
READING_SECRETS = {"secrets", "*"}
ESCALATING = {
    "roles", "rolebindings", "clusterroles", "clusterrolebindings", "serviceaccounts/token", "pods/exec",
    "pods/attach", "pods/portforward", "pods/ephemeralcontainers", "nodes", "nodes/proxy", "users", "groups",
    "certificatesigningrequests", "validatingadmissionpolicies", "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
}  # fmt: skip


AGGREGATED = "rbac.authorization.k8s.io/aggregate-to-"


def roles(rendered: list[Json]) -> list[Json]:
    """The operator's."""
    found = [found for found in rendered if found["kind"] in {"Role", "ClusterRole"}]
    return [role for role in found if not any(label.startswith(AGGREGATED) for label in role["metadata"]["labels"])]


def rules(rendered: list[Json]) -> Iterator[tuple[Json, Json]]:
    for role in roles(rendered):
        for rule in role["rules"]:
            yield role, rule


@every_case
def test_no_rule_has_a_wildcard_or_a_way_up(case: str) -> None:
    for _, rule in rules(objects(CASES[case])):
        words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"], *rule.get("resourceNames", ())}
        assert not [word for word in words if "*" in word]
        assert not {"escalate", "bind", "impersonate", "deletecollection"} & set(rule["verbs"])
        assert not ESCALATING & set(rule["resources"])
        assert not ("pods" in rule["resources"] and {"create", "patch", "update", "delete"} & set(rule["verbs"]))
        assert not rule.get("nonResourceURLs")


@every_case
def test_the_one_right_on_secrets_is_on_the_operators_own_certificate(case: str) -> None:
    rendered = objects(CASES[case])
    (found,) = [(role, rule) for role, rule in rules(rendered) if READING_SECRETS & set(rule["resources"])]
    role, rule = found
    assert role["kind"] == "Role"
    assert role["metadata"]["namespace"] == NAMESPACE
    assert rule["resources"] == ["secrets"]
    settings = one(rendered, "ConfigMap", one(rendered, "Deployment")["metadata"]["name"])["data"]["operator.yaml"]
    (secret,) = rule["resourceNames"]
    assert f"certificateSecret: {secret}\n" in settings
    assert rule["verbs"] == (["get"] if CASES[case].get("certManager") else ["get", "update"])


@every_case
def test_what_exists_is_changed_and_deleted_only_under_the_operators_own_names(case: str) -> None:
    for _, rule in rules(objects(CASES[case])):
        if {"patch", "update", "delete"} & set(rule["verbs"]) and rule["apiGroups"] != ["turnout.dev"]:
            assert rule["resourceNames"]


def test_with_some_namespaces_only_no_cluster_wide_right_touches_what_is_in_a_namespace() -> None:
    rendered = objects(CASES["some-namespaces"])
    cluster_wide = [rule for role, rule in rules(rendered) if role["kind"] == "ClusterRole"]
    assert sorted(resource for rule in cluster_wide for resource in rule["resources"]) == [
        "customresourcedefinitions", "namespaces", "tokenreviews",
    ]  # fmt: skip
    served = {role["metadata"]["namespace"] for role in roles(rendered) if role["kind"] == "Role"}
    assert served == {"claims", "billing", NAMESPACE}


@every_case
def test_every_role_is_bound_to_the_operator_alone(case: str) -> None:
    rendered = objects(CASES[case])
    account = one(rendered, "ServiceAccount")["metadata"]
    bound = set()
    for found in rendered:
        if found["kind"] in {"RoleBinding", "ClusterRoleBinding"}:
            subject = {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
            assert found["subjects"] == [subject]
            bound.add((found["roleRef"]["kind"], found["metadata"].get("namespace"), found["roleRef"]["name"]))
    assert bound == {
        (role["kind"], role["metadata"].get("namespace"), role["metadata"]["name"]) for role in roles(rendered)
    }


def test_the_pod_gets_a_token_only_where_it_talks_to_the_api_server() -> None:
    rendered = objects({})
    assert one(rendered, "ServiceAccount")["automountServiceAccountToken"] is False
    assert one(rendered, "Deployment")["spec"]["template"]["spec"]["automountServiceAccountToken"] is True
    assert one(rendered, "Pod")["spec"]["automountServiceAccountToken"] is False


def test_peoples_roles_are_of_turnouts_kinds_alone_and_may_be_left_out() -> None:
    rendered = objects({})
    aggregated = [found for found in rendered if found["kind"] == "ClusterRole" and found not in roles(rendered)]
    assert [rule["apiGroups"] for role in aggregated for rule in role["rules"]] == [["turnout.dev"]] * 2
    assert [set(role["rules"][0]["resources"]) for role in aggregated] == [{kind.plural for kind in KINDS.values()}] * 2
    assert not {"view", "edit"} & {
        found["metadata"]["name"].partition(".")[0] for found in objects({"aggregateRoles": False})
    }


# --- naming Secrets


def secret_fields(of: type[msgspec.Struct], path: str = "spec") -> Iterator[str]:
    """Every path below a type at which a Secret may be named."""
    for field in msgspec.structs.fields(of):
        yield from _below(msgspec.inspect.type_info(field.type), f"{path}.{field.encode_name}")


def _below(info: msgspec.inspect.Type, path: str) -> Iterator[str]:
    if isinstance(info, msgspec.inspect.Metadata):
        yield from _below(info.type, path)
    elif isinstance(info, msgspec.inspect.UnionType):
        for part in info.types:
            yield from _below(part, path)
    elif isinstance(info, msgspec.inspect.VarTupleType):
        yield from _below(info.item_type, f"{path}[]")
    elif isinstance(info, msgspec.inspect.DictType):
        yield from _below(info.value_type, f"{path}{{}}")
    elif isinstance(info, msgspec.inspect.StructType):
        if issubclass(info.cls, SecretRef):
            yield path
        else:
            yield from secret_fields(info.cls, path)


def test_every_field_that_names_a_secret_is_known_to_the_tests_of_the_policy() -> None:
    found = {name: set(secret_fields(kind.spec)) for name, kind in KINDS.items()}
    assert {name: paths for name, paths in found.items() if paths} == {name: set(PLACES[name]) for name in PLACES}


def test_there_is_a_policy_with_a_denying_binding_for_each_kind_that_names_secrets() -> None:
    rendered = objects({})
    policies = [found for found in rendered if found["kind"] == "ValidatingAdmissionPolicy"]
    bindings = [found["spec"] for found in rendered if found["kind"] == "ValidatingAdmissionPolicyBinding"]
    covered = {
        resource
        for found in policies
        for rule in found["spec"]["matchConstraints"]["resourceRules"]
        for resource in rule["resources"]
    }
    assert covered == {KINDS[name].plural for name in PLACES}
    assert [(binding["policyName"], binding["validationActions"]) for binding in bindings] == [
        (found["metadata"]["name"], ["Deny"]) for found in policies
    ]
    assert {found["spec"]["failurePolicy"] for found in policies} == {"Fail"}


def test_only_exempt_groups_add_a_condition_to_the_policies() -> None:
    def conditions(values: Json) -> list[str]:
        found = one(objects(values), "ValidatingAdmissionPolicy", f"budgets.turnout-operator.{NAMESPACE}")
        return [condition["name"] for condition in found["spec"]["matchConditions"]]

    assert conditions({}) == ["spec-is-written"]
    assert conditions({"secretsPolicy": {"exemptGroups": ["a"]}}) == ["spec-is-written", "writer-is-not-exempt"]
