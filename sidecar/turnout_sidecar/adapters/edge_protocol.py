"""What goes over the pipe to the embedded engine's process: frames of msgpack.

A frame is four bytes of length (big endian) and one message. Requests carry a number; replies carry it back, in the order in
which the requests came. `deadline` is CLOCK_MONOTONIC, which all processes of one machine share: a look-up whose asker has
long gone is not carried out. Vectors travel as the bytes of float32.
"""

import struct
import time

import msgspec

HEADER = struct.Struct(">I")
MAX_FRAME = 256 * 1024 * 1024

monotonic = time.monotonic
"""The one clock that both ends of the pipe read."""


class Get(msgspec.Struct, array_like=True, tag="get", frozen=True):
    """The payload of one id."""

    number: int
    deadline: float
    point: str


class Search(msgspec.Struct, array_like=True, tag="search", frozen=True):
    """The nearest live points of a partition and context."""

    number: int
    deadline: float
    partition: str
    context_key: str
    now: float
    vector: bytes
    limit: int


class Point(msgspec.Struct, array_like=True, frozen=True):
    """What is kept; an empty vector means none."""

    id: str
    payload: dict[str, str | float]
    vector: bytes


class Put(msgspec.Struct, array_like=True, tag="put", frozen=True):
    """Keep points, each with an id of its own."""

    number: int
    points: list[Point]


class Counts(msgspec.Struct, array_like=True, tag="counts", frozen=True):
    """How many points the largest partitions hold."""

    number: int
    limit: int


class Pick(msgspec.Struct, array_like=True, tag="pick", frozen=True):
    """Ids of a partition, oldest first, or of what had expired at a time."""

    number: int
    partition: str | None
    expired_at: float | None
    limit: int


class Remove(msgspec.Struct, array_like=True, tag="remove", frozen=True):
    """Remove points."""

    number: int
    points: list[str]


class Tidy(msgspec.Struct, array_like=True, tag="tidy", frozen=True):
    """Give back the space of removed points where that pays, and write to disk. Takes up to seconds."""

    number: int


Request = Get | Search | Put | Counts | Pick | Remove | Tidy


class Ready(msgspec.Struct, array_like=True, tag="ready", frozen=True):
    """The first message of the engine: it is open. `moved_aside` names the folder of a state that could not be read.

    `ids`: what it holds, see `edge_known`; None where that is too much to tell.
    """

    moved_aside: str | None
    reason: str
    ids: bytes | None = None


class Done(msgspec.Struct, array_like=True, tag="done", frozen=True):
    """It is done; `value` depends on the request."""

    number: int
    value: msgspec.Raw


class Failed(msgspec.Struct, array_like=True, tag="failed", frozen=True):
    """It is not done. Number 0: the engine cannot open its state, and ends."""

    number: int
    message: str


Reply = Ready | Done | Failed

REPLIES: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
REQUESTS: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_ENCODER = msgspec.msgpack.Encoder()


def frame(message: Request | Reply) -> bytes:
    """The bytes of one message, its length before it."""
    body = _ENCODER.encode(message)
    return HEADER.pack(len(body)) + body


def raw(value: object) -> msgspec.Raw:
    """A value as part of a reply."""
    return msgspec.Raw(_ENCODER.encode(value))
