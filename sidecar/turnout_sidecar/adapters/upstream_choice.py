"""Which upstream client an environment asks for: our own, or aiohttp's where providers are behind an HTTP proxy."""

from collections.abc import Mapping

from turnout_sidecar.adapters.aiohttp_upstream import AiohttpUpstream
from turnout_sidecar.adapters.http_client import DEFAULTS, HttpClientSettings, HttpUpstream
from turnout_sidecar.adapters.http_proxies import Proxies
from turnout_sidecar.ports.upstream import Upstream


def open_upstream(environ: Mapping[str, str], settings: HttpClientSettings = DEFAULTS) -> Upstream:
    """The client for this environment; call it inside a running event loop."""
    proxies = Proxies.of(environ)
    return AiohttpUpstream(settings, proxies=proxies) if proxies else HttpUpstream(settings)
