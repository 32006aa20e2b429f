"""Bad input: each kind is refused clearly, quickly and without harm to other calls."""

import asyncio
import gzip
import time
import zlib
from typing import Any

import orjson
import pytest

from gateway_rig import (
    QUICK,
    STREAM,
    Client,
    RawProvider,
    Reply,
    a_gateway,
    a_provider,
    a_snapshot,
    answer,
    call,
    chat,
    until,
)
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.ports.telemetry import FakeTelemetry

OK = FakeReply(pieces=(answer(),))
SMALL = snap.Gateway(limits=snap.Limits(max_body_bytes=100_000))


async def refused(body: bytes | dict[str, Any], **headers: str) -> Reply:
    """The answer to a call that must not reach a provider; a good one goes through after it."""
    upstream = FakeUpstream([OK])
    telemetry = FakeTelemetry()
    async with a_gateway(a_snapshot(gateway=SMALL), upstream=upstream, telemetry=telemetry) as gateway:
        reply = await call(gateway, body, **headers)
        assert upstream.requests == []
        assert [exchange.status for exchange in telemetry.ended] == [reply.status]
        assert (await call(gateway, chat())).status == 200
    assert set(reply.error) >= {"message", "type", "param", "code"}
    assert "x-turnout-request-id" in reply.headers
    return reply


@pytest.mark.parametrize(
    "body", [b"{", b"hello", b'{"model": "a",}', b"\xef\xbb\xbf{}", b'{"a": NaN}', b"{} {}", b'{"a": 1e999}']
)
async def test_malformed_json_is_a_400(body: bytes) -> None:
    reply = await refused(body)
    assert (reply.status, reply.error["code"], reply.error["type"]) == (400, "malformed_json", "invalid_request_error")


async def test_no_body_is_a_400() -> None:
    assert (await refused(b"")).error["code"] == "empty_body"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([], None),
        ("text", None),
        ({"messages": []}, "model"),
        ({**chat(), "model": 3}, "model"),
        ({**chat(), "model": ""}, "model"),
        ({**chat(), "model": "x" * 257}, "model"),
        ({"model": "assistant"}, "messages"),
        ({**chat(), "messages": None}, "messages"),
        ({**chat(), "messages": []}, "messages"),
        ({**chat(), "messages": "hi"}, "messages"),
        ({**chat(), "messages": {"role": "user"}}, "messages"),
        ({**chat(), "messages": ["hi"]}, "messages[0]"),
        ({**chat(), "messages": [{"role": "user", "content": "a"}, {"content": "b"}]}, "messages[1].role"),
        ({**chat(), "messages": [{"role": ["user"], "content": "b"}]}, "messages[0].role"),
        ({**chat(), "messages": [{"role": "king", "content": "b"}]}, "messages[0].role"),
        ({**chat(), "messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({**chat(), "messages": [{"role": "user", "content": ["b"]}]}, "messages[0].content[0]"),
        ({**chat(), "messages": [{"role": "user", "content": [{"text": "b"}]}]}, "messages[0].content[0].type"),
        ({**chat(), "stream": "yes"}, "stream"),
        ({**chat(), "stream": 1}, "stream"),
        ({**chat(), "stream_options": []}, "stream_options"),
        ({**chat(), "stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({**chat(), "tools": {}}, "tools"),
        ({**chat(), "response_format": "json"}, "response_format"),
        ({**chat(), "temperature": "0"}, "temperature"),
        ({**chat(), "temperature": True}, "temperature"),
        ({**chat(), "max_tokens": 1.5}, "max_tokens"),
        ({**chat(), "n": "2"}, "n"),
        ({**chat(), "user": 5}, "user"),
        ({**chat(), "prompt": "p"}, "prompt"),
        ({**chat(), "modalities": [{}]}, "modalities"),
    ],
)
async def test_wrong_types_are_a_400_that_names_the_field(body: Any, param: str | None) -> None:
    reply = await refused(orjson.dumps(body))
    assert (reply.status, reply.error["param"]) == (400, param)
    assert param is None or param.split("[")[0] in reply.error["message"]


@pytest.mark.parametrize("given", [None, "", [], [None], ["a", 1], [{}], 5, [1.5]])
async def test_wrong_embedding_input_is_a_400(given: Any) -> None:
    async with a_gateway(a_snapshot()) as gateway:
        reply = await call(gateway, {"model": "assistant", "input": given}, "/v1/embeddings")
    assert (reply.status, reply.error["param"]) == (400, "input")


async def test_an_unknown_model_is_a_404() -> None:
    reply = await refused(chat("no-such-model"))
    assert (reply.status, reply.error["code"], reply.error["param"]) == (404, "model_not_found", "model")
    assert "no-such-model" in reply.error["message"]


async def test_a_missing_template_variable_is_a_400() -> None:
    schema = {"type": "object", "required": ["claim"], "properties": {"claim": {"type": "string"}}}
    version = snap.PromptVersion("v1", (snap.PromptMessage("user", "Look at {{ claim }}"),))
    prompt = snap.Prompt("triage", schema, (("v1", 1),), (version,))
    upstream = FakeUpstream([OK])
    async with a_gateway(a_snapshot(prompts=(prompt,)), upstream=upstream) as gateway:
        missing = await call(gateway, {"model": "assistant", "prompt": {"id": "triage", "variables": {}}})
        given = await call(gateway, {"model": "assistant", "prompt": {"id": "triage", "variables": {"claim": "it"}}})
    assert (missing.status, missing.error["code"]) == (400, "missing_variable")
    assert missing.error["param"] == "prompt.variables.claim"
    assert given.status == 200
    sent = orjson.loads(upstream.requests[0].body)
    assert sent == {"model": "gpt", "messages": [{"role": "user", "content": "Look at it"}]}


async def test_an_oversized_body_that_says_so_is_a_413_before_it_is_sent() -> None:
    async with a_gateway(a_snapshot(gateway=SMALL)) as gateway, Client(gateway.port) as client:
        client.send(b"", content_length="100001")
        reply = await client.reply()
    assert (reply.status, reply.error["code"]) == (413, "request_too_large")


async def test_an_oversized_body_that_does_not_say_so_is_a_413_when_it_gets_there() -> None:
    async with a_gateway(a_snapshot(gateway=SMALL)) as gateway, Client(gateway.port) as client:
        client.send(b"", content_length="", transfer_encoding="chunked")
        piece = b"1000\r\n" + b" " * 4096 + b"\r\n"
        for _ in range(26):
            client.writer.write(piece)
        reply = await client.reply()
    assert (reply.status, reply.error["code"]) == (413, "request_too_large")


async def test_a_body_of_just_the_limit_is_taken() -> None:
    body = orjson.dumps(chat())
    gateway_of = snap.Gateway(limits=snap.Limits(max_body_bytes=len(body)))
    async with a_gateway(a_snapshot(gateway=gateway_of), upstream=FakeUpstream([OK])) as gateway:
        assert (await call(gateway, body)).status == 200
        assert (await call(gateway, body + b" ")).status == 413


async def test_ten_thousand_messages_pass() -> None:
    upstream = FakeUpstream([OK])
    body = {"model": "assistant", "messages": [{"role": "user", "content": f"number {i}"} for i in range(10_000)]}
    async with a_gateway(a_snapshot(), upstream=upstream) as gateway:
        assert (await call(gateway, body)).status == 200
    assert len(orjson.loads(upstream.requests[0].body)["messages"]) == 10_000


@pytest.mark.parametrize("levels", [101, 900, 40_000])
@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":', b"}")])
async def test_deep_nesting_is_a_400(levels: int, pair: tuple[bytes, bytes]) -> None:
    value = pair[0] * levels + b"1" + pair[1] * levels
    gateway_of = snap.Gateway()
    async with a_gateway(a_snapshot(gateway=gateway_of)) as gateway:
        reply = await call(gateway, orjson.dumps(chat())[:-1] + b',"x":' + value + b"}")
    assert (reply.status, reply.error["code"]) == (400, "too_deep")


async def test_many_brackets_that_are_not_deep_pass() -> None:
    async with a_gateway(a_snapshot(), upstream=FakeUpstream([OK])) as gateway:
        body = {**chat(text="[{" * 500), "x": [[1]] * 500}
        assert (await call(gateway, body)).status == 200


async def test_millions_of_arrays_are_a_400_before_they_are_built() -> None:
    raw = orjson.dumps(chat())[:-1] + b',"x":[' + b"[]," * 3_000_000 + b"1]}"
    started = time.process_time()
    async with a_gateway(a_snapshot()) as gateway:
        reply = await call(gateway, raw)
    assert (reply.status, reply.error["code"]) == (400, "too_complex")
    assert time.process_time() - started < 5


async def test_brackets_in_text_are_no_arrays() -> None:
    async with a_gateway(a_snapshot(), upstream=FakeUpstream([OK])) as gateway:
        assert (await call(gateway, chat(text='[{"' * 500_000))).status == 200


@pytest.mark.parametrize("size", [10_000_000, 200_000_000])
async def test_a_gzip_bomb_is_a_413_before_it_is_unpacked(size: int) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b" " * 1_000_000) for _ in range(size // 1_000_000)) + packer.flush()
    gateway_of = snap.Gateway(limits=snap.Limits(max_body_bytes=2**28))
    started = time.process_time()
    async with a_gateway(a_snapshot(gateway=gateway_of)) as gateway:
        reply = await call(gateway, bomb, content_encoding="gzip")
    assert (reply.status, reply.error["code"]) == (413, "request_too_large")
    assert time.process_time() - started < 5


async def test_a_packed_body_over_the_limit_is_a_413() -> None:
    packed = gzip.compress(orjson.dumps(chat(text=bytes(range(32, 127)).decode() * 2000)))
    assert (await refused(packed, content_encoding="gzip")).status == 413


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(orjson.dumps(chat())), "gzip"),
        (gzip.compress(orjson.dumps(chat())), "X-GZIP"),
        (zlib.compress(orjson.dumps(chat())), "deflate"),
        (zlib.compress(orjson.dumps(chat()))[2:-4], "deflate"),
        (orjson.dumps(chat()), "identity"),
    ],
)
async def test_a_packed_body_is_unpacked(packed: bytes, encoding: str) -> None:
    upstream = FakeUpstream([OK])
    async with a_gateway(a_snapshot(), upstream=upstream) as gateway:
        assert (await call(gateway, packed, content_encoding=encoding)).status == 200
    assert orjson.loads(upstream.requests[0].body)["messages"] == chat()["messages"]
    assert not any(name == "content-encoding" for name, _ in upstream.requests[0].headers)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "nonsense"])
async def test_an_unknown_content_encoding_is_a_415(encoding: str) -> None:
    reply = await refused(chat(), content_encoding=encoding)
    assert (reply.status, reply.error["code"]) == (415, "unsupported_encoding")


@pytest.mark.parametrize(
    "packed", [b"no gzip", gzip.compress(orjson.dumps(chat()))[:-9], gzip.compress(orjson.dumps(chat())) + b"more"]
)
async def test_a_broken_encoding_is_a_400(packed: bytes) -> None:
    reply = await refused(packed, content_encoding="gzip")
    assert (reply.status, reply.error["code"]) == (400, "broken_encoding")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"model":"assistant","messages":[{"role":"user","content":"a\\ud800b"}]}', "messages[0].content"),
        (
            b'{"model":"assistant","messages":[{"role":"user","content":[{"type":"text","text":"\\udfff"}]}]}',
            "messages[0].content[0].text",
        ),
        (b'{"model":"\\ud83d","messages":[]}', "model"),
        (b'{"model":"m","metadata":{"\\udc00":1}}', "metadata"),
        (b'{"\\udc00":1}', None),
    ],
)
async def test_a_lone_surrogate_is_a_400_that_names_the_field(body: bytes, param: str | None) -> None:
    reply = await refused(body)
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "invalid_unicode", param)


async def test_a_surrogate_pair_is_text_like_any_other() -> None:
    upstream = FakeUpstream([OK])
    async with a_gateway(a_snapshot(), upstream=upstream) as gateway:
        raw = b'{"model":"assistant","messages":[{"role":"user","content":"\\ud83d\\ude00"}]}'
        assert (await call(gateway, raw)).status == 200
    assert b"\\ud83d\\ude00" in upstream.requests[0].body


async def test_bytes_that_are_no_utf8_are_a_400() -> None:
    reply = await refused(b'{"model":"\xff\xfe"}')
    assert (reply.status, reply.error["code"]) == (400, "invalid_unicode")


async def test_a_member_given_twice_is_a_400_before_it_goes_upstream() -> None:
    upstream = FakeUpstream([OK])
    async with a_gateway(a_snapshot(), upstream=upstream) as gateway:
        reply = await call(gateway, b'{"messages":[{"role":"user","content":"bad"}],' + orjson.dumps(chat())[1:])
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "duplicate_member", "messages")
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x_turnout_sensitivity", "Secret"),
        ("x_turnout_value", "Huge"),
        ("x_turnout_complexity", "2"),
        ("x_turnout_user", "u" * 257),
    ],
)
async def test_a_believed_header_that_cannot_be_read_is_a_400_that_names_it(header: str, value: str) -> None:
    client = snap.Client("app", "t", (snap.SecretFile("app", "key"),), None, "Public", ("Value", "Complexity", "User"))
    secrets = FakeSecrets({"app": {"key": b"k"}})
    async with a_gateway(a_snapshot(gateway=snap.Gateway(clients=(client,))), secrets=secrets) as gateway:
        reply = await call(gateway, chat(), x_api_key="k", **{header: value})
    assert (reply.status, reply.error["param"]) == (400, header.replace("_", "-"))


@pytest.mark.parametrize(
    "raw",
    [
        b"NOT HTTP AT ALL\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_400_and_nothing_of_it_is_logged(
    raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_gateway(a_snapshot(), upstream=FakeUpstream([OK])) as gateway:
        async with Client(gateway.port) as client:
            client.writer.write(raw)
            reply = await client.reply()
            assert await client.reader.read() == b""
        assert (await call(gateway, chat())).status == 200
    assert (reply.status, reply.error["code"]) == (400, "bad_http")
    assert caplog.text == ""


async def test_badly_framed_chunks_are_a_400() -> None:
    async with a_gateway(a_snapshot()) as gateway, Client(gateway.port) as client:
        client.send(b"zz\r\nno chunk\r\n", content_length="", transfer_encoding="chunked")
        reply = await client.reply()
    assert reply.status == 400


async def test_a_client_that_half_closes_before_its_body_is_whole_harms_nothing() -> None:
    telemetry = FakeTelemetry()
    async with a_gateway(a_snapshot(), upstream=FakeUpstream([OK]), telemetry=telemetry) as gateway:
        async with Client(gateway.port) as client:
            client.send(b'{"model":', content_length="500")
            client.writer.write_eof()
            assert await client.reader.read() == b""
        await until(lambda: len(telemetry.ended) == 1)
        assert gateway.in_flight == 0
        assert (await call(gateway, chat())).status == 200
    assert telemetry.ended[0].client_gone


async def test_a_client_that_half_closes_after_its_request_has_left_and_costs_no_more() -> None:
    async def silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        return

    telemetry = FakeTelemetry()
    async with (
        RawProvider(silent) as provider,
        a_gateway(a_snapshot(providers=[a_provider(port=provider.port)]), telemetry=telemetry) as gateway,
    ):
        async with Client(gateway.port) as client:
            client.send(chat())
            await until(lambda: bool(provider.requests))
            client.writer.write_eof()
            async with asyncio.timeout(1):
                await provider.left.wait()
        await until(lambda: len(telemetry.ended) == 1)
    ended = telemetry.ended[0]
    assert (ended.client_gone, ended.status) == (True, 499)
    assert ended.usage is not None
    assert ended.usage.estimated


async def test_a_provider_that_half_closes_after_its_answer_is_understood() -> None:
    async def closing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + answer())
        writer.write_eof()

    async with (
        RawProvider(closing) as provider,
        a_gateway(a_snapshot(providers=[a_provider(port=provider.port)])) as gateway,
    ):
        reply = await call(gateway, chat())
    assert (reply.status, reply.body) == (200, answer())


async def test_a_client_that_is_slow_with_its_head_is_cut_off() -> None:
    async with a_gateway(a_snapshot(), intake=QUICK, upstream=FakeUpstream([OK])) as gateway:
        async with Client(gateway.port) as drips, Client(gateway.port) as silent:
            async with asyncio.timeout(10):
                with pytest.raises((ConnectionError, EOFError)):  # noqa: PT012  a write or the read finds out
                    for byte in b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 1000:
                        drips.writer.write(bytes([byte]))
                        await drips.writer.drain()
                        await asyncio.sleep(0.02)
                        if drips.reader.at_eof():
                            raise EOFError
                with pytest.raises(ConnectionError):
                    await read_or_reset(silent)
        assert (await call(gateway, chat())).status == 200


async def read_or_reset(client: Client) -> None:
    """Reads to the end; a cut connection may end either way."""
    if await client.reader.read() == b"":
        raise ConnectionResetError


async def test_a_client_that_is_slow_with_its_body_gets_a_408() -> None:
    async with a_gateway(a_snapshot(), intake=QUICK) as gateway, Client(gateway.port) as client:
        client.send(b'{"model":', content_length="5000")
        reply = await client.reply()
    assert (reply.status, reply.error["code"]) == (408, "request_timeout")


async def test_a_client_that_does_not_read_its_stream_is_cut_off() -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + STREAM[0])
        while True:
            writer.write(STREAM[1] * 500)
            await writer.drain()

    telemetry = FakeTelemetry()
    async with (
        RawProvider(endless) as provider,
        a_gateway(a_snapshot(providers=[a_provider(port=provider.port)]), intake=QUICK, telemetry=telemetry) as gateway,
        Client(gateway.port) as client,
    ):
        client.send(chat(stream=True))
        await until(lambda: len(telemetry.ended) == 1, seconds=30)
        await provider.left.wait()
    assert telemetry.ended[0].client_gone


async def test_a_large_body_is_asked_for_with_100_continue() -> None:
    raw = orjson.dumps(chat())
    async with a_gateway(a_snapshot(), upstream=FakeUpstream([OK])) as gateway, Client(gateway.port) as client:
        client.send(b"", content_length=str(len(raw)), expect="100-continue")
        assert await client.head() == (100, {})
        client.writer.write(raw)
        assert (await client.reply()).status == 200
