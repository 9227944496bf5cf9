"""Several changes in one call: in order, all or nothing, and whose fault it was."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from everstore.changes import AnyFileChange, Append, Copy, Delete, Edit, MakeDirectory, Move, Seed, Write
from everstore.conformance.case import refused
from everstore.conformance.checks.concurrency import concurrent
from everstore.conformance.registry import check as any_check
from everstore.conformance.registry import table as any_table
from everstore.errors import (
    DirectoryNotEmptyError,
    EditError,
    EverstoreError,
    InvalidArgumentError,
    InvalidContentError,
    InvalidPathError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
    QuotaExceededError,
    ReadOnlyFileError,
    RevisionConflictError,
)
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from everstore.conformance.case import Case
    from everstore.telling.observing import CallRecord

check = partial(any_check, since="1.2")
table = partial(any_table, since="1.2")

_TURNS = 30


@check("changes.in_order", "4.7.1", likely="each change looks at what there was before all of them")
async def in_order(case: Case) -> None:
    """Each kind of change does what its verb does, to what those before it have left."""
    await case.files.write_file("old/a", "one\n")
    await case.files.apply_changes(
        [
            Append("old/a", "two\n"),
            Edit("old/a", "two", "three"),
            Move("old", "new"),
            Copy("new/a", "new/b"),
            Edit("new/b", "e", "E", replace_all=True),
            Delete("new/a"),
            Write("old/a", "AAE=", "base64", if_absent=True),
            Append("old/a", "Ag==", "base64"),
            MakeDirectory("new/c", exist_ok=False),
            Write("new/c/d", "1"),
            Append("new/c/d", "2"),
            Append("new/c/d", "3"),
            Write("new/c/e", "replaced"),
            Copy("new/c/d", "new/c/e", overwrite=True),
            Move("new", "old/new"),
            MakeDirectory("old/new"),
            Delete("old/new/c/d"),
        ]
    )
    there = ["/old/", "/old/a", "/old/new/", "/old/new/b", "/old/new/c/", "/old/new/c/e"]
    assert await case.paths() == there
    contents = [(await case.read(path)).content for path in there if not path.endswith("/")]
    assert contents == ["AAEC", "onE\nthrEE\n", "123"]


@check("changes.see_edits", "4.7.1", likely="only names are seen by the next change, and contents are not")
async def see_edits(case: Case) -> None:
    """An edit or an append finds the content that the change before it wrote, and no older one."""
    await case.files.write_file("a", "one two")
    changes: list[AnyFileChange] = [Write("a", "two"), Edit("a", "two", "three"), Append("a", ".")]
    await case.files.apply_changes(changes)
    assert (await case.read("a")).content == "three."
    copied: list[AnyFileChange] = [Copy("a", "b"), Edit("a", "three", "four"), Copy("b", "c")]
    await case.files.apply_changes(copied)
    assert [(await case.read(path)).content for path in "abc"] == ["four.", "three.", "three."]


@check("changes.answers", "4.7.3", "4.1.3", likely="the answers are those of the verbs, contents and all")
async def answers(case: Case) -> None:
    """The answer has what each change leaves at its path, then, and None for a deletion."""
    await case.files.write_file("gone", "x")
    found = await case.files.apply_changes(
        [
            Write("a", "one"),
            Append("a", "\u00e9"),
            Edit("a", "one", "three"),
            MakeDirectory("d"),
            Move("a", "d/a"),
            Delete("gone"),
            Copy("d", "e"),
        ]
    )
    infos = [info for info in found if info is not None]
    assert [info is None for info in found] == [False, False, False, False, False, True, False]
    assert [type(info).__name__ for info in infos] == ["FileInfo"] * 6
    told = [(info.path, info.size_bytes, info.is_directory) for info in infos]
    assert told == [
        *[("/a", 3, False), ("/a", 5, False), ("/a", 7, False)],
        *[("/d", 0, True), ("/d/a", 7, False), ("/e", 0, True)],
    ]
    assert len({info.revision for info in (*infos[:3], infos[4])}) == 4
    assert len({info.id for info in (*infos[:3], infos[4])}) == 1
    assert [infos[4]] == await case.files.list_directory("d")
    async with case.untouched():
        assert await case.files.apply_changes([]) == []


_REFUSED: dict[str, tuple[AnyFileChange, type[EverstoreError]]] = {
    "write_through_file": (Write("a/b", "x"), ParentNotDirectoryError),
    "write_on_directory": (Write("d", "x"), PathIsDirectoryError),
    "write_read_only": (Write("kept", "x"), ReadOnlyFileError),
    "write_if_revision": (Write("a", "x", if_revision="0"), RevisionConflictError),
    "write_if_absent": (Write("new/f", "x", if_absent=True), RevisionConflictError),
    "edit_no_match": (Edit("new/f", "none", "x"), EditError),
    "edit_missing": (Edit("moved", "x", "y"), PathNotFoundError),
    "append_other": (Append("new/f", "AAE=", "base64"), InvalidContentError),
    "delete_missing": (Delete("nothing"), PathNotFoundError),
    "delete_not_empty": (Delete("new"), DirectoryNotEmptyError),
    "delete_read_only": (Delete("kept"), ReadOnlyFileError),
    "delete_root": (Delete("/", recursive=True), InvalidPathError),
    "move_missing": (Move("moved", "x"), PathNotFoundError),
    "copy_exists": (Copy("a", "new/f"), PathExistsError),
    "directory_exists": (MakeDirectory("new", exist_ok=False), PathExistsError),
}


@table(
    "changes.nothing.{row}",
    "4.7.2", "4.7.5",
    rows=_REFUSED,
    likely="what was changed before the refusal stays, or is put back by further changes",
)  # fmt: skip
async def nothing(case: Case, change: AnyFileChange, error: type[EverstoreError]) -> None:
    """When one is refused, none was made, and the error tells which it was and why: {row}."""
    await case.files.write_file("a", "one")
    await case.files.write_file("d/b", "two")
    await case.files.write_file("moved", "three")
    await case.files.seed_initial_file(InitialFile("kept", "x", is_readonly=True))
    before: list[AnyFileChange] = [
        Write("new/f", "x"),
        Edit("a", "one", "other"),
        Move("moved", "new/moved"),
        Append("d/b", "more"),
        Copy("d", "copied"),
        Delete("d/b"),
        MakeDirectory("empty"),
    ]
    async with case.untouched():
        with refused(error) as caught:
            await case.files.apply_changes([*before, change, Write("never", "x"), Delete("nothing")])
    assert getattr(caught.error, "index", None) == len(before)


@table(
    "changes.index.{row}",
    "4.7.5",
    rows={
        "alone": ([Delete("nothing")], PathNotFoundError, 0),
        "alone_and_wrong": ([Write("..", "x")], InvalidPathError, 0),
        "first": ([Edit("a", "none", "x"), Write("b", "x")], EditError, 0),
        "wrong": ([Write("b", "x"), Append("b", "!", "base64")], InvalidContentError, 1),
        "no_change": ([Write("b", "x"), Write("c", "x"), "d"], InvalidArgumentError, 2),
    },
    likely="the place is told of several only, from 1, or not of what a guard refuses",
)
async def index(case: Case, changes: list[Any], error: type[EverstoreError], place: int) -> None:
    """The error has the place in the list, from 0, also of the only one, and of a wrong argument: {row}."""
    await case.files.write_file("a", "one")
    async with case.untouched():
        with refused(error) as caught:
            await case.files.apply_changes(changes)
    assert getattr(caught.error, "index", None) == place


@check("changes.deletes_strictly", "4.7.4", likely="a deletion of nothing is passed over")
async def deletes_strictly(case: Case) -> None:
    """A deletion that removes nothing is refused, whether the change says that it is strict or not."""
    for strict in (False, True):
        with refused(PathNotFoundError) as caught:
            await case.files.apply_changes([Write("a", "x"), Delete("nothing", strict=strict)])
        assert getattr(caught.error, "index", None) == 1
    assert await case.paths() == []


@check("changes.checked_first", "4.7.6", likely="each change is looked at when its turn comes")
async def checked_first(case: Case) -> None:
    """A wrong argument of a later change is told before an earlier one is refused."""
    missing = Delete("nothing")
    wrong: list[tuple[AnyFileChange, type[EverstoreError]]] = [
        (Write("a\0", "x"), InvalidPathError),
        (Write("/", "x"), PathIsDirectoryError),
        (Append("a", "AA", "base64"), InvalidContentError),
        (Edit("a", "", "x"), InvalidContentError),
        (Move("a", "a/b"), InvalidPathError),
    ]
    for change, error in wrong:
        with refused(error) as caught:
            await case.files.apply_changes([Write("new", "x"), missing, change, Write("..", "x")])
        assert getattr(caught.error, "index", None) == 2, change
    assert await case.paths() == []


@check("changes.too_large", "4.7.6", level="standard", likely="a limit is told of when its turn comes")
async def too_large(case: Case) -> None:
    """A file that is too large by itself is told before an earlier change is refused."""
    await case.store.close()
    case.store = await case.open(limits={"file_bytes": 10})
    for change in (Write("a", "x" * 11), Append("a", "x" * 11), Write("a", "x" * 11, if_revision="0")):
        with refused(QuotaExceededError) as caught:
            await case.files.apply_changes([Write("b", "x"), Delete("nothing"), change])
        assert getattr(caught.error, "index", None) == 2
    with refused(QuotaExceededError) as caught:
        await case.files.apply_changes([Write("b", "x" * 6), Append("b", "y" * 6), Delete("nothing")])
    assert getattr(caught.error, "index", None) == 1
    assert await case.paths() == []


@table(
    "changes.limits.{row}",
    "4.7.8",
    rows={
        "entries": ({"session_entries": 3}, Write("c", "")),
        "bytes": ({"session_bytes": 12}, Append("a", "xxxxx")),
    },
    level="standard",
    likely="what is there is counted before all changes, or behind them",
)
async def limits(case: Case, limited: dict[str, int], more: AnyFileChange) -> None:
    """A limit is one for each change, with what those before it have added and removed: {row}."""
    await case.store.close()
    case.store = await case.open(limits=limited)
    room: list[AnyFileChange] = [Write("a", "xxxx"), Write("b", "yyyyyy"), MakeDirectory("d")]
    for late in ([], [Delete("b")]):
        with refused(QuotaExceededError) as caught:
            await case.files.apply_changes([*room, more, *late])
        assert getattr(caught.error, "index", None) == 3
        assert await case.paths() == []
    await case.files.apply_changes([*room, Delete("b"), more])
    assert "/b" not in await case.paths()


@table(
    "changes.no_list.{row}",
    "4.7.7",
    rows={
        "nothing": (lambda: None,),
        "one_change": (lambda: Write("a", "x"),),
        "generator": (lambda: (change for change in [Write("a", "x")]),),
        "text": (lambda: "a",),
        "path": (lambda: [Write("a", "x"), "b"],),
        "verb_of_its_own": (lambda: [Write("a", "x"), Seed(InitialFile("b", "x"))],),
    },
    likely="whatever can be gone through is taken, and some of it done",
)
async def no_list(case: Case, make: Callable[[], Any]) -> None:
    """What is no list of these changes is InvalidArgumentError, and nothing is changed: {row}."""
    async with case.untouched():
        with refused(InvalidArgumentError):
            await case.files.apply_changes(make())


@concurrent(
    "changes.one_step",
    "4.7.2", "3.10.1",
    since="1.2",
    likely="each change is a transaction of its own",
)  # fmt: skip
async def one_step(case: Case) -> None:
    """Whoever looks meanwhile sees all of the changes or none, and no others come in between."""
    await case.files.apply_changes([Write("a", "0."), Write("d/b", "0."), Write("spare", "0.")])
    done = False

    async def change(name: str) -> None:
        nonlocal done
        for turn in range(_TURNS):
            await case.files.apply_changes(
                [
                    Move("spare", f"of {name}"),
                    Append("a", f"{name}{turn}."),
                    Append("d/b", f"{name}{turn}."),
                    Move(f"of {name}", "spare"),
                ]
            )
        done = True

    async def look() -> None:
        while not done:
            lines = {match.path: match.line for match in await case.files.grep_files("0.")}
            assert sorted(lines) == ["/a", "/d/b", "/spare"], "some of the changes are visible"
            assert lines["/a"] == lines["/d/b"], "some of the changes are visible"
            await asyncio.sleep(0)

    await asyncio.gather(change("x"), change("y"), look(), look())
    whole = (await case.read("a")).content
    assert whole == (await case.read("d/b")).content
    assert len((whole or "").split(".")) == 2 * _TURNS + 2


@check("changes.told", "4.7.9", likely="only what answers with one record has a size")
async def told(case: Case) -> None:
    """Who watches sees one call, with the bytes that the answers have together."""
    seen: list[CallRecord] = []
    await case.store.close()
    case.store = await case.open(on_call=seen.append)
    await case.store.file_system.write_file(case.id, "gone", "xx")
    changes: Sequence[AnyFileChange] = [
        Write("a", "xxx"),
        Append("a", "\u00e9"),
        MakeDirectory("d"),
        Delete("gone"),
    ]
    await case.store.file_system.apply_changes(case.id, changes)
    await case.store.close()
    assert [(record.verb, record.outcome, record.bytes) for record in seen[-1:]] == [
        ("apply_changes", "ok", 8)
    ]
