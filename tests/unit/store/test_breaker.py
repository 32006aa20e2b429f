"""The breaker, with a clock that the test moves."""

from turnout_sidecar.adapters.breaker import Breaker
from turnout_sidecar.ports.clock import FakeClock


def opened(clock: FakeClock) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(5):
        assert breaker.admit()
        breaker.failed()
    return breaker


def test_it_opens_after_five_failures_in_a_row() -> None:
    breaker = Breaker(FakeClock())
    for _ in range(4):
        breaker.failed()
    assert breaker.state == "closed"
    breaker.succeeded()
    for _ in range(4):
        breaker.failed()
    assert breaker.admit()
    breaker.failed()
    assert (breaker.state, breaker.openings) == ("open", 1)
    assert not breaker.admit()


def test_it_lets_one_probe_pass_after_ten_seconds() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.advance(9.9)
    assert not breaker.admit()
    clock.advance(0.2)
    assert breaker.state == "half-open"
    assert breaker.admit()
    assert not breaker.admit()


def test_a_good_probe_closes_it() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.advance(10)
    assert breaker.admit()
    breaker.succeeded()
    assert breaker.state == "closed"
    assert breaker.admit()
    assert breaker.admit()


def test_a_bad_probe_opens_it_for_another_pause() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.advance(10)
    assert breaker.admit()
    breaker.failed()
    assert (breaker.state, breaker.openings) == ("open", 2)
    clock.advance(9.9)
    assert not breaker.admit()
    clock.advance(0.2)
    assert breaker.admit()


def test_a_probe_whose_asker_left_makes_room_for_another() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.advance(10)
    assert breaker.admit()
    breaker.abandoned()
    assert breaker.state == "half-open"
    assert breaker.admit()


def test_failures_of_those_admitted_before_it_opened_do_not_prolong_the_pause() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.advance(5)
    breaker.failed()
    clock.advance(5)
    assert breaker.admit()
