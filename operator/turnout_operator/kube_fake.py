"""An API server in memory, beside the real one: enough of it for leases, secrets and workloads.

It keeps objects by path, counts resource versions, refuses stale and foreign writes the way the real one does, and can be told
to fail. It has no CEL, no defaulting and no field ownership: what depends on those is tested at a real API server.
"""

import copy
import itertools
import threading
from collections.abc import Callable, Mapping

from turnout_operator.kube import APPLY, CONFLICT, NOT_FOUND, ApiError, Json


class FakeKube:
    """A `Kube` whose objects are plain data. `fault` may raise ApiError before a request is looked at."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.requests: list[tuple[str, str, Json | None]] = []
        self.fault: Callable[[str, str], None] | None = None
        self._versions = itertools.count(1)
        self._lock = threading.RLock()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content_type: str = "application/json",
        seconds: float = 10.0,  # noqa: ARG002  memory answers at once
    ) -> Json:
        """See `Kube.request`."""
        with self._lock:
            if self.fault is not None:
                self.fault(method, path)
            self.requests.append((method, path, copy.deepcopy(body)))
            if method == "GET":
                return self._get(path, query or {})
            if method == "DELETE":
                return self._delete(path, body or {})
            if body is None:
                raise ApiError(400, "BadRequest", "a body is needed")
            if method == "POST":
                return self._create(path, body)
            if method == "PUT":
                return self._replace(path, body)
            return self._patch(path, body, applies=content_type == APPLY)

    def _get(self, path: str, query: Mapping[str, str]) -> Json:
        if path in self.objects:
            return copy.deepcopy(self.objects[path])
        wanted = dict(pair.split("=", 1) for pair in query.get("labelSelector", "").split(",") if pair)
        items = [
            copy.deepcopy(item)
            for key, item in sorted(self.objects.items())
            if key.startswith(f"{path}/") and wanted.items() <= (item["metadata"].get("labels") or {}).items()
        ]
        if not items and not path.rsplit("/", 1)[-1].endswith("s"):
            raise ApiError(NOT_FOUND, "NotFound", f"{path} not found")
        return {"items": items, "metadata": {"resourceVersion": "0"}}

    def _create(self, path: str, body: Json) -> Json:
        where = f"{path}/{body['metadata']['name']}"
        if where in self.objects:
            raise ApiError(CONFLICT, "AlreadyExists", f"{where} already exists")
        return self._store(where, copy.deepcopy(body))

    def _replace(self, path: str, body: Json) -> Json:
        known = self._known(path)
        version = body["metadata"].get("resourceVersion")
        if version and version != known["metadata"]["resourceVersion"]:
            raise ApiError(CONFLICT, "Conflict", "the object has been modified")
        return self._store(path, copy.deepcopy(body))

    def _patch(self, path: str, body: Json, *, applies: bool) -> Json:
        status = path.endswith("/status")
        where = path.removesuffix("/status")
        if where not in self.objects and (status or not applies):
            raise ApiError(NOT_FOUND, "NotFound", f"{where} not found")
        known = copy.deepcopy(self.objects.get(where, {"metadata": {}}))
        uid = body.get("metadata", {}).get("uid")
        if uid and known["metadata"].get("uid") != uid:
            raise ApiError(CONFLICT, "Conflict", "the uid is another")
        return self._store(where, _merged(known, body))

    def _delete(self, path: str, body: Json) -> Json:
        known = self._known(path)
        uid = (body.get("preconditions") or {}).get("uid")
        if uid and uid != known["metadata"]["uid"]:
            raise ApiError(CONFLICT, "Conflict", "the uid is another")
        return self.objects.pop(path)

    def _known(self, path: str) -> Json:
        if path not in self.objects:
            raise ApiError(NOT_FOUND, "NotFound", f"{path} not found")
        return self.objects[path]

    def _store(self, path: str, item: Json) -> Json:
        number = next(self._versions)
        metadata = item.setdefault("metadata", {})
        metadata["resourceVersion"] = str(number)
        metadata.setdefault("uid", f"uid-{number}")
        self.objects[path] = item
        return copy.deepcopy(item)


def _merged(known: Json, patch: Json) -> Json:
    result = dict(known)
    for key, value in patch.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(value, dict) and isinstance(old, dict) else copy.deepcopy(value)
    return result
