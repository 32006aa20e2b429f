"""Detectors that are installed: found by their entry point, asked in threads, judged like any other."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.plugins.in_process import Detect, InProcessDetector
from turnout_sidecar.plugins.threads import AllLost, Threads
from turnout_sidecar.ports.detector import Detected, DetectorFailed

CODE = """
import threading

class Finder:
    def __init__(self):
        self.made_in = threading.current_thread()

    def __call__(self, texts, entities, side):
        assert threading.current_thread() is not threading.main_thread()
        assert isinstance(texts, list) and isinstance(entities, list)
        found = [[{"start": 0, "end": len(text), "entity": "Person"}] if text == "Anna" else [] for text in texts]
        return {"findings": found, "flags": [{"rule": side, "score": 0.5}]}

    def close(self):
        CLOSED.append(self)

CLOSED = []

def broken():
    raise ValueError("Anna")

NUMBER = 7

def number():
    return NUMBER
"""
ENTRY_POINTS = """
[turnout.detectors]
finder = turnout_test_detectors:Finder
broken = turnout_test_detectors:broken
number = turnout_test_detectors:number
absent = turnout_test_detectors_absent:Finder
twice = turnout_test_detectors:Finder

[other.group]
elsewhere = turnout_test_detectors:Finder
"""


def distribution(folder: Path, name: str, entry_points: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "turnout_test_detectors.py").write_text(CODE)
    distribution(tmp_path, "turnout_test_detectors", ENTRY_POINTS)
    distribution(tmp_path, "turnout_test_others", "[turnout.detectors]\ntwice = turnout_test_detectors:Finder\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "turnout_test_detectors", raising=False)


def in_process(detect: Detect, *, timeout: float = 30, at_once: int = 4) -> InProcessDetector:
    return InProcessDetector("names", "any", timeout=timeout, at_once=at_once, load=lambda _: detect)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.001)


@pytest.mark.usefixtures("packages")
async def test_an_entry_point_of_an_installed_package_is_found_and_asked_in_a_thread() -> None:
    one = InProcessDetector("names", "finder", timeout=30)
    said = await one.detect(["", "Anna", "Bo"], ("Person",), "input")
    assert said.findings == ((), (Finding(0, 4, "Person", "names"),), ())
    assert [flag.rule for flag in said.flags] == ["input"]
    await one.close()
    assert len(__import__("turnout_test_detectors").CLOSED) == 1


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("name", ["nowhere", "elsewhere", "twice", "broken", "number", "absent"])
async def test_what_cannot_be_loaded_fails_each_call_and_tells_nothing_of_the_text(name: str) -> None:
    one = InProcessDetector("names", name, timeout=30)
    for _ in range(2):
        with pytest.raises(DetectorFailed) as failed:
            await one.detect(["Anna"], ["Person"], "input")
        assert failed.value.reason == "unavailable"
        assert "Anna" not in str(failed.value)
    await one.close()


async def test_calls_wait_for_the_loading_within_their_time() -> None:
    loaded = threading.Event()

    def load(_: str) -> Detect:
        loaded.wait(60)
        return lambda texts, _entities, _side: {"findings": [[] for _ in texts]}

    one = InProcessDetector("names", "slow", timeout=0.05, load=load)
    with pytest.raises(DetectorFailed) as failed:
        await one.detect(["Anna"], ["Person"], "input")
    assert failed.value.reason == "timeout"
    loaded.set()
    patient = InProcessDetector("names", "slow", timeout=30, load=load)
    assert await patient.detect(["Anna"], ["Person"], "input") == Detected(((),))


async def test_what_it_raises_is_told_by_its_class_alone() -> None:
    for error in (
        ValueError("Anna"),
        KeyError("Anna"),
        StopIteration("Anna"),
        SystemExit("Anna"),
        TimeoutError("Anna"),
    ):

        def detect(_texts: list[str], _entities: list[str], _side: str, error: BaseException = error) -> object:
            raise error

        with pytest.raises(DetectorFailed) as failed:
            await in_process(detect).detect(["Anna"], ["Person"], "input")
        assert failed.value.reason == "raised"
        assert str(failed.value) == f"raised: {type(error).__name__}"
        assert failed.value.__suppress_context__


@pytest.mark.parametrize(
    "said", [None, [], {}, {"findings": None}, {"findings": [[{"start": 0, "end": 9, "entity": "Person"}]]}, object()]
)
async def test_what_it_returns_is_judged_like_any_other_answer(said: object) -> None:
    with pytest.raises(DetectorFailed) as failed:
        await in_process(lambda *_: said).detect(["Anna"], ["Person"], "input")
    assert failed.value.reason == "malformed"


async def test_tuples_will_do() -> None:
    said: object = {"findings": (({"start": 0, "end": 4, "entity": "Person"},),)}
    detected = await in_process(lambda *_: said).detect(["Anna"], ["Person"], "input")
    assert detected.findings == ((Finding(0, 4, "Person", "names"),),)


async def test_a_detector_that_hangs_costs_its_places_and_then_fails_at_once_until_it_comes_back() -> None:
    release = threading.Event()
    release.set()
    asked: list[int] = []

    def detect(texts: list[str], _entities: list[str], _side: str) -> object:
        asked.append(1)
        release.wait(60)
        return {"findings": [[] for _ in texts]}

    one = in_process(detect, timeout=0.2, at_once=2)

    async def reason() -> str:
        try:
            await one.detect(["Anna"], ["Person"], "input")
        except DetectorFailed as failed:
            return failed.reason
        return "none"

    async def comes_back() -> None:
        async with asyncio.timeout(30):
            while await reason() != "none":  # noqa: ASYNC110 - a thread that ends tells nobody
                await asyncio.sleep(0.01)

    await comes_back()
    asked.clear()
    release.clear()
    assert set(await asyncio.gather(reason(), reason(), reason())) == {"timeout"}
    await until(lambda: len(asked) == 2)
    assert await reason() == "hung"
    assert len(asked) == 2
    release.set()
    await comes_back()


async def test_no_more_run_at_once_than_there_are_places() -> None:
    running: list[int] = []
    most: list[int] = []
    lock = threading.Lock()
    gate = threading.Event()

    def work() -> int:
        with lock:
            running.append(1)
            most.append(len(running))
        gate.wait(60)
        with lock:
            running.pop()
        return 7

    threads = Threads("test", most=3)
    calls = [asyncio.ensure_future(threads.run(work)) for _ in range(8)]
    await until(lambda: len(running) == 3)
    gate.set()
    assert await asyncio.gather(*calls) == [7] * 8
    assert max(most) == 3


async def test_work_that_ended_just_as_it_was_given_up_is_not_lost() -> None:
    threads = Threads("test", most=1)
    for _ in range(20):
        ended = threading.Event()
        task = asyncio.ensure_future(threads.run(ended.set))
        await asyncio.sleep(0)
        assert ended.wait(30)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await threads.run(lambda: 7) == 7


async def test_all_places_lost_says_so_at_once() -> None:
    gate = threading.Event()
    threads = Threads("test", most=1)
    task = asyncio.ensure_future(threads.run(lambda: gate.wait(60)))
    await asyncio.sleep(0)  # it has its place now
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(AllLost):
        await threads.run(lambda: 7)
    gate.set()
