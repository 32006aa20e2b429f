"""Turnout's own commands as real processes on loopback: a gateway, however it gets its configuration, and simulated providers.

What a test sees of a gateway is what anybody could: answers over HTTP, its admin port, and the lines that it writes. Rules: each
process has a port of its own and an environment of a few variables, so that nothing of the developer's decides what a test sees;
nothing waits but by polling.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from openai import AsyncOpenAI, DefaultAsyncHttpxClient, DefaultHttpxClient, OpenAI

from cluster.processes import Process, Spawner
from support.ports import free_port

Json = dict[str, Any]
T = TypeVar("T")
CHAT = "/v1/chat/completions"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def until(what: str, probe: Callable[[], T | None], seconds: float = 20) -> T:
    """Poll until `probe` gives something truthy and return that; AssertionError naming `what` if it never does."""
    deadline = time.monotonic() + seconds
    while True:
        seen = probe()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}; last seen: {seen!r}"
        time.sleep(0.02)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process: a few variables, and what is asked for."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": "/nonexistent", **(extra or {})}


def fetch(
    url: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Status and text of an answer; status 0 where nobody answers."""
    request = urllib.request.Request(url, data=body, method=method, headers=dict(headers or {}))
    try:
        with _DIRECT.open(request, timeout=20) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()
    except OSError:
        return 0, ""


class Answer:
    """An answer, with headers in lower case."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    @property
    def json(self) -> Json:
        """The body, parsed."""
        parsed: Json = json.loads(self.body)
        return parsed

    @property
    def error(self) -> Json:
        """The error in it."""
        found: Json = self.json["error"]
        return found

    @property
    def text(self) -> str:
        """What the model said."""
        said: str = self.json["choices"][0]["message"]["content"]
        return said

    @property
    def cache(self) -> str:
        """What the cache did."""
        return self.headers["x-turnout-cache"]

    @property
    def events(self) -> list[Json]:
        """The events of a stream, without the last `[DONE]`."""
        lines = [line.removeprefix("data: ") for line in self.body.decode().splitlines() if line.startswith("data: ")]
        return [json.loads(line) for line in lines if line != "[DONE]"]

    @property
    def streamed_text(self) -> str:
        """What the model said, piece by piece."""
        choices = [choice for event in self.events for choice in event.get("choices", ())]
        return "".join(choice["delta"].get("content") or "" for choice in choices)


class Gateway:
    """A gateway process, `serve` or `gateway`. Output and errors go to one log, as in a pod."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        root: Path,
        spawner: Spawner,
        env: Mapping[str, str] | None = None,
        key: str = "",
    ) -> None:
        self.port, self.admin_port = free_port(), free_port()
        self.key = key
        ports = ["--port", str(self.port), "--admin-port", str(self.admin_port)]
        command = [sys.executable, "-m", "turnout_cli", *arguments, *ports]
        self.process = Process(name, command, folder=root, spawner=spawner)
        self._env = environment(env)

    def start(self, *, ready: bool = True) -> Gateway:
        """Start it, and wait until it is ready unless told otherwise."""
        self.process.start(self._env)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self) -> None:
        """Wait until it says that it is ready."""
        self.process.wait_until(self.ready, what="ready")

    def ready(self) -> bool:
        """Whether it says so."""
        return self.admin("/readyz")[0] == 200

    def stop(self, signum: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        self.process.stop(signum)

    # --- calls

    @property
    def url(self) -> str:
        """Where calls go."""
        return f"http://127.0.0.1:{self.port}"

    def openai(self, key: str | None = None) -> OpenAI:
        """The real client, which tries nothing again by itself."""
        client = DefaultHttpxClient(trust_env=False)
        return OpenAI(base_url=f"{self.url}/v1", api_key=key or self.key, max_retries=0, timeout=30, http_client=client)

    def async_openai(self, key: str | None = None) -> AsyncOpenAI:
        """The same, asynchronous."""
        client = DefaultAsyncHttpxClient(trust_env=False)
        return AsyncOpenAI(
            base_url=f"{self.url}/v1", api_key=key or self.key, max_retries=0, timeout=30, http_client=client
        )

    def post(self, body: Json | bytes, path: str = CHAT, *, key: str | None = None, **headers: str) -> Answer:
        """One call on a connection of its own; names of headers with _ for -."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"authorization": f"Bearer {key or self.key}", "content-type": "application/json"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", path, raw, named)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def ask(self, model: str, text: str, *, key: str | None = None, headers: Json | None = None, **more: Any) -> Answer:
        """A chat call of one question."""
        return self.post(question(model, text, **more), key=key, **(headers or {}))

    # --- what it says

    def admin(self, path: str) -> tuple[int, str]:
        """What the admin port answers; status 0 where it does not."""
        return fetch(f"http://127.0.0.1:{self.admin_port}{path}")

    def metrics(self) -> str:
        """The metrics page."""
        status, text = self.admin("/metrics")
        assert status == 200
        return text

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's series that have these labels; 0 where there is none."""
        total = 0.0
        for line in self.metrics().splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and all(f'{key}="{text}"' in series for key, text in labels.items()):
                total += float(value)
        return total

    @property
    def log(self) -> str:
        """Everything that it has written."""
        return self.process.log.read_text(encoding="utf-8", errors="replace") if self.process.log.exists() else ""

    def lines(self) -> list[Json]:
        """The lines of calls."""
        found: list[Json] = []
        for line in self.log.splitlines():
            if line.startswith("{") and line.endswith("}"):
                said = json.loads(line)
                if said.get("event") == "call":
                    found.append(said)
        return found

    def line_of(self, request_id: str) -> Json:
        """The one line of a call, once it is written."""
        mine = lambda: [line for line in self.lines() if line["request_id"] == request_id]  # noqa: E731
        found = until(f"the line of call {request_id}", mine)
        assert len(found) == 1
        return found[0]


class Provider:
    """A `turnout simulate-provider` process."""

    def __init__(
        self, name: str, *options: str, root: Path, spawner: Spawner, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.port = free_port()
        command = [sys.executable, "-m", "turnout_cli", "simulate-provider", "--port", str(self.port), *options]
        self.process = Process(name, command, folder=root, spawner=spawner)
        self._env = environment(env)

    @property
    def url(self) -> str:
        """What a ModelProvider has as its endpoint."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Start it; see `wait_ready`."""
        self.process.start(self._env)

    def wait_ready(self) -> None:
        """Wait until it answers."""
        self.process.wait_until(lambda: self._fetch("GET", "/_calls")[0] == 200, what="answering")

    def forget(self) -> None:
        """No faults are prescribed any more, and no calls remembered."""
        self._fetch("DELETE", "/_faults")
        self._fetch("DELETE", "/_calls")

    def prescribe(self, *faults: str) -> None:
        """What goes wrong with the next calls, a line each (`status=503 x2`, `hang=middle`)."""
        status, text = self._fetch("PUT", "/_faults", "\n".join(faults).encode())
        assert status == 204, text

    @property
    def calls(self) -> list[Json]:
        """What reached it since it was told to forget."""
        found: list[Json] = json.loads(self._fetch("GET", "/_calls")[1])["calls"]
        return found

    def _fetch(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        return fetch(f"http://127.0.0.1:{self.port}{path}", method=method, body=body)


def question(model: str, text: str, **more: Any) -> Json:
    """The body of a chat call of one question."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}
