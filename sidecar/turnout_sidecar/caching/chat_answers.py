"""Chat completions as they are kept: which may be, how a stream is put together, and what of a call cannot change its answer.

Rules: only an answer whose every choice ended with `stop` and holds text, and no tool call, is kept; of a stream only one whose
members are all text, since of others it is not known how their pieces go together.
"""

from typing import Any

import orjson

from turnout_sidecar.caching.replay import with_usage
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.json_edit import replace_members
from turnout_sidecar.wire.openai_collect import THOUGHTS, Collected

MAX_CHOICES = 8
CANNOT_CHANGE_THE_ANSWER = frozenset(
    {
        "model",  # a name for the rule and its backends, which are in the key
        "stream",  # how the answer travels
        "stream_options",
        "user",  # whom the provider may blame; who may share answers is the partition's matter
        "safety_identifier",
        "metadata",  # labels for the provider's own lists
        "store",  # whether the provider keeps a copy
        "prompt_cache_key",  # where the provider keeps its own prefix cache, and how long
        "prompt_cache_retention",
    }
)


def question(body: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The last message's text, if it is a user's and nothing but text; and the body without it."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return None, body
    *earlier, last = messages
    if not isinstance(last, dict) or last.get("role") != "user":
        return None, body
    content = last.get("content")
    if not isinstance(content, str) or not content.strip():
        return None, body
    return content, {**body, "messages": [*earlier, {**last, "content": None}]}


def speaks_for_itself(answer: dict[str, Any]) -> bool:
    """Whether a whole answer may be kept."""
    choices = answer.get("choices")
    if not isinstance(choices, list) or not 0 < len(choices) <= MAX_CHOICES:
        return False
    return all(_speaks(choice) for choice in choices)


def _speaks(choice: Any) -> bool:
    if not isinstance(choice, dict) or choice.get("finish_reason") != "stop":
        return False
    message = choice.get("message")
    if (
        not isinstance(message, dict)
        or message.get("tool_calls")
        or message.get("function_call")
        or message.get("audio")
    ):
        return False
    text = message.get("content") or message.get("refusal")
    return isinstance(text, str)


def collected(frames: bytes, usage: Usage | None) -> bytes | None:
    """The answer of a stream that ended well, as a plain call would have got it."""
    taken = Collected()
    taken.feed(frames)
    body = taken.answer()
    if body is None:
        return None
    whole = with_usage(body, usage)
    answer = orjson.loads(whole)
    return None if any(_may_lack(choice) for choice in answer.get("choices") or ()) else whole


def _may_lack(choice: dict[str, Any]) -> bool:
    """Of members that are no text, but for thoughts, it is not known how their pieces go together."""
    return any(
        isinstance(value, list | dict) and value and not (name == THOUGHTS and _are_numbered(value))
        for name, value in choice["message"].items()
    )


def _are_numbered(thoughts: Any) -> bool:
    return all(isinstance(each, dict) and isinstance(each.get("index"), int) for each in thoughts)


def renewed(body: bytes, call_id: str, now_s: int) -> bytes:
    """The answer with an id and a time of its own, all else as it was."""
    return replace_members(body, {"id": orjson.dumps(f"chatcmpl-{call_id}"), "created": orjson.dumps(now_s)})
