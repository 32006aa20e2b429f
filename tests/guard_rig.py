"""What the tests of the guardrails share: guards of a few words, and a provider that says back what it was asked.

The echo answers in the protocol that it is asked in, whole or as a stream of small pieces, with the text of the last message; so
whatever was masked on its way out comes back as the model would repeat it, and `sent` is all that left.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import orjson

import guard_answers
from gateway_rig import a_model, a_provider, a_route, a_rule, a_snapshot
from guard_answers import Made
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeResponse
from turnout_sidecar.ports.upstream import UpstreamRequest

EMAIL = "ann.lee@example.org"
CARD = "4111 1111 1111 1111"
IBAN = "DE89 3704 0044 0532 0130 00"
KEY = "sk-ant-api03-" + "Qw7zT4bXk9LmPv2RnYs6UcGh8JfDaE3" * 3 + "AA"
VALUES = (EMAIL, CARD, IBAN, KEY)
ENTITIES = (*guards.BUILT_IN, guards.SECRET)
_PIECE = 3
_EVENTS = (("content-type", "text/event-stream"),)
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}


def treated(action: guards.Action = "Mask", *entities: str, **fields: Any) -> tuple[guards.Treatment, ...]:
    """One treatment for each entity (all that are built in)."""
    return tuple(guards.Treatment(entity, action, **fields) for entity in sorted(entities or ENTITIES))


def a_guard(**fields: Any) -> guards.Guard:
    """A guard that masks all that it knows in questions."""
    return guards.Guard(**{"id": "g", "policies": ("default",), "input": treated(), **fields})


def guarded(
    guard: guards.Guard | None = None, *models: snap.Model, gateway: snap.Gateway | None = None, **rule: Any
) -> snap.Snapshot:
    """A snapshot whose route `assistant` is guarded; its models are asked in the order given."""
    used = models or (a_model(),)
    guard = guard or a_guard()
    made = a_rule(*(f"openai/{model.name}" for model in used), guard=guard.id, **rule)
    return a_snapshot(
        a_route("assistant", made), providers=(a_provider("openai", *used),), gateway=gateway, guards=(guard,)
    )


def native(name: str, guard: guards.Guard | None = None) -> snap.Snapshot:
    """The same with a provider that speaks the protocol of this format itself."""
    guard = guard or a_guard()
    able: tuple[Any, ...] = (
        ("Responses", "Tools", "JSONSchema") if name == "responses" else ("Chat", "Tools", "JSONSchema")
    )
    provider = a_provider(
        "openai", a_model(capabilities=able), protocol="Anthropic" if name == "messages" else "OpenAI"
    )
    return a_snapshot(a_route("assistant", a_rule(guard=guard.id)), providers=(provider,), guards=(guard,))


class Echo:
    """See the module; `ports.upstream.Upstream`. `say` makes the answer of the request's body, where not the echo."""

    def __init__(self, say: Callable[[dict[str, Any]], str | Made] | None = None, *, piece: int = _PIECE) -> None:
        self._say = say or last_text
        self._piece = piece
        self.requests: list[UpstreamRequest] = []

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The bodies that were asked, parsed."""
        return [orjson.loads(request.body) for request in self.requests]

    @property
    def raw(self) -> bytes:
        """Everything that left."""
        return b"\n".join(request.body for request in self.requests)

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        """The answer."""
        del connect_timeout, headers_timeout
        self.requests.append(request)
        body = json.loads(request.body)  # which takes half of a surrogate pair, as many providers do
        name = next((name for name, path in PATHS.items() if request.path.endswith(path.removeprefix("/v1"))), "")
        if name == "":
            counted = b'{"input_tokens":7}' if request.path.endswith("/count_tokens") else _embedding(body)
            return FakeResponse(FakeReply(pieces=(counted,)))
        text = self._say(body)
        if isinstance(text, Made):
            return self._made(name, text, stream=bool(body.get("stream")))
        if not body.get("stream"):
            return FakeResponse(FakeReply(pieces=(json.dumps(WHOLE[name](text)).encode(),)))
        pieces = [text[at : at + self._piece] for at in range(0, len(text), self._piece)]
        return FakeResponse(FakeReply(headers=_EVENTS, pieces=tuple(STREAM[name](pieces))))

    def _made(self, name: str, made: Made, *, stream: bool) -> FakeResponse:
        if not stream:
            return FakeResponse(FakeReply(pieces=(json.dumps(guard_answers.WHOLE[name](made)).encode(),)))
        return FakeResponse(FakeReply(headers=_EVENTS, pieces=tuple(guard_answers.STREAM[name](made, self._piece))))

    async def close(self) -> None:
        """Nothing is held."""


def last_text(body: dict[str, Any]) -> str:
    """The text of the last message or item."""
    items = body.get("messages") or body.get("input")
    if isinstance(items, str):
        return items
    content = items[-1].get("content") or items[-1].get("output") if items else ""
    if isinstance(content, list):
        return "".join(part.get("text") or str(part.get("content") or "") for part in content)
    return str(content)


def _embedding(body: dict[str, Any]) -> bytes:
    count = len(body["input"]) if isinstance(body.get("input"), list) else 1
    rows = [{"object": "embedding", "index": at, "embedding": [0.1, 0.2]} for at in range(count)]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return orjson.dumps({"object": "list", "model": "gpt-x", "data": rows, "usage": usage})


def _chat(text: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-x",
        "choices": [choice],
        "usage": usage,
    }


def _messages(text: str) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "gpt-x",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }


def _responses(text: str, status: str = "completed") -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": status, "content": [part]}
    usage = {
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 15,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": "gpt-x",
        "output": [item] if text else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
    }


def _frame(data: Any, name: str = "") -> bytes:
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + (data if isinstance(data, bytes) else orjson.dumps(data)) + b"\n\n"


def _chat_stream(pieces: list[str]) -> Iterator[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _frame(
            {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x", "choices": [choice]}
        )

    yield chunk({"role": "assistant", "content": ""})
    for piece in pieces:
        yield chunk({"content": piece})
    yield chunk({}, "stop")
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    yield _frame(
        {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x", "choices": [], "usage": usage}
    )
    yield _frame(b"[DONE]")


def _messages_stream(pieces: list[str]) -> Iterator[bytes]:
    start = {**_messages(""), "content": [], "stop_reason": None}
    yield _frame({"type": "message_start", "message": start}, "message_start")
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield _frame(block, "content_block_start")
    for piece in pieces:
        delta = {"type": "text_delta", "text": piece}
        yield _frame({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")
    yield _frame({"type": "content_block_stop", "index": 0}, "content_block_stop")
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    yield _frame({"type": "message_delta", "delta": ended, "usage": {"output_tokens": 5}}, "message_delta")
    yield _frame({"type": "message_stop"}, "message_stop")


def _responses_stream(pieces: list[str]) -> Iterator[bytes]:
    number = 0

    def event(name: str, **fields: Any) -> bytes:
        nonlocal number
        number += 1
        return _frame({"type": name, "sequence_number": number - 1, **fields}, name)

    text = "".join(pieces)
    place: dict[str, Any] = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []}
    yield event("response.created", response={**_responses("", "in_progress"), "usage": None})
    yield event("response.output_item.added", output_index=0, item=item)
    yield event("response.content_part.added", part=part, **place)
    for piece in pieces:
        yield event("response.output_text.delta", delta=piece, logprobs=[], **place)
    yield event("response.output_text.done", text=text, logprobs=[], **place)
    yield event("response.content_part.done", part={**part, "text": text}, **place)
    done = _responses(text)
    yield event("response.output_item.done", output_index=0, item=done["output"][0])
    yield event("response.completed", response=done)


WHOLE: dict[str, Callable[[str], dict[str, Any]]] = {"chat": _chat, "messages": _messages, "responses": _responses}
STREAM: dict[str, Callable[[list[str]], Iterator[bytes]]] = {
    "chat": _chat_stream,
    "messages": _messages_stream,
    "responses": _responses_stream,
}


def asked(name: str, text: str, **fields: Any) -> dict[str, Any]:
    """A call of this format."""
    if name == "responses":
        return {"model": "assistant", "input": text, **fields}
    extra = {"max_tokens": 100} if name == "messages" else {}
    return {"model": "assistant", "messages": [{"role": "user", "content": text}], **extra, **fields}


def said(name: str, body: bytes) -> str:
    """The text of a whole answer."""
    answer = orjson.loads(body)
    if name == "chat":
        return str(answer["choices"][0]["message"]["content"])
    if name == "messages":
        return str(answer["content"][0]["text"])
    return str(answer["output"][0]["content"][0]["text"])


def streamed(name: str, frames: bytes) -> str:
    """The text that the deltas of a stream add up to."""
    parts = []
    for line in frames.split(b"\n"):
        if not line.startswith(b"data: ") or line == b"data: [DONE]":
            continue
        event = orjson.loads(line[6:])
        if name == "chat":
            parts += [choice["delta"].get("content") or "" for choice in event.get("choices") or ()]
        elif event.get("type") == "response.output_text.delta":
            parts.append(event["delta"])
        elif event.get("type") == "content_block_delta":
            parts.append(event["delta"].get("text", ""))
    return "".join(parts)
