"""Answers to OpenAI's chat requests, whole or as a stream, equal for equal requests down to the last byte.

A stream tells what the whole answer tells: the role first, then a token at a time, the reason for the end in a chunk of its
own, the usage (where asked for) in a last chunk without choices, and `[DONE]`.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from turnout_sidecar.simulator.answers import count_tokens, pieces
from turnout_sidecar.simulator.dialect import (
    EVENT_STREAM,
    Asked,
    Frame,
    Reply,
    Trouble,
    UsageFault,
    dump,
    json_reply,
    told_usage,
)
from turnout_sidecar.simulator.drawing import Draw, digest
from turnout_sidecar.simulator.openai_request import ChatRequest, read_body, read_chat
from turnout_sidecar.simulator.prompt_cache import PromptCache
from turnout_sidecar.simulator.turns import Made, Task, make
from turnout_sidecar.wire.sse import write_event

CREATED: Final = 1_750_000_000
"""When every answer says it was made: a clock would make equal requests differ."""

_FINISH: Final = {"stop_sequence": "stop"}
_LOGPROB: Final = -0.25


class Chat(msgspec.Struct, frozen=True):
    """An answer before it is told whole or streamed."""

    request: ChatRequest
    head: dict[str, Any]
    choices: tuple[Made, ...]
    usage: dict[str, Any] | None
    tokens: int


def answer_chat(asked: Asked, cache: PromptCache) -> Reply:
    """The reply to `POST /v1/chat/completions`. Raises Refusal."""
    body = read_body(asked.body)
    return tell(think(body, asked, cache))


def think(body: dict[str, Any], asked: Asked, cache: PromptCache) -> Chat:
    """The answer to this request. Raises Refusal."""
    request = read_chat(body, asked.models)
    key = digest(request.identity, asked.seed)
    task = Task(
        question=request.question,
        results=request.results,
        calls=request.called,
        schema=request.schema,
        stops=request.stops,
        limit=request.limit,
        thinks=request.thinks,
    )
    choices = tuple(make(task, Draw(digest(key.hex(), number))) for number in range(request.choices))
    head = {
        "id": f"chatcmpl-{key.hex()[:29]}",
        "object": "chat.completion.chunk" if request.stream else "chat.completion",
        "created": CREATED,
        "model": request.model,
        "service_tier": "default",
        "system_fingerprint": f"fp_{digest(asked.seed).hex()[:10]}",
    }
    cached = cache.automatic(f"{request.model}\0{request.cache_key}", request.segments)
    usage = _usage(request, cached, choices, asked.usage_fault)
    return Chat(request, head, choices, usage, sum(choice.tokens for choice in choices))


def tell(chat: Chat) -> Reply:
    """It, whole or as a stream, as the request wants it."""
    if chat.request.stream:
        return _stream(chat)
    choices = [_whole(index, choice, chat.request) for index, choice in enumerate(chat.choices)]
    told = {} if chat.usage is None else {"usage": chat.usage}
    return json_reply(chat.head | {"choices": choices} | told, tokens=chat.tokens)


def _usage(
    request: ChatRequest, cached: int, choices: tuple[Made, ...], fault: UsageFault | None
) -> dict[str, Any] | None:
    prompt = sum(segment.tokens for segment in request.segments)
    completion = sum(choice.tokens for choice in choices)
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": request.audio_tokens},
        "completion_tokens_details": {
            "reasoning_tokens": sum(choice.thinking_tokens for choice in choices),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    return told_usage(usage, fault)


def _whole(index: int, choice: Made, request: ChatRequest) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": choice.text, "refusal": None, "annotations": []}
    if choice.calls:
        message["tool_calls"] = [
            {"id": f"call_{call.key}", "type": "function", "function": {"name": call.name, "arguments": call.text}}
            for call in choice.calls
        ]
    logprobs = _logprobs(pieces(choice.text)) if request.logprobs and choice.text is not None else None
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": _finish(choice)}


def _finish(choice: Made) -> str:
    return _FINISH.get(choice.finish, choice.finish)


def _logprobs(tokens: list[str]) -> dict[str, Any]:
    content = [
        {"token": token, "logprob": _LOGPROB, "bytes": list(token.encode("utf-8", "replace")), "top_logprobs": []}
        for token in tokens
    ]
    return {"content": content, "refusal": None}


def _stream(chat: Chat) -> Reply:
    request, usage = chat.request, chat.usage
    told = {"usage": None} if request.include_usage and usage is not None else {}

    def event(index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
        logged = request.logprobs and bool(delta.get("content"))
        logprobs = _logprobs([delta["content"]]) if logged else None
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return _event(chat.head | {"choices": [choice]} | told)

    frames: list[Frame] = []
    waiting = {index: _deltas(choice) for index, choice in enumerate(chat.choices)}
    while waiting:
        for index, deltas in tuple(waiting.items()):
            delta, tokens = next(deltas, (None, 0))
            if delta is None:
                frames.append(Frame(event(index, {}, _finish(chat.choices[index]))))
                del waiting[index]
            else:
                frames.append(Frame(event(index, delta), tokens))
    if told:
        frames.append(Frame(_event(chat.head | {"choices": [], "usage": usage})))
    frames.append(Frame(write_event(b"[DONE]"), end=True))
    trouble = Trouble(
        malformed=write_event(b'{"choices": [{"delta": {"content": '),
        error=_event(
            {"error": {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}}
        ),
        oversized=lambda size: event(0, {"content": "x" * size}),
    )
    return Reply(content_type=EVENT_STREAM, frames=tuple(frames), trouble=trouble)


def _deltas(choice: Made) -> Iterator[tuple[dict[str, Any], int]]:
    """What one choice's chunks add, each with its tokens."""
    first = {"role": "assistant", "content": None if choice.text is None else "", "refusal": None}
    yield first, choice.thinking_tokens
    for piece in pieces(choice.text or ""):
        yield {"content": piece}, 1
    for index, call in enumerate(choice.calls):
        function = {"name": call.name, "arguments": ""}
        opening = {"index": index, "id": f"call_{call.key}", "type": "function", "function": function}
        yield {"tool_calls": [opening]}, count_tokens(call.name)
        for piece in pieces(call.text):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, 1


def _event(value: dict[str, Any]) -> bytes:
    return write_event(dump(value))
