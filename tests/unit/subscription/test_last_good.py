"""The last good snapshot on disk: whole or not at all."""

import random
import stat
from pathlib import Path

import pytest

from turnout_contract import canonical
from turnout_sidecar.last_good import Kept, LastGood, decode, encode


def kept(text: str = '{"namespace":"claims"}', *, epoch: int = 7, revision: int = 1) -> Kept:
    data = text.encode()
    return Kept(epoch, revision, canonical.digest(data), data)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    store = LastGood(tmp_path / "state")
    assert store.load() is None

    store.save(kept())

    assert store.load() == kept()
    assert LastGood(tmp_path / "state").load() == kept()


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    (tmp_path / "state" / "snapshot.new").write_text("left over")
    (tmp_path / "state" / "snapshot.new").chmod(0o644)
    LastGood(tmp_path / "state").save(kept())

    assert stat.S_IMODE((tmp_path / "state" / "snapshot").stat().st_mode) == 0o600
    assert not (tmp_path / "state" / "snapshot.new").exists()


def test_every_one_of_a_thousand_flipped_bits_is_noticed(tmp_path: Path) -> None:
    store, chance = LastGood(tmp_path), random.Random(5)
    store.save(kept('{"older":1}'))
    store.save(kept('{"newer":"' + "x" * 3000 + '"}', revision=2))
    path = tmp_path / "snapshot"
    whole = path.read_bytes()

    for _ in range(1000):
        broken = bytearray(whole)
        broken[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(broken)
        assert store.load() == kept('{"older":1}')


@pytest.mark.parametrize("cut", [0, 1, 63, 64, 65, 66, 120, -1])
def test_a_file_that_was_cut_is_not_used(cut: int) -> None:
    whole = encode(kept())

    assert decode(whole) == kept()
    assert decode(whole[:cut]) is None
    assert decode(whole + b" ") is None


def test_with_both_damaged_there_is_none(tmp_path: Path) -> None:
    store = LastGood(tmp_path)
    store.save(kept('{"older":1}'))
    store.save(kept('{"newer":1}'))
    (tmp_path / "snapshot").write_bytes(b"nonsense")
    (tmp_path / "snapshot.previous").write_bytes(b"")

    assert store.load() is None


def test_a_damaged_one_never_takes_the_place_of_the_good_one_before(tmp_path: Path) -> None:
    store = LastGood(tmp_path)
    store.save(kept('{"first":1}'))
    store.save(kept('{"second":1}'))
    (tmp_path / "snapshot").write_bytes(b"nonsense")

    store.save(kept('{"third":1}'))
    (tmp_path / "snapshot").write_bytes(b"nonsense")

    assert store.load() == kept('{"first":1}')


def test_a_raised_epoch_keeps_the_version_before(tmp_path: Path) -> None:
    store = LastGood(tmp_path)
    store.save(kept('{"first":1}'))
    store.save(kept('{"second":1}', epoch=8))
    store.save(kept('{"second":1}', epoch=9))

    assert store.load() == kept('{"second":1}', epoch=9)
    (tmp_path / "snapshot").unlink()
    assert store.load() == kept('{"first":1}')


def test_a_digest_that_fits_does_not_make_up_for_a_version_that_does_not() -> None:
    assert decode(encode(Kept(1, 1, "ab" * 32, b"{}"))) is None


def test_a_disk_that_fails_is_told_and_what_was_there_stays(tmp_path: Path) -> None:
    store = LastGood(tmp_path)
    store.save(kept('{"first":1}'))
    (tmp_path / "snapshot.new").mkdir()

    with pytest.raises(OSError, match="snapshot"):
        store.save(kept('{"second":1}'))

    assert store.load() == kept('{"first":1}')
