"""Ids that this API has and others have not: of responses, of their items, of calls that came without one.

Rules: made of what is unique to the call, so that no two answers share one and a retry of the writing gives the same; an id
that has the right form already stays.
"""

from hashlib import sha256

_LENGTH = {"call_": 24}
_LONG = 48


def response_id(call: str) -> str:
    """The id of the response to a call."""
    return call if call.startswith("resp_") else made_id("resp_", call, 0)


def made_id(prefix: str, owner: str, index: int) -> str:
    """The id of the `index`th thing of an owner."""
    digest = sha256(f"{prefix}{owner}/{index}".encode("utf-8", "surrogatepass")).hexdigest()
    return prefix + digest[: _LENGTH.get(prefix, _LONG)]
