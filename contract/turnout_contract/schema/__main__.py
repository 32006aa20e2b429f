"""`python -m turnout_contract.schema --root DIR`: write all that is generated from the types, or check that it is fresh.

With `--check` nothing is written: the exit code is 1, and each file that differs, is missing or should not be there is named.
"""

import argparse
import sys
from pathlib import Path

from turnout_contract.schema import crd, json_schema, reference

OWNED = ("crds/*.yaml", "charts/turnout-crds/templates/*.yaml", "docs/reference/*.md", "docs/schemas/*.json")
"""What is generated, and nothing else lies there."""
ELSEWHERE = frozenset({"docs/reference/inspected.md", "docs/reference/protocols.md"})
"""What lies there and is generated from the wire formats, by tools/protocols.py."""


def generated() -> dict[str, str]:
    """Every generated file by its path below the repository's root."""
    return {**crd.files(), **reference.files(), **json_schema.files()}


def differences(root: Path) -> list[str]:
    """A line for each file that is not what it should be."""
    wanted = generated()
    found = {path.relative_to(root).as_posix() for pattern in OWNED for path in root.glob(pattern)} - ELSEWHERE
    lines = [f"{path}: not generated from any type" for path in sorted(found - wanted.keys())]
    for path, text in sorted(wanted.items()):
        if path not in found:
            lines.append(f"{path}: missing")
        elif (root / path).read_text(encoding="utf-8") != text:
            lines.append(f"{path}: not fresh")
    return lines


def write(root: Path) -> list[str]:
    """Make the files what they should be; the paths that were changed or removed."""
    wanted = generated()
    stale = [line.partition(":")[0] for line in differences(root)]
    for path in stale:
        if path in wanted:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(wanted[path], encoding="utf-8")
        else:
            (root / path).unlink()
    return stale


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m turnout_contract.schema", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the repository's root")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 on a difference")
    options = parser.parse_args(arguments)
    lines = differences(options.root) if options.check else [f"wrote {path}" for path in write(options.root)]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 1 if options.check and lines else 0


if __name__ == "__main__":
    sys.exit(main())
