"""The page on protocols: fresh, whole, and right about what callers of an API can say."""

from pathlib import Path
from typing import get_args

import pytest
from tools import protocols

from support.said_bodies import SAID
from turnout_sidecar.wire.chat.format import INBOUND as CHAT
from turnout_sidecar.wire.formats import Inbound
from turnout_sidecar.wire.messages.format import INBOUND as MESSAGES
from turnout_sidecar.wire.responses.format import INBOUND as RESPONSES
from turnout_sidecar.wire.support import Feature, uses

ROOT = Path(__file__).parents[3]
FEATURES: tuple[Feature, ...] = get_args(Feature)
INBOUNDS = {"chat": CHAT, "responses": RESPONSES, "messages": MESSAGES}


def test_the_page_is_fresh() -> None:
    assert protocols.main(["--root", str(ROOT), "--check"]) == 0


def test_a_stale_page_is_told_and_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert protocols.main(["--root", str(tmp_path), "--check"]) == 1
    assert "missing" in capsys.readouterr().out
    assert protocols.main(["--root", str(tmp_path)]) == 0
    assert protocols.main(["--root", str(tmp_path), "--check"]) == 0
    (tmp_path / protocols.PAGE).write_text("old")
    assert protocols.main(["--root", str(tmp_path), "--check"]) == 1
    assert "not fresh" in capsys.readouterr().out
    assert protocols.main(["--root", str(tmp_path)]) == 0
    assert (tmp_path / protocols.PAGE).read_text() == (ROOT / protocols.PAGE).read_text()


def test_every_pair_and_every_feature_is_there() -> None:
    assert set(protocols.NAMES) == set(FEATURES)
    for asked in protocols.PATHS:
        for spoken, table in protocols.TABLES.items():
            assert set(table) == set(FEATURES)
            for feature in FEATURES:
                told = protocols.fate(asked, spoken, feature)
                assert told in {"exact", "translated", "dropped", "refused", "-", protocols.BYTES}
                assert (told == protocols.BYTES) == (asked == spoken and told != "-")


@pytest.mark.parametrize("name", INBOUNDS)
def test_every_feature_can_be_said_or_is_told_to_be_lacking(name: str) -> None:
    assert set(SAID[name]) | {"text"} == set(FEATURES) - protocols.LACKS[name]


CASES = [(name, feature) for name, said in SAID.items() for feature in said]


@pytest.mark.parametrize(("name", "feature"), CASES)
def test_what_callers_can_say_is_read(name: str, feature: Feature) -> None:
    inbound: Inbound = INBOUNDS[name]
    body = SAID[name][feature]
    inbound.check(body)
    assert feature in {use.feature for use in uses(inbound.read_request(body))}
