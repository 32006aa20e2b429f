"""What the cache costs and saves: hits beside misses, and how long its parts take.

The exact cache's hits and misses run side by side (see `fleet`). The embedder, the store's look-ups (10,000 answers of 20
partitions in the embedded engine) and a semantic hit from end to end are timed one at a time, as a lone caller would meet them.
"""

import asyncio
import hashlib
import http.client
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from bench.fleet import Contender, fleet, serve
from bench.processes import free_port, started, wait_for_port
from bench.report import Figure, plain, ratio
from bench.resources import KEY, write
from turnout_sidecar.adapters.minilm import MiniLmEmbedder
from turnout_sidecar.adapters.qdrant_edge import QdrantEdgeStore
from turnout_sidecar.ports.clock import SystemClock
from turnout_sidecar.ports.store import Entry, Partition, entry_id, team_scope

ENTRIES, PARTITIONS, ANSWER_BYTES = 10_000, 20, 1_300
LOOKS = 200
CONTEXT = hashlib.sha256(b"context").hexdigest()
QUESTION = "What is the capital of France?"
OTHERWISE = "What's the capital of France?"
LONG = "Say which of these trains can still reach the harbour before noon, and why the others cannot. " * 20
HITS, MISSES = Contender("hits", cached=True, options=("--repeat",)), Contender("misses", cached=True)


def run(rounds: int, seconds: float) -> list[Figure]:
    """All of it."""
    ratios = []
    for number in range(rounds):
        with fleet((HITS, MISSES)) as running:
            found = running.phase(seconds, turn=number)
        ratios.append(found["hits"].per_cpu_second / found["misses"].per_cpu_second)
    figures = [ratio("exact cache: hits to misses, calls per CPU-second", ratios)]
    figures += uvloop.run(_parts())
    return [*figures, _semantic_hit()]


async def _parts() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as folder:
        embedder = MiniLmEmbedder()
        store = QdrantEdgeStore(Path(folder), collection="bench", dimension=embedder.dimension, clock=SystemClock())
        await asyncio.gather(store.start(30), embedder.load())
        rows = _vectors(embedder.dimension)
        await _fill(store, rows)
        figures = [
            *await _timed("embed a question of 7 words", lambda _: embedder.embed([QUESTION])),
            *await _timed("embed a question of 2 KB", lambda _: embedder.embed([LONG])),
            *await _timed("exact look-up that finds nothing", lambda n: store.get(_partition(n), _key(-n - 1))),
            *await _timed("exact look-up that finds", lambda n: store.get(_partition(n), _key(n))),
            *await _timed(
                f"semantic look-up among {ENTRIES // PARTITIONS}",
                lambda n: store.search(_partition(n), CONTEXT, rows[n], 6),
            ),
        ]
        await store.close()
        await embedder.close()
    return figures


async def _timed(name: str, once: Callable[[int], Awaitable[Any]]) -> list[Figure]:
    samples = []
    for number in range(LOOKS):
        started_at = time.perf_counter()
        await once(number)
        samples.append((time.perf_counter() - started_at) * 1e3)
    samples.sort()
    return [
        plain(f"{name}, p50", statistics.median(samples), "ms"),
        plain(f"{name}, p99", samples[int(len(samples) * 0.99)], "ms"),
    ]


def _vectors(dimension: int) -> np.ndarray:
    rows = np.random.default_rng(7).standard_normal((ENTRIES, dimension)).astype(np.float32)
    normalised: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return normalised


def _partition(number: int) -> str:
    return Partition("bench", "bench", team_scope(f"team-{number % PARTITIONS}")).key


def _key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def _entries() -> Iterator[Entry]:
    now = time.time()
    for number in range(ENTRIES):
        partition, key = _partition(number), _key(number)
        answer = os.urandom(ANSWER_BYTES)
        yield Entry(entry_id(partition, key), partition, key, CONTEXT, f"question {number}", answer, now + 3600, now)


async def _fill(store: QdrantEdgeStore, rows: np.ndarray) -> None:
    waiting: list[Awaitable[None]] = []
    for entry, row in zip(_entries(), rows, strict=True):
        waiting.append(store.put(entry, row))
        if len(waiting) == 100:
            await asyncio.gather(*waiting)
            waiting.clear()
    await asyncio.gather(*waiting)


def _semantic_hit() -> Figure:
    """The same question in other words, through `turnout serve`, one call at a time."""
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as name:
        folder, upstream, port = Path(name), free_port(), free_port()
        write(folder / "resources", upstream, otlp=None, cached="Semantic")
        with started("bench.upstream", str(upstream)) as provider, serve(folder, port):
            wait_for_port(upstream, provider)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            end = time.monotonic() + 30
            while _ask(connection, QUESTION, "")[0] != "exact" or _ask(connection, OTHERWISE)[0] != "semantic":
                if time.monotonic() > end:
                    raise TimeoutError("no semantic hit")
            samples = [
                seconds for state, seconds in (_ask(connection, OTHERWISE) for _ in range(LOOKS)) if state == "semantic"
            ]
    middle = statistics.median(samples) * 1e3
    return plain(f"semantic hit from end to end, p50 of {len(samples)}", middle, "ms")


def _ask(connection: http.client.HTTPConnection, question: str, wish: str = "no-store") -> tuple[str, float]:
    """Which cache answered, and after how many seconds. `no-store`: the answer is not kept under this wording too."""
    body = {"model": "bench", "messages": [{"role": "user", "content": question}], "temperature": 0}
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    if wish:
        headers["x-turnout-cache"] = wish
    began = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    answer = connection.getresponse()
    answer.read()
    return answer.headers.get("x-turnout-cache", ""), time.perf_counter() - began
