"""Names into sockets: resolving with a short memory, and racing the addresses of a name (RFC 8305).

Why not the event loop's own: uvloop races nothing, and neither loop remembers a name, while a burst of new connections
to one provider asks for it hundreds of times. Rules:
- an answer is kept for a few seconds only, since the addresses of a provider move; a failure is not kept at all;
- many who ask for one name at once wait for one look-up;
- when nothing at a name connects, its addresses are forgotten.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from typing import Final, TypeAlias

Address: TypeAlias = tuple[int, int, tuple[object, ...]]

STAGGER_SECONDS: Final = 0.25
_KEEPALIVE_AFTER_SECONDS: Final = 60


class Resolver:
    """Addresses of names, remembered for `ttl_seconds`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ttl_seconds: float) -> None:
        self._loop = loop
        self._ttl_seconds = ttl_seconds
        self._known: dict[tuple[str, int], tuple[float, Sequence[Address]]] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[Sequence[Address]]] = {}

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        """The addresses of `host`, families taking turns, at least one. Raises socket.gaierror."""
        key = (host, port)
        known = self._known.get(key)
        if known is not None and known[0] > self._loop.time():
            return known[1]
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = self._loop.create_task(self._ask(host, port))
            asking.add_done_callback(lambda task: self._asked(key, task))
        return await asyncio.shield(asking)

    def _asked(self, key: tuple[str, int], task: asyncio.Task[Sequence[Address]]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # looked at, so that a failure nobody waited for is not reported as lost

    async def _ask(self, host: str, port: int) -> Sequence[Address]:
        found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(_taking_turns([(family, proto, address) for family, _, proto, _, address in found]))
        self.forget_old()
        self._known[(host, port)] = (self._loop.time() + self._ttl_seconds, addresses)
        return addresses

    def forget(self, host: str, port: int) -> None:
        """What is remembered of `host` was of no use."""
        self._known.pop((host, port), None)

    def forget_old(self) -> None:
        """Drop what is past its time."""
        now = self._loop.time()
        for key in [key for key, (until, _) in self._known.items() if until <= now]:
            del self._known[key]


def numeric(host: str, port: int) -> Sequence[Address] | None:
    """The one address when `host` is an IP literal, without asking anyone; None when it is a name."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return None
    return [(family, proto, address) for family, _, proto, _, address in found]


def _taking_turns(addresses: Sequence[Address]) -> Iterator[Address]:
    first = addresses[0][0]
    preferred = [address for address in addresses if address[0] == first]
    others = [address for address in addresses if address[0] != first]
    return (address for address in chain(*zip_longest(preferred, others)) if address is not None)


async def connect_first(
    loop: asyncio.AbstractEventLoop, addresses: Sequence[Address], stagger_seconds: float = STAGGER_SECONDS
) -> socket.socket:
    """A socket connected to the first address that answers; the next one is tried after `stagger_seconds`, or at once
    when those before have failed. Raises the last OSError when none answers; cancelled, leaves no socket behind.
    """
    if len(addresses) == 1:
        return await _connect(loop, addresses[0])
    left = list(addresses)
    attempts: set[asyncio.Task[socket.socket]] = set()
    failure: OSError = OSError("no address")
    try:
        while left or attempts:
            if left:
                attempts.add(loop.create_task(_connect(loop, left.pop(0))))
            done, attempts = await asyncio.wait(
                attempts, timeout=stagger_seconds if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is None:
                    attempts |= done - {task}
                    return task.result()
                if not isinstance(error, OSError):
                    raise error
                failure = error
        raise failure
    finally:
        for task in attempts:
            task.add_done_callback(_drop)
            task.cancel()


def _drop(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connect(loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
    family, proto, where = address
    sock = socket.socket(family, socket.SOCK_STREAM, proto)
    try:
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        with contextlib.suppress(AttributeError, OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_AFTER_SECONDS)
        await loop.sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock
