"""The gateways' manifests, as golden files, and what must hold of them whatever the settings say."""

import json
from pathlib import Path

import msgspec
import yaml

from turnout_operator.settings import GatewayDefaults
from turnout_operator.workloads.render import LABELS, Facts, render

GOLDEN = Path(__file__).parent / "golden"
PLAIN = Facts(
    namespace="claims",
    secrets=("openai", "team.keys"),
    drain_seconds=300,
    replicas=2,
    ca="-----BEGIN CERTIFICATE-----\n",
    operator_url="wss://turnout-operator.turnout-system.svc:8443",
    operator_namespace="turnout-system",
    operator_port=8443,
)
RICH = GatewayDefaults(
    image="registry.example/turnout@sha256:abc",
    image_pull_secrets=("pull",),
    otlp_endpoint="http://collector:4318",
    pod_labels={"team": "platform", "app.kubernetes.io/name": "not this"},
    pod_annotations={"note": "x"},
    node_selector={"zone": "a"},
    tolerations=({"key": "llm", "operator": "Exists"},),
    priority_class="high",
    ingress=({"namespaceSelector": {"matchLabels": {"mesh": "yes"}}},),
    scrapers=({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}},),
)


def same_as_golden(name: str, text: str, *, update: bool) -> None:
    path = GOLDEN / name
    if update:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "run with --update-golden and look at the difference"


def as_yaml(facts: Facts, defaults: GatewayDefaults) -> str:
    plain = json.loads(json.dumps(render(facts, defaults)))
    return yaml.safe_dump_all(plain, sort_keys=True)


def test_the_manifests_of_a_plain_namespace(update_golden: bool) -> None:
    same_as_golden("workloads-plain.yaml", as_yaml(PLAIN, GatewayDefaults()), update=update_golden)


def test_the_manifests_with_everything_said(update_golden: bool) -> None:
    facts = msgspec.structs.replace(
        PLAIN, service_account_annotations={"eks.amazonaws.com/role-arn": "arn"}, secrets=()
    )
    same_as_golden("workloads-rich.yaml", as_yaml(facts, RICH), update=update_golden)


def test_everything_is_labelled_as_ours_and_lies_in_the_namespace() -> None:
    for manifest in render(PLAIN, RICH):
        assert manifest["metadata"]["namespace"] == "claims"
        assert manifest["metadata"]["labels"] == LABELS


def test_a_new_secret_changes_the_pod_template_and_nothing_else() -> None:
    more = msgspec.structs.replace(PLAIN, secrets=(*PLAIN.secrets, "zz"))
    before, after = render(PLAIN, RICH), render(more, RICH)
    changed = [one["kind"] for one, other in zip(before, after, strict=True) if one != other]
    assert changed == ["Deployment"]


def test_replicas_are_not_among_what_is_applied() -> None:
    (deployment,) = [one for one in render(PLAIN, RICH) if one["kind"] == "Deployment"]
    assert "replicas" not in deployment["spec"]


def test_a_chart_may_do_without_network_policies() -> None:
    kinds = [one["kind"] for one in render(PLAIN, GatewayDefaults(network_policy=False))]
    assert "NetworkPolicy" not in kinds
    assert len(kinds) == 5
