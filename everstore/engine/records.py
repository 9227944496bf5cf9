"""The records of sessions, and the orders that they are listed in.

The content of a record's row is its title; where it has labels, a NUL and these follow, which no title holds.
"""

from __future__ import annotations

import sys
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from everstore.clock import now_ns
from everstore.engine.keys import AGES, RECORDS, age_key, id_of_age, label_keys, range_of
from everstore.engine.rows import LABELLED, TEXT, Row, Rows
from everstore.errors import DataDamagedError, SessionNotFoundError
from everstore.labels import NO_LABELS, age_of, shared_ages
from everstore.models import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from msgspec import UnsetType

    from everstore.engine.base import Engine, Transaction

__all__ = ["add", "delete", "get", "look", "newest", "update"]

_NAME = b""  # a session has one record
_AGE_BYTES = 24

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
    try:
        if row.flags & TEXT:
            text = title.decode()
        if row.flags & LABELLED:
            labels = _decoded(packed)
    except (UnicodeDecodeError, msgspec.DecodeError):
        # Not chained: it would carry the content.
        raise rows.damaged(_NAME, "its title or its labels are none") from None
    return Session(session_id, text, row.created_ns, row.updated_ns, labels)


def look(transaction: Transaction, engine: Engine, most: int, session_id: UUID) -> Session | None:
    """The same, as a look of ``Threads``."""
    del most
    return get(transaction, engine, session_id)


def add(transaction: Transaction, engine: Engine, session: Session) -> None:
    """``add_session``."""
    rows = _rows(transaction, engine, session.id)
    _forget_age(transaction, rows, session.id)
    title, labels = session.title, session.labels
    flags = (0 if title is None else TEXT) | (LABELLED if labels else 0)
    row = Row(0, session.created_ns, session.updated_ns, None, flags=flags)
    content = b"" if title is None else title.encode()
    rows.put(_NAME, row, b"%b\0%b" % (content, _encoded(labels)) if labels else content)
    for key in _ages_of(session):
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
) -> list[Session]:
    """``list_sessions``."""
    low, high = range_of(AGES)
    if after is not None:
        high = age_key(after.created_ns, after.id)
    if labels:
        ages = _shared(transaction, labels, after)
    else:
        ages = (age for age, _ in transaction.scan(low, high, reverse=True))
    found = ((age, get(transaction, engine, id_of_age(age))) for age in ages)
    # Where a damaged record was replaced, its old ages may still be there.
    records = (
        record
        for age, record in found
        if record and age == age_key(record.created_ns, record.id) and record.has_labels(labels or {})
    )
    return [*islice(records, min(limit, sys.maxsize))]


def _shared(transaction: Transaction, labels: Mapping[str, str], after: Session | None) -> Iterator[bytes]:
    """The ages of the sessions that have all of the labels, as ``age_key`` has them."""
    lists = [partial(_up_to, transaction, label_keys(*label)) for label in labels.items()]
    below = None if after is None else age_of(after.created_ns, after.id.int)
    return (AGES + age.to_bytes(_AGE_BYTES) for age in shared_ages(lists, below))


def _up_to(transaction: Transaction, label: bytes, age: int) -> int | None:
    """The largest of the ages under a label that is not above one."""
    high = label + age.to_bytes(_AGE_BYTES) + b"\0"
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


def _ages_of(session: Session) -> list[bytes]:
    """Where it is kept of what age a record is."""
    key = age_key(session.created_ns, session.id)
    return [key, *(label_keys(*label) + key.removeprefix(AGES) for label in session.labels.items())]


def _forget_age(transaction: Transaction, rows: Rows, session_id: UUID) -> bool:
    """Take the session out of the orders; whether it has a record, damaged or not."""
    try:
        record = _record(rows, session_id)
    except DataDamagedError:
        return True
    if record is not None:
        for key in _ages_of(record):
            transaction.delete(key)
    return record is not None
