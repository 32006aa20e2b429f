"""What the test servers' process handling promises: nothing outlives its session, and failures show their log."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.kube import eventually
from cluster.processes import Process, ProcessError, ReservedPort, Spawner

SLEEP = ["/bin/sleep", "300"]
SESSION = """
import sys, time
from pathlib import Path
from cluster.processes import Process, Spawner
server = Process("sleeper", ["/bin/sleep", "300"], folder=Path(sys.argv[1]), spawner=Spawner())
server.start()
print(server.pid, flush=True)
time.sleep(300)
"""


@pytest.fixture
def spawner() -> Iterator[Spawner]:
    one = Spawner()
    yield one
    one.close()


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def test_a_server_dies_with_the_session_that_started_it(tmp_path: Path) -> None:
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", SESSION, tmp_path], stdout=subprocess.PIPE, text=True, env=path
    ) as one:
        assert one.stdout is not None
        server = int(one.stdout.readline())
        assert not gone(server)
        one.kill()

    eventually("the server is gone", lambda: gone(server))


def test_a_server_survives_the_thread_that_asked_for_it(tmp_path: Path, spawner: Spawner) -> None:
    server = Process("sleeper", SLEEP, folder=tmp_path, spawner=spawner)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    time.sleep(0.1)  # the kernel's signal, were there one, would be delivered by now

    assert server.pid is not None
    server.stop()


def test_a_paused_server_is_stopped_all_the_same(tmp_path: Path, spawner: Spawner) -> None:
    server = Process("sleeper", SLEEP, folder=tmp_path, spawner=spawner)
    server.start()
    server.send_signal(signal.SIGSTOP)

    server.stop(signal.SIGTERM)

    assert server.pid is None
    assert server.resident_bytes() == 0
    with pytest.raises(ProcessError, match="not running"):
        server.send_signal(signal.SIGCONT)


def test_a_server_may_be_started_again_but_not_twice(tmp_path: Path, spawner: Spawner) -> None:
    server = Process("sleeper", SLEEP, folder=tmp_path, spawner=spawner)
    server.start()
    with pytest.raises(ProcessError, match="running already"):
        server.start()
    server.stop()

    server.start()

    assert server.pid is not None
    assert server.resident_bytes() > 0
    server.stop()


def test_a_server_that_ends_while_awaited_shows_the_end_of_its_log(tmp_path: Path, spawner: Spawner) -> None:
    server = Process(
        "brief", ["/bin/sh", "-c", "echo the key is missing >&2; exit 3"], folder=tmp_path, spawner=spawner
    )
    server.start()

    with pytest.raises(ProcessError, match="ended with 3 before ready:\nthe key is missing"):
        server.wait_until(lambda: False, what="ready")


def test_a_reserved_port_is_refused_to_others_and_shared_with_its_server() -> None:
    port = ReservedPort()
    address = ("127.0.0.1", port.number)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(address)
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(address)

    with socket.socket() as server, socket.socket() as client:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind(address)
        server.listen()
        client.connect(address)
    port.release()
