"""An answer as it is kept: which may be, how it is written, and what is checked when it is read back.

Only an answer that is whole and speaks for itself is kept: text that ended by itself, or a list of embeddings. Errors, cut-off
or filtered answers, tool calls and audio are not; `caching.formats` knows them by their API.

Rules: what was written carries its own partition and keys, which are compared again with those of the call that reads it,
whatever the store says of it; bytes that cannot be read are no answer, never an error; bounded in size.
"""

import json
from typing import Any

import msgspec
import orjson

from turnout_sidecar.caching.formats import CACHED
from turnout_sidecar.caching.key import Keys
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.ports.store import Entry, entry_id

MAX_BYTES = 1_048_576
_SURE_DIGITS = 18


class Kept(msgspec.Struct, frozen=True):
    """What is stored of an answer. `backend` (provider/model) made it, without `dropped`; `cost_nano` is what it had cost.

    `given`: placeholders of what was masked in the answer itself; they stand there for whoever gets it.
    """

    partition: str
    exact_key: str
    context_key: str
    endpoint: str
    backend: str
    body: bytes
    usage: Usage | None = None
    cost_nano: int | None = None
    dropped: tuple[str, ...] = ()
    given: tuple[str, ...] = ()


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Kept)


def entry_of(keys: Keys, kept: Kept, *, now_s: float, ttl_s: float, searched: bool) -> Entry:
    """The store's entry of an answer. Times are Unix seconds. The question is kept only if it will be `searched` for."""
    return Entry(
        id=entry_id(keys.partition, keys.exact),
        partition=keys.partition,
        exact_key=keys.exact,
        context_key=keys.context,
        question=(keys.question or "") if searched else "",
        answer=_ENCODER.encode(kept),
        created_at=now_s,
        expires_at=now_s + ttl_s,
    )


def read(entry: Entry, keys: Keys, endpoint: str, *, now_s: float, ttl_s: float, exact: bool) -> Kept | None:
    """The answer of an entry, if it may be given to the call with these keys: the wall between tenants, once more.

    `ttl_s` is the policy's now: an answer that was kept for longer is not served longer.
    """
    if entry.partition != keys.partition or entry.context_key != keys.context:
        return None
    if exact and entry.exact_key != keys.exact:
        return None
    if not entry.expires_at > now_s or not entry.created_at + ttl_s > now_s:
        return None
    try:
        kept = _DECODER.decode(entry.answer)
    except msgspec.MsgspecError:
        return None
    same = (
        kept.partition == keys.partition
        and kept.context_key == keys.context
        and kept.exact_key == entry.exact_key
        and kept.endpoint == endpoint
    )
    return kept if same else None


def may_keep(endpoint: str, body: bytes) -> bool:
    """Whether a whole answer (of status 200) may be kept."""
    if len(body) > MAX_BYTES:
        return False
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(answer, dict) or answer.get("error"):
        return False
    return CACHED[endpoint].speaks(answer)


def is_ambiguous(raw: bytes, read: Any) -> bool:
    """Whether a provider may have read another value of a body than the key was made of.

    So it is where an object holds a member twice, and where a whole number is too large for the key to tell it from the next;
    and so it is surely not where what was `read` of it, written again, gives the same bytes.
    """
    try:
        if orjson.dumps(read) == raw:
            return False
    except TypeError:  # it holds what is no JSON of ours, such as a lone surrogate
        pass
    try:
        _STRICT.decode(raw.decode())
    except (ValueError, RecursionError):
        return True
    return False


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member stands twice")


def _exact(digits: str) -> None:
    if len(digits) > _SURE_DIGITS and not -(2**63) <= int(digits) < 2**64:
        raise ValueError("a number of more than 64 bits")


_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_int=_exact)
