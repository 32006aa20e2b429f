"""Edited streams as the real clients read them: each text is the edit of the whole, and frames of our own do not disturb."""

import random
from typing import Any

import httpx2
import openai
import orjson
import pytest
from anthropic import Anthropic

from support.edited_streams import TRANSCRIPTS, frames_of, holding, swapped
from turnout_sidecar.answers.formats import FORMATS

WORDS = {"o": "<O_bcd>", "Let": 'a "b"\n', "Gr": ""}
VERDICT = {"schema": "failed", "errors": 2}
CUTS = range(4)


def edited(name: str, raw: bytes, seed: int, *, json: bool = False) -> bytes:
    """The stream, edited in random pieces, with a verdict at its end."""
    draw = random.Random(seed)
    words = {"o": "0"} if json else WORDS
    editor = FORMATS[name].editor(holding(words, draw.choice([0, 1, 3, 9, 200])), lambda: VERDICT)
    frames = frames_of(raw)
    out = b""
    while frames:
        size = draw.randint(1, 3)
        out += editor.feed(b"".join(frames[:size]))
        del frames[:size]
    return out + editor.finish()


def openai_client(stream: bytes) -> openai.OpenAI:
    def answer(request: httpx2.Request) -> httpx2.Response:
        del request
        return httpx2.Response(200, content=stream, headers={"content-type": "text/event-stream"})

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="k", base_url="http://gateway.test/v1", http_client=http, max_retries=0)


def anthropic_client(stream: bytes) -> Anthropic:
    def answer(request: httpx2.Request) -> httpx2.Response:
        del request
        return httpx2.Response(200, content=stream, headers={"content-type": "text/event-stream"})

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return Anthropic(api_key="k", base_url="http://gateway.test", http_client=http, max_retries=0)


def chat_chunk(choice: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    body = {**head, "choices": [{"index": choice, "delta": delta, "logprobs": None, "finish_reason": finish}]}
    return b"data: " + orjson.dumps(body) + b"\n\n"


def two_choices() -> bytes:
    frames = [chat_chunk(choice, {"role": "assistant", "content": ""}) for choice in (0, 1)]
    for piece in ("Good ", "mor", "ning", ", wo", "rld", " foo"):
        frames += [chat_chunk(0, {"content": piece}), chat_chunk(1, {"content": piece.upper() + "o"})]
    frames += [chat_chunk(0, {}, "stop"), chat_chunk(1, {"content": "!o"}, "stop"), b"data: [DONE]\n\n"]
    return b"".join(frames)


@pytest.mark.parametrize("seed", CUTS)
def test_the_openai_client_reads_an_edited_chat_stream_of_two_choices(seed: int) -> None:
    client = openai_client(edited("chat", two_choices(), seed))
    with client.chat.completions.stream(model="m", messages=[]) as stream:
        for _ in stream:
            pass
        done = stream.get_final_completion()
    assert done.choices[0].message.content == swapped("Good morning, world foo", WORDS)
    assert done.choices[1].message.content == swapped("GOOD oMORoNINGo, WOoRLDo FOOo!o", WORDS)
    assert [choice.finish_reason for choice in done.choices] == ["stop", "stop"]


@pytest.mark.parametrize("seed", CUTS)
def test_the_openai_client_gets_tool_arguments_that_are_json_and_the_verdict(seed: int) -> None:
    raw = (TRANSCRIPTS / "chat" / "tools.sse").read_bytes()
    chunks = list(
        openai_client(edited("chat", raw, seed, json=True)).chat.completions.create(model="m", messages=[], stream=True)
    )
    arguments = ["", ""]
    for chunk in chunks:
        for call in chunk.choices[0].delta.tool_calls or () if chunk.choices else ():
            arguments[call.index] += (call.function and call.function.arguments) or ""
    assert [orjson.loads(text) for text in arguments] == [{"city": "Kyōto".replace("o", "0")}, {}]
    assert (chunks[-1].model_extra or {})["turnout"] == VERDICT
    assert not chunks[-1].choices
    assert chunks[-1].id == "chatcmpl-8f1"


@pytest.mark.parametrize("name", ["text", "refusal", "reasoning_tools", "no_deltas", "incomplete"])
@pytest.mark.parametrize("seed", CUTS)
def test_the_openai_client_reads_an_edited_response_whose_end_agrees_with_its_deltas(name: str, seed: int) -> None:
    raw = (TRANSCRIPTS / "responses" / f"{name}.sse").read_bytes()
    out = edited("responses", raw, seed, json=True)
    before = _spoken(list(openai_client(raw).responses.create(model="m", input="x", stream=True)))
    events = list(openai_client(out).responses.create(model="m", input="x", stream=True))
    after = _spoken(events)
    assert after == {key: text.replace("o", "0") for key, text in before.items()}
    numbers = [event.sequence_number for event in events]
    assert numbers == list(range(len(numbers)))
    kinds = [event.type for event in events]
    assert str(kinds[-2]) == "turnout.guardrail"
    assert kinds[-1] in {"response.completed", "response.incomplete"}


def _spoken(events: list[Any]) -> dict[tuple[Any, ...], str]:
    """The texts by the deltas, by the events that end them, and by the response."""
    found: dict[tuple[Any, ...], str] = {}
    key: tuple[Any, ...]
    for event in events:
        place = (getattr(event, "output_index", None), getattr(event, "content_index", None))
        if event.type.endswith(".delta"):
            key = ("delta", event.type, *place, getattr(event, "summary_index", None))
            found[key] = found.get(key, "") + event.delta
        elif event.type == "response.output_item.done":
            found["item", event.output_index] = _words(event.item)
        elif event.type in {"response.completed", "response.incomplete"}:
            found["response",] = "|".join(_words(item) for item in event.response.output)
        elif event.type.endswith("_text.done"):
            found["done", event.type, *place, getattr(event, "summary_index", None)] = event.text
    return found


def _words(item: Any) -> str:
    parts = [*(getattr(item, "content", None) or ()), *(getattr(item, "summary", None) or ())]
    words = [str(getattr(part, "text", None) or getattr(part, "refusal", "")) for part in parts]
    return "|".join([*words, getattr(item, "arguments", "") or ""])


@pytest.mark.parametrize("seed", CUTS)
def test_the_openai_stream_helper_puts_an_edited_response_together(seed: int) -> None:
    raw = (TRANSCRIPTS / "responses" / "text.sse").read_bytes()
    with openai_client(edited("responses", raw, seed)).responses.stream(model="m", input="x") as stream:
        snapshots = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
        done = stream.get_final_response()
    assert done.output_text == swapped("Grüße aus Zürich! 👋", WORDS)
    assert snapshots[-1] == done.output_text


@pytest.mark.parametrize("name", ["text", "tools", "thinking", "search"])
@pytest.mark.parametrize("seed", CUTS)
def test_the_anthropic_client_reads_an_edited_message(name: str, seed: int) -> None:
    raw = (TRANSCRIPTS / "messages" / f"{name}.sse").read_bytes()
    with anthropic_client(raw).messages.stream(model="m", max_tokens=9, messages=[]) as stream:
        before = stream.get_final_message()
    with anthropic_client(edited("messages", raw, seed, json=True)).messages.stream(
        model="m", max_tokens=9, messages=[]
    ) as stream:
        after = stream.get_final_message()
    assert len(after.content) == len(before.content)
    for old, new in zip(before.content, after.content, strict=True):
        if old.type == "text" and new.type == "text":
            assert new.text == old.text.replace("o", "0")
        elif old.type == "thinking" and new.type == "thinking":
            assert (new.thinking, new.signature) == (old.thinking.replace("o", "0"), old.signature)
        elif old.type == "tool_use" and new.type == "tool_use":
            assert new.input == old.input
    assert after.usage == before.usage
    assert after.stop_reason == before.stop_reason
