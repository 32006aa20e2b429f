"""The values of the chart: documented, in the schema, and each of them with an effect. Nothing is accepted and ignored."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import helm_python as helm
import msgspec
import pytest
import yaml

from chart.rendering import CASES, CHART, DIGEST, NAMESPACE, Json, objects, one, texts
from turnout_contract import semconv
from turnout_operator.metrics import Metrics
from turnout_operator.settings import GatewayDefaults, OperatorSettings, SharedQdrant

VALUES_TEXT = (CHART / "values.yaml").read_text(encoding="utf-8")
VALUES: Json = yaml.safe_load(VALUES_TEXT)
SCHEMA: Json = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

EVERYTHING_ON: Json = {
    "qdrant": {"url": "http://qdrant:6333", "existingSecret": "qdrant"},
    "certManager": {"enabled": True},
    "dashboard": {"enabled": True},
}
"""What parts are there only where they are wanted."""

ONLY_ON_A_CLUSTER = ("metrics",)
"""Rendered only where the cluster knows the kinds: tests/cluster/test_chart_release.py looks at them."""

OTHERS: dict[str, Any] = {
    "nameOverride": "other",
    "image.digest": DIGEST,
    "image.pullPolicy": "Always",
    "gateway.image.digest": DIGEST,
    "gateway.image.pullPolicy": "Always",
    "gateway.stateSize": "3Gi",
    "gateway.otlpEndpoint": "http://collector:4318",
    "gateway.networkPolicy.ingress": [{"podSelector": {}}],
    "gateway.networkPolicy.scrapers": [{"podSelector": {}}],
    "gateway.tolerations": [{"operator": "Exists"}],
    "qdrant.url": "https://other:6334",
    "qdrant.publicUrl": "https://qdrant.example",
    "certManager.enabled": False,
    "certManager.issuerRef.name": "company",
    "certManager.duration": "24h",
    "certManager.renewBefore": "1h",
    "podDisruptionBudget.maxUnavailable": "50%",
    "dashboard.enabled": False,
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"podAffinity": {}},
    "networkPolicy.adminFrom": [{"podSelector": {}}],
    "networkPolicy.apiServerPorts": [8443],
    "networkPolicy.extraEgress": [{"ports": [{"port": 3128}]}],
}
"""Another valid value, where none can be guessed from the type."""

CONTEXT: dict[str, Json] = {
    "certManager.issuerRef.kind": {"certManager": {"issuerRef": {"name": "company"}}},
    "certManager.issuerRef.group": {"certManager": {"issuerRef": {"name": "company"}}},
}
"""What must be said beside a value for it to have an effect."""

OWN_BUSINESS = {
    "kubeconfig", "podName", "host", "port", "healthHost", "healthPort", "servicePort", "relistAuditSeconds",
    "takeoverGrace", "disconnectedAfter", "forgetAfter",
}  # fmt: skip
"""Settings that no value sets: what the pod is told by its environment, and what is fixed by the templates or by the design."""


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """Every path of the values at which something may be set: maps that are free by design count as one."""
    schema = at_schema(path)
    if isinstance(value, dict) and schema.get("additionalProperties") is False:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path


def at_schema(path: str) -> Json:
    schema = SCHEMA
    for key in path.split(".") if path else ():
        schema = schema["properties"][key]
    return schema


def at(values: Json, path: str) -> Any:
    for key in path.split("."):
        values = values[key]
    return values


def put(values: Json, path: str, value: Any) -> Json:
    made = copy.deepcopy(values)
    *parents, last = path.split(".")
    inner = made
    for key in parents:
        inner = inner.setdefault(key, {})
    inner[last] = value
    return made


def merged(one_half: Json, other: Json) -> Json:
    made = copy.deepcopy(one_half)
    for key, value in other.items():
        made[key] = merged(made[key], value) if isinstance(value, dict) and isinstance(made.get(key), dict) else value
    return made


def another(path: str) -> Any:
    """A valid value other than the default."""
    if path in OTHERS:
        return OTHERS[path]
    default = at(VALUES, path)
    if isinstance(default, bool):
        return not default
    if isinstance(default, int | float):
        return default + 1
    if isinstance(default, str):
        return f"{default}x" if default else "other"
    if isinstance(default, list):
        return [*default, "other"]
    if path.endswith((".requests", ".limits")):
        return {"memory": "9Gi"}
    assert at_schema(path)["additionalProperties"] == {"type": "string"}, path
    return {**default, "other": "yes"}


LEAVES = list(leaves(VALUES))


def test_the_schema_and_the_values_have_the_same_names() -> None:
    def names(schema: Json, path: str = "") -> Iterator[str]:
        if schema.get("additionalProperties") is False:
            for key, inner in schema["properties"].items():
                yield from names(inner, f"{path}.{key}" if path else key)
        else:
            yield path

    in_schema = set(names(SCHEMA)) - {"global"}
    free = {path for path in in_schema if path.endswith((".requests", ".limits"))}  # resources: as a whole
    assert in_schema - free == {path for path in LEAVES if not path.endswith((".requests", ".limits"))}
    assert free == {f"{base}.{part}" for base in ("resources", "gateway.resources") for part in ("requests", "limits")}


def test_every_object_of_the_schema_is_closed_or_free_by_type_and_everything_is_described() -> None:
    def check(schema: Json, path: str) -> Iterator[str]:
        if not schema.get("description") and path.rpartition(".")[2] not in {"requests", "limits"}:
            yield f"{path}: not described"
        if "properties" in schema:
            if schema.get("additionalProperties") is not False:
                yield f"{path}: open"
            for key, inner in schema["properties"].items():
                yield from check(inner, f"{path}.{key}")
        elif (
            schema.get("type") == "object"
            and path not in {".global", ".affinity"}
            and "additionalProperties" not in schema
        ):
            yield f"{path}: an object of anything"

    assert list(check({**SCHEMA, "description": SCHEMA["title"]}, "")) == []


def test_the_defaults_meet_the_schema() -> None:
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema({})


@pytest.mark.parametrize("path", [path for path in LEAVES if not path.startswith(ONLY_ON_A_CLUSTER)])
def test_every_value_has_an_effect(path: str) -> None:
    context = merged(EVERYTHING_ON, CONTEXT.get(path, {}))
    before = texts(context)
    after = texts(put(context, path, another(path)))
    assert before != after


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"replica": 3}, "replica"),
        ({"gateway": {"image": {"name": "x"}}}, "name"),
        ({"replicas": "3"}, "/replicas"),
        ({"image": {"digest": "sha256:0"}}, "/image/digest"),
        ({"qdrant": {"url": "http://qdrant:6333"}}, "/qdrant/existingSecret"),
        ({"qdrant": {"url": "qdrant:6333", "existingSecret": "q"}}, "/qdrant/url"),
        ({"watchNamespaces": ["Claims"]}, "/watchNamespaces/0"),
        ({"secretsPolicy": {"exemptGroups": ["it's"]}}, "/secretsPolicy/exemptGroups/0"),
        ({"lease": {"retry": 0}}, "/lease/retry"),
        ({"metrics": {"rules": {"interval": "1m"}}}, "interval"),
        ({"ledger": {"url": "x"}}, "ledger"),
    ],
)
def test_a_wrong_value_is_refused_by_name(values: Json, named: str) -> None:
    with helm.Chart.load(CHART) as chart, pytest.raises(helm.HelmValuesError) as refused:
        chart.validate_schema(values)
    assert named in str(refused.value)


@pytest.mark.parametrize("case", CASES)
def test_the_settings_file_is_what_the_operator_reads(case: str) -> None:
    settings = settings_of(CASES[case])
    values = merged(VALUES, CASES[case])
    gateway = values["gateway"]
    assert settings.namespace == NAMESPACE
    assert settings.allow_insecure_tls is values["allowInsecureTls"]
    assert settings.audit_seconds == values["auditSeconds"]
    assert msgspec.to_builtins(settings.lease) == values["lease"]
    assert msgspec.to_builtins(settings.debounce) == values["debounce"]
    assert list(settings.watch_namespaces or ()) == values["watchNamespaces"]
    assert list(settings.extra_names) == values["certificate"]["extraNames"]
    assert settings.gateway.replicas == gateway["replicas"]
    assert settings.gateway.resources == gateway["resources"]
    assert settings.gateway.otlp_endpoint == (gateway["otlpEndpoint"] or None)
    assert settings.gateway.pod_labels == gateway["podLabels"]
    assert settings.gateway.tolerations == tuple(gateway["tolerations"])
    assert settings.gateway.priority_class == gateway["priorityClassName"]
    assert settings.gateway.network_policy is gateway["networkPolicy"]["enabled"]
    assert settings.gateway.ingress == tuple(gateway["networkPolicy"]["ingress"])
    assert settings.gateway.scrapers == tuple(gateway["networkPolicy"]["scrapers"])
    assert (settings.qdrant is not None) == bool(values["qdrant"]["url"])


def test_the_names_in_the_settings_are_those_of_the_rendered_objects() -> None:
    rendered = objects({"nameOverride": "railway"})
    settings = settings_of({"nameOverride": "railway"})
    assert one(rendered, "Service", settings.service_name)["spec"]["ports"][0]["port"] == settings.service_port
    assert one(rendered, "Secret")["metadata"]["name"] == settings.certificate_secret
    leases = [
        rule for rule in one(rendered, "Role")["rules"] if rule["resources"] == ["leases"] and "resourceNames" in rule
    ]
    assert leases[0]["resourceNames"] == [settings.lease_name]
    container = one(rendered, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {
        "push": settings.port, "admin": settings.health_port,
    }  # fmt: skip


def test_the_key_of_the_shared_qdrant_is_mounted_where_the_settings_say() -> None:
    values = {"qdrant": {"url": "http://qdrant:6333", "existingSecret": "vectors", "key": "secret"}}
    pod = one(objects(values), "Deployment")["spec"]["template"]["spec"]
    qdrant = settings_of(values).qdrant
    assert qdrant is not None
    (mount,) = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "qdrant"]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "qdrant"]
    assert str(qdrant.key_file) == f"{mount['mountPath']}/{volume['secret']['items'][0]['path']}"
    assert volume["secret"]["secretName"] == "vectors"


def test_every_setting_of_the_operator_is_set_by_the_chart_or_is_none_of_its_business() -> None:
    text = (CHART / "templates" / "_helpers.tpl").read_text(encoding="utf-8")
    written = set(re.findall(r"^\s*([a-z][A-Za-z]*):", text.partition('"turnout.settings"')[2], re.MULTILINE))
    for settings in (OperatorSettings, GatewayDefaults, SharedQdrant):
        names = {field.encode_name for field in msgspec.structs.fields(settings)}
        assert names - OWN_BUSINESS <= written, settings.__name__


def test_alerts_and_dashboard_use_metrics_that_exist() -> None:
    ours = {value for value in vars(semconv).values() if isinstance(value, str) and value.startswith("turnout_")}
    for family in Metrics().registry.collect():
        ours.add(family.name + ("_total" if family.type == "counter" else ""))
    dashboard = (CHART / "dashboards" / "turnout.json").read_text(encoding="utf-8")
    alerts = (CHART / "templates" / "monitoring.yaml").read_text(encoding="utf-8")
    used = {name.removesuffix("_bucket") for name in re.findall(r"\bturnout_[a-z_]+", dashboard + alerts)}
    assert len(used) > 15
    assert used <= ours


def test_the_dashboard_is_whole() -> None:
    config = one(objects({"dashboard": {"enabled": True}}), "ConfigMap", "turnout-operator-dashboard")
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    dashboard = json.loads(config["data"]["turnout.json"])
    assert len({panel["title"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)


def settings_of(values: Json) -> OperatorSettings:
    """The settings of the rendered ConfigMap, by the operator's own decoder."""
    rendered = objects(values)
    name = one(rendered, "Deployment")["metadata"]["name"]
    return msgspec.yaml.decode(one(rendered, "ConfigMap", name)["data"]["operator.yaml"], type=OperatorSettings)
