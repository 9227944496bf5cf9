"""Large contents in pieces: what is appended costs what it adds, and some bytes cost what is around them.

A piece never changes. A content has the first so many pieces of a row that only grows, and an end too short
for a piece of its own; so contents that grew out of each other have their pieces in common. All is joined
once, when somebody wants all of it.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from everstore.compat import override
from everstore.models import SessionFile, file_of, span_within
from everstore.turns import in_turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from everstore.models import Encoding, FileInfo

__all__ = ["LARGE", "PiecedFile", "in_pieces", "with_more"]

LARGE = 1 << 16
"""The bytes from which on a content that is appended to is kept in pieces."""

_PIECE = 1 << 12  # characters, or bytes
_WIDE_PIECE = 1 << 10  # characters of a text that is not ASCII: all are encoded for one of their bytes


class _Row:
    """Pieces in a row: where each is in which source, and the real bytes as far as its end.

    Texts that are not ASCII are several pieces, others one each. It grows by whoever holds the store's lock;
    whoever looks at no more pieces than he knows to be there needs none.
    """

    __slots__ = ("ends", "pieces")

    def __init__(self) -> None:
        self.pieces: list[tuple[Any, int, int]] = []
        self.ends: list[int] = []

    def first(self, count: int) -> _Row:
        """A row of its own, of the first pieces of this one."""
        row = _Row()
        row.pieces, row.ends = self.pieces[:count], self.ends[:count]
        return row

    def add(self, source: str | bytes) -> Iterator[int]:
        """Add all of a source, which is not empty; the steps that ``turns`` wants."""
        size = self.ends[-1] if self.ends else 0
        if isinstance(source, bytes) or source.isascii():
            self._note(source, 0, len(source), size + len(source))
            return
        start = 0
        while start < len(source):
            end = min(start + _WIDE_PIECE, len(source))
            size += len(source[start:end].encode())
            self._note(source, start, end, size)
            start = end
            yield 0

    def _note(self, source: str | bytes, start: int, end: int, size: int) -> None:
        self.pieces.append((source, start, end))
        self.ends.append(size)

    def joined(self, count: int, whole: str | bytes, size: int) -> _Row:
        """The same bytes, all of one source: ``whole``, which has ``size`` bytes."""
        row = _Row()
        if isinstance(whole, bytes) or whole.isascii():
            row._note(whole, 0, len(whole), size)
            return row
        at = 0
        for (_, start, end), size_there in zip(self.pieces[:count], self.ends, strict=False):
            row._note(whole, at, at + end - start, size_there)
            at += end - start
        if at < len(whole):
            row._note(whole, at, len(whole), size)
        return row


class Pieces:
    """A content in pieces: a text, or bytes. It never changes, whatever it is made of."""

    __slots__ = ("_held",)

    def __init__(self, row: _Row, count: int, end: str | bytes) -> None:
        """The first ``count`` pieces of a row, and what comes behind."""
        self._held: tuple[_Row, int, Any] = row, count, end  # in one step, for whoever looks without a lock

    def with_more(self, more: str | bytes) -> Pieces:
        """What this is with more behind it. The user holds the store's lock."""
        row, count, end = self._held
        if len(end) + len(more) < _PIECE:
            return Pieces(row, count, end + more)
        if count != len(row.ends):  # another content has grown out of the same
            row = row.first(count)
        for source in (end + more,) if len(more) < _PIECE else filter(None, (end, more)):
            for _ in row.add(source):
                pass
        return Pieces(row, len(row.ends), end[:0])

    def whole(self) -> Any:
        """All of it, as text or bytes; joined when it is asked for first."""
        row, count, end = self._held
        sources = [source for source, start, _ in row.pieces[:count] if not start]
        if not end and len(sources) == 1:
            return sources[0]
        whole = end[:0].join([*sources, end])
        more = end if isinstance(end, bytes) else end.encode()
        joined = row.joined(count, whole, row.ends[count - 1] + len(more))
        self._held = joined, len(joined.ends), end[:0]
        return whole

    def part(self, low: int, high: int) -> bytes:
        """The real bytes from ``low`` to ``high``."""
        row, count, end = self._held
        first = bisect_right(row.ends, low, 0, count)
        at = row.ends[first - 1] if first else 0
        found: list[bytes] = []
        for index in range(first, count):
            if at >= high:
                break
            found.append(_bytes_of(*row.pieces[index], max(low - at, 0), high - at))
            at = row.ends[index]
        if at < high:
            found.append(_bytes_of(end, 0, len(end), max(low - at, 0), high - at))
        return found[0] if len(found) == 1 else b"".join(found)


def _bytes_of(source: str | bytes, start: int, end: int, low: int, high: int) -> bytes:
    """Some of the bytes that a piece has."""
    if isinstance(source, bytes):
        return source[low:high]
    return source[low:high].encode() if source.isascii() else source[start:end].encode()[low:high]


class PiecedFile(SessionFile, frozen=True, gc=False):
    """A file as it is kept here: ``kept`` are its pieces. Nobody else is handed one: they get ``plain``."""

    if not TYPE_CHECKING:

        @property
        def content(self) -> str:
            return self.plain().content

        @property
        def at_hand(self) -> str:
            return self.kept.whole() if self.encoding == "text" else ""

    @property
    @override
    def data(self) -> bytes:
        return self.part(0, None)

    @override
    def part(self, start: int, length: int | None) -> bytes:
        kept: Any = self.kept
        found: bytes = kept.part(*span_within(self.size_bytes, start, length))
        return found

    def plain(self) -> SessionFile:
        """The record that a user gets."""
        kept: Any = self.kept
        return file_of(
            self.version, self.created_ns, self.updated_ns, self.session_id, self.path, self.serial,
            self.size_bytes, self.is_readonly, kept.whole(), self.encoding,
        )  # fmt: skip


def with_more(file: FileInfo, old: SessionFile, more: str | bytes) -> PiecedFile:
    """A record of a file with what ``old`` has and more behind it; bytes where ``old`` is in base64.

    The user holds the store's lock.
    """
    kept: Any = old.kept
    if not isinstance(kept, Pieces):
        row = _Row()
        source: Any = kept if old.encoding == "text" else old.data
        for _ in row.add(source):
            pass
        kept = Pieces(row, len(row.ends), more[:0])
    return _pieced(file, kept.with_more(more), old.encoding)


async def in_pieces(file: SessionFile) -> PiecedFile:
    """A file of text with its content in pieces, made without holding the event loop."""
    row = _Row()
    await in_turns(row.add(file.content or ""))
    return _pieced(file, Pieces(row, len(row.ends), ""), file.encoding)


def _pieced(entry: FileInfo | SessionFile, pieces: Any, encoding: Encoding) -> PiecedFile:
    return PiecedFile(
        entry.version, entry.created_ns, entry.updated_ns, entry.session_id, entry.path, entry.serial,
        entry.size_bytes, entry.is_readonly, pieces, encoding,
    )  # fmt: skip
