"""A leader with its rooms in one event loop, over an API server in memory: what it pushes and keeps, without any process."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from turnout_contract.api.registry import KINDS
from turnout_contract.protocol import FromOperator, Push
from turnout_contract.snapshot import codec
from turnout_contract.snapshot.model import Snapshot
from turnout_operator.compile import Defaults
from turnout_operator.crd_guard import CrdGuard
from turnout_operator.kube import AsyncKube
from turnout_operator.kube_fake import FakeKube
from turnout_operator.leader import Leader, Rooms
from turnout_operator.metrics import Metrics
from turnout_operator.publish.collections import CollectionKeeper
from turnout_operator.publish.publisher import Publisher
from turnout_operator.publish.registry import Registry
from turnout_operator.settings import OperatorSettings
from turnout_operator.status.engine import StatusEngine
from turnout_operator.status.writer import Write
from turnout_operator.store import Store
from turnout_operator.workloads.keeper import WorkloadKeeper
from turnout_operator.workloads.reconcile import Reconciler

Json = dict[str, Any]
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TIMESTAMP = "2026-01-01T00:00:00Z"


class Line:
    """A gateway's connection, as the operator sees it."""

    def __init__(self) -> None:
        self.sent: list[FromOperator] = []
        self.closed: int | None = None

    def send(self, message: FromOperator) -> None:
        self.sent.append(message)

    def close(self, code: int, reason: str) -> None:
        del reason
        self.closed = code

    @property
    def snapshots(self) -> list[Snapshot]:
        """All that was pushed, decoded."""
        return [codec.decode(message.snapshot.encode()) for message in self.sent if isinstance(message, Push)]


class Statuses:
    """Takes the place of the status writer: what was written last, by object."""

    def __init__(self) -> None:
        self.written: dict[tuple[str, str, str], Json] = {}

    def write(self, write: Write) -> None:
        self.written[write.key] = write.status

    def settled(self, key: tuple[str, str, str]) -> None:
        del key


class LeaderRig:
    """`epoch` None: it does not lead. `start` and `stop` run its queues."""

    def __init__(
        self, *, freshen: Callable[[], Awaitable[None]] | None = None, collections: CollectionKeeper | None = None
    ) -> None:
        self.epoch: int | None = 1
        self.kube = FakeKube()
        self.metrics = Metrics()
        self.statuses = Statuses()
        kube = AsyncKube(self.kube, ThreadPoolExecutor(4))
        settings = OperatorSettings()
        self.guard = CrdGuard(kube)
        self.define(*KINDS)
        self.store = Store(
            "turnout-system",
            on_dirty=self._dirty,
            on_lost=self.guard.lost,
            on_back=self.guard.back,
            on_released=self.guard.release,
        )
        self.registry = Registry(disconnected_after=30, forget_after=900)
        self.publisher = Publisher(
            self.registry, epoch=lambda: self.epoch, monotonic=time.monotonic, nonces=lambda: "n", observer=self
        )
        self.engine = StatusEngine(
            self.store,
            self.statuses,
            views=self.publisher.views,
            leading=lambda: self.epoch is not None,
            settled=lambda: True,
            monotonic=time.monotonic,
            timestamp=lambda: TIMESTAMP,
        )
        self.workloads = WorkloadKeeper(
            Reconciler(kube),
            settings.gateway,
            leading=lambda: self.epoch is not None,
            exists=lambda _namespace: True,
            trouble=self.engine.workloads,
            monotonic=time.monotonic,
            look_seconds=0.05,
        )
        rooms = Rooms(
            store=self.store,
            guard=self.guard,
            publisher=self.publisher,
            engine=self.engine,
            workloads=self.workloads,
            collections=collections,
        )
        self.leader = Leader(
            settings,
            Defaults(shared_qdrant=collections is not None),
            rooms,
            epoch=lambda: self.epoch,
            ca=lambda: "CA",
            monotonic=time.monotonic,
            metrics=self.metrics,
            freshen=freshen,
        )
        self._collections = collections
        self._tasks: list[asyncio.Task[None]] = []

    def define(self, *kinds: str, again: str = "") -> None:
        """The kinds' definitions are there, as the operator found them; with `again` they are others than it found."""
        for kind in kinds:
            metadata = {"name": KINDS[kind].crd_name, "uid": f"crd-{kind}{again}"}
            self.kube.objects[f"{DEFINITIONS}/{KINDS[kind].crd_name}"] = {"metadata": metadata}
            if not again:
                self.guard.remember({kind: f"crd-{kind}"})

    def undefine(self, kind: str) -> None:
        """A kind's definition is deleted, and with it all its objects."""
        del self.kube.objects[f"{DEFINITIONS}/{KINDS[kind].crd_name}"]
        for name in self.store.namespaces():
            for stored in self.store.objects(name):
                if stored.kind == kind:
                    self.store.delete(kind, stored.uid)

    def condition(self, kind: str, name: str, about: str) -> tuple[str, str, str]:
        """Status, reason and message of a condition as it was written last; empty where it never was."""
        for one in self.statuses.written.get((kind, "team", name), {}).get("conditions", ()):
            if one["type"] == about:
                return (one["status"], one["reason"], one["message"])
        return ("", "", "")

    def start(self) -> None:
        """Work from now on."""
        for room in (self.leader, self.engine, self.workloads):
            self._tasks.append(asyncio.create_task(room.run()))
        if self._collections is not None:
            self._tasks.append(asyncio.create_task(self._collections.run()))

    async def stop(self) -> None:
        """Work no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _dirty(self, namespaces: Iterable[str]) -> None:
        self.leader.dirty(namespaces)

    # --- as the publisher's observer

    def changed(self, namespace: str) -> None:
        self.engine.mark(namespace)
        self.leader.wanted_by(namespace)

    def higher_epoch(self, seen: int) -> None:
        del seen

    def exchanged(self, what: str, namespace: str, version: str) -> None:
        del what, namespace, version


async def until(what: str, probe: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


def resource(kind: str, name: str, spec: Json, *, namespace: str = "team", generation: int = 1) -> Json:
    """One of our objects, as an API server sends it."""
    return {
        "apiVersion": "turnout.dev/v1alpha1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"{namespace}-{kind}-{name}",
            "generation": generation,
            "resourceVersion": str(generation),
        },
        "spec": spec,
    }


def route(name: str = "assistant", *, generation: int = 1, **spec: Any) -> Json:
    """A ModelRoute with one rule."""
    rule = {"name": "all", "backendRefs": [{"name": "openai", "model": "gpt"}]}
    return resource("ModelRoute", name, {"rules": [rule], **spec}, generation=generation)


def provider() -> Json:
    """A ModelProvider with one model."""
    spec = {"protocol": "OpenAI", "endpoint": "https://llm.example/v1", "models": [{"name": "gpt"}]}
    return resource("ModelProvider", "openai", spec)


def namespace(name: str = "team", annotations: dict[str, str] | None = None, **labels: str) -> Json:
    """A Namespace."""
    return {"metadata": {"name": name, "uid": f"ns-{name}", "labels": labels, "annotations": annotations or {}}}
