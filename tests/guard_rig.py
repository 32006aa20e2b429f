"""What the tests of the guardrails share: guards of a few words, and a provider that says back what it was asked.

The echo answers in the protocol that it is asked in, whole or as a stream of small pieces, with the text of the last message; so
whatever was masked on its way out comes back as the model would repeat it, and `sent` is all that left.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

import guard_answers
from gateway_rig import a_model, a_provider, a_route, a_rule, a_snapshot
from guard_answers import Made
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeResponse
from turnout_sidecar.ports.upstream import UpstreamRequest

EMAIL = "ann.lee@example.org"
CARD = "4111 1111 1111 1111"
IBAN = "DE89 3704 0044 0532 0130 00"
KEY = "sk-ant-api03-" + "Qw7zT4bXk9LmPv2RnYs6UcGh8JfDaE3" * 3 + "AA"
VALUES = (EMAIL, CARD, IBAN, KEY)
ENTITIES = (*guards.BUILT_IN, guards.SECRET)
_PIECE = 3
_EVENTS = (("content-type", "text/event-stream"),)
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}


def treated(action: guards.Action = "Mask", *entities: str, **fields: Any) -> tuple[guards.Treatment, ...]:
    """One treatment for each entity (all that are built in)."""
    return tuple(guards.Treatment(entity, action, **fields) for entity in sorted(entities or ENTITIES))


def a_guard(**fields: Any) -> guards.Guard:
    """A guard that masks all that it knows in questions."""
    return guards.Guard(**{"id": "g", "policies": ("default",), "input": treated(), **fields})


def guarded(
    guard: guards.Guard | None = None, *models: snap.Model, gateway: snap.Gateway | None = None, **rule: Any
) -> snap.Snapshot:
    """A snapshot whose route `assistant` is guarded; its models are asked in the order given."""
    used = models or (a_model(),)
    guard = guard or a_guard()
    made = a_rule(*(f"openai/{model.name}" for model in used), guard=guard.id, **rule)
    return a_snapshot(
        a_route("assistant", made), providers=(a_provider("openai", *used),), gateway=gateway, guards=(guard,)
    )


def native(name: str, guard: guards.Guard | None = None) -> snap.Snapshot:
    """The same with a provider that speaks the protocol of this format itself."""
    guard = guard or a_guard()
    able: tuple[Any, ...] = (
        ("Responses", "Tools", "JSONSchema") if name == "responses" else ("Chat", "Tools", "JSONSchema")
    )
    provider = a_provider(
        "openai", a_model(capabilities=able), protocol="Anthropic" if name == "messages" else "OpenAI"
    )
    return a_snapshot(a_route("assistant", a_rule(guard=guard.id)), providers=(provider,), guards=(guard,))


class Echo:
    """See the module; `ports.upstream.Upstream`. `say` makes the answer of the request's body, where not the echo."""

    def __init__(self, say: Callable[[dict[str, Any]], str | Made] | None = None, *, piece: int = _PIECE) -> None:
        self._say = say or last_text
        self._piece = piece
        self.requests: list[UpstreamRequest] = []

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The bodies that were asked, parsed."""
        return [orjson.loads(request.body) for request in self.requests]

    @property
    def raw(self) -> bytes:
        """Everything that left."""
        return b"\n".join(request.body for request in self.requests)

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> FakeResponse:
        """The answer."""
        del connect_timeout, headers_timeout
        self.requests.append(request)
        body = json.loads(request.body)  # which takes half of a surrogate pair, as many providers do
        name = next((name for name, path in PATHS.items() if request.path.endswith(path.removeprefix("/v1"))), "")
        if name == "":
            counted = b'{"input_tokens":7}' if request.path.endswith("/count_tokens") else _embedding(body)
            return FakeResponse(FakeReply(pieces=(counted,)))
        answer = self._say(body)
        made = answer if isinstance(answer, Made) else Made(answer)
        if not body.get("stream"):
            return FakeResponse(FakeReply(pieces=(json.dumps(guard_answers.WHOLE[name](made)).encode(),)))
        return FakeResponse(FakeReply(headers=_EVENTS, pieces=tuple(guard_answers.STREAM[name](made, self._piece))))

    async def close(self) -> None:
        """Nothing is held."""


def last_text(body: dict[str, Any]) -> str:
    """The text of the last message or item."""
    items = body.get("messages") or body.get("input")
    if isinstance(items, str):
        return items
    content = items[-1].get("content") or items[-1].get("output") if items else ""
    if isinstance(content, list):
        return "".join(part.get("text") or str(part.get("content") or "") for part in content)
    return str(content)


def _embedding(body: dict[str, Any]) -> bytes:
    count = len(body["input"]) if isinstance(body.get("input"), list) else 1
    rows = [{"object": "embedding", "index": at, "embedding": [0.1, 0.2]} for at in range(count)]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return orjson.dumps({"object": "list", "model": "gpt-x", "data": rows, "usage": usage})


def _whole(name: str) -> Callable[[str], dict[str, Any]]:
    return lambda text: guard_answers.WHOLE[name](Made(text))


def _stream(name: str) -> Callable[[Sequence[str]], Iterator[bytes]]:
    return lambda pieces: guard_answers.STREAM[name](Made("".join(pieces)), pieces)


WHOLE = {name: _whole(name) for name in PATHS}
"""A whole answer of one text, by format."""
STREAM = {name: _stream(name) for name in PATHS}
"""The frames of a stream of one text, by format, from its pieces."""


def asked(name: str, text: str, **fields: Any) -> dict[str, Any]:
    """A call of this format."""
    if name == "responses":
        return {"model": "assistant", "input": text, **fields}
    extra = {"max_tokens": 100} if name == "messages" else {}
    return {"model": "assistant", "messages": [{"role": "user", "content": text}], **extra, **fields}


def said(name: str, body: bytes) -> str:
    """The text of a whole answer."""
    return guard_answers.heard(name, body).text


def streamed(name: str, frames: bytes) -> str:
    """The text that the deltas of a stream add up to."""
    return guard_answers.heard(name, frames, stream=True).text
