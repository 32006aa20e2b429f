"""Gemini's protocol for the simulator: generateContent whole and streamed, counting, embeddings, models, errors.

A stream is events with `alt=sse`, as the clients ask for, and without it one JSON array that comes piece by piece. Every
piece is a whole response with the usage so far; the last one says why it ended, and says STOP where functions are called too.
"""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qs

from turnout_sidecar.ports.secrets import Secret
from turnout_sidecar.simulator.answers import pieces
from turnout_sidecar.simulator.dialect import (
    JSON,
    Asked,
    Endpoint,
    Frame,
    Refusal,
    Reply,
    Trouble,
    dump,
    json_reply,
    same_key,
    told_usage,
)
from turnout_sidecar.simulator.drawing import Draw, digest
from turnout_sidecar.simulator.gemini_contents import KIND
from turnout_sidecar.simulator.gemini_embeddings import answer_batch, answer_embed
from turnout_sidecar.simulator.gemini_request import GenerateRequest, read_generate
from turnout_sidecar.simulator.gemini_schema import members
from turnout_sidecar.simulator.openai_request import read_body
from turnout_sidecar.simulator.prompt_cache import PromptCache
from turnout_sidecar.simulator.settings import DEFAULT_MODELS
from turnout_sidecar.simulator.signatures import seal
from turnout_sidecar.simulator.turns import Made, make

_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_VERSIONS: Final = ("v1beta", "v1")
_TOKENS_IN_A_PIECE: Final = 4
_DEFAULT_PAGE: Final = 50

Parts = list[dict[str, Any]]


class Gemini:
    """See `dialect.Dialect`."""

    base = ""

    def __init__(self) -> None:
        self._cache = PromptCache()

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Generation, counting, embeddings, models, in both versions that there are."""
        return tuple(each for version in _VERSIONS for each in self._endpoints(f"/{version}/models"))

    def _endpoints(self, root: str) -> tuple[Endpoint, ...]:
        return (
            Endpoint("POST", f"{root}/{{model}}:generateContent", self._generate),
            Endpoint("POST", f"{root}/{{model}}:streamGenerateContent", self._stream),
            Endpoint("POST", f"{root}/{{model}}:countTokens", _count),
            Endpoint("POST", f"{root}/{{model}}:embedContent", answer_embed),
            Endpoint("POST", f"{root}/{{model}}:batchEmbedContents", answer_batch),
            Endpoint("GET", root, _list_models),
            Endpoint("GET", f"{root}/{{model}}", _show_model),
        )

    def admit(self, asked: Asked, key: Secret | None) -> None:
        """A key in `x-goog-api-key` or in the query, or a bearer token."""
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        in_query = parse_qs(asked.query).get("key", [""])[0]
        given = asked.headers.get("x-goog-api-key") or in_query or (token.strip() if scheme.lower() == "bearer" else "")
        if not given:
            why = (
                "Method doesn't allow unregistered callers. Please use API Key or other form of API consumer identity."
            )
            raise Refusal(403, why)
        if key is not None and not same_key(given, key):
            raise Refusal(400, "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID")

    def refuse(self, refusal: Refusal) -> Reply:
        """Google's error object."""
        error: dict[str, Any] = {
            "code": refusal.status,
            "message": refusal.message,
            "status": _STATUSES.get(refusal.status, "UNKNOWN"),
        }
        if refusal.code is not None:
            info = "type.googleapis.com/google.rpc.ErrorInfo"
            error["details"] = [{"@type": info, "reason": refusal.code, "domain": "googleapis.com"}]
        return Reply(status=refusal.status, body=dump({"error": error}))

    def _generate(self, asked: Asked) -> Reply:
        request = _read(asked)
        turns, usage, tail = self._think(asked, request)
        candidates = [
            _candidate(index, _parts(request, made, f"{tail['responseId']}{index}"), _reason(made))
            for index, made in enumerate(turns)
        ]
        told = {} if usage is None else {"usageMetadata": usage}
        return json_reply({"candidates": candidates} | told | tail, tokens=sum(made.tokens for made in turns))

    def _stream(self, asked: Asked) -> Reply:
        request = _read(asked)
        turns, usage, tail = self._think(asked, request)
        values: list[tuple[dict[str, Any], int, bool]] = []
        made_so_far = 0
        for index, made in enumerate(turns):
            for parts, tokens, reason in _pieces(request, made, f"{tail['responseId']}{index}"):
                made_so_far += tokens
                told = {} if usage is None else {"usageMetadata": _so_far(usage, made_so_far, last=reason is not None)}
                values.append(
                    ({"candidates": [_candidate(index, parts, reason)]} | told | tail, tokens, reason is not None)
                )
        sse = parse_qs(asked.query).get("alt") == ["sse"]
        return _events(values) if sse else _array(values)

    def _think(
        self, asked: Asked, request: GenerateRequest
    ) -> tuple[list[Made], dict[str, Any] | None, dict[str, Any]]:
        """The candidates, the usage, and what every piece of the reply ends with."""
        key = digest([request.model, request.identity], asked.seed).hex()
        turns = [make(request.task, Draw(digest(key, index))) for index in range(request.candidates)]
        cached = self._cache.automatic(request.model, request.segments)
        usage = told_usage(_usage(request, turns, cached), asked.usage_fault)
        return turns, usage, {"modelVersion": request.model, "responseId": key[:22]}


def _read(asked: Asked) -> GenerateRequest:
    return read_generate(read_body(asked.body), named_model(asked))


def named_model(asked: Asked) -> str:
    """The model in the path. Raises Refusal where there is no such."""
    model = asked.parameters["model"]
    if asked.models and model not in asked.models:
        why = f"models/{model[:200]} is not found for API version v1beta, or is not supported for generateContent."
        raise Refusal(404, why)
    return model


def _usage(request: GenerateRequest, turns: list[Made], cached: int) -> dict[str, Any]:
    prompt = sum(segment.tokens for segment in request.segments)
    thought = sum(made.thinking_tokens for made in turns)
    said = sum(made.tokens for made in turns) - thought
    details = [{"modality": name, "tokenCount": tokens} for name, tokens in request.modalities.items()]
    usage: dict[str, Any] = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": said,
        "totalTokenCount": prompt + said + thought,
    }
    usage |= {"promptTokensDetails": details}
    if cached:
        usage |= {"cachedContentTokenCount": cached, "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": cached}]}
    return usage | ({"thoughtsTokenCount": thought} if thought else {})


def _so_far(usage: dict[str, Any], made: int, *, last: bool) -> dict[str, Any]:
    """The usage as a piece in the middle of a stream tells it: what was made only up to there."""
    if last:
        return usage
    thought = min(usage.get("thoughtsTokenCount", 0), made)
    said = min(made - thought, usage["candidatesTokenCount"])
    total = min(usage["promptTokenCount"] + thought + said, usage["totalTokenCount"])
    counts = {"candidatesTokenCount": said, "totalTokenCount": total}
    return usage | counts | ({"thoughtsTokenCount": thought} if thought else {})


def _reason(made: Made) -> str:
    return "MAX_TOKENS" if made.finish == "length" else "STOP"


def _candidate(index: int, parts: Parts, reason: str | None) -> dict[str, Any]:
    content: dict[str, Any] = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    return {"content": content, "index": index} | ({"finishReason": reason} if reason else {})


def _parts(request: GenerateRequest, made: Made, about: str) -> Parts:
    parts: Parts = []
    if made.thinking and request.shows_thoughts:
        parts.append({"text": made.thinking, "thought": True})
    if made.text:
        parts.append({"text": made.text} | ({"thoughtSignature": seal(KIND, about)} if made.thinking else {}))
    return parts + _calls(request, made, about)


def _calls(request: GenerateRequest, made: Made, about: str) -> Parts:
    """Function calls; of several only the first is signed, as the real one does it."""
    parts: Parts = []
    for call in made.calls:
        identity = {} if request.older else {"id": call.key}
        signature = {} if parts else {"thoughtSignature": seal(KIND, about)}
        parts.append({"functionCall": {"name": call.name, "args": call.arguments} | identity} | signature)
    return parts


def _pieces(request: GenerateRequest, made: Made, about: str) -> Iterator[tuple[Parts, int, str | None]]:
    """The parts of each piece, its tokens, and in the last one why it ended."""
    if made.thinking and request.shows_thoughts:
        for text, tokens in _grouped(made.thinking):
            yield [{"text": text, "thought": True}], tokens, None
    for text, tokens in _grouped(made.text or ""):
        yield [{"text": text}], tokens, None
    for part in _calls(request, made, about):
        yield [part], 0, None
    signed = made.text is not None and bool(made.thinking)
    last: Parts = [{"text": ""} | ({"thoughtSignature": seal(KIND, about)} if signed else {})]
    yield last, 0, _reason(made)


def _grouped(text: str) -> Iterator[tuple[str, int]]:
    made = pieces(text)
    for start in range(0, len(made), _TOKENS_IN_A_PIECE):
        group = made[start : start + _TOKENS_IN_A_PIECE]
        yield "".join(group), len(group)


_OVERLOADED: Final = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


def _large(size: int) -> dict[str, Any]:
    return {"candidates": [_candidate(0, [{"text": "x" * size}], None)]}


def _events(values: list[tuple[dict[str, Any], int, bool]]) -> Reply:
    def event(data: bytes) -> bytes:
        return b"data: %b\r\n\r\n" % data

    return Reply(
        content_type="text/event-stream",
        frames=tuple(Frame(event(dump(value)), tokens, end) for value, tokens, end in values),
        trouble=Trouble(
            malformed=event(b'{"candidates": [{"content": {"par'),
            error=event(dump(_OVERLOADED)),
            oversized=lambda size: event(dump(_large(size))),
        ),
    )


def _array(values: list[tuple[dict[str, Any], int, bool]]) -> Reply:
    def item(data: bytes) -> bytes:
        return b",\r\n%b" % data

    frames = [
        Frame(item(dump(value)) if number else b"[%b" % dump(value), tokens, end)
        for number, (value, tokens, end) in enumerate(values)
    ]
    return Reply(
        content_type=JSON,
        frames=(*frames, Frame(b"\r\n]", end=True)),
        trouble=Trouble(
            malformed=item(b'{"candidates": [{"content": {"par'),
            error=item(dump(_OVERLOADED)) + b"\r\n]",
            oversized=lambda size: item(dump(_large(size))),
        ),
    )


def _count(asked: Asked) -> Reply:
    model = named_model(asked)
    body = members(read_body(asked.body), frozenset(("contents", "generateContentRequest")), "")
    given = body.get("generateContentRequest") or {"contents": body.get("contents")}
    request = read_generate(given, model)
    details = [{"modality": name, "tokenCount": tokens} for name, tokens in request.modalities.items()]
    total = {"totalTokens": sum(segment.tokens for segment in request.segments), "promptTokensDetails": details}
    return json_reply(told_usage(total, asked.usage_fault) or {})


def _model(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens", "embedContent", "batchEmbedContents"],
        "thinking": True,
    }


def _list_models(asked: Asked) -> Reply:
    query = parse_qs(asked.query)
    size = query.get("pageSize", [str(_DEFAULT_PAGE)])[0]
    start = query.get("pageToken", ["0"])[0]
    if not size.isdecimal() or not start.isdecimal():
        raise Refusal(400, "Invalid value at 'page_size' or 'page_token'.")
    names = asked.models or DEFAULT_MODELS
    end = int(start) + (int(size) or _DEFAULT_PAGE)
    more = {"nextPageToken": str(end)} if end < len(names) else {}
    return json_reply({"models": [_model(name) for name in names[int(start) : end]]} | more)


def _show_model(asked: Asked) -> Reply:
    return json_reply(_model(named_model(asked)))
