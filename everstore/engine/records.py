"""The records of sessions, and the order that they are listed in."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING

from everstore.clock import now_ns
from everstore.engine.keys import AGES, RECORDS, age_key, id_of_age, range_of
from everstore.engine.rows import TEXT, Row, Rows
from everstore.errors import DataDamagedError, SessionNotFoundError
from everstore.models import Session

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.engine.base import Engine, Transaction

__all__ = ["add", "delete", "get", "look", "newest", "retitle"]

_NAME = b""  # a session has one record


def _rows(transaction: Transaction, engine: Engine, session_id: UUID) -> Rows:
    return Rows(transaction, engine, RECORDS, session_id, "session_id")


def get(transaction: Transaction, engine: Engine, session_id: UUID) -> Session | None:
    """``get_session``."""
    rows = _rows(transaction, engine, session_id)
    row = rows.get(_NAME)
    if row is None:
        return None
    title = rows.text(_NAME, row) if row.flags & TEXT else None
    return Session(session_id, title, row.created_ns, row.updated_ns)


def look(transaction: Transaction, engine: Engine, most: int, session_id: UUID) -> Session | None:
    """The same, as a look of ``Threads``."""
    del most
    return get(transaction, engine, session_id)


def add(transaction: Transaction, engine: Engine, session: Session) -> None:
    """``add_session``."""
    rows = _rows(transaction, engine, session.id)
    _forget_age(transaction, rows, session.id)
    title = session.title
    flags = 0 if title is None else TEXT
    row = Row(0, session.created_ns, session.updated_ns, None, flags=flags)
    rows.put(_NAME, row, b"" if title is None else title.encode())
    transaction.put(age_key(session.created_ns, session.id), b"")


def retitle(transaction: Transaction, engine: Engine, session_id: UUID, title: str) -> Session:
    """``update_session_title``."""
    record = get(transaction, engine, session_id)
    if record is None:
        raise SessionNotFoundError(f"session {session_id} has no record", session_id=session_id)
    record = record.retitled(title, now_ns())
    add(transaction, engine, record)
    return record


def newest(transaction: Transaction, engine: Engine, limit: int, after: Session | None) -> list[Session]:
    """``list_sessions``."""
    low, high = range_of(AGES)
    if after is not None:
        high = age_key(after.created_ns, after.id)
    ages = (age for age, _ in transaction.scan(low, high, reverse=True))
    found = ((age, get(transaction, engine, id_of_age(age))) for age in ages)
    # Where a damaged record was replaced, its old age may still be there.
    records = (record for age, record in found if record and age == age_key(record.created_ns, record.id))
    return [*islice(records, min(limit, sys.maxsize))]


def delete(transaction: Transaction, engine: Engine, session_id: UUID) -> bool:
    """``SessionStore.delete_session``."""
    rows = _rows(transaction, engine, session_id)
    if not _forget_age(transaction, rows, session_id):
        return False
    rows.remove(_NAME)
    return True


def _forget_age(transaction: Transaction, rows: Rows, session_id: UUID) -> bool:
    """Take the session out of the order; whether it has a record, damaged or not."""
    try:
        row = rows.get(_NAME)
    except DataDamagedError:
        return True
    if row is not None:
        transaction.delete(age_key(row.created_ns, session_id))
    return row is not None
