"""Charts rendered without a cluster, in process, as `helm template` does; and the sets of values that the tests render.

Rules: a duplicate key is an error here, since Helm's own parser keeps the last one and says nothing; goldens are the objects, not
the text, so that a comment moves no golden file.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "turnout"
CRDS_CHART = ROOT / "charts" / "turnout-crds"
NAMESPACE = "turnout-system"
NOTES = "turnout/templates/NOTES.txt"
Json = dict[str, Any]

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
CASES: dict[str, Json] = {
    "default": {},
    "some-namespaces": {"watchNamespaces": ["claims", "billing"]},
    "cert-manager": {"certManager": {"enabled": True}, "certificate": {"extraNames": ["turnout.example", "10.0.0.7"]}},
    "issuer": {"certManager": {"enabled": True, "issuerRef": {"name": "company", "kind": "ClusterIssuer"}}},
    "lean": {
        "replicas": 1,
        "aggregateRoles": False,
        "podDisruptionBudget": {"enabled": False},
        "networkPolicy": {"enabled": False},
        "gateway": {"networkPolicy": {"enabled": False}},
    },
    "full": {
        "nameOverride": "railway",
        "image": {"repository": "registry.example/turnout", "tag": "1.2.3", "digest": DIGEST, "pullSecrets": ["pull"]},
        "replicas": 3,
        "allowInsecureTls": True,
        "gateway": {
            "image": {"repository": "registry.example/gateway", "tag": "1.2.4", "pullPolicy": "Always"},
            "replicas": 4,
            "otlpEndpoint": "http://collector.telemetry:4318",
            "podLabels": {"cost-centre": "7"},
            "podAnnotations": {"note": "yes"},
            "nodeSelector": {"pool": "gateways"},
            "tolerations": [{"key": "gateways", "operator": "Exists"}],
            "priorityClassName": "high",
            "stateSize": "2Gi",
            "networkPolicy": {
                "ingress": [{"namespaceSelector": {"matchLabels": {"role": "ingress"}}}],
                "scrapers": [{"namespaceSelector": {"matchLabels": {"role": "monitoring"}}}],
            },
        },
        "qdrant": {"url": "https://qdrant.vectors:6333", "existingSecret": "qdrant", "shards": 3, "replicas": 2},
        "secretsPolicy": {"exemptGroups": ["system:serviceaccounts:argocd", "company:platform"]},
        "serviceAccount": {"annotations": {"cloud.example/role": "turnout"}},
        "podLabels": {"cost-centre": "8", "app.kubernetes.io/name": "never"},
        "podAnnotations": {"note": "no"},
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "system", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
        "networkPolicy": {
            "adminFrom": [{"namespaceSelector": {"matchLabels": {"role": "monitoring"}}}],
            "extraEgress": [{"ports": [{"port": 3128, "protocol": "TCP"}]}],
        },
        "dashboard": {"enabled": True},
    },
}


class _Strict(yaml.SafeLoader):
    """A loader that refuses a key which stands twice."""


def _mapping(loader: _Strict, node: yaml.MappingNode) -> Json:
    made: Json = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node)
        assert key not in made, f"{key} stands twice, line {key_node.start_mark.line + 1}"
        made[key] = loader.construct_object(value_node, deep=True)
    return made


_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse(text: str) -> list[Json]:
    """The objects of a YAML stream."""
    return [found for found in yaml.load_all(text, Loader=_Strict) if found is not None]


def texts(values: Json, *, chart: Path = CHART) -> Mapping[str, str]:
    """Rendered text by template. Raises HelmError where the values are refused."""
    return _texts(json.dumps(values, sort_keys=True), chart)


@cache
def _texts(values: str, chart: Path) -> Mapping[str, str]:
    with helm.Chart.load(chart) as loaded:
        return loaded.render(json.loads(values), name="turnout", namespace=NAMESPACE, is_install=True)


def objects(values: Json, *, chart: Path = CHART) -> list[Json]:
    """All objects, hooks too, in the order of template and place."""
    rendered = texts(values, chart=chart)
    return [found for path in sorted(rendered) if not path.endswith(".txt") for found in parse(rendered[path])]


def one(found: list[Json], kind: str, name: str | None = None) -> Json:
    """The only object of a kind (and name)."""
    (only,) = [item for item in found if item["kind"] == kind and name in (None, item["metadata"]["name"])]
    return only
