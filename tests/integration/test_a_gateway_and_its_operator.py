"""`turnout gateway` as a process, and an operator that says what a test tells it to: old leaders, broken snapshots, rotated keys.

What the real operator says is in the tests of the cluster; here is what only a faulty or outdated one would say.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from cluster.processes import Spawner
from doubles.operator_server import FakeOperator, Link, push
from gateway_rig import a_provider, a_route, a_rule, a_snapshot
from support.turnout import Gateway, Provider, until
from turnout_contract.protocol import Ack, Hello, Nack, Push, Synced
from turnout_contract.snapshot import codec
from turnout_contract.snapshot.model import SecretFile, Snapshot

T = TypeVar("T")


@pytest.fixture
async def operator() -> AsyncIterator[FakeOperator]:
    async with FakeOperator() as running:
        yield running


@pytest.fixture
async def gateway(tmp_path: Path, spawner: Spawner, operator: FakeOperator) -> AsyncIterator[Gateway]:
    """A gateway that dials our operator; not started yet. Its folders are below `tmp_path`."""
    (tmp_path / "token").write_text("a-token", encoding="utf-8")
    (tmp_path / "secrets").mkdir()
    arguments = [
        "gateway",
        f"--operator=ws://127.0.0.1:{operator.port}",
        f"--token-file={tmp_path / 'token'}",
        f"--secrets-dir={tmp_path / 'secrets'}",
        f"--state={tmp_path / 'state'}",
        "--namespace=ns",
    ]
    made = Gateway("gateway", arguments, root=tmp_path, spawner=spawner, key="any")
    yield made
    await asyncio.to_thread(made.process.stop)


def snapshot(provider: Provider, *names: str, **fields: Any) -> str:
    """A snapshot with these routes."""
    made: Snapshot = a_snapshot(
        *(a_route(name, a_rule("openai/gpt")) for name in names),
        providers=[a_provider(port=provider.port, **fields)],
    )
    return codec.encode(made).decode()


async def eventually(what: str, probe: Callable[[], T | None]) -> T:
    """`until`, beside the event loop that our operator runs in."""
    return await asyncio.to_thread(until, what, probe)


async def started(gateway: Gateway, operator: FakeOperator) -> tuple[Link, Hello]:
    """Start it, and its first words."""
    gateway.start(ready=False)
    link = await operator.link()
    hello = await link.hear()
    assert isinstance(hello, Hello)
    return link, hello


async def answered(link: Link, message: Push) -> Ack | Nack:
    """What it says to a push."""
    await link.say(message)
    said = await link.hear()
    assert isinstance(said, Ack | Nack)
    return said


def ask(gateway: Gateway, model: str) -> Awaitable[int]:
    return asyncio.to_thread(lambda: gateway.ask(model, "Hello?").status)


async def test_it_is_not_ready_before_its_first_configuration_and_serves_after_it(
    gateway: Gateway, operator: FakeOperator, beta: Provider
) -> None:
    link, hello = await started(gateway, operator)
    assert (hello.have.version, hello.have.epoch, operator.tokens) == ("", 0, ["a-token"])
    assert not await asyncio.to_thread(gateway.ready)
    assert await ask(gateway, "one") == 503
    first = push(snapshot(beta, "one"), epoch=10)
    said = await answered(link, first)
    assert isinstance(said, Ack)
    assert (said.version, said.missing) == (first.version, ())
    await asyncio.to_thread(gateway.wait_ready)
    assert await ask(gateway, "one") == 200


async def test_a_push_of_a_leader_of_the_past_is_refused_also_after_a_restart(
    gateway: Gateway, operator: FakeOperator, beta: Provider
) -> None:
    link, _ = await started(gateway, operator)
    current = push(snapshot(beta, "current"), epoch=1_000)
    assert isinstance(await answered(link, current), Ack)
    # An old leader, or one whose clock was set back, or whose Lease was made anew: whatever the reason, its epoch is lower.
    stale = push(snapshot(beta, "stale"), nonce="n2", epoch=999, revision=99)
    said = await answered(link, stale)
    assert isinstance(said, Nack)
    assert (said.reason, said.using, said.epoch) == ("StaleEpoch", current.version, 1_000)
    assert (await ask(gateway, "stale"), await ask(gateway, "current")) == (404, 200)

    await link.say(Synced(epoch=2_000, version=current.version))  # another leader, to whom nothing is new
    await eventually("the epoch is kept", lambda: '"epoch":2000' in _kept(gateway))
    await asyncio.to_thread(gateway.stop)
    link, hello = await started(gateway, operator)
    assert (hello.have.version, hello.have.epoch) == (current.version, 2_000)
    said = await answered(link, push(snapshot(beta, "stale"), nonce="n3", epoch=1_999))
    assert isinstance(said, Nack)
    assert (said.reason, said.epoch) == ("StaleEpoch", 2_000)
    assert (await ask(gateway, "stale"), await ask(gateway, "current")) == (404, 200)
    assert isinstance(await answered(link, push(snapshot(beta, "next"), nonce="n4", epoch=2_001)), Ack)
    assert (await ask(gateway, "next"), await ask(gateway, "current")) == (200, 404)


def _kept(gateway: Gateway) -> str:
    folder = gateway.process.log.parent / "state"
    return "".join(path.read_text(errors="replace") for path in folder.rglob("snapshot") if path.is_file())


async def test_a_snapshot_that_cannot_be_run_is_refused_with_the_place_and_the_last_good_one_goes_on(
    gateway: Gateway, operator: FakeOperator, beta: Provider
) -> None:
    link, _ = await started(gateway, operator)
    good = push(snapshot(beta, "good"), epoch=1)
    assert isinstance(await answered(link, good), Ack)
    wrong = push(snapshot(beta, "wrong", endpoint="nowhere"), nonce="n2", epoch=1)
    said = await answered(link, wrong)
    assert isinstance(said, Nack)
    assert (said.reason, said.using) == ("Invalid", good.version)
    assert [(error.ref, error.path) for error in said.errors] == [("ModelProvider/openai", "spec.endpoint")]
    forged = push(snapshot(beta, "forged"), nonce="n3", epoch=1, version=good.version)
    assert isinstance(await answered(link, forged), Nack)
    assert (await ask(gateway, "good"), await ask(gateway, "forged")) == (200, 404)
    assert isinstance(await answered(link, push(snapshot(beta, "better"), nonce="n4", epoch=1)), Ack)
    assert await ask(gateway, "better") == 200


async def test_a_damaged_last_good_snapshot_is_not_used_and_the_one_before_is(
    gateway: Gateway, operator: FakeOperator, beta: Provider
) -> None:
    link, _ = await started(gateway, operator)
    for number, name in enumerate(("older", "newer")):
        assert isinstance(await answered(link, push(snapshot(beta, name), nonce=name, epoch=5 + number)), Ack)
    await asyncio.to_thread(gateway.stop)
    folder = gateway.process.log.parent / "state"
    (newest,) = [path for path in folder.rglob("snapshot") if path.is_file()]
    damaged = bytearray(newest.read_bytes())
    damaged[-10] ^= 1
    newest.write_bytes(damaged)
    _, hello = await started(gateway, operator)
    await asyncio.to_thread(gateway.wait_ready)
    assert (await ask(gateway, "older"), await ask(gateway, "newer")) == (200, 404)
    assert hello.have.version != ""


async def test_a_secret_that_comes_or_changes_is_in_use_without_a_restart_and_one_that_is_missing_is_said(
    gateway: Gateway, operator: FakeOperator, alpha: Provider, tmp_path: Path, keys: Any
) -> None:
    mounted = tmp_path / "secrets" / "alpha"
    mounted.mkdir()
    link, hello = await started(gateway, operator)
    assert hello.secrets == ("alpha",)
    text = snapshot(alpha, "locked", api_key=SecretFile("alpha", "key"))
    said = await answered(link, push(text, epoch=1))
    assert isinstance(said, Ack)
    assert said.missing == ("alpha/key",)
    await asyncio.to_thread(gateway.wait_ready)
    assert await ask(gateway, "locked") == 503

    (mounted / "key").write_text(keys.wrong, encoding="utf-8")
    told = await link.hear()  # nobody asked: what is missing has changed
    assert isinstance(told, Ack)
    assert (told.nonce, told.missing) == ("", ())
    assert await ask(gateway, "locked") == 502  # the provider does not take that key
    (mounted / "key").write_text(keys.alpha, encoding="utf-8")

    await eventually("the new key is used", lambda: gateway.ask("locked", "Hello?").status == 200)
    (tmp_path / "secrets" / "another").mkdir()
    anew = await (await operator.link()).hear()  # other Secrets are mounted: it introduces itself again
    assert isinstance(anew, Hello)
    assert anew.secrets == ("alpha", "another")
    assert keys.found_in(gateway.log.encode()) == []


async def test_it_serves_on_while_its_operator_is_gone_and_finds_it_again(
    gateway: Gateway, operator: FakeOperator, beta: Provider
) -> None:
    link, _ = await started(gateway, operator)
    kept = push(snapshot(beta, "kept"), epoch=3)
    assert isinstance(await answered(link, kept), Ack)
    await operator.stop()
    await eventually("it says so", lambda: gateway.metric("turnout_operator_connected") == 0)
    assert await ask(gateway, "kept") == 200
    await operator.start()
    link = await operator.link()
    hello = await link.hear()
    assert isinstance(hello, Hello)
    assert (hello.have.epoch, hello.have.version) == (3, kept.version)
    await link.say(Synced(epoch=4, version=kept.version))
    await eventually("it is connected", lambda: gateway.metric("turnout_operator_connected") == 1)
