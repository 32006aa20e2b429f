"""Bad input to the whole process over real sockets: refused by name, and nobody else notices.

The many kinds of each are in the unit tests of the gateway; here each is tried once against what really runs, together with the
memory that it takes and the calls beside it.
"""

import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

import pytest

from support.turnout import CHAT, Answer, Gateway, Provider, question, until

MIB = 1024 * 1024
LIMIT = 2_000_000


@pytest.fixture(autouse=True)
def _serves_all_the_same(house: Gateway) -> Iterator[None]:
    yield
    assert house.ask("plain", "Still well?").status == 200
    assert "Traceback" not in house.log
    assert "internal_error" not in house.log


@contextmanager
def connection(house: Gateway, *, receive_buffer: int | None = None) -> Iterator[socket.socket]:
    with closing(socket.socket()) as raw:
        if receive_buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.settimeout(30)
        raw.connect(("127.0.0.1", house.port))
        yield raw


def head(house: Gateway, length: int | None, *more: str) -> bytes:
    lines = [f"POST {CHAT} HTTP/1.1", "host: t", f"authorization: Bearer {house.key}", *more]
    if length is not None:
        lines.append(f"content-length: {length}")
    return "\r\n".join((*lines, "", "")).encode()


def answer_on(raw: socket.socket) -> Answer:
    """The answer on a connection that ends with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = raw.recv(65_536)
        assert piece, data
        data += piece
    first, _, body = data.partition(b"\r\n\r\n")
    status, *lines = first.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += raw.recv(65_536)
    return Answer(int(status.split()[1]), headers, body)


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe{}", b'{"model": "plain"'])
def test_malformed_json_is_a_400(house: Gateway, body: bytes) -> None:
    answer = house.post(body)
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"model": ["plain"]}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"tools": {}}, "tools"),
    ],
)
def test_wrong_types_are_a_400_that_names_the_field(house: Gateway, change: dict[str, Any], param: str) -> None:
    answer = house.post({**question("plain", "Hello?"), **change})
    assert (answer.status, answer.error["param"]) == (400, param)


def test_an_unknown_model_is_a_404(house: Gateway) -> None:
    answer = house.ask("gpt-9", "Hello?")
    assert (answer.status, answer.error["code"], answer.error["param"]) == (404, "model_not_found", "model")


def test_a_missing_template_variable_is_a_400_that_names_it(house: Gateway) -> None:
    answer = house.post({"model": "triage", "messages": [], "prompt": {"variables": {}}})
    assert (answer.status, answer.error["code"], answer.error["param"]) == (
        400,
        "missing_variable",
        "prompt.variables.claim",
    )


def test_an_oversized_body_is_a_413_before_it_is_sent(house: Gateway) -> None:
    with connection(house) as raw:
        raw.sendall(head(house, 500 * MIB))
        answer = answer_on(raw)
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")


def test_an_oversized_body_in_chunks_is_a_413_and_is_not_kept(house: Gateway) -> None:
    before = house.process.resident_bytes()
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with connection(house) as raw:
        raw.sendall(head(house, None, "transfer-encoding: chunked"))
        raw.sendall(chunk * (LIMIT // 0x10000 + 1))
        answer = answer_on(raw)
        with suppress(ConnectionError):  # it need not listen to the rest
            for _ in range(2000):
                raw.sendall(chunk)
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")
    assert house.process.resident_bytes() - before < 32 * MIB


def test_ten_thousand_messages_are_answered(house: Gateway, alpha: Provider) -> None:
    messages = [
        {"role": "user" if number % 2 == 0 else "assistant", "content": f"m{number}"} for number in range(9_999)
    ]
    answer = house.post({"model": "plain", "messages": [*messages, {"role": "user", "content": "And?"}]})
    assert answer.status == 200
    assert len(json.loads(alpha.calls[0]["body"])["messages"]) == 10_000


@pytest.mark.parametrize("levels", [100, 500_000])
def test_deep_nesting_is_a_400(house: Gateway, levels: int) -> None:
    body = (
        b'{"model": "plain", "messages": [{"role": "user", "content": "a"}], "x": '
        + b"[" * levels
        + b"]" * levels
        + b"}"
    )
    answer = house.post(body)
    assert answer.status == 400


def test_a_gzip_bomb_is_a_413_and_takes_no_memory(house: Gateway) -> None:
    bomb = gzip.compress(b"0" * (400 * MIB), 1)
    assert len(bomb) < LIMIT
    before = house.process.resident_bytes()
    answer = house.post(bomb, content_encoding="gzip")
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")
    assert house.process.resident_bytes() - before < 32 * MIB


def test_a_packed_call_is_a_call(house: Gateway) -> None:
    body = gzip.compress(json.dumps(question("plain", "Packed?")).encode())
    assert house.post(body, content_encoding="gzip").status == 200


def test_a_lone_surrogate_is_a_400_and_a_pair_is_text(house: Gateway, alpha: Provider) -> None:
    alone = b'{"model": "plain", "messages": [{"role": "user", "content": "\\ud83d"}]}'
    assert house.post(alone).status == 400
    pair = b'{"model": "plain", "messages": [{"role": "user", "content": "\\ud83d\\ude82"}]}'
    assert house.post(pair).status == 200
    assert "\\ud83d\\ude82" in alpha.calls[0]["body"]


def test_a_half_closed_connection_is_a_client_that_has_left(house: Gateway, alpha: Provider) -> None:
    alpha.prescribe("hang=headers")
    body = json.dumps(question("plain", "Half?")).encode()
    with connection(house) as raw:
        raw.sendall(head(house, len(body)) + body)
        until("the call is at the provider", lambda: len(alpha.calls) == 1)
        raw.shutdown(socket.SHUT_WR)
        until("the provider is left", lambda: alpha.calls[0]["ending"] == "client-left", 10)


def test_a_body_that_breaks_off_harms_nobody(house: Gateway, alpha: Provider) -> None:
    for _ in range(20):
        with connection(house) as raw:
            raw.sendall(head(house, 1000) + b'{"model": "pl')
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # the end is a reset
    assert alpha.calls == []


def test_slow_clients_are_cut_off_and_hold_nobody_up(house: Gateway) -> None:
    with ExitStack() as stack:
        heads = [stack.enter_context(connection(house)) for _ in range(50)]
        for raw in heads:
            raw.sendall(b"POST /v1/chat/completions HTT")
        with_body = stack.enter_context(connection(house))
        with_body.sendall(head(house, 1000) + b"{")
        started = time.monotonic()
        assert house.ask("plain", "Beside fifty slow ones?").status == 200
        assert time.monotonic() - started < 9  # less than what the slow ones are given
        answer = answer_on(with_body)
        assert (answer.status, answer.error["code"]) == (408, "request_timeout")
        until("each is cut off", lambda: all(_is_closed(raw) for raw in heads), 30)


def _is_closed(raw: socket.socket) -> bool:
    raw.setblocking(False)
    try:
        return raw.recv(4096) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_a_client_that_does_not_read_holds_up_nobody(house: Gateway, beta: Provider) -> None:
    text = " ".join(f"word{number}" for number in range(20_000))
    body = json.dumps(question("down", text, stream=True, n=64)).encode()
    with connection(house, receive_buffer=4096) as raw:
        raw.sendall(head(house, len(body)) + body)
        until("the call is at the provider", lambda: len(beta.calls) == 1)
        started = time.monotonic()
        threads = [threading.Thread(target=lambda: house.ask("plain", "Beside one?")) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert time.monotonic() - started < 10
        assert not any(thread.is_alive() for thread in threads)


def test_what_is_no_http_is_a_400(house: Gateway) -> None:
    with connection(house) as raw:
        raw.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n")
        assert answer_on(raw).status == 400
