"""How many have a content or a chunk, where it is more than one; within a writer's transaction.

Their numbers are of one kind. What has no row in ``shares`` somebody has alone, and it goes with who has it.
"""

# ruff: noqa: S608 - all SQL here is made of constants

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

__all__ = [
    "OF_NOBODY",
    "OF_ONE",
    "forget_shares",
    "free_pieces",
    "is_shared",
    "share",
    "unshare",
    "unshare_all",
]

OF_ONE = "NOT EXISTS (SELECT 1 FROM shares WHERE shares.content = {0})"
"""Whether nobody else has a number."""

OF_NOBODY = "NOT EXISTS (SELECT 1 FROM shares WHERE shares.content = {0} AND refs > 0)"
"""Whether nobody has a number any more, after ``unshare_all`` of those who had it."""

_IS_SHARED = "SELECT 1 FROM shares WHERE content = ?"
_SHARE = """
    INSERT INTO shares (content, refs) VALUES (?, 2) ON CONFLICT (content) DO UPDATE SET refs = refs + 1
"""
_UNSHARE = "UPDATE shares SET refs = refs - 1 WHERE content = ? RETURNING refs"
_FORGET = "DELETE FROM shares WHERE content = ?"
_CHUNKS = "SELECT chunk AS number FROM pieces WHERE content = ?"
_FREE_CHUNKS = f"DELETE FROM chunks WHERE id IN ({_CHUNKS}) AND {OF_NOBODY.format('chunks.id')}"


def is_shared(connection: sqlite3.Connection, number: int) -> bool:
    """Whether more than one has it."""
    return connection.execute(_IS_SHARED, (number,)).fetchone() is not None


def share(connection: sqlite3.Connection, number: int) -> None:
    """One more has it."""
    connection.execute(_SHARE, (number,))


def unshare(connection: sqlite3.Connection, number: int) -> bool:
    """One less has it; ``False``, and nothing changed, where that was the only one."""
    row = connection.execute(_UNSHARE, (number,)).fetchone()
    if row is None:
        return False
    if type(row[0]) is not int or row[0] <= 1:
        connection.execute(_FORGET, (number,))
    return True


def unshare_all(connection: sqlite3.Connection, numbers: str, arguments: tuple[Any, ...]) -> bool:
    """One less has each ``number`` of a query, for each time that it is there; whether any was shared.

    What nobody has any more stays counted as that, until ``forget_shares``.
    """
    if connection.execute("SELECT 1 FROM shares LIMIT 1").fetchone() is None:
        return False
    changed = connection.execute(
        f"""
        UPDATE shares SET refs = refs - times
        FROM (SELECT number, count(*) AS times FROM ({numbers}) GROUP BY number) AS lost
        WHERE shares.content = lost.number
        """,
        arguments,
    )
    return changed.rowcount > 0


def forget_shares(connection: sqlite3.Connection, numbers: str, arguments: tuple[Any, ...]) -> None:
    """Forget those of the same query that one has, or nobody."""
    connection.execute(f"DELETE FROM shares WHERE content IN ({numbers}) AND refs <= 1", arguments)


def free_pieces(connection: sqlite3.Connection, content: int) -> None:
    """Take a content's chunks from it; those that no other content has are gone."""
    of = (content,)
    was_shared = unshare_all(connection, _CHUNKS, of)
    connection.execute(_FREE_CHUNKS, of)
    if was_shared:
        forget_shares(connection, _CHUNKS, of)
    connection.execute("DELETE FROM pieces WHERE content = ?", of)
