"""What the tests of the gateway share: snapshots made of a few words, a provider of raw bytes, and a listening gateway."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import orjson

from turnout_contract.snapshot import codec
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.http_client import HttpUpstream
from turnout_sidecar.exchange.call import Stage
from turnout_sidecar.intake import IntakeLimits
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.ports.upstream import Upstream
from turnout_sidecar.server import Gateway, GatewaySettings

CHAT = "/v1/chat/completions"
QUICK = IntakeLimits(head_seconds=0.3, body_grace_seconds=0.3, stalled_write_seconds=0.5)
ALL: tuple[Any, ...] = ("Chat", "Embeddings", "Tools", "JSONSchema", "Vision", "Audio")


def a_model(name: str = "gpt", **fields: Any) -> snap.Model:
    """A model that can do everything, at 1 dollar for a million tokens in and 2 out."""
    price = snap.Price(input=1_000_000_000, output=2_000_000_000)
    return snap.Model(**{"name": name, "tier": "Mid", "capabilities": ALL, "price": price, **fields})


def a_provider(name: str = "openai", *models: snap.Model, port: int = 9, **fields: Any) -> snap.Provider:
    """A provider on this machine."""
    filled = {
        "name": name,
        "protocol": "OpenAI",
        "endpoint": f"http://127.0.0.1:{port}/v1",
        "api_key": None,
        "clearance": "Internal",
        "residency": (),
        "tls": snap.Tls(),
        "models": models or (a_model(),),
    }
    return snap.Provider(**{**filled, **fields})


def a_rule(*backends: str, **fields: Any) -> snap.Rule:
    """A rule over `provider/model` or `provider/model*weight`."""
    made = []
    for text in backends or ("openai/gpt",):
        name, _, weight = text.partition("*")
        provider, _, model = name.partition("/")
        made.append(snap.Backend(provider, model, int(weight or 1)))
    return snap.Rule(**{"name": "all", "matches": (), "strategy": "Failover", "backends": tuple(made), **fields})


def a_route(name: str = "assistant", *rules: snap.Rule, **fields: Any) -> snap.Route:
    """A public route of its own name, with quick time limits."""
    filled = {
        "name": name,
        "models": (name,),
        "visibility": "Public",
        "sensitivity": "Internal",
        "rules": rules or (a_rule(),),
        "timeouts": snap.Timeouts(request_ms=5000, first_token_ms=2000, stream_idle_ms=1000),
    }
    return snap.Route(**{**filled, **fields})


def a_client(name: str = "app", **fields: Any) -> snap.Client:
    """A client whose key is `key-of-NAME`, in the Secret of its name."""
    filled = {
        "name": name,
        "team": "claims",
        "keys": (snap.SecretFile(name, "key"),),
        "routes": None,
        "sensitivity": "Internal",
        "trust": (),
    }
    return snap.Client(**{**filled, **fields})


def a_snapshot(
    *routes: snap.Route, providers: Sequence[snap.Provider] = (), gateway: snap.Gateway | None = None, **fields: Any
) -> snap.Snapshot:
    """Namespace `ns` with these routes."""
    return snap.Snapshot(
        namespace="ns",
        gateway=gateway or snap.Gateway(),
        providers=tuple(providers) or (a_provider(),),
        routes=routes or (a_route(),),
        **fields,
    )


def apply(gateway: Gateway, snapshot: snap.Snapshot) -> tuple[str, ...]:
    """Give it to a gateway."""
    data = codec.encode(snapshot)
    return gateway.apply(data, codec.version(data))


@asynccontextmanager
async def a_gateway(
    snapshot: snap.Snapshot | None = None,
    *,
    upstream: Upstream | None = None,
    secrets: FakeSecrets | None = None,
    telemetry: FakeTelemetry | None = None,
    intake: IntakeLimits | None = None,
    cache: Stage | None = None,
) -> AsyncIterator[Gateway]:
    """A gateway that listens, with the real client unless another upstream is given."""
    used = upstream if upstream is not None else HttpUpstream()
    gateway = Gateway(
        GatewaySettings(port=0, intake=intake or IntakeLimits()),
        secrets=secrets or FakeSecrets(),
        upstream=used,
        telemetry=telemetry or FakeTelemetry(),
        cache=cache,
    )
    await gateway.start()
    if snapshot is not None:
        apply(gateway, snapshot)
    try:
        yield gateway
    finally:
        await gateway.stop(0.2)
        await used.close()


class Reply(msgspec.Struct):
    """An answer as a client sees it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return orjson.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error in it."""
        found: dict[str, Any] = self.json["error"]
        return found


class Client:
    """One raw connection to a gateway, which shows every byte."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def __aenter__(self) -> "Client":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    def send(self, body: bytes | dict[str, Any], path: str = CHAT, *, method: str = "POST", **headers: str) -> None:
        """Write a request."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        named = {
            "host": "turnout",
            "content-length": str(len(raw)),
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value != "")
        self.writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + raw)

    async def head(self) -> tuple[int, dict[str, str]]:
        """The status and headers of an answer."""
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = text.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return int(first.split()[1]), headers

    async def reply(self) -> Reply:
        """A whole answer."""
        status, headers = await self.head()
        if headers.get("transfer-encoding") == "chunked":
            return Reply(status, headers, b"".join([piece async for piece in self.chunks()]))
        return Reply(status, headers, await self.reader.readexactly(int(headers.get("content-length", "0"))))

    async def chunks(self) -> AsyncIterator[bytes]:
        """The pieces of a chunked answer."""
        while size := int((await self.reader.readline()).strip() or b"0", 16):
            yield await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readline()


async def call(
    gateway: Gateway, body: bytes | dict[str, Any], path: str = CHAT, *, method: str = "POST", **headers: str
) -> Reply:
    """One call on a connection of its own."""
    async with Client(gateway.port) as client:
        client.send(body, path, method=method, **headers)
        return await client.reply()


def chat(model: str = "assistant", text: str = "Hello?", **fields: Any) -> dict[str, Any]:
    """A chat call."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def answer(text: str = "Hi.", **fields: Any) -> bytes:
    """A provider's whole answer, with 10 tokens in and 5 out."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return orjson.dumps(
        {"id": "c1", "object": "chat.completion", "model": "gpt-x", "choices": [choice], "usage": usage, **fields}
    )


def event(data: Any) -> bytes:
    """An SSE frame."""
    return b"data: " + (data if isinstance(data, bytes) else orjson.dumps(data)) + b"\n\n"


def delta(text: str | None = None, *, finish: str | None = None) -> bytes:
    """A frame with a piece of an answer."""
    part: dict[str, Any] = {"role": "assistant", "content": ""} if text is None else {"content": text}
    choice = {"index": 0, "delta": {} if finish else part, "finish_reason": finish}
    return event({"id": "c1", "object": "chat.completion.chunk", "model": "gpt-x", "choices": [choice], "usage": None})


USAGE = event(
    {
        "id": "c1",
        "model": "gpt-x",
        "choices": [],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
)
DONE = event(b"[DONE]")
STREAM = (delta(), delta("Hel"), delta("lo"), delta(finish="stop"), USAGE, DONE)
EVENTS = (("content-type", "text/event-stream"),)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for it, generously."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  it is polled on purpose
            await asyncio.sleep(0.01)


Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RawProvider:
    """A provider that writes what a test says, byte for byte, and sees when it is left."""

    def __init__(self, script: Handle) -> None:
        self._script = script
        self._server: asyncio.Server | None = None
        self.port = 0
        self.left = asyncio.Event()
        self.requests: list[bytes] = []

    async def __aenter__(self) -> "RawProvider":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            self.requests.append(head + await reader.readexactly(length))
            await self._script(reader, writer)
            if await reader.read(1) == b"":
                self.left.set()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.set()
        finally:
            writer.transport.abort()
