"""Searching a session, on a reader's thread and on one snapshot.

Which files are candidates is found first, from their places alone. Then contents are read in
batches, in order of the paths, and SQLite itself passes over those that do not hold the literal
(outside the interpreter's lock, so that the event loop goes on). Lines are matched by core's engine.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from everstore_sqlite import index
from everstore_sqlite.readers import snapshot
from everstore_sqlite.rows import ENTRY, content_at, infos, no_entry
from everstore_sqlite.usage import SLOT_BITS

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

_SUMS = "SELECT count(*), sum(length(data)) FROM contents WHERE serial BETWEEN ? AND ?"

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
    with snapshot(connection):
        some = index.candidates(connection, session_id, query.literal) if indexed else None
        top = query.selects.top
        files = _sound(_within(connection, _FILES, session_id, top) if some is None else some)
        is_whole = some is None and top == "/" and _is_whole(connection, files)
        selects = query.selects
        chosen = sorted(files if selects.is_all else (file for file in files if selects(file[0])))
        for path, text in _texts(connection, chosen, query.literal, is_whole=is_whole):
            if query.add_now(path, text, unwanted) or unwanted.is_set():
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


def _sound(files: Iterable[_Candidate]) -> list[_Candidate]:
    """The files; ``DataDamagedError`` for one that is none."""
    files = list(files)
    try:
        msgspec.convert(files, list[_Candidate])
    except msgspec.ValidationError:
        for path, serial, size in files:
            if not type(serial) is type(size) is int:
                raise no_entry(path) from None
        raise
    return files


def _texts(
    connection: sqlite3.Connection, candidates: list[_Candidate], literal: str | None, *, is_whole: bool
) -> Iterator[tuple[str, str]]:
    """The texts among the candidates, in their order, without those that do not hold the literal."""
    wanted, arguments = "is_text IS NOT 0", []
    if literal:
        wanted, arguments = f"{wanted} AND instr(data, ?) IS NOT 0", [literal.encode()]
    for batch in _batches(candidates):
        if not is_whole:
            _require_contents(connection, batch)
        places = {serial: (path, size) for path, serial, size in batch}
        if len(places) < len(batch):  # what several have would be found in one of them only
            raise next(no_entry(path) for path, serial, _ in batch if places[serial][0] != path)
        marks = ", ".join("?" * len(batch))
        sql = f"""
            SELECT serial, is_text, iif(typeof(data) = 'blob', data, NULL) FROM contents
            WHERE serial IN ({marks}) AND {wanted}
        """  # noqa: S608 - made of constants and marks
        rows = connection.execute(sql, (*places, *arguments))
        found = sorted((*places[serial], is_text, data) for serial, is_text, data in rows)
        for path, size, is_text, data in found:
            text, _ = content_at(path, size, is_text, data)
            if isinstance(text, str):
                yield path, text


def _is_whole(connection: sqlite3.Connection, files: list[_Candidate]) -> bool:
    """Whether every file of a session has a content of its size, as far as their sums tell.

    Their serials are one range, so that this costs next to nothing.
    """
    if not files:
        return True
    slot = files[0][1] >> SLOT_BITS << SLOT_BITS
    range_ = slot, slot | (1 << SLOT_BITS) - 1
    count, size = connection.execute(_SUMS, range_).fetchone()
    return bool(count == len(files) and size == sum([size for _, _, size in files]))


def _require_contents(connection: sqlite3.Connection, batch: list[_Candidate]) -> None:
    """``DataDamagedError`` for a file without its content: it must not pass for one without a match."""
    marks = ", ".join("?" * len(batch))
    sql = f"SELECT serial, is_text, length(data) FROM contents WHERE serial IN ({marks})"  # noqa: S608 - marks
    found = {row[0]: row[1:] for row in connection.execute(sql, [serial for _, serial, _ in batch])}
    for path, serial, size in batch:
        is_text, length = found.get(serial, (None, None))
        if length != size:
            content_at(path, size, is_text, None)


def _batches(candidates: list[_Candidate]) -> Iterator[list[_Candidate]]:
    """Some files or some MiB at a time, whatever is less, but at least one file."""
    batch: list[_Candidate] = []
    size = 0
    for candidate in candidates:
        if batch and (len(batch) == _BATCH_FILES or size + candidate[2] > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(candidate)
        size += candidate[2]
    if batch:
        yield batch
