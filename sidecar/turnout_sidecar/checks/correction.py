"""The call that asks once more: what was asked, the answer that did not fit, and what is wrong with it.

Rules: the body that is given is never changed, what is common to both is shared; the new one is valid for its API: no empty turn,
user and assistant take turns in a Messages call, a text given as `input` becomes items; an answer with a tool call that waits
for the client cannot be corrected; errors are told by place and rule, never with a value.
"""

from collections.abc import Sequence
from typing import Any

from turnout_sidecar.checks.answer_texts import Answer, Said, said
from turnout_sidecar.checks.schema import SchemaError

_ASK = "Answer again with the corrected JSON alone, without any text around it."


def again(
    endpoint: str, body: dict[str, Any], answer: Answer, errors: Sequence[SchemaError], *, choice: int = 0
) -> dict[str, Any] | None:
    """The body that asks once more; None: there is no such call. `choice`: which of a chat's answers the errors are about."""
    choices = said(endpoint, answer)
    build = _BUILDERS.get(endpoint)
    if build is None or choice >= len(choices) or choices[choice].calls:
        return None
    return build(body, choices[choice], _told(errors))


def _told(errors: Sequence[SchemaError]) -> str:
    lines = (f"- {error.path or 'the answer'}: {error.message}" for error in errors)
    return "\n".join(("Your answer does not have the shape that was asked for:", *lines, _ASK))


def _chat(body: dict[str, Any], answer: Said, told: str) -> dict[str, Any] | None:
    messages = body.get("messages")
    if not isinstance(messages, list):
        return None
    given = [{"role": "assistant", "content": answer.text}] if answer.text.strip() else []
    return {**body, "messages": [*messages, *given, {"role": "user", "content": told}]}


def _responses(body: dict[str, Any], answer: Said, told: str) -> dict[str, Any] | None:
    if body.get("background") is True:
        return None
    given = body.get("input")
    asked = {"type": "message", "role": "user", "content": told}
    if body.get("conversation") is not None:  # it holds the question and the answer already
        return {**body, "input": [asked]}
    items: list[Any] = given if isinstance(given, list) else []
    if isinstance(given, str):
        items = [{"type": "message", "role": "user", "content": given}]
    if answer.text.strip():
        items = [*items, {"type": "message", "role": "assistant", "content": answer.text}]
    return {**body, "input": [*items, asked]}


def _messages(body: dict[str, Any], answer: Said, told: str) -> dict[str, Any] | None:
    messages = body.get("messages")
    if not isinstance(messages, list):
        return None
    turns = _taking_turns(messages, "assistant", answer.text) if answer.text.strip() else messages
    return {**body, "messages": _taking_turns(turns, "user", told)}


def _taking_turns(messages: list[Any], role: str, text: str) -> list[Any]:
    """The messages with one more text of a role, in the last turn where that is the role's already."""
    last = messages[-1] if messages else None
    if not isinstance(last, dict) or last.get("role") != role:
        return [*messages, {"role": role, "content": text}]
    content = last.get("content")
    if isinstance(content, str) and role == "assistant":  # the beginning of this very answer
        return [*messages[:-1], {**last, "content": content + text}]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) and content else content
    return [*messages[:-1], {**last, "content": [*(blocks or ()), {"type": "text", "text": text}]}]


_BUILDERS = {"chat": _chat, "messages": _messages, "responses": _responses}
