"""One gateway's conversation: by example, and by a machine that says whatever a gateway might say."""

import itertools

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from turnout_contract.protocol import Ack, Build, Have, Hello, Nack, NackError, Push, Synced
from turnout_operator.publish.session import (
    ACK_SECONDS,
    CLOSE_NO_ACK,
    CLOSE_PROTOCOL,
    GIVE_UP_SECONDS,
    Action,
    Close,
    RaiseEpoch,
    Send,
    Session,
    Wanted,
)


def wanted(version: str, *secrets: str, revision: int = 1) -> Wanted:
    return Wanted(version, f"text of {version}", frozenset(secrets), frozenset(), revision)


def hello(version: str = "", *secrets: str, epoch: int = 0) -> Hello:
    return Hello(have=Have(version=version, epoch=epoch), secrets=secrets, build=Build())


def session() -> Session:
    counter = itertools.count()
    return Session(nonces=lambda: f"n{next(counter)}")


def missing(talk: Session) -> list[str]:
    return list(talk.missing or ())


def push(actions: list[Action]) -> Push:
    (action,) = actions
    assert isinstance(action, Send)
    assert isinstance(action.message, Push)
    return action.message


def synced(actions: list[Action]) -> Synced:
    (action,) = actions
    assert isinstance(action, Send)
    assert isinstance(action.message, Synced)
    return action.message


def test_what_is_wanted_is_pushed_once_the_gateway_has_greeted() -> None:
    talk = session()
    assert talk.want(wanted("v1"), 7, 0) == []
    sent = push(talk.hello(hello(), 0))
    assert (sent.version, sent.epoch, sent.snapshot) == ("v1", 7, "text of v1")
    assert talk.state == "STALE"
    assert synced(talk.ack(Ack(nonce=sent.nonce, version="v1"), 1)).version == "v1"
    assert (talk.state, talk.running) == ("SYNCED", "v1")


def test_a_gateway_that_has_it_already_is_only_told_so() -> None:
    talk = session()
    talk.want(wanted("v1"), 7, 0)
    assert synced(talk.hello(hello("v1", epoch=3), 0)) == Synced(epoch=7, version="v1")
    assert talk.state == "SYNCED"
    assert talk.want(wanted("v1"), 7, 1) == []


def test_a_new_epoch_is_told_without_a_push() -> None:
    talk = session()
    talk.want(wanted("v1"), 7, 0)
    talk.hello(hello("v1"), 0)
    assert synced(talk.want(wanted("v1"), 8, 1)) == Synced(epoch=8, version="v1")


def test_newer_states_coalesce_while_a_push_is_in_flight() -> None:
    talk = session()
    talk.want(wanted("v1"), 7, 0)
    first = push(talk.hello(hello(), 0))
    assert talk.want(wanted("v2", revision=2), 7, 0) == []
    assert talk.want(wanted("v3", revision=3), 7, 0) == []
    assert push(talk.ack(Ack(nonce=first.nonce, version="v1"), 1)).version == "v3"


def test_a_refused_version_is_not_sent_again_and_the_next_one_is() -> None:
    talk = session()
    talk.want(wanted("v1"), 7, 0)
    sent = push(talk.hello(hello("v0"), 0))
    errors = (NackError(ref="ModelRoute/a", path="spec", message="no"),)
    assert talk.nack(Nack(nonce=sent.nonce, using="v0", errors=errors), 1) == []
    assert (talk.state, talk.errors, talk.running) == ("NACKED", errors, "v0")
    assert talk.want(wanted("v1"), 7, 2) == []
    assert push(talk.want(wanted("v2", revision=2), 7, 3)).version == "v2"


def test_a_version_waits_for_gateways_that_have_mounted_its_secrets() -> None:
    talk = session()
    talk.want(wanted("v1", "a", "b"), 7, 0)
    assert talk.hello(hello("v0", "a"), 0) == []
    assert talk.not_mounted == ("b",)
    assert push(talk.want(wanted("v2", "a", revision=2), 7, 1)).version == "v2"


def test_a_higher_epoch_than_ours_is_asked_for_and_nothing_is_pushed_under_a_lower_one() -> None:
    talk = session()
    talk.want(wanted("v1"), 7, 0)
    assert talk.hello(hello(epoch=9), 0) == [RaiseEpoch(9)]
    assert talk.want(wanted("v1"), 7, 1) == []
    assert talk.want(wanted("v1"), 8, 1) == [RaiseEpoch(9)]
    assert push(talk.want(wanted("v1"), 10, 2)).epoch == 10


def test_a_push_refused_as_stale_is_sent_again_above() -> None:
    talk = session()
    talk.want(wanted("v1"), 7, 0)
    sent = push(talk.hello(hello(), 0))
    stale = Nack(nonce=sent.nonce, using="", epoch=9, reason="StaleEpoch")
    assert talk.nack(stale, 1) == [RaiseEpoch(9)]
    assert push(talk.want(wanted("v1"), 10, 2)).version == "v1"
    assert talk.errors == ()


def test_a_late_acknowledgement_is_stale_and_no_acknowledgement_ends_the_connection() -> None:
    talk = session()
    talk.want(wanted("v1"), 7, 0)
    sent = push(talk.hello(hello(), 0))
    assert talk.waiting(ACK_SECONDS - 1)
    assert not talk.waiting(ACK_SECONDS)
    assert talk.tick(GIVE_UP_SECONDS - 1) == []
    assert talk.tick(GIVE_UP_SECONDS) == [Close(CLOSE_NO_ACK, "no ack")]
    talk.ack(Ack(nonce=sent.nonce, version="v1"), GIVE_UP_SECONDS)
    assert talk.tick(10 * GIVE_UP_SECONDS) == []


def test_missing_files_are_taken_from_the_push_and_from_later_reports() -> None:
    talk = session()
    talk.want(wanted("v1"), 7, 0)
    sent = push(talk.hello(hello(), 0))
    talk.ack(Ack(nonce=sent.nonce, version="v1", missing=("a/k",)), 1)
    assert missing(talk) == ["a/k"]
    talk.ack(Ack(nonce="", version="v1", missing=()), 2)
    assert missing(talk) == []
    talk.ack(Ack(nonce="", version="elsewhere", missing=("b/k",)), 3)
    assert missing(talk) == []


def test_whoever_does_not_keep_to_the_protocol_is_cut_off() -> None:
    early = session()
    assert early.ack(Ack(nonce="", version=""), 0) == [Close(CLOSE_PROTOCOL, "an ack before the hello")]
    assert early.nack(Nack(nonce="", using=""), 0) == [Close(CLOSE_PROTOCOL, "a nack before the hello")]
    twice = session()
    twice.hello(hello(), 0)
    assert twice.hello(hello(), 0) == [Close(CLOSE_PROTOCOL, "a second hello")]
    other = session()
    other.want(wanted("v1"), 7, 0)
    sent = push(other.hello(hello(), 0))
    assert isinstance(other.ack(Ack(nonce=sent.nonce, version="v9"), 1)[0], Close)


SECRETS = ("a", "b")
VERSIONS = ("v1", "v2", "v3", "v4")


class AnyGateway(RuleBasedStateMachine):
    """A gateway that answers as it likes, and an operator that wants what it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.talk = session()
        self.now = 0.0
        self.epoch = 5
        self.seen = 0
        self.running = ""
        self.mounted: frozenset[str] = frozenset()
        self.in_flight: Push | None = None
        self.refused: set[str] = set()
        self.closed = False
        self.wanted: Wanted | None = None
        self.greeted = False

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Close):
                self.closed = True
            elif isinstance(action, RaiseEpoch):
                assert action.seen > self.epoch
            elif isinstance(action.message, Synced):
                assert action.message.version == self.running
                assert action.message.epoch >= self.seen
            else:
                self.check(action.message)

    def check(self, message: Push) -> None:
        assert self.in_flight is None, "two pushes in flight"
        assert self.greeted
        assert self.wanted is not None
        assert message.version == self.wanted.version, "an old state was pushed"
        assert message.version != self.running, "an equal version was pushed"
        assert message.version not in self.refused, "a refused version was pushed"
        assert self.wanted.secrets <= self.mounted, "a version was pushed before its secrets"
        assert message.epoch >= self.seen, "a push under an epoch of the past"
        self.in_flight = message

    @initialize(
        version=st.sampled_from(("", *VERSIONS)), epoch=st.integers(0, 9), mounted=st.sets(st.sampled_from(SECRETS))
    )
    def begin(self, version: str, epoch: int, mounted: set[str]) -> None:
        self.start = (version, epoch, frozenset(mounted))

    @precondition(lambda self: not self.greeted)
    @rule()
    def greet(self) -> None:
        self.running, self.seen, self.mounted = self.start
        self.greeted = True
        self.take(self.talk.hello(hello(self.running, *self.mounted, epoch=self.seen), self.now))

    @rule(version=st.sampled_from(VERSIONS), secrets=st.sets(st.sampled_from(SECRETS)))
    def want(self, version: str, secrets: set[str]) -> None:
        self.wanted = wanted(version, *secrets)
        self.take(self.talk.want(self.wanted, self.epoch, self.now))

    @precondition(lambda self: self.wanted is not None)
    @rule(more=st.integers(1, 5))
    def raise_epoch(self, more: int) -> None:
        assert self.wanted is not None
        self.epoch = max(self.epoch, self.seen) + more
        self.take(self.talk.want(self.wanted, self.epoch, self.now))

    @precondition(lambda self: self.in_flight is not None)
    @rule(missing=st.sets(st.sampled_from(("a/k", "b/k"))))
    def acknowledge(self, missing: set[str]) -> None:
        assert self.in_flight is not None
        flying, self.in_flight = self.in_flight, None
        self.running, self.seen = flying.version, max(self.seen, flying.epoch)
        self.take(self.talk.ack(Ack(flying.nonce, flying.version, tuple(sorted(missing))), self.now))
        assert self.talk.missing == tuple(sorted(missing))

    @precondition(lambda self: self.in_flight is not None)
    @rule()
    def refuse(self) -> None:
        assert self.in_flight is not None
        flying, self.in_flight = self.in_flight, None
        self.refused.add(flying.version)
        self.take(self.talk.nack(Nack(nonce=flying.nonce, using=self.running), self.now))

    @precondition(lambda self: self.in_flight is not None)
    @rule(more=st.integers(1, 5))
    def say_stale(self, more: int) -> None:
        assert self.in_flight is not None
        flying, self.in_flight = self.in_flight, None
        self.seen = max(self.seen, flying.epoch) + more
        said = Nack(nonce=flying.nonce, using=self.running, epoch=self.seen, reason="StaleEpoch")
        self.take(self.talk.nack(said, self.now))

    @precondition(lambda self: self.greeted)
    @rule(nonce=st.sampled_from(("", "n0", "n1", "other")))
    def say_something_old(self, nonce: str) -> None:
        if self.in_flight is None or nonce != self.in_flight.nonce:
            self.take(self.talk.ack(Ack(nonce=nonce, version=self.running), self.now))

    @rule(seconds=st.floats(0.1, 20))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.take(self.talk.tick(self.now))

    @invariant()
    def what_is_said_of_the_gateway_is_true(self) -> None:
        if self.greeted:
            assert self.talk.running == self.running
            if self.wanted is not None:
                assert (self.talk.state == "SYNCED") == (self.running == self.wanted.version)

    @invariant()
    def nothing_is_left_undone(self) -> None:
        """Where something can be pushed, it is in flight."""
        if self.wanted is None or not self.greeted or self.epoch < self.seen:
            return
        if self.wanted.version in self.refused or not self.wanted.secrets <= self.mounted:
            return
        assert self.in_flight is not None or self.running == self.wanted.version


AnyGateway.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyGateway = AnyGateway.TestCase
