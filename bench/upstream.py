"""A fake provider for load: as little work as Python allows, so that the gateway in front of it is what is measured.

It speaks chat completions, and Anthropic's messages where the path says so.

One asyncio Protocol under uvloop. A request whose body holds `"stream":true` gets 64 chunks 2 ms apart, a usage chunk where asked
for, and [DONE]; any other gets 1.2 KB with usage. `python -m bench.upstream PORT`.
"""

import asyncio
import json
import sys
from typing import Any, cast

import msgspec
import uvloop

CHUNKS = 64
CHUNK_SECONDS = 0.002
_TEXT = "All the trains of the morning left the yard on the second track. " * 12
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_END = b"0\r\n\r\n"
_DONE = b"data: [DONE]\n\n"


class Api(msgspec.Struct, frozen=True):
    """What is sent in one API: a whole answer; and of a stream what begins it, each piece, and its end."""

    unary: bytes
    start: bytes
    piece: bytes
    tail: bytes


def _unary(answer: dict[str, Any]) -> bytes:
    body = json.dumps(answer).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def _framed(event: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(event), event)


def _chunk(**fields: Any) -> bytes:
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "model": "bench-model"}
    return _framed(b"data: " + json.dumps({**head, **fields}).encode() + b"\n\n")


def _delta(delta: dict[str, str], finish: str | None) -> bytes:
    return _chunk(choices=[{"index": 0, "delta": delta, "finish_reason": finish}])


def _event(kind: str, **fields: Any) -> bytes:
    return _framed(f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode())


CHAT = Api(
    unary=_unary(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": "bench-model",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": _TEXT}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 420, "completion_tokens": 160, "total_tokens": 580},
        }
    ),
    start=_HEAD,
    piece=_delta({"content": "track "}, None),
    tail=_delta({}, "stop")
    + _chunk(choices=[], usage={"prompt_tokens": 420, "completion_tokens": CHUNKS, "total_tokens": 420 + CHUNKS})
    + _framed(_DONE)
    + _END,
)
_MESSAGE: dict[str, Any] = {
    "id": "msg_bench",
    "type": "message",
    "role": "assistant",
    "model": "bench-model",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 420, "output_tokens": 1},
}
MESSAGES = Api(
    unary=_unary(
        {
            **_MESSAGE,
            "content": [{"type": "text", "text": _TEXT}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 420, "output_tokens": 160},
        }
    ),
    start=_HEAD
    + _event("message_start", message=_MESSAGE)
    + _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    piece=_event("content_block_delta", index=0, delta={"type": "text_delta", "text": "track "}),
    tail=_event("content_block_stop", index=0)
    + _event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": CHUNKS})
    + _event("message_stop")
    + _END,
)


class Provider(asyncio.Protocol):
    """One connection; requests come one after another."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            self._answer(MESSAGES if b"/messages" in head.split(b"\r\n", 1)[0] else CHAT, body)

    def _answer(self, api: Api, body: bytes) -> None:
        assert self._transport is not None
        if b'"stream":true' in body or b'"stream": true' in body:
            self._transport.write(api.start)
            asyncio.get_running_loop().call_later(CHUNK_SECONDS, self._tick, api, CHUNKS)
        else:
            self._transport.write(api.unary)

    def _tick(self, api: Api, left: int) -> None:
        if self._transport is None:
            return
        if left == 0:
            self._transport.write(api.tail)
            return
        self._transport.write(api.piece)
        asyncio.get_running_loop().call_later(CHUNK_SECONDS, self._tick, api, left - 1)


async def main(port: int) -> None:
    """Serve on loopback until killed."""
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
