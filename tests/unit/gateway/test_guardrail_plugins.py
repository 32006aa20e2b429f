"""Detectors outside, asked by a guarded gateway about its questions and answers."""

import re
from typing import Any

import orjson
import pytest

from gateway_rig import a_gateway, apply, call
from guard_rig import EMAIL, Echo, a_guard, asked, guarded, said, streamed, treated
from turnout_contract.snapshot import guards
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeResponse
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import UpstreamClosed, UpstreamRequest

NAME = re.compile("Zoe|Ann Lee")
TEXT = f"Zoe asks: where is Ann Lee ({EMAIL})?"


class Outside(Echo):
    """An echo beside a detector of names at /detect.

    `broken`: it does not answer; `flags`: what it thinks of each text; `places`: the names that it takes for places.
    """

    def __init__(
        self, *args: Any, broken: bool = False, flags: float = 0.0, places: tuple[str, ...] = (), **fields: Any
    ) -> None:
        super().__init__(*args, **fields)
        self.seen: list[dict[str, Any]] = []
        self._broken = broken
        self._flags = flags
        self._places = places

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        """The detector's answer, or the model's."""
        if request.path != "/detect":
            return await super().send(request, connect_timeout=connect_timeout, headers_timeout=headers_timeout)
        if self._broken:
            raise UpstreamClosed("http://names", reply_started=False)
        body = orjson.loads(request.body)
        self.seen.append(body)
        findings = [
            [
                {"start": m.start(), "end": m.end(), "entity": "Location" if m[0] in self._places else "Person"}
                for m in NAME.finditer(text)
            ]
            for text in body["texts"]
        ]
        flags = [{"text": 0, "rule": "toxic", "score": self._flags}] if self._flags else []
        return FakeResponse(FakeReply(pieces=(orjson.dumps({"findings": findings, "flags": flags}),)))


def a_plugin(**fields: Any) -> guards.Plugin:
    """A detector of names, asked about questions."""
    filled = {
        "name": "names",
        "policy": "default",
        "adapter": "Turnout",
        "url": "http://names/detect",
        "input": treated("Mask", "Person"),
        "timeout_ms": 5000,
    }
    return guards.Plugin(**{**filled, **fields})


def with_plugin(plugin: guards.Plugin, **fields: Any) -> guards.Guard:
    return a_guard(plugins=(plugin,), **fields)


async def test_names_are_masked_beside_what_is_built_in_and_come_back() -> None:
    outside = Outside()
    async with a_gateway(guarded(with_plugin(a_plugin())), upstream=outside) as gateway:
        reply = await call(gateway, asked("chat", TEXT))
        stream = await call(gateway, asked("chat", TEXT, stream=True))
    sent = outside.sent[0]["messages"][0]["content"]
    assert re.fullmatch(r"<PERSON_\w+> asks: where is <PERSON_\w+> \(<EMAIL_\w+>\)\?", sent)
    assert said("chat", reply.body) == streamed("chat", stream.body) == TEXT
    assert outside.seen[0]["side"] == "input"


async def test_a_name_that_shares_letters_with_an_address_leaves_nothing_of_either() -> None:
    text = "Write to Zoe@example.org and Ann Lee."
    outside = Outside()
    async with a_gateway(guarded(with_plugin(a_plugin())), upstream=outside) as gateway:
        reply = await call(gateway, asked("chat", text))
    assert not re.search("Zoe|example|Ann|Lee", outside.raw.decode())
    assert said("chat", reply.body) == text


async def test_one_that_does_not_answer_fails_closed() -> None:
    outside, telemetry = Outside(broken=True), FakeTelemetry()
    async with a_gateway(guarded(with_plugin(a_plugin())), upstream=outside, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", TEXT))
    assert (reply.status, reply.error["code"]) == (503, "guardrail_failed")
    assert "names" in reply.error["message"]
    assert not outside.requests
    failed = [v for v in telemetry.ended[-1].guard.verdicts if v.state == "failed"]
    assert [(v.check, v.rule, v.done) for v in failed] == [("plugin", "names", "blocked")]


@pytest.mark.parametrize("fields", [{"fail_open": True}, {"enforced": False}])
async def test_or_open_where_the_policy_says_so_and_is_told_apart(fields: dict[str, Any]) -> None:
    outside, telemetry = Outside(broken=True), FakeTelemetry()
    guard = with_plugin(a_plugin(**fields))
    async with a_gateway(guarded(guard), upstream=outside, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", TEXT))
    assert reply.status == 200
    assert EMAIL.encode() not in outside.raw
    assert telemetry.ended[-1].guard.outcome == "failed"


@pytest.mark.parametrize(("score", "status"), [(0.95, 403), (0.5, 200)])
async def test_what_a_classifier_flags_is_blocked_from_its_threshold_on(score: float, status: int) -> None:
    plugin = a_plugin(flags=guards.Flags(0.9, "Block"))
    async with a_gateway(guarded(with_plugin(plugin)), upstream=Outside(flags=score)) as gateway:
        assert (await call(gateway, asked("chat", TEXT))).status == status


@pytest.mark.parametrize("stream", [False, True])
async def test_answers_are_shown_to_it_whole(stream: bool) -> None:
    plugin = a_plugin(input=(), output=treated("Mask", "Person", restore=False))
    outside = Outside(lambda _: "It was Zoe, I think.")
    async with a_gateway(guarded(with_plugin(plugin)), upstream=outside) as gateway:
        reply = await call(gateway, asked("chat", "Who?", stream=stream))
    text = (streamed if stream else said)("chat", reply.body)
    assert re.fullmatch(r"It was <PERSON_\w+>, I think\.", text)
    assert [body["texts"] for body in outside.seen] == [["It was Zoe, I think."]]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_it_could_not_look_at_is_not_given(stream: bool) -> None:
    plugin = a_plugin(input=(), output=treated("Mask", "Person", restore=False))
    outside = Outside(lambda _: "It was Zoe.", broken=True)
    async with a_gateway(guarded(with_plugin(plugin)), upstream=outside) as gateway:
        reply = await call(gateway, asked("chat", "Who?", stream=stream))
    assert (reply.status, reply.error["code"]) == (503, "guardrail_failed")
    assert b"Zoe" not in reply.body


async def test_a_plug_in_that_is_named_no_more_serves_the_calls_that_know_it() -> None:
    outside = Outside()
    async with a_gateway(guarded(with_plugin(a_plugin())), upstream=outside) as gateway:
        apply(gateway, guarded())
        apply(gateway, guarded(with_plugin(a_plugin(timeout_ms=4000))))
        reply = await call(gateway, asked("chat", TEXT))
        apply(gateway, guarded())
        apply(gateway, guarded(a_guard(id="other")))
        plain = await call(gateway, asked("chat", TEXT))
    assert (reply.status, plain.status) == (200, 200)
    assert len(outside.seen) == 1


async def test_each_entity_that_it_finds_is_treated_as_its_own_says() -> None:
    plugin = a_plugin(input=(*treated("Block", "Location"), *treated("Mask", "Person")))
    outside, telemetry = Outside(places=("Ann Lee",)), FakeTelemetry()
    async with a_gateway(guarded(with_plugin(plugin)), upstream=outside, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", TEXT))
    assert (reply.status, outside.requests) == (403, [])
    assert [v.done for v in telemetry.ended[-1].guard.verdicts if v.check == "plugin"] == ["blocked"]
