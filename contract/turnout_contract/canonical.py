"""Canonical bytes and digests.

Equal values give equal bytes, in every process and version of Python: keys sorted, no spaces, UTF-8, and text that cannot be
UTF-8 (lone surrogates) refused here rather than later. The digest of these bytes is a snapshot's version.
"""

import hashlib
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(order="deterministic")


def encode(value: Any) -> bytes:
    """Canonical JSON bytes of a msgspec value or of plain JSON data. Raises UnicodeEncodeError on lone surrogates."""
    return _ENCODER.encode(value)


def digest(data: bytes) -> str:
    """The SHA-256 of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
