"""Log lines: what they say, what they never say, and that nobody waits for them."""

import asyncio
import io
import logging
import os
import random
import tempfile

import orjson
import pytest

from doubles.finished_calls import HOUSE, MILLI, attempt, call
from turnout_sidecar.adapters.call_trace import Trace
from turnout_sidecar.adapters.log import CallLog, JsonFormatter, install, line_of
from turnout_sidecar.adapters.output import LineWriter
from turnout_sidecar.adapters.redaction import Redactor
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.ports.secrets import Secret

CANARY = "unusual.canary/value+of=no_known:shape"


def trace_of(exchange: Exchange) -> Trace:
    trace = Trace(None, "4bf92f3577b34da6a3ce929d0e0e4736", random.Random(3).getrandbits, sampled=False, content=False)
    trace.ended_ns = exchange.received_ns + 500 * MILLI
    return trace


def test_a_calls_line_says_what_was_decided_and_what_it_took() -> None:
    exchange = call()
    attempt(exchange, HOUSE, error="server_error", status=500)
    attempt(exchange)
    exchange.stream = True

    line = orjson.loads(line_of(exchange, trace_of(exchange)))

    assert line == {
        "time": "2023-11-14T22:13:20.000Z",
        "level": "info",
        "event": "call",
        "request_id": "req_0123456789abcdef",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "endpoint": "chat",
        "status": 200,
        "stream": True,
        "cache": "miss",
        "attempts": 2,
        "latency_ms": 500.0,
        "config": "abababababab",
        "route": "assistant",
        "rule": "default",
        "backend": "openai/gpt-4o-mini",
        "cost_usd": "0.0003606",
        "team": "claims",
        "client": "triage",
        "use_case": "triage",
        "outcome_id": "claim-42",
        "input_tokens": 1200,
        "output_tokens": 301,
        "cached_tokens": 128,
        "ttft_ms": 110.0,
        "failed_attempts": ["house/llama-3: server_error"],
        "guardrail": "bypassed",
    }


def test_what_was_written_to_a_providers_cache_is_told_when_it_is_known() -> None:
    exchange = call()
    exchange.usage = Usage(10, 5, cache_write_5m=0)

    assert orjson.loads(line_of(exchange, trace_of(exchange)))["cache_write_tokens"] == 0


def test_a_line_holds_no_content_header_or_name_that_was_asked_for() -> None:
    exchange = call(
        headers={"authorization": f"Bearer {CANARY}", "x-api-key": CANARY},
        body={"model": CANARY, "messages": [{"role": "user", "content": CANARY}]},
    )
    exchange.raw = CANARY.encode()
    exchange.model = CANARY

    assert CANARY.encode() not in line_of(exchange, trace_of(exchange))


def test_a_line_is_one_line_whatever_callers_send() -> None:
    exchange = call()
    assert exchange.caller is not None
    exchange.caller = type(exchange.caller)("t", "claims", outcome_id='a\n{"level":"forged"}\ud800')

    line = line_of(exchange, trace_of(exchange))

    assert line.count(b"\n") == 1
    assert orjson.loads(line)["outcome_id"] == 'a\n{"level":"forged"}?'


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("header Authorization: Bearer abcdef123456", "header Authorization: [redacted] [redacted]"),
        ("got sk-proj-abc123def456ghi", "got [redacted]"),
        ("{'x-api-key': 'abcdef123'}", "{'x-api-key': [redacted]'}"),
        ("https://x/v1?api_key=abcdef123&x=1", "https://x/v1?api_key=[redacted]&x=1"),
        ("https://user:hunter22@x/v1", "https://[redacted]@x/v1"),
        ("jwt eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl end", "jwt [redacted] end"),
        ("AKIAIOSFODNN7EXAMPLE", "[redacted]"),
        ("key AIzaSyA1234567890abcdefghijk", "key [redacted]"),
        ("3 tokens used, route assistant", "3 tokens used, route assistant"),
    ],
)
def test_what_looks_like_a_credential_is_taken_out(text: str, clean: str) -> None:
    assert Redactor(lambda: ()).clean(text) == clean


def test_the_processs_own_secrets_are_taken_out_whatever_they_look_like() -> None:
    held = [Secret(CANARY.encode()), Secret(b"short"), Secret(b"\xff\xfe not text \xff")]

    clean = Redactor(lambda: held).clean(f"a {CANARY} b, too short to look for")

    assert clean == "a [redacted] b, too short to look for"


def test_messages_are_cleaned_after_they_are_rendered_and_tracebacks_too() -> None:
    stream = io.StringIO()
    logger = logging.getLogger("canary")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(Redactor(lambda: [Secret(CANARY.encode())])))
    logger.addHandler(handler)
    logger.propagate = False

    logger.warning("one %s and %r", CANARY, {"key": CANARY})
    try:
        int(CANARY)
    except ValueError:
        logger.exception("two")
    logger.warning("three %d", CANARY)

    lines = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    assert CANARY not in stream.getvalue()
    assert lines[0]["message"] == "one [redacted] and {'key': '[redacted]'}"
    assert lines[0]["level"] == "warning"
    assert "ValueError: invalid literal for int() with base 10: '[redacted]'" in lines[1]["exception"]
    assert lines[2]["message"] == "three %d"


def test_installing_makes_every_message_a_json_line() -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    try:
        install(Redactor(lambda: ()), stream)
        logging.getLogger("any.where").info("hello")
    finally:
        root.handlers[:] = before
        root.setLevel(level)

    assert orjson.loads(stream.getvalue())["message"] == "hello"


async def test_lines_come_out_in_order_and_whole() -> None:
    out, descriptor = os.pipe()
    writer = LineWriter(descriptor, interval=0.001)
    for number in range(500):
        writer.write(b"%d\n" % number)
        if number % 100 == 0:
            await asyncio.sleep(0.005)
    await writer.close(30)
    os.close(descriptor)

    with os.fdopen(out, "rb") as stream:
        assert stream.read() == b"".join(b"%d\n" % number for number in range(500))
    assert writer.dropped == 0


async def test_a_pipe_that_nobody_reads_loses_lines_and_blocks_nobody() -> None:
    out, descriptor = os.pipe()
    writer = LineWriter(descriptor, interval=0.001, most_bytes=1_000_000)
    loop = asyncio.get_running_loop()

    began = loop.time()
    for _ in range(400):
        writer.write(b"x" * 9_999 + b"\n")
        await asyncio.sleep(0)
    assert writer.dropped >= 250
    await writer.close(0.1)

    assert loop.time() - began < 60
    os.close(out)  # lets the stuck thread go
    os.close(descriptor)


async def test_what_was_logged_while_the_last_lines_were_being_written_comes_out_too() -> None:
    for pause in range(40):
        with tempfile.TemporaryFile() as log:
            writer = LineWriter(log.fileno(), interval=0.0)
            for _ in range(3):
                writer.write(b"x" * 100_000 + b"\n")
                await asyncio.sleep(pause / 40_000)
            await writer.close(20)
            assert (writer.dropped, log.seek(0, os.SEEK_END)) == (0, 300_003)


async def test_a_closed_descriptor_loses_lines_and_is_counted() -> None:
    out, descriptor = os.pipe()
    os.close(out)
    writer = LineWriter(descriptor, interval=0.001)
    writer.write(b"a\n")
    writer.write(b"b\n")
    await writer.close(30)
    os.close(descriptor)

    assert writer.dropped == 2


async def test_a_call_log_writes_a_line_a_call() -> None:
    out, descriptor = os.pipe()
    writer = LineWriter(descriptor, interval=0.001)
    exchange = call()
    CallLog(writer).record(exchange, trace_of(exchange))
    await writer.close(30)
    os.close(descriptor)

    with os.fdopen(out, "rb") as stream:
        assert orjson.loads(stream.read())["event"] == "call"
