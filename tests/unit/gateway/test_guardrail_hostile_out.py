"""Attacks on what is given of an answer: shapes, tool calls, streams that end badly, verdicts that say more than was done."""

from typing import Any

import orjson
import pytest

from gateway_rig import EVENTS, Client, a_gateway, a_model, call, event, until
from guard_rig import CARD, EMAIL, PATHS, STREAM, WHOLE, Echo, a_guard, asked, guarded, native, said, streamed, treated
from turnout_contract.snapshot import guards
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeResponse
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.guarding import scanner
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import UpstreamRequest

FORMATS = tuple(PATHS)
SCHEMA: dict[str, Any] = {"type": "object", "required": ["answer"], "properties": {"answer": {"type": "string"}}}
GOOD, BAD = '{"answer": "yes"}', '{"answer": 1}'
SAYS = f"Sure. The card is {CARD}, the address is {EMAIL}, and that is all."
ASKS = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
MASKS = treated("Mask", restore=False)


class Says(Echo):
    """Answers each call with the next of these replies; the last one again and again."""

    def __init__(self, *replies: FakeReply) -> None:
        super().__init__()
        self._replies = replies

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        """The next reply."""
        del connect_timeout, headers_timeout
        self.requests.append(request)
        return FakeResponse(self._replies[min(len(self.requests), len(self._replies)) - 1])


def whole(data: Any, status: int = 200) -> FakeReply:
    return FakeReply(status=status, pieces=(orjson.dumps(data),))


def frames(*pieces: bytes, **fields: Any) -> FakeReply:
    return FakeReply(headers=EVENTS, pieces=pieces, **fields)


def shaped(wish: Any = "Retry", **fields: Any) -> guards.Guard:
    return a_guard(input=(), schemas=(guards.AnswerSchema("default", wish, schema=SCHEMA, **fields),))


def chunk(delta: dict[str, Any], index: int = 0, finish: str | None = None) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return event({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x", "choices": [choice]})


DONE = event(b"[DONE]")


def states(exchange: Exchange, check: str) -> list[tuple[str, str]]:
    return [(one.state, one.done) for one in exchange.guard.verdicts if one.check == check and one.side == "output"]


def events_of(body: bytes) -> list[dict[str, Any]]:
    lines = (line[6:] for line in body.split(b"\n") if line.startswith(b"data: ") and line != b"data: [DONE]")
    return [orjson.loads(line) for line in lines]


@pytest.mark.parametrize("name", FORMATS)
async def test_an_answer_with_another_good_status_is_looked_at_too(name: str) -> None:
    guard = a_guard(input=(), output=MASKS)
    async with a_gateway(native(name, guard), upstream=Says(whole(WHOLE[name](SAYS), 201))) as gateway:
        reply = await call(gateway, asked(name, "Tell me."), PATHS[name])
    assert CARD.encode() not in reply.body


def tool_stream(name: str, arguments: str, size: int) -> list[bytes]:
    pieces = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    if name == "chat":
        begun = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "pay", "arguments": ""}}
        calls = [chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in pieces]
        return [chunk({"role": "assistant", "tool_calls": [begun]}), *calls, chunk({}, finish="tool_calls"), DONE]
    ready = list(STREAM["messages"]([]))
    block = {"type": "tool_use", "id": "toolu_1", "name": "pay", "input": {}}
    start = b"event: content_block_start\n" + event({"type": "content_block_start", "index": 0, "content_block": block})
    deltas = [
        b"event: content_block_delta\n"
        + event({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": one}})
        for one in pieces
    ]
    return [ready[0], start, *deltas, *ready[2:]]


def arguments_of(name: str, body: bytes) -> str:
    told = events_of(body)
    if name == "chat":
        calls = [call for one in told for choice in one["choices"] for call in choice["delta"].get("tool_calls") or ()]
        return "".join(call["function"].get("arguments") or "" for call in calls)
    return "".join(one["delta"].get("partial_json", "") for one in told if one["type"] == "content_block_delta")


ARGUMENTS = (
    f'{{"to": "Dear,\\n{EMAIL}", "n": 1}}',
    '{"card": 4111111111111111, "n": 1}',
    '{"path": "C:\\\\temp\\\\new", "to": "\\t' + EMAIL + '"}',
    f'{{"password": "hunter2Xy9\\"z\\\\Qw7zT4", "mail": "{EMAIL}"}}',
    '{"mail": "ann.lee\\u0040example.org"}',
)


@pytest.mark.parametrize("name", ["chat", "messages"])
@pytest.mark.parametrize("size", [1, 5, 400])
@pytest.mark.parametrize("arguments", ARGUMENTS)
async def test_masked_arguments_of_a_streamed_tool_call_stay_json(name: str, size: int, arguments: str) -> None:
    guard = a_guard(input=(), output=MASKS)
    upstream = Says(frames(*tool_stream(name, arguments, size)))
    async with a_gateway(native(name, guard), upstream=upstream) as gateway:
        reply = await call(gateway, asked(name, "Pay.", stream=True), PATHS[name])
    given = arguments_of(name, reply.body)
    told = orjson.loads(given)
    assert EMAIL not in orjson.dumps(told).decode()
    assert "4111111111111111" not in given
    assert told.keys() == orjson.loads(arguments).keys()


async def test_each_choice_of_a_stream_has_its_own_shape() -> None:
    pieces = [chunk({"role": "assistant", "content": GOOD}, at) for at in (0, 1)]
    ends = [chunk({}, at, "stop") for at in (0, 1)]
    telemetry = FakeTelemetry()
    upstream = Says(frames(*pieces, *ends, DONE))
    async with a_gateway(guarded(shaped()), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", "Tell me.", stream=True, n=2))
    told = [one["turnout"] for one in events_of(reply.body) if "turnout" in one]
    assert [one["state"] for one in told] == ["passed"]
    assert states(telemetry.ended[-1], "schema") == [("passed", "none")]


@pytest.mark.parametrize("wish", ["Retry", "Escalate"])
async def test_a_call_whose_answer_is_refused_in_the_end_counts_as_blocked(wish: str) -> None:
    telemetry = FakeTelemetry()
    async with a_gateway(guarded(shaped(wish)), upstream=Echo(lambda _: BAD), telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", "Tell me."))
    assert reply.status == 422
    assert telemetry.ended[-1].guard.outcome == "blocked"


async def test_a_stream_whose_shape_is_only_told_of_counts_as_no_retry() -> None:
    telemetry = FakeTelemetry()
    async with a_gateway(guarded(shaped("Retry")), upstream=Echo(lambda _: BAD), telemetry=telemetry) as gateway:
        await call(gateway, asked("chat", "Tell me.", stream=True))
    ended = telemetry.ended[-1]
    assert len(ended.attempts) == 1
    assert states(ended, "schema") == [("matched", "monitored")]
    assert ended.guard.outcome == "evaluated"


def broken(*_: object) -> Any:
    raise ValueError("no")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_pattern_that_is_only_watched_refuses_no_answer_that_cannot_be_searched(
    monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    guard = a_guard(input=(), output=treated("Monitor"), deny_output=(guards.Pattern("c", "falcon", "Monitor", "d"),))
    monkeypatch.setattr(scanner, "scan", broken)
    async with a_gateway(guarded(guard), upstream=Echo(lambda _: "Fine and well.")) as gateway:
        reply = await call(gateway, asked("chat", "Tell me.", stream=stream))
    assert reply.status == 200
    assert (streamed if stream else said)("chat", reply.body) == "Fine and well."


@pytest.mark.parametrize("stream", [False, True])
async def test_what_could_not_be_scanned_never_counts_as_passed(monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    guard = a_guard(input=(), output=treated("Mask", restore=False, fail_open=True))
    telemetry = FakeTelemetry()
    monkeypatch.setattr(scanner, "scan", broken)
    async with a_gateway(
        guarded(guard), upstream=Echo(lambda _: "Fine 1234 and well."), telemetry=telemetry
    ) as gateway:
        reply = await call(gateway, asked("chat", "Tell me.", stream=stream))
    assert reply.status == 200
    ended = telemetry.ended[-1]
    assert states(ended, "pii") == [("failed", "none")]
    assert states(ended, "secrets") == [("failed", "none")]
    assert ended.guard.outcome == "failed"


PEM = (
    "-----BEGIN RSA PRIVATE"
    " KEY-----\n" + "MIIEowIBAAKCAQEA7bq8s2Xw\nQ9zT4bXk9LmPv2RnYs6UcGh8\n" * 3 + "-----END RSA PRIVATE"
    " KEY-----"
)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_value_that_comes_back_into_asked_json_leaves_it_json(name: str, stream: bool) -> None:
    asks: dict[str, Any] = {
        "chat": {"response_format": {"type": "json_object"}},
        "responses": {"text": {"format": {"type": "json_object"}}},
        "messages": {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
    }

    def repeat(body: dict[str, Any]) -> str:
        text = orjson.dumps(body).decode()
        at = text.index("<SECRET_")
        return '{"key": "' + text[at : text.index(">", at) + 1] + '"}'

    async with a_gateway(native(name), upstream=Echo(repeat)) as gateway:
        reply = await call(gateway, {**asked(name, PEM, stream=stream), **asks[name]}, PATHS[name])
    text = (streamed if stream else said)(name, reply.body)
    assert orjson.loads(text) == {"key": PEM}


@pytest.mark.parametrize("name", FORMATS)
async def test_what_is_only_watched_lets_a_stream_pass_byte_for_byte(name: str) -> None:
    watched = a_guard(
        input=treated("Monitor"),
        output=treated("Monitor"),
        deny_output=(guards.Pattern("c", "card.*all", "Monitor", "d"),),
        schemas=(guards.AnswerSchema("default", "Monitor", schema=SCHEMA),),
    )
    pieces = tuple(STREAM[name]([SAYS[at : at + 3] for at in range(0, len(SAYS), 3)]))
    telemetry = FakeTelemetry()
    reply_of = []
    for guard in (a_guard(input=treated("Monitor")), watched):
        async with a_gateway(native(name, guard), upstream=Says(frames(*pieces)), telemetry=telemetry) as gateway:
            reply_of.append((await call(gateway, asked(name, "Tell me.", stream=True), PATHS[name])).body)
    assert reply_of[0] == reply_of[1]
    ended = telemetry.ended[-1]
    assert ("matched", "monitored") in states(ended, "pii")
    assert states(ended, "deny") == [("matched", "monitored")]
    assert states(ended, "schema") == [("matched", "monitored")]
    assert ended.guard.outcome == "evaluated"


async def test_a_watched_stream_is_not_held_until_its_end() -> None:
    guard = a_guard(input=(), deny_output=(guards.Pattern("c", "a.*b", "Monitor", "d"),))
    from_provider = [chunk({"role": "assistant", "content": "Hello"}), chunk({"content": " you"})]
    upstream = Says(frames(*from_provider, hang_before=2))
    async with a_gateway(guarded(guard), upstream=upstream) as gateway, Client(gateway.port) as client:
        client.send(asked("chat", "Say.", stream=True))
        await client.head()
        async for piece in client.chunks():
            assert b"Hello" in piece
            break


@pytest.mark.parametrize("stream", [False, True])
async def test_a_stream_that_breaks_off_is_not_judged_by_its_shape(stream: bool) -> None:
    telemetry = FakeTelemetry()
    upstream = Says(frames(chunk({"role": "assistant", "content": '{"ans'})))
    async with a_gateway(guarded(shaped(strict=stream)), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", "Tell me.", stream=True))
    assert b"error" in reply.body
    ended = telemetry.ended[-1]
    assert ("matched", "retried") not in states(ended, "schema")
    assert all(state != "matched" for state, _ in states(ended, "schema"))


async def test_an_answer_that_calls_a_tool_is_told_as_not_judged_by_its_shape() -> None:
    telemetry = FakeTelemetry()
    upstream = Says(frames(*tool_stream("chat", '{"a": 1}', 3)))
    async with a_gateway(guarded(shaped()), upstream=upstream, telemetry=telemetry) as gateway:
        await call(gateway, asked("chat", "Tell me.", stream=True))
    assert states(telemetry.ended[-1], "schema") == [("not_run", "none")]


async def test_each_attempt_of_a_retry_is_paid_once_and_the_usage_is_that_of_the_answer_given() -> None:
    telemetry = FakeTelemetry()
    answers = iter([BAD, GOOD])
    upstream = Echo(lambda _: next(answers))
    async with a_gateway(guarded(shaped(strict=True)), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", "Tell me.", stream=True))
    assert streamed("chat", reply.body) == GOOD
    ended = telemetry.ended[-1]
    assert len(telemetry.ended) == 1
    assert [one.cost_nano for one in ended.attempts] == [20_000, 20_000]
    assert (ended.cost_nano, ended.usage.input if ended.usage else None) == (40_000, 10)


async def test_json_given_to_a_call_for_a_stream_is_looked_at() -> None:
    guard = a_guard(input=(), output=MASKS)
    async with a_gateway(guarded(guard), upstream=Says(whole(WHOLE["chat"](SAYS)))) as gateway:
        reply = await call(gateway, asked("chat", "Tell me.", stream=True))
    assert CARD.encode() not in reply.body
    assert b"<CARD_" in reply.body


def odd_answer() -> dict[str, Any]:
    answer = WHOLE["chat"]("Fine.")
    message = answer["choices"][0]["message"]
    message.update(reasoning_content=f"think {EMAIL}", refusal=f"no {EMAIL}", annotations=[{"url": f"mailto:{EMAIL}"}])
    message["tool_calls"] = [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": f'{{"{EMAIL}": ["{EMAIL}"]}}'}}
    ]
    answer["choices"][0]["logprobs"] = {"content": [{"token": EMAIL, "logprob": -1, "bytes": None, "top_logprobs": []}]}
    answer["choices"].append(
        {"index": 1, "message": {"role": "assistant", "content": f"2 {EMAIL}"}, "finish_reason": "stop"}
    )
    answer["extra"] = {"note": EMAIL}
    return answer


async def test_every_place_of_an_answer_is_looked_at() -> None:
    guard = a_guard(input=(), output=MASKS)
    async with a_gateway(guarded(guard), upstream=Says(whole(odd_answer()))) as gateway:
        reply = await call(gateway, asked("chat", "Tell me."))
    assert EMAIL.encode() not in reply.body
    orjson.loads(orjson.loads(reply.body)["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])


async def test_an_error_in_a_stream_shows_what_was_held_masked_and_ends_once() -> None:
    guard = a_guard(input=(), output=MASKS)
    wrong = event({"error": {"message": f"lost {EMAIL}", "type": "server_error"}})
    upstream = Says(frames(chunk({"role": "assistant", "content": f"Mail {EMAIL[:9]}"}), wrong))
    async with a_gateway(guarded(guard), upstream=upstream) as gateway:
        reply = await call(gateway, asked("chat", "Tell me.", stream=True))
    assert EMAIL.encode() not in reply.body
    assert reply.body.count(b'"error"') == 1


async def test_a_client_that_leaves_while_a_stream_is_held_lets_go_of_the_provider() -> None:
    telemetry = FakeTelemetry()
    upstream = Says(frames(chunk({"role": "assistant", "content": "x"}), hang_before=1))
    gateway_of = a_gateway(guarded(shaped(strict=True)), upstream=upstream, telemetry=telemetry)
    async with gateway_of as gateway:
        async with Client(gateway.port) as client:
            client.send(asked("chat", "Tell me.", stream=True))
            await until(lambda: bool(upstream.requests))
        await until(lambda: bool(telemetry.ended))
    assert len(telemetry.ended) == 1


async def test_escalation_leaves_the_second_model_the_call_as_it_was() -> None:
    models = (a_model("small", tier="Small"), a_model("big", tier="Frontier"))
    upstream = Echo(lambda body: GOOD if body["model"] == "big" else BAD)
    async with a_gateway(guarded(shaped("Escalate"), *models), upstream=upstream) as gateway:
        await call(gateway, asked("chat", "Tell me."))
    first, second = upstream.sent
    assert first["messages"] == second["messages"]
