"""A model name with a typing error is found by the gateway itself, without a call, whoever configures it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cluster.processes import Spawner
from doubles.operator_server import FakeOperator, push
from gateway_rig import a_model, a_provider, a_route, a_rule, a_snapshot
from support.resources import Folder, model, provider, route
from support.turnout import Gateway, Provider, until
from turnout_contract.protocol import Ack, Hello
from turnout_contract.snapshot import codec


@pytest.fixture(scope="module")
def picky(tmp_path_factory: pytest.TempPathFactory, spawner: Spawner) -> Iterator[Provider]:
    """Has two models and no other."""
    root = tmp_path_factory.mktemp("picky")
    made = Provider("picky", "--models", "small,large", root=root, spawner=spawner)
    made.start()
    made.wait_ready()
    yield made
    made.process.stop()


def metric(running: Gateway, name: str) -> float:
    return running.metric(f"turnout_provider_models_{name}", provider="picky")


def test_serve_says_it_and_takes_it_back_when_the_name_is_mended(
    tmp_path: Path, spawner: Spawner, picky: Provider
) -> None:
    folder = Folder(tmp_path / "manifests")
    folder.write("route.yaml", route("r", "picky/small"))
    folder.write("provider.yaml", provider("picky", picky.url, model("small"), model("lagre")))
    running = Gateway("served", ["serve", "-f", str(folder.path)], root=tmp_path, spawner=spawner, key="any").start()
    line = "ModelProvider/picky: ResolvedRefs=False ModelNotFound: the provider says that there is no model lagre"
    until("it is said", lambda: line in running.log)
    assert (metric(running, "listed"), metric(running, "absent")) == (2, 1)
    assert running.ask("r", "Hello?").status == 200  # it is a report, and closes nothing
    assert [call["method"] for call in picky.calls] == ["POST"]
    folder.write("provider.yaml", provider("picky", picky.url, model("small"), model("large")))
    until("it is taken back", lambda: "ModelProvider/picky: no configured model is known to be missing" in running.log)
    until("the metric too", lambda: metric(running, "absent") == 0)
    running.stop()


@pytest.fixture
async def operator() -> AsyncIterator[FakeOperator]:
    async with FakeOperator() as running:
        yield running


def snapshot(picky: Provider, *models: str) -> str:
    there = a_provider("picky", *(a_model(name) for name in models), port=picky.port)
    return codec.encode(a_snapshot(a_route("r", a_rule("picky/small")), providers=[there])).decode()


async def test_a_gateway_tells_its_operator_with_the_acknowledgement(
    tmp_path: Path, spawner: Spawner, operator: FakeOperator, picky: Provider
) -> None:
    (tmp_path / "token").write_text("a-token", encoding="utf-8")
    arguments = [
        "gateway",
        f"--operator=ws://127.0.0.1:{operator.port}",
        f"--token-file={tmp_path / 'token'}",
        f"--state={tmp_path / 'state'}",
        "--namespace=ns",
    ]
    running = Gateway("gateway", arguments, root=tmp_path, spawner=spawner, key="any").start(ready=False)
    link = await operator.link()
    assert isinstance(await link.hear(), Hello)
    first = push(snapshot(picky, "small", "lagre"), epoch=1)
    await link.say(first)
    assert await link.hear() == Ack("n1", first.version)
    assert await link.hear() == Ack("", first.version, absent={"picky": ("lagre",)})
    # What is known is said at once with whatever is pushed next.
    second = push(snapshot(picky, "small", "lagre", "large"), nonce="n2", epoch=1)
    await link.say(second)
    assert await link.hear() == Ack("n2", second.version, absent={"picky": ("lagre",)})
    third = push(snapshot(picky, "small", "large"), nonce="n3", epoch=1)
    await link.say(third)
    assert await link.hear() == Ack("n3", third.version)
    await asyncio.to_thread(running.process.stop)
