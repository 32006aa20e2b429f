"""Loopback ports for servers that tests start as processes.

They are chosen below the range from which the kernel takes ports for outgoing connections: a port of that range that was free a
moment ago may be some client's a moment later.
"""

import random
import socket

_LOWEST, _HIGHEST = 10_240, 32_700
_TRIES = 200
_given: set[int] = set()


def free_port() -> int:
    """A port on which nobody listens; never the same twice in a session."""
    for _ in range(_TRIES):
        number = random.randint(_LOWEST, _HIGHEST)
        if number in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                continue
        _given.add(number)
        return number
    raise AssertionError("no free port")


def is_free(number: int) -> bool:
    """Whether nobody listens on it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True
