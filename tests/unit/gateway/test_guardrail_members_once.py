"""Members that an answer gives twice: clients differ in which of the two they read, and none may read what nobody looked at."""

import json
from typing import Any

import orjson
import pytest

from gateway_rig import a_gateway, call, event
from guard_rig import CARD, PATHS, STREAM, WHOLE, Echo, a_guard, asked, native, streamed, treated
from turnout_contract.snapshot import guards
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeResponse
from turnout_sidecar.ports.upstream import UpstreamRequest

FORMATS = tuple(PATHS)
EVENTS = (("content-type", "text/event-stream"),)
TEXT = {"chat": b'"content":', "messages": b'"text":', "responses": b'"delta":'}
WHOLE_TEXT = {**TEXT, "responses": b'"text":'}
HARMLESS = "All is well."
MASKED = a_guard(input=(), output=treated("Mask", restore=False))
HELD = a_guard(input=(), deny_output=(guards.Pattern("secret", "(?s)4111.*4", "Block", "d"),))
WATCHED = a_guard(input=(), output=treated("Monitor"))


def twice(raw: bytes, member: bytes) -> bytes:
    """Each such member with another before it, which only a reader of the first of two sees."""
    return raw.replace(member, member + json.dumps(f"Pay {CARD}").encode() + b", " + member)


class Twice(Echo):
    """A provider whose answer says one thing to who reads the first of two members, and another to who reads the last."""

    async def send(self, request: UpstreamRequest, **limits: float) -> FakeResponse:
        """See the module."""
        self.requests.append(request)
        name = next(name for name, path in PATHS.items() if request.path.endswith(path.removeprefix("/v1")))
        if not orjson.loads(request.body).get("stream"):
            body = twice(orjson.dumps(WHOLE[name](HARMLESS)), WHOLE_TEXT[name])
            return FakeResponse(FakeReply(pieces=(body,)))
        frames = STREAM[name]([HARMLESS[at : at + 5] for at in range(0, len(HARMLESS), 5)])
        return FakeResponse(FakeReply(headers=EVENTS, pieces=tuple(twice(frame, TEXT[name]) for frame in frames)))


def first_of_two(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object as a reader has it who takes the first."""
    return dict(reversed(pairs))


def read(body: bytes, *, stream: bool) -> list[Any]:
    """All that such a reader reads of an answer."""
    lines = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")] if stream else [body]
    return [json.loads(line, object_pairs_hook=first_of_two) for line in lines if line != b"[DONE]"]


@pytest.mark.parametrize("guard", [MASKED, HELD], ids=["masked", "held"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", FORMATS)
async def test_who_reads_the_first_of_two_members_sees_what_was_looked_at(
    name: str, stream: bool, guard: guards.Guard
) -> None:
    async with a_gateway(native(name, guard), upstream=Twice()) as gateway:
        reply = await call(gateway, asked(name, "Hi", stream=stream), PATHS[name])
    assert reply.status == 200, reply.body
    assert CARD.encode() not in reply.body
    said = json.dumps(read(reply.body, stream=stream))
    assert CARD not in said
    if stream:
        assert streamed(name, b"".join(event(one) for one in read(reply.body, stream=True))) == HARMLESS
    else:
        assert HARMLESS in said


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", FORMATS)
async def test_a_guard_that_only_watches_leaves_what_stands_twice(name: str, stream: bool) -> None:
    async with a_gateway(native(name, WATCHED), upstream=Twice()) as gateway:
        reply = await call(gateway, asked(name, "Hi", stream=stream), PATHS[name])
    assert CARD.encode() in reply.body


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    """A frame of a chat."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    said = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + orjson.dumps(said) + b"\n\n"


@pytest.mark.parametrize("action", ["Mask", "Block"])
async def test_what_a_held_stream_says_in_a_member_that_its_whole_does_not_keep_is_looked_at(action: Any) -> None:
    frames = (
        chunk({"role": "assistant", "content": "Fine."}),
        chunk({"note": f"Pay {CARD}"}),
        chunk({"note": " ok"}),
        chunk({}, "stop"),
        b"data: [DONE]\n\n",
    )

    class Says(Echo):
        async def send(self, request: UpstreamRequest, **limits: float) -> FakeResponse:
            return FakeResponse(FakeReply(headers=EVENTS, pieces=frames))

    unbounded = guards.Pattern("far", "(?s)nothing.*such", "Block", "d")
    guard = a_guard(input=(), output=treated(action, restore=False), deny_output=(unbounded,))
    async with a_gateway(native("chat", guard), upstream=Says()) as gateway:
        reply = await call(gateway, asked("chat", "Hi", stream=True))
    assert CARD.encode() not in reply.body
    assert reply.status == (422 if action == "Block" else 200)
