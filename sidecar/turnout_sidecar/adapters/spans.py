"""The spans of one call: a SERVER span, a CLIENT span for each attempt, INTERNAL spans for the cache and what else says so.

`SpanWriter` reads a call when it is over and writes its spans as OTLP bytes. Names are `turnout_contract.semconv`'s. No IO.

Rules: attributes that sampling or grouping may use are always there, unknown ones are absent rather than empty; an attempt's
error is a word of a few, never a provider's message (they echo keys); content only where the snapshot asks for it, on the span
of the last attempt (on the SERVER span of a hit).
"""

from functools import lru_cache
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
_KEYS: Final[dict[str, Key]] = {}
_PARAMETERS: Final = frozenset((*_WHOLE, *_REAL, "stop", "response_format"))


class _Memory:
    """Bytes that were written before, by what they were made of; forgotten all at once when there are too many."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], bytes] = {}

    def get(self, key: tuple[object, ...]) -> bytes | None:
        return self._known.get(key)

    def put(self, key: tuple[object, ...], data: bytes) -> bytes:
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[key] = data
        return data


class SpanWriter:
    """Writes the spans of finished calls. What is alike from call to call is encoded once."""

    def __init__(self) -> None:
        self._callers = _Memory()
        self._decisions = _Memory()
        self._backends = _Memory()
        self._outcomes = _Memory()
        self._names: dict[str, bytes] = {}

    def write(self, exchange: Exchange, trace: Trace) -> list[bytes]:
        """The spans as `spans` fields of ScopeSpans, the SERVER span first."""
        beginning = otlp.trace(trace.trace_id, "" if trace.parent is None else trace.parent.state)
        shared = self._shared(exchange)
        spans = [self._server(exchange, trace, beginning, shared)]
        spans += [self._client(exchange, attempt, trace, beginning, shared) for attempt in exchange.attempts]
        for name, start_ns, end_ns, attributes in trace.children:
            fields = [_key(key).any(value) for key, value in attributes.items()]
            written = otlp.span(
                beginning, trace.new_id(), trace.span_id, self._name(name), otlp.INTERNAL, start_ns, end_ns, fields
            )
            spans.append(written)
        return spans

    def _name(self, name: str) -> bytes:
        found = self._names.get(name)
        if found is None:
            found = otlp.span_name(name)
            if len(self._names) < _MOST_REMEMBERED:
                self._names[name] = found
        return found

    def _shared(self, exchange: Exchange) -> bytes:
        """What every span but the INTERNAL ones says: for whom, by which route, for which outcome."""
        caller, route, rule, prompt = exchange.caller, exchange.route, exchange.rule, exchange.prompt
        key = (
            None
            if caller is None
            else (caller.team[:_MOST_TEXT], caller.client, caller.use_case and caller.use_case[:_MOST_TEXT]),
            None if route is None else route.name,
            None if rule is None else rule.name,
            None if prompt is None else (prompt.name, prompt.version),
        )
        known = self._callers.get(key) or self._callers.put(key, b"".join(_who_and_where(exchange)))
        if caller is None or caller.outcome_id is None:
            return known
        return known + _OUTCOME.text(caller.outcome_id[:_MOST_TEXT])

    def _server(self, exchange: Exchange, trace: Trace, beginning: bytes, shared: bytes) -> bytes:
        path, status, error = exchange.endpoint.path, exchange.status, exchange.error
        key = (
            path,
            status,
            error,
            exchange.runtime.version,
            exchange.cache_state,
            exchange.cache_reason,
            exchange.sensitivity,
            exchange.value,
            exchange.response_backend,
            len(exchange.attempts),
            exchange.client_gone,
            exchange.aborted,
        )
        known = self._decisions.get(key) or self._decisions.put(key, b"".join(_decided(exchange)))
        fields = [known, shared, _REQUEST_ID.text(exchange.id)]
        if exchange.model:
            fields.append(_REQUESTED_MODEL.text(exchange.model[:_MOST_TEXT]))
        if exchange.cost_nano is not None:
            fields.append(_COST.text(usd(exchange.cost_nano)))
        if exchange.saved_nano is not None:
            fields.append(_SAVED.text(usd(exchange.saved_nano)))
        if trace.wants_content and not exchange.attempts:
            fields += _content(exchange, trace)
        parent = trace.parent
        return otlp.span(
            beginning,
            trace.span_id,
            "" if parent is None else parent.span_id,
            self._name(f"POST {path}"),
            otlp.SERVER,
            exchange.received_unix_ns,
            exchange.received_unix_ns + trace.ended_ns - exchange.received_ns,
            fields,
            flags=otlp.LOCAL_PARENT if parent is None else otlp.REMOTE_PARENT,
            code=otlp.ERROR if status >= _SERVER_ERRORS else otlp.UNSET,
        )

    def _client(self, exchange: Exchange, attempt: Attempt, trace: Trace, beginning: bytes, shared: bytes) -> bytes:
        operation, model = exchange.endpoint.operation, attempt.model
        key = (
            operation,
            attempt.backend.name,
            attempt.backend.protocol,
            attempt.backend.endpoint,
            model.name,
            model.tier,
        )
        known = self._backends.get(key) or self._backends.put(key, b"".join(_backend(operation, attempt)))
        result = (
            attempt.number,
            exchange.stream,
            attempt.status,
            attempt.error,
            None if attempt.response_model is None else attempt.response_model[:_MOST_TEXT],
            _short(attempt.finish_reasons),
        )
        outcome = self._outcomes.get(result) or self._outcomes.put(
            result, b"".join(_outcome(attempt, stream=exchange.stream))
        )
        fields = [known, shared, outcome, *_parameters(exchange.body)]
        if attempt.response_id is not None:
            fields.append(_RESPONSE_ID.text(attempt.response_id[:_MOST_TEXT]))
        if exchange.stream and attempt.first_token_ns is not None:
            fields.append(_FIRST_CHUNK.real((attempt.first_token_ns - attempt.started_ns) / _NANO))
        if attempt.usage is not None:
            fields += _usage(attempt.usage)
        if attempt.cost_nano is not None:
            fields.append(_COST.text(usd(attempt.cost_nano)))
            fields.append(_USAGE_COST.real(attempt.cost_nano / _NANO))
        if trace.wants_content and attempt is exchange.attempts[-1]:
            fields += _content(exchange, trace)
        offset = exchange.received_unix_ns - exchange.received_ns
        return otlp.span(
            beginning,
            attempt.span_id or trace.new_id(),
            trace.span_id,
            self._name(f"{operation} {model.name}"),
            otlp.CLIENT,
            attempt.started_ns + offset,
            (trace.ended_ns if attempt.ended_ns is None else attempt.ended_ns) + offset,
            fields,
            code=otlp.UNSET if attempt.error is None else otlp.ERROR,
        )


def _short(reasons: tuple[str, ...]) -> tuple[str, ...]:
    """Finish reasons are words; a provider that sends more than that is not remembered for it."""
    if len(reasons) == 1 and len(reasons[0]) <= _MOST_TEXT:
        return reasons
    return tuple([reason[:_MOST_TEXT] for reason in reasons[:_MOST_STOPS]])


def _who_and_where(exchange: Exchange) -> list[bytes]:
    fields = []
    caller = exchange.caller
    if caller is not None:
        fields.append(_TEAM.text(caller.team[:_MOST_TEXT]))
        if caller.client is not None:
            fields.append(_CLIENT.text(caller.client))
        if caller.use_case is not None:
            fields.append(_USE_CASE.text(caller.use_case[:_MOST_TEXT]))
    if exchange.route is not None:
        fields.append(_ROUTE.text(exchange.route.name))
    if exchange.rule is not None:
        fields.append(_RULE.text(exchange.rule.name))
    if exchange.prompt is not None:
        fields.append(_PROMPT_NAME.text(exchange.prompt.name))
        fields.append(_PROMPT_VERSION.text(exchange.prompt.version))
    return fields


def _decided(exchange: Exchange) -> list[bytes]:
    path = exchange.endpoint.path
    fields = [
        _METHOD.text("POST"),
        _HTTP_ROUTE.text(path),
        _PATH.text(path),
        _SCHEME.text("http"),
        _STATUS.number(exchange.status),
        _CONFIG.text(exchange.runtime.version),
        _CACHE.text(exchange.cache_state),
        _SENSITIVITY.text(exchange.sensitivity),
        _VALUE.text(exchange.value),
        _ATTEMPTS.number(len(exchange.attempts)),
    ]
    if exchange.cache_reason:
        fields.append(_CACHE_REASON.text(exchange.cache_reason[:_MOST_TEXT]))
    if exchange.response_backend:
        fields.append(_BACKEND.text(exchange.response_backend))
    if exchange.client_gone:
        fields.append(_IS_GONE)
    if exchange.aborted:
        fields.append(_IS_ABORTED)
    if exchange.error is not None or exchange.status >= _SERVER_ERRORS:
        fields.append(_ERROR.text(exchange.error or str(exchange.status)))
    return fields


def _backend(operation: str, attempt: Attempt) -> tuple[bytes, ...]:
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


def _outcome(attempt: Attempt, *, stream: bool) -> list[bytes]:
    fields = [_ATTEMPT.number(attempt.number), _STREAM.flag(stream)]
    if attempt.status is not None:
        fields.append(_STATUS.number(attempt.status))
    if attempt.error is not None:
        fields.append(_ERROR.text(attempt.error))
    if attempt.response_model is not None:
        fields.append(_RESPONSE_MODEL.text(attempt.response_model[:_MOST_TEXT]))
    if attempt.finish_reasons:
        fields.append(_FINISH.texts(_short(attempt.finish_reasons)))
    return fields


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
    for name, value in body.items():
        if name not in _PARAMETERS:
            continue
        if name in _WHOLE and isinstance(value, int):
            fields.append(_WHOLE[name].number(value))
        elif name in _REAL and isinstance(value, int | float) and abs(value) < _MOST_REAL:
            fields.append(_REAL[name].real(value))
        elif name == "response_format" and isinstance(value, dict):
            fields.append(_OUTPUT_TYPE.text("text" if value.get("type") == "text" else "json"))
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
