"""Work on long texts, beside the event loop, so that nobody else is kept waiting.

Rules: what is short is done at once, since a thread costs more than it; the work touches nothing but its own call.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LONG = 65_536
"""Characters, or bytes, from which on a thread does it."""


async def aside(size: int, work: Callable[[], T]) -> T:
    """What `work`, which is about a text of this size, returns. Raises what it raises."""
    return await asyncio.to_thread(work) if size > LONG else work()
