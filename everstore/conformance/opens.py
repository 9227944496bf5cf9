"""Which files of a storage the event loop's own thread opens: a disk is waited for there, with everybody."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["opened_here"]

_EVENTS = frozenset({"open", "os.listdir", "os.scandir", "sqlite3.connect"})

_watches: dict[int, tuple[tuple[str, ...], list[str]]] = {}
"""By thread: how the paths begin that are looked for, and those that were opened."""


def _note(event: str, args: tuple[Any, ...]) -> None:
    if not _watches or event not in _EVENTS or not isinstance(args[0], (str, bytes, os.PathLike)):
        return
    beginnings, opened = _watches.get(threading.get_ident(), ((), []))
    path: Any = args[0]
    if beginnings and os.path.realpath(os.fsdecode(path)).startswith(beginnings):
        opened.append(os.path.basename(os.fsdecode(path)))  # noqa: PTH119 - it may be no path at all


_installed = threading.Event()


@contextmanager
def opened_here(places: Sequence[Path]) -> Iterator[list[str]]:
    """The names of what this thread opens at the places, below them or beside them, while the block lasts.

    Only what is opened by Python is seen; a library's own calls are not.
    """
    if not _installed.is_set():
        sys.addaudithook(_note)  # for good: there is no way to take it off
        _installed.set()
    opened: list[str] = []
    _watches[threading.get_ident()] = (tuple(os.path.realpath(place) for place in places), opened)
    try:
        yield opened
    finally:
        del _watches[threading.get_ident()]
