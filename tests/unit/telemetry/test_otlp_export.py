"""Spans on their way out: batches, retries, bounds, another endpoint, the end."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable

import pytest

from doubles.otlp_receiver import OtlpReceiver, attributes
from turnout_sidecar.adapters import otlp_encoding as otlp
from turnout_sidecar.adapters.http_client import HttpUpstream
from turnout_sidecar.adapters.otlp_export import ExportLimits, SpanExporter

FAST = ExportLimits(interval=0.01, first_pause=0.01, longest_pause=0.05, connect_timeout=2, reply_timeout=2)
ONE = otlp.span(otlp.trace("1" * 32, ""), "2" * 16, "", otlp.span_name("a"), otlp.INTERNAL, 1, 2, ())


async def until(true: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for is a plain value
            await asyncio.sleep(0.005)


@pytest.fixture
async def client() -> AsyncIterator[HttpUpstream]:
    http = HttpUpstream()
    yield http
    await http.close()


@pytest.fixture
async def receiver() -> AsyncIterator[OtlpReceiver]:
    async with OtlpReceiver() as running:
        yield running


def exporter_to(client: HttpUpstream, endpoint: str | None, limits: ExportLimits = FAST) -> SpanExporter:
    resource = otlp.resource((("service.name", "turnout-gateway"),))
    exporter = SpanExporter(client, random.Random(1), resource, otlp.scope("turnout", "1"), limits)
    exporter.configure(endpoint, "http://schema")
    return exporter


async def test_spans_leave_within_the_interval(client: HttpUpstream, receiver: OtlpReceiver) -> None:
    exporter = exporter_to(client, receiver.url)
    exporter.add([ONE, ONE])
    exporter.add([ONE])
    await until(lambda: exporter.exported == 3)

    assert [span.name for span in receiver.spans] == ["a", "a", "a"]
    assert len(receiver.requests) == 1
    assert attributes(list(receiver.requests[0].resource_spans[0].resource.attributes)) == {
        "service.name": "turnout-gateway"
    }
    assert receiver.requests[0].resource_spans[0].schema_url == "http://schema"
    await exporter.close(1)


async def test_a_full_batch_leaves_at_once(client: HttpUpstream, receiver: OtlpReceiver) -> None:
    exporter = exporter_to(client, receiver.url, ExportLimits(batch_spans=10, interval=3600))
    for _ in range(25):
        exporter.add([ONE])
    await until(lambda: exporter.exported == 20)
    await exporter.close(30)

    assert [len(request.resource_spans[0].scope_spans[0].spans) for request in receiver.requests] == [10, 10, 5]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_failure_that_may_pass_is_tried_again(
    client: HttpUpstream, receiver: OtlpReceiver, status: int
) -> None:
    receiver.answers.extend((status, status))
    receiver.retry_after = "0"
    exporter = exporter_to(client, receiver.url)
    exporter.add([ONE])
    await until(lambda: exporter.exported == 1)

    assert receiver.tries == 3
    assert not exporter.dropped
    await exporter.close(1)


@pytest.mark.parametrize("status", [400, 401, 404, 500])
async def test_a_refusal_is_final_and_counted(client: HttpUpstream, receiver: OtlpReceiver, status: int) -> None:
    receiver.answers.append(status)
    exporter = exporter_to(client, receiver.url)
    exporter.add([ONE, ONE])
    await until(lambda: exporter.dropped["rejected"] == 2)
    exporter.add([ONE])
    await until(lambda: exporter.exported == 1)

    assert receiver.tries == 2
    await exporter.close(1)


async def test_spans_that_the_receiver_leaves_out_are_counted(client: HttpUpstream, receiver: OtlpReceiver) -> None:
    receiver.refuse_spans = 2
    exporter = exporter_to(client, receiver.url)
    exporter.add([ONE, ONE, ONE])
    await until(lambda: exporter.exported == 1)

    assert exporter.dropped["rejected"] == 2
    await exporter.close(1)


async def test_nobody_listening_costs_spans_and_nothing_else(
    client: HttpUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    exporter = exporter_to(client, "http://127.0.0.1:1", ExportLimits(interval=0.01, attempts=2, first_pause=0.01))
    secret = otlp.Key("gen_ai.input.messages").text("CANARY")
    with caplog.at_level(logging.DEBUG):
        exporter.add([ONE + secret])
        await until(lambda: exporter.dropped["failed"] == 1)

    assert "CANARY" not in caplog.text
    assert "127.0.0.1:1" in caplog.text
    await exporter.close(1)


async def test_what_waits_is_bounded_and_the_rest_is_counted(client: HttpUpstream, receiver: OtlpReceiver) -> None:
    limits = ExportLimits(batch_spans=10, waiting_spans=40, interval=3600, first_pause=3600, longest_pause=3600)
    receiver.answers.extend([503] * 100)
    exporter = exporter_to(client, receiver.url, limits)
    for _ in range(100):
        exporter.add([ONE])

    assert exporter.dropped["full"] == 60
    await exporter.close(0.05)
    assert exporter.dropped["closed"] == 40


async def test_large_spans_are_bounded_by_their_bytes(client: HttpUpstream, receiver: OtlpReceiver) -> None:
    limits = ExportLimits(batch_bytes=1000, waiting_bytes=5000, interval=3600)
    exporter = exporter_to(client, receiver.url, limits)
    for _ in range(10):
        exporter.add([ONE + otlp.Key("k").text("x" * 1500)])

    assert exporter.dropped["full"] >= 6
    await exporter.close(30)
    assert exporter.exported + exporter.dropped["full"] == 10


async def test_another_endpoint_gets_the_spans_from_then_on(client: HttpUpstream, receiver: OtlpReceiver) -> None:
    async with OtlpReceiver() as other:
        exporter = exporter_to(client, receiver.url, ExportLimits(interval=3600))
        exporter.add([ONE])
        exporter.configure(f"{other.url}/", "")
        exporter.add([ONE, ONE])
        exporter.configure(f"{other.url}/v1/traces", "")
        await exporter.close(30)

        assert (len(receiver.spans), len(other.spans)) == (1, 2)


async def test_a_dead_endpoint_does_not_hold_up_the_next_one(client: HttpUpstream, receiver: OtlpReceiver) -> None:
    exporter = exporter_to(client, "http://127.0.0.1:1", ExportLimits(batch_spans=1, first_pause=0.05))
    for _ in range(20):
        exporter.add([ONE])
    exporter.configure(receiver.url, "")
    exporter.add([ONE])

    await until(lambda: exporter.exported == 1)
    assert exporter.dropped["failed"] == 20
    await exporter.close(1)


async def test_without_an_endpoint_nothing_leaves(client: HttpUpstream, receiver: OtlpReceiver) -> None:
    exporter = exporter_to(client, None)
    assert not exporter.active
    exporter.add([ONE])
    await exporter.close(1)

    assert receiver.tries == 0
    assert exporter.dropped["closed"] == 1


@pytest.mark.parametrize("endpoint", ["grpc://x:4317", "not an address", "http://"])
async def test_an_address_that_is_none_is_refused_by_its_field(client: HttpUpstream, endpoint: str) -> None:
    exporter = exporter_to(client, None)
    with pytest.raises(ValueError, match="otlpEndpoint"):
        exporter.configure(endpoint, "")


async def test_a_receiver_that_never_answers_does_not_keep_the_gateway_from_ending(client: HttpUpstream) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    exporter = exporter_to(client, f"http://127.0.0.1:{port}", ExportLimits(interval=0.001, reply_timeout=60))
    exporter.add([ONE])
    await asyncio.sleep(0.05)

    async with asyncio.timeout(30):
        await exporter.close(0.1)

    assert exporter.dropped["closed"] == 1
    server.close()
