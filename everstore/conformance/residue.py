"""What calls can leave behind in a process: tasks, threads and file descriptors."""

from __future__ import annotations

import asyncio
import gc
import os
import threading

__all__ = ["left_behind"]

_LISTED = "/dev/fd"  # on Linux and macOS: every open descriptor, however many there are
_DESCRIPTORS = 1024  # looked at elsewhere, from the lowest


def left_behind() -> dict[str, list[str]]:
    """The names of what there is now, by kind, once what has ended is gone."""
    gc.collect()
    tasks = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    # The loop's own executor keeps its threads until the loop ends.
    threads = [thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
    numbers = sorted(map(int, os.listdir(_LISTED))) if os.path.isdir(_LISTED) else range(_DESCRIPTORS)  # noqa: PTH112, PTH208 - numbers, not paths
    descriptors = [str(number) for number in numbers if _is_open(number)]  # not the listing's own
    return {"tasks": sorted(tasks), "threads": sorted(threads), "descriptors": descriptors}


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
