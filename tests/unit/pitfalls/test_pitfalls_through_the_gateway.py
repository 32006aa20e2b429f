"""What has gone wrong elsewhere, told by a provider and read by the official clients with the gateway between them."""

from collections.abc import Sequence
from typing import Any

import anthropic
import openai
import orjson
import pytest

from pair_clients import IN, ChatTalk, Said, Wish
from pair_rig import OUT, a_recorded, streamed
from support.event_stream import frames as aws_frames
from turnout_sidecar.adapters.fake_upstream import FakeReply
from turnout_sidecar.exchange.call import Exchange

QUESTION = "What is the weather in Ulm?"
TOWN = {"city": "Ulm"}


def chunks(*choices: dict[str, Any], usage: dict[str, Any] | None = None, done: bool = True) -> bytes:
    """A stream of chat completions."""
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-large"}
    events = [{**head, "choices": [{"index": 0, "finish_reason": None, **choice}]} for choice in choices]
    if usage is not None:
        events.append({**head, "choices": [], "usage": usage})
    return b"".join(b"data: %b\n\n" % orjson.dumps(event) for event in events) + b"data: [DONE]\n\n" * done


def events(*given: dict[str, Any]) -> bytes:
    """A stream of named events."""
    return b"".join(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), orjson.dumps(event)) for event in given)


def message(*inner: dict[str, Any], reason: str, usage: dict[str, Any] | None = None) -> bytes:
    """A stream of the Messages API."""
    opening = {"id": "m1", "type": "message", "role": "assistant", "model": "claude", "content": []}
    start = {"type": "message_start", "message": {**opening, "usage": {"input_tokens": 10, "output_tokens": 1}}}
    used = usage or {"output_tokens": 7}
    last = {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": used}
    return events(start, *inner, last, {"type": "message_stop"})


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of one block."""
    told = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    start = {"type": "content_block_start", "index": index, "content_block": content}
    return [start, *told, {"type": "content_block_stop", "index": index}]


def use(index: int, *pieces: str, **given: Any) -> list[dict[str, Any]]:
    """The events of a call of the tool `weather`."""
    content = {"type": "tool_use", "id": f"toolu_{index}", "name": "weather", "input": given}
    return block(index, content, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


async def ask(name: str, asked: str, *pieces: bytes) -> tuple[Said, Exchange]:
    """The answer that a client makes of a provider's stream."""
    async with a_recorded(OUT[name], asked, streamed(OUT[name], *pieces)) as (talk, telemetry, _):
        said = await talk.ask(QUESTION, Wish(stream=True, tools=True))
    return said, telemetry.ended[-1]


CALLED = ("tool_calls", "completed", "tool_use")
TRANSLATED_CHAT = pytest.mark.parametrize("asked", ["responses", "messages"])
TRANSLATED_MESSAGES = pytest.mark.parametrize("asked", ["chat", "responses"])


@TRANSLATED_CHAT
async def test_pitfall_01_a_finish_in_the_middle_cuts_nothing_off(asked: str) -> None:
    said, _ = await ask(
        "chat",
        asked,
        chunks(
            {"delta": {"role": "assistant", "content": "Rain"}, "finish_reason": "stop"},
            {"delta": {"content": " in Ulm"}, "finish_reason": "stop"},
        ),
    )
    assert (said.text, said.finish) == ("Rain in Ulm", "completed" if asked == "responses" else "end_turn")


@TRANSLATED_CHAT
async def test_pitfall_02_and_22_a_stop_with_calls_is_a_call(asked: str) -> None:
    call = {"index": 0, "id": "chatcmpl-tool-1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    said, call_made = await ask(
        "chat",
        asked,
        chunks(
            {"delta": {"role": "assistant", "content": "", "tool_calls": [call]}},
            {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": orjson.dumps(TOWN).decode()}}]}},
            {"delta": {}, "finish_reason": "stop"},
        ),
    )
    assert [(call.id, call.name, call.arguments) for call in said.calls] == [("chatcmpl-tool-1", "weather", TOWN)]
    assert said.finish in CALLED
    assert call_made.usage is not None
    assert call_made.usage.estimated


@TRANSLATED_MESSAGES
async def test_pitfall_03_an_end_of_a_turn_with_calls_is_a_call_without_empty_text(asked: str) -> None:
    stream = message(*block(0, {"type": "text", "text": ""}), *use(1, '{"city":', '"Ulm"}'), reason="end_turn")
    said, _ = await ask("anthropic", asked, stream)
    assert (said.text, said.finish in CALLED, [call.arguments for call in said.calls]) == ("", True, [TOWN])


@TRANSLATED_MESSAGES
async def test_pitfall_04_a_call_after_thoughts_is_there(asked: str) -> None:
    thought = [{"type": "thinking_delta", "thinking": "Hm."}, {"type": "signature_delta", "signature": "c2ln"}]
    thinking = block(0, {"type": "thinking", "thinking": "", "signature": ""}, *thought)
    said, _ = await ask("anthropic", asked, message(*thinking, *use(1, '{"city":"Ulm"}'), reason="tool_use"))
    assert ([call.arguments for call in said.calls], said.thought) == ([TOWN], "Hm.")


@TRANSLATED_MESSAGES
@pytest.mark.parametrize(("given", "wanted"), [({}, {}), (TOWN, TOWN)])
async def test_pitfall_05_arguments_without_deltas(asked: str, given: dict[str, Any], wanted: Any) -> None:
    said, _ = await ask("anthropic", asked, message(*use(0, **given), reason="tool_use"))
    assert [call.arguments for call in said.calls] == [wanted]


@TRANSLATED_CHAT
async def test_pitfall_06_and_13_calls_without_index_or_id_get_ids_that_never_come_again(asked: str) -> None:
    call = {"index": -1, "function": {"name": "weather", "arguments": '{"city":"Ulm"}'}}
    stream = chunks(
        {"delta": {"role": "assistant", "tool_calls": [call]}}, {"delta": {}, "finish_reason": "tool_calls"}
    )
    ids = set()
    for number in range(3):
        said, _ = await ask("chat", asked, stream.replace(b'"c1"', b'"c%d"' % number))
        assert [(call.name, call.arguments) for call in said.calls] == [("weather", TOWN)]
        ids.add(said.calls[0].id)
    assert len(ids) == 3


CUT: Sequence[tuple[str, bytes]] = (
    ("chat", chunks({"delta": {"role": "assistant", "content": "Ra"}}, done=False)),
    ("anthropic", events(*block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Ra"}))),
    ("gemini", b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Ra"}]}}]}\r\n\r\n'),
    (
        "bedrock",
        aws_frames(
            [
                ("messageStart", {"role": "assistant"}),
                ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Ra"}}),
                ("contentBlockStop", {"contentBlockIndex": 0}),
            ]
        ),
    ),
)


@pytest.mark.parametrize("asked", IN)
@pytest.mark.parametrize(("name", "stream"), CUT, ids=[name for name, _ in CUT])
async def test_pitfall_07_a_stream_without_its_end_is_an_error(name: str, stream: bytes, asked: str) -> None:
    async with a_recorded(OUT[name], asked, streamed(OUT[name], stream)) as (talk, telemetry, _):
        with pytest.raises((openai.APIError, anthropic.APIError, RuntimeError)):
            await talk.ask(QUESTION, Wish(stream=True))
    assert telemetry.ended[-1].attempts[-1].error == "stream_broken"


@TRANSLATED_MESSAGES
async def test_pitfall_16_figures_that_come_at_the_end_count(asked: str) -> None:
    late = {"input_tokens": 50, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 20, "output_tokens": 9}
    text = block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Rain."})
    said, call = await ask("anthropic", asked, message(*text, reason="end_turn", usage=late))
    assert (said.input, said.cached, said.output) == (100, 30, 9)
    assert call.usage is not None
    assert (call.usage.input, call.usage.cached_input, call.usage.cache_write) == (100, 30, 20)
    assert not call.usage.estimated


def response(status: str, *inner: dict[str, Any], **members: Any) -> bytes:
    """A stream of the Responses API."""
    base = {"id": "r1", "object": "response", "created_at": 1, "model": "gpt-large", "output": []}
    used = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    last = {**base, "status": status, "usage": used, **members}
    opening = {"type": "response.created", "response": {**base, "status": "in_progress"}}
    return events(opening, *inner, {"type": f"response.{status}", "response": last})


ITEM = {"type": "message", "id": "m1", "role": "assistant", "status": "in_progress", "content": []}
TEXT = {"type": "response.output_text.delta", "item_id": "m1", "output_index": 0, "content_index": 0, "delta": "Ra"}


async def test_pitfall_18_an_incomplete_response_is_cut_and_paid_for() -> None:
    added = {"type": "response.output_item.added", "output_index": 0, "item": ITEM}
    stream = response("incomplete", added, TEXT, incomplete_details={"reason": "max_output_tokens"})
    said, call = await ask("responses", "messages", stream)
    assert (said.text, said.finish, said.input, said.output) == ("Ra", "max_tokens", 10, 5)
    assert call.error is None
    assert call.cost_nano


@pytest.mark.parametrize("asked", ["chat", "messages"])
async def test_pitfall_19_arguments_that_come_only_at_their_end(asked: str) -> None:
    item = {"type": "function_call", "id": "f1", "call_id": "call_1", "name": "weather", "arguments": ""}
    done = {"type": "response.function_call_arguments.done", "item_id": "f1", "output_index": 0}
    stream = response(
        "completed",
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {**done, "arguments": '{"city":"Ulm"}'},
    )
    said, _ = await ask("responses", asked, stream)
    assert [(call.id, call.arguments) for call in said.calls] == [("call_1", TOWN)]
    assert said.finish in CALLED


async def test_pitfall_20_the_first_chunk_says_the_role() -> None:
    async with a_recorded(OUT["responses"], "chat", streamed(OUT["responses"], response("completed", TEXT))) as (
        talk,
        _,
        _,
    ):
        assert isinstance(talk, ChatTalk)
        async with talk.open(QUESTION, Wish()) as stream:
            first = await anext(aiter(stream))
    assert first.choices[0].delta.role == "assistant"


@pytest.mark.parametrize("asked", IN)
async def test_pitfall_21_an_exception_in_a_stream_of_aws_is_told(asked: str) -> None:
    stream = aws_frames(
        [
            ("messageStart", {"role": "assistant"}),
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Ra"}}),
            ("modelStreamErrorException", {"message": "The model broke."}),
        ]
    )
    async with a_recorded(OUT["bedrock"], asked, streamed(OUT["bedrock"], stream)) as (talk, telemetry, _):
        with pytest.raises((openai.APIError, anthropic.APIError, RuntimeError)):
            await talk.ask(QUESTION, Wish(stream=True))
    assert telemetry.ended[-1].attempts[-1].error == "stream_error"


@TRANSLATED_CHAT
async def test_pitfall_23_what_vllm_thought_is_passed_on(asked: str) -> None:
    stream = chunks(
        {"delta": {"role": "assistant", "reasoning_content": "Hm."}},
        {"delta": {"content": "Rain."}},
        {"delta": {}, "finish_reason": "stop"},
        usage={"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    )
    said, _ = await ask("chat", asked, stream)
    assert (said.thought, said.text, said.input) == ("Hm.", "Rain.", 10)


@pytest.mark.parametrize("asked", IN)
@pytest.mark.parametrize("reason", ["STOP", "SAFETY", "SOMETHING_NEW"])
async def test_pitfall_14_every_reason_of_gemini_is_one_that_the_client_knows(reason: str, asked: str) -> None:
    candidate = {"content": {"role": "model", "parts": [{"text": "Rain."}]}, "finishReason": reason}
    used = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    body = orjson.dumps({"candidates": [candidate], "usageMetadata": used, "modelVersion": "gemini-3-pro"})
    async with a_recorded(OUT["gemini"], asked, FakeReply(pieces=(body,))) as (talk, _, _):
        said = await talk.ask(QUESTION, Wish())
    known = ("stop", "content_filter", "completed", "end_turn", "refusal")
    assert said.text == "Rain."
    assert said.finish in known
    if reason == "SAFETY":
        assert said.finish in ("content_filter", "refusal")


@pytest.mark.parametrize("asked", IN)
async def test_pitfall_14_a_call_that_gemini_could_not_write_is_no_success(asked: str) -> None:
    candidate = {"content": {"role": "model", "parts": [{"text": "Rain."}]}, "finishReason": "MALFORMED_FUNCTION_CALL"}
    body = orjson.dumps({"candidates": [candidate], "modelVersion": "gemini-3-pro"})
    async with a_recorded(OUT["gemini"], asked, FakeReply(pieces=(body,))) as (talk, telemetry, _):
        with pytest.raises(
            (openai.InternalServerError, anthropic.InternalServerError), match="MALFORMED_FUNCTION_CALL"
        ):
            await talk.ask(QUESTION, Wish())
    assert telemetry.ended[-1].attempts[-1].error == "error_answer"


@pytest.mark.parametrize("asked", IN)
async def test_pitfall_26_a_schema_beside_tools_is_kept_with_gemini_3(asked: str) -> None:
    body = orjson.dumps({"candidates": [{"content": {"parts": [{"text": "{}"}]}, "finishReason": "STOP"}]})
    async with a_recorded(OUT["gemini"], asked, FakeReply(pieces=(body,))) as (talk, _, upstream):
        await talk.ask(QUESTION, Wish(tools=True, schema=True))
    sent = orjson.loads(upstream.requests[-1].body)
    assert [each["name"] for each in sent["tools"][0]["functionDeclarations"]] == ["weather", "time"]
    assert sent["generationConfig"]["responseMimeType"] == "application/json"


@pytest.mark.parametrize("asked", IN)
async def test_pitfall_27_a_whole_answer_that_is_nothing_but_a_call(asked: str) -> None:
    called = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": TOWN}
    body = {"id": "m1", "type": "message", "role": "assistant", "model": "claude", "content": [called]}
    used = {"input_tokens": 10, "output_tokens": 5}
    raw = orjson.dumps({**body, "stop_reason": "tool_use", "stop_sequence": None, "usage": used})
    async with a_recorded(OUT["anthropic"], asked, FakeReply(pieces=(raw,))) as (talk, _, _):
        said = await talk.ask(QUESTION, Wish(tools=True))
    assert [(call.id, call.arguments) for call in said.calls] == [("toolu_1", TOWN)]
    assert said.text == ""
