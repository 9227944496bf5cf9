"""The records of sessions, and the orders that they are listed in.

The content of a record's row is its title; where it has labels or a parent, a NUL, which no title holds, and
these follow. A checkpoint is in orders of its session, and in none that sessions are listed in.
"""

from __future__ import annotations

import sys
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from everstore.clock import now_ns
from everstore.engine.keys import AGE_BYTES, RECORDS, age_of_record, ages_of, label_keys, range_of
from everstore.engine.rows import CHILD, LABELLED, TEXT, Row, Rows
from everstore.errors import DataDamagedError, SessionNotFoundError
from everstore.labels import NO_LABELS, age_of, shared_ages
from everstore.models import Session, is_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from msgspec import UnsetType

    from everstore.engine.base import Engine, Transaction

__all__ = ["add", "delete", "get", "look", "newest", "update"]

_NAME = b""  # a session has one record
_ID_BYTES = 16

_encoded = msgspec.msgpack.Encoder().encode
_decoded = msgspec.msgpack.Decoder(dict[str, str]).decode


def _rows(transaction: Transaction, engine: Engine, session_id: UUID) -> Rows:
    return Rows(transaction, engine, RECORDS, session_id, "session_id")


def get(transaction: Transaction, engine: Engine, session_id: UUID) -> Session | None:
    """``get_session``."""
    return _record(_rows(transaction, engine, session_id), session_id)


def _record(rows: Rows, session_id: UUID) -> Session | None:
    row = rows.get(_NAME)
    if row is None:
        return None
    title, _, packed = rows.content(_NAME, row).partition(b"\0")
    text: str | None = None
    labels: Mapping[str, str] = NO_LABELS
    parent: UUID | None = None
    try:
        if row.flags & TEXT:
            text = title.decode()
        if row.flags & CHILD:
            packed, parent = packed[:-_ID_BYTES], UUID(bytes=packed[-_ID_BYTES:])
        if row.flags & LABELLED:
            labels = _decoded(packed)
    except (ValueError, msgspec.DecodeError):
        # Not chained: it would carry the content.
        raise rows.damaged(_NAME, "its title, its labels or its parent are none") from None
    return Session(session_id, text, row.created_ns, row.updated_ns, labels, parent)


def look(transaction: Transaction, engine: Engine, most: int, session_id: UUID) -> Session | None:
    """The same, as a look of ``Threads``."""
    del most
    return get(transaction, engine, session_id)


def add(transaction: Transaction, engine: Engine, session: Session) -> None:
    """``add_session``."""
    rows = _rows(transaction, engine, session.id)
    _forget_age(transaction, rows, session.id)
    title, labels, parent = session.title, session.labels, session.parent
    flags = (0 if title is None else TEXT) | (LABELLED if labels else 0) | (0 if parent is None else CHILD)
    row = Row(0, session.created_ns, session.updated_ns, None, flags=flags)
    content = b"" if title is None else title.encode()
    if labels or parent is not None:
        packed = _encoded(labels) if labels else b""
        content = b"%b\0%b%b" % (content, packed, b"" if parent is None else parent.bytes)
    rows.put(_NAME, row, content)
    for key in _ages(session):
        transaction.put(key, b"")


def update(
    transaction: Transaction,
    engine: Engine,
    session_id: UUID,
    title: str | UnsetType | None,
    labels: Mapping[str, str] | UnsetType,
) -> Session:
    """``update_session``."""
    record = get(transaction, engine, session_id)
    if record is None:
        raise SessionNotFoundError(f"session {session_id} has no record", session_id=session_id)
    record = record.updated(now_ns(), title=title, labels=labels)
    add(transaction, engine, record)
    return record


def newest(
    transaction: Transaction,
    engine: Engine,
    limit: int,
    after: Session | None,
    labels: Mapping[str, str] | None,
    checkpoints_of: UUID | None,
) -> list[Session]:
    """``list_sessions``."""
    start = ages_of(checkpoints_of)
    low, high = range_of(start)
    if after is not None:
        high = start + age_of_record(after.created_ns, after.id)
    if labels:
        ages = _shared(transaction, labels, after, checkpoints_of)
    else:
        ages = (key[len(start) :] for key, _ in transaction.scan(low, high, reverse=True))
    found = ((age, get(transaction, engine, UUID(bytes=age[-_ID_BYTES:]))) for age in ages)
    # Where a damaged record was replaced, its old ages may still be there.
    records = (
        record
        for age, record in found
        if record and start + age == _ages(record)[0] and record.has_labels(labels or {})
    )
    return [*islice(records, min(limit, sys.maxsize))]


def _shared(
    transaction: Transaction, labels: Mapping[str, str], after: Session | None, checkpoints_of: UUID | None
) -> Iterator[bytes]:
    """The ages of those that have all of the labels, as ``age_of_record`` has them."""
    lists = [partial(_up_to, transaction, label_keys(*label, checkpoints_of)) for label in labels.items()]
    below = None if after is None else age_of(after.created_ns, after.id.int)
    return (age.to_bytes(AGE_BYTES) for age in shared_ages(lists, below))


def _up_to(transaction: Transaction, label: bytes, age: int) -> int | None:
    """The largest of the ages under a label that is not above one."""
    high = label + age.to_bytes(AGE_BYTES) + b"\0"
    for key, _ in transaction.scan(label, high, reverse=True):
        return int.from_bytes(key[len(label) :])
    return None


def delete(transaction: Transaction, engine: Engine, session_id: UUID) -> bool:
    """``SessionStore.delete_session``."""
    rows = _rows(transaction, engine, session_id)
    if not _forget_age(transaction, rows, session_id):
        return False
    rows.remove(_NAME)
    return True


def _ages(session: Session) -> list[bytes]:
    """Where it is kept of what age a record is: among all, then among those with each of its labels."""
    shelf = (session.parent or session.id) if is_checkpoint(session.id) else None
    age = age_of_record(session.created_ns, session.id)
    return [ages_of(shelf) + age, *(label_keys(*label, shelf) + age for label in session.labels.items())]


def _forget_age(transaction: Transaction, rows: Rows, session_id: UUID) -> bool:
    """Take the session out of the orders; whether it has a record, damaged or not."""
    try:
        record = _record(rows, session_id)
    except DataDamagedError:
        return True
    if record is not None:
        for key in _ages(record):
            transaction.delete(key)
    return record is not None
