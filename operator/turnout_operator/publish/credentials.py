"""The shared Qdrant: each namespace's own collection, and a short-lived token that opens it and nothing else.

The operator alone has Qdrant's key. It makes the collection (a namespace's token may not), mints the token (HS256, Qdrant's
`service.jwt_rbac`), and sends it on the gateways' connection; on no disk does it lie.

Rules: a token opens one collection; it is renewed at half its life; without the shared Qdrant, or while it cannot be reached,
there is no token and the cache is bypassed.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp

from turnout_contract.protocol import Credentials
from turnout_contract.vector_collection import (
    BUILTIN_DIMENSION,
    BUILTIN_EMBEDDER,
    HNSW_M,
    HNSW_PAYLOAD_M,
    INDEXES,
    PREFIX,
    TENANT_FIELD,
    VECTOR,
    collection_name,
)
from turnout_operator.settings import SharedQdrant

MARK = "turnout.dev/cluster"
"""The key, in a collection's metadata, of the mark of the cluster whose operator made it."""
_NOT_FOUND = 404
_CONFLICT = 409
_REFUSED = 400


class QdrantError(Exception):
    """Qdrant did not do what it was asked."""


class Collections(Protocol):
    """What the operator asks of the shared Qdrant."""

    async def ensure(self, collection: str, mark: str) -> None:
        """Make it where it is not there, with the cluster's mark ("": none). Raises QdrantError."""
        ...

    async def remove(self, prefix: str) -> None:
        """Delete every collection whose name begins so. Raises QdrantError."""
        ...


def sign(key: str, claims: Mapping[str, Any]) -> str:
    """A JSON Web Token, HS256."""
    head = _base64(b'{"alg":"HS256","typ":"JWT"}')
    body = _base64(json.dumps(claims, separators=(",", ":"), sort_keys=True).encode())
    signature = hmac.new(key.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{_base64(signature)}"


def collection_of(namespace: str) -> str:
    """The collection of a namespace's cached answers, with the gateway's own embedder."""
    return collection_name(namespace, BUILTIN_EMBEDDER, BUILTIN_DIMENSION)


def prefix_of(namespace: str) -> str:
    """What the names of all of a namespace's collections begin with."""
    return f"{PREFIX}{namespace}_"


def mint(settings: SharedQdrant, key: str, namespace: str, now: int) -> Credentials:
    """A token for a namespace's collection, good for `token_seconds` from now (Unix seconds)."""
    collection = collection_of(namespace)
    expires = now + settings.token_seconds
    token = sign(key, {"exp": expires, "access": [{"collection": collection, "access": "rw"}]})
    return Credentials(
        qdrant_url=settings.public_url or settings.url, qdrant_token=token, collection=collection, expires_at=expires
    )


def read_key(path: str) -> str:
    """Qdrant's key, as mounted. Raises OSError, ValueError where it is empty."""
    key = Path(path).read_text(encoding="utf-8").strip()
    if not key:
        raise ValueError(f"{path}: the key of the shared Qdrant is empty")
    return key


class QdrantCollections:
    """The shared Qdrant, over HTTP."""

    def __init__(self, settings: SharedQdrant, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session

    async def ensure(self, collection: str, mark: str) -> None:
        """See `Collections.ensure`. One that was made before there were marks is given one."""
        path = _path(collection)
        status, found = await self._ask("GET", path, allowed=(_NOT_FOUND,))
        marked = {"metadata": {MARK: mark}} if mark else {}
        if status != _NOT_FOUND and marked and not _mark_of(found):
            await self._ask("PATCH", path, marked)
        if status == _NOT_FOUND:
            body = {
                "vectors": {VECTOR: {"size": BUILTIN_DIMENSION, "distance": "Cosine"}},
                "hnsw_config": {"m": HNSW_M, "payload_m": HNSW_PAYLOAD_M},
                "shard_number": self._settings.shards,
                "replication_factor": self._settings.replicas,
                **marked,
            }
            await self._ask("PUT", path, body, allowed=(_CONFLICT,))
        for field, kind in INDEXES.items():
            schema = {"type": "keyword", "is_tenant": True} if field == TENANT_FIELD else {"type": kind}
            await self._ask("PUT", f"{path}/index?wait=true", {"field_name": field, "field_schema": schema})

    async def remove(self, prefix: str) -> None:
        """See `Collections.remove`."""
        for name in await self.names():
            if name.startswith(prefix):
                await self.delete(name)

    async def names(self) -> list[str]:
        """See `MarkedCollections.names`."""
        _, answer = await self._ask("GET", "/collections")
        return [str(entry.get("name", "")) for entry in (answer.get("result") or {}).get("collections") or ()]

    async def mark(self, collection: str) -> str:
        """See `MarkedCollections.mark`."""
        _, found = await self._ask("GET", _path(collection), allowed=(_NOT_FOUND,))
        return _mark_of(found)

    async def delete(self, collection: str) -> None:
        """See `MarkedCollections.delete`."""
        await self._ask("DELETE", _path(collection), allowed=(_NOT_FOUND,))

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, allowed: tuple[int, ...] = ()
    ) -> tuple[int, dict[str, Any]]:
        url = f"{self._settings.url.rstrip('/')}{path}"
        try:
            headers = {"api-key": read_key(self._settings.key_file)}
            async with self._session.request(
                method, url, json=body, headers=headers, timeout=aiohttp.ClientTimeout(total=30)
            ) as response:
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise QdrantError(f"the shared Qdrant cannot be asked: {str(error) or type(error).__name__}") from error
        if response.status >= _REFUSED and response.status not in allowed:
            raise QdrantError(f"the shared Qdrant answered {method} {path} with {response.status}")
        try:
            parsed = json.loads(content) if content else {}
        except ValueError:
            parsed = {}
        return response.status, parsed if isinstance(parsed, dict) else {}


class FakeCollections:
    """Collections in memory, beside the real ones."""

    def __init__(self) -> None:
        self.marks: dict[str, str] = {}
        """By collection; "" where it has none."""
        self.down = False

    async def ensure(self, collection: str, mark: str) -> None:
        """See `Collections.ensure`."""
        self.marks[collection] = (await self.mark(collection)) or mark

    async def remove(self, prefix: str) -> None:
        """See `Collections.remove`."""
        for name in await self.names():
            if name.startswith(prefix):
                await self.delete(name)

    async def names(self) -> list[str]:
        """See `MarkedCollections.names`."""
        if self.down:
            raise QdrantError("down")
        return sorted(self.marks)

    async def mark(self, collection: str) -> str:
        """See `MarkedCollections.mark`."""
        if self.down:
            raise QdrantError("down")
        return self.marks.get(collection, "")

    async def delete(self, collection: str) -> None:
        """See `MarkedCollections.delete`."""
        if self.down:
            raise QdrantError("down")
        self.marks.pop(collection, None)


def _path(collection: str) -> str:
    return f"/collections/{quote(collection, safe='')}"


def _mark_of(answer: Mapping[str, Any]) -> str:
    config = (answer.get("result") or {}).get("config") or {}
    return str((config.get("metadata") or {}).get(MARK) or "")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
