"""What users of other gateways reported of streams: rows 6, 7, 8 and 21 of the list in `test_guardrail_reported_bugs.py`, through a
real gateway, before a provider of each protocol. Nothing here depends on time: a provider waits until its client has seen what
must have been shown by then.
"""

import asyncio
import json
from typing import Any

import pytest

from gateway_rig import Client, a_gateway, until
from guard_answers import Made
from guard_rig import CARD, EMAIL, KEY, Echo, a_guard, asked, treated
from guard_ways import ENDPOINTS, WAYS, Way, every_stream, every_way, through
from turnout_contract.snapshot import guards
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeResponse
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import UpstreamClosed, UpstreamRequest
from unit.gateway.test_guardrail_plugins import Outside, a_plugin

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["answer"],
    "properties": {"answer": {"type": "string"}},
    "additionalProperties": False,
}
GOOD, BAD = '{"answer": "yes"}', '{"answer": 1}'
MASK_ALL = treated("Mask", restore=False)


class _Waiting(FakeResponse):
    """A reply that goes on from `marker` only when the gate is open."""

    def __init__(self, reply: FakeReply, marker: bytes, gate: asyncio.Event) -> None:
        super().__init__(reply)
        self._pieces = reply.pieces
        self._marker = marker
        self._gate = gate

    async def _next(self) -> bytes:
        if not self.closed and self._given < len(self._pieces) and self._marker in self._pieces[self._given]:
            await self._gate.wait()
        return await super()._next()


class Waiting(Echo):
    """A provider that waits in the middle of its answer, before the piece that holds `marker`."""

    def __init__(self, *args: Any, marker: str, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self._marker = marker.encode()
        self.gate = asyncio.Event()

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        """The answer, held up."""
        made = await super().send(request, connect_timeout=connect_timeout, headers_timeout=headers_timeout)
        return _Waiting(made._reply, self._marker, self.gate)


class Broken(Echo):
    """A provider whose connection breaks before its answer ends."""

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        """Half of the answer."""
        made = await super().send(request, connect_timeout=connect_timeout, headers_timeout=headers_timeout)
        pieces = made._reply.pieces
        error = UpstreamClosed("http://fake", reply_started=True)
        return FakeResponse(FakeReply(headers=made._reply.headers, pieces=pieces[: len(pieces) * 2 // 3], error=error))


GUARDS: dict[str, guards.Guard] = {
    "what was masked is put back": a_guard(),
    "personal data of answers is masked": a_guard(output=MASK_ALL),
    "patterns are denied": a_guard(deny_output=(guards.Pattern("p", "(?i)project falcon", "Block", "default"),)),
    "a shape is wished for": a_guard(schemas=(guards.AnswerSchema("default", "Monitor", schema=SCHEMA),)),
}


@pytest.mark.parametrize("kind", GUARDS)
@every_stream
async def test_reported_06_the_first_words_are_shown_before_the_provider_has_said_the_last(way: Way, kind: str) -> None:
    text = "the water came through the roof and " * 8
    waiting = Waiting(lambda _: f"{text}_END_", marker="_END_", piece=36)
    async with a_gateway(through(way, GUARDS[kind]), upstream=waiting) as gateway, Client(gateway.port) as client:
        client.send(asked(way.asked, f"I am {EMAIL}. What came?", stream=True), ENDPOINTS[way.asked])
        await client.head()
        shown, opened = b"", False
        async with asyncio.timeout(30):
            async for piece in client.chunks():
                shown += piece
                if not opened and shown.count(b"water") >= 4:
                    opened = True
                    assert b"_END_" not in shown
                    waiting.gate.set()
    assert opened
    assert b"_END_" in shown


@every_stream
async def test_reported_06_also_the_arguments_of_a_call(way: Way) -> None:
    made = Made(calls=(("note", json.dumps({"text": "the water came through the roof " * 8 + "_END_"})),))
    waiting = Waiting(lambda _: made, marker="_END_", piece=36)
    snapshot = through(way, GUARDS["what was masked is put back"])
    async with a_gateway(snapshot, upstream=waiting) as gateway, Client(gateway.port) as client:
        client.send(asked(way.asked, f"I am {EMAIL}. Note it.", stream=True), ENDPOINTS[way.asked])
        await client.head()
        shown = b""
        async with asyncio.timeout(30):
            async for piece in client.chunks():
                shown += piece
                if shown.count(b"water") >= 4:
                    waiting.gate.set()
    assert b"_END_" in shown


@pytest.mark.parametrize("piece", [1, 2, 5, 9])
@every_stream
async def test_reported_07_a_value_cut_up_by_a_stream_is_masked_and_no_part_of_it_is_shown(
    way: Way, piece: int
) -> None:
    text = f"Pay with {CARD}, write to {EMAIL} or use {KEY}; that is all of it."
    made = Made(text=text, thought=f"It is {CARD}.", calls=(("send", json.dumps({"to": EMAIL, "with": CARD})),))
    async with a_gateway(through(way, a_guard(output=MASK_ALL)), upstream=Echo(lambda _: made, piece=piece)) as gateway:
        heard = way.heard(await way.say(gateway, "How do I pay?"))
    for part in ("4111", "1111", "ann.lee", "lee@", "example.org", KEY[:16], KEY[-16:]):
        assert part not in heard.all, part
    assert heard.text.startswith("Pay with <CARD_")
    assert heard.text.endswith(">; that is all of it.")


@pytest.mark.parametrize("piece", [1, 2, 5, 9])
@every_stream
async def test_reported_07_a_placeholder_cut_up_by_a_stream_is_put_back_and_no_part_of_it_is_shown(
    way: Way, piece: int
) -> None:
    text = f"{EMAIL}, {CARD}; {EMAIL}"
    async with a_gateway(through(way), upstream=Echo(piece=piece)) as gateway:
        reply = await way.say(gateway, text)
    assert way.heard(reply).text == text
    assert b"EMAIL" not in reply.body


@every_stream
async def test_reported_07_what_is_held_when_a_provider_breaks_off_is_shown_before_the_error(way: Way) -> None:
    echo = Broken(lambda _: f"It costs 12 < 14 and is for {EMAIL}. " + "word " * 20)
    async with a_gateway(through(way, a_guard(output=MASK_ALL)), upstream=echo) as gateway:
        reply = await way.say(gateway, "Which?")
    heard = way.heard(reply)
    assert heard.text.startswith("It costs 12 < 14 and is for <EMAIL_")
    assert EMAIL.encode() not in reply.body
    assert b"error" in reply.body


def told(telemetry: FakeTelemetry, at: int) -> set[tuple[str, str, str, str]]:
    """What the guardrails said of answers in a call."""
    return {
        (v.check, v.rule, v.state, v.done)
        for v in telemetry.ended[at].guard.verdicts
        if v.side == "output"
    }  # fmt: skip


SAYS = f"Pay with {CARD} for Project Falcon, says Zoe."
CHECKS: dict[str, guards.Guard] = {
    "mask": a_guard(output=MASK_ALL),
    "block": a_guard(output=treated("Block", "CreditCard", restore=False)),
    "monitor": a_guard(output=treated("Monitor", restore=False)),
    "pattern": a_guard(deny_output=(guards.Pattern("p", "(?i)project falcon", "Mask", "default"),)),
    "pattern without a bound": a_guard(deny_output=(guards.Pattern("p", "(?i)project.*falcon", "Block", "default"),)),
    "plug-in": a_guard(plugins=(a_plugin(input=(), output=treated("Mask", "Person", restore=False)),)),
    "classifier": a_guard(
        plugins=(a_plugin(input=(), output=treated("Mask", "Person"), flags=guards.Flags(0.5, "Block")),)
    ),
    "schema, strict": a_guard(schemas=(guards.AnswerSchema("default", "Block", strict=True, schema=SCHEMA),)),
}


@pytest.mark.parametrize("check", CHECKS)
@every_stream
async def test_reported_08_a_stream_is_checked_by_all_that_checks_a_whole_answer(way: Way, check: str) -> None:
    telemetry = FakeTelemetry()
    outside = Outside(lambda _: SAYS, flags=0.9 if check == "classifier" else 0.0)
    both = (way._replace(stream=False), way)
    async with a_gateway(through(way, CHECKS[check]), upstream=outside, telemetry=telemetry) as gateway:
        whole, streamed = [await each.say(gateway, "How do I pay?") for each in both]
        await until(lambda: len(telemetry.ended) == 2)
    assert told(telemetry, 0) == told(telemetry, 1)
    assert any(state == "matched" for _, _, state, _ in told(telemetry, 1))
    if whole.status == 200:
        assert both[0].heard(whole).text == way.heard(streamed).text
    else:
        assert (streamed.status == 422) or b"A guardrail refuses the answer" in streamed.body
        assert b"4111" not in streamed.body
        assert telemetry.ended[1].guard.outcome == telemetry.ended[0].guard.outcome == "blocked"


@pytest.mark.parametrize("made", [Made(), Made(text="I'm sorry, but I can't help with that."), Made(refusal="No.")])
@every_stream
async def test_reported_08_poor_answers_are_told_of_streams_too(way: Way, made: Made) -> None:
    telemetry = FakeTelemetry()
    guard = a_guard(output=MASK_ALL)
    async with a_gateway(through(way, guard), upstream=Echo(lambda _: made), telemetry=telemetry) as gateway:
        for each in (way._replace(stream=False), way):
            await each.say(gateway, "How?")
        await until(lambda: len(telemetry.ended) == 2)
    assert told(telemetry, 0) == told(telemetry, 1) != set()


def shaped(wish: Any, *, strict: bool) -> guards.Guard:
    return a_guard(input=(), schemas=(guards.AnswerSchema("default", wish, strict=strict, schema=SCHEMA),))


@every_stream
async def test_reported_21_a_strict_stream_shows_nothing_before_its_shape_is_known(way: Way) -> None:
    answers = iter([BAD, GOOD, BAD, BAD])
    telemetry = FakeTelemetry()
    upstream = Echo(lambda _: next(answers))
    async with a_gateway(through(way, shaped("Retry", strict=True)), upstream=upstream, telemetry=telemetry) as gateway:
        good = await way.say(gateway, "Tell me.")
        bad = await way.say(gateway, "Tell me.")
        await until(lambda: len(telemetry.ended) == 2)
    assert way.heard(good).text == GOOD
    assert (bad.status, bad.headers["content-type"]) == (422, "application/json")
    assert [call.guard.outcome for call in telemetry.ended] == ["changed", "blocked"]


@pytest.mark.parametrize(("text", "state"), [(GOOD, "passed"), (BAD, "matched")])
@every_stream
async def test_reported_21_else_the_last_event_says_what_came_of_it(way: Way, text: str, state: str) -> None:
    async with a_gateway(through(way, shaped("Retry", strict=False)), upstream=Echo(lambda _: text)) as gateway:
        reply = await way.say(gateway, "Tell me.")
    assert way.heard(reply).text == text
    verdicts = [json.loads(line[6:]) for line in reply.body.decode().split("\n") if '"turnout"' in line]
    assert [(one["turnout"]["check"], one["turnout"]["state"]) for one in verdicts] == [("schema", state)]


@every_stream
async def test_reported_21_of_a_stream_that_broke_off_nothing_is_said_to_have_passed(way: Way) -> None:
    telemetry, echo = FakeTelemetry(), Broken(lambda _: '{"answer": "yes"}' + " " * 60)
    async with a_gateway(
        through(way, shaped("Retry", strict=False)), upstream=echo, telemetry=telemetry
    ) as gateway:  # fmt: skip
        reply = await way.say(gateway, "Tell me.")
        await until(lambda: len(telemetry.ended) == 1)
    assert b'"passed"' not in reply.body
    assert [v.state for v in telemetry.ended[0].guard.verdicts if v.check == "schema"] == ["not_run"]


@every_way
async def test_reported_21_calls_of_tools_are_not_judged_as_if_they_were_the_answer(way: Way) -> None:
    telemetry = FakeTelemetry()
    upstream = Echo(lambda _: Made(calls=(("send", '{"n": 1}'),)))
    async with a_gateway(through(way, shaped("Block", strict=True)), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await way.say(gateway, "Tell me.")
        await until(lambda: len(telemetry.ended) == 1)
    assert way.heard(reply).calls == [("send", '{"n": 1}')]
    assert [v.state for v in telemetry.ended[0].guard.verdicts if v.check == "schema"] == ["not_run"]


@every_way
async def test_reported_21_an_answer_that_stays_wrong_counts_as_refused(way: Way) -> None:
    telemetry = FakeTelemetry()
    guard = shaped("Retry", strict=True)
    async with a_gateway(through(way, guard), upstream=Echo(lambda _: BAD), telemetry=telemetry) as gateway:
        reply = await way.say(gateway, "Tell me.")
    assert reply.status == 422
    schema = [(v.state, v.done) for v in telemetry.ended[0].guard.verdicts if v.check == "schema"]
    assert schema[-1] == ("matched", "blocked")
    assert telemetry.ended[0].guard.outcome == "blocked"


def test_streams_of_every_api_are_meant() -> None:
    assert len([way for way in WAYS if way.stream]) == 9
