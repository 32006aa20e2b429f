"""The folder of valid and invalid resources, read once for the two tests that go over it."""

from pathlib import Path
from typing import Any

from turnout_contract import manifests

_FOLDER = Path(__file__).parent / "resources"
VALID = sorted((_FOLDER / "valid").glob("*.yaml"))
INVALID = sorted((_FOLDER / "invalid").glob("*.yaml"))
_MARK = "# expect: "


def objects(path: Path) -> list[dict[str, Any]]:
    """The objects of a file."""
    return manifests.parse(path.read_text(encoding="utf-8"))


def expectation(path: Path) -> str:
    """What the refusal of an invalid resource must name: the first line says it."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(_MARK), f"{path.name} must begin with {_MARK!r}"
    return first.removeprefix(_MARK)


def in_floats(value: Any) -> Any:
    """The same with every integer written as a float: 1.0 for 1."""
    if isinstance(value, dict):
        return {key: in_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [in_floats(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
