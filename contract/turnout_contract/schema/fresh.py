"""Files that are generated and committed: written, or checked to be what they should be. One command line for all of them.

Rules: what is fresh is left alone; with `--check` nothing is written, and each file that differs, is missing or should not be there
is named.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Set
from pathlib import Path

NONE: frozenset[str] = frozenset()


def differences(root: Path, wanted: Mapping[str, str], there: Set[str] = NONE) -> list[str]:
    """A line for each file that is not what it should be. `there`: paths that hold generated files and nothing else."""
    lines = [f"{path}: not generated from any type" for path in sorted(there - wanted.keys())]
    for path, text in sorted(wanted.items()):
        file = root / path
        if not file.is_file():
            lines.append(f"{path}: missing")
        elif file.read_text(encoding="utf-8") != text:
            lines.append(f"{path}: not fresh")
    return lines


def write(root: Path, wanted: Mapping[str, str], there: Set[str] = NONE) -> list[str]:
    """Make the files what they should be; the paths that were changed or removed."""
    stale = [line.partition(":")[0] for line in differences(root, wanted, there)]
    for path in stale:
        if path in wanted:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(wanted[path], encoding="utf-8")
        else:
            (root / path).unlink()
    return stale


def command(
    arguments: list[str] | None,
    about: str | None,
    wanted: Mapping[str, str],
    there: Callable[[Path], Set[str]] = lambda _: NONE,
) -> int:
    """Run the command; the exit code. `about`: the module's docstring, which begins with how it is called."""
    program = (about or "").partition("`")[2].partition(" --")[0]
    parser = argparse.ArgumentParser(prog=program, description=about)
    parser.add_argument("--root", type=Path, required=True, help="the repository's root")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 on a difference")
    options = parser.parse_args(arguments)
    root: Path = options.root
    if options.check:
        lines = differences(root, wanted, there(root))
    else:
        lines = [f"wrote {path}" for path in write(root, wanted, there(root))]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 1 if options.check and lines else 0
