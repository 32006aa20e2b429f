"""What one gateway says: an epoch that is asked about until it is reached, and words that are kept only so far."""

from turnout_contract.protocol import Build, Have, Hello, Nack, NackError, Push
from turnout_operator.publish.session import RaiseEpoch, Send, Session, Wanted

WANTED = Wanted("v2", "{}", frozenset(), frozenset(), 1)


def greeted(epoch: int = 0, version: str = "v1") -> Session:
    session = Session(nonces=lambda: "n")
    session.hello(Hello(have=Have(version=version, epoch=epoch), secrets=(), build=Build()), 0.0)
    return session


def test_a_leader_that_went_above_another_gateways_epoch_hears_of_a_higher_one_again() -> None:
    session = greeted(epoch=200)
    assert session.want(WANTED, 50, 0.0) == [RaiseEpoch(200)]
    assert session.want(WANTED, 50, 1.0) == []
    assert session.want(WANTED, 101, 2.0) == [RaiseEpoch(200)]  # raised above 100, which another gateway had seen
    (action,) = session.want(WANTED, 201, 3.0)
    assert isinstance(action, Send)
    assert isinstance(action.message, Push)


def test_what_a_gateway_says_of_its_refusal_is_kept_only_so_far() -> None:
    session = greeted()
    session.want(WANTED, 1, 0.0)
    error = NackError("r" * 10_000, "p" * 10_000, "m" * 1_000_000)
    session.nack(Nack(nonce="n", using="v1", errors=(error,) * 10_000), 0.0)
    assert session.state == "NACKED"
    assert sum(len(e.ref) + len(e.path) + len(e.message) for e in session.errors) < 100_000


def test_a_version_that_is_none_is_taken_for_no_version() -> None:
    assert greeted(version="x" * 65).running == ""
    session = greeted()
    session.want(WANTED, 1, 0.0)
    session.nack(Nack(nonce="n", using="x" * 100_000), 0.0)
    assert session.running == ""
