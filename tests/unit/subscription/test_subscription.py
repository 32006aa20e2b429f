"""A gateway and its operator over a real WebSocket: pushes, refusals, loss, rotation, and starting alone."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from doubles.certificates import issue
from doubles.operator_server import FakeOperator, Link, push
from turnout_contract import canonical
from turnout_contract.protocol import (
    CLOSE_FORBIDDEN,
    CLOSE_LOST_LEASE,
    CLOSE_STANDBY,
    Ack,
    Build,
    Credentials,
    Hello,
    Nack,
    NackError,
    Synced,
)
from turnout_sidecar.adapters.metrics import GatewayMetrics
from turnout_sidecar.adapters.operator_dial import parse_operator
from turnout_sidecar.last_good import Kept, LastGood
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.runtime import BuildError
from turnout_sidecar.subscription import Subscription, SubscriptionSettings

TOKEN = "canary-token-0123456789"


def digest(text: str) -> str:
    return canonical.digest(text.encode())


async def until(true: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for is a plain value
            await asyncio.sleep(0.005)


class Rig:
    """A gateway's subscription with a gateway that takes every snapshot but those with "bad" in them."""

    def __init__(self, folder: Path, *urls: str, ca_file: Path | None = None) -> None:
        self.token_file = folder / "token"
        self.token_file.write_text(TOKEN + "\n")
        self.last_good = LastGood(folder / "state")
        self.secrets = FakeSecrets({"openai": {"key": b"x"}})
        self.applied: list[bytes] = []
        self.missing: tuple[str, ...] = ()
        self.credentials: list[Credentials] = []
        self.during_apply: Callable[[], None] = lambda: None
        self._tasks: list[asyncio.Task[None]] = []
        self.subscription = Subscription(
            SubscriptionSettings(
                operators=tuple(parse_operator(url) for url in urls),
                token_file=self.token_file,
                ca_file=ca_file,
                pause=0.05,
                next_pause=0.01,
                token_interval=0.02,
            ),
            apply=self._apply,
            secrets=self.secrets,
            credentials=self.credentials.append,
            last_good=self.last_good,
            build=Build(version="0.1.0", pod="gw-0"),
            dice=random.Random(1),
        )

    def _apply(self, data: bytes, version: str) -> tuple[str, ...]:
        assert canonical.digest(data) == version
        if b"bad" in data:
            raise BuildError((NackError("ModelRoute/a", "spec.rules", "cannot be built"),))
        if b"fault" in data:
            raise RuntimeError(TOKEN)
        self.during_apply()
        self.applied.append(data)
        return self.missing

    async def run(self) -> None:
        await self.subscription.start()
        self._tasks.append(asyncio.create_task(self.subscription.run()))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def operator() -> AsyncIterator[FakeOperator]:
    async with FakeOperator() as operator:
        yield operator


@pytest.fixture
async def rig(tmp_path: Path, operator: FakeOperator) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path, f"ws://127.0.0.1:{operator.port}")
    yield rig
    await rig.stop()


async def greeted(operator: FakeOperator) -> tuple[Link, Hello]:
    link = await operator.link()
    hello = await link.hear()
    assert isinstance(hello, Hello)
    return link, hello


async def test_a_push_is_applied_kept_and_acknowledged(rig: Rig, operator: FakeOperator) -> None:
    rig.missing = ("anthropic/key",)
    await rig.run()
    link, hello = await greeted(operator)
    assert hello.secrets == ("openai",)
    assert link.token == TOKEN
    assert rig.subscription.degraded

    await link.say(push("{}", epoch=7, revision=2))

    assert await link.hear() == Ack("n1", digest("{}"), ("anthropic/key",))
    assert rig.applied == [b"{}"]
    assert rig.last_good.load() == Kept(7, 2, digest("{}"), b"{}")
    assert not rig.subscription.degraded


async def test_a_push_that_cannot_be_built_is_refused_with_its_errors_and_the_old_one_goes_on(
    rig: Rig, operator: FakeOperator
) -> None:
    await rig.run()
    link, _ = await greeted(operator)
    await link.say(push("{}"))
    await link.hear()

    await link.say(push('{"bad":1}', nonce="n2"))

    assert await link.hear() == Nack(
        "n2", digest("{}"), (NackError("ModelRoute/a", "spec.rules", "cannot be built"),), epoch=7
    )
    kept = rig.last_good.load()
    assert kept is not None
    assert kept.data == b"{}"


async def test_a_fault_of_the_gateway_is_a_refusal_and_the_connection_stays(rig: Rig, operator: FakeOperator) -> None:
    await rig.run()
    link, _ = await greeted(operator)
    await link.say(push('{"fault":1}'))

    answer = await link.hear()

    assert isinstance(answer, Nack)
    assert answer.errors[0].message == "this gateway failed to build it (RuntimeError)"
    await link.say(push("{}", nonce="n2"))
    assert await link.hear() == Ack("n2", digest("{}"))


async def test_a_stale_leader_is_refused(rig: Rig, operator: FakeOperator) -> None:
    await rig.run()
    link, _ = await greeted(operator)
    await link.say(push("{}", epoch=7))
    await link.hear()

    await link.say(push('{"stale":1}', nonce="n2", epoch=6))

    assert await link.hear() == Nack("n2", digest("{}"), epoch=7, reason="StaleEpoch")
    assert rig.applied == [b"{}"]


async def test_it_starts_from_the_last_good_one_without_an_operator(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "ws://127.0.0.1:1")
    rig.last_good.save(Kept(7, 2, digest("{}"), b"{}"))

    assert await rig.subscription.start()
    assert rig.applied == [b"{}"]
    assert rig.subscription.degraded
    assert not rig.subscription.connected


async def test_without_a_last_good_one_it_waits(tmp_path: Path) -> None:
    assert not await Rig(tmp_path, "ws://127.0.0.1:1").subscription.start()


async def test_a_last_good_one_that_cannot_be_built_gives_way_to_the_one_before_and_keeps_the_epoch(
    rig: Rig, operator: FakeOperator
) -> None:
    rig.last_good.save(Kept(7, 2, digest("{}"), b"{}"))
    rig.last_good.save(Kept(9, 3, digest('{"bad":1}'), b'{"bad":1}'))
    await rig.run()

    _, hello = await greeted(operator)

    assert rig.applied == [b"{}"]
    assert (hello.have.version, hello.have.epoch, hello.have.revision) == (digest("{}"), 9, 2)


async def test_a_restarted_operator_pushes_nothing_and_learns_what_is_missing(rig: Rig, operator: FakeOperator) -> None:
    rig.missing = ("openai/other",)
    await rig.run()
    link, _ = await greeted(operator)
    await link.say(push("{}", epoch=7))
    await link.hear()
    await operator.stop()
    await until(lambda: not rig.subscription.connected)
    assert rig.subscription.degraded

    await operator.start()
    link, hello = await greeted(operator)
    assert hello.have.version == digest("{}")
    await link.say(Synced(8, digest("{}")))

    assert await link.hear() == Ack("", digest("{}"), ("openai/other",))
    assert rig.applied == [b"{}"]
    await until(lambda: (kept := rig.last_good.load()) is not None and kept.epoch == 8)
    assert not rig.subscription.degraded


async def test_files_that_come_or_go_are_told(rig: Rig, operator: FakeOperator) -> None:
    await rig.run()
    link, _ = await greeted(operator)
    await link.say(push("{}"))
    await link.hear()

    rig.subscription.missing_changed(("openai/key",))
    assert await link.hear() == Ack("", digest("{}"), ("openai/key",))
    rig.subscription.missing_changed(())
    assert await link.hear() == Ack("", digest("{}"), ())


async def test_a_rebuild_inside_of_apply_is_not_told_twice(rig: Rig, operator: FakeOperator) -> None:
    rig.missing = ("a/b",)
    rig.during_apply = lambda: rig.subscription.missing_changed(("a/b",))
    await rig.run()
    link, _ = await greeted(operator)
    await link.say(push("{}"))

    assert await link.hear() == Ack("n1", digest("{}"), ("a/b",))
    await link.say(push('{"next":1}', nonce="n2"))
    assert await link.hear() == Ack("n2", digest('{"next":1}'), ("a/b",))


async def test_other_mounted_secrets_are_said_in_a_new_hello(rig: Rig, operator: FakeOperator) -> None:
    await rig.run()
    link, _ = await greeted(operator)
    await link.say(push("{}"))
    await link.hear()

    rig.secrets.replace({"openai": {"key": b"y"}})
    rig.secrets.replace({"anthropic": {}, "openai": {"key": b"y"}})

    link, hello = await greeted(operator)
    assert hello.secrets == ("anthropic", "openai")
    assert operator.dials == 2


async def test_credentials_are_handed_on_and_never_shown_or_kept(
    rig: Rig, operator: FakeOperator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await rig.run()
        link, _ = await greeted(operator)
        await link.say(Credentials("http://qdrant", "canary-credential", "c", 99))
        await link.say(push("{}"))
        await link.hear()

    assert [given.qdrant_token for given in rig.credentials] == ["canary-credential"]
    assert "canary" not in caplog.text
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
    assert b"canary" not in kept


async def test_of_several_operators_the_one_that_leads_is_found(tmp_path: Path) -> None:
    async with FakeOperator() as standby, FakeOperator() as leader:
        standby.turn_away = lambda _: CLOSE_STANDBY
        rig = Rig(tmp_path, f"ws://127.0.0.1:{standby.port}", f"ws://127.0.0.1:{leader.port}")
        await rig.run()
        link, _ = await greeted(leader)
        await link.say(push("{}"))
        await link.hear()

        leader.turn_away, standby.turn_away = standby.turn_away, leader.turn_away
        await link.close(CLOSE_LOST_LEASE)
        link, hello = await greeted(standby)

        assert hello.have.version == digest("{}")
        await rig.stop()


async def test_a_name_stands_for_all_its_addresses(tmp_path: Path) -> None:
    async with FakeOperator() as operator:
        rig = Rig(tmp_path, f"ws://localhost:{operator.port}")  # ::1, where nobody listens, and 127.0.0.1
        await rig.run()
        await greeted(operator)
        await rig.stop()


async def test_a_refused_token_is_not_shown_again_and_the_next_one_is(rig: Rig, operator: FakeOperator) -> None:
    operator.turn_away = lambda token: CLOSE_FORBIDDEN if token == TOKEN else None
    await rig.run()
    await until(lambda: operator.dials == 1)
    await asyncio.sleep(0.3)
    assert operator.tokens == [TOKEN]

    rig.token_file.write_text("another-token")

    link, _ = await greeted(operator)
    assert link.token == "another-token"


async def test_a_token_that_is_not_accepted_now_is_tried_again(rig: Rig, operator: FakeOperator) -> None:
    operator.turn_away = lambda _: 401 if operator.dials < 3 else None
    await rig.run()

    await greeted(operator)

    assert operator.tokens == [TOKEN] * 3


@pytest.mark.parametrize("content", ["", "   ", "two words", "ünicode"])
async def test_a_file_without_a_token_is_waited_for(rig: Rig, operator: FakeOperator, content: str) -> None:
    rig.token_file.write_text(content)
    await rig.run()
    await asyncio.sleep(0.1)
    assert operator.dials == 0

    rig.token_file.write_text(TOKEN)
    await greeted(operator)


async def test_the_token_and_what_libraries_say_are_in_no_log(
    rig: Rig, operator: FakeOperator, caplog: pytest.LogCaptureFixture
) -> None:
    operator.turn_away = lambda _: 401 if operator.dials < 4 else None
    with caplog.at_level(logging.INFO, logger="turnout_sidecar"):
        await rig.run()
        link, _ = await greeted(operator)
        await link.say(push("{}"))
        await link.hear()
        await link.close(1011)
        await greeted(operator)

    assert TOKEN not in caplog.text
    assert caplog.text.count("answered 401") == 1, "the same complaint is made once"


async def test_a_message_of_a_later_build_is_passed_over_and_a_push_answered(rig: Rig, operator: FakeOperator) -> None:
    await rig.run()
    link, _ = await greeted(operator)
    await link.say('{"type":"weather","nonce":"w"}')
    await link.say("nonsense")
    await link.say('{"type":"push","nonce":"n0","delta":[]}')

    answer = await link.hear()

    assert isinstance(answer, Nack)
    assert (answer.nonce, answer.reason) == ("n0", "Invalid")
    await link.say(push("{}"))
    assert await link.hear() == Ack("n1", digest("{}"))


async def test_a_disk_that_fails_does_not_keep_a_push_from_running(
    rig: Rig, operator: FakeOperator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    await rig.run()
    link, _ = await greeted(operator)
    await link.say(push("{}"))

    assert await link.hear() == Ack("n1", digest("{}"))
    assert "could not be kept" in caplog.text


async def test_a_snapshot_of_many_megabytes_comes_through(rig: Rig, operator: FakeOperator) -> None:
    await rig.run()
    link, _ = await greeted(operator)
    text = '{"x":"' + "y" * 20_000_000 + '"}'
    await link.say(push(text))

    assert await link.hear() == Ack("n1", digest(text))


async def test_the_metrics_say_how_it_stands(rig: Rig, operator: FakeOperator) -> None:
    metrics = GatewayMetrics()
    rig.subscription.expose(metrics)
    assert b"turnout_config_degraded 1.0" in metrics.render("")[0]
    await rig.run()
    link, _ = await greeted(operator)
    await link.say(push("{}", epoch=7))
    await link.hear()
    await link.say(push("{}", nonce="n2", epoch=6))
    await link.hear()

    shown = metrics.render("")[0]
    assert b"turnout_config_degraded 0.0" in shown
    assert b"turnout_operator_connected 1.0" in shown
    assert b'turnout_config_pushes_total{result="acknowledged"} 1.0' in shown
    assert b'turnout_config_pushes_total{result="staleepoch"} 1.0' in shown


async def test_over_tls_a_certificate_of_the_right_authority_is_needed_and_the_file_may_rotate(tmp_path: Path) -> None:
    (authority, key, certificate), (other, _, _) = issue(tmp_path / "one"), issue(tmp_path / "two")
    ca_file = tmp_path / "ca.crt"
    ca_file.write_bytes(other.read_bytes())
    async with FakeOperator((certificate, key)) as operator:
        rig = Rig(tmp_path, f"wss://127.0.0.1:{operator.port}", ca_file=ca_file)
        await rig.run()
        await asyncio.sleep(0.2)
        assert operator.dials == 0

        ca_file.write_bytes(authority.read_bytes())
        link, _ = await greeted(operator)
        await link.say(push("{}"))
        assert await link.hear() == Ack("n1", digest("{}"))
        await rig.stop()


async def test_a_certificate_for_another_name_is_not_trusted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority, key, certificate = issue(tmp_path)
    async with FakeOperator((certificate, key)) as operator:
        rig = Rig(tmp_path, f"wss://localhost:{operator.port}", ca_file=authority)
        await rig.run()
        await until(lambda: "is not trusted" in caplog.text)
        assert operator.dials == 0
        await rig.stop()


@pytest.mark.parametrize(
    "url", ["ws://operator.example:80", "http://10.0.0.1", "operator:8443", "wss://", "wss://u:p@x", "wss://x:y"]
)
def test_an_operator_without_tls_or_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="--operator"):
        parse_operator(url)


def test_operators_are_addressed_by_name_and_port() -> None:
    assert parse_operator("wss://op.ns.svc:8443").url == "https://op.ns.svc:8443/v1/gateways/connect"
    assert parse_operator("wss://[::1]:8443").url == "https://[::1]:8443/v1/gateways/connect"
    assert parse_operator("http://localhost").url == "http://localhost:80/v1/gateways/connect"
