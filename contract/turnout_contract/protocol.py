"""The messages between operator and gateway, as JSON text frames of one WebSocket.

hello -> push -> ack | nack. The gateway dials in with a projected service-account token (`Authorization: Bearer`), at path
`/v1/gateways/connect`; the namespace is the token's, never the request's. A standby closes with code 4503.

Rules: one push in flight; an equal version is never pushed again; a gateway keeps the highest epoch that it has seen, says
it in its hello and refuses a lower one; a version that was refused is not sent again.
"""

from typing import Literal

import msgspec

AUDIENCE = "turnout.dev"
SERVICE_ACCOUNT = "turnout-gateway"
PATH = "/v1/gateways/connect"
CLOSE_STANDBY = 4503  # try the next operator
CLOSE_LOST_LEASE = 4504  # this operator leads no more: try the next
CLOSE_FORBIDDEN = 4403  # never try again with this token
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
HEARTBEAT_SECONDS = 15.0


class Have(msgspec.Struct, frozen=True):
    """The version that the gateway runs, "" for none, and the highest epoch that it has seen."""

    version: str = ""
    epoch: int = 0
    revision: int = 0


class Build(msgspec.Struct, frozen=True):
    """What the gateway is."""

    version: str = ""
    schema: int = 1
    pod: str = ""
    node: str = ""


class Hello(msgspec.Struct, frozen=True, tag="hello", tag_field="type"):
    """The gateway's first message. `secrets` are the Secrets mounted: the folders under its secrets directory."""

    have: Have
    secrets: tuple[str, ...]
    build: Build


class Push(msgspec.Struct, frozen=True, tag="push", tag_field="type"):
    """A snapshot. `snapshot` holds its canonical bytes as text, so that the version can be checked."""

    nonce: str
    epoch: int
    revision: int
    version: str
    snapshot: str


class Synced(msgspec.Struct, frozen=True, tag="synced", tag_field="type"):
    """What the gateway has is what is wanted: its epoch is raised, nothing is pushed."""

    epoch: int
    version: str


class Credentials(msgspec.Struct, frozen=True, tag="credentials", tag_field="type"):
    """Short-lived credentials, kept in memory only: the token for the shared Qdrant, and where and what it opens."""

    qdrant_url: str
    qdrant_token: str
    collection: str
    expires_at: int  # Unix seconds


class Ack(msgspec.Struct, frozen=True, tag="ack", tag_field="type"):
    """The version is live. `missing` are the secret files (NAME/KEY) that are not there, `absent` by provider the models of it
    that its endpoint says do not exist; sent again when either changes, with an empty nonce.

    What is found goes with the acknowledgement, rather than as a message of its own, so that an operator of an older build,
    which would close the connection at a message that it does not know, passes over it."""

    nonce: str
    version: str
    missing: tuple[str, ...] = ()
    absent: dict[str, tuple[str, ...]] = {}


class NackError(msgspec.Struct, frozen=True):
    """What is wrong: the object as `Kind/name`, the path within it, and a sentence."""

    ref: str
    path: str
    message: str


class Nack(msgspec.Struct, frozen=True, tag="nack", tag_field="type"):
    """The version was refused; `using` is the one that goes on. `epoch` is the highest that the gateway has seen."""

    nonce: str
    using: str
    errors: tuple[NackError, ...] = ()
    epoch: int = 0
    reason: Literal["Invalid", "StaleEpoch"] = "Invalid"


FromGateway = Hello | Ack | Nack
FromOperator = Push | Synced | Credentials
