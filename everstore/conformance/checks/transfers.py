"""Copying and moving files and trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import (
    InvalidPathError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
    ReadOnlyFileError,
)
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundFiles

    Transfer = Callable[..., Awaitable[Any]]


def _copy(files: BoundFiles, source: str, destination: str, **options: bool) -> Awaitable[Any]:
    return files.copy_file(source, destination, **options)


def _move(files: BoundFiles, source: str, destination: str, **options: bool) -> Awaitable[Any]:
    return files.move_file(source, destination, **options)


_BOTH: dict[str, tuple[Transfer]] = {"copy": (_copy,), "move": (_move,)}


async def some_files(case: Case) -> None:
    """A tree to copy and move, and a neighbour whose name begins like its own."""
    await case.files.write_file("d/a", "one\r\n")
    await case.files.write_file("d/sub/b", "AP8=", "base64")
    await case.files.create_directory("d/empty")
    await case.files.write_file("dd/a", "a neighbour")


@table(
    "transfers.file.{row}",
    "4.5.3",
    rows=_BOTH,
    likely="content, encoding or size is lost on the way",
)
async def transfer_file(case: Case, transfer: Transfer) -> None:
    """A file arrives whole, with the parents it needs, and the answer is what is there: {row}."""
    await some_files(case)
    for source, content, encoding in (("d/a", "one\r\n", "text"), ("d/sub/b", "AP8=", "base64")):
        info = await transfer(case.files, source, f"new/deep{source}")
        arrived = await case.read(f"new/deep{source}")
        assert info == arrived.info()
        assert (arrived.content, arrived.encoding) == (content, encoding)


@table(
    "transfers.tree.{row}",
    "4.5.3",
    rows={
        "copy": (_copy, ["/d/", "/d/a", "/d/empty/", "/d/sub/", "/d/sub/b"]),
        "move": (_move, []),
    },
    likely="only direct children, or no empty directories, are taken along",
)
async def transfer_tree(case: Case, transfer: Transfer, left: list[str]) -> None:
    """A tree arrives whole, empty directories too, and its neighbours stay: {row}."""
    await some_files(case)
    info = await transfer(case.files, "d", "x/y")
    assert info == (await case.read("x/y")).info()
    arrived = ["/x/", "/x/y/", "/x/y/a", "/x/y/empty/", "/x/y/sub/", "/x/y/sub/b"]
    assert await case.paths() == [*left, "/dd/", "/dd/a", *arrived]
    assert ((await case.read("x/y/sub/b")).content, (await case.read("x/y/a")).content) == ("AP8=", "one\r\n")


@table(
    "transfers.to_longer_name.{row}",
    "4.5.3",
    "4.5.5",
    rows=_BOTH,
    likely="/d2 is taken for a place inside /d",
)
async def transfer_to_longer_name(case: Case, transfer: Transfer) -> None:
    """A tree goes to a name that its own begins with: {row}."""
    await some_files(case)
    await transfer(case.files, "d", "d2")
    assert (await case.read("d2/a")).content == "one\r\n"
    await transfer(case.files, "dd", "dd.old/x")
    assert (await case.read("dd.old/x/a")).content == "a neighbour"


@table(
    "transfers.names_again.{row}",
    "4.5.3",
    "2.3.4",
    rows=_BOTH,
    likely="the source's path is replaced wherever it is in a path, as a pattern, or cut by its bytes",
)
async def transfer_names_again(case: Case, transfer: Transfer) -> None:
    """What lies in a tree keeps its names, also where they are the tree's own, or mean something: {row}."""
    for top in ("d", "\u00e9\u00e9", "a.c", "(a", "a%", "\U0001f600"):
        for below in (top, f"{top}/{top}", f"{top}{top}", "x"):
            await case.files.write_file(f"{top}/{below}/f", below)
        expected = [path.removeprefix(f"/{top}/") for path in await case.paths() if path != f"/{top}/"]
        await transfer(case.files, top, "new/place")
        arrived = [path.removeprefix("/new/place/") for path in await case.paths() if "/place/" in path]
        assert arrived[1:] == expected
        await case.store.file_system.purge_session(case.id)


@table("transfers.missing.{row}", "4.5.4", rows=_BOTH, likely="a missing source is an empty one")
async def transfer_missing(case: Case, transfer: Transfer) -> None:
    """A missing source is PathNotFoundError, also in a session that was never used: {row}."""
    with refused(PathNotFoundError):
        await transfer(case.files, "missing", "x")
    await some_files(case)
    async with case.untouched():
        for source in ("missing", "d/missing", "d/a2"):
            with refused(PathNotFoundError):
                await transfer(case.files, source, "x")


@table("transfers.into_itself.{row}", "4.5.5", rows=_BOTH, likely="the tree grows into itself, or disappears")
async def transfer_into_itself(case: Case, transfer: Transfer) -> None:
    """Onto or into itself is InvalidPathError, and nothing changes: {row}."""
    await some_files(case)
    async with case.untouched():
        for source, destination in (("d", "d"), ("d/a", "d/a"), ("d", "d/sub/x"), ("d", "d/new"), ("/", "x")):
            with refused(InvalidPathError):
                await transfer(case.files, source, destination, overwrite=True)


@table(
    "transfers.refuses_to_replace.{row}", "4.5.6", rows=_BOTH, likely="an existing file is replaced silently"
)
async def transfer_refuses(case: Case, transfer: Transfer) -> None:
    """A file that is there is not replaced without overwrite: {row}."""
    await some_files(case)
    async with case.untouched():
        with refused(PathExistsError):
            await transfer(case.files, "d/a", "dd/a")
        with refused(PathExistsError):
            await transfer(case.files, "d", "dd/a")


@table(
    "transfers.overwrites.{row}",
    "4.5.6",
    "4.1.2",
    rows=_BOTH,
    likely="overwrite keeps something of the old file",
)
async def transfer_overwrites(case: Case, transfer: Transfer) -> None:
    """With overwrite a file replaces a file: {row}."""
    await some_files(case)
    old = await case.read("dd/a")
    await transfer(case.files, "d/sub/b", "dd/a", overwrite=True)
    new = await case.read("dd/a")
    assert (new.content, new.encoding, new.size_bytes) == ("AP8=", "base64", 2)
    assert new.id != old.id
    assert new.revision != old.revision
    assert [info.path for info in await case.files.list_directory("dd")] == ["/dd/a"]


@table(
    "transfers.directory_stays.{row}",
    "4.5.6",
    rows=_BOTH,
    likely="trees are merged, or a directory is replaced",
)
async def transfer_keeps_directory(case: Case, transfer: Transfer) -> None:
    """A directory is never replaced, not even an empty one, and replaces nothing: {row}."""
    await some_files(case)
    await case.files.create_directory("empty")
    async with case.untouched():
        for source, destination in (("d", "dd"), ("dd", "empty"), ("d", "dd/a"), ("empty", "dd")):
            with refused(PathExistsError):
                await transfer(case.files, source, destination, overwrite=True)
        for destination in ("empty", "dd", "/"):
            with refused(PathIsDirectoryError):
                await transfer(case.files, "d/a", destination, overwrite=True)


_LONG = "".join(f"/{'é' * 100}" for _ in range(19)) + f"/{'x' * 178}"
"""3998 bytes and 2098 characters: below ``/d`` a path of 4000 bytes."""

_FITS = "/new/" + "é" * 46 + "x"  # 96 bytes longer than /d, and 50 characters
_TOO_LONG = "/new/" + "é" * 47  # one byte more, and as many characters


@table(
    "transfers.too_long.{row}",
    "4.5.11",
    rows={
        "copy": (_copy, "deep"),
        "copy_directory": (_copy, None),
        "move": (_move, "deep"),
        "move_directory": (_move, None),
    },
    likely="only the destination's own path is measured, or characters are counted in place of bytes",
)
async def transfer_too_long(case: Case, transfer: Transfer, content: str | None) -> None:
    """A path below grows to 4096 bytes and no further, else all stays as it was: {row}."""
    await case.files.write_file("d/a", "x")
    await case.files.write_file("d/\U0001f600", "x")  # neither the first path nor the last is the longest
    await case.files.write_file("d" + f"/{'y' * 200}" * 14, "x")  # more characters, and fewer bytes
    if content is None:
        await case.files.create_directory("d" + _LONG)
    else:
        await case.files.write_file("d" + _LONG, content)
    async with case.untouched():
        with refused(InvalidPathError):
            await transfer(case.files, "d", _TOO_LONG)
    await transfer(case.files, "d", _FITS)
    assert (await case.read(_FITS + _LONG)).content == content
    async with case.untouched():  # a byte more, and no more than that
        with refused(InvalidPathError):
            await transfer(case.files, _FITS, _TOO_LONG)
    await case.files.move_file(_FITS, "e")
    assert (await case.read("e" + _LONG)).content == content


@table(
    "transfers.too_long.{row}",
    "3.11.1",
    "4.5.11",
    rows={
        "read_only_first": (_move, _TOO_LONG + "2", ReadOnlyFileError),
        "exists_first": (_copy, _TOO_LONG, PathExistsError),
        "before_a_limit": (_copy, _TOO_LONG + "2", InvalidPathError),
    },
    likely="paths are measured before the tree is looked at, or after the limits are",
)
async def too_long_in_order(case: Case, transfer: Transfer, destination: str, error: type[Exception]) -> None:
    """A path that would become too long is refused last but for the limits: {row}."""
    await case.store.close()
    case.store = await case.open(limits__session_entries=24)
    await case.files.seed_initial_file(InitialFile("d" + _LONG, "deep", is_readonly=True))
    await case.files.write_file(_TOO_LONG + "/a", "x")
    async with case.untouched():
        with refused(error):
            await transfer(case.files, "d", destination)


@check("transfers.copy.own_id", "4.5.8", "3.2.5", likely="records are copied with their ids")
async def copy_own_id(case: Case) -> None:
    """A copy has its own id, at every level of a tree, and the source stays as it was."""
    await some_files(case)
    before = await case.snapshot()
    await case.files.copy_file("d", "e")
    after = await case.snapshot()
    assert {place: after[place] for place in before} == before
    entries = [await case.read(path) for path in await case.paths()]
    assert len({entry.id for entry in entries}) == len(entries)


@check("transfers.copy.independent", "4.5.8", likely="a copy shares the content of its source")
async def copy_independent(case: Case) -> None:
    """A change to a copy does not reach the source, nor the other way round."""
    await case.files.write_file("a", "one")
    await case.files.copy_file("a", "b")
    await case.files.append_file("b", " more")
    await case.files.edit_file("a", "one", "two")
    assert ((await case.read("a")).content, (await case.read("b")).content) == ("two", "one more")
    await case.files.delete_file("a")
    assert (await case.read("b")).content == "one more"
