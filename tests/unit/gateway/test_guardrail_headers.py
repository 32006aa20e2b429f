"""Headers of a caller's that go on to a provider: what a guard finds in one does not leave."""

import random
from typing import Any

import pytest

from gateway_rig import a_gateway, call
from guard_rig import EMAIL, KEY, PATHS, Echo, a_guard, asked, guarded, native, treated
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters import trace_context
from turnout_sidecar.adapters.call_trace import Trace
from turnout_sidecar.adapters.memory_store import MemoryStore
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.inspection.headers import other_than_features
from turnout_sidecar.ports.clock import SystemClock
from turnout_sidecar.ports.embedder import FakeEmbedder
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.stages.look_up_cache import LookUpCache

BETA = {"chat": "openai-beta", "responses": "openai-beta", "messages": "anthropic-beta"}
FEATURES = (
    "assistants=v2",
    "responses=experimental,realtime=v1",
    "claude-code-20250219,interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14",
    "prompt-caching-2024-07-31,max-tokens-3-5-sonnet-2024-07-15,message-batches-2024-09-24,pdfs-2024-09-25",
    "computer-use-2025-01-24, token-efficient-tools-2025-02-19, output-128k-2025-02-19, files-api-2025-04-14",
    "mcp-client-2025-11-20,context-1m-2025-08-07,code-execution-2025-08-25,structured-outputs-2025-11-13",
)
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BLOCKS = a_guard(input=treated("Block"))
WATCHES = a_guard(input=treated("Monitor"))
REROUTES = a_guard(input=treated("Monitor", reroute=True))
DENIES = a_guard(input=(), deny_input=(guards.Pattern("codename", "falcon", "Mask", "d"),))


class Traced(FakeTelemetry):
    """Telemetry whose traces send the caller's context on."""

    def begin(self, exchange: Exchange) -> Any:
        """As the real one does where nothing is recorded."""
        self.begun.append(exchange)
        bits = random.Random(1).getrandbits
        return Trace(trace_context.read(exchange.headers), "1" * 32, bits, sampled=False, content=False)


def sent(echo: Echo) -> list[dict[str, str]]:
    """The headers of each request that left."""
    return [dict(request.headers) for request in echo.requests]


@pytest.mark.parametrize(("guard", "value"), [(a_guard(), KEY), (a_guard(), f"x={EMAIL}"), (DENIES, "falcon-2026")])
@pytest.mark.parametrize("name", BETA)
async def test_a_header_in_which_a_value_must_be_masked_does_not_leave(
    name: str, guard: guards.Guard, value: str
) -> None:
    echo, telemetry = Echo(), FakeTelemetry()
    async with a_gateway(native(name, guard), upstream=echo, telemetry=telemetry) as gateway:
        reply = await call(gateway, asked(name, "Hi"), PATHS[name], **{BETA[name]: f"tools-2025-01-01,{value}"})
    assert reply.status == 200
    assert value not in str(sent(echo))
    assert BETA[name] not in sent(echo)[0]
    (told,) = [verdict for verdict in telemetry.ended[0].guard.verdicts if verdict.state == "matched"]
    assert (told.done, told.count, telemetry.ended[0].guard.outcome) == ("masked", 1, "changed")


@pytest.mark.parametrize("name", BETA)
async def test_a_header_with_a_value_that_blocks_refuses_the_call_and_names_itself(name: str) -> None:
    echo = Echo()
    async with a_gateway(native(name, BLOCKS), upstream=echo) as gateway:
        reply = await call(gateway, asked(name, "Hi"), PATHS[name], **{BETA[name]: KEY})
    assert (reply.status, echo.requests) == (403, [])
    assert KEY.encode() not in reply.body
    assert b"Secret" in reply.body


@pytest.mark.parametrize("name", BETA)
async def test_a_header_with_a_value_that_reroutes_makes_the_call_restricted(name: str) -> None:
    telemetry = FakeTelemetry()
    async with a_gateway(native(name, REROUTES), upstream=Echo(), telemetry=telemetry) as gateway:
        assert (await call(gateway, asked(name, "Hi"), PATHS[name], **{BETA[name]: KEY})).status == 503
    assert telemetry.ended[0].sensitivity == "Restricted"


@pytest.mark.parametrize("name", BETA)
async def test_a_guard_that_only_watches_counts_and_passes_the_header_on(name: str) -> None:
    echo, telemetry = Echo(), FakeTelemetry()
    async with a_gateway(native(name, WATCHES), upstream=echo, telemetry=telemetry) as gateway:
        await call(gateway, asked(name, "Hi"), PATHS[name], **{BETA[name]: KEY})
    assert sent(echo)[0][BETA[name]] == KEY
    assert [(one.rule, one.done) for one in telemetry.ended[0].guard.verdicts if one.state == "matched"] == [
        ("Secret", "monitored")
    ]


@pytest.mark.parametrize(
    "text",
    [EMAIL, KEY, "tel-0151-2345-6789", "ssn-536-90-4399", "card-411-111-111-111-111-1", "password=hunter2024",
     "4111111111111111", "tel-2030-90182055", "a-1-2-3-4", "x=ann@example.org", "Tools-2025-01-01"],
)  # fmt: skip
def test_what_is_no_name_of_a_feature_is_looked_at(text: str) -> None:
    shown = other_than_features("openai-beta", f"tools-2025-01-01, {text},beta-1")
    assert shown == f"{' ' * 16}, {text},{' ' * 6}"


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("name", BETA)
async def test_what_asks_for_features_passes_a_guard_that_blocks_all(name: str, features: str) -> None:
    echo = Echo()
    async with a_gateway(native(name, BLOCKS), upstream=echo) as gateway:
        assert (await call(gateway, asked(name, "Hi"), PATHS[name], **{BETA[name]: features})).status == 200
    assert sent(echo)[0][BETA[name]] == features


async def test_a_value_that_only_its_words_in_the_body_give_away_does_not_leave_in_a_header_either() -> None:
    echo, password = Echo(), "q1W2e3R4t5!z"
    async with a_gateway(native("chat"), upstream=echo) as gateway:
        await call(gateway, asked("chat", f"My password: {password}"), openai_beta=f"x,{password}")
    assert password not in str(sent(echo))


@pytest.mark.parametrize("guard", [a_guard(), BLOCKS, REROUTES], ids=["masks", "blocks", "reroutes"])
async def test_a_state_of_a_trace_that_holds_a_value_is_left_out_and_refuses_nothing(guard: guards.Guard) -> None:
    echo = Echo()
    async with a_gateway(native("chat", guard), upstream=echo, telemetry=Traced()) as gateway:
        reply = await call(gateway, asked("chat", "Hi"), traceparent=PARENT, tracestate=f"a=1,who={EMAIL}")
        await call(gateway, asked("chat", "Hi"), traceparent=PARENT, tracestate="congo=t61rcWkgMzE,dd=s:1;t.dm:-4")
    assert reply.status == 200
    first, second = sent(echo)
    assert first["traceparent"].endswith("-00f067aa0ba902b7-01")
    assert "tracestate" not in first
    assert second["tracestate"] == "congo=t61rcWkgMzE,dd=s:1;t.dm:-4"


async def test_a_guard_that_only_watches_passes_the_state_of_a_trace_on() -> None:
    echo = Echo()
    async with a_gateway(native("chat", WATCHES), upstream=echo, telemetry=Traced()) as gateway:
        await call(gateway, asked("chat", "Hi"), traceparent=PARENT, tracestate=f"who={EMAIL}")
    assert sent(echo)[0]["tracestate"] == f"who={EMAIL}"


async def test_a_call_whose_header_was_left_out_shares_the_answer_of_one_without_it() -> None:
    clock, embedder = SystemClock(), FakeEmbedder()
    cache = LookUpCache(MemoryStore(dimension=embedder.dimension, clock=clock), embedder, clock, store_s=30.0)
    kept = snap.Cache("c", 60_000, "Team", semantic=False, max_temperature=1.0, max_entries=100)
    snapshot = guarded(cache=kept)
    async with a_gateway(snapshot, upstream=Echo(), cache=cache) as gateway:
        await call(gateway, asked("chat", "Hi"))
        await cache.keeper.settled()
        states = [
            (await call(gateway, asked("chat", "Hi"), openai_beta=value)).headers["x-turnout-cache"]
            for value in (KEY, "assistants=v2")
        ]
    assert states == ["exact", "miss"]
