"""Deleting files and trees, and read-only files, which nothing but a seed changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.changes import Copy, Move
from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import ReadOnlyFileError
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundFiles

    Action = Callable[[BoundFiles], Awaitable[Any]]


@check(
    "tree.delete.file",
    "3.8.1",
    likely="a delete answers True whatever it removed, or leaves the entry listed",
)
async def delete_file(case: Case) -> None:
    """Deleting a file removes it from every verb, and is True once."""
    await case.files.write_file("d/a", "x")
    await case.files.write_file("d/b", "y")
    assert await case.files.delete_file("d/a") is True
    assert await case.files.read_file("d/a") is None
    assert await case.files.stat_file("d/a") is None
    assert await case.paths() == ["/d/", "/d/b"]
    assert await case.files.grep_files("x") == []
    assert await case.files.delete_file("d/a") is False


@table(
    "tree.delete.nothing.{row}",
    "3.8.1",
    "3.8.2",
    rows={
        "missing": ("missing",),
        "missing_in_directory": ("d/missing",),
        "below_a_file": ("d/a/b",),
        "prefix_of_a_name": ("d/fil",),
        "longer_name": ("d/file2",),
        "wildcard": ("d/f*",),
        "like_wildcard": ("d/f%",),
    },
    likely="the path is matched as a prefix or a pattern",
)
async def delete_nothing(case: Case, path: str) -> None:
    """What is missing cannot be deleted, recursively or not: {row}."""
    await case.files.write_file("d/a", "x")
    await case.files.write_file("d/file", "y")
    async with case.untouched():
        assert await case.files.delete_file(path) is False
        assert await case.files.delete_file(path, recursive=True) is False


@check("tree.delete.root", "3.8.4", likely="the root is deleted like any directory")
async def delete_root(case: Case) -> None:
    """The root cannot be deleted, recursively or not, full or empty, and nothing in it is touched."""
    assert await case.files.delete_file("/") is False
    assert await case.files.delete_file("/", recursive=True) is False
    await case.files.write_file("d/a", "x")
    async with case.untouched():
        assert await case.files.delete_file("/") is False
        assert await case.files.delete_file("/", recursive=True) is False


@check("tree.delete.empty_directory", "3.8.1", likely="only files are deleted without recursive")
async def delete_empty_directory(case: Case) -> None:
    """An empty directory is deleted without recursive, and its parent stays."""
    await case.files.create_directory("d/empty")
    assert await case.files.delete_file("d/empty") is True
    assert await case.paths() == ["/d/"]


@check("tree.delete.full_directory", "3.8.5", likely="recursive is ignored")
async def delete_full_directory(case: Case) -> None:
    """A directory with anything in it is not deleted without recursive."""
    await case.files.create_directory("d/sub")
    await case.files.write_file("e/a", "x")
    async with case.untouched():
        assert await case.files.delete_file("d") is False
        assert await case.files.delete_file("e") is False


@check("tree.delete.tree", "3.8.7", likely="only direct children are deleted, or their entries stay")
async def delete_tree(case: Case) -> None:
    """A recursive delete takes every entry below the directory, at any depth."""
    for path in ("d/a", "d/sub/b", "d/sub/deep/c", "keep/a"):
        await case.files.write_file(path, "text")
    await case.files.create_directory("d/empty")
    assert await case.files.delete_file("d", recursive=True) is True
    assert await case.paths() == ["/keep/", "/keep/a"]
    for path in ("d", "d/a", "d/sub", "d/sub/deep/c", "d/empty"):
        assert await case.files.read_file(path) is None
    assert [match.path for match in await case.files.grep_files("text")] == ["/keep/a"]


@table(
    "tree.delete.sibling.{row}",
    "3.8.7",
    rows={
        "longer": ("dd",),
        "with_digit": ("d0",),
        "with_dot": ("d.x",),
        "with_space": ("d x",),
        "with_dash": ("d-x",),
        "other_case": ("D",),
        "with_percent": ("d%",),
        "after_slash_in_code_points": ("d0/deep",),
        "last_in_code_points": ("d\U0010ffff",),
        "same_name_elsewhere": ("e/d",),
    },
    likely="the tree is taken by prefix, LIKE or a range that is too wide",
)
async def delete_leaves_sibling(case: Case, sibling: str) -> None:
    """A recursive delete of /d leaves a name like it alone: {row}."""
    await case.files.write_file("d/a", "x")
    await case.files.write_file(f"{sibling}/kept", "y")
    kept = await case.read(f"{sibling}/kept")
    assert await case.files.delete_file("d", recursive=True) is True
    assert await case.read(f"{sibling}/kept") == kept


@check("tree.delete.like_in_name", "3.8.7", "2.3.4", likely="the tree is taken by an unescaped LIKE or glob")
async def delete_name_with_wildcards(case: Case) -> None:
    """A recursive delete of a directory whose name holds wildcards takes that one only."""
    for name in ("a_c", "a%c", "a*c", "a?c", "a[b]c"):
        await case.files.write_file(f"{name}/x", "1")
        await case.files.write_file("abc/x", "kept")
        assert await case.files.delete_file(name, recursive=True) is True
        assert await case.paths() == ["/abc/", "/abc/x"]


@check("tree.delete.recursive_on_file", "3.8.1", likely="recursive treats a file as a prefix")
async def delete_recursive_on_file(case: Case) -> None:
    """A recursive delete of a file removes the file."""
    await case.files.write_file("a", "x")
    await case.files.write_file("ab", "y")
    assert await case.files.delete_file("a", recursive=True) is True
    assert await case.paths() == ["/ab"]


@check("tree.delete.leaves_parents", "3.8.7", likely="a directory is pruned with its last file")
async def delete_leaves_parents(case: Case) -> None:
    """Deleting the last file of a directory leaves the directory."""
    await case.files.write_file("a/b/c", "x")
    await case.files.delete_file("a/b/c")
    assert await case.paths() == ["/a/", "/a/b/"]


@check("tree.delete.then_other_kind", "3.4.3", "3.8.1", likely="what was deleted still counts as there")
async def delete_then_other_kind(case: Case) -> None:
    """Where a file was deleted a directory can be, and the other way round."""
    await case.files.write_file("a", "x")
    await case.files.delete_file("a")
    await case.files.write_file("a/b", "y")
    await case.files.delete_file("a", recursive=True)
    await case.files.write_file("a", "z")
    assert await case.paths() == ["/a"]
    assert (await case.read("a")).content == "z"


@check("tree.delete.read_only", "3.8.3", "3.9.2", likely="is_readonly is not looked at before a delete")
async def delete_read_only(case: Case) -> None:
    """A read-only file is not deleted, recursive or not."""
    await case.files.seed_initial_file(InitialFile("d/kept", "x", is_readonly=True))
    async with case.untouched():
        assert await case.files.delete_file("d/kept") is False
        assert await case.files.delete_file("d/kept", recursive=True) is False


@table(
    "tree.delete.tree_with_read_only.{row}",
    "3.8.6",
    rows={
        "direct_child": ("d/kept",),
        "first_of_all": ("d/0",),
        "last_of_all": ("d/zz",),
        "deep": ("d/x/y/z/kept",),
    },
    likely="a recursive delete takes read-only files, or everything around them",
)
async def delete_tree_with_read_only(case: Case, kept: str) -> None:
    """A recursive delete that would take a read-only file takes nothing: {row}."""
    for path in ("d/a", "d/sub/b", "d/z"):
        await case.files.write_file(path, "x")
    await case.files.seed_initial_file(InitialFile(kept, "x", is_readonly=True))
    async with case.untouched():
        assert await case.files.delete_file("d", recursive=True) is False


@check("tree.delete.beside_read_only", "3.8.6", likely="a read-only file anywhere blocks a delete")
async def delete_beside_read_only(case: Case) -> None:
    """A read-only file outside the tree, also in a directory of a longer name, does not block the delete."""
    await case.files.write_file("d/a", "x")
    await case.files.seed_initial_file(InitialFile("dd/kept", "x", is_readonly=True))
    assert await case.files.delete_file("d", recursive=True) is True
    assert await case.paths() == ["/dd/", "/dd/kept"]


@check(
    "tree.delete.strict",
    "3.13.1",
    likely="a strict delete removes less, answers something else, or refuses what another would remove",
    since="1.2",
)
async def delete_strictly(case: Case) -> None:
    """Where it has no reason to refuse, a strict delete removes what any other does, and is True."""
    await case.files.write_file("d/a", "x")
    await case.files.write_file("d/sub/b", "x")
    await case.files.seed_initial_file(InitialFile("dd/kept", "x", is_readonly=True))
    await case.files.create_directory("empty")
    assert await case.files.delete_file("d/a", strict=True) is True
    assert await case.files.delete_file("empty", strict=True) is True
    assert await case.files.delete_file("d", recursive=True, strict=True) is True
    assert await case.paths() == ["/dd/", "/dd/kept"]


@check("tree.readonly.moves_with_no_tree", "4.5.10", likely="a tree is moved with the read-only files in it")
async def read_only_in_moved_tree(case: Case) -> None:
    """Moving a tree with a read-only file in it is refused, and nothing moves."""
    await case.files.write_file("d/a", "x")
    await case.files.seed_initial_file(InitialFile("d/deep/kept", "x", is_readonly=True))
    async with case.untouched():
        with refused(ReadOnlyFileError):
            await case.files.move_file("d", "e")


@check("tree.readonly.copy_is_writable", "3.9.3", likely="a copy takes the flag along")
async def copy_is_writable(case: Case) -> None:
    """A copy of a read-only file, alone or in a tree, is not read-only."""
    for path in ("d/kept", "d/sub/deep/kept"):
        await case.files.seed_initial_file(InitialFile(path, "x", is_readonly=True))
    await case.files.copy_file("d/kept", "copy")
    await case.files.copy_file("d", "e")
    await case.files.apply_changes([Copy("d", "f"), Move("f", "g")])
    for path in ("copy", *(f"{top}/{each}" for top in "eg" for each in ("kept", "sub/deep/kept"))):
        assert (await case.read(path)).is_readonly is False
        await case.files.write_file(path, "changed")
    assert (await case.read("d/kept")).content == "x"


@check("tree.readonly.seed", "3.9.1", likely="the flag is not stored, or not listed")
async def seed(case: Case) -> None:
    """A seed answers with the file as it is stored, its flag in every record."""
    seeded = await case.files.seed_initial_file(InitialFile("d/kept", "eA==", "base64", is_readonly=True))
    assert (seeded.content, seeded.encoding, seeded.is_readonly, seeded.size_bytes) == (
        "eA==",
        "base64",
        True,
        1,
    )
    assert await case.read("d/kept") == seeded
    [listed] = await case.files.list_directory("d")
    assert listed.is_readonly is True
    assert await case.paths() == ["/d/", "/d/kept"]


@check(
    "tree.readonly.seed_replaces",
    "3.9.1",
    "3.2.3",
    "3.8.6",
    "4.5.10",
    likely="a seed is refused, the flag stays for ever, or only a new file with it keeps its tree",
)
async def seed_replaces(case: Case) -> None:
    """A seed replaces any file, read-only or not, and sets the flag as it says, for its tree as well."""
    first = await case.files.write_file("d/a", "one")
    await asyncio.sleep(0.005)
    seeded = [first]
    for content in ("two", "three"):
        seeded.append(await case.files.seed_initial_file(InitialFile("d/a", content, is_readonly=True)))
        assert await case.files.delete_file("d", recursive=True) is False
        with refused(ReadOnlyFileError):
            await case.files.move_file("d", "e")
    seeded.append(await case.files.seed_initial_file(InitialFile("d/a", "four")))
    assert seeded[1].updated_at > first.updated_at
    assert {file.id for file in seeded} == {first.id}
    assert len({file.revision for file in seeded}) == len(seeded)
    assert (await case.files.write_file("d/a", "five")).is_readonly is False
    await case.files.move_file("d", "e")
    assert await case.files.delete_file("e", recursive=True) is True


@check(
    "tree.readonly.unconditional_writes_elsewhere",
    "3.9.2",
    likely="one read-only file makes its directory read-only",
)
async def read_only_leaves_others(case: Case) -> None:
    """Beside a read-only file everything else can be written, moved and deleted."""
    await case.files.seed_initial_file(InitialFile("d/kept", "x", is_readonly=True))
    await case.files.write_file("d/a", "y")
    await case.files.edit_file("d/a", "y", "z")
    await case.files.move_file("d/a", "d/b")
    assert await case.files.delete_file("d/b") is True
    await case.files.write_file("e/a", "x")
    await case.files.seed_initial_file(InitialFile("ee/kept", "x", is_readonly=True))
    await case.files.move_file("e", "f")
    assert await case.paths() == ["/d/", "/d/kept", "/ee/", "/ee/kept", "/f/", "/f/a"]
