"""OpenAI's protocol for the simulator: its endpoints, its bearer key, the shape of its errors."""

from typing import Any, Final

from turnout_sidecar.ports.secrets import Secret
from turnout_sidecar.simulator.dialect import Asked, Endpoint, Refusal, Reply, dump, json_reply, same_key
from turnout_sidecar.simulator.openai_chat import CREATED, answer_chat
from turnout_sidecar.simulator.openai_embeddings import answer_embeddings
from turnout_sidecar.simulator.prompt_cache import PromptCache
from turnout_sidecar.simulator.responses_answers import Responses
from turnout_sidecar.simulator.settings import DEFAULT_MODELS

_TYPES: Final = {429: "requests", 500: "server_error", 503: "server_error"}
_CODES: Final = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "turnout-simulator"}


def _list_models(asked: Asked) -> Reply:
    return json_reply({"object": "list", "data": [_model(name) for name in asked.models or DEFAULT_MODELS]})


def _show_model(asked: Asked) -> Reply:
    name = asked.parameters["model"]
    if asked.models and name not in asked.models:
        raise Refusal(404, f"The model '{name[:200]}' does not exist", param="model", code="model_not_found")
    return json_reply(_model(name))


class OpenAI:
    """See `dialect.Dialect`."""

    base = "/v1"

    def __init__(self) -> None:
        self._cache = PromptCache()
        self._responses = Responses(self._cache)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Chat, responses, embeddings, models."""
        return (
            Endpoint("POST", "/v1/chat/completions", lambda asked: answer_chat(asked, self._cache)),
            Endpoint("POST", "/v1/responses", self._responses.answer),
            Endpoint("POST", "/v1/embeddings", answer_embeddings),
            Endpoint("GET", "/v1/models", _list_models),
            Endpoint("GET", "/v1/models/{model}", _show_model),
        )

    def admit(self, asked: Asked, key: Secret | None) -> None:
        """What follows `Bearer` in `authorization` is the key."""
        if key is None:
            return
        scheme, _, given = asked.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Refusal(401, "You didn't provide an API key.")
        if not same_key(given.strip(), key):
            raise Refusal(401, "Incorrect API key provided.")

    def refuse(self, refusal: Refusal) -> Reply:
        """OpenAI's error object."""
        error = {
            "message": refusal.message,
            "type": _TYPES.get(refusal.status, "invalid_request_error"),
            "param": refusal.param,
            "code": refusal.code or _CODES.get(refusal.status),
        }
        return Reply(status=refusal.status, body=dump({"error": error}))
