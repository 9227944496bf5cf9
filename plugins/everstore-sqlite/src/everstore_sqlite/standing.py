"""Whether the files of an open database are still the ones that were opened.

SQLite goes on writing to a file that was deleted, moved or replaced, and two processes that disagree
about ``-shm`` write over each other. So the identity (device and inode) of the database, its log ``-wal``
and its shared memory ``-shm`` is looked at before every acknowledgement, at 4 us, and once a millisecond
by reads and before a commit. SQLite itself removes neither log nor shared memory while anybody has the
database open, and never replaces one.

Nothing here opens a file that this process has open: closing it again would drop its locks on it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from os import stat
from pathlib import Path
from typing import TYPE_CHECKING

from everstore.errors import DataDamagedError, StorageReplacedError
from everstore_sqlite.failures import translated
from everstore_sqlite.stale import may_have_log

if TYPE_CHECKING:
    from everstore.errors import EverstoreError

__all__ = ["Files"]

_PERIOD = 0.001  # seconds between two looks by reads

_Identity = tuple[int, ...]


class Files:
    """The database, its log and its shared memory, by their places."""

    def __init__(self, path: Path) -> None:
        """``path`` is absolute; SQLite keeps what belongs to a link's target beside the target."""
        real = os.path.realpath(path)
        self.database = path
        self.log = Path(f"{real}-wal")
        self.memory = Path(f"{real}-shm")
        self.all = (self.database, self.log, self.memory)
        self.is_immutable = False
        """Opened as a file that nobody changes: then its size and time of change are looked at, too."""
        self._known: list[_Identity | None] = [None] * 3
        self._places = [str(path) for path in self.all]
        self.next_look = 0.0
        """When reads look again, by ``time.monotonic``."""
        self._reason: str | None = None

    def stale_log(self) -> str | None:
        """Why the log beside the database must be another one's; ``None`` when nothing says so.

        What everstore's own backups say of themselves does, and so does an empty file. SQLite would play
        the log into the file all the same, or throw away what it holds.
        """
        with _opening:  # nobody here opens the database while its file is looked into
            try:
                if self.is_open_here() or not self.log.stat().st_size or may_have_log(self.database):
                    return None
            except OSError:  # whoever opens it is told
                return None
        return (
            f"{self._places[0]!r} was put in the place of another database, whose log {str(self.log)!r} was"
            " left behind and would damage it: put a backup there with 'everstore restore FILE', or move the"
            " log away if nothing that it holds is missed"
        )

    def is_open_here(self) -> bool:
        """Whether a store of this process has the database open, or is opening it."""
        identity = self._identity(self._places[0])
        return identity in [*_open_here.values()]

    def let_go(self) -> None:
        """No connection is open any more."""
        with _opening:
            _open_here.pop(id(self), None)

    def note_database(self) -> None:
        """Remember which file the database is, before it is opened."""
        with _opening:
            self._known[0] = self._identity(self._places[0])
            _open_here[id(self)] = self._known[0]

    def note_all(self) -> None:
        """Remember the files beside it, once they are there; the database must be the one noted."""
        self._known[1:] = [self._identity(place) for place in self._places[1:]]
        self.require()

    def require(self) -> None:
        """``StorageReplacedError`` unless the files are those that were opened; once wrong, always wrong."""
        if self._reason is None:
            if [*map(self._identity, self._places)] != self._known:
                for position, known in enumerate(self._known):
                    self._look(position, known)
            self.next_look = time.monotonic() + _PERIOD if self._reason is None else 0.0
        if self._reason is not None:
            raise StorageReplacedError(self._reason, backend="sqlite", path=self._places[0])

    def require_soon(self) -> None:
        """The same, if a millisecond has passed since the last look."""
        if time.monotonic() >= self.next_look:
            self.require()

    def are_in_place(self) -> bool:
        """Whether ``require`` would pass."""
        try:
            self.require()
        except StorageReplacedError:
            return False
        return True

    def explained(
        self, error: Exception, max_bytes: int | None = None, *, is_committing: bool = False
    ) -> EverstoreError:
        """The error that a caller sees; what SQLite says of files that were replaced is no damage."""
        if isinstance(error, (sqlite3.Error, DataDamagedError)):
            try:
                self.require()
            except StorageReplacedError as replaced:
                replaced.__cause__ = error
                return replaced
        return translated(error, max_bytes, is_committing=is_committing)

    def _look(self, position: int, known: _Identity | None) -> None:
        found = self._identity(self._places[position])
        if found == known:
            return
        if known is None and not self.is_immutable:
            # A file without a log was opened for reading only, and another process began one.
            self._known[position] = found
            return
        what = "is another one now"
        if found is None:
            what = "is gone, or cannot be looked at any more"
        elif known is None:
            what = "appeared"
        elif found[:2] == known[:2]:
            what = "was changed, though nobody was to"
        self._reason = (
            f"{self._places[position]!r} {what}, while the database was open: nothing is read from it or"
            " acknowledged any more; close the store, see to the file, and open the store again"
        )

    def _identity(self, place: str) -> _Identity | None:
        try:
            found = stat(place)  # noqa: PTH116 - half the price of Path.stat
        except OSError:
            return None
        if self.is_immutable:
            return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
        return found.st_dev, found.st_ino


_open_here: dict[int, _Identity | None] = {}
_opening = threading.Lock()


def _begin_process() -> None:
    global _opening  # noqa: PLW0603 - a thread that opened a store may have held it at the fork
    _opening = threading.Lock()
    _open_here.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_process)
