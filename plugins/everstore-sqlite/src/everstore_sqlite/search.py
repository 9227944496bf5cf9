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
from everstore_sqlite.contents import CONTENT, INLINE_BYTES, holds, is_in_chunks, whole_of
from everstore_sqlite.readers import snapshot
from everstore_sqlite.rows import ENTRY, content_at, infos, no_entry
from everstore_sqlite.shares import is_shared

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

_FILES = f"SELECT parent || name, {CONTENT}, size FROM entries WHERE session = ? AND is_directory IS NOT 1"  # noqa: S608 - constants
_INFOS = f"SELECT parent || name, {ENTRY} FROM entries WHERE session = ? AND is_directory IS NOT 1"  # noqa: S608 - constants
_AT = " AND parent = ? AND name = ?"
_BELOW = " AND parent >= ? AND parent < ?"

# In the order of their numbers, which is the order in the file.
_SOUND = f"""
    SELECT count(*) FROM (SELECT {CONTENT} AS number, size FROM entries WHERE session = ? AND is_directory = 0
    ORDER BY number) JOIN contents ON serial = number WHERE length(data) = size
"""  # noqa: S608 - constants

_Candidate = tuple[str, int, int]  # path, content, size


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
        is_whole = some is None and top == "/" and _is_whole(connection, session_id, files)
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
        for path, content, size in files:
            if not type(content) is type(size) is int:
                raise no_entry(path) from None
        raise
    return files


def _texts(
    connection: sqlite3.Connection, candidates: list[_Candidate], literal: str | None, *, is_whole: bool
) -> Iterator[tuple[str, str]]:
    """The texts among the candidates, in their order, without those that do not hold the literal."""
    wanted, arguments = "is_text IS NOT 0", []
    if literal:
        # Of a text in chunks this tells nothing; what is in its own row is no longer than this.
        wanted = f"{wanted} AND (instr(data, ?) IS NOT 0 OR length(data) = 0)"
        arguments = [literal.encode()]
    for batch in _batches(candidates):
        if not is_whole:
            _require_contents(connection, batch)
        places: dict[int, list[tuple[str, int]]] = {}
        for path, content, size in batch:
            places.setdefault(content, []).append((path, size))
        if len(places) < len(batch):
            _require_shares(connection, places)
        marks = ", ".join("?" * len(places))
        sql = f"""
            SELECT serial, is_text, iif(typeof(data) = 'blob', data, NULL) FROM contents
            WHERE serial IN ({marks}) AND {wanted}
        """  # noqa: S608 - made of constants and marks
        rows = connection.execute(sql, (*places, *arguments))
        found = [(*place, content, *row) for content, *row in rows for place in places[content]]
        for path, size, content, is_text, data in sorted(found):
            whole = _large(connection, path, content, size, literal) if is_in_chunks(size, data) else data
            if whole == b"" and size:
                continue
            text, _ = content_at(path, size, is_text, whole)
            if isinstance(text, str):
                yield path, text


def _large(connection: sqlite3.Connection, path: str, content: int, size: int, literal: str | None) -> bytes:
    """The bytes of a content in chunks; ``b""`` where they do not hold the literal."""
    if literal and not holds(connection, path, content, size, literal.encode()):
        return b""
    return whole_of(connection, path, content, size)


def _is_whole(connection: sqlite3.Connection, session_id: UUID, files: list[_Candidate]) -> bool:
    """Whether every file of a session has a content of its size in its own row."""
    return bool(connection.execute(_SOUND, (session_id.bytes,)).fetchone()[0] == len(files))


def _require_contents(connection: sqlite3.Connection, batch: list[_Candidate]) -> None:
    """``DataDamagedError`` for a file without its content: it must not pass for one without a match."""
    marks = ", ".join("?" * len(batch))
    sql = f"SELECT serial, is_text, length(data) FROM contents WHERE serial IN ({marks})"  # noqa: S608 - marks
    found = {row[0]: row[1:] for row in connection.execute(sql, [content for _, content, _ in batch])}
    for path, content, size in batch:
        is_text, length = found.get(content, (None, None))
        if length != size and not (length == 0 and size > INLINE_BYTES):
            content_at(path, size, is_text, None)


def _require_shares(connection: sqlite3.Connection, places: dict[int, list[tuple[str, int]]]) -> None:
    """``DataDamagedError`` where several files have a content that is not counted as shared."""
    for content, files in places.items():
        if len(files) > 1 and not is_shared(connection, content):
            raise no_entry(files[-1][0])


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
