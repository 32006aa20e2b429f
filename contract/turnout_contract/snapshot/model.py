"""The snapshot: all that the gateways of one namespace need, as frozen values.

The compiler has resolved every reference and every default: the gateway looks nothing up and decides nothing about
attachment. Durations are milliseconds, money is nano-dollars, ratios that are only compared are floats.

Rules: no secret bytes, only where a secret's file will be (`SecretFile`); tuples in a defined order, so that equal inputs give
equal bytes; unknown fields are ignored on decode, so that an older gateway can read a newer snapshot;
what it must not ignore raises `schema`, so that it refuses.
"""

from typing import Any, Literal

import msgspec

from turnout_contract.api.meta import Capability, Sensitivity, Tier, Value
from turnout_contract.snapshot.guards import Guard

GUARDED = 2
"""The schema of snapshots with guards. A gateway that knows none would let calls pass that they hold up, so it must refuse them."""
SCHEMA = GUARDED
"""The newest that this build reads."""


class SecretFile(msgspec.Struct, frozen=True, order=True):
    """Where a secret's value is mounted: `NAME/KEY` below the gateway's secrets directory."""

    name: str
    key: str

    @property
    def path(self) -> str:
        """The path below the secrets directory."""
        return f"{self.name}/{self.key}"


class Source(msgspec.Struct, frozen=True, order=True):
    """One object that went into the snapshot. A new generation is a new version."""

    kind: str
    name: str
    uid: str
    generation: int
    namespace: str = ""


class Client(msgspec.Struct, frozen=True):
    """An application that may call. `routes` None: all public ones."""

    name: str
    team: str
    keys: tuple[SecretFile, ...]
    routes: tuple[str, ...] | None
    sensitivity: Sensitivity
    trust: tuple[str, ...]


class Telemetry(msgspec.Struct, frozen=True):
    """Traces. `otlp_endpoint` None: the process's own default, else none leave."""

    otlp_endpoint: str | None = None
    sampling: float = 0.1
    capture_content: bool = False
    semconv: Literal["v1.41", "latest"] = "v1.41"


class QdrantServer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A Qdrant of the namespace's own. `ca` None: the system's authorities; `shards` and `replicas` count where its collection
    is made."""

    url: str
    api_key: SecretFile | None = None
    ca: SecretFile | None = None
    shards: int = 1
    replicas: int = 1


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one replica."""

    max_body_bytes: int = 10_485_760
    max_in_flight: int = 2000
    drain_ms: int = 300_000


class Gateway(msgspec.Struct, frozen=True):
    """The namespace's ModelGateway, or the defaults. No clients: every call is taken, as team <namespace>.

    `shared_qdrant`: answers are kept in the chart's Qdrant, whose token the operator sends; without one nothing is cached.
    """

    clients: tuple[Client, ...] = ()
    telemetry: Telemetry = Telemetry()
    qdrant: QdrantServer | None = None
    shared_qdrant: bool = False
    limits: Limits = Limits()
    closed: str | None = None  # why every call is answered 503, e.g. a ModelGateway that cannot be honoured
    masking_key: SecretFile | None = None  # what placeholders are made with; None: a random key in each process


class Price(msgspec.Struct, frozen=True):
    """Nano-dollars for a million tokens. `cached_input` None: as input. `output` 0: free."""

    input: int
    output: int
    cached_input: int | None = None


class Model(msgspec.Struct, frozen=True):
    """One model of a provider. `price` None: unpriced (the cost is unknown, not zero)."""

    name: str
    tier: Tier
    capabilities: tuple[Capability, ...]
    context_window: int | None = None
    max_output_tokens: int | None = None
    price: Price | None = None


class Tls(msgspec.Struct, frozen=True):
    """How the provider's certificate is checked."""

    ca: SecretFile | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False


class AwsKeys(msgspec.Struct, frozen=True):
    """An AWS access key. `session_token` None: a lasting one."""

    access_key_id: SecretFile
    secret_access_key: SecretFile
    session_token: SecretFile | None = None


class Identity(msgspec.Struct, frozen=True):
    """The platform's identity for the gateway's pods. `audience` None: the platform's own."""

    type: Literal["AWS", "Azure", "Google"]
    audience: str | None = None


class Provider(msgspec.Struct, frozen=True, omit_defaults=True):
    """An endpoint with its models. Only accepted and resolved providers are in a snapshot.

    At most one of `api_key`, `aws_keys` and `identity`. `region`: of Bedrock; `api_version`: of Azure OpenAI.
    """

    name: str
    protocol: str
    endpoint: str
    api_key: SecretFile | None
    clearance: Sensitivity
    residency: tuple[str, ...]
    tls: Tls
    models: tuple[Model, ...]
    region: str | None = None
    api_version: str | None = None
    aws_keys: AwsKeys | None = None
    identity: Identity | None = None


class Backend(msgspec.Struct, frozen=True):
    """A model that a rule may use: provider and model by name, both in the snapshot."""

    provider: str
    model: str
    weight: int = 1
    priority: int = 0


class Match(msgspec.Struct, frozen=True):
    """All parts must hold; an empty part holds always. Model names end in `*` where they are prefixes."""

    models: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()  # (lower-case name, exact value)
    sensitivity: Sensitivity | None = None  # at least
    value: Value | None = None  # at least


class Cache(msgspec.Struct, frozen=True):
    """The CachePolicy that won for a rule. `semantic` False: exact only."""

    policy: str
    ttl_ms: int
    scope: Literal["Namespace", "Team", "User"]
    semantic: bool
    max_temperature: float
    max_entries: int
    embedder: str = "builtin"


class Rule(msgspec.Struct, frozen=True):
    """`cache` None: nothing is cached. `closed` says why the rule answers 503 (none of its backends resolves), else None.

    `guard` is the id of the Guard that holds for its calls, None where no policy attaches to it.
    """

    name: str
    matches: tuple[Match, ...]
    strategy: Literal["Weighted", "Failover"]
    backends: tuple[Backend, ...]  # Failover: in the order to try
    capabilities: tuple[Capability, ...] = ()
    residency: tuple[str, ...] = ()
    cache: Cache | None = None
    closed: str | None = None
    guard: str | None = None


class Retry(msgspec.Struct, frozen=True):
    """Retries on one backend."""

    attempts: int = 2
    budget_percent: int = 10
    on: tuple[str, ...] = ("ConnectFailure", "RateLimited", "ServerError", "FirstTokenTimeout")


class Timeouts(msgspec.Struct, frozen=True):
    """Milliseconds."""

    request_ms: int = 60_000
    first_token_ms: int = 10_000
    stream_idle_ms: int = 20_000


class UseCase(msgspec.Struct, frozen=True):
    """What the calls are for."""

    name: str
    outcome: str | None = None
    value: Value = "Normal"


class Route(msgspec.Struct, frozen=True):
    """A route. `closed` says why it answers 503 (it keeps its names), else None.

    `models` are the names that it claims and won.
    """

    name: str
    models: tuple[str, ...]
    visibility: Literal["Public", "Internal"]
    sensitivity: Sensitivity
    rules: tuple[Rule, ...]
    retry: Retry = Retry()
    timeouts: Timeouts = Timeouts()
    use_case: UseCase | None = None
    prompt: str | None = None
    closed: str | None = None


class PromptMessage(msgspec.Struct, frozen=True):
    """A message whose content is a checked template."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str


class PromptVersion(msgspec.Struct, frozen=True):
    """A version. Parameters are decimal strings or None."""

    name: str
    messages: tuple[PromptMessage, ...]
    temperature: str | None = None
    top_p: str | None = None
    max_tokens: int | None = None


class Prompt(msgspec.Struct, frozen=True):
    """A template. `shares` are (version, weight); one entry where a version is active. `closed`: it may not be used, and why."""

    name: str
    variables: dict[str, Any]
    shares: tuple[tuple[str, int], ...]
    versions: tuple[PromptVersion, ...]
    closed: str | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """What the gateways of a namespace run. `secrets` are the names of all Secrets that it mentions, sorted.

    `schema`: the least that a gateway must read to do all that this says.
    """

    namespace: str
    gateway: Gateway
    providers: tuple[Provider, ...] = ()
    routes: tuple[Route, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    guards: tuple[Guard, ...] = ()  # by id
    sources: tuple[Source, ...] = ()
    secrets: tuple[str, ...] = ()
    schema: int = 1
