"""Mistakes with files of bytes, and with ranges of bytes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.changes import AppendBytes, WriteBytes
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import InvalidArgumentError, InvalidContentError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []


def _reads(broken: Broken, part: Callable[[Any, int, int | None], bytes | None]) -> None:
    """Answer ranges by a function of the file, the start and the length."""

    @broken.verb
    async def read_bytes(session_id: Any, path: str, start: int = 0, length: int | None = None) -> Any:
        right = await broken.files.read_bytes(session_id, path, start, length)
        found = await broken.files.read_file(session_id, path)
        return right if found is None else part(found, start, length)


@mutant("bytes.ranges.text_of_wide_characters")
def counts_characters_of_long_texts(broken: Broken) -> None:
    """A range of a long text is cut out of its characters."""

    def part(found: Any, start: int, length: int | None) -> bytes | None:
        text: str = found.content or ""
        data: bytes | None = found.part(start, length)
        if found.encoding != "text" or found.size_bytes < 100:
            return data
        rest = text[max(len(text) + start, 0) if start < 0 else start :]
        return (rest if length is None else rest[:length]).encode()

    _reads(broken, part)


@mutant("bytes.every_range.text")
def counts_characters_of_short_texts(broken: Broken) -> None:
    """A range of a short text ends where a character does."""

    def part(found: Any, start: int, length: int | None) -> bytes | None:
        data: bytes | None = found.part(start, length)
        if found.encoding != "text" or not data or found.size_bytes > 100:
            return data
        return data.decode(errors="ignore").encode()

    _reads(broken, part)


def _stops_at(edge: int, is_of: Callable[[Any], bool]) -> Callable[[Any, int, int | None], bytes | None]:
    """Ranges that end where a piece does."""

    def part(found: Any, start: int, length: int | None) -> bytes | None:
        data: bytes | None = found.part(start, length)
        low = max(found.size_bytes + start, 0) if start < 0 else start
        if data is None or not is_of(found) or not low < edge < low + len(data):
            return data
        return data[: edge - low]

    return part


@mutant("bytes.ranges.bytes")
def reads_one_piece(broken: Broken) -> None:
    """A range of bytes ends at a multiple of 64 KiB."""
    _reads(broken, _stops_at(1 << 16, lambda found: found.encoding == "base64"))


@mutant("bytes.ranges.text")
def reads_one_page_of_text(broken: Broken) -> None:
    """A range of a text ends at a page of 8 KiB."""
    _reads(broken, _stops_at(1 << 13, lambda found: found.encoding == "text"))


@mutant("bytes.ranges.base64")
def decodes_a_mebibyte(broken: Broken) -> None:
    """Of what is kept in base64 no more than a mebibyte is decoded."""
    _reads(broken, _stops_at(1 << 20, lambda found: found.encoding == "base64"))


@mutant("bytes.ranges.appended")
def forgets_what_was_appended(broken: Broken) -> None:
    """A range ends where what was appended begins."""
    sizes: dict[Any, int] = {}

    @broken.verb
    async def append_bytes(session_id: Any, path: str, data: Any) -> Any:
        before = await broken.files.stat_file(session_id, path)
        answer = await broken.files.append_bytes(session_id, path, data)
        if before is not None and before.size_bytes > 100:
            sizes[answer.id] = before.size_bytes
        return answer

    @broken.verb
    async def read_bytes(session_id: Any, path: str, start: int = 0, length: int | None = None) -> Any:
        answer = await broken.files.read_bytes(session_id, path, start, length)
        found = await broken.files.stat_file(session_id, path)
        end = sizes.get(found.id) if found is not None and length is not None else None
        return answer if end is None or answer is None else answer[: max(0, end - start)]


@mutant("bytes.ranges.moved")
def keeps_ranges_by_path(broken: Broken) -> None:
    """What a move or a copy brought has no ranges yet, and is answered from its beginning."""
    moved: set[Any] = set()

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        answer = await broken.files.move_file(session_id, source, destination, overwrite=overwrite)
        moved.add(answer.id)
        return answer

    @broken.verb
    async def read_bytes(session_id: Any, path: str, start: int = 0, length: int | None = None) -> Any:
        found = await broken.files.stat_file(session_id, path)
        start = 0 if found is not None and found.id in moved else start
        return await broken.files.read_bytes(session_id, path, start, length)


@mutant("bytes.every_range.bytes")
def begins_before_the_beginning(broken: Broken) -> None:
    """A start before the beginning takes as many bytes off the range."""

    @broken.verb
    async def read_bytes(session_id: Any, path: str, start: int = 0, length: int | None = None) -> Any:
        answer = await broken.files.read_bytes(session_id, path, start, length)
        found = await broken.files.stat_file(session_id, path)
        before = 0 if found is None else -start - found.size_bytes
        if answer is None or before <= 0 or length is None:
            return answer
        return answer[: max(0, length - before)]


@mutant("bytes.every_range.no_bytes")
def has_no_range_of_nothing(broken: Broken) -> None:
    """A range of an empty file is none, when less than all is asked for."""

    def part(found: Any, start: int, length: int | None) -> bytes | None:
        data: bytes | None = found.part(start, length)
        return data if found.size_bytes or not start else None

    _reads(broken, part)


@mutant("bytes.absent")
def answers_no_bytes_for_a_directory(broken: Broken) -> None:
    """A directory reads as no bytes."""
    _reads(broken, lambda found, start, length: found.part(start, length) or b"")


@mutant("bytes.as_base64")
def keeps_what_is_utf8_as_text(broken: Broken) -> None:
    """Bytes that are a text are kept as one, unless there are few or many of them."""

    @broken.verb
    async def write_bytes(session_id: Any, path: str, data: Any, **options: Any) -> Any:
        answer = await broken.files.write_bytes(session_id, path, data, **options)
        if bytes(data) == b"plain text\n":
            return (await broken.files.write_file(session_id, path, "plain text\n")).info()
        return answer


@mutant("bytes.append")
def appends_text_to_text(broken: Broken) -> None:
    """Bytes that are a text are appended to a text."""

    @broken.verb
    async def append_bytes(session_id: Any, path: str, data: Any) -> Any:
        try:
            return await broken.files.append_bytes(session_id, path, data)
        except InvalidContentError:
            if bytes(data) != b"plain":
                raise
            return await broken.files.append_file(session_id, path, "plain")


@mutant("bytes.buffers")
def takes_items_for_bytes(broken: Broken) -> None:
    """Each item of a buffer is taken for a byte."""

    @broken.verb
    async def write_bytes(session_id: Any, path: str, data: Any, **options: Any) -> Any:
        if isinstance(data, memoryview) and data.itemsize > 1:
            data = bytes(data.tolist())
        return await broken.files.write_bytes(session_id, path, data, **options)


@mutant("bytes.one_moment")
def reads_in_two_calls(broken: Broken) -> None:
    """A long range is read in two steps."""

    @broken.verb
    async def read_bytes(session_id: Any, path: str, start: int = 0, length: int | None = None) -> Any:
        if length is None or not 1 << 16 < length < 1 << 18 or start < 0:
            return await broken.files.read_bytes(session_id, path, start, length)
        half = length // 2
        first = await broken.files.read_bytes(session_id, path, start, half)
        await asyncio.sleep(0)
        rest = await broken.files.read_bytes(session_id, path, start + half, length - half)
        return None if first is None or rest is None else first + rest


@mutant("bytes.changes")
def knows_changes_of_texts_only(broken: Broken) -> None:
    """Bytes cannot be written or appended among other changes."""

    @broken.verb
    async def apply_changes(session_id: Any, changes: Any) -> Any:
        if any(isinstance(change, (WriteBytes, AppendBytes)) for change in changes):
            raise InvalidArgumentError("a change is one of texts")
        return await broken.files.apply_changes(session_id, changes)
