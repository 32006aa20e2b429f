"""Terms of leadership: a new one is never mistaken for the one before, however quickly it follows."""

import asyncio
import itertools

from leader_rig import Line, until
from turnout_contract.protocol import Build, Have, Hello
from turnout_operator.kube_fake import FakeKube
from turnout_operator.leadership import Leadership
from turnout_operator.lease import Elector
from turnout_operator.publish.publisher import Publisher
from turnout_operator.publish.registry import Peer, Registry
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


class Relay:
    """Hands what the publisher hears on to the leadership, as the operator does."""

    def __init__(self) -> None:
        self.leadership: Leadership | None = None

    def changed(self, namespace: str) -> None:
        del namespace

    def exchanged(self, what: str, namespace: str, version: str) -> None:
        del what, namespace, version

    def higher_epoch(self, seen: int) -> None:
        assert self.leadership is not None
        self.leadership.heard_of(seen)


async def test_gateways_that_have_seen_different_epochs_are_all_led_in_the_end() -> None:
    """The epochs of leaders whose clocks were ahead: the second is heard while the first one is being raised above."""
    candidate, relay = elector(FakeKube(), Clock()), Relay()
    publisher = Publisher(
        Registry(disconnected_after=30, forget_after=900),
        epoch=lambda: candidate.epoch,
        monotonic=lambda: 0.0,
        nonces=lambda: "n",
        observer=relay,
    )
    relay.leadership = Leadership(
        candidate, retry=2.0, on_epoch=lambda _epoch: publisher.epoch_changed(), on_stop=publisher.stop
    )
    candidate.step()
    relay.leadership.notice()
    publisher.want("team", version="v1", text="{}", secrets=frozenset(), sources=frozenset())
    lines = [Line(), Line(), Line()]
    for number, line in enumerate(lines):
        attached = publisher.attach(Peer("team", f"pod-{number}", f"uid-{number}"), line)
        have = Have(epoch=(candidate.epoch or 0) + 1000 * (number + 1))
        publisher.received(attached, Hello(have=have, secrets=(), build=Build()))
    await until("every gateway is sent what is wanted", lambda: all(line.sent for line in lines), 5)
