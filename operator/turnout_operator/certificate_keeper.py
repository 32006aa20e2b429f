"""Keeps the TLS context served with what the certificate's Secret holds, and the bundle known that gateways are to trust.

Rules: a look that fails changes nothing; a new bundle is told, since every namespace's ConfigMap carries it.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable

from turnout_operator.certificate_secret import CertificateSecret, Serving, install, server_context
from turnout_operator.certificates import expires
from turnout_operator.kube import ApiError
from turnout_operator.metrics import Metrics

LOOK_SECONDS = 10.0
RETRY_SECONDS = 1.0
_log = logging.getLogger(__name__)


class CertificateKeeper:
    """The context to serve with, renewed in place. `changed` is called when the bundle is another one."""

    def __init__(self, secret: CertificateSecret, *, changed: Callable[[], None], metrics: Metrics) -> None:
        self._secret = secret
        self._changed = changed
        self._metrics = metrics
        self._serving: Serving | None = None
        self.context = server_context()

    @property
    def bundle(self) -> str:
        """The authorities that gateways are to trust, as PEM; "" before the first look."""
        return self._serving.bundle if self._serving is not None else ""

    async def first(self) -> None:
        """Look until there is a certificate."""
        while not await self.look():  # noqa: ASYNC110  a Secret sets no event
            await asyncio.sleep(RETRY_SECONDS)

    async def run(self) -> None:
        """Look again from time to time, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> bool:
        """Look once: whether there is something to serve."""
        try:
            serving = await asyncio.to_thread(self._secret.load)
            if serving == self._serving:
                return True
            install(self.context, serving)
            self._metrics.certificate_expiry.set(expires(serving.certificate).timestamp())
        except (ApiError, ValueError, ssl.SSLError, KeyError) as error:
            _log.warning("certificate: %s", error)
            return False
        before, self._serving = self._serving, serving
        if before is None or before.bundle != serving.bundle:
            self._changed()
        return True
