"""Errors that repeat what a provider was sent: the caller reads its own values, and nobody else does."""

import json
from typing import Any

import pytest

from gateway_rig import a_gateway, a_model, a_provider, a_route, a_rule, a_snapshot, call
from guard_rig import EMAIL, PATHS, Echo, a_guard, asked, guarded, last_text, native, treated
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeResponse
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import UpstreamRequest

_EVENTS = (("content-type", "text/event-stream"),)


class Refusing(Echo):
    """A provider that answers with an error which repeats the question; `late`: as an event of a stream that has begun."""

    def __init__(self, status: int = 400, *, late: str = "") -> None:
        super().__init__()
        self._status = status
        self._late = late

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        """The error."""
        response = await super().send(request, connect_timeout=connect_timeout, headers_timeout=headers_timeout)
        error = {
            "message": f"Cannot take {last_text(self.sent[-1])!r}.",
            "type": "invalid_request_error",
            "param": None,
        }
        if not self._late:
            body: dict[str, Any] = {"type": "error", "error": error}
            return FakeResponse(FakeReply(status=self._status, pieces=(json.dumps(body).encode(),)))
        event: dict[str, Any] = {"type": "error", "error": error}
        if self._late == "responses":
            event = {"type": "error", "sequence_number": 9, **error, "code": "server_error"}
        name = b"" if self._late == "chat" else b"event: error\n"
        begun = await response.read(1_000_000)
        pieces = (*begun.split(b"\n\n")[0:4], name + b"data: " + json.dumps(event).encode(), b"")
        return FakeResponse(FakeReply(headers=_EVENTS, pieces=tuple(piece + b"\n\n" for piece in pieces)))


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("own", [True, False], ids=["same", "other"])
@pytest.mark.parametrize("status", [400, 422, 429, 500])
async def test_a_provider_s_error_comes_back_in_the_caller_s_words(name: str, own: bool, status: int) -> None:
    upstream, telemetry = Refusing(status), FakeTelemetry()
    snapshot = native(name) if own else guarded()
    async with a_gateway(snapshot, upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked(name, f"I am {EMAIL}"), PATHS[name])
    assert reply.status >= 400
    assert f"I am {EMAIL}" in reply.json["error"]["message"]
    assert EMAIL.encode() not in upstream.raw
    ended = telemetry.ended[-1]
    assert EMAIL not in str(ended.error)
    assert ended.guard.restored == 1


@pytest.mark.parametrize("name", PATHS)
async def test_an_error_within_a_stream_does_so_too(name: str) -> None:
    upstream = Refusing(late=name)
    async with a_gateway(native(name), upstream=upstream) as gateway:
        reply = await call(gateway, asked(name, f"I am {EMAIL}", stream=True), PATHS[name])
    assert reply.status == 200
    assert b"Cannot take" in reply.body
    assert f"I am {EMAIL}".encode() in reply.body
    assert b"<EMAIL_" not in reply.body


async def test_what_is_never_put_back_stays_masked_in_errors() -> None:
    guard = a_guard(input=treated("Mask", restore=False))
    async with a_gateway(native("chat", guard), upstream=Refusing()) as gateway:
        reply = await call(gateway, asked("chat", f"I am {EMAIL}"))
    assert EMAIL.encode() not in reply.body
    assert b"<EMAIL_" in reply.body


async def test_what_the_gateway_itself_says_of_a_question_holds_no_value_of_it() -> None:
    body = {"model": "assistant", "input": [{"type": EMAIL, "text": "x"}]}
    async with a_gateway(guarded(), upstream=Echo()) as gateway:
        reply = await call(gateway, body, PATHS["responses"])
    assert reply.status == 400
    assert EMAIL.encode() not in reply.body


async def test_an_embedding_s_error_comes_back_so_as_well() -> None:
    upstream = Refusing()
    async with a_gateway(_embeddings(), upstream=upstream) as gateway:
        reply = await call(gateway, {"model": "assistant", "input": f"I am {EMAIL}"}, "/v1/embeddings")
    assert (reply.status, f"I am {EMAIL}" in reply.json["error"]["message"]) == (400, True)


def _embeddings() -> Any:
    guard = a_guard()
    provider = a_provider("openai", a_model(capabilities=("Embeddings",)))
    return a_snapshot(a_route("assistant", a_rule(guard=guard.id)), providers=(provider,), guards=(guard,))
