"""Attempts: retried within a budget and a deadline, taken elsewhere, and each counted."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from gateway_rig import a_model, a_provider, a_route, a_rule, a_snapshot, answer, chat
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.endpoints import SERVED
from turnout_sidecar.exchange.call import Caller, Exchange, Response
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.ports.clock import FakeClock
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.ports.upstream import ConnectFailure, UpstreamClosed, UpstreamError, UpstreamTimeout
from turnout_sidecar.retry import RetryBudgets
from turnout_sidecar.runtime import Runtime
from turnout_sidecar.stages.call_upstream import CallUpstream
from turnout_sidecar.stages.resolve_route import resolve_route

OK = FakeReply(pieces=(answer(),))
REFUSED = ConnectFailure("http://x", "refused")


class Half:
    """Dice that always show a half."""

    def random(self) -> float:
        return 0.5


def fails(status: int, body: Any = None, **headers: str) -> FakeReply:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    raw = body if isinstance(body, bytes) else orjson.dumps(body or {"error": {"message": f"said {status}"}})
    return FakeReply(status=status, pieces=(raw,), headers=(("content-type", "application/json"), *named))


class Case:
    """A call on a route with backends one/gpt, two/gpt, three/gpt."""

    def __init__(self, *script: FakeReply | UpstreamError, **route: Any) -> None:
        self.clock = FakeClock()
        self.upstream = FakeUpstream(list(script))
        self.slept: list[float] = []
        self.budgets = RetryBudgets()
        rule = route.pop("rule", None) or a_rule("one/gpt", "two/gpt", "three/gpt")
        providers: Sequence[snap.Provider] = [a_provider(name) for name in ("one", "two", "three")]
        providers = route.pop("providers", providers)
        snapshot = a_snapshot(a_route("assistant", rule, **route), providers=providers)
        self.runtime = Runtime.build(snapshot, "v", FakeSecrets())
        self.stage = CallUpstream(self.upstream, clock=self.clock, dice=Half(), budgets=self.budgets, sleep=self._sleep)
        self.exchange: Exchange

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)

    async def run(self, **fields: Any) -> Response:
        caller = Caller(client=None, team="t", user=fields.pop("as_user", None))
        body = chat(**fields)
        exchange = Exchange(
            id="1",
            endpoint=SERVED[0].endpoint,
            headers={},
            raw=orjson.dumps(body),
            body=body,
            runtime=self.runtime,
            received_ns=self.clock.monotonic_ns(),
            received_unix_ns=self.clock.unix_ns(),
        )
        exchange.caller = caller
        exchange.model = "assistant"
        self.exchange = exchange
        return await resolve_route(exchange, self.stage)

    async def fails(self, **fields: Any) -> CallError:
        with pytest.raises(CallError) as caught:
            await self.run(**fields)
        return caught.value

    @property
    def asked(self) -> list[str]:
        return [attempt.backend.name for attempt in self.exchange.attempts]

    @property
    def errors(self) -> list[str | None]:
        return [attempt.error for attempt in self.exchange.attempts]


async def test_a_retry_is_on_the_same_backend_after_a_growing_wait() -> None:
    case = Case(fails(500), fails(503), OK)
    assert (await case.run()).status == 200
    assert case.asked == ["one", "one", "one"]
    assert case.errors == ["500", "503", None]
    assert case.slept == pytest.approx([0.075, 0.15])


async def test_a_failover_goes_on_after_the_retries() -> None:
    case = Case(REFUSED, REFUSED, REFUSED, OK)
    await case.run()
    assert case.asked == ["one", "one", "one", "two"]
    assert case.exchange.response_backend == "two/gpt"


async def test_without_attempts_a_failover_goes_on_at_once() -> None:
    case = Case(fails(500), REFUSED, OK, retry=snap.Retry(attempts=0))
    await case.run()
    assert (case.asked, case.slept) == (["one", "two", "three"], [])


async def test_when_all_fail_the_last_failure_is_told() -> None:
    case = Case(fails(500), fails(500), fails(429, retry_after="7"), retry=snap.Retry(attempts=0))
    error = await case.fails()
    assert (error.status, error.headers) == (429, {"retry-after": "7"})


@pytest.mark.parametrize(
    ("reason", "failure"),
    [
        ("ConnectFailure", REFUSED),
        ("ConnectFailure", UpstreamTimeout("http://x", "connect")),
        ("RateLimited", fails(429)),
        ("ServerError", fails(500)),
        ("ServerError", fails(529)),
        ("ServerError", UpstreamClosed("http://x", reply_started=False)),
        ("ServerError", UpstreamClosed("http://x", reply_started=True)),
        ("ServerError", FakeReply(pieces=(b"<html>",))),
    ],
)
async def test_only_what_the_route_names_is_tried_again(reason: str, failure: FakeReply | UpstreamError) -> None:
    others = tuple({"ConnectFailure", "RateLimited", "ServerError", "FirstTokenTimeout"} - {reason})
    rule = a_rule("one/gpt")
    case = Case(failure, OK, rule=rule, retry=snap.Retry(on=(reason,)))
    await case.run()
    assert case.asked == ["one", "one"]
    case = Case(failure, OK, rule=rule, retry=snap.Retry(on=others))
    await case.fails()
    assert case.asked == ["one"]


async def test_a_weighted_rule_draws_once_more_among_the_rest() -> None:
    rule = a_rule("one/gpt*1", "two/gpt*1", "three/gpt*1", strategy="Weighted")
    case = Case(fails(500), fails(500), OK, rule=rule, retry=snap.Retry(attempts=0))
    error = await case.fails()
    assert error.status == 502
    assert len(set(case.asked)) == 2
    case = Case(fails(500), fails(500), OK, rule=rule, retry=snap.Retry(attempts=1))
    await case.run()
    assert case.asked[0] == case.asked[1] != case.asked[2]


async def test_the_retry_budget_is_three_or_its_share_of_recent_calls() -> None:
    case = Case(fails(500), rule=a_rule("one/gpt"), retry=snap.Retry(attempts=5, budget_percent=10))
    await case.fails()
    assert len(case.exchange.attempts) == 1 + 3
    await case.fails()
    assert len(case.exchange.attempts) == 1
    case.clock.advance(11)
    await case.fails()
    assert len(case.exchange.attempts) == 1 + 3
    case.clock.advance(11)
    for _ in range(60):
        case.budgets.called("one/gpt", case.clock.monotonic_ns())
    await case.fails()
    assert len(case.exchange.attempts) == 1 + 5


async def test_going_on_draws_on_no_budget() -> None:
    case = Case(fails(500), retry=snap.Retry(attempts=9), timeouts=snap.Timeouts(request_ms=600_000))
    for _ in range(4):
        await case.fails()
    assert case.asked == ["one", "two", "three"]


async def test_retry_after_is_honoured() -> None:
    case = Case(fails(429, retry_after="2"), fails(503, retry_after_ms="1500"), OK)
    await case.run()
    assert case.asked == ["one", "one", "one"]
    assert case.slept == pytest.approx([2.0, 1.5])


async def test_a_long_retry_after_is_honoured_by_asking_another() -> None:
    case = Case(fails(429, retry_after="4"), OK)
    await case.run()
    assert (case.asked, case.slept) == (["one", "two"], [])


async def test_a_long_retry_after_is_waited_for_where_there_is_no_other() -> None:
    case = Case(fails(429, retry_after="4"), OK, rule=a_rule("one/gpt"))
    await case.run()
    assert (case.asked, case.slept) == (["one", "one"], [4.0])


async def test_a_retry_after_beyond_the_deadline_is_passed_on() -> None:
    case = Case(fails(429, retry_after="5"), rule=a_rule("one/gpt"))
    error = await case.fails()
    assert (error.status, error.headers, case.slept) == (429, {"retry-after": "5"}, [])


async def test_one_deadline_is_over_all_attempts() -> None:
    case = Case(fails(500), timeouts=snap.Timeouts(request_ms=50))
    error = await case.fails()
    assert error.status == 502
    assert len(case.exchange.attempts) == 3  # no time to wait for a retry, but to ask the others
    assert all(limits["headers"] <= 0.05 for limits in case.upstream.timeouts)


async def test_a_provider_that_does_not_answer_is_a_504() -> None:
    case = Case(FakeReply(hang_before=-1), rule=a_rule("one/gpt"), timeouts=snap.Timeouts(request_ms=50))
    error = await case.fails()
    assert (error.status, error.code, case.errors) == (504, "upstream_timeout", ["timeout"])
    usage = case.exchange.attempts[0].usage
    assert usage is not None
    assert usage.estimated


@pytest.mark.parametrize("status", [400, 409, 413, 422])
async def test_a_callers_own_mistake_is_passed_on_and_not_taken_elsewhere(status: int) -> None:
    said = {"error": {"message": "bad tool", "type": "invalid_request_error", "param": "tools", "code": "bad_tool"}}
    case = Case(fails(status, said), OK)
    error = await case.fails()
    assert (error.status, error.code, error.message, error.param) == (status, "bad_tool", "bad tool", "tools")
    assert case.asked == ["one"]
    assert case.exchange.attempts[0].cost_nano == 0


async def test_a_refusal_is_not_walked_around() -> None:
    case = Case(fails(403, {"error": {"message": "moderation"}}), OK)
    error = await case.fails()
    assert (error.status, case.asked) == (502, ["one"])


@pytest.mark.parametrize("status", [401, 402])
async def test_credentials_that_a_provider_refuses_are_our_mistake(status: int) -> None:
    case = Case(fails(status, {"error": {"message": "Incorrect API key provided: sk-abc"}}), rule=a_rule("one/gpt"))
    error = await case.fails()
    assert (error.status, error.code) == (502, "upstream_refused")
    assert "sk-abc" not in error.message
    case = Case(fails(status), OK)
    await case.run()
    assert case.asked == ["one", "two"]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"error": null}', b'{"error": "plain words"}', b'{"error": {"code": 5}}']
)
async def test_an_error_in_another_shape_is_an_error_still(body: bytes) -> None:
    case = Case(fails(400, body or b" "), rule=a_rule("one/gpt"))
    error = await case.fails()
    assert error.status == 400
    assert error.message
    assert error.code


async def test_every_attempt_is_paid_for() -> None:
    cut = FakeReply(pieces=(b'{"id":',), error=UpstreamClosed("http://x", reply_started=True))
    case = Case(cut, OK)
    await case.run(text="x" * 400)
    first, second = case.exchange.attempts
    assert first.usage is not None
    assert (first.usage.estimated, first.usage.input, first.usage.output) == (True, 107, 0)
    assert (first.cost_nano, second.cost_nano) == (107_000, 20_000)


async def test_an_answer_without_usage_is_estimated_and_marked() -> None:
    reply = orjson.loads(answer("word " * 20))
    del reply["usage"]
    case = Case(FakeReply(pieces=(orjson.dumps(reply),)))
    await case.run(text="x" * 400)
    usage = case.exchange.usage
    assert usage is not None
    assert (usage.estimated, usage.input, usage.output) == (True, 107, 25)


async def test_a_reported_zero_stays_zero() -> None:
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    case = Case(FakeReply(pieces=(answer(usage=usage),)))
    await case.run()
    assert case.exchange.attempts[0].cost_nano == 0
    assert case.exchange.usage is not None
    assert not case.exchange.usage.estimated


async def test_cached_tokens_are_priced_once() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 80}}
    model = a_model(price=snap.Price(1_000_000_000, 2_000_000_000, 100_000_000))
    providers = [a_provider("one", model), a_provider("two"), a_provider("three")]
    case = Case(FakeReply(pieces=(answer(usage=usage),)), providers=providers)
    await case.run()
    assert case.exchange.attempts[0].cost_nano == 20 * 1000 + 80 * 100 + 10 * 2000


async def test_nobody_eligible_is_a_503_that_says_why_for_each() -> None:
    providers = [
        a_provider("one", a_model(capabilities=("Chat",))),
        a_provider("two", clearance="Public"),
        a_provider("three", a_model(context_window=50)),
    ]
    case = Case(OK, providers=providers)
    error = await case.fails(tools=[{}], text="x" * 400)
    assert (error.status, error.code) == (503, "no_eligible_backend")
    assert error.details == {
        "candidates": {
            "one/gpt": "lacks Tools",
            "two/gpt": "is cleared for Public, the call is Internal",
            "three/gpt": "has a window of 50 tokens, the call needs about 108",
        }
    }
    assert case.upstream.requests == []
