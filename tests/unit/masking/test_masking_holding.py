"""New matches in streams: however a text is cut, what comes out is what the whole text gives, and never a part of a match."""

import random
import re
from collections.abc import Sequence

import pytest

from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.guarding.scanner import scan
from turnout_sidecar.masking.holding import LONGEST, Hold
from turnout_sidecar.masking.placeholders import masked

TRIALS, CUTS = 1_250, 4
ORDINARY = (
    "the quick brown fox at home explains how password is secret token I am well-known, (maybe) Don't stop. point to "
    'example dot com end! key value was as a card number phone call me on {x} self.otherValue **Bold** = 7 "so" '
    "L\u2019\u00e9t\u00e9 caf\u00e9 \u4f8b\u5b50\u3002"
)
WORDS = ORDINARY.split()
VALUES = [
    "ann.smith@example.org", "4111 1111 1111 1111", "4111\n1111\n1111\n1111", "DE89 3704 0044 0532 0130 00",
    "j\u00f6rg@m\u00fcller.de",
    "MT84 MALT 0110 0001 2345 MTLC AST0 01S", "+44 20 7946 0958 ext. 123", "AB 12 34 56 C", "078-05-1120",
    "password: hunter2xyz!", "sk-proj-abcdefghijklmnopqrstuvwx", "ann (at) example (dot) org", "Tr0ub4dor&3 as the wifi password",
    "192.168.1.77", "\uff14111 1111 1111 1111", "ann\u200b@example.org", "ann%40example.org", "api_key = 'Zx8Kq2Lm9Pw4Rt7Yv'",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc123\nZZZZ\n-----END RSA PRIVATE KEY-----", "aa:bb:cc:dd:ee:0f", "postgres://u:pAss9wd@h/db",
    "call 030 1234 5678 x 12", "codice fiscale RSS MRA 85T10 A562S",
    "0x" + "aB3d" * 10, "ann [ at ] example [ dot ] co", "\u5bc6\u7801: Abc12345xyz",
]  # fmt: skip


def named(finding: Finding, value: str) -> str:
    assert value
    return f"[{finding.entity}]"


def cut(text: str, chance: random.Random) -> list[str]:
    parts, at = [], 0
    sizes = chance.choice([[1], [1, 1, 2, 3, 7, 30], [3, 5, 8, 40, 200]])
    while at < len(text):
        size = chance.choice(sizes)
        parts.append(text[at : at + size])
        at += size
    return parts


def run(hold: Hold, parts: Sequence[str]) -> list[str]:
    return [*(hold.feed(part) for part in parts), hold.flush()]


def a_text(chance: random.Random) -> str:
    parts = []
    for _ in range(chance.randrange(1, 14)):
        parts.append(chance.choice(WORDS) if chance.random() < 0.75 else chance.choice(VALUES))
        parts.append(chance.choice([" "] * 8 + ["\n", "  ", ", ", ".", " - ", "\n\n", ""]))
    return "".join(parts)


def blotted(_: Finding, value: str) -> str:
    return "\0" * len(value)


def test_every_way_of_cutting_masks_alike_and_all_that_the_whole_text_shows() -> None:
    chance = random.Random(30)
    wrong = leaked = missed = 0
    for _ in range(TRIALS):
        text = a_text(chance)
        want = "".join(run(Hold(scan, blotted), [text]))
        missed += any(want[finding.start : finding.end].strip("\0") for finding in scan(text))
        for _ in range(CUTS):
            shown = ""
            for piece in run(Hold(scan, blotted), cut(text, chance)):
                shown += piece
                leaked += not want.startswith(shown)
            wrong += shown != want
    assert (wrong, leaked, missed) == (0, 0, 0)


def test_a_long_stream_is_cut_alike_too_and_what_went_out_long_ago_is_still_what_was_said_before() -> None:
    chance = random.Random(33)
    wrong = missed = found = 0
    for _ in range(10):
        text = " ".join(a_text(chance) for _ in range(chance.randrange(20, 70)))
        want = "".join(run(Hold(scan, blotted), [text]))
        found += len(scan(text))
        missed += any(want[finding.start : finding.end].strip("\0") for finding in scan(text))
        wrong += sum("".join(run(Hold(scan, blotted), cut(text, chance))) != want for _ in range(2))
    assert found > len(VALUES)
    assert (wrong, missed) == (0, 0)


@pytest.mark.parametrize("before", range(1_000, 1_100, 9))
def test_a_word_before_a_value_counts_wherever_what_went_out_is_dropped(before: int) -> None:
    text = ("as it goes on " * 80)[:before].rpartition(" ")[0] + " For all of us the password is hunter2Xyz and so on, "
    for size in (1, 5, 400):
        out = "".join(run(Hold(scan, named), [text[at : at + size] for at in range(0, len(text), size)]))
        assert out == text.replace("hunter2Xyz", "[Secret]")


PUTTY = "PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\n" + "Qw3rTy" * 10 + "\nPrivate-MAC: " + "0a1b2c3d" * 5


@pytest.mark.parametrize("value", [*VALUES, PUTTY])
def test_what_a_text_is_masked_in_is_masked_in_a_stream_of_it(value: str) -> None:
    text = f"As I said before, {value} and then it goes on, as it does."
    want = masked(text, scan(text), named)
    assert "[" in want.replace(value, "")
    for size in (1, 4, 30):
        assert "".join(run(Hold(scan, named), [text[at : at + size] for at in range(0, len(text), size)])) == want


def test_in_ordinary_prose_a_word_or_two_is_held() -> None:
    text = "The quick brown fox explains, at length, how a compiler turns source text into machine code. " * 20
    for size in (1, 5, 30):
        hold, fed, shown, most, whole = Hold(scan, named), 0, 0, 0, 0
        for at in range(0, len(text), size):
            fed += len(text[at : at + size])
            shown += len(hold.feed(text[at : at + size]))
            most, whole = max(most, fed - shown), whole + fed - shown
        assert most <= 40
        assert whole / (len(text) / size) <= 10


def test_of_prose_with_numbers_not_much_is_held_either_however_long_it_goes_on() -> None:
    text = "In 2024 there were 13,400 people in 27 towns, up 3.5% from 2019, and about 40 of them said so. " * 60
    for size in (1, 5, 30):
        hold, fed, shown = Hold(scan, named), 0, ""
        for at in range(0, len(text), size):
            fed += len(text[at : at + size])
            shown += hold.feed(text[at : at + size])
            assert fed - len(shown) <= 50
        assert shown + hold.flush() == text


def test_prose_is_not_scanned_at_all() -> None:
    def never(text: str) -> Sequence[Finding]:
        raise AssertionError(text)

    text = (
        "This is, as I said, prose; and it's well-known that nothing is in it! And <EMAIL_bcdfghjkmnpq>,\nand \u00e9t\u00e9 too.\n"
        * 9
    )
    chance = random.Random(31)
    assert "".join(run(Hold(never, named), cut(text, chance))) == text


@pytest.mark.parametrize(
    "text",
    [
        "Der schnelle Fuchs erkl\u00e4rt, wie \u00dcbersetzer den Quelltext \u00fcberf\u00fchren \u2013 Schritt f\u00fcr Schritt. ",
        "L\u2019\u00e9t\u00e9 dernier, j\u2019ai mang\u00e9 \u00e0 l\u2019h\u00f4tel o\u00f9 l\u2019on \u00e9tait bien re\u00e7u. ",
        "It doesn\u2019t matter: don\u2019t worry \u2014 that\u2019s well-known (maybe). ",
        "\u7f16\u8bd1\u5668\u5c06\u6e90\u4ee3\u7801\u7ffb\u8bd1\uff0c\u8fd9\u662f\u4f8b\u5b50\u3002\u8c22\u8c22\uff01\n",
        "\u0411\u044b\u0441\u0442\u0440\u0430\u044f \u043b\u0438\u0441\u0430, \u0432\u043e\u0442. \u03b1\u03b2\u03b3 ",
    ],
    ids=["German", "French", "typographic", "Chinese", "Russian and Greek"],
)
def test_prose_of_other_languages_is_not_scanned_either_and_a_word_or_two_of_it_is_held(text: str) -> None:
    def never(text: str) -> Sequence[Finding]:
        raise AssertionError(text)

    text *= 40
    for size in (1, 4, 200):
        hold, fed, shown = Hold(never, named), 0, ""
        for at in range(0, len(text), size):
            fed += len(text[at : at + size])
            shown += hold.feed(text[at : at + size])
            assert fed - len(shown) <= 40
        assert shown + hold.flush() == text


def test_what_is_said_before_a_value_counts_though_it_went_out() -> None:
    hold = Hold(scan, named)
    assert hold.feed("For all of us the password is ") == "For all of us the password "
    assert hold.feed("hunter2Xyz and so on, ") + hold.flush() == "is [Secret] and so on, "
    assert scan("hunter2Xyz and so on, ") == ()


def test_what_blocks_goes_through_and_nothing_of_it_was_shown() -> None:
    class BlockedError(Exception):
        pass

    def block(finding: Finding, value: str) -> str:
        raise BlockedError(finding.entity)

    hold, shown = Hold(scan, block), ""
    text = iter("write to ann@example.org please, and then stop. Or write more, as you like.")
    while len(shown) < len("write to"):
        shown += hold.feed(next(text))
    with pytest.raises(BlockedError, match="Email"):
        hold.feed("".join(text))
    assert "write to ".startswith(shown)


PATTERN = re.compile(r"project (?:red|blue) fox|fox fox|(?m:^top secret$)")


def deny(text: str) -> Sequence[Finding]:
    return [Finding(*found.span(), "deny", "pattern") for found in PATTERN.finditer(text)]


def test_patterns_of_bounded_width_may_be_anywhere() -> None:
    chance = random.Random(32)
    words = ["project", "red", "blue", "fox", "green", "top", "secret", "\ntop secret\n", "1", "a.b@c.de"]
    for _ in range(300):
        text = " ".join(chance.choice(words) for _ in range(chance.randrange(1, 60)))
        want = masked(text, deny(text), named)
        shown = ""
        for piece in run(Hold(deny, named, width=16), cut(text, chance)):
            shown += piece
            assert want.startswith(shown)
        assert shown == want


def run_of(length: int, start: str) -> str:
    return (start + "Ab3/" * length)[:length]


@pytest.mark.parametrize(
    "text",
    [
        "7 " * 30_000, "a" * 40_000, "\u4f8b" * 40_000, "x1 " * 3 + run_of(40_000, "Zx8K"), "1 2 3 -- @ " * 4_000, '"a b ' * 9_000,
        " " * 40_000, "\n\n" * 20_000, "(at) " * 8_000, "-----BEGIN " * 3_000, "%41" * 13_000,
    ],
    ids=lambda text: repr(text[:12]),
)  # fmt: skip
def test_what_is_held_is_bounded_and_cut_alike(text: str) -> None:
    outs = []
    for size in (1_000, 2_777, len(text)):
        hold, fed, shown = Hold(lambda _: (), named), 0, []
        for at in range(0, len(text), size):
            part = text[at : at + size]
            fed += len(part)
            shown.append(hold.feed(part))
            assert fed - sum(map(len, shown)) <= LONGEST + 1_024 + size
        shown.append(hold.flush())
        outs.append("".join(shown))
    assert outs == [text] * 3


@pytest.mark.parametrize("lines", [10, 150, 500])
def test_a_private_key_of_any_length_is_masked_to_its_end(lines: int) -> None:
    key = (
        "-----BEGIN PRIVATE KEY-----\n"
        + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n" * lines
        + "-----END PRIVATE KEY-----"
    )
    text = f"here it is:\n{key}\nand so on, as I said before that.\n"
    outs = set()
    for size in (1, 50, 3_000, len(text)):
        outs.add("".join(run(Hold(scan, named), [text[at : at + size] for at in range(0, len(text), size)])))
    assert len(outs) == 1
    assert re.sub(r"(?:\[Secret\])+", "*", outs.pop()) == "here it is:\n*\nand so on, as I said before that.\n"


def test_a_word_that_is_one_match_and_longer_than_what_is_held_is_masked_to_its_end() -> None:
    def long_words(text: str) -> Sequence[Finding]:
        return [Finding(*found.span(), "Secret", "long") for found in re.finditer(r"[A-Z0-9]{100,}", text)]

    text = "so " + "A1" * 12_000 + " it goes, as I said"
    outs = set()
    for size in (7, 1_000, len(text)):
        outs.add("".join(run(Hold(long_words, named), [text[at : at + size] for at in range(0, len(text), size)])))
    assert len(outs) == 1
    assert re.sub(r"(?:\[Secret\])+", "*", outs.pop()) == "so * it goes, as I said"


def test_a_finding_that_reaches_over_an_end_is_masked_from_there() -> None:
    def greedy(text: str) -> Sequence[Finding]:
        at = text.find("said")
        return [Finding(at, len(text), "Secret", "rest")] if at >= 0 else []

    hold = Hold(greedy, named)
    assert hold.feed("I said ") == "I "
    assert "7" not in hold.feed("so, and 7 of it") + hold.flush()
