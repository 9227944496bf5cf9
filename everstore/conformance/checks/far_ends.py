"""What differs only at its far end, lies far down, or is looked at across the edge of a buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.case import Mismatch
from everstore.conformance.model.plain import lines_of
from everstore.conformance.registry import table
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundFiles

_ENDS = (255, 256, 767, 1024, 4096)  # bytes that a column, a file's name, an index or a path may have
_LEVELS = 45
_PAGE = 1 << 12


def _path(size: int, last: str) -> str:
    """A path of so many bytes in segments of 200 at most, which ends with this."""
    segments, rest = divmod(size, 200)
    if rest < 3:
        segments, rest = segments - 1, rest + 200
    return ("/" + "p" * 199) * segments + "/" + "q" * (rest - 1 - len(last)) + last


@table(
    "confusable.far_end.{row}",
    "2.4.1",
    "3.8.7",
    "4.5.3",
    rows={f"path_of_{size}": (size,) for size in _ENDS},
    likely="a column, an index or a file's name ends before the path does",
    since="1.1",
)
async def paths_at_the_end(case: Case, size: int) -> None:
    """Paths that differ in their last byte are two, whatever is done with one: {row}."""
    files = case.files
    one, other = _path(size, "1"), _path(size, "2")
    assert len(one.encode()) == size
    kept = await files.write_file(other, "other")
    assert await files.read_file(one) is None
    assert await files.delete_file(one) is False
    await files.append_file(one, "one")
    await files.edit_file(one, "one", "two")
    await files.write_file_if_content_matches(one, "two", "text", "three", "text")
    await files.copy_file(one, "c")
    await files.move_file(one, "m")
    await files.seed_initial_file(InitialFile(one, "seeded"))
    await files.move_file("m", one, overwrite=True)
    assert (await case.read(one)).content == "three"
    directory = one.rpartition("/")[0] or "/"
    assert [info.path for info in await files.list_directory(directory)] == [one, other]
    assert [match.path for match in await files.grep_files("three", one)] == [one]
    assert await files.delete_file(one) is True
    assert await case.read(other) == kept


@table(
    "confusable.far_end.{row}",
    "6.1.7",
    "6.1.2",
    rows={f"key_of_{size}": (size,) for size in _ENDS if size <= 1024},
    likely="a column or an index ends before the key does",
    since="1.1",
)
async def keys_at_the_end(case: Case, size: int) -> None:
    """Keys, and names of secrets, that differ in their last byte are two: {row}."""
    storage = case.storage
    one, other = "k" * (size - 1) + "1", "k" * (size - 1) + "2"
    await storage.set_value(other, "7")
    await storage.set_secret(other, "other")
    assert (await storage.get_value(one), await storage.get_secret(one)) == (None, None)
    assert await storage.increment_value(one, 3) == 3
    await storage.set_secret(one, "one")
    assert [info.key for info in await storage.list_keys()] == [one, other]
    assert [info.name for info in await storage.list_secrets()] == [one, other]
    assert (await storage.delete_value(one), await storage.delete_secret(one)) == (True, True)
    assert (await storage.get_value(other), await storage.get_secret(other)) == ("7", "other")


@table(
    "transfers.levels.{row}",
    "4.5.3",
    "3.6.5",
    "3.14.1",
    "3.15.1",
    rows={
        "copy": (lambda files: files.copy_file("d", "new/e"), True),
        "move": (lambda files: files.move_file("d", "new/e"), False),
    },
    likely="a recursion is bounded, and what lies deeper is left out",
    since="1.1",
)
async def levels(case: Case, transfer: Callable[[BoundFiles], Awaitable[Any]], *stays: bool) -> None:
    """A tree of 45 levels, with a file on each, arrives whole: {row}."""
    below = ["".join("/s" for _ in range(level)) + "/f" for level in range(_LEVELS)]
    for path in below:
        await case.files.write_file(f"d{path}", path)
    await transfer(case.files)
    for path in below:
        assert (await case.read(f"new/e{path}")).content == path
        found = await case.files.read_file(f"d{path}")
        assert (found is not None and found.content == path) is stays[0], path
    await _require_levels(case.files, "/new/e", below)
    if stays[0] and case.capabilities.forks:
        fork, role = case.new_id(), case.store.file_system
        await role.fork_session(case.id, fork)
        await _require_levels(case.store.session(fork).files, "/new/e", below)
        assert len(await role.diff_sessions(case.new_id(), fork)) == 4 * _LEVELS + 1


async def _require_levels(files: BoundFiles, top: str, below: list[str]) -> None:
    """Whatever looks at a whole tree finds the file on each level."""
    paths = sorted(top + path for path in below)
    assert [info.path for info in await files.glob_files(f"{top}/**")] == paths
    assert [match.path for match in await files.grep_files("/f", f"{top}/**")] == paths
    for depth in (None, _LEVELS):
        listed = await files.list_tree(top, depth=depth)
        assert [info.path for info in listed if not info.is_directory] == paths


def _filling(size: int) -> str:
    """Short lines of so many bytes, the last one without its end."""
    return "x" * (size % 16) + ("\n" + "l" * 15) * (size // 16)


_CROSSING = {"crlf": "\r\n", "two_bytes": "\u00e9\n", "four_bytes": "\U0001f600\r\n", "lone_cr": "\r\r\n"}


@table(
    "search.edges.{row}",
    "5.1.4",
    "5.2.1",
    "5.2.4",
    "5.6.1",
    rows={name: (what,) for name, what in _CROSSING.items()},
    likely="a text is read in chunks, and a line end or a character across their edge is parted",
    since="1.1",
)
async def lines_across_edges(case: Case, what: str) -> None:
    """Lines with something across the edge of every page are read, numbered and found as they are: {row}."""
    width = len(what.encode())
    for shift in range(width + 1):
        # Every 4 KiB of 72 KiB, and so every 8, 32 and 64, ends ``shift`` bytes into it.
        text = _filling(_PAGE - shift) + (what + _filling(_PAGE - width)) * 18 + "end"
        await case.files.write_file("f", text)
        lines = lines_of(text)
        read = await case.files.read_lines("f")
        if read is None or [each.text for each in read.lines] != lines:
            raise Mismatch(f"{len(lines)} lines, with {what!r} across pages by {shift}", "others")
        for start in range(1, len(lines), 509):
            some = await case.files.read_lines("f", start, 3)
            assert some is not None
            assert [each.text for each in some.lines] == lines[start - 1 : start + 2], (start, shift)
        found = await case.files.grep_files("", "/f", before=1, after=1, limit=len(lines))
        around = [(each.line_number, each.before, each.line, each.after) for each in found]
        expected = [
            (at + 1, tuple(lines[max(0, at - 1) : at]), line, tuple(lines[at + 1 : at + 2]))
            for at, line in enumerate(lines)
        ]
        wrong = next((pair for pair in zip(expected, around, strict=True) if pair[0] != pair[1]), None)
        if wrong is not None:
            raise Mismatch(f"{wrong[0]!r:.200}", f"{wrong[1]!r:.200}")
