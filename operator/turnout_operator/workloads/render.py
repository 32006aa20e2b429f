"""The manifests of one namespace's gateways, as a pure function: equal facts give equal manifests.

Rules: restricted pod security; no right on the API server (the only token is the projected one, for our audience); secrets are
mounted as optional files, so that a missing one blocks no pod; the set of Secrets stands in the pod template, so that another
set is a rollout; `replicas` is not among what is applied (see `reconcile`).
"""

import hashlib
from typing import Any

import msgspec

from turnout_contract.protocol import AUDIENCE, SERVICE_ACCOUNT
from turnout_operator.settings import GatewayDefaults

Json = dict[str, Any]

NAME = "turnout-gateway"
SERVICE = "turnout"
CA_CONFIG_MAP = "turnout-operator-ca"
OWNED_LABEL = "turnout.dev/owned"
MANAGED_BY = "turnout-operator"
LABELS = {
    "app.kubernetes.io/name": NAME,
    "app.kubernetes.io/part-of": "turnout",
    "app.kubernetes.io/managed-by": MANAGED_BY,
    OWNED_LABEL: "true",
}
SELECTOR = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "turnout"}
HTTP_PORT = 8080
ADMIN_PORT = 9090
SECRETS_DIR = "/var/run/turnout/secrets"
TOKEN_DIR = "/var/run/turnout/token"  # noqa: S105  a path
CA_DIR = "/var/run/turnout/ca"
STATE_DIR = "/var/lib/turnout"
USER = 65532
TOKEN_SECONDS = 3600
PRE_STOP_SECONDS = 5
SPARE_SECONDS = 10


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What of a namespace's resources shapes its workloads."""

    namespace: str
    secrets: tuple[str, ...]
    drain_seconds: int
    service_account_annotations: dict[str, str] = {}
    replicas: int
    ca: str
    operator_url: str
    operator_namespace: str
    operator_port: int


def render(facts: Facts, defaults: GatewayDefaults) -> tuple[Json, ...]:
    """All manifests, in the order in which they are to be made."""
    manifests = [
        _config_map(facts),
        _service_account(facts),
        _service(facts),
        _disruption_budget(facts),
        _deployment(facts, defaults),
    ]
    if defaults.network_policy:
        manifests.insert(3, _network_policy(facts, defaults))
    return tuple(manifests)


def _object(api_version: str, kind: str, name: str, facts: Facts, **rest: Any) -> Json:
    metadata: Json = {"name": name, "namespace": facts.namespace, "labels": dict(LABELS), **rest.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


def _config_map(facts: Facts) -> Json:
    return _object("v1", "ConfigMap", CA_CONFIG_MAP, facts, data={"ca.crt": facts.ca})


def _service_account(facts: Facts) -> Json:
    annotations = dict(sorted(facts.service_account_annotations.items()))
    return _object(
        "v1",
        "ServiceAccount",
        SERVICE_ACCOUNT,
        facts,
        metadata={"annotations": annotations} if annotations else {},
        automountServiceAccountToken=False,
    )


def _service(facts: Facts) -> Json:
    ports = [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    return _object("v1", "Service", SERVICE, facts, spec={"selector": dict(SELECTOR), "ports": ports})


def _disruption_budget(facts: Facts) -> Json:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": dict(SELECTOR)}}
    return _object("policy/v1", "PodDisruptionBudget", NAME, facts, spec=spec)


def _network_policy(facts: Facts, defaults: GatewayDefaults) -> Json:
    callers: list[Json] = [{"podSelector": {}}, *defaults.ingress]
    scrape: Json = {"ports": [{"port": ADMIN_PORT, "protocol": "TCP"}]}
    if defaults.scrapers:
        scrape["from"] = list(defaults.scrapers)
    operator = {"kubernetes.io/metadata.name": facts.operator_namespace}
    spec = {
        "podSelector": {"matchLabels": dict(SELECTOR)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": callers, "ports": [{"port": HTTP_PORT, "protocol": "TCP"}]}, scrape],
        "egress": [
            {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]},
            {
                "to": [{"namespaceSelector": {"matchLabels": operator}}],
                "ports": [{"port": facts.operator_port, "protocol": "TCP"}],
            },
            # Everywhere (providers, Qdrant, telemetry) but where clouds keep their instances' credentials.
            {
                "to": [
                    {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}},
                    {"ipBlock": {"cidr": "::/0", "except": ["fe80::/10"]}},
                    {"namespaceSelector": {}},
                ]
            },
        ],
    }
    return _object("networking.k8s.io/v1", "NetworkPolicy", NAME, facts, spec=spec)


def _deployment(facts: Facts, defaults: GatewayDefaults) -> Json:
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": dict(SELECTOR)},
    }
    pod: Json = {
        "serviceAccountName": SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": facts.drain_seconds + PRE_STOP_SECONDS + SPARE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [spread],
        "containers": [_container(facts, defaults)],
        "volumes": _volumes(facts, defaults),
    }
    if defaults.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in defaults.image_pull_secrets]
    if defaults.node_selector:
        pod["nodeSelector"] = dict(sorted(defaults.node_selector.items()))
    if defaults.tolerations:
        pod["tolerations"] = list(defaults.tolerations)
    if defaults.priority_class:
        pod["priorityClassName"] = defaults.priority_class
    metadata: Json = {"labels": {**defaults.pod_labels, **LABELS}}
    if defaults.pod_annotations:
        metadata["annotations"] = dict(sorted(defaults.pod_annotations.items()))
    spec = {
        "selector": {"matchLabels": dict(SELECTOR)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {"metadata": metadata, "spec": pod},
    }
    return _object("apps/v1", "Deployment", NAME, facts, spec=spec)


def _container(facts: Facts, defaults: GatewayDefaults) -> Json:
    return {
        "name": "gateway",
        "image": defaults.image,
        "imagePullPolicy": defaults.image_pull_policy,
        "args": _arguments(facts, defaults),
        "env": [
            _from_field("POD_NAME", "metadata.name"),
            _from_field("POD_NAMESPACE", "metadata.namespace"),
            _from_field("NODE_NAME", "spec.nodeName"),
        ],
        "ports": [
            {"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"},
            {"name": "admin", "containerPort": ADMIN_PORT, "protocol": "TCP"},
        ],
        "resources": {key: dict(sorted(value.items())) for key, value in sorted(defaults.resources.items())},
        "startupProbe": {**_probe("/healthz"), "periodSeconds": 1, "failureThreshold": 60},
        "livenessProbe": {**_probe("/healthz"), "periodSeconds": 10, "failureThreshold": 3},
        "readinessProbe": {**_probe("/readyz"), "periodSeconds": 2, "failureThreshold": 2},
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_SECONDS}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "state", "mountPath": STATE_DIR},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  an emptyDir of the pod's own
            {"name": "token", "mountPath": TOKEN_DIR, "readOnly": True},
            {"name": "operator-ca", "mountPath": CA_DIR, "readOnly": True},
            *(
                {"name": _volume_name(name), "mountPath": f"{SECRETS_DIR}/{name}", "readOnly": True}
                for name in facts.secrets
            ),
        ],
    }


def _arguments(facts: Facts, defaults: GatewayDefaults) -> list[str]:
    arguments = [
        "gateway",
        "--host=0.0.0.0",
        f"--port={HTTP_PORT}",
        "--admin-host=0.0.0.0",
        f"--admin-port={ADMIN_PORT}",
        f"--secrets-dir={SECRETS_DIR}",
        f"--state={STATE_DIR}",
        f"--operator={facts.operator_url}",
        f"--token-file={TOKEN_DIR}/token",
        f"--ca-file={CA_DIR}/ca.crt",
    ]
    if defaults.otlp_endpoint:
        arguments.append(f"--otlp-endpoint={defaults.otlp_endpoint}")
    return arguments


def _volumes(facts: Facts, defaults: GatewayDefaults) -> list[Json]:
    token = {"path": "token", "audience": AUDIENCE, "expirationSeconds": TOKEN_SECONDS}
    return [
        {"name": "state", "emptyDir": {"sizeLimit": defaults.state_size}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}], "defaultMode": 0o440}},
        {"name": "operator-ca", "configMap": {"name": CA_CONFIG_MAP, "defaultMode": 0o444}},
        *(
            {"name": _volume_name(name), "secret": {"secretName": name, "optional": True, "defaultMode": 0o440}}
            for name in facts.secrets
        ),
    ]


def _volume_name(secret: str) -> str:
    """A volume's name is a DNS label; a Secret's may be longer and have dots."""
    return f"secret-{hashlib.sha256(secret.encode()).hexdigest()[:12]}"


def _from_field(name: str, path: str) -> Json:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _probe(path: str) -> Json:
    return {"httpGet": {"path": path, "port": "admin"}, "timeoutSeconds": 2}
