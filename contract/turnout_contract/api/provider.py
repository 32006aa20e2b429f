"""ModelProvider: an endpoint, its protocol, its credentials, its clearance and residency, and its models with their prices.

What a provider may see and where it works stand here, beside its address, so that no route can send data past them.

Rules: credentials are named, never written; the endpoint holds neither user, query nor fragment; an absent window or limit is
not checked, an absent price is unknown, which is not zero.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from turnout_contract.api.meta import (
    Capability,
    Column,
    Kind,
    ModelName,
    Part,
    Rule,
    Sensitivity,
    Tier,
    Url,
    Usd,
    Word,
    doc,
    listing,
    word_set,
)
from turnout_contract.api.references import SecretRef

Protocol = Literal["OpenAI", "Anthropic", "Gemini", "BedrockConverse", "AzureOpenAI"]
Host = Annotated[str, Meta(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?$")]


class AwsKeys(Part, frozen=True, kw_only=True):
    """An AWS access key."""

    access_key_id_ref: Annotated[SecretRef, doc("The access key's id.")]
    secret_access_key_ref: Annotated[SecretRef, doc("The secret access key.")]
    session_token_ref: Annotated[SecretRef | UnsetType, doc("The session token of temporary keys.")] = UNSET


class WorkloadIdentity(Part, frozen=True, kw_only=True):
    """The platform's own identity for the gateway's pods."""

    type: Annotated[Literal["AWS", "Azure", "Google"], doc("Whose.")]
    audience: (
        Annotated[str, Meta(description="The audience to ask for.", min_length=1, max_length=1024)] | UnsetType
    ) = UNSET


class Credentials(Part, frozen=True, kw_only=True):
    """How the gateway proves itself to the provider: one way; empty: not at all."""

    RULES = (
        Rule(
            "[has(self.secretRef), has(self.aws), has(self.workloadIdentity)].filter(x, x).size() <= 1",
            "at most one of secretRef, aws and workloadIdentity may be given",
        ),
    )

    secret_ref: Annotated[SecretRef | UnsetType, doc("An API key.")] = UNSET
    aws: Annotated[AwsKeys | UnsetType, doc("An AWS access key.")] = UNSET
    workload_identity: Annotated[WorkloadIdentity | UnsetType, doc("The platform's identity.")] = UNSET


class Aws(Part, frozen=True, kw_only=True):
    """What BedrockConverse needs."""

    region: Annotated[
        str,
        Meta(
            description="The region, such as eu-central-1.",
            min_length=4,
            max_length=32,
            pattern=r"^[a-z]{2}[-a-z0-9]*[0-9]$",
        ),
    ]


class Azure(Part, frozen=True, kw_only=True):
    """What AzureOpenAI needs."""

    api_version: Annotated[
        str,
        Meta(
            description="The api-version that is asked for.",
            min_length=1,
            max_length=32,
            pattern=r"^[0-9a-z][-0-9a-z]*$",
        ),
    ]


class ProviderLimits(Part, frozen=True, kw_only=True):
    """What the provider allows, for all gateways of the namespace together."""

    max_in_flight: Annotated[int, Meta(description="Calls at once.", ge=1, le=1_000_000)] | UnsetType = UNSET
    requests_per_minute: Annotated[int, Meta(description="Calls a minute.", ge=1, le=10**9)] | UnsetType = UNSET
    tokens_per_minute: Annotated[int, Meta(description="Tokens a minute.", ge=1, le=10**12)] | UnsetType = UNSET


class Tls(Part, frozen=True, kw_only=True):
    """How the provider's certificate is checked."""

    ca_secret_ref: Annotated[SecretRef | UnsetType, doc("The CA's certificates (PEM); absent: the system's.")] = UNSET
    server_name: Annotated[Host | UnsetType, doc("The name to ask for and to check.")] = UNSET
    insecure_skip_verify: Annotated[bool, doc("No check at all; refused unless the chart allows it.")] = False


class Price(Part, frozen=True, kw_only=True):
    """Dollars for a million tokens."""

    input_per_million: Annotated[Usd, doc("Input tokens.")]
    cached_input_per_million: Annotated[
        Usd | UnsetType, doc("Input tokens read from the provider's cache; absent: as input.")
    ] = UNSET
    output_per_million: Annotated[
        Usd | UnsetType, doc("Output tokens, reasoning included; absent, for embeddings only: free.")
    ] = UNSET


class Model(Part, frozen=True, kw_only=True):
    """One model of the provider."""

    RULES = (
        Rule(
            "!has(self.price) || has(self.price.outputPerMillion)"
            " || has(self.capabilities) && size(self.capabilities) > 0 && self.capabilities.all(c, c == 'Embeddings')",
            "price.outputPerMillion is needed, unless the model does nothing but Embeddings",
            ".price",
        ),
    )

    name: Annotated[ModelName, doc("The name that is sent upstream.")]
    tier: Annotated[Tier, doc("How much it can do, and costs, beside others.")] = "Mid"
    capabilities: Annotated[
        tuple[Capability, ...], word_set("What it can do; a call that needs more never goes there.", most=8)
    ] = ("Chat",)
    context_window: (
        Annotated[int, Meta(description="Tokens in all; absent: not checked.", ge=1, le=100_000_000)] | UnsetType
    ) = UNSET
    max_output_tokens: (
        Annotated[int, Meta(description="Tokens that it may answer; absent: not checked.", ge=1, le=100_000_000)]
        | UnsetType
    ) = UNSET
    price: Annotated[Price | UnsetType, doc("Absent: the price list's, else unpriced.")] = UNSET


class ModelProviderSpec(Part, frozen=True, kw_only=True):
    """An endpoint and its models."""

    RULES = (
        Rule(
            "self.protocol == 'BedrockConverse' ? has(self.aws) : !has(self.aws)",
            "aws goes with protocol BedrockConverse, which needs it",
            ".aws",
        ),
        Rule(
            "self.protocol == 'AzureOpenAI' ? has(self.azure) : !has(self.azure)",
            "azure goes with protocol AzureOpenAI, which needs it",
            ".azure",
        ),
        Rule(
            "!has(self.credentials) || !has(self.credentials.aws) || self.protocol == 'BedrockConverse'",
            "credentials.aws goes with protocol BedrockConverse",
            ".credentials",
        ),
        Rule(
            "!has(self.tls) || !has(self.tls.insecureSkipVerify) || !self.tls.insecureSkipVerify"
            " || !has(self.tls.caSecretRef)",
            "insecureSkipVerify makes caSecretRef meaningless; give one of them",
            ".tls",
        ),
    )

    protocol: Annotated[Protocol, doc("The API that the endpoint speaks.")]
    endpoint: Annotated[
        Url,
        doc("The base URL that the provider's SDK takes, version included; the gateway appends the operation's path."),
    ]
    credentials: Annotated[Credentials | UnsetType, doc("How the gateway proves itself; absent: not at all.")] = UNSET
    aws: Annotated[Aws | UnsetType, doc("For BedrockConverse.")] = UNSET
    azure: Annotated[Azure | UnsetType, doc("For AzureOpenAI.")] = UNSET
    clearance: Annotated[Sensitivity, doc("The most sensitive data that it may see.")] = "Internal"
    residency: Annotated[
        tuple[Word, ...], word_set("Where it processes data: free words, compared exactly.", most=16)
    ] = ()
    limits: Annotated[ProviderLimits | UnsetType, doc("What the provider allows.")] = UNSET
    tls: Annotated[Tls | UnsetType, doc("How its certificate is checked.")] = UNSET
    models: Annotated[tuple[Model, ...], listing("Its models.", most=256, least=1, key="name")]


KIND = Kind(
    name="ModelProvider",
    plural="modelproviders",
    short="mp",
    spec=ModelProviderSpec,
    columns=(Column("Protocol", ".spec.protocol"), Column("Clearance", ".spec.clearance")),
    summary="An endpoint, its protocol, credentials, clearance and residency, and its models with their prices.",
)
