"""Names: each once, two profiles that are never mixed, Prometheus' spelling."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from turnout_contract import semconv
from turnout_contract.semconv import PROFILES, prometheus_name, provider_name
from turnout_sidecar.adapters.genai_metrics import GenAiMetrics


def test_every_name_is_written_once() -> None:
    names = [
        value
        for key, value in vars(semconv).items()
        if key.isupper() and isinstance(value, str) and not key.startswith("_") and "." in value
    ]

    assert len(names) == len(set(names))


def test_the_older_profile_counts_tokens_in_a_histogram_and_the_latest_in_counters() -> None:
    older, latest = PROFILES["v1.41"], PROFILES["latest"]

    assert (older.token_usage, older.token_counters) == ("gen_ai.client.token.usage", None)
    assert latest.token_usage is None
    assert latest.token_counters is not None


@pytest.mark.parametrize("name", ["v1.41", "latest"])
def test_a_profile_does_not_expose_the_other_ones_names(name: semconv.ProfileName) -> None:
    registry = CollectorRegistry()
    GenAiMetrics(PROFILES[name]).register(registry)

    exposed = {family.name for family in registry.collect()}

    assert ("gen_ai_client_token_usage" in exposed) == (name == "v1.41")
    for client, profile in (("operation", "v1.41"), ("inference", "latest")):
        assert (f"gen_ai_client_{client}_time_per_output_chunk_seconds" in exposed) == (name == profile)
    assert ("gen_ai_client_inference_duration_seconds" in exposed) == (name == "latest")
    assert ("gen_ai_client_inference_usage_input_tokens" in exposed) == (name == "latest")


def test_prometheus_spells_names_with_underscores_and_the_unit() -> None:
    assert prometheus_name("gen_ai.client.operation.duration", "s") == "gen_ai_client_operation_duration_seconds"
    assert prometheus_name("gen_ai.client.token.usage") == "gen_ai_client_token_usage"
    assert prometheus_name("a.b", counter=True) == "a_b_total"


def test_buckets_are_those_of_the_conventions() -> None:
    assert semconv.DURATION_BUCKETS[0] == 0.01
    assert semconv.DURATION_BUCKETS[-1] == 81.92
    assert semconv.TOKEN_BUCKETS[-1] == 67_108_864
    for buckets in (semconv.CALL_BUCKETS, semconv.FIRST_TOKEN_BUCKETS, semconv.OUTPUT_TOKEN_BUCKETS):
        assert list(buckets) == sorted(set(buckets))


@pytest.mark.parametrize(
    ("protocol", "endpoint", "name"),
    [
        ("OpenAI", "https://api.openai.com/v1", "openai"),
        ("OpenAI", "http://vllm.house:8000/v1", "openai"),
        ("OpenAI", "https://api.groq.com/openai/v1", "groq"),
        ("OpenAI", "https://api.mistral.ai/v1", "mistral_ai"),
        ("OpenAI", "https://notapi.groq.com.example/v1", "openai"),
        ("AzureOpenAI", "https://x.openai.azure.com", "azure.ai.openai"),
        ("Gemini", "https://europe-west1-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("Gemini", "https://generativelanguage.googleapis.com", "gcp.gemini"),
        ("BedrockConverse", "https://bedrock-runtime.eu-central-1.amazonaws.com", "aws.bedrock"),
        ("Anthropic", "https://api.anthropic.com", "anthropic"),
    ],
)
def test_a_provider_has_the_name_that_the_conventions_give_it(protocol: str, endpoint: str, name: str) -> None:
    assert provider_name(protocol, endpoint) == name


def test_the_documentation_names_every_metric_of_ours_and_no_other() -> None:
    page = (Path(__file__).parents[3] / "docs" / "telemetry.md").read_text(encoding="utf-8")
    names = {value for key, value in vars(semconv).items() if key.isupper() and isinstance(value, str)}
    ours = {name for name in names if name.startswith("turnout_")}

    assert set(re.findall(r"`(turnout_[a-z_]+)`", page)) == ours
