"""A fake provider for load: as little work as Python allows, so that the gateway in front of it is what is measured.

One asyncio Protocol under uvloop. A request whose body holds `"stream":true` gets 64 chunks 2 ms apart, a usage chunk where asked
for, and [DONE]; any other gets 1.2 KB with usage. `python -m bench.upstream PORT`.
"""

import asyncio
import json
import sys
from typing import cast

import uvloop

CHUNKS = 64
CHUNK_SECONDS = 0.002
_TEXT = "All the trains of the morning left the yard on the second track. " * 12
_ANSWER = json.dumps(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "bench-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": _TEXT}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 420, "completion_tokens": 160, "total_tokens": 580},
    }
).encode()
UNARY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(_ANSWER), _ANSWER)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _frame(data: bytes) -> bytes:
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


def _chunk(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _frame(
        json.dumps(
            {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "model": "bench-model", "choices": [choice]}
        ).encode()
    )


CONTENT = _chunk({"content": "track "}, None)
_USAGE = _frame(
    json.dumps(
        {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "model": "bench-model", "choices": [],
         "usage": {"prompt_tokens": 420, "completion_tokens": CHUNKS, "total_tokens": 420 + CHUNKS}}
    ).encode()
)  # fmt: skip
TAIL = _chunk({}, "stop") + _USAGE + _frame(b"[DONE]") + b"0\r\n\r\n"


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
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        assert self._transport is not None
        if b'"stream":true' in body or b'"stream": true' in body:
            self._transport.write(_HEAD)
            asyncio.get_running_loop().call_later(CHUNK_SECONDS, self._tick, CHUNKS)
        else:
            self._transport.write(UNARY)

    def _tick(self, left: int) -> None:
        if self._transport is None:
            return
        if left == 0:
            self._transport.write(TAIL)
            return
        self._transport.write(CONTENT)
        asyncio.get_running_loop().call_later(CHUNK_SECONDS, self._tick, left - 1)


async def main(port: int) -> None:
    """Serve on loopback until killed."""
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
