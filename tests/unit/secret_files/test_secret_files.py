"""Secrets as files: the kubelet's way of swapping them, rotation, absence, and what must never be read."""

import asyncio
import logging
import os
import shutil
import threading
from pathlib import Path

import pytest

from turnout_contract.snapshot.model import SecretFile
from turnout_sidecar.adapters.secret_files import SecretFiles
from turnout_sidecar.ports.secrets import Secrets

KEY = SecretFile("openai", "key")


class Mount:
    """One Secret as the kubelet mounts it."""

    def __init__(self, root: Path, name: str) -> None:
        self.folder = root / name
        self.folder.mkdir(parents=True)
        self._swaps = 0

    def swap(self, **values: str | bytes) -> None:
        """The atomic writer: a new dated folder, `..data` renamed onto, links for keys, the old folder removed."""
        old = self.folder / "..data"
        gone = old.resolve() if old.is_symlink() else None
        self._swaps += 1
        dated = self.folder / f"..2026_11_22_00_00_00.{self._swaps:09d}"
        dated.mkdir()
        for key, value in values.items():
            (dated / key).write_bytes(value if isinstance(value, bytes) else value.encode())
        fresh = self.folder / "..data_tmp"
        fresh.symlink_to(dated.name)
        fresh.rename(old)
        for key in values:
            if not (self.folder / key).is_symlink():
                (self.folder / key).symlink_to(f"..data/{key}")
        for entry in self.folder.iterdir():
            if entry.is_symlink() and not entry.name.startswith("..") and entry.name not in values:
                entry.unlink()
        if gone is not None:
            shutil.rmtree(gone)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    return tmp_path / "secrets"


def value(files: SecretFiles, file: SecretFile = KEY) -> bytes | None:
    secret = files.read(file)
    return None if secret is None else secret.reveal()


def scanned(root: Path) -> SecretFiles:
    files = SecretFiles(root)
    files.scan()
    return files


def as_port(files: SecretFiles) -> Secrets:
    """mypy checks here that the adapter is the port."""
    return files


def test_a_mounted_secret_is_read(root: Path) -> None:
    Mount(root, "openai").swap(key="sk-1\n", other="x")
    files = scanned(root)

    assert value(files) == b"sk-1"
    assert value(files, SecretFile("openai", "other")) == b"x"
    assert value(files, SecretFile("openai", "none")) is None
    assert value(files, SecretFile("none", "key")) is None


def test_an_absent_optional_secret_is_mounted_and_empty(root: Path) -> None:
    Mount(root, "anthropic")
    Mount(root, "openai").swap(key="sk-1")
    files = scanned(root)

    assert files.mounted() == ("anthropic", "openai")
    assert value(files, SecretFile("anthropic", "key")) is None


def test_no_folder_at_all_is_no_secrets(tmp_path: Path) -> None:
    files = scanned(tmp_path / "none")

    assert files.mounted() == ()
    assert value(files) is None


def test_a_rotation_is_seen_and_nothing_is_said_without_one(root: Path) -> None:
    mount = Mount(root, "openai")
    mount.swap(key="sk-1")
    files = scanned(root)

    assert not files.scan()
    mount.swap(key="sk-2")
    assert files.scan()
    assert value(files) == b"sk-2"
    assert not files.scan()


def test_a_rotation_to_the_same_value_is_none(root: Path) -> None:
    mount = Mount(root, "openai")
    mount.swap(key="sk-1")
    files = scanned(root)
    mount.swap(key="sk-1")

    assert not files.scan()


def test_keys_and_secrets_come_and_go(root: Path) -> None:
    mount = Mount(root, "openai")
    files = scanned(root)

    mount.swap(key="sk-1")
    assert files.scan()
    assert value(files) == b"sk-1"
    mount.swap(other="x")
    assert files.scan()
    assert value(files) is None
    shutil.rmtree(root / "openai")
    assert files.scan()
    assert files.mounted() == ()


def test_plain_files_serve_too_and_their_edits_are_seen(root: Path) -> None:
    (root / "openai").mkdir()
    (root / "openai" / "key").write_text("sk-1")
    files = scanned(root)
    assert value(files) == b"sk-1"

    (root / "openai" / "key").write_text("sk-22")
    assert files.scan()
    assert value(files) == b"sk-22"


def test_one_projected_volume_for_all_serves_too(root: Path) -> None:
    dated = root / "..2026_11_22"
    (dated / "openai").mkdir(parents=True)
    (dated / "openai" / "key").write_text("sk-1")
    (root / "..data").symlink_to(dated.name)
    (root / "openai").symlink_to("..data/openai")
    files = scanned(root)

    assert files.mounted() == ("openai",)
    assert value(files) == b"sk-1"


def test_nothing_outside_the_folder_is_read(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "key").write_text("CANARY")
    (root / "linked").symlink_to(tmp_path / "outside")
    (root / "openai").mkdir()
    (root / "openai" / "key").symlink_to(tmp_path / "outside" / "key")
    (root / "sneaky").mkdir()
    (root / "sneaky" / "..data").symlink_to(tmp_path / "outside")
    (root / "circle").mkdir()
    (root / "circle" / "key").symlink_to("key")
    os.mkfifo(root / "openai" / "pipe")
    (root / "openai" / "folder").mkdir()
    files = scanned(root)

    assert files.known() == ()
    assert "linked" not in files.mounted()
    for name in ("../outside", "..", "openai/..", "/etc"):
        assert value(files, SecretFile(name, "key")) is None
        assert value(files, SecretFile("openai", f"../{name}/key")) is None


def test_a_file_that_is_too_large_counts_as_missing_and_is_named_without_its_value(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Mount(root, "openai").swap(key=b"CANARY" * 200_000, good="x")
    with caplog.at_level(logging.DEBUG):
        files = scanned(root)

    assert value(files) is None
    assert value(files, SecretFile("openai", "good")) == b"x"
    assert "openai/key" in caplog.text
    assert "CANARY" not in caplog.text


def test_an_unreadable_value_does_not_show_itself(root: Path) -> None:
    Mount(root, "openai").swap(key="CANARY")

    assert "CANARY" not in repr(scanned(root).known())


def test_swaps_during_a_scan_are_never_seen_half(root: Path) -> None:
    mount = Mount(root, "pair")
    mount.swap(one="0", two="0")
    files = scanned(root)
    done = threading.Event()

    def swap() -> None:
        for number in range(300):
            mount.swap(one=str(number), two=str(number))
        done.set()

    swapping = threading.Thread(target=swap)
    swapping.start()
    while not done.is_set():
        files.scan()
        assert value(files, SecretFile("pair", "one")) == value(files, SecretFile("pair", "two")) is not None
    swapping.join()
    files.scan()

    assert value(files, SecretFile("pair", "one")) == value(files, SecretFile("pair", "two")) == b"299"


async def test_listeners_are_called_in_the_loop_soon_after_a_change(root: Path) -> None:
    mount = Mount(root, "openai")
    mount.swap(key="sk-1")
    files = SecretFiles(root, interval=0.02)
    files.scan()
    seen: list[bytes | None] = []
    changed = asyncio.Event()

    def broken() -> None:
        raise ValueError("a listener's fault")

    def listen() -> None:
        asyncio.get_running_loop()
        seen.append(value(files))
        changed.set()

    files.subscribe(broken)
    files.subscribe(listen)
    watching = asyncio.create_task(files.watch())
    for number in (2, 3):
        mount.swap(key=f"sk-{number}")
        async with asyncio.timeout(30):
            await changed.wait()
        changed.clear()
    watching.cancel()

    assert seen == [b"sk-2", b"sk-3"]
