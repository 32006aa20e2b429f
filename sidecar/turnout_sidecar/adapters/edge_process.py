"""The embedded engine's process: `python -m turnout_sidecar.adapters.edge_process --fd N --parent PID --dimension D DIR`.

It is a process of its own because the engine holds the interpreter for as long as it works. It takes one request after the
other from an inherited socket and answers it. Rules: it never outlives the gateway (the kernel kills it with its parent, and the
end of the socket ends it cleanly); it leaves signals of the terminal to its parent; it is started afresh with an interpreter of
its own, never forked, since a fork of a threaded process is not safe.
"""

import argparse
import contextlib
import ctypes
import os
import signal
import socket
import sys
from pathlib import Path

from turnout_sidecar.adapters import edge_protocol as protocol
from turnout_sidecar.adapters.edge_shard import EdgeShard, StateInUse

_PR_SET_PDEATHSIG = 1
PIECE = 262_144
TOGETHER = 0.001
"""Seconds that a reply may wait for those after it."""
IDLE = 10.0
"""Seconds without a look-up after which nobody minds a pause."""


def main(arguments: list[str]) -> int:
    """Serve until the parent closes the socket. Exit code 3: the state is in use."""
    parser = argparse.ArgumentParser(prog="edge_process")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--dimension", type=int, required=True)
    parser.add_argument("directory", type=Path)
    options = parser.parse_args(arguments)
    if not _die_with(options.parent):
        return 0
    _yield_to_the_gateway()
    with socket.socket(fileno=options.fd) as connection:
        try:
            shard = EdgeShard(options.directory, options.dimension)
        except (StateInUse, OSError) as error:
            connection.sendall(protocol.frame(protocol.Failed(0, str(error))))
            return 3
        connection.sendall(protocol.frame(protocol.Ready(shard.moved_aside, shard.reason, shard.ids())))
        try:
            _serve(connection, shard)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            shard.close()
    return 0


def _die_with(parent: int) -> bool:
    """Ask the kernel to end this process with its parent; False where the parent has already gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return os.getppid() == parent


def _yield_to_the_gateway() -> None:
    """Where both have one core, let the gateway finish its turn rather than interrupt it with every request that it sends."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _serve(connection: socket.socket, shard: EdgeShard) -> None:
    """Answer what comes. Replies to what came together leave together, but none waits longer than a moment for the others."""
    looked_up = -IDLE
    received = bytearray()
    while piece := connection.recv(PIECE):
        received += piece
        replies: list[bytes] = []
        began = protocol.monotonic()
        for request in _taken(received):
            now = protocol.monotonic()
            if isinstance(request, protocol.Get | protocol.Search):
                looked_up = now
            if replies and now - began > TOGETHER:
                connection.sendall(b"".join(replies))
                replies, began = [], now
            try:
                reply = _answer(request, shard, idle=now - looked_up >= IDLE)
            except BaseException as error:  # boundary: the engine's panics are no Exceptions; tell of it, then end
                replies.append(protocol.frame(protocol.Failed(request.number, f"the engine panicked: {error}"[:300])))
                connection.sendall(b"".join(replies))
                raise
            replies.append(protocol.frame(reply))
        if replies:
            connection.sendall(b"".join(replies))


def _taken(received: bytearray) -> list[protocol.Request]:
    """The whole requests at the front, which are taken off."""
    found: list[protocol.Request] = []
    at = 0
    while len(received) - at >= protocol.HEADER.size:
        (length,) = protocol.HEADER.unpack_from(received, at)
        end = at + protocol.HEADER.size + length
        if end > len(received):
            break
        found.append(protocol.REQUESTS.decode(bytes(received[at + protocol.HEADER.size : end])))
        at = end
    del received[:at]
    return found


def _answer(request: protocol.Request, shard: EdgeShard, *, idle: bool) -> protocol.Done | protocol.Failed:
    if isinstance(request, protocol.Get | protocol.Search) and protocol.monotonic() > request.deadline:
        return protocol.Failed(request.number, "too late")
    try:
        return protocol.Done(request.number, protocol.raw(_carry_out(request, shard, idle=idle)))
    except Exception as error:  # noqa: BLE001  boundary: the engine raises bare Exceptions
        return protocol.Failed(request.number, f"{type(error).__name__}: {error}"[:300])


def _carry_out(request: protocol.Request, shard: EdgeShard, *, idle: bool) -> object:
    match request:
        case protocol.Get():
            return shard.get(request.point)
        case protocol.Search():
            return shard.search(request.partition, request.context_key, request.now, request.vector, request.limit)
        case protocol.Put():
            return shard.put(request.points)
        case protocol.Counts():
            return shard.counts(request.limit)
        case protocol.Pick():
            return shard.pick(request.partition, request.expired_at, request.limit)
        case protocol.Remove():
            return shard.remove(request.points)
        case protocol.Tidy():
            return shard.tidy(idle=idle)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
