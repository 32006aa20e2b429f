"""GuardrailPolicies in a cluster: the organisation's reach the namespaces that they select, and nobody there gets around them."""

from collections.abc import Callable
from typing import Any

from cluster.charts import grant
from cluster.kube import ApiError, Cluster, eventually
from cluster.operator_rig import FakeGateway, OperatorRig, Replica, custom, has_condition, provider, route
from turnout_contract.api.meta import API_VERSION, GROUP
from turnout_contract.snapshot.guards import Guard

Fleet = Callable[..., list[FakeGateway]]
Json = dict[str, Any]
OWN_KINDS = ["guardrailpolicies", "modelroutes", "modelgateways", "modelproviders"]


def policy(name: str, spec: Json) -> Json:
    return {"apiVersion": API_VERSION, "kind": "GuardrailPolicy", "metadata": {"name": name}, "spec": spec}


def for_finance(action: str = "Block") -> Json:
    selector = {"matchLabels": {"area": "finance"}}
    return policy("all-finance", {"namespaceSelector": selector, "input": {"secrets": {"action": action}}})


def label(cluster: Cluster, namespace: str, **labels: str) -> None:
    body = {"metadata": {"labels": labels}}
    cluster.request("PATCH", f"/api/v1/namespaces/{namespace}", body, content_type="application/merge-patch+json")


def said_of_route(cluster: Cluster, namespace: str, text: str) -> Callable[[], Json | None]:
    accepted = has_condition(cluster, namespace, "modelroutes", "assistant", "Accepted", "True")
    return lambda: found if (found := accepted()) and found.get("message", "") == text else None


def guard(gateway: FakeGateway) -> Guard | None:
    """What guards the only rule of what a gateway runs."""
    if gateway.snapshot is None:
        return None
    (found,) = gateway.snapshot.routes
    (rule,) = found.rules
    return next((one for one in gateway.snapshot.guards if one.id == rule.guard), None)


def status_of(cluster: Cluster, method: str, path: str, token: str, body: Json | None = None) -> int:
    try:
        cluster.request(method, path, body, token=token)
    except ApiError as error:
        return error.status
    return 200


def user_of(cluster: Cluster, namespace: str) -> str:
    """The token of somebody who may do everything to Turnout's objects of one namespace."""
    cluster.kubeconfig_for(namespace, "owner")
    grant(cluster, namespace, "owner", "owner", [{"apiGroups": [GROUP], "resources": OWN_KINDS, "verbs": ["*"]}])
    token = cluster.service_account_token(namespace, "owner")
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/guardrailpolicies"
    eventually("the right holds", lambda: status_of(cluster, "GET", path, token) == 200)
    return token


def test_a_policy_of_the_organisation_reaches_namespaces_by_their_labels(
    cluster: Cluster, namespace: str, rig: OperatorRig, operator: Replica, fleet: Fleet
) -> None:
    cluster.apply([for_finance()], namespace=rig.namespace)
    cluster.apply([provider(), route()], namespace=namespace)
    (gateway,) = fleet(operator)
    eventually("nobody guards it", said_of_route(cluster, namespace, ""))
    label(cluster, namespace, area="finance")
    eventually(
        "it is said", said_of_route(cluster, namespace, f"guarded by GuardrailPolicy {rig.namespace}/all-finance")
    )
    eventually("it holds", lambda: (found := guard(gateway)) and found.policies == (f"{rig.namespace}/all-finance",))
    eventually("it runs", has_condition(cluster, namespace, "modelroutes", "assistant", "Programmed", "True"))
    cluster.kubectl("delete", "guardrailpolicy", "all-finance", "-n", rig.namespace)
    eventually("nobody guards it", said_of_route(cluster, namespace, ""))
    eventually("it holds no more", lambda: gateway.snapshot is not None and guard(gateway) is None)


def test_the_owner_of_a_namespace_cannot_get_around_what_holds_for_the_whole_organisation(
    cluster: Cluster, namespace: str, rig: OperatorRig, operator: Replica, fleet: Fleet
) -> None:
    label(cluster, namespace, area="finance")
    cluster.apply([for_finance()], namespace=rig.namespace)
    cluster.apply([provider(), route()], namespace=namespace)
    (gateway,) = fleet(operator)
    everyones = f"{rig.namespace}/all-finance"
    eventually("it is said", said_of_route(cluster, namespace, f"guarded by GuardrailPolicy {everyones}"))

    owner = user_of(cluster, namespace)
    policies = f"/apis/{API_VERSION}/namespaces/{{}}/guardrailpolicies"
    there = f"{policies.format(rig.namespace)}/all-finance"
    assert status_of(cluster, "DELETE", there, owner) == 403
    assert status_of(cluster, "PUT", there, owner, for_finance("Monitor")) == 403
    assert status_of(cluster, "POST", policies.format(rig.namespace), owner, for_finance("Monitor")) == 403
    assert status_of(cluster, "DELETE", f"/api/v1/namespaces/{namespace}", owner) == 403

    namesake = policy("all-finance", {"mode": "Monitor", "input": {"secrets": {"action": "Monitor"}}})
    cluster.request("POST", policies.format(namespace), namesake, token=owner)
    said = f"guarded by GuardrailPolicy all-finance (Monitor) and {everyones}"
    eventually("both are said", said_of_route(cluster, namespace, said))
    eventually("both hold", lambda: (found := guard(gateway)) and found.policies == ("all-finance", everyones))
    found = guard(gateway)
    assert found is not None
    assert [(one.entity, one.action) for one in found.input] == [("Secret", "Block")]

    selecting = policy("mine", {"namespaceSelector": {"matchLabels": {"area": "finance"}}})
    cluster.request("POST", policies.format(namespace), selecting, token=owner)
    refused = has_condition(cluster, namespace, "guardrailpolicies", "mine", "Accepted", "False", "NotAllowed")
    assert rig.namespace in eventually("it is refused", refused)["message"]
    assert custom(cluster, rig.namespace, "guardrailpolicies", "all-finance")["spec"]["input"]["secrets"] == {
        "action": "Block",
        "restore": True,
    }
