"""The served endpoints, in one table. Whatever is not in it is a 404; whatever is, goes through the one pipeline.

A new endpoint is a row here: its path, its format, what a model must be able to do for it, and the check of its body.
"""

import msgspec

from turnout_sidecar.exchange.call import Endpoint
from turnout_sidecar.stages.read_request import Check
from turnout_sidecar.wire.messages.count_tokens import check_count
from turnout_sidecar.wire.openai_request import check_chat, check_embeddings
from turnout_sidecar.wire.registry import INBOUND


class Served(msgspec.Struct, frozen=True):
    """An endpoint and the check of its body."""

    endpoint: Endpoint
    check: Check


CHAT = Endpoint(
    name="chat",
    path="/v1/chat/completions",
    upstream_path="/chat/completions",
    operation="chat",
    format="chat",
    needs="Chat",
)
RESPONSES = Endpoint(
    name="responses",
    path="/v1/responses",
    upstream_path="/responses",
    operation="chat",
    format="responses",
    needs="Chat",
)
MESSAGES = Endpoint(
    name="messages",
    path="/v1/messages",
    upstream_path="/messages",
    operation="chat",
    format="messages",
    needs="Chat",
)
COUNT_TOKENS = Endpoint(
    name="count_tokens",
    path="/v1/messages/count_tokens",
    upstream_path="/messages/count_tokens",
    operation="count_tokens",
    format="messages",
    needs="Chat",
)
EMBEDDINGS = Endpoint(
    name="embeddings",
    path="/v1/embeddings",
    upstream_path="/embeddings",
    operation="embeddings",
    format="embeddings",
    needs="Embeddings",
)
MODELS = Endpoint(
    name="models", path="/v1/models", upstream_path="", operation="models", format="chat", needs="", method="GET"
)

SERVED: tuple[Served, ...] = (
    Served(CHAT, check_chat),
    Served(EMBEDDINGS, check_embeddings),
    Served(RESPONSES, INBOUND["responses"].check),
    Served(MESSAGES, INBOUND["messages"].check),
    Served(COUNT_TOKENS, check_count),
)

CHECKS = {served.endpoint.name: served.check for served in SERVED}
