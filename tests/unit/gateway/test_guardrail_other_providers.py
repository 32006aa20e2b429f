"""Guardrails before the simulated providers of all protocols, strict as the real ones: what reaches them, and what comes back."""

import json

import msgspec
import pytest

from gateway_rig import apply
from guard_rig import CARD, EMAIL, a_guard, treated
from guard_ways import PLACES, Way
from pair_rig import KEY, OUT, World, a_world, a_world_snapshot
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap

RESULT = f"It is for {EMAIL}, paid with {CARD}."
WAYS = [
    Way(asked, spoken, stream)
    for asked in ("chat", "responses", "messages")
    for spoken in OUT
    for stream in (False, True)
]


def guarded(world: World, guard: guards.Guard) -> snap.Snapshot:
    """The world's own snapshot under a guard."""
    plain = a_world_snapshot(world.out, int(world.provider_url.rpartition(":")[2]), cached=False)
    routes = []
    for route in plain.routes:
        rules = tuple(msgspec.structs.replace(rule, guard=guard.id) for rule in route.rules)
        routes.append(msgspec.structs.replace(route, rules=rules))
    return msgspec.structs.replace(plain, routes=tuple(routes), guards=(guard,))


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_the_result_of_a_tool_reaches_no_provider_in_clear_and_what_it_says_of_it_comes_back(way: Way) -> None:
    async with a_world(OUT[way.spoken]) as world:
        apply(world.gateway, guarded(world, a_guard(output=treated("Mask", restore=False))))
        body = PLACES[way.asked]["result"](RESULT)
        if way.asked != "messages":
            tool = {"name": "send", "parameters": {"type": "object", "properties": {"to": {"type": "string"}}}}
            chat = {"type": "function", "function": tool}
            body["tools"] = [chat if way.asked == "chat" else {"type": "function", "strict": False, **tool}]
        reply = await way.ask(world.gateway, body, authorization=f"Bearer {KEY}")
        heard = way.heard(reply).text
        sent = json.dumps([call["body"] for call in world.calls])
    assert EMAIL not in sent
    assert CARD not in sent
    assert "<EMAIL_" in sent
    assert EMAIL in heard
    assert CARD in heard
    assert "<EMAIL_" not in heard


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_refused_question_reaches_no_provider(way: Way) -> None:
    async with a_world(OUT[way.spoken]) as world:
        apply(world.gateway, guarded(world, a_guard(input=treated("Block"))))
        reply = await way.ask(world.gateway, PLACES[way.asked]["user"](RESULT), authorization=f"Bearer {KEY}")
        assert world.calls == []
    assert reply.status == 403
    assert CARD.encode() not in reply.body
