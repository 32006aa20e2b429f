"""Signatures that a simulated model puts on what it thought, and knows again.

Real providers sign thinking, and refuse a turn whose signature they did not make: a gateway that loses or mixes them up is
found out only by a provider that looks. `sign` is bound to a text; `seal` carries its own proof, for signatures that stand
beside what is not told (a function call, hidden thinking). Rule: nothing here depends on the seed, so that two simulated
accounts of one provider know each other's signatures, as real ones do.
"""

import base64
import binascii
import hashlib
import hmac

_NONCE_BYTES = 16
_MAC_BYTES = 32


def sign(kind: str, text: str) -> str:
    """The signature of `text` by a provider of this kind."""
    return base64.b64encode(b"\x12" + _mac(kind, text.encode("utf-8", "surrogatepass"))).decode()


def signed(kind: str, text: str, signature: str) -> bool:
    """Whether that is the signature of `text`."""
    return hmac.compare_digest(sign(kind, text).encode(), signature.encode("utf-8", "surrogatepass"))


def seal(kind: str, about: str) -> str:
    """A signature that needs no text beside it to be known again."""
    nonce = hashlib.sha256(about.encode("utf-8", "surrogatepass")).digest()[:_NONCE_BYTES]
    return base64.b64encode(nonce + _mac(kind, nonce)).decode()


def sealed(kind: str, signature: str) -> bool:
    """Whether a provider of this kind made that signature."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    nonce, mac = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
    return len(mac) == _MAC_BYTES and hmac.compare_digest(mac, _mac(kind, nonce))


def _mac(kind: str, data: bytes) -> bytes:
    return hmac.new(f"turnout simulator {kind}".encode(), data, hashlib.sha256).digest()
