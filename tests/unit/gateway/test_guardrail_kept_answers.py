"""Answers that were masked on their way out, and the cache: given again as they were given, and to nobody else's harm."""

from typing import Any

import pytest

from gateway_rig import a_client, a_gateway
from guard_rig import CARD, EMAIL, Echo, a_guard, asked, last_text, treated
from guard_ways import Way, every_way, through
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.memory_store import MemoryStore
from turnout_sidecar.ports.clock import SystemClock
from turnout_sidecar.ports.embedder import FakeEmbedder
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.stages.look_up_cache import LookUpCache
from unit.gateway.test_guardrail_reported_masking import holders

SECRETS = {"app": {"key": b"key-of-app"}}
GUARD = a_guard(output=treated("Mask", restore=False))
MASKED_ANSWERS = a_guard(input=(), output=treated("Mask", restore=False))


def a_cache() -> LookUpCache:
    """A cache in memory."""
    clock, embedder = SystemClock(), FakeEmbedder()
    return LookUpCache(MemoryStore(dimension=embedder.dimension, clock=clock), embedder, clock, store_s=30.0)


def kept(*, semantic: bool = False) -> dict[str, Any]:
    """What a rule needs to keep answers."""
    return {"cache": snap.Cache("c", 60_000, "Team", semantic=semantic, max_temperature=1.0, max_entries=100)}


def with_system(way: Way, system: str, question: str) -> dict[str, Any]:
    """A call with instructions, and a question that may be answered from the cache."""
    body = asked(way.asked, question, temperature=0)
    if way.asked == "chat":
        return {**body, "messages": [{"role": "system", "content": system}, *body["messages"]]}
    if way.asked == "messages":
        return {**body, "system": system}
    return {**body, "instructions": system, "store": False}


@every_way
async def test_an_answer_that_was_masked_on_output_is_given_again_as_it_was_and_paid_once(way: Way) -> None:
    cache, echo, telemetry = a_cache(), Echo(lambda _: f"Mail {EMAIL} or pay {CARD}."), FakeTelemetry()
    other = way._replace(stream=not way.stream)
    snapshot = through(way, MASKED_ANSWERS, **kept())
    async with a_gateway(snapshot, upstream=echo, cache=cache, telemetry=telemetry) as gateway:
        first = await way.say(gateway, "Who?", temperature=0)
        await cache.keeper.settled()
        again = await way.say(gateway, "Who?", temperature=0)
        otherwise = await other.say(gateway, "Who?", temperature=0)
    assert [reply.headers["x-turnout-cache"] for reply in (first, again, otherwise)] == ["miss", "exact", "exact"]
    assert len(echo.requests) == 1
    text = way.heard(first).text
    assert [name.partition("_")[0] for name in holders(text)] == ["<EMAIL", "<CARD"]
    assert way.heard(again).text == other.heard(otherwise).text == text
    assert EMAIL.encode() not in again.body + otherwise.body
    assert [call.guard.unresolved for call in telemetry.ended] == [0, 0, 0]


@every_way
async def test_of_a_kept_answer_ones_own_is_put_back_and_what_was_masked_on_output_is_not(way: Way) -> None:
    cache, echo = a_cache(), Echo(lambda body: f"{last_text(body)} Pay {CARD}.")
    other = way._replace(stream=not way.stream)
    async with a_gateway(through(way, GUARD, **kept()), upstream=echo, cache=cache) as gateway:
        first = await way.say(gateway, f"I am {EMAIL}.", temperature=0)
        await cache.keeper.settled()
        again = await way.say(gateway, f"I am {EMAIL}.", temperature=0)
        otherwise = await other.say(gateway, f"I am {EMAIL}.", temperature=0)
        await cache.keeper.settled()
        somebody = await way.say(gateway, "I am bob.stone@example.org.", temperature=0)
    text = way.heard(first).text
    assert text.startswith(f"I am {EMAIL}. Pay <CARD_")
    assert way.heard(again).text == other.heard(otherwise).text == text
    assert again.headers["x-turnout-cache"] == otherwise.headers["x-turnout-cache"] == "exact"
    assert way.heard(somebody).text.startswith("I am bob.stone@example.org. Pay <CARD_")
    assert len(echo.requests) == 2


@every_way
async def test_whoever_guesses_a_value_that_was_masked_in_a_kept_answer_is_not_told_so(way: Way) -> None:
    """What a call says beside its question is no part of the cache's key: thousands of guesses could be asked for nothing."""
    cache, echo = a_cache(), Echo(lambda _: f"Mail {EMAIL} or pay {CARD}.")
    guesses = {"metadata": {"x": f"{EMAIL} {CARD}"}} if way.asked != "messages" else {"metadata": {"user_id": EMAIL}}
    async with a_gateway(through(way, GUARD, **kept()), upstream=echo, cache=cache) as gateway:
        first = await way.say(gateway, "Who?", temperature=0)
        await cache.keeper.settled()
        again = await way.say(gateway, "Who?", temperature=0, **guesses)
    if way.asked == "responses":  # its answers say the metadata of their question, so that it is part of the key
        assert again.headers["x-turnout-cache"] == "miss"
        return
    text = way.heard(again).text
    assert again.headers["x-turnout-cache"] == "exact"
    assert text == way.heard(first).text
    assert [name.partition("_")[0] for name in holders(text)] == ["<EMAIL", "<CARD"]


@pytest.mark.parametrize("outcome", ["", "claim-7"])
@every_way
async def test_a_question_in_other_words_gets_the_answer_that_was_masked_on_output(way: Way, outcome: str) -> None:
    """With an outcome both calls are of one conversation, and the application's own address is put back for both."""
    cache, headers = a_cache(), {"authorization": "Bearer key-of-app", "x-turnout-outcome-id": outcome}
    gate = snap.Gateway(clients=(a_client(trust=("Outcome",)),))
    system = f"You work for {EMAIL}." if outcome else "You work for us."
    echo = Echo(lambda body: f"Of {(holders(str(body)) or ['us'])[0]}: pay {CARD}.")
    snapshot = through(way, GUARD, gateway=gate, **kept(semantic=True))
    async with a_gateway(snapshot, upstream=echo, cache=cache, secrets=FakeSecrets(SECRETS)) as gateway:
        first = await way.ask(gateway, with_system(way, system, "Where do I pay the bill"), **headers)
        await cache.keeper.settled()
        again = await way.ask(gateway, with_system(way, system, "where do I pay the bill"), **headers)
    assert again.headers["x-turnout-cache"] == "semantic"
    assert way.heard(again).text == way.heard(first).text
    assert way.heard(again).text.startswith(f"Of {EMAIL if outcome else 'us'}: pay <CARD_")
    assert len(echo.requests) == 1


async def test_a_value_that_was_asked_about_and_is_said_by_the_model_too_is_the_askers_own_in_the_cache() -> None:
    """Its placeholder is made for the question and for the answer alike: who did not ask about it has nothing to put back."""
    way, cache = Way("chat", "chat"), a_cache()
    echo, telemetry = Echo(lambda body: f"{last_text(body)} It is {EMAIL}."), FakeTelemetry()
    snapshot = through(way, GUARD, **kept())
    async with a_gateway(snapshot, upstream=echo, cache=cache, telemetry=telemetry) as gateway:
        first = await way.say(gateway, f"Is it {EMAIL}?", temperature=0)
        await cache.keeper.settled()
        again = await way.say(gateway, f"Is it {EMAIL}?", temperature=0)
    assert way.heard(first).text == way.heard(again).text == f"Is it {EMAIL}? It is {EMAIL}."
    assert telemetry.ended[0].masks.given_in(" ".join(telemetry.ended[0].masks.table.made)) == ()


async def test_what_only_looks_like_a_placeholder_in_an_answer_is_nothing_that_was_masked_there() -> None:
    way, cache = Way("chat", "chat"), a_cache()
    echo = Echo(lambda _: f"Ask <PERSON_bcdfghjkmnpq> or {EMAIL}.")
    async with a_gateway(through(way, MASKED_ANSWERS, **kept()), upstream=echo, cache=cache) as gateway:
        for _ in range(2):
            reply = await way.say(gateway, "Who?", temperature=0)
            await cache.keeper.settled()
            assert reply.headers["x-turnout-cache"] == "miss"
    assert len(echo.requests) == 2
