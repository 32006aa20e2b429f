"""The image: what its Containerfile promises, and which builder tools/image.sh takes. To build it, a builder is needed."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "tools" / "image.sh"
CONTAINERFILE = (ROOT / "Containerfile").read_text(encoding="utf-8")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def stages() -> list[str]:
    return re.split(r"^FROM ", CONTAINERFILE, flags=re.MULTILINE)[1:]


def test_both_stages_stand_on_the_base_that_was_asked_for() -> None:
    assert [stage.splitlines()[0] for stage in stages()] == ["${BASE} AS build", "${BASE}"]


def test_packages_come_from_the_lock_by_their_hashes_as_wheels() -> None:
    fetches = [line for line in CONTAINERFILE.splitlines() if re.search(r"pip (wheel|install|--python)", line)]
    assert len(fetches) == 4
    for line in fetches:
        assert ("--require-hashes" in line and "--only-binary=:all:" in line) or "--no-index" in line


def test_the_image_runs_as_nobody_in_particular_and_is_the_command() -> None:
    final = stages()[-1]
    assert "USER 65532:65532\n" in final
    assert 'ENTRYPOINT ["turnout"]' in final
    assert not re.search(r"^RUN ", final, flags=re.MULTILINE)


def test_a_pth_file_stops_the_build(tmp_path: Path) -> None:
    check = re.search(r'found="\$\(find /opt/turnout[^\n]*\n[^\n]*fi', CONTAINERFILE)
    assert check is not None
    shell = check.group(0).replace("/opt/turnout", str(tmp_path)).replace("\\\n", "")
    assert subprocess.run(["sh", "-c", shell], check=False).returncode == 0
    (tmp_path / "stealer.pth").write_text("import os")
    done = subprocess.run(["sh", "-c", shell], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "stealer.pth" in done.stderr


def test_what_the_package_is_made_of_goes_to_the_builder_and_nothing_else() -> None:
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {path.partition("/")[0] for path in (*wheel["packages"], *wheel["force-include"])}
    needed |= {
        project["project"]["readme"],
        "LICENSE",
        "pyproject.toml",
        "requirements.lock",
        "requirements-build.lock",
    }
    assert needed <= kept
    assert kept - needed == {"CHANGELOG.md"}
    assert all((ROOT / name).exists() for name in kept)


# --- the script


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder that is all of PATH: what the script needs, and no builder yet."""
    for name in ("bash", "env", "dirname", "sed", "head", "git"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    return tmp_path


def builder(path: Path, name: str, *, answers: bool = True) -> None:
    """A builder that prints how it was called."""
    info = "" if answers else '[ "$1" = info ] && exit 1\n'
    (path / name).write_text(f'#!{path}/bash\n{info}[ "$1" = info ] || echo "{name} $*"\n', encoding="utf-8")
    (path / name).chmod(0o755)


def build(path: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if key in {"HOME", "LANG"}}
    return subprocess.run(
        [str(path / "bash"), str(SCRIPT), *args],
        env={**clean, "PATH": str(path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_builder_the_script_says_what_to_install(path: Path) -> None:
    done = build(path)
    assert done.returncode == 1
    assert "needs buildah or docker, and neither is installed" in done.stderr


def test_buildah_is_taken_where_both_are_there(path: Path) -> None:
    builder(path, "buildah")
    builder(path, "docker")
    assert build(path).stdout.startswith("buildah build --file Containerfile")
    assert build(path, BUILDER="docker").stdout.startswith("docker build --file Containerfile")


def test_a_docker_without_its_daemon_is_an_error_that_says_so(path: Path) -> None:
    builder(path, "docker", answers=False)
    done = build(path)
    assert done.returncode == 1
    assert "its daemon does not answer" in done.stderr


def test_the_tag_the_base_and_the_version_are_handed_on(path: Path) -> None:
    builder(path, "buildah")
    done = build(path, "registry.example/turnout:1", BASE="debian")
    assert "--tag registry.example/turnout:1 ." in done.stdout
    assert "--build-arg BASE=debian" in done.stdout
    assert f"--build-arg VERSION={VERSION}" in done.stdout
    assert done.stdout.splitlines()[-1] == "registry.example/turnout:1"
    assert build(path).stdout.splitlines()[-1] == f"turnout:{VERSION}"


def test_another_builder_is_refused_by_name(path: Path) -> None:
    assert "not podman" in build(path, BUILDER="podman").stderr
