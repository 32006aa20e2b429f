"""What users of other gateways reported of placeholders: rows 1 to 5, 18 and 20 of the list in `test_guardrail_reported_bugs.py`,
through a real gateway, before a provider of each protocol.
"""

import asyncio
import json
import re
from typing import Any

import pytest

from gateway_rig import a_client, a_gateway, apply, call, until
from guard_answers import Made
from guard_rig import CARD, EMAIL, KEY, PATHS, VALUES, Echo, a_guard, asked, last_text, treated
from guard_ways import PLACES, WAYS, Way, every_way, every_whole, spots, through
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.memory_store import MemoryStore
from turnout_sidecar.ports.clock import SystemClock
from turnout_sidecar.ports.embedder import FakeEmbedder
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.stages.look_up_cache import LookUpCache
from unit.gateway.test_guardrail_plugins import Outside, a_plugin

HOLDER = re.compile(r"<[A-Z]+_[b-v]{12,}>")
BOB = "bob.stone@example.org"
TEAMS = ("claims", "sales")
SECRETS = {team: {"key": f"key-of-{team}".encode()} for team in TEAMS} | {"mask": {"key": b"a key of some length"}}
CLIENTS = tuple(a_client(team, team=team) for team in TEAMS)
KEYED = snap.SecretFile("mask", "key")


def holders(text: str) -> list[str]:
    """The placeholders of a text, in order."""
    return HOLDER.findall(text)


def sent_texts(body: dict[str, Any]) -> str:
    """Everything of a body as one text."""
    return json.dumps(body)


@every_way
async def test_reported_01_no_placeholder_is_left_in_an_answer_whatever_part_of_it_holds_one(way: Way) -> None:
    def say(body: dict[str, Any]) -> Made:
        one, two = holders(sent_texts(body))[:2]
        return Made(text=f"{one}, {two}", thought=f"Of {one}.", calls=(("send", json.dumps({"to": two})),))

    async with a_gateway(through(way), upstream=Echo(say)) as gateway:
        reply = await way.say(gateway, f"{EMAIL} and {CARD}")
    heard = way.heard(reply)
    assert holders(reply.body.decode()) == []
    assert heard.text == f"{EMAIL}, {CARD}"
    assert json.loads(heard.calls[0][1]) == {"to": CARD}
    assert heard.thought in ("", f"Of {EMAIL}.")


@every_way
async def test_reported_01_what_was_put_back_is_not_masked_again_where_answers_are_masked_too(way: Way) -> None:
    guard = a_guard(output=treated("Mask", restore=False))
    async with a_gateway(through(way, guard), upstream=Echo()) as gateway:
        reply = await way.say(gateway, f"I am {EMAIL}.")
    assert way.heard(reply).text == f"I am {EMAIL}."


@pytest.mark.parametrize("name", ["chat"])
@pytest.mark.parametrize("stream", [False, True])
async def test_reported_01_every_choice_of_an_answer_is_restored(name: str, stream: bool) -> None:
    def say(body: dict[str, Any]) -> Made:
        one, two = holders(last_text(body))
        return Made(text=f"A {one}", others=(Made(text=f"B {two} {one}"), Made(refusal=f"C {two}")))

    way = Way(name, name, stream)
    async with a_gateway(through(way), upstream=Echo(say)) as gateway:
        reply = await way.say(gateway, f"{EMAIL} and {BOB}", n=3)
    assert [way.heard(reply, at).text for at in range(3)] == [f"A {EMAIL}", f"B {BOB} {EMAIL}", ""]
    assert way.heard(reply, 2).refusal == f"C {BOB}"


def turns(name: str, *texts: str) -> dict[str, Any]:
    """A conversation of these texts, the user's and the model's in turns."""
    said = [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]
    return {**asked(name, ""), ("input" if name == "responses" else "messages"): said}


@every_way
async def test_reported_02_one_value_has_one_name_in_all_messages_and_two_people_never_share_one(way: Way) -> None:
    echo = Echo()
    texts = [f"I am {EMAIL}, he is {BOB}.", f"Hello {EMAIL} and {BOB}!", f"Tell {BOB} of {EMAIL}."]
    async with a_gateway(through(way), upstream=echo) as gateway:
        reply = await way.ask(gateway, turns(way.asked, *texts))
    one, two, three, four, five, six = holders(sent_texts(echo.sent[0]))
    assert (one, two) == (three, four) == (six, five)
    assert one != two
    assert way.heard(reply).text == texts[-1]


@every_way
async def test_reported_02_names_that_a_model_gives_back_in_another_order_are_the_right_ones(way: Way) -> None:
    people = [f"person.{at}@example.org" for at in range(12)]
    echo = Echo(lambda body: " ".join(reversed(holders(last_text(body)))))
    async with a_gateway(through(way), upstream=echo) as gateway:
        reply = await way.say(gateway, " ".join(people))
    assert way.heard(reply).text == " ".join(reversed(people))


@every_way
async def test_reported_03_what_was_masked_in_an_earlier_turn_still_resolves(way: Way) -> None:
    first: list[str] = []

    def say(body: dict[str, Any]) -> str:
        first[:] = first or holders(last_text(body))
        return f"You are {first[0]}."

    echo = Echo(say)
    async with a_gateway(through(way), upstream=echo) as gateway:
        one = way.heard(await way.ask(gateway, turns(way.asked, f"I am {EMAIL}."))).text
        two = await way.ask(gateway, turns(way.asked, f"I am {EMAIL}.", one, f"And {BOB}? Who am I?"))
    assert one == way.heard(two).text == f"You are {EMAIL}."
    again, other = echo.sent[1], holders(last_text(echo.sent[1]))
    assert holders(sent_texts(again))[:2] == first * 2
    assert other[0] != first[0]


@every_way
async def test_reported_03_also_where_a_caller_was_left_with_the_placeholder_itself(way: Way) -> None:
    snapshot = through(way, gateway=snap.Gateway(masking_key=KEYED))
    echo = Echo()
    async with a_gateway(snapshot, upstream=echo, secrets=FakeSecrets(SECRETS)) as gateway:
        await way.ask(gateway, turns(way.asked, f"I am {EMAIL}."))
        (name,) = holders(last_text(echo.sent[0]))
        reply = await way.ask(gateway, turns(way.asked, f"I am {EMAIL}.", f"Hello {name}", f"Not {name}?"))
    assert way.heard(reply).text == f"Not {name}?"  # as it was typed


@pytest.mark.parametrize("stream", [False, True])
async def test_reported_03_where_the_provider_keeps_the_turns_an_outcome_keeps_the_names(stream: bool) -> None:
    way, telemetry = Way("responses", "responses", stream), FakeTelemetry()
    known: list[str] = []

    def say(body: dict[str, Any]) -> str:
        known.extend(holders(sent_texts(body)))
        return f"It is {known[0]}."

    clients = (a_client("claims", team="claims", trust=("Outcome",)),)
    snapshot = through(way, gateway=snap.Gateway(clients=clients, masking_key=KEYED))
    async with a_gateway(snapshot, upstream=Echo(say), telemetry=telemetry, secrets=FakeSecrets(SECRETS)) as gateway:
        said = []
        for text in (f"I am {EMAIL}.", f"Did I say {EMAIL}?", "Who am I?"):
            body = asked("responses", text, previous_response_id="resp_68a1b2c3d4e5f60718293a4b5c6d7e8f")
            headers = {"authorization": "Bearer key-of-claims", "x-turnout-outcome-id": "claim-42"}
            said.append(way.heard(await way.ask(gateway, body, **headers)).text)
        await until(lambda: len(telemetry.ended) == 3)
    assert said == [f"It is {EMAIL}.", f"It is {EMAIL}.", f"It is {known[0]}."]
    assert len(set(known)) == 1
    assert [one.guard.unresolved for one in telemetry.ended] == [0, 0, 1]


@every_whole
async def test_reported_04_calls_at_the_same_time_have_nothing_of_each_other(way: Way) -> None:
    both = [Way(way.asked, way.spoken, stream) for stream in (False, True)]
    async with a_gateway(through(way), upstream=Echo()) as gateway:
        texts = [f"Number {at} is person{at}@example.org." for at in range(24)]
        replies = await asyncio.gather(*(both[at % 2].say(gateway, text) for at, text in enumerate(texts)))
    assert [both[at % 2].heard(reply).text for at, reply in enumerate(replies)] == texts


@every_way
async def test_reported_04_a_placeholder_of_another_call_is_left_as_it_is_and_counted(way: Way) -> None:
    seen: list[str] = []

    def say(body: dict[str, Any]) -> str:
        seen.extend(holders(last_text(body)))
        return f"It is {seen[0]}."

    telemetry = FakeTelemetry()
    async with a_gateway(through(way), upstream=Echo(say), telemetry=telemetry) as gateway:
        await way.say(gateway, f"I am {EMAIL}.")
        reply = await way.say(gateway, f"I am {BOB}. Who was here before?")
        await until(lambda: len(telemetry.ended) == 2)
    assert way.heard(reply).text == f"It is {seen[0]}."
    assert EMAIL.encode() not in reply.body
    assert telemetry.ended[-1].guard.unresolved == 1


@every_way
async def test_reported_05_matches_that_overlap_become_one_whole_placeholder(way: Way) -> None:
    name = guards.Pattern("domain", "example[.]org/x", "Mask", "default")
    text = f"See https://ann:pw9{EMAIL}/x?card={CARD.replace(' ', '')} or mail {EMAIL}/x or Zoe@example.org."
    outside = Outside()
    guard = a_guard(deny_input=(name,), plugins=(a_plugin(),))
    async with a_gateway(through(way, guard), upstream=outside) as gateway:
        reply = await way.say(gateway, text)
    sent = last_text(outside.sent[0])
    assert not re.search("example|pw9|ann[.]lee|Zoe|4111", sent)
    assert "<" not in HOLDER.sub("", sent)
    assert ">" not in HOLDER.sub("", sent)
    assert way.heard(reply).text == text


def kept(*, semantic: bool = False, scope: Any = "Team") -> dict[str, Any]:
    cache = snap.Cache("c", 60_000, scope, semantic=semantic, max_temperature=1.0, max_entries=100)
    return {"cache": cache}


@pytest.mark.parametrize("semantic", [False, True])
@every_way
async def test_reported_18_the_cache_gives_no_tenant_and_nobody_anything_of_anothers(way: Way, semantic: bool) -> None:
    clock, embedder = SystemClock(), FakeEmbedder()
    cache = LookUpCache(MemoryStore(dimension=embedder.dimension, clock=clock), embedder, clock, store_s=30.0)
    echo = Echo()
    snapshot = through(way, gateway=snap.Gateway(clients=CLIENTS, masking_key=KEYED), **kept(semantic=semantic))
    async with a_gateway(snapshot, upstream=echo, cache=cache, secrets=FakeSecrets(SECRETS)) as gateway:
        said = []
        for team, text in (("claims", EMAIL), ("claims", BOB), ("sales", EMAIL), ("claims", EMAIL)):
            body = asked(way.asked, f"I am {text}.", temperature=0)
            reply = await way.ask(gateway, body, authorization=f"Bearer key-of-{team}")
            said.append((way.heard(reply).text, reply.headers["x-turnout-cache"]))
            await cache.keeper.settled()
    assert [text for text, _ in said] == [f"I am {text}." for text in (EMAIL, BOB, EMAIL, EMAIL)]
    assert [state for _, state in said] == ["miss", "miss", "miss", "exact"]
    assert not [value for value in VALUES if value.encode() in echo.raw]


async def test_reported_18_nor_does_an_answer_outlive_the_policy_that_let_it_pass() -> None:
    clock, embedder = SystemClock(), FakeEmbedder()
    cache = LookUpCache(MemoryStore(dimension=embedder.dimension, clock=clock), embedder, clock, store_s=30.0)
    way, echo = Way("chat", "chat"), Echo(lambda _: f"Pay {CARD}.")
    async with a_gateway(through(way, a_guard(input=()), **kept()), upstream=echo, cache=cache) as gateway:
        before = await way.say(gateway, "How?", temperature=0)
        await cache.keeper.settled()
        apply(gateway, through(way, a_guard(id="new", output=treated("Mask", restore=False)), **kept()))
        after = await way.say(gateway, "How?", temperature=0)
    assert way.heard(before).text == f"Pay {CARD}."
    assert CARD not in way.heard(after).text


EVERYTHING = (
    f"{EMAIL}, {CARD}, {KEY}, DE89 3704 0044 0532 0130 00, +49 30 901820, 203.0.113.9, 00:1b:44:11:3a:b7, "
    "https://ann:s3cretpw@example.org/x, SSN 536-90-4399, password: Tr0ub4dor&3x9"
)


@every_way
async def test_reported_20_a_placeholder_is_nothing_that_any_detector_finds(way: Way) -> None:
    """What left once is asked again, and passes as it is, byte for byte."""
    echo, telemetry = Echo(lambda _: "Fine."), FakeTelemetry()
    guard = a_guard(output=treated("Mask", restore=False))
    async with a_gateway(through(way, guard), upstream=echo, telemetry=telemetry) as gateway:
        await way.say(gateway, EVERYTHING)
        masked = last_text(echo.sent[0])
        await way.say(gateway, masked)
        await until(lambda: len(telemetry.ended) == 2)
    assert len(holders(masked)) >= 9
    assert last_text(echo.sent[1]) == masked
    assert [v.rule for v in telemetry.ended[1].guard.verdicts if v.state == "matched"] == []


@pytest.mark.parametrize("spot", spots("arguments", "result", "definition", "system", stream=(False,)), ids=str)
async def test_reported_20_in_no_place_of_a_call(spot: Any) -> None:
    echo = Echo(lambda _: "Fine.")
    async with a_gateway(through(spot.way), upstream=echo) as gateway:
        await spot.way.ask(gateway, spot.body(EVERYTHING))
        if not echo.sent:  # estimated here
            return
        masked = sorted(set(holders(sent_texts(echo.sent[0]))))
        await spot.way.ask(gateway, spot.body(" ".join(masked)))
    assert sorted(set(holders(sent_texts(echo.sent[1])))) == masked


async def test_reported_20_embeddings_of_masked_texts_are_of_masked_texts() -> None:
    echo = Echo()
    async with a_gateway(through("chat"), upstream=echo) as gateway:
        await call(gateway, PLACES["embeddings"]["list"](EVERYTHING), "/v1/embeddings")
        masked = echo.sent[0]["input"][1]
        await call(gateway, PLACES["embeddings"]["list"](masked), "/v1/embeddings")
    assert echo.sent[1]["input"][1] == masked


def test_every_api_is_asked_before_every_protocol() -> None:
    assert {(way.asked, way.spoken) for way in WAYS} == {(one, other) for one in PATHS for other in PATHS}
