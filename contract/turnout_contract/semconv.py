# ruff: noqa: S105 - names of tokens that are counted, not of passwords
"""Every telemetry name, in one place: OpenTelemetry's and our own.

The GenAI conventions are in development and have moved twice, so they are pinned as profiles. `v1.41` is what boards and
other gateways read today; `latest` is what the conventions' own repository says now. A gateway follows one of them and never
mixes the two. What is ours begins with `turnout.` (attributes) or `turnout_` (metrics).

Rules: a name is written here and nowhere else; a metric's label values come from the snapshot or from a fixed set, never from
a caller; ids of outcomes, sessions and users are on spans only; money is text, but for `gen_ai.usage.cost`, which other tools
read as a number.
"""

import re
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

ProfileName = Literal["v1.41", "latest"]

# Resource
SERVICE_NAME: Final = "service.name"
SERVICE_NAMESPACE: Final = "service.namespace"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
SERVICE_VERSION: Final = "service.version"
SDK_NAME: Final = "telemetry.sdk.name"
SDK_LANGUAGE: Final = "telemetry.sdk.language"
SDK_VERSION: Final = "telemetry.sdk.version"
GATEWAY_SERVICE: Final = "turnout-gateway"
SCOPE: Final = "turnout.gateway"

# HTTP, stable
HTTP_METHOD: Final = "http.request.method"
HTTP_ROUTE: Final = "http.route"
HTTP_STATUS: Final = "http.response.status_code"
URL_PATH: Final = "url.path"
URL_SCHEME: Final = "url.scheme"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"
ERROR_OTHER: Final = "_OTHER"

# GenAI: the set that both profiles share
OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
REQUEST_TOP_K: Final = "gen_ai.request.top_k"
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
OUTPUT_TYPE: Final = "gen_ai.output.type"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
USAGE_INPUT: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_REASONING: Final = "gen_ai.usage.reasoning.output_tokens"
USAGE_COST: Final = "gen_ai.usage.cost"
PROMPT_NAME: Final = "gen_ai.prompt.name"
PROMPT_VERSION: Final = "gen_ai.prompt.version"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
TOKEN_TYPE: Final = "gen_ai.token.type"
TOKEN_MODALITY: Final = "gen_ai.token.modality"

# Ours
REQUEST_ID: Final = "turnout.request_id"
CLIENT: Final = "turnout.client"
TEAM: Final = "turnout.team"
USE_CASE: Final = "turnout.use_case"
OUTCOME_ID: Final = "turnout.outcome_id"
REQUESTED_MODEL: Final = "turnout.requested_model"
ROUTE: Final = "turnout.route"
RULE: Final = "turnout.rule"
BACKEND: Final = "turnout.backend"
TIER: Final = "turnout.tier"
SENSITIVITY: Final = "turnout.sensitivity"
VALUE: Final = "turnout.value"
CACHE: Final = "turnout.cache.state"
CACHE_REASON: Final = "turnout.cache.reason"
ATTEMPT: Final = "turnout.attempt"
ATTEMPTS: Final = "turnout.attempts"
COST_USD: Final = "turnout.cost.usd"
SAVED_USD: Final = "turnout.cost.saved_usd"
USAGE_ESTIMATED: Final = "turnout.usage.estimated"
CONFIG_VERSION: Final = "turnout.config.version"
CLIENT_GONE: Final = "turnout.client_gone"
ABORTED: Final = "turnout.aborted"
CONTENT_TRUNCATED: Final = "turnout.content_truncated"
SPAN_CACHE: Final = "turnout.cache"

# Ours, of guardrails: the GenAI conventions have proposed names for them (gen_ai.security.*), and none that is released
GUARD_OUTCOME: Final = "turnout.guardrail.outcome"
GUARD_POLICIES: Final = "turnout.guardrail.policies"
GUARD_PASSED: Final = "turnout.guardrail.passed"
GUARD_MATCHED: Final = "turnout.guardrail.matched"
GUARD_FAILED: Final = "turnout.guardrail.failed"
GUARD_NOT_RUN: Final = "turnout.guardrail.not_run"
GUARD_RESTORED: Final = "turnout.guardrail.restored"
GUARD_UNRESOLVED: Final = "turnout.guardrail.unresolved"
GUARD_UNINSPECTED: Final = "turnout.guardrail.uninspected_parts"
GUARD_BUSY_MS: Final = "turnout.guardrail.busy_ms"
EVENT_GUARD_VERDICT: Final = "turnout.guardrail.verdict"
VERDICT_CHECK: Final = "turnout.guardrail.check"
VERDICT_SIDE: Final = "turnout.guardrail.side"
VERDICT_RULE: Final = "turnout.guardrail.rule"
VERDICT_STATE: Final = "turnout.guardrail.state"
VERDICT_DONE: Final = "turnout.guardrail.done"
VERDICT_COUNT: Final = "turnout.guardrail.count"
VERDICT_DIGESTS: Final = "turnout.guardrail.digests"
VERDICT_POLICY: Final = "turnout.guardrail.policy"
SPAN_GUARD_INPUT: Final = "turnout.guardrail.input"
SPAN_GUARD_OUTPUT: Final = "turnout.guardrail.output"

# Metrics of the server side, named alike in both profiles
SERVER_REQUEST_DURATION: Final = "gen_ai.server.request.duration"
SERVER_TIME_TO_FIRST_TOKEN: Final = "gen_ai.server.time_to_first_token"
SERVER_TIME_PER_OUTPUT_TOKEN: Final = "gen_ai.server.time_per_output_token"

# Our metrics, as Prometheus has them
REQUESTS: Final = "turnout_requests_total"
REQUEST_DURATION: Final = "turnout_request_duration_seconds"
COST: Final = "turnout_cost_usd_total"
UNPRICED: Final = "turnout_unpriced_attempts_total"
CACHE_LOOKUPS: Final = "turnout_cache_lookups_total"
CACHE_SAVED: Final = "turnout_cache_saved_usd_total"
RETRIES: Final = "turnout_retries_total"
FALLBACKS: Final = "turnout_fallbacks_total"
UPSTREAM_ERRORS: Final = "turnout_upstream_errors_total"
IN_FLIGHT: Final = "turnout_requests_in_flight"
CONFIG_INFO: Final = "turnout_config_version_info"
CONFIG_DEGRADED: Final = "turnout_config_degraded"
OPERATOR_CONNECTED: Final = "turnout_operator_connected"
CONFIG_PUSHES: Final = "turnout_config_pushes_total"
SPANS_EXPORTED: Final = "turnout_telemetry_exported_spans_total"
SPANS_DROPPED: Final = "turnout_telemetry_dropped_spans_total"
LINES_DROPPED: Final = "turnout_log_dropped_lines_total"
STORE_LOOKUPS: Final = "turnout_cache_store_lookups_total"
STORE_TIMEOUTS: Final = "turnout_cache_store_timeouts_total"
STORE_FAILURES: Final = "turnout_cache_store_failures_total"
STORE_WRITES_DROPPED: Final = "turnout_cache_store_dropped_writes_total"
STORE_OPEN: Final = "turnout_cache_store_breaker_open"
MODELS_LISTED: Final = "turnout_provider_models_listed"
MODELS_ABSENT: Final = "turnout_provider_models_absent"
RECORDS_FAILED: Final = "turnout_telemetry_failed_records_total"
GUARD_CALLS: Final = "turnout_guardrail_calls_total"
GUARD_VERDICTS: Final = "turnout_guardrail_verdicts_total"
GUARD_RESTORED_TOTAL: Final = "turnout_guardrail_restored_total"
GUARD_UNRESOLVED_TOTAL: Final = "turnout_guardrail_unresolved_total"
GUARD_UNINSPECTED_TOTAL: Final = "turnout_guardrail_uninspected_parts_total"
GUARD_DURATION: Final = "turnout_guardrail_duration_seconds"

# Buckets
DURATION_BUCKETS: Final = tuple(round(0.01 * 2**k, 2) for k in range(14))
TOKEN_BUCKETS: Final = tuple(float(4**k) for k in range(14))
CALL_BUCKETS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0,
)  # fmt: skip
FIRST_TOKEN_BUCKETS: Final = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0,
)  # fmt: skip
GUARD_BUCKETS: Final = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
)  # fmt: skip
OUTPUT_TOKEN_BUCKETS: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)


class TokenCounters(msgspec.Struct, frozen=True):
    """The counters and per-call histograms of tokens that `latest` has in place of one histogram."""

    input: str = "gen_ai.client.inference.usage.input_tokens"
    output: str = "gen_ai.client.inference.usage.output_tokens"
    cache_read: str = "gen_ai.client.inference.usage.cache_read.input_tokens"
    cache_write: str = "gen_ai.client.inference.usage.cache_write.input_tokens"
    reasoning: str = "gen_ai.client.inference.usage.reasoning.output_tokens"
    input_sizes: str = "gen_ai.client.inference.operation.input_tokens"
    output_sizes: str = "gen_ai.client.inference.operation.output_tokens"


class Profile(msgspec.Struct, frozen=True):
    """What differs between the versions. `token_usage` and `token_counters`: exactly one is set.

    `operation_duration` is for calls that are no inference (embeddings); `inference_duration` for those that are.
    """

    name: ProfileName
    schema_url: str
    inference_duration: str
    operation_duration: str
    time_to_first_chunk: str
    time_per_output_chunk: str
    token_usage: str | None
    token_counters: TokenCounters | None
    usage_cache_write: str


_V1_41: Final = Profile(
    name="v1.41",
    schema_url="https://opentelemetry.io/schemas/1.41.0",
    inference_duration="gen_ai.client.operation.duration",
    operation_duration="gen_ai.client.operation.duration",
    time_to_first_chunk="gen_ai.client.operation.time_to_first_chunk",
    time_per_output_chunk="gen_ai.client.operation.time_per_output_chunk",
    token_usage="gen_ai.client.token.usage",  # noqa: S106
    token_counters=None,
    usage_cache_write="gen_ai.usage.cache_creation.input_tokens",
)
_LATEST: Final = Profile(
    name="latest",
    schema_url="",  # none is published
    inference_duration="gen_ai.client.inference.duration",
    operation_duration="gen_ai.client.operation.duration",
    time_to_first_chunk="gen_ai.client.inference.time_to_first_chunk",
    time_per_output_chunk="gen_ai.client.inference.time_per_output_chunk",
    token_usage=None,
    token_counters=TokenCounters(),
    usage_cache_write="gen_ai.usage.cache_write.input_tokens",
)
PROFILES: Final[dict[ProfileName, Profile]] = {"v1.41": _V1_41, "latest": _LATEST}

_PROVIDERS: Final = {
    "OpenAI": "openai",
    "Anthropic": "anthropic",
    "Gemini": "gcp.gemini",
    "BedrockConverse": "aws.bedrock",
    "AzureOpenAI": "azure.ai.openai",
}
_HOSTS: Final = (
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("openai.azure.com", "azure.ai.openai"),
    ("services.ai.azure.com", "azure.ai.inference"),
    ("api.cohere.com", "cohere"),
    ("api.deepseek.com", "deepseek"),
    ("api.groq.com", "groq"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.x.ai", "x_ai"),
)


def provider_name(protocol: str, endpoint: str) -> str:
    """`gen_ai.provider.name` of a ModelProvider: by the host where it is a known one, else by the protocol spoken."""
    host = urlsplit(endpoint).hostname or ""
    for suffix, name in _HOSTS:
        if host == suffix or host.endswith((f".{suffix}", f"-{suffix}")):
            return name
    return _PROVIDERS.get(protocol, protocol.lower())


def prometheus_name(name: str, unit: str = "", *, counter: bool = False) -> str:
    """The Prometheus name of an OpenTelemetry metric: dots become underscores; unit `s` and `_total` are appended."""
    base = re.sub(r"[^A-Za-z0-9_]", "_", name)
    seconds = "_seconds" if unit == "s" else ""
    return f"{base}{seconds}{'_total' if counter else ''}"
