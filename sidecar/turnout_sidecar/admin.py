"""The admin port: health, readiness, metrics, and what is being run.

Rules: readiness says why not; metrics are rendered in a worker thread, since there may be thousands of series; the snapshot is
shown to callers on this machine alone, by the address of the connection and by no header. It holds no secrets, but it says
who may call what.
"""

import asyncio
import ipaddress
from typing import Protocol

from aiohttp import web

from turnout_contract.snapshot import codec
from turnout_contract.snapshot.model import Snapshot
from turnout_sidecar.adapters.metrics import GatewayMetrics

_MOST_ACCEPT_CHARS = 1024


class Running(Protocol):
    """The snapshot that is live, and its version."""

    @property
    def snapshot(self) -> Snapshot:
        """As it was applied."""

    @property
    def version(self) -> str:
        """Its digest."""


class Observed(Protocol):
    """The gateway, as far as it is shown here."""

    @property
    def ready(self) -> bool:
        """Whether calls should be sent."""

    @property
    def runtime(self) -> Running | None:
        """What runs; None before the first snapshot."""


class AdminState:
    """What the admin port shows."""

    def __init__(self, gateway: Observed, metrics: GatewayMetrics) -> None:
        self.gateway = gateway
        self.metrics = metrics

    def not_ready(self) -> str | None:
        """Why calls should not be sent here; None where they should."""
        if self.gateway.ready:
            return None
        return "no configuration yet" if self.gateway.runtime is None else "draining"


def admin_app(state: AdminState) -> web.Application:
    """`/healthz`, `/readyz`, `/metrics`, `/debug/snapshot`."""

    async def health(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_: web.Request) -> web.Response:
        reason = state.not_ready()
        return (
            web.Response(text="ready\n") if reason is None else web.Response(status=503, text=f"not ready: {reason}\n")
        )

    async def metrics(request: web.Request) -> web.Response:
        accept = request.headers.get("accept", "")[:_MOST_ACCEPT_CHARS]
        body, content_type = await asyncio.to_thread(state.metrics.render, accept)
        return web.Response(body=body, headers={"content-type": content_type})

    async def snapshot(request: web.Request) -> web.Response:
        if not is_loopback(request.transport):
            return web.Response(status=403, text="only from this machine\n")
        runtime = state.gateway.runtime
        if runtime is None:
            return web.Response(status=404, text="no configuration yet\n")
        body = await asyncio.to_thread(codec.encode, runtime.snapshot)
        headers = {"x-turnout-config": runtime.version}
        return web.Response(body=body, content_type="application/json", headers=headers)

    app = web.Application(client_max_size=1024)
    app.router.add_get("/healthz", health)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/debug/snapshot", snapshot)
    return app


def is_loopback(transport: asyncio.BaseTransport | None) -> bool:
    """Whether the other end of a connection is this machine; no where that cannot be told."""
    peer = None if transport is None else transport.get_extra_info("peername")
    if not isinstance(peer, tuple) or not peer:
        return False
    try:
        address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
