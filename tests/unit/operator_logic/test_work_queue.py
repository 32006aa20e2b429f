"""The wait that everyone who works off namespaces shares."""

import asyncio
import time

from turnout_operator.work_queue import WorkQueue

LONG = 3600.0


def queue(quiet: float = 0.01) -> WorkQueue:
    return WorkQueue(quiet=quiet, most=LONG, monotonic=time.monotonic)


async def taken(waiting: WorkQueue) -> list[str]:
    """The next that is due, however often the wait has to be repeated."""
    while not (work := waiting.take()):
        await waiting.wait()
    return [one.key for one in work]


async def test_what_was_marked_before_anyone_waited_becomes_due() -> None:
    waiting = queue()
    waiting.mark("team")
    assert await asyncio.wait_for(taken(waiting), 30) == ["team"]
    waiting.done("team")
    assert len(waiting) == 0


async def test_an_endless_wait_ends_with_a_mark() -> None:
    waiting = queue()
    task = asyncio.create_task(taken(waiting))
    await asyncio.sleep(0)
    waiting.mark("team")
    assert await asyncio.wait_for(task, 30) == ["team"]


async def test_what_changes_while_it_is_worked_on_is_due_once_it_is_given_back() -> None:
    waiting = queue()
    waiting.mark("team")
    await asyncio.wait_for(taken(waiting), 30)
    waiting.mark("team")
    task = asyncio.create_task(taken(waiting))
    await asyncio.sleep(0.1)
    assert not task.done()
    waiting.done("team")
    assert await asyncio.wait_for(task, 30) == ["team"]


async def test_what_failed_comes_back_by_itself() -> None:
    waiting = queue()
    waiting.mark("team")
    await asyncio.wait_for(taken(waiting), 30)
    waiting.done("team", failed=True)
    assert await asyncio.wait_for(taken(waiting), 30) == ["team"]
