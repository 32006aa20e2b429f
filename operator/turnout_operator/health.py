"""The operator's small HTTP server: liveness, readiness, metrics, and how the gateways stand.

Rules: nothing here asks anyone else, so a probe never waits; nothing secret is shown.
"""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from turnout_operator.metrics import Metrics


class Health:
    """`alive` and `ready` give "" where all is well, else why not; `gateways` what `/gateways` shows."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        alive: Callable[[], str],
        ready: Callable[[], str],
        gateways: Callable[[], dict[str, Any]],
    ) -> None:
        self._metrics = metrics
        self._alive = alive
        self._ready = ready
        self._gateways = gateways

    def application(self) -> web.Application:
        """The application to serve."""
        application = web.Application()
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._exposition)
        application.router.add_get("/gateways", self._list)
        return application

    async def _healthz(self, _request: web.Request) -> web.Response:
        return _answer(self._alive())

    async def _readyz(self, _request: web.Request) -> web.Response:
        return _answer(self._alive() or self._ready())

    async def _exposition(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    async def _list(self, _request: web.Request) -> web.Response:
        return web.Response(text=json.dumps(self._gateways()), content_type="application/json")


def _answer(trouble: str) -> web.Response:
    return web.Response(text=trouble or "ok", status=503 if trouble else 200)
