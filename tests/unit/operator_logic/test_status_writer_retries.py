"""A status that could not be written is tried again only while it is still what the object's status should be."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from turnout_operator.kube import ApiError, AsyncKube, Json
from turnout_operator.kube_fake import FakeKube
from turnout_operator.status import writer as module
from turnout_operator.status.writer import StatusWriter, Write

PATH = "/apis/turnout.dev/v1alpha1/namespaces/team/modelroutes/assistant"


def wanted(text: str) -> Write:
    return Write("ModelRoute", "team", "assistant", "uid-1", {"says": text})


class TimedKube(FakeKube):
    """Remembers for how long an answer was waited."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def request(self, method: str, path: str, **options: Any) -> Json:
        if method == "PATCH":
            self.waits.append(options["seconds"])
        return super().request(method, path, **options)


class Bench:
    """A writer over an API server in memory that refuses the first write."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "FIRST_RETRY", 0.05)
        self.kube = TimedKube()
        self.kube.objects[PATH] = {"metadata": {"name": "assistant", "uid": "uid-1", "resourceVersion": "1"}}
        self.leads = True
        self.refusals = 1
        self.kube.fault = self._fault
        self.results: list[str] = []
        executor = ThreadPoolExecutor(2)
        self.writer = StatusWriter(
            AsyncKube(self.kube, executor),
            leading=lambda: self.leads,
            monotonic=time.monotonic,
            counted=self.results.append,
        )

    def _fault(self, method: str, _path: str) -> None:
        if method == "PATCH" and self.refusals:
            self.refusals -= 1
            raise ApiError(503, "ServiceUnavailable", "not now")

    async def until(self, *results: str) -> None:
        async with asyncio.timeout(20):
            while self.results != list(results):  # noqa: ASYNC110  a list sets no event
                await asyncio.sleep(0.005)

    @property
    def status(self) -> Any:
        return self.kube.objects[PATH].get("status")

    @property
    def written(self) -> list[str]:
        return [body["status"]["says"] for method, _, body in self.kube.requests if method == "PATCH" and body]


async def test_a_status_that_failed_is_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    running = asyncio.create_task(bench.writer.run())
    bench.writer.write(wanted("first"))
    await bench.until("retried", "written")
    assert bench.status == {"says": "first"}
    running.cancel()


async def test_an_answer_that_did_not_come_in_time_is_waited_for_longer_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else an object that is slow to write would be tried for ever, at the API server's cost."""
    monkeypatch.setattr(module, "MOST_RETRY", 0.05)
    bench = Bench(monkeypatch)
    bench.refusals = 4
    running = asyncio.create_task(bench.writer.run())
    bench.writer.write(wanted("first"))
    await bench.until("retried", "retried", "retried", "retried", "written")
    assert bench.kube.waits == [10.0, 20.0, 40.0, 60.0, 60.0]
    bench.writer.write(wanted("second"))
    await bench.until("retried", "retried", "retried", "retried", "written", "written")
    assert bench.kube.waits[-1] == 10.0
    running.cancel()


async def test_a_newer_status_is_never_overwritten_by_an_older_one_that_had_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(monkeypatch)
    running = asyncio.create_task(bench.writer.run())
    bench.writer.write(wanted("old"))
    await bench.until("retried")
    bench.writer.write(wanted("new"))
    await bench.until("retried", "written")
    await asyncio.sleep(0.2)  # four times the retry
    assert bench.written == ["new"]
    running.cancel()


async def test_what_was_to_be_tried_again_is_forgotten_with_the_term(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    running = asyncio.create_task(bench.writer.run())
    bench.writer.write(wanted("of the last term"))
    await bench.until("retried")
    bench.writer.forget()  # the lease was lost, and won again
    await asyncio.sleep(0.2)
    assert bench.written == []
    running.cancel()


async def test_what_was_to_be_tried_again_is_forgotten_once_the_object_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    running = asyncio.create_task(bench.writer.run())
    bench.writer.write(wanted("old"))
    await bench.until("retried")
    bench.writer.settled(wanted("old").key)
    await asyncio.sleep(0.2)
    assert bench.written == []
    running.cancel()
