"""A session's files: how paths are named in the map, and what rows of them say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.content import content_of
from everstore.engine.keys import ENTRIES
from everstore.engine.rows import DIRECTORY, READONLY, TEXT, Row, Rows
from everstore.models import FileInfo, FileStat, file_of, span_within

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from everstore.engine.base import Engine, Transaction
    from everstore.models import Encoding, SessionFile

__all__ = ["Entries"]

_SEARCHED_AT_ONCE = 1 << 18  # bytes, for the interpreter's lock is held meanwhile


class Entries:
    """One session's files within a transaction: what looks at them."""

    def __init__(self, transaction: Transaction, engine: Engine, session_id: UUID) -> None:
        """Made for one call."""
        self.session_id = session_id
        self.rows = Rows(transaction, engine, ENTRIES, session_id, "path")

    def name(self, path: str) -> bytes:
        """The name of a row: what leads to the entry, NUL, and its own name.

        So what is in a directory follows on one another, and what is below it does.
        """
        cut = path.rindex("/") + 1
        return f"{path[:cut]}\0{path[cut:]}".encode()

    def row(self, path: str) -> Row | None:
        """The row of an entry; the root has none."""
        return self.rows.get(self.name(path))

    def info(self, path: str, row: Row) -> FileInfo:
        """A row as a listing shows it."""
        return FileInfo(
            row.version, row.created_ns, row.updated_ns, self.session_id, path, row.serial, row.size,
            row.flags & READONLY != 0, row.flags & DIRECTORY != 0,
        )  # fmt: skip

    def stat(self, path: str, row: Row) -> FileStat:
        """A row as ``stat_file`` shows it."""
        return FileStat(
            row.version, row.created_ns, row.updated_ns, self.session_id, path, row.serial, row.size,
            row.flags & READONLY != 0, row.flags & DIRECTORY != 0,
        )  # fmt: skip

    def text(self, path: str, row: Row) -> str:
        """The content of a row of a text."""
        return self.rows.text(self.name(path), row)

    def text_with(self, required: bytes, path: str, row: Row) -> str | None:
        """The same, or ``None`` when this is not in it; where it is large, no look is taken."""
        if row.size > _SEARCHED_AT_ONCE or required in self.rows.content(self.name(path), row):
            return self.text(path, row)
        return None

    def file(self, path: str, row: Row) -> SessionFile:
        """A row with its content."""
        content: str | bytes | None = None
        encoding: Encoding = "text"
        if row.flags & TEXT:
            content = self.text(path, row)
        elif not row.flags & DIRECTORY:
            encoding = "base64"
            content = content_of(self.rows.content(self.name(path), row), encoding)
        return file_of(
            row.version, row.created_ns, row.updated_ns, self.session_id, path, row.serial, row.size,
            row.flags & READONLY != 0, content, encoding,
        )  # fmt: skip

    def part(self, path: str, row: Row, start: int, length: int | None) -> bytes | None:
        """Some of the bytes of a row; ``None`` of a directory."""
        if row.flags & DIRECTORY:
            return None
        return self.rows.part(self.name(path), row, *span_within(row.size, start, length))

    def children(self, path: str, after: str = "") -> Iterator[tuple[str, Row]]:
        """What is in a directory behind the name ``after``, in the order of the paths; each with its path."""
        start = f"{path.rstrip('/')}/\0"
        return self._found(start, start + after)

    def below(self, path: str) -> Iterator[tuple[str, Row]]:
        """What is below a directory, at any depth, each directory before what is in it, with its path."""
        return self._found(f"{path.rstrip('/')}/")

    def _found(self, start: str, after: str = "") -> Iterator[tuple[str, Row]]:
        for name, row in self.rows.beginning(start.encode(), after.encode()):
            yield self.rows.spelled(name), row
