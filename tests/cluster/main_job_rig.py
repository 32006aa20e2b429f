"""The main job on real parts: the chart's operator as a process, and a kubelet of sorts that runs the gateways' pods as processes.

The operator reads the settings file that the chart rendered, with only its timings shortened, and acts as the chart's own service
account. A gateway's pod comes from the Deployment that the operator made; `Kubelet` runs its container's own arguments with the
volumes of its own spec: the projected token, the CA, and each Secret as the kubelet lays it out. Only addresses differ, since
nothing here has a network of its own.
"""

from __future__ import annotations

import base64
import json
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cluster.charts import Installed
from cluster.kube import ApiError, Cluster, eventually
from cluster.operator_rig import GATEWAY_PODS, condition, custom, there
from cluster.processes import Process, Spawner
from support.ports import free_port
from support.turnout import Gateway, environment, fetch
from turnout_contract.protocol import AUDIENCE
from turnout_operator.workloads.render import SECRETS_DIR

Json = dict[str, Any]
CLOCK = """
import os, time
_shift = int(os.environ["TEST_CLOCK_SHIFT_SECONDS"])
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _shift
time.time_ns = lambda: _time_ns() + _shift * 1_000_000_000
"""
TIMINGS = {
    "lease": {"duration": 3.0, "renewDeadline": 2.0, "retry": 0.3},
    # Gateways pause for up to 5 s between dials, and each dial takes a TokenReview: nobody is to be missed sooner.
    "takeoverGrace": 20.0,
    "disconnectedAfter": 20.0,
}


class Operator:
    """One replica of the chart's operator: `turnout operator --config ...`."""

    def __init__(self, installed: Installed, name: str, root: Path, spawner: Spawner) -> None:
        self.name = name
        self.port, self.health_port = free_port(), free_port()
        self._root = root
        path = f"/api/v1/namespaces/{installed.namespace}/configmaps/{installed.name}"
        rendered = yaml.safe_load(installed.cluster.request("GET", path)["data"]["operator.yaml"])
        settings = {**rendered, **TIMINGS, "host": "127.0.0.1", "healthHost": "127.0.0.1"}
        config = root / f"{name}.yaml"
        config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        options = {
            "config": config,
            "kubeconfig": installed.operator_kubeconfig(),
            "pod-name": name,
            "port": self.port,
            "health-port": self.health_port,
        }
        arguments = [f"--{option}={value}" for option, value in options.items()]
        command = [sys.executable, "-m", "turnout_cli", "operator", *arguments]
        self.process = Process(name, command, folder=root, spawner=spawner)

    @property
    def address(self) -> str:
        """What a gateway has as its `--operator`."""
        return f"wss://localhost:{self.port}"

    @property
    def url(self) -> str:
        """Its health port."""
        return f"http://127.0.0.1:{self.health_port}"

    def start(self, *, clock_shift: int = 0) -> Operator:
        """Start it, with a clock that is wrong by so many seconds, and wait until it is ready."""
        extra: dict[str, str] = {}
        if clock_shift:
            folder = self._root / "wrong-clock"
            folder.mkdir(exist_ok=True)
            (folder / "sitecustomize.py").write_text(CLOCK, encoding="utf-8")
            extra = {"PYTHONPATH": str(folder), "TEST_CLOCK_SHIFT_SECONDS": str(clock_shift)}
        self.process.start(environment(extra))
        self.process.wait_until(lambda: fetch(f"{self.url}/readyz")[0] == 200, what="ready")
        return self

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.stop(signal.SIGKILL)

    def pause(self) -> None:
        """Stop it where it is."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def leads(self) -> bool:
        """Whether it says that it leads."""
        return "turnout_operator_leader 1.0" in fetch(f"{self.url}/metrics")[1]

    def states(self, namespace: str) -> dict[str, str]:
        """How each gateway of a namespace stands, as it sees it."""
        status, text = fetch(f"{self.url}/gateways")
        if status != 200:
            return {}
        rows = json.loads(text)["namespaces"].get(namespace, {}).get("gateways", ())
        return {row["pod"]: row["state"] for row in rows}


class Kubelet:
    """Runs the gateways' pods of a namespace as processes; `sync` brings processes and pods together, once."""

    def __init__(
        self, cluster: Cluster, namespace: str, root: Path, spawner: Spawner, operators: Sequence[str], key: str
    ) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.running: dict[str, Gateway] = {}
        self._root = root
        self._spawner = spawner
        self._operators = operators
        self._key = key

    def pods(self) -> list[Json]:
        """The pods that there should be, oldest first."""
        path = f"/api/v1/namespaces/{self.namespace}/pods?labelSelector={GATEWAY_PODS}"
        items: list[Json] = self.cluster.request("GET", path)["items"]
        alive = [item for item in items if not item["metadata"].get("deletionTimestamp")]
        return sorted(alive, key=lambda item: (item["metadata"]["creationTimestamp"], item["metadata"]["name"]))

    def sync(self) -> None:
        """Start what has a pod, end what has none any more, and say of each pod whether it is ready."""
        pods = {pod["metadata"]["name"]: pod for pod in self.pods()}
        for name in [name for name in self.running if name not in pods]:
            self.running.pop(name).stop()
        for name, pod in pods.items():
            if name not in self.running:
                self.running[name] = self.gateway(pod).start(ready=False)
        for name, one in self.running.items():
            self._report(name, ready=one.ready())

    def settle(self, count: int) -> list[Gateway]:
        """Sync until so many pods are there, run, and are ready, and no other."""

        def settled() -> bool:
            self.sync()
            ended = [one.process.tail() for one in self.running.values() if one.process.pid is None]
            assert not ended, ended[0]
            return len(self.running) == count and all(one.ready() for one in self.running.values())

        eventually(f"{count} gateways are ready", settled, 90)
        return self.gateways

    @property
    def gateways(self) -> list[Gateway]:
        """Those that run, in the order of their pods."""
        return list(self.running.values())

    def close(self) -> None:
        """End them all."""
        for one in self.running.values():
            one.process.stop()

    def gateway(self, pod: Json, *, token: str | None = None, namespace: str | None = None) -> Gateway:
        """The process of a pod, not started yet; with another token than its own, where one is given."""
        name = pod["metadata"]["name"]
        container = pod["spec"]["containers"][0]
        home = self._root / name
        if token is not None:
            home = self._root / f"{name}-impostor-{len(list(self._root.iterdir()))}"
        mounts = {mount["mountPath"]: home / mount["name"] for mount in container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        for mount in container["volumeMounts"]:
            self._fill(home / mount["name"], volumes[mount["name"]], name, token)
        secrets = _secrets_folder(home, mounts)
        env = {"POD_NAME": name, "POD_NAMESPACE": namespace or self.namespace, "NODE_NAME": "test-node"}
        arguments = [_local(argument, mounts, secrets) for argument in container["args"]]
        kept = [argument for argument in arguments if not argument.startswith(_ADDRESSES)]
        dial = [f"--operator={address}" for address in self._operators]
        return Gateway(home.name, [*kept, *dial], root=self._root, spawner=self._spawner, env=env, key=self._key)

    def state(self, pod: str) -> Path:
        """The pod's volume of state."""
        return self._root / pod / "state"

    def _fill(self, folder: Path, volume: Json, pod: str, token: str | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if "projected" in volume:
            source = volume["projected"]["sources"][0]["serviceAccountToken"]
            assert source["audience"] == AUDIENCE
            issued = token or self.cluster.service_account_token(
                self.namespace, "turnout-gateway", audience=source["audience"], bound_pod=pod
            )
            _lay_out(folder, {source["path"]: issued.encode()})
        elif "configMap" in volume:
            path = f"/api/v1/namespaces/{self.namespace}/configmaps/{volume['configMap']['name']}"
            data = self.cluster.request("GET", path)["data"]
            _lay_out(folder, {key: value.encode() for key, value in data.items()})
        elif "secret" in volume:
            assert volume["secret"]["optional"] is True
            _lay_out(folder, self._secret(volume["secret"]["secretName"]))

    def _secret(self, name: str) -> dict[str, bytes]:
        found = there(self.cluster, self.namespace, "secrets", name) or {}
        return {key: base64.b64decode(value) for key, value in found.get("data", {}).items()}

    def _report(self, pod: str, *, ready: bool) -> None:
        """What a kubelet says of a pod, so that the Deployment's rollout goes on."""
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/status"
        try:
            self.cluster.request(
                "PATCH", path, {"status": status}, content_type="application/strategic-merge-patch+json"
            )
        except ApiError as error:
            if error.status != 404:  # the pod may have gone meanwhile
                raise


_ADDRESSES = ("--operator=", "--host=", "--port=", "--admin-host=", "--admin-port=")


def _local(argument: str, mounts: Mapping[str, Path], secrets: tuple[str, Path]) -> str:
    """An argument with a path in the container as one with the path here."""
    option, _, value = argument.partition("=")
    if value == secrets[0]:
        return f"{option}={secrets[1]}"
    for path, folder in mounts.items():
        if value == path or value.startswith(f"{path}/"):
            return f"{option}={folder}{value.removeprefix(path)}"
    return argument


def _secrets_folder(home: Path, mounts: Mapping[str, Path]) -> tuple[str, Path]:
    """Where Secrets are mounted side by side: the path in the container, and the folder here with one of each name."""
    folder = home / "all-secrets"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, source in mounts.items():
        if path.startswith(f"{SECRETS_DIR}/"):
            source.rename(folder / path.removeprefix(f"{SECRETS_DIR}/"))
    return SECRETS_DIR, folder


def _lay_out(folder: Path, files: Mapping[str, bytes]) -> None:
    """Files as the kubelet writes them: links through `..data`, so that all change at once."""
    shutil.rmtree(folder)
    dated = folder / "..2026_01_01"
    dated.mkdir(parents=True)
    for name, content in files.items():
        (dated / name).write_bytes(content)
        (folder / name).symlink_to(Path("..data") / name)
    (folder / "..data").symlink_to(dated.name)


def all_conditions(cluster: Cluster, namespace: str, plural: str, name: str) -> dict[str, str]:
    """The statuses of an object's conditions; one that is of another generation than the object's counts as absent."""
    item = custom(cluster, namespace, plural, name)
    types = ("Accepted", "ResolvedRefs", "Programmed", "Ready", "Stalled")
    found = {kind: condition(item, kind) for kind in types}
    generation = item["metadata"]["generation"]
    return {kind: one["status"] for kind, one in found.items() if one.get("observedGeneration") == generation}


GOOD = {"Accepted": "True", "ResolvedRefs": "True", "Programmed": "True", "Ready": "True", "Stalled": "False"}
