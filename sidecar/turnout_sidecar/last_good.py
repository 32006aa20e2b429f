"""The last good snapshot on disk, so that a gateway starts without the operator.

One file: a digest, a line that says what it is, the snapshot's canonical bytes. The digest covers all that follows, and the
snapshot must have the digest that is its version. The file before is kept, for the day on which the newer one is damaged.

Rules: written beside, flushed and renamed, so that there is always a whole one; readable by the owner alone; holds no secret
bytes, since a snapshot has none; what does not check out in every byte is not used; whoever starts from here knows the highest
epoch that was seen with it. Does IO: call it from a worker thread.
"""

import contextlib
import hashlib
import logging
import os
from pathlib import Path
from typing import Final

import msgspec

from turnout_contract import canonical
from turnout_contract.protocol import MAX_MESSAGE_BYTES

_LOG: Final = logging.getLogger(__name__)
_FORMAT: Final = 1
_NAME: Final = "snapshot"
_PREVIOUS: Final = "snapshot.previous"
_DIGEST_CHARS: Final = 64
_MOST_BYTES: Final = MAX_MESSAGE_BYTES + 4096


class Kept(msgspec.Struct, frozen=True):
    """A snapshot as it was applied: its canonical bytes, its version, and the operator's epoch and revision."""

    epoch: int
    revision: int
    version: str
    data: bytes


class _About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    epoch: int
    revision: int
    version: str


class LastGood:
    """The files below `folder`, which is made if it is not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def candidates(self) -> list[Kept]:
        """Those that check out, the newest first."""
        found = []
        for name in (_NAME, _PREVIOUS):
            path = self._folder / name
            kept = _read(path)
            if kept is not None:
                found.append(kept)
            elif path.exists():
                _LOG.warning("%s is damaged and is not used", name)
        return found

    def load(self) -> Kept | None:
        """The newest one that checks out, None where there is none."""
        return next(iter(self.candidates()), None)

    def save(self, kept: Kept) -> None:
        """Keep it. The one before stays, unless it is the same version or damaged. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        newest = self._folder / _NAME
        fresh = self._folder / f"{_NAME}.new"
        _write(fresh, encode(kept))
        before = _read(newest)
        if before is not None and before.version != kept.version:
            newest.replace(self._folder / _PREVIOUS)
        fresh.replace(newest)
        _sync_folder(self._folder)


def encode(kept: Kept) -> bytes:
    """The file's bytes."""
    about = _About(_FORMAT, kept.epoch, kept.revision, kept.version)
    rest = canonical.encode(about) + b"\n" + kept.data
    return hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def decode(data: bytes) -> Kept | None:
    """What a file holds; None where a single bit is not as it was written."""
    digest, rest = data[:_DIGEST_CHARS], data[_DIGEST_CHARS + 1 :]
    if data[_DIGEST_CHARS : _DIGEST_CHARS + 1] != b"\n" or hashlib.sha256(rest).hexdigest().encode() != digest:
        return None
    line, _, snapshot = rest.partition(b"\n")
    try:
        about = msgspec.json.decode(line, type=_About)
    except msgspec.MsgspecError:
        return None
    if about.format != _FORMAT or canonical.digest(snapshot) != about.version:
        return None
    return Kept(about.epoch, about.revision, about.version, snapshot)


def _read(path: Path) -> Kept | None:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except OSError:
        return None
    return decode(data) if len(data) <= _MOST_BYTES else None


def _write(path: Path, data: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()  # left over from a crash, perhaps with other rights
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
