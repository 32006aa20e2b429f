"""What a simulated provider does wrong on purpose, and what it remembers of being asked."""

import asyncio
import hashlib
import json
import time

import aiohttp
import openai
import pytest

from turnout_sidecar.ports.secrets import Secret
from turnout_sidecar.simulator.faults import Fault, drawn_fault, parse_fault
from turnout_sidecar.simulator.server import UnknownProtocol, make_app, serve
from turnout_sidecar.simulator.settings import SimulatorSettings
from unit.simulator.conftest import Start

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]}).encode()
STREAM = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": True}).encode()
CHAT = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", Fault()),
        ("status=429,retry_after=1", Fault(status=429, retry_after=1)),
        (" hang=first-token , latency=1s500ms ", Fault(hang="first-token", latency=1.5)),
        ("cut=0", Fault(cut=0)),
    ],
)
def test_a_header_says_what_is_to_go_wrong(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    "text", ["status=200", "status=x", "hang=never", "cut=-1", "latency=1", "explode", "explode=1"]
)
def test_a_header_that_is_not_understood_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(ValueError, match=r"is none of status=N.*latency=DURATION"):
        parse_fault(text)


def test_faults_drawn_by_rate_are_as_many_as_the_rate_says_and_the_same_for_a_seed() -> None:
    drawn = [drawn_fault(1, number, 0.2) for number in range(2000)]
    assert drawn == [drawn_fault(1, number, 0.2) for number in range(2000)]
    assert drawn != [drawn_fault(2, number, 0.2) for number in range(2000)]
    assert 320 < sum(fault.status is not None for fault in drawn) < 480
    assert {fault.status for fault in drawn} == {None, 500, 503, 429}
    assert all((fault.retry_after == 1) == (fault.status == 429) for fault in drawn)
    assert {drawn_fault(1, number, 0.0) for number in range(500)} == {Fault()}


async def test_an_error_asked_for_reaches_the_client_as_its_own_kind(start: Start) -> None:
    provider = await start()
    with pytest.raises(openai.RateLimitError) as caught:
        await provider.openai.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "hello"}],
            extra_headers={"x-simulate": "status=429,retry_after=7"},
        )
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.code == "rate_limit_exceeded"
    status, reply = await provider.post(CHAT, BODY, x_simulate="status=503")
    assert (status, json.loads(reply)["error"]["type"]) == (503, "server_error")
    status, reply = await provider.post(CHAT, BODY, x_simulate="nonsense")
    assert (status, json.loads(reply)["error"]["param"]) == (400, "x-simulate")


async def test_faults_can_be_prescribed_for_the_next_calls(start: Start) -> None:
    provider = await start()
    async with provider.session.put(f"{provider.url}/_faults", data="status=503 x2\nstatus=429\n") as response:
        assert response.status == 204
    assert [(await provider.post(CHAT, BODY))[0] for _ in range(5)] == [503, 503, 429, 200, 200]
    async with provider.session.put(f"{provider.url}/_faults", data="explode") as response:
        assert response.status == 400
    async with provider.session.put(f"{provider.url}/_faults", data="status=503 x9") as response:
        assert response.status == 204
    async with provider.session.delete(f"{provider.url}/_faults") as response:
        assert response.status == 204
    assert (await provider.post(CHAT, BODY))[0] == 200


async def test_a_retry_after_a_drawn_failure_is_another_draw(start: Start) -> None:
    provider = await start(fail_rate=0.5)
    statuses = {(await provider.post(CHAT, BODY))[0] for _ in range(40)}
    assert 200 in statuses
    assert statuses - {200} <= {500, 503, 429}
    assert len(statuses) > 1


@pytest.mark.parametrize("body", [BODY, STREAM])
@pytest.mark.parametrize("hang", ["headers", "first-token", "middle"])
async def test_a_reply_hangs_where_it_was_told_to_until_the_client_leaves(start: Start, body: bytes, hang: str) -> None:
    provider = await start()
    asking = provider.session.post(f"{provider.url}{CHAT}", data=body, headers={"x-simulate": f"hang={hang}"})
    if hang == "headers":
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asking, 0.3)
    else:
        async with asking as response:
            if hang == "middle":
                assert await response.content.readany()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(_exhaust(response), 0.3)
    deadline = time.monotonic() + 10
    while (await provider.calls())["calls"][-1]["ending"] != "client-left":
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def _exhaust(response: aiohttp.ClientResponse) -> None:
    async for piece in response.content.iter_any():
        assert piece


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_a_reply_is_cut_where_it_was_told_to(start: Start, body: bytes) -> None:
    provider = await start()
    with pytest.raises(aiohttp.ClientPayloadError):
        await provider.post(CHAT, body, x_simulate="cut=3")
    assert (await provider.calls())["calls"][-1]["ending"] == "cut"


async def test_latency_and_pace_are_kept(start: Start) -> None:
    provider = await start(latency=0.1, tokens_per_second=200)
    began = time.monotonic()
    answer = await provider.openai.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
    assert answer.usage is not None
    assert time.monotonic() - began >= 0.1 + answer.usage.completion_tokens / 200 - 0.01
    began = time.monotonic()
    stream = await provider.openai.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hello"}], stream=True
    )
    assert len([chunk async for chunk in stream]) > 5
    assert time.monotonic() - began >= 0.1 + answer.usage.completion_tokens / 200 - 0.01
    began = time.monotonic()
    await provider.post(CHAT, BODY, x_simulate="latency=300ms")
    assert time.monotonic() - began >= 0.3


async def test_what_reached_it_is_shown_byte_for_byte_without_credentials(start: Start) -> None:
    provider = await start()
    odd = b'{ "model":"m",\n "messages":[{"role":"user","content":"hi"}], "x": 12345678901234567890123 }'
    await provider.post(CHAT + "?a=1", odd, authorization="Bearer secret-key", x_trace="t")
    shown = await provider.calls()
    (call,) = shown["calls"]
    assert shown["count"] == 1
    assert (call["method"], call["path"], call["status"], call["ending"]) == ("POST", CHAT + "?a=1", 200, "answered")
    assert call["body"].encode() == odd
    assert call["headers"]["x-trace"] == "t"
    assert call["headers"]["authorization"] == "sha256:" + hashlib.sha256(b"Bearer secret-key").hexdigest()
    assert "secret-key" not in json.dumps(shown)
    async with provider.session.delete(f"{provider.url}/_calls") as response:
        assert response.status == 204
    assert await provider.calls() == {"count": 0, "calls": []}


async def test_at_most_a_thousand_calls_are_remembered(start: Start) -> None:
    provider = await start()
    for _ in range(1010):
        await provider.post("/nowhere", b"")
    shown = await provider.calls()
    assert (shown["count"], len(shown["calls"]), shown["calls"][0]["number"]) == (1010, 1000, 11)


async def test_a_key_is_asked_for_only_where_one_is_set(start: Start) -> None:
    provider = await start(api_key=Secret(b"right"))
    assert (await provider.post(CHAT, BODY))[0] == 401
    assert (await provider.post(CHAT, BODY, authorization="Bearer wrong"))[0] == 401
    assert (await provider.post(CHAT, BODY, authorization="Bearer right"))[0] == 200
    with pytest.raises(openai.AuthenticationError) as caught:
        await provider.openai.models.list()
    assert caught.value.code == "invalid_api_key"
    assert "right" not in repr(SimulatorSettings(api_key=Secret(b"right")))


async def test_what_is_not_served_is_not_found_in_the_protocol_s_own_shape(start: Start) -> None:
    provider = await start()
    for path in ("/v1/files", "/", "/v1/chat"):
        status, reply = await provider.post(path, b"{}")
        assert (status, json.loads(reply)["error"]["type"]) == (404, "invalid_request_error")


def test_a_protocol_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UnknownProtocol, match=r"'telepathy' is not simulated; there is: anthropic, .*openai"):
        make_app(SimulatorSettings(protocol="telepathy"))


async def test_serving_opens_a_port_tells_it_and_ends_when_cancelled() -> None:
    opened: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(SimulatorSettings(), opened.set_result))
    url = f"http://127.0.0.1:{await asyncio.wait_for(opened, 5)}/v1/models"
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            assert (await response.json())["data"][0]["id"] == "simulated"
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url)


async def test_a_list_of_models_is_no_call_and_uses_up_no_fault(start: Start) -> None:
    provider = await start()
    async with provider.session.put(f"{provider.url}/_faults", data=b"status=503") as response:
        assert response.status == 204
    async with provider.session.get(f"{provider.url}/v1/models") as response:
        assert response.status == 200
    async with provider.session.get(f"{provider.url}/v1/models", headers={"x-simulate": "status=500"}) as response:
        assert response.status == 500
    assert (await provider.post(CHAT, BODY))[0] == 503
    assert [call["number"] for call in (await provider.calls())["calls"]] == [1]
