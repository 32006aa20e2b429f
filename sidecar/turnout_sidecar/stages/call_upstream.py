"""The innermost step: choose a backend, ask it, try again or elsewhere, and count every attempt.

Rules (design, "Retries"): `attempts` retries on one backend, within its retry budget; going on to the next backend of a
Failover draws on no budget, and a Weighted rule draws once more among the rest; nothing is tried again once a byte of the
answer may have reached the caller; one deadline is over all of it. A long `Retry-After` is honoured by asking another
backend where there is one, and by waiting where there is none and the deadline allows it.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec

from turnout_sidecar import failures, routing
from turnout_sidecar.estimates import Estimates
from turnout_sidecar.exchange import usage as money
from turnout_sidecar.exchange.call import Attempt, Exchange, Response
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.failures import INTERNAL, Failure
from turnout_sidecar.ports.clock import Clock, Dice
from turnout_sidecar.ports.upstream import Upstream, UpstreamError, UpstreamResponse, UpstreamTimeout
from turnout_sidecar.relay import Once, Relay
from turnout_sidecar.retry import RetryBudgets, wait_seconds
from turnout_sidecar.routing import LiveBackend
from turnout_sidecar.time_limit import within
from turnout_sidecar.upstream_call import returned_headers, upstream_request
from turnout_sidecar.usage_option import UsageOption
from turnout_sidecar.ways import Way, Whole, askable, said_in_stream, way_to
from turnout_sidecar.wire.canonical import Failed, FailedAnswer, NotAnAnswer
from turnout_sidecar.wire.messages.count_tokens import write_count
from turnout_sidecar.wire.observing import Tap
from turnout_sidecar.wire.support import Untranslatable

CONNECT_SECONDS = 5.0
LONG_WAIT_SECONDS = 2.0  # rather another backend than a longer wait
MAX_REPLY_BYTES = 64 * 1024 * 1024
_ERROR_BYTES = 1024 * 1024
COUNT = "count_tokens"
_NOT_TRANSLATABLE = "not_translatable"
_STREAMED = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}

Sleep = Callable[[float], Awaitable[None]]


class CallUpstream:
    """The end of the pipeline."""

    def __init__(
        self, upstream: Upstream, *, clock: Clock, dice: Dice, budgets: RetryBudgets, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._upstream = upstream
        self._clock = clock
        self._dice = dice
        self._budgets = budgets
        self._sleep = sleep
        self._option = UsageOption()
        self._estimates = Estimates()

    async def __call__(self, exchange: Exchange) -> Response:
        """Fills in attempts, usage and the backend. Raises CallError 503, 502, 504, 429 or the provider's own 4xx."""
        assert exchange.route is not None  # noqa: S101  resolve_route comes before
        found = askable(exchange, routing.candidates(exchange))
        deadline = exchange.received_ns + exchange.route.timeouts.request_ms * 1_000_000
        failure: Failure | None = None
        left = len(found)
        for backend in routing.order(exchange, found, self._dice):
            left -= 1
            outcome = await self._on_backend(exchange, backend, deadline, others=left > 0)
            if isinstance(outcome, Response):
                return outcome
            if failure is None or outcome.label != _NOT_TRANSLATABLE:
                failure = outcome  # what a backend answered says more than what another one cannot be asked
            if not outcome.goes_on or self._clock.monotonic_ns() >= deadline:
                break
        assert failure is not None  # noqa: S101  there is one candidate at least
        raise failure.error

    async def _on_backend(
        self, exchange: Exchange, backend: LiveBackend, deadline: int, *, others: bool
    ) -> Response | Failure:
        """Ask it, and again as often as the route allows."""
        assert exchange.route is not None  # noqa: S101
        try:
            way = way_to(exchange, backend)
        except Untranslatable as error:
            return Failure(_NOT_TRANSLATABLE, error)
        exchange.dropped = way.dropped
        if way.translated and exchange.endpoint.operation == COUNT:
            return self._counted(exchange, backend)
        retry = exchange.route.retry
        self._budgets.called(backend.name, self._clock.monotonic_ns())
        retries = 0
        while True:
            outcome = await self._attempt(exchange, backend, way, deadline)
            if isinstance(outcome, Failure) and outcome.ours and self._clock.monotonic_ns() < deadline:
                outcome = await self._attempt(
                    exchange, backend, way, deadline
                )  # without it; no retry of what was asked
            if isinstance(outcome, Response) or outcome.on not in retry.on or retries >= retry.attempts:
                return outcome
            wait = wait_seconds(retries, outcome.retry_after, self._dice)
            now = self._clock.monotonic_ns()
            if now + wait * 1e9 >= deadline or (others and wait > LONG_WAIT_SECONDS):
                return outcome
            if not self._budgets.take(backend.name, retry.budget_percent, now):
                return outcome
            await self._sleep(wait)
            retries += 1

    async def _attempt(self, exchange: Exchange, backend: LiveBackend, way: Way, deadline: int) -> Response | Failure:
        now = self._clock.monotonic_ns()
        attempt = Attempt(len(exchange.attempts) + 1, backend.provider, backend.model, now)
        exchange.attempts.append(attempt)
        exchange.response_backend = backend.name
        try:
            outcome = await self._send(exchange, backend, way, attempt, deadline)
        except UpstreamError as error:
            outcome = failures.of_exception(error, backend.name, stream=exchange.stream)
        except CallError as error:
            self._end(attempt, error.code, None)
            raise
        except BaseException as error:
            gone = isinstance(error, asyncio.CancelledError)
            self._end(attempt, "client_gone" if gone else INTERNAL, self._input_only(exchange, backend))
            exchange.usage = attempt.usage
            raise
        if isinstance(outcome, Failure):
            outcome.error.rewrite(backend.end.without_credentials)
            attempt.retry_after = outcome.retry_after
            guessed = self._input_only(exchange, backend) if outcome.may_have_worked else None
            self._end(attempt, outcome.label, outcome.reported or guessed)
        return outcome

    async def _send(
        self, exchange: Exchange, backend: LiveBackend, way: Way, attempt: Attempt, deadline: int
    ) -> Response | Failure:
        ask_usage = (
            exchange.stream and not exchange.include_usage and self._option.known_to(backend, attempt.started_ns)
        )
        request = upstream_request(exchange, backend, attempt, way, ask_usage=ask_usage)
        if exchange.stream and exchange.route is not None:
            deadline = min(deadline, attempt.started_ns + exchange.route.timeouts.first_token_ms * 1_000_000)
        left = self._left(deadline)
        reply = await self._upstream.send(request, connect_timeout=min(CONNECT_SECONDS, left), headers_timeout=left)
        attempt.status = status = reply.status
        good = 200 <= status < 300  # noqa: PLR2004
        if good and exchange.stream and reply.headers.get("content-type", "").lower().startswith(way.stream_type):
            return await self._stream(exchange, backend, way, attempt, reply, deadline)
        try:
            body = await reply.read(MAX_REPLY_BYTES if good else _ERROR_BYTES, timeout=self._left(deadline))
        finally:
            await reply.close()
        if not good:
            said = way.said(status, body)
            failure = failures.of_status(status, reply.headers, said, backend.name, self._clock.unix_ns())
            failure.error.headers = {**returned_headers(reply.headers), **failure.error.headers}
            ours = ask_usage and self._option.refused(backend, status, body, self._clock.monotonic_ns())
            return msgspec.structs.replace(failure, ours=True) if ours else failure
        return self._whole(exchange, way, attempt, reply, body)

    def _whole(
        self, exchange: Exchange, way: Way, attempt: Attempt, reply: UpstreamResponse, body: bytes
    ) -> Response | Failure:
        try:
            whole = way.read(body)
            facts = whole.facts
            if facts.error is not None:
                return self._error(attempt, reply, facts.error, facts.usage)
            usage = facts.usage
            if exchange.endpoint.operation != COUNT:
                usage = self._settled(attempt.name, usage, exchange, whole)
        except FailedAnswer as error:
            return self._error(attempt, reply, Failed(error.error, error.status), error.usage)
        except NotAnAnswer as error:
            return failures.not_an_answer(attempt.name, str(error))
        attempt.response_model = facts.model
        attempt.response_id = facts.id
        attempt.finish_reasons = facts.finish_reasons
        self._end(attempt, None, usage)
        exchange.usage = usage
        headers = returned_headers(reply.headers)
        if whole.stream is not None:
            return Response(reply.status, headers={**headers, **_STREAMED}, stream=Once(whole.stream))
        headers["content-type"] = "application/json"
        return Response(reply.status, headers=headers, body=whole.body)

    async def _stream(
        self,
        exchange: Exchange,
        backend: LiveBackend,
        way: Way,
        attempt: Attempt,
        reply: UpstreamResponse,
        deadline: int,
    ) -> Response | Failure:
        """Wait for the first whole event: until then another attempt can take its place."""
        assert exchange.route is not None  # noqa: S101
        tap = way.tap()
        idle = exchange.route.timeouts.stream_idle_ms / 1000
        pieces = reply.iter_any(first_timeout=self._left(deadline), idle_timeout=idle)
        try:
            first = await self._first(tap, pieces, backend, deadline)
            if not first and tap.error is None:
                await reply.close()
                return failures.not_an_answer(attempt.name, "an empty stream")
        except NotAnAnswer as error:
            await reply.close()
            return failures.not_an_answer(attempt.name, str(error))
        except BaseException:
            await reply.close()
            raise
        if tap.error is not None and not tap.began:
            await reply.close()
            return self._error(attempt, reply, tap.error, tap.usage)
        attempt.first_token_ns = self._clock.monotonic_ns()
        say, hide = functools.partial(way.say, tap), backend.end.without_credentials
        relay = Relay(exchange, attempt, reply, pieces, tap, first, self._clock, self._estimates, say, hide)
        return Response(reply.status, headers={**returned_headers(reply.headers), **_STREAMED}, stream=relay)

    async def _first(self, tap: Tap, pieces: AsyncIterator[bytes], backend: LiveBackend, deadline: int) -> bytes:
        """What may go out first; nothing where an error, or the end, came before it. Raises NotAnAnswer and UpstreamError.

        A stream that only says that it is alive, or drips, is not waited for longer than one that says nothing.
        """
        async for piece in pieces:
            first = tap.feed(piece)
            if first or tap.error is not None:
                return first
            break
        else:
            return tap.finish()
        try:
            with within(self._left(deadline)):
                async for piece in pieces:
                    first = tap.feed(piece)
                    if first or tap.error is not None:
                        return first
        except TimeoutError:
            raise UpstreamTimeout(backend.end.target.origin, "first-byte") from None
        return tap.finish()

    def _error(self, attempt: Attempt, reply: UpstreamResponse, error: Any, reported: Usage | None) -> Failure:
        """An error where an answer should be."""
        said, status = said_in_stream(error)
        now = self._clock.unix_ns()
        return failures.of_error(said, reply.headers, attempt.name, now, status=status, reported=reported)

    def _left(self, deadline: int) -> float:
        return max(0.001, (deadline - self._clock.monotonic_ns()) / 1e9)

    def _end(self, attempt: Attempt, error: str | None, usage: Usage | None) -> None:
        """Settle the attempt. No usage: the provider did nothing that it could charge for."""
        attempt.ended_ns = self._clock.monotonic_ns()
        attempt.error = error
        attempt.usage = usage
        attempt.cost_nano = 0 if usage is None else money.cost(usage, attempt.model.price)

    def _settled(self, backend: str, usage: Usage | None, exchange: Exchange, whole: Whole) -> Usage:
        """The usage of a whole answer: as reported, which teaches, or guessed."""
        if usage is None or usage.input is None or usage.output is None:
            return self._estimates.complete(backend, usage, exchange, whole.estimate())
        self._estimates.learn(backend, exchange, usage, whole.estimate)
        return usage

    def _input_only(self, exchange: Exchange, backend: LiveBackend) -> Usage | None:
        """What a provider that read the call and then failed, or was left, may charge for: nothing of an answer was seen.

        To count tokens costs nothing.
        """
        if exchange.endpoint.operation == COUNT:
            return None
        return Usage(input=self._estimates.input(backend.name, exchange), output=0, estimated=True)

    def _counted(self, exchange: Exchange, backend: LiveBackend) -> Response:
        """Tokens counted here, and said to be: the backend's protocol has no count, and a paid call is none."""
        exchange.response_backend = backend.name
        headers = {"content-type": "application/json", "x-turnout-estimated": "true"}
        return Response(200, headers=headers, body=write_count(self._estimates.input(backend.name, exchange)))
