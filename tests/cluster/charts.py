"""Both charts, really installed by Helm (in process) into the test's API server.

`install` is what a session does once (fixture `turnout_installed`); the tests of the charts themselves use `release` to install,
upgrade and roll back a second time beside it. Nothing waits for pods: there is no kubelet.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import helm_python as helm

from cluster.kube import FIELD_MANAGER, ApiError, Cluster, eventually
from secret_references import PLACES, naming
from turnout_contract.api.meta import API_VERSION, GROUP
from turnout_contract.api.registry import KINDS

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "turnout"
CRDS_CHART = ROOT / "charts" / "turnout-crds"
CRDS_RELEASE = "turnout-crds"
EXEMPT_GROUP = "tests.turnout.dev:exempt"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
Json = dict[str, Any]


@dataclass(frozen=True)
class Installed:
    """A release of the chart `turnout`. `name` is that of the operator's objects, its service account among them."""

    cluster: Cluster
    namespace: str
    release: str

    @property
    def name(self) -> str:
        """The operator's Deployment, ServiceAccount, Lease, Service and ConfigMap."""
        return f"{self.release}-operator"

    @property
    def certificate_secret(self) -> str:
        """The one Secret that the operator may read."""
        return f"{self.name}-tls"

    @property
    def username(self) -> str:
        """Whom the API server takes the operator for."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    def operator_kubeconfig(self) -> Path:
        """A kubeconfig with a fresh token of the operator's own service account."""
        return self.cluster.kubeconfig_for(self.namespace, self.name)

    def operator_token(self) -> str:
        """The same as a bare token."""
        return self.cluster.service_account_token(self.namespace, self.name)


def config(cluster: Cluster, namespace: str) -> helm.Config:
    """Helm's connection, as admin."""
    return helm.Config(kubeconfig_path=cluster.kubeconfig, namespace=namespace)


def install(
    cluster: Cluster, namespace: str = "turnout-system", values: Json | None = None, release: str = "turnout"
) -> Installed:
    """Install both charts into a namespace (made if absent) and wait until the kinds are served and the policies hold."""
    make_namespace(cluster, namespace)
    with config(cluster, namespace) as connection:
        if not connection.list(all_namespaces=True, name_filter=f"^{CRDS_RELEASE}$"):
            adopt_definitions(cluster, namespace)
            connection.install(CRDS_CHART, CRDS_RELEASE)
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *definitions(cluster))
        leave_definitions_to_helm(cluster)
        connection.install(CHART, release, values or {})
    installed = Installed(cluster, namespace, release)
    wait_for_policies(installed)
    return installed


def make_namespace(cluster: Cluster, name: str) -> None:
    """A namespace that enforces the restricted pod security standard, if there is none of that name yet."""
    try:
        cluster.create_namespace(name, RESTRICTED)
    except ApiError as error:
        if error.status != 409:
            raise


def definitions(cluster: Cluster) -> list[str]:
    """Turnout's definitions that are there, as kubectl names them."""
    names = cluster.kubectl("get", "crd", "-o", "name").stdout.split()
    return [name for name in names if name.endswith(".turnout.dev") and not name.endswith(".tests.turnout.dev")]


def adopt_definitions(cluster: Cluster, namespace: str) -> None:
    """Hand definitions that were applied by hand over to the release that is about to be made, as a user would."""
    if found := definitions(cluster):
        cluster.kubectl("label", "--overwrite", *found, "app.kubernetes.io/managed-by=Helm")
        owner = [f"meta.helm.sh/release-name={CRDS_RELEASE}", f"meta.helm.sh/release-namespace={namespace}"]
        cluster.kubectl("annotate", "--overwrite", *found, *owner)


def leave_definitions_to_helm(cluster: Cluster) -> None:
    """Fields of definitions that were applied by hand too would be a conflict when Helm changes them: they are Helm's alone."""
    for name in definitions(cluster):
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name.partition('/')[2]}"
        metadata = cluster.request("GET", path)["metadata"]
        kept = [entry for entry in metadata["managedFields"] if entry["manager"] != FIELD_MANAGER]
        if len(kept) < len(metadata["managedFields"]):
            patch = {"metadata": {"managedFields": kept, "resourceVersion": metadata["resourceVersion"]}}
            cluster.request("PATCH", path, patch, content_type="application/merge-patch+json")


def grant(cluster: Cluster, namespace: str, account: str, name: str, rules: list[Json]) -> None:
    """A Role with these rules, bound to a service account of the same namespace."""
    api = "rbac.authorization.k8s.io"
    metadata = {"name": name, "namespace": namespace}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    role = {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": metadata, "rules": rules}
    reference = {"apiGroup": api, "kind": "Role", "name": name}
    binding = {"apiVersion": f"{api}/v1", "kind": "RoleBinding", "metadata": metadata, "roleRef": reference}
    cluster.apply([role, {**binding, "subjects": [subject]}])


def dry_run(cluster: Cluster, namespace: str, obj: Json, token: str) -> str:
    """Try to create an object as somebody; the refusal's message, "" where it would be created."""
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/{KINDS[obj['kind']].plural}?dryRun=All&fieldValidation=Strict"
    try:
        cluster.request("POST", path, obj, token=token)
    except ApiError as error:
        return f"{error.status} {error.message}"
    return ""


def wait_for_policies(installed: Installed) -> None:
    """Policies are not in force at the very moment of their creation: try until somebody without any right is refused."""
    cluster, namespace = installed.cluster, installed.namespace
    kinds = [KINDS[name].plural for name in PLACES]
    grant(
        cluster, namespace, "default", "policy-probe", [{"apiGroups": [GROUP], "resources": kinds, "verbs": ["create"]}]
    )
    token = cluster.service_account_token(namespace, "default")
    for kind, places in PLACES.items():
        probe = partial(dry_run, cluster, namespace, naming(places[0], "probe"), token)
        # Of several policies that deny, an API server names the first: which release's it is cannot be seen.
        eventually(f"the policy on {kind} is in force", partial(_says, probe, "spec names the Secret"))
    cluster.kubectl("delete", "role,rolebinding", "policy-probe", "-n", namespace)


def _says(probe: Callable[[], str], what: str) -> bool:
    return what in probe()
