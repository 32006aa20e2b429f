"""The manifests that the how-to pages show are accepted as they stand there."""

import re
import textwrap
from pathlib import Path

import pytest

from turnout_cli.standalone.folder import Folder
from turnout_cli.validate import check
from turnout_contract.schema.admission import Admission
from turnout_operator.compile import Defaults

PAGES = Path(__file__).parents[3] / "docs" / "how-to"
BLOCK = re.compile(r"^( *)```yaml\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def manifests(page: Path) -> list[str]:
    found = [textwrap.dedent(body) for _, body in BLOCK.findall(page.read_text(encoding="utf-8"))]
    return [text for text in found if "apiVersion: turnout.dev/" in text]


@pytest.mark.parametrize("name", sorted(path.name for path in PAGES.glob("*.md") if manifests(path)))
def test_the_manifests_of_a_page_are_valid(name: str) -> None:
    files = {f"{number}.yaml": text.encode() for number, text in enumerate(manifests(PAGES / name))}
    loaded = Folder(Admission(), "default").load(files)

    assert not loaded.notes
    assert [str(finding) for finding in check(loaded, Defaults())] == []
    assert loaded.objects
