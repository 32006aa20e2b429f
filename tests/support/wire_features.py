"""One request for each feature of the table, and how to see what a writer made of it."""

from collections.abc import Callable
from typing import Any, get_args

import orjson

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
from turnout_sidecar.wire.formats import Model, Outbound
from turnout_sidecar.wire.support import Feature, Untranslatable, uses

FEATURES: tuple[Feature, ...] = get_args(Feature)
PIXEL = "iVBORw0KGgo="
TOOL = Tool("look_up", "Looks it up.", {"type": "object", "properties": {"word": {"type": "string"}}})


def said(*parts: Part, role: Any = "user", name: str | None = None) -> Message:
    return Message(role, parts, name)


def asking(*messages: Message, **settings: Any) -> Request:
    return Request(messages=messages or (said(Text("Hello")),), **settings)


def loop(*results: Part, thought: tuple[Part, ...] = ()) -> tuple[Message, ...]:
    """A turn in which a tool was called and answered."""
    call = ToolCall("call_1", "look_up", '{"word":"tram"}')
    answer = results or (ToolResult("call_1", (Text("A tram is a tram."),)),)
    return (said(Text("Look it up")), said(*thought, call, role="assistant"), said(*answer))


EXAMPLES: dict[Feature, Request] = {
    "text": asking(),
    "system_messages": asking(said(Text("Be brief."), role="system"), said(Text("Hello"))),
    "system_inside": asking(said(Text("Hello")), said(Text("Be brief."), role="system"), said(Text("Go on"))),
    "names_of_speakers": asking(said(Text("Hello"), name="ada")),
    "answer_prefill": asking(said(Text("Hello")), said(Text("Dear "), role="assistant")),
    "tools": asking(tools=(TOOL,)),
    "strict_tools": asking(tools=(Tool("look_up", "Looks it up.", {"type": "object"}, strict=True),)),
    "tool_choice": asking(tools=(TOOL,), tool_choice=ToolChoice("tool", "look_up")),
    "parallel_tool_calls": asking(tools=(TOOL,), parallel_tool_calls=False),
    "tool_results": asking(*loop(), tools=(TOOL,)),
    "tool_result_images": asking(
        *loop(ToolResult("call_1", (Text("This:"), Image(Source("image/png", data=PIXEL))))), tools=(TOOL,)
    ),
    "provider_tools": asking(provider_tools=("web_search",)),
    "images": asking(said(Image(Source("image/png", data=PIXEL)))),
    "image_urls": asking(said(Image(Source(url="https://pictures.test/tram.png")))),
    "image_detail": asking(said(Image(Source("image/png", data=PIXEL), detail="high"))),
    "documents": asking(said(Text("Read"), Document(Source("application/pdf", data=PIXEL), "timetable.pdf"))),
    "document_urls": asking(said(Text("Read"), Document(Source(url="https://papers.test/timetable.pdf")))),
    "audio": asking(said(Audio(Source(data=PIXEL), "wav"))),
    "audio_output": asking(audio_output=True),
    "files_by_id": asking(said(Document(Source(file_id="file-1")))),
    "json_object": asking(format=Format("json_object")),
    "json_schema": asking(format=Format("json_schema", "answer", {"type": "object", "properties": {}}, strict=True)),
    "reasoning_effort": asking(reasoning=Reasoning(effort="medium")),
    "reasoning_budget": asking(reasoning=Reasoning(enabled=True, budget=2048), max_tokens=8192),
    "thinking": asking(*loop(thought=(Thinking("Hm."),)), tools=(TOOL,)),
    "thinking_signatures": asking(*loop(thought=(Thinking("Hm.", "proof"),)), tools=(TOOL,)),
    "max_tokens": asking(max_tokens=99),
    "temperature": asking(temperature=0.25),
    "top_p": asking(top_p=0.75),
    "top_k": asking(top_k=33),
    "stop": asking(stop=("END",)),
    "seed": asking(seed=4242),
    "n": asking(n=2),
    "penalties": asking(presence_penalty=0.5, frequency_penalty=0.125),
    "logit_bias": asking(logit_bias={"50256": -100}),
    "logprobs": asking(logprobs=True, top_logprobs=3),
    "verbosity": asking(verbosity="low"),
    "service_tier": asking(service_tier="flex"),
    "user": asking(user="user-7"),
    "metadata": asking(metadata={"ticket": "T-1"}),
    "prompt_cache_marks": asking(said(Text("Long.", cache="5m"))),
    "prompt_cache_key": asking(prompt_cache_key="key-7"),
    "stateful": asking(stateful=("previous_response_id",)),
}


def body_of(outbound: Outbound, request: Request, model: Model) -> dict[str, Any]:
    """What a writer makes of a request, parsed."""
    found: dict[str, Any] = orjson.loads(outbound.write_request(request, model).body)
    return found


def hold_to_the_table(outbound: Outbound, feature: Feature, model: Model) -> None:
    """The example of a feature is refused, dropped and named, or written, as the table says.

    Written: the body differs from that of the same request without it, or the test of the format says what it is.
    """
    request = EXAMPLES[feature]
    fields = {use.field for use in uses(request) if use.feature == feature}
    fate = outbound.support[feature].fate
    if fate == "refused":
        refusal = _refusal(lambda: outbound.write_request(request, model))
        assert refusal is not None
        assert refusal.param in fields
        assert refusal.status == 400
        return
    written = outbound.write_request(request, model)
    assert orjson.loads(written.body)
    if fate == "dropped":
        assert fields <= set(written.dropped)
    elif feature not in ("thinking", "thinking_signatures"):  # by whose thought it is
        assert not fields & set(written.dropped)


def _refusal(write: Callable[[], object]) -> Untranslatable | None:
    try:
        write()
    except Untranslatable as error:
        return error
    return None
