"""Canonical events as the chunks of a chat completion.

The first chunk says the role; calls are numbered from 0, with id and name in their first chunk alone; why it ended, the usage (in
a chunk without choices, if it was asked for) and `[DONE]` come together at the end, so that a stream that breaks off is never
taken for one that ended. Rules: every chunk has the same id, time and model; a call without arguments says `{}`; a caller of the
old `functions` gets `function_call`. Surrogates cannot occur: events are made of decoded JSON.
"""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire import openai_errors, signed_ids, sse
from turnout_sidecar.wire.canonical import (
    ArgumentsDelta,
    Ended,
    Event,
    Failed,
    Finished,
    PartEnded,
    Pinged,
    RefusalDelta,
    Reported,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingSigned,
    ToolCallStarted,
)
from turnout_sidecar.wire.chat import finish, reasoning, usage_out
from turnout_sidecar.wire.chat.answer_out import finish_word, legacy
from turnout_sidecar.wire.formats import Asked

_DONE: Final = b"data: [DONE]\n\n"
_PING: Final = sse.write_comment("ping")


class StreamWriter:
    """See `formats.StreamWriter`."""

    def __init__(self, asked: Asked) -> None:
        self._include_usage = asked.include_usage
        self._legacy = legacy(asked)
        self._head: dict[str, Any] = {
            "id": asked.id,
            "object": "chat.completion.chunk",
            "created": asked.created,
            "model": asked.model,
        }
        self._started = False
        self._before = self._after = b""
        self._calls: dict[int, int] = {}  # the number of the call that a part is
        self._thoughts: dict[int, int] = {}
        self._silent: set[int] = set()  # calls without arguments yet
        self._refused = False
        self._failed = False  # nothing is said after an error
        self._finished: Finished | None = None
        self._usage: Usage | None = None

    def write(self, events: Sequence[Event]) -> bytes:
        """See the protocol."""
        return b"".join(frame for event in events for frame in self._frames(event))

    def error(self, error: CallError) -> bytes:
        """See the protocol."""
        return openai_errors.frame(error)

    def _frames(self, event: Event) -> list[bytes]:
        if self._failed:
            return []
        if isinstance(event, Started):
            return self._start(event)
        if isinstance(event, Pinged):
            return [_PING]
        if isinstance(event, Failed):
            self._failed = True
            return [openai_errors.frame(_call_error(event))]
        if isinstance(event, Reported):
            self._usage = event.usage
            return []
        if isinstance(event, Finished):
            self._finished = event
            return []
        first = [] if self._started else self._start(Started())
        if isinstance(event, Ended):
            return [*first, *self._end()]
        delta = self._delta(event)
        logprobs = event.logprobs if isinstance(event, TextDelta) else None
        return first if delta is None else [*first, self._chunk(delta, logprobs=logprobs)]

    def _start(self, event: Started) -> list[bytes]:
        if self._started:
            return []
        self._started = True
        told = {"id": event.id, "created": event.created, "model": event.model, "service_tier": event.service_tier}
        self._head |= {name: value for name, value in told.items() if value is not None}
        self._prepare()
        return [self._chunk({"role": "assistant"})]

    def _delta(self, event: Event) -> dict[str, Any] | None:
        if isinstance(event, TextDelta):
            return {"content": event.text}
        if isinstance(event, RefusalDelta):
            self._refused = True
            return {"refusal": event.text}
        if isinstance(event, ThinkingDelta | ThinkingSigned):
            return self._thought(event)
        if isinstance(event, ToolCallStarted):
            return self._call(event)
        if isinstance(event, ArgumentsDelta):
            return self._arguments(event.index, event.text) if event.text else None
        return (
            self._arguments(event.index, "{}") if isinstance(event, PartEnded) and event.index in self._silent else None
        )

    def _thought(self, event: ThinkingDelta | ThinkingSigned) -> dict[str, Any]:
        place = self._thoughts.setdefault(event.index, len(self._thoughts))
        if isinstance(event, ThinkingDelta):
            detail = reasoning.text_detail(place, event.text, None, event.item)
            return {"reasoning_content": event.text, "reasoning_details": [detail]}
        found = []
        if event.signature is not None or event.redacted is None:
            found.append(reasoning.text_detail(place, None, event.signature, event.item))
        if event.redacted is not None:
            found.append(reasoning.encrypted(event.redacted, place, event.item))
        return {"reasoning_details": found}

    def _call(self, event: ToolCallStarted) -> dict[str, Any] | None:
        place = self._calls.setdefault(event.index, len(self._calls))
        self._silent.add(event.index)
        function = {"name": event.name, "arguments": ""}
        if self._legacy:
            return {"function_call": function} if place == 0 else None
        identity = signed_ids.join(event.id, event.signature)
        return {"tool_calls": [{"index": place, "id": identity, "type": "function", "function": function}]}

    def _arguments(self, part: int, text: str) -> dict[str, Any] | None:
        self._silent.discard(part)
        place = self._calls.setdefault(part, len(self._calls))
        if self._legacy:
            return {"function_call": {"arguments": text}} if place == 0 else None
        return {"tool_calls": [{"index": place, "function": {"arguments": text}}]}

    def _end(self) -> list[bytes]:
        ended = self._finished or Finished("other")
        word = finish.written(ended.reason, calls=bool(self._calls), refused=self._refused)
        frames = [self._chunk({}, finish_reason=finish_word(word, legacy=self._legacy))]
        usage = usage_out.written(self._usage)
        if self._include_usage and usage is not None:
            frames.append(_frame({**self._head, "choices": [], "usage": usage}))
        return [*frames, _DONE]

    def _chunk(self, delta: dict[str, Any], *, logprobs: Any = None, finish_reason: str | None = None) -> bytes:
        if logprobs is None and finish_reason is None:
            return b"%b%b%b" % (self._before, orjson.dumps(delta), self._after)
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        usage = {"usage": None} if self._include_usage else {}
        return _frame({**self._head, "choices": [choice], **usage})

    def _prepare(self) -> None:
        """What stands around the delta of nearly every chunk."""
        self._before = b'data: %b,"choices":[{"index":0,"delta":' % orjson.dumps(self._head)[:-1]
        usage = b',"usage":null' if self._include_usage else b""
        self._after = b',"logprobs":null,"finish_reason":null}]%b}\n\n' % usage


def _frame(chunk: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % orjson.dumps(chunk)


def _call_error(event: Failed) -> CallError:
    said = event.error
    return CallError(
        event.status,
        said.code or "upstream_error",
        said.message or "The provider failed.",
        param=said.param,
        kind=said.type or None,
    )
