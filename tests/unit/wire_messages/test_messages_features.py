"""Every feature of a request: it is written as the table says, left out and named, or refused with its field named."""

from collections.abc import Callable
from typing import Any, get_args

import orjson
import pytest
from anthropic.types.content_block_param import ContentBlockParam
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import TypeAdapter

from turnout_sidecar.wire.canonical import (
    Audio,
    Document,
    Format,
    Image,
    Message,
    Part,
    Reasoning,
    Request,
    Source,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from turnout_sidecar.wire.formats import Model
from turnout_sidecar.wire.messages.format import OUTBOUND, SUPPORT
from turnout_sidecar.wire.support import Feature, Untranslatable, uses

BODY = TypeAdapter[Any](MessageCreateParamsNonStreaming)
BLOCK = TypeAdapter[Any](ContentBlockParam)
MODEL = Model("claude-sonnet-4-5", max_output_tokens=64_000, reasoning=True)
HELLO = Message("user", (Text("Hello"),))
TOOL = Tool("f", "finds", {"type": "object", "properties": {}}, strict=True)
CALL = Message("assistant", (ToolCall("call_1", "f", '{"q":1}'),))

Check = Callable[[dict[str, Any]], object]


def said(*parts: Part) -> Request:
    return Request(messages=(Message("user", parts),))


def chat(**members: Any) -> Request:
    return Request(messages=(HELLO,), **members)


def result(*parts: Text | Image | Document) -> Request:
    return Request(messages=(HELLO, CALL, Message("user", (ToolResult("call_1", parts),))), tools=(TOOL,))


def member(*path: str | int) -> Check:
    def look(body: dict[str, Any]) -> object:
        found: Any = body
        for step in path:
            found = found[step]
        return found

    return look


PICTURE = Image(Source("image/png", "iVBOR"))
FIRST = ("messages", 0, "content", 0)

FEATURES: dict[Feature, tuple[Request, Check, object]] = {
    "text": (said(Text("Hello")), member("messages", 0, "content"), "Hello"),
    "system_messages": (
        Request(messages=(Message("developer", (Text("Be brief"),)), HELLO)), member("system"), "Be brief",
    ),
    "system_inside": (
        Request(messages=(Message("system", (Text("a"),)), HELLO, Message("system", (Text("b"),)))),
        member("system"),
        [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
    ),
    "names_of_speakers": (Request(messages=(Message("user", (Text("Hi"),), name="Ann"),)), member(), "messages.name"),
    "answer_prefill": (
        Request(messages=(HELLO, Message("assistant", (Text("It is"),)))),
        member("messages", 1),
        {"role": "assistant", "content": "It is"},
    ),
    "tools": (chat(tools=(Tool("f"),)), member("tools", 0, "input_schema"), {"type": "object", "properties": {}}),
    "strict_tools": (chat(tools=(TOOL,)), member("tools", 0, "strict"), True),
    "tool_choice": (chat(tools=(TOOL,), tool_choice=ToolChoice("required")), member("tool_choice"), {"type": "any"}),
    "parallel_tool_calls": (
        chat(tools=(TOOL,), parallel_tool_calls=False),
        member("tool_choice"),
        {"type": "auto", "disable_parallel_tool_use": True},
    ),
    "tool_results": (
        result(Text("42")),
        member("messages", 2, "content", 0),
        {"type": "tool_result", "tool_use_id": "call_1", "content": "42"},
    ),
    "tool_result_images": (result(PICTURE), member("messages", 2, "content", 0, "content", 0, "type"), "image"),
    "provider_tools": (chat(provider_tools=("web_search",)), member(), "tools (web_search)"),
    "images": (
        said(PICTURE), member(*FIRST, "source"), {"type": "base64", "media_type": "image/png", "data": "iVBOR"},
    ),
    "image_urls": (said(Image(Source(url="u"))), member(*FIRST, "source"), {"type": "url", "url": "u"}),
    "image_detail": (said(Image(Source(url="u"), detail="low")), member(), "image.detail"),
    "documents": (
        said(Document(Source("text/plain", "cGxhaW4="), name="a.txt")),
        member(*FIRST),
        {
            "type": "document",
            "title": "a.txt",
            "source": {"type": "text", "media_type": "text/plain", "data": "plain"},
        },
    ),
    "document_urls": (said(Document(Source(url="u"))), member(*FIRST, "source"), {"type": "url", "url": "u"}),
    "audio": (said(Audio(Source(data="x"), "wav")), member(), "messages (audio)"),
    "audio_output": (chat(audio_output=True), member(), "modalities"),
    "files_by_id": (said(Document(Source(file_id="file_1"))), member(), "messages (file id)"),
    "json_object": (chat(format=Format("json_object")), member(), "response_format"),
    "json_schema": (
        chat(format=Format("json_schema", "n", {"type": "object"})),
        member("output_config", "format"),
        {"type": "json_schema", "schema": {"type": "object"}},
    ),
    "reasoning_effort": (
        chat(reasoning=Reasoning("medium")), member("thinking"), {"type": "enabled", "budget_tokens": 4096},
    ),
    "reasoning_budget": (chat(reasoning=Reasoning(budget=5000)), member("thinking", "budget_tokens"), 5000),
    "thinking": (
        Request(messages=(HELLO, Message("assistant", (Thinking("Hm", "sig"), Text("Hi"))), HELLO)),
        member("messages", 1, "content", 0),
        {"type": "thinking", "thinking": "Hm", "signature": "sig"},
    ),
    "thinking_signatures": (
        Request(messages=(HELLO, Message("assistant", (Thinking(redacted="xyz"), Text("Hi"))), HELLO)),
        member("messages", 1, "content", 0),
        {"type": "redacted_thinking", "data": "xyz"},
    ),
    "max_tokens": (chat(max_tokens=77), member("max_tokens"), 77),
    "temperature": (chat(temperature=1.7), member("temperature"), 1),
    "top_p": (chat(top_p=0.5), member("top_p"), 0.5),
    "top_k": (chat(top_k=5), member("top_k"), 5),
    "stop": (chat(stop=("END",)), member("stop_sequences"), ["END"]),
    "seed": (chat(seed=5), member(), "seed"),
    "n": (chat(n=2), member(), "n"),
    "penalties": (chat(presence_penalty=0.5), member(), "presence_penalty"),
    "logit_bias": (chat(logit_bias={"5": 1}), member(), "logit_bias"),
    "logprobs": (chat(logprobs=True), member(), "logprobs"),
    "verbosity": (chat(verbosity="low"), member(), "verbosity"),
    "service_tier": (chat(service_tier="default"), member("service_tier"), "standard_only"),
    "user": (chat(user="u-1"), member("metadata"), {"user_id": "u-1"}),
    "metadata": (chat(metadata={"a": "b"}), member(), "metadata"),
    "prompt_cache_marks": (
        said(Text("a", cache="5m"), Text("b", cache="1h")),
        member("messages", 0, "content"),
        [
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "b", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ],
    ),
    "prompt_cache_key": (chat(prompt_cache_key="k"), member(), "prompt_cache_key"),
    "stateful": (chat(stateful=("conversation",)), member(), "conversation"),
}  # fmt: skip


def legal(body: dict[str, Any]) -> None:
    """By the types of Anthropic's SDK."""
    checked = BODY.validate_python(body)
    for message in checked["messages"]:
        if not isinstance(message["content"], str):
            list(message["content"])
    for message in body["messages"]:
        for block in message["content"] if isinstance(message["content"], list) else ():
            BLOCK.validate_python(block)


def test_the_table_and_these_tests_name_every_feature() -> None:
    assert set(SUPPORT) == set(FEATURES) == set(get_args(Feature))


@pytest.mark.parametrize("feature", FEATURES)
def test_each_feature_is_treated_as_the_table_says(feature: Feature) -> None:
    request, look, wanted = FEATURES[feature]
    if feature != "text":
        assert feature in {use.feature for use in uses(request)}
    fate = SUPPORT[feature].fate
    if fate == "refused":
        with pytest.raises(Untranslatable) as refusal:
            OUTBOUND.write_request(request, MODEL)
        assert refusal.value.param == wanted
        assert refusal.value.status == 400
        return
    written = OUTBOUND.write_request(request, MODEL)
    body = orjson.loads(written.body)
    legal(body)
    if fate == "dropped":
        assert written.dropped == (wanted,)
    else:
        assert written.dropped == ()
        assert look(body) == wanted


def test_what_is_dropped_goes_by_the_name_that_the_caller_used() -> None:
    request = chat(seed=5, unknown=("brand_new",), fields={"seed": "generation.seed"})
    assert OUTBOUND.write_request(request, MODEL).dropped == ("brand_new", "generation.seed")
