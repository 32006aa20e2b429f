"""What is written for Anthropic is taken by a provider that checks as strictly as Anthropic does, and its answers are read."""

from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest
from aiohttp import web

from support.wire_features import EXAMPLES, FEATURES
from turnout_sidecar.simulator.server import make_runner
from turnout_sidecar.simulator.settings import SimulatorSettings
from turnout_sidecar.wire.canonical import (
    ArgumentsDelta,
    Ended,
    Event,
    Finished,
    Message,
    Reasoning,
    Reported,
    Request,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ThinkingSigned,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from turnout_sidecar.wire.formats import Model
from turnout_sidecar.wire.messages.format import OUTBOUND, SUPPORT
from turnout_sidecar.wire.support import Feature

MODEL = Model("claude-sonnet-4-5", max_output_tokens=8000, reasoning=True)
HELLO = Message("user", (Text("What is the weather? Please call weather twice."),))
WEATHER = Tool(
    "weather", "The weather.", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
)
TAKEN = [
    feature
    for feature in FEATURES
    if SUPPORT[feature].fate != "refused"
    and feature != "thinking_signatures"  # whose example is not signed by this provider
]


class Provider:
    """A simulated Anthropic."""

    def __init__(self, port: int, session: aiohttp.ClientSession) -> None:
        self._url = f"http://127.0.0.1:{port}/v1"
        self._session = session

    async def ask(self, request: Request, model: Model = MODEL) -> bytes:
        written = OUTBOUND.write_request(request, model)
        headers = {"x-api-key": "k", "anthropic-version": "2023-06-01", "content-type": "application/json"}
        async with self._session.post(self._url + written.path, data=written.body, headers=headers) as response:
            answer = await response.read()
            assert response.status == 200, answer
            return answer

    async def stream(self, request: Request) -> list[Event]:
        answer = await self.ask(msgspec.structs.replace(request, stream=True))
        reader = OUTBOUND.reader()
        return [*reader.feed(answer), *reader.finish()]


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    runner = make_runner(SimulatorSettings(protocol="anthropic"))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        yield Provider(runner.addresses[0][1], session)
    await runner.cleanup()


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-4-8"])
@pytest.mark.parametrize("feature", TAKEN)
async def test_every_feature_that_can_be_said_is_taken(provider: Provider, feature: Feature, model: str) -> None:
    answer = OUTBOUND.read_answer(await provider.ask(EXAMPLES[feature], Model(model, 8000, reasoning=True)))
    assert answer.parts
    assert answer.usage is not None
    assert answer.finish in ("stop", "tool_calls", "length")


async def test_a_whole_answer_and_its_stream_say_the_same(provider: Provider) -> None:
    request = Request(messages=(HELLO,))
    answer = OUTBOUND.read_answer(await provider.ask(request))
    events = await provider.stream(request)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "".join(
        part.text for part in answer.parts if isinstance(part, Text)
    )
    assert [event.usage for event in events if isinstance(event, Reported)][-1] == answer.usage
    assert isinstance(events[-2], Finished)
    assert isinstance(events[-1], Ended)


async def test_a_loop_of_tools_with_thinking_goes_round(provider: Provider) -> None:
    asked = Request(messages=(HELLO,), tools=(WEATHER,), tool_choice=ToolChoice("auto"), reasoning=Reasoning("low"))
    answer = OUTBOUND.read_answer(await provider.ask(asked))
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    assert answer.finish == "tool_calls"
    assert calls
    assert any(isinstance(part, Thinking) for part in answer.parts)
    results = tuple(ToolResult(call.id, (Text("Rain"),)) for call in calls)
    again = msgspec.structs.replace(
        asked, messages=(HELLO, Message("assistant", answer.parts), Message("user", results))
    )
    end = OUTBOUND.read_answer(await provider.ask(again))
    assert any(isinstance(part, Text) for part in end.parts)

    events = await provider.stream(asked)
    kinds = {type(event) for event in events}
    assert {ThinkingDelta, ThinkingSigned, ArgumentsDelta} <= kinds

    lost = Message("assistant", tuple(part for part in answer.parts if not isinstance(part, Thinking)))
    forgetful = msgspec.structs.replace(asked, messages=(HELLO, lost, Message("user", results)))
    assert OUTBOUND.read_answer(await provider.ask(forgetful)).parts
