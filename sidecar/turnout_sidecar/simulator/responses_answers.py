"""Answers to requests to OpenAI's responses API: the response object, and the events that tell it piece by piece.

A response that is stored (the default) can be gone on from by `previous_response_id`; the last thousand are remembered.
Events are numbered from 0 in `sequence_number`, and the last one holds the whole response again.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Final

from turnout_sidecar.simulator.answers import count_tokens, pieces
from turnout_sidecar.simulator.dialect import (
    EVENT_STREAM,
    Asked,
    Frame,
    Refusal,
    Reply,
    Trouble,
    dump,
    json_reply,
    told_usage,
)
from turnout_sidecar.simulator.drawing import Draw, digest
from turnout_sidecar.simulator.openai_chat import CREATED
from turnout_sidecar.simulator.openai_request import read_body
from turnout_sidecar.simulator.prompt_cache import PromptCache
from turnout_sidecar.simulator.responses_request import KIND, Item, ResponsesRequest, read_responses
from turnout_sidecar.simulator.signatures import seal
from turnout_sidecar.simulator.turns import Made, make
from turnout_sidecar.wire.sse import write_event

_MOST_STORED: Final = 1000
_OBFUSCATED: Final = 16
_ECHOED: Final[tuple[tuple[str, Any], ...]] = (
    ("instructions", None), ("max_output_tokens", None), ("metadata", {}), ("parallel_tool_calls", True),
    ("previous_response_id", None), ("reasoning", {"effort": None, "summary": None}), ("store", True), ("temperature", 1.0),
    ("text", {"format": {"type": "text"}}), ("tool_choice", "auto"), ("tools", []), ("top_p", 1.0),
    ("truncation", "disabled"), ("user", None), ("prompt_cache_key", None), ("safety_identifier", None),
)  # fmt: skip

Event = tuple[str, dict[str, Any], int]


class Responses:
    """Answers `POST /v1/responses`, and remembers what it stored."""

    def __init__(self, cache: PromptCache) -> None:
        self._cache = cache
        self._stored: OrderedDict[str, tuple[Item, ...]] = OrderedDict()

    def answer(self, asked: Asked) -> Reply:
        """The reply. Raises Refusal."""
        return self.answer_body(read_body(asked.body), asked)

    def answer_body(self, body: dict[str, Any], asked: Asked) -> Reply:
        """The reply to a body that was read already. Raises Refusal."""
        request = read_responses(body, asked.models, self._earlier(body))
        key = digest([request.identity, request.items], asked.seed).hex()
        made = make(request.task, Draw(digest(key)))
        output = _output(request, made, key)
        response = _response(request, made, key) | {"output": output}
        usage = told_usage(self._usage(request, made), asked.usage_fault)
        if request.stores:
            self._store(response["id"], (*request.items, *output))
        if request.stream:
            return _stream(request, made, response, usage)
        return json_reply(response | {"usage": usage}, tokens=made.tokens)

    def _earlier(self, body: dict[str, Any]) -> tuple[Item, ...]:
        identity = body.get("previous_response_id")
        if identity is None:
            return ()
        if not isinstance(identity, str) or identity not in self._stored:
            why = f"Previous response with id '{str(identity)[:80]}' not found."
            raise Refusal(400, why, param="previous_response_id", code="previous_response_not_found")
        return self._stored[identity]

    def _store(self, identity: str, items: tuple[Item, ...]) -> None:
        self._stored[identity] = items
        self._stored.move_to_end(identity)
        while len(self._stored) > _MOST_STORED:
            self._stored.popitem(last=False)

    def _usage(self, request: ResponsesRequest, made: Made) -> dict[str, Any]:
        read = sum(segment.tokens for segment in request.segments)
        cached = self._cache.automatic(f"{request.model}\0{request.body.get('prompt_cache_key', '')}", request.segments)
        return {
            "input_tokens": read,
            "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
            "output_tokens": made.tokens,
            "output_tokens_details": {"reasoning_tokens": made.thinking_tokens},
            "total_tokens": read + made.tokens,
        }


def _response(request: ResponsesRequest, made: Made, key: str) -> dict[str, Any]:
    said = {name: default if request.body.get(name) is None else request.body[name] for name, default in _ECHOED}
    whole = made.finish != "length"
    return {
        "id": f"resp_{key[:48]}",
        "object": "response",
        "created_at": CREATED,
        "status": "completed" if whole else "incomplete",
        "background": False,
        "error": None,
        "incomplete_details": None if whole else {"reason": "max_output_tokens"},
        "model": request.model,
        "service_tier": "default",
        **said,
    }


def _output(request: ResponsesRequest, made: Made, key: str) -> list[Item]:
    items: list[Item] = []
    if made.thinking:
        summary = [{"type": "summary_text", "text": made.thinking}] if request.summarises else []
        item: Item = {"id": f"rs_{key[:48]}", "type": "reasoning", "summary": summary}
        items.append(item | ({"encrypted_content": seal(KIND, key)} if request.encrypts else {}))
    if made.text is not None and (made.text or not made.thinking or made.finish != "length"):
        text = {"type": "output_text", "annotations": [], "logprobs": [], "text": made.text}
        status = "incomplete" if made.finish == "length" else "completed"
        items.append(
            {"id": f"msg_{key[:48]}", "type": "message", "status": status, "role": "assistant", "content": [text]}
        )
    items += [
        {
            "id": f"fc_{call.key}",
            "type": "function_call",
            "status": "completed",
            "arguments": call.text,
            "call_id": f"call_{call.key}",
            "name": call.name,
        }
        for call in made.calls
    ]
    return items


def _stream(request: ResponsesRequest, made: Made, response: dict[str, Any], usage: dict[str, Any] | None) -> Reply:
    opening = response | {"status": "in_progress", "output": [], "incomplete_details": None, "usage": None}
    events: list[Event] = [
        ("response.created", {"response": opening}, 0),
        ("response.in_progress", {"response": opening}, 0),
    ]
    for index, item in enumerate(response["output"]):
        events += _item_events(index, item, made.thinking_tokens)
    events.append((f"response.{response['status']}", {"response": response | {"usage": usage}}, 0))
    frames = tuple(
        Frame(_event(kind, number, data, obfuscates=request.obfuscates), tokens, end=number == len(events) - 1)
        for number, (kind, data, tokens) in enumerate(events)
    )
    half = len(frames) // 2
    why = {"code": "server_error", "message": "The server had an error while processing your request."}
    failed = {"response": opening | {"status": "failed", "error": why}}

    def oversized(size: int) -> bytes:
        place = {"item_id": "msg_large", "output_index": 0, "content_index": 0, "logprobs": []}
        return _event("response.output_text.delta", half, place | {"delta": "x" * size}, obfuscates=False)

    trouble = Trouble(
        malformed=write_event(b'{"type": "response.output_text.del', event="response.output_text.delta"),
        error=_event("response.failed", half, failed, obfuscates=False),
        oversized=oversized,
    )
    return Reply(content_type=EVENT_STREAM, frames=frames, trouble=trouble)


def _item_events(index: int, item: Item, thought: int) -> Iterator[Event]:
    place = {"output_index": index}
    empty = item | _EMPTY[item["type"]]
    if item["type"] != "reasoning":
        empty["status"] = "in_progress"
    yield "response.output_item.added", place | {"item": empty}, 0
    yield from _INNER[item["type"]](item, place | {"item_id": item["id"]})
    hidden = thought if item["type"] == "reasoning" and not item["summary"] else 0
    yield "response.output_item.done", place | {"item": item}, hidden


def _reasoning(item: Item, place: dict[str, Any]) -> Iterator[Event]:
    for index, part in enumerate(item["summary"]):
        at = place | {"summary_index": index}
        yield "response.reasoning_summary_part.added", at | {"part": part | {"text": ""}}, 0
        for piece in pieces(part["text"]):
            yield "response.reasoning_summary_text.delta", at | {"delta": piece}, 1
        yield "response.reasoning_summary_text.done", at | {"text": part["text"]}, 0
        yield "response.reasoning_summary_part.done", at | {"part": part}, 0


def _message(item: Item, place: dict[str, Any]) -> Iterator[Event]:
    for index, part in enumerate(item["content"]):
        at = place | {"content_index": index}
        yield "response.content_part.added", at | {"part": part | {"text": ""}}, 0
        for piece in pieces(part["text"]):
            yield "response.output_text.delta", at | {"delta": piece, "logprobs": []}, 1
        yield "response.output_text.done", at | {"text": part["text"], "logprobs": []}, 0
        yield "response.content_part.done", at | {"part": part}, 0


def _call(item: Item, place: dict[str, Any]) -> Iterator[Event]:
    for number, piece in enumerate(pieces(item["arguments"])):
        tokens = 1 + (0 if number else count_tokens(item["name"]))
        yield "response.function_call_arguments.delta", place | {"delta": piece}, tokens
    yield "response.function_call_arguments.done", place | {"name": item["name"], "arguments": item["arguments"]}, 0


_EMPTY: Final[dict[str, Item]] = {
    "reasoning": {"summary": []},
    "message": {"content": []},
    "function_call": {"arguments": ""},
}
_INNER: Final[dict[str, Callable[[Item, dict[str, Any]], Iterator[Event]]]] = {
    "reasoning": _reasoning,
    "message": _message,
    "function_call": _call,
}


def _event(kind: str, number: int, data: dict[str, Any], *, obfuscates: bool) -> bytes:
    padding: dict[str, Any] = {}
    if obfuscates and "delta" in data:
        padding["obfuscation"] = digest(number).hex()[: max(_OBFUSCATED - len(data["delta"]), 1)]
    return write_event(dump({"type": kind, "sequence_number": number} | data | padding), event=kind)
