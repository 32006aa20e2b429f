"""Placeholders put back in streams: however a text is cut, what comes out is what the whole text gives, and never a part of one."""

import json
import random
from collections.abc import Iterator

import pytest

from turnout_sidecar.masking.placeholders import Masker, bare
from turnout_sidecar.masking.restoring import Restorer
from turnout_sidecar.masking.table import Table

TRIALS = 5_000
ENTRIES = [
    ("Email", "ann@example.org", True), ("IBAN", 'q"uo\\te\n', True), ("Phone", "+44 20 7946 0958", False),
    ("Secret", "\ud800 lone", True), ("Location", "Zo\u00eb \U0001f600", True), ("IPAddress", "<EMAIL_bcdfghjkmnpq>", True),
]  # fmt: skip


def table(entries: int = len(ENTRIES)) -> tuple[Table, list[str]]:
    names = Table(Masker(b"a key", "people", "talk"))
    return names, [names.add(entity, value, restore=restore) for entity, value, restore in ENTRIES[:entries]]


def pieces(text: str, chance: random.Random) -> Iterator[str]:
    at = 0
    sizes = chance.choice([[1], [1, 1, 2, 3, 7, 30], [3, 5, 8]])
    while at < len(text):
        size = chance.choice(sizes)
        yield text[at : at + size]
        at += size


def parts(names: list[str], chance: random.Random) -> str:
    """A text of placeholders in all ways, of parts of some, and of what only looks like one."""
    name = chance.choice([*names, "<PHONE_bcdfghjkmnpq>", "<IP_tttttttttttt>"])
    plain = bare(name)
    marked = plain.replace("_", "\\_")
    return chance.choice([
        name, name, plain, plain.lower(), f"<{marked}>", f"&lt;{plain}&gt;", f"\\u003c{plain}\\u003E", f"\\u0026lt;{plain}&gt;",
        f"<{plain} ", f"X{plain}", f"{plain}x", name[:-1], name[:9], plain.replace("_", "\\\\_"), f"\\n{plain}", f"\\\\n{plain}",
        f"\\u00e9{plain}", "<", "&", "&l", "\\", "\\u00", "text ", "email", "\\\\", "_", "LOC", "I", "\U0001f600", "\\n", "\\ucard",
        " ", "a < b ", "<<EMAIL_", "<html>",
    ])  # fmt: skip


def run(stream: Restorer, text: str, chance: random.Random) -> list[str]:
    return [*(stream.feed(piece) for piece in pieces(text, chance)), stream.flush()]


@pytest.mark.parametrize("way", ["text", "json", "exact"])
def test_every_way_of_cutting_restores_and_counts_as_the_whole_does(way: str) -> None:
    chance = random.Random(20)
    wrong = leaked = 0
    for _ in range(TRIALS // 3):
        entries = chance.randrange(len(ENTRIES) + 1)
        names, made = table(entries)
        text = "".join(parts(made, chance) for _ in range(chance.randrange(1, 10)))
        want = names.restore_json(text) if way == "json" else names.restore(text, exact=way == "exact")
        again, _ = table(entries)
        out = run(again.stream(json=way == "json", exact=way == "exact"), text, chance)
        wrong += "".join(out) != want or (again.restored, again.unresolved) != (names.restored, names.unresolved)
        shown = ""
        for piece in out:
            shown += piece
            leaked += not want.startswith(shown)
    assert (wrong, leaked) == (0, 0)


def test_tool_arguments_cut_anywhere_stay_valid_json() -> None:
    chance = random.Random(21)
    names, made = table()
    for _ in range(TRIALS // 5):
        values = {
            f"key {number}": chance.choice(made) + chance.choice(["", "\n", "\u00e9", '"']) for number in range(4)
        }
        text = json.dumps({"to": list(values.values()), **values}, ensure_ascii=chance.random() < 0.5)
        if chance.random() < 0.5:
            text = text.replace("<", "\\u003c").replace(">", "\\u003e")
        back = json.loads("".join(run(names.stream(json=True), text, chance)))
        assert back == json.loads(
            json.dumps({key: names.restore(value) for key, value in values.items()}), strict=False
        ) | {"to": [names.restore(value) for value in values.values()]}


def test_only_what_may_become_a_placeholder_of_this_call_is_held_back() -> None:
    names = Table(Masker(b"k", "p", "c"))
    name = names.add("Email", "ann@example.org", restore=True)
    letters = bare(name).partition("_")[2]
    other = "b" if letters[0] != "b" else "c"
    for text, held in (
        ("all of it", ""), ("all of it <", "<"), ("my e", "e"), ("my Ema", "Ema"), ("my phone", ""), ("x", ""), ("&l", "&l"),
        ("&g", ""), ("<EMAIL_", "<EMAIL_"), (f"<EMAIL_{letters}", f"<EMAIL_{letters}"), (f"EMAIL_{other}", ""),
        ("<PHONE_", ""), ("<p", ""),
        ("theema", ""), (f"x <EMAIL_{letters}&g", f"<EMAIL_{letters}&g"), (f"<EMAIL_{letters[:-1]}&", "&"), ("EMAIL\\", "EMAIL\\"),
    ):  # fmt: skip
        stream = names.stream()
        assert stream.feed(text) == text.removesuffix(held), text
        assert stream.flush() == held.replace(f"EMAIL_{letters}", "ann@example.org"), text


def test_with_nothing_to_put_back_nothing_is_held_back_and_riddles_are_counted_once() -> None:
    names = Table(Masker(b"k", "p", "c"))
    stream = names.stream()
    text = "see <EMAIL_bcdfghjkmnpq> and phone_bcdfghjkmnpq, <EMAIL_ <"
    assert [stream.feed(char) for char in text] == list(text)
    assert stream.flush() == ""
    assert (names.restored, names.unresolved) == (0, 2)


def test_what_was_held_back_goes_out_at_the_end() -> None:
    names, made = table()
    stream = names.stream()
    assert stream.feed(f"to {bare(made[0])}") == "to "
    assert stream.flush() == "ann@example.org"
    assert stream.flush() == ""
    assert stream.feed("again") == "again"


def test_a_value_that_is_added_while_a_stream_is_on_is_put_back_from_then_on() -> None:
    names = Table(Masker(b"k", "p", "c"))
    stream = names.stream()
    late = names.add("Email", "ann@example.org", restore=True)
    assert stream.feed(late[:5]) + stream.feed(late[5:]) == "ann@example.org"


def test_many_values_are_told_apart_by_their_last_letter() -> None:
    names = Table(Masker(b"k", "p", "c"))
    made = {names.add("Phone", str(number), restore=True): str(number) for number in range(2_000)}
    chance = random.Random(22)
    chosen = chance.sample(sorted(made), 200)
    assert "".join(run(names.stream(), " ".join(chosen), chance)) == " ".join(made[name] for name in chosen)
