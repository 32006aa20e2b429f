"""Streams of every format, edited: the same bytes where nothing changes, and the same text however it is cut."""

import random
from pathlib import Path

import pytest

from support.edited_streams import TRANSCRIPTS, frames_of, holding, idle, said_in, swapped, texts_of
from turnout_sidecar.answers.formats import FORMATS

STREAMS = [path for name in FORMATS for path in sorted((TRANSCRIPTS / name).glob("*.sse"))]
WORDS = {"e": "<E>", "Gr": "", "two": 'a "quoted" \\ line\nand more', "😀": "x"}


LINE_ENDS = {"lf": b"\n", "crlf": b"\r\n"}


def named(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.mark.parametrize("path", STREAMS, ids=named)
@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_a_stream_in_which_nothing_changes_is_the_same_bytes(path: Path, line_end: str) -> None:
    raw = ended(path, line_end)
    for pieces in (frames_of(raw), [raw]):
        editor = FORMATS[path.parent.name].editor(idle)
        assert b"".join([editor.feed(piece) for piece in pieces]) + editor.finish() == raw


@pytest.mark.parametrize("path", STREAMS, ids=named)
@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_what_a_stream_says_is_the_edit_of_all_it_said_however_it_is_cut(path: Path, line_end: str) -> None:
    raw, name = ended(path, line_end), path.parent.name
    frames = frames_of(raw)
    draw = random.Random(named(path) + line_end)
    for _ in range(12):
        words = {word: new for word, new in WORDS.items() if draw.random() < 0.5}
        keep = draw.choice([0, 1, 2, 5, 40, 1000])
        editor = FORMATS[name].editor(holding(words, keep))
        out = b""
        for frame in cut(frames, draw):
            out += editor.feed(frame)
        out += editor.finish()
        assert texts_of(name, out) == {key: swapped(text, words) for key, text in texts_of(name, raw).items()}
        numbers = [said["sequence_number"] for _, said in said_in(out) if "sequence_number" in said]
        assert numbers == list(range(len(numbers)))


def ended(path: Path, line_end: str) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", LINE_ENDS[line_end])


def cut(frames: list[bytes], draw: random.Random) -> list[bytes]:
    pieces = []
    at = 0
    while at < len(frames):
        step = draw.randint(1, 4)
        pieces.append(b"".join(frames[at : at + step]))
        at += step
    return pieces
