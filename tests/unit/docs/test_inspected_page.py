"""The page on what guardrails inspect: fresh, and with every row of the table."""

from pathlib import Path

import pytest
from tools import inspected

from turnout_sidecar.bodies.skipped import SKIPPED
from turnout_sidecar.exchange.header_lines import FORWARDED

ROOT = Path(__file__).parents[3]


def test_the_page_is_fresh() -> None:
    assert inspected.main(["--root", str(ROOT), "--check"]) == 0


def test_a_stale_page_is_told_and_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspected.main(["--root", str(tmp_path), "--check"]) == 1
    assert "missing" in capsys.readouterr().out
    assert inspected.main(["--root", str(tmp_path)]) == 0
    assert inspected.main(["--root", str(tmp_path), "--check"]) == 0
    (tmp_path / inspected.PAGE).write_text("old")
    assert inspected.main(["--root", str(tmp_path), "--check"]) == 1
    assert "not fresh" in capsys.readouterr().out


def test_every_field_that_is_passed_over_is_named() -> None:
    text = inspected.page()
    assert not [name for row in SKIPPED for name in row.fields if f"`{name}`" not in text]


def test_every_header_that_goes_on_is_named() -> None:
    text = inspected.page()
    assert not [name for names in FORWARDED.values() for name in names if f"| `{name}` |" not in text]
