"""The tree: it stays one, whatever is asked of it; listing, looking and deleting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import ParentNotDirectoryError, PathExistsError
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundFiles

    Action = Callable[[BoundFiles], Awaitable[Any]]


@table(
    "tree.python_errors.{row}",
    "3.4.4",
    rows={
        "not_a_directory": (NotADirectoryError, lambda files: files.write_file("d/a/b", "y")),
        "is_a_directory": (IsADirectoryError, lambda files: files.write_file("d", "y")),
        "file_exists": (FileExistsError, lambda files: files.create_directory("d/a")),
        "file_not_found": (FileNotFoundError, lambda files: files.move_file("none", "z")),
        "permission": (PermissionError, lambda files: files.write_file("kept", "y")),
    },
    likely="errors are built by hand in place of everstore's own classes",
)
async def python_errors(case: Case, error: type[Exception], action: Action) -> None:
    """Errors of the tree are Python's own of that meaning too: {row}."""
    await case.files.seed_initial_file(InitialFile("kept", "x", is_readonly=True))
    await case.files.write_file("d/a", "x")
    with refused(error):
        await action(case.files)


@check("tree.directory.create", "3.5.1", likely="only the last directory is entered")
async def create_directory(case: Case) -> None:
    """create_directory makes the directory and its parents, and answers with its entry."""
    info = await case.files.create_directory("a/b/c")
    assert (info.path, info.is_directory, info.session_id) == ("/a/b/c", True, case.id)
    assert await case.paths() == ["/a/", "/a/b/", "/a/b/c/"]
    assert info == (await case.read("a/b/c")).info()


@check("tree.directory.idempotent", "3.5.2", likely="creating a directory again replaces it, or is refused")
async def directory_idempotent(case: Case) -> None:
    """Creating a directory that exists returns it as it is, children and all."""
    first = await case.files.create_directory("a/b")
    await case.files.write_file("a/b/c", "x")
    async with case.untouched():
        again = await case.files.create_directory("a/b")
    assert (again.id, again.created_at) == (first.id, first.created_at)


@check(
    "tree.directory.new",
    "3.5.3",
    likely="exist_ok does not get here, or the root, and a file, are asked before it",
    since="1.2",
)
async def directory_new(case: Case) -> None:
    """With exist_ok=False a directory is made where nothing is, and refused where anything is."""
    info = await case.files.create_directory("a/b", exist_ok=False)
    assert (info.path, info.is_directory) == ("/a/b", True)
    await case.files.write_file("a/f", "x")
    async with case.untouched():
        for path in ("a/b", "a", "a/f", "/"):
            with refused(PathExistsError, about=f" at {path}"):
                await case.files.create_directory(path, exist_ok=False)
        with refused(ParentNotDirectoryError):
            await case.files.create_directory("a/f/d", exist_ok=False)


@check("tree.directory.root", "3.5.2", "3.7.2", likely="the root is created like any directory")
async def directory_root(case: Case) -> None:
    """Creating the root answers with the root, and creates nothing."""
    info = await case.files.create_directory("/")
    assert (info.path, info.is_directory) == ("/", True)
    assert await case.files.list_directory("/") == []


@check("tree.list.direct_children", "3.6.1", likely="a listing takes everything that starts with the path")
async def list_direct_children(case: Case) -> None:
    """A listing has the direct children, files and directories, and no others."""
    for path in ("d/a", "d/sub/b", "d/sub/deep/c", "da", "d2/x", "e"):
        await case.files.write_file(path, "x")
    listed = await case.files.list_directory("d")
    assert [(info.path, info.is_directory) for info in listed] == [("/d/a", False), ("/d/sub", True)]
    root = await case.files.list_directory()
    assert [info.path for info in root] == ["/d", "/d2", "/da", "/e"]


@check("tree.list.sorted", "3.6.2", likely="names are sorted by locale, by case folding or by UTF-16")
async def list_sorted(case: Case) -> None:
    """A listing is sorted by path by code point."""
    names = [
        "b",
        "a",
        "B",
        "Z",
        "a b",
        "a-b",
        "a.b",
        "a0",
        "é",
        "e\u0301",
        "\uffff",
        "\U0001f600",
        "~",
        "_",
        "10",
        "9",
    ]
    for name in names:
        await case.files.write_file(f"d/{name}", "x")
    assert [info.name for info in await case.files.list_directory("d")] == sorted(names)


@table(
    "tree.list.{row}",
    "3.6.3",
    rows={
        "missing": ("missing",),
        "missing_prefix_of_another": ("direct",),
        "file": ("a",),
        "below_a_file": ("a/b",),
        "empty_directory": ("empty",),
    },
    likely="what is no directory is listed by prefix, or raises",
)
async def list_nothing(case: Case, path: str) -> None:
    """There is nothing to list, so the answer is an empty list: {row}."""
    await case.files.write_file("a", "x")
    await case.files.write_file("directory/x", "x")
    await case.files.create_directory("empty")
    assert await case.files.list_directory(path) == []


@check(
    "tree.list.shows_what_reading_shows", "3.6.4", "3.7.1", likely="a listing is kept apart from the entries"
)
async def list_matches_read(case: Case) -> None:
    """A listing, stat_file and read_file agree on every entry, also after changes."""
    await case.files.write_file("d/a", "one")
    await case.files.create_directory("d/sub")
    await case.files.seed_initial_file(InitialFile("d/kept", "x", is_readonly=True))
    assert len(await case.files.list_directory("d")) == 3
    await case.files.write_file("d/a", "longer than one")
    for info in await case.files.list_directory("d"):
        stat = await case.files.stat_file(info.path)
        read = await case.read(info.path)
        assert info == read.info()
        assert stat == read.stat()


@check("tree.stat.root", "3.7.2", likely="the root of an unused session is missing")
async def stat_root(case: Case) -> None:
    """The root always exists, also in a session that was never used, and after everything is deleted."""
    for _ in range(2):
        root = await case.files.stat_file("/")
        assert root is not None
        assert (root.path, root.is_directory) == ("/", True)
        await case.files.write_file("d/a", "x")
        await case.files.delete_file("d", recursive=True)
