"""What an answer says, in each of the three formats, as far as the checks of its shape and quality need it.

Rules: an answer is anybody's JSON: what is not there, or of another type, is simply not there; reasoning is no content; a tool that
the provider runs itself is no open call, one that waits for the client is.
"""

from typing import Any, NamedTuple

import orjson

from turnout_sidecar.wire.lenient import mapping, mappings

CLIENT_CALLS = frozenset(
    {
        "apply_patch_call",
        "computer_call",
        "custom_tool_call",
        "function_call",
        "local_shell_call",
        "mcp_approval_request",
        "shell_call",
    }
)
"""Items of a Responses answer that wait for the client."""


Answer = bytes | dict[str, Any]
"""An answer as it was sent, or parsed already."""


class Said(NamedTuple):
    """One choice. `other`: it holds something else that is an answer (audio, an image, a call)."""

    text: str
    calls: bool
    refused: bool
    other: bool


def said(endpoint: str, answer: Answer) -> tuple[Said, ...]:
    """The choices of an answer; () for another endpoint than chat, responses and messages, and for what is no answer."""
    read = _READERS.get(endpoint)
    if read is None:
        return ()
    if isinstance(answer, dict):
        return read(answer)
    try:
        return read(mapping(orjson.loads(answer)))
    except orjson.JSONDecodeError:
        return ()


def _chat(answer: dict[str, Any]) -> tuple[Said, ...]:
    return tuple(_choice(choice) for choice in mappings(answer.get("choices")))


def _choice(choice: dict[str, Any]) -> Said:
    message = mapping(choice.get("message"))
    calls = bool(message.get("tool_calls") or message.get("function_call"))
    refused = bool(message.get("refusal")) or choice.get("finish_reason") == "content_filter"
    content = message.get("content")
    text = content if isinstance(content, str) else _joined(mappings(content), "text")
    refused = refused or any(part.get("type") == "refusal" for part in mappings(content))
    return Said(text, calls, refused, calls or bool(message.get("audio") or message.get("images")))


def _messages(answer: dict[str, Any]) -> tuple[Said, ...]:
    blocks = mappings(answer.get("content"))
    calls = any(block.get("type") == "tool_use" for block in blocks)
    other = any(block.get("type") not in {"text", "thinking", "redacted_thinking"} for block in blocks)
    return (Said(_joined(blocks, "text"), calls, answer.get("stop_reason") == "refusal", other),)


def _responses(answer: dict[str, Any]) -> tuple[Said, ...]:
    items = mappings(answer.get("output"))
    messages = [mappings(item.get("content")) for item in items if item.get("type") == "message"]
    text = _joined(messages[-1], "output_text") if messages else ""
    refused = any(part.get("type") == "refusal" for parts in messages for part in parts)
    refused = refused or mapping(answer.get("incomplete_details")).get("reason") == "content_filter"
    kinds = {str(item.get("type")) for item in items}
    return (Said(text, bool(kinds & CLIENT_CALLS), refused, bool(kinds - {"message", "reasoning"})),)


_READERS = {"chat": _chat, "messages": _messages, "responses": _responses}


def _joined(parts: list[dict[str, Any]], kind: str) -> str:
    texts = (part.get("text") for part in parts if part.get("type") == kind)
    return "".join(text for text in texts if isinstance(text, str))
