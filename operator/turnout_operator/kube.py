"""The API server, as the operator uses it: one request, in a worker thread.

Why: the official client brings every way of logging in (in the cluster, by kubeconfig, by exec plugins); its generated models
bring nothing that plain JSON does not have, so requests are made of paths and plain data.

Rules: the adapter blocks and belongs in a worker thread (`AsyncKube`); nothing is retried here, whoever asks knows whether he
may ask again; every failure is an `ApiError`, with status 0 where there was no answer.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from functools import partial
from typing import Any, Protocol, TypedDict, TypeVar, Unpack
from urllib.parse import urlencode

import kubernetes
import urllib3
import yaml

Json = dict[str, Any]
T = TypeVar("T")

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
FIELD_MANAGER = "turnout"
WORKLOAD_MANAGER = "turnout-operator"
REQUEST_SECONDS = 10.0
HTTP_BAD_REQUEST = 400
FORBIDDEN = 403
NOT_FOUND = 404
CONFLICT = 409
ALREADY_EXISTS = "AlreadyExists"
"""The reason of a conflict that says that there is one of that name; 409 has others."""


class ApiError(Exception):
    """The API server's refusal: HTTP status (0: no answer), the reason of its Status object, and its message."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


class Kube(Protocol):
    """One request at an API server."""

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content_type: str = "application/json",
        seconds: float = REQUEST_SECONDS,
    ) -> Json:
        """Send it and return the answer. Raises ApiError. Blocks, for `seconds` at most."""
        ...


def configure(kubeconfig: str | None) -> Any:
    """A client configuration of a kubeconfig, or of the pod's service account. Raises ConfigException."""
    configuration = kubernetes.client.Configuration()
    if kubeconfig is not None:
        load: Any = kubernetes.config.load_kube_config
        try:
            load(config_file=kubeconfig, client_configuration=configuration, persist_config=False)
        except (TypeError, AttributeError, KeyError, ValueError, yaml.YAMLError) as error:  # it looks at no type itself
            raise kubernetes.config.ConfigException(f"{kubeconfig} is no kubeconfig") from error
    else:
        load = kubernetes.config.load_incluster_config
        load(client_configuration=configuration)
    configuration.retries = False
    configuration.connection_pool_maxsize = 32
    return configuration


class ClusterKube:
    """The real API server, by the official client. Safe to share between threads."""

    def __init__(self, configuration: Any) -> None:
        self._client = kubernetes.client.ApiClient(configuration)
        self._client.user_agent = "turnout-operator"
        self._host = str(configuration.host).rstrip("/")

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content_type: str = "application/json",
        seconds: float = REQUEST_SECONDS,
    ) -> Json:
        """See `Kube.request`."""
        headers = {"accept": "application/json", **self._client.default_headers}
        data: Any = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = json.dumps(body).encode() if content_type == APPLY else body  # the client writes JSON by itself
        self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, data)
        url = f"{self._host}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            answer: Any = self._client.call_api(
                method, url, headers, data, _request_timeout=(min(seconds, 5.0), seconds)
            )
            content = answer.read()
        except kubernetes.client.ApiException as error:
            raise ApiError(error.status or 0, "NoAnswer", str(error.reason)) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiError(0, "NoAnswer", str(error)) from error
        if answer.status >= HTTP_BAD_REQUEST:
            raise _refusal(answer.status, content)
        parsed: Json = json.loads(content) if content else {}
        return parsed


def _refusal(status: int, content: bytes) -> ApiError:
    try:
        parsed = json.loads(content)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        return ApiError(status, "Unknown", content[:500].decode(errors="replace"))
    return ApiError(status, str(parsed.get("reason") or "Unknown"), str(parsed.get("message") or ""))


class Options(TypedDict, total=False):
    """What `Kube.request` takes beside method and path."""

    query: Mapping[str, str] | None
    body: Json | None
    content_type: str
    seconds: float


def _listed(kube: Kube, path: str, selector: str, chunk: int) -> list[Json]:
    query = {"limit": str(chunk), **({"labelSelector": selector} if selector else {})}
    items: list[Json] = []
    while True:
        page = kube.request("GET", path, query=query, seconds=60.0)
        items += page.get("items") or ()
        token = (page.get("metadata") or {}).get("continue")
        if not token:
            return items
        query["continue"] = token


class AsyncKube:
    """A `Kube` for the event loop: each request in a thread of the given executor."""

    def __init__(self, kube: Kube, executor: Executor) -> None:
        self._kube = kube
        self._executor = executor

    async def request(self, method: str, path: str, **options: Unpack[Options]) -> Json:
        """See `Kube.request`; does not block."""
        return await self._in_thread(partial(self._kube.request, method, path, **options))

    async def apply(
        self, path: str, body: Json, *, manager: str, force: bool = True, seconds: float = REQUEST_SECONDS
    ) -> Json:
        """Server-side apply. Raises ApiError (409 where another manager owns a field, or the uid is another)."""
        query = {"fieldManager": manager, "force": str(force).lower()}
        return await self.request("PATCH", path, query=query, body=body, content_type=APPLY, seconds=seconds)

    async def list_all(self, path: str, *, selector: str = "", chunk: int = 500) -> list[Json]:
        """Every object of a list, fetched in chunks. Raises ApiError (410 where the list went stale between two)."""
        return await self._in_thread(partial(_listed, self._kube, path, selector, chunk))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)
