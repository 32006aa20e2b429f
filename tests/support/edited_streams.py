"""Channels for the tests of edited streams, and what a client would make of a stream: each text of it put together."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from turnout_sidecar.answers.kinds import Channel, Kind
from turnout_sidecar.wire.sse import SseParser

TRANSCRIPTS = Path(__file__).parents[1] / "transcripts"


class Idle:
    """Lets all through."""

    def feed(self, text: str) -> str:
        return text

    def flush(self) -> str:
        return ""


class Swap:
    """Replaces words wherever they were cut, and holds the last `keep` characters back until more comes."""

    def __init__(self, words: dict[str, str], keep: int) -> None:
        self._words = words
        self._keep = max([keep, *map(len, words)])
        self._held = ""

    def feed(self, text: str) -> str:
        self._held += text
        return self._said(self._keep)

    def flush(self) -> str:
        return self._said(0)

    def _said(self, keep: int) -> str:
        out = []
        at, last = 0, len(self._held) - keep
        while at < last:
            word = next((word for word in self._words if self._held.startswith(word, at)), self._held[at])
            out.append(self._words.get(word, word))
            at += len(word)
        self._held = self._held[at:]
        return "".join(out)


def swapped(text: str, words: dict[str, str]) -> str:
    if not words:
        return text
    return re.sub("|".join(map(re.escape, words)), lambda match: words[match[0]], text)


def idle(kind: Kind, place: str) -> Channel:
    del kind, place
    return Idle()


def holding(words: dict[str, str], keep: int) -> Callable[[Kind, str], Channel]:
    def make(kind: Kind, place: str) -> Channel:
        del kind, place
        return Swap(words, keep)

    return make


def frames_of(stream: bytes) -> list[bytes]:
    parser = SseParser()
    return [event.raw for event in [*parser.feed(stream), *parser.finish()]]


def said_in(stream: bytes) -> list[tuple[str, dict[str, Any]]]:
    parser = SseParser()
    found = []
    for event in [*parser.feed(stream), *parser.finish()]:
        try:
            data = orjson.loads(event.data or b"")
        except orjson.JSONDecodeError:
            continue
        if isinstance(data, dict):
            found.append((event.event, data))
    return found


def texts_of(name: str, stream: bytes) -> dict[Any, str]:
    """Every text of a stream put together, by its place."""
    texts: dict[Any, str] = {}
    for _, data in said_in(stream):
        for key, text in {"chat": _of_chunk, "messages": _of_block, "responses": _of_event}[name](data):
            texts[key] = texts.get(key, "") + text
    return {key: text for key, text in texts.items() if text}


def _of_chunk(data: dict[str, Any]) -> list[tuple[Any, str]]:
    found: list[tuple[Any, str]] = []
    for choice in data.get("choices") or ():
        delta = choice.get("delta") or {}
        own = choice.get("index", 0)
        words = ("content", "refusal", "reasoning", "reasoning_content")
        found += [((own, name), delta[name]) for name in words if isinstance(delta.get(name), str)]
        found += [
            ((own, "details", one.get("index")), one.get("text") or "") for one in delta.get("reasoning_details") or ()
        ]
        calls = delta.get("tool_calls") or ()
        found += [((own, max(0, call.get("index", 0))), call["function"].get("arguments") or "") for call in calls]
        found.append(((own, "legacy"), (delta.get("function_call") or {}).get("arguments") or ""))
    return found


def _of_block(data: dict[str, Any]) -> list[tuple[Any, str]]:
    part = data.get("delta") or data.get("content_block") or {}
    names = ("text", "thinking", "partial_json")
    return [((data.get("index"), name), part[name]) for name in names if isinstance(part.get(name), str)]


def _of_event(data: dict[str, Any]) -> list[tuple[Any, str]]:
    if not isinstance(data.get("delta"), str):
        return []
    base = data["type"].removesuffix(".delta")
    return [((base, data.get("output_index"), data.get("content_index"), data.get("summary_index")), data["delta"])]
