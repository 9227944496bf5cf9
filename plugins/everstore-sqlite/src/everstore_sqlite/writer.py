"""The one writer: group commit.

Calls that wait at the same time share one transaction, one COMMIT and so one fsync. Each runs on a
savepoint of its own, so that one that fails takes nothing of the others with it; none is answered
before the COMMIT. When a transaction is lost as a whole (the disk is full, say), its calls are
made again one by one, so that only those fail that cannot succeed.
"""

from __future__ import annotations

import random
import sqlite3
import time
from typing import TYPE_CHECKING

from everstore_sqlite.failures import is_busy, translated
from everstore_sqlite.workers import Worker, deliver

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.errors import EverstoreError
    from everstore_sqlite.workers import Call, Outcome

__all__ = ["Transaction", "Writer", "patiently"]

_LONGEST_PAUSE = 0.01  # seconds between two attempts to get the lock


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

    A version is greater than any that the database ever gave out, whatever was deleted since, and
    whoever gave it out.
    """

    __slots__ = ("_first", "_version", "connection", "execute")

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Begun already: nobody else writes."""
        self.connection = connection
        self.execute = connection.execute
        (self._version,) = self.execute("SELECT version FROM counters").fetchone()
        self._first = self._version

    def version(self) -> int:
        """The next version."""
        self._version += 1
        return self._version

    def finish(self) -> None:
        """Keep the versions given out from ever being given out again, and commit."""
        if self._version != self._first:
            self.execute("UPDATE counters SET version = ?", (self._version,))
        self.execute("COMMIT")


class Writer(Worker):
    """The thread that writes."""

    def __init__(self, connection: sqlite3.Connection, busy_timeout: float, max_bytes: int | None) -> None:
        """``connection`` is the writer's own from now on, with a busy time-out of 0: it waits here."""
        super().__init__("everstore-sqlite-writer")
        self._connection = connection
        self._busy_timeout = busy_timeout
        self._max_bytes = max_bytes

    def _serve(self, batch: list[Call]) -> None:
        deliver(self._outcomes([call for call in batch if not call.future.cancelled()]))

    def _outcomes(self, calls: list[Call]) -> list[Outcome]:
        """Make the calls in one transaction; in one each, if that one cannot be committed."""
        try:
            return self._together(calls)
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers get it
            self._roll_back()
            if len(calls) == 1:
                return [(calls[0], None, self._told(error))]
            if is_busy(error):  # waited for in vain; each call by itself would wait as long
                return [(call, None, self._told(error)) for call in calls]
        return [outcome for call in calls for outcome in self._outcomes([call])]

    def _together(self, calls: list[Call]) -> list[Outcome]:
        if not calls:
            return []
        patiently(lambda: self._connection.execute("BEGIN IMMEDIATE"), self._busy_timeout)
        transaction = Transaction(self._connection)
        if len(calls) == 1:
            outcomes: list[Outcome] = [(calls[0], calls[0].run(transaction), None)]
        else:
            outcomes = [self._on_savepoint(transaction, call) for call in calls]
        transaction.finish()
        return outcomes

    def _on_savepoint(self, transaction: Transaction, call: Call) -> Outcome:
        execute = transaction.execute
        execute("SAVEPOINT call")
        try:
            answer = call.run(transaction)
        except Exception as error:
            if not self._connection.in_transaction:  # SQLite rolled back everything
                raise
            execute("ROLLBACK TO call")
            execute("RELEASE call")
            return call, None, self._told(error)
        execute("RELEASE call")
        return call, answer, None

    def _told(self, error: Exception) -> EverstoreError:
        return translated(error, self._max_bytes)

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _release(self) -> None:
        self._connection.close()
