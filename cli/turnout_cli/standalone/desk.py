"""From a folder to a running configuration: read, compile, apply; and again whenever a file changes.

Rules: a reading that fails in part keeps the last good of that part (see `folder`); a snapshot that the gateway refuses leaves the
last good one running; every finding is printed once, until it changes; no value of a secret is printed.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from turnout_cli.standalone.folder import SUFFIXES, Folder, Loaded, read_files
from turnout_cli.standalone.inputs import inputs_for, served
from turnout_cli.standalone.verdicts import findings_of, notes_of
from turnout_contract.schema.admission import Admission
from turnout_contract.snapshot import codec
from turnout_operator.compile import Defaults, Verdict, compile_namespace
from turnout_operator.status.conditions import PROVIDER, resolved_models
from turnout_sidecar.ports.secrets import HeldSecrets
from turnout_sidecar.runtime import BuildError

LOOK_SECONDS = 0.25
_LOG = logging.getLogger(__name__)
Apply = Callable[[bytes, str], tuple[str, ...]]
Signature = tuple[tuple[str, int, int, int], ...]


class NamespaceChoiceError(ValueError):
    """The folder has objects of several namespaces, and none was chosen."""


class Desk:
    """The configuration of one folder, over time."""

    def __init__(
        self,
        folder: Path,
        *,
        namespace: str | None,
        secrets: HeldSecrets,
        given: dict[str, dict[str, bytes]],
        defaults: Defaults,
        say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),  # noqa: T201 - a command's output
    ) -> None:
        self._path = folder
        self._folder = Folder(Admission(), namespace or "default")
        self._wanted = namespace
        self._secrets = secrets
        self._given = given
        self._defaults = defaults
        self._say = say
        self._said: tuple[str, ...] = ()
        self._verdicts: tuple[Verdict, ...] = ()
        self._absent: dict[str, str] = {}
        self._apply: Apply | None = None
        self._values: dict[str, dict[str, bytes]] = {}
        self._signature: Signature = ()
        self._data = b""
        self.namespace = namespace or "default"
        self.version = ""

    def read(self) -> None:
        """Read and compile for the first time. Raises NamespaceChoiceError, or OSError where the folder cannot be read."""
        self._signature = signature(self._path)
        loaded = self._folder.load(read_files(self._path))
        if self._wanted is None:
            found = served(loaded, self._defaults)
            if len(found) > 1:
                names = ", ".join(found)
                raise NamespaceChoiceError(f"the folder has several namespaces ({names}); choose one with --namespace")
            self.namespace = found[0] if found else "default"
        self._take(loaded)

    def serve(self, apply: Apply) -> None:
        """Give what was read to a gateway, and from now on every change."""
        self._apply = apply
        self._hand_over()

    def discovered(self, absent: Mapping[str, tuple[str, ...]]) -> None:
        """By provider, the models that the gateway found not to exist: findings like those of the compiler."""
        lines: dict[str, str] = {}
        for verdict in self._verdicts:
            resolved = resolved_models(verdict, absent.get(verdict.name, ())) if verdict.kind == PROVIDER else None
            if resolved is not None and resolved is not verdict.resolved:
                (finding,) = findings_of([msgspec.structs.replace(verdict, resolved=resolved)])
                lines[verdict.name] = str(finding)
        before, self._absent = self._absent, lines
        for name in before.keys() - lines.keys():
            self._say(f"{PROVIDER}/{name}: no configured model is known to be missing any more")
        for name, line in lines.items():
            if before.get(name) != line:
                self._say(line)

    async def watch(self) -> None:
        """Look for changes until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                now = signature(self._path)
                if now == self._signature:
                    continue
                files = await asyncio.to_thread(read_files, self._path)
            except OSError as error:
                self._tell((f"{self._path}: {error.strerror}; what runs stays as it is",))
                continue
            self._signature = now
            try:
                self._take(self._folder.load(files))
            except Exception:  # boundary: without this task no edit would ever be live again  # noqa: BLE001
                _LOG.exception("the edit could not be taken; what runs stays as it is")

    def _take(self, loaded: Loaded) -> None:
        others = tuple(name for name in served(loaded, self._defaults) if name != self.namespace)
        result = compile_namespace(inputs_for(loaded, self.namespace, self._defaults))
        snapshot, closed = result.snapshot, loaded.why_closed(self.namespace)
        if closed is not None:
            snapshot = msgspec.structs.replace(
                snapshot, gateway=msgspec.structs.replace(snapshot.gateway, closed=closed)
            )
        self._verdicts = result.verdicts
        compiled = findings_of(result.verdicts, loaded.refused_in(self.namespace))
        lines = [*map(str, loaded.findings), *map(str, compiled)]
        lines += [f"nobody may call: {closed}"] if closed is not None else []
        lines += [f"note: {note}" for note in (*notes_of(result.verdicts), *loaded.notes)]
        lines += [f"note: namespace {name} is not served; --namespace chooses" for name in others]
        self._tell(tuple(lines))
        values = {name: dict(keys) for name, keys in loaded.secrets.get(self.namespace, {}).items()}
        for name, keys in self._given.items():
            values.setdefault(name, {}).update(keys)
        self._data = codec.encode(snapshot)
        if values != self._values:
            self._values = values
            self._secrets.replace(values)
        self._hand_over()

    def _hand_over(self) -> None:
        version = codec.version(self._data)
        if self._apply is None or version == self.version:
            return
        try:
            missing = self._apply(self._data, version)
        except BuildError as error:
            self._tell((*self._said, f"not taken, the last good configuration goes on: {error}"))
            return
        self.version = version
        self._say(f"live: version {version[:12]}")
        for path in missing:
            self._say(f"note: there is no secret {path}; what needs it is left out")

    def _tell(self, lines: tuple[str, ...]) -> None:
        for line in lines:
            if line not in self._said:
                self._say(line)
        self._said = lines


def signature(folder: Path) -> Signature:
    """What tells a change: names, sizes, times and inodes. Raises OSError where the folder cannot be read."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix in SUFFIXES:
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            found.append((path.name, stat.st_size, stat.st_mtime_ns, stat.st_ino))
    return tuple(found)
