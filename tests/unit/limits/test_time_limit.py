"""A limit of time that costs little and does not punish a process for having been paused."""

import asyncio
import socket
import time
from collections.abc import Coroutine

import pytest

from turnout_sidecar.time_limit import limited, within


async def test_what_is_done_in_time_is_not_disturbed() -> None:
    with within(30):
        await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_what_takes_too_long_is_a_timeout_and_the_task_goes_on() -> None:
    before = time.monotonic()
    with pytest.raises(TimeoutError), within(0.02):
        await asyncio.sleep(30)
    assert 0.02 <= time.monotonic() - before < 10
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    entered = asyncio.Event()

    async def work() -> None:
        with within(30):
            entered.set()
            await asyncio.sleep(30)

    task = asyncio.create_task(work())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_that_comes_together_with_the_limit_stays_one() -> None:
    async def work() -> None:
        with within(0.0):
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().call_later(0.01, task.cancel)
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                await asyncio.sleep(0.05)  # so slow to end that both have come
                raise

    task = asyncio.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_errors_of_the_block_pass_through() -> None:
    with pytest.raises(ValueError, match="mine"), within(30):
        raise ValueError("mine")


async def test_an_answer_that_waits_in_the_socket_counts_as_in_time_though_the_process_was_paused() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        with within(0.05):
            waiting = asyncio.ensure_future(reader.readexactly(6))
            await asyncio.sleep(0)
            theirs.sendall(b"answer")
            time.sleep(0.2)  # the whole process stands still
            assert await waiting == b"answer"
    finally:
        writer.close()
        theirs.close()


async def test_limits_nest() -> None:
    with pytest.raises(TimeoutError), within(30), within(0.02):
        await asyncio.sleep(30)
    with pytest.raises(TimeoutError), within(0.02), within(30):
        await asyncio.sleep(30)


def test_it_is_for_tasks_only() -> None:
    with pytest.raises(RuntimeError):
        within(1)


async def answer(value: int, *waits: float) -> int:
    for seconds in waits:
        await asyncio.sleep(seconds)
    return value


@pytest.mark.parametrize("waits", [(), (0,), (0.001,), (0, 0.001, 0, 0.001)])
async def test_limited_work_that_is_done_in_time_gives_its_result(waits: tuple[float, ...]) -> None:
    assert await limited(answer(7, *waits), 30) == 7


async def test_limited_work_that_need_not_wait_sets_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    set_timers: list[float] = []
    loop = asyncio.get_running_loop()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "call_later", lambda seconds, *_: set_timers.append(seconds))
        assert await limited(answer(7), 30) == 7
    assert set_timers == []


@pytest.mark.parametrize("waits", [(), (0.001,)])
async def test_limited_work_that_fails_raises_its_own_error(waits: tuple[float, ...]) -> None:
    async def work() -> None:
        await answer(0, *waits)
        raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        await limited(work(), 30)


async def test_limited_work_that_takes_too_long_is_told_and_is_a_timeout() -> None:
    told = []

    async def work() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            told.append("at once")
            await asyncio.sleep(0)
            told.append("after a last wait")
            raise

    with pytest.raises(TimeoutError):
        await limited(work(), 0.01)
    assert told == ["at once", "after a last wait"]
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_limited_work_may_answer_a_cancellation_with_a_result() -> None:
    async def work() -> str:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            return "what there is"
        return "all"

    task = asyncio.create_task(_waited_for(work()))
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "what there is"


async def _waited_for(work: Coroutine[object, object, str]) -> str:
    return await limited(work, 30)


async def test_a_cancellation_from_elsewhere_reaches_limited_work_and_stays_one() -> None:
    task = asyncio.create_task(_waited_for(_never()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _never() -> str:
    await asyncio.sleep(30)
    return ""
