"""Trees that many tasks change at once: they stay trees, and nothing in them is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from everstore.conformance.case import gather
from everstore.conformance.checks.concurrency import concurrent, kinds
from everstore.errors import (
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from everstore.conformance.case import Case

_MANY = 20


@concurrent("concurrency.no_torn_tree", "3.10.1", "4.5.9", likely="a tree is moved entry by entry")
async def no_torn_tree(case: Case) -> None:
    """While a tree is moved to and fro, a listing or a glob sees all of it in one place."""
    for number in range(12):
        await case.files.write_file(f"here/sub/{number:02}", "x")
    done = False

    async def move() -> None:
        nonlocal done
        for turn in range(16):
            await case.files.move_file(*(("here", "there") if turn % 2 == 0 else ("there", "here")))
        done = True

    async def look() -> None:
        while not done:
            found = [info.path.split("/")[1] for info in await case.files.glob_files("/*/sub/*")]
            assert found in (["here"] * 12, ["there"] * 12), "a half-moved tree is visible"
            assert len(await case.files.list_directory("here/sub")) in {0, 12}
            await asyncio.sleep(0)

    await asyncio.gather(move(), look(), look())


@concurrent("concurrency.no_half_deleted_tree", "3.10.1", likely="a tree is deleted entry by entry")
async def no_half_deleted_tree(case: Case) -> None:
    """While trees are deleted, a listing or a glob sees all of each or nothing."""
    for number in range(12 * 8):
        await case.files.write_file(f"tree/{number % 8}/{number:02}", "x")
    done = False

    async def delete() -> None:
        nonlocal done
        for turn in range(8):
            await case.files.delete_file(f"tree/{turn}", recursive=True)
            await asyncio.sleep(0)
        done = True

    async def look() -> None:
        while not done:
            found = Counter(info.path.split("/")[2] for info in await case.files.glob_files("/tree/*/*"))
            assert set(found.values()) <= {12}, "a half-deleted tree is visible"
            for turn in range(8):
                assert len(await case.files.list_directory(f"tree/{turn}")) in {0, 12}
            await asyncio.sleep(0)

    await asyncio.gather(delete(), look(), look())


@concurrent(
    "concurrency.strict_looks",
    "3.13.4",
    likely="why there was nothing is looked for later, and something may be there by then",
    since="1.2",
)
async def strict_looks(case: Case) -> None:
    """While a directory comes with a file in it and goes, a strict look sees both, or that it is missing."""
    done = False

    async def come_and_go() -> None:
        nonlocal done
        for _ in range(12):
            await case.files.write_file("d/a", "x")
            await asyncio.sleep(0)
            await case.files.delete_file("d", recursive=True)
            await asyncio.sleep(0)
        done = True

    async def look() -> None:
        while not done:
            with suppress(PathNotFoundError):
                listed = await case.files.list_directory("d", strict=True)
                assert [info.path for info in listed] == ["/d/a"], "a directory was told as empty"
            with suppress(PathNotFoundError):
                assert (await case.files.read_file("d/a", strict=True)).content == "x"
            for _ in range(case.random.randint(1, 3)):  # else it might come at the same turn always
                await asyncio.sleep(0)

    await asyncio.gather(come_and_go(), look(), look())


@concurrent("concurrency.parents_once", "3.2.2", "3.2.5", likely="two writers create the same parent")
async def parents_once(case: Case) -> None:
    """Files written at once below one missing directory share it."""
    answers = await gather(*(case.files.write_file(f"new/deep/{n % 3}/{n:02}", "x") for n in range(_MANY)))
    assert kinds(answers) == {"ok": _MANY}
    assert len(await case.files.list_directory("new/deep")) == 3
    assert len(await case.files.glob_files("**")) == _MANY
    entries = [await case.read(path) for path in await case.paths()]
    assert len({entry.id for entry in entries}) == len(entries)


@concurrent("concurrency.directory_once", "3.5.2", likely="two creators make two directories")
async def directory_once(case: Case) -> None:
    """Of 20 that create a directory at once all get the same one."""
    infos = await asyncio.gather(*(case.files.create_directory("a/b") for _ in range(_MANY)))
    assert len({info.id for info in infos}) == 1
    assert await case.paths() == ["/a/", "/a/b/"]


@concurrent(
    "concurrency.directory_new_once",
    "3.5.3",
    "3.10.1",
    likely="whether the directory is there is looked at before it is made",
    since="1.2",
)
async def directory_new_once(case: Case) -> None:
    """Of many who make one directory at once with exist_ok=False, one does, and the others are refused."""
    for path in ("d", "new/deep/d"):
        answers = await gather(*(case.files.create_directory(path, exist_ok=False) for _ in range(_MANY)))
        assert kinds(answers) == {"ok": 1, "PathExistsError": _MANY - 1}


@concurrent(
    "concurrency.file_or_directory",
    "3.4.1",
    "3.4.3",
    likely="the kind of an entry is looked up before it is written",
)
async def file_or_directory(case: Case) -> None:
    """Where a file and a directory are created at once, one of them is there, and the tree is a tree."""
    for turn in range(6):
        at = f"p{turn}"
        answers = await gather(
            case.files.write_file(at, "a file"),
            case.files.write_file(f"{at}/below", "in a directory"),
            case.files.create_directory(at),
            case.files.write_file(f"{at}/deep/below", "in a directory"),
        )
        expected = (ParentNotDirectoryError, PathIsDirectoryError, PathExistsError)
        assert [
            one for one in answers if isinstance(one, BaseException) and not isinstance(one, expected)
        ] == []
        entry = await case.read(at)
        below = await case.files.list_directory(at)
        assert entry.is_directory == bool(below)
        assert len(await case.files.glob_files(f"/{at}/**")) == (2 if entry.is_directory else 0)


@concurrent(
    "concurrency.no_orphan", "3.10.1", "3.8.7", likely="a tree is deleted while a file is being put into it"
)
async def no_orphan(case: Case) -> None:
    """Where a tree is deleted while files are written into it, every file that is there can be listed."""
    for _ in range(6):
        for number in range(8):
            await case.files.write_file(f"d/sub/{number}", "x")
        calls: list[Awaitable[Any]] = [case.files.write_file(f"d/sub/new{n}", "x") for n in range(8)]
        calls.insert(4, case.files.delete_file("d", recursive=True))
        await asyncio.gather(*calls)
        listed = {path for path in await case.paths() if not path.endswith("/")}
        globbed = {info.path for info in await case.files.glob_files("**")}
        found = {
            f"/d/sub/new{n}" for n in range(8) if await case.files.read_file(f"d/sub/new{n}") is not None
        }
        assert listed == globbed == found
        await case.files.delete_file("d", recursive=True)


@concurrent("concurrency.move_and_write", "4.5.9", "4.4.3", likely="a move takes an old content along")
async def move_and_write(case: Case) -> None:
    """What is appended while a file is moved is at the old place or at the new one, and never lost."""
    for turn in range(8):
        await case.files.write_file(f"a{turn}", "start\n")
        await gather(
            case.files.append_file(f"a{turn}", "one\n"),
            case.files.move_file(f"a{turn}", f"b{turn}"),
            case.files.append_file(f"a{turn}", "two\n"),
        )
        found = [await case.files.read_file(f"{name}{turn}") for name in "ab"]
        text = "".join((one.content or "") for one in found if one is not None)
        assert sorted(text.splitlines()) == ["one", "start", "two"]
