"""A policy of a folder that was refused and has no last good version closes what it would have guarded, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from gateway_rig import call, until
from guard_rig import EMAIL, Echo, asked
from support.resources import NAMESPACE, Folder, Json, gateway, provider, resource, route
from turnout_cli.standalone.desk import Desk
from turnout_operator.compile import Defaults
from turnout_sidecar.ports.secrets import HeldSecrets
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.server import Gateway, GatewaySettings

ROUTES = ("assistant", "free")
MISTYPED = {"input": {"pii": {"action": "Mask", "entitys": ["Email"]}}}
GOOD = {"input": {"pii": {"action": "Mask"}}}
TO_ONE = {"targetRefs": [{"kind": "ModelRoute", "name": "assistant"}]}


class Served:
    """A folder that was read once, and again as often as one likes."""

    def __init__(self, path: Path) -> None:
        self.folder = Folder(path)
        self.echo = Echo()
        self.said: list[str] = []
        self.folder.write(
            "base.yaml", gateway(), provider("beta", "http://127.0.0.1:9/v1"), *(route(r, "beta/small") for r in ROUTES)
        )

    async def start(self) -> None:
        settings = GatewaySettings(port=0, namespace=NAMESPACE)
        secrets = HeldSecrets()
        self.gateway = Gateway(settings, secrets=secrets, upstream=self.echo, telemetry=FakeTelemetry())
        self.desk = Desk(
            self.folder.path, namespace=None, secrets=secrets, given={}, defaults=Defaults(), say=self.said.append
        )
        self.desk.read()
        self.desk.serve(self.gateway.apply)
        await self.gateway.start()
        self._watching = asyncio.create_task(self.desk.watch())

    async def stop(self) -> None:
        self._watching.cancel()
        await self.gateway.stop(0.2)

    async def edit(self, name: str, text: str) -> None:
        """Write a file, and wait until something is said of it."""
        before = len(self.said)
        self.folder.write_text(name, text)
        await until(lambda: len(self.said) > before, 30)

    async def statuses(self) -> list[int]:
        """What each route answers; nothing leaves in clear."""
        replies = [await call(self.gateway, {**asked("chat", f"I am {EMAIL}"), "model": name}) for name in ROUTES]
        assert all("error" in reply.json for reply in replies if reply.status == 503)
        return [reply.status for reply in replies]

    def line(self, *words: str) -> bool:
        """Whether a line holds all the words."""
        return any(all(word in line for word in words) for line in self.said)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    made = Served(tmp_path / "folder")
    yield made
    await made.stop()


def policy(spec: Json) -> Json:
    return resource("GuardrailPolicy", "x", spec)


async def test_a_mistyped_policy_that_was_never_good_closes_every_route_and_names_file_and_field(
    served: Served,
) -> None:
    served.folder.write("policy.yaml", policy(MISTYPED))
    await served.start()
    assert await served.statuses() == [503, 503]
    assert served.echo.requests == []
    assert served.line("policy.yaml", "GuardrailPolicy/x", "spec.input.pii.entitys")
    assert served.line("ModelRoute/free", "spec.input.pii.entitys")


async def test_one_that_tells_its_route_closes_that_route_alone(served: Served) -> None:
    served.folder.write("policy.yaml", policy({**MISTYPED, **TO_ONE}))
    await served.start()
    assert await served.statuses() == [503, 200]


async def test_one_of_another_namespace_closes_nothing_here(served: Served) -> None:
    served.folder.write("policy.yaml", {**policy(MISTYPED), "metadata": {"name": "x", "namespace": "elsewhere"}})
    await served.start()
    assert await served.statuses() == [200, 200]


@pytest.mark.parametrize(
    "text",
    [
        "name: Error Budget\nrows: [",
        "apiVersion: turnout.dev/v1alpha1\nkind: ModelRoute\nmetadata: {annotations: {note: see GuardrailPolicy}}\nspec: {",
    ],
)
async def test_an_unreadable_file_that_only_speaks_of_such_a_kind_closes_nothing(served: Served, text: str) -> None:
    served.folder.write_text("other.yaml", text)
    await served.start()
    assert await served.statuses() == [200, 200]


async def test_one_for_all_namespaces_closes_this_one_too(served: Served) -> None:
    wide = {**policy({**MISTYPED, "namespaceSelector": {}}), "metadata": {"name": "x", "namespace": "turnout-system"}}
    served.folder.write("policy.yaml", wide)
    await served.start()
    assert await served.statuses() == [503, 503]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "GuardrailPolcy"},
        {"kind": "guardrailpolicies"},
        {"apiVersion": "turnout.dev/v1"},
        {"metadata": {"namespace": NAMESPACE}},
        {"metadata": {"name": "x", "namespce": NAMESPACE}},
        {"metadata": "x"},
        {"spec": ["input"]},
    ],
    ids=str,
)
async def test_what_is_wrong_may_be_its_kind_or_its_name_as_well(served: Served, change: Json) -> None:
    served.folder.write("policy.yaml", {**policy(GOOD), **change})
    await served.start()
    assert await served.statuses() == [503, 503]
    assert served.line("policy.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "kind: GuardrailPolicy\n  x: [",
        "apiVersion: turnout.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: x}\nspec: {input: {pii: [}}\n",
        "apiVersion: turnout.dev/v1alpha1\nkind: GuardrailPolcy\nspec: {",
        "apiVersion: turnout.dev/v1alpha1\nmetadata: {name: x}\nspec: {input: {pii: {}}}\n",
        "kind: GuardrailPolicy".encode("utf-16").decode("latin-1") + "\n",
    ],
)
async def test_a_file_that_cannot_be_read_and_may_hold_a_policy_closes_every_route(served: Served, text: str) -> None:
    (served.folder.path / "policy.yaml").write_bytes(text.encode("latin-1"))
    await served.start()
    assert await served.statuses() == [503, 503]
    assert served.line("policy.yaml", "every route")


async def test_a_file_that_cannot_be_read_and_holds_none_closes_nothing(served: Served) -> None:
    await served.start()
    text = "# guarded by GuardrailPolicy x\napiVersion: turnout.dev/v1alpha1\nkind: ModelRoute\nspec: {"
    await served.edit("more.yaml", text)
    assert await served.statuses() == [200, 200]


async def test_the_last_good_version_stays_and_a_mended_one_opens_again(served: Served) -> None:
    served.folder.write("policy.yaml", policy(MISTYPED))
    await served.start()
    await served.edit("policy.yaml", "kind: [")
    assert await served.statuses() == [503, 503]
    await served.edit("policy.yaml", yaml.safe_dump(policy(GOOD)))
    assert await served.statuses() == [200, 200]
    for broken in (policy(MISTYPED), {**policy(GOOD), "kind": "GuardrailPolcy"}):
        await served.edit("policy.yaml", yaml.safe_dump(broken))
        assert await served.statuses() == [200, 200]
    assert all(EMAIL.encode() not in request.body for request in served.echo.requests)


async def test_a_file_that_is_still_broken_but_says_now_what_it_is_opens_again(served: Served) -> None:
    served.folder.write_text("more.yaml", "kind: GuardrailPolicy\n  x: [")
    await served.start()
    assert await served.statuses() == [503, 503]
    await served.edit("more.yaml", "apiVersion: turnout.dev/v1alpha1\nkind: ModelRoute\nspec: {")
    assert await served.statuses() == [200, 200]
