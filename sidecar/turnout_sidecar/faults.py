"""What no stage foresaw, told without what a caller sent.

An exception's own message may quote a prompt or a key, so that only its type and the lines that it came through are written.
"""

import os
import traceback


def place(error: BaseException) -> str:
    """What happened and where: the type, and the innermost four places."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in reversed(frames[-4:]))  # noqa: PTH119
    return f"{type(error).__name__} at {where}"
