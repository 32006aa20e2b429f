"""Whatever the port answers is told once, like a call: also what never becomes one. Nothing that a caller makes up is told."""

import pytest

from gateway_rig import CHAT, Client, a_gateway, a_snapshot, call, chat, until
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.ports.telemetry import FakeTelemetry

Told = tuple[str, str, str, int, str | None]


def told(exchange: Exchange) -> Told:
    endpoint = exchange.endpoint
    return endpoint.name, endpoint.method, endpoint.path, exchange.status, exchange.error


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/models", ("models", "GET", "/v1/models", 200, None)),
        ("GET", "/v1/nothing", ("other", "GET", "", 404, "unknown_url")),
        ("POST", "/v1/models/canary?x=1", ("other", "POST", "", 404, "unknown_url")),
        ("GET", CHAT, ("chat", "GET", CHAT, 405, "method_not_allowed")),
        ("POST", "/v1/models", ("models", "POST", "/v1/models", 405, "method_not_allowed")),
        ("PROPFIND", CHAT, ("chat", "_OTHER", CHAT, 405, "method_not_allowed")),
    ],
)
async def test_every_answer_is_told_once(method: str, path: str, expected: Told) -> None:
    telemetry = FakeTelemetry()
    async with a_gateway(a_snapshot(), telemetry=telemetry) as gateway:
        reply = await call(gateway, b"", path, method=method)
    assert telemetry.begun == telemetry.ended
    (ended,) = telemetry.ended
    assert told(ended) == expected
    assert ended.id == reply.headers["x-turnout-request-id"]


async def test_models_for_nobody_is_told_too() -> None:
    telemetry = FakeTelemetry()
    closed = snap.Gateway(clients=(snap.Client("app", "t", (snap.SecretFile("app", "key"),), None, "Internal", ()),))
    async with a_gateway(a_snapshot(gateway=closed), telemetry=telemetry) as gateway:
        await call(gateway, b"", "/v1/models", method="GET")
    assert [told(ended)[3:] for ended in telemetry.ended] == [(401, "invalid_api_key")]


async def test_a_call_before_there_is_a_configuration_is_told() -> None:
    telemetry = FakeTelemetry()
    async with a_gateway(telemetry=telemetry) as gateway:
        await call(gateway, chat())
        await call(gateway, b"", "/v1/nothing", method="GET")
    assert [told(ended) for ended in telemetry.ended] == [
        ("chat", "POST", CHAT, 503, "not_ready"),
        ("other", "GET", "", 404, "unknown_url"),
    ]
    assert telemetry.ended[0].runtime.version == ""


async def test_a_call_too_many_is_told() -> None:
    limits = snap.Gateway(limits=snap.Limits(max_in_flight=1))
    upstream = FakeUpstream([FakeReply(hang_before=-1)])
    telemetry = FakeTelemetry()
    async with a_gateway(a_snapshot(gateway=limits), upstream=upstream, telemetry=telemetry) as gateway:
        async with Client(gateway.port) as client:
            client.send(chat())
            await until(lambda: len(upstream.requests) == 1)
            await call(gateway, chat())
            assert [told(ended) for ended in telemetry.ended] == [("chat", "POST", CHAT, 503, "overloaded")]
        await until(lambda: gateway.in_flight == 0)


async def test_what_is_no_http_is_told_without_a_word_of_it() -> None:
    telemetry = FakeTelemetry()
    async with a_gateway(a_snapshot(), telemetry=telemetry) as gateway, Client(gateway.port) as client:
        client.writer.write(b"CANARY not http\r\n\r\n")
        reply = await client.reply()
    (ended,) = telemetry.ended
    assert told(ended) == ("other", "_OTHER", "", 400, "bad_http")
    assert ended.id == reply.headers["x-turnout-request-id"]
    assert reply.headers["x-turnout-config"] == gateway.version
