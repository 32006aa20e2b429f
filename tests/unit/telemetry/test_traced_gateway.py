"""A listening gateway with its real telemetry: the trace goes in, through and out, and no secret does."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

import gateway_rig as rig
from doubles.otlp_receiver import OtlpReceiver, attributes
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.http_client import HttpUpstream
from turnout_sidecar.adapters.metrics import GatewayMetrics
from turnout_sidecar.adapters.otel import CallTelemetry, TelemetrySettings
from turnout_sidecar.adapters.otlp_export import ExportLimits
from turnout_sidecar.adapters.output import LineWriter
from turnout_sidecar.ports.clock import SystemClock
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.server import Gateway, GatewaySettings

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
CLIENT_KEY, PROVIDER_KEY, QUESTION = "canary-client-key", "canary-provider-key", "canary-question"


class Traced:
    """A gateway before one provider, and all that it tells."""

    def __init__(self, receiver: OtlpReceiver, provider: rig.RawProvider) -> None:
        self.receiver = receiver
        self.provider = provider
        self.metrics = GatewayMetrics()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is read
        self._upstream = HttpUpstream()
        self._telemetry = CallTelemetry(
            TelemetrySettings("ns", "pod-1", export=ExportLimits(interval=0.01), close_seconds=30),
            upstream=self._upstream,
            metrics=self.metrics,
            lines=LineWriter(self._log.fileno(), interval=0.001),
            clock=SystemClock(),
            dice=random.Random(1),
            bits=random.Random(2).getrandbits,
        )
        secrets = FakeSecrets({"app": {"key": CLIENT_KEY.encode()}, "openai": {"key": PROVIDER_KEY.encode()}})
        self.gateway = Gateway(
            GatewaySettings(port=0), secrets=secrets, upstream=self._upstream, telemetry=self._telemetry
        )

    async def start(self, *, content: bool = False) -> None:
        await self.gateway.start()
        settings = snap.Telemetry(otlp_endpoint=self.receiver.url, sampling=0.0, capture_content=content)
        snapshot = rig.a_snapshot(
            providers=(rig.a_provider(port=self.provider.port, api_key=snap.SecretFile("openai", "key")),),
            gateway=snap.Gateway(clients=(rig.a_client(trust=("Outcome",)),), telemetry=settings),
        )
        rig.apply(self.gateway, snapshot)
        self._telemetry.configure(snapshot, self.gateway.version)

    async def call(self, **fields: Any) -> rig.Reply:
        return await rig.call(
            self.gateway,
            rig.chat(text=QUESTION, **fields),
            authorization=f"Bearer {CLIENT_KEY}",
            traceparent=PARENT,
            tracestate="vendor=1",
            baggage="key=canary-baggage",
            **{"x-turnout-outcome-id": "claim-42"},
        )

    async def end(self) -> list[dict[str, Any]]:
        """Ends everything; the lines that were logged."""
        await self.gateway.stop(1)
        await self._telemetry.close()
        await self._upstream.close()
        with self._log as stream:
            stream.seek(0)
            return [orjson.loads(line) for line in stream.read().splitlines()]


async def _answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    body = rig.answer("canary-answer")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


async def _streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    body = b"".join(rig.STREAM)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


@pytest.fixture
async def traced(request: pytest.FixtureRequest) -> AsyncIterator[Traced]:
    async with OtlpReceiver() as receiver, rig.RawProvider(request.param) as provider:
        traced = Traced(receiver, provider)
        await traced.start()
        yield traced


@pytest.mark.parametrize("traced", [_answers], indirect=True)
async def test_the_callers_trace_goes_through_the_gateway_to_the_provider(traced: Traced) -> None:
    reply = await traced.call()
    lines = await traced.end()

    assert reply.status == 200
    server, client = traced.receiver.spans
    assert server.trace_id.hex() == client.trace_id.hex() == lines[0]["trace_id"] == TRACE
    assert server.parent_span_id.hex() == "00f067aa0ba902b7"
    assert client.parent_span_id == server.span_id
    sent = traced.provider.requests[0].decode().lower()
    assert f"traceparent: 00-{TRACE}-{client.span_id.hex()}-01\r\n" in sent
    assert "tracestate: vendor=1\r\n" in sent
    assert "baggage" not in sent
    assert client.start_time_unix_nano >= server.start_time_unix_nano
    assert client.end_time_unix_nano <= server.end_time_unix_nano
    said = attributes(list(client.attributes))
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (10, 5)
    assert (said["turnout.outcome_id"], said["turnout.cost.usd"]) == ("claim-42", "0.00002")
    assert said["gen_ai.response.finish_reasons"] == ["stop"]


@pytest.mark.parametrize("traced", [_streams], indirect=True)
async def test_a_stream_is_recorded_at_its_end_with_its_usage(traced: Traced) -> None:
    await traced.call(stream=True)
    (line,) = await traced.end()

    _, client = traced.receiver.spans
    said = attributes(list(client.attributes))
    assert said["gen_ai.request.stream"] is True
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (10, 5)
    assert isinstance(said["gen_ai.response.time_to_first_chunk"], float)
    assert line["ttft_ms"] >= 0
    assert b"gen_ai_server_time_to_first_token_seconds_count" in traced.metrics.render("")[0]


@pytest.mark.parametrize(("traced", "stream"), [(_answers, False), (_streams, True)], indirect=["traced"])
async def test_no_key_question_or_answer_is_in_any_span_line_or_metric(traced: Traced, stream: bool) -> None:
    await traced.call(stream=stream)
    await rig.call(traced.gateway, b"{broken canary-body", authorization=f"Bearer {CLIENT_KEY}", traceparent=PARENT)
    await rig.call(traced.gateway, rig.chat(text=QUESTION), authorization="Bearer canary-wrong", traceparent=PARENT)
    await rig.call(traced.gateway, rig.chat("unknown"), authorization=f"Bearer {CLIENT_KEY}", traceparent=PARENT)
    shown = traced.metrics.render("")[0]
    lines = await traced.end()

    assert [line["status"] for line in lines] == [200, 400, 401, 404]
    assert len(traced.receiver.spans) == 5
    for sink in (*traced.receiver.bodies, shown, orjson.dumps(lines)):
        assert b"canary" not in sink


BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": QUESTION}]},
    "/v1/responses": {"instructions": "canary-instructions", "input": QUESTION},
    "/v1/messages": {
        "max_tokens": 50,
        "system": "canary-instructions",
        "messages": [{"role": "user", "content": QUESTION}],
    },
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", BODIES)
async def test_content_of_every_api_is_told_when_asked_for_and_sampled_and_never_else(path: str, stream: bool) -> None:
    words = b"Hello" if stream else b"canary-answer"
    sampled = PARENT
    for content, parent, told in (
        (True, sampled, True),
        (False, sampled, False),
        (True, sampled.removesuffix("01") + "00", False),
    ):
        async with OtlpReceiver() as receiver, rig.RawProvider(_streams if stream else _answers) as provider:
            traced = Traced(receiver, provider)
            await traced.start(content=content)
            body = {"model": "assistant", "stream": stream, **BODIES[path]}
            headers = {"authorization": f"Bearer {CLIENT_KEY}", "traceparent": parent}
            reply = await rig.call(traced.gateway, body, path, **headers)
            shown = traced.metrics.render("")[0]
            lines = await traced.end()

        assert reply.status == 200
        assert len(receiver.spans) == (2 if parent == sampled else 0)
        spans = b"".join(receiver.bodies)
        found = [word in spans for word in (QUESTION.encode(), words, b"canary-instructions")]
        assert found == [told, told, told and "chat" not in path]
        for sink in (shown, orjson.dumps(lines)):
            assert b"canary" not in sink
            assert words not in sink


@pytest.mark.parametrize("traced", [_answers], indirect=True)
async def test_what_never_becomes_a_call_is_counted_logged_and_traced_like_one(traced: Traced) -> None:
    gateway = traced.gateway
    key = {"authorization": f"Bearer {CLIENT_KEY}", "traceparent": PARENT}
    await rig.call(gateway, b"", "/v1/models", method="GET", **key)
    await rig.call(gateway, b"", "/v1/canary-path", method="GET", **key)
    await rig.call(gateway, b"", rig.CHAT, method="PROPFIND", **key)
    async with rig.Client(gateway.port) as client:
        client.writer.write(b"canary-no-http\r\n\r\n")
        await client.reply()
    shown = traced.metrics.render("")[0]
    lines = await traced.end()

    assert [(line["endpoint"], line.get("method"), line["status"], line.get("error")) for line in lines] == [
        ("models", "GET", 200, None),
        ("other", "GET", 404, "unknown_url"),
        ("chat", "_OTHER", 405, "method_not_allowed"),
        ("other", "_OTHER", 400, "bad_http"),
    ]
    spans = traced.receiver.spans  # that of the last has no parent that asked for it
    assert [span.name for span in spans] == ["GET /v1/models", "GET", f"HTTP {rig.CHAT}"]
    said = [attributes(list(span.attributes)) for span in spans]
    assert [each.get("http.route") for each in said] == ["/v1/models", None, rig.CHAT]
    assert [each["http.response.status_code"] for each in said] == [200, 404, 405]
    assert [each["http.request.method"] for each in said] == ["GET", "GET", "_OTHER"]
    for endpoint, status, count in (("models", "2xx", 1), ("other", "4xx", 2), ("chat", "4xx", 1)):
        labels = (
            f'backend="_none",cache="bypass",endpoint="{endpoint}",route="_none",rule="_none",status_class="{status}"'
        )
        assert f"turnout_requests_total{{{labels}}} {count}.0\n".encode() in shown
    assert b"turnout_requests_in_flight 0.0" in shown
    for sink in (*traced.receiver.bodies, shown, orjson.dumps(lines)):
        assert b"canary" not in sink.lower()
