"""A folder with a GuardrailPolicy: what is edited is live, the masking key is a Secret like any other, and what holds is said."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway_rig import call, until
from guard_rig import CARD, EMAIL, Echo, asked, last_text, said
from support.resources import NAMESPACE, Folder, Json, gateway, provider, resource, route, secret
from turnout_cli.standalone.desk import Desk
from turnout_operator.compile import Defaults
from turnout_sidecar.ports.secrets import HeldSecrets
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.server import Gateway, GatewaySettings

KEYED = gateway(maskingKeySecretRef={"name": "mask", "key": "key"})


def policy(mode: str, name: str = "default", **spec: Any) -> Json:
    """A policy that masks personal data."""
    return resource("GuardrailPolicy", name, {"mode": mode, "input": {"pii": {"action": "Mask"}}, **spec})


class Served:
    """A folder, what is said of it, and a gateway that serves it before a provider in memory."""

    def __init__(self, path: Path) -> None:
        self.folder = Folder(path)
        self.echo = Echo()
        self.telemetry = FakeTelemetry()
        self.said: list[str] = []
        self.secrets = HeldSecrets()
        self.folder.write("base.yaml", provider("beta", "http://127.0.0.1:9/v1"), route("assistant", "beta/small"))

    async def start(self) -> None:
        """Serve it, and every edit."""
        settings = GatewaySettings(port=0, namespace=NAMESPACE)
        self.gateway = Gateway(settings, secrets=self.secrets, upstream=self.echo, telemetry=self.telemetry)
        desk = Desk(
            self.folder.path,
            namespace=None,
            secrets=self.secrets,
            given={},
            defaults=Defaults(),
            say=self.said.append,
        )
        desk.read()
        desk.serve(self.gateway.apply)
        await self.gateway.start()
        self._watching = asyncio.create_task(desk.watch())

    async def stop(self) -> None:
        self._watching.cancel()
        await self.gateway.stop(0.2)

    async def left(self, text: str) -> str:
        """What of a question leaves; it comes back as it was."""
        reply = await call(self.gateway, asked("chat", text))
        assert said("chat", reply.body) == text
        return last_text(self.echo.sent[-1])

    @property
    def outcome(self) -> str:
        """What the last call counts as."""
        return str(self.telemetry.ended[-1].guard.outcome)

    async def edit(self, *objects: Json) -> None:
        """Other policies, and they are live."""
        assert self.gateway.runtime is not None
        before = self.gateway.runtime.version
        self.folder.write("policy.yaml", *objects)
        await until(lambda: self.gateway.runtime is not None and self.gateway.runtime.version != before, 30)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    made = Served(tmp_path / "folder")
    made.folder.write("policy.yaml", policy("Monitor"))
    await made.start()
    yield made
    await made.stop()


async def test_an_edit_from_monitor_to_enforce_is_live_and_said(served: Served) -> None:
    assert await served.left(f"I am {EMAIL}.") == f"I am {EMAIL}."
    assert served.outcome == "evaluated"
    assert "note: ModelRoute/assistant: guarded by GuardrailPolicy default (Monitor)" in served.said
    await served.edit(policy("Enforce"))
    assert (await served.left(f"I am {EMAIL}.")).startswith("I am <EMAIL_")
    assert served.outcome == "changed"
    assert "note: ModelRoute/assistant: guarded by GuardrailPolicy default" in served.said
    await served.edit(policy("Monitor"))
    assert await served.left(f"I am {EMAIL}.") == f"I am {EMAIL}."


async def test_the_masking_key_is_a_secret_of_the_folder(served: Served, tmp_path: Path) -> None:
    await served.edit(policy("Enforce"), KEYED, secret("mask", "one key of some length"))
    first = await served.left(f"I am {EMAIL}.")
    other = Served(tmp_path / "other")
    other.folder.write("policy.yaml", policy("Enforce"), KEYED, secret("mask", "one key of some length"))
    await other.start()
    try:
        assert await other.left(f"I am {EMAIL}.") == first
        other.folder.write("policy.yaml", policy("Enforce"), KEYED, secret("mask", "another key of that length"))
        async with asyncio.timeout(30):
            while await other.left(f"I am {EMAIL}.") == first:  # noqa: ASYNC110  it is asked on purpose
                await asyncio.sleep(0.05)  # until the new value of the Secret is read
    finally:
        await other.stop()
    assert not [line for line in (*served.said, *other.said) if "key of" in line]


async def test_without_one_it_is_said_that_placeholders_differ(served: Served) -> None:
    await served.edit(policy("Enforce"))
    assert [line for line in served.said if line.startswith("note: GuardrailPolicy/default: ") and "random" in line]


async def test_a_policy_that_cannot_be_accepted_closes_the_route_and_is_said(served: Served) -> None:
    await served.edit(policy("Enforce", input={"denyPatterns": [{"name": "p", "pattern": "("}]}))
    reply = await call(served.gateway, asked("chat", "Hello"))
    assert reply.status == 503
    assert [line for line in served.said if "GuardrailPolicy/default" in line]
    assert served.echo.requests == []


async def test_a_policy_of_one_route_alone_and_its_end(served: Served) -> None:
    other = route("free", "beta/small")
    await served.edit(policy("Enforce", targetRefs=[{"kind": "ModelRoute", "name": "assistant"}]), other)
    free = await call(served.gateway, {**asked("chat", f"Pay {CARD}"), "model": "free"})
    assert said("chat", free.body) == last_text(served.echo.sent[-1]) == f"Pay {CARD}"
    assert (await served.left(f"Pay {CARD}")).startswith("Pay <CARD_")
    await served.edit(other)
    assert await served.left(f"Pay {CARD}") == f"Pay {CARD}"
    assert served.outcome == "bypassed"
