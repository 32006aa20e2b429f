"""Terms of leadership: a new one is never mistaken for the one before, however quickly it follows."""

import asyncio
import itertools

from turnout_operator.kube_fake import FakeKube
from turnout_operator.leadership import Leadership
from turnout_operator.lease import Elector
from turnout_operator.settings import LeaseTimings


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def elector(kube: FakeKube, clock: Clock, identity: str = "a") -> Elector:
    numbers = itertools.count(1_000_000)
    return Elector(
        kube,
        namespace="turnout-system",
        name="turnout-operator",
        identity=identity,
        timings=LeaseTimings(),
        monotonic=clock,
        wall_ms=lambda: next(numbers),
    )


def watched(candidate: Elector) -> tuple[Leadership, list[str]]:
    told: list[str] = []
    leadership = Leadership(
        candidate, retry=2.0, on_epoch=lambda _epoch: told.append("leads"), on_stop=lambda: told.append("ends")
    )
    return leadership, told


async def test_a_term_that_ran_out_unnoticed_ends_before_the_next_begins() -> None:
    kube, clock = FakeKube(), Clock()
    first, second = elector(kube, clock), elector(kube, clock, "b")
    leadership, told = watched(first)
    first.step()
    leadership.notice()
    clock.now += 60  # the process was stopped; another led meanwhile, and gave up
    second.step()
    clock.now += 60
    second.step()
    assert second.leading
    second.release()
    first.step()
    first.step()
    leadership.notice()
    assert told == ["leads", "ends", "leads"]


async def test_a_raised_epoch_is_the_same_term() -> None:
    kube, clock = FakeKube(), Clock()
    candidate = elector(kube, clock)
    leadership, told = watched(candidate)
    candidate.step()
    leadership.notice()
    await leadership.raise_above((candidate.epoch or 0) + 500)
    clock.now += 2
    candidate.step()
    leadership.notice()
    assert told == ["leads", "leads"]
    await asyncio.sleep(0)


async def test_a_term_that_ran_out_while_it_was_renewed_is_begun_anew() -> None:
    kube, clock = FakeKube(), Clock()
    candidate = elector(kube, clock)
    leadership, told = watched(candidate)
    candidate.step()
    leadership.notice()

    def slow(method: str, _path: str) -> None:
        if method == "PUT":
            clock.now += 9  # the answer comes after the deadline of the term that it was to prolong

    clock.now += 5
    kube.fault = slow
    candidate.step()
    leadership.notice()
    assert told in (["leads", "ends", "leads"], ["leads", "ends"])
