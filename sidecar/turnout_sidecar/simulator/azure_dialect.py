"""Azure's way of serving OpenAI for the simulator: deployments in the path, its own key, its own errors, its content filter.

The answers are OpenAI's. What Azure adds: a stream opens with a chunk without choices that tells what the filter found in the
prompt, each choice tells what it found in the text, and near the end comes a chunk whose choice has no `delta` at all.
"""

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from turnout_sidecar.ports.secrets import Secret
from turnout_sidecar.simulator.dialect import Asked, Endpoint, Frame, Refusal, Reply, dump, json_reply, same_key
from turnout_sidecar.simulator.drawing import digest
from turnout_sidecar.simulator.openai_chat import CREATED, tell, think
from turnout_sidecar.simulator.openai_dialect import OpenAI
from turnout_sidecar.simulator.openai_embeddings import answer_embeddings
from turnout_sidecar.simulator.openai_request import read_body
from turnout_sidecar.simulator.prompt_cache import PromptCache
from turnout_sidecar.simulator.responses_answers import Responses
from turnout_sidecar.simulator.settings import DEFAULT_MODELS
from turnout_sidecar.wire.sse import write_event

_DATA: Final = b"data: "
_KEPT: Final = ("hate", "self_harm", "sexual", "violence")
_DEPLOYMENT: Final = "/openai/deployments/{deployment}"
_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429


class Azure:
    """See `dialect.Dialect`."""

    base = ""

    def __init__(self) -> None:
        self._cache = PromptCache()
        self._responses = Responses(self._cache)
        self._openai = OpenAI()

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Deployments with a version of the API, and the newer paths without."""
        return (
            Endpoint("POST", f"{_DEPLOYMENT}/chat/completions", self._deployed_chat),
            Endpoint("POST", f"{_DEPLOYMENT}/embeddings", _deployed_embeddings),
            Endpoint("POST", "/openai/v1/chat/completions", lambda asked: self._chat(read_body(asked.body), asked)),
            Endpoint("POST", "/openai/v1/responses", self._responses.answer),
            Endpoint("POST", "/openai/v1/embeddings", answer_embeddings),
            Endpoint("GET", "/openai/v1/models", _list_models),
            Endpoint("POST", "/openai/responses", self._versioned_responses),
            Endpoint("GET", "/openai/models", lambda asked: _list_models(_versioned(asked))),
        )

    def admit(self, asked: Asked, key: Secret | None) -> None:
        """A key in `api-key`, or a token of Entra."""
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        given = asked.headers.get("api-key") or (token.strip() if scheme.lower() == "bearer" else "")
        if not given or (key is not None and not same_key(given, key)):
            raise Refusal(
                _UNAUTHORIZED,
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
                "active subscription and use a correct regional API endpoint for your resource.",
            )

    def refuse(self, refusal: Refusal) -> Reply:
        """Azure's error where the gateway before the model answers, else OpenAI's."""
        request = (("apim-request-id", digest([refusal.status, refusal.message]).hex()[:32]),)
        if refusal.status not in (_UNAUTHORIZED, _NOT_FOUND, _TOO_MANY):
            return msgspec.structs.replace(self._openai.refuse(refusal), headers=request)
        code = str(refusal.status)
        if refusal.status == _NOT_FOUND:
            code = "DeploymentNotFound" if refusal.code == "model_not_found" else "404"
        error = {"code": code, "message": refusal.message}
        return Reply(status=refusal.status, headers=request, body=dump({"error": error}))

    def _deployed_chat(self, asked: Asked) -> Reply:
        return self._chat(_deployed(_versioned(asked)), asked)

    def _versioned_responses(self, asked: Asked) -> Reply:
        return self._responses.answer(_versioned(asked))

    def _chat(self, body: dict[str, Any], asked: Asked) -> Reply:
        chat = think(body, asked, self._cache)
        reply = tell(chat)
        if reply.frames is not None:
            return msgspec.structs.replace(reply, frames=tuple(_filtered(reply.frames, chat.head)))
        whole = json.loads(reply.body)
        choices = [choice | {"content_filter_results": _found()} for choice in whole["choices"]]
        return json_reply(whole | {"choices": choices, "prompt_filter_results": _of_prompt()}, tokens=reply.tokens)


def _versioned(asked: Asked) -> Asked:
    """The request, which must name a version of the API. Raises Refusal."""
    if not parse_qs(asked.query).get("api-version"):
        raise Refusal(_NOT_FOUND, "Resource not found")
    return asked


def _deployed(asked: Asked) -> dict[str, Any]:
    """The body, with the deployment for the model. Raises Refusal."""
    deployment = asked.parameters["deployment"]
    if asked.models and deployment not in asked.models:
        why = "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
        raise Refusal(_NOT_FOUND, f"{why}please wait a moment and try again.", code="model_not_found")
    return read_body(asked.body) | {"model": deployment}


def _deployed_embeddings(asked: Asked) -> Reply:
    body = _deployed(_versioned(asked))
    return answer_embeddings(msgspec.structs.replace(asked, body=dump(body)))


def _found() -> dict[str, Any]:
    return {kind: {"filtered": False, "severity": "safe"} for kind in _KEPT}


def _of_prompt() -> list[dict[str, Any]]:
    return [{"prompt_index": 0, "content_filter_results": _found()}]


def _filtered(frames: tuple[Frame, ...], head: dict[str, Any]) -> Iterator[Frame]:
    first = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": _of_prompt()}
    yield Frame(write_event(dump(first)))
    told = False
    for frame in frames:
        data = frame.data.removeprefix(_DATA).strip()
        value = None if data == b"[DONE]" else json.loads(data)
        if value is None or not value["choices"]:
            yield frame
            continue
        if value["choices"][0]["finish_reason"] is not None and not told:
            told = True
            offsets = {"check_offset": 0, "start_offset": 0, "end_offset": 0}
            only = {
                "index": 0,
                "finish_reason": None,
                "content_filter_results": _found(),
                "content_filter_offsets": offsets,
            }
            yield Frame(write_event(dump(head | {"id": "", "choices": [only]})))
        choices = [choice | {"content_filter_results": {}} for choice in value["choices"]]
        yield Frame(write_event(dump(value | {"choices": choices})), frame.tokens, frame.end)


def _list_models(asked: Asked) -> Reply:
    data = [
        {
            "id": name,
            "object": "model",
            "created_at": CREATED,
            "status": "succeeded",
            "lifecycle_status": "generally-available",
            "capabilities": {"inference": True, "chat_completion": True, "embeddings": True},
        }
        for name in asked.models or DEFAULT_MODELS
    ]
    return json_reply({"object": "list", "data": data})
