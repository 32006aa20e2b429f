"""A real Kubernetes control plane for one test session: etcd, kube-apiserver, kube-controller-manager.

No kubelet and no scheduler: objects live, are admitted, garbage-collected and get service accounts, but pods never
run. That is what an operator's contract is made of, and a fake API server gets it wrong (CEL, defaulting, field
ownership, admission, token audiences). The binaries come from tools/kube/assets.py.

Rules: everything listens on 127.0.0.1; every file lies below the given root; the API server keeps its port while it
is down, so that clients see a refused connection and, later, the same server again. Nothing here is waited for by
sleeping: every start polls what it needs and fails with the end of the server's log.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlencode

from cluster.credentials import write_kubeconfig, write_service_account_key, write_static_tokens
from cluster.processes import Process, ReservedPort, Spawner

T = TypeVar("T")
Json = dict[str, Any]

ISSUER = "https://kubernetes.default.svc.cluster.local"
FIELD_MANAGER = "turnout-tests"
_ASSETS = Path(__file__).resolve().parents[2] / "tools" / "kube" / "assets.py"


class ApiError(Exception):
    """The API server's refusal: its HTTP status, and the message of its Status object."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


def find_binaries() -> dict[str, Path]:
    """Return {name: path} of etcd, kube-apiserver, kube-controller-manager, kubectl; builds them if it must.

    Progress goes to stderr. ``CalledProcessError`` if there is no way to have them.
    """
    found = subprocess.run([sys.executable, _ASSETS, "--json"], stdout=subprocess.PIPE, text=True, check=True)
    return {name: Path(path) for name, path in json.loads(found.stdout).items()}


def eventually(what: str, probe: Callable[[], T | None], seconds: float = 60) -> T:
    """Poll ``probe`` until it returns something truthy and return that; ``AssertionError`` naming ``what`` if never."""
    deadline = time.monotonic() + seconds
    while True:
        seen = probe()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}; last seen: {seen!r}"
        time.sleep(0.05)


class Cluster:
    """One control plane. ``with Cluster(find_binaries(), root) as cluster`` starts it and stops it.

    ``root`` is an empty directory for its data, keys, logs and kubeconfigs. ``etcd``, ``apiserver`` and
    ``controller_manager`` are ``Process`` objects, for faults that the methods do not offer.
    """

    def __init__(self, binaries: Mapping[str, Path], root: Path) -> None:
        self.root = root
        self.admin_token = secrets.token_urlsafe(24)
        self.kubeconfig = root / "admin.kubeconfig"
        self.ca_file = root / "certificates" / "apiserver.crt"
        self._kubectl = binaries["kubectl"]
        self._ports = {name: ReservedPort() for name in ("apiserver", "etcd", "etcd-peer")}
        self._spawner = Spawner()
        self._opener: urllib.request.OpenerDirector | None = None
        self._service_account_key = root / "service-account.key"
        self._tokens = root / "tokens.csv"
        self.etcd = self._process("etcd", binaries["etcd"], self._etcd_options())
        self.apiserver = self._process("kube-apiserver", binaries["kube-apiserver"], self._apiserver_options())
        self.controller_manager = self._process(
            "kube-controller-manager", binaries["kube-controller-manager"], self._controller_manager_options()
        )

    @property
    def url(self) -> str:
        """The API server's address; the same for the cluster's whole life."""
        return f"https://127.0.0.1:{self._ports['apiserver'].number}"

    @property
    def etcd_url(self) -> str:
        """Etcd's client address (plain HTTP; its JSON gateway is below ``/v3``)."""
        return f"http://127.0.0.1:{self._ports['etcd'].number}"

    # --- life

    def start(self) -> None:
        """Start everything and wait until service accounts are being made; stops what it started if it fails."""
        try:
            write_service_account_key(self._service_account_key)
            write_static_tokens(self._tokens, admin_token=self.admin_token)
            self._write_kubeconfig(self.kubeconfig, token=self.admin_token, namespace="default")
            self.etcd.start(self._environment())
            self.start_apiserver()
            self.controller_manager.start(self._environment())
            self.controller_manager.wait_until(lambda: self._has_default_account("default"), what="making accounts")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill everything. The data is worth nothing afterwards, so nobody waits for a graceful end."""
        for process in (self.controller_manager, self.apiserver, self.etcd):
            process.stop()
        self._spawner.close()
        for port in self._ports.values():
            port.release()
        shutil.rmtree(self.root / "etcd", ignore_errors=True)  # 128 MB that no later look at the logs needs

    def __enter__(self) -> Cluster:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop_apiserver(self, signum: signal.Signals = signal.SIGKILL) -> None:
        """End the API server (a crash, unless told otherwise); its port then refuses connections."""
        self.apiserver.stop(signum)

    def start_apiserver(self) -> None:
        """Start the API server and wait until /readyz; same port, certificate and data as before."""
        self.apiserver.start(self._environment())
        self.apiserver.wait_until(self.ready, what="ready")

    @contextmanager
    def apiserver_down(self, signum: signal.Signals = signal.SIGKILL) -> Iterator[None]:
        """Run the block without an API server, and have it back afterwards, whatever the block came to."""
        self.stop_apiserver(signum)
        try:
            yield
        finally:
            self.start_apiserver()

    def ready(self) -> bool:
        """Tell whether the API server says that it is ready, now."""
        if not self.ca_file.exists():
            return False
        try:
            self._send("GET", "/readyz", seconds=5)
        except (ApiError, OSError):
            return False
        return True

    # --- the API

    def request(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        token: str | None = None,
        content_type: str = "application/json",
    ) -> Json:
        """Send one request (as admin unless ``token`` says who) and return the object; ``ApiError`` on a refusal."""
        answer: Json = json.loads(self._send(method, path, body, token=token, content_type=content_type))
        return answer

    def server_side_apply(
        self, path: str, body: Json, *, manager: str = FIELD_MANAGER, force: bool = True, token: str | None = None
    ) -> Json:
        """Apply ``body`` at ``path`` (an object's, or its ``/status``) as field manager ``manager``."""
        query = urlencode({"fieldManager": manager, "force": str(force).lower()})
        return self.request("PATCH", f"{path}?{query}", body, token=token, content_type="application/apply-patch+yaml")

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run calls it
        check: bool = True,
        kubeconfig: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as admin, or with another kubeconfig; with ``check``, a failure raises with its stderr."""
        done = subprocess.run(
            [self._kubectl, *args],
            env=self._environment({"KUBECONFIG": str(kubeconfig or self.kubeconfig)}),
            input=input,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"kubectl {' '.join(args)}: {done.stderr.strip()}"
        return done

    def apply(self, manifests: str | Path | Json | Sequence[Json], *, namespace: str | None = None) -> None:
        """Server-side apply YAML text, a file or folder of it, or objects; CRDs among them are served on return."""
        where = ["--namespace", namespace] if namespace is not None else []
        text: str | None = None
        source = "-"
        if isinstance(manifests, Path):
            source = str(manifests)
        elif isinstance(manifests, str):
            text = manifests
        else:
            items = [manifests] if isinstance(manifests, dict) else list(manifests)
            text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        options = ["--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}", "--output=name"]
        done = self.kubectl("apply", *options, *where, "-f", source, input=text)
        definitions = [line for line in done.stdout.split() if line.startswith("customresourcedefinition.")]
        if definitions:
            self.kubectl("wait", "--for=condition=Established", "--timeout=60s", *definitions)

    # --- identities

    def create_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Create a namespace and wait for its default service account, without which no pod is admitted."""
        self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": dict(labels or {})}})
        eventually(f"a default service account in {name}", lambda: self._has_default_account(name))

    def service_account_token(
        self,
        namespace: str,
        name: str,
        audience: str | None = None,
        bound_pod: str | None = None,
        seconds: int = 3600,
    ) -> str:
        """Have a token of a service account issued (TokenRequest), as a projected volume in a pod would hold it.

        Without ``audience`` it is for the API server itself. ``bound_pod`` must exist and run as that account.
        ``seconds`` is at least 600.
        """
        spec: Json = {"expirationSeconds": seconds}
        if audience is not None:
            spec["audiences"] = [audience]
        if bound_pod is not None:
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", "name": bound_pod}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        token: str = self.request("POST", path, body)["status"]["token"]
        return token

    def kubeconfig_for(self, namespace: str, service_account: str) -> Path:
        """Write a kubeconfig with a fresh token of that service account (created if absent) and return its path."""
        account = {"metadata": {"name": service_account}}
        try:
            self.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", account)
        except ApiError as error:
            if error.status != 409:
                raise
        path = self.root / f"{namespace}.{service_account}.kubeconfig"
        token = self.service_account_token(namespace, service_account)
        self._write_kubeconfig(path, token=token, namespace=namespace)
        return path

    # --- inside

    def _send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        token: str | None = None,
        content_type: str = "application/json",
        seconds: float = 60,
    ) -> bytes:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {token or self.admin_token}", "content-type": content_type},
        )
        if self._opener is None:
            trust = ssl.create_default_context(cafile=str(self.ca_file))
            # An empty ProxyHandler: a proxy of the environment has no business on loopback.
            self._opener = urllib.request.build_opener(
                urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
            )
        try:
            with self._opener.open(request, timeout=seconds) as response:
                content: bytes = response.read()
        except urllib.error.HTTPError as refusal:
            text = refusal.read().decode(errors="replace")
            message = json.loads(text).get("message", text) if text.startswith("{") else text
            raise ApiError(refusal.code, message) from refusal
        return content

    def _has_default_account(self, namespace: str) -> bool:
        try:
            self.request("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/default")
        except ApiError:
            return False
        return True

    def _process(self, name: str, binary: Path, options: Mapping[str, str | Path | int]) -> Process:
        command: list[str | Path] = [binary, *(f"--{option}={value}" for option, value in options.items())]
        return Process(name, command, folder=self.root, spawner=self._spawner)

    def _environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        # Nothing of the developer's own KUBECONFIG, proxies or kubectl plugins may decide what a test sees.
        home = str(self.root)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": home,
            "KUBECACHEDIR": f"{home}/.kube/cache",
            **(extra or {}),
        }

    def _etcd_options(self) -> dict[str, str | Path | int]:
        peer = f"http://127.0.0.1:{self._ports['etcd-peer'].number}"
        return {
            "data-dir": self.root / "etcd",
            "listen-client-urls": self.etcd_url,
            "advertise-client-urls": self.etcd_url,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "socket-reuse-port": "true",
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        }

    def _apiserver_options(self) -> dict[str, str | Path | int]:
        return {
            "etcd-servers": self.etcd_url,
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "secure-port": self._ports["apiserver"].number,
            "permit-port-sharing": "true",
            "cert-dir": self.ca_file.parent,
            # The `kubernetes` Service may not point to loopback; nobody here needs its endpoint.
            "endpoint-reconciler-type": "none",
            "service-cluster-ip-range": "10.90.0.0/16",
            "authorization-mode": "Node,RBAC",
            "token-auth-file": self._tokens,
            # Its own audience is the issuer alone, as in a production cluster: a token for `turnout.dev` is good for
            # a TokenReview that asks for that audience, and for nothing else.
            "service-account-issuer": ISSUER,
            "service-account-key-file": self._service_account_key,
            "service-account-signing-key-file": self._service_account_key,
        }

    def _controller_manager_options(self) -> dict[str, str | Path | int]:
        return {
            "kubeconfig": self.kubeconfig,
            "leader-elect": "false",
            "secure-port": 0,
            "root-ca-file": self.ca_file,
            "service-account-private-key-file": self._service_account_key,
            "kube-api-qps": 200,
            "kube-api-burst": 400,
        }

    def _write_kubeconfig(self, path: Path, *, token: str, namespace: str) -> None:
        write_kubeconfig(path, server=self.url, ca_file=self.ca_file, token=token, namespace=namespace)
