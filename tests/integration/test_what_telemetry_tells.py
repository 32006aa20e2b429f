"""What the gateway tells of a call: spans at an OTLP receiver, a metrics page, and one line in the log."""

import json
import secrets
from typing import Any

from support.keys import Keys
from support.resources import Folder, gateway, provider, route
from support.spans import SpanReceiver
from support.turnout import Gateway, Provider, question, until

NAMES = (
    "gen_ai_client_operation_duration_seconds",
    "gen_ai_client_token_usage",
    "gen_ai_server_request_duration_seconds",
    "turnout_requests_total",
    "turnout_request_duration_seconds",
    "turnout_cost_usd_total",
    "turnout_cache_lookups_total",
    "turnout_requests_in_flight",
    "turnout_config_version_info",
    "turnout_upstream_errors_total",
    "turnout_fallbacks_total",
    "turnout_retries_total",
)


def test_a_call_is_a_server_span_with_a_client_span_for_each_attempt(
    house: Gateway, spans: SpanReceiver, alpha: Provider
) -> None:
    alpha.prescribe("status=503")
    answer = house.ask("pair", "Who steps in?", headers={"x_turnout_use_case": "questions"})
    call = spans.call(answer.headers["x-turnout-request-id"])
    server, attempts = call.server, call.attempts
    assert (server.name, server.kind) == ("POST /v1/chat/completions", "SERVER")
    assert server.parent == ""
    assert server["turnout.route"] == "pair"
    assert server["turnout.team"] == "claims"
    assert server["turnout.use_case"] == "questions"
    assert server["turnout.config.version"] == answer.headers["x-turnout-config"]
    assert server["http.response.status_code"] == 200
    assert server.resource["service.name"] == "turnout-gateway"
    assert server.resource["service.namespace"] == "shop"
    assert [span["turnout.backend"] for span in attempts] == ["alpha/small", "beta/small"]
    assert all(span["gen_ai.operation.name"] == "chat" for span in attempts)
    assert attempts[0]["error.type"] == "503"
    assert attempts[1]["gen_ai.usage.input_tokens"] == answer.json["usage"]["prompt_tokens"]
    assert attempts[1]["gen_ai.usage.output_tokens"] == answer.json["usage"]["completion_tokens"]


def test_a_callers_trace_goes_on_through_the_gateway_to_the_provider(
    house: Gateway, spans: SpanReceiver, alpha: Provider
) -> None:
    trace, parent = secrets.token_hex(16), secrets.token_hex(8)
    answer = house.ask("plain", "Whose trace?", headers={"traceparent": f"00-{trace}-{parent}-01"})
    call = spans.call(answer.headers["x-turnout-request-id"])
    assert (call.server.trace_id, call.server.parent) == (trace, parent)
    assert alpha.calls[0]["headers"]["traceparent"] == f"00-{trace}-{call.attempts[0].id}-01"


def test_a_caller_that_does_not_want_its_trace_recorded_has_it_not_recorded(
    house: Gateway, spans: SpanReceiver, alpha: Provider
) -> None:
    trace = secrets.token_hex(16)
    house.ask("plain", "Not this one.", headers={"traceparent": f"00-{trace}-{secrets.token_hex(8)}-00"})
    recorded = house.ask("plain", "But this one.").headers["x-turnout-request-id"]
    spans.call(recorded)
    assert trace not in {span.trace_id for span in spans.spans}
    assert alpha.calls[0]["headers"]["traceparent"].startswith(f"00-{trace}-")
    assert alpha.calls[0]["headers"]["traceparent"].endswith("-00")


def test_a_hit_is_a_span_of_the_cache_and_no_attempt(house: Gateway, spans: SpanReceiver) -> None:
    body = question("cached", "Which spans has a hit?")
    house.post(body)
    hit = until("a hit", lambda: answer if (answer := house.post(body)).cache == "exact" else None)
    call = spans.call(hit.headers["x-turnout-request-id"])
    assert call.server["turnout.cache.state"] == "exact"
    assert float(str(call.server["turnout.cost.saved_usd"])) > 0
    assert call.attempts == []
    assert [span for span in call.below if span.name.startswith("turnout.cache")]


def test_a_stream_is_told_of_with_what_is_known_at_its_end(house: Gateway, spans: SpanReceiver) -> None:
    answer = house.ask("plain", "Stream it, and tell.", stream=True)
    request_id = answer.headers["x-turnout-request-id"]
    client = spans.call(request_id).attempts[0]
    assert client["gen_ai.request.stream"] is True
    assert float(str(client["gen_ai.response.time_to_first_chunk"])) > 0
    line = house.line_of(request_id)
    assert line["stream"] is True
    assert line["output_tokens"] == client["gen_ai.usage.output_tokens"]
    assert line["ttft_ms"] > 0
    assert float(line["cost_usd"]) > 0


def test_a_call_is_one_line_in_the_log(house: Gateway, alpha: Provider) -> None:
    alpha.prescribe("status=500")
    headers = {"x_turnout_use_case": "letters", "x_turnout_outcome_id": "claim-4711"}
    answer = house.ask("pair", "What is in a line?", headers=headers)
    line = house.line_of(answer.headers["x-turnout-request-id"])
    usage = answer.json["usage"]
    trace = line.pop("trace_id")
    assert len(trace) == 32
    assert line.pop("time").endswith("Z")
    assert 0 < line.pop("latency_ms") < 60_000
    assert line.pop("cache_reason", "")
    assert line == {
        "level": "info",
        "event": "call",
        "request_id": answer.headers["x-turnout-request-id"],
        "endpoint": "chat",
        "status": 200,
        "stream": False,
        "cache": "bypass",
        "attempts": 2,
        "config": answer.headers["x-turnout-config"][:12],
        "route": "pair",
        "rule": "all",
        "guardrail": "bypassed",
        "backend": "beta/small",
        "cost_usd": answer.headers["x-turnout-cost-usd"],
        "team": "claims",
        "client": "app",
        "use_case": "letters",
        "outcome_id": "claim-4711",
        "input_tokens": usage["prompt_tokens"],
        "cached_tokens": usage["prompt_tokens_details"]["cached_tokens"],
        "output_tokens": usage["completion_tokens"],
        "failed_attempts": ["alpha/small: 500"],
    }


def test_a_refused_call_is_a_line_too(house: Gateway) -> None:
    answer = house.ask("no-such-model", "Hello?")
    line = house.line_of(answer.headers["x-turnout-request-id"])
    assert (line["status"], line["level"], line["error"]) == (404, "warn", "model_not_found")


def test_the_metrics_page_has_the_names_and_no_value_of_a_caller(house: Gateway, alpha: Provider) -> None:
    alpha.prescribe("status=500")
    house.ask("pair", "Count me.", headers={"x_turnout_user": "user-4711", "x_turnout_outcome_id": "outcome-4711"})
    house.ask("no-such-model-4711", "Count me.")
    alpha.prescribe("status=500")
    house.ask("again", "Count me.")
    until("the call is counted", lambda: house.metric("turnout_requests_total", route="again") > 0)
    page = house.metrics()
    assert [
        name for name in NAMES if f"\n# TYPE {name.removesuffix('_total')}" not in page.replace("_total ", " ")
    ] == []
    assert "-4711" not in page  # the digits alone may stand in any number
    assert "claims" not in page


def test_what_is_counted_adds_up(house: Gateway) -> None:
    before = house.metric("turnout_requests_total", route="plain", status_class="2xx")
    cost = house.metric("turnout_cost_usd_total", route="plain", backend="alpha/small")
    answers = [house.ask("plain", f"Count {number}.") for number in range(5)]
    until("five more", lambda: house.metric("turnout_requests_total", route="plain", status_class="2xx") == before + 5)
    spent = sum(float(answer.headers["x-turnout-cost-usd"]) for answer in answers)
    now = house.metric("turnout_cost_usd_total", route="plain", backend="alpha/small")
    assert abs(now - cost - spent) < 1e-9


def test_no_content_is_told_by_default(house: Gateway, spans: SpanReceiver) -> None:
    word = f"word{secrets.token_hex(8)}"
    answer = house.ask("plain", f"Say {word} again.")
    spans.call(answer.headers["x-turnout-request-id"])
    house.line_of(answer.headers["x-turnout-request-id"])
    assert not [body for body in spans.bodies if word.encode() in body]
    assert word not in house.log
    assert word not in house.metrics()


def test_content_is_told_only_when_asked_for_and_then_on_spans_alone(
    start: Any, tmp_path: Any, spans: SpanReceiver, beta: Provider
) -> None:
    folder = Folder(tmp_path / "open")
    folder.write(
        "gateway.yaml", gateway(telemetry={"otlpEndpoint": spans.url, "sampling": "1", "captureContent": True})
    )
    folder.write("routes.yaml", provider("beta", beta.url), route("told", "beta/small"))
    running = start(folder, key="any")
    word = f"word{secrets.token_hex(8)}"
    for stream in (False, True):
        answer = running.ask("told", f"Say {word} again.", stream=stream)
        client = spans.call(answer.headers["x-turnout-request-id"]).attempts[0]
        asked = json.loads(str(client["gen_ai.input.messages"]))
        assert asked == [{"role": "user", "parts": [{"type": "text", "content": f"Say {word} again."}]}]
        said = json.loads(str(client["gen_ai.output.messages"]))
        assert said[0]["parts"][0]["content"] == (answer.streamed_text if stream else answer.text)
    assert word not in running.log


def test_an_endpoint_of_the_command_line_holds_where_the_resource_names_none(
    start: Any, tmp_path: Any, spans: SpanReceiver, beta: Provider
) -> None:
    folder = Folder(tmp_path / "by-option")
    folder.write(
        "all.yaml", gateway(telemetry={"sampling": "1"}), provider("beta", beta.url), route("told", "beta/small")
    )
    running = start(folder, "--otlp-endpoint", spans.url, key="any")
    answer = running.ask("told", "Where do my spans go?")
    assert len(spans.call(answer.headers["x-turnout-request-id"]).attempts) == 1


def test_the_admin_port_tells_its_health_and_the_snapshot_without_secrets(house: Gateway, keys: Keys) -> None:
    assert house.admin("/healthz")[0] == 200
    assert house.admin("/readyz")[0] == 200
    status, text = house.admin("/debug/snapshot")
    assert status == 200
    assert json.loads(text)
    assert keys.found_in(text.encode()) == []
    assert house.admin("/v1/models")[0] == 404
