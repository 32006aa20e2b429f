"""The Presidio adapter against the real presidio-analyzer, over real HTTP.

Presidio lives in an environment of its own (`.venv-presidio`, made by `make test` from its own lock file): it brings spaCy along.
"""

import asyncio
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from turnout_contract.snapshot.guards import Plugin
from turnout_sidecar.adapters.http_client import HttpUpstream
from turnout_sidecar.plugins.opening import open_detector
from turnout_sidecar.ports.detector import Detected, DetectorFailed

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-presidio" / "bin" / "python"
SERVER = Path(__file__).parent / "programs" / "analyzer_server.py"

pytestmark = pytest.mark.skipif(
    not PYTHON.exists() and "CI" not in os.environ, reason="`make test` sets up .venv-presidio"
)


@contextmanager
def a_presidio() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Where it listens, and its process."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    with subprocess.Popen(
        [PYTHON, "-I", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            port = process.stdout.readline().strip()
            assert port, "the analyzer did not start: its standard error says why"
            yield f"http://127.0.0.1:{port}/analyze", process
        finally:
            process.stdin.close()
            process.kill()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with a_presidio() as (where, _):
        yield where


async def detected(
    url: str, texts: Sequence[str], entities: Sequence[str] = ("Person", "Location"), *, timeout_ms: int = 60_000
) -> Detected:
    """What it says, asked as a policy's plug-in."""
    upstream = HttpUpstream()
    plugin = Plugin(name="names", policy="default", adapter="Presidio", url=url, timeout_ms=timeout_ms)
    try:
        return await open_detector(plugin, upstream).detect(texts, entities, "input")
    finally:
        await upstream.close()


def words(texts: Sequence[str], said: Detected) -> list[list[tuple[str, str]]]:
    """What is at the findings' offsets."""
    return [
        [(text[finding.start : finding.end], finding.entity) for finding in found]
        for text, found in zip(texts, said.findings, strict=True)
    ]


async def test_names_and_places_are_found_in_each_of_several_texts(url: str) -> None:
    texts = ["I am Anna Berg.", "", "nothing here", "Jürgen left Kraków for Oslo"]
    assert words(texts, await detected(url, texts)) == [
        [("Anna Berg", "Person")],
        [],
        [],
        [("Jürgen", "Person"), ("Kraków", "Location"), ("Oslo", "Location")],
    ]


async def test_offsets_are_right_after_emoji_and_what_no_json_carries(url: str) -> None:
    texts = [
        "😀👩\u200d👩\u200d👧 José Núñez in Oslo",
        "\ud800 \U0001d518\U0001d52b Anna Berg",
        "e\u0301\u200b Jürgen\r\n\tOslo",
    ]
    assert words(texts, await detected(url, texts)) == [
        [("José Núñez", "Person"), ("Oslo", "Location")],
        [("Anna Berg", "Person")],
        [("Jürgen", "Person"), ("Oslo", "Location")],
    ]


async def test_presidios_own_recognizers_are_asked_by_the_apis_names(url: str) -> None:
    texts = [
        "mail anna@example.com or pay DE89370400440532013000",
        "card 4111111111111111 at 192.168.10.20, my wallet is 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "my ssn is 536-90-4399 and my MAC address is 00:1B:44:11:3A:B7",
    ]
    entities = ["Email", "IBAN", "CreditCard", "IPAddress", "CryptoWallet", "NationalId", "MACAddress", "Person"]
    assert words(texts, await detected(url, texts, entities)) == [
        [("anna@example.com", "Email"), ("DE89370400440532013000", "IBAN")],
        [
            ("4111111111111111", "CreditCard"),
            ("192.168.10.20", "IPAddress"),
            ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "CryptoWallet"),
        ],
        [("536-90-4399", "NationalId"), ("00:1B:44:11:3A:B7", "MACAddress")],
    ]


async def test_only_what_is_asked_for_is_found(url: str) -> None:
    texts = ["Anna Berg of Oslo, anna@example.com"]
    assert words(texts, await detected(url, texts, ["Location"])) == [[("Oslo", "Location")]]


async def test_the_least_score_of_the_url_holds(url: str) -> None:
    texts = ["call 212-555-0123"]
    assert words(texts, await detected(f"{url}?score_threshold=0.3", texts, ["Phone"])) == [[("212-555-0123", "Phone")]]
    assert words(texts, await detected(f"{url}?score_threshold=0.9", texts, ["Phone"])) == [[]]


async def test_many_texts_in_several_questions_keep_their_places(url: str) -> None:
    texts = ["Oslo" if at % 100 == 0 else f"line {at}" for at in range(1500)]
    said = await detected(url, texts, ["Location"])
    assert [at for at, found in enumerate(said.findings) if found] == list(range(0, 1500, 100))


async def test_calls_at_once_each_get_their_own_answer(url: str) -> None:
    texts = [f"{'x' * at} Anna Berg" for at in range(30)]
    upstream = HttpUpstream()
    plugin = Plugin(name="names", policy="default", adapter="Presidio", url=url, timeout_ms=60_000)
    detector = open_detector(plugin, upstream)
    try:
        said = await asyncio.gather(*(detector.detect([text], ["Person"], "input") for text in texts))
    finally:
        await upstream.close()
    assert [one.findings[0][0].start for one in said] == [at + 1 for at in range(30)]


async def test_it_takes_too_long(url: str) -> None:
    with pytest.raises(DetectorFailed) as failed:
        await detected(url, ["Anna Berg lives here. " * 5_000], timeout_ms=1)
    assert failed.value.reason == "timeout"


@pytest.mark.parametrize(
    ("query", "path"), [("?language=xx", "/analyze"), ("", "/elsewhere")], ids=["language", "address"]
)
async def test_what_it_cannot_do_is_a_failure_that_tells_nothing_of_the_text(url: str, query: str, path: str) -> None:
    with pytest.raises(DetectorFailed) as failed:
        await detected(url.removesuffix("/analyze") + path + query, ["Anna Berg"])
    assert failed.value.reason == "status"
    assert "Anna" not in str(failed.value)


async def test_it_is_gone() -> None:
    with a_presidio() as (where, process):
        texts = ["Anna Berg"]
        upstream = HttpUpstream()
        plugin = Plugin(name="names", policy="default", adapter="Presidio", url=where, timeout_ms=60_000)
        detector = open_detector(plugin, upstream)
        try:
            assert words(texts, await detector.detect(texts, ["Person"], "input")) == [[("Anna Berg", "Person")]]
            process.kill()
            process.wait(30)
            with pytest.raises(DetectorFailed) as failed:
                await detector.detect(texts, ["Person"], "input")
        finally:
            await upstream.close()
    assert failed.value.reason == "connection"
