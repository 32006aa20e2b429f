"""Attacks on what puts values back and on what holds answers: faults in the middle, JSON, the cache, detectors beside it."""

import asyncio
import re
from typing import Any

import orjson
import pytest

from gateway_rig import EVENTS, a_gateway, call, event
from guard_rig import CARD, EMAIL, PATHS, STREAM, WHOLE, Echo, a_guard, asked, guarded, native, said, streamed, treated
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeResponse
from turnout_sidecar.adapters.memory_store import MemoryStore
from turnout_sidecar.guarding import scanner
from turnout_sidecar.inspection.passing import Passing
from turnout_sidecar.masking.table import Table
from turnout_sidecar.ports.clock import SystemClock
from turnout_sidecar.ports.embedder import FakeEmbedder
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import UpstreamRequest
from turnout_sidecar.stages.look_up_cache import LookUpCache

FORMATS = tuple(PATHS)
MASKS = treated("Mask", restore=False)
NAMES = re.compile("Ann Lee")


def broken(*_: object, **__: object) -> Any:
    raise ValueError(EMAIL)


@pytest.mark.parametrize("stream", [False, True])
async def test_what_cannot_be_put_back_stays_masked_and_the_answer_is_whole(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    telemetry = FakeTelemetry()
    monkeypatch.setattr(Table, "resolve", broken)
    async with a_gateway(guarded(), upstream=Echo(piece=200), telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", f"I am {EMAIL}, and this is the end.", stream=stream))
    text = (streamed if stream else said)("chat", reply.body)
    assert reply.status == 200
    assert text.startswith("I am <EMAIL_")
    assert text.endswith("this is the end.")
    assert reply.body.endswith(b"data: [DONE]\n\n") or not stream
    assert EMAIL not in caplog.text
    assert telemetry.ended[-1].error is None


@pytest.mark.parametrize("name", FORMATS)
async def test_an_answer_that_cannot_be_looked_at_any_further_ends_with_an_error(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    telemetry = FakeTelemetry()
    monkeypatch.setattr(Passing, "found", broken)
    guard = a_guard(input=(), output=MASKS)
    upstream = Echo(lambda _: f"Hello you. {CARD} is it, and so on.")
    async with a_gateway(native(name, guard), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked(name, "Hi", stream=True), PATHS[name])
    assert b"guardrail_failed" in reply.body or b"overloaded_error" in reply.body or b"api_error" in reply.body
    assert CARD.encode() not in reply.body
    assert EMAIL.encode() not in reply.body
    assert telemetry.ended[-1].error == "guardrail_failed"
    assert len(telemetry.ended) == 1


ASKS: dict[str, dict[str, Any]] = {
    "chat": {"response_format": {"type": "json_object"}},
    "responses": {"text": {"format": {"type": "json_object"}}},
    "messages": {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("mode", ["whole", "stream", "strict"])
@pytest.mark.parametrize(
    "text", ['{"card": 4111111111111111, "n": [1]}', f'{{"to": "\\n{EMAIL}", "q": "\\"{CARD}\\""}}']
)
async def test_asked_json_that_is_masked_stays_json(name: str, mode: str, text: str) -> None:
    wanted = guards.AnswerSchema("d", "Block", strict=mode == "strict", schema={"type": "object"})
    guard = a_guard(input=(), output=MASKS, schemas=(wanted,) if mode == "strict" else ())
    stream = mode != "whole"
    async with a_gateway(native(name, guard), upstream=Echo(lambda _: text)) as gateway:
        reply = await call(gateway, {**asked(name, "Hi", stream=stream), **ASKS[name]}, PATHS[name])
    given = (streamed if stream else said)(name, reply.body)
    assert orjson.loads(given).keys() == orjson.loads(text).keys()
    assert "4111" not in given
    assert EMAIL not in given


class Names(Echo):
    """A model beside a detector of names."""

    def __init__(self, *replies: FakeReply) -> None:
        super().__init__()
        self._replies = replies

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        """The detector's answer, or the model's."""
        del connect_timeout, headers_timeout
        if request.path != "/detect":
            return FakeResponse(self._replies[0])
        texts = orjson.loads(request.body)["texts"]
        found = [[{"start": m.start(), "end": m.end(), "entity": "Person"} for m in NAMES.finditer(t)] for t in texts]
        return FakeResponse(FakeReply(pieces=(orjson.dumps({"findings": found}),)))


def tool_use(arguments: str) -> FakeReply:
    ready = list(STREAM["messages"]([]))
    block = {"type": "tool_use", "id": "toolu_1", "name": "pay", "input": {}}
    start = event({"type": "content_block_start", "index": 0, "content_block": block})
    deltas = [
        event({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": one}})
        for one in (arguments[:9], arguments[9:])
    ]
    return FakeReply(headers=EVENTS, pieces=(ready[0], start, *deltas, *ready[2:]))


@pytest.mark.parametrize(
    "arguments",
    ['{"name":  "Ann Lee", "n": 1}', '{"name":  "Ann Lee", "card": 4111111111111111}', '{ "Ann Lee": [ 1.0 ] }'],
)
async def test_what_a_plug_in_finds_in_arguments_is_masked_however_they_are_written(arguments: str) -> None:
    plugin = guards.Plugin(
        "names",
        "d",
        "Turnout",
        url="http://names/detect",
        output=treated("Mask", "Person", restore=False),
        timeout_ms=5000,
    )
    guard = a_guard(input=(), output=MASKS, plugins=(plugin,))
    async with a_gateway(native("messages", guard), upstream=Names(tool_use(arguments))) as gateway:
        reply = await call(gateway, asked("messages", "Pay.", stream=True), PATHS["messages"])
    assert b"Ann Lee" not in reply.body
    assert b"4111111111111111" not in reply.body
    told = [orjson.loads(line[6:]) for line in reply.body.split(b"\n") if line.startswith(b"data: ")]
    given = "".join(one["delta"].get("partial_json", "") for one in told if one["type"] == "content_block_delta")
    orjson.loads(given)
    assert "<PERSON_" in given


def a_cache() -> LookUpCache:
    clock, embedder = SystemClock(), FakeEmbedder()
    return LookUpCache(MemoryStore(dimension=embedder.dimension, clock=clock), embedder, clock, store_s=30.0)


def kept(*, semantic: bool = False) -> dict[str, Any]:
    return {"cache": snap.Cache("c", 60_000, "Team", semantic=semantic, max_temperature=1.0, max_entries=100)}


@pytest.mark.parametrize("pair", [("ann@example.org", "bob@example.org"), (CARD, "5555 5555 5555 4444")])
async def test_nobody_is_answered_what_another_person_was(pair: tuple[str, str]) -> None:
    cache = a_cache()
    answers = iter(["Yes, a customer.", "No, unknown."])
    upstream = Echo(lambda _: next(answers))
    async with a_gateway(guarded(**kept(semantic=True)), upstream=upstream, cache=cache) as gateway:
        first = await call(gateway, asked("chat", f"Is {pair[0]} a customer of ours?"))
        await cache.keeper.settled()
        second = await call(gateway, asked("chat", f"Is {pair[1]} a customer of ours?"))
    assert said("chat", first.body) == "Yes, a customer."
    assert said("chat", second.body) == "No, unknown."


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_was_masked_is_masked_each_time_that_it_is_given(stream: bool) -> None:
    cache = a_cache()
    upstream = Echo(lambda _: f"Mail {EMAIL} now.")
    guard = a_guard(input=(), output=MASKS)
    async with a_gateway(guarded(guard, **kept()), upstream=upstream, cache=cache) as gateway:
        replies = []
        for _ in range(2):
            replies.append(await call(gateway, asked("chat", "Who?", stream=stream)))
            await cache.keeper.settled()
    assert all(EMAIL.encode() not in reply.body for reply in replies)
    assert all(b"<EMAIL_" in reply.body for reply in replies)


@pytest.mark.parametrize("wish", ["Retry", "Block"])
async def test_an_answer_that_was_refused_for_its_shape_is_not_kept(wish: Any) -> None:
    cache = a_cache()
    guard = a_guard(input=(), schemas=(guards.AnswerSchema("d", wish, schema={"type": "object"}),))
    upstream = Echo(lambda _: "no json")
    async with a_gateway(guarded(guard, **kept()), upstream=upstream, cache=cache) as gateway:
        for _ in range(2):
            assert (await call(gateway, asked("chat", "Who?"))).status == 422
            await cache.keeper.settled()
    assert len(upstream.requests) == (4 if wish == "Retry" else 2)


async def test_the_answer_that_a_retry_brought_is_the_one_that_is_kept() -> None:
    cache = a_cache()
    answers = iter(["no json", '{"a": 1}'])
    guard = a_guard(input=(), schemas=(guards.AnswerSchema("d", "Retry", schema={"type": "object"}),))
    upstream = Echo(lambda _: next(answers))
    async with a_gateway(guarded(guard, **kept()), upstream=upstream, cache=cache) as gateway:
        first = await call(gateway, asked("chat", "Who?"))
        await cache.keeper.settled()
        again = await call(gateway, asked("chat", "Who?"))
    assert said("chat", first.body) == said("chat", again.body) == '{"a": 1}'
    assert again.headers["x-turnout-cache"] == "exact"


async def test_a_retry_is_told_about_the_choice_that_is_wrong() -> None:
    def choices(*texts: str) -> FakeReply:
        answer = WHOLE["chat"]("")
        answer["choices"] = [
            {"index": at, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            for at, text in enumerate(texts)
        ]
        return FakeReply(pieces=(orjson.dumps(answer),))

    class Says(Echo):
        async def send(self, request: UpstreamRequest, **limits: float) -> FakeResponse:
            self.requests.append(request)
            return FakeResponse(choices('{"a": 1}', "wrong one" if len(self.requests) == 1 else "{}"))

    upstream = Says()
    guard = a_guard(input=(), schemas=(guards.AnswerSchema("d", "Retry", schema={"type": "object"}),))
    async with a_gateway(guarded(guard), upstream=upstream) as gateway:
        reply = await call(gateway, asked("chat", "Who?", n=2))
    assert reply.status == 200
    assert "wrong one" in [message["content"] for message in upstream.sent[1]["messages"]]


@pytest.mark.parametrize("cut", [1, 7, 100_000])
@pytest.mark.parametrize("name", FORMATS)
async def test_frames_that_are_cut_anywhere_and_written_otherwise_are_restored(name: str, cut: int) -> None:
    class Cuts(Echo):
        async def send(self, request: UpstreamRequest, **limits: float) -> FakeResponse:
            body = orjson.loads(request.body)
            text = body["messages"][-1]["content"] if "messages" in body else body["input"]
            frames = list(STREAM[name]([text[at : at + 5] for at in range(0, len(text), 5)]))
            raw = b": hello\r\n\r\n" + b": still here\n\n".join(frames)
            if name == "chat":
                raw = raw.replace(b"\n", b"\r\n").replace(b"\r\r\n", b"\r\n")
            self.requests.append(request)
            return FakeResponse(
                FakeReply(headers=EVENTS, pieces=tuple(raw[at : at + cut] for at in range(0, len(raw), cut)))
            )

    upstream = Cuts()
    text = f"I am {EMAIL} and pay with {CARD}."
    async with a_gateway(native(name), upstream=upstream) as gateway:
        reply = await call(gateway, asked(name, text, stream=True), PATHS[name])
    assert streamed(name, reply.body.replace(b"\r\n", b"\n")) == text
    assert EMAIL.encode() not in upstream.raw


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_provider_says_back_of_the_call_is_restored_and_never_masked(stream: bool) -> None:
    class Repeats(Echo):
        async def send(self, request: UpstreamRequest, **limits: float) -> FakeResponse:
            self.requests.append(request)
            body = orjson.loads(request.body)
            answer = {**WHOLE["responses"]("Ok."), "instructions": body["instructions"], "metadata": body["metadata"]}
            if not stream:
                return FakeResponse(FakeReply(pieces=(orjson.dumps(answer),)))
            done = b"event: response.completed\n" + event(
                {"type": "response.completed", "sequence_number": 99, "response": answer}
            )
            frames = [*STREAM["responses"](["Ok."])][:-1]
            return FakeResponse(FakeReply(headers=EVENTS, pieces=(*frames, done)))

    upstream = Repeats()
    guard = a_guard(output=MASKS)
    more = {"instructions": f"Serve {EMAIL}.", "metadata": {"who": CARD}}
    async with a_gateway(native("responses", guard), upstream=upstream) as gateway:
        reply = await call(gateway, asked("responses", "Hi", stream=stream, **more), PATHS["responses"])
    assert EMAIL.encode() not in upstream.raw
    assert f"Serve {EMAIL}.".encode() in reply.body
    assert CARD.encode() in reply.body
    assert b"<EMAIL_" not in reply.body


@pytest.mark.parametrize("text", ["", " ", "\n"])
@pytest.mark.parametrize("name", FORMATS)
async def test_empty_answers_pass_every_check(name: str, text: str) -> None:
    guard = a_guard(output=MASKS, deny_output=(guards.Pattern("c", "x.*y", "Block", "d"),))
    async with a_gateway(native(name, guard), upstream=Echo(lambda _: text)) as gateway:
        for stream in (False, True) if text or name != "responses" else (False,):
            reply = await call(gateway, asked(name, f"Hi {EMAIL}", stream=stream), PATHS[name])
            assert reply.status == 200
            if stream:
                assert streamed(name, reply.body) == text


async def test_a_block_in_one_choice_shows_nothing_of_the_others_after_it() -> None:
    def chunk(index: int, text: str) -> bytes:
        choice = {"index": index, "delta": {"content": text}, "finish_reason": None}
        return event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})

    class Says(Echo):
        async def send(self, request: UpstreamRequest, **limits: float) -> FakeResponse:
            frames = (chunk(0, "one "), chunk(1, f"{CARD} "), chunk(1, "and then"), chunk(0, "two"), event(b"[DONE]"))
            return FakeResponse(FakeReply(headers=EVENTS, pieces=frames))

    guard = a_guard(input=(), output=treated("Block"))
    telemetry = FakeTelemetry()
    async with a_gateway(guarded(guard), upstream=Says(), telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", "Hi", stream=True, n=2))
    assert b"4111" not in reply.body
    assert b"two" not in reply.body
    assert b"answer_refused" in reply.body
    assert telemetry.ended[-1].aborted


async def test_what_fails_to_be_scanned_of_a_question_goes_to_cleared_models_and_is_no_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scanner, "scan", broken)
    telemetry = FakeTelemetry()
    guard = a_guard(input=treated("Mask", fail_open=True))
    async with a_gateway(guarded(guard), upstream=Echo(), telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", f"I am {EMAIL}"))
    assert reply.status == 503  # nobody is cleared
    assert {one.state for one in telemetry.ended[-1].guard.verdicts} == {"failed"}
    assert EMAIL.encode() not in reply.body


async def test_one_value_given_thousands_of_times_costs_no_more_than_as_many_values() -> None:
    text = f"{EMAIL} 10.20.30.41 " * 8_000 + f"z{EMAIL}z 10.20.30.412"
    upstream = Echo(lambda _: "ok")
    async with asyncio.timeout(60), a_gateway(guarded(), upstream=upstream) as gateway:  # minutes where it is quadratic
        reply = await call(gateway, asked("chat", text))
    assert reply.status == 200
    assert EMAIL.encode() not in upstream.raw
