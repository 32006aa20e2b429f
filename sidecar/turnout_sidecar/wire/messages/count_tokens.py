"""/v1/messages/count_tokens: how many tokens a call would give a model to read.

The body is that of /v1/messages without what only matters for an answer, and what it is asked with is checked alike. Where no
provider of the same protocol can be asked, the gateway answers with an estimate of `check.texts`.
"""

from typing import Any

import orjson

from turnout_sidecar.exchange.errors import bad_request
from turnout_sidecar.wire import tokens
from turnout_sidecar.wire.members import wrong
from turnout_sidecar.wire.messages import check


def check_count(body: dict[str, Any]) -> None:
    """Raises CallError (400) unless this is a body of /v1/messages/count_tokens."""
    check.check(body)
    messages = body.get("messages")
    if messages is None:
        raise wrong("messages", "an array", None)
    if not messages:
        raise bad_request("messages must hold at least one message.", param="messages")


def estimate(body: dict[str, Any]) -> int:
    """Tokens of a checked body by its text, where no provider counts them."""
    framing = tokens.PER_CALL + tokens.PER_MESSAGE * len(body.get("messages") or ())
    return framing + sum(tokens.of_text(text) for text in check.texts(body))


def write_count(count: int) -> bytes:
    """The answer."""
    return orjson.dumps({"input_tokens": count})
