"""Whole flows through a guarded gateway: turns with tools and with signed thoughts, prompts, policies that change meanwhile."""

import asyncio
import json
from typing import Any

import pytest

from gateway_rig import Client, a_gateway, a_model, a_provider, a_route, a_rule, a_snapshot, apply, call, until
from guard_answers import SIGNATURE, Made, events_of
from guard_rig import CARD, EMAIL, PATHS, Echo, a_guard, asked, last_text, said, treated
from guard_ways import WAYS, Way, every_way, through
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap
from turnout_sidecar.ports.telemetry import FakeTelemetry
from unit.gateway.test_guardrail_reported_masking import holders, turns
from unit.gateway.test_guardrail_reported_streams import Waiting

QUOTED = '"uo\\te\n\t- Xy7"'
NOTE = guards.Pattern("note", '"uo[^"]*"', "Mask", "default")
LINES = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq1\n9dk3Jv5s8Tg2Lw6Xz0PnQr4\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize("piece", [1, 3, 40])
@every_way
async def test_values_with_quotes_and_line_breaks_come_back_in_arguments_that_stay_json(way: Way, piece: int) -> None:
    question = f"Store {QUOTED} and {LINES} for {EMAIL}."
    seen: list[str] = []

    def say(body: dict[str, Any]) -> Made:
        seen[:] = [last_text(body)]
        return Made(calls=(("store", json.dumps({"all": seen[0], "names": holders(seen[0])})), ("noop", "{}")))

    guard = a_guard(deny_input=(NOTE,))
    async with a_gateway(through(way, guard), upstream=Echo(say, piece=piece)) as gateway:
        reply = await way.say(gateway, question)
    (_, arguments), (other, none) = way.heard(reply).calls
    assert json.loads(arguments)["all"] == question
    assert len(json.loads(arguments)["names"]) >= 3
    assert holders(arguments) == []
    assert (other, json.loads(none)) == ("noop", {})
    assert "Xy7" not in seen[0]
    assert "MIIE" not in seen[0]


THOUGHT = "The user is {name}, so I look the claim up."


def _with_history(way: Way, question: str, body: bytes) -> dict[str, Any]:
    """The second turn as clients write it: the first answer goes back as it came."""
    answer = json.loads(body) if not way.stream else {}
    made: list[dict[str, Any]]
    if way.asked == "messages":
        content = _blocks_of(body) if way.stream else answer["content"]
        result = {"type": "tool_result", "tool_use_id": "toolu_0", "content": f"{EMAIL} has claim 7"}
        made = [{"role": "assistant", "content": content}, {"role": "user", "content": [result]}]
    elif way.asked == "responses":
        output = events_of(body)[-1]["response"]["output"] if way.stream else answer["output"]
        made = [*output, {"type": "function_call_output", "call_id": output[-1]["call_id"], "output": "claim 7"}]
    else:
        message = answer["choices"][0]["message"]
        made = [message, {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "claim 7"}]
    extra = {"max_tokens": 100} if way.asked == "messages" else {}
    named = "input" if way.asked == "responses" else "messages"
    return {"model": "assistant", named: [{"role": "user", "content": question}, *made], **extra}


def _blocks_of(frames: bytes) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for event in events_of(frames):
        if event["type"] == "content_block_start":
            blocks.append(event["content_block"])
        elif event["type"] == "content_block_delta":
            delta = event["delta"]
            field = {"thinking_delta": "thinking", "signature_delta": "signature", "text_delta": "text"}
            name = field.get(delta["type"])
            if name is None:
                blocks[-1]["input"] = {}
            else:
                blocks[-1][name] = blocks[-1].get(name, "") + delta[name]
    return blocks


def _thinks(body: dict[str, Any]) -> Made:
    (name, *_) = holders(json.dumps(body)) or [""]
    return Made(thought=THOUGHT.format(name=name), calls=(("look_up", json.dumps({"who": name})),))


def _signed(body: dict[str, Any]) -> list[Any]:
    """What is signed of a request: thoughts with their signatures, reasoning items."""
    texts: list[Any] = body.get("messages") or body.get("input") or []
    blocks = [part for item in texts if isinstance(item.get("content"), list) for part in item["content"]]
    return [one for one in (*blocks, *texts) if one.get("type") in ("thinking", "reasoning")]


SIGNING = [way for way in WAYS if way.spoken == "messages" and (way.asked != "chat" or not way.stream)]
SIGNING += [Way("responses", "responses", stream) for stream in (False, True)]
PASSWORD = "q1W2e3R4t5!z"


@pytest.mark.parametrize(("value", "before"), [(EMAIL, "I am "), (PASSWORD, "My password is ")])
@pytest.mark.parametrize("way", SIGNING, ids=str)
async def test_a_signed_thought_goes_back_to_its_provider_as_it_made_it_byte_for_byte(
    way: Way, value: str, before: str
) -> None:
    question = f"{before}{value}. Which claim is mine?"
    echo = Echo(_thinks)
    async with a_gateway(through(way), upstream=echo) as gateway:
        reply = await way.say(gateway, question)
        assert way.heard(reply).thought == THOUGHT.format(name=value)
        again = await way.ask(gateway, _with_history(way, question, reply.body))
    assert again.status == 200, again.body
    assert value.encode() not in echo.raw
    (name,) = set(holders(last_text(echo.sent[0])))
    (signed,) = _signed(echo.sent[1])
    made = THOUGHT.format(name=name)
    if way.spoken == "messages":
        assert (signed["thinking"], signed["signature"]) == (made, SIGNATURE)
    else:
        assert (signed["summary"][0]["text"], signed["encrypted_content"]) == (made, SIGNATURE)


@every_way
async def test_a_value_that_was_given_away_by_the_word_before_it_does_not_leave_without_it_in_the_next_turn(
    way: Way,
) -> None:
    echo = Echo(lambda body: f"Yes, {holders(json.dumps(body))[0]} is weak.")
    async with a_gateway(through(way), upstream=echo) as gateway:
        question = f"Is this one weak? password: {PASSWORD}"
        first = way.heard(await way.say(gateway, question)).text
        assert first == f"Yes, {PASSWORD} is weak."
        await way.ask(gateway, turns(way.asked, question, first, f"Why is {PASSWORD} weak, and is {PASSWORD}9 too?"))
    assert f" {PASSWORD} ".encode() not in echo.raw
    assert PASSWORD.encode() not in echo.raw.replace(f"{PASSWORD}9".encode(), b"")
    assert len(set(holders(json.dumps(echo.sent[1])))) == 1


async def test_a_thought_in_which_a_model_spelled_a_placeholder_otherwise_is_left_as_it_is_signed() -> None:
    """What does not come back exactly would not be masked to the same bytes again."""
    way = Way("messages", "messages")
    spelled: list[str] = []

    def say(body: dict[str, Any]) -> Made:
        spelled[:] = spelled or [holders(json.dumps(body))[0].lower().replace("_", "\\_")]
        return Made(thought=f"It is {spelled[0]}.", text=f"Hello {spelled[0]}", calls=(("f", "{}"),))

    echo = Echo(say)
    async with a_gateway(through(way), upstream=echo) as gateway:
        reply = await way.say(gateway, f"I am {EMAIL}.")
        assert way.heard(reply).text == f"Hello {EMAIL}"
        assert way.heard(reply).thought == f"It is {spelled[0]}."
        await way.ask(gateway, _with_history(way, f"I am {EMAIL}.", reply.body))
    (signed,) = _signed(echo.sent[1])
    assert signed["thinking"] == f"It is {spelled[0]}."


async def test_a_policy_may_hold_for_one_rule_alone() -> None:
    guard, telemetry, echo = a_guard(), FakeTelemetry(), Echo()
    model = a_model()
    guarded = a_rule(
        "openai/gpt",
        name="claims",
        guard=guard.id,
        matches=(snap.Match(headers=(("x-kind", "claim"),)),),
    )
    route = a_route("assistant", guarded, a_rule("openai/gpt", name="rest"))
    snapshot = a_snapshot(route, providers=(a_provider("openai", model),), guards=(guard,))
    async with a_gateway(snapshot, upstream=echo, telemetry=telemetry) as gateway:
        held = await call(gateway, asked("chat", EMAIL), x_kind="claim")
        free = await call(gateway, asked("chat", EMAIL))
    assert said("chat", held.body) == said("chat", free.body) == EMAIL
    assert EMAIL not in last_text(echo.sent[0])
    assert EMAIL in last_text(echo.sent[1])
    assert [one.guard.outcome for one in telemetry.ended] == ["changed", "bypassed"]


@pytest.mark.parametrize("after", ["another policy", "none", "one that blocks"])
@pytest.mark.parametrize("way", [way for way in WAYS if way.stream], ids=str)
async def test_a_stream_ends_under_the_policy_that_it_began_under(way: Way, after: str) -> None:
    text = f"word word word word {EMAIL} _END_ {EMAIL}"
    waiting = Waiting(lambda body: f"{last_text(body)} and {CARD}", marker="_END_", piece=20)
    guard = a_guard(output=treated("Mask", restore=False))
    then = {
        "another policy": through(way, a_guard(id="other", input=(), output=treated("Monitor", restore=False))),
        "none": a_snapshot(a_route("else")),
        "one that blocks": through(way, a_guard(id="strict", input=treated("Block"), output=treated("Block"))),
    }[after]
    async with a_gateway(through(way, guard), upstream=waiting) as gateway, Client(gateway.port) as client:
        client.send(asked(way.asked, text, stream=True), PATHS[way.asked])
        await client.head()
        shown = b""
        async with asyncio.timeout(30):
            async for piece in client.chunks():
                shown += piece
                if shown.count(b"word") >= 2 and not waiting.gate.is_set():
                    apply(gateway, then)
                    waiting.gate.set()
        await until(lambda: not gateway.in_flight)
    heard = way.heard(_reply(shown)).text
    assert heard.startswith(f"{text} and <CARD_")
    assert CARD not in heard


def _reply(body: bytes) -> Any:
    class Shown:
        status = 200

    made = Shown()
    made.body = body  # type: ignore[attr-defined]
    return made


TRIAGE = snap.Prompt(
    "triage",
    {"type": "object", "required": ["claim"], "properties": {"claim": {"type": "string"}, "from": {"type": "string"}}},
    (("v1", 1),),
    (
        snap.PromptVersion(
            "v1",
            (
                snap.PromptMessage("system", "Classify. The claimant is {{ from }}."),
                snap.PromptMessage("user", "{{ claim }}"),
            ),
        ),
    ),
)


@pytest.mark.parametrize("stream", [False, True])
async def test_variables_of_a_prompt_that_hold_personal_data_are_masked_and_come_back(stream: bool) -> None:
    way, echo, telemetry = Way("chat", "chat", stream), Echo(), FakeTelemetry()
    guard = a_guard()
    provider = a_provider("openai", a_model())
    route = a_route("assistant", a_rule(guard=guard.id), prompt="triage")
    snapshot = a_snapshot(route, providers=(provider,), guards=(guard,), prompts=(TRIAGE,))
    variables = {"claim": f'It is "wet" at {EMAIL}.\nPay {CARD}.', "from": EMAIL}
    async with a_gateway(snapshot, upstream=echo, telemetry=telemetry) as gateway:
        reply = await way.ask(gateway, {"model": "assistant", "messages": [], "prompt": {"variables": variables}})
    assert way.heard(reply).text == variables["claim"]
    assert EMAIL.encode() not in echo.raw
    assert CARD.encode() not in echo.raw
    system, user = (message["content"] for message in echo.sent[0]["messages"])
    assert holders(system)[0] == holders(user)[0]
    assert telemetry.ended[0].prompt is not None


async def test_variables_of_a_prompt_refuse_a_call_like_any_other_text_and_are_not_told() -> None:
    guard = a_guard(input=treated("Block", "CreditCard"))
    route = a_route("assistant", a_rule(guard=guard.id), prompt="triage")
    echo = Echo()
    async with a_gateway(a_snapshot(route, guards=(guard,), prompts=(TRIAGE,)), upstream=echo) as gateway:
        body = {"model": "assistant", "messages": [], "prompt": {"variables": {"claim": f"Pay {CARD}.", "from": "x"}}}
        reply = await call(gateway, body)
    assert (reply.status, echo.requests) == (403, [])
    assert b"4111" not in reply.body
