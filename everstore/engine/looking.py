"""Verbs that look, each within one transaction."""

from __future__ import annotations

from itertools import chain, takewhile
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from everstore.clock import now_ns
from everstore.engine.entries import Entries
from everstore.engine.keys import SECRETS, VALUES
from everstore.engine.rows import DIRECTORY, TEXT
from everstore.engine.space import Texts
from everstore.models import KeyInfo, SecretInfo, StoredValue, root_of, span_within

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from threading import Event
    from uuid import UUID

    from everstore.engine.base import Engine, Transaction
    from everstore.engine.rows import Row
    from everstore.globs import Selection
    from everstore.models import FileInfo, FileStat, GrepMatch, SessionFile
    from everstore.paging import KeyPage
    from everstore.search import Query
    from everstore.trees import TreePage

__all__ = [
    "TOO_LARGE",
    "TooLarge",
    "get_text",
    "get_values",
    "glob",
    "grep",
    "list_directory",
    "list_keys",
    "list_secrets",
    "list_tree",
    "read_bytes",
    "read_file",
    "read_value",
    "read_values",
    "stat_file",
    "stat_value",
]


class TooLarge:
    """The answer of a look that found more than it may read."""


TOO_LARGE: Final = TooLarge()


def read_file(
    transaction: Transaction, engine: Engine, most: int, session_id: UUID, path: str
) -> SessionFile | TooLarge | None:
    """``read_file``, if the content has at most ``most`` bytes."""
    if path == "/":
        return root_of(session_id)
    entries = Entries(transaction, engine, session_id)
    row = entries.row(path)
    if row is None:
        return None
    return entries.file(path, row) if row.size <= most else TOO_LARGE


def read_bytes(
    transaction: Transaction,
    engine: Engine,
    most: int,
    session_id: UUID,
    path: str,
    start: int,
    length: int | None,
) -> bytes | TooLarge | None:
    """``read_bytes``, if what is asked for has at most ``most`` bytes."""
    entries = Entries(transaction, engine, session_id)
    row = None if path == "/" else entries.row(path)
    if row is None:
        return None
    low, high = span_within(row.size, start, length)
    return entries.part(path, row, start, length) if high - low <= most else TOO_LARGE


def stat_file(
    transaction: Transaction, engine: Engine, most: int, session_id: UUID, path: str
) -> FileStat | None:
    """``stat_file``."""
    del most
    if path == "/":
        return root_of(session_id).stat()
    entries = Entries(transaction, engine, session_id)
    row = entries.row(path)
    return None if row is None else entries.stat(path, row)


def list_directory(transaction: Transaction, engine: Engine, session_id: UUID, path: str) -> list[FileInfo]:
    """``list_directory``."""
    entries = Entries(transaction, engine, session_id)
    return [entries.info(child, row) for child, row in entries.children(path)]


def list_tree(
    transaction: Transaction, engine: Engine, unwanted: Event, session_id: UUID, page: TreePage
) -> list[FileInfo]:
    """``list_tree``."""
    entries = Entries(transaction, engine, session_id)

    if page.limit is None:
        return page.among(entries.info(path, row) for path, row in entries.below(page.top))

    def children(directory: str, after: str) -> Iterator[FileInfo]:
        return (entries.info(path, row) for path, row in entries.children(directory, after))

    return [*takewhile(lambda _: not unwanted.is_set(), page.walk(children))]


def glob(
    transaction: Transaction, engine: Engine, unwanted: Event, session_id: UUID, selects: Selection
) -> list[FileInfo]:
    """``glob_files``."""
    entries = Entries(transaction, engine, session_id)
    return [entries.info(path, row) for path, row in _selected(entries, unwanted, selects)]


def grep(
    transaction: Transaction, engine: Engine, unwanted: Event, session_id: UUID, query: Query
) -> list[GrepMatch]:
    """``search``."""
    query.clear()  # it may be made again
    entries = Entries(transaction, engine, session_id)
    required = (query.required or "").encode()
    for path, row in _selected(entries, unwanted, query.selects):
        if unwanted.is_set() or query.is_full:
            break
        if row.flags & TEXT:
            text = entries.text_with(required, path, row)
            if text is not None:
                query.add_now(path, text, unwanted)
    return query.matches


def _selected(entries: Entries, unwanted: Event, selects: Selection) -> list[tuple[str, Row]]:
    """The files that a pattern selects, sorted by path; only at and below its literal beginning is looked."""
    top = selects.top
    at_top = None if top == "/" else entries.row(top)
    found = []
    for path, row in chain([(top, at_top)] if at_top else (), entries.below(top)):
        if unwanted.is_set():
            break
        if not row.flags & DIRECTORY and selects(path):
            found.append((path, row))
    return sorted(found, key=itemgetter(0))


def get_text(
    transaction: Transaction, engine: Engine, most: int, kind: bytes, session_id: UUID, key: str
) -> str | TooLarge | None:
    """``get_value``, and ``get_secret``, if the text has at most ``most`` bytes."""
    texts = Texts(transaction, engine, kind, session_id)
    row = texts.get(key, now_ns())
    if row is None:
        return None
    return texts.text(key, row) if row.size <= most else TOO_LARGE


def stat_value(
    transaction: Transaction, engine: Engine, most: int, session_id: UUID, key: str
) -> KeyInfo | None:
    """``stat_value``."""
    del most
    row = Texts(transaction, engine, VALUES, session_id).get(key, now_ns())
    return None if row is None else KeyInfo(row.version, row.created_ns, row.updated_ns, key, row.expires_ns)


def read_value(
    transaction: Transaction, engine: Engine, most: int, session_id: UUID, key: str
) -> StoredValue | TooLarge | None:
    """``read_value``, if the text has at most ``most`` bytes."""
    texts = Texts(transaction, engine, VALUES, session_id)
    row = texts.get(key, now_ns())
    if row is None:
        return None
    return _stored(texts, key, row) if row.size <= most else TOO_LARGE


def get_values(
    transaction: Transaction, engine: Engine, most: int, session_id: UUID, keys: Collection[str]
) -> dict[str, str] | TooLarge:
    """``get_values``, if the texts have at most ``most`` bytes together."""
    texts, now = Texts(transaction, engine, VALUES, session_id), now_ns()
    rows = {key: row for key in keys if (row := texts.get(key, now)) is not None}
    if sum(row.size for row in rows.values()) > most:
        return TOO_LARGE
    return {key: texts.text(key, row) for key, row in rows.items()}


def read_values(
    transaction: Transaction, engine: Engine, most: int, session_id: UUID, page: KeyPage
) -> list[StoredValue] | TooLarge:
    """``read_values``, if no more than ``most`` bytes have to be looked at."""
    texts = Texts(transaction, engine, VALUES, session_id)
    rows = texts.first(page, most)
    return TOO_LARGE if rows is None else [_stored(texts, key, row) for key, row in rows]


def _stored(texts: Texts, key: str, row: Row) -> StoredValue:
    text = texts.text(key, row)
    return StoredValue(row.version, row.created_ns, row.updated_ns, key, row.expires_ns, value=text)


def list_keys(
    transaction: Transaction, engine: Engine, most: int, session_id: UUID, page: KeyPage
) -> list[KeyInfo] | TooLarge:
    """``list_keys``, if no more than ``most`` bytes have to be looked at."""
    rows = Texts(transaction, engine, VALUES, session_id).first(page, most)
    if rows is None:
        return TOO_LARGE
    return [KeyInfo(row.version, row.created_ns, row.updated_ns, key, row.expires_ns) for key, row in rows]


def list_secrets(transaction: Transaction, engine: Engine, session_id: UUID) -> list[SecretInfo]:
    """``list_secrets``."""
    return [
        SecretInfo(row.version, row.created_ns, row.updated_ns, name, row.expires_ns)
        for name, row in Texts(transaction, engine, SECRETS, session_id).all(now_ns())
    ]
