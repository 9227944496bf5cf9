"""What two sessions differ in: all of it, and nothing else."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from everstore.changes import Write
from everstore.clock import turned
from everstore.conformance.differing import require_differences
from everstore.conformance.forked import LARGE, forked, several_of_everything
from everstore.conformance.registry import check as any_check
from everstore.conformance.registry import table as any_table
from everstore.conformance.scene import Scene
from everstore.models import FileChange, FileInfo, InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundFiles

check = partial(any_check, since="1.3", needs=("forks",))
table = partial(any_table, since="1.3", needs=("forks",))

_TEXTS = (
    "",
    "x",
    "YQ==",
    "a",
    LARGE,
    LARGE[:-1],
    LARGE[:-1] + "!",
    "!" + LARGE[1:],
    LARGE.replace("20000", "20001"),
)
_PATHS = ("a", "a b", "a.txt", "a/b", "a/b/c", "a0", "B", "b", "e\u0301", "\u00e9", "\uffff", "\U0001f600")


async def _change(case: Case, files: BoundFiles) -> None:
    """Something at random, which may well be refused, or make no difference."""
    chance = case.random
    path, other, text = chance.choice(_PATHS), chance.choice(_PATHS), chance.choice(_TEXTS)
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: files.write_file(path, text),
        lambda: files.write_bytes(path, text.encode()),
        lambda: files.append_file(path, text[:5]),
        lambda: files.edit_file(path, "20000", "20001"),
        lambda: files.delete_file(path, recursive=True),
        lambda: files.copy_file(path, other, overwrite=True),
        lambda: files.move_file(path, other),
        lambda: files.create_directory(path),
        lambda: files.seed_initial_file(InitialFile(path, text, is_readonly=chance.random() < 0.5)),
    ]
    await asyncio.gather(chance.choice(calls)(), return_exceptions=True)


async def _flip(case: Case, scene: Scene) -> None:
    """Change a byte of some files, and nothing else of them."""
    for info in await scene.files.glob_files("**"):
        file = await scene.files.read_file(info.path)
        if file is not None and file.data and not file.is_readonly and case.random.random() < 0.5:
            data = file.data[:-1] + bytes([file.data[-1] ^ 1])
            await scene.files.write_file(info.path, data.decode(errors="replace"))


@check(
    "diff.brute_force", "3.15.1", "3.15.2", "3.15.4", "6.6.4",
    level="standard",
    tags=("chance",),
    likely="sizes or times are compared, directories are left out, or what only one side has",
)  # fmt: skip
async def brute_force(case: Case) -> None:
    """After whatever was done to a session and to its fork, they differ in what reading all of both shows."""
    for _ in range(6):
        one = Scene(case.store, case.new_id())
        with case.trace.paused():
            for _ in range(12):
                await _change(case, one.files)
            other = await forked(case, one.id)
            for scene in (one, other):
                for _ in range(case.random.randrange(12)):
                    await _change(case, scene.files)
                for key in case.random.sample(("k", "K", "k k", "\u00e9", "e\u0301", "\uffff"), 3):
                    await scene.storage.set_value(key, case.random.choice(("", "x")))
            await _flip(case, other)
        await require_differences(case, one.id, other.id)


@check(
    "diff.none", "3.15.2", "6.6.4", "3.14.1",
    likely="times, ids or revisions are compared, or pieces, where the bytes are the same",
)  # fmt: skip
async def none(case: Case) -> None:
    """A session and its fork differ in nothing, however each came to what it has."""
    one = Scene(case.store, case.id)
    await several_of_everything(one)
    other = await forked(case)
    assert await case.store.file_system.diff_sessions(one.id, other.id) == []
    assert await case.store.storage.diff_sessions(one.id, other.id) == []
    third = Scene(case.store, case.new_id())
    with turned(3600):
        with case.trace.paused():
            await several_of_everything(third)
        await third.files.write_file("a", "something else")
        await third.files.write_file("a", third.text)
        await third.files.delete_file("grown")
        for letter in "one\ntwo\n":
            await third.files.append_file("grown", letter)
        await third.files.write_file("large", LARGE[:70_000])
        await third.files.append_file("large", LARGE[70_000:90_001])
        await third.files.append_file("large", LARGE[90_001:-5] + "?")
        await third.files.edit_file("large", "?", LARGE[-5:])
        await third.files.write_file("copied", "?" + LARGE)
        await third.files.edit_file("copied", "?", "")
        await third.files.write_bytes("large bytes", b"")
        await third.files.append_bytes("large bytes", LARGE.encode()[:100_000])
        await third.files.append_bytes("large bytes", LARGE.encode()[100_000:] + b"\xff\0")
        await third.storage.set_value("k", "x")
        await third.storage.set_value("k", "text")
        for scene in (one, third):
            await scene.storage.delete_value("for an hour")
    assert await case.store.file_system.diff_sessions(one.id, third.id) == []
    assert await case.store.storage.diff_sessions(one.id, third.id) == []
    assert await case.store.file_system.diff_sessions(case.id, case.id) == []


async def _bytes_for_text(files: BoundFiles) -> None:
    await files.write_bytes("a", b"one")


async def _one_byte(files: BoundFiles) -> None:
    await files.edit_file("large", "20000", "20001")


_MARKED = InitialFile("a", "one", is_readonly=True)
_DIFFERENT: dict[str, tuple[Callable[[BoundFiles], Awaitable[Any]], list[tuple[str, str]]]] = {
    "content": (lambda files: files.write_file("a", "two"), [("/a", "changed")]),
    "encoding": (_bytes_for_text, [("/a", "changed")]),
    "base64_of_it": (lambda files: files.write_file("a", "b25l", "base64"), [("/a", "changed")]),
    "one_of_many_bytes": (_one_byte, [("/large", "changed")]),
    "last_byte": (lambda files: files.write_file("large", LARGE[:-1] + "!"), [("/large", "changed")]),
    "first_byte": (lambda files: files.write_file("large", "!" + LARGE[1:]), [("/large", "changed")]),
    "one_byte_more": (lambda files: files.append_file("large", "\0"), [("/large", "changed")]),
    "emptied": (lambda files: files.write_file("a", ""), [("/a", "changed")]),
    "mark": (lambda files: files.seed_initial_file(_MARKED), [("/a", "changed")]),
    "empty_directory": (lambda files: files.delete_file("d/empty"), [("/d/empty", "removed")]),
    "parents": (lambda files: files.write_file("new/f", ""), [("/new", "added"), ("/new/f", "added")]),
    "moved": (lambda files: files.move_file("a", "b"), [("/a", "removed"), ("/b", "added")]),
    "tree_moved": (
        lambda files: files.move_file("d", "D"),
        [("/D", "added"), ("/D/empty", "added"), ("/d", "removed"), ("/d/empty", "removed")],
    ),
}  # fmt: skip


@table(
    "diff.of.{row}", "3.15.1", "3.15.2",
    rows=_DIFFERENT,
    likely="two entries are taken for the same by their size, their beginning, their text or their name",
)  # fmt: skip
async def different(
    case: Case, change: Callable[[BoundFiles], Awaitable[Any]], expected: list[tuple[str, str]]
) -> None:
    """What was changed in a fork is what the two differ in, and the other way round: {row}."""
    await case.files.apply_changes([Write("a", "one"), Write("large", LARGE)])
    await case.files.create_directory("d/empty")
    other = await forked(case)
    await change(other.files)
    changes = await case.store.file_system.diff_sessions(case.id, other.id)
    assert [(each.path, each.kind) for each in changes] == expected
    assert {type(each) for each in changes} == {FileChange}
    sides = {type(side) for each in changes for side in (each.before, each.after)}
    assert sides <= {FileInfo, type(None)}
    assert [each.text for each in changes] == [None] * len(expected)
    await require_differences(case, case.id, other.id)


@check(
    "diff.file_and_directory", "3.15.1", "3.15.2",
    likely="an empty file and a directory have the same size and the same content",
)  # fmt: skip
async def file_and_directory(case: Case) -> None:
    """A file where a directory was is a change of it, and what was in it is removed."""
    await case.files.write_file("a", "")
    await case.files.write_file("b/x", "x")
    other = await forked(case)
    await other.files.apply_changes([Write("c", "")])
    await other.files.delete_file("a")
    await other.files.create_directory("a")
    await other.files.delete_file("b", recursive=True)
    await other.files.write_file("b", "")
    changes = await case.store.file_system.diff_sessions(case.id, other.id)
    told = [
        (each.path, each.kind, *(side and side.is_directory for side in (each.before, each.after)))
        for each in changes
    ]
    assert told == [
        ("/a", "changed", False, True),
        ("/b", "changed", True, False),
        ("/b/x", "removed", False, None),
        ("/c", "added", None, False),
    ]
