"""Makes a namespace's workloads what they should be, and removes what is no longer wanted.

What is not there is created, so that nothing of the same name can be taken for ours; what is ours is kept by server-side apply.

It never touches what it did not create: an object of a name that we need which lacks our label is left alone and reported.
`replicas` is applied by a manager of its own and without force: once somebody else (an autoscaler, `kubectl scale`) has set it,
it is theirs.

Rules: fixed names, so nothing is ever found by label alone and removed; deletions carry the uid that was looked at; blocks on
the network only through `AsyncKube`.
"""

from collections.abc import Sequence

import msgspec

from turnout_contract.api.conditions import WORKLOAD_CONFLICT
from turnout_contract.protocol import SERVICE_ACCOUNT
from turnout_operator.compile import ConditionValue
from turnout_operator.kube import ALREADY_EXISTS, CONFLICT, MERGE, NOT_FOUND, WORKLOAD_MANAGER, ApiError, AsyncKube
from turnout_operator.workloads.render import CA_CONFIG_MAP, NAME, OWNED_LABEL, SERVICE, Json

REPLICAS_MANAGER = f"{WORKLOAD_MANAGER}-replicas"
CLAIMS = 5
"""How often a claim is tried against a controller that writes at the same time."""
SELECTOR = f"{OWNED_LABEL}=true"


class Place(msgspec.Struct, frozen=True):
    """Where objects of a kind live."""

    group: str
    plural: str
    name: str

    def folder(self, namespace: str) -> str:
        """The path of the kind in a namespace."""
        return f"{self.group}/namespaces/{namespace}/{self.plural}"


PLACES: dict[str, Place] = {
    "Deployment": Place("/apis/apps/v1", "deployments", NAME),
    "PodDisruptionBudget": Place("/apis/policy/v1", "poddisruptionbudgets", NAME),
    "NetworkPolicy": Place("/apis/networking.k8s.io/v1", "networkpolicies", NAME),
    "Service": Place("/api/v1", "services", SERVICE),
    "ServiceAccount": Place("/api/v1", "serviceaccounts", SERVICE_ACCOUNT),
    "ConfigMap": Place("/api/v1", "configmaps", CA_CONFIG_MAP),
}
"""Every kind that is made, with its one name, in the order of removal."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of it. `foreign` are objects in our way, as `Kind/name`."""

    foreign: tuple[str, ...] = ()

    @property
    def trouble(self) -> ConditionValue | None:
        """For a condition; None where there is none."""
        if not self.foreign:
            return None
        message = f"{', '.join(self.foreign)} exists and was not created by Turnout: rename or delete it"
        return ConditionValue("False", WORKLOAD_CONFLICT, message)


class Reconciler:
    """Applies and removes. Raises ApiError where the API server refuses or cannot be asked: to be tried again."""

    def __init__(self, kube: AsyncKube) -> None:
        self._kube = kube

    async def make(self, namespace: str, manifests: Sequence[Json], replicas: int) -> Outcome:
        """The manifests are to be there, and none of our kinds that is not among them."""
        foreign = []
        for manifest in manifests:
            name = f"{manifest['kind']}/{manifest['metadata']['name']}"
            try:
                if not await self._make(namespace, manifest):
                    foreign.append(name)
            except ApiError as error:
                raise ApiError(error.status, error.reason, f"{name}: {error.message}") from error
        wanted = {manifest["kind"] for manifest in manifests}
        for kind, place in PLACES.items():
            if kind not in wanted:
                await self._remove(namespace, place)
        if f"Deployment/{NAME}" not in foreign:
            await self._scale(namespace, replicas)
        return Outcome(tuple(foreign))

    async def remove(self, namespace: str) -> None:
        """None of it is wanted any more."""
        for place in PLACES.values():
            await self._remove(namespace, place)

    async def deployment(self, namespace: str) -> Json | None:
        """The gateways' Deployment; None where there is none of ours."""
        found = await self._get(f"{PLACES['Deployment'].folder(namespace)}/{NAME}")
        return found if found is not None and _ours(found) else None

    async def owned_namespaces(self, namespaces: Sequence[str] | None) -> set[str]:
        """Every namespace (of these; None: of all) in which something of ours is."""
        found: set[str] = set()
        for place in PLACES.values():
            folders = [f"{place.group}/{place.plural}"]
            if namespaces is not None:
                folders = [place.folder(namespace) for namespace in namespaces]
            for folder in folders:
                items = await self._kube.list_all(folder, selector=SELECTOR)
                found.update(str(item["metadata"]["namespace"]) for item in items)
        return found

    async def _make(self, namespace: str, manifest: Json) -> bool:
        """True where it is there and ours; False where somebody else's is in the way."""
        place = PLACES[manifest["kind"]]
        path = f"{place.folder(namespace)}/{manifest['metadata']['name']}"
        there = await self._get(path) or await self._create(place.folder(namespace), path, manifest)
        if not _ours(there):
            return False
        await self._claim(path, there)
        body = {**manifest, "metadata": {**manifest["metadata"], "uid": there["metadata"]["uid"]}}
        await self._kube.apply(path, body, manager=WORKLOAD_MANAGER)
        return True

    async def _create(self, folder: str, path: str, manifest: Json) -> Json:
        """Make it, and nothing else: an apply would merge into what somebody else has made in this very moment."""
        try:
            return await self._kube.request("POST", folder, query={"fieldManager": WORKLOAD_MANAGER}, body=manifest)
        except ApiError as error:
            if error.reason != ALREADY_EXISTS or (there := await self._get(path)) is None:
                raise
            return there

    async def _claim(self, path: str, there: Json) -> None:
        """Let what was created be as if applied: else its creation would own for ever what a later apply leaves out."""
        for attempt in range(1, CLAIMS + 1):
            fields = claimed(there)
            if fields is None:
                return
            metadata = {key: there["metadata"][key] for key in ("uid", "resourceVersion")}
            patch = {"metadata": {**metadata, "managedFields": fields}}
            try:
                await self._kube.request("PATCH", path, body=patch, content_type=MERGE)
            except ApiError as error:
                if error.status != CONFLICT or attempt == CLAIMS:
                    raise
                there = await self._kube.request("GET", path)  # its controller wrote to it in the meantime
            else:
                return

    async def _remove(self, namespace: str, place: Place) -> None:
        path = f"{place.folder(namespace)}/{place.name}"
        there = await self._get(path)
        if there is None or not _ours(there) or there["metadata"].get("deletionTimestamp"):
            return
        body = {"preconditions": {"uid": there["metadata"]["uid"]}, "propagationPolicy": "Background"}
        try:
            await self._kube.request("DELETE", path, body=body)
        except ApiError as error:
            if error.status not in (NOT_FOUND, CONFLICT):
                raise

    async def _scale(self, namespace: str, replicas: int) -> None:
        place = PLACES["Deployment"]
        body = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": NAME, "namespace": namespace},
            "spec": {"replicas": replicas},
        }
        try:
            await self._kube.apply(f"{place.folder(namespace)}/{NAME}", body, manager=REPLICAS_MANAGER, force=False)
        except ApiError as error:
            if error.status != CONFLICT:  # somebody else scales it now
                raise

    async def _get(self, path: str) -> Json | None:
        try:
            return await self._kube.request("GET", path)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise


def claimed(item: Json) -> list[Json] | None:
    """The owners of an object's fields, with its creation by us turned into an apply of the label alone; None: nothing to do.

    The apply that follows owns whatever it names, and what it leaves out is then nobody's.
    """
    present = item["metadata"].get("managedFields") or []
    created = [entry for entry in present if _entry(entry) == (WORKLOAD_MANAGER, "Update")]
    if not created:
        return None
    others = [entry for entry in present if entry not in created]
    if not any(_entry(entry) == (WORKLOAD_MANAGER, "Apply") for entry in others):
        label: Json = {"f:metadata": {"f:labels": {f"f:{OWNED_LABEL}": {}}}}
        others.append({**created[0], "operation": "Apply", "fieldsV1": label})
    return others


def _entry(managed: Json) -> tuple[str, str]:
    return managed.get("manager", ""), "" if managed.get("subresource") else managed.get("operation", "")


def _ours(item: Json) -> bool:
    labels = item["metadata"].get("labels") or {}
    return labels.get(OWNED_LABEL) == "true"
