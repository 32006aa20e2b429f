"""The spans of one call: a SERVER span, a CLIENT span for each attempt, INTERNAL spans for the cache and what else says so.

`SpanWriter` reads a call when it is over and writes its spans as OTLP bytes; `span_fields` says what is in them. No IO.

Rules: attributes that are alike from call to call are encoded once and remembered by what they were made of, within a bound;
content is there only where the snapshot asks for it, on the span of the last attempt (on the SERVER span of a hit).
"""

from typing import Final

from turnout_contract import semconv
from turnout_contract.semconv import Profile
from turnout_sidecar.adapters import guard_fields
from turnout_sidecar.adapters import otlp_encoding as otlp
from turnout_sidecar.adapters import span_fields as fields_of
from turnout_sidecar.adapters.call_trace import Trace
from turnout_sidecar.adapters.otlp_encoding import Key
from turnout_sidecar.adapters.span_fields import MOST_TEXT, SERVER_ERRORS
from turnout_sidecar.exchange.call import Attempt, Exchange

_MOST_REMEMBERED: Final = 4096


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
        self.follow(semconv.PROFILES["v1.41"])

    def follow(self, profile: Profile) -> None:
        """Write names as this profile has them."""
        self._cache_write = Key(profile.usage_cache_write)

    def write(self, exchange: Exchange, trace: Trace) -> list[bytes]:
        """The spans as `spans` fields of ScopeSpans, the SERVER span first."""
        told = trace.parent is not None and "tracestate" not in exchange.withheld
        beginning = otlp.trace(trace.trace_id, trace.parent.state if trace.parent is not None and told else "")
        shared = self._shared(exchange)
        spans = [self._server(exchange, trace, beginning, shared)]
        spans += [self._client(exchange, attempt, trace, beginning, shared) for attempt in exchange.attempts]
        for name, start_ns, end_ns, attributes in trace.children:
            fields = fields_of.of_stage(attributes)
            written = otlp.span(
                beginning, trace.new_id(), trace.span_id, self._name(name), otlp.INTERNAL, start_ns, end_ns, fields
            )
            spans.append(written)
        if exchange.guard.guarded:
            spans += self._guards(exchange, trace, beginning)
        return spans

    def _guards(self, exchange: Exchange, trace: Trace, beginning: bytes) -> list[bytes]:
        offset = exchange.received_unix_ns - exchange.received_ns
        return [
            otlp.span(
                beginning,
                trace.new_id(),
                trace.span_id,
                self._name(each.name),
                otlp.INTERNAL,
                each.began_ns + offset,
                each.ended_ns + offset,
                each.fields,
            )
            for each in guard_fields.work(exchange.guard)
        ]

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
            else (
                exchange.told(caller.team)[:MOST_TEXT],
                caller.client,
                caller.use_case and exchange.told(caller.use_case)[:MOST_TEXT],
            ),
            None if route is None else route.name,
            None if rule is None else rule.name,
            None if prompt is None else (prompt.name, prompt.version),
        )
        known = self._callers.get(key) or self._callers.put(key, b"".join(fields_of.who_and_where(exchange)))
        if caller is None or caller.outcome_id is None:
            return known
        return known + fields_of.outcome_id(exchange.told(caller.outcome_id))

    def _server(self, exchange: Exchange, trace: Trace, beginning: bytes, shared: bytes) -> bytes:
        endpoint, status, error = exchange.endpoint, exchange.status, exchange.error
        key = (
            endpoint.method,
            endpoint.path,
            exchange.route is None,
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
        known = self._decisions.get(key) or self._decisions.put(key, b"".join(fields_of.decided(exchange)))
        fields = [known, shared, *fields_of.own(exchange), *guard_fields.of_span(exchange)]
        if trace.wants_content and not exchange.attempts:
            fields += fields_of.messages(exchange, trace)
        parent = trace.parent
        return otlp.span(
            beginning,
            trace.span_id,
            "" if parent is None else parent.span_id,
            self._name(fields_of.server_name(endpoint)),
            otlp.SERVER,
            exchange.received_unix_ns,
            exchange.received_unix_ns + trace.ended_ns - exchange.received_ns,
            fields,
            events=guard_fields.events(exchange, trace.ended_ns),
            flags=otlp.LOCAL_PARENT if parent is None else otlp.REMOTE_PARENT,
            code=otlp.ERROR if status >= SERVER_ERRORS or _broke_off(exchange) else otlp.UNSET,
        )

    def _client(self, exchange: Exchange, attempt: Attempt, trace: Trace, beginning: bytes, shared: bytes) -> bytes:
        operation = exchange.endpoint.operation
        fields = [self._asked(operation, attempt), shared, self._became(attempt, stream=exchange.stream)]
        fields += fields_of.parameters(exchange.body, exchange.endpoint.format)
        fields += fields_of.measured(attempt, stream=exchange.stream, cache_write=self._cache_write)
        if trace.wants_content and attempt is exchange.attempts[-1]:
            fields += fields_of.messages(exchange, trace)
        offset = exchange.received_unix_ns - exchange.received_ns
        return otlp.span(
            beginning,
            attempt.span_id or trace.new_id(),
            trace.span_id,
            self._name(f"{operation} {attempt.model.name}"),
            otlp.CLIENT,
            attempt.started_ns + offset,
            (trace.ended_ns if attempt.ended_ns is None else attempt.ended_ns) + offset,
            fields,
            code=otlp.UNSET if attempt.error is None else otlp.ERROR,
        )

    def _asked(self, operation: str, attempt: Attempt) -> bytes:
        provider, model = attempt.backend, attempt.model
        key = (operation, provider.name, provider.protocol, provider.endpoint, model.name, model.tier)
        return self._backends.get(key) or self._backends.put(key, b"".join(fields_of.backend(operation, attempt)))

    def _became(self, attempt: Attempt, *, stream: bool) -> bytes:
        key = (
            attempt.number,
            stream,
            attempt.status,
            attempt.error,
            None if attempt.response_model is None else attempt.response_model[:MOST_TEXT],
            fields_of.short(attempt.finish_reasons),
        )
        return self._outcomes.get(key) or self._outcomes.put(key, b"".join(fields_of.outcome(attempt, stream=stream)))


def _broke_off(exchange: Exchange) -> bool:
    """A stream that ended with an error after its 200; one that was left is no error of the server's."""
    return exchange.aborted and not exchange.client_gone
