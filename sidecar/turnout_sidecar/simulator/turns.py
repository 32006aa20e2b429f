"""What the simulated model says: one turn, whatever the protocol that tells it.

A tool is called where the question says `call NAME` (or `use NAME`), where it says "both" or "twice", or where the request
forces it; after the results of tools the answer is a text that mentions them. All of it is drawn from the request, so that
equal requests get equal answers. Rules: a dialect brings a Task, and tells what was Made in its own words; no dialect makes
text of its own.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from turnout_sidecar.simulator.answers import count_tokens, pieces, write_text
from turnout_sidecar.simulator.dialect import Refusal
from turnout_sidecar.simulator.drawing import Draw
from turnout_sidecar.simulator.instances import UnsatisfiedSchema, instance_of

Finish = Literal["stop", "stop_sequence", "length", "tool_calls"]

NAMED_CALL: Final = re.compile(r"\b(?:call|use)\s+([A-Za-z0-9_.:-]*[A-Za-z0-9_-])")
_BOTH: Final = re.compile(r"\bboth\b", re.IGNORECASE)
_TWICE: Final = re.compile(r"\btwice\b", re.IGNORECASE)
_TWO: Final = 2
_LONGEST_RESULT: Final = 400
_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call; `parameters` is its JSON Schema."""

    name: str
    parameters: Any


class Call(msgspec.Struct, frozen=True):
    """One call of a tool. `key`: 24 letters and digits to make its id of."""

    key: str
    name: str
    arguments: Any

    @property
    def text(self) -> str:
        """The arguments as JSON."""
        return json.dumps(self.arguments, ensure_ascii=False)


class Task(msgspec.Struct, frozen=True):
    """What a turn depends on, besides chance."""

    question: str = ""
    """The text of the last message, if a user said it."""
    results: tuple[str, ...] = ()
    """What the tools gave, where the last message tells that."""
    calls: tuple[Tool, ...] = ()
    """The tools to call, in order; see `chosen`."""
    lead: bool = False
    """A sentence comes before the calls."""
    schema: Any = None
    """The JSON Schema that the text must follow; None: free text."""
    schema_place: str = "response_format"
    tools_place: str = "tools"
    stops: tuple[str, ...] = ()
    limit: int | None = None
    """Most tokens, thinking included."""
    thinks: bool = False


class Made(msgspec.Struct, frozen=True):
    """One turn. `text` None: nothing but calls. `tokens` counts all, `thinking_tokens` is a part of it."""

    thinking: str
    text: str | None
    calls: tuple[Call, ...]
    finish: Finish
    stop: str | None
    thinking_tokens: int
    tokens: int


def chosen(tools: Sequence[Tool], question: str, *, forced: bool = False, parallel: bool = True) -> tuple[Tool, ...]:
    """The tools that this question makes the model call, where it may choose. `forced`: at least one."""
    by_name = {tool.name: tool for tool in tools}
    called = [by_name[name] for name in dict.fromkeys(NAMED_CALL.findall(question)) if name in by_name]
    if tools and _BOTH.search(question):
        others = [tool for tool in tools if tool not in called]
        called = [*called, *others][:_TWO] if len(called) < _TWO else called
        called = called * _TWO if len(called) == 1 else called
    elif tools and _TWICE.search(question):
        called = [tool for tool in called or tools[:1] for _ in range(_TWO)]
    if forced and not called:
        called = list(tools[:1])
    return tuple(called if parallel else called[:1])


def make(task: Task, draw: Draw) -> Made:
    """The turn. Raises Refusal for a schema that cannot be satisfied."""
    thinking = write_text(draw, task.question) if task.thinks else ""
    thought = count_tokens(thinking)
    if task.calls:
        text = f"Let me call {task.calls[0].name}." if task.lead else None
        calls = tuple(_call(tool, draw, task.tools_place) for tool in task.calls)
        tokens = sum(count_tokens(call.name) + count_tokens(call.text) for call in calls)
        return Made(thinking, text, calls, "tool_calls", None, thought, thought + tokens + count_tokens(text or ""))
    text, stop = _stopped(_text(task, draw), task.stops)
    made = pieces(text)
    room = len(made) if task.limit is None else max(task.limit - thought, 0)
    if len(made) > room:
        return Made(thinking, "".join(made[:room]), (), "length", None, thought, thought + room)
    finish: Finish = "stop" if stop is None else "stop_sequence"
    return Made(thinking, text, (), finish, stop, thought, thought + len(made))


def _text(task: Task, draw: Draw) -> str:
    if task.schema is not None:
        return json.dumps(_instance(task.schema, draw, task.schema_place), ensure_ascii=False)
    told = "; ".join(result.strip()[:_LONGEST_RESULT] for result in task.results)
    text = write_text(draw, task.question)
    return f"The result is: {told}. {text}" if task.results else text


def _stopped(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """`text` up to the first of `stops`, and which that was."""
    first: tuple[int, str] | None = None
    for stop in stops:
        place = text.find(stop)
        if place >= 0 and (first is None or place < first[0]):
            first = (place, stop)
    return (text, None) if first is None else (text[: first[0]], first[1])


def _call(tool: Tool, draw: Draw, place: str) -> Call:
    key = "".join(draw.pick(_ALPHABET) for _ in range(24))
    return Call(key, tool.name, _instance(tool.parameters, draw, place))


def _instance(schema: Any, draw: Draw, param: str) -> Any:
    try:
        return instance_of(schema, draw)
    except UnsatisfiedSchema as error:
        raise Refusal(400, f"Invalid schema in '{param}': {error}.", param=param) from None
