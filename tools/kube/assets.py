"""Find or build the control plane that Turnout's tests run against.

Tests of an operator are worth what the API server behind them is worth, so they run the real one: etcd,
kube-apiserver and kube-controller-manager of the versions in go.mod beside this file, and kubectl.

Where they come from, first match wins:
1. ``KUBEBUILDER_ASSETS`` (the convention of envtest), if that directory holds all three;
2. the cache: ``$TURNOUT_CACHE``, else ``$XDG_CACHE_HOME/turnout``, else ``~/.cache/turnout``;
3. a build into that cache with ``go`` from PATH, or else with the hash-pinned one of requirements-go.txt.

``python tools/kube/assets.py`` prints the directory (``--json``: every binary) on stdout and its progress on
stderr. Rules: standard library only; a build appears whole or not at all; two runs never build at once.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
}
# Raise it when the way of building changes: the cache key contains it.
RECIPE = "1"

Log = Callable[[str], None]


class AssetsError(Exception):
    """The control plane can neither be found nor built; the message says what to do."""


@dataclass(frozen=True)
class Versions:
    """What go.mod asks for: each as written there, the Kubernetes and etcd ones with their ``v``."""

    go: str
    kubernetes: str
    etcd: str


@dataclass(frozen=True)
class Assets:
    """A directory with etcd, kube-apiserver and kube-controller-manager, and the kubectl to go with them."""

    directory: Path
    kubectl: Path

    def binary(self, name: str) -> Path:
        """Return the path of one of the three servers (or of kubectl)."""
        return self.kubectl if name == "kubectl" else self.directory / name


def versions(go_mod: str) -> Versions:
    """Read the pinned versions from the text of go.mod, their only home."""

    def found(pattern: str) -> str:
        match = re.search(pattern, go_mod, re.MULTILINE)
        if match is None:
            raise AssetsError(f"go.mod has no line like {pattern}")
        return match.group(1)

    return Versions(
        go=found(r"^go (\S+)$"),
        kubernetes=found(r"^\s+k8s\.io/kubernetes (v\S+)$"),
        etcd=found(r"^\s+go\.etcd\.io/etcd/server/v3 (v\S+)$"),
    )


def cache_root(environ: Mapping[str, str]) -> Path:
    """Return Turnout's cache directory; it need not exist."""
    if environ.get("TURNOUT_CACHE"):
        return Path(environ["TURNOUT_CACHE"])
    if environ.get("XDG_CACHE_HOME"):
        return Path(environ["XDG_CACHE_HOME"]) / "turnout"
    return Path(environ.get("HOME") or Path.home()) / ".cache" / "turnout"


def complete(directory: Path) -> bool:
    """Tell whether all three servers are there and can be run."""
    return all(os.access(directory / name, os.X_OK) and (directory / name).is_file() for name in PACKAGES)


def from_environment(environ: Mapping[str, str], log: Log) -> Path | None:
    """Return ``KUBEBUILDER_ASSETS`` if it is good; say why when it is not (envtest ships no controller manager)."""
    named = environ.get("KUBEBUILDER_ASSETS")
    if not named:
        return None
    directory = Path(named).resolve()
    if complete(directory):
        return directory
    absent = [name for name in PACKAGES if not os.access(directory / name, os.X_OK)]
    log(f"KUBEBUILDER_ASSETS={named} lacks {', '.join(absent)}: not used")
    return None


def find_kubectl(environ: Mapping[str, str]) -> Path:
    """Return the kubectl of this Python's environment (its version is pinned), else the one on PATH."""
    own = Path(sys.executable).parent / "kubectl"
    if os.access(own, os.X_OK):
        return own
    found = shutil.which("kubectl", path=environ.get("PATH"))
    if found is None:
        raise AssetsError("there is no kubectl: install the development requirements or put it on PATH")
    return Path(found)


@contextmanager
def locked(path: Path, log: Log) -> Iterator[None]:
    """Hold an exclusive lock on ``path``; the kernel lets go of it when this process ends in any way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log("another run is building the control plane; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("-", maxsplit=1)[0])[:3])


def go_on_path(environ: Mapping[str, str], wanted: str) -> Path | None:
    """Return the ``go`` of PATH if it is at least ``wanted`` by itself, without fetching another toolchain."""
    found = shutil.which("go", path=environ.get("PATH"))
    if found is None:
        return None
    asked = subprocess.run(
        [found, "env", "GOVERSION"],
        env={**environ, "GOTOOLCHAIN": "local"},
        cwd=Path(found).parent,  # away from any go.mod, whose version an older go would refuse
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0 or _release(asked.stdout) < _release(wanted):
        return None
    return Path(found)


def install_go(cache: Path, log: Log) -> Path:
    """Install the pinned Go toolchain into a venv of its own below ``cache`` and return its ``go``."""
    requirements = HERE / "requirements-go.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    home = cache / f"go-{digest}"
    go = home / "bin" / "go"
    if go.exists():
        return go
    log("no suitable go on PATH; installing the pinned one")
    shutil.rmtree(home, ignore_errors=True)
    # A venv knows its own path, so it cannot be renamed into place; `go` is the last file that pip writes.
    try:
        subprocess.run([sys.executable, "-m", "venv", home], check=True, stdout=sys.stderr)
        pip: list[str | Path] = [home / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install"]
        options: list[str | Path] = ["--quiet", "--require-hashes", "--no-deps", "-r", requirements]
        subprocess.run([*pip, *options], check=True, stdout=sys.stderr)
    except subprocess.CalledProcessError as error:
        shutil.rmtree(home, ignore_errors=True)
        raise AssetsError(f"the Go toolchain could not be installed: {error}; put go on PATH instead") from error
    return go


def _linker_flags(kubernetes: str) -> str:
    major, minor = _release(kubernetes)[:2]
    stamp = "k8s.io/component-base/version"
    return (
        f"-s -w -X {stamp}.gitVersion={kubernetes} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor}"
        f" -X {stamp}.gitTreeState=clean"
    )


def build(go: Path, into: Path, wanted: Versions, environ: Mapping[str, str], log: Log) -> None:
    """Build the three servers into ``into``: static, without the paths of this machine, sources pinned by go.sum."""
    env = {**environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    env.pop("GOROOT", None)
    options = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", _linker_flags(wanted.kubernetes)]
    for name, package in PACKAGES.items():
        log(f"building {name} (the first build takes minutes)")
        begun = time.monotonic()
        command: list[str | Path] = ["nice", "-n", "5", go, "build", *options, "-o", into / name, package]
        if subprocess.run(command, cwd=HERE, env=env, stdout=sys.stderr, check=False).returncode != 0:
            raise AssetsError(f"go could not build {name}: see its output above")
        log(f"built {name} in {time.monotonic() - begun:.0f} s")


def check_versions(directory: Path, wanted: Versions) -> None:
    """Refuse binaries that say another version than go.mod: a stamp that silently misses would mislead clients."""
    expected = {
        "etcd": f"etcd Version: {wanted.etcd.removeprefix('v')}",
        "kube-apiserver": f"Kubernetes {wanted.kubernetes}",
        "kube-controller-manager": f"Kubernetes {wanted.kubernetes}",
    }
    for name, line in expected.items():
        said = subprocess.run([directory / name, "--version"], capture_output=True, text=True, check=False).stdout
        if line not in said.splitlines():
            raise AssetsError(f"{name} --version says {said.strip()!r}, not {line!r}")


def _key(wanted: Versions) -> str:
    content = hashlib.sha256(RECIPE.encode())
    for name in ("go.mod", "go.sum"):
        content.update((HERE / name).read_bytes())
    return f"{wanted.kubernetes}-{platform.system()}-{platform.machine()}-{content.hexdigest()[:12]}".lower()


def find_or_build(cache: Path, environ: Mapping[str, str], log: Log) -> Path:
    """Return the cached directory of go.mod's versions, building it first where it is not there."""
    wanted = versions((HERE / "go.mod").read_text(encoding="utf-8"))
    shelf = cache / "kube"
    home = shelf / _key(wanted)
    if complete(home):
        return home
    with locked(shelf / ".lock", log):
        if complete(home):
            return home
        for left_behind in shelf.glob(".building-*"):  # under the lock nobody else builds: a killed run left it
            shutil.rmtree(left_behind, ignore_errors=True)
        go = go_on_path(environ, wanted.go) or install_go(cache, log)
        temporary = Path(tempfile.mkdtemp(prefix=".building-", dir=shelf))
        try:
            build(go, temporary, wanted, environ, log)
            check_versions(temporary, wanted)
            temporary.chmod(0o755)
            shutil.rmtree(home, ignore_errors=True)
            temporary.rename(home)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return home


def ensure(environ: Mapping[str, str] | None = None, log: Log | None = None) -> Assets:
    """Return the control plane's binaries, wherever they come from; ``AssetsError`` if there is no way.

    ``environ`` is the process environment unless given; ``log`` takes progress lines (stderr unless given).
    """
    env = os.environ if environ is None else environ
    say = log if log is not None else lambda line: print(f"kube: {line}", file=sys.stderr, flush=True)
    directory = from_environment(env, say)
    if directory is None:
        directory = find_or_build(cache_root(env).absolute(), env, say)
    return Assets(directory=directory, kubectl=find_kubectl(env))


def main() -> int:
    """Print the directory, or with ``--json`` every binary by name."""
    parser = argparse.ArgumentParser(description="Find or build etcd, kube-apiserver and kube-controller-manager.")
    parser.add_argument("--json", action="store_true", help="print {name: path} of all binaries instead")
    arguments = parser.parse_args()
    try:
        assets = ensure()
    except AssetsError as error:
        print(f"kube: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps({name: str(assets.binary(name)) for name in (*PACKAGES, "kubectl")}))
    else:
        print(assets.directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
