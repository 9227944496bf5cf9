"""The entry points of installed distributions, read again when something was installed or removed."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import sys
from importlib.machinery import PathFinder

__all__ = ["entry_points"]


def entry_points(group: str) -> tuple[importlib.metadata.EntryPoint, ...]:
    """Those of a group, in the order of ``importlib.metadata``.

    It reads a file of each installed distribution each time, which is most of what opening a store costs.
    Here they are remembered for as long as no folder on ``sys.path`` changes: installing and removing
    change one. That is how it remembers which distributions there are, too.
    """
    if any(hasattr(finder, "find_distributions") and finder is not PathFinder for finder in sys.meta_path):
        return _read(group)  # one of somebody's own: who knows when it changes its mind
    return _remembered(group, tuple(map(_state, sys.path)))


def _state(place: str) -> tuple[str, int, int, int, int]:
    try:
        found = os.stat(place or ".")  # noqa: PTH116 - each opening asks, and a Path costs more
    except OSError:
        return place, 0, 0, 0, 0
    return place, found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns


@functools.lru_cache(maxsize=8)
def _remembered(
    group: str, _places: tuple[tuple[str, int, int, int, int], ...]
) -> tuple[importlib.metadata.EntryPoint, ...]:
    return _read(group)


def _read(group: str) -> tuple[importlib.metadata.EntryPoint, ...]:
    return tuple(importlib.metadata.entry_points(group=group))
