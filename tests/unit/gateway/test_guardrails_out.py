"""What of an answer is given: personal data, patterns, shapes; whole, streamed, kept and asked for again."""

from typing import Any

import orjson
import pytest

from gateway_rig import a_gateway, a_model, call
from guard_rig import CARD, EMAIL, PATHS, Echo, a_guard, asked, guarded, native, said, streamed, treated
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.memory_store import MemoryStore
from turnout_sidecar.ports.clock import SystemClock
from turnout_sidecar.ports.embedder import FakeEmbedder
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.stages.look_up_cache import LookUpCache

FORMATS = tuple(PATHS)
SAYS = f"Sure. The card is {CARD}, the address is {EMAIL}, and that is all."
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["answer"],
    "properties": {"answer": {"type": "string"}},
    "additionalProperties": False,
}
GOOD = '{"answer": "yes"}'
BAD = '{"answer": 1}'


def a_say(text: str) -> Any:
    return lambda _: text


def shaped(wish: str = "Retry", **fields: Any) -> guards.Guard:
    """A guard that wants answers of a shape."""
    wanted: Any = guards.AnswerSchema("default", wish, schema=SCHEMA, **fields)  # type: ignore[arg-type]
    return a_guard(input=(), schemas=(wanted,))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("stream", [False, True])
async def test_personal_data_of_an_answer_is_masked(name: str, stream: bool) -> None:
    guard = a_guard(input=(), output=treated("Mask", "CreditCard", restore=False))
    async with a_gateway(native(name, guard), upstream=Echo(a_say(SAYS))) as gateway:
        reply = await call(gateway, asked(name, "Tell me.", stream=stream), PATHS[name])
    text = (streamed if stream else said)(name, reply.body)
    assert CARD not in text
    assert CARD.encode() not in reply.body
    assert "<CARD_" in text
    assert text.startswith("Sure. The card is <CARD_")
    assert text.endswith(f", the address is {EMAIL}, and that is all.")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_must_not_be_said_is_refused_before_any_of_it_is_shown(name: str, stream: bool) -> None:
    guard = a_guard(input=(), output=treated("Block", "CreditCard", restore=False))
    telemetry = FakeTelemetry()
    async with a_gateway(native(name, guard), upstream=Echo(a_say(SAYS)), telemetry=telemetry) as gateway:
        reply = await call(gateway, asked(name, "Tell me.", stream=stream), PATHS[name])
    assert b"4111" not in reply.body
    assert b"CreditCard" in reply.body
    assert reply.status == (200 if stream else 422)
    assert telemetry.ended[-1].guard.outcome == "blocked"
    assert telemetry.ended[-1].error == "answer_refused"


@pytest.mark.parametrize("pattern", ["(?i)project falcon", "(?i)project.*falcon"])
@pytest.mark.parametrize("stream", [False, True])
async def test_patterns_hold_in_answers_whatever_their_width(pattern: str, stream: bool) -> None:
    guard = a_guard(input=(), deny_output=(guards.Pattern("codenames", pattern, "Mask", "default"),))
    async with a_gateway(guarded(guard), upstream=Echo(a_say("We call it Project Falcon here."))) as gateway:
        reply = await call(gateway, asked("chat", "Tell me.", stream=stream))
    text = (streamed if stream else said)("chat", reply.body)
    assert text.startswith("We call it <TEXT_")
    assert text.endswith("> here.")


async def test_the_caller_s_own_data_comes_back_though_answers_are_masked() -> None:
    guard = a_guard(output=treated("Mask", restore=False))
    async with a_gateway(guarded(guard), upstream=Echo()) as gateway:
        whole = await call(gateway, asked("chat", f"I am {EMAIL}."))
        stream = await call(gateway, asked("chat", f"I am {EMAIL}.", stream=True))
    assert said("chat", whole.body) == f"I am {EMAIL}."
    assert streamed("chat", stream.body) == f"I am {EMAIL}."


@pytest.mark.parametrize("name", FORMATS)
async def test_an_answer_of_the_right_shape_passes(name: str) -> None:
    telemetry = FakeTelemetry()
    async with a_gateway(native(name, shaped()), upstream=Echo(a_say(GOOD)), telemetry=telemetry) as gateway:
        reply = await call(gateway, asked(name, "Tell me."), PATHS[name])
    assert said(name, reply.body) == GOOD
    assert [v.state for v in telemetry.ended[-1].guard.verdicts if v.check == "schema"] == ["passed"]


@pytest.mark.parametrize("name", FORMATS)
async def test_a_model_is_told_once_what_is_wrong_and_both_attempts_are_paid_for(name: str) -> None:
    answers = iter([BAD, GOOD])
    telemetry = FakeTelemetry()
    echo = Echo(lambda _: next(answers))
    async with a_gateway(native(name, shaped()), upstream=echo, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked(name, "Tell me."), PATHS[name])
    assert said(name, reply.body) == GOOD
    assert len(echo.requests) == 2
    assert b"answer" in echo.requests[1].body
    ended = telemetry.ended[-1]
    assert len(ended.attempts) == 2
    assert ended.cost_nano == 2 * (10 * 1_000 + 5 * 2_000)
    assert ended.guard.outcome == "changed"


async def test_an_answer_that_stays_wrong_is_refused() -> None:
    echo = Echo(a_say(BAD))
    async with a_gateway(guarded(shaped()), upstream=echo) as gateway:
        reply = await call(gateway, asked("chat", "Tell me."))
    assert (reply.status, reply.error["code"]) == (422, "answer_refused")
    assert "answer" in reply.error["message"]
    assert len(echo.requests) == 2


async def test_block_does_not_ask_again() -> None:
    echo = Echo(a_say(BAD))
    async with a_gateway(guarded(shaped("Block")), upstream=echo) as gateway:
        assert (await call(gateway, asked("chat", "Tell me."))).status == 422
    assert len(echo.requests) == 1


async def test_escalation_asks_stronger_models_alone_and_blocks_at_its_end() -> None:
    models = (a_model("small", tier="Small"), a_model("other", tier="Small"), a_model("big", tier="Frontier"))
    echo = Echo(lambda body: GOOD if body["model"] == "big" else BAD)
    async with a_gateway(guarded(shaped("Escalate"), *models), upstream=echo) as gateway:
        reply = await call(gateway, asked("chat", "Tell me."))
    assert said("chat", reply.body) == GOOD
    assert [sent["model"] for sent in echo.sent] == ["small", "big"]
    assert reply.headers["x-turnout-backend"] == "openai/big"
    echo = Echo(a_say(BAD))
    async with a_gateway(guarded(shaped("Escalate"), *models), upstream=echo) as gateway:
        assert (await call(gateway, asked("chat", "Tell me."))).status == 422
    assert [sent["model"] for sent in echo.sent] == ["small", "big"]


async def test_a_strict_stream_shows_nothing_invalid() -> None:
    answers = iter([BAD, GOOD, BAD, BAD])
    echo = Echo(lambda _: next(answers))
    async with a_gateway(guarded(shaped(strict=True)), upstream=echo) as gateway:
        good = await call(gateway, asked("chat", "Tell me.", stream=True))
        bad = await call(gateway, asked("chat", "Tell me.", stream=True))
    assert streamed("chat", good.body) == GOOD
    assert good.headers["content-type"].startswith("text/event-stream")
    assert bad.status == 422


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("text", "state"), [(GOOD, "passed"), (BAD, "matched")])
async def test_else_the_verdict_is_the_last_event(name: str, text: str, state: str) -> None:
    async with a_gateway(native(name, shaped()), upstream=Echo(a_say(text))) as gateway:
        reply = await call(gateway, asked(name, "Tell me.", stream=True), PATHS[name])
    assert streamed(name, reply.body) == text
    assert b'"schema"' in reply.body
    assert f'"{state}"'.encode() in reply.body


async def test_the_schema_may_be_the_call_s_own() -> None:
    wanted = guards.AnswerSchema("default", "Block")
    asks = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
    async with a_gateway(guarded(a_guard(input=(), schemas=(wanted,))), upstream=Echo(a_say(BAD))) as gateway:
        assert (await call(gateway, asked("chat", "Tell me.", response_format=asks))).status == 422
        assert (await call(gateway, asked("chat", "Tell me."))).status == 200


def a_cache() -> LookUpCache:
    """A cache in memory."""
    clock, embedder = SystemClock(), FakeEmbedder()
    return LookUpCache(MemoryStore(dimension=embedder.dimension, clock=clock), embedder, clock, store_s=30.0)


def kept() -> dict[str, Any]:
    """What a rule needs to keep answers."""
    return {"cache": snap.Cache("c", 60_000, "Team", semantic=False, max_temperature=0.0, max_entries=100)}


async def test_the_cache_keeps_masked_answers_and_gives_them_restored() -> None:
    cache = a_cache()
    echo = Echo()
    async with a_gateway(guarded(**kept()), upstream=echo, cache=cache) as gateway:
        first = await call(gateway, asked("chat", f"I am {EMAIL}."))
        await cache.keeper.settled()
        second = await call(gateway, asked("chat", f"I am {EMAIL}."))
        stream = await call(gateway, asked("chat", f"I am {EMAIL}.", stream=True))
        other = await call(gateway, asked("chat", "I am bob@example.org."))
    assert first.headers["x-turnout-cache"] == "miss"
    assert second.headers["x-turnout-cache"] == stream.headers["x-turnout-cache"] == "exact"
    assert said("chat", second.body) == streamed("chat", stream.body) == f"I am {EMAIL}."
    assert said("chat", other.body) == "I am bob@example.org."
    assert len(echo.requests) == 2


async def test_a_refused_answer_is_not_kept() -> None:
    cache = a_cache()
    guard = a_guard(input=(), output=treated("Block", "CreditCard", restore=False))
    echo = Echo(a_say(SAYS))
    async with a_gateway(guarded(guard, **kept()), upstream=echo, cache=cache) as gateway:
        for _ in range(2):
            await call(gateway, asked("chat", "Tell me.", stream=True))
            await cache.keeper.settled()
    assert len(echo.requests) == 2


@pytest.mark.parametrize("piece", [1, 2, 7])
async def test_the_text_of_a_stream_is_that_of_the_whole(piece: int) -> None:
    guard = a_guard(output=treated("Mask", restore=False))
    text = f"Dear {EMAIL}, pay {CARD} at 10.1.2.3 or call +49 30 901820. " * 3
    async with a_gateway(guarded(guard), upstream=Echo(a_say(text), piece=piece)) as gateway:
        whole = await call(gateway, asked("chat", "Write."))
        stream = await call(gateway, asked("chat", "Write.", stream=True))
    assert streamed("chat", stream.body) == said("chat", whole.body)
    assert orjson.loads(whole.body)["usage"]["completion_tokens"] == 5


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("text", "signals"), [("", ["empty"]), ("Yes.", [])])
async def test_an_empty_answer_is_a_signal(text: str, signals: list[str], stream: bool) -> None:
    telemetry = FakeTelemetry()
    guard = a_guard(output=treated("Mask", restore=False))
    async with a_gateway(guarded(guard), upstream=Echo(a_say(text)), telemetry=telemetry) as gateway:
        await call(gateway, asked("chat", "Say.", stream=stream))
    assert [v.rule for v in telemetry.ended[-1].guard.verdicts if v.check == "quality"] == signals
