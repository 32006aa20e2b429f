"""A provider's signature of a tool call, carried in the call's id through clients that know of no such thing.

Gemini signs its tool calls and answers 400 when the signature does not come back; chat, responses and messages have no place
for it, but every client sends the id of a call back as it got it. Rules:
- the id with its signature is of letters, digits, `_` and `-` alone, as Anthropic and Bedrock demand of ids;
- `split(join(id, signature))` gives both back, whatever they are, also where the id already carries another gateway's
  signature; an id without a marker is nobody's business and stays as it is;
- `legal` is for ids that go to a provider who did not make them: the same id always gives the same legal one.
"""

import base64
import binascii
import re
from hashlib import sha256
from typing import Final

import orjson

MARKER: Final = "__sig_"
LONGEST: Final = 64
"""Characters that Bedrock takes in an id, the least that any provider does but OpenAI."""

_LEGAL: Final = re.compile(r"[A-Za-z0-9_-]+")
_ILLEGAL: Final = re.compile(r"[^A-Za-z0-9_-]+")
_PACKED: Final = "\0"
_STAND_IN: Final = "call"
_DIGEST: Final = 16
_MADE: Final = 24


def made(seed: bytes) -> str:
    """An id for a call that came without one: the same for the same seed, which is an answer and a place in it."""
    return f"call_{sha256(seed).hexdigest()[:_MADE]}"


def join(id: str, signature: str | None) -> str:  # noqa: A002  the word of every API
    """The id that a client is given."""
    plain = _LEGAL.fullmatch(id) is not None and MARKER not in id
    if not signature:
        return id if MARKER not in id else _packed(id, None)
    if plain and not signature.startswith(_PACKED):
        return f"{id}{MARKER}{_encode(signature)}"
    return _packed(id, signature)


def split(id: str) -> tuple[str, str | None]:  # noqa: A002
    """The provider's own id and its signature, of an id that a client sends back; None: it carries none."""
    own, marker, encoded = id.partition(MARKER)
    if not marker:
        return id, None
    said = _decode(encoded)
    if not said:
        return id, None
    if not said.startswith(_PACKED):
        return own, said
    return _unpacked(said[len(_PACKED) :]) or (id, None)


def legal(id: str, longest: int = LONGEST) -> str:  # noqa: A002
    """An id that every provider takes: unchanged where it is one, else what can be kept of it and a digest of all."""
    if len(id) <= longest and _LEGAL.fullmatch(id):
        return id
    digest = sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    kept = _ILLEGAL.sub("_", id)[: max(0, longest - len(digest) - 1)]
    return f"{kept or _STAND_IN}_{digest}"


def _packed(id: str, signature: str | None) -> str:  # noqa: A002
    """Both in what is encoded: for ids that are no legal ones or hold a marker of their own."""
    return f"{_STAND_IN}{MARKER}{_encode(_PACKED + orjson.dumps([id, signature]).decode())}"


def _unpacked(said: str) -> tuple[str, str | None] | None:
    try:
        pair = orjson.loads(said)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(pair, list) or len(pair) != len(("id", "signature")):
        return None
    own, signature = pair
    if not isinstance(own, str) or not (signature is None or isinstance(signature, str)):
        return None
    return own, signature


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _decode(encoded: str) -> str | None:
    """None for what `_encode` did not make."""
    if not _LEGAL.fullmatch(encoded):
        return None
    try:
        text = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return text if _encode(text) == encoded else None
