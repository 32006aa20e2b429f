"""The load generator counts what happened, and what a measurement starts is gone after it."""

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from bench import processes
from bench.load import Plan, run
from bench.processes import free_port, started, wait_for_port


@pytest.fixture
def provider() -> Iterator[int]:
    port = free_port()
    with started("bench.upstream", str(port)) as running:
        wait_for_port(port, running)
        yield port


def _plan(port: int, *, stream: bool = False, api: str = "chat") -> Plan:
    return Plan(port, stream, (), "m", deadline=10**12, count=20, repeat=False, api=api)


def test_every_answer_is_counted(provider: int) -> None:
    tally = uvloop.run(run(_plan(provider), 4))
    assert (tally.calls, tally.good, tally.refused, tally.broken) == (20, 20, 0, 0)


def test_the_events_of_streams_are_counted(provider: int) -> None:
    tally = uvloop.run(run(_plan(provider, stream=True), 4))
    assert tally.events == 20 * (64 + 3)  # content, finish, usage and [DONE]


def test_the_events_of_anthropics_streams_are_counted(provider: int) -> None:
    tally = uvloop.run(run(_plan(provider, stream=True, api="messages"), 4))
    assert (tally.good, tally.events) == (20, 20 * (64 + 5))  # two begin a message, three end it


def test_answers_that_are_errors_are_counted_apart() -> None:
    ready = threading.Event()
    ports: list[int] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(1)
            reader._buffer.clear()  # type: ignore[attr-defined]
            writer.write(b"HTTP/1.1 503 no\r\ncontent-length: 2\r\n\r\n{}")

    async def serve() -> None:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        await asyncio.sleep(5)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    ready.wait(5)
    tally = uvloop.run(run(_plan(ports[0]), 1))
    assert (tally.good, tally.refused) == (0, 20)
    assert tally.statuses == {"503": 20}


def test_a_process_that_was_started_is_gone_after() -> None:
    port = free_port()
    with started("bench.upstream", str(port)) as running:
        wait_for_port(port, running)
        pid = running.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("content", ["", "\n", None, "/autogroup-7 nice 3\n"])
def test_a_process_starts_whether_or_not_sessions_are_scheduled_as_groups(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_AUTOGROUP", str(tmp_path / "autogroup-{}"))
    if content is not None:
        (tmp_path / "autogroup-self").write_text(content)
    with processes.priority(1), started("bench.upstream", str(port := free_port())) as running:
        wait_for_port(port, running)
        assert running.alive()
