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

_NOT_FOUND = 404
_CONFLICT = 409
_REFUSED = 400


class QdrantError(Exception):
    """Qdrant did not do what it was asked."""


class Collections(Protocol):
    """What the operator asks of the shared Qdrant."""

    async def ensure(self, collection: str) -> None:
        """Make it where it is not there. Raises QdrantError."""
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

    async def ensure(self, collection: str) -> None:
        """See `Collections.ensure`."""
        path = f"/collections/{quote(collection, safe='')}"
        status, _ = await self._ask("GET", path, allowed=(_NOT_FOUND,))
        if status == _NOT_FOUND:
            body = {
                "vectors": {VECTOR: {"size": BUILTIN_DIMENSION, "distance": "Cosine"}},
                "hnsw_config": {"m": HNSW_M, "payload_m": HNSW_PAYLOAD_M},
                "shard_number": self._settings.shards,
                "replication_factor": self._settings.replicas,
            }
            await self._ask("PUT", path, body, allowed=(_CONFLICT,))
        for field, kind in INDEXES.items():
            schema = {"type": "keyword", "is_tenant": True} if field == TENANT_FIELD else {"type": kind}
            await self._ask("PUT", f"{path}/index?wait=true", {"field_name": field, "field_schema": schema})

    async def remove(self, prefix: str) -> None:
        """See `Collections.remove`."""
        _, answer = await self._ask("GET", "/collections")
        for entry in (answer.get("result") or {}).get("collections") or ():
            name = str(entry.get("name", ""))
            if name.startswith(prefix):
                await self._ask("DELETE", f"/collections/{quote(name, safe='')}", allowed=(_NOT_FOUND,))

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
        self.names: set[str] = set()
        self.down = False

    async def ensure(self, collection: str) -> None:
        """See `Collections.ensure`."""
        if self.down:
            raise QdrantError("down")
        self.names.add(collection)

    async def remove(self, prefix: str) -> None:
        """See `Collections.remove`."""
        if self.down:
            raise QdrantError("down")
        self.names = {name for name in self.names if not name.startswith(prefix)}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
