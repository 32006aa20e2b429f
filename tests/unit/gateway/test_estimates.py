"""What is guessed where nobody says, and how what backends report makes the guess better."""

from typing import Any

import orjson
import pytest

from doubles.cached_calls import a_call, a_runtime
from gateway_rig import DONE, EVENTS, a_gateway, a_snapshot, answer, call, chat, delta
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.endpoints import COUNT_TOKENS
from turnout_sidecar.estimates import FAMILIAR, MOST, Estimates
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.sizes import input_tokens

TEXT = "Which of these trains can still reach the harbour before noon? " * 40


def asked(text: str = TEXT, **members: Any) -> Exchange:
    body = {"model": "assistant", "messages": [{"role": "user", "content": text}], **members}
    return a_call(a_runtime(), body)


def taught(factor: float, calls: int = 100, **members: Any) -> tuple[Estimates, Exchange]:
    """Estimates for a backend that counts so many times what the rule of thumb says."""
    estimates, exchange = Estimates(), asked(**members)
    told = Usage(input=round(input_tokens(exchange) * factor), output=round(200 * factor))
    for _ in range(calls):
        estimates.learn("one/gpt", exchange, told, lambda: 200)
    return estimates, exchange


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.9])
def test_a_backend_that_reports_teaches_what_the_rule_is_off_by(factor: float) -> None:
    estimates, exchange = taught(factor)
    guess = estimates.complete("one/gpt", None, exchange, 100)
    assert guess.estimated
    assert guess.input == pytest.approx(input_tokens(exchange) * factor, rel=0.05)
    assert guess.output == pytest.approx(100 * factor, rel=0.05)


def test_a_backend_that_never_reported_is_guessed_by_the_rule() -> None:
    estimates, exchange = taught(1.9)
    guess = estimates.complete("two/llama", None, exchange, 100)
    assert guess == Usage(input=input_tokens(exchange), output=100, estimated=True)


def test_what_was_reported_is_never_changed() -> None:
    estimates, exchange = taught(1.9)
    whole = Usage(input=3, output=0)
    assert estimates.complete("one/gpt", whole, exchange, 100) is whole
    half = estimates.complete("one/gpt", Usage(input=3, cached_input=2), exchange, 100)
    assert (half.input, half.cached_input, half.estimated) == (3, 2, True)


def test_a_guess_is_no_less_than_its_parts_that_were_reported() -> None:
    estimates, exchange = taught(0.6)
    guess = estimates.complete("one/gpt", Usage(cached_input=90_000, cache_write_5m=1000), exchange, 100)
    assert guess.input == 91_000


def test_pictures_and_hidden_prompts_teach_nothing() -> None:
    exchange = asked()
    for needs, told in ((frozenset({"Chat", "Vision"}), 2.0), (frozenset({"Chat"}), 50.0)):
        estimates = Estimates()
        exchange.needs = needs
        for _ in range(50):
            estimates.learn("one/gpt", exchange, Usage(input=round(input_tokens(exchange) * told), output=9), lambda: 9)
        assert estimates.input("one/gpt", exchange) == input_tokens(exchange)


def test_thoughts_that_are_not_shown_are_not_counted_as_text() -> None:
    estimates, exchange = Estimates(), asked()
    for _ in range(100):
        estimates.learn("one/gpt", exchange, Usage(input=600, output=500, reasoning=300), lambda: 200)
    assert estimates.complete("one/gpt", None, exchange, 100).output == 100


def test_streams_have_a_scale_of_their_own() -> None:
    estimates, exchange = taught(1.9)
    exchange.stream = True
    assert estimates.complete("one/gpt", None, exchange, 100).output == 100


def test_of_a_stream_that_was_left_early_counts_are_not_the_whole() -> None:
    estimates, exchange = Estimates(), asked(stream=True)
    guess = estimates.so_far("one/gpt", Usage(input=7, output=1), exchange, 40)
    assert (guess.input, guess.output, guess.estimated) == (7, 40, True)


def test_a_backend_that_is_known_is_asked_now_and_then() -> None:
    estimates, exchange = taught(1.0, calls=FAMILIAR)
    counted: list[int] = []

    def made() -> int:
        counted.append(1)
        return 200

    for _ in range(160):
        estimates.learn("one/gpt", exchange, Usage(input=600, output=200), made)
    assert len(counted) == 10


def test_what_is_remembered_is_bounded() -> None:
    estimates, exchange = Estimates(), asked()
    for number in range(MOST + 10):
        estimates.learn(f"one/{number}", exchange, Usage(input=600, output=200), lambda: 200)
    assert len(estimates._known) == MOST


async def test_calls_through_the_gateway_teach_streams_and_counts() -> None:
    text = "word " * 400
    told = {"prompt_tokens": 800, "completion_tokens": 40, "total_tokens": 840}
    replies = [FakeReply(pieces=(answer("Hi. " * 20, usage=told),)) for _ in range(30)]
    upstream = FakeUpstream(
        [*replies, FakeReply(pieces=(delta(), delta("Hi."), delta(finish="stop"), DONE), headers=EVENTS)]
    )
    telemetry = FakeTelemetry()
    async with a_gateway(a_snapshot(), upstream=upstream, telemetry=telemetry) as gateway:
        for _ in replies:
            await call(gateway, chat(text=text))
        await call(gateway, chat(text=text, stream=True))
        count = await call(gateway, {**chat(text=text), "max_tokens": 9}, COUNT_TOKENS.path)
    usage = telemetry.ended[-2].usage
    assert usage is not None
    assert usage.estimated
    assert usage.input == pytest.approx(800, rel=0.1)
    assert orjson.loads(count.body)["input_tokens"] == pytest.approx(800, rel=0.1)
    assert count.headers["x-turnout-estimated"] == "true"
