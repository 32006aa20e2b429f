"""Calls that are over, as the pipeline leaves them, and the snapshot that they ran on; for the tests of telemetry."""

from typing import Any

import msgspec
from multidict import CIMultiDict, CIMultiDictProxy

from turnout_contract.snapshot import model as snap
from turnout_sidecar.exchange.call import Attempt, Caller, Endpoint, Exchange
from turnout_sidecar.exchange.usage import Usage

CHAT = Endpoint("chat", "/v1/chat/completions", "/chat/completions", "chat", "chat", "Chat")
EMBEDDINGS = Endpoint("embeddings", "/v1/embeddings", "/embeddings", "embeddings", "embeddings", "Embeddings")
START_NS = 5_000_000_000
START_UNIX_NS = 1_700_000_000_000_000_000
MILLI = 1_000_000
VERSION = "ab" * 32

MINI = snap.Model("gpt-4o-mini", "Small", ("Chat",), price=snap.Price(150_000_000, 600_000_000))
LOCAL = snap.Model("llama-3", "Small", ("Chat",))
OPENAI = snap.Provider("openai", "OpenAI", "https://api.openai.com/v1", None, "Internal", (), snap.Tls(), (MINI,))
HOUSE = snap.Provider("house", "OpenAI", "http://vllm.house:8000/v1", None, "Restricted", (), snap.Tls(), (LOCAL,))
RULE = snap.Rule("default", (), "Failover", (snap.Backend("openai", "gpt-4o-mini"), snap.Backend("house", "llama-3")))
ROUTE = snap.Route("assistant", ("assistant",), "Public", "Internal", (RULE,))


class FakeRuntime(msgspec.Struct, frozen=True):
    """What telemetry reads of a runtime."""

    version: str = VERSION


def snapshot(**telemetry: Any) -> snap.Snapshot:
    """A snapshot with these routes and providers and telemetry settings."""
    return snap.Snapshot(
        namespace="claims",
        gateway=snap.Gateway(telemetry=snap.Telemetry(**telemetry)),
        providers=(HOUSE, OPENAI),
        routes=(ROUTE,),
    )


def call(
    *, headers: dict[str, str] | None = None, body: dict[str, Any] | None = None, endpoint: Endpoint = CHAT
) -> Exchange:
    """A call that was routed to `assistant`, of the team claims; it has no attempt yet."""
    exchange = Exchange(
        id="req_0123456789abcdef",
        endpoint=endpoint,
        headers=CIMultiDictProxy(CIMultiDict(headers or {})),
        raw=b"{}",
        body=body or {"model": "assistant", "messages": [{"role": "user", "content": "hello"}]},
        runtime=FakeRuntime(),
        received_ns=START_NS,
        received_unix_ns=START_UNIX_NS,
    )
    exchange.caller = Caller("triage", "claims", user="user-7", use_case="triage", outcome_id="claim-42")
    exchange.model = "assistant"
    exchange.route = ROUTE
    exchange.rule = RULE
    exchange.cache_state = "miss"
    exchange.status = 200
    return exchange


def attempt(
    exchange: Exchange, provider: snap.Provider = OPENAI, *, error: str | None = None, status: int | None = 200
) -> Attempt:
    """One more attempt, of 40 ms, that answered unless `error` says why not."""
    number = len(exchange.attempts) + 1
    one = Attempt(number, provider, provider.models[0], START_NS + number * 50 * MILLI)
    one.ended_ns = one.started_ns + 40 * MILLI
    one.status = status
    one.error = error
    exchange.attempts.append(one)
    if error is None:
        one.first_token_ns = one.started_ns + 10 * MILLI
        one.usage = exchange.usage = Usage(input=1200, output=301, cached_input=128, reasoning=7)
        one.cost_nano = exchange.cost_nano = 360_600
        one.response_model = "gpt-4o-mini-2024-07-18"
        one.response_id = "chatcmpl-1"
        one.finish_reasons = ("stop",)
        exchange.response_backend = one.name
    return one
