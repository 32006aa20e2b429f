"""ModelGateway: the data plane of one namespace: replicas, who may call, telemetry, cache store, limits.

One in a namespace, always named `default`; where there is none, the chart's defaults hold.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from turnout_contract.api.meta import (
    Column,
    Duration,
    Kind,
    ObjectName,
    Part,
    Ratio,
    Rule,
    Sensitivity,
    Status,
    Url,
    WebUrl,
    Word,
    checked,
    doc,
    listing,
    word_set,
)
from turnout_contract.api.references import SecretRef

Trust = Literal["Team", "UseCase", "User", "Outcome", "Complexity", "Value", "PromptVersion"]
Audience = Annotated[str, Meta(min_length=1, max_length=256)]
Issuer = Annotated[str, Meta(min_length=1, max_length=512, pattern=r"^[!-~]+$")]
ClaimName = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[!-~]+$")]
AnnotationKey = Annotated[str, Meta(min_length=1, max_length=317)]
AnnotationValue = Annotated[str, Meta(max_length=2048)]

ANNOTATION_KEY = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"


class ClientKey(Part, frozen=True, kw_only=True):
    """A credential that a client shows."""

    secret_ref: Annotated[SecretRef, doc("Where the key lies.")]


class Client(Part, frozen=True, kw_only=True):
    """An application that may call."""

    name: Annotated[Word, doc("Its name, unique in the gateway.")]
    team: Annotated[Word, doc("Who pays for its calls.")]
    keys: Annotated[tuple[ClientKey, ...], listing("Its keys; any of them opens.", most=8, least=1)]
    routes: (
        Annotated[
            tuple[ObjectName, ...],
            word_set("The routes that it may call; absent: all public ones.", most=256, least=1),
        ]
        | UnsetType
    ) = UNSET
    sensitivity: Annotated[Sensitivity, doc("The least that each of its calls counts as.")] = "Internal"
    trust: Annotated[tuple[Trust, ...], word_set("Which x-turnout-* headers of this client are believed.", most=7)] = ()


class JwtClaims(Part, frozen=True, kw_only=True):
    """Which claims say who calls."""

    team: Annotated[ClaimName | UnsetType, doc("The claim that names the team.")] = UNSET
    use_case: Annotated[ClaimName | UnsetType, doc("The claim that names the use case.")] = UNSET
    user: Annotated[ClaimName | UnsetType, doc("The claim that names the user.")] = UNSET


class JwtIssuer(Part, frozen=True, kw_only=True):
    """An issuer of tokens that callers may show."""

    issuer: Annotated[Issuer, doc("The `iss` that tokens must carry.")]
    audiences: Annotated[tuple[Audience, ...], word_set("Any of these must be in `aud`.", most=16, least=1)]
    jwks_uri: Annotated[WebUrl, doc("Where its keys are published.")]
    claims: Annotated[JwtClaims | UnsetType, doc("Which claims say who calls.")] = UNSET


class Telemetry(Part, frozen=True, kw_only=True):
    """Where traces go and what they hold."""

    otlp_endpoint: Annotated[Url | UnsetType, doc("OTLP over HTTP; absent: the chart's, else no traces leave.")] = UNSET
    sampling: Annotated[Ratio, doc("Share of new traces that are recorded; a caller's decision is followed.")] = "0.1"
    capture_content: Annotated[bool, doc("Whether messages are written into spans.")] = False
    semconv: Annotated[Literal["v1.41", "latest"], doc("The GenAI conventions that spans and metrics follow.")] = (
        "v1.41"
    )


class Qdrant(Part, frozen=True, kw_only=True):
    """A Qdrant server of the namespace's own."""

    url: Annotated[Url, doc("Its address; http or https.")]
    api_key_secret_ref: Annotated[SecretRef | UnsetType, doc("Its API key.")] = UNSET
    ca_secret_ref: Annotated[
        SecretRef | UnsetType, doc("The certificates (PEM) of its authority; absent: the system's.")
    ] = UNSET
    shards: Annotated[int, Meta(description="Shards of the collection, where it is made.", ge=1, le=1000)] = 1
    replicas: Annotated[int, Meta(description="Copies of each shard, where it is made.", ge=1, le=100)] = 1


class CacheStoreSettings(Part, frozen=True, kw_only=True):
    """Where cached answers are kept."""

    qdrant: Annotated[
        Qdrant | UnsetType, doc("Absent: the shared Qdrant of the chart; where there is none, an embedded engine.")
    ] = UNSET


class Limits(Part, frozen=True, kw_only=True):
    """Bounds of one gateway replica."""

    max_body_bytes: Annotated[int, Meta(description="Largest request body.", ge=1024, le=268_435_456)] = 10_485_760
    max_in_flight: Annotated[int, Meta(description="Most calls at once.", ge=1, le=100_000)] = 2000
    drain: Annotated[
        Duration,
        doc("How long streams may go on after SIGTERM."),
        checked("duration(self) <= duration('24h')", "must be at most 24h"),
    ] = "300s"


class ModelGatewaySpec(Part, frozen=True, kw_only=True):
    """The data plane that is wanted."""

    replicas: Annotated[
        int, Meta(description="Gateways at first; left to the autoscaler where there is one.", ge=0, le=1000)
    ] = 2
    clients: Annotated[
        tuple[Client, ...],
        listing("Who may call. Neither clients nor jwt: anyone who can reach it.", most=256, key="name"),
    ] = ()
    jwt: Annotated[tuple[JwtIssuer, ...], listing("Issuers of tokens that are taken.", most=8, key="issuer")] = ()
    telemetry: Annotated[Telemetry | UnsetType, doc("Where traces go and what they hold.")] = UNSET
    cache: Annotated[CacheStoreSettings | UnsetType, doc("Where cached answers are kept.")] = UNSET
    masking_key_secret_ref: Annotated[
        SecretRef | UnsetType, doc("So that placeholders are equal in all replicas; absent: random for each process.")
    ] = UNSET
    service_account_annotations: Annotated[
        dict[AnnotationKey, AnnotationValue],
        Meta(description="Annotations of the gateways' service account, for workload identity.", max_length=16),
        checked(f"self.all(k, k.matches('{ANNOTATION_KEY}'))", "every key must be a valid annotation name"),
    ] = {}
    limits: Annotated[Limits | UnsetType, doc("Bounds of one replica.")] = UNSET


class GatewayReport(Part, frozen=True, kw_only=True):
    """What one gateway runs."""

    pod: Annotated[str, Meta(description="Its pod.", max_length=253)]
    state: Annotated[Literal["SYNCED", "STALE", "NACKED", "DISCONNECTED"], doc("How it stands to the version wanted.")]
    version: Annotated[str, Meta(description="The version that it runs.", max_length=64)] = ""
    since: Annotated[str, Meta(description="When the state last changed.", max_length=40)] = ""


class ModelGatewayStatus(Status, frozen=True, kw_only=True):
    """What Turnout says of the data plane."""

    version: Annotated[str, Meta(description="The version wanted.", max_length=64)] = ""
    gateways: Annotated[tuple[GatewayReport, ...], listing("What each gateway runs.", most=200, key="pod")] = ()


KIND = Kind(
    name="ModelGateway",
    plural="modelgateways",
    short="mgw",
    spec=ModelGatewaySpec,
    status=ModelGatewayStatus,
    columns=(Column("Replicas", ".spec.replicas", "integer"),),
    summary="The data plane of a namespace: replicas, who may call, telemetry, cache store, limits.",
    rules=(Rule("self.metadata.name == 'default'", "a ModelGateway is always named default", ".metadata.name"),),
)
