"""Fixtures of the tests that run the operator as a process: a namespace of its own, one replica, and gateways to dial in."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.kube import Cluster
from cluster.operator_rig import FakeGateway, OperatorRig, Replica, install_crds, wait_for_pods

Fleet = Callable[..., list[FakeGateway]]


@pytest.fixture
def rig(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[OperatorRig]:
    """An operator's namespace; nothing runs in it yet."""
    install_crds(cluster)
    running = OperatorRig(cluster, f"{namespace}-system", tmp_path, takeoverGrace=2.0, disconnectedAfter=3.0)
    yield running
    running.close()


@pytest.fixture
def operator(rig: OperatorRig) -> Replica:
    """One replica, ready."""
    return rig.start()


@pytest.fixture
def fleet(cluster: Cluster, namespace: str) -> Iterator[Fleet]:
    """Dials in as many gateways as there shall be, each in the place of a pod of the namespace."""
    started: list[FakeGateway] = []

    def dial(replica: Replica, count: int = 1, **options: object) -> list[FakeGateway]:
        pods = wait_for_pods(cluster, namespace, count)[:count]
        new = [FakeGateway(cluster, namespace, pod, **options) for pod in pods]  # type: ignore[arg-type]
        started.extend(new)
        return [gateway.dial(replica) for gateway in new]

    yield dial
    for gateway in started:
        gateway.stop()
