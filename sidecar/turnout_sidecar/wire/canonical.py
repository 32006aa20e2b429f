"""The canonical exchange: a call, its answer and the events of its stream, as frozen values that belong to no provider.

Every wire format is read into these values and written from them, so that n formats need n readers and n writers, not
n times n translations. Used only where the protocol that was asked differs from the one that a backend speaks; the same
protocol goes through as bytes. Sans-IO, and nothing here knows a format. Rules:
- None is "not said" and never a default; a zero, an empty text and False are said;
- what a format holds and these values do not is named in `Request.unknown`, so that losing it is told and never silent;
- arguments of a tool call are the JSON text as it came (big integers, key order), not a parsed value;
- a signature belongs to the part that it signs and goes back to the provider unchanged;
- results of tools are parts of a user message, all those of one turn in one message.
"""

from typing import Any, Literal

import msgspec

from turnout_sidecar.exchange.usage import Usage

Role = Literal["system", "developer", "user", "assistant"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
FinishReason = Literal[
    "stop",  # the end of a turn
    "stop_sequence",
    "length",
    "tool_calls",
    "content_filter",
    "refusal",
    "pause",  # a long turn that wants to be continued
    "context_window",
    "error",  # what was made is no answer: malformed calls and the like
    "other",
]


class Source(msgspec.Struct, frozen=True):
    """Bytes of a medium: exactly one of `data` (base64), `url` and `file_id` (an upload at one provider)."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None


class Text(msgspec.Struct, frozen=True, tag="text"):
    """Text. `cache`: how long the provider should keep the prefix that ends here ("5m", "1h")."""

    text: str
    cache: str | None = None


class Image(msgspec.Struct, frozen=True, tag="image"):
    """A picture. `detail`: low, high, auto."""

    source: Source
    detail: str | None = None
    cache: str | None = None


class Document(msgspec.Struct, frozen=True, tag="document"):
    """A file, mostly a PDF."""

    source: Source
    name: str | None = None
    cache: str | None = None


class Audio(msgspec.Struct, frozen=True, tag="audio"):
    """Sound. `format`: wav, mp3, ..."""

    source: Source
    format: str | None = None


class Thinking(msgspec.Struct, frozen=True, tag="thinking"):
    """What a model thought. `signature` proves to its provider that it did; `redacted` stands for text that is hidden.

    `item` is the id that its provider gave it, where it has one (Responses).
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    item: str | None = None


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call"):
    """A call of a tool by the model. `arguments` is JSON text."""

    id: str
    name: str
    arguments: str
    signature: str | None = None
    cache: str | None = None


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result"):
    """What a tool answered. `name` is the tool's, where the format says it."""

    id: str
    parts: tuple[Text | Image | Document, ...]
    is_error: bool = False
    name: str | None = None
    cache: str | None = None


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """The model's words when it refuses."""

    text: str


Part = Text | Image | Document | Audio | Thinking | ToolCall | ToolResult | Refusal


class Message(msgspec.Struct, frozen=True):
    """One message. `name` tells speakers of one role apart."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call. `parameters` is a JSON Schema; None: no arguments were described."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    cache: str | None = None


class ToolChoice(msgspec.Struct, frozen=True):
    """Whether tools are to be called. `name`: which, for `tool`."""

    mode: Literal["auto", "none", "required", "tool"]
    name: str | None = None


class Format(msgspec.Struct, frozen=True):
    """The shape of the answer."""

    kind: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class Reasoning(msgspec.Struct, frozen=True):
    """How much to think. `budget` in tokens; `enabled` False: not at all; `shown`: whether the thoughts are wanted back."""

    effort: Effort | None = None
    budget: int | None = None
    enabled: bool | None = None
    shown: bool | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a model that chats. `unknown` are the members that the reader has no place for, by name."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    temperature: float | int | None = None
    top_p: float | int | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int | None = None
    presence_penalty: float | int | None = None
    frequency_penalty: float | int | None = None
    logit_bias: dict[str, Any] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    format: Format | None = None
    reasoning: Reasoning | None = None
    verbosity: str | None = None
    service_tier: str | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    prompt_cache_key: str | None = None
    audio_output: bool = False
    stateful: tuple[str, ...] = ()
    """Members that lean on what one provider keeps (previous_response_id, conversation, background, pmpt_ prompts)."""
    provider_tools: tuple[str, ...] = ()
    """Types of tools that the provider itself runs (web_search, code_interpreter, computer_use ...)."""
    stream: bool = False
    unknown: tuple[str, ...] = ()
    fields: dict[str, str] = msgspec.field(default_factory=dict)
    """How the asked API names what chat completions names otherwise ("stop": "stop_sequences"), for headers and errors."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer. `raw_finish` is the provider's own word; `logprobs` as the OpenAI API has them."""

    parts: tuple[Part, ...]
    finish: FinishReason
    id: str | None = None
    model: str | None = None
    created: int | None = None
    raw_finish: str | None = None
    stop_sequence: str | None = None
    usage: Usage | None = None
    service_tier: str | None = None
    logprobs: Any = None


class NotAnAnswer(ValueError):  # noqa: N818  says what it is
    """A reply that should be an answer of its format and is not, or a stream that is none."""


class ProviderError(msgspec.Struct, frozen=True):
    """What a provider said of an error. Empty: nothing that can be read. `retry_after`: seconds, where the body tells them."""

    message: str = ""
    type: str = ""
    code: str = ""
    param: str | None = None
    retry_after: float | None = None


class FailedAnswer(NotAnAnswer):
    """A whole answer that says that it failed. `error` in the provider's words, `usage` where it names one."""

    def __init__(self, error: ProviderError, status: int, usage: Usage | None) -> None:
        super().__init__(f"the answer failed: {error.message or error.code or 'without a reason'}")
        self.error = error
        self.status = status  # the HTTP status that means the same
        self.usage = usage


# --- events of a stream, in the order in which they come; `index` numbers the parts of the answer from 0 in their order ---


class Started(msgspec.Struct, frozen=True, tag="started"):
    """The answer has begun; told once, before everything but `Pinged`."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    service_tier: str | None = None


class TextDelta(msgspec.Struct, frozen=True, tag="text_delta"):
    """More of a text; the first of an index opens the part, as with every delta but arguments."""

    index: int
    text: str
    logprobs: Any = None


class RefusalDelta(msgspec.Struct, frozen=True, tag="refusal_delta"):
    """More of a refusal."""

    index: int
    text: str


class ThinkingDelta(msgspec.Struct, frozen=True, tag="thinking_delta"):
    """More of a thought."""

    index: int
    text: str
    item: str | None = None


class ThinkingSigned(msgspec.Struct, frozen=True, tag="thinking_signed"):
    """The signature of the thought `index`, or all of a hidden one (`redacted`)."""

    index: int
    signature: str | None = None
    redacted: str | None = None
    item: str | None = None


class ToolCallStarted(msgspec.Struct, frozen=True, tag="tool_call_started"):
    """A tool call opens; its arguments follow, or are none (then they are `{}`)."""

    index: int
    id: str
    name: str
    signature: str | None = None


class ArgumentsDelta(msgspec.Struct, frozen=True, tag="arguments_delta"):
    """More of the arguments' JSON text."""

    index: int
    text: str


class PartEnded(msgspec.Struct, frozen=True, tag="part_ended"):
    """The part is whole. A reader whose format does not say so tells it before the next part or the finish."""

    index: int


class Reported(msgspec.Struct, frozen=True, tag="reported"):
    """Usage so far; the reader has merged it with what was reported before."""

    usage: Usage


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """Why the answer ended; told once, after the last part."""

    reason: FinishReason
    raw: str | None = None
    stop_sequence: str | None = None


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The provider says in the stream that something went wrong. `status`: the HTTP status that means the same."""

    error: ProviderError
    status: int = 502


class Pinged(msgspec.Struct, frozen=True, tag="pinged"):
    """A sign of life: a ping, or a comment."""


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The terminal event of the format has come: the stream is whole. Told once, and last."""


Event = (
    Started
    | TextDelta
    | RefusalDelta
    | ThinkingDelta
    | ThinkingSigned
    | ToolCallStarted
    | ArgumentsDelta
    | PartEnded
    | Reported
    | Finished
    | Failed
    | Pinged
    | Ended
)
