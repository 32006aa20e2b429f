"""The connection to a Qdrant server: where it is, how it is trusted, and what shows who we are.

Rules: made on first use, inside the event loop; the token is asked for on every request; when the authorities
change, a new connection trusts the new ones and the old one is closed; nothing secret is logged.
"""

import asyncio
import logging
import ssl
import warnings
from typing import Any

from qdrant_client import AsyncQdrantClient

from turnout_sidecar.adapters.qdrant_settings import QdrantSettings, Token
from turnout_sidecar.ports.clock import Clock

log = logging.getLogger("turnout.cache")
CHECK_TRUST_NS = 5_000_000_000
_CHANNEL = {
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.min_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 2000,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 5_000,
}
"""A server that comes back is found within seconds (gRPC's own default is two minutes), one that vanished is noticed."""


class Connection:
    """One client at a time."""

    def __init__(self, settings: QdrantSettings, *, clock: Clock, token: Token | None) -> None:
        self._settings = settings
        self._clock = clock
        self._token = token
        self._client: AsyncQdrantClient | None = None
        self._trusted: bytes | None = None
        self._looked_at = 0
        self._closing: set[asyncio.Task[None]] = set()

    def client(self) -> AsyncQdrantClient:
        """The client of now. Raises OSError where the authorities are not there or are none."""
        if self._client is not None and self._trust_changed():
            old, self._client = self._client, None
            task = asyncio.create_task(old.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        if self._client is None:
            self._client = self._connect()
        return self._client

    async def close(self) -> None:
        """Close it."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        for task in tuple(self._closing):
            await task

    def _trust_changed(self) -> bool:
        now = self._clock.monotonic_ns()
        if self._settings.authorities is None or now - self._looked_at < CHECK_TRUST_NS:
            return False
        self._looked_at = now
        return self._settings.authorities() != self._trusted

    def _connect(self) -> AsyncQdrantClient:
        settings = self._settings
        options: dict[str, Any] = dict(_CHANNEL)
        extra: dict[str, Any] = {}
        if settings.authorities is not None:
            self._looked_at = self._clock.monotonic_ns()
            self._trusted = settings.authorities()
            if self._trusted is None:
                raise FileNotFoundError("the certificates of the cache store's authority are not there")
            options["root_certificates"] = self._trusted
            extra["verify"] = ssl.create_default_context(cadata=self._trusted.decode("ascii", "replace"))
        if self._token is not None:
            extra["auth_token_provider"] = self._show
            if settings.url.startswith("http:"):
                log.warning("the key of the cache store travels unencrypted: its url is not https")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the client's own words for what was just logged
            return AsyncQdrantClient(
                url=settings.url,
                grpc_port=settings.grpc_port,
                prefer_grpc=settings.prefer_grpc,
                timeout=max(1, round(settings.timeout_s)),
                grpc_options=options,
                pool_size=1 if settings.prefer_grpc else None,
                check_compatibility=False,
                **extra,
            )

    def _show(self) -> str:
        """What the client shows to the server. The store has already seen to it that there is a token."""
        token = self._token() if self._token is not None else None
        if token is None:
            raise PermissionError("there is no token for the store")
        return token
