"""The admin port: who may see what, and when a gateway is ready."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web

from doubles.finished_calls import snapshot
from turnout_contract.snapshot import codec
from turnout_contract.snapshot.model import Snapshot
from turnout_sidecar.adapters.metrics import GatewayMetrics
from turnout_sidecar.admin import AdminState, admin_app, is_loopback


class Running:
    """A runtime as the admin port sees it."""

    def __init__(self, shown: Snapshot) -> None:
        self.snapshot = shown
        self.version = codec.version(codec.encode(shown))


class Observed:
    """A gateway as the admin port sees it."""

    def __init__(self) -> None:
        self.ready = False
        self.runtime: Running | None = None


class Admin:
    """A running admin port."""

    def __init__(self) -> None:
        self.gateway = Observed()
        self.metrics = GatewayMetrics()
        self.url = ""

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        async with ClientSession() as session, session.get(self.url + path, headers=headers) as answer:
            return answer.status, answer.headers["content-type"], await answer.text()


@pytest.fixture
async def admin() -> AsyncIterator[Admin]:
    admin = Admin()
    runner = web.AppRunner(admin_app(AdminState(admin.gateway, admin.metrics)))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    admin.url = "http://{}:{}".format(*runner.addresses[0][:2])
    yield admin
    await runner.cleanup()


async def test_it_is_ready_between_its_first_snapshot_and_its_drain(admin: Admin) -> None:
    assert (await admin.get("/healthz"))[0] == 200
    assert (await admin.get("/readyz"))[::2] == (503, "not ready: no configuration yet\n")

    admin.gateway.ready, admin.gateway.runtime = True, Running(snapshot())
    assert (await admin.get("/readyz"))[0] == 200

    admin.gateway.ready = False
    assert (await admin.get("/readyz"))[::2] == (503, "not ready: draining\n")
    assert (await admin.get("/healthz"))[0] == 200


async def test_metrics_come_in_the_format_that_is_asked_for(admin: Admin) -> None:
    status, kind, text = await admin.get("/metrics")
    assert (status, kind.split(";")[0]) == (200, "text/plain")
    assert "# TYPE turnout_requests_total counter" in text

    _, kind, text = await admin.get("/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


async def test_the_snapshot_is_shown_on_this_machine(admin: Admin) -> None:
    assert (await admin.get("/debug/snapshot"))[0] == 404
    admin.gateway.runtime = Running(snapshot())

    status, kind, text = await admin.get("/debug/snapshot")

    assert (status, kind) == (200, "application/json")
    assert json.loads(text)["namespace"] == "claims"


class From(asyncio.BaseTransport):
    """A connection from an address."""

    def __init__(self, peer: object) -> None:
        super().__init__({"peername": peer})


@pytest.mark.parametrize("peer", [("127.0.0.1", 5), ("127.9.9.9", 5), ("::1", 5, 0, 0), ("::ffff:127.0.0.1", 5, 0, 0)])
def test_loopback_is_this_machine(peer: object) -> None:
    assert is_loopback(From(peer))


@pytest.mark.parametrize(
    "peer",
    [("10.0.0.5", 5), ("::ffff:10.0.0.5", 5, 0, 0), ("fe80::1%eth0", 5, 0, 2), ("0.0.0.0", 5), None, "", ("x", 1)],
)
def test_anything_else_is_not(peer: object) -> None:
    assert not is_loopback(From(peer))
    assert not is_loopback(None)


async def test_a_stranger_is_refused_whatever_its_headers_say(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    admin.gateway.runtime = Running(snapshot())
    monkeypatch.setattr("turnout_sidecar.admin.is_loopback", lambda _: False)

    status, _, text = await admin.get("/debug/snapshot", **{"x-forwarded-for": "127.0.0.1", "host": "localhost"})

    assert (status, "claims" in text) == (403, False)
