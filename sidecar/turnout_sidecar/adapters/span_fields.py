"""What the spans of a call say: attributes as bytes, by what they depend on. Names are `turnout_contract.semconv`'s. No IO.

Rules: unknown ones are absent rather than empty; an attempt's error is a word of a few, never a provider's message (they echo
keys); text of callers and providers is cut; parameters of a wrong type are the provider's to refuse, and left out here.
"""

from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from turnout_contract import money, semconv
from turnout_sidecar.adapters import content, guard_fields
from turnout_sidecar.adapters.call_trace import Trace
from turnout_sidecar.adapters.otlp_encoding import Key
from turnout_sidecar.exchange.call import Attempt, Endpoint, Exchange
from turnout_sidecar.exchange.usage import Usage

MOST_TEXT: Final = 256
_MOST_STOPS: Final = 16
_MOST_REAL: Final = 10**9
_MOST_KEYS: Final = 1024
_NANO: Final = 1e9
SERVER_ERRORS: Final = 500

usd = lru_cache(maxsize=512)(money.format_usd)
"""Dollars as text; a call's own cost is written three times."""

_METHOD = Key(semconv.HTTP_METHOD)
_HTTP_ROUTE = Key(semconv.HTTP_ROUTE)
_PATH = Key(semconv.URL_PATH)
_SCHEME = Key(semconv.URL_SCHEME)
_OPERATION = Key(semconv.OPERATION_NAME)
_PROVIDER = Key(semconv.PROVIDER_NAME)
_REQUEST_MODEL = Key(semconv.REQUEST_MODEL)
_SERVER_ADDRESS = Key(semconv.SERVER_ADDRESS)
_SERVER_PORT = Key(semconv.SERVER_PORT)
_TIER = Key(semconv.TIER)
_STATUS = Key(semconv.HTTP_STATUS)
_ERROR = Key(semconv.ERROR_TYPE)
_TEAM = Key(semconv.TEAM)
_USE_CASE = Key(semconv.USE_CASE)
_ROUTE = Key(semconv.ROUTE)
_RULE = Key(semconv.RULE)
_BACKEND = Key(semconv.BACKEND)
_CACHE = Key(semconv.CACHE)
_OUTCOME = Key(semconv.OUTCOME_ID)
_COST = Key(semconv.COST_USD)
_IS_TRUNCATED = Key(semconv.CONTENT_TRUNCATED).flag(value=True)
_INSTRUCTIONS = Key(semconv.SYSTEM_INSTRUCTIONS)
_TOOLS = Key(semconv.TOOL_DEFINITIONS)
_INPUT_MESSAGES = Key(semconv.INPUT_MESSAGES)
_OUTPUT_MESSAGES = Key(semconv.OUTPUT_MESSAGES)
_PROMPT_NAME = Key(semconv.PROMPT_NAME)
_PROMPT_VERSION = Key(semconv.PROMPT_VERSION)

_REQUEST_ID = Key(semconv.REQUEST_ID)
_CLIENT = Key(semconv.CLIENT)
_REQUESTED_MODEL = Key(semconv.REQUESTED_MODEL)
_SENSITIVITY = Key(semconv.SENSITIVITY)
_VALUE = Key(semconv.VALUE)
_CACHE_REASON = Key(semconv.CACHE_REASON)
_ATTEMPTS = Key(semconv.ATTEMPTS)
_SAVED = Key(semconv.SAVED_USD)
_CONFIG = Key(semconv.CONFIG_VERSION)
_IS_GONE = Key(semconv.CLIENT_GONE).flag(value=True)
_IS_ABORTED = Key(semconv.ABORTED).flag(value=True)

_ATTEMPT = Key(semconv.ATTEMPT)
_STREAM = Key(semconv.REQUEST_STREAM)
_RESPONSE_MODEL = Key(semconv.RESPONSE_MODEL)
_RESPONSE_ID = Key(semconv.RESPONSE_ID)
_FINISH = Key(semconv.RESPONSE_FINISH_REASONS)
_FIRST_CHUNK = Key(semconv.RESPONSE_TIME_TO_FIRST_CHUNK)
_INPUT = Key(semconv.USAGE_INPUT)
_OUTPUT = Key(semconv.USAGE_OUTPUT)
_CACHED = Key(semconv.USAGE_CACHE_READ)
_REASONING = Key(semconv.USAGE_REASONING)
_IS_ESTIMATED = Key(semconv.USAGE_ESTIMATED).flag(value=True)
_USAGE_COST = Key(semconv.USAGE_COST)
_OUTPUT_TYPE = Key(semconv.OUTPUT_TYPE)
_STOP = Key(semconv.REQUEST_STOP_SEQUENCES)

_WHOLE: Final = {
    "max_tokens": Key(semconv.REQUEST_MAX_TOKENS),
    "max_completion_tokens": Key(semconv.REQUEST_MAX_TOKENS),
    "max_output_tokens": Key(semconv.REQUEST_MAX_TOKENS),
    "seed": Key(semconv.REQUEST_SEED),
    "n": Key(semconv.REQUEST_CHOICE_COUNT),
}
_REAL: Final = {
    "temperature": Key(semconv.REQUEST_TEMPERATURE),
    "top_p": Key(semconv.REQUEST_TOP_P),
    "top_k": Key(semconv.REQUEST_TOP_K),
    "frequency_penalty": Key(semconv.REQUEST_FREQUENCY_PENALTY),
    "presence_penalty": Key(semconv.REQUEST_PRESENCE_PENALTY),
}
_KEYS: Final[dict[str, Key]] = {}
_BOTH: Final = frozenset({"temperature", "top_p"})
_OF_CHAT: Final = _BOTH | {
    "max_tokens",
    "max_completion_tokens",
    "seed",
    "n",
    "frequency_penalty",
    "presence_penalty",
    "stop",
    "response_format",
}
_OF_FORMAT: Final = {
    "responses": _BOTH | {"max_output_tokens", "text"},
    "messages": _BOTH | {"max_tokens", "top_k", "stop_sequences"},
}


def own(exchange: Exchange) -> list[bytes]:
    """What only this call has."""
    fields = [_REQUEST_ID.text(exchange.id)]
    if exchange.model and exchange.route is not None:  # what names no model may be anything that somebody typed
        fields.append(_REQUESTED_MODEL.text(exchange.told(exchange.model)[:MOST_TEXT]))
    if exchange.cost_nano is not None:
        fields.append(_COST.text(usd(exchange.cost_nano)))
    if exchange.saved_nano is not None:
        fields.append(_SAVED.text(usd(exchange.saved_nano)))
    return fields


def server_name(endpoint: Endpoint) -> str:
    """The name of a call's span: method and path, each only where it is a known one."""
    method = "HTTP" if endpoint.method == semconv.ERROR_OTHER else endpoint.method
    return f"{method} {endpoint.path}" if endpoint.path else method


def outcome_id(text: str) -> bytes:
    """The outcome that a call belongs to."""
    return _OUTCOME.text(text[:MOST_TEXT])


def of_stage(attributes: dict[str, Any]) -> list[bytes]:
    """Whatever a stage says."""
    return [_key(name).any(value) for name, value in attributes.items()]


def short(reasons: tuple[str, ...]) -> tuple[str, ...]:
    """Finish reasons are words; a provider that sends more than that is not remembered for it."""
    if len(reasons) == 1 and len(reasons[0]) <= MOST_TEXT:
        return reasons
    return tuple([reason[:MOST_TEXT] for reason in reasons[:_MOST_STOPS]])


def who_and_where(exchange: Exchange) -> list[bytes]:
    """For whom and by which route: alike for all calls of one use."""
    fields = []
    caller = exchange.caller
    if caller is not None:
        fields.append(_TEAM.text(exchange.told(caller.team)[:MOST_TEXT]))
        if caller.client is not None:
            fields.append(_CLIENT.text(caller.client))
        if caller.use_case is not None:
            fields.append(_USE_CASE.text(exchange.told(caller.use_case)[:MOST_TEXT]))
    if exchange.route is not None:
        fields.append(_ROUTE.text(exchange.route.name))
    if exchange.rule is not None:
        fields.append(_RULE.text(exchange.rule.name))
    if exchange.prompt is not None:
        fields.append(_PROMPT_NAME.text(exchange.prompt.name))
        fields.append(_PROMPT_VERSION.text(exchange.prompt.version))
    return fields


def decided(exchange: Exchange) -> list[bytes]:
    """What was decided: alike for most calls."""
    endpoint = exchange.endpoint
    fields = [_METHOD.text(endpoint.method), _SCHEME.text("http"), _STATUS.number(exchange.status)]
    if endpoint.path:
        fields += (_HTTP_ROUTE.text(endpoint.path), _PATH.text(endpoint.path))
    if exchange.runtime.version:
        fields.append(_CONFIG.text(exchange.runtime.version))
    if exchange.route is not None:
        fields += (
            _CACHE.text(exchange.cache_state),
            _SENSITIVITY.text(exchange.sensitivity),
            _VALUE.text(exchange.value),
            _ATTEMPTS.number(len(exchange.attempts)),
        )
    if exchange.cache_reason:
        fields.append(_CACHE_REASON.text(exchange.cache_reason[:MOST_TEXT]))
    if exchange.response_backend:
        fields.append(_BACKEND.text(exchange.response_backend))
    if exchange.client_gone:
        fields.append(_IS_GONE)
    if exchange.aborted:
        fields.append(_IS_ABORTED)
    if exchange.error is not None or exchange.status >= SERVER_ERRORS:
        fields.append(_ERROR.text(exchange.error or str(exchange.status)))
    return fields


def backend(operation: str, attempt: Attempt) -> tuple[bytes, ...]:
    """Who was asked: alike for all attempts at one backend."""
    provider, model = attempt.backend, attempt.model
    host, port = _address(provider.endpoint)
    return (
        _OPERATION.text(operation),
        _PROVIDER.text(semconv.provider_name(provider.protocol, provider.endpoint)),
        _REQUEST_MODEL.text(model.name),
        _SERVER_ADDRESS.text(host),
        _SERVER_PORT.number(port),
        _BACKEND.text(attempt.name),
        _TIER.text(model.tier),
    )


def outcome(attempt: Attempt, *, stream: bool) -> list[bytes]:
    """What became of an attempt: alike for most."""
    fields = [_ATTEMPT.number(attempt.number), _STREAM.flag(stream)]
    if attempt.status is not None:
        fields.append(_STATUS.number(attempt.status))
    if attempt.error is not None:
        fields.append(_ERROR.text(attempt.error))
    if attempt.response_model is not None:
        fields.append(_RESPONSE_MODEL.text(attempt.response_model[:MOST_TEXT]))
    if attempt.finish_reasons:
        fields.append(_FINISH.texts(short(attempt.finish_reasons)))
    return fields


def _address(endpoint: str) -> tuple[str, int]:
    parts = urlsplit(endpoint)
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)


def _key(name: str) -> Key:
    found = _KEYS.get(name)
    if found is None:
        found = Key(name)
        if len(_KEYS) < _MOST_KEYS:
            _KEYS[name] = found
    return found


def measured(attempt: Attempt, *, stream: bool, cache_write: Key) -> list[bytes]:
    """What only this attempt has. `cache_write`: what the profile calls tokens that were written to a cache."""
    fields = []
    if attempt.response_id is not None:
        fields.append(_RESPONSE_ID.text(attempt.response_id[:MOST_TEXT]))
    if stream and attempt.first_token_ns is not None:
        fields.append(_FIRST_CHUNK.real((attempt.first_token_ns - attempt.started_ns) / _NANO))
    if attempt.usage is not None:
        fields += _usage(attempt.usage, cache_write)
    if attempt.cost_nano is not None:
        fields.append(_COST.text(usd(attempt.cost_nano)))
        fields.append(_USAGE_COST.real(attempt.cost_nano / _NANO))
    return fields


def _usage(usage: Usage, cache_write: Key) -> list[bytes]:
    fields = []
    if usage.input is not None:
        fields.append(_INPUT.number(usage.input))
    if usage.output is not None:
        fields.append(_OUTPUT.number(usage.output))
    if usage.cached_input is not None:
        fields.append(_CACHED.number(usage.cached_input))
    if usage.cache_write is not None:
        fields.append(cache_write.number(usage.cache_write))
    if usage.reasoning is not None:
        fields.append(_REASONING.number(usage.reasoning))
    if usage.estimated:
        fields.append(_IS_ESTIMATED)
    return fields


def parameters(body: dict[str, Any], name: str) -> list[bytes]:
    """The parameters of a request of the format `name`; what is of a wrong type is the provider's to refuse, and left out."""
    known = _OF_FORMAT.get(name, _OF_CHAT)
    fields = []
    for member, value in body.items():
        if member not in known or (member == "max_tokens" and "max_completion_tokens" in body):
            continue  # an attribute is there once
        if member in _WHOLE and isinstance(value, int):
            fields.append(_WHOLE[member].number(value))
        elif member in _REAL and isinstance(value, int | float) and abs(value) < _MOST_REAL:
            fields.append(_REAL[member].real(value))
        elif member in ("response_format", "text") and isinstance(value, dict):
            wanted = value if member == "response_format" else value.get("format")
            if isinstance(wanted, dict):
                fields.append(_OUTPUT_TYPE.text("text" if wanted.get("type") == "text" else "json"))
        elif member in ("stop", "stop_sequences"):
            stops = [value] if isinstance(value, str) else value
            if isinstance(stops, list):
                fields.append(_STOP.texts([str(stop)[:MOST_TEXT] for stop in stops[:_MOST_STOPS]]))
    return fields


def messages(exchange: Exchange, trace: Trace) -> list[bytes]:
    """What was asked and answered, of a call whose policies have looked at it."""
    if not guard_fields.content_may_be_told(exchange):
        return []
    asked = content.asked(exchange)
    answer = trace.answered
    told = (
        (_INSTRUCTIONS, asked.instructions),
        (_TOOLS, asked.tools),
        (_INPUT_MESSAGES, asked.messages),
        (_OUTPUT_MESSAGES, None if answer is None else content.answered(answer, exchange.endpoint.format)),
    )
    known = [(key, said) for key, said in told if said is not None]
    fields = [key.text(said.text) for key, said in known]
    if any(said.truncated for _, said in known):
        fields.append(_IS_TRUNCATED)
    return fields
