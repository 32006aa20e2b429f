"""Bedrock's Converse for the simulator: whole answers, streams of binary events, models, errors.

Usage is told as for Anthropic's models there: `inputTokens` leaves out what was read from the cache and written to it, and
`totalTokens` is the sum of all four. Text has no event for its start, the usage comes after the stop, and each event has a
padding `p`, as from the real one.
"""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qs

from turnout_sidecar.ports.secrets import Secret
from turnout_sidecar.simulator import aws_signature
from turnout_sidecar.simulator.answers import count_tokens, pieces
from turnout_sidecar.simulator.bedrock_messages import KIND
from turnout_sidecar.simulator.bedrock_request import read_converse
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
    told_usage,
)
from turnout_sidecar.simulator.drawing import Draw, digest
from turnout_sidecar.simulator.event_stream import CONTENT_TYPE, write_event, write_exception
from turnout_sidecar.simulator.openai_request import read_body
from turnout_sidecar.simulator.prompt_cache import CacheUse, PromptCache
from turnout_sidecar.simulator.settings import DEFAULT_MODELS
from turnout_sidecar.simulator.signatures import sign
from turnout_sidecar.simulator.turns import Made, make

_TYPES: Final = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}
_REASONS: Final = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
}
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_PROFILE: Final = "us."
_MILLISECONDS_PER_TOKEN: Final = 10
_LOWEST_SERVER_ERROR: Final = 500


class Bedrock:
    """See `dialect.Dialect`."""

    base = ""

    def __init__(self) -> None:
        self._cache = PromptCache()

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Converse, and the lists of models that AWS serves elsewhere."""
        return (
            Endpoint("POST", "/model/{model}/converse", lambda asked: self._answer(asked, streams=False)),
            Endpoint("POST", "/model/{model}/converse-stream", lambda asked: self._answer(asked, streams=True)),
            Endpoint("GET", "/foundation-models", _list_models),
            Endpoint("GET", "/inference-profiles", _list_profiles),
        )

    def admit(self, asked: Asked, key: Secret | None) -> None:
        """A signature for `bedrock`, or a bearer key."""
        aws_signature.check(asked, key, "bedrock")

    def refuse(self, refusal: Refusal) -> Reply:
        """AWS's error: its type in a header, its message in the body."""
        fallback = "InternalServerException" if refusal.status >= _LOWEST_SERVER_ERROR else "ValidationException"
        kind = refusal.code or _TYPES.get(refusal.status, fallback)
        headers = (
            ("x-amzn-requestid", _request_id([refusal.status, refusal.message])),
            ("x-amzn-errortype", f"{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/"),
        )
        return Reply(status=refusal.status, headers=headers, body=dump({"message": refusal.message}))

    def _answer(self, asked: Asked, *, streams: bool) -> Reply:
        model = asked.parameters["model"]
        if asked.models and model.removeprefix(_PROFILE) not in asked.models:
            raise Refusal(400, "The provided model identifier is invalid.")
        request = read_converse(read_body(asked.body))
        key = digest([model, request.identity], asked.seed)
        made = make(request.task, Draw(key))
        use = self._cache.marked(model, request.segments)
        usage = told_usage(_usage(use, made), asked.usage_fault)
        tail: dict[str, Any] = {} if usage is None else {"usage": usage}
        tail["metrics"] = {"latencyMs": made.tokens * _MILLISECONDS_PER_TOKEN}
        content, reason = _content(made), _REASONS[made.finish]
        headers = (("x-amzn-requestid", _request_id(key.hex())),)
        if streams:
            frames = tuple(_events(content, reason, tail))
            return Reply(headers=headers, content_type=CONTENT_TYPE, frames=frames, trouble=_trouble())
        message = {"message": {"role": "assistant", "content": content}}
        return Reply(
            headers=headers,
            content_type=JSON,
            body=dump({"output": message, "stopReason": reason} | tail),
            tokens=made.tokens,
        )


def _request_id(value: Any) -> str:
    drawn = digest(value).hex()
    return "-".join((drawn[:8], drawn[8:12], drawn[12:16], drawn[16:20], drawn[20:32]))


def _usage(use: CacheUse, made: Made) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "inputTokens": use.rest,
        "outputTokens": made.tokens,
        "totalTokens": use.rest + use.read + use.write + made.tokens,
        "cacheReadInputTokens": use.read,
        "cacheWriteInputTokens": use.write,
    }
    details = [
        {"ttl": ttl, "inputTokens": tokens} for ttl, tokens in (("5m", use.write_5m), ("1h", use.write_1h)) if tokens
    ]
    return usage | ({"cacheDetails": details} if details else {})


def _content(made: Made) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    if made.thinking:
        told = {"text": made.thinking, "signature": sign(KIND, made.thinking)}
        content.append({"reasoningContent": {"reasoningText": told}})
    if made.text:
        content.append({"text": made.text})
    content += [
        {"toolUse": {"toolUseId": f"tooluse_{call.key[:22]}", "name": call.name, "input": call.arguments}}
        for call in made.calls
    ]
    return content


def _events(content: list[dict[str, Any]], reason: str, tail: dict[str, Any]) -> Iterator[Frame]:
    yield _event("messageStart", {"role": "assistant"})
    for index, block in enumerate(content):
        place = {"contentBlockIndex": index}
        if "toolUse" in block:
            started = {name: block["toolUse"][name] for name in ("toolUseId", "name")}
            tokens = count_tokens(started["name"])
            yield _event("contentBlockStart", place | {"start": {"toolUse": started}}, tokens)
        for delta, tokens in _deltas(block):
            yield _event("contentBlockDelta", place | {"delta": delta}, tokens)
        yield _event("contentBlockStop", place)
    yield _event("messageStop", {"stopReason": reason}, end=True)
    yield _event("metadata", tail, end=True)


def _deltas(block: dict[str, Any]) -> Iterator[tuple[dict[str, Any], int]]:
    if "text" in block:
        for piece in pieces(block["text"]):
            yield {"text": piece}, 1
    elif "toolUse" in block:
        for piece in pieces(dump(block["toolUse"]["input"]).decode()):
            yield {"toolUse": {"input": piece}}, 1
    else:
        told = block["reasoningContent"]["reasoningText"]
        for piece in pieces(told["text"]):
            yield {"reasoningContent": {"text": piece}}, 1
        yield {"reasoningContent": {"signature": told["signature"]}}, 0


def _event(kind: str, value: dict[str, Any], tokens: int = 0, *, end: bool = False) -> Frame:
    padding = {"p": _LETTERS[: 1 + digest(value)[0] % len(_LETTERS)]}
    return Frame(write_event(kind, value | padding), tokens, end)


def _trouble() -> Trouble:
    def delta(text: str) -> bytes:
        return _event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}).data

    whole = delta("broken")
    return Trouble(
        malformed=whole[:-1] + bytes([whole[-1] ^ 1]),
        error=write_exception("throttlingException", "Too many requests, please wait before trying again."),
        oversized=lambda size: delta("x" * size),
    )


def _list_models(asked: Asked) -> Reply:
    summaries = [
        {
            "modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{name}",
            "modelId": name,
            "modelName": name,
            "providerName": "Turnout",
            "inputModalities": ["TEXT", "IMAGE"],
            "outputModalities": ["TEXT"],
            "responseStreamingSupported": True,
            "inferenceTypesSupported": ["ON_DEMAND"],
            "modelLifecycle": {"status": "ACTIVE"},
        }
        for name in asked.models or DEFAULT_MODELS
    ]
    return json_reply({"modelSummaries": summaries})


def _list_profiles(asked: Asked) -> Reply:
    if parse_qs(asked.query).get("type", ["SYSTEM_DEFINED"]) != ["SYSTEM_DEFINED"]:
        return json_reply({"inferenceProfileSummaries": []})
    summaries = [
        {
            "inferenceProfileArn": f"arn:aws:bedrock:us-east-1:000000000000:inference-profile/{_PROFILE}{name}",
            "inferenceProfileId": f"{_PROFILE}{name}",
            "inferenceProfileName": f"US {name}",
            "models": [{"modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{name}"}],
            "status": "ACTIVE",
            "type": "SYSTEM_DEFINED",
        }
        for name in asked.models or DEFAULT_MODELS
    ]
    return json_reply({"inferenceProfileSummaries": summaries})
