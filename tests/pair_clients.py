"""The official clients as one kind of talk, so that one test can be held with each of them.

A `Talk` keeps what was said as applications do: it sends back what the client gave it, whole, whatever the members are that
only the asked API knows. Streams are put together by the client's own accumulators. Nothing is retried.
"""

import abc
import base64
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anthropic
import httpx2
import msgspec
import openai
import orjson

PICTURE = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001"
        "a5f645400000000049454e44ae426082"
    )
).decode()
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = ("weather", "time")
_MOST = 8192


class Called(msgspec.Struct, frozen=True):
    """A call of a tool."""

    id: str
    name: str
    arguments: Any


class Said(msgspec.Struct, frozen=True):
    """One answer. `thought`: what was told of its thinking; `finish`: in the API's own word; `cached` is a part of `input`."""

    text: str
    calls: tuple[Called, ...]
    thought: str
    finish: str | None
    input: int | None
    output: int | None
    cached: int


class Wish(msgspec.Struct, frozen=True):
    """What is asked for. `extra` goes into the call as it is."""

    stream: bool = False
    tools: bool = False
    forced: bool = False
    schema: bool = False
    thinks: bool = False
    model: str = "assistant"
    extra: Mapping[str, Any] = {}


class Talk(abc.ABC):
    """A conversation by one API. `said` is what goes with the next call, `headers` those of each answer."""

    client: openai.AsyncOpenAI | anthropic.AsyncAnthropic

    def __init__(self) -> None:
        self.headers: list[httpx2.Headers] = []
        self.said: list[Any] = []

    def forget(self) -> None:
        """A new conversation."""
        self.said = []

    @abc.abstractmethod
    async def ask(self, text: str, wish: Wish, *, picture: bool = False) -> Said:
        """The user says something."""

    @abc.abstractmethod
    async def give(self, results: Sequence[tuple[Called, str]], wish: Wish) -> Said:
        """The tools have answered."""

    @abc.abstractmethod
    def open(self, text: str, wish: Wish) -> AbstractAsyncContextManager[Any]:
        """The raw stream of an answer."""


class ChatTalk(Talk):
    """openai.AsyncOpenAI, chat completions."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__()
        self.client: openai.AsyncOpenAI = _openai(url, key, self.headers)

    async def ask(self, text: str, wish: Wish, *, picture: bool = False) -> Said:
        """See Talk."""
        image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
        self.said.append({"role": "user", "content": [{"type": "text", "text": text}, image] if picture else text})
        return await self._answer(wish)

    async def give(self, results: Sequence[tuple[Called, str]], wish: Wish) -> Said:
        """See Talk."""
        self.said += [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in results]
        return await self._answer(wish)

    @asynccontextmanager
    async def open(self, text: str, wish: Wish) -> AsyncIterator[Any]:
        """See Talk."""
        messages: Any = [{"role": "user", "content": text}]
        stream = await self.client.chat.completions.create(
            **self._asked(wish) | {"messages": messages}, stream=True, stream_options={"include_usage": True}
        )
        async with stream:
            yield stream

    def _asked(self, wish: Wish) -> dict[str, Any]:
        asked: dict[str, Any] = {"model": wish.model, "messages": self.said, **wish.extra}
        if wish.tools:
            functions = [{"name": name, "parameters": PARAMETERS, "strict": True} for name in TOOLS]
            asked["tools"] = [{"type": "function", "function": function} for function in functions]
        if wish.forced:
            asked["tool_choice"] = "required"
        if wish.schema:
            wanted = {"name": "weather", "schema": SCHEMA, "strict": True}
            asked["response_format"] = {"type": "json_schema", "json_schema": wanted}
        if wish.thinks:
            asked["reasoning_effort"] = "medium"
        return asked

    async def _answer(self, wish: Wish) -> Said:
        asked = self._asked(wish)
        if wish.stream:
            asked["stream_options"] = {"include_usage": True}
            async with self.client.chat.completions.stream(**asked) as stream:
                made: Any = await stream.get_final_completion()
        else:
            made = await self.client.chat.completions.create(**asked)
        choice = made.choices[0]
        self.said.append(choice.message.model_dump(exclude_none=True))
        usage = made.usage
        details = usage.prompt_tokens_details if usage else None
        calls = choice.message.tool_calls or ()
        return Said(
            choice.message.content or "",
            tuple(Called(call.id, call.function.name, orjson.loads(call.function.arguments)) for call in calls),
            getattr(choice.message, "reasoning_content", None) or "",
            choice.finish_reason,
            usage.prompt_tokens if usage else None,
            usage.completion_tokens if usage else None,
            (details.cached_tokens or 0) if details else 0,
        )


class ResponsesTalk(Talk):
    """openai.AsyncOpenAI, responses."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__()
        self.client: openai.AsyncOpenAI = _openai(url, key, self.headers)

    async def ask(self, text: str, wish: Wish, *, picture: bool = False) -> Said:
        """See Talk."""
        content = [{"type": "input_text", "text": text}]
        if picture:
            content.append({"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}", "detail": "auto"})
        self.said.append({"role": "user", "content": content})
        return await self._answer(wish)

    async def give(self, results: Sequence[tuple[Called, str]], wish: Wish) -> Said:
        """See Talk."""
        self.said += [{"type": "function_call_output", "call_id": call.id, "output": text} for call, text in results]
        return await self._answer(wish)

    @asynccontextmanager
    async def open(self, text: str, wish: Wish) -> AsyncIterator[Any]:
        """See Talk."""
        stream = await self.client.responses.create(**self._asked(wish) | {"input": text}, stream=True)
        async with stream:
            yield stream

    def _asked(self, wish: Wish) -> dict[str, Any]:
        asked: dict[str, Any] = {"model": wish.model, "input": self.said, "store": False, **wish.extra}
        if wish.tools:
            asked["tools"] = [
                {"type": "function", "name": name, "parameters": PARAMETERS, "strict": True} for name in TOOLS
            ]
        if wish.forced:
            asked["tool_choice"] = "required"
        if wish.schema:
            asked["text"] = {"format": {"type": "json_schema", "name": "weather", "schema": SCHEMA, "strict": True}}
        if wish.thinks:
            asked["reasoning"] = {"effort": "medium", "summary": "auto"}
            asked["include"] = ["reasoning.encrypted_content"]
        return asked

    async def _answer(self, wish: Wish) -> Said:
        asked = self._asked(wish)
        if wish.stream:
            async with self.client.responses.stream(**asked) as stream:
                made: Any = await stream.get_final_response()
        else:
            made = await self.client.responses.create(**asked)
        self.said += [item.model_dump(exclude_none=True) for item in made.output]
        calls = [item for item in made.output if item.type == "function_call"]
        thoughts = [item for item in made.output if item.type == "reasoning"]
        return Said(
            made.output_text,
            tuple(Called(call.call_id, call.name, orjson.loads(call.arguments)) for call in calls),
            "".join(part.text for item in thoughts for part in item.summary),
            made.incomplete_details.reason if made.incomplete_details else made.status,
            made.usage.input_tokens if made.usage else None,
            made.usage.output_tokens if made.usage else None,
            made.usage.input_tokens_details.cached_tokens if made.usage else 0,
        )


class MessagesTalk(Talk):
    """anthropic.AsyncAnthropic."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__()
        http = httpx2.AsyncClient(event_hooks={"response": [_remember(self.headers)]}, transport=_transport())
        self.client: anthropic.AsyncAnthropic = anthropic.AsyncAnthropic(
            base_url=url, api_key=key, max_retries=0, timeout=60, http_client=http
        )

    async def ask(self, text: str, wish: Wish, *, picture: bool = False) -> Said:
        """See Talk."""
        source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
        content = [{"type": "text", "text": text}, {"type": "image", "source": source}]
        self.said.append({"role": "user", "content": content if picture else text})
        return await self._answer(wish)

    async def give(self, results: Sequence[tuple[Called, str]], wish: Wish) -> Said:
        """See Talk."""
        blocks = [{"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in results]
        self.said.append({"role": "user", "content": blocks})
        return await self._answer(wish)

    @asynccontextmanager
    async def open(self, text: str, wish: Wish) -> AsyncIterator[Any]:
        """See Talk."""
        asked = self._asked(wish) | {"messages": [{"role": "user", "content": text}]}
        stream = await self.client.messages.create(**asked, stream=True)
        async with stream:
            yield stream

    def _asked(self, wish: Wish) -> dict[str, Any]:
        asked: dict[str, Any] = {"model": wish.model, "max_tokens": _MOST, "messages": self.said, **wish.extra}
        if wish.tools:
            asked["tools"] = [{"name": name, "input_schema": PARAMETERS} for name in TOOLS]
        if wish.forced:
            asked["tool_choice"] = {"type": "any"}
        if wish.schema:
            asked["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        if wish.thinks:
            asked["thinking"] = {"type": "enabled", "budget_tokens": 4096}
        return asked

    async def _answer(self, wish: Wish) -> Said:
        asked = self._asked(wish)
        if wish.stream:
            async with self.client.messages.stream(**asked) as stream:
                made: Any = await stream.get_final_message()
        else:
            made = await self.client.messages.create(**asked)
        self.said.append({"role": "assistant", "content": made.content})
        usage = made.usage
        cached = usage.cache_read_input_tokens or 0
        return Said(
            "".join(block.text for block in made.content if block.type == "text"),
            tuple(Called(block.id, block.name, block.input) for block in made.content if block.type == "tool_use"),
            "".join(block.thinking for block in made.content if block.type == "thinking"),
            made.stop_reason,
            usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0),
            usage.output_tokens,
            cached,
        )


IN: dict[str, Callable[[str, str], Talk]] = {"chat": ChatTalk, "responses": ResponsesTalk, "messages": MessagesTalk}


def _openai(url: str, key: str, headers: list[httpx2.Headers]) -> openai.AsyncOpenAI:
    http = httpx2.AsyncClient(event_hooks={"response": [_remember(headers)]}, transport=_transport())
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60, http_client=http)


def _transport() -> httpx2.AsyncHTTPTransport:
    """Without certificates, which take long to load and are not looked at here."""
    return httpx2.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False)


def _remember(headers: list[httpx2.Headers]) -> Any:
    async def remember(response: httpx2.Response) -> None:
        headers.append(response.headers)

    return remember
