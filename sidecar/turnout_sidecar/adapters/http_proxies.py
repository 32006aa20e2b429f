"""HTTP proxies as the environment names them, read as other tools read them.

HTTP_PROXY, HTTPS_PROXY and ALL_PROXY (either case) name them by the scheme of the target; NO_PROXY lists what is reached
without one: `*`, host names with all below them, `host:port`, IP addresses and CIDR blocks.
"""

import ipaddress
from collections.abc import Mapping
from typing import Final

import msgspec

from turnout_sidecar.ports.upstream import Target

_SCHEMES: Final = ("http", "https", "all")


class Proxies(msgspec.Struct, frozen=True):
    """Proxy URLs by scheme, and the exceptions. No URL at all: no proxies."""

    by_scheme: dict[str, str] = {}
    exceptions: tuple[str, ...] = ()

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Proxies":
        """What this environment names."""
        named = {name.lower(): value.strip() for name, value in environ.items() if name.lower().endswith("_proxy")}
        urls = {scheme: named[f"{scheme}_proxy"] for scheme in _SCHEMES if named.get(f"{scheme}_proxy")}
        exceptions = (each.strip().lower() for each in named.get("no_proxy", "").split(","))
        return cls(
            {scheme: url if "://" in url else f"http://{url}" for scheme, url in urls.items()},
            tuple(each for each in exceptions if each),
        )

    def __bool__(self) -> bool:
        return bool(self.by_scheme)

    def for_target(self, target: Target) -> str | None:
        """The proxy to reach `target` through; None to reach it directly."""
        url = self.by_scheme.get(target.scheme) or self.by_scheme.get("all")
        if url is None or any(_matches(each, target.host.lower(), target.port) for each in self.exceptions):
            return None
        return url


def _matches(exception: str, host: str, port: int) -> bool:
    if exception == "*":
        return True
    name = exception.removeprefix("*").lstrip(".")
    if host == name or host.endswith(f".{name}") or exception == f"{host}:{port}":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(exception, strict=False)
    except ValueError:
        return False
