"""Processes that a measurement starts, pins to a core, reads the CPU time of, and stops again, by pid."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec

TICK = os.sysconf("SC_CLK_TCK")
_AUTOGROUP = "/proc/{}/autogroup"  # absent or empty where the kernel does not schedule sessions as groups


class Cost(msgspec.Struct, frozen=True):
    """CPU seconds used, seconds waited in the run queue, and resident MiB, of a process and all below it."""

    cpu: float
    waited: float
    resident: float


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tree(root: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                text = (entry / "stat").read_text()
                children.setdefault(int(text[text.rindex(")") + 2 :].split()[1]), []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo.extend(children.get(pid, []))
    return found


def cost(pids: Sequence[int]) -> Cost:
    """What these processes have used until now."""
    cpu = waited = resident = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/stat").read_text()
            fields = text[text.rindex(")") + 2 :].split()
            cpu += (int(fields[11]) + int(fields[12])) / TICK
            resident += int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20
            for task in Path(f"/proc/{pid}/task").iterdir():
                waited += int((task / "schedstat").read_text().split()[1]) / 1e9
    return Cost(cpu, waited, resident)


def command_line(pid: int) -> str:
    """How a process was started; "" for one that has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    return ""


class Running:
    """A process that was started here."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def tail(self) -> str:
        """The end of what it printed."""
        with contextlib.suppress(OSError, TypeError):
            return "\n".join(Path(self._log.name).read_text(errors="replace").splitlines()[-10:])
        return ""

    def cost(self) -> Cost:
        """What it and all below it have used."""
        return cost(tree(self.pid))

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Ask it to end, then make it. All below it ends with it: each has its own session."""
        for number, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._log.close()


@contextlib.contextmanager
def priority(nice: int) -> Iterator[None]:
    """Run the block, and all that is `started` in it, at this priority: a busy machine then disturbs a measurement less.

    Where sessions are scheduled as groups the group has a nice value of its own, which `started` hands on. Negative values need
    rights; without them nothing changes.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0), _group_nice()
    try:
        if nice:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, 0, nice)
                _set_group_nice("self", nice)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, before[0])
            _set_group_nice("self", before[1])


def _group_nice() -> int:
    """The nice value of this session's group; 0 where the kernel keeps none (no file, or an empty one)."""
    with contextlib.suppress(OSError, ValueError):
        return int((Path(_AUTOGROUP.format("self")).read_text().split() or ["0"])[-1])
    return 0


def _set_group_nice(pid: str | int, nice: int) -> None:
    path = Path(_AUTOGROUP.format(pid))
    if path.exists() and path.read_text().strip():
        path.write_text(str(nice))


@contextlib.contextmanager
def started(
    module: str, *arguments: str, core: int | None = None, log: Path | None = None, env: dict[str, str] | None = None
) -> Iterator[Running]:
    """`python -m MODULE ARGUMENTS` on one core, for as long as the context lasts."""
    out = (log or Path(os.devnull)).open("ab")
    line = [sys.executable, "-m", module, *arguments]
    if core is not None and core in os.sched_getaffinity(0):
        line = ["taskset", "-c", str(core), *line]
    process = subprocess.Popen(line, stdout=out, stderr=out, start_new_session=True, env={**os.environ, **(env or {})})
    running = Running(process, out)
    try:
        with contextlib.suppress(OSError):  # its session is a new group, at nice 0
            _set_group_nice(process.pid, _group_nice())
        yield running
    finally:
        running.stop()


def wait_for_port(port: int, running: Running, limit: float = 60.0) -> None:
    """Wait until something listens. Raises RuntimeError where the process ends or the time is up."""
    end = time.monotonic() + limit
    while time.monotonic() < end and running.alive():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}:\n{running.tail()}")


def wait_for_ready(admin_port: int, running: Running, limit: float = 60.0) -> None:
    """Wait until a gateway's /readyz says so."""
    end = time.monotonic() + limit
    while time.monotonic() < end and running.alive():
        connection = http.client.HTTPConnection("127.0.0.1", admin_port, timeout=2)
        with contextlib.suppress(OSError):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        connection.close()
        time.sleep(0.05)
    raise RuntimeError(f"the gateway did not become ready:\n{running.tail()}")
