"""Thoughts of a model as chat messages carry them beside their content: in many dialects, and in ours.

The API has no place for thoughts. vLLM and DeepSeek say `reasoning_content` (text), newer vLLM and OpenRouter `reasoning`;
OpenRouter adds `reasoning_details`, with signatures. We give out `reasoning_content` and `reasoning_details`, and read all of them:
- the text of details that have one wins over the plain text, which is the same without its signatures;
- a hidden thought is `reasoning.encrypted`; details of one `index` are one thought, whole or in pieces.
Lenient: what is not understood is passed over.
"""

from typing import Any

import msgspec

from turnout_sidecar.wire.canonical import Thinking

TEXT = "reasoning.text"
SUMMARY = "reasoning.summary"
ENCRYPTED = "reasoning.encrypted"


def plain(message: dict[str, Any]) -> str:
    """The plain text of thoughts in a message or a delta; "" where there is none."""
    for name in ("reasoning_content", "reasoning"):
        text = message.get(name)
        if isinstance(text, str) and text:
            return text
    return ""


def details(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Its `reasoning_details` that are objects."""
    found = message.get("reasoning_details")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def text_of(detail: dict[str, Any]) -> str:
    """The text of a detail, or "" ."""
    text = detail.get("summary") if detail.get("type") == SUMMARY else detail.get("text")
    return text if isinstance(text, str) else ""


def string_of(detail: dict[str, Any], name: str) -> str | None:
    """A member that is a text and not empty."""
    found = detail.get(name)
    return found if isinstance(found, str) and found else None


def thoughts(message: dict[str, Any]) -> list[Thinking]:
    """The thoughts of a whole message, in their order."""
    found: list[Thinking] = []
    places: dict[int, int] = {}
    for detail in details(message):
        thought = Thinking(
            text_of(detail), string_of(detail, "signature"), string_of(detail, "data"), string_of(detail, "id")
        )
        index = detail.get("index")
        if index.__class__ is int and index in places:
            found[places[index]] = _joined(found[places[index]], thought)
        elif thought != Thinking():
            if index.__class__ is int:
                places[index] = len(found)
            found.append(thought)
    text = plain(message)
    if not text or any(thought.text for thought in found):
        return found
    for place, thought in enumerate(found):
        if thought.redacted is None:  # its signature came without the text that it signs
            found[place] = msgspec.structs.replace(thought, text=text)
            return found
    return [Thinking(text), *found]


def _joined(one: Thinking, two: Thinking) -> Thinking:
    """Details of one index are one thought: clients keep them as they came, or merge them themselves."""
    return Thinking(
        one.text + two.text, two.signature or one.signature, two.redacted or one.redacted, one.item or two.item
    )


def written(parts: list[Thinking]) -> dict[str, Any]:
    """Thoughts as members of a message."""
    if not parts:
        return {}
    text = "".join(part.text for part in parts)
    found: dict[str, Any] = {"reasoning_content": text} if text else {}
    found["reasoning_details"] = [detail for index, part in enumerate(parts) for detail in of_part(part, index)]
    return found


def of_part(part: Thinking, index: int) -> list[dict[str, Any]]:
    """The details of one thought."""
    if part.redacted is not None and not part.text and part.signature is None:
        return [encrypted(part.redacted, index, part.item)]
    first = text_detail(index, part.text, part.signature, part.item)
    return [first] if part.redacted is None else [first, encrypted(part.redacted, index, part.item)]


def text_detail(index: int, text: str | None, signature: str | None, item: str | None) -> dict[str, Any]:
    """A detail that says text, or its signature, or both."""
    members = {"text": text, "signature": signature, "id": item}
    return {"type": TEXT, **{name: value for name, value in members.items() if value is not None}, "index": index}


def encrypted(data: str, index: int, item: str | None) -> dict[str, Any]:
    """A detail that says a hidden thought."""
    return {"type": ENCRYPTED, "data": data, **({} if item is None else {"id": item}), "index": index}
