"""The operator's certificate and its authority are replaced while a gateway is connected, over real TLS on loopback.

The operator's own certificate room, its server and its publisher on one side, the gateway's own subscription on the other; what the
kubelet does (bring the ConfigMap's bundle to the gateway's file, some time later) the tests do. Days pass by a clock of the tests,
begun so far in the past that every certificate is valid today as well: TLS itself looks at the real one.
"""

import asyncio
import contextlib
import random
import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from leader_rig import until
from turnout_contract import canonical
from turnout_contract.protocol import AUDIENCE, PATH, Build
from turnout_operator.certificate_keeper import CertificateKeeper
from turnout_operator.certificate_secret import CertificateSecret
from turnout_operator.certificates import Lifetimes
from turnout_operator.kube import AsyncKube, Json
from turnout_operator.kube_fake import FakeKube
from turnout_operator.metrics import Metrics
from turnout_operator.publish.auth import TokenReviewer
from turnout_operator.publish.publisher import Publisher
from turnout_operator.publish.registry import Registry
from turnout_operator.publish.server import GatewayServer
from turnout_sidecar.adapters.operator_dial import parse_operator
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.subscription import Subscription, SubscriptionSettings

DAYS = Lifetimes(authority=timedelta(days=30), serving=timedelta(days=30), announce=timedelta(days=1))
BEGIN = -25.0  # days from today: the first authority ends in five days, and is old enough to be replaced after 20


class _Reviews:
    """The API server, as far as it judges tokens: every one is our gateway's."""

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content_type: str = "application/json",
        seconds: float = 10.0,
    ) -> Json:
        del method, path, query, body, content_type, seconds
        extra = {"authentication.kubernetes.io/pod-name": ["gw-0"], "authentication.kubernetes.io/pod-uid": ["uid-0"]}
        user = {"username": "system:serviceaccount:team:turnout-gateway", "extra": extra}
        return {"status": {"authenticated": True, "audiences": [AUDIENCE], "user": user}}


class Operator:
    """The rooms of an operator that have to do with TLS and with gateways, and a clock for its certificates."""

    def __init__(self) -> None:
        self.day = BEGIN
        self.bundles: list[str] = []
        self.dials: list[asyncio.Transport] = []
        self.port = 0
        kube = FakeKube()
        kube.request("POST", "/api/v1/namespaces/system/secrets", body={"metadata": {"name": "tls"}})
        today = datetime.now(UTC)
        secret = CertificateSecret(
            kube,
            namespace="system",
            name="tls",
            names=("127.0.0.1",),
            now=lambda: today + timedelta(days=self.day),
            lifetimes=DAYS,
        )
        self.certificates = CertificateKeeper(secret, changed=self._changed, metrics=Metrics())
        registry = Registry(disconnected_after=30, forget_after=900)
        self.publisher = Publisher(
            registry, epoch=lambda: 1, monotonic=time.monotonic, nonces=lambda: f"n{random.random()}", observer=self
        )
        reviewer = TokenReviewer(
            AsyncKube(_Reviews(), ThreadPoolExecutor(1)), monotonic=time.monotonic, allowed=lambda _namespace: True
        )
        self._server = GatewayServer(self.publisher, reviewer, leading=lambda: True)

    def _changed(self) -> None:
        self.bundles.append(self.certificates.bundle)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        await self.certificates.first()
        application = web.Application()
        application.router.add_get(PATH, self._connect)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.certificates.context).start()
            self.port = runner.addresses[0][1]
            yield
        finally:
            await runner.cleanup()

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self.dials.append(request.transport)
        return await self._server.connect(request)

    async def looks_at_day(self, day: float) -> None:
        self.day = day
        assert await self.certificates.look()

    async def serves_one_who_trusts(self, bundle: str) -> bool:
        """Whether a new connection with that trust gets through TLS."""
        return await asyncio.to_thread(self._handshake, bundle)

    def _handshake(self, bundle: str) -> bool:
        context = ssl.create_default_context(cadata=bundle)
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as plain:
            try:
                with context.wrap_socket(plain, server_hostname="127.0.0.1"):
                    return True
            except ssl.SSLCertVerificationError:
                return False

    def want(self, text: str) -> None:
        version = canonical.digest(text.encode())
        assert self.publisher.want("team", version=version, text=text, secrets=frozenset(), sources=frozenset())

    def synced(self, text: str) -> bool:
        version = canonical.digest(text.encode())
        return [(view.state, view.version) for view in self.publisher.views("team")] == [("SYNCED", version)]

    # --- as the publisher's observer

    def changed(self, namespace: str) -> None:
        del namespace

    def higher_epoch(self, seen: int) -> None:
        del seen

    def exchanged(self, what: str, namespace: str, version: str) -> None:
        del what, namespace, version


class Gateway:
    """A gateway's subscription; `applied` is all that was pushed to it, in order."""

    def __init__(self, folder: Path, operator: Operator) -> None:
        self.applied: list[str] = []
        self._ca_file = folder / "ca.crt"
        (folder / "token").write_text("a-token")
        self.brought(operator.certificates.bundle)
        self.subscription = Subscription(
            SubscriptionSettings(
                operators=(parse_operator(f"wss://127.0.0.1:{operator.port}"),),
                token_file=folder / "token",
                ca_file=self._ca_file,
                pause=0.05,
                next_pause=0.01,
            ),
            apply=self._apply,
            secrets=FakeSecrets({}),
            credentials=lambda _credentials: None,
            last_good=None,
            build=Build(version="0.1.0", pod="gw-0"),
            dice=random.Random(1),
        )

    def brought(self, bundle: str) -> None:
        """The kubelet brings what the ConfigMap holds."""
        fresh = self._ca_file.with_suffix(".new")
        fresh.write_text(bundle)
        fresh.replace(self._ca_file)

    def _apply(self, data: bytes, version: str) -> tuple[str, ...]:
        assert canonical.digest(data) == version
        self.applied.append(data.decode())
        return ()


@pytest.fixture
async def operator() -> AsyncIterator[Operator]:
    made = Operator()
    async with made.listening():
        yield made


@pytest.fixture
async def gateway(tmp_path: Path, operator: Operator) -> AsyncIterator[Gateway]:
    made = Gateway(tmp_path, operator)
    running = asyncio.create_task(made.subscription.run())
    yield made
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def pushed(operator: Operator, text: str) -> None:
    operator.want(text)
    await until(f"{text} is acknowledged", lambda: operator.synced(text))


async def test_a_connection_outlives_the_authority_that_it_began_with_and_misses_no_push(
    operator: Operator, gateway: Gateway
) -> None:
    await pushed(operator, "one")
    (first,) = operator.bundles

    await operator.looks_at_day(BEGIN + 21)  # a successor is announced, and the old authority signs once more
    assert len(operator.bundles) == 2
    overlapping = operator.bundles[1]
    assert first in overlapping
    assert overlapping != first
    assert await operator.serves_one_who_trusts(first), "a gateway whose file has not come yet is still served"
    await pushed(operator, "two")

    gateway.brought(overlapping)
    await operator.looks_at_day(BEGIN + 22.5)  # the successor signs
    assert not await operator.serves_one_who_trusts(first)
    assert await operator.serves_one_who_trusts(overlapping)
    await pushed(operator, "three")
    assert len(operator.dials) == 1, "nothing of this ended the connection"

    await operator.looks_at_day(6)  # the old authority has ended
    alone = operator.bundles[-1]
    assert alone == overlapping.replace(first, "")
    gateway.brought(alone)
    await pushed(operator, "four")
    assert len(operator.dials) == 1
    assert gateway.applied == ["one", "two", "three", "four"]


async def test_a_connection_that_is_lost_after_the_rotation_is_made_anew_with_the_new_authority(
    operator: Operator, gateway: Gateway
) -> None:
    await pushed(operator, "one")
    await operator.looks_at_day(BEGIN + 21)
    gateway.brought(operator.certificates.bundle)
    await operator.looks_at_day(BEGIN + 22.5)
    operator.dials[-1].abort()
    operator.want("two")
    await until("what was wanted meanwhile has arrived", lambda: operator.synced("two"))
    await operator.looks_at_day(6)
    gateway.brought(operator.certificates.bundle)
    operator.dials[-1].abort()
    operator.want("three")
    await until("and again, with the new authority alone", lambda: operator.synced("three"))
    assert len(operator.dials) == 3
    assert gateway.applied == ["one", "two", "three"]


async def test_a_gateway_whose_bundle_is_late_waits_for_it_and_then_gets_what_it_missed(
    operator: Operator, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    await pushed(operator, "one")
    await operator.looks_at_day(BEGIN + 21)
    await operator.looks_at_day(BEGIN + 22.5)
    await pushed(operator, "two")  # over the connection that stands
    operator.dials[-1].abort()
    operator.want("three")
    await until("it says why", lambda: "is not trusted" in caplog.text)
    assert gateway.applied == ["one", "two"]
    gateway.brought(operator.certificates.bundle)
    await until("it is back", lambda: operator.synced("three"))
    assert gateway.applied == ["one", "two", "three"]
