"""The operator as a real process against the real API server, and a gateway that is no more than its protocol.

The operator runs as `python -m turnout_operator` with its own namespace, Lease and certificate, so that each test has its own.
No kubelet runs, so the pods of the Deployments stay pending; their names and tokens are real, and a `FakeGateway` takes one
of them to dial in, as the gateway in that pod would.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import ssl
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import yaml

from cluster.kube import ApiError, Cluster, eventually
from cluster.processes import Process, Spawner
from turnout_contract.protocol import (
    AUDIENCE,
    PATH,
    Ack,
    Build,
    Credentials,
    FromOperator,
    Have,
    Hello,
    Nack,
    NackError,
    Push,
    Synced,
)
from turnout_contract.snapshot import codec
from turnout_contract.snapshot.model import Snapshot

Json = dict[str, Any]
REPOSITORY = Path(__file__).resolve().parents[2]
GATEWAY_PODS = "app.kubernetes.io/name=turnout-gateway"
_DECODER: msgspec.json.Decoder[Push | Synced | Credentials] = msgspec.json.Decoder(FromOperator)


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def install_crds(cluster: Cluster) -> None:
    """Apply the committed CRDs, unless they are there."""
    definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/budgets.turnout.dev"
    if _maybe(cluster, definition) is None:
        cluster.apply(REPOSITORY / "crds")


class OperatorRig:
    """One operator's namespace, and as many replicas of it as a test starts."""

    def __init__(self, cluster: Cluster, namespace: str, root: Path, **settings: Any) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self._root = root
        self._settings = settings
        self._spawner = Spawner()
        self.replicas: dict[str, Replica] = {}
        cluster.create_namespace(namespace)
        secret = {"metadata": {"name": "turnout-operator-tls"}, "type": "Opaque"}
        cluster.request("POST", f"/api/v1/namespaces/{namespace}/secrets", secret)

    def start(self, name: str = "operator-0", *, kubeconfig: Path | None = None, **settings: Any) -> Replica:
        """Start a replica and wait until it is ready; the same name again is the same pod, restarted."""
        replica = self.replicas.get(name)
        if replica is None:
            replica = Replica(self, name, kubeconfig or self.cluster.kubeconfig, {**self._settings, **settings})
            self.replicas[name] = replica
        replica.start()
        return replica

    def lease(self) -> Json:
        """The Lease."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/turnout-operator"
        return self.cluster.request("GET", path)

    def leader(self) -> str:
        """The name of the replica that holds the Lease; "" where there is none."""
        with suppress(ApiError):
            return str(self.lease()["spec"].get("holderIdentity") or "")
        return ""

    def close(self) -> None:
        """End all replicas."""
        for replica in self.replicas.values():
            replica.process.stop()
        self._spawner.close()
        with suppress(ApiError):
            self.cluster.request("DELETE", f"/api/v1/namespaces/{self.namespace}")

    def spawn(self, name: str, command: list[str]) -> Process:
        """A process that is not started yet."""
        return Process(name, command, folder=self._root, spawner=self._spawner)

    def write_settings(self, name: str, settings: Json) -> Path:
        """A settings file."""
        path = self._root / f"{name}.yaml"
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return path


class Replica:
    """One operator process."""

    def __init__(self, rig: OperatorRig, name: str, kubeconfig: Path, settings: Json) -> None:
        self.name = name
        self.port, self.health_port = free_port(), free_port()
        self._rig = rig
        whole: Json = {
            "namespace": rig.namespace,
            "podName": name,
            "kubeconfig": str(kubeconfig),
            "host": "127.0.0.1",
            "port": self.port,
            "healthHost": "127.0.0.1",
            "healthPort": self.health_port,
            "lease": {"duration": 3.0, "renewDeadline": 2.0, "retry": 0.3},
            **settings,
        }
        config = rig.write_settings(name, whole)
        command = [sys.executable, "-m", "turnout_operator", "--config", str(config)]
        self.process = rig.spawn(name, command)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        self.process.start(environment)
        self.process.wait_until(self.ready, what="ready")

    def ready(self) -> bool:
        """Whether it says so."""
        return self.get("/readyz")[0] == 200

    def get(self, path: str) -> tuple[int, str]:
        """What its health server answers; status 0 where nobody does."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{self.health_port}{path}", timeout=5) as response:
                return int(response.status), response.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str) -> float:
        """The value of a metric, with its labels as they are printed; 0 where it is not there."""
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[-1])
        return 0.0

    def leads(self) -> bool:
        """Whether it leads."""
        return self.metric("turnout_operator_leader") == 1

    @property
    def url(self) -> str:
        """Where gateways dial."""
        return f"wss://localhost:{self.port}{PATH}"


class FakeGateway:
    """A gateway's side of the connection, in a thread of its own. It acknowledges unless it is told otherwise."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        pod: str,
        *,
        have: Have | None = None,
        secrets: tuple[str, ...] = (),
        token: str | None = None,
    ) -> None:
        self._cluster = cluster
        self.namespace = namespace
        self.pod = pod
        self.have = have or Have()
        self.secrets = secrets
        self.missing: tuple[str, ...] = ()
        self.answers = True
        self.refuse: Callable[[Push], NackError | None] = lambda _push: None
        self.received: list[Push | Synced | Credentials] = []
        self.refused_stale: list[Push] = []
        self.closed: int | None = None
        self.status: int | None = None
        self._token = token
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name=f"gateway-{pod}", daemon=True)
        self._thread.start()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._task: Future[None] | None = None

    # --- what a test does

    def dial(self, replica: Replica) -> FakeGateway:
        """Connect to a replica; returns when the connection stands or was refused."""
        self.closed = self.status = None
        context = ssl.create_default_context(cadata=self._authority())
        self._call(self._connect(replica.url, self._token or self.token(), context))
        return self

    def token(self) -> str:
        """The token of the pod's projected volume."""
        return self._cluster.service_account_token(
            self.namespace, "turnout-gateway", audience=AUDIENCE, bound_pod=self.pod
        )

    def say(self, message: Hello | Ack | Nack) -> None:
        """Send a message."""
        self._call(self._send(message))

    def report_missing(self) -> None:
        """Say again which secret files are missing, as a gateway does when that changes."""
        self.say(Ack(nonce="", version=self.have.version, missing=self.missing))

    def hang_up(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._call(self._socket.close())

    def stop(self) -> None:
        """End the thread."""
        with suppress(Exception):
            self.hang_up()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    # --- what a test sees

    @property
    def pushes(self) -> list[Push]:
        """Everything that was pushed."""
        return [message for message in self.received if isinstance(message, Push)]

    @property
    def snapshot(self) -> Snapshot | None:
        """What it runs, if that was pushed to it."""
        for push in reversed(self.pushes):
            if push.version == self.have.version:
                return codec.decode(push.snapshot.encode())
        return None

    def runs(self, kind: str, name: str, generation: int) -> bool:
        """Whether it runs a version with that generation of an object."""
        snapshot = self.snapshot
        wanted = (kind, name, generation)
        return snapshot is not None and any((s.kind, s.name, s.generation) == wanted for s in snapshot.sources)

    # --- inside

    def _authority(self) -> str:
        path = f"/api/v1/namespaces/{self.namespace}/configmaps/turnout-operator-ca"
        found = eventually("the operator's CA in the namespace", lambda: _maybe(self._cluster, path))
        text: str = found["data"]["ca.crt"]
        return text

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    async def _connect(self, url: str, token: str, context: ssl.SSLContext) -> None:
        session = aiohttp.ClientSession()
        headers = {"authorization": f"Bearer {token}"}
        try:
            socket = await session.ws_connect(url, headers=headers, ssl=context, max_msg_size=64 * 1024 * 1024)
        except aiohttp.WSServerHandshakeError as error:
            self.status = error.status
            await session.close()
            return
        self._socket = socket
        with suppress(ConnectionError):
            await self._send(Hello(have=self.have, secrets=self.secrets, build=Build(version="test", pod=self.pod)))
        self._loop.create_task(self._listen(session, socket))

    async def _listen(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            said = _DECODER.decode(message.data)
            self.received.append(said)
            if isinstance(said, Push) and self.answers:
                await self._take(said)
            elif isinstance(said, Synced):
                self.have = msgspec.structs.replace(self.have, epoch=max(self.have.epoch, said.epoch))
                await self._send(Ack(nonce="", version=self.have.version, missing=self.missing))
        self.closed = socket.close_code or 1000
        await session.close()

    async def _take(self, push: Push) -> None:
        if push.epoch < self.have.epoch:
            self.refused_stale.append(push)
            await self._send(
                Nack(nonce=push.nonce, using=self.have.version, epoch=self.have.epoch, reason="StaleEpoch")
            )
            return
        assert codec.version(push.snapshot.encode()) == push.version
        error = self.refuse(push)
        if error is not None:
            await self._send(Nack(nonce=push.nonce, using=self.have.version, errors=(error,), epoch=push.epoch))
            return
        self.have = Have(version=push.version, epoch=push.epoch, revision=push.revision)
        await self._send(Ack(nonce=push.nonce, version=push.version, missing=self.missing))

    async def _send(self, message: Hello | Ack | Nack) -> None:
        assert self._socket is not None
        await self._socket.send_str(msgspec.json.encode(message).decode())


# --- looking at the cluster


def _maybe(cluster: Cluster, path: str) -> Json | None:
    try:
        return cluster.request("GET", path)
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def there(cluster: Cluster, namespace: str, plural: str, name: str, group: str = "/api/v1") -> Json | None:
    """An object, or None."""
    return _maybe(cluster, f"{group}/namespaces/{namespace}/{plural}/{name}")


def custom(cluster: Cluster, namespace: str, plural: str, name: str) -> Json:
    """One of our objects."""
    return cluster.request("GET", f"/apis/turnout.dev/v1alpha1/namespaces/{namespace}/{plural}/{name}")


def condition(item: Json, kind: str) -> Json:
    """One condition of an object; empty where there is none."""
    found: list[Json] = [one for one in (item.get("status") or {}).get("conditions") or () if one["type"] == kind]
    return found[0] if found else {}


def has_condition(
    cluster: Cluster, namespace: str, plural: str, name: str, kind: str, status: str, reason: str | None = None
) -> Callable[[], Json | None]:
    """A probe: the object's condition has that status (and reason), for its present generation."""

    def probe() -> Json | None:
        item = custom(cluster, namespace, plural, name)
        found = condition(item, kind)
        right = found.get("status") == status and reason in (None, found.get("reason"))
        return found if right and found.get("observedGeneration") == item["metadata"]["generation"] else None

    return probe


def gateway_pods(cluster: Cluster, namespace: str) -> list[str]:
    """The names of the gateways' pods, oldest first."""
    path = f"/api/v1/namespaces/{namespace}/pods?labelSelector={GATEWAY_PODS}"
    items = cluster.request("GET", path)["items"]
    alive = [item for item in items if not item["metadata"].get("deletionTimestamp")]
    return [item["metadata"]["name"] for item in sorted(alive, key=lambda item: item["metadata"]["creationTimestamp"])]


def wait_for_pods(cluster: Cluster, namespace: str, count: int) -> list[str]:
    """Wait until there are that many gateway pods."""
    found: list[str] = eventually(
        f"{count} gateway pods", lambda: pods if len(pods := gateway_pods(cluster, namespace)) >= count else None
    )
    return found


# --- resources


def provider(name: str = "openai", *, secret: str | None = None, model: str = "gpt-5-mini") -> Json:
    """A ModelProvider."""
    spec: Json = {
        "protocol": "OpenAI",
        "endpoint": "https://llm.example/v1",
        "models": [{"name": model, "tier": "Small", "capabilities": ["Chat"]}],
    }
    if secret is not None:
        spec["credentials"] = {"secretRef": {"name": secret, "key": "apiKey"}}
    return _resource("ModelProvider", name, spec)


def route(name: str = "assistant", *, backend: str = "openai", model: str = "gpt-5-mini", **spec: Any) -> Json:
    """A ModelRoute with one rule."""
    rule = {"name": "all", "backendRefs": [{"name": backend, "model": model}]}
    return _resource("ModelRoute", name, {"rules": [rule], **spec})


def model_gateway(**spec: Any) -> Json:
    """The namespace's ModelGateway."""
    return _resource("ModelGateway", "default", spec)


def secret(name: str, **texts: str) -> Json:
    """A Secret."""
    data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}


def _resource(kind: str, name: str, spec: Json) -> Json:
    return {"apiVersion": "turnout.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def overview(replica: Replica, namespace: str) -> list[Json]:
    """How a namespace's gateways stand, as the operator says."""
    shown: Json = json.loads(replica.get("/gateways")[1])
    found: list[Json] = shown["namespaces"].get(namespace, {}).get("gateways", [])
    return found
