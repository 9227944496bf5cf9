"""What each session's tree holds: entries ever made, files and bytes, and the session's slot.

Within a transaction the row of a session is read once and written once, however many of the group's
calls change it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from everstore_sqlite.contents import CONTENT
from everstore_sqlite.failures import damaged_file

if TYPE_CHECKING:
    import sqlite3

__all__ = ["SLOT_BITS", "Usage", "Usages"]

SLOT_BITS = 32
"""The lower bits of a serial: how many entries a session may ever have had."""


class Usage(msgspec.Struct, gc=False):
    """A row of ``trees``: the session's slot, the last serial in it, files, their bytes, directories."""

    slot: int
    last: int
    files: int
    bytes: int
    directories: int


_GET = "SELECT slot, last, files, bytes, directories FROM trees WHERE session = ?"
_NEXT_SLOT = "UPDATE counters SET slot = slot + 1 WHERE typeof(slot) = 'integer' RETURNING slot"
_RECOUNT = """
    SELECT sum(is_directory IS 0), sum(iif(is_directory IS 0 AND typeof(size) = 'integer', size, 0)),
        sum(is_directory IS NOT 0)
    FROM entries WHERE session = ?
"""
_ORIGINS = f"INSERT OR IGNORE INTO origins SELECT session, {CONTENT} >> ? FROM entries WHERE session = ?"  # noqa: S608 - constants


class Usages:
    """The rows of ``trees`` that a transaction looked at."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Nothing looked at yet."""
        self._connection = connection
        self._known: dict[bytes, Usage] = {}
        self._changed: set[bytes] = set()
        self.changes = 0
        """How often anything was changed here; what fails after a change has to be undone."""

    def get(self, session: bytes) -> Usage | None:
        """A session's row; ``None`` while it never had an entry."""
        usage = self._known.get(session)
        if usage is None:
            row = self._connection.execute(_GET, (session,)).fetchone()
            if row is None or {*map(type, row)} != {int}:  # lost, or damaged: or there never was one
                return self.recount(session)
            usage = self._known[session] = Usage(*row)
        return usage

    def recount(self, session: bytes) -> Usage | None:
        """Count a session's tree anew, because its row or an entry was damaged; ``None`` when it is empty.

        Where it is not known what numbers the session gave out, it gets a new slot to give them out from.
        """
        files, *counted = self._connection.execute(_RECOUNT, (session,)).fetchone()
        if files is None:
            return None
        known = self._known.get(session)
        place = (self._next_slot(), 0) if known is None else (known.slot, known.last)
        if known is None:
            self._connection.execute(_ORIGINS, (SLOT_BITS, session))
        usage = self._known[session] = Usage(*place, files, *counted)
        self._changed.add(session)
        self.changes += 1
        return usage

    def new_serial(self, session: bytes) -> int:
        """A serial that no entry of the session has had."""
        usage = self._known.get(session) or self._made(session)
        usage.last += 1
        self._changed.add(session)
        self.changes += 1
        return usage.slot << SLOT_BITS | usage.last

    def count(self, session: bytes, files: int, size: int, directories: int = 0) -> None:
        """Count what was added to a tree, or, below 0, taken."""
        usage = self._known.get(session) or self._made(session)
        usage.files += files
        usage.bytes += size
        usage.directories += directories
        self._changed.add(session)
        self.changes += 1

    def _made(self, session: bytes) -> Usage:
        """The session's row, which is made when there is none."""
        usage = self.get(session)
        if usage is None:
            usage = self._known[session] = Usage(self._next_slot(), 0, 0, 0, 0)
        return usage

    def _next_slot(self) -> int:
        row = self._connection.execute(_NEXT_SLOT).fetchone()
        if row is None:
            raise damaged_file("its counters are missing")
        slot: int = row[0]
        return slot

    def remove(self, session: bytes) -> None:
        """Remove a session's row."""
        self._connection.execute("DELETE FROM trees WHERE session = ?", (session,))
        self._connection.execute("DELETE FROM origins WHERE session = ?", (session,))
        self._known.pop(session, None)
        self._changed.discard(session)
        self.changes += 1

    def write(self) -> None:
        """Write the rows that changed."""
        if self._changed:
            rows = [(session, *msgspec.structs.astuple(self._known[session])) for session in self._changed]
            self._connection.executemany("REPLACE INTO trees VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._changed.clear()

    def forget(self) -> None:
        """Drop what was not written: the call that it was for is undone."""
        self._known.clear()
        self._changed.clear()
