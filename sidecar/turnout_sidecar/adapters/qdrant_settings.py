"""Where a Qdrant server is, how it is trusted, and what may be done there.

Apart from the connection so that it can be written down without loading the client, which takes a second. Rules: values only; the
credentials are not among them but asked for, since they rotate.
"""

from collections.abc import Callable

import msgspec

Token = Callable[[], str | None]
"""Gives the API key or JWT of now; None: there is none yet."""
Authorities = Callable[[], bytes | None]
"""Gives the certificates (PEM) of the authorities of now; None: they are not there."""


class QdrantSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server is and which collection is ours. `url` is http or https; `timeout_s` is for one call."""

    url: str
    collection: str
    dimension: int
    grpc_port: int = 6334
    prefer_grpc: bool = True
    authorities: Authorities | None = None
    """Whom to trust in place of the system's."""
    create: bool = False
    """Whether this gateway may create the collection."""
    shard_number: int = 1
    replication_factor: int = 1
    timeout_s: float = 5.0
