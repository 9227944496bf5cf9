"""A session's values, or its secrets: what the rules are given, and what is past its time."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from msgspec import UNSET

from everstore.clock import now_ns
from everstore.compat import override
from everstore.engine import own_limits
from everstore.engine.keys import LIMITS_OF_TEXTS, SECRETS, VALUES, above, deadline_key, range_of, split_key
from everstore.engine.rows import Row, Rows, row_of
from everstore.errors import DataDamagedError
from everstore.models import StoredSecret
from everstore.paging import EVERY_KEY, KeyPage
from everstore.rules import Space

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from msgspec import UnsetType

    from everstore.engine.base import Engine, Transaction
    from everstore.engine.writing import Writing
    from everstore.rules import Held
    from everstore.settings import Limits

__all__ = ["EVERYTHING", "EngineSpace", "Texts", "clear", "purge_texts", "scan_secrets"]

_SWEPT_AT_ONCE = 100
EVERYTHING = (1 << 63) - 1
"""How many bytes a look may read on a thread: no limit."""

_ROW_BYTES = 256  # what looking at a row is reckoned at, besides its text


class Texts:
    """One session's values, or its secrets, within a transaction: what looks at them."""

    def __init__(self, transaction: Transaction, engine: Engine, kind: bytes, session_id: UUID) -> None:
        """``kind`` is ``VALUES`` or ``SECRETS``."""
        self.rows = Rows(transaction, engine, kind, session_id, "key")

    def get(self, key: str, now: int) -> Row | None:
        """The row of what is not past its time."""
        row = self.rows.get(key.encode())
        return row if row is not None and is_alive(row, now) else None

    def text(self, key: str, row: Row) -> str:
        """The text that belongs to a row."""
        return self.rows.text(key.encode(), row)

    def all(self, now: int, page: KeyPage = EVERY_KEY) -> Iterator[tuple[str, Row]]:
        """What is not past its time in the range of a page, in its order, each with its key; not cut."""
        for name, row in self.rows.between(page.low.encode(), page.high.encode(), reverse=page.reverse):
            if is_alive(row, now):
                yield self.rows.spelled(name), row

    def first(self, page: KeyPage, most: int) -> list[tuple[str, Row]] | None:
        """The rows of a page, each with its key; ``None`` when more than ``most`` bytes were looked at."""
        now, seen, found = now_ns(), 0, list[tuple[str, Row]]()
        if most == EVERYTHING or page.limit == 0:
            return page.cut(self.all(now, page))
        for name, row in self.rows.between(page.low.encode(), page.high.encode(), reverse=page.reverse):
            seen += _ROW_BYTES + row.size
            if seen > most:
                return None
            if is_alive(row, now):
                found.append((self.rows.spelled(name), row))
                if len(found) == page.limit:
                    break
        return found


def is_alive(row: Row, now: int) -> bool:
    """Whether a row is not past its time."""
    return row.expires_ns is None or row.expires_ns > now


class EngineSpace(Space[Row]):
    """One session's values, or its secrets, within a writing transaction, for one call."""

    __slots__ = ("_engine", "_held", "_limits", "_session_id", "_store_limits", "_texts", "_writing")

    def __init__(
        self, writing: Writing, engine: Engine, kind: bytes, session_id: UUID, limits: Limits, held: Held
    ) -> None:
        """``kind`` is ``VALUES`` or ``SECRETS``; ``held`` is of both, in the same call."""
        self._store_limits = limits
        self._limits: Limits | UnsetType | None = UNSET
        self._held = held
        self._writing = writing
        self._engine = engine
        self._session_id = session_id
        self._texts = Texts(writing, engine, kind, session_id)

    @property
    @override
    def limits(self) -> Limits | None:  # type: ignore[override]
        """Looked up where they are asked for: what makes nothing grow does not pay for them."""
        if self._limits is UNSET:
            own = own_limits.look(self._writing, LIMITS_OF_TEXTS, self._session_id)
            self._limits = self._store_limits.of_values_with(own)
        return self._limits

    @override
    def get(self, key: str, /) -> Row | None:
        return self._texts.rows.get(key.encode())

    @override
    def get_to_replace(self, key: str, /) -> Row | None:
        try:
            return self.get(key)
        except DataDamagedError:
            return None

    @override
    def text(self, key: str, found: Row) -> str:
        return self._texts.text(key, found)

    @override
    def size(self, key: str, found: Row) -> int:
        del key
        return found.size

    @override
    def usage(self, now: int) -> tuple[int, int]:
        if self._held.usage is None:
            sizes = [
                len(key.encode()) + row.size
                for kind in (VALUES, SECRETS)
                for key, row in Texts(self._writing, self._engine, kind, self._session_id).all(now)
            ]
            self._held.usage, self._held.at = (len(sizes), sum(sizes)), now
        return self._held.usage

    def _count(self, name: bytes, sign: int) -> None:
        """Add what is under a name to what was counted, or take it away, where anything was."""
        row = None if self._held.usage is None else self._texts.rows.get(name)
        if row is not None and is_alive(row, self._held.at):
            self._held.add(sign, sign * (len(name) + row.size))

    @override
    def next_version(self) -> int:
        return self._writing.next_version()

    @override
    def put(
        self, key: str, text: str, version: int, created_ns: int, updated_ns: int, expires_ns: int | None
    ) -> None:
        serial = self._writing.next_version()
        row = Row(version, created_ns, updated_ns, expires_ns, serial=serial)
        name = key.encode()
        self._count(name, -1)
        self._texts.rows.put(name, row, text.encode())
        self._count(name, 1)
        self._sweep()  # and not before: what is swept may be what is replaced here

    @override
    def remove(self, key: str, now: int) -> bool:
        try:
            row = self.get(key)
        except DataDamagedError:
            was_there = True
        else:
            was_there = row is not None and is_alive(row, now)
            self._count(key.encode(), -1)
        self._texts.rows.remove(key.encode())
        return was_there

    def _sweep(self) -> None:
        """Take out a few rows that are past their time, of whatever session; once in a transaction."""
        if self._writing.is_swept:
            return
        self._writing.is_swept = True
        now = now_ns()
        due = self._writing.scan(deadline_key(0), deadline_key(now + 1))
        for deadline, row_key in list(islice(due, _SWEPT_AT_ONCE)):
            self._writing.delete(deadline)
            data = self._writing.get(row_key)
            row = None if data is None else row_of(data)
            if row is not None and row.expires_ns is not None and row.expires_ns <= now:
                kind, session_id, name = split_key(row_key)
                rows = Rows(self._writing, self._engine, kind, session_id, "key")
                rows.remove(name if row.name is None else row.name)


def clear(writing: Writing, rows: Rows) -> list[Row | None]:
    """Remove all rows of values or of secrets, and when they are over; the rows, ``None`` for damage."""
    kept = [*rows.kept()]
    for key, row in kept:
        if row is not None and row.expires_ns is not None:
            writing.delete(deadline_key(row.expires_ns, key))
    rows.clear()
    return [row for _, row in kept]


def purge_texts(writing: Writing, engine: Engine, session_id: UUID) -> bool:
    """Remove all values and secrets of a session; whether there was any that is not past its time."""
    now = now_ns()
    had = False
    for kind in (VALUES, SECRETS):
        rows = Rows(writing, engine, kind, session_id, "key")
        had = any(row is None or is_alive(row, now) for row in clear(writing, rows)) or had
    own_limits.forget(writing, LIMITS_OF_TEXTS, session_id)
    return had


def scan_secrets(
    transaction: Transaction, engine: Engine, after: tuple[UUID, str] | None, limit: int
) -> list[StoredSecret]:
    """The secrets of all sessions that follow ``after``, by session, then name."""
    now = now_ns()
    found: list[StoredSecret] = []
    low, high = range_of(SECRETS)
    name = ""
    if after is not None:
        low, name = SECRETS + after[0].bytes, after[1]
    while len(found) < limit:
        first = next(transaction.scan(low, high), None)
        if first is None:
            break
        _, session_id, _ = split_key(first[0])
        texts = Texts(transaction, engine, SECRETS, session_id)
        if after is None or session_id != after[0]:
            name = ""
        page = KeyPage.of("", name or None, limit - len(found), reverse=False)
        found += [
            StoredSecret(session_id, key, texts.text(key, row)) for key, row in page.cut(texts.all(now, page))
        ]
        low = above(SECRETS + session_id.bytes)
    return found
