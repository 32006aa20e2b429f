"""Placeholders and the table of a call: stable, unguessable, found in what models make of them, and always the way back."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.guarding.scanner import scan
from turnout_sidecar.masking.placeholders import LETTERS, LONG, SHORT, TYPES, Masker, bare, masked, placeholders_in
from turnout_sidecar.masking.table import MOST_VALUES, Table


def table() -> Table:
    return Table(Masker(b"a key", "people", "talk"))


class Colliding(Masker):
    """Gives all values the same letters, as far as the longest form but one."""

    def digest(self, entity: str, value: str, letters: int = SHORT) -> str:
        return super().digest(entity, value if letters == LONG else "", letters)


def test_a_placeholder_is_the_kind_and_twelve_letters() -> None:
    kind, _, letters = bare(Masker(b"k", "p", "c").placeholder("Email", "ann@example.org")).partition("_")
    assert kind == "EMAIL"
    assert len(letters) == SHORT
    assert set(letters) <= set(LETTERS)


def test_the_same_value_has_the_same_placeholder_on_every_replica_and_in_every_turn() -> None:
    assert Masker(b"k", "p", "c").placeholder("Phone", "1") == Masker(b"k", "p", "c").placeholder("Phone", "1")
    assert table().add("Phone", "1", restore=True) == Masker(b"a key", "people", "talk").placeholder("Phone", "1")


def test_another_key_partition_conversation_entity_or_value_has_another_placeholder() -> None:
    masker = Masker(b"k", "p", "c")
    others = {
        Masker(b"l", "p", "c").digest("Email", "v"), Masker(b"k", "q", "c").digest("Email", "v"),
        Masker(b"k", "p", "d").digest("Email", "v"), masker.digest("Phone", "v"), masker.digest("Email", "w"),
        masker.digest("Email", "v"), Masker(b"k", "pc", "").digest("Email", "v"), Masker(b"k", "", "pc").digest("Email", "v"),
    }  # fmt: skip
    assert len(others) == 8


def test_an_empty_key_is_refused_and_a_long_one_counts_as_a_whole() -> None:
    with pytest.raises(ValueError, match="masking key is empty"):
        Masker(b"", "p", "c")
    assert Masker(b"x" * 100, "p", "c").digest("a", "b") != Masker(b"x" * 99, "p", "c").digest("a", "b")


@pytest.mark.parametrize("entity", [*TYPES, "NameOfADenyPattern"])
def test_no_detector_takes_a_placeholder_for_something(entity: str) -> None:
    masker = Masker(b"k", "p", "c")
    for letters in (SHORT, LONG):
        for number in range(50):
            name = masker.placeholder(entity, str(number), letters)
            for text in (f"the password is {name}.", f"token={name}", f"call me: {bare(name)}", f'"api_key": "{name}"'):
                assert scan(text) == ()


def test_what_no_entity_has_a_word_for_is_text() -> None:
    assert Masker(b"k", "p", "c").placeholder("project-name", "x").startswith("<TEXT_")


def test_two_values_with_the_same_letters_get_longer_ones() -> None:
    names = Table(Colliding(b"k", "p", "c"))
    first, second = (names.add("Email", value, restore=True) for value in ("a@b.org", "c@d.org"))
    assert len(first) < len(second)
    assert names.restore(f"{first} {second} {bare(second)} {bare(first)}") == "a@b.org c@d.org c@d.org a@b.org"


def test_equal_values_of_two_entities_are_two_placeholders() -> None:
    names = table()
    one, two = names.add("Person", "Ann", restore=True), names.add("Location", "Ann", restore=True)
    assert one != two
    assert names.restore(one + two) == "AnnAnn"


def test_what_must_not_be_restored_stays_and_is_no_riddle() -> None:
    names = table()
    name = names.add("Email", "ann@example.org", restore=False)
    assert names.restore(f"to {name}") == f"to {name}"
    assert (names.restored, names.unresolved) == (0, 0)
    assert names.made == {name}
    assert not names.live


def test_once_not_to_be_restored_is_never_restored() -> None:
    names = table()
    name = names.add("Email", "ann@example.org", restore=True)
    assert dict(names.live) == {name: "ann@example.org"}
    assert names.add("Email", "ann@example.org", restore=False) == name
    assert names.add("Email", "ann@example.org", restore=True) == name
    assert names.restore(name) == name


def test_what_is_of_another_call_is_left_and_counted() -> None:
    names = table()
    other = Masker(b"a key", "people", "another talk").placeholder("Email", "ann@example.org")
    assert names.restore(f"{other} {bare(other).lower()} x") == f"{other} {bare(other).lower()} x"
    assert (names.restored, names.unresolved) == (0, 2)


def test_a_table_is_bounded_and_masks_what_is_beyond() -> None:
    names = table()
    for number in range(MOST_VALUES):
        names.add("Phone", str(number), restore=True)
    late = names.add("Phone", "one more", restore=True)
    assert late.startswith("<PHONE_")
    assert len(names.live) == MOST_VALUES
    assert names.restore(late) == late


def written(name: str) -> list[str]:
    kind, _, letters = bare(name).partition("_")
    return [
        name, name.lower(), f"<{kind}\\_{letters}>", f"&lt;{kind}_{letters}&gt;", f"&LT;{kind}\\_{letters}&gt;",
        bare(name), bare(name).lower(), f"{kind}\\_{letters}", f"{kind.capitalize()}_{letters}",
    ]  # fmt: skip


def test_what_models_make_of_a_placeholder_is_accepted() -> None:
    names = table()
    for way in written(names.add("Email", "ann@example.org", restore=True)):
        assert names.restore(f"to {way}, and ({way})") == "to ann@example.org, and (ann@example.org)"
        assert placeholders_in(f"to {way}.") == names.made


def test_brackets_are_taken_in_pairs_only() -> None:
    names = table()
    name = bare(names.add("Email", "a@b.org", restore=True))
    assert names.restore(f"<<{name}>> <{name} {name}> &lt;{name}; <i>{name}</i>") == (
        "<a@b.org> <a@b.org a@b.org> &lt;a@b.org; <i>a@b.org</i>"
    )


def test_without_brackets_a_placeholder_is_a_word_of_its_own() -> None:
    names = table()
    name = bare(names.add("Email", "a@b.org", restore=True))
    for text in (f"NOT{name}", f"{name}x", f"_{name}", f"{name}_", f"{name}0", name[:-1], f"NOT{name}>", f"<{name}x>"):
        assert names.restore(text) == text
    assert names.restore(f"-{name}-é{name}ü") == "-a@b.org-éa@b.orgü"


def test_exact_means_exact() -> None:
    names = table()
    name = names.add("Email", "a@b.org", restore=True)
    for way in written(name)[1:]:
        assert names.restore(way, exact=True) == way
    assert names.restore(f"x{name}y", exact=True) == "xa@b.orgy"
    assert names.restored == 1


NASTY = ['q"uo\\te\n', "a\\", "\ud800", "\U0001f600", "\\1 \\g<0> $1 .*", "\u2028", "</script>", "\x00\x1f", "&lt;"]


@pytest.mark.parametrize("value", NASTY)
def test_a_value_comes_back_as_it_was_also_within_json(value: str) -> None:
    names = table()
    name = names.add("Secret", value, restore=True)
    arguments = json.dumps({"to": f"<b>{name}</b>", "cc": [name, bare(name)], name: 1})
    back = json.loads(names.restore_json(arguments))
    assert back == {"to": f"<b>{value}</b>", "cc": [value, value], value: 1}
    assert names.restore(f"-{name}-") == f"-{value}-"


def test_within_json_escaped_brackets_are_brackets_and_other_escapes_are_kept() -> None:
    names = table()
    name = bare(names.add("Email", 'a"b', restore=True))
    for way in (
        f"\\u003c{name}\\u003E",
        f"\\u0026lt;{name}&gt;",
        f"&lt;{name}\\u003e",
        f"<{name.replace('_', chr(92) * 2 + '_')}>",
    ):
        assert json.loads(names.restore_json(f'{{"x": "\\n{way}\\t"}}')) == {"x": '\na"b\t'}
    assert json.loads(names.restore_json(f'"\\n{name}\\\\{name}"')) == '\na"b\\a"b'
    assert json.loads(names.restore_json(f'"\\\\u003c{name}>"')) == f"\\u003c{name}>"


def test_a_value_that_contains_a_placeholder_is_not_restored_twice() -> None:
    names = table()
    inner = names.add("Email", "ann@example.org", restore=True)
    outer = names.add("Secret", f"x{inner}y", restore=True)
    assert names.restore(f"{outer}{inner}") == f"x{inner}yann@example.org"


def test_typed_lookalikes_are_masked_themselves() -> None:
    names = table()
    name = names.add("Email", "ann@example.org", restore=True)
    for way in written(name):
        typed = f"I typed {way}, really"
        sent = names.escape(typed)
        assert way not in sent
        assert names.restore(sent) == typed
        assert json.loads(names.restore_json(json.dumps(sent))) == typed


def test_findings_that_overlap_or_reach_too_far_are_cut() -> None:
    findings = [Finding(2, 99, "B", "r"), Finding(0, 3, "A", "r"), Finding(2, 3, "C", "r")]
    assert masked("abcdef", findings, lambda finding, value: f"[{finding.entity}:{value}]") == "[A:abc][B:def]"


PIECES = st.one_of(
    st.sampled_from(["<", ">", "&lt;", "&gt;", "\\", "_", " ", "EMAIL_", "x", "\\u003c", *NASTY]),
    st.text(max_size=3),
    st.integers(0, 5).map(lambda number: ("typed", number)),
    st.integers(0, 5).map(lambda number: ("value", number)),
)
VALUES = ["ann@example.org", "+44 20", "x", *NASTY[:3]]
KINDS = ["Email", "Phone", "deny", "Secret", "Person", "deny"]


@given(st.lists(st.lists(PIECES, max_size=12), min_size=1, max_size=3), st.randoms(use_true_random=False))
@settings(max_examples=400, deadline=None)
def test_whatever_is_masked_comes_back(texts: list[list[str | tuple[str, int]]], chance: random.Random) -> None:
    names, known = table(), table()
    live = [known.add(kind, value, restore=True) for kind, value in zip(KINDS, VALUES, strict=True)]
    live += [known.add("Typed", way, restore=True) for way in (live[0], bare(live[1]))]
    whole: list[tuple[str, list[Finding]]] = []
    for pieces in texts:
        text, findings = "", []
        for piece in pieces:
            if isinstance(piece, str):
                text += piece
            elif piece[0] == "typed":
                text += chance.choice(written(live[(piece[1] + chance.randrange(3)) % len(live)]))
            else:
                value = VALUES[piece[1]]
                findings.append(Finding(len(text), len(text) + len(value), KINDS[piece[1]], "rule"))
                text += value
        whole.append((text, findings))
    for text, findings in whole:
        for finding in findings:
            names.add(finding.entity, text[finding.start : finding.end], restore=True)
    for text, findings in whole:
        sent = masked(
            text, findings, lambda finding, value: names.add(finding.entity, value, restore=True), names.escape
        )
        assert names.restore(sent) == text
        assert json.loads(names.restore_json(json.dumps(sent))) == text
        assert json.loads(names.restore_json(json.dumps(sent, ensure_ascii=False))) == text
