"""Messages of `application/vnd.amazon.eventstream`, written by hand: what Bedrock's streams are made of.

A message is a prelude (its length, the length of its headers, the CRC of both), the headers, the payload, and the CRC of all
before it; numbers are big-endian, CRCs the common CRC-32. Only headers of texts are written: Bedrock has no others.
"""

import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final

from turnout_sidecar.simulator.dialect import dump

CONTENT_TYPE: Final = "application/vnd.amazon.eventstream"
_TEXT: Final = 7
_AROUND: Final = 16
"""Bytes of a message that are neither headers nor payload."""


def write_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """The bytes of one message."""
    told = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", _AROUND + len(told) + len(payload), len(told))
    message = b"".join((prelude, struct.pack(">I", zlib.crc32(prelude)), told, payload))
    return message + struct.pack(">I", zlib.crc32(message))


def write_event(kind: str, value: Mapping[str, Any]) -> bytes:
    """An event with JSON in it."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return write_message(headers, dump(value))


def write_exception(kind: str, message: str) -> bytes:
    """An error within a stream."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return write_message(headers, dump({"message": message}))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", _TEXT, len(text)) + text
