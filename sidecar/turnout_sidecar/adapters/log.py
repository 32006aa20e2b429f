"""Logs: one JSON line for each call on standard output, and the process's own messages as JSON lines.

A call's line says what was decided and what it took: never content, never a credential. It is made of named fields only, so
that nothing comes in by an exception's text. The process's messages are free text and are cleaned after they are rendered.

Rules: costs are decimal strings; unknown values are absent; nothing here blocks the event loop or raises into a call.
"""

import logging
import time
from typing import Any, Final, TextIO

import orjson

from turnout_sidecar.adapters import guard_fields
from turnout_sidecar.adapters.call_trace import Trace
from turnout_sidecar.adapters.output import LineWriter
from turnout_sidecar.adapters.redaction import Redactor
from turnout_sidecar.adapters.span_fields import usd
from turnout_sidecar.exchange.call import Exchange

_MILLION: Final = 1e6
_MOST_TEXT: Final = 256
_OPTIONS: Final = orjson.OPT_APPEND_NEWLINE


class CallLog:
    """The line of each call."""

    def __init__(self, writer: LineWriter) -> None:
        self._writer = writer

    def record(self, exchange: Exchange, trace: Trace) -> None:
        """Write the line of a call that is over."""
        self._writer.write(line_of(exchange, trace))


def line_of(exchange: Exchange, trace: Trace) -> bytes:
    """The line, with its line feed."""
    line: dict[str, Any] = {
        "time": _STAMPS.of(exchange.received_unix_ns),
        "level": "info" if exchange.error is None else "warn",
        "event": "call",
        "request_id": exchange.id,
        "trace_id": trace.trace_id,
        "endpoint": exchange.endpoint.name,
        "status": exchange.status,
        "stream": exchange.stream,
        "cache": exchange.cache_state,
        "attempts": len(exchange.attempts),
        "latency_ms": round((trace.ended_ns - exchange.received_ns) / _MILLION, 3),
        "config": exchange.runtime.version[:12],
    }
    if exchange.route is not None:
        line["route"] = exchange.route.name
    if exchange.rule is not None:
        line["rule"] = exchange.rule.name
    if exchange.response_backend:
        line["backend"] = exchange.response_backend
    if exchange.error is not None:
        line["error"] = exchange.error
    if exchange.cache_reason:
        line["cache_reason"] = exchange.cache_reason
    if exchange.cost_nano is not None:
        line["cost_usd"] = usd(exchange.cost_nano)
    if exchange.saved_nano is not None:
        line["saved_usd"] = usd(exchange.saved_nano)
    if exchange.client_gone:
        line["client_gone"] = True
    if exchange.aborted:
        line["aborted"] = True
    if exchange.prompt is not None:
        line["prompt"] = f"{exchange.prompt.name}@{exchange.prompt.version}"
    _who(line, exchange)
    _how(line, exchange)
    guard_fields.of_line(line, exchange)
    return _encode(line)


def _who(line: dict[str, Any], exchange: Exchange) -> None:
    caller = exchange.caller
    if caller is None:
        return
    line["team"] = exchange.told(caller.team)
    if caller.client is not None:
        line["client"] = caller.client
    if caller.use_case is not None:
        line["use_case"] = exchange.told(caller.use_case)[:_MOST_TEXT]
    if caller.outcome_id is not None:
        line["outcome_id"] = exchange.told(caller.outcome_id)[:_MOST_TEXT]


def _how(line: dict[str, Any], exchange: Exchange) -> None:
    if exchange.endpoint.method != "POST":
        line["method"] = exchange.endpoint.method
    usage = exchange.usage
    if usage is not None:
        line["input_tokens"] = usage.input
        line["output_tokens"] = usage.output
        if usage.cached_input is not None:
            line["cached_tokens"] = usage.cached_input
        if usage.cache_write is not None:
            line["cache_write_tokens"] = usage.cache_write
        if usage.estimated:
            line["usage_estimated"] = True
    if not exchange.attempts:
        return
    last = exchange.attempts[-1]
    if exchange.stream and last.first_token_ns is not None:
        line["ttft_ms"] = round((last.first_token_ns - exchange.received_ns) / _MILLION, 3)
    failed = [f"{attempt.name}: {attempt.error}" for attempt in exchange.attempts if attempt.error is not None]
    if failed:
        line["failed_attempts"] = failed


def _encode(line: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(line, option=_OPTIONS)
    except TypeError:  # a lone surrogate in a header's text
        return orjson.dumps(_printable(line), option=_OPTIONS)


def _printable(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {key: _printable(each) for key, each in value.items()}
        case list():
            return [_printable(each) for each in value]
    return value


class _Stamps:
    """Times as text; the second is written once and kept while it lasts."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def of(self, unix_ns: int) -> str:
        seconds, rest = divmod(unix_ns, 1_000_000_000)
        if seconds != self._second:
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
            self._second = seconds
        return f"{self._text}.{rest // 1_000_000:03d}Z"


_STAMPS: Final = _Stamps()


class JsonFormatter(logging.Formatter):
    """A record as a JSON line, cleaned after it was rendered, its traceback too."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a line feed."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # arguments that do not fit: the text alone says enough
            message = str(record.msg)
        line = {
            "time": _Stamps().of(int(record.created * 1e9)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redactor.clean(message),
        }
        if record.exc_info:
            line["exception"] = self._redactor.clean(self.formatException(record.exc_info))
        return _encode(line)[:-1].decode()


def install(redactor: Redactor, stream: TextIO, level: int = logging.INFO) -> None:
    """Make every message of the process a JSON line on `stream` (standard error, say), in place of what was set up."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(redactor))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
