"""The way to the operator: its addresses, the trust in its certificate, the token to show, one WebSocket.

A headless Service's name stands for all operators, of which one leads; so every address is a candidate of its own. The token is
projected and rotates, and so does the authority: both are read anew for each dial.

Rules: TLS always, but to this very machine; the certificate must be for the name that was asked for, whatever the address; no
proxy, no redirect; neither the token nor a library's error that may quote it is ever part of a message.
"""

import asyncio
import hashlib
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import (
    ClientError,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    TCPConnector,
    WSServerHandshakeError,
)
from aiohttp.abc import AbstractResolver, ResolveResult

from turnout_contract.protocol import HEARTBEAT_SECONDS, MAX_MESSAGE_BYTES, PATH

_CONNECT_SECONDS: Final = 10.0
_MOST_TOKEN_BYTES: Final = 65_536
_SECURE: Final = {"wss": True, "https": True, "ws": False, "http": False}


class Operator(msgspec.Struct, frozen=True):
    """One `--operator`."""

    host: str
    port: int
    secure: bool

    @property
    def url(self) -> str:
        """What is asked for."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{PATH}"


class Candidate(msgspec.Struct, frozen=True):
    """One address of an operator."""

    operator: Operator
    address: str

    def __str__(self) -> str:
        return f"{self.operator.host}:{self.operator.port} at {self.address}"


class DialError(Exception):
    """No connection. `kind` is a word for it; no text of a library, which may quote headers."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Token(msgspec.Struct, frozen=True):
    """A token and its digest, by which a refused one is known again; it does not show itself."""

    value: str
    digest: str

    def __repr__(self) -> str:
        return "Token([redacted])"


def parse_operator(text: str) -> Operator:
    """`wss://HOST:PORT` (or https, ws, http). Raises ValueError with what is wrong."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"--operator {text[:256]!r}: not an address") from error
    secure = _SECURE.get(parts.scheme)
    if secure is None or not parts.hostname or parts.username is not None:
        raise ValueError(
            f"--operator {text[:256]!r}: an address such as wss://turnout-operator.turnout-system.svc:8443"
        )
    if not secure and not _is_this_machine(parts.hostname):
        raise ValueError(f"--operator {text[:256]!r}: the token is only sent over TLS; use wss://")
    return Operator(parts.hostname, port or (443 if secure else 80), secure)


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def candidates(operators: Sequence[Operator]) -> list[Candidate]:
    """All addresses of all operators; a name that cannot be resolved now has none."""
    loop = asyncio.get_running_loop()
    found: dict[Candidate, None] = {}
    for operator in operators:
        try:
            rows = await loop.getaddrinfo(operator.host, operator.port, type=socket.SOCK_STREAM)
        except OSError:
            continue
        found.update((Candidate(operator, str(row[4][0])), None) for row in rows)
    return list(found)


def read_token(path: Path) -> Token:
    """The token as it is now. Raises DialError where there is none."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_MOST_TOKEN_BYTES).strip()
        value = data.decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise DialError("the token cannot be read") from error
    if not value or any(character.isspace() for character in value):
        raise DialError("the token file holds no token")
    return Token(value, hashlib.sha256(data).hexdigest())


class Trust:
    """The TLS context, made anew when the authorities' file changes. None: the system's authorities."""

    def __init__(self, ca_file: Path | None) -> None:
        self._ca_file = ca_file
        self._made: tuple[bytes, ssl.SSLContext] | None = None

    def context(self) -> ssl.SSLContext:
        """The context as it should be now. Raises DialError. Does IO."""
        try:
            pem = b"" if self._ca_file is None else self._ca_file.read_bytes()
            if self._made is not None and self._made[0] == pem:
                return self._made[1]
            context = ssl.create_default_context(cadata=pem.decode("ascii") if self._ca_file is not None else None)
        except (OSError, ValueError, ssl.SSLError) as error:
            raise DialError("the CA file cannot be used") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._made = (pem, context)
        return context


class _Fixed(AbstractResolver):
    """Every name has the one address that was chosen; so that the certificate is still checked for the name."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        del family
        kind = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        return [
            ResolveResult(
                hostname=host, host=self._address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Connection:
    """A WebSocket to one operator; use it as a context."""

    def __init__(self, candidate: Candidate, token: Token, context: ssl.SSLContext | None) -> None:
        self._candidate = candidate
        self._token = token
        self._context = context
        self._session: ClientSession | None = None

    async def __aenter__(self) -> ClientWebSocketResponse:
        """Dial. Raises DialError."""
        connector = TCPConnector(
            resolver=_Fixed(self._candidate.address), ssl=self._context or True, force_close=True, use_dns_cache=False
        )
        self._session = ClientSession(connector=connector, timeout=ClientTimeout(total=None))
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                return await self._session.ws_connect(
                    self._candidate.operator.url,
                    headers={"Authorization": f"Bearer {self._token.value}"},
                    heartbeat=HEARTBEAT_SECONDS,
                    max_msg_size=MAX_MESSAGE_BYTES,
                    timeout=ClientWSTimeout(ws_close=2.0),
                )
        except (ClientError, OSError, ValueError) as error:
            await self._session.close()
            raise DialError(_kind(error)) from None
        except BaseException:
            await self._session.close()
            raise

    async def __aexit__(self, *exc: object) -> None:
        if self._session is not None:
            await self._session.close()


def _kind(error: Exception) -> str:
    match error:
        case WSServerHandshakeError():
            return f"answered {error.status}"
        case TimeoutError():
            return "does not answer"
        case ssl.SSLError() | ClientSSLError():
            return "is not trusted"
        case _:
            return "cannot be reached"
