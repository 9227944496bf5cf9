"""Contents of rows: in the row where they are small, else in pieces, shared by rows that have the same.

A content in pieces is known by what the keys of its pieces begin with: a kind, the session that it was
written in, and a number that it alone has there. Who shares it keeps it, also when that session is purged. A
row has parts: which content has its pieces, up to which piece. The last part grows and is written over in its
place unless other rows have its content, too; else what is new is another content, and the row has a part
more.

How many rows have a content is kept once that was not one row of its own session: all others pay nothing.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec.structs import replace

from everstore.engine.keys import CONTENT_BYTES, content_key, count_key, count_of, number, piece_key, range_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from everstore.engine.base import Transaction
    from everstore.engine.rows import Row

__all__ = ["BrokenError", "Contents", "Parts"]

Parts = tuple[tuple[bytes, int], ...]
"""Contents in the order of the pieces that they have, each with the place that it ends before."""

_INLINE_BYTES = 1024  # a larger content is kept apart, so that listings do not read it
_MOST_PARTS = 32  # a row has to fit into the smallest value that there may be
_DIGEST_BYTES = 32


class BrokenError(Exception):
    """Something is not as it was left; in words for ``DataDamagedError``."""


class Contents:
    """The contents of one session's rows of one kind, within a transaction."""

    __slots__ = ("_most", "_own", "_transaction")

    def __init__(self, transaction: Transaction, most: int, own: bytes) -> None:
        """Pieces have ``most`` bytes; the keys of the session's own begin with ``own``."""
        self._transaction = transaction
        self._most = most
        self._own = own

    # -- looking ------------------------------------------------------------------------------------

    def parts(self, row: Row | None) -> Parts:
        """What a row has in pieces."""
        if row is None or row.size <= _INLINE_BYTES:
            return ()
        return row.parts or ((content_key(self._own, row.serial), self._places(row.size)),)

    def read(self, row: Row, low: int, high: int) -> bytes:
        """What of its content is from ``low`` up to ``high``; no other pieces are read."""
        data, start, end = row.body, 0, row.size
        if data is None:
            first, behind = (low // self._most, self._places(high)) if low < high else (0, 0)
            start, end = first * self._most, min(behind * self._most, row.size)
            data = b"".join(self._pieces(self.parts(row), first, behind))
        if len(data) != end - start:
            raise BrokenError(f"its content has {start + len(data)} bytes where there were {end}")
        return data if high - low == len(data) else data[low - start : high - start]

    def is_same(self, row: Row, others: Contents, other: Row) -> bool:
        """Whether a row has the content that another one has; by digests where they have several pieces."""
        if row.size != other.size:
            return False
        if row.size > _INLINE_BYTES and self.parts(row) == others.parts(other):
            return True
        if row.digest is None or other.digest is None:
            return self.read(row, 0, row.size) == others.read(other, 0, other.size)
        return row.digest[:_DIGEST_BYTES] == other.digest[:_DIGEST_BYTES]

    def require_whole(self, row: Row) -> None:
        """``BrokenError`` unless all of its content is there, and is that of the digest."""
        data = self.read(row, 0, row.size)
        if row.digest is not None and self._digest(b"", data) != row.digest:
            raise BrokenError("its content is another one than was written")

    def _pieces(self, parts: Parts, first: int, behind: int) -> Iterator[bytes]:
        for content, end in parts:
            for place in range(first, min(end, behind)):
                piece = self._transaction.get(piece_key(content, place))
                if piece is None:
                    raise BrokenError("its content is missing")
                yield piece
            first = max(first, end)

    def _places(self, size: int) -> int:
        return -(-size // self._most)

    # -- who has what -------------------------------------------------------------------------------

    def shared(self, row: Row) -> Row:
        """The same row for another place, which has the same content from now on; put it there."""
        parts = self.parts(row)
        for content, _ in parts:
            held = self._held(content)
            if held is None:
                raise BrokenError("how many have its content cannot be told")
            self._transaction.put(count_key(content), number(held + 1))
        return replace(row, parts=parts)

    def release(self, parts: Iterable[tuple[bytes, int]]) -> None:
        """Let go of what a row does not have any more; what nobody has goes.

        Where it cannot be told who has it, it stays.
        """
        for content, _ in parts:
            held = self._held(content)
            if held is None:
                continue
            if held > 1:
                self._transaction.put(count_key(content), number(held - 1))
            else:
                self._free(content)

    def _free(self, content: bytes) -> None:
        key = count_key(content)
        if self._transaction.get(key) is not None:
            self._transaction.delete(key)
        self._transaction.delete_range(*range_of(content))

    def _held(self, content: bytes) -> int | None:
        """How many rows have a content; ``None`` when it cannot be told."""
        kept = self._transaction.get(count_key(content))
        if kept is None:
            return 1 if content.startswith(self._own) else None
        return count_of(kept)

    def clear(self, parts: Iterable[tuple[bytes, int]]) -> None:
        """Let go of all that the session's rows have, and of what is left in the session that no row has."""
        counts = range_of(count_key(self._own))
        is_shared = self._first(*counts) is not None
        self.release(part for part in parts if is_shared or not part[0].startswith(self._own))
        low, high = range_of(self._own)
        if not is_shared or self._first(*counts) is None:
            self._transaction.delete_range(low, high)
            return
        while (key := self._first(low, high)) is not None:
            content = key[:CONTENT_BYTES]
            end = range_of(content)[1]
            if self._transaction.get(count_key(content)) is None:
                self._transaction.delete_range(low, end)
            low = end

    def _first(self, low: bytes, high: bytes) -> bytes | None:
        scan = self._transaction.scan(low, high)
        key = next((key for key, _ in scan), None)
        close = getattr(scan, "close", None)
        if close is not None:  # of thousands that are open each would cost every change
            close()
        return key

    # -- changing -----------------------------------------------------------------------------------

    def put(self, row: Row, data: bytes, old: Row | None) -> Row:
        """Keep a row's content in place of what ``old`` has; the row with it, to be put.

        ``row.version`` is a new one, and so is ``row.serial`` unless it is that of ``old``. Pieces that begin
        the content as they began the old one stay where they are.
        """
        size, before = len(data), self.parts(old)
        if size <= _INLINE_BYTES:
            self.release(before)
            return replace(row, size=size, body=data, parts=(), digest=None)
        behind = self._places(size)
        same = self._same(before, data) if behind > 1 and before and before[-1][1] > 1 else 0
        row = replace(row, size=size, body=None, digest=self._digest(b"", data) if behind > 1 else None)
        return self._written(row, old, same, data[same * self._most :] if same else data)

    def append(self, row: Row, old: Row, data: bytes) -> Row:
        """Keep what ``old`` has, and ``data`` behind it, as a row's content; the row with it, to be put.

        ``row.version`` is a new one. A piece that is not full is written again, and no other.
        """
        before, (full, rest) = self.parts(old), divmod(old.size, self._most)
        if not data:
            return replace(row, size=old.size, body=old.body, parts=old.parts, digest=old.digest)
        if not before or len(before) >= _MOST_PARTS:
            return self.put(row, self.read(old, 0, old.size) + data, old)
        size = old.size + len(data)
        if rest:
            data = self.read(old, old.size - rest, old.size) + data
        row = replace(row, size=size, body=None, digest=self._grown(old, full, rest, data))
        return self._written(row, old, full, data)

    def _same(self, before: Parts, data: bytes) -> int:
        """How many pieces of an old content are to stay: it begins with them, as this one does."""
        same = 0
        for content, end in before[: _MOST_PARTS - 1]:
            start = same
            while same < end:
                low = same * self._most
                piece = self._transaction.get(piece_key(content, same))
                if piece is None or piece != data[low : low + self._most]:
                    # For a few pieces of what others have, too, all of it would have to stay for good.
                    is_little = 2 * (same - start) < end - start and self._held(content) != 1
                    return start if is_little else same
                same += 1
        return same

    def _written(self, row: Row, old: Row | None, same: int, data: bytes) -> Row:
        """A row with its parts: those of the first pieces, which stay, and one that gets ``data``.

        What ``old`` has, and this row has no more, is let go.
        """
        before, behind = self.parts(old), self._places(row.size)
        at = next((at for at, (_, end) in enumerate(before) if end > same), len(before) - 1)
        content, end = before[at] if before else (b"", 0)
        start = before[at - 1][1] if at > 0 else 0
        overwritten = 0  # pieces before this place may be there already
        if start < behind and before and self._held(content) == 1:
            kept, gone = (*before[:at], (content, behind)), before[at + 1 :]
            overwritten = end if behind > 1 else 0
            for place in range(behind, end):
                self._transaction.delete(piece_key(content, place))
        else:
            kept, gone = before[: max(at, 0)], before[max(at, 0) :]
            if start < same:
                kept, gone = (*kept, (content, same)), gone[1:]
            if same < behind:
                is_new = old is None or old.serial != row.serial
                content = content_key(self._own, row.serial if is_new else row.version)
                kept = (*kept, (content, behind))
        self.release(gone)
        self._write(content, same, data, overwritten)
        is_own = kept == ((content_key(self._own, row.serial), behind),)
        return replace(row, parts=() if is_own else kept)

    def _write(self, content: bytes, place: int, data: bytes, overwritten: int) -> None:
        """Put the pieces from a place on, but none that is there already, before ``overwritten``."""
        for low in range(0, len(data), self._most):
            key, piece = piece_key(content, place), data[low : low + self._most]
            if place >= overwritten or self._transaction.get(key) != piece:
                self._transaction.put(key, piece)
            place += 1

    def _grown(self, old: Row, full: int, rest: int, data: bytes) -> bytes | None:
        """The digest of what ``old`` has in its full pieces and ``data`` behind these."""
        if not full:
            return self._digest(b"", data) if len(data) > self._most else None
        if old.digest is not None:
            return self._digest(old.digest[_DIGEST_BYTES:] if rest else old.digest[:_DIGEST_BYTES], data)
        if full == 1 and not rest:
            return self._digest(self._digest(b"", self.read(old, 0, old.size)), data)
        return None  # it was written before there were digests

    def _digest(self, before: bytes, data: bytes) -> bytes:
        """The digest of all pieces up to the last, behind those with the digest ``before``.

        Where there are several, that of all but the last follows, which the next append begins with. One
        piece alone has none: it would cost more than to write it, and comparing it is reading it once.
        """
        digest = before
        for low in range(0, len(data), self._most):
            before, digest = digest, sha256(digest + data[low : low + self._most]).digest()
        return digest + before
