"""The work queue: debounce, one at a time, backoff."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_operator.queue import MOST_BACKOFF, DebounceQueue


def queue() -> DebounceQueue:
    return DebounceQueue(quiet=0.1, most=1.0)


def keys(of: DebounceQueue, now: float) -> list[str]:
    return [work.key for work in of.take(now)]


def test_a_namespace_is_due_once_it_was_quiet() -> None:
    waiting = queue()
    waiting.mark("a", 0.0)
    waiting.mark("a", 0.05)
    assert keys(waiting, 0.1) == []
    assert waiting.next_at() == pytest.approx(0.15)
    assert keys(waiting, 0.16) == ["a"]


def test_a_stream_of_changes_still_gets_out() -> None:
    waiting = queue()
    for step in range(20):
        waiting.mark("a", step * 0.05)
    assert keys(waiting, 0.99) == []
    assert keys(waiting, 1.0) == ["a"]


def test_a_change_during_the_work_comes_back_afterwards_and_not_before() -> None:
    waiting = queue()
    waiting.mark("a", 0.0)
    assert keys(waiting, 0.2) == ["a"]
    waiting.mark("a", 0.3)
    assert keys(waiting, 5.0) == []
    assert waiting.next_at() is None
    waiting.done("a", 5.0)
    assert keys(waiting, 5.0) == ["a"]


def test_work_that_failed_comes_back_later_each_time() -> None:
    waiting = queue()
    waiting.mark("a", 0.0)
    now, delays = 0.2, []
    for _ in range(30):
        assert keys(waiting, now) == ["a"]
        waiting.done("a", now, failed=True)
        due = waiting.next_at()
        assert due is not None
        delays.append(due - now)
        now = due
    assert delays[10:16] == sorted(delays[10:16])
    assert delays[-1] == pytest.approx(MOST_BACKOFF)
    assert keys(waiting, now) == ["a"]
    waiting.done("a", now)
    assert waiting.idle


def test_the_oldest_change_is_worked_on_first() -> None:
    waiting = queue()
    waiting.mark("b", 0.0)
    waiting.mark("a", 0.01)
    assert [(work.key, work.since) for work in waiting.take(1.0)] == [("b", 0.0), ("a", 0.01)]


def test_what_is_forgotten_is_not_worked_on() -> None:
    waiting = queue()
    waiting.mark("a", 0.0)
    waiting.mark("b", 0.0)
    waiting.take(0.5)
    waiting.mark("b", 0.6)
    waiting.forget()
    waiting.done("a", 1.0)
    waiting.done("b", 1.0)
    assert waiting.idle


@given(st.lists(st.tuples(st.sampled_from("mtdf"), st.sampled_from("abc")), max_size=60))
def test_no_change_is_ever_lost_and_nothing_is_worked_on_twice_at_a_time(steps: list[tuple[str, str]]) -> None:
    waiting, now = queue(), 0.0
    dirty: set[str] = set()
    working: set[str] = set()
    for what, key in steps:
        now += 0.03
        if what == "m":
            waiting.mark(key, now)
            dirty.add(key)
        elif what == "t":
            taken = set(keys(waiting, now))
            assert not taken & working
            assert taken <= dirty
            dirty -= taken
            working |= taken
        elif key in working:
            waiting.done(key, now, failed=what == "f")
            working.discard(key)
            if what == "f":
                dirty.add(key)
    for key in list(working):
        waiting.done(key, now)
    assert set(keys(waiting, now + 2 * MOST_BACKOFF)) == dirty
