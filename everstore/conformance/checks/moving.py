"""Moving: what keeps its identity on the way, and what a name may be used for afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.conformance.case import Mismatch
from everstore.conformance.checks.transfers import some_files
from everstore.conformance.registry import check

if TYPE_CHECKING:
    from everstore.conformance.case import Case


@check(
    "transfers.move.keeps_id",
    "4.5.7",
    "4.5.12",
    likely="a move copies and deletes, or moves what is below as it is",
)
async def move_keeps_id(case: Case) -> None:
    """What is moved keeps id and created_at, at every level of a tree; revision and updated_at move."""
    await some_files(case)
    places = ["d", "d/a", "d/sub", "d/sub/b", "d/empty"]
    before = [await case.read(path) for path in places]
    await case.files.move_file("d", "e/f")
    after = [await case.read(f"e/f{path[1:]}") for path in places]
    assert [(entry.id, entry.created_at) for entry in after] == [
        (entry.id, entry.created_at) for entry in before
    ]
    for was, now in zip(before, after, strict=True):
        if now.revision == was.revision or now.updated_ns <= was.updated_ns:
            raise Mismatch(
                f"another revision and a later updated_at of {now.path}", f"{now}, which was {was}"
            )
    assert [entry.path for entry in after] == ["/e/f", "/e/f/a", "/e/f/sub", "/e/f/sub/b", "/e/f/empty"]


@check("transfers.move.source_is_gone", "4.5.3", likely="the source stays in some index")
async def move_source_gone(case: Case) -> None:
    """After a move the source is missing from every verb, and can be written anew."""
    await some_files(case)
    await case.files.move_file("d", "e")
    assert [await case.files.read_file(path) for path in ("d", "d/a", "d/sub/b")] == [None] * 3
    assert await case.files.list_directory("d") == []
    assert [match.path for match in await case.files.grep_files("one")] == ["/e/a"]
    assert [info.path for info in await case.files.glob_files("a")] == ["/dd/a", "/e/a"]
    created = await case.files.write_file("d/a", "new", if_absent=True)
    assert created.id != (await case.read("e/a")).id


@check("transfers.move.there_and_back", "4.5.7", likely="a path that was moved away counts as taken")
async def move_there_and_back(case: Case) -> None:
    """A tree that is moved away and back is as it was, but for its revisions."""
    await some_files(case)
    before = await case.paths()
    await case.files.move_file("d", "x")
    await case.files.move_file("x", "d")
    assert await case.paths() == before
    assert (await case.read("d/sub/b")).content == "AP8="


@check(
    "transfers.move.up_and_down",
    "4.5.3",
    likely="a move into a parent, or out of it, is taken for one into itself",
)
async def move_up_and_down(case: Case) -> None:
    """A tree moves to a level above, and a file below a sibling directory."""
    await some_files(case)
    await case.files.move_file("d/sub", "sub")
    await case.files.move_file("sub/b", "d/empty/b")
    assert await case.paths() == ["/d/", "/d/a", "/d/empty/", "/d/empty/b", "/dd/", "/dd/a", "/sub/"]


@check(
    "transfers.move.chain",
    "4.5.9",
    "3.4.1",
    likely="a name is checked against entries that moved away meanwhile",
)
async def move_chain(case: Case) -> None:
    """Names change places by way of a third one."""
    await case.files.write_file("a", "was a")
    await case.files.write_file("b/x", "was b")
    await case.files.move_file("a", "c")
    await case.files.move_file("b", "a")
    await case.files.move_file("c", "b")
    assert await case.paths() == ["/a/", "/a/x", "/b"]
    assert (await case.read("b")).content == "was a"
