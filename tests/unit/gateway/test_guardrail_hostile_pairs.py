"""Guarded calls in every API to every protocol: with real clients, tools, schemas, thinking, and faults in the middle."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from gateway_rig import apply, call
from guard_rig import CARD, EMAIL, KEY, PATHS, a_guard, asked, treated
from pair_clients import IN, Wish
from pair_rig import OUT, World, a_world, a_world_snapshot, talking
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap

TEXT = f"I am {EMAIL} and pay with {CARD} and {KEY}."
MASKS = treated("Mask", restore=False)
GUARDS = {
    "held": a_guard(output=MASKS, deny_output=(guards.Pattern("c", "falcon.*eagle", "Block", "d"),)),
    "passed": a_guard(output=MASKS),
    "watched": a_guard(output=treated("Monitor")),
}
TOLD = re.compile(rb'"error": ?{|event: error|"type": ?"error"')
FAULTS = (
    "status=500",
    "status=429,retry_after=30",
    "cut=2",
    "malformed",
    "error-event",
    "no-end",
    "drip=0ms",
    "usage=none",
)


def guard_it(world: World, guard: guards.Guard) -> None:
    """The same world, guarded."""
    port = int(world.provider_url.rsplit(":", 1)[1])
    plain = a_world_snapshot(world.out, port, cached=False)
    routes = tuple(_guarded(route, guard) for route in plain.routes)
    apply(world.gateway, msgspec.structs.replace(plain, routes=routes, guards=(guard,)))


def _guarded(route: snap.Route, guard: guards.Guard) -> snap.Route:
    rules = tuple(msgspec.structs.replace(rule, guard=guard.id) for rule in route.rules)
    return msgspec.structs.replace(route, rules=rules)


def nothing_left(calls: Sequence[dict[str, Any]]) -> None:
    told = repr(calls)
    for value in (EMAIL, CARD, KEY):
        assert value not in told


WISHES = (
    Wish(),
    Wish(stream=True),
    Wish(tools=True, forced=True),
    Wish(stream=True, tools=True, forced=True),
    Wish(schema=True),
)


@pytest.mark.parametrize("way", ["held", "passed", "watched"])
@pytest.mark.parametrize("out", list(OUT))
async def test_real_clients_get_through_the_guards_and_nothing_leaves(out: str, way: str) -> None:
    async with a_world(OUT[out]) as world:
        guard_it(world, GUARDS[way])
        for name in IN:
            for wish in WISHES:
                async with talking(world, name) as talk:
                    said = await talk.ask(TEXT, wish)
                    assert said.text or said.calls, (name, wish)
                    if said.calls:
                        said = await talk.give(
                            [(called, TEXT) for called in said.calls], Wish(stream=wish.stream, tools=True)
                        )
                        assert said.text or said.calls, (name, wish)
                assert world.last.error is None
                assert world.last.guard.outcome == "changed"
                assert not world.last.aborted
        nothing_left(world.calls)


@pytest.mark.parametrize("way", ["held", "passed"])
@pytest.mark.parametrize("out", ["chat", "anthropic", "gemini"])
async def test_whatever_goes_wrong_with_a_provider_a_guarded_call_ends_and_tells_nothing(out: str, way: str) -> None:
    count = 0
    async with a_world(OUT[out]) as world:
        guard_it(world, GUARDS[way])
        for fault in FAULTS:
            for name, path in PATHS.items():
                for stream in (False, True):
                    await world.faults(fault)
                    body = asked(name, TEXT, stream=stream)
                    reply = await call(world.gateway, body, path, authorization="Bearer key-of-app")
                    count += 1
                    ended = await world.ended(count)
                    assert len(world.telemetry.ended) == count
                    assert len(ended.attempts) == 1
                    assert b"<SECRET" not in reply.body or reply.status >= 400, (fault, name, stream)
                    if reply.status == 200:
                        assert (ended.error is None) == (TOLD.search(reply.body) is None), (fault, name, stream)
        nothing_left(world.calls)
