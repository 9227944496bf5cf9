"""Which processes have files open that are not a database's any more, as Linux tells it.

Other systems say nothing, and then neither does this; nor does it tell of processes that the system hides.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_held", "taken_away"]

_PROCESSES = Path("/proc")
_SHARED = "1073741826"  # the first byte that every open connection locks in the database
_IN_USE = "128"  # and in the -shm


def taken_away(path: Path) -> Iterator[str]:
    """Processes that have another database, or another log, open under this name, a line each."""
    removed = _holders_of_removed(path)
    yield from (
        f"process {process} has a database open that was removed from {str(path)!r}: end that process"
        for process in sorted(removed)
    )
    for pause in (0.0, 0.05, 0.2):  # who is just opening has locked one of the two
        time.sleep(pause)
        database = _lockers(path, _SHARED)
        shared_memory = _lockers(Path(f"{path}-shm"), _IN_USE)
        if database == shared_memory:
            return
    for process in sorted(shared_memory - database - removed):
        yield f"process {process} writes to a database that {str(path)!r} replaced: what it writes is lost"
    for process in sorted(database - shared_memory):
        yield f"the -wal or -shm of {str(path)!r} was removed while process {process} had it open: stop that"


def is_held(path: Path) -> bool:
    """Whether a process has the database open."""
    return bool(_lockers(path, _SHARED))


def _holders_of_removed(path: Path) -> set[str]:
    """The processes that have open what stood at this path when it was removed, or replaced."""
    wanted = f"{path} (deleted)"
    found = set()
    for process in _names_in(_PROCESSES):
        handles = _PROCESSES / process / "fd"
        if process.isdigit() and any(_target_of(handles / name) == wanted for name in _names_in(handles)):
            found.add(process)
    return found


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are all that is wanted of thousands
    except OSError:  # a process that ended, or is somebody else's
        return []


def _target_of(link: Path) -> str:
    with suppress(OSError):
        return os.readlink(link)  # noqa: PTH115 - no file's path any more
    return ""


def _lockers(path: Path, start: str) -> set[str]:
    try:
        inode = str(path.stat().st_ino)
        lines = (_PROCESSES / "locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return set()
    found = set()
    for line in lines:
        fields = line.split()  # 1: POSIX ADVISORY READ 4711 08:01:131099 1073741826 1073742335
        if len(fields) == 8 and fields[5].rpartition(":")[2] == inode and fields[6] == start:
            found.add(fields[4])
    return found
