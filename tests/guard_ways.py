"""The ways that a call can go through a guarded gateway, and the places of a call that hold text.

`Way` is the API that is asked, the protocol of the provider, and whether the answer streams. `PLACES` are the bodies of each
endpoint with a text in one place. Rules: a way is told by its name in the output of the tests, a place by its own.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from gateway_rig import Reply, a_model, a_provider, a_route, a_rule, a_snapshot, call
from guard_answers import Heard, heard
from guard_rig import PATHS, a_guard, asked
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap
from turnout_sidecar.server import Gateway

ENDPOINTS = {**PATHS, "count_tokens": "/v1/messages/count_tokens", "embeddings": "/v1/embeddings"}
_ABLE: tuple[Any, ...] = ("Chat", "Embeddings", "Tools", "JSONSchema", "Vision", "Audio", "Reasoning")
_RESPONDS: tuple[Any, ...] = ("Responses", "Tools", "JSONSchema", "Vision", "Audio", "Reasoning")


class Way(NamedTuple):
    """See the module."""

    asked: str
    spoken: str
    stream: bool = False

    def __str__(self) -> str:
        return f"{self.asked} to {self.spoken}{', streamed' if self.stream else ''}"

    async def ask(self, gateway: Gateway, body: dict[str, Any], **headers: str) -> Reply:
        """The call, on the path of its API."""
        stream = {"stream": True} if self.stream else {}
        return await call(gateway, {**body, **stream}, ENDPOINTS[self.asked], **headers)

    async def say(self, gateway: Gateway, text: str, **fields: Any) -> Reply:
        """The call with one text of a user."""
        return await self.ask(gateway, asked(self.asked, text, **fields))

    def heard(self, reply: Reply, choice: int = 0) -> Heard:
        """What a client makes of the answer."""
        assert reply.status == 200, reply.body
        return heard(self.asked, reply.body, stream=self.stream, choice=choice)


PATIENT = snap.Timeouts(request_ms=60_000, first_token_ms=60_000, stream_idle_ms=60_000)
"""What is tested here is the order of events, and a slow machine changes nothing about that."""
WAYS = tuple(Way(name, spoken, stream) for name in PATHS for spoken in PATHS for stream in (False, True))
"""Each API before each protocol, whole and streamed."""
every_way = pytest.mark.parametrize("way", WAYS, ids=str)
every_stream = pytest.mark.parametrize("way", [way for way in WAYS if way.stream], ids=str)
every_whole = pytest.mark.parametrize("way", [way for way in WAYS if not way.stream], ids=str)


def through(
    way: Way | str, guard: guards.Guard | None = None, *, gateway: snap.Gateway | None = None, **rule: Any
) -> snap.Snapshot:
    """A snapshot with route `assistant` before one provider of the way's protocol (or the protocol of that name)."""
    spoken = way.spoken if isinstance(way, Way) else way
    guard = guard or a_guard()
    provider = a_provider(
        "openai",
        a_model(capabilities=_RESPONDS if spoken == "responses" else _ABLE),
        protocol="Anthropic" if spoken == "messages" else "OpenAI",
    )
    route = a_route("assistant", a_rule("openai/gpt", guard=guard.id, **rule), timeouts=PATIENT)
    return a_snapshot(route, providers=(provider,), gateway=gateway, guards=(guard,))


Body = dict[str, Any]
_TOOL = {"type": "object", "properties": {"to": {"type": "string"}}}


def _chat(*messages: Body, **fields: Any) -> Body:
    return {"model": "assistant", "messages": [*messages], **fields}


def _user(content: Any) -> Body:
    return {"role": "user", "content": content}


def _chat_call(arguments: str, result: str) -> Body:
    made = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": arguments}}
    told = {"role": "tool", "tool_call_id": "call_1", "content": result}
    return _chat(_user("Send it."), {"role": "assistant", "content": None, "tool_calls": [made]}, told)


def _chat_tool(text: str) -> Body:
    parameters = {**_TOOL, "properties": {"to": {"type": "string", "default": text}}}
    function = {"name": "send", "description": f"Sends to {text}.", "parameters": parameters}
    return _chat(_user("Send it."), tools=[{"type": "function", "function": function}])


CHAT: dict[str, Callable[[str], Body]] = {
    "user": lambda text: _chat(_user(text)),
    "part": lambda text: _chat(_user([{"type": "text", "text": text}])),
    "system": lambda text: _chat({"role": "system", "content": text}, _user("Hi")),
    "developer": lambda text: _chat({"role": "developer", "content": text}, _user("Hi")),
    "assistant": lambda text: _chat(_user("Hi"), {"role": "assistant", "content": text}, _user("Go on")),
    "arguments": lambda text: _chat_call(json.dumps({"to": text}), "sent"),
    "result": lambda text: _chat_call("{}", text),
    "definition": _chat_tool,
}


def _messages(*messages: Body, **fields: Any) -> Body:
    return {"model": "assistant", "max_tokens": 100, "messages": [*messages], **fields}


def _messages_call(input_: Any, result: Any) -> Body:
    made = {"type": "tool_use", "id": "toolu_1", "name": "send", "input": input_}
    told = {"type": "tool_result", "tool_use_id": "toolu_1", "content": result}
    tools = [{"name": "send", "input_schema": _TOOL}]
    return _messages(_user("Send it."), {"role": "assistant", "content": [made]}, _user([told]), tools=tools)


def _messages_tool(text: str) -> Body:
    schema = {**_TOOL, "properties": {"to": {"type": "string", "default": text}}}
    tools = [{"name": "send", "description": f"Sends to {text}.", "input_schema": schema}]
    return _messages(_user("Send it."), tools=tools)


MESSAGES: dict[str, Callable[[str], Body]] = {
    "user": lambda text: _messages(_user(text)),
    "part": lambda text: _messages(_user([{"type": "text", "text": text}])),
    "system": lambda text: _messages(_user("Hi"), system=text),
    "system part": lambda text: _messages(_user("Hi"), system=[{"type": "text", "text": text}]),
    "assistant": lambda text: _messages(_user("Hi"), {"role": "assistant", "content": text}, _user("Go on")),
    "arguments": lambda text: _messages_call({"to": text}, "sent"),
    "result": lambda text: _messages_call({}, text),
    "result part": lambda text: _messages_call({}, [{"type": "text", "text": text}]),
    "definition": _messages_tool,
}


def _items(*items: Any, **fields: Any) -> Body:
    return {"model": "assistant", "input": [*items], **fields}


def _item_call(arguments: str, result: str) -> Body:
    made = {"type": "function_call", "call_id": "call_1", "name": "send", "arguments": arguments}
    return _items(_user("Send it."), made, {"type": "function_call_output", "call_id": "call_1", "output": result})


def _said(text: str) -> Body:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def _item_tool(text: str) -> Body:
    parameters = {**_TOOL, "properties": {"to": {"type": "string", "default": text}}}
    tool = {"type": "function", "name": "send", "description": f"Sends to {text}.", "parameters": parameters}
    return _items(_user("Send it."), tools=[tool])


RESPONSES: dict[str, Callable[[str], Body]] = {
    "user": lambda text: {"model": "assistant", "input": text},
    "part": lambda text: _items(_user([{"type": "input_text", "text": text}])),
    "instructions": lambda text: {"model": "assistant", "input": "Hi", "instructions": text},
    "system": lambda text: _items({"role": "system", "content": text}, _user("Hi")),
    "developer": lambda text: _items({"role": "developer", "content": text}, _user("Hi")),
    "assistant": lambda text: _items(_user("Hi"), _said(text), _user("Go on")),
    "arguments": lambda text: _item_call(json.dumps({"to": text}), "sent"),
    "result": lambda text: _item_call("{}", text),
    "definition": _item_tool,
}
EMBEDDINGS: dict[str, Callable[[str], Body]] = {
    "user": lambda text: {"model": "assistant", "input": text},
    "list": lambda text: {"model": "assistant", "input": ["one", text]},
}


def _counted(make: Callable[[str], Body]) -> Callable[[str], Body]:
    return lambda text: {name: value for name, value in make(text).items() if name != "max_tokens"}


PLACES: dict[str, dict[str, Callable[[str], Body]]] = {
    "chat": CHAT,
    "messages": MESSAGES,
    "responses": RESPONSES,
    "count_tokens": {name: _counted(make) for name, make in MESSAGES.items()},
    "embeddings": EMBEDDINGS,
}
"""By endpoint and place."""


class Spot(NamedTuple):
    """One place of one endpoint before one protocol."""

    way: Way
    place: str

    def __str__(self) -> str:
        return f"{self.place} of {self.way}"

    def body(self, text: str) -> Body:
        """A call with this text there."""
        return PLACES[self.way.asked][self.place](text)


def spots(*places: str, stream: tuple[bool, ...] = (False, True)) -> list[Spot]:
    """These places (all) of all endpoints that have them, each way."""
    ways = [way for way in WAYS if way.stream in stream]
    ways += [Way("count_tokens", "messages"), Way("count_tokens", "chat"), Way("embeddings", "chat")]
    return [Spot(way, place) for way in ways for place in PLACES[way.asked] if not places or place in places]


def every_spot(*places: str, stream: tuple[bool, ...] = (False, True)) -> pytest.MarkDecorator:
    """A test over these places."""
    return pytest.mark.parametrize("spot", spots(*places, stream=stream), ids=str)
