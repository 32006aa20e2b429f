"""Attacks on what leaves of a question: by its shape, by the way it is asked, by what changes while it is asked."""

import asyncio

import orjson
import pytest

from gateway_rig import (
    EVENTS,
    Client,
    a_client,
    a_gateway,
    a_model,
    a_provider,
    a_route,
    a_rule,
    a_snapshot,
    apply,
    call,
)
from guard_rig import (
    CARD,
    EMAIL,
    KEY,
    PATHS,
    STREAM,
    VALUES,
    Echo,
    a_guard,
    asked,
    guarded,
    last_text,
    native,
    said,
    streamed,
    treated,
)
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeResponse
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import UpstreamRequest

FORMATS = tuple(PATHS)
FALCON = guards.Pattern("codenames", "(?i)project falcon", "Mask", "default")


async def test_half_of_a_character_hides_nothing_from_any_check() -> None:
    guard = a_guard(deny_input=(FALCON,), injections=(guards.Injection(0.5, "Monitor"),))
    raw = b'{"model":"assistant","messages":[{"role":"user","content":"\\ud800 Project Falcon \\udc00 %s"}]}'
    upstream = Echo()
    async with a_gateway(guarded(guard), upstream=upstream) as gateway:
        reply = await call(gateway, raw % EMAIL.encode())
    assert reply.status in {200, 400}
    assert EMAIL.encode() not in upstream.raw
    assert b"Falcon" not in upstream.raw


@pytest.mark.parametrize("name", FORMATS)
async def test_a_refusal_names_no_key_of_the_caller_s_own(name: str) -> None:
    guard = a_guard(input=treated("Block"))
    telemetry = FakeTelemetry()
    hidden = {EMAIL: {"deep": {EMAIL: CARD}}}
    async with a_gateway(native(name, guard), upstream=Echo(), telemetry=telemetry) as gateway:
        reply = await call(gateway, asked(name, "Hi.", metadata=hidden), PATHS[name])
    assert reply.status == 403
    assert EMAIL.encode() not in reply.body
    assert CARD.encode() not in reply.body
    assert not any(EMAIL in value for value in reply.headers.values())


@pytest.mark.parametrize("name", FORMATS)
async def test_what_is_only_watched_leaves_byte_for_byte(name: str) -> None:
    guard = a_guard(
        input=treated("Monitor"),
        deny_input=(guards.Pattern("c", "Hello", "Monitor", "d"),),
        injections=(guards.Injection(0.1, "Monitor"),),
        token_limits=(guards.TokenLimit(1, "Monitor"),),
    )
    body = orjson.dumps(asked(name, f"Hello {EMAIL}", metadata={"a": "b"}))
    raw = body.replace(b'{"a":"b"}', b'{ "a": "first", "n": 1e2, "a": "b" }')
    upstream = Echo()
    telemetry = FakeTelemetry()
    sent = []
    for snapshot in (native(name, guard), native(name)):
        plain = (
            snapshot
            if snapshot.guards[0] is guard
            else a_snapshot(a_route("assistant", a_rule()), providers=snapshot.providers)
        )
        async with a_gateway(plain, upstream=upstream, telemetry=telemetry) as gateway:
            await call(gateway, raw, PATHS[name])
        sent.append(upstream.requests[-1].body)
    assert sent[0] == sent[1]
    assert telemetry.ended[0].guard.outcome == "evaluated"
    assert telemetry.ended[1].guard.outcome == "bypassed"


def a_prompt() -> snap.Prompt:
    said_first = snap.PromptMessage("system", "You serve {{ customer }}.")
    variables = {"type": "object", "required": ["customer"], "properties": {"customer": {"type": "string"}}}
    return snap.Prompt("greet", variables, (("v1", 1),), (snap.PromptVersion("v1", (said_first,)),))


async def test_personal_variables_of_a_prompt_leave_masked_and_hidden_members_not_at_all() -> None:
    base = guarded()
    snapshot = a_snapshot(*base.routes, providers=base.providers, guards=base.guards, prompts=(a_prompt(),))
    upstream = Echo(lambda body: body["messages"][0]["content"])
    raw = (
        b'{"model":"assistant","prompt":{"id":"greet","variables":{"customer":"%s"}},'
        b'"metadata":{"a":"%s","a":"x"},"messages":[{"role":"user","content":"Hello"}]}'
    ) % (EMAIL.encode(), CARD.encode())
    async with a_gateway(snapshot, upstream=upstream) as gateway:
        reply = await call(gateway, raw)
        hidden = await call(gateway, raw.replace(EMAIL.encode(), b"nobody"))
    assert said("chat", reply.body) == f"You serve {EMAIL}."
    assert hidden.status == 200
    assert EMAIL.encode() not in upstream.raw
    assert CARD.encode() not in upstream.raw


@pytest.mark.parametrize("key", [b"k", b"x" * 64, b"y" * 65, b"z" * 4096])
async def test_a_masking_key_of_any_length_will_do(key: bytes) -> None:
    gateway_of = snap.Gateway(masking_key=snap.SecretFile("mask", "key"))
    upstream = Echo()
    secrets = FakeSecrets({"mask": {"key": key}})
    async with a_gateway(guarded(gateway=gateway_of), upstream=upstream, secrets=secrets) as gateway:
        reply = await call(gateway, asked("chat", f"I am {EMAIL}."))
    assert said("chat", reply.body) == f"I am {EMAIL}."
    assert EMAIL.encode() not in upstream.raw


async def test_no_header_and_no_query_of_the_caller_s_own_leaves() -> None:
    upstream = Echo()
    async with a_gateway(guarded(), upstream=upstream) as gateway, Client(gateway.port) as client:
        client.send(
            asked("chat", "Hello"),
            f"/v1/chat/completions?who={EMAIL}",
            cookie=f"a={EMAIL}",
            user_agent=EMAIL,
            x_note=EMAIL,
            openai_organization=EMAIL,
            authorization=f"Bearer {KEY}",
            referer=f"https://x/{EMAIL}",
        )
        reply = await client.reply()
    assert reply.status in {200, 404}
    for request in upstream.requests:
        told = repr((request.path, request.headers, request.body))
        assert EMAIL not in told
        assert KEY not in told


@pytest.mark.parametrize("depth", [60, 200, 900, 5000])
async def test_however_deep_it_is_nested_nothing_leaves(depth: int) -> None:
    raw = b'{"model":"assistant","messages":[{"role":"user","content":"Hi"}],"metadata":'
    raw += b'{"a":' * depth + f'"{EMAIL}"'.encode() + b"}" * depth + b"}"
    upstream = Echo(lambda _: "ok")
    async with a_gateway(guarded(), upstream=upstream) as gateway:
        reply = await call(gateway, raw)
        after = await call(gateway, asked("chat", "Hi"))
    assert reply.status in {200, 400, 413}
    assert after.status == 200
    assert EMAIL.encode() not in upstream.raw


async def test_tokens_in_the_place_of_text_count_as_not_inspected() -> None:
    telemetry = FakeTelemetry()
    upstream = Echo()
    guard = a_guard(binary_parts="Block")
    async with a_gateway(guarded(guard), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, {"model": "assistant", "input": [[1, 2, 3]]}, "/v1/embeddings")
        flat = await call(gateway, {"model": "assistant", "input": [1, 2, 3]}, "/v1/embeddings")
    assert (reply.status, flat.status) == (403, 403)
    assert not upstream.requests


def two_rules() -> snap.Snapshot:
    strict, lax = a_guard(), a_guard(id="h", input=treated("Mask", "CreditCard"))
    header = (snap.Match(headers=(("x-lane", "lax"),)),)
    rules = (a_rule(name="lax", guard="h", matches=header), a_rule(name="strict", guard="g"))
    free = a_route("free", a_rule())
    return a_snapshot(a_route("assistant", *rules), free, guards=(strict, lax))


async def test_each_rule_has_its_own_guard_and_a_route_without_one_is_left_alone() -> None:
    upstream = Echo()
    telemetry = FakeTelemetry()
    text = f"{EMAIL} and {CARD}"
    raw = orjson.dumps({**asked("chat", text), "model": "free"})
    async with a_gateway(two_rules(), upstream=upstream, telemetry=telemetry) as gateway:
        strict = await call(gateway, asked("chat", text))
        lax = await call(gateway, asked("chat", text), x_lane="lax")
        free = await call(gateway, raw)
    sent = [str(body["messages"][0]["content"]) for body in upstream.sent]
    assert EMAIL not in sent[0]
    assert EMAIL in sent[1]
    assert CARD not in sent[0] + sent[1]
    assert sent[2] == text
    assert all(said("chat", reply.body) == text for reply in (strict, lax, free))
    assert [str(one.guard.outcome) for one in telemetry.ended] == ["changed", "changed", "bypassed"]


class Slow(Echo):
    """An echo whose stream waits in the middle until it is let go on."""

    def __init__(self) -> None:
        super().__init__(piece=4)
        self.go = asyncio.Event()

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        """The answer, in two halves."""
        response = await super().send(request, connect_timeout=connect_timeout, headers_timeout=headers_timeout)
        asked_for = orjson.loads(request.body)
        if not asked_for.get("stream"):
            return response
        return _Halting(self, tuple(STREAM["chat"]([last_text(asked_for)[at : at + 4] for at in range(0, 400, 4)])))


class _Halting(FakeResponse):
    def __init__(self, slow: Slow, pieces: tuple[bytes, ...]) -> None:
        super().__init__(FakeReply(headers=EVENTS, pieces=pieces))
        self._slow = slow
        self._count = 0

    async def _next(self) -> bytes:
        self._count += 1
        if self._count == 6:
            await self._slow.go.wait()
        return await super()._next()


@pytest.mark.parametrize("swap", ["policy", "secret", "none"])
async def test_a_stream_is_restored_by_what_it_began_with_whatever_changes_meanwhile(swap: str) -> None:
    upstream = Slow()
    secrets = FakeSecrets({"mask": {"key": b"one"}})
    gateway_of = snap.Gateway(masking_key=snap.SecretFile("mask", "key"))
    text = " and ".join(VALUES)
    serving = a_gateway(guarded(gateway=gateway_of), upstream=upstream, secrets=secrets)
    async with serving as gateway, Client(gateway.port) as client:
        client.send(asked("chat", text, stream=True))
        await client.head()
        if swap == "policy":
            apply(gateway, a_snapshot())
        elif swap == "secret":
            secrets.replace({"mask": {"key": b"two"}})
        upstream.go.set()
        body = b"".join([piece async for piece in client.chunks()])
    assert streamed("chat", body) == text


async def test_values_of_one_team_are_unknown_to_another() -> None:
    clients = (a_client("app"), a_client("other", team="sales"))
    secrets = FakeSecrets({"app": {"key": b"key-of-app"}, "other": {"key": b"key-of-other"}})
    upstream = Echo()
    snapshot = guarded(gateway=snap.Gateway(clients=clients))
    async with a_gateway(snapshot, upstream=upstream, secrets=secrets) as gateway:
        await call(gateway, asked("chat", EMAIL), authorization="Bearer key-of-app")
        masked = upstream.sent[0]["messages"][0]["content"]
        stolen = await call(gateway, asked("chat", masked), authorization="Bearer key-of-other")
        own = await call(gateway, asked("chat", masked), authorization="Bearer key-of-app")
        await call(gateway, asked("chat", EMAIL), authorization="Bearer key-of-other")
    assert said("chat", stolen.body) == masked
    assert said("chat", own.body) == masked
    assert upstream.sent[3]["messages"][0]["content"] != masked


async def test_what_another_call_masked_never_comes_back_in_this_one() -> None:
    upstream = Echo()
    async with a_gateway(guarded(), upstream=upstream) as gateway:
        await call(gateway, asked("chat", EMAIL))
        masked = upstream.sent[0]["messages"][0]["content"]
        turns = [{"role": "user", "content": "Hi"}, {"role": "user", "content": f"{masked} and {CARD}"}]
        reply = await call(gateway, {"model": "assistant", "messages": turns})
    assert said("chat", reply.body) == f"{masked} and {CARD}"


async def test_many_values_are_masked_and_come_back_in_one_call() -> None:
    text = " ".join(f"user{number}.x@example.org" for number in range(3000))
    upstream = Echo(piece=500)
    async with a_gateway(guarded(), upstream=upstream) as gateway:
        whole = await call(gateway, asked("chat", text))
        stream = await call(gateway, asked("chat", text, stream=True))
    assert b"@example.org" not in upstream.raw
    assert said("chat", whole.body) == streamed("chat", stream.body) == text


async def test_a_long_question_is_masked_as_a_short_one_is() -> None:
    text = "The quick brown fox. " * 6000 + EMAIL + " and Project Falcon"
    upstream = Echo(lambda body: body["messages"][0]["content"][-60:])
    telemetry = FakeTelemetry()
    async with a_gateway(guarded(a_guard(deny_input=(FALCON,))), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", text))
    assert EMAIL.encode() not in upstream.raw
    assert b"Falcon" not in upstream.raw
    assert said("chat", reply.body).endswith(f"{EMAIL} and Project Falcon")
    assert telemetry.ended[-1].guard.outcome == "changed"


async def test_a_client_that_leaves_while_a_plug_in_thinks_is_settled_once() -> None:
    telemetry = FakeTelemetry()

    class Thinks(Echo):
        async def send(self, request: UpstreamRequest, **limits: float) -> FakeResponse:
            self.requests.append(request)
            await asyncio.sleep(30)
            raise AssertionError

    plugin = guards.Plugin(
        "p", "d", "Turnout", url="http://names/detect", input=treated("Mask", "Person"), timeout_ms=500
    )
    upstream = Thinks()
    async with a_gateway(guarded(a_guard(plugins=(plugin,))), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked("chat", "Hi"))
        assert (reply.status, reply.error["code"]) == (503, "guardrail_failed")
    assert len(telemetry.ended) == 1
    assert [request.path for request in upstream.requests] == ["/detect"]


@pytest.mark.parametrize("name", FORMATS)
async def test_signed_thinking_comes_back_to_its_provider_as_it_was_signed(name: str) -> None:
    if name != "messages":
        return
    thought: list[str] = []

    class Thinks(Echo):
        async def send(self, request: UpstreamRequest, **limits: float) -> FakeResponse:
            self.requests.append(request)
            body = orjson.loads(request.body)
            text = body["messages"][0]["content"]
            thought.append(f"They say {text}.")
            blocks = [
                {"type": "thinking", "thinking": thought[0], "signature": "c2lnbmF0dXJl"},
                {"type": "text", "text": "Ok."},
            ]
            answer = {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "model": "gpt-x",
                "content": blocks,
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": 1, "output_tokens": 1},
            }
            return FakeResponse(FakeReply(pieces=(orjson.dumps(answer),)))

    upstream = Thinks()
    async with a_gateway(native("messages"), upstream=upstream) as gateway:
        first = await call(gateway, asked("messages", f"I am {EMAIL}, {CARD}"), PATHS["messages"])
        blocks = first.json["content"]
        assert blocks[0]["thinking"] == f"They say I am {EMAIL}, {CARD}."
        turns = [
            {"role": "user", "content": f"I am {EMAIL}, {CARD}"},
            {"role": "assistant", "content": blocks},
            {"role": "user", "content": "Go on."},
        ]
        await call(gateway, {"model": "assistant", "max_tokens": 9, "messages": turns}, PATHS["messages"])
    assert upstream.sent[1]["messages"][1]["content"][0]["thinking"] == thought[0]
    assert upstream.sent[1]["messages"][1]["content"][0]["signature"] == "c2lnbmF0dXJl"


async def test_a_rerouted_question_asks_only_cleared_models_also_when_it_is_asked_again() -> None:
    cleared = a_provider("safe", a_model("in-house"), clearance="Restricted")
    guard = a_guard(
        input=treated("Monitor", reroute=True),
        schemas=(guards.AnswerSchema("d", "Retry", schema={"type": "object"}),),
    )
    rule = a_rule("openai/gpt", "safe/in-house", guard="g")
    snapshot = a_snapshot(a_route("assistant", rule), providers=(a_provider(), cleared), guards=(guard,))
    upstream = Echo(lambda _: "no json")
    async with a_gateway(snapshot, upstream=upstream) as gateway:
        reply = await call(gateway, asked("chat", f"I am {EMAIL}"))
    assert reply.status == 422
    assert [sent["model"] for sent in upstream.sent] == ["in-house", "in-house"]
