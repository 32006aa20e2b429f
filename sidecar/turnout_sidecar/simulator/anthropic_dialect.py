"""Anthropic's protocol for the simulator: messages whole and streamed, counting of tokens, models, errors.

Usage is told as Anthropic tells it: `input_tokens` leaves out what was read from the cache and written to it, and the last
event of a stream tells all numbers again, added up.
"""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qs

from turnout_sidecar.ports.secrets import Secret
from turnout_sidecar.simulator.answers import count_tokens, pieces
from turnout_sidecar.simulator.anthropic_messages import KIND
from turnout_sidecar.simulator.anthropic_request import MessagesRequest, read_messages
from turnout_sidecar.simulator.dialect import (
    EVENT_STREAM,
    Asked,
    Endpoint,
    Frame,
    Refusal,
    Reply,
    Trouble,
    dump,
    json_reply,
    same_key,
    told_usage,
)
from turnout_sidecar.simulator.drawing import Draw, digest
from turnout_sidecar.simulator.prompt_cache import CacheUse, PromptCache
from turnout_sidecar.simulator.settings import DEFAULT_MODELS
from turnout_sidecar.simulator.signatures import seal, sign
from turnout_sidecar.simulator.turns import Made, make
from turnout_sidecar.wire.sse import write_event

_VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_REASONS: Final = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
}
_LOWEST_SERVER_ERROR: Final = 500
_DEFAULT_PAGE: Final = 20
_LARGEST_PAGE: Final = 1000


class Anthropic:
    """See `dialect.Dialect`."""

    base = ""

    def __init__(self) -> None:
        self._cache = PromptCache()

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Messages, counting, models."""
        return (
            Endpoint("POST", "/v1/messages", self._answer),
            Endpoint("POST", "/v1/messages/count_tokens", _count),
            Endpoint("GET", "/v1/models", _list_models),
            Endpoint("GET", "/v1/models/{model}", _show_model),
        )

    def admit(self, asked: Asked, key: Secret | None) -> None:
        """A key in `x-api-key` (or a bearer token), and the version of the API, as the real one asks for both."""
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        given = asked.headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
        if not given:
            raise Refusal(401, "x-api-key header is required")
        if key is not None and not same_key(given, key):
            raise Refusal(401, "invalid x-api-key")
        if not asked.headers.get("anthropic-version"):
            raise Refusal(400, "anthropic-version: header is required")
        if not _VERSION.fullmatch(asked.headers["anthropic-version"]):
            raise Refusal(400, "anthropic-version: it must be a date such as 2023-06-01")

    def refuse(self, refusal: Refusal) -> Reply:
        """Anthropic's error object."""
        fallback = "api_error" if refusal.status >= _LOWEST_SERVER_ERROR else "invalid_request_error"
        request = f"req_{digest([refusal.status, refusal.message]).hex()[:24]}"
        error = {"type": _TYPES.get(refusal.status, fallback), "message": refusal.message}
        body = dump({"type": "error", "error": error, "request_id": request})
        return Reply(status=refusal.status, headers=(("request-id", request),), body=body)

    def _answer(self, asked: Asked) -> Reply:
        request = read_messages(asked)
        key = digest(request.identity, asked.seed)
        made = make(request.task, Draw(key))
        use = self._cache.marked(request.model, request.segments)
        blocks = [] if request.refuses else _content(request, made, key.hex())
        usage = told_usage(_usage(use, made), asked.usage_fault)
        reason = "refusal" if request.refuses else _REASONS[made.finish]
        message: dict[str, Any] = {
            "id": f"msg_{key.hex()[:24]}",
            "type": "message",
            "role": "assistant",
            "model": request.model,
            "content": blocks,
            "stop_reason": reason,
            "stop_sequence": made.stop,
        }
        headers = (("request-id", f"req_{key.hex()[24:48]}"),)
        if request.stream:
            frames = tuple(_events(message, usage, made.thinking_tokens))
            return Reply(headers=headers, content_type=EVENT_STREAM, frames=frames, trouble=_trouble())
        told = {} if usage is None else {"usage": usage}
        return Reply(headers=headers, body=dump(message | told), tokens=made.tokens)


def _usage(use: CacheUse, made: Made) -> dict[str, Any]:
    return {
        "input_tokens": use.rest,
        "cache_creation_input_tokens": use.write,
        "cache_read_input_tokens": use.read,
        "cache_creation": {"ephemeral_5m_input_tokens": use.write_5m, "ephemeral_1h_input_tokens": use.write_1h},
        "output_tokens": made.tokens,
        "output_tokens_details": {"thinking_tokens": made.thinking_tokens},
        "service_tier": "standard",
    }


def _content(request: MessagesRequest, made: Made, key: str) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if made.thinking and request.redacts:
        blocks.append({"type": "redacted_thinking", "data": seal(KIND, key)})
    elif made.thinking and request.shows_thinking:
        blocks.append({"type": "thinking", "thinking": made.thinking, "signature": sign(KIND, made.thinking)})
    elif made.thinking:
        blocks.append({"type": "thinking", "thinking": "", "signature": seal(KIND, key)})
    if made.text:
        blocks.append({"type": "text", "text": made.text})
    blocks += [
        {"type": "tool_use", "id": f"toolu_{call.key}", "name": call.name, "input": call.arguments}
        for call in made.calls
    ]
    return blocks


def _events(message: dict[str, Any], usage: dict[str, Any] | None, thought: int) -> Iterator[Frame]:
    opening = message | {"content": [], "stop_reason": None, "stop_sequence": None}
    first = {} if usage is None else {"usage": usage | {"output_tokens": min(1, usage["output_tokens"])}}
    first.get("usage", {}).pop("output_tokens_details", None)
    yield _event({"type": "message_start", "message": opening | first})
    for index, block in enumerate(message["content"]):
        empty, deltas = _deltas(block)
        yield _event({"type": "content_block_start", "index": index, "content_block": empty})
        if not index:
            yield _event({"type": "ping"})
        for delta, tokens in deltas:
            shown = thought if delta["type"] == "signature_delta" and not block.get("thinking") else tokens
            yield _event({"type": "content_block_delta", "index": index, "delta": delta}, shown)
        yield _event({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    last: dict[str, Any] = {"type": "message_delta", "delta": delta}
    if usage is not None:
        cumulative = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
        last["usage"] = {name: usage[name] for name in (*cumulative, "output_tokens_details")}
    yield _event(last)
    yield _event({"type": "message_stop"}, end=True)


def _deltas(block: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[dict[str, Any], int]]]:
    """A block as it starts, and what is added to it, each with its tokens."""
    match block["type"]:
        case "text":
            return block | {"text": ""}, [({"type": "text_delta", "text": piece}, 1) for piece in pieces(block["text"])]
        case "thinking":
            deltas = [({"type": "thinking_delta", "thinking": piece}, 1) for piece in pieces(block["thinking"])]
            signature = {"type": "signature_delta", "signature": block["signature"]}
            return block | {"thinking": "", "signature": ""}, [*deltas, (signature, 0)]
        case "tool_use":
            text = dump(block["input"]).decode()
            parts = ["", *pieces(text)] if block["input"] else [""]
            return block | {"input": {}}, [
                ({"type": "input_json_delta", "partial_json": part}, 1 if part else count_tokens(block["name"]))
                for part in parts
            ]
    return block, []


def _event(value: dict[str, Any], tokens: int = 0, *, end: bool = False) -> Frame:
    return Frame(write_event(dump(value), event=value["type"]), tokens, end)


def _trouble() -> Trouble:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}

    def oversized(size: int) -> bytes:
        delta = {"type": "text_delta", "text": "x" * size}
        return _event({"type": "content_block_delta", "index": 0, "delta": delta}).data

    broken = write_event(b'{"type": "content_block_delta", "index": 0, "del', event="content_block_delta")
    return Trouble(malformed=broken, error=_event(error).data, oversized=oversized)


def _count(asked: Asked) -> Reply:
    request = read_messages(asked, counting=True)
    usage = told_usage({"input_tokens": sum(segment.tokens for segment in request.segments)}, asked.usage_fault)
    return json_reply(usage or {})


def _model(name: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "2025-06-15T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
    }


def _list_models(asked: Asked) -> Reply:
    names = asked.models or DEFAULT_MODELS
    query = parse_qs(asked.query)
    limit = query.get("limit", [str(_DEFAULT_PAGE)])[0]
    after = query.get("after_id", [""])[0]
    if not limit.isdecimal() or not 1 <= int(limit) <= _LARGEST_PAGE:
        raise Refusal(400, f"limit: Input should be from 1 to {_LARGEST_PAGE}")
    if after and after not in names:
        raise Refusal(400, "after_id: there is no such model")
    start = names.index(after) + 1 if after else 0
    page = names[start : start + int(limit)]
    ends = {"first_id": page[0] if page else None, "last_id": page[-1] if page else None}
    return json_reply({"data": [_model(name) for name in page], "has_more": start + len(page) < len(names)} | ends)


def _show_model(asked: Asked) -> Reply:
    name = asked.parameters["model"]
    if asked.models and name not in asked.models:
        raise Refusal(404, f"model: {name[:200]}")
    return json_reply(_model(name))
