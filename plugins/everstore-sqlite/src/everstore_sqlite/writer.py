"""The one writer: group commit.

Calls that wait at the same time share one transaction, one COMMIT and so one fsync; none is answered
before it. Still each fails or succeeds on its own. A call that fails before it changed anything, as
every refusal does, is simply left out. Should one fail after, the transaction is rolled back and made
again with a savepoint around each call; should the transaction itself be lost (the disk is full,
say), each call gets one of its own, so that only those fail that cannot succeed.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from contextlib import suppress
from queue import Empty
from typing import TYPE_CHECKING

from everstore.compat import override
from everstore.errors import StorageReplacedError
from everstore.workers import Worker, deliver
from everstore_sqlite.failures import is_busy
from everstore_sqlite.own_limits import OwnLimits
from everstore_sqlite.schema import require_unchanged
from everstore_sqlite.usage import Usages

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.errors import EverstoreError
    from everstore.workers import Call, Outcome
    from everstore_sqlite.readers import Direct
    from everstore_sqlite.standing import Files

__all__ = ["Transaction", "Writer", "patiently"]

_LARGEST = (1 << 63) - 1
_LONGEST_PAUSE = 0.01  # seconds between two attempts to get the lock
_GAP = 0.02  # seconds between two chores, so that other processes get the lock, too
_LONGEST_NAP = 1.0  # seconds between two looks at whether there are chores


def patiently(step: Callable[[], object], timeout: float) -> None:
    """Try a step again while somebody else holds the lock, for at most ``timeout`` seconds.

    SQLite's own waiting backs off to a tenth of a second, and whoever does that next to a busy
    writer hardly ever gets its turn. Short random pauses are fair.
    """
    until = time.monotonic() + timeout
    pause = 0.0002
    while True:
        try:
            step()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= until:
                raise
        else:
            return
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - fairness needs no secret
        pause = min(pause * 2, _LONGEST_PAUSE)


class Transaction:
    """What a writing call gets: the connection within a transaction, and versions.

    A version is one that the database never gave out and never will: those of a transaction follow on a
    random number of 63 bits. What counted on from what the file holds would, in a file restored from a
    backup, give out again what the lost one had given out.
    """

    __slots__ = ("_version", "connection", "directories", "execute", "is_swept", "own_limits", "usages")

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Begun already: nobody else writes."""
        self.connection = connection
        self.execute = connection.execute
        self._version = int.from_bytes(os.urandom(8)) >> 1
        self.usages = Usages(connection)
        self.own_limits = OwnLimits(connection)
        self.directories: set[tuple[bytes, str]] = set()
        """Directories (by session and path) that are there; to be cleared when anything is taken away."""
        self.is_swept = False
        """Whether what is past its time was looked for."""

    @property
    def changes(self) -> int:
        """How much was changed so far; the same number twice means that nothing was in between."""
        return self.usages.changes + self.connection.total_changes

    def version(self) -> int:
        """The next version."""
        self._version = self._version + 1 & _LARGEST
        return self._version

    def finish(self) -> None:
        """Write what was kept back; then all is ready for COMMIT."""
        self.usages.write()


class _TornError(Exception):
    """A call failed half done, next to others in its transaction."""


class Writer(Worker):
    """The thread that writes."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        files: Files,
        keeper: Direct,
        busy_timeout: float,
        max_bytes: int | None,
        chore: Callable[[sqlite3.Connection], bool] | None = None,
    ) -> None:
        """``connection`` is the writer's own from now on, with a busy time-out of 0: it waits here.

        ``keeper`` is to be closed last where the files are not in place any more, else before.
        ``chore`` does a little within a transaction while no call waits, and tells whether there
        is more to do.
        """
        super().__init__("sqlite", "writer")
        self._chore = chore
        self._files = files
        self._keeper = keeper
        self._connection = connection
        self._busy_timeout = busy_timeout
        self._max_bytes = max_bytes
        self._is_committing = False

    @override
    def _serve(self, batch: list[Call]) -> None:
        deliver(self._outcomes(batch))

    @override
    def _next(self) -> Call | None:
        if self._chore is None:
            return super()._next()
        while True:
            # Not for ever: somebody else may leave work for pauses, too.
            more = not self.pending and self._use_pause(self._chore)
            with suppress(Empty):
                return self._queue.get(timeout=_GAP if more else _LONGEST_NAP)

    def _use_pause(self, chore: Callable[[sqlite3.Connection], bool]) -> bool:
        """Do a little; whether there is more to do."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")  # or not: whoever else writes goes first
            require_unchanged(self._connection)
            more = chore(self._connection)
            self._files.require()
            self._connection.execute("COMMIT")
        except (sqlite3.Error, StorageReplacedError) as error:  # the next pause has another go
            self._roll_back()
            return is_busy(error)
        return more

    def _outcomes(self, calls: list[Call]) -> list[Outcome]:
        """Each call's outcome, once all is committed."""
        for step in (self._plainly, self._on_savepoint):
            try:
                return self._together(calls, step)
            except _TornError:
                self._roll_back()
            except Exception as error:  # noqa: BLE001 - whatever it is, the callers get it
                self._roll_back()
                # By itself, each would wait for the lock as long, or find the same files missing.
                if len(calls) == 1 or is_busy(error) or not self._files.are_in_place():
                    return [(call, None, self._told(error)) for call in calls]
                break
        return [outcome for call in calls for outcome in self._outcomes([call])]

    def _together(self, calls: list[Call], step: Callable[[Transaction, Call], Outcome]) -> list[Outcome]:
        self._is_committing = False
        patiently(lambda: self._connection.execute("BEGIN IMMEDIATE"), self._busy_timeout)
        require_unchanged(self._connection)
        transaction = Transaction(self._connection)
        # Not before the lock is there: until then, who gives up waiting has not called.
        outcomes = [step(transaction, call) for call in calls if call.begin()]
        transaction.finish()
        self._files.require_soon()  # or a commit could do harm to what is there instead
        self._is_committing = True
        self._connection.execute("COMMIT")
        self._files.require()  # or it would be acknowledged though it is lost
        return outcomes

    def _plainly(self, transaction: Transaction, call: Call) -> Outcome:
        before = transaction.changes
        try:
            return call, call.run(transaction), None
        except Exception as error:
            if transaction.changes != before or not self._connection.in_transaction:
                raise _TornError from error
            return call, None, self._told(error)

    def _on_savepoint(self, transaction: Transaction, call: Call) -> Outcome:
        transaction.execute("SAVEPOINT call")
        try:
            answer = call.run(transaction)
            transaction.usages.write()
        except Exception as error:
            if not self._connection.in_transaction:  # SQLite rolled back everything
                raise
            transaction.execute("ROLLBACK TO call")
            transaction.execute("RELEASE call")
            transaction.usages.forget()
            transaction.own_limits.forget()
            transaction.directories.clear()
            return call, None, self._told(error)
        transaction.execute("RELEASE call")
        return call, answer, None

    def _told(self, error: Exception) -> EverstoreError:
        return self._files.explained(error, self._max_bytes, is_committing=self._is_committing)

    @override
    def _recover(self) -> None:
        self._roll_back()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    @override
    def _release(self) -> None:
        # The last connection to be closed moves the log into the database and removes it, by its name. While
        # the keeper is open, which cannot do that, this one is not the last: other files are left alone.
        if self._files.are_in_place():
            self._keeper.close()
        self._connection.close()
