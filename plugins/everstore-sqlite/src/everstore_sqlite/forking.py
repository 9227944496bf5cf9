"""A session's files as those of another: a fork, which shares all contents, in one transaction."""

# ruff: noqa: S608 - all SQL here is made of constants

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.errors import SessionNotEmptyError
from everstore_sqlite import own_limits
from everstore_sqlite.contents import CONTENT
from everstore_sqlite.rows import ENTRY
from everstore_sqlite.usage import SLOT_BITS

if TYPE_CHECKING:
    from uuid import UUID

    from everstore_sqlite.writer import Transaction

__all__ = ["fork"]

_ANY = "SELECT 1 FROM entries WHERE session = ? LIMIT 1"
# A revision is new at its place when none of the database's is the same, so all have the same one.
_COLUMNS = ENTRY.replace("version", "?", 1)
_COPY = f"""
    INSERT INTO entries (session, parent, name, {ENTRY}, content, digest)
    SELECT ?, parent, name, {_COLUMNS}, iif(is_directory, NULL, {CONTENT}), digest
    FROM entries WHERE session = ? ORDER BY parent, name
"""
# What only the source has, has no row; so two have it now.
_SHARE = f"""
    INSERT INTO shares (content, refs)
    SELECT {CONTENT} AS number, 2 FROM entries WHERE session = ? AND is_directory IS NOT 1 ORDER BY number
    ON CONFLICT (content) DO UPDATE SET refs = refs + 1
"""
_HAND_OVER = "UPDATE entries SET session = ? WHERE session = ?"
# Those that it has, and not all that it ever had: each search asks for one after the other.
_ORIGINS = f"""
    INSERT INTO origins SELECT DISTINCT ?, {CONTENT} >> {SLOT_BITS} FROM entries
    WHERE session = ? AND is_directory IS NOT 1
"""
_FORGET_ORIGINS = "DELETE FROM origins WHERE session = ?"


def fork(transaction: Transaction, source: UUID, target: UUID, replaced: UUID | None) -> None:
    """``fork_session`` of files: the rows of the entries once more, and one more who has each content."""
    _require_empty(transaction, target if replaced is None else replaced)
    if replaced is None:
        _take_limits(transaction, source, target)
    else:
        transaction.directories.clear()
        _hand_over(transaction, target.bytes, replaced.bytes)
    _copy(transaction, source.bytes, target.bytes)


def _require_empty(transaction: Transaction, session_id: UUID) -> None:
    if transaction.execute(_ANY, (session_id.bytes,)).fetchone() is not None:
        raise SessionNotEmptyError.of(session_id)


def _take_limits(transaction: Transaction, source: UUID, target: UUID) -> None:
    """The limits of the source are those of the target, unless that has its own."""
    look = transaction.own_limits.look
    limits = look(own_limits.FILES, source)
    if limits is not None and look(own_limits.FILES, target) is None:
        own_limits.keep(transaction, own_limits.FILES, target, limits)


def _hand_over(transaction: Transaction, old: bytes, new: bytes) -> None:
    """All entries of one session are those of another, which has none."""
    held = transaction.usages.get(old)
    if held is None:
        return
    transaction.usages.count(new, held.files, held.bytes, held.directories)
    transaction.usages.count(old, -held.files, -held.bytes, -held.directories)
    transaction.usages.write()
    _take_origins(transaction, new, old)
    transaction.execute(_FORGET_ORIGINS, (old,))
    transaction.execute(_HAND_OVER, (new, old))


def _copy(transaction: Transaction, source: bytes, target: bytes) -> None:
    held = transaction.usages.get(source)
    if held is None:
        return
    transaction.usages.count(target, held.files, held.bytes, held.directories)
    transaction.usages.write()
    transaction.execute(_SHARE, (source,))
    transaction.execute(_COPY, (target, transaction.version(), source))
    _take_origins(transaction, target, source)


def _take_origins(transaction: Transaction, target: bytes, source: bytes) -> None:
    transaction.execute(_FORGET_ORIGINS, (target,))
    transaction.execute(_ORIGINS, (target, source))
