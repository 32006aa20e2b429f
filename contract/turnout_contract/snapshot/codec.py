"""Snapshot to bytes and back. The digest of the canonical bytes is the snapshot's version."""

import msgspec

from turnout_contract import canonical
from turnout_contract.snapshot.model import SCHEMA, Snapshot

_DECODER = msgspec.json.Decoder(Snapshot)


def encode(snapshot: Snapshot) -> bytes:
    """Canonical bytes."""
    return canonical.encode(snapshot)


def version(data: bytes) -> str:
    """The version of a snapshot's canonical bytes: 64 hexadecimal digits."""
    return canonical.digest(data)


def decode(data: bytes) -> Snapshot:
    """A snapshot of bytes. Raises ValueError where they are none, or are of a newer schema than this build reads."""
    try:
        snapshot = _DECODER.decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise ValueError(f"not a snapshot: {error}") from error
    if snapshot.schema > SCHEMA:
        raise ValueError(f"schema: the snapshot has schema {snapshot.schema}, this gateway reads up to {SCHEMA}")
    return snapshot
