"""What stands in a status after a take-over stands until those who know better had time to come back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from leader_rig import until
from turnout_operator import housekeeping as rooms
from turnout_operator.audit import Auditor, RelistDetector
from turnout_operator.housekeeping import GATEWAY_PODS, Housekeeping
from turnout_operator.kube import ApiError, AsyncKube
from turnout_operator.kube_fake import FakeKube
from turnout_operator.publish.registry import Peer, Registry
from turnout_operator.publish.session import Session
from turnout_operator.settings import OperatorSettings
from turnout_operator.store import Store
from turnout_operator.workloads.keeper import WorkloadKeeper
from turnout_operator.workloads.reconcile import Reconciler

Json = dict[str, Any]
PODS = "/api/v1/pods"
PEER = Peer("team", "pod-1", "uid-1")


def test_a_gateway_that_is_expected_is_so_until_it_dials_in_or_is_given_up() -> None:
    registry = Registry(disconnected_after=30, forget_after=900)
    registry.expect(PEER, 0.0)
    registry.expect(Peer("team", "pod-2", "uid-2"), 0.0)
    assert [view.expected for view in registry.views("team", 29.0)] == [True, True]
    registry.connect(PEER, Session(nonces=lambda: "n"), {}, 29.0)
    first, second = registry.views("team", 30.0)
    assert (first.expected, first.state) == (False, "STALE")
    assert (second.expected, second.state) == (False, "DISCONNECTED")


class Marked:
    """Takes the place of the status engine: who was marked."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def mark(self, namespace: str) -> None:
        self.names.append(namespace)

    def mark_all(self) -> None:
        self.names.append("all")


def ready_pod(peer: Peer) -> Json:
    metadata = {"namespace": peer.namespace, "name": peer.pod, "uid": peer.uid}
    labels = dict(pair.split("=") for pair in GATEWAY_PODS.split(","))
    return {
        "metadata": {**metadata, "labels": labels},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


class Lister:
    """Lists nothing, when it is let."""

    def __init__(self) -> None:
        self.may = asyncio.Event()

    async def list_kind(self, kind: str, namespace: str | None) -> list[Json]:
        del kind, namespace
        await self.may.wait()
        return []


class Rig:
    def __init__(self) -> None:
        self.kube, self.now, self.lister, self.engine = FakeKube(), 0.0, Lister(), Marked()
        self.registry = Registry(disconnected_after=30, forget_after=900)
        kube, store = AsyncKube(self.kube, ThreadPoolExecutor(1)), Store("system", on_dirty=lambda _names: None)
        reconciler = Reconciler(kube)
        engine: Any = self.engine
        self.housekeeping = Housekeeping(
            OperatorSettings(),
            kube,
            auditor=Auditor(store, self.lister, namespaces=None),
            detector=RelistDetector(1.0),
            registry=self.registry,
            engine=engine,
            workloads=WorkloadKeeper(
                reconciler,
                OperatorSettings().gateway,
                leading=lambda: True,
                exists=lambda _namespace: True,
                trouble=lambda _namespace, _trouble: None,
                monotonic=lambda: self.now,
            ),
            reconciler=reconciler,
            dirty=lambda _names: None,
            leading=lambda: True,
            monotonic=lambda: self.now,
        )


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(rooms, "LOOK_SECONDS", 0.01)
    made = Rig()
    made.kube.objects[f"{PODS}/{PEER.pod}"] = ready_pod(PEER)
    yield made
    made.lister.may.set()


def expected(rig: Rig) -> Callable[[], bool]:
    return lambda: [view.expected for view in rig.registry.views("team", rig.now)] == [True]


async def test_a_term_is_not_taken_over_before_it_is_known_which_gateways_there_are(rig: Rig) -> None:
    asked: list[str] = []

    def away(_method: str, path: str) -> None:
        asked.append(path)
        raise ApiError(0, "NoAnswer", "down")

    rig.kube.fault = away
    rig.housekeeping.term_began()
    task = asyncio.create_task(rig.housekeeping.run())
    await until("pods were asked for, again and again", lambda: asked.count(PODS) >= 3)
    assert not rig.housekeeping.took_over
    rig.kube.fault = None
    await until("it is taken over", lambda: rig.housekeeping.took_over)
    assert expected(rig)()
    assert "all" in rig.engine.names, "what could not be said before is looked at now"
    task.cancel()


async def test_gateways_are_expected_however_long_an_audit_takes(rig: Rig) -> None:
    rig.housekeeping.everything()
    rig.housekeeping.term_began()
    task = asyncio.create_task(rig.housekeeping.run())
    await until("it is taken over", lambda: rig.housekeeping.took_over)
    assert expected(rig)()
    assert not rig.lister.may.is_set()
    task.cancel()
