"""Metrics: what is counted, by which labels, and that nobody outside can make series."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from doubles.finished_calls import EMBEDDINGS, HOUSE, MILLI, OPENAI, START_NS, attempt, call, snapshot
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.metrics import GatewayMetrics
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.exchange.chunks import ChunkTimes
from turnout_sidecar.exchange.usage import Usage

END = START_NS + 500 * MILLI


def metrics_of(*calls: Exchange, **telemetry: str) -> GatewayMetrics:
    metrics = GatewayMetrics()
    metrics.configure(snapshot(**telemetry), "ab" * 32)
    for each in calls:
        metrics.record(each, END)
    return metrics


def samples(metrics: GatewayMetrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = metrics.render("text/plain")[0].decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def one(metrics: GatewayMetrics, name: str, **labels: str) -> float:
    return samples(metrics)[name, tuple(sorted(labels.items()))]


def answered() -> Exchange:
    exchange = call()
    attempt(exchange)
    return exchange


def test_a_call_is_counted_by_route_rule_backend_class_and_cache() -> None:
    metrics = metrics_of(answered(), answered())

    assert (
        one(
            metrics,
            "turnout_requests_total",
            endpoint="chat",
            route="assistant",
            rule="default",
            backend="openai/gpt-4o-mini",
            status_class="2xx",
            cache="miss",
        )
        == 2
    )
    assert one(metrics, "turnout_request_duration_seconds_count", route="assistant", cache="miss") == 2
    assert one(metrics, "turnout_request_duration_seconds_sum", route="assistant", cache="miss") == 1.0
    assert one(metrics, "turnout_cache_lookups_total", route="assistant", result="miss") == 2


def test_money_is_exact_until_it_is_read() -> None:
    metrics = metrics_of(*(answered() for _ in range(1000)))

    assert one(metrics, "turnout_cost_usd_total", route="assistant", backend="openai/gpt-4o-mini") == 0.3606
    assert metrics.cost._values["assistant", "openai/gpt-4o-mini"] == 360_600_000


def test_the_genai_metrics_have_the_conventions_names_and_attributes() -> None:
    base = {
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": "openai",
        "gen_ai_request_model": "gpt-4o-mini",
        "server_address": "api.openai.com",
        "server_port": "443",
    }
    metrics = metrics_of(answered())

    assert one(metrics, "gen_ai_client_operation_duration_seconds_count", **base, error_type="") == 1
    assert one(metrics, "gen_ai_client_operation_duration_seconds_bucket", **base, error_type="", le="0.04") == 1
    assert one(metrics, "gen_ai_client_operation_duration_seconds_bucket", **base, error_type="", le="0.02") == 0
    assert one(metrics, "gen_ai_client_token_usage_sum", **base, gen_ai_token_type="input") == 1200
    assert one(metrics, "gen_ai_client_token_usage_sum", **base, gen_ai_token_type="output") == 301
    assert not any("first_chunk_seconds_count" in name for name, _ in samples(metrics))


def test_the_latest_profile_counts_tokens_with_their_modality() -> None:
    metrics = metrics_of(answered(), semconv="latest")

    found = {name: value for (name, _), value in samples(metrics).items() if name.startswith("gen_ai_client")}

    assert found["gen_ai_client_inference_usage_input_tokens_total"] == 1200
    assert found["gen_ai_client_inference_usage_reasoning_output_tokens_total"] == 7
    assert found["gen_ai_client_inference_operation_output_tokens_sum"] == 301
    assert found["gen_ai_client_inference_duration_seconds_count"] == 1
    assert not any("token_usage" in name for name in found)


def test_the_latest_profile_tells_what_was_written_to_a_cache_and_what_was_heard_and_seen() -> None:
    exchange = call()
    attempt(exchange).usage = Usage(
        1000, 300, cache_write_5m=40, cache_write_1h=2, audio_input=100, image_input=50, audio_output=30
    )
    metrics = metrics_of(exchange, semconv="latest")

    found = {
        (name, dict(labels)["gen_ai_token_modality"]): value
        for (name, labels), value in samples(metrics).items()
        if "_usage_" in name and name.endswith("_total")
    }

    assert found == {
        ("gen_ai_client_inference_usage_input_tokens_total", "unknown"): 850,
        ("gen_ai_client_inference_usage_input_tokens_total", "audio"): 100,
        ("gen_ai_client_inference_usage_input_tokens_total", "image"): 50,
        ("gen_ai_client_inference_usage_output_tokens_total", "unknown"): 270,
        ("gen_ai_client_inference_usage_output_tokens_total", "audio"): 30,
        ("gen_ai_client_inference_usage_cache_write_input_tokens_total", "unknown"): 42,
    }


def test_embeddings_are_no_inference_in_the_latest_profile() -> None:
    exchange = call(endpoint=EMBEDDINGS)
    attempt(exchange)
    names = {name for name, _ in samples(metrics_of(exchange, semconv="latest"))}

    assert "gen_ai_client_operation_duration_seconds_count" in names
    assert "gen_ai_client_inference_duration_seconds_count" not in names


def test_a_stream_has_times_to_the_first_and_for_each_further_token() -> None:
    exchange = answered()
    exchange.stream = True
    metrics = metrics_of(exchange)
    labels = {
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": "openai",
        "gen_ai_request_model": "gpt-4o-mini",
    }

    assert one(metrics, "gen_ai_server_time_to_first_token_seconds_sum", **labels) == 0.06
    assert one(metrics, "gen_ai_server_time_per_output_token_seconds_sum", **labels) == pytest.approx(0.44 / 300)
    assert any(name == "gen_ai_client_operation_time_to_first_chunk_seconds_sum" for name, _ in samples(metrics))


@pytest.mark.parametrize(("profile", "client"), [("v1.41", "operation"), ("latest", "inference")])
def test_a_stream_has_times_for_each_further_chunk(profile: str, client: str) -> None:
    exchange = answered()
    exchange.stream = True
    chunks = exchange.attempts[0].chunks = ChunkTimes()
    for at in (60, 75, 175):
        chunks.came(1, START_NS + at * MILLI)
    metrics = metrics_of(exchange, exchange, semconv=profile)
    labels = {
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": "openai",
        "gen_ai_request_model": "gpt-4o-mini",
        "server_address": "api.openai.com",
        "server_port": "443",
    }
    name = f"gen_ai_client_{client}_time_per_output_chunk_seconds"

    assert one(metrics, f"{name}_count", **labels) == 4
    assert one(metrics, f"{name}_sum", **labels) == pytest.approx(0.23)
    assert one(metrics, f"{name}_bucket", **labels, le="0.01") == 0
    assert one(metrics, f"{name}_bucket", **labels, le="0.02") == 2
    assert one(metrics, f"{name}_bucket", **labels, le="0.16") == 4


def test_what_has_no_further_chunks_has_no_times_for_them() -> None:
    exchange = answered()
    exchange.stream, exchange.attempts[0].chunks = True, ChunkTimes()

    assert not any("output_chunk_seconds" in name for name, _ in samples(metrics_of(exchange, answered())))


def test_retries_fallbacks_and_errors_are_told_apart() -> None:
    exchange = call()
    attempt(exchange, error="server_error", status=500)
    attempt(exchange, error="server_error", status=500)
    attempt(exchange, HOUSE)
    metrics = metrics_of(exchange)

    assert one(metrics, "turnout_retries_total", route="assistant", backend="openai/gpt-4o-mini") == 1
    assert one(metrics, "turnout_fallbacks_total", route="assistant", backend="house/llama-3") == 1
    assert one(metrics, "turnout_upstream_errors_total", provider="openai", error_type="server_error") == 2


def test_an_unpriced_attempt_is_counted_as_such() -> None:
    exchange = answered()
    exchange.attempts[0].cost_nano = None

    assert (
        one(metrics_of(exchange), "turnout_unpriced_attempts_total", route="assistant", backend="openai/gpt-4o-mini")
        == 1
    )


def test_a_hit_counts_what_it_saved_and_no_inference() -> None:
    exchange = call()
    exchange.cache_state, exchange.saved_nano = "exact", 2_500_000_000
    exchange.response_backend = "openai/gpt-4o-mini"
    metrics = metrics_of(exchange)

    assert one(metrics, "turnout_cache_saved_usd_total", route="assistant") == 2.5
    assert one(metrics, "turnout_cache_lookups_total", route="assistant", result="exact") == 1
    assert not any(name.startswith("gen_ai_") and name.endswith("_count") for name, _ in samples(metrics))


def test_names_that_are_not_in_the_snapshot_are_other() -> None:
    gone = snap.Provider("gone", "OpenAI", "https://gone.example", None, "Internal", (), snap.Tls(), OPENAI.models)
    exchange = call()
    exchange.route = snap.Route("old", (), "Public", "Internal", ())
    attempt(exchange, gone)

    found = samples(metrics_of(exchange))

    labels = dict(next(labels for name, labels in found if name == "turnout_requests_total"))
    assert (labels["route"], labels["backend"]) == ("_other", "_other")
    assert not any("gone" in value for _, pairs in found for _, value in pairs)


def test_callers_cannot_make_series() -> None:
    calls = []
    for number in range(300):
        exchange = answered()
        exchange.model = exchange.id = f"canary-{number}"
        exchange.attempts[0].response_model = f"canary-{number}"
        exchange.error = f"canary-{number}"
        assert exchange.caller is not None
        exchange.headers = {"x-turnout-user": f"canary-{number}"}
        calls.append(exchange)
    metrics = metrics_of(*calls)

    values = {value for _, labels in samples(metrics) for _, value in labels if "canary" in value}

    assert len(values) <= 64  # error types alone, which are bounded though callers cannot choose them
    text = metrics.render("")[0].decode()
    assert not re.search(r"claim-42|user-7|req_", text)


def test_series_of_names_that_are_gone_are_forgotten() -> None:
    metrics = metrics_of(answered())
    without = snap.Snapshot(namespace="claims", gateway=snap.Gateway(), providers=(HOUSE,), routes=())

    metrics.configure(without, "cd" * 32)

    assert not any("assistant" in value or "gpt-4o" in value for _, labels in samples(metrics) for _, value in labels)
    assert one(metrics, "turnout_config_version_info", version="cd" * 32) == 1


def test_series_of_names_that_stay_go_on() -> None:
    metrics = metrics_of(answered())

    metrics.configure(snapshot(sampling=1.0), "cd" * 32)
    metrics.record(answered(), END)

    assert one(metrics, "turnout_cache_lookups_total", route="assistant", result="miss") == 2


def test_a_call_without_a_route_is_counted() -> None:
    exchange = call()
    exchange.route = exchange.rule = None
    exchange.status, exchange.error, exchange.cache_state = 401, "unauthorized", "bypass"

    assert (
        one(
            metrics_of(exchange),
            "turnout_requests_total",
            endpoint="chat",
            route="_none",
            rule="_none",
            backend="_none",
            status_class="4xx",
            cache="bypass",
        )
        == 1
    )


def test_what_others_watch_is_asked_for_when_it_is_read() -> None:
    metrics = metrics_of()
    state: dict[tuple[str, ...], float] = {("qdrant",): 0.0}
    metrics.watch("turnout_store_breaker_open", "1 while open.", lambda: state, labels=("store",))
    state["qdrant",] = 1.0

    assert one(metrics, "turnout_store_breaker_open", store="qdrant") == 1.0


def test_openmetrics_is_given_to_who_asks_for_it() -> None:
    body, content_type = metrics_of(answered()).render("application/openmetrics-text; version=1.0.0")

    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
