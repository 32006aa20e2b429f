"""Credentials that are kept fresh: asked for at once, again well before they end, and again and again while that fails.

Rules: whoever needs them takes what is there now and never waits; what has ended is not given out; failures are logged once
each, without a token; what is kept is in memory alone.
"""

import asyncio
import logging
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import orjson

from turnout_sidecar.credentials.exchanges import Exchange, ExchangeFailed, Proof
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.ports.upstream import Target, Upstream, UpstreamError, UpstreamRequest
from turnout_sidecar.wire import lenient

_LOG: Final = logging.getLogger(__name__)
_SECONDS: Final = 10.0
_MAX_ANSWER: Final = 262_144
_NANOSECONDS: Final = 1_000_000_000
_MARGIN: Final = 5 * _NANOSECONDS
_EARLY: Final = 600.0  # seconds before the end, or at half time of what is short
_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 60.0
_PORTS: Final = {"http": 80, "https": 443}


class TokenSource:
    """The credentials of one identity."""

    def __init__(self, name: str, exchange: Exchange, upstream: Upstream, clock: Clock) -> None:
        self.name = name
        self._exchange = exchange
        self._upstream = upstream
        self._clock = clock
        self._proof: Proof | None = None
        self._before: Proof | None = None  # a provider may still speak of it
        self._failures = 0
        self._said = ""

    def current(self) -> Proof | None:
        """What is good now."""
        proof = self._proof
        return proof if proof is not None and self._clock.unix_ns() + _MARGIN < proof.expires_ns else None

    def secrets(self) -> Iterator[str]:
        """Every secret that may be in somebody's answer."""
        for proof in (self._proof, self._before):
            if proof is not None:
                yield from proof.secrets

    async def refresh(self) -> float:
        """Ask once; the seconds until it should be asked again."""
        try:
            proof = await self._exchange.fetch(self._post, self._clock.unix_ns())
        except (ExchangeFailed, UpstreamError) as error:
            return self._failed(str(error))
        except ValueError:  # of an address, which the platform's own files name
            return self._failed("the address of the token service cannot be used")
        self._before, self._proof = self._proof, proof
        self._failures, self._said = 0, ""
        left = (proof.expires_ns - self._clock.unix_ns()) / _NANOSECONDS
        return max(_FIRST_WAIT, left - min(_EARLY, left / 2))

    async def keep_fresh(self) -> None:
        """For ever."""
        while True:
            seconds = await self.refresh()
            await asyncio.sleep(seconds)

    def _failed(self, why: str) -> float:
        if why != self._said:
            _LOG.warning("no credentials by the %s: %s", self.name, why)
        self._said = why
        self._failures += 1
        return min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(self._failures - 1, 10))

    async def _post(self, url: str, body: bytes, headers: tuple[tuple[str, str], ...]) -> bytes:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ExchangeFailed("the address of the token service is no URL")
        port = parts.port or _PORTS[parts.scheme]
        target = Target("https" if parts.scheme == "https" else "http", parts.hostname, port)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        request = UpstreamRequest(target, path, headers, body)
        reply = await self._upstream.send(request, connect_timeout=_SECONDS, headers_timeout=_SECONDS)
        try:
            said = await reply.read(_MAX_ANSWER, timeout=_SECONDS)
        finally:
            await reply.close()
        if not 200 <= reply.status < 300:  # noqa: PLR2004
            raise ExchangeFailed(f"the token service answered {reply.status}{_word(said)}")
        return said


def _word(body: bytes) -> str:
    """The service's short word for an error, such as invalid_grant; nothing longer, which might repeat what was sent."""
    try:
        word = lenient.text(lenient.mapping(orjson.loads(body)).get("error")) or ""
    except orjson.JSONDecodeError:
        return ""
    return f" ({word})" if len(word) <= 40 and word.replace("_", "").isalpha() else ""  # noqa: PLR2004
