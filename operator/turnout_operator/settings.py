"""Everything that the operator can be told, as one frozen value.

Why here: the command and the chart fill it, everything else only reads it; so no module looks into the environment, and a test
says what it wants in one place. `load` reads a YAML or JSON file of the same shape (camelCase), which is what the chart mounts.

Rules: unknown fields are refused by name; seconds are floats; nothing secret is a value here, only where it is mounted.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class Section(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The base of every part of the settings."""


class LeaseTimings(Section, frozen=True, kw_only=True):
    """How long a silent leader is believed, how long it believes itself, and how often it renews."""

    duration: Seconds = 15.0
    renew_deadline: Seconds = 10.0
    retry: Seconds = 2.0

    def __post_init__(self) -> None:
        if not self.retry < self.renew_deadline < self.duration:
            raise ValueError("lease: retry must be below renewDeadline, and that below duration")


class Debounce(Section, frozen=True, kw_only=True):
    """A namespace is compiled once it was quiet for `quiet`, and `most` after its first change at the latest."""

    quiet: Seconds = 0.1
    most: Seconds = 1.0


class SharedQdrant(Section, frozen=True, kw_only=True):
    """The Qdrant that all namespaces share, each in its own collection. `key_file` holds its API key."""

    url: str
    key_file: str
    public_url: str = ""
    """Where gateways reach it, if elsewhere than the operator does."""
    shards: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    replicas: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    token_seconds: Annotated[int, msgspec.Meta(ge=60, le=86_400)] = 3600


class GatewayDefaults(Section, frozen=True, kw_only=True):
    """The gateways' pods, where a ModelGateway says nothing. Maps and lists are Kubernetes' own shapes."""

    image: str = "turnout:0.1.0"
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    replicas: Count = 2
    resources: dict[str, dict[str, str]] = msgspec.field(
        default_factory=lambda: {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
    )
    otlp_endpoint: str | None = None
    pod_labels: dict[str, str] = {}
    pod_annotations: dict[str, str] = {}
    node_selector: dict[str, str] = {}
    tolerations: tuple[dict[str, Any], ...] = ()
    priority_class: str = ""
    state_size: str = "1Gi"
    ingress: tuple[dict[str, Any], ...] = ()
    """NetworkPolicy peers that may call port 8080, beside the namespace itself."""
    scrapers: tuple[dict[str, Any], ...] = ()
    """NetworkPolicy peers that may scrape port 9090; none: anyone."""
    network_policy: bool = True


class OperatorSettings(Section, frozen=True, kw_only=True):
    """The operator's settings. `kubeconfig` None: in the cluster, as the pod's own service account."""

    namespace: str = "turnout-system"
    pod_name: str = "turnout-operator"
    kubeconfig: str | None = None
    host: str = "0.0.0.0"
    port: Port = 8443
    health_host: str = "0.0.0.0"
    health_port: Port = 8081
    lease_name: str = "turnout-operator"
    lease: LeaseTimings = LeaseTimings()
    watch_namespaces: tuple[str, ...] | None = None
    """None: all. The operator's own namespace is always among them."""
    certificate_secret: str = "turnout-operator-tls"  # noqa: S105  a name
    service_name: str = "turnout-operator"
    service_port: Port = 8443
    extra_names: tuple[str, ...] = ()
    """Further DNS names and addresses for the serving certificate."""
    gateway: GatewayDefaults = GatewayDefaults()
    qdrant: SharedQdrant | None = None
    allow_insecure_tls: bool = False
    debounce: Debounce = Debounce()
    audit_seconds: Seconds = 300.0
    relist_audit_seconds: Seconds = 1.0
    takeover_grace: Seconds = 30.0
    disconnected_after: Seconds = 30.0
    forget_after: Seconds = 900.0

    @property
    def operator_url(self) -> str:
        """Where gateways dial in: the headless Service, which stands for all replicas of the operator."""
        return f"wss://{self.service_name}.{self.namespace}.svc:{self.service_port}"

    @property
    def namespaces(self) -> tuple[str, ...] | None:
        """The namespaces that are watched, sorted; None: all."""
        if self.watch_namespaces is None:
            return None
        return tuple(sorted({*self.watch_namespaces, self.namespace}))


def load(path: Path) -> OperatorSettings:
    """The settings of a YAML or JSON file. Raises ValueError naming the field, OSError where it cannot be read."""
    data = path.read_bytes()
    try:
        return msgspec.yaml.decode(data, type=OperatorSettings) if data.strip() else OperatorSettings()
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise ValueError(f"{path}: {error}") from error
