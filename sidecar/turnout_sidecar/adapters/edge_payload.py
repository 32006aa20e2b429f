"""An entry as the embedded engine keeps it: what is filtered or sorted by in fields of their own, all the rest in one.

Each field of a payload costs the engine about 10 us at a write, and a value of the search field as much again in its index; so an
entry without a vector, which no search can find, has none. Rules: what is read back is checked by `stored_entry.Reader` as
any other; a payload with a field for each part, as a server's collection has, is read too.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

from turnout_contract.vector_collection import SPACE_FIELD, TENANT_FIELD, space
from turnout_sidecar.adapters.stored_entry import from_payload
from turnout_sidecar.ports.store import Entry

_REST = "entry"


class _Rest(msgspec.Struct, frozen=True, array_like=True):
    """What nobody filters by. `question`: UTF-8, `?` for what is no Unicode."""

    exact_key: str
    context_key: str
    question: bytes
    answer: bytes


class _Indexed(msgspec.Struct, frozen=True):
    partition: str
    entry: str
    expires_at: float
    created_at: float


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Rest)


def pack(entry: Entry, *, searchable: bool) -> dict[str, str | float]:
    """The payload of an entry. `searchable`: it has a vector."""
    rest = _Rest(entry.exact_key, entry.context_key, entry.question.encode("utf-8", "replace"), entry.answer)
    payload: dict[str, str | float] = {
        TENANT_FIELD: entry.partition,
        "expires_at": float(entry.expires_at),
        "created_at": float(entry.created_at),
        _REST: base64.b64encode(_ENCODER.encode(rest)).decode("ascii"),
    }
    if searchable:
        payload[SPACE_FIELD] = space(entry.partition, entry.context_key)
    return payload


def unpack(point: str, payload: Mapping[str, Any]) -> Entry | None:
    """The entry of a payload, or None where it is not one of ours."""
    if _REST not in payload:
        return from_payload(point, payload)
    try:
        read = msgspec.convert(payload, _Indexed)
        rest = _DECODER.decode(base64.b64decode(read.entry, validate=True))
    except (msgspec.MsgspecError, binascii.Error, ValueError, TypeError):
        return None
    return Entry(
        id=point,
        partition=read.partition,
        exact_key=rest.exact_key,
        context_key=rest.context_key,
        question=rest.question.decode("utf-8", "replace"),
        answer=rest.answer,
        expires_at=read.expires_at,
        created_at=read.created_at,
    )
