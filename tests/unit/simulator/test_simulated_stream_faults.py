"""What goes wrong within a reply, in every protocol: the same word does the same to each, in its own shape."""

import json
import time
from typing import Any

import aiohttp
import anthropic
import msgspec
import openai
import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer  # type: ignore[import-untyped]

from turnout_sidecar.wire.sse import SseParser
from unit.simulator.conftest import Provider, Start

TEXT = "How does the refund policy treat damaged parcels?"
ASK = [{"role": "user", "content": TEXT}]


class Case(msgspec.Struct):
    """One protocol: what is asked, and how its stream says that it is whole, or that it failed."""

    protocol: str
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    end: str
    error: str
    stream_path: str | None = None
    stream_flag: dict[str, Any] = {}


CASES = {
    "chat": Case(
        "openai",
        "/v1/chat/completions",
        {"model": "m", "messages": ASK},
        {},
        "[DONE]",
        "server_error",
        stream_flag={"stream": True, "stream_options": {"include_usage": True}},
    ),
    "responses": Case(
        "openai",
        "/v1/responses",
        {"model": "m", "input": TEXT},
        {},
        "response.completed",
        "response.failed",
        stream_flag={"stream": True},
    ),
    "anthropic": Case(
        "anthropic",
        "/v1/messages",
        {"model": "m", "max_tokens": 500, "messages": ASK},
        {"x-api-key": "k", "anthropic-version": "2023-06-01"},
        "message_stop",
        "overloaded_error",
        stream_flag={"stream": True},
    ),
    "gemini": Case(
        "gemini",
        "/v1beta/models/m:generateContent",
        {"contents": [{"parts": [{"text": TEXT}]}]},
        {"x-goog-api-key": "k"},
        "finishReason",
        "UNAVAILABLE",
        stream_path="/v1beta/models/m:streamGenerateContent?alt=sse",
    ),
    "bedrock": Case(
        "bedrock",
        "/model/m/converse",
        {"messages": [{"role": "user", "content": [{"text": TEXT}]}]},
        {"authorization": "Bearer k"},
        "stopReason",
        "throttlingException",
        stream_path="/model/m/converse-stream",
    ),
    "azure": Case(
        "azure",
        "/openai/v1/chat/completions",
        {"model": "m", "messages": ASK},
        {"api-key": "k"},
        "[DONE]",
        "server_error",
        stream_flag={"stream": True},
    ),
}
EACH = pytest.mark.parametrize("name", sorted(CASES))


async def read(provider: Provider, case: Case, fault: str, *, stream: bool) -> bytes:
    """The body of the reply, which must come with status 200 and end as HTTP wants it."""
    body = json.dumps(case.body | (case.stream_flag if stream else {})).encode()
    path = (case.stream_path or case.path) if stream else case.path
    headers = case.headers | {"x-simulate": fault}
    async with provider.session.post(provider.url + path, data=body, headers=headers) as response:
        assert response.status == 200
        return await response.read()


def events(name: str, data: bytes) -> list[str]:
    """What a stream tells, event by event; an event that cannot be read is told as it came."""
    if name != "bedrock":
        parser = SseParser()
        return [event.data.decode() for event in (*parser.feed(data), *parser.finish()) if event.data is not None]
    told = []
    while data:
        length = int.from_bytes(data[:4], "big")
        buffer = EventStreamBuffer()
        buffer.add_data(data[:length])
        try:
            told += [f"{message.headers} {message.payload.decode()}" for message in buffer]
        except ChecksumMismatch:
            told.append("broken")
        data = data[length:]
    return told


def is_broken(event: str) -> bool:
    if event.startswith("{':"):
        return False
    try:
        json.loads(event)
    except ValueError:
        return event != "[DONE]"
    return False


def numbers(value: Any) -> list[int]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value] if isinstance(value, int) else [number for each in inner for number in numbers(each)]


def usage_of(answer: dict[str, Any]) -> dict[str, Any] | None:
    usage: dict[str, Any] | None = answer.get("usageMetadata", answer.get("usage"))
    return usage


@EACH
async def test_a_malformed_event_stands_in_the_middle_of_a_stream_that_is_otherwise_whole(
    start: Start, name: str
) -> None:
    provider = await start(protocol=CASES[name].protocol)
    told = events(name, await read(provider, CASES[name], "malformed", stream=True))
    broken = [index for index, event in enumerate(told) if is_broken(event)]
    assert len(broken) == 1
    assert 0 < broken[0] < len(told) - 1
    assert [event for event in told if not is_broken(event)] == events(
        name, await read(provider, CASES[name], "", stream=True)
    )
    with pytest.raises(json.JSONDecodeError):
        json.loads(await read(provider, CASES[name], "malformed", stream=False))


@EACH
async def test_an_oversized_event_is_as_large_as_asked_for(start: Start, name: str) -> None:
    provider = await start(protocol=CASES[name].protocol)
    told = events(name, await read(provider, CASES[name], "oversized=100000", stream=True))
    assert [100_000 < len(event) < 101_000 for event in told].count(True) == 1
    assert not any(map(is_broken, told))
    body = await read(provider, CASES[name], "oversized=100000", stream=False)
    assert len(body) > 100_000
    assert json.loads(body)


@EACH
async def test_an_error_event_ends_a_stream_in_the_shape_of_the_protocol(start: Start, name: str) -> None:
    provider, case = await start(protocol=CASES[name].protocol), CASES[name]
    told = events(name, await read(provider, case, "error-event", stream=True))
    assert case.error in told[-1]
    assert not any(case.end in event for event in told)
    body = json.loads(await read(provider, case, "error-event", stream=False))
    assert body.keys() & {"error", "message"}


@EACH
async def test_a_stream_without_its_end_ends_cleanly(start: Start, name: str) -> None:
    provider, case = await start(protocol=CASES[name].protocol), CASES[name]
    assert any(case.end in event for event in events(name, await read(provider, case, "", stream=True)))
    told = events(name, await read(provider, case, "no-end", stream=True))
    assert told
    assert not any(case.end in event for event in told)
    with pytest.raises(json.JSONDecodeError):
        json.loads(await read(provider, case, "no-end", stream=False))


@EACH
async def test_usage_can_be_absent_zero_or_wrong(start: Start, name: str) -> None:
    provider, case = await start(protocol=CASES[name].protocol), CASES[name]
    right = usage_of(json.loads(await read(provider, case, "", stream=False)))
    zero = usage_of(json.loads(await read(provider, case, "usage=zero", stream=False)))
    wrong = usage_of(json.loads(await read(provider, case, "usage=wrong", stream=False)))
    assert not usage_of(json.loads(await read(provider, case, "usage=none", stream=False)))
    assert right is not None
    assert zero is not None
    assert wrong is not None
    assert right.keys() == zero.keys() == wrong.keys()
    assert set(numbers(zero)) == {0}
    assert all(told > meant for told, meant in zip(numbers(wrong), numbers(right), strict=True))
    streamed = (await read(provider, case, "usage=none", stream=True)).lower()
    assert b'"usage":{' not in streamed
    assert b'"usagemetadata"' not in streamed


@pytest.mark.parametrize(
    ("name", "short"),
    [("bedrock", {"inferenceConfig": {"maxTokens": 2}}), ("gemini", {"generationConfig": {"maxOutputTokens": 2}})],
)
async def test_a_reply_drips_byte_by_byte_or_over_a_time(start: Start, name: str, short: dict[str, Any]) -> None:
    case = msgspec.structs.replace(CASES[name], body=CASES[name].body | short)
    provider = await start(protocol=case.protocol)
    body = json.dumps(case.body).encode()
    url = provider.url + (case.stream_path or case.path)
    async with provider.session.post(url, data=body, headers=case.headers | {"x-simulate": "drip=0ms"}) as response:
        pieces = await _http_chunks(response)
    assert {len(piece) for piece in pieces} == {1}
    assert b"".join(pieces) == await read(provider, case, "", stream=True)
    began = time.monotonic()
    whole = await read(provider, case, "drip=60ms", stream=False)
    assert time.monotonic() - began >= 0.05
    assert whole == await read(provider, case, "", stream=False)


async def _http_chunks(response: aiohttp.ClientResponse) -> list[bytes]:
    chunks, pending = [], b""
    async for data, ends in response.content.iter_chunks():
        pending += data
        if ends:
            chunks.append(pending)
            pending = b""
    return chunks


@EACH
async def test_statuses_cuts_and_bad_prescriptions_are_the_same_in_every_protocol(start: Start, name: str) -> None:
    provider, case = await start(protocol=CASES[name].protocol), CASES[name]
    body = json.dumps(case.body | case.stream_flag).encode()
    url = provider.url + (case.stream_path or case.path)
    for status in (429, 500, 503):
        headers = case.headers | {"x-simulate": f"status={status},retry_after=3"}
        async with provider.session.post(url, data=body, headers=headers) as response:
            assert (response.status, response.headers["retry-after"]) == (status, "3")
            assert (await response.json()).keys() & {"error", "message"}
    async with provider.session.post(url, data=body, headers=case.headers | {"x-simulate": "cut=2"}) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    async with provider.session.post(url, data=body, headers=case.headers | {"x-simulate": "explode"}) as response:
        assert response.status == 400


async def test_the_real_clients_raise_their_own_errors_within_a_stream(start: Start) -> None:
    provider = await start()
    simulate = {"x-simulate": "error-event"}
    stream = await provider.openai.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": TEXT}],
        stream=True,
        extra_headers=simulate,
    )
    with pytest.raises(openai.APIError, match="had an error"):
        assert [chunk async for chunk in stream]
    responses = await provider.openai.responses.create(model="m", input=TEXT, stream=True, extra_headers=simulate)
    last = [event async for event in responses][-1]
    assert last.type == "response.failed"
    assert last.response.error is not None
    assert last.response.error.code == "server_error"
    url = (await start(protocol="anthropic")).url
    async with anthropic.AsyncAnthropic(base_url=url, api_key="key", max_retries=0) as client:
        asked: Any = {"model": "m", "max_tokens": 500, "messages": ASK, "stream": True, "extra_headers": simulate}
        with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
            assert [event async for event in await client.messages.create(**asked)]
