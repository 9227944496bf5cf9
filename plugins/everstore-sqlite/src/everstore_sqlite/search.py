"""Searching a session, on a reader's thread and on one snapshot.

Which files are candidates is found first, from their places alone. Then contents are read in
batches, in order of the paths, and SQLite itself passes over those that do not hold the literal
(outside the interpreter's lock, so that the event loop goes on). Lines are matched by core's engine.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

from everstore_sqlite import index
from everstore_sqlite.rows import ENTRY, content_at, infos, no_entry

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from threading import Event
    from uuid import UUID

    from everstore.globs import Selection
    from everstore.models import FileInfo, GrepMatch
    from everstore.search import Query

__all__ = ["glob", "grep"]

_BATCH_FILES = 256
_BATCH_BYTES = 4 << 20

_FILES = "SELECT parent || name, serial, size FROM entries WHERE session = ? AND is_directory IS NOT 1"
_INFOS = f"SELECT parent || name, {ENTRY} FROM entries WHERE session = ? AND is_directory IS NOT 1"  # noqa: S608 - constants
_AT = " AND parent = ? AND name = ?"
_BELOW = " AND parent >= ? AND parent < ?"

_BYTES = "iif(typeof(data) = 'blob', data, '')"  # damaged, it is no reason to leave the file out

_Candidate = tuple[str, int, int]  # path, serial, size


def glob(
    connection: sqlite3.Connection, unwanted: Event, session_id: UUID, selects: Selection
) -> list[FileInfo]:
    """``glob_files``."""
    found = []
    for row in _within(connection, _INFOS, session_id, selects.top):
        if unwanted.is_set():
            break
        if selects(row[0]):
            found.append(row)
    return infos(session_id, sorted(found))


def grep(
    connection: sqlite3.Connection, unwanted: Event, session_id: UUID, query: Query, *, indexed: bool
) -> list[GrepMatch]:
    """``grep_files``; with ``indexed``, the search index says which files to read, where it can."""
    with _snapshot(connection):
        files: Iterable[_Candidate] | None = None
        if indexed:
            files = index.candidates(connection, session_id, query.literal)
        if files is None:
            files = _within(connection, _FILES, session_id, query.selects.top)
        chosen = sorted(file for file in files if query.selects(file[0]))
        for path, text in _texts(connection, chosen, query.literal):
            if query.add_now(path, text) or unwanted.is_set():
                break
    return query.matches


def _within(connection: sqlite3.Connection, sql: str, session_id: UUID, top: str) -> Iterable[Any]:
    """The rows of the files at a path and below it, which are all where it is the root."""
    if top == "/":
        return connection.execute(sql, (session_id.bytes,))
    parent, _, name = top.rpartition("/")
    return chain(
        connection.execute(sql + _AT, (session_id.bytes, f"{parent}/", name)),
        connection.execute(sql + _BELOW, (session_id.bytes, f"{top}/", f"{top}0")),
    )


def _texts(
    connection: sqlite3.Connection, candidates: list[_Candidate], literal: str | None
) -> Iterator[tuple[str, str]]:
    """The texts among the candidates, in their order, without those that do not hold the literal."""
    unwanted, arguments = "is_text IS 0", []
    if literal:
        unwanted, arguments = "is_text IS 0 OR is_text IS 1 AND instr(data, ?) IS 0", [literal.encode()]
    for batch in _batches(candidates):
        marks = ", ".join("?" * len(batch))
        sql = f"""
            SELECT serial, is_text, length(data), iif({unwanted}, NULL, {_BYTES}) FROM contents
            WHERE serial IN ({marks})
        """  # noqa: S608 - made of constants and marks
        serials = [serial for _, serial, _ in batch]
        rows = connection.execute(sql, (*arguments, *serials))
        found = {serial: rest for serial, *rest in rows}
        for path, serial, size in batch:
            # Every file answers: one whose content is missing must not pass for one without a match.
            is_text, length, data = found.get(serial, (None, None, None))
            if data is not None or length != size:
                yield path, content_at(path, size, is_text, data)[0]


def _batches(candidates: list[_Candidate]) -> Iterator[list[_Candidate]]:
    """Some files or some MiB at a time, whatever is less, but at least one file."""
    batch: list[_Candidate] = []
    size = 0
    for candidate in candidates:
        path, serial, more = candidate
        if not type(serial) is type(more) is int:
            raise no_entry(path)
        if batch and (len(batch) == _BATCH_FILES or size + more > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(candidate)
        size += more
    if batch:
        yield batch


@contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Several statements that see one state of the database."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
