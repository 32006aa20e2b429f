"""Where the messages and parameters of a prompt go in the body of each API.

Rules: the template's messages come first, the call's after; parameters of the version are used where the call gives none; every
member that stays is the same value, so that it goes upstream byte for byte. Pure.
"""

from collections.abc import Mapping
from typing import Any

_LIMITS = {
    "chat": ("max_tokens", "max_completion_tokens"),
    "messages": ("max_tokens",),
    "responses": ("max_output_tokens",),
}


def place(
    fmt: str, body: dict[str, Any], messages: list[dict[str, Any]], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """A new body of the format `fmt` without its `prompt`. `messages` have a role and a text, as chat has them."""
    new = {name: value for name, value in body.items() if name != "prompt"}
    if fmt == "messages":
        _as_messages(new, messages)
    elif fmt == "responses":
        _as_items(new, messages)
    else:
        new["messages"] = [*messages, *(body.get("messages") or ())]
    limits = _LIMITS[fmt]
    for name, value in parameters.items():
        if name != "max_tokens":
            if new.get(name) is None:
                new[name] = value
        elif all(new.get(limit) is None for limit in limits):
            new[limits[0]] = value
    return new


def _as_messages(new: dict[str, Any], messages: list[dict[str, Any]]) -> None:
    """Anthropic has what the system says beside the messages, as text or as blocks."""
    said = [message for message in messages if message["role"] in ("system", "developer")]
    spoken = [message for message in messages if message["role"] not in ("system", "developer")]
    if said:
        blocks = [{"type": "text", "text": message["content"]} for message in said]
        given = new.get("system")
        if isinstance(given, str):
            given = [{"type": "text", "text": given}] if given else []
        new["system"] = [*blocks, *(given or ())]
    if spoken or not new.get("messages"):
        new["messages"] = [*spoken, *(new.get("messages") or ())]


def _as_items(new: dict[str, Any], messages: list[dict[str, Any]]) -> None:
    """Responses take items, or one text that is the user's."""
    given = new.get("input")
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    new["input"] = [*({"role": message["role"], "content": message["content"]} for message in messages), *(given or ())]
