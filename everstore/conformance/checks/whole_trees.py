"""Listing whole trees: what is in them, in which order, and page by page."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from everstore.changes import Move, Write
from everstore.conformance.checks.concurrency import concurrent
from everstore.conformance.registry import check as any_check
from everstore.conformance.registry import table as any_table
from everstore.models import InitialFile

if TYPE_CHECKING:
    from everstore.conformance.case import Case
    from everstore.models import FileInfo

check = partial(any_check, since="1.2")
table = partial(any_table, since="1.2")

_NAMES = ("a", "a b", "a-", "a.txt", "a0", "A", "ab", "e\u0301", "\u00e9", "~", "\uffff", "\U0001f600")
_LONG = "l" * 250


def _paths(infos: list[FileInfo]) -> list[str]:
    return [info.path for info in infos]


async def _grown(case: Case) -> list[str]:
    """Make a tree whose paths are easily put into another order; all of them, sorted."""
    files = [f"{one}/{other}" for one in _NAMES[:6] for other in _NAMES[:4]]
    files += [f"{name}/x" for name in _NAMES[6:]]
    files += [f"a/a b/{name}/{_LONG}/{_LONG}/{_LONG[:200]}{name}/x" for name in _NAMES]
    files += [f"a/a b/{_LONG}/{_LONG}/{_LONG[:200]}{name}/x" for name in _NAMES]
    await case.files.apply_changes([Write(path, "x") for path in files if path != "a/a b"])
    return sorted(path.rstrip("/") for path in await case.paths())


@check(
    "tree.whole.all", "3.6.5", "3.6.6", likely="what comes behind a directory is what is in it, or levels are"
)
async def whole(case: Case) -> None:
    """A listing of the tree has every file and directory below, sorted by path, and not the directory."""
    expected = await _grown(case)
    assert _paths(await case.files.list_tree()) == expected
    assert _paths(await case.files.list_tree("a")) == [path for path in expected if path.startswith("/a/")]
    assert await case.files.list_tree("a") == await case.files.list_tree("/workspace//a/")


@check(
    "tree.whole.shows_what_reading_shows", "3.6.4", "3.6.5", likely="a tree is kept apart from its entries"
)
async def shows_entries(case: Case) -> None:
    """A listing of the tree has of each entry what reading it has, also after changes."""
    await case.files.write_file("d/a", "one")
    await case.files.create_directory("d/sub/empty")
    await case.files.seed_initial_file(InitialFile("d/sub/kept", "x", is_readonly=True))
    for content in ("one", "longer than one"):
        await case.files.write_file("d/a", content)
        infos = await case.files.list_tree()
        assert infos == [(await case.read(info.path)).info() for info in infos]
        assert [info.is_directory for info in infos] == [True, False, True, True, False]


@table(
    "tree.whole.{row}",
    "3.6.9",
    rows={
        "missing": ("missing",),
        "missing_prefix_of_another": ("direct",),
        "file": ("a",),
        "below_a_file": ("a/b",),
        "empty_directory": ("empty",),
    },
    likely="what is no directory is listed by prefix, or raises",
)
async def nothing(case: Case, path: str) -> None:
    """There is nothing below, so the answer is an empty list: {row}."""
    await case.files.write_file("a", "x")
    await case.files.write_file("directory/x", "x")
    await case.files.create_directory("empty")
    assert await case.files.list_tree(path) == []
    assert await case.files.list_tree(path, depth=3, limit=5) == []


@check("tree.whole.depth", "3.6.7", likely="depth counts from the root, or from 0")
async def depth(case: Case) -> None:
    """With depth so many levels are listed, from any directory on; 1 is what list_directory lists."""
    await _grown(case)
    for top in ("/", "/a", "/a/a b"):
        listed = await case.files.list_tree(top)
        above = len([name for name in top.split("/") if name])
        for most in (1, 2, 3, 9):
            expected = [info for info in listed if info.path.count("/") - above <= most]
            assert await case.files.list_tree(top, depth=most) == expected, (top, most)
        assert await case.files.list_tree(top, depth=1) == await case.files.list_directory(top)


@check(
    "tree.whole.pages",
    "3.6.6", "3.6.8",
    level="standard",
    likely="a page begins with the directory that the last one ended in, or leaves out what it stands before",
)  # fmt: skip
async def pages(case: Case) -> None:
    """Page by page, whatever their size, a tree is listed as it is in one call."""
    await _grown(case)
    for top, most in (("/", None), ("/a", None), ("/", 2)):
        listed = await case.files.list_tree(top, depth=most)
        for size in (1, 3, len(listed) - 1, len(listed), len(listed) + 1):
            found: list[FileInfo] = []
            while page := await case.files.list_tree(
                top, depth=most, after=found[-1].path if found else None, limit=size
            ):
                assert len(page) == min(size, len(listed) - len(found)), (top, size)
                found += page
            assert found == listed, (top, size)
    assert await case.files.list_tree(limit=0) == []


@check("tree.whole.after", "3.6.8", likely="a page begins where an entry is found again")
async def after_anything(case: Case) -> None:
    """A page follows any path in the order of paths, whether anything is there or not, and wherever."""
    expected = await _grown(case)
    places = [*expected, "/", "/0", "/a/", "/a/a b/x", "/a/a!", "/a!", "/b", "/a/zz/y", "/~~", "/\U0001f601"]
    for top in ("/", "/a", "/a-"):
        below = [path for path in expected if path.startswith(top.rstrip("/") + "/")]
        for place in places:
            start = place.rstrip("/") or "/"
            following = [path for path in below if path > start]
            assert _paths(await case.files.list_tree(top, after=place)) == following, (top, place)
            assert _paths(await case.files.list_tree(top, after=place, limit=2)) == following[:2], (
                top,
                place,
            )


@check("tree.whole.after_deletion", "3.6.8", likely="where a page ended is looked for, and is not found")
async def after_deletion(case: Case) -> None:
    """The next page comes where the last one ended, though what it ended with is there no more."""
    expected = await _grown(case)
    page = await case.files.list_tree(limit=7)
    assert _paths(page) == expected[:7]
    await case.files.delete_file(page[-1].path, recursive=True)
    left = [path for path in expected[7:] if not path.startswith(page[-1].path + "/")]
    assert _paths(await case.files.list_tree(after=page[-1].path, limit=5)) == left[:5]


@concurrent(
    "concurrency.no_torn_listing",
    "3.6.5", "3.10.1",
    since="1.2",
    likely="a tree is listed directory by directory, or what is listed is looked up later",
)  # fmt: skip
async def no_torn_listing(case: Case) -> None:
    """While a file is moved from the end of a tree to its beginning and back, each listing has it once."""
    await case.files.apply_changes([Write(f"{name}/sub/{n}", "x") for name in "az" for n in range(8)])
    await case.files.apply_changes([Write("a/0", "x"), Write("one/sub/f", "x")])
    expected = len(await case.files.list_tree())
    done = False

    async def move() -> None:
        nonlocal done
        for turn in range(40):
            source, destination = ("a/0", "z/9") if turn % 2 == 0 else ("z/9", "a/0")
            tops = ("one", "two") if turn % 2 == 0 else ("two", "one")
            await case.files.apply_changes(
                [Move(source, destination), Write("a/sub/0", f"{turn}"), Move(*tops)]
            )
            await asyncio.sleep(0)
        done = True

    async def look() -> None:
        while not done:
            for limit in (None, 100):
                infos = await case.files.list_tree(limit=limit)
                assert len(infos) == expected, "a moved file is listed twice, or not at all"
                above = {info.path for info in infos} | {""}
                assert {path.rpartition("/")[0] for path in above} <= above, (
                    "what is above it is of another moment"
                )
            await asyncio.sleep(0)

    await asyncio.gather(move(), look(), look())
