"""Secrets as files below one folder, `NAME/KEY`, as the kubelet mounts them; see `ports.secrets.Secrets`.

The kubelet swaps a whole Secret at once: `KEY` is a link to `..data/KEY` and `..data` a link to a dated folder, which it
replaces. So a Secret is read from the folder that `..data` stood for, and what has vanished meanwhile is read again. There is
no notification that works on every node, so the files are looked at every second, by their state, in a worker thread; only
changed ones are read.

Rules: nothing outside the folder is ever read, whatever a link says; an empty folder is a Secret that is mounted and has no
value; a value over 1 MiB is none; values stay in memory and out of every message.
"""

import asyncio
import contextlib
import logging
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from turnout_contract.snapshot.model import SecretFile
from turnout_sidecar.ports.secrets import Secret

_LOG: Final = logging.getLogger(__name__)
_MOST_BYTES: Final = 1_048_576
_NAME: Final = re.compile(r"(?!\.\.)[-._a-zA-Z0-9]{1,253}")
_DATA: Final = "..data"
_MOST_TRIES: Final = 5

_State = tuple[int, int, int, int]


class _Folder(msgspec.Struct, frozen=True):
    """What one Secret's folder held when it was last looked at. `mark`: of the kubelet's current dated folder."""

    mark: tuple[str, _State] | None = None
    states: dict[str, tuple[str, _State]] = {}
    values: dict[str, Secret] = {}


class SecretFiles:
    """The secrets below `root`. `scan` once before use; `watch` keeps them current."""

    def __init__(self, root: Path, *, interval: float = 1.0) -> None:
        self._root = root
        self._interval = interval
        self._folders: dict[str, _Folder] = {}
        self._callbacks: list[Callable[[], None]] = []

    def read(self, file: SecretFile) -> Secret | None:
        """See the port; from memory."""
        folder = self._folders.get(file.name)
        return None if folder is None else folder.values.get(file.key)

    def mounted(self) -> tuple[str, ...]:
        """See the port."""
        return tuple(sorted(self._folders))

    def subscribe(self, changed: Callable[[], None]) -> None:
        """See the port."""
        self._callbacks.append(changed)

    def known(self) -> tuple[Secret, ...]:
        """Every value, for taking them out of text."""
        return tuple(value for folder in self._folders.values() for value in folder.values.values())

    def scan(self) -> bool:
        """Look at the files and read what is new; whether any value or name has changed. Does IO."""
        before = self._folders
        now = self._look()
        self._folders = now
        return before.keys() != now.keys() or any(before[name].values != folder.values for name, folder in now.items())

    async def watch(self) -> None:
        """Scan for ever, beside the event loop, and call back in it; ends when it is cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            if await asyncio.to_thread(self.scan):
                _LOG.info("secrets have changed; mounted: %d", len(self._folders))
                self._tell()

    def _tell(self) -> None:
        for call in self._callbacks:
            try:
                call()
            except Exception:  # boundary: one listener's fault must not end the watch  # noqa: BLE001
                _LOG.exception("a listener failed on changed secrets")

    def _look(self) -> dict[str, _Folder]:
        try:
            root = self._root.resolve(strict=True)
            with os.scandir(root) as entries:
                names = [
                    (entry.name, entry.is_symlink())
                    for entry in entries
                    if _NAME.fullmatch(entry.name) and entry.is_dir()
                ]
        except OSError:
            return {}
        found = {}
        for name, linked in names:
            folder = _inside(root / name, root) if linked else root / name
            if folder is not None:
                found[name] = _look_into(name, folder, root, self._folders.get(name, _Folder()))
        return found


def _look_into(name: str, folder: Path, root: Path, before: _Folder) -> _Folder:
    """One Secret: as it was where nothing says that it has changed, so that an idle second costs three system calls.

    The kubelet may swap and remove what is being read: then it is read again, so that no value is ever half of two.
    """
    for _ in range(_MOST_TRIES):
        mark = _mark(folder)
        if mark is not None and mark == before.mark:
            return before
        current = folder if mark is None else _inside(folder / _DATA, root) or folder
        states = dict(_files(current, root))
        values = {}
        for key, (path, state) in states.items():
            unchanged = before.states.get(key) == (path, state)
            secret = before.values.get(key) if unchanged else _load(path, f"{name}/{key}")
            if secret is not None:
                values[key] = secret
        if _mark(folder) == mark:
            return _Folder(mark, states, values)
    return before


def _mark(folder: Path) -> tuple[str, _State] | None:
    """Which dated folder holds, None where the kubelet has made none."""
    try:
        link = (folder / _DATA).readlink()
        return str(link), _state((folder / _DATA).stat())
    except OSError:
        return None


def _files(folder: Path, root: Path) -> Iterator[tuple[str, tuple[str, _State]]]:
    """Key, real path and state of each regular file of a folder; what vanishes meanwhile is left out."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not _NAME.fullmatch(entry.name):
                continue
            path = Path(entry.path)
            real = _inside(path, root) if entry.is_symlink() else path
            if real is None:
                continue
            with contextlib.suppress(OSError):
                found = real.stat(follow_symlinks=False)
                if stat.S_ISREG(found.st_mode):
                    yield entry.name, (str(real), _state(found))


def _state(found: os.stat_result) -> _State:
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size


def _inside(path: Path, root: Path) -> Path | None:
    """Where a path leads, if that is there and below the root."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: links in a circle
        return None
    return real if real.is_relative_to(root) else None


def _load(path: str, label: str) -> Secret | None:
    """The file's bytes, None where it is gone, no regular file, or too large."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            data = stream.read(_MOST_BYTES + 1) if regular else None
    except OSError:
        return None
    if data is not None and len(data) > _MOST_BYTES:
        _LOG.warning("the secret file %s is over %d bytes and counts as missing", label, _MOST_BYTES)
        return None
    return None if data is None else Secret(data)
