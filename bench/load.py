"""A closed-loop load generator: prebuilt requests on keep-alive connections, one asyncio Protocol each, under uvloop.

Every request of every run differs in a few digits: no cache answers unless asked to repeat. What comes back is only framed: status,
length or chunks, and how often `data:` occurs in a stream. Prints one JSON object: see `Tally`.
`python -m bench.load --port P --seconds 4 --connections 32 [--stream] [--count N] [--header 'k: v'] [--model M] [--api A]`.
"""

import asyncio
import json
import os
import sys
import time
from typing import cast

import click
import msgspec
import uvloop

from bench import guard_texts

PROMPT = "Say which of these trains can still reach the harbour before noon, and why the others cannot. " * 20

MARK = b"#" * 16
APIS = {"chat": "/v1/chat/completions", "messages": "/v1/messages"}


class Tally(msgspec.Struct):
    """What was seen. Seconds are wall time of the measured part; `events` counts SSE events."""

    calls: int = 0
    good: int = 0
    refused: int = 0
    broken: int = 0
    events: int = 0
    seconds: float = 0.0
    versions: int = 0
    latency_p50_ms: float = 0.0
    latency_p99_ms: float = 0.0
    statuses: dict[str, int] = {}


class Plan(msgspec.Struct, frozen=True):
    """What to send and when to stop."""

    port: int
    stream: bool
    headers: tuple[str, ...]
    model: str
    deadline: float
    count: int
    repeat: bool
    api: str = "chat"
    personal: bool = False


class Source:
    """Requests, and the tally of what became of them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tally = Tally()
        self.latencies: list[float] = []
        self.seen_versions: set[bytes] = set()
        self._sent = 0
        self._mark = b"repeated" if plan.repeat else os.urandom(4).hex().encode()
        text = (guard_texts.dense(0) if plan.personal else PROMPT)[:1900]
        body = {"model": plan.model, "messages": [{"role": "user", "content": MARK.decode() + text}], "temperature": 0}
        if plan.stream:
            body |= {"stream": True}
        if plan.api == "messages":
            body |= {"max_tokens": 500}
        self._body = json.dumps(body, separators=(",", ":")).encode()
        extra = "".join(f"{line}\r\n" for line in plan.headers)
        self._head = (
            f"POST {APIS[plan.api]} HTTP/1.1\r\nhost: 127.0.0.1:{plan.port}\r\ncontent-type: application/json\r\n"
            f"{extra}content-length: {len(self._body)}\r\n\r\n"
        ).encode()

    def next(self) -> bytes | None:
        """The next request, or None at the end."""
        if (self.plan.count and self._sent >= self.plan.count) or time.monotonic() >= self.plan.deadline:
            return None
        self._sent += 1
        number = 0 if self.plan.repeat else self._sent
        return self._head + self._body.replace(MARK, b"%b%08d" % (self._mark, number), 1)

    def done(self, status: bytes, seconds: float, events: int, version: bytes) -> None:
        """One answer is complete."""
        tally = self.tally
        tally.calls += 1
        tally.events += events
        text = status.decode()
        tally.statuses[text] = tally.statuses.get(text, 0) + 1
        if text.startswith("2"):
            tally.good += 1
        else:
            tally.refused += 1
        self.latencies.append(seconds)
        self.seen_versions.add(version)


class Connection(asyncio.Protocol):
    """One caller. Waits for the whole answer before it asks again."""

    def __init__(self, source: Source, finished: asyncio.Future[None]) -> None:
        self._source = source
        self._finished = finished
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self._tail = b""
        self._length = -1
        self._received = 0
        self._started = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclass
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._finished.done():
            self._source.tally.broken += 1
            self._finished.set_result(None)

    def _ask(self) -> None:
        assert self._transport is not None
        request = self._source.next()
        if request is None:
            self._finished.set_result(None)
            self._transport.close()
            return
        self._parts, self._tail, self._length, self._received = [], b"", -1, 0
        self._started = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._received += len(data)
        if self._length == -1:
            joined = b"".join(self._parts)
            end = joined.find(b"\r\n\r\n")
            if end < 0:
                return
            head = joined[:end].lower()
            at = head.find(b"content-length:")
            self._length = end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        self._tail = (self._tail + data)[-7:]
        if self._received >= self._length if self._length else self._tail == b"\r\n0\r\n\r\n":
            self._complete()

    def _complete(self) -> None:
        whole = b"".join(self._parts)
        at = whole.find(b"-turnout-config: ")
        version = whole[at + 17 : at + 81] if at >= 0 else b""
        events = whole.count(b"data: ") if self._source.plan.stream else 0
        self._source.done(whole[9:12], time.perf_counter() - self._started, events, version)
        self._ask()


async def run(plan: Plan, connections: int) -> Tally:
    """Send until the plan ends and say what was seen."""
    source = Source(plan)
    loop = asyncio.get_running_loop()
    waits: list[asyncio.Future[None]] = []
    started = time.monotonic()
    for _ in range(connections):
        finished: asyncio.Future[None] = loop.create_future()
        waits.append(finished)
        await loop.create_connection(lambda f=finished: Connection(source, f), "127.0.0.1", plan.port)  # type: ignore[misc]
    await asyncio.gather(*waits)
    tally = source.tally
    tally.seconds = time.monotonic() - started
    tally.versions = len(source.seen_versions)
    if source.latencies:
        ordered = sorted(source.latencies)
        tally.latency_p50_ms = ordered[len(ordered) // 2] * 1e3
        tally.latency_p99_ms = ordered[int(len(ordered) * 0.99)] * 1e3
    return tally


@click.command()
@click.option("--port", type=int, required=True)
@click.option("--seconds", type=float, default=4.0)
@click.option("--connections", type=int, default=32)
@click.option("--count", type=int, default=0, help="Stop after so many calls; 0: only by time.")
@click.option("--stream", is_flag=True)
@click.option("--repeat", is_flag=True, help="Send the same request again and again.")
@click.option("--header", multiple=True)
@click.option("--model", default="bench")
@click.option("--personal", is_flag=True, help="A prompt full of personal data.")
@click.option("--api", type=click.Choice(tuple(APIS)), default="chat")
def main(
    port: int,
    seconds: float,
    connections: int,
    count: int,
    stream: bool,
    repeat: bool,
    personal: bool,
    header: tuple[str, ...],
    model: str,
    api: str,
) -> None:
    """Send load to a gateway on loopback."""
    deadline = time.monotonic() + min(seconds, 600.0)
    plan = Plan(port, stream, header, model, deadline, count, repeat, api, personal)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(plan, connections))) + b"\n")


if __name__ == "__main__":
    main()
