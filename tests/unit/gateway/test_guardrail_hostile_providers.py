"""Attacks by a provider: answers that are barely JSON, or not at all, where values are to be masked and put back."""

import json
from typing import Any

import orjson
import pytest

from gateway_rig import EVENTS, a_gateway, call, event
from guard_rig import CARD, EMAIL, PATHS, STREAM, WHOLE, Echo, a_guard, asked, native, treated
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeResponse
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import UpstreamRequest

FORMATS = tuple(PATHS)
OWN = "pat.doe@example.org"
"""What the caller says, and what comes back."""


class Says(Echo):
    """Answers with what a test makes of the masked question."""

    def __init__(self, make: Any, *, stream: bool) -> None:
        super().__init__()
        self._make = make
        self._stream = stream

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        """The answer."""
        del connect_timeout, headers_timeout
        self.requests.append(request)
        pieces = tuple(self._make(request.body))
        return FakeResponse(FakeReply(headers=EVENTS, pieces=pieces) if self._stream else FakeReply(pieces=pieces))


def placeholder(body: bytes) -> str:
    text = body.decode()
    at = text.index("<EMAIL_")
    return text[at : text.index(">", at) + 1]


DEEP = b'{"a":' * 900 + b"1" + b"}" * 900
CHANGES: dict[str, tuple[bytes, bytes]] = {
    "deep": (b'"model"', b'"deep":%s,"model"' % DEEP),
    "deeper": (b'"model"', b'"deep":%s,"model"' % (b"[" * 100_000 + b"]" * 100_000)),
    "a name twice": (b'"model"', b'"note":"%s","note":"x","model"' % CARD.encode()),
    "half a character": (b'"model"', b'"note":"\\ud800","model"'),
    "a big number": (b'"model"', b'"n":123456789012345678901234567890,"model"'),
    "no number": (b'"model"', b'"n":NaN,"model"'),
    "bad bytes": (b'"model"', b'"note":"\xff\xfe","model"'),
    "a mark": (b'{"id"', b'\xef\xbb\xbf{"id"'),
    "blanks": (b'"model"', b"  \t" + b'"model"'),
    "escapes": (b'"model"', b'"note":"\\u0061nn.lee\\u0040example.org","model"'),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("change", list(CHANGES))
@pytest.mark.parametrize("name", FORMATS)
async def test_what_a_provider_says_oddly_shows_nothing_and_ends(name: str, change: str, stream: bool) -> None:
    old, new = CHANGES[change]

    def make(body: bytes) -> list[bytes]:
        text = f"To {placeholder(body)} from {EMAIL}, {CARD}."
        if stream:
            once = b'"note":"x","model"' if change == "a name twice" else new  # no reader of a frame sees the first
            frames = [*STREAM[name]([text[at : at + 9] for at in range(0, len(text), 9)])]
            return [frame.replace(b'{"', b'{"model":"m","', 1).replace(old, once, 1) for frame in frames]
        whole = json.dumps(WHOLE[name](text), separators=(",", ":")).encode()
        return [whole.replace(old, new, 1)]

    telemetry = FakeTelemetry()
    guard = a_guard(output=treated("Mask", restore=False))
    upstream = Says(make, stream=stream)
    async with a_gateway(native(name, guard), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked(name, f"I am {OWN}", stream=stream), PATHS[name])
    assert reply.status in {200, 502, 503}
    assert CARD.encode() not in reply.body
    assert b"4111111111111111" not in reply.body
    assert EMAIL.encode() not in reply.body
    assert b"u0040" not in reply.body
    assert len(telemetry.ended) == 1
    assert (telemetry.ended[0].error is None) == (reply.status == 200 and b'"error":{' not in reply.body)
    if reply.status == 200 and not stream:
        assert OWN.encode() in reply.body


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"<html>", b"{", b"null", b"\x00", CARD.encode()])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", FORMATS)
async def test_what_is_no_answer_at_all_is_an_error(name: str, body: bytes, stream: bool) -> None:
    guard = a_guard(output=treated("Mask", restore=False))
    frames = (event(body),) if stream else (body,)
    async with a_gateway(native(name, guard), upstream=Says(lambda _: frames, stream=stream)) as gateway:
        reply = await call(gateway, asked(name, f"I am {OWN}", stream=stream), PATHS[name])
    assert reply.status in {200, 502}
    assert CARD.encode() not in reply.body
    assert b"error" in reply.body


@pytest.mark.parametrize(
    "written", ["{0}", "`{0}`", "**{0}**", "[{0}](mailto:{0})", "{1}", "{2}", "{3}", "{0}{0}", "a{0}b"]
)
@pytest.mark.parametrize("name", FORMATS)
async def test_however_a_model_writes_a_placeholder_its_value_comes_back(name: str, written: str) -> None:
    def make(body: bytes) -> list[bytes]:
        one = placeholder(body)
        html = one.replace("<", "&lt;").replace(">", "&gt;")
        text = f"See {written.format(one, one[1:-1], html, one.lower())} now."
        return [*STREAM[name](list(text))]

    async with a_gateway(native(name), upstream=Says(make, stream=True)) as gateway:
        reply = await call(gateway, asked(name, f"I am {OWN}", stream=True), PATHS[name])
    assert b"EMAIL_" not in reply.body.upper()
    lines = [line[6:] for line in reply.body.split(b"\n") if line.startswith(b"data: {")]
    assert all(orjson.loads(line) for line in lines)
