"""Rows as they are kept."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec.structs import replace

from everstore.engine.contents import BrokenError, Contents, Parts
from everstore.engine.keys import Names, deadline_key
from everstore.errors import DataDamagedError
from everstore.rules import Stamps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from everstore.engine.base import Engine, Transaction

__all__ = ["CHILD", "DIRECTORY", "LABELLED", "READONLY", "TEXT", "Row", "Rows", "row_of"]

DIRECTORY, READONLY, TEXT, LABELLED, CHILD = 1, 2, 4, 8, 16
"""What ``flags`` is made of."""

_Flags = Annotated[int, msgspec.Meta(ge=0, le=31)]
_Natural = Annotated[int, msgspec.Meta(ge=0)]


class Row(Stamps, frozen=True, gc=False, array_like=True):
    """An entry, value, secret or record as it is kept.

    ``body`` is the content, unless it is in pieces: ``parts`` says where (``Contents``), unless it is the
    session's content with the number ``serial``. ``digest`` tells one of several pieces from others, unless
    it was written before there were any. ``name`` is the name where its key does not have all of it.
    """

    serial: _Natural = 0
    size: _Natural = 0
    flags: _Flags = 0
    body: bytes | None = None
    name: bytes | None = None
    parts: Parts = ()
    digest: bytes | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Row).decode


def row_of(data: bytes) -> Row | None:
    """What is kept as a row; ``None`` when it is none."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class Rows:
    """One session's rows of one kind, within a transaction, for one call.

    What cannot be read is ``DataDamagedError``; ``fact`` is what the error calls the place.
    """

    def __init__(
        self, transaction: Transaction, engine: Engine, kind: bytes, session_id: UUID, fact: str
    ) -> None:
        """Nothing is looked at yet."""
        self._transaction = transaction
        self._session_id = session_id
        self._names = Names(kind, session_id, engine.longest_key)
        self._contents = Contents(transaction, engine.largest_value, self._names.pieces)
        self._fact = fact
        self._seen: dict[bytes, Row | None] = {}

    # -- looking ------------------------------------------------------------------------------------

    def get(self, name: bytes) -> Row | None:
        """The row with this name."""
        if name in self._seen:
            return self._seen[name]
        data = self._transaction.get(self._names.key(name))
        row = self._seen[name] = None if data is None else self._checked(name, data)
        return row

    def beginning(self, start: bytes = b"", after: bytes = b"") -> Iterator[tuple[bytes, Row]]:
        """The rows whose names begin so, and come after ``after``, in their order; each with its name."""
        low, high = self._names.range(start)
        if after:
            low = max(low, self._names.floor(after + b"\0"))
        return self._in_order(low, high, lambda name: name.startswith(start) and name > after)

    def between(self, low: bytes, high: bytes, *, reverse: bool = False) -> Iterator[tuple[bytes, Row]]:
        """The rows whose names are from ``low`` on and come before ``high``, in order; each with its name."""
        first, end = self._names.floor(low), self._names.ceiling(high)
        return self._in_order(first, end, lambda name: low <= name < high, reverse=reverse)

    def _in_order(
        self, low: bytes, high: bytes, is_wanted: Callable[[bytes], bool], *, reverse: bool = False
    ) -> Iterator[tuple[bytes, Row]]:
        head = self._names.head
        if low >= high:
            return
        rows = self._scanned(low, high, reverse=reverse)
        for shared, group in groupby(rows, lambda found: found[0][:head]):
            if len(shared) < head:
                yield from group
            else:  # what follows there may be digests, which are in no order
                yield from sorted((found for found in group if is_wanted(found[0])), reverse=reverse)

    def _scanned(self, low: bytes, high: bytes, *, reverse: bool) -> Iterator[tuple[bytes, Row]]:
        for key, data in self._transaction.scan(low, high, reverse=reverse):
            name = self._names.name(key)
            row = self._checked(name, data)
            yield name if row.name is None else row.name, row

    def kept(self) -> Iterator[tuple[bytes, Row | None]]:
        """Every key of a row, with the row unless it is damaged; in no order."""
        for key, data in self._transaction.scan(*self._names.range(b"")):
            yield key, row_of(data)

    def content(self, name: bytes, row: Row) -> bytes:
        """The content that belongs to a row."""
        return self.part(name, row, 0, row.size)

    def part(self, name: bytes, row: Row, low: int, high: int) -> bytes:
        """What of it is from ``low`` up to ``high``; no other pieces are read."""
        try:
            return self._contents.read(row, low, high)
        except BrokenError as error:
            raise self.damaged(name, str(error)) from None

    def is_same(self, name: bytes, row: Row, others: Rows, other: Row) -> bool:
        """Whether the row of this name has the content that ``other``, of the same name, has."""
        try:
            return self._contents.is_same(row, others._contents, other)
        except BrokenError as error:
            raise self.damaged(name, str(error)) from None

    def text(self, name: bytes, row: Row) -> str:
        """The same, as a text."""
        try:
            return self.content(name, row).decode()
        except UnicodeDecodeError:  # not chained: it would carry the content
            pass
        raise self.damaged(name, "its text is no UTF-8")

    def spelled(self, name: bytes) -> str:
        """A name as its users know it."""
        try:
            return name.replace(b"\0", b"").decode()
        except UnicodeDecodeError:
            raise self.damaged(name, "its name is no UTF-8") from None

    def damaged(self, name: bytes, reason: str) -> DataDamagedError:
        """The error of what cannot be read."""
        place = name.replace(b"\0", b"").decode(errors="replace") or self._session_id
        return DataDamagedError.found(place, reason, **{self._fact: place})

    def _checked(self, name: bytes, data: bytes) -> Row:
        row = row_of(data)
        if row is None:
            raise self.damaged(name, "its entry holds what no entry has")
        return row

    # -- changing -----------------------------------------------------------------------------------

    def put(self, name: bytes, row: Row, content: bytes = b"") -> None:
        """Put a row and its content in the place of what has this name, damaged or not."""
        old = self._old(name)
        self.put_row(name, self._contents.put(row, content, old), old)

    def append(self, name: bytes, row: Row, old: Row, content: bytes) -> None:
        """Put a row in the place of ``old``, with its content and this behind it."""
        try:
            row = self._contents.append(row, old, content)
        except BrokenError as error:
            raise self.damaged(name, str(error)) from None
        self.put_row(name, row, old)

    def shared(self, name: bytes, row: Row) -> Row:
        """The row as it is to be ``put_shared``, once, with the same content, in this session or another."""
        try:
            return self._contents.shared(row)
        except BrokenError as error:
            raise self.damaged(name, str(error)) from None

    def put_shared(self, name: bytes, row: Row) -> None:
        """Put a row that was ``shared`` in the place of what has this name, damaged or not."""
        old = self._old(name)
        self._contents.release(self._contents.parts(old))
        self.put_row(name, row, old)

    def put_row(self, name: bytes, row: Row, old: Row | None) -> None:
        """Put a row whose content is in its place already, in the place of ``old``."""
        key = self._names.key(name)
        kept_name = None if self._names.is_whole(name) else name
        if row.name != kept_name:
            row = replace(row, name=kept_name)
        self._transaction.put(key, _encode(row))
        self._seen[name] = row
        before = None if old is None else old.expires_ns
        if before == row.expires_ns:
            return
        if before is not None:
            self._transaction.delete(deadline_key(before, key))
        if row.expires_ns is not None:
            self._transaction.put(deadline_key(row.expires_ns, key), key)

    def remove(self, name: bytes) -> None:
        """Remove the row with this name and its content, damaged or not, where there is one."""
        try:
            old = self.get(name)
        except DataDamagedError:
            old = None
        else:
            if old is None:
                return
        self._contents.release(self._contents.parts(old))
        self.remove_row(name, old)

    def remove_row(self, name: bytes, old: Row | None) -> None:
        """Remove the row with this name; its content stays where it is."""
        key = self._names.key(name)
        self._transaction.delete(key)
        self._seen[name] = None
        if old is not None and old.expires_ns is not None:
            self._transaction.delete(deadline_key(old.expires_ns, key))

    def clear(self) -> None:
        """Remove all rows and contents, but nothing of what is kept elsewhere about them."""
        rows = [row for _, row in self.kept()]
        self._seen.clear()
        self._transaction.delete_range(*self._names.range(b""))
        self._contents.clear(part for row in rows for part in self._contents.parts(row))

    def _old(self, name: bytes) -> Row | None:
        try:
            return self.get(name)
        except DataDamagedError:  # pieces that nobody knows of any more go with the session
            return None
