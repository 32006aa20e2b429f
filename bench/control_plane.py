"""A real API server, a real operator and real gateways, as processes on loopback: what a change has to travel through.

The API server is the one of the tests (`tests/cluster`, which must be on the path); no kubelet runs, so the gateways are started
here, each with the projected token of a pod of the Deployment that the operator made.
"""

import contextlib
import http.client
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.processes import free_port, started, wait_for_ready
from bench.resources import KEY, gateway, provider, route
from cluster.kube import Cluster, eventually, find_binaries
from cluster.operator_rig import OperatorRig, Replica, install_crds, overview, there, wait_for_pods
from turnout_contract.protocol import AUDIENCE

NAMESPACE = "bench"
SERVICE_ACCOUNT = "turnout-gateway"
POLL_SECONDS = 0.003


class GatewayEnd:
    """A running gateway, and a connection to it that is kept open. Any answer of it names the configuration that it runs."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def version(self) -> str:
        """What it runs now."""
        self._connection.request("GET", "/")
        answer = self._connection.getresponse()
        answer.read()
        return answer.headers.get("x-turnout-config", "")


class ControlPlane:
    """Everything together."""

    def __init__(self, cluster: Cluster, operator: Replica, gateways: tuple[GatewayEnd, ...]) -> None:
        self.cluster = cluster
        self.operator = operator
        self.gateways = gateways

    def change(self, name: str, spec: dict[str, Any]) -> int:
        """Change a route by PATCH; returns its new generation when the API server has taken it."""
        path = f"/apis/turnout.dev/v1alpha1/namespaces/{NAMESPACE}/modelroutes/{name}"
        patched = self.cluster.request("PATCH", path, {"spec": spec}, content_type="application/merge-patch+json")
        return int(patched["metadata"]["generation"])

    def acknowledged(self, version: str) -> bool:
        """Whether the operator has heard from every gateway that it runs this version."""
        said = overview(self.operator, NAMESPACE)
        good = [one for one in said if one["state"] == "SYNCED" and one["version"] == version]
        return len(good) == len(self.gateways)

    def programmed(self, name: str, generation: int) -> bool:
        """Whether the route's status says that this generation runs everywhere."""
        path = f"/apis/turnout.dev/v1alpha1/namespaces/{NAMESPACE}/modelroutes/{name}"
        return _programmed(self.cluster.request("GET", path), generation)

    def all_programmed(self) -> bool:
        """Whether every route is live."""
        items = self.cluster.request("GET", f"/apis/turnout.dev/v1alpha1/namespaces/{NAMESPACE}/modelroutes")["items"]
        return all(_programmed(item, item["metadata"]["generation"]) for item in items)


def _programmed(item: dict[str, Any], generation: int) -> bool:
    return any(
        condition["type"] == "Programmed"
        and condition["status"] == "True"
        and condition.get("observedGeneration") == generation
        for condition in (item.get("status") or {}).get("conditions") or ()
    )


@contextlib.contextmanager
def control_plane(folder: Path, routes: int, gateways: int) -> Iterator[ControlPlane]:
    """Start everything, apply a provider and so many routes, and wait until all of them are live."""
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Cluster(find_binaries(), folder))
        install_crds(cluster)
        rig = OperatorRig(cluster, "turnout-system", folder)
        stack.callback(rig.close)
        cluster.create_namespace(NAMESPACE)
        wanted = gateway(None)
        wanted["spec"]["replicas"] = gateways
        cluster.apply([wanted, provider(9000), *(route(f"route-{number:03d}") for number in range(routes))])
        operator = rig.start()
        pods = wait_for_pods(cluster, NAMESPACE, gateways)
        ends = tuple(stack.enter_context(_gateway(cluster, operator, pod, folder / pod)) for pod in pods[:gateways])
        plane = ControlPlane(cluster, operator, ends)
        eventually("every route is live", plane.all_programmed, seconds=120)
        yield plane


@contextlib.contextmanager
def _gateway(cluster: Cluster, operator: Replica, pod: str, folder: Path) -> Iterator[GatewayEnd]:
    for secret, value in (("upstream", "sk-upstream"), ("client", KEY)):
        (folder / "secrets" / secret).mkdir(parents=True)
        (folder / "secrets" / secret / "key").write_text(value)
    authority = eventually("the operator's CA", lambda: there(cluster, NAMESPACE, "configmaps", "turnout-operator-ca"))
    (folder / "ca.crt").write_text(authority["data"]["ca.crt"])
    (folder / "token").write_text(
        cluster.service_account_token(NAMESPACE, SERVICE_ACCOUNT, audience=AUDIENCE, bound_pod=pod)
    )
    port, admin = free_port(), free_port()
    options: dict[str, object] = {
        "--port": port,
        "--admin-port": admin,
        "--operator": f"wss://localhost:{operator.port}",
        "--token-file": folder / "token",
        "--ca-file": folder / "ca.crt",
        "--secrets-dir": folder / "secrets",
        "--state": folder / "state",
        "--namespace": NAMESPACE,
    }
    line = ["gateway", *(str(part) for pair in options.items() for part in pair)]
    with started("turnout_cli", *line, log=folder / "gateway.log", env={"POD_NAME": pod}) as running:
        wait_for_ready(admin, running)
        yield GatewayEnd(port)


def wait_for(what: str, probe: Callable[[], bool], *, pause: float = POLL_SECONDS, seconds: float = 30.0) -> None:
    """Poll until it holds. Raises TimeoutError."""
    end = time.perf_counter() + seconds
    while not probe():
        if time.perf_counter() > end:
            raise TimeoutError(what)
        time.sleep(pause)
