"""What plug-ins are shown of a question, and whose words their flags are about."""

import re
from typing import Any

import orjson
import pytest

from gateway_rig import Reply, a_gateway, call
from guard_rig import Echo, a_guard, guarded, treated
from turnout_contract.snapshot import guards
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeResponse
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import UpstreamRequest
from turnout_sidecar.server import Gateway

NAME = re.compile(r"Ann\s+Lee")


class Classifier(Echo):
    """An echo beside a classifier that flags what holds the word, and finds one name. `whole`: it flags all that it sees."""

    def __init__(self, *, whole: bool = False) -> None:
        super().__init__(lambda _: "Fine.")
        self.seen: list[list[str]] = []
        self._whole = whole

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        """The classifier's answer, or the model's."""
        if request.path != "/detect":
            return await super().send(request, connect_timeout=connect_timeout, headers_timeout=headers_timeout)
        texts = orjson.loads(request.body)["texts"]
        self.seen.append(texts)
        flags = [{"text": at, "rule": "bad", "score": 0.95} for at, text in enumerate(texts) if "BAD" in text]
        if self._whole:
            flags = [{"rule": "bad", "score": 0.95}] if flags else []
        found = [[{"start": m.start(), "end": m.end(), "entity": "Person"} for m in NAME.finditer(t)] for t in texts]
        return FakeResponse(FakeReply(pieces=(orjson.dumps({"findings": found, "flags": flags}),)))


GUARD = a_guard(
    input=(),
    plugins=(
        guards.Plugin(
            name="c",
            policy="default",
            adapter="Turnout",
            url="http://names/detect",
            input=treated("Mask", "Person"),
            timeout_ms=5000,
            flags=guards.Flags(0.9, "Block"),
        ),
    ),
)


async def asked(gateway: Gateway, content: Any, **fields: Any) -> Reply:
    messages = [{"role": "system", "content": fields.pop("system", "Be kind.")}, {"role": "user", "content": content}]
    return await call(gateway, {"model": "assistant", "messages": messages, **fields})


TOOLS = [{"type": "function", "function": {"name": "f", "description": "A BAD tool", "parameters": {}}}]
OWN: dict[str, dict[str, Any]] = {
    "a tool": {"tools": TOOLS},
    "the instructions": {"system": "Never say BAD words."},
    "a shape": {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "description": "no BAD ones"}}},
}


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("what", OWN)
async def test_a_flag_is_never_about_the_applications_own_words(what: str, whole: bool) -> None:
    upstream, telemetry = Classifier(whole=whole), FakeTelemetry()
    async with a_gateway(guarded(GUARD), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await asked(gateway, "Hi", **OWN[what])
        verdicts = [(v.check, v.state) for v in telemetry.ended[-1].guard.verdicts]
        refused = await asked(gateway, "BAD", **OWN[what])
    assert reply.status == 200, reply.body
    assert verdicts == [("plugin", "passed")]
    assert refused.status == 403


async def test_one_about_all_that_it_was_shown_is_asked_for_again_without_them() -> None:
    upstream = Classifier(whole=True)
    async with a_gateway(guarded(GUARD), upstream=upstream) as gateway:
        await asked(gateway, "Hi", **OWN["the instructions"])
        await asked(gateway, "Hi")
    assert upstream.seen == [["Never say BAD words.", "Hi"], ["Hi"], ["Be kind.", "Hi"]]


async def test_what_it_finds_in_them_is_masked_all_the_same() -> None:
    upstream = Classifier()
    async with a_gateway(guarded(GUARD), upstream=upstream) as gateway:
        reply = await asked(gateway, "Hi", system="A BAD idea of Ann Lee.")
    assert reply.status == 200
    assert b"Ann Lee" not in upstream.raw


async def test_parts_of_a_message_are_shown_to_it_as_one_text() -> None:
    upstream = Classifier()
    parts = [{"type": "text", "text": "I am Ann"}, {"type": "text", "text": "Lee, hello"}]
    async with a_gateway(guarded(GUARD), upstream=upstream) as gateway:
        await asked(gateway, parts)
    assert upstream.seen == [["Be kind.", "I am Ann\nLee, hello"]]
    first, second = (part["text"] for part in upstream.sent[0]["messages"][1]["content"])
    assert re.fullmatch(r"I am <PERSON_\w+>", first)
    assert re.fullmatch(r"<PERSON_\w+>, hello", second)
