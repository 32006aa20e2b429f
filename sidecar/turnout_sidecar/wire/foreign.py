"""What this gateway gave a client in one provider's name, taken out before the client's bytes go to another provider.

A conversation may move between two turns, as a fallback makes it: then its history holds ids with another provider's signature
in them and thoughts that somebody else signed, each of them a 400 of who is strict about it. Rules: only what is known not to be
the provider's own is touched, and a member that holds nothing of it passes as it came; thoughts that go are named; where a turn
of another model is being gone on with, thinking by budget goes too, since Anthropic wants such a turn to begin with a thought.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.gemini.signatures import MARK as OF_GEMINI
from turnout_sidecar.wire.responses.thoughts import OF_RESPONSES, SEALED

_UNSIGNED: Final = ('"signature":""', '"signature": ""')
_MARKS: Final = tuple(mark.encode() for mark in (signed_ids.MARKER, OF_GEMINI, OF_RESPONSES, *SEALED, *_UNSIGNED))
_LONGEST: Final = {"chat": 40, "messages": signed_ids.LONGEST, "responses": 64}
_ID_NAMES: Final = ("id", "tool_call_id", "tool_use_id", "call_id")
_THOUGHTS: Final = {"thinking": "signature", "redacted_thinking": "data"}
_OWN_CALL: Final = ("toolu_", "srvtoolu_")
_NAMED: Final = "messages (thinking)"

Items = list[Any]


class Cleaned(msgspec.Struct, frozen=True):
    """Top-level members as they are to be sent (None: not at all), and the names of what was lost."""

    members: dict[str, Any] = {}
    lost: tuple[str, ...] = ()


_NOTHING: Final = Cleaned()


def cleaned(name: str, body: dict[str, Any], raw: bytes) -> Cleaned:
    """What of a call to a provider of this format is to be changed; most often nothing."""
    marked = any(mark in raw for mark in _MARKS)
    if name == "messages":
        return _messages(body, marked=marked)
    clean = _CLEAN.get(name) if marked else None
    return _NOTHING if clean is None else clean(body)


def _chat(body: dict[str, Any]) -> Cleaned:
    before = body.get("messages")
    after = _with_own_ids(before, _LONGEST["chat"])
    return _NOTHING if after is before else Cleaned({"messages": after})


def _responses(body: dict[str, Any]) -> Cleaned:
    before = body.get("input")
    after = _with_own_ids(before, _LONGEST["responses"])
    if not isinstance(after, list):
        return _NOTHING
    kept = [item for item in after if not _is_sealed(item)]
    lost = len(kept) < len(after)
    return Cleaned({"input": kept}, ("input (reasoning)",) if lost else ()) if lost or after is not before else _NOTHING


def _is_sealed(item: Any) -> bool:
    """A thought whose proof is another provider's."""
    content = item.get("encrypted_content") if isinstance(item, dict) and item.get("type") == "reasoning" else None
    return isinstance(content, str) and content.startswith(SEALED)


def _messages(body: dict[str, Any], *, marked: bool) -> Cleaned:
    before = body.get("messages")
    by_budget = _thinks_by_budget(body)
    if not isinstance(before, list) or not (marked or by_budget):
        return _NOTHING
    after = _without_thoughts(_with_own_ids(before, _LONGEST["messages"])) if marked else before
    members: dict[str, Any] = {} if after is before else {"messages": after}
    lost: tuple[str, ...] = (_NAMED,) if _count(after) < _count(before) else ()
    if by_budget and _goes_on_with_anothers(after):
        members["thinking"] = None
        lost += ("thinking",)
    return Cleaned(members, lost) if members else _NOTHING


def _without_thoughts(messages: Items) -> Items:
    """The same list where every thought may stay."""
    kept = []
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        own = [block for block in content if not _is_foreign(block)] if isinstance(content, list) else None
        if own is None or not isinstance(content, list) or len(own) == len(content):
            kept.append(message)
        elif own:
            kept.append({**message, "content": own})
    same = len(kept) == len(messages) and all(one is two for one, two in zip(kept, messages, strict=True))
    return messages if same else kept


def _is_foreign(block: Any) -> bool:
    proof = block.get(_THOUGHTS.get(str(block.get("type")), "")) if isinstance(block, dict) else None
    return isinstance(proof, str) and (not proof or proof.startswith((OF_GEMINI, OF_RESPONSES)))


def _count(messages: Items) -> int:
    """How many blocks there are."""
    contents = [message.get("content") for message in messages if isinstance(message, dict)]
    return sum(len(content) for content in contents if isinstance(content, list))


def _thinks_by_budget(body: dict[str, Any]) -> bool:
    thinking = body.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") == "enabled"


def _goes_on_with_anothers(messages: Items) -> bool:
    """Whether the tools of a turn have answered that Anthropic did not make, and that has no thought to begin with."""
    blocks = [_blocks(message, role) for message, role in zip(messages[-2:], ("assistant", "user"), strict=False)]
    if len(blocks) < len(("assistant", "user")) or not any(block.get("type") == "tool_result" for block in blocks[1]):
        return False
    called = [block.get("id") for block in blocks[0] if block.get("type") == "tool_use"]
    anothers = any(not (isinstance(identity, str) and identity.startswith(_OWN_CALL)) for identity in called)
    return anothers and blocks[0][0].get("type") not in _THOUGHTS


def _blocks(message: Any, role: str) -> list[dict[str, Any]]:
    content = message.get("content") if isinstance(message, dict) and message.get("role") == role else None
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _with_own_ids(value: Any, longest: int) -> Any:
    """The value itself, or, where ids in it carry signatures, the same with the ids that the providers gave."""
    if isinstance(value, list):
        items = [_with_own_ids(item, longest) for item in value]
        return value if all(one is two for one, two in zip(items, value, strict=True)) else items
    if not isinstance(value, dict):
        return value
    found = dict(value)
    for name in _ID_NAMES:
        identity = value.get(name)
        if isinstance(identity, str) and signed_ids.MARKER in identity:
            own, signature = signed_ids.split(identity)
            if signature is not None:
                found[name] = signed_ids.legal(own, longest)
    for name in ("tool_calls", "content"):
        if isinstance(value.get(name), list):
            found[name] = _with_own_ids(value[name], longest)
    return value if all(found[name] is value[name] for name in value) else found


_CLEAN: Final[dict[str, Callable[[dict[str, Any]], Cleaned]]] = {
    "chat": _chat,
    "responses": _responses,
}
