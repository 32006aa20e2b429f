"""A limit of time that costs little and does not punish a process for having been paused."""

import asyncio
import socket
import time

import pytest

from turnout_sidecar.time_limit import within


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
