"""A stream of chat chunks put together to the answer that it would have been as a whole.

For whoever needs the answer and not its pieces: what is kept in a cache, and what is written into a span where content is
wanted. Rules: unknown members survive (texts are joined, of anything else the last is kept); choices, tool calls and
thoughts are told apart by their `index`; what is no chat chunk makes no answer, nor does one that is nested deeper than
answers are, and neither is an error: the stream itself goes its way.
"""

import re
from typing import Any

import orjson

_DATA = re.compile(rb"(?:\A|[\r\n])data:[ ]?([^\r\n]*)")
_DONE = b"[DONE]"
_JOINED = frozenset({"content", "refusal", "reasoning_content", "reasoning", "arguments", "name", "data", "transcript"})
THOUGHTS = "reasoning_details"
_WORDS = frozenset({"text", "summary"})
_LOGPROBS = ("content", "refusal")
MAX_DEPTH = 64
"""Objects in one another that are put together: an answer of the API has four."""


class _TooDeep(ValueError):  # noqa: N818  says what it is
    pass


class Collected:
    """Takes the pieces of a stream, each of whole frames, in their order."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}
        self._sound = True
        self._done = False

    def feed(self, piece: bytes) -> None:
        """The next frames."""
        for data in _DATA.findall(piece):
            if self._done:
                return  # nobody reads on after the end
            if data.strip() == _DONE:
                self._done = True
                continue
            try:
                chunk = orjson.loads(data)
            except orjson.JSONDecodeError:
                self._sound = False
                continue
            try:
                self._chunk(chunk)
            except _TooDeep:
                self._sound = False

    def answer(self) -> bytes | None:
        """The body of a `chat.completion`, or None where what came was no sound chat stream."""
        if not self._sound or not self._choices:
            return None
        choices = [self._choices[index] for index in sorted(self._choices)]
        try:
            return orjson.dumps({**self._head, "object": "chat.completion", "choices": choices})
        except TypeError:  # arrays in one another, deeper than can be written
            return None

    def _chunk(self, chunk: Any) -> None:
        if not isinstance(chunk, dict) or chunk.get("error") or not isinstance(chunk.get("choices"), list):
            self._sound = False
            return
        for name, value in chunk.items():
            if name not in ("choices", "object") and (value is not None or name not in self._head):
                self._head[name] = value
        for choice in chunk["choices"]:
            if isinstance(choice, dict):
                self._choice(choice)

    def _choice(self, piece: dict[str, Any]) -> None:
        index = piece.get("index")
        index = index if isinstance(index, int) else 0
        choice = self._choices.get(index)
        if choice is None:
            message = {"role": "assistant", "content": None}
            choice = self._choices[index] = {"index": index, "message": message, "finish_reason": None}
        for name, value in piece.items():
            if name == "delta":
                _merge(choice["message"], value if isinstance(value, dict) else {})
            elif name == "logprobs":
                choice["logprobs"] = _logprobs(choice.get("logprobs"), value)
            elif name != "index" and value is not None:
                choice[name] = value


def _merge(message: dict[str, Any], delta: dict[str, Any], depth: int = 0) -> None:
    """Raises _TooDeep."""
    if depth > MAX_DEPTH:
        raise _TooDeep
    for name, value in delta.items():
        before = message.get(name)
        if name == "tool_calls" and isinstance(value, list):
            message[name] = _tool_calls(before if isinstance(before, list) else [], value, depth)
        elif name == THOUGHTS and isinstance(value, list):
            message[name] = _thoughts(before if isinstance(before, list) else [], value)
        elif isinstance(value, dict):
            message[name] = inner = before if isinstance(before, dict) else {}
            _merge(inner, value, depth + 1)
        elif isinstance(value, str) and isinstance(before, str) and name in _JOINED:
            message[name] = before + value
        elif value is not None or name not in message:
            message[name] = value


def _tool_calls(calls: list[dict[str, Any]], pieces: list[Any], depth: int) -> list[dict[str, Any]]:
    """Pieces belong to the call of their index; one without an index belongs to the last."""
    for piece in pieces:
        if not isinstance(piece, dict):
            continue
        index = piece.get("index")
        place = index if isinstance(index, int) and 0 <= index <= len(calls) else max(len(calls) - 1, 0)
        if place == len(calls):
            calls.append({})
        _merge(calls[place], {name: value for name, value in piece.items() if name != "index"}, depth + 1)
    return calls


def _thoughts(thoughts: list[Any], pieces: list[Any]) -> list[Any]:
    """Pieces of one kind and index are one thought: its words are joined, of its other members the last is kept."""
    for piece in pieces:
        same = None
        if isinstance(piece, dict) and isinstance(piece.get("index"), int):
            same = next((each for each in thoughts if isinstance(each, dict) and _one(each, piece)), None)
        if same is None:
            thoughts.append(piece)
            continue
        for name, value in piece.items():
            words = name in _WORDS and isinstance(value, str) and isinstance(same.get(name), str)
            same[name] = same[name] + value if words else value
    return thoughts


def _one(thought: dict[str, Any], piece: dict[str, Any]) -> bool:
    return bool(thought.get("index") == piece["index"] and thought.get("type") == piece.get("type"))


def _logprobs(before: Any, piece: Any) -> Any:
    if not isinstance(piece, dict):
        return before
    merged = dict(before) if isinstance(before, dict) else {}
    for name in _LOGPROBS:
        tokens = piece.get(name)
        if isinstance(tokens, list):
            merged[name] = [*(merged.get(name) or ()), *tokens]
        else:
            merged.setdefault(name, None)
    return merged
