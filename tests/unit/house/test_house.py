"""The rules of the house, where no other tool holds them."""

import ast
import importlib.util
import operator
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGES = ("contract", "ledger", "operator", "sidecar", "insight", "cli")
MOST_LINES = 400
MOST_FUNCTION_LINES = 40
FORBIDDEN_NAMES = {"utils", "helpers", "common", "types"}


def _modules() -> Iterator[tuple[Path, str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text()
            yield path.relative_to(ROOT), text, ast.parse(text)


def _committed() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name]


def test_no_package_named_operator_shadows_the_standard_library() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert not (ROOT / "operator.py").exists()
    assert not Path(str(operator.__file__)).is_relative_to(ROOT / "operator")
    spec = importlib.util.find_spec("operator")
    assert spec is not None
    assert spec.origin is not None
    assert not spec.origin.startswith(str(ROOT / "operator"))


def test_modules_are_short_and_open_with_what_they_are() -> None:
    broken = [f"{path}: {text.count(chr(10))} lines" for path, text, _ in _modules() if text.count("\n") > MOST_LINES]
    broken += [f"{path}: no docstring" for path, _, tree in _modules() if not ast.get_docstring(tree)]
    broken += [f"{path}: a name that says nothing" for path, _, _ in _modules() if path.stem in FORBIDDEN_NAMES]
    assert not broken


def test_functions_are_short() -> None:
    broken = []
    for path, _, tree in _modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MOST_FUNCTION_LINES:
                    broken.append(f"{path}:{node.lineno} {node.name}: {lines} lines")
    assert not broken


def test_nothing_is_imported_inside_a_function() -> None:
    broken = [
        f"{path}:{inner.lineno}"
        for path, _, tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert not broken


def test_broad_excepts_stand_only_at_named_boundaries() -> None:
    broken = []
    for path, text, tree in _modules():
        lines = text.splitlines()
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and _broad(node) and not _raises_again(node):
                around = "\n".join(lines[max(0, node.lineno - 2) : node.lineno + 1])
                if "boundary" not in around:
                    broken.append(f"{path}:{node.lineno}")
    assert not broken


def _broad(node: ast.ExceptHandler) -> bool:
    names = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(name is None or getattr(name, "id", "") in {"Exception", "BaseException"} for name in names)


def _raises_again(node: ast.ExceptHandler) -> bool:
    """It only cleans up: the exception goes on."""
    last = node.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_nothing_is_left_for_later() -> None:
    mark = re.compile(r"\b(TODO|FIXME|XXX)\b")
    broken = [str(path) for path, text, _ in _modules() if mark.search(text) or "NotImplementedError" in text]
    assert not broken


def test_what_is_committed_names_no_machine_and_no_registry() -> None:
    forbidden = re.compile(
        r"/(?:work|root|home)/[a-z.]|files\.pythonhosted|pypi\.org/simple|registry\.npmjs|proxy\.golang"
    )
    broken = []
    for name in _committed():
        path = ROOT / name
        if not path.is_file() or path == Path(__file__) or path.stat().st_size > 5_000_000:
            continue
        text = path.read_text(errors="replace")
        if found := forbidden.search(text):
            broken.append(f"{name}: {found.group(0)}")
    assert not broken
