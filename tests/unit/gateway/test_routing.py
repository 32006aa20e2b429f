"""Eligibility and choice: who may answer, and who is asked."""

import random
from collections import Counter
from typing import Any

import orjson
import pytest

from gateway_rig import a_model, a_provider, a_route, a_rule, a_snapshot, chat
from turnout_contract.snapshot import model as snap
from turnout_sidecar import routing
from turnout_sidecar.endpoints import SERVED
from turnout_sidecar.exchange.call import Caller, Exchange, Response
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.runtime import Runtime
from turnout_sidecar.stages.resolve_route import resolve_route

DICE = random.Random(7)


async def resolved(
    snapshot: snap.Snapshot, body: dict[str, Any] | None = None, *, caller: Caller | None = None, **headers: str
) -> Exchange:
    """The call after its route and rule were found."""
    body = chat() if body is None else body
    runtime = Runtime.build(snapshot, "v", FakeSecrets())
    exchange = Exchange(
        id="1",
        endpoint=SERVED[0 if "messages" in body else 1].endpoint,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        raw=orjson.dumps(body),
        body=body,
        runtime=runtime,
        received_ns=0,
        received_unix_ns=0,
    )
    exchange.caller = caller or Caller(client=None, team="t")
    exchange.model = body["model"]

    async def end(_: Exchange) -> Response:
        return Response(200, body=b"")

    await resolve_route(exchange, end)
    return exchange


async def names(snapshot: snap.Snapshot, body: dict[str, Any] | None = None, caller: Caller | None = None) -> list[str]:
    """The candidates."""
    return [backend.name for backend in routing.candidates(await resolved(snapshot, body, caller=caller))]


async def first(snapshot: snap.Snapshot, **caller: Any) -> str:
    """Who is asked first."""
    exchange = await resolved(snapshot, caller=Caller(client=None, team="t", **caller))
    return next(routing.order(exchange, routing.candidates(exchange), DICE)).name


def two(left: snap.Model, right: snap.Model | None = None, **rule: Any) -> snap.Snapshot:
    providers = [a_provider("one", left), a_provider("two", right or a_model())]
    return a_snapshot(a_route("assistant", a_rule("one/gpt", "two/gpt", **rule)), providers=providers)


PARTS = [{"type": "text", "text": "what is this?"}]


@pytest.mark.parametrize(
    ("lacks", "body"),
    [
        ("Tools", chat(tools=[{"type": "function"}])),
        ("Tools", chat(functions=[{}])),
        ("JSONSchema", chat(response_format={"type": "json_schema", "json_schema": {}})),
        (
            "Vision",
            {
                "model": "assistant",
                "messages": [{"role": "user", "content": [*PARTS, {"type": "image_url", "image_url": {}}]}],
            },
        ),
        (
            "Audio",
            {
                "model": "assistant",
                "messages": [{"role": "user", "content": [*PARTS, {"type": "input_audio", "input_audio": {}}]}],
            },
        ),
        ("Audio", chat(modalities=["text", "audio"])),
        ("Chat", chat()),
        ("Embeddings", {"model": "assistant", "input": "x"}),
    ],
)
async def test_a_model_that_lacks_what_the_call_needs_is_left_out(lacks: str, body: dict[str, Any]) -> None:
    every = ("Chat", "Embeddings", "Tools", "JSONSchema", "Vision", "Audio")
    lame = a_model(capabilities=tuple(name for name in every if name != lacks))
    assert await names(two(lame), body) == ["two/gpt"]


@pytest.mark.parametrize(
    "body",
    [
        chat(tools=[]),
        chat(response_format={"type": "json_object"}),
        chat(response_format={"type": "text"}),
        {"model": "assistant", "messages": [{"role": "user", "content": PARTS}]},
    ],
)
async def test_what_is_not_used_is_not_needed(body: dict[str, Any]) -> None:
    assert await names(two(a_model(capabilities=("Chat",))), body) == ["one/gpt", "two/gpt"]


async def test_a_rule_may_require_more_than_the_call() -> None:
    snapshot = two(a_model(), a_model(capabilities=("Chat", "Reasoning")), capabilities=("Reasoning",))
    assert await names(snapshot) == ["two/gpt"]


async def test_residency_is_any_of_those_required() -> None:
    providers = [a_provider("one", residency=("us",)), a_provider("two", residency=("eu", "ch")), a_provider("three")]
    rule = a_rule("one/gpt", "two/gpt", "three/gpt", residency=("eu", "uk"))
    assert await names(a_snapshot(a_route("assistant", rule), providers=providers)) == ["two/gpt"]


@pytest.mark.parametrize(
    ("route", "caller", "left"),
    [("Public", "Public", 4), ("Internal", "Public", 3), ("Public", "Confidential", 2), ("Restricted", "Internal", 1)],
)
async def test_sensitivity_is_the_highest_of_the_routes_and_the_callers(route: Any, caller: Any, left: int) -> None:
    levels: tuple[Any, ...] = ("Public", "Internal", "Confidential", "Restricted")
    providers = [a_provider(level.lower(), clearance=level) for level in levels]
    rule = a_rule(*(f"{level.lower()}/gpt" for level in levels))
    snapshot = a_snapshot(a_route("assistant", rule, sensitivity=route), providers=providers)
    assert len(await names(snapshot, caller=Caller(client=None, team="t", sensitivity=caller))) == left


@pytest.mark.parametrize(
    ("model", "body", "fits"),
    [
        (a_model(context_window=200), chat(text="x" * 400), True),
        (a_model(context_window=200), chat(text="x" * 400, max_tokens=100), False),
        (a_model(context_window=100), chat(text="x" * 400), False),
        (a_model(max_output_tokens=100), chat(max_tokens=100), True),
        (a_model(max_output_tokens=100), chat(max_tokens=101), False),
        (a_model(max_output_tokens=100), chat(max_tokens=1, max_completion_tokens=101), False),
        (
            a_model(context_window=200),
            {
                "model": "assistant",
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:" + "x" * 9000}}]}
                ],
            },
            True,
        ),
    ],
)
async def test_a_call_that_does_not_fit_a_model_is_not_sent_to_it(
    model: snap.Model, body: dict[str, Any], fits: bool
) -> None:
    assert ("one/gpt" in await names(two(model), body)) is fits


async def test_weighted_calls_follow_the_weights() -> None:
    rule = a_rule("one/gpt*80", "two/gpt*20", "three/gpt*0", strategy="Weighted")
    snapshot = a_snapshot(a_route("assistant", rule), providers=[a_provider(name) for name in ("one", "two", "three")])
    exchange = await resolved(snapshot)
    found = routing.candidates(exchange)
    drawn = Counter(next(routing.order(exchange, found, DICE)).name for _ in range(4000))
    assert set(drawn) == {"one/gpt", "two/gpt"}
    assert 3000 < drawn["one/gpt"] < 3400


@pytest.mark.parametrize("by", ["outcome_id", "user"])
async def test_the_same_outcome_or_user_gets_the_same_backend_and_few_move_with_the_weights(by: str) -> None:
    providers = [a_provider(name) for name in ("one", "two")]

    def weighted(left: int, right: int) -> snap.Snapshot:
        return a_snapshot(
            a_route("assistant", a_rule(f"one/gpt*{left}", f"two/gpt*{right}", strategy="Weighted")),
            providers=providers,
        )

    before = {key: await first(weighted(50, 50), **{by: key}) for key in map(str, range(400))}
    assert before == {key: await first(weighted(50, 50), **{by: key}) for key in before}
    after = {key: await first(weighted(60, 40), **{by: key}) for key in before}
    assert 150 < Counter(before.values())["one/gpt"] < 250
    moved = [key for key in before if before[key] != after[key]]
    assert 0 < len(moved) < 80
    assert all(after[key] == "one/gpt" for key in moved)


async def test_an_outcome_goes_before_a_user() -> None:
    snapshot = two(a_model(), strategy="Weighted")
    chosen = {await first(snapshot, outcome_id="claim-7", user=str(user)) for user in range(50)}
    assert len(chosen) == 1


async def test_a_drained_rule_says_so() -> None:
    snapshot = two(a_model(), strategy="Weighted")
    rule = a_rule("one/gpt*0", strategy="Weighted")
    snapshot = a_snapshot(a_route("assistant", rule), providers=snapshot.providers)
    with pytest.raises(CallError, match=r"one/gpt is drained \(weight 0\)"):
        await names(snapshot)


async def test_an_exact_name_beats_the_longest_prefix() -> None:
    routes = (a_route("short", models=("a*",)), a_route("long", models=("a-b*",)), a_route("exact", models=("a-b-c",)))
    snapshot = a_snapshot(*routes)
    for model, name in (("a-b-c", "exact"), ("a-b-d", "long"), ("a-b", "long"), ("a-", "short"), ("a", "short")):
        exchange = await resolved(snapshot, chat(model))
        assert exchange.route is not None
        assert exchange.route.name == name
    with pytest.raises(CallError):
        await resolved(snapshot, chat("b"))


async def test_the_first_rule_that_matches_is_used() -> None:
    rules = (
        a_rule(name="private", matches=(snap.Match(sensitivity="Confidential"),)),
        a_rule(
            name="hard",
            matches=(
                snap.Match(headers=(("x-tier", "premium"), ("x-more", "1"))),
                snap.Match(value="High"),
                snap.Match(models=("assistant-pro", "big-*")),
            ),
        ),
        a_rule(name="usual"),
    )
    snapshot = a_snapshot(a_route("assistant", *rules, models=("assistant*", "big-*")))

    async def used(body: dict[str, Any] | None = None, caller: Caller | None = None, **headers: str) -> str:
        exchange = await resolved(snapshot, body, caller=caller, **headers)
        return exchange.rule.name if exchange.rule is not None else ""

    assert await used() == "usual"
    assert await used(caller=Caller(client=None, team="t", sensitivity="Restricted")) == "private"
    assert await used(caller=Caller(client=None, team="t", value="High")) == "hard"
    assert await used(chat("assistant-pro")) == "hard"
    assert await used(chat("assistant-pro-2")) == "usual"
    assert await used(chat("big-one")) == "hard"
    assert await used(x_tier="premium", x_more="1") == "hard"
    assert await used(x_tier="premium") == "usual"
    assert await used(x_tier="Premium", x_more="1") == "usual"


async def test_a_call_that_no_rule_matches_is_a_503() -> None:
    snapshot = a_snapshot(a_route("assistant", a_rule(matches=(snap.Match(value="High"),))))
    with pytest.raises(CallError) as caught:
        await resolved(snapshot)
    assert (caught.value.status, caught.value.code) == (503, "no_rule_matches")


async def test_the_routes_use_case_gives_the_value_unless_the_caller_is_believed() -> None:
    snapshot = a_snapshot(a_route(use_case=snap.UseCase("triage", value="High")))
    assert (await resolved(snapshot)).value == "High"
    assert (await resolved(snapshot, caller=Caller(client=None, team="t", value="Low"))).value == "Low"
