"""The collection in which cached answers are kept in Qdrant: its name, vector and payload indexes.

It stands on the ground floor because two floors that never meet agree on it: the operator creates the collection of a shared
Qdrant (a namespace's token may not), the gateway that of its own. Rules: a name holds all that makes vectors incomparable
(embedder, dimension), so a changed embedder means another collection and never a mixture; every payload field that is
filtered or sorted by has its index.
"""

import hashlib
import re
from typing import Literal

PREFIX = "turnout_"
BUILTIN_EMBEDDER = "minilm-l6-v2-int8"
BUILTIN_DIMENSION = 384
"""The gateway's own embedder, of whose vectors the operator makes a shared Qdrant's collections."""
VECTOR = "question"
"""The name of the one vector. Named, since a point may lack a named vector: exact-only entries do."""
TENANT_FIELD = "partition"
SPACE_FIELD = "space"
"""Partition and context in one value (`space`), so that a search needs one exact condition for both."""
INDEXES: dict[str, Literal["keyword", "float"]] = {
    TENANT_FIELD: "keyword",
    SPACE_FIELD: "keyword",
    "expires_at": "float",
    "created_at": "float",
}
"""Payload field -> index. The tenant field's index is a tenant index (`is_tenant`)."""
HNSW_M = 0
HNSW_PAYLOAD_M = 16
"""No graph over all tenants, one for each: every query names its partition."""

_PLAIN = re.compile(r"[A-Za-z0-9.-]{1,80}")


def collection_name(namespace: str, embedder: str, dimension: int) -> str:
    """`turnout_<namespace>_<embedder>_<dimension>`: one collection for a namespace and embedder.

    Characters that a collection's name may not have become `-`, and a digest keeps such names apart.
    """
    return f"{PREFIX}{_plain(namespace)}_{_plain(embedder)}_{dimension}"


def space(partition: str, context_key: str) -> str:
    """The value of `SPACE_FIELD`: equal for entries that may be candidates for one another, else different."""
    return hashlib.sha256(f"{len(partition)}:{partition}{context_key}".encode()).hexdigest()[:32]


def _plain(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{re.sub(r'[^A-Za-z0-9.-]', '-', text)[:60]}-{digest}"
