"""What was asked and answered, in the shape that the GenAI conventions give it on spans. Used only where content is asked for.

Each is JSON text: messages are [{"role", "parts": [{"type": "text", "content"}, ...]}], instructions are such parts, tools are
their definitions. Calls of the chat API are read from their bodies, those of the others through the canonical exchange.

Rules: bounded in characters and in messages (the newest are kept), and cut text says so; inline data of images and files is
named, never copied; what is not understood is named by its type; nothing here raises on any JSON. No IO.
"""

from typing import Any, Final

import msgspec

from turnout_sidecar.adapters import content_canonical, content_chat
from turnout_sidecar.adapters.content_room import Content
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.wire.canonical import Answer, NotAnAnswer, Request
from turnout_sidecar.wire.registry import INBOUND, outbound

_APART: Final = {"responses": "instructions", "messages": "system"}
"""Formats that are read through the canonical exchange, and what each calls the words before the conversation."""
_CONVERSATION: Final = {"responses": "input", "messages": "messages"}


class Asked(msgspec.Struct, frozen=True):
    """What was asked. None: there is nothing of it."""

    instructions: Content | None = None
    messages: Content | None = None
    tools: Content | None = None


def asked(exchange: Exchange) -> Asked:
    """What this call asked."""
    name, body = exchange.endpoint.format, exchange.body
    if name not in _APART:
        return Asked(messages=content_chat.input_messages(body), tools=content_chat.tool_definitions(body))
    request = _request(exchange)
    if request is None:  # a provider of the same protocol may understand it all the same
        return Asked(messages=content_chat.input_messages(body, name=_CONVERSATION[name]))
    messages = request.messages
    apart = 1 if body.get(_APART[name]) and messages and messages[0].role == "system" else 0
    return Asked(
        content_canonical.system_instructions(messages[:apart]),
        content_canonical.input_messages(messages[apart:]),
        content_canonical.tool_definitions(request),
    )


def answered(answer: bytes | Answer, name: str) -> Content | None:
    """An answer: the body that went to a caller of the format `name`, or what was read of it; None where it is none."""
    if isinstance(answer, Answer):
        return content_canonical.output_messages(answer)
    if name not in _APART:
        return content_chat.output_messages(answer)
    try:
        return content_canonical.output_messages(outbound(name).read_answer(answer))
    except NotAnAnswer:
        return None


def _request(exchange: Exchange) -> Request | None:
    known: tuple[dict[str, Any], Request] | None = exchange.canonical
    if known is not None and known[0] is exchange.body:
        return known[1]
    try:
        return INBOUND[exchange.endpoint.format].read_request(exchange.body)
    except CallError:
        return None
