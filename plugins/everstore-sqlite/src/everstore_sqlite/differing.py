"""How the files of two sessions differ, on one snapshot; contents are told apart without reading them.

What shares a content is the same; else what has another size is not; else the digests tell. What is small has
none, but is in one row: where all else is the same, SQLite compares these. Only of what an older version
wrote, or of what is damaged, has anything to be read here.
"""

# ruff: noqa: S608 - all SQL here is made of constants

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.models import FileChange, SessionFile
from everstore_sqlite.readers import EVERYTHING, snapshot
from everstore_sqlite.rows import ENTRY, infos, no_entry, read_file

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from threading import Event
    from typing import Any
    from uuid import UUID

    from everstore.models import ChangeKind, FileInfo

__all__ = ["differences"]

_COLUMNS = ENTRY.split(", ")
_A, _B = (", ".join(f"{side}.{column}" for column in _COLUMNS) for side in "ab")
_NOTHING = ", ".join("NULL" for _ in _COLUMNS)
_PATH = "iif(typeof({0}.parent) = 'text' AND typeof({0}.name) = 'text', {0}.parent || {0}.name, NULL)"
_AT = "{0}.session = :{0} AND {0}.parent = {1}.parent AND {0}.name = {1}.name"
# What is damaged on one side only is different, and told when it is looked at; this is for both.
_DAMAGED = "typeof(a.size) <> 'integer' OR a.is_readonly NOT IN (0, 1) OR a.is_directory NOT IN (0, 1)"
_SEEN = "a.is_directory <> b.is_directory OR a.is_readonly <> b.is_readonly OR a.size <> b.size"
_IS_OTHER = "NOT a.is_directory AND ifnull(a.content, a.serial) <> ifnull(b.content, b.serial)"
_UNTOLD = "(typeof(a.digest) <> 'blob' OR typeof(b.digest) <> 'blob')"
_IN_ROW = "typeof({0}.data) = 'blob' AND {0}.is_text IN (0, 1) AND length({0}.data) = a.size"
# NULL where it cannot be told by the rows of the two contents.
_IS_SAME = f"""
    (SELECT x.is_text = y.is_text AND x.data = y.data FROM contents AS x JOIN contents AS y
    WHERE x.serial = ifnull(a.content, a.serial) AND y.serial = ifnull(b.content, b.serial)
        AND {_IN_ROW.format("x")} AND {_IN_ROW.format("y")})
"""
_DIFFERENT = f"""
    SELECT {_PATH.format("a")} AS path, {_A}, {_B},
        b.session IS NOT NULL AND NOT ({_SEEN}) AND {_UNTOLD} AND {_IS_SAME} IS NULL
    FROM entries AS a LEFT JOIN entries AS b ON {_AT.format("b", "a")}
    WHERE a.session = :a AND (b.session IS NULL OR {_DAMAGED} OR {_SEEN}
        OR ({_IS_OTHER} AND iif({_UNTOLD}, {_IS_SAME} IS NOT 1, a.digest <> b.digest)))
    UNION ALL SELECT {_PATH.format("b")}, {_NOTHING}, {_B}, 0 FROM entries AS b
    WHERE b.session = :b AND NOT EXISTS (SELECT 1 FROM entries AS a WHERE {_AT.format("a", "b")})
    ORDER BY path
"""


def differences(
    connection: sqlite3.Connection, unwanted: Event, a: UUID, b: UUID, after: str | None, limit: int | None
) -> list[FileChange]:
    """``diff_sessions`` of files."""
    found: list[FileChange] = []
    with snapshot(connection):
        for change in _all_of(connection, a, b):
            if unwanted.is_set() or (limit is not None and len(found) >= limit):
                break
            if after is None or change.path > after:
                found.append(change)
    return found


def _all_of(connection: sqlite3.Connection, a: UUID, b: UUID) -> Iterator[FileChange]:
    # All at once: a statement that an error leaves half read would hold its snapshot as long as the error is.
    rows = connection.execute(_DIFFERENT, {"a": a.bytes, "b": b.bytes}).fetchall()
    for path, *columns, is_untold in rows:
        if path is None:
            raise no_entry("/")
        before = _info(a, path, columns[: len(_COLUMNS)])
        now = _info(b, path, columns[len(_COLUMNS) :])
        if not is_untold or _content(connection, a, path) != _content(connection, b, path):
            kind: ChangeKind = "added" if before is None else "removed" if now is None else "changed"
            yield FileChange(path, kind, before, now)


def _info(session_id: UUID, path: str, columns: Sequence[Any]) -> FileInfo | None:
    """The entry on one side; ``None`` where there is none."""
    if columns == [None] * len(_COLUMNS):
        return None
    return infos(session_id, [(path, *columns)])[0]


def _content(connection: sqlite3.Connection, session_id: UUID, path: str) -> tuple[str, bytes | None] | None:
    file = read_file(connection, EVERYTHING, session_id, path)
    return (file.encoding, file.data) if isinstance(file, SessionFile) else None
