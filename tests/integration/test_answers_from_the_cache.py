"""Answers that are served again: to whom, for what, and what is never served from the cache."""

from typing import Any

import pytest

from support.keys import Keys
from support.resources import Folder
from support.turnout import Answer, Gateway, Provider, question, until

WEATHER: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
REPHRASED = (
    "What is the warranty period of the X200 washing machine?",
    "Can you please tell me what the warranty period of the X200 washing machine is?",
)
NOT_SERVED = {"miss", "bypass"}
"""On a busy machine a look-up may take too long and be passed by: that is no hit either."""


def repeated(house: Gateway, wanted: str, body: dict[str, Any], *, key: str | None = None) -> Answer:
    """The answer to a call that comes from the cache, once what was written before is visible. What misses is not kept."""

    def asked() -> Answer | None:
        answer = house.post(body, key=key, x_turnout_cache="no-store")
        assert answer.status == 200
        return answer if answer.cache == wanted else None

    return until(f"an answer from the cache ({wanted})", asked)


def written(house: Gateway, text: str, *, key: str | None = None) -> Answer:
    """A first answer, which is a miss, and by now in the cache with the vector of its question."""
    first = house.ask("cached", text, key=key)
    assert first.status == 200
    assert first.cache in NOT_SERVED
    repeated(house, "exact", question("cached", text), key=key)
    repeated(house, "semantic", question("cached", f"Hello, {text}"), key=key)
    return first


def judged(house: Gateway, text: str, *, key: str | None = None) -> Answer:
    """The answer to a question that the cache had the time to look at: on a busy machine it may give up, and say so."""

    def asked() -> Answer | None:
        answer = house.ask("cached", text, key=key, headers={"x_turnout_cache": "no-store"})
        assert answer.status == 200
        line = house.line_of(answer.headers["x-turnout-request-id"])
        return None if "cache_reason" in line else answer

    return until(f"a judgement on {text!r}", asked)


def test_the_same_question_again_is_answered_from_the_cache_and_costs_nothing(house: Gateway, alpha: Provider) -> None:
    body = question("cached", "How wide is the track of the Rhaetian Railway?")
    first = house.post(body)
    assert first.cache in NOT_SERVED
    again = repeated(house, "exact", body)
    assert again.text == first.text
    assert again.headers["x-turnout-cost-usd"] == "0"
    assert again.headers["x-turnout-attempts"] == "0"
    assert again.headers["x-turnout-backend"] == "alpha/small"
    asked_before = len(alpha.calls)
    assert house.post(body).cache == "exact"
    assert len(alpha.calls) == asked_before


def test_a_write_is_visible_soon_after(house: Gateway) -> None:
    for number in range(3):
        body = question("cached", f"Visible soon, number {number}, or never?")
        house.post(body)
        # Promised is one second; the rest is for a busy machine.
        until("it is visible", lambda body=body: house.post(body).cache == "exact", 10)  # type: ignore[misc]


def test_a_rephrased_question_is_a_semantic_hit(house: Gateway) -> None:
    first = written(house, REPHRASED[0])
    other = judged(house, REPHRASED[1])
    assert other.cache == "semantic"
    assert other.text == first.text
    assert other.headers["x-turnout-cost-usd"] == "0"
    assert other.headers["x-turnout-backend"] == "alpha/small"


@pytest.mark.parametrize(
    ("asked", "swapped"),
    [
        ("How do I travel from Bonn to Chur by train?", "How do I travel from Chur to Bonn by train?"),
        ("How do I enable two-factor login for my account?", "How do I disable two-factor login for my account?"),
        ("Which trains leave before 10 o'clock from Bonn?", "Which trains leave after 10 o'clock from Bonn?"),
        ("Is the refund for order 4711 on its way to me?", "Is the refund for order 4712 on its way to me?"),
        ("May dogs travel on the night train to Vienna?", "May dogs not travel on the night train to Vienna?"),
    ],
)
def test_a_question_that_means_something_else_is_a_miss(house: Gateway, asked: str, swapped: str) -> None:
    written(house, asked)
    assert judged(house, swapped).cache == "miss"


@pytest.mark.parametrize("again", ["{}", "Tell me, {}"])
def test_another_team_never_sees_the_answer(house: Gateway, alpha: Provider, keys: Keys, again: str) -> None:
    asked = f"what did our team decide about depot {len(again)}?"
    written(house, asked)
    assert judged(house, again.format(asked)).cache in {"exact", "semantic"}
    alpha.forget()
    assert judged(house, again.format(asked), key=keys.other).cache == "miss"
    assert alpha.calls


@pytest.mark.parametrize(
    "more",
    [
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is ballast for?"}]},
        {"max_tokens": 3},
        {"temperature": 0.5},
        {"seed": 7},
        {"response_format": {"type": "json_object"}},
        {"tools": [WEATHER]},
    ],
)
def test_what_can_change_the_answer_is_part_of_the_question(house: Gateway, more: dict[str, Any]) -> None:
    body = question("cached", "What is ballast for?")
    house.post(body)
    repeated(house, "exact", body)
    assert house.post({**body, **more}).cache in NOT_SERVED


def test_no_cache_looks_nowhere_and_no_store_keeps_nothing(house: Gateway) -> None:
    body = question("cached", "Who turns the switch at night?")
    for _ in range(2):
        assert house.post(body, x_turnout_cache="no-store").cache in NOT_SERVED
    written(house, "Who turns the switch at night?")
    assert house.post(body, x_turnout_cache="no-cache").cache == "bypass"
    assert house.post(body).cache == "exact"


def test_without_a_policy_nothing_is_kept(house: Gateway) -> None:
    assert [house.ask("plain", "Is this kept?").cache for _ in range(3)] == ["bypass"] * 3


def test_a_stream_is_kept_and_served_again_as_a_stream_and_whole(house: Gateway) -> None:
    body = question("cached", "Tell me about points and crossings.", stream=True)
    first = house.post(body)
    assert first.cache in NOT_SERVED
    again = repeated(house, "exact", body)
    assert again.headers["content-type"].startswith("text/event-stream")
    assert again.streamed_text == first.streamed_text != ""
    assert again.body.endswith(b"data: [DONE]\n\n")
    assert all(event.get("usage") is None for event in again.events)
    whole = house.post({**body, "stream": False})
    assert (whole.cache, whole.text) == ("exact", first.streamed_text)
    with_usage = house.post({**body, "stream_options": {"include_usage": True}})
    assert with_usage.cache == "exact"
    assert with_usage.events[-1]["usage"]["completion_tokens"] > 0
    assert with_usage.events[-1]["choices"] == []


def test_a_whole_answer_is_served_again_as_a_stream(house: Gateway) -> None:
    body = question("cached", "What is a frog in a railway?")
    first = written(house, "What is a frog in a railway?")
    stream = house.post({**body, "stream": True})
    assert (stream.cache, stream.streamed_text) == ("exact", first.text)


def test_tool_calls_never_come_from_the_cache(house: Gateway) -> None:
    body = question("cached", "Please call weather for Chur.", tools=[WEATHER])
    for _ in range(3):
        answer = house.post(body)
        assert answer.cache in NOT_SERVED
        assert answer.json["choices"][0]["finish_reason"] == "tool_calls"


def test_errors_are_not_kept(house: Gateway, alpha: Provider) -> None:
    body = question("cached", "Will this fail only once?")
    alpha.prescribe("status=500")
    assert house.post(body).status == 502
    assert house.post(body).cache in NOT_SERVED


def test_embeddings_are_kept_exactly_where_a_policy_says_so_or_bypass(house: Gateway) -> None:
    answer = house.post({"model": "embed", "input": "a switch"}, "/v1/embeddings")
    assert answer.cache == "bypass"


def test_the_cache_survives_a_restart_with_its_state(
    start: Any, house_folder: Folder, keys: Keys, tmp_path: Any
) -> None:
    state = ["--state", str(tmp_path / "state")]
    running = start(house_folder, *state, key=keys.app)
    first = written(running, REPHRASED[0])
    running.stop()
    running.start()
    assert repeated(running, "exact", question("cached", REPHRASED[0])).text == first.text
    assert judged(running, REPHRASED[1]).cache == "semantic"


def test_hits_and_what_they_saved_are_counted(house: Gateway) -> None:
    before = house.metric("turnout_cache_lookups_total", route="cached", result="exact")
    saved = house.metric("turnout_cache_saved_usd_total", route="cached")
    answer = written(house, "How are hits counted here?")
    until(
        "the hits are counted",
        lambda: house.metric("turnout_cache_lookups_total", route="cached", result="exact") > before,
    )
    cost = float(answer.headers["x-turnout-cost-usd"])
    assert house.metric("turnout_cache_saved_usd_total", route="cached") >= saved + cost * 0.99
