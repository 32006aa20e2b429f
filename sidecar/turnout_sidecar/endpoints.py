"""The served endpoints, in one table. Whatever is not in it is a 404; whatever is, goes through the one pipeline.

A new endpoint is a row here: its path, what a model must be able to do for it, and the check of its body.
"""

import msgspec

from turnout_sidecar.exchange.call import Endpoint
from turnout_sidecar.stages.read_request import Check
from turnout_sidecar.wire.openai_request import check_chat, check_embeddings


class Served(msgspec.Struct, frozen=True):
    """An endpoint and the check of its body."""

    endpoint: Endpoint
    check: Check


SERVED: tuple[Served, ...] = (
    Served(
        Endpoint(
            name="chat",
            path="/v1/chat/completions",
            upstream_path="/chat/completions",
            operation="chat",
            protocol="openai",
            needs="Chat",
        ),
        check_chat,
    ),
    Served(
        Endpoint(
            name="embeddings",
            path="/v1/embeddings",
            upstream_path="/embeddings",
            operation="embeddings",
            protocol="openai",
            needs="Embeddings",
        ),
        check_embeddings,
    ),
)

MODELS = Endpoint(
    name="models",
    path="/v1/models",
    upstream_path="",
    operation="models",
    protocol="openai",
    needs="",
    method="GET",
)

CHECKS = {served.endpoint.name: served.check for served in SERVED}
