"""What a wire format can say, feature by feature, and what becomes of a call that says what it cannot.

One table a format, `SUPPORT`, is both the rule (`settle` is what every writer of requests asks first) and the documentation
(docs/reference/protocols.md is generated from it). Rules:
- `EXACT`: the target says the same in the same words; `TRANSLATED`: the same in other words; `DROPPED`: left out and named in
  `x-turnout-dropped`, since the answer means the same without it; `REFUSED`: 400, since it would not;
- every format has a line for every feature, so that a new feature is decided everywhere;
- what no reader has a place for (`Request.unknown`) is dropped and named.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import msgspec
import orjson

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.wire.canonical import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

Fate = Literal["exact", "translated", "dropped", "refused"]

Feature = Literal[
    "text",
    "system_messages",
    "system_inside",
    "names_of_speakers",
    "answer_prefill",
    "tools",
    "strict_tools",
    "tool_choice",
    "parallel_tool_calls",
    "tool_results",
    "tool_result_images",
    "provider_tools",
    "images",
    "image_urls",
    "image_detail",
    "documents",
    "document_urls",
    "audio",
    "audio_output",
    "files_by_id",
    "json_object",
    "json_schema",
    "reasoning_effort",
    "reasoning_budget",
    "thinking",
    "thinking_signatures",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop",
    "seed",
    "n",
    "penalties",
    "logit_bias",
    "logprobs",
    "verbosity",
    "service_tier",
    "user",
    "metadata",
    "prompt_cache_marks",
    "prompt_cache_key",
    "stateful",
]


class Support(msgspec.Struct, frozen=True):
    """What becomes of one feature. `how`: the rule in one sentence, for the documentation and for refusals."""

    fate: Fate
    how: str = ""


SupportTable = Mapping[Feature, Support]

EXACT = Support("exact")
TRANSLATED = Support("translated")


def translated(how: str) -> Support:
    """Said in other words."""
    return Support("translated", how)


def dropped(how: str = "") -> Support:
    """Left out and named."""
    return Support("dropped", how)


def refused(how: str = "") -> Support:
    """Answered with 400."""
    return Support("refused", how)


class Use(msgspec.Struct, frozen=True):
    """A feature that a request uses, and the field of the asked API that says so, as well as it is known."""

    feature: Feature
    field: str


class Untranslatable(CallError):  # noqa: N818  says what it is
    """A call that this target cannot be asked: another backend may. 400, naming the field."""

    def __init__(self, field: str, target: str, why: str) -> None:
        what = f"{field} cannot be said to a backend that speaks {target}"
        super().__init__(400, "not_translatable", f"{what}: {why}" if why else f"{what}.", param=field)


def arguments_object(text: str, title: str) -> Any:
    """A tool call's arguments for a format that wants an object: as they are written, so that no number loses a digit.

    Raises Untranslatable. `title`: the format's.
    """
    try:
        found = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Untranslatable("messages (arguments of a tool call)", title, "they are no JSON object")
    return orjson.Fragment(text or "{}")


def settle(request: Request, table: SupportTable, target: str) -> tuple[str, ...]:
    """The names of what is dropped, sorted. Raises Untranslatable for what would change the meaning."""
    lost = set(request.unknown)
    for use in uses(request):
        support = table[use.feature]
        field = request.fields.get(use.field, use.field)
        if support.fate == "refused":
            raise Untranslatable(field, target, support.how)
        if support.fate == "dropped":
            lost.add(field)
    return tuple(sorted(lost))


def uses(request: Request) -> Iterator[Use]:
    """Every feature that the request uses; a feature may come more than once."""
    for feature, field, said in _SAID:
        if said(request):
            yield Use(feature, field)
    if request.format is not None and request.format.kind != "text":
        yield Use(request.format.kind, "response_format")
    for field in request.stateful:
        yield Use("stateful", field)
    for kind in request.provider_tools:
        yield Use("provider_tools", f"tools ({kind[:64]})")
    yield from _uses_of_tools(request)
    yield from _uses_of_messages(request.messages)


def _reasoning(request: Request) -> Reasoning:
    return request.reasoning or Reasoning()


_SAID: tuple[tuple[Feature, str, Callable[[Request], bool]], ...] = (
    ("tools", "tools", lambda request: bool(request.tools)),
    ("tool_choice", "tool_choice", lambda request: request.tool_choice is not None),
    ("parallel_tool_calls", "parallel_tool_calls", lambda request: request.parallel_tool_calls is not None),
    ("max_tokens", "max_tokens", lambda request: request.max_tokens is not None),
    ("temperature", "temperature", lambda request: request.temperature is not None),
    ("top_p", "top_p", lambda request: request.top_p is not None),
    ("top_k", "top_k", lambda request: request.top_k is not None),
    ("stop", "stop", lambda request: bool(request.stop)),
    ("seed", "seed", lambda request: request.seed is not None),
    ("n", "n", lambda request: request.n is not None and request.n != 1),
    ("penalties", "presence_penalty", lambda request: bool(request.presence_penalty)),
    ("penalties", "frequency_penalty", lambda request: bool(request.frequency_penalty)),
    ("logit_bias", "logit_bias", lambda request: bool(request.logit_bias)),
    ("logprobs", "logprobs", lambda request: bool(request.logprobs) or request.top_logprobs is not None),
    ("reasoning_effort", "reasoning_effort", lambda request: _reasoning(request).effort is not None),
    ("reasoning_budget", "thinking", lambda request: _reasoning(request).budget is not None),
    ("verbosity", "verbosity", lambda request: request.verbosity is not None),
    ("service_tier", "service_tier", lambda request: request.service_tier is not None),
    ("user", "user", lambda request: request.user is not None),
    ("metadata", "metadata", lambda request: bool(request.metadata)),
    ("prompt_cache_key", "prompt_cache_key", lambda request: request.prompt_cache_key is not None),
    ("audio_output", "modalities", lambda request: request.audio_output),
)  # fmt: skip


def _uses_of_tools(request: Request) -> Iterator[Use]:
    for tool in request.tools:
        if tool.strict:
            yield Use("strict_tools", "tools.strict")
        if tool.cache is not None:
            yield Use("prompt_cache_marks", "cache_control")


def _uses_of_messages(messages: tuple[Message, ...]) -> Iterator[Use]:
    begun = False
    for message in messages:
        if message.role in ("system", "developer"):
            yield Use("system_inside" if begun else "system_messages", "messages")
        else:
            begun = True
        if message.name is not None:
            yield Use("names_of_speakers", "messages.name")
        for part in message.parts:
            yield from _uses_of_part(part)
    if messages and messages[-1].role == "assistant" and all(isinstance(part, Text) for part in messages[-1].parts):
        yield Use("answer_prefill", "messages")


def _uses_of_part(part: Part) -> Iterator[Use]:
    if isinstance(part, Text | Image | Document | ToolCall | ToolResult) and part.cache is not None:
        yield Use("prompt_cache_marks", "cache_control")
    if isinstance(part, Image):
        yield Use("images", "messages (image)")
        if part.detail is not None:
            yield Use("image_detail", "image.detail")
        yield from _uses_of_source(part, "image_urls")
    elif isinstance(part, Document):
        yield Use("documents", "messages (file)")
        yield from _uses_of_source(part, "document_urls")
    elif isinstance(part, Audio):
        yield Use("audio", "messages (audio)")
    elif isinstance(part, Thinking):
        yield Use("thinking", "messages (thinking)")
        if part.signature is not None or part.redacted is not None:
            yield Use("thinking_signatures", "messages (thinking signature)")
    elif isinstance(part, ToolResult):
        yield Use("tool_results", "messages (tool result)")
        for inner in part.parts:
            if not isinstance(inner, Text):
                yield Use("tool_result_images", "messages (tool result)")
            yield from _uses_of_part(inner)


def _uses_of_source(part: Image | Document, by_url: Feature) -> Iterator[Use]:
    if part.source.url is not None:
        yield Use(by_url, "messages (url)")
    if part.source.file_id is not None:
        yield Use("files_by_id", "messages (file id)")
