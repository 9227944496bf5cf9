"""Contract §2.2.4: a store without the alias ``/workspace``."""

from __future__ import annotations

import pytest

import everstore
from everstore import InitialFile, errors
from everstore.backends.memory.files import MemoryFiles
from everstore.changes import Append, Copy, Delete, Edit, MakeDirectory, Move, Write
from everstore.guards import FileSystemGuard


@pytest.fixture
async def literal(backend):
    """A store on the backend under test, in which every name is literal."""
    async with everstore.open_store(**backend, workspace_alias=False) as store:
        yield store


@pytest.fixture
def files(literal, session_id):
    """The files of the session under test."""
    return literal.session(session_id).files


async def paths_in(files):
    return [info.path for info in await files.list_tree()]


async def test_every_spelling_of_a_path_below_workspace_is_literal(files):
    for spelling in ("workspace/a", "/workspace/a", "//workspace//./a/"):
        assert (await files.write_file(spelling, spelling)).path == "/workspace/a"
        assert (await files.read_file(spelling)).content == spelling
        assert (await files.stat_file(spelling)).path == "/workspace/a"
        assert await files.read_bytes(spelling) == spelling.encode()
        assert (await files.read_lines(spelling)).path == "/workspace/a"
        assert (await files.edit_file(spelling, spelling, "x")).path == "/workspace/a"
        assert (await files.append_file(spelling, "y")).path == "/workspace/a"
        assert await files.delete_file(spelling) is True
    assert (await files.create_directory("/workspace/workspace")).path == "/workspace/workspace"
    assert (await files.write_bytes("workspace/b", b"\xff")).path == "/workspace/b"
    assert (await files.append_bytes("/workspace/b", b"\xff")).size_bytes == 2
    assert await paths_in(files) == ["/workspace", "/workspace/b", "/workspace/workspace"]


async def test_workspace_is_a_directory_or_a_file_like_any_other(files):
    assert await files.list_directory("/workspace") == []
    with pytest.raises(errors.PathNotFoundError):
        await files.list_directory("/workspace", strict=True)
    await files.write_file("/workspace", "a file")
    assert (await files.read_file("workspace")).content == "a file"
    with pytest.raises(errors.ParentNotDirectoryError):
        await files.write_file("/workspace/a", "x")
    assert await files.delete_file("/workspace") is True
    with pytest.raises(errors.InvalidPathError):
        await files.read_file("/workspace/..")


async def test_copies_and_moves_tell_workspace_from_the_root(files):
    await files.write_file("a", "x")
    assert (await files.copy_file("a", "/workspace/a")).path == "/workspace/a"
    assert (await files.move_file("/workspace", "/workspace2")).path == "/workspace2"
    assert (await files.move_file("/workspace2/a", "workspace")).path == "/workspace"
    with pytest.raises(errors.InvalidPathError):
        await files.move_file("/workspace", "/workspace/a")
    assert await paths_in(files) == ["/a", "/workspace", "/workspace2"]


async def test_seeds_and_changes_are_literal(literal, files):
    made = await literal.create_session(files=[InitialFile("a", "1"), InitialFile("/workspace/a", "2")])
    assert await paths_in(literal.session(made.id).files) == ["/a", "/workspace", "/workspace/a"]
    assert (await files.seed_initial_file(InitialFile("/workspace/kept", "x"))).path == "/workspace/kept"
    await files.apply_changes(
        [
            Write("/workspace/a", "x"),
            Edit("workspace/a", "x", "y"),
            Append("/workspace/a", "z"),
            Copy("/workspace/a", "/workspace/b"),
            Move("/workspace/b", "/b"),
            MakeDirectory("/workspace/d"),
            Delete("/workspace/kept"),
        ]
    )
    assert await paths_in(files) == ["/b", "/workspace", "/workspace/a", "/workspace/d"]
    assert (await files.read_file("/b")).content == "yz"


COMPOSED, DECOMPOSED = "/workspace/\u00e9", "/workspace/e\u0301"
FOUND = {
    "workspace": [],
    "a": ["/a", "/src/a", "/workspace/a"],
    "/workspace": [],
    "/workspace/a": ["/workspace/a"],
    "./workspace//a": ["/workspace/a"],
    "workspace/*": ["/workspace/[a]", "/workspace/a", DECOMPOSED, COMPOSED],
    "/workspace/**": [
        "/workspace/[a]", "/workspace/a", DECOMPOSED, "/workspace/workspace/b", COMPOSED,
    ],
    "{workspace,src}/**": [
        "/src/a", "/workspace/[a]", "/workspace/a", DECOMPOSED, "/workspace/workspace/b", COMPOSED,
    ],
    "{/workspace,/src}/a": ["/src/a", "/workspace/a"],
    "{[!a-z],/workspace/a}": ["/workspace/a", COMPOSED],
    "/works{pace,}/a": ["/workspace/a"],
    "**/workspace/*": [
        "/workspace/[a]", "/workspace/a", DECOMPOSED, "/workspace/workspace/b", COMPOSED,
    ],
    "/workspace/workspace/*": ["/workspace/workspace/b"],
    "/workspace/[a]": ["/workspace/[a]", "/workspace/a"],
    COMPOSED: [COMPOSED],
    DECOMPOSED: [DECOMPOSED],
}  # fmt: skip


async def test_globs_and_path_patterns_are_literal(files):
    everything = ["/a", "/src/a", "/workspace/[a]", "/workspace/a", "/workspace/workspace/b"]
    everything += [COMPOSED, DECOMPOSED]
    for path in everything:
        await files.write_file(path, "text")
    for pattern, expected in FOUND.items():
        assert [info.path for info in await files.glob_files(pattern)] == sorted(expected), pattern
        if {"*", "[", "{"} & {*pattern}:
            assert [match.path for match in await files.grep_files("text", pattern)] == sorted(expected)
    for part in ("/workspace", "/workspace/", "workspace/", ".//workspace/"):
        found = [match.path for match in await files.grep_files("text", part)]
        assert found == sorted(path for path in everything if path.startswith("/workspace/"))
    page = await files.list_tree("/workspace", after="/workspace/workspace", limit=1)
    assert [info.path for info in page] == ["/workspace/workspace/b"]


async def test_the_alias_belongs_to_a_store_and_not_to_what_it_keeps(session_id):
    backend = MemoryFiles()
    with_alias, without = FileSystemGuard(backend), FileSystemGuard(backend, workspace_alias=False)
    await without.write_file(session_id, "/workspace/a", "text")
    await with_alias.write_file(session_id, "/workspace/b", "text")
    assert (await without.read_file(session_id, "/b")).content == "text"
    assert [info.path for info in await with_alias.list_directory(session_id)] == ["/b", "/workspace"]
    assert [match.path for match in await with_alias.grep_files(session_id, "text")] == ["/b", "/workspace/a"]
    assert await with_alias.read_file(session_id, "/workspace/a") is None
