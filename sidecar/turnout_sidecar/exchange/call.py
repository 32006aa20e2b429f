"""One call on its way through the pipeline.

`Exchange` is the one mutable value of the gateway: each stage fills in what it found out, and what is recorded at the end is
read from here. Stages never talk to each other in another way.

Rules: a field is written by one stage only (named beside it); nothing here does IO; `raw` is never changed, and the body that
goes upstream is made from it by the stage that calls.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

import msgspec

from turnout_contract.api.meta import Sensitivity, Tier, Value
from turnout_contract.snapshot import model as snap
from turnout_sidecar.exchange.chunks import ChunkTimes
from turnout_sidecar.exchange.guarded import GuardTrail
from turnout_sidecar.exchange.usage import Usage


class Endpoint(msgspec.Struct, frozen=True):
    """One served path. `operation` is the GenAI operation name; `needs` the capability that a model must have."""

    name: str  # "chat" | "responses" | "messages" | "count_tokens" | "embeddings" | ...
    path: str  # as served: "/v1/chat/completions"
    upstream_path: str  # appended to the provider's endpoint where it speaks the same: "/chat/completions"
    operation: str  # "chat" | "embeddings" | "count_tokens"
    format: str  # of its bodies and errors: "chat" | "responses" | "messages" | "embeddings"
    needs: str  # "Chat" | "Embeddings"
    method: str = "POST"


class Caller(msgspec.Struct, frozen=True):
    """Who calls. `client` None: there are no clients and every call is taken."""

    client: str | None
    team: str
    user: str | None = None
    use_case: str | None = None
    outcome_id: str | None = None
    value: Value | None = None
    complexity: str | None = None
    prompt_version: str | None = None
    sensitivity: Sensitivity = "Public"
    routes: frozenset[str] | None = None  # None: all public ones
    trust: frozenset[str] = frozenset()  # which x-turnout-* of this caller are believed


class PromptUse(msgspec.Struct, frozen=True):
    """The template and version that a call was rendered with."""

    name: str
    version: str
    variables_digest: str


class Attempt:
    """One try at one backend. Written by call_upstream; every attempt is counted and paid for."""

    __slots__ = (
        "backend",
        "chunks",
        "cost_nano",
        "ended_ns",
        "error",
        "finish_reasons",
        "first_token_ns",
        "model",
        "number",
        "response_id",
        "response_model",
        "retry_after",
        "span_id",
        "started_ns",
        "status",
        "usage",
    )  # fmt: skip

    def __init__(self, number: int, provider: snap.Provider, model: snap.Model, started_ns: int) -> None:
        self.number = number
        self.backend = provider
        self.model = model
        self.started_ns = started_ns  # monotonic nanoseconds
        self.ended_ns: int | None = None
        self.first_token_ns: int | None = None
        self.chunks: ChunkTimes | None = None  # of a stream
        self.status: int | None = None  # HTTP status of the provider
        self.error: str | None = None  # low-cardinality error.type; None: success
        self.usage: Usage | None = None
        self.cost_nano: int | None = None
        self.response_model: str | None = None
        self.response_id: str | None = None
        self.finish_reasons: tuple[str, ...] = ()
        self.span_id: str = ""
        self.retry_after: float | None = None  # seconds

    @property
    def name(self) -> str:
        """`provider/model`, as x-turnout-backend says it."""
        return f"{self.backend.name}/{self.model.name}"


CacheState = Literal["miss", "exact", "semantic", "bypass"]


class ByteStream(Protocol):
    """The answer as it comes: each piece is one or more whole SSE frames, never cut inside an event.

    `aclose` may be called at any time, also before the first piece and again: it lets go of everything below at once. A
    stage that wraps one passes `aclose` down; a bare async generator that was never started would not.
    """

    def __aiter__(self) -> "ByteStream":
        """Itself."""

    async def __anext__(self) -> bytes:
        """The next piece, never empty."""

    async def aclose(self) -> None:
        """Done with it, whether it has ended or not."""


class Response:
    """What goes back. Exactly one of `body` and `stream` is set."""

    __slots__ = ("body", "headers", "status", "stream")

    def __init__(
        self,
        status: int,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        stream: ByteStream | None = None,
    ) -> None:
        self.status = status
        self.headers = headers if headers is not None else {}
        self.body = body
        self.stream = stream


class Exchange:
    """One call. `runtime` is the built snapshot that it runs on from beginning to end.

    What no stage has found out yet stands in the class, so that making one costs little.
    """

    # read_request
    model: str = ""  # the name asked for
    stream: bool = False
    include_usage: bool = False  # the client asked for the usage chunk itself
    # authenticate
    caller: Caller | None = None
    # resolve_route
    route: snap.Route | None = None
    rule: snap.Rule | None = None
    live_rule: Any = None  # turnout_sidecar.routing.LiveRule
    sensitivity: Sensitivity = "Internal"
    value: Value = "Normal"
    needs: frozenset[str] = frozenset()
    # render_prompt
    prompt: PromptUse | None = None
    # guard_input
    withheld: frozenset[str] = frozenset()  # headers of the caller's that must not go on to a provider, in lower case
    masks: Any = None  # turnout_sidecar.inspection.masks.Masks; None: nothing guards the call
    # guard_output
    above_tier: Tier | None = None  # only models of a higher one may answer
    # look_up_cache
    cache_state: CacheState = "bypass"
    cache_reason: str = ""  # why bypass, for the log
    exact_key: str = ""
    context_key: str = ""
    saved_nano: int | None = None  # on a hit: what the answer had cost
    # call_upstream
    response_backend: str = ""  # provider/model; on a hit the one that made the answer
    canonical: Any = None  # (body, wire.canonical.Request), once it was read to be translated
    dropped: tuple[str, ...] = ()  # fields that the backend's protocol cannot say
    usage: Usage | None = None  # of the answer that was given
    # record
    renamed: Mapping[str, str] = {}  # names that the caller chose, and what is told in their place (`inspection.names`)
    cost_nano: int | None = None  # of all attempts; None: some part is unpriced
    status: int = 0
    error: str | None = None  # low-cardinality
    settled: bool = False
    aborted: bool = False  # the stream did not end as it should
    client_gone: bool = False
    trace: Any = None  # turnout_sidecar.ports.telemetry.CallTrace
    answer_told: bool = False  # by whoever tells the trace first (`answer_content`)

    def __init__(
        self,
        *,
        id: str,  # noqa: A002
        endpoint: Endpoint,
        headers: Mapping[str, str],
        raw: bytes,
        body: dict[str, Any],
        runtime: Any,
        received_ns: int,
        received_unix_ns: int,
        receive: "Receive | None" = None,
    ) -> None:
        self.id = id
        self.endpoint = endpoint
        self.headers = headers  # looked up in lower case (CIMultiDictProxy)
        self.raw = raw  # the request's bytes, never changed
        self.parsed = body  # as it was parsed, never changed
        self.body = body  # as it is meant; a stage that changes it puts a new dict here
        self.runtime = runtime  # turnout_sidecar.runtime.Runtime
        self.received_ns = received_ns  # monotonic
        self.received_unix_ns = received_unix_ns
        self.receive = receive  # reads the body, once
        self.attempts: list[Attempt] = []  # by call_upstream
        self.guard = GuardTrail()  # by the guard stages

    def told(self, name: str) -> str:
        """A name of the call's as it may be told: logs and spans write no other."""
        return self.renamed.get(name, name)


Receive = Callable[[int], Awaitable[bytes]]
"""Reads the request's body, decoded, of at most so many bytes; raises CallError (413, 415, 400, 408)."""
Proceed = Callable[[Exchange], Awaitable[Response]]
Stage = Callable[[Exchange, Proceed], Awaitable[Response]]
