"""Answers with more to them than one text, in the three formats: thoughts with signatures, refusals, calls of tools, choices.

`Made` is what a provider says, `WHOLE` and `STREAM` say it in a format, and `heard` is what a client makes of it, whole or
streamed.
Rules: a stream cuts each text into pieces of the size asked; what is signed is given in one piece, as providers do.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import orjson

SIGNATURE = (
    "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds5ZGTW9zZ2VjaGVuLWRpZS1r2Z4y1x8Qv3nT5kP7sLrUfWmEb2hYcJdGaXi"
)


class Made(NamedTuple):
    """What a provider says. `calls`: name and arguments (JSON) of each; `others`: further choices (chat alone has them).

    Where there is nothing else it is a text, an empty one too.
    """

    text: str = ""
    thought: str = ""
    refusal: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    others: tuple["Made", ...] = ()
    signature: str = SIGNATURE

    @property
    def has_text(self) -> bool:
        """Whether it says a text."""
        return bool(self.text) or not (self.thought or self.refusal or self.calls)


class Heard(msgspec.Struct):
    """What a client makes of an answer."""

    text: str = ""
    thought: str = ""
    refusal: str = ""
    calls: list[tuple[str, str]] = []
    signature: str = ""

    @property
    def all(self) -> str:
        """Every text of it."""
        return "\n".join([self.text, self.thought, self.refusal, *(part for made in self.calls for part in made)])


Cuts = int | Sequence[str]
"""How a stream's texts are cut: into pieces of this size; or, where there is one text, into these."""


def cut(text: str, cuts: Cuts) -> list[str]:
    """A text in pieces."""
    if isinstance(cuts, int):
        return [text[at : at + cuts] for at in range(0, len(text), cuts)]
    return list(cuts) if text else []


def _compact(data: Any) -> bytes:
    try:
        return orjson.dumps(data)
    except TypeError:  # half of a surrogate pair
        return json.dumps(data, separators=(",", ":")).encode()


def _frame(data: Any, name: str = "") -> bytes:
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + (data if isinstance(data, bytes) else _compact(data)) + b"\n\n"


# Chat completions


def _chat_calls(made: Made) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for at, (name, arguments) in enumerate(made.calls)
    ]


_CHAT_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def _chat(made: Made) -> dict[str, Any]:
    choices = []
    for index, one in enumerate((made, *made.others)):
        message: dict[str, Any] = {"role": "assistant", "content": one.text if one.has_text else None}
        if one.refusal:
            message["refusal"] = one.refusal
        if one.thought:
            message["reasoning_content"] = one.thought
        if one.calls:
            message["tool_calls"] = _chat_calls(one)
        reason = "tool_calls" if one.calls else "stop"
        choices.append({"index": index, "message": message, "finish_reason": reason})
    head = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-x"}
    return {**head, "choices": choices, "usage": _CHAT_USAGE}


def _chat_deltas(made: Made, piece: Cuts) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    yield from ({"reasoning_content": part} for part in cut(made.thought, piece))
    yield from ({"content": part} for part in cut(made.text, piece))
    yield from ({"refusal": part} for part in cut(made.refusal, piece))
    for at, call in enumerate(_chat_calls(made)):
        function = call["function"]
        yield {"tool_calls": [{**call, "index": at, "function": {"name": function["name"], "arguments": ""}}]}
        for part in cut(function["arguments"], piece):
            yield {"tool_calls": [{"index": at, "function": {"arguments": part}}]}


def _chat_stream(made: Made, piece: Cuts) -> Iterator[bytes]:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x"}
    said = (made, *made.others)
    deltas = [list(_chat_deltas(one, piece)) for one in said]
    for at in range(max(map(len, deltas))):  # the choices take turns, as they do
        for index, one in enumerate(deltas):
            if at < len(one):
                yield _frame({**head, "choices": [{"index": index, "delta": one[at], "finish_reason": None}]})
    for index, made_ in enumerate(said):
        reason = "tool_calls" if made_.calls else "stop"
        yield _frame({**head, "choices": [{"index": index, "delta": {}, "finish_reason": reason}]})
    yield _frame({**head, "choices": [], "usage": _CHAT_USAGE})
    yield _frame(b"[DONE]")


# Messages


def _blocks(made: Made) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if made.thought:
        blocks.append({"type": "thinking", "thinking": made.thought, "signature": made.signature})
    if made.has_text or made.refusal:
        blocks.append({"type": "text", "text": made.text or made.refusal})
    for at, (name, arguments) in enumerate(made.calls):
        blocks.append({"type": "tool_use", "id": f"toolu_{at}", "name": name, "input": json.loads(arguments)})
    return blocks


def _reason(made: Made) -> str:
    return "tool_use" if made.calls else "refusal" if made.refusal else "end_turn"


def _messages(made: Made) -> dict[str, Any]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "gpt-x"}
    usage = {"input_tokens": 10, "output_tokens": 5}
    return {**head, "content": _blocks(made), "stop_reason": _reason(made), "stop_sequence": None, "usage": usage}


def _block_deltas(made: Made, block: dict[str, Any], index: int, piece: Cuts) -> Iterator[dict[str, Any]]:
    if block["type"] == "thinking":
        yield from ({"type": "thinking_delta", "thinking": part} for part in cut(block["thinking"], piece))
        yield {"type": "signature_delta", "signature": block["signature"]}
    elif block["type"] == "text":
        yield from ({"type": "text_delta", "text": part} for part in cut(block["text"], piece))
    else:
        calls = [one for one in _blocks(made)[: index + 1] if one["type"] == "tool_use"]
        arguments = made.calls[len(calls) - 1][1]
        yield from ({"type": "input_json_delta", "partial_json": part} for part in cut(arguments, piece))


_EMPTY: dict[str, dict[str, Any]] = {
    "thinking": {"thinking": "", "signature": ""},
    "text": {"text": ""},
    "tool_use": {"input": {}},
}


def _messages_stream(made: Made, piece: Cuts) -> Iterator[bytes]:
    def event(name: str, **fields: Any) -> bytes:
        return _frame({"type": name, **fields}, name)

    yield event("message_start", message={**_messages(Made()), "content": [], "stop_reason": None})
    for index, block in enumerate(_blocks(made)):
        yield event("content_block_start", index=index, content_block={**block, **_EMPTY[block["type"]]})
        for delta in _block_deltas(made, block, index, piece):
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    ended = {"stop_reason": _reason(made), "stop_sequence": None}
    yield event("message_delta", delta=ended, usage={"output_tokens": 5})
    yield event("message_stop")


# Responses


def _items(made: Made) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if made.thought:
        summary = [{"type": "summary_text", "text": made.thought}]
        items.append({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": made.signature})
    part: dict[str, Any] = {"type": "output_text", "text": made.text, "annotations": []}
    if made.refusal:
        part = {"type": "refusal", "refusal": made.refusal}
    if made.text or made.refusal:
        head = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
        items.append({**head, "content": [part]})
    for at, (name, arguments) in enumerate(made.calls):
        head = {"type": "function_call", "id": f"fc_{at}", "call_id": f"call_{at}", "status": "completed"}
        items.append({**head, "name": name, "arguments": arguments})
    return items


def _responses(made: Made, status: str = "completed") -> dict[str, Any]:
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
        "output": _items(made),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage if status == "completed" else None,
    }


_Event = tuple[str, dict[str, Any]]


def _part_events(item: dict[str, Any], place: dict[str, Any], piece: Cuts) -> Iterator[_Event]:
    """The events of the one part of a reasoning item or a message."""
    if item["type"] == "reasoning":
        part, at, name = item["summary"][0], {"summary_index": 0}, "response.reasoning_summary_text"
        added, done, field = "response.reasoning_summary_part.added", "response.reasoning_summary_part.done", "text"
    else:
        part, at = item["content"][0], {"content_index": 0}
        added, done = "response.content_part.added", "response.content_part.done"
        field = "refusal" if part["type"] == "refusal" else "text"
        name = "response.refusal" if field == "refusal" else "response.output_text"
    more: dict[str, Any] = {"logprobs": []} if name == "response.output_text" else {}
    yield added, {**place, **at, "part": {**part, field: ""}}
    for text in cut(part[field], piece):
        yield f"{name}.delta", {**place, **at, "delta": text, **more}
    yield f"{name}.done", {**place, **at, field: part[field], **more}
    yield done, {**place, **at, "part": part}


def _item_events(item: dict[str, Any], index: int, piece: Cuts) -> Iterator[_Event]:
    place = {"item_id": item["id"], "output_index": index}
    opened: dict[str, dict[str, Any]] = {"reasoning": {"summary": []}, "message": {"content": []}}
    opened["function_call"] = {"arguments": ""}
    status = {} if item["type"] == "reasoning" else {"status": "in_progress"}
    yield "response.output_item.added", {"output_index": index, "item": {**item, **opened[item["type"]], **status}}
    if item["type"] == "function_call":
        for text in cut(item["arguments"], piece):
            yield "response.function_call_arguments.delta", {**place, "delta": text}
        fields = {"name": item["name"], "arguments": item["arguments"]}
        yield "response.function_call_arguments.done", {**place, **fields}
    else:
        yield from _part_events(item, place, piece)
    yield "response.output_item.done", {"output_index": index, "item": item}


def _responses_stream(made: Made, piece: Cuts) -> Iterator[bytes]:
    events: list[_Event] = [("response.created", {"response": _responses(Made(), "in_progress")})]
    for index, item in enumerate(_items(made)):
        events += _item_events(item, index, piece)
    events.append(("response.completed", {"response": _responses(made)}))
    for number, (name, fields) in enumerate(events):
        yield _frame({"type": name, "sequence_number": number, **fields}, name)


WHOLE: dict[str, Callable[[Made], dict[str, Any]]] = {"chat": _chat, "messages": _messages, "responses": _responses}
STREAM: dict[str, Callable[[Made, Cuts], Iterator[bytes]]] = {
    "chat": _chat_stream,
    "messages": _messages_stream,
    "responses": _responses_stream,
}


# What a client makes of it


def events_of(frames: bytes) -> list[dict[str, Any]]:
    """The events of a stream, without its end mark."""
    lines = [line[6:] for line in frames.split(b"\n") if line.startswith(b"data: ")]
    return [orjson.loads(line) for line in lines if line != b"[DONE]"]


def heard(name: str, body: bytes, *, stream: bool = False, choice: int = 0) -> Heard:
    """The answer, of a chat one of its choices."""
    made = Heard()
    if name == "chat":
        _chat_heard(made, body, choice, stream=stream)
    elif name == "messages":
        _messages_heard(made, body, stream=stream)
    else:
        _responses_heard(made, body, stream=stream)
    return made


def _chat_heard(made: Heard, body: bytes, choice: int, *, stream: bool) -> None:
    bodies = events_of(body) if stream else [orjson.loads(body)]
    calls: dict[int, list[str]] = {}
    for one in (one for each in bodies for one in each.get("choices") or () if one["index"] == choice):
        said = one["delta" if stream else "message"]
        made.text += said.get("content") or ""
        made.thought += said.get("reasoning_content") or ""
        made.refusal += said.get("refusal") or ""
        for at, call in enumerate(said.get("tool_calls") or ()):
            into = calls.setdefault(call.get("index", at), ["", ""])
            into[0] += call["function"].get("name") or ""
            into[1] += call["function"].get("arguments") or ""
    made.calls = [(name, arguments) for name, arguments in calls.values()]


def _messages_heard(made: Heard, body: bytes, *, stream: bool) -> None:
    if not stream:
        for block in orjson.loads(body)["content"]:
            made.text += block.get("text", "")
            made.thought += block.get("thinking", "")
            made.signature += block.get("signature", "")
            if block["type"] == "tool_use":
                made.calls.append((block["name"], json.dumps(block["input"])))
        return
    for event in events_of(body):
        block = event.get("content_block", {})
        if block.get("type") == "tool_use":
            made.calls.append((block["name"], ""))
        delta = event.get("delta", {})
        made.text += block.get("text", "") + delta.get("text", "")
        made.thought += block.get("thinking", "") + delta.get("thinking", "")
        made.signature += delta.get("signature", "")
        if "partial_json" in delta:
            made.calls[-1] = (made.calls[-1][0], made.calls[-1][1] + delta["partial_json"])


_DELTAS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_summary_text.delta": "thought",
    "response.reasoning_text.delta": "thought",
}


def _responses_heard(made: Heard, body: bytes, *, stream: bool) -> None:
    if not stream:
        for item in orjson.loads(body)["output"]:
            for part in (*(item.get("content") or ()), *(item.get("summary") or ())):
                field = {"refusal": "refusal", "output_text": "text"}.get(part["type"], "thought")
                setattr(made, field, getattr(made, field) + (part.get("text") or part.get("refusal") or ""))
            made.signature += item.get("encrypted_content") or ""
            if item["type"] == "function_call":
                made.calls.append((item["name"], item["arguments"]))
        return
    for event in events_of(body):
        field = _DELTAS.get(event["type"], "")
        if field:
            setattr(made, field, getattr(made, field) + event["delta"])
        elif event["type"] == "response.output_item.added" and event["item"]["type"] == "function_call":
            made.calls.append((event["item"]["name"], ""))
        elif event["type"] == "response.function_call_arguments.delta":
            made.calls[-1] = (made.calls[-1][0], made.calls[-1][1] + event["delta"])
