"""The spans of one call: a SERVER span, a CLIENT span for each attempt, INTERNAL spans for the cache and what else says so.

`SpanWriter` reads a call when it is over and writes its spans as OTLP bytes. Names are `turnout_contract.semconv`'s. No IO.

Rules: attributes that sampling or grouping may use are always there, unknown ones are absent rather than empty; an attempt's
error is a word of a few, never a provider's message (they echo keys); content only where the snapshot asks for it, on the span
of the last attempt (on the SERVER span of a hit).
"""

from typing import Any, Final
from urllib.parse import urlsplit

from turnout_contract import money, semconv
from turnout_sidecar.adapters import content
from turnout_sidecar.adapters import otlp_encoding as otlp
from turnout_sidecar.adapters.call_trace import Trace
from turnout_sidecar.adapters.otlp_encoding import Key
from turnout_sidecar.exchange.call import Attempt, Exchange
from turnout_sidecar.exchange.usage import Usage

_MOST_TEXT: Final = 256
_MOST_STOPS: Final = 16
_MOST_REAL: Final = 10**9
_MOST_REMEMBERED: Final = 4096
_NANO: Final = 1e9
_SERVER_ERRORS: Final = 500

_OPERATION = Key(semconv.OPERATION_NAME)
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
    "seed": Key(semconv.REQUEST_SEED),
    "n": Key(semconv.REQUEST_CHOICE_COUNT),
}
_REAL: Final = {
    "temperature": Key(semconv.REQUEST_TEMPERATURE),
    "top_p": Key(semconv.REQUEST_TOP_P),
    "frequency_penalty": Key(semconv.REQUEST_FREQUENCY_PENALTY),
    "presence_penalty": Key(semconv.REQUEST_PRESENCE_PENALTY),
}
_PARAMETERS: Final = frozenset((*_WHOLE, *_REAL, "stop", "response_format"))


class SpanWriter:
    """Writes the spans of finished calls. What is alike from call to call is encoded once."""

    def __init__(self) -> None:
        self._fixed: dict[tuple[str, ...], tuple[bytes, bytes]] = {}

    def write(self, exchange: Exchange, trace: Trace) -> list[bytes]:
        """The spans as `spans` fields of ScopeSpans, the SERVER span first."""
        beginning = otlp.trace(trace.trace_id, "" if trace.parent is None else trace.parent.state)
        shared = _shared(exchange)
        spans = [self._server(exchange, trace, beginning, shared)]
        spans += [self._client(exchange, attempt, trace, beginning, shared) for attempt in exchange.attempts]
        for name, start_ns, end_ns, attributes in trace.children:
            fields = [_key(key).any(value) for key, value in attributes.items()]
            written = otlp.span(
                beginning, trace.new_id(), trace.span_id, otlp.span_name(name), otlp.INTERNAL, start_ns, end_ns, fields
            )
            spans.append(written)
        return spans

    def _server(self, exchange: Exchange, trace: Trace, beginning: bytes, shared: bytes) -> bytes:
        name, fixed = self._endpoint(exchange.endpoint.path)
        fields = [fixed, shared, _STATUS.number(exchange.status), _REQUEST_ID.text(exchange.id)]
        fields.append(_CONFIG.known(exchange.runtime.version))
        fields.append(_CACHE.known(exchange.cache_state))
        fields.append(_SENSITIVITY.known(exchange.sensitivity))
        fields.append(_VALUE.known(exchange.value))
        fields.append(_ATTEMPTS.number(len(exchange.attempts)))
        if exchange.cache_reason:
            fields.append(_CACHE_REASON.known(exchange.cache_reason))
        if exchange.model:
            fields.append(_REQUESTED_MODEL.text(exchange.model[:_MOST_TEXT]))
        if exchange.response_backend:
            fields.append(_BACKEND.known(exchange.response_backend))
        if exchange.cost_nano is not None:
            fields.append(_COST.text(money.format_usd(exchange.cost_nano)))
        if exchange.saved_nano is not None:
            fields.append(_SAVED.text(money.format_usd(exchange.saved_nano)))
        if exchange.client_gone:
            fields.append(_IS_GONE)
        if exchange.aborted:
            fields.append(_IS_ABORTED)
        failed = exchange.status >= _SERVER_ERRORS
        if failed or exchange.error is not None:
            fields.append(_ERROR.known(exchange.error or str(exchange.status)))
        if trace.wants_content and not exchange.attempts:
            fields += _content(exchange, trace)
        return otlp.span(
            beginning,
            trace.span_id,
            "" if trace.parent is None else trace.parent.span_id,
            name,
            otlp.SERVER,
            exchange.received_unix_ns,
            exchange.received_unix_ns + trace.ended_ns - exchange.received_ns,
            fields,
            flags=otlp.LOCAL_PARENT if trace.parent is None else otlp.REMOTE_PARENT,
            code=otlp.ERROR if failed else otlp.UNSET,
        )

    def _client(self, exchange: Exchange, attempt: Attempt, trace: Trace, beginning: bytes, shared: bytes) -> bytes:
        name, fixed = self._backend(exchange.endpoint.operation, attempt)
        fields = [fixed, shared, _ATTEMPT.number(attempt.number), _STREAM.flag(exchange.stream)]
        fields += _parameters(exchange.body)
        fields += _result(attempt, stream=exchange.stream)
        if trace.wants_content and attempt is exchange.attempts[-1]:
            fields += _content(exchange, trace)
        offset = exchange.received_unix_ns - exchange.received_ns
        return otlp.span(
            beginning,
            attempt.span_id or trace.new_id(),
            trace.span_id,
            name,
            otlp.CLIENT,
            attempt.started_ns + offset,
            (trace.ended_ns if attempt.ended_ns is None else attempt.ended_ns) + offset,
            fields,
            code=otlp.UNSET if attempt.error is None else otlp.ERROR,
        )

    def _endpoint(self, path: str) -> tuple[bytes, bytes]:
        found = self._fixed.get((path,))
        if found is None:
            fields = (
                Key(semconv.HTTP_METHOD).text("POST"),
                Key(semconv.HTTP_ROUTE).text(path),
                Key(semconv.URL_PATH).text(path),
                Key(semconv.URL_SCHEME).text("http"),
            )
            found = self._remember((path,), (otlp.span_name(f"POST {path}"), b"".join(fields)))
        return found

    def _backend(self, operation: str, attempt: Attempt) -> tuple[bytes, bytes]:
        provider, model = attempt.backend, attempt.model
        key = (operation, provider.name, provider.protocol, provider.endpoint, model.name, model.tier)
        found = self._fixed.get(key)
        if found is None:
            host, port = _address(provider.endpoint)
            fields = (
                _OPERATION.text(operation),
                Key(semconv.PROVIDER_NAME).text(semconv.provider_name(provider.protocol, provider.endpoint)),
                Key(semconv.REQUEST_MODEL).text(model.name),
                Key(semconv.SERVER_ADDRESS).text(host),
                Key(semconv.SERVER_PORT).number(port),
                _BACKEND.text(attempt.name),
                Key(semconv.TIER).text(model.tier),
            )
            found = self._remember(key, (otlp.span_name(f"{operation} {model.name}"), b"".join(fields)))
        return found

    def _remember(self, key: tuple[str, ...], value: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        if len(self._fixed) >= _MOST_REMEMBERED:
            self._fixed.clear()
        self._fixed[key] = value
        return value


def _address(endpoint: str) -> tuple[str, int]:
    parts = urlsplit(endpoint)
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)


def _key(name: str) -> Key:
    found = _KEYS.get(name)
    if found is None:
        found = Key(name)
        if len(_KEYS) < _MOST_REMEMBERED:
            _KEYS[name] = found
    return found


_KEYS: Final[dict[str, Key]] = {}


def _shared(exchange: Exchange) -> bytes:
    """What every span but the INTERNAL ones says: for whom, by which route, for which outcome."""
    fields = []
    caller = exchange.caller
    if caller is not None:
        fields.append(_TEAM.known(caller.team))
        if caller.client is not None:
            fields.append(_CLIENT.known(caller.client))
        if caller.use_case is not None:
            fields.append(_USE_CASE.known(caller.use_case[:_MOST_TEXT]))
        if caller.outcome_id is not None:
            fields.append(_OUTCOME.text(caller.outcome_id[:_MOST_TEXT]))
    if exchange.route is not None:
        fields.append(_ROUTE.known(exchange.route.name))
    if exchange.rule is not None:
        fields.append(_RULE.known(exchange.rule.name))
    if exchange.prompt is not None:
        fields.append(_PROMPT_NAME.known(exchange.prompt.name))
        fields.append(_PROMPT_VERSION.known(exchange.prompt.version))
    return b"".join(fields)


def _result(attempt: Attempt, *, stream: bool) -> list[bytes]:
    fields = []
    if attempt.status is not None:
        fields.append(_STATUS.number(attempt.status))
    if attempt.error is not None:
        fields.append(_ERROR.known(attempt.error))
    if attempt.response_model is not None:
        fields.append(_RESPONSE_MODEL.known(attempt.response_model[:_MOST_TEXT]))
    if attempt.response_id is not None:
        fields.append(_RESPONSE_ID.text(attempt.response_id[:_MOST_TEXT]))
    if attempt.finish_reasons:
        fields.append(_FINISH.known_texts(attempt.finish_reasons))
    if stream and attempt.first_token_ns is not None:
        fields.append(_FIRST_CHUNK.real((attempt.first_token_ns - attempt.started_ns) / _NANO))
    if attempt.usage is not None:
        fields += _usage(attempt.usage)
    if attempt.cost_nano is not None:
        fields.append(_COST.text(money.format_usd(attempt.cost_nano)))
        fields.append(_USAGE_COST.real(attempt.cost_nano / _NANO))
    return fields


def _usage(usage: Usage) -> list[bytes]:
    fields = []
    if usage.input is not None:
        fields.append(_INPUT.number(usage.input))
    if usage.output is not None:
        fields.append(_OUTPUT.number(usage.output))
    if usage.cached_input is not None:
        fields.append(_CACHED.number(usage.cached_input))
    if usage.reasoning is not None:
        fields.append(_REASONING.number(usage.reasoning))
    if usage.estimated:
        fields.append(_IS_ESTIMATED)
    return fields


def _parameters(body: dict[str, Any]) -> list[bytes]:
    """The request's parameters; what has not the type that it should have is the provider's to refuse, and left out."""
    fields = []
    for name in body.keys() & _PARAMETERS:
        value = body[name]
        if name in _WHOLE and isinstance(value, int):
            fields.append(_WHOLE[name].number(value))
        elif name in _REAL and isinstance(value, int | float) and abs(value) < _MOST_REAL:
            fields.append(_REAL[name].real(value))
        elif name == "response_format" and isinstance(value, dict):
            fields.append(_OUTPUT_TYPE.known("text" if value.get("type") == "text" else "json"))
        elif name == "stop":
            stops = [value] if isinstance(value, str) else value
            if isinstance(stops, list):
                fields.append(_STOP.texts([str(stop)[:_MOST_TEXT] for stop in stops[:_MOST_STOPS]]))
    return fields


def _content(exchange: Exchange, trace: Trace) -> list[bytes]:
    asked = content.input_messages(exchange.body)
    answered = None if trace.answered is None else content.output_messages(trace.answered)
    fields = []
    if asked is not None:
        fields.append(_INPUT_MESSAGES.text(asked.text))
    if answered is not None:
        fields.append(_OUTPUT_MESSAGES.text(answered.text))
    if (asked is not None and asked.truncated) or (answered is not None and answered.truncated):
        fields.append(_IS_TRUNCATED)
    return fields
