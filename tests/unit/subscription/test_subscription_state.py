"""The gateway's side of the protocol, message by message."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.operator_server import push
from turnout_contract import canonical
from turnout_contract.protocol import Ack, Build, Credentials, Have, Nack, NackError, Push, Synced
from turnout_sidecar.last_good import Kept
from turnout_sidecar.subscription_state import Action, Apply, Give, Redial, Save, Send, SubscriptionState

BUILD = Build(version="0.1.0", pod="gw-0")


def digest(text: str) -> str:
    return canonical.digest(text.encode())


def connected() -> SubscriptionState:
    state = SubscriptionState(BUILD)
    state.dialled(())
    return state


def run(state: SubscriptionState, message: Push, missing: tuple[str, ...] = ()) -> list[Action]:
    (done,) = state.received(message)
    assert isinstance(done, Apply)
    return state.applied(done, missing)


def test_the_hello_says_what_runs_and_the_highest_epoch() -> None:
    state = SubscriptionState(BUILD)
    assert state.dialled(("a",)).have == Have("", 0, 0)

    state.seen(12)
    state.started(Kept(9, 4, "v", b""), ())
    hello = state.dialled(("a", "b"))

    assert (hello.have, hello.secrets, hello.build) == (Have("v", 12, 4), ("a", "b"), BUILD)


def test_a_push_is_applied_kept_and_acknowledged() -> None:
    state = connected()

    assert run(state, push("{}", epoch=7, revision=3), ("openai/key",)) == [
        Save(Kept(7, 3, digest("{}"), b"{}")),
        Send(Ack("n1", digest("{}"), ("openai/key",))),
    ]
    assert state.confirmed
    assert state.dialled(()).have == Have(digest("{}"), 7, 3)


def test_a_lower_epoch_is_refused_with_the_highest_that_was_seen() -> None:
    state = connected()
    run(state, push("{}", epoch=7))

    assert state.received(push('{"stale":1}', nonce="n2", epoch=6)) == [
        Send(Nack("n2", digest("{}"), epoch=7, reason="StaleEpoch"))
    ]
    assert state.received(Synced(6, digest("{}"))) == [Send(Nack("", digest("{}"), epoch=7, reason="StaleEpoch"))]
    assert state.version == digest("{}")


def test_an_epoch_that_was_only_kept_on_disk_counts() -> None:
    state = SubscriptionState(BUILD)
    state.seen(100)
    state.dialled(())

    assert isinstance(state.received(push("{}", epoch=99))[0], Send)
    assert isinstance(state.received(push("{}", epoch=100))[0], Apply)


def test_a_version_that_is_not_the_digest_is_refused_and_does_not_raise_the_epoch() -> None:
    state = connected()

    (answer,) = state.received(push("{}", epoch=9, version="ab" * 32))

    assert isinstance(answer, Send)
    assert isinstance(answer.message, Nack)
    assert (answer.message.reason, answer.message.errors[0].path) == ("Invalid", "version")
    assert state.epoch == 0


def test_a_push_that_cannot_be_built_changes_nothing_but_the_epoch() -> None:
    state = connected()
    run(state, push("{}", epoch=7))
    bad = push('{"bad":1}', nonce="n2", epoch=8)
    (wanted,) = state.received(bad)
    assert isinstance(wanted, Apply)
    errors = (NackError("ModelRoute/a", "spec", "no"),)

    assert state.refused(bad, errors) == [
        Save(Kept(8, 1, digest("{}"), b"{}")),
        Send(Nack("n2", digest("{}"), errors, epoch=8)),
    ]
    assert not state.confirmed


def test_what_runs_is_acknowledged_and_not_built_again() -> None:
    state = connected()
    run(state, push("{}", epoch=7), ("a/b",))

    assert state.received(push("{}", nonce="n2", epoch=8, revision=5)) == [
        Save(Kept(8, 5, digest("{}"), b"{}")),
        Send(Ack("n2", digest("{}"), ("a/b",))),
    ]


def test_synced_raises_the_epoch_and_tells_a_new_operator_what_is_missing() -> None:
    state = SubscriptionState(BUILD)
    state.started(Kept(7, 3, "v", b"{}"), ("a/b",))
    state.dialled(())

    assert state.received(Synced(8, "v")) == [Save(Kept(8, 3, "v", b"{}")), Send(Ack("", "v", ("a/b",)))]
    assert state.received(Synced(8, "v")) == []
    assert state.received(Synced(9, "v")) == [Save(Kept(9, 3, "v", b"{}"))]


def test_synced_to_another_version_begins_anew() -> None:
    state = connected()
    run(state, push("{}"))

    assert isinstance(state.received(Synced(7, "another"))[0], Redial)


def test_other_missing_files_are_told_once_and_only_to_who_knows_what_runs() -> None:
    state = connected()
    assert state.missing_changed(("a/b",)) == []
    run(state, push("{}"), ("a/b",))

    assert state.missing_changed(("a/b",)) == []
    assert state.missing_changed(()) == [Send(Ack("", digest("{}"), ()))]
    assert state.missing_changed(()) == []
    state.lost()
    assert state.missing_changed(("a/b",)) == []
    state.dialled(())
    assert state.received(Synced(7, digest("{}"))) == [Send(Ack("", digest("{}"), ("a/b",)))]


def test_a_lost_connection_leaves_everything_but_the_confirmation() -> None:
    state = connected()
    run(state, push("{}"))
    state.lost()

    assert (state.version, state.epoch, state.confirmed) == (digest("{}"), 7, False)


def test_credentials_are_handed_on() -> None:
    credentials = Credentials("http://q", "CANARY", "c", 1)

    assert connected().received(credentials) == [Give(credentials)]


@pytest.mark.parametrize("text", ["", "{}", "ä\u2028\U0001f600", "x" * 100_000])
def test_any_text_is_checked_by_its_utf8_bytes(text: str) -> None:
    assert isinstance(connected().received(push(text, version=digest(text)))[0], Apply)


MESSAGES = st.lists(
    st.one_of(
        st.builds(push, st.sampled_from(["a", "b", "c"]), epoch=st.integers(0, 5), nonce=st.sampled_from(["x", "y"])),
        st.builds(Synced, st.integers(0, 5), st.sampled_from([digest("a"), digest("b")])),
        st.builds(push, st.just("a"), version=st.just("wrong"), epoch=st.integers(0, 5)),
    ),
    max_size=40,
)


@given(MESSAGES, st.data())
def test_in_any_conversation_the_epoch_never_falls_and_each_push_has_one_answer(
    messages: list[Push | Synced], data: st.DataObject
) -> None:
    state = connected()
    running, epoch = "", 0
    for message in messages:
        actions = state.received(message)
        for action in list(actions):
            if isinstance(action, Apply):
                assert message.epoch >= epoch
                assert canonical.digest(action.data) != running
                good = data.draw(st.booleans())
                actions = state.applied(action, ()) if good else state.refused(action.push, ())
                running = state.version
        answers = [action.message for action in actions if isinstance(action, Send)]
        if isinstance(message, Push):
            assert [answer.nonce for answer in answers] == [message.nonce]
        saved = [action.kept for action in actions if isinstance(action, Save)]
        assert all(kept.version == state.version and kept.epoch == state.epoch for kept in saved)
        assert state.epoch >= epoch
        assert state.version == running
        epoch = state.epoch


def test_the_operator_hears_of_models_that_do_not_exist_with_the_acknowledgement_and_when_that_changes() -> None:
    state = connected()
    state.absent_changed({"openai": ("gtp",)})
    version = digest("{}")
    assert run(state, push("{}"))[-1] == Send(Ack("n1", version, absent={"openai": ("gtp",)}))
    assert state.absent_changed({"openai": ("gtp",)}) == []
    assert state.absent_changed({}) == [Send(Ack("", version))]
    assert state.missing_changed(("a/b",)) == [Send(Ack("", version, ("a/b",)))]


def test_another_operator_is_told_what_does_not_exist_once_it_has_confirmed_what_runs() -> None:
    state = connected()
    run(state, push("{}"))
    state.lost()
    assert state.absent_changed({"openai": ("gtp",)}) == []
    state.dialled(())
    said = Send(Ack("", digest("{}"), absent={"openai": ("gtp",)}))
    assert state.received(Synced(epoch=7, version=digest("{}"))) == [said]


def test_an_operator_of_an_older_build_reads_the_acknowledgement_all_the_same() -> None:
    class OlderAck(msgspec.Struct, frozen=True, tag="ack", tag_field="type"):
        nonce: str
        version: str
        missing: tuple[str, ...] = ()

    text = msgspec.json.encode(Ack("", "v", ("a/b",), {"openai": ("gtp",)}))
    assert msgspec.json.decode(text, type=OlderAck) == OlderAck("", "v", ("a/b",))
    assert msgspec.json.decode(msgspec.json.encode(OlderAck("", "v")), type=Ack) == Ack("", "v")
