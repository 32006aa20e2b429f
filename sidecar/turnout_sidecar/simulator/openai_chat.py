"""Answers to OpenAI's chat requests, whole or as a stream, equal for equal requests down to the last byte.

A stream tells what the whole answer tells: the role first, then a token at a time, the reason for the end in a chunk of its
own, the usage (where asked for) in a last chunk without choices, and `[DONE]`.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from turnout_sidecar.simulator.answers import count_tokens, pieces, write_text
from turnout_sidecar.simulator.dialect import EVENT_STREAM, Asked, Frame, Refusal, Reply, dump, json_reply
from turnout_sidecar.simulator.drawing import Draw, digest
from turnout_sidecar.simulator.instances import UnsatisfiedSchema, instance_of
from turnout_sidecar.simulator.openai_request import ChatRequest, Tool, read_body, read_chat
from turnout_sidecar.wire.sse import write_event

CREATED: Final = 1_750_000_000
"""When every answer says it was made: a clock would make equal requests differ."""


class _Call(msgspec.Struct, frozen=True):
    id: str
    name: str
    arguments: str


class _Choice(msgspec.Struct, frozen=True):
    text: str | None
    calls: tuple[_Call, ...]
    finish: str
    tokens: int


def answer_chat(asked: Asked) -> Reply:
    """The reply to `POST /v1/chat/completions`. Raises Refusal."""
    request = read_chat(read_body(asked.body), asked.models)
    key = digest(request.identity, asked.seed)
    choices = [_choose(request, Draw(digest(key.hex(), number))) for number in range(request.choices)]
    head = {
        "id": f"chatcmpl-{key.hex()[:29]}",
        "object": "chat.completion.chunk" if request.stream else "chat.completion",
        "created": CREATED,
        "model": request.model,
        "service_tier": "default",
        "system_fingerprint": f"fp_{digest(asked.seed).hex()[:10]}",
    }
    usage = _usage(request.prompt_tokens, sum(choice.tokens for choice in choices))
    if request.stream:
        return _stream(head, choices, usage if request.include_usage else None)
    whole = head | {"choices": [_whole(index, choice) for index, choice in enumerate(choices)], "usage": usage}
    return json_reply(whole, tokens=usage["completion_tokens"])


def _choose(request: ChatRequest, draw: Draw) -> _Choice:
    if request.called:
        calls = tuple(_call(tool, draw) for tool in request.called)
        tokens = sum(count_tokens(call.name) + count_tokens(call.arguments) for call in calls)
        return _Choice(None, calls, "tool_calls", tokens)
    if request.schema is None:
        text = write_text(draw, request.question)
    else:
        text = json.dumps(_instance(request.schema, draw, "response_format"), ensure_ascii=False)
    for stop in request.stops:
        text = text.partition(stop)[0]
    made = pieces(text)
    if request.limit is not None and len(made) > request.limit:
        return _Choice("".join(made[: request.limit]), (), "length", request.limit)
    return _Choice(text, (), "stop", len(made))


def _call(tool: Tool, draw: Draw) -> _Call:
    arguments = _instance(tool.parameters, draw, "tools")
    identity = "".join(draw.pick("0123456789abcdefghijklmnopqrstuvwxyz") for _ in range(24))
    return _Call(f"call_{identity}", tool.name, json.dumps(arguments, ensure_ascii=False))


def _instance(schema: Any, draw: Draw, param: str) -> Any:
    try:
        return instance_of(schema, draw)
    except UnsatisfiedSchema as error:
        raise Refusal(400, f"Invalid schema in '{param}': {error}.", param=param) from None


def _usage(prompt: int, completion: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _whole(index: int, choice: _Choice) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": choice.text, "refusal": None, "annotations": []}
    if choice.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in choice.calls
        ]
    return {"index": index, "message": message, "logprobs": None, "finish_reason": choice.finish}


def _stream(head: dict[str, Any], choices: list[_Choice], usage: dict[str, Any] | None) -> Reply:
    told = {} if usage is None else {"usage": None}

    def frame(index: int, delta: dict[str, Any], finish: str | None = None, tokens: int = 0) -> Frame:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return Frame(_event(head | {"choices": [choice]} | told), tokens)

    frames: list[Frame] = []
    waiting = {index: _deltas(choice) for index, choice in enumerate(choices)}
    while waiting:
        for index, deltas in tuple(waiting.items()):
            delta, tokens = next(deltas, (None, 0))
            if delta is None:
                frames.append(frame(index, {}, choices[index].finish))
                del waiting[index]
            else:
                frames.append(frame(index, delta, tokens=tokens))
    if usage is not None:
        frames.append(Frame(_event(head | {"choices": [], "usage": usage})))
    frames.append(Frame(write_event(b"[DONE]")))
    return Reply(content_type=EVENT_STREAM, frames=tuple(frames))


def _deltas(choice: _Choice) -> Iterator[tuple[dict[str, Any], int]]:
    """What one choice's chunks add, each with its tokens."""
    yield {"role": "assistant", "content": None if choice.calls else "", "refusal": None}, 0
    for piece in pieces(choice.text or ""):
        yield {"content": piece}, 1
    for index, call in enumerate(choice.calls):
        function = {"name": call.name, "arguments": ""}
        opening = {"index": index, "id": call.id, "type": "function", "function": function}
        yield {"tool_calls": [opening]}, count_tokens(call.name)
        for piece in pieces(call.arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, 1


def _event(value: dict[str, Any]) -> bytes:
    return write_event(dump(value))
