"""The compiler, a case a file: resources in, snapshot and verdicts out.

`pytest tests/golden --update-golden` writes the out files anew.
"""

import random
from pathlib import Path

import pytest
from msgspec.structs import replace

from compile_case import FOLDER, inputs_of, plain, to_text
from turnout_contract.snapshot import codec
from turnout_operator.compile import compile_namespace

CASES = sorted(FOLDER.glob("*.in.yaml"))


def golden(path: Path) -> Path:
    return path.with_name(path.name.replace(".in.yaml", ".out.yaml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name.removesuffix(".in.yaml"))
def test_a_case_compiles_to_its_golden_file(path: Path, update_golden: bool) -> None:
    text = to_text(plain(compile_namespace(inputs_of(path))))
    if update_golden:
        golden(path).write_text(text, encoding="utf-8")
    assert golden(path).read_text(encoding="utf-8") == text


def test_every_golden_file_has_its_case() -> None:
    assert {path.name for path in FOLDER.glob("*.out.yaml")} == {golden(path).name for path in CASES}
    assert len(CASES) >= 40


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name.removesuffix(".in.yaml"))
def test_a_snapshot_survives_the_way_to_the_gateway(path: Path) -> None:
    snapshot = compile_namespace(inputs_of(path)).snapshot
    data = codec.encode(snapshot)
    assert codec.decode(data) == snapshot
    assert codec.encode(codec.decode(data)) == data


def test_a_thousand_orders_of_events_give_the_same_bytes() -> None:
    (path,) = (path for path in CASES if path.name.startswith("a-busy-namespace-full-of-conflicts."))
    inputs = inputs_of(path)
    assert len(inputs.objects) >= 25
    assert inputs.broken
    assert inputs.organisation
    expected = compile_namespace(inputs)
    data = codec.encode(expected.snapshot)
    dice = random.Random(1)
    for _ in range(1000):
        result = compile_namespace(
            replace(
                inputs,
                objects=tuple(dice.sample(inputs.objects, len(inputs.objects))),
                broken=tuple(dice.sample(inputs.broken, len(inputs.broken))),
                organisation=tuple(dice.sample(inputs.organisation, len(inputs.organisation))),
            )
        )
        assert result == expected
        assert codec.encode(result.snapshot) == data
