"""A listening gateway: what is served, the headers, who may call, errors in OpenAI's shape."""

from typing import Any

import orjson
import pytest

from gateway_rig import (
    CHAT,
    EVENTS,
    STREAM,
    Client,
    a_client,
    a_gateway,
    a_model,
    a_provider,
    a_route,
    a_rule,
    a_snapshot,
    answer,
    apply,
    call,
    chat,
    until,
)
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.endpoints import SERVED, Served
from turnout_sidecar.exchange.call import Exchange, Proceed, Response
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import ConnectFailure
from turnout_sidecar.runtime import BuildError

KEYS = FakeSecrets({"app": {"key": b"key-of-app\n"}, "other": {"key": b"key-of-other"}})


def guarded(**fields: Any) -> snap.Gateway:
    return snap.Gateway(clients=(a_client(**fields),))


async def test_an_answer_passes_through_with_all_headers() -> None:
    upstream = FakeUpstream(
        [
            FakeReply(
                pieces=(answer(),),
                headers=(
                    ("content-type", "application/json"),
                    ("x-request-id", "r1"),
                    ("set-cookie", "no"),
                    ("x-ratelimit-remaining-tokens", "7"),
                ),
            )
        ]
    )
    async with a_gateway(a_snapshot(), upstream=upstream) as gateway:
        reply = await call(gateway, chat())
    assert (reply.status, reply.body) == (200, answer())
    headers = {name: value for name, value in reply.headers.items() if name != "date"}
    assert len(headers["x-turnout-request-id"]) == 32
    assert headers.pop("x-request-id") == headers.pop("x-turnout-request-id")
    assert headers == {
        "content-type": "application/json",
        "content-length": str(len(answer())),
        "server": "turnout",
        "x-turnout-route": "assistant",
        "x-turnout-rule": "all",
        "x-turnout-backend": "openai/gpt",
        "x-turnout-cache": "bypass",
        "x-turnout-cost-usd": "0.00002",
        "x-turnout-attempts": "1",
        "x-turnout-config": gateway.version,
        "x-turnout-upstream-request-id": "r1",
        "x-ratelimit-remaining-tokens": "7",
    }


async def test_only_the_model_changes_in_the_body_that_goes_upstream() -> None:
    upstream = FakeUpstream([FakeReply(pieces=(answer(),))])
    raw = b' {"seed": 12345678901234567890123,  "model":"assistant", "x":"\\u00e9", "messages":[{"role":"user","content":"a"}]}'
    async with a_gateway(a_snapshot(), upstream=upstream) as gateway:
        assert (await call(gateway, raw)).status == 200
    assert upstream.requests[0].body == raw.replace(b'"assistant"', b'"gpt"')


async def test_no_credentials_and_no_own_headers_go_upstream() -> None:
    upstream = FakeUpstream([FakeReply(pieces=(answer(),))])
    provider = a_provider(api_key=snap.SecretFile("openai", "apiKey"))
    secrets = FakeSecrets({"openai": {"apiKey": b"sk-provider\n"}})
    async with a_gateway(a_snapshot(providers=[provider]), upstream=upstream, secrets=secrets) as gateway:
        await call(
            gateway,
            chat(),
            authorization="Bearer mine",
            x_api_key="mine",
            cookie="c=1",
            x_turnout_user="u",
            openai_beta="b1",
            traceparent="00-1-2-01",
        )
    request = upstream.requests[0]
    assert request.path == "/v1/chat/completions"
    headers = dict(request.headers)
    assert headers.pop("user-agent").startswith("turnout/")
    assert headers.pop("traceparent").startswith("00-0000")
    assert headers == {
        "authorization": "Bearer sk-provider",
        "content-type": "application/json",
        "accept": "application/json",
        "openai-beta": "b1",
    }
    assert "sk-provider" not in repr(request)


@pytest.mark.parametrize("served", SERVED, ids=lambda served: served.endpoint.name)
async def test_every_post_endpoint_goes_through_the_one_pipeline(served: Served) -> None:
    telemetry = FakeTelemetry()
    seen: list[str] = []

    async def cache(exchange: Exchange, proceed: Proceed) -> Response:
        seen.append(exchange.endpoint.name)
        return await proceed(exchange)

    path = served.endpoint.path
    upstream = FakeUpstream([FakeReply(pieces=(answer(),))])
    model = a_model(capabilities=("Chat", "Embeddings", "Responses"))
    snapshot = a_snapshot(gateway=guarded(), providers=(a_provider("openai", model),))
    async with a_gateway(snapshot, upstream=upstream, secrets=KEYS, telemetry=telemetry, cache=cache) as gateway:
        assert (await call(gateway, {}, path)).status == 401
        assert (await call(gateway, {}, path, x_api_key="key-of-app")).status == 400
        body = {**chat(), "max_tokens": 9, "input": "text"}
        reply = await call(gateway, body, path, x_api_key="key-of-app")
    assert (reply.status, reply.headers["x-turnout-route"]) == (200, "assistant")
    assert [exchange.status for exchange in telemetry.ended] == [401, 400, 200]
    assert len(seen) == 1
    sent = {"messages": ["/v1/chat/completions"], "count_tokens": []}  # in what OpenAI speaks; counted here
    assert [request.path for request in upstream.requests] == sent.get(served.endpoint.name, [path])


async def test_the_table_of_endpoints_is_all_that_is_posted_to() -> None:
    async with a_gateway() as gateway:
        posted = {path for method, path in gateway.served if method == "POST"}
    assert posted == {served.endpoint.path for served in SERVED}


async def test_embeddings_are_priced_by_their_input_alone() -> None:
    body = orjson.dumps({"object": "list", "data": [], "model": "e", "usage": {"prompt_tokens": 8, "total_tokens": 8}})
    async with a_gateway(a_snapshot(), upstream=FakeUpstream([FakeReply(pieces=(body,))])) as gateway:
        reply = await call(gateway, {"model": "assistant", "input": ["a", "b"]}, "/v1/embeddings")
    assert (reply.status, reply.headers["x-turnout-cost-usd"]) == (200, "0.000008")


async def test_an_unpriced_call_says_no_cost() -> None:
    provider = a_provider("openai", a_model(price=None))
    async with a_gateway(
        a_snapshot(providers=[provider]), upstream=FakeUpstream([FakeReply(pieces=(answer(),))])
    ) as gateway:
        reply = await call(gateway, chat())
    assert reply.status == 200
    assert "x-turnout-cost-usd" not in reply.headers


async def test_without_clients_any_credentials_are_taken() -> None:
    telemetry = FakeTelemetry()
    async with a_gateway(
        a_snapshot(), upstream=FakeUpstream([FakeReply(pieces=(answer(),))]), telemetry=telemetry
    ) as gateway:
        reply = await call(gateway, chat(), authorization="Bearer whatever", x_turnout_team="evil", x_turnout_user="u")
    assert reply.status == 200
    caller = telemetry.ended[0].caller
    assert caller is not None
    assert (caller.client, caller.team, caller.user) == (None, "ns", None)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic key-of-app"},
        {"x_api_key": " "},
        {"authorization": "Bearer "},
    ],
)
async def test_a_wrong_key_and_no_key_are_the_same_401(headers: dict[str, str]) -> None:
    secrets = FakeSecrets({"app": {"key": b"key-of-app"}, "empty": {"key": b" \n"}})
    clients = (a_client(), a_client("empty"))
    async with a_gateway(a_snapshot(gateway=snap.Gateway(clients=clients)), secrets=secrets) as gateway:
        reply = await call(gateway, chat(), **headers)
    assert (reply.status, reply.error["code"], reply.error["type"]) == (401, "invalid_api_key", "authentication_error")
    assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("headers", [{"authorization": "bearer  key-of-app"}, {"x_api_key": "key-of-app"}])
async def test_a_key_opens_as_bearer_and_as_api_key(headers: dict[str, str]) -> None:
    upstream = FakeUpstream([FakeReply(pieces=(answer(),))])
    async with a_gateway(a_snapshot(gateway=guarded()), upstream=upstream, secrets=KEYS) as gateway:
        assert (await call(gateway, chat(), **headers)).status == 200


async def test_an_unknown_model_and_one_that_is_not_allowed_are_the_same_404() -> None:
    routes = (a_route(), a_route("internal", visibility="Internal"), a_route("theirs"))
    gateway_of = guarded(routes=("assistant", "internal"))
    async with a_gateway(a_snapshot(*routes, gateway=gateway_of), secrets=KEYS) as gateway:
        replies = [
            await call(gateway, chat(name), x_api_key="key-of-app") for name in ("nothing", "internal", "theirs")
        ]
    assert {reply.status for reply in replies} == {404}
    assert {reply.body.replace(b"internal", b"nothing").replace(b"theirs", b"nothing") for reply in replies} == {
        replies[0].body
    }
    assert replies[0].error["code"] == "model_not_found"
    assert replies[0].error["param"] == "model"


async def test_models_are_the_exact_public_names_that_the_caller_may_use() -> None:
    routes = (
        a_route("b", models=("b", "b-*", "beta")),
        a_route("a"),
        a_route("c"),
        a_route("hidden", visibility="Internal"),
        a_route("closed", closed="its provider is gone"),
    )
    clients = (a_client(), a_client("other", routes=("a", "b", "hidden")))
    async with a_gateway(a_snapshot(*routes, gateway=snap.Gateway(clients=clients)), secrets=KEYS) as gateway:
        assert (await call(gateway, b"", "/v1/models", method="GET")).status == 401
        every = await call(gateway, b"", "/v1/models", method="GET", x_api_key="key-of-app")
        some = await call(gateway, b"", "/v1/models", method="GET", x_api_key="key-of-other")
    assert [model["id"] for model in every.json["data"]] == ["a", "b", "beta", "c", "closed"]
    assert [model["id"] for model in some.json["data"]] == ["a", "b", "beta"]
    assert some.json["data"][0] == {"id": "a", "object": "model", "created": 0, "owned_by": "turnout"}
    assert every.json["object"] == "list"
    assert every.headers["x-turnout-config"] == gateway.version


async def test_what_is_closed_answers_503_with_its_reason() -> None:
    routes = (
        a_route("one", closed="GuardrailPolicy pii cannot be resolved"),
        a_route("two", a_rule(closed="no backend resolves", backends=())),
    )
    async with a_gateway(a_snapshot(*routes)) as gateway:
        one, two = await call(gateway, chat("one")), await call(gateway, chat("two"))
        apply(gateway, a_snapshot(*routes, gateway=snap.Gateway(closed="jwt is not supported yet")))
        three, models = await call(gateway, chat("one")), await call(gateway, b"", "/v1/models", method="GET")
    assert (one.status, one.error["code"]) == (503, "route_closed")
    assert "GuardrailPolicy pii cannot be resolved" in one.error["message"]
    assert (two.status, two.error["code"]) == (503, "rule_closed")
    assert (three.status, models.status) == (503, 503)
    assert "jwt is not supported yet" in three.error["message"]


async def test_an_unknown_path_is_404_and_a_wrong_method_405() -> None:
    async with a_gateway(a_snapshot()) as gateway:
        unknown = await call(gateway, b"", "/v1/nothing", method="GET")
        wrong = await call(gateway, b"", CHAT, method="GET")
    assert (unknown.status, unknown.error["code"]) == (404, "unknown_url")
    assert (wrong.status, wrong.headers["allow"], wrong.error["code"]) == (405, "POST", "method_not_allowed")
    assert wrong.headers["x-turnout-config"] == gateway.version


async def test_before_a_snapshot_every_call_is_503() -> None:
    async with a_gateway() as gateway:
        assert not gateway.ready
        reply = await call(gateway, chat())
        assert (reply.status, reply.error["code"], reply.headers["retry-after"]) == (503, "not_ready", "1")
        apply(gateway, a_snapshot())
        assert gateway.ready


async def test_a_broken_snapshot_changes_nothing() -> None:
    async with a_gateway(a_snapshot()) as gateway:
        before = gateway.version
        with pytest.raises(BuildError) as caught:
            apply(gateway, a_snapshot(a_route("x", a_rule("openai/nothing"))))
        assert caught.value.errors[0].ref == "ModelRoute/x"
        assert caught.value.errors[0].path == "spec.rules[0].backendRefs[0]"
        with pytest.raises(BuildError, match="not those of that version"):
            gateway.apply(b"{}", "0" * 64)
        assert gateway.version == before
        assert gateway.ready


async def test_a_rotated_secret_is_used_by_the_next_call() -> None:
    secrets = FakeSecrets({"openai": {"apiKey": b"old"}})
    upstream = FakeUpstream([FakeReply(pieces=(answer(),))])
    provider = a_provider(api_key=snap.SecretFile("openai", "apiKey"))
    seen: list[tuple[str, ...]] = []
    async with a_gateway(a_snapshot(providers=[provider]), upstream=upstream, secrets=secrets) as gateway:
        gateway.subscribe(lambda: seen.append(gateway.runtime.missing if gateway.runtime else ()))
        await call(gateway, chat())
        secrets.replace({"openai": {"apiKey": b"new"}})
        await call(gateway, chat())
        secrets.replace({})
        gone = await call(gateway, chat())
    assert [dict(request.headers)["authorization"] for request in upstream.requests] == ["Bearer old", "Bearer new"]
    assert seen == [(), ("openai/apiKey",)]
    assert (gone.status, gone.error["code"]) == (503, "no_eligible_backend")
    assert gone.error["details"]["candidates"] == {"openai/gpt": "has no usable credentials here"}


async def test_an_unforeseen_error_is_a_500_that_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(exchange: Exchange, proceed: Proceed) -> Response:
        raise RuntimeError(f"secret content: {exchange.body}")

    telemetry = FakeTelemetry()
    async with a_gateway(a_snapshot(), cache=broken, telemetry=telemetry) as gateway:
        reply = await call(gateway, chat(text="my secret"))
    assert (reply.status, reply.error["code"]) == (500, "internal_error")
    assert reply.headers["x-turnout-request-id"] in reply.error["message"]
    assert "RuntimeError at test_gateway_server.py" in caplog.text
    assert "secret" not in caplog.text
    assert [(exchange.status, exchange.error) for exchange in telemetry.ended] == [(500, "internal")]


async def test_over_the_limit_of_calls_at_once_it_is_503_with_retry_after() -> None:
    limits = snap.Limits(max_in_flight=1)
    upstream = FakeUpstream([FakeReply(hang_before=-1)])
    async with a_gateway(a_snapshot(gateway=snap.Gateway(limits=limits)), upstream=upstream) as gateway:
        async with Client(gateway.port) as client:
            client.send(chat())
            await until(lambda: len(upstream.requests) == 1)
            reply = await call(gateway, chat())
            assert (reply.status, reply.error["code"], reply.headers["retry-after"]) == (503, "overloaded", "1")
        await until(lambda: gateway.in_flight == 0)


async def test_the_first_attempt_that_fails_is_in_the_headers_of_the_error() -> None:
    upstream = FakeUpstream([ConnectFailure("http://x", "refused")])
    route = a_route(retry=snap.Retry(attempts=1))
    async with a_gateway(a_snapshot(route), upstream=upstream) as gateway:
        reply = await call(gateway, chat())
    assert (reply.status, reply.error["code"]) == (502, "upstream_error")
    assert (reply.headers["x-turnout-attempts"], reply.headers["x-turnout-backend"]) == ("2", "openai/gpt")
    assert reply.headers["x-turnout-cost-usd"] == "0"


async def test_a_stream_has_the_headers_that_are_known_at_its_start() -> None:
    upstream = FakeUpstream([FakeReply(pieces=STREAM, headers=EVENTS)])
    async with a_gateway(a_snapshot(), upstream=upstream) as gateway:
        reply = await call(gateway, chat(stream=True))
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["x-turnout-backend"] == "openai/gpt"
    assert "x-turnout-cost-usd" not in reply.headers
