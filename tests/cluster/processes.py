"""Server processes for tests: started apart, ended for certain, with a log to show when they fail.

A test session may be killed at any moment, and a forgotten kube-apiserver holds 300 MB until somebody notices.
So every process here asks the kernel to be killed with its parent (PR_SET_PDEATHSIG) and lives in its own
process group, where no Ctrl-C of the terminal reaches it before its owner decides.

Rules: the kernel watches the *thread* that started a process, not only the process; whoever starts one keeps
that thread alive (``Spawner`` is such a thread). Processes are ended by pid, never by name. Linux only.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# Runs in the child before the server takes its place: a preexec_fn would do the same, but may deadlock
# in a parent that has threads. The second look at the parent covers one that died in between.
_LAUNCHER = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class ProcessError(Exception):
    """A server ended, or did not come up in time; the message holds the end of its log."""


class Spawner:
    """One thread that starts processes and outlives them, so that no test's own thread takes them along."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")

    def run(self, start: Callable[[], T]) -> T:
        """Call ``start`` in the spawner's thread and return what it returns."""
        return self._thread.submit(start).result()

    def close(self) -> None:
        """End the thread; whatever it started and still runs is killed by the kernel."""
        self._thread.shutdown()


class ReservedPort:
    """A loopback TCP port kept for one server, also while that server is down.

    The socket is bound with SO_REUSEPORT and never listens: a server that sets the same option may listen there,
    nobody else may take the port, and without the server a connection is refused, as it should be.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def release(self) -> None:
        """Let go of the port."""
        self._socket.close()


class Process:
    """A server that may be started, signalled, stopped and started again; its log is appended to one file."""

    def __init__(self, name: str, command: Sequence[str | Path], *, folder: Path, spawner: Spawner) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [str(part) for part in command]
        self._folder = folder
        self._spawner = spawner
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The pid while it runs, else None."""
        return self._popen.pid if self._popen is not None and self._popen.poll() is None else None

    def start(self, env: Mapping[str, str] | None = None) -> None:
        """Start it; ``ProcessError`` if it runs already. Returns at once: readiness is the caller's to wait for."""
        if self.pid is not None:
            raise ProcessError(f"{self.name} is running already, as pid {self.pid}")

        def spawn() -> subprocess.Popen[bytes]:
            with self.log.open("ab") as log:
                return subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *self._command],
                    cwd=self._folder,
                    env=None if env is None else dict(env),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

        self._popen = self._spawner.run(spawn)

    def send_signal(self, signum: signal.Signals) -> None:
        """Send a signal; ``ProcessError`` if there is nobody to take it."""
        if self._popen is None or self._popen.poll() is not None:
            raise ProcessError(f"{self.name} is not running")
        self._popen.send_signal(signum)

    def stop(self, signum: signal.Signals = signal.SIGKILL, seconds: float = 20) -> None:
        """End it and wait until it is gone: by ``signum``, and by SIGKILL if that takes longer than ``seconds``."""
        if self._popen is None:
            return
        if self._popen.poll() is None:
            self._popen.send_signal(signum)
            if signum is not signal.SIGKILL:
                self._popen.send_signal(signal.SIGCONT)  # a paused one would not hear it
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self._popen = None

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def resident_bytes(self) -> int:
        """Return the memory that it holds (RSS) in bytes; 0 when it does not run."""
        if self.pid is None:
            return 0
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def wait_until(self, ready: Callable[[], bool], *, what: str, seconds: float = 60) -> None:
        """Poll until ``ready``; ``ProcessError`` with the end of the log if it ends or takes longer."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self._popen is None or self._popen.poll() is not None:
                code = None if self._popen is None else self._popen.returncode
                raise ProcessError(f"{self.name} ended with {code} before {what}:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ProcessError(f"{self.name}: not {what} within {seconds:.0f} s:\n{self.tail()}")
            time.sleep(0.02)
