"""Mistakes with contents that are kept in pieces, where a file has grown over the edge of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

__all__: list[str] = []

_PIECE = 64 << 10


def _appending(broken: Broken, change: Callable[[int, str], str]) -> None:
    """What is appended to a text becomes something else, by how many bytes are there."""

    @broken.verb
    async def append_file(session_id: UUID, path: str, content: str, encoding: Any = "text") -> Any:
        there = await broken.files.stat_file(session_id, path)
        if encoding == "text":
            content = change(there.size_bytes if there else 0, content)
        return await broken.files.append_file(session_id, path, content, encoding)


def _crosses(size: int, content: str) -> bool:
    return 0 < len(content) < 3 and size // _PIECE != (size + len(content.encode())) // _PIECE


@mutant("content.grown.lf")
def loses_line_ends_at_an_edge(broken: Broken) -> None:
    """A line end that fills a piece is taken for that of the piece."""
    _appending(broken, lambda size, text: "" if text == "\n" and _crosses(size, text) else text)


@mutant("content.grown.crlf")
def parts_line_ends_at_an_edge(broken: Broken) -> None:
    """A carriage return at the end of a piece belongs to no line end."""
    _appending(broken, lambda size, text: "\n" if text == "\r\n" and _crosses(size, text) else text)


@mutant("content.grown.two_bytes")
def parts_characters_at_an_edge(broken: Broken) -> None:
    """A character across the edge of a piece is replaced."""

    def change(size: int, text: str) -> str:
        return "\ufffd" if len(text.encode()) == 2 and text != "\r\n" and _crosses(size, text) else text

    _appending(broken, change)


@mutant("content.grown.four_bytes")
def numbers_lines_from_the_piece(broken: Broken) -> None:
    """An edit in a later piece tells the number of the line in its piece."""

    @broken.verb
    async def edit_file(session_id: UUID, path: str, old: str, new: str, **options: Any) -> Any:
        edited = await broken.files.edit_file(session_id, path, old, new, **options)
        if edited.size_bytes > _PIECE and len(edited.replaced) == 1:
            return replace(edited, replaced=(edited.replaced[0] % 100,))
        return edited


@mutant("content.grown_bytes.one_by_one")
def reads_to_the_edge_only(broken: Broken) -> None:
    """A range ends where a piece does."""

    @broken.verb
    async def read_bytes(session_id: UUID, path: str, start: int = 0, length: Any = None) -> Any:
        found = await broken.files.read_bytes(session_id, path, start, length)
        if found is None or start < 0 or length is None:
            return found
        return found[: _PIECE - start % _PIECE]


@mutant("content.grown_bytes.many")
def begins_pieces_anew(broken: Broken) -> None:
    """A large append to a full piece takes its place."""

    @broken.verb
    async def append_bytes(session_id: UUID, path: str, data: bytes) -> Any:
        info = await broken.files.append_bytes(session_id, path, data)
        if len(data) > 10_000 and info.size_bytes > 4 * _PIECE:
            whole = await broken.files.read_bytes(session_id, path) or b""
            await broken.files.write_bytes(session_id, path, whole[: -len(data)] + b"\0" * len(data))
        return info


@mutant("content.grown_copies")
def appends_to_what_was_copied(broken: Broken) -> None:
    """A copy shares its pieces with its source: what is appended to the one is in the other."""
    sources: dict[Any, str] = {}

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, **options: Any) -> Any:
        info = await broken.files.copy_file(session_id, source, destination, **options)
        sources[session_id, destination] = source
        return info

    @broken.verb
    async def append_bytes(session_id: Any, path: str, data: Any) -> Any:
        if (session_id, path) in sources:
            await broken.files.append_bytes(session_id, sources[session_id, path], data)
        return await broken.files.append_bytes(session_id, path, data)
