"""TLS contexts of upstream targets, made once for each way of trusting.

Loading authorities takes tens of milliseconds, so it is done in a worker thread and never for each connection. Rules:
- certificate and name are verified unless the settings say otherwise;
- at least TLS 1.2, and HTTP/1.1 is the only protocol offered;
- few contexts are kept: rotated authorities replace the oldest.
"""

import asyncio
import ssl
from typing import Final

from turnout_sidecar.ports.upstream import TlsSettings

_KEPT: Final = 64


class TlsContexts:
    """One context for each TlsSettings."""

    def __init__(self) -> None:
        self._contexts: dict[TlsSettings, ssl.SSLContext] = {}

    async def context_for(self, settings: TlsSettings) -> ssl.SSLContext:
        """The context for `settings`. Raises ValueError or OSError (ssl.SSLError) for authorities that are not PEM."""
        context = self._contexts.get(settings)
        if context is None:
            context = await asyncio.to_thread(build_context, settings)
            while len(self._contexts) >= _KEPT:
                del self._contexts[next(iter(self._contexts))]
            self._contexts[settings] = context
        return context


def build_context(settings: TlsSettings) -> ssl.SSLContext:
    """A client's context for `settings`. Raises ValueError or OSError (ssl.SSLError) for authorities that are not PEM."""
    context = ssl.create_default_context(cadata=settings.ca_pem or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
