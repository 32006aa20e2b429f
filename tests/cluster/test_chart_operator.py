"""The operator as the chart runs it: its own service account, the very settings file of the ConfigMap, the chart's own Secret.

Pods do not run here, so the process stands beside the cluster; but for that everything is the chart's, so that a right which is
missing, or a setting which the operator does not take, is seen. In the log nobody may have been refused anything.
"""

import base64
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.charts import Installed, config, install
from cluster.kube import ApiError, Cluster, eventually
from cluster.operator_rig import free_port
from cluster.processes import Process, Spawner
from secret_references import provider
from turnout_contract.api.meta import API_VERSION

Json = dict[str, Any]
REFUSED = re.compile(r"forbidden|\b403\b|not enough permissions", re.IGNORECASE)
TIME = re.compile(r'"time": "[^"]*"')
MADE = (
    "/apis/apps/v1/namespaces/{}/deployments/turnout-gateway",
    "/apis/policy/v1/namespaces/{}/poddisruptionbudgets/turnout-gateway",
    "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies/turnout-gateway",
    "/api/v1/namespaces/{}/services/turnout",
    "/api/v1/namespaces/{}/serviceaccounts/turnout-gateway",
    "/api/v1/namespaces/{}/configmaps/turnout-operator-ca",
)
ROUTE: Json = {
    "apiVersion": API_VERSION,
    "kind": "ModelRoute",
    "metadata": {"name": "assistant"},
    "spec": {
        "rules": [{"name": "all", "strategy": "Failover", "backendRefs": [{"name": "provider", "model": "model"}]}]
    },
}


class Running:
    """A replica of an installed release, as a process."""

    def __init__(self, installed: Installed, root: Path) -> None:
        self.installed = installed
        cluster = installed.cluster
        path = f"/api/v1/namespaces/{installed.namespace}/configmaps/{installed.name}"
        settings = root / "operator.yaml"
        settings.write_text(cluster.request("GET", path)["data"]["operator.yaml"], encoding="utf-8")
        self.health_port = free_port()
        self._spawner = Spawner()
        options = {
            "config": settings,
            "kubeconfig": installed.operator_kubeconfig(),
            "pod-name": f"{installed.name}-0",
            "port": free_port(),
            "health-port": self.health_port,
        }
        command = [
            sys.executable,
            "-m",
            "turnout_cli",
            "operator",
            *(f"--{key}={value}" for key, value in options.items()),
        ]
        self.process = Process("operator", command, folder=root, spawner=self._spawner)

    def start(self) -> None:
        environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        self.process.start(environment)
        self.process.wait_until(self.leads, what="leading", seconds=60)

    def leads(self) -> bool:
        try:
            return bool(json.loads(self.get("/gateways"))["leader"])
        except OSError:
            return False

    def get(self, path: str) -> str:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.health_port}{path}", timeout=5) as answer:
            text: str = answer.read().decode()
        return text

    def stop(self) -> str:
        """End it as a kubelet would, and return what it logged."""
        self.process.stop(signal.SIGTERM)
        self._spawner.close()
        return self.process.log.read_text(encoding="utf-8")


@pytest.fixture
def everywhere(turnout_installed: Installed, tmp_path: Path) -> Iterator[Running]:
    """The session's release, which serves all namespaces."""
    running = Running(turnout_installed, tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def confined(cluster: Cluster, turnout_installed: Installed, namespace: str, tmp_path: Path) -> Iterator[Running]:
    """A release of its own, which serves the test's namespace beside its own, and has Roles there alone."""
    own = f"confined-{secrets.token_hex(4)}"
    installed = install(cluster, own, {"watchNamespaces": [namespace], "auditSeconds": 5}, release="confined")
    running = Running(installed, tmp_path)
    running.start()
    yield running
    running.stop()
    with config(cluster, own) as connection:
        connection.uninstall("confined")
    cluster.request("DELETE", f"/api/v1/namespaces/{own}")


@pytest.mark.parametrize("which", ["everywhere", "confined"])
def test_the_operator_does_all_its_work_with_the_rights_that_the_chart_gives(
    cluster: Cluster, namespace: str, which: str, request: pytest.FixtureRequest
) -> None:
    running: Running = request.getfixturevalue(which)
    folder = f"/apis/{API_VERSION}/namespaces/{namespace}"
    cluster.request("POST", f"{folder}/modelproviders", provider())
    cluster.request("POST", f"{folder}/modelroutes", ROUTE)

    def accepted() -> bool:
        status = cluster.request("GET", f"{folder}/modelroutes/assistant")["status"]
        return {"Accepted", "ResolvedRefs"} <= {row["type"] for row in status["conditions"] if row["status"] == "True"}

    eventually("the route is accepted", accepted)
    for path in MADE:
        eventually(path, partial(found, cluster, path.format(namespace)))
    trusted = cluster.request("GET", MADE[-1].format(namespace))["data"]["ca.crt"]
    secret = f"/api/v1/namespaces/{running.installed.namespace}/secrets/{running.installed.certificate_secret}"
    assert base64.b64decode(cluster.request("GET", secret)["data"]["ca.crt"]).decode() == trusted
    image = cluster.request("GET", MADE[0].format(namespace))["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == "turnout:0.1.0"

    cluster.request("DELETE", f"{folder}/modelroutes/assistant")
    for path in MADE:
        eventually(f"{path} is gone", partial(absent, cluster, path.format(namespace)))
    log = running.stop()
    assert [line for line in log.splitlines() if REFUSED.search(TIME.sub("", line))] == []


def test_what_helm_test_runs_finds_the_leader(cluster: Cluster, everywhere: Running) -> None:
    with config(cluster, everywhere.installed.namespace) as connection:
        hooks = connection.get_all(everywhere.installed.release)["hooks"]
    (pod,) = [yaml.safe_load(hook["manifest"]) for hook in hooks]
    command = pod["spec"]["containers"][0]["args"]
    address = f"http://{everywhere.installed.name}-admin.{everywhere.installed.namespace}.svc:8081"
    assert address in command
    here = [f"http://127.0.0.1:{everywhere.health_port}" if part == address else part for part in command]
    ask = [sys.executable, "-m", "turnout_cli", *here]
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["leader"] is True, done.stderr
    everywhere.stop()
    assert subprocess.run(ask, capture_output=True, text=True, check=False).returncode == 1


def found(cluster: Cluster, path: str) -> Json | None:
    with suppress(ApiError):
        return cluster.request("GET", path)
    return None


def absent(cluster: Cluster, path: str) -> bool:
    return found(cluster, path) is None
