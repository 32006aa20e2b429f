"""A fault of the gateway itself: told as one, to the caller and in what is recorded, and never taken for a client that left."""

import logging
from collections.abc import AsyncIterator

import orjson
import pytest

from gateway_rig import EVENTS, STREAM, a_gateway, a_snapshot, call, chat
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeResponse, FakeUpstream
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import UpstreamRequest

SECRET = "sk-what-was-asked"


class BrokenUpstream(FakeUpstream):
    """Raises what no port promises."""

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        raise KeyError(SECRET)


class _Breaks(FakeResponse):
    async def iter_any(
        self, *, first_timeout: float | None = None, idle_timeout: float | None = None
    ) -> AsyncIterator[bytes]:
        yield b"".join(STREAM[:3])
        raise KeyError(SECRET)


class BreaksInAStream(FakeUpstream):
    """Raises it in the middle of a stream."""

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        return _Breaks(FakeReply(headers=EVENTS))


@pytest.mark.parametrize("stream", [False, True])
async def test_a_fault_in_an_attempt_is_a_500_and_not_a_client_that_left(
    stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    telemetry = FakeTelemetry()
    with caplog.at_level(logging.ERROR, "turnout.gateway"):
        async with a_gateway(a_snapshot(), upstream=BrokenUpstream([]), telemetry=telemetry) as gateway:
            reply = await call(gateway, chat(stream=stream))
    assert (reply.status, reply.error["code"]) == (500, "internal_error")
    (ended,) = telemetry.ended
    assert (ended.status, ended.error, ended.client_gone) == (500, "internal", False)
    assert [attempt.error for attempt in ended.attempts] == ["internal"]
    assert "KeyError at " in caplog.text
    assert SECRET not in caplog.text
    assert SECRET.encode() not in reply.body


async def test_a_fault_in_a_stream_ends_it_with_an_error_event(caplog: pytest.LogCaptureFixture) -> None:
    telemetry = FakeTelemetry()
    with caplog.at_level(logging.ERROR, "turnout.gateway"):
        async with a_gateway(a_snapshot(), upstream=BreaksInAStream([]), telemetry=telemetry) as gateway:
            reply = await call(gateway, chat(stream=True))
    *frames, last, _ = reply.body.split(b"\n\n")
    assert b"\n\n".join([*frames, b""]) == b"".join(STREAM[:3])
    assert orjson.loads(last.removeprefix(b"data: "))["error"]["code"] == "internal_error"
    (ended,) = telemetry.ended
    assert (ended.error, ended.aborted, ended.client_gone) == ("internal", True, False)
    assert [attempt.error for attempt in ended.attempts] == ["internal"]
    assert "KeyError at " in caplog.text
    assert SECRET not in caplog.text + reply.body.decode()
