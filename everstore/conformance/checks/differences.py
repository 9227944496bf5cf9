"""What two sessions differ in: all of it, nothing else, in order, page by page, and of one moment."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from everstore.changes import Append, Move, Write
from everstore.clock import turned
from everstore.conformance.acts import Scene
from everstore.conformance.case import Mismatch, refused, snapshot
from everstore.conformance.forked import LARGE, fork_both, forked, several_of_everything
from everstore.conformance.registry import check as any_check
from everstore.conformance.registry import table as any_table
from everstore.errors import InvalidArgumentError, InvalidPathError
from everstore.models import FileChange, FileInfo, InitialFile, KeyInfo, ValueChange

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

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


async def _contents(case: Case, session_id: UUID) -> dict[str, dict[str, tuple[Any, object]]]:
    """By reading everything: of files and of values, by place, the info and what of it can differ."""
    with case.trace.paused():
        seen: dict[str, Any] = await snapshot(case.store.session(session_id))
    found: dict[str, dict[str, tuple[Any, object]]] = {"file": {}, "value": {}, "secret": {}}
    for place, (info, kept) in seen.items():
        kind, _, name = place.partition(" ")
        what: object = kind == "value" and (kept, info.expires_ns)
        if kind == "file":
            what = (kept.is_directory, kept.data, kept.encoding, kept.is_readonly)
        found[kind][name] = (info, what)
    return found


def _kind(before: object, after: object) -> str:
    if before is None:
        return "added"
    return "removed" if after is None else "changed"


async def _expected(case: Case, a: UUID, b: UUID, kind: str) -> list[tuple[object, ...]]:
    """Every difference, by comparing all with all: place, kind, and the info of each side."""
    before, after = await _contents(case, a), await _contents(case, b)
    one, other = before[kind], after[kind]
    places = [
        place for place in sorted(one.keys() | other.keys()) if _what(one, place) != _what(other, place)
    ]
    return [
        (place, _kind(one.get(place), other.get(place)), _info(one, place), _info(other, place))
        for place in places
    ]


def _what(side: dict[str, tuple[Any, object]], place: str) -> object:
    return side[place][1] if place in side else None


def _info(side: dict[str, tuple[Any, object]], place: str) -> object:
    return side[place][0] if place in side else None


def _told(change: FileChange | ValueChange) -> tuple[object, ...]:
    place = change.path if isinstance(change, FileChange) else change.key
    return place, change.kind, change.before, change.after


async def _require_differences(case: Case, a: UUID, b: UUID) -> int:
    """Both roles tell exactly what differs, whole and in pages, in both directions; how many there are."""
    count = 0
    for one, other in ((a, b), (b, a)):
        for role, kind in (("file_system", "file"), ("storage", "value")):
            diff = getattr(case.store, role).diff_sessions
            expected = await _expected(case, one, other, kind)
            got = [_told(change) for change in await diff(one, other)]
            if got != expected:
                wrong = [each for each in got if each not in expected]
                missing = [each for each in expected if each not in got]
                raise Mismatch(f"what differs: {missing!r}", f"{wrong!r}, and the rest of {len(got)}")
            for size in (1, 3, max(len(expected), 1)):
                pages: list[tuple[object, ...]] = []
                while page := await diff(one, other, after=pages[-1][0] if pages else None, limit=size):
                    assert len(page) == min(size, len(expected) - len(pages)), "a page that is not full"
                    pages += map(_told, page)
                assert pages == expected, f"pages of {size} are not the whole"
            count += len(expected)
    return count


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
        await _require_differences(case, one.id, other.id)


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
    await _require_differences(case, case.id, other.id)


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


@check(
    "diff.after", "3.15.4", "6.6.4",
    likely="a page begins where a difference is found again, or in the order of another alphabet",
)  # fmt: skip
async def after_anything(case: Case) -> None:
    """A page follows any path or key in order, whether anything differs or is there or not."""
    other = Scene(case.store, case.new_id())
    await other.files.apply_changes(
        [Write(f"{path}/f" if path == "a" else path, "x") for path in _PATHS[:1] + _PATHS[5:]]
    )
    await other.storage.set_values(dict.fromkeys(_PATHS, "x"))
    files, values = case.store.file_system.diff_sessions, case.store.storage.diff_sessions
    whole = [change.path for change in await files(case.id, other.id)]
    for place in (*whole, "/", "/0", "/a/e", "/a/g", "/a!", "/zz", "/\U0001f601", "/workspace/b", "e\u0301"):
        start = place.removeprefix("/workspace")
        start = start if start.startswith("/") else f"/{start}"
        following = [path for path in whole if path > start]
        for limit in (None, 2):
            page = await files(case.id, other.id, after=place, limit=limit)
            assert [change.path for change in page] == following[:limit], (place, limit)
    for key in (*_PATHS, "!", "a!", "z", "\U0001f601"):
        following = sorted(each for each in _PATHS if each > key)
        for limit in (None, 2):
            page = await values(case.id, other.id, after=key, limit=limit)
            assert [change.key for change in page] == following[:limit], (key, limit)
    assert await files(case.id, other.id, limit=0) == []
    assert await values(case.id, other.id, limit=0) == []
    for call in (files, values):
        with refused(InvalidArgumentError):
            await call(case.id, other.id, limit=-1)
    with refused(InvalidPathError):
        await files(case.id, other.id, after="..")


@any_check(
    "diff.values", "6.6.4", "6.5.1",
    since="1.3",
    needs=("forks", "time_to_live"),
    likely="an end is no difference, what is over is one, or secrets are compared, too",
)  # fmt: skip
async def values(case: Case) -> None:
    """Values differ by their text and their end, and what is past its time is not there."""
    one = Scene(case.store, case.id)
    for key, ttl in (("over", 60), ("end", 3600), ("same", 3600), ("text", None), ("gone", None)):
        await one.storage.set_value(key, "x", ttl=ttl)
    other = await forked(case)
    await other.storage.set_secret("s", "x")
    await one.storage.set_value("same", "y", ttl=None)
    await one.storage.set_value("same", "x", ttl=None)
    await other.storage.touch_value("same", ttl=None)
    await other.storage.touch_value("end", ttl=7200)
    await other.storage.set_value("text", "X")
    await other.storage.delete_value("gone")
    await other.storage.touch_value("over", ttl=None)
    await other.storage.set_value("new", "x")
    with turned(120):
        changes = await case.store.storage.diff_sessions(one.id, other.id)
        told = [(each.key, each.kind) for each in changes]
        assert told == [
            *[("end", "changed"), ("gone", "removed"), ("new", "added")],
            *[("over", "added"), ("text", "changed")],
        ]
        sides = {type(side) for each in changes for side in (each.before, each.after)}
        assert sides == {KeyInfo, type(None)}
        await _require_differences(case, one.id, other.id)


@any_check(
    "diff.one_moment", "3.15.3", "6.6.4", "3.10.1",
    level="standard",
    since="1.3",
    tags=("concurrency",),
    needs=("forks",),
    likely="one side is read after the other, or page after page of the storage",
)  # fmt: skip
async def one_moment(case: Case) -> None:
    """While a file moves, and a rewind makes both sides alike, each difference is of one moment."""
    other, store = Scene(case.store, case.new_id()), case.store
    if case.capabilities.shared:
        store = await case.open()
    await case.files.apply_changes([Write(f"{name}/{n}", "x") for name in "az" for n in range(8)])
    await case.files.write_file("a/moving", "x")
    await case.storage.set_values({f"k{n}": "0" for n in range(20)})
    await fork_both(case.store, case.id, other.id)
    done = False

    async def change() -> None:
        nonlocal done
        for turn in range(30):
            source, destination = ("a/moving", "z/moving") if turn % 2 == 0 else ("z/moving", "a/moving")
            await other.files.apply_changes([Move(source, destination), Append(destination, ".")])
            await other.storage.set_values(dict.fromkeys(("k0", "k19"), f"{turn}"))
            await asyncio.sleep(0)
            if turn % 5 == 4:
                await fork_both(case.store, case.id, other.id, replaced=case.new_id())
                if turn % 2 == 0:
                    await other.files.move_file("a/moving", "z/moving")
        done = True

    async def look() -> None:
        allowed = ([], [("/a/moving", "changed")], [("/a/moving", "removed"), ("/z/moving", "added")])
        while not done:
            changes = await store.file_system.diff_sessions(case.id, other.id)
            told = [(each.path, each.kind) for each in changes]
            assert told in allowed, f"a difference that never was: {told}"
            keys = [each.key for each in await store.storage.diff_sessions(case.id, other.id)]
            assert keys in ([], ["k0", "k19"]), f"a difference that never was: {keys}"
            await asyncio.sleep(0)

    await asyncio.gather(change(), look(), look())
