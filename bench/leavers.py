"""Callers that hang up: each asks for a stream, reads its first bytes, and is gone; then the next.

Prints how many did so. `python -m bench.leavers --port P --seconds 10 --connections 4 --header 'k: v'`.
"""

import asyncio
import contextlib
import json
import os
import time

import click
import uvloop

from bench.load import PROMPT


async def leave(port: int, headers: tuple[str, ...], deadline: float) -> int:
    """One caller after another until the deadline; how many."""
    left = 0
    while time.monotonic() < deadline:
        text = f"{os.urandom(8).hex()} {PROMPT[:1900]}"
        body = {"model": "bench", "messages": [{"role": "user", "content": text}], "temperature": 0, "stream": True}
        data = json.dumps(body).encode()
        lines = ["POST /v1/chat/completions HTTP/1.1", f"host: 127.0.0.1:{port}", "content-type: application/json"]
        head = "\r\n".join([*lines, *headers, f"content-length: {len(data)}", "", ""]).encode()
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head + data)
            await reader.read(64)
            writer.transport.abort()
            left += 1
    return left


async def run(port: int, seconds: float, connections: int, headers: tuple[str, ...]) -> int:
    """So many at once."""
    deadline = time.monotonic() + seconds
    return sum(await asyncio.gather(*(leave(port, headers, deadline) for _ in range(connections))))


@click.command()
@click.option("--port", type=int, required=True)
@click.option("--seconds", type=float, default=4.0)
@click.option("--connections", type=int, default=4)
@click.option("--header", multiple=True)
def main(port: int, seconds: float, connections: int, header: tuple[str, ...]) -> None:
    """Ask for streams and hang up."""
    print(uvloop.run(run(port, seconds, connections, header)))


if __name__ == "__main__":
    main()
