"""restore_times: entries, values and secrets get the times that they had elsewhere, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.changes import FileTimes, SecretTimes, ValueTimes
from everstore.clock import now_ns
from everstore.conformance.acts import TIMES
from everstore.conformance.case import Mismatch, refused
from everstore.conformance.registry import check
from everstore.conformance.scene import LARGE
from everstore.errors import InvalidArgumentError
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from everstore.conformance.case import Case

__all__ = [
    "AT_ONCE",
    "HOUR_NS",
    "LATEST_NS",
    "TURNS",
    "marked",
    "require_moved_on",
    "restore_texts",
    "stamps_of",
]

LATEST_NS = 9 * 10**18
HOUR_NS = 3600 * 10**9
_DEEP = "/".join("x" * 200 for _ in range(8))
_FILES = ("d/a", "d", "d/sub", "bytes", "sealed", "large", _DEEP)
TURNS = 20
AT_ONCE = 30


def stamps_of(info: Any) -> tuple[int, int]:
    """When something was created and last changed."""
    return info.created_ns, info.updated_ns


async def marked(case: Case, session_id: UUID | None = None) -> dict[str, Any]:
    """Everything in a session, by place, with revisions and times."""
    seen: dict[str, Any] = await case.snapshot(session_id)
    return seen


async def _fill_files(case: Case) -> None:
    """Put a file of each kind into the session, and directories."""
    await asyncio.gather(
        case.files.write_file("d/a", "one\r\n"),
        case.files.create_directory("d/sub"),
        case.files.write_bytes("bytes", b"\0\xff"),
        case.files.seed_initial_file(InitialFile("sealed", "fixed", is_readonly=True)),
        case.files.write_file("large", LARGE),
        case.files.write_file(_DEEP, "deep"),
        case.files.write_file("d/beside", "beside"),
    )


async def _restore_files(case: Case, *times: FileTimes) -> list[bool]:
    return await case.store.file_system.restore_times(case.id, times)


async def restore_texts(case: Case, *times: ValueTimes | SecretTimes) -> list[bool]:
    """Restore times of values and secrets of the check's own session."""
    return await case.store.storage.restore_times(case.id, times)


@check(
    "times.files", "3.16.1", "3.6.4", since="1.3",
    likely="directories, read-only files or what is kept in pieces are left out, or a listing is not told",
)  # fmt: skip
async def files(case: Case) -> None:
    """Files of every kind, and directories, have the times that they are given, in every answer."""
    await _fill_files(case)
    await case.files.list_directory("d")  # which some backends keep
    wanted = {f"/{path}": (TIMES[0] + at, TIMES[1] + at * 7) for at, path in enumerate(_FILES)}
    answer = await _restore_files(case, *(FileTimes(path, *times) for path, times in wanted.items()))
    assert answer == [True] * len(wanted), f"answered {answer}"
    tree = {info.path: info for info in await case.files.list_tree()}
    globbed = {info.path: info for info in await case.files.glob_files("**")}
    for path, times in wanted.items():
        listed = await case.files.list_directory(path.rpartition("/")[0] or "/")
        seen: dict[str, Any] = {
            "stat_file": await case.files.stat_file(path),
            "read_file": await case.files.read_file(path),
            "list_directory": next(info for info in listed if info.path == path),
            "list_tree": tree[path],
            "glob_files": globbed.get(path, tree[path]),
        }
        for verb, info in seen.items():
            if stamps_of(info) != times:
                raise Mismatch(
                    f"{verb} of {path[:80]!r} with {times}", f"{stamps_of(info)}", field="updated_at"
                )


@check(
    "times.files.nothing_else", "3.16.2", "3.2.8", "4.2.1", since="1.3",
    likely="it is a write of the same content, or a read-only mark, an encoding or a size is lost on the way",
)  # fmt: skip
async def files_nothing_else(case: Case) -> None:
    """Contents, encodings, read-only marks and revisions stay, so a condition holds, and so do all others."""
    await _fill_files(case)
    before = await marked(case)
    usage = await case.files.usage()
    await _restore_files(case, *(FileTimes(path, *TIMES) for path in _FILES))
    after = await marked(case)
    assert before.keys() == after.keys()
    for place, (info, content) in after.items():
        was, had = before[place]
        if place.removeprefix("file /") not in _FILES:
            if (was, had) != (info, content):
                raise Mismatch.of((was, had), (info, content), f"{place} untouched")
            continue
        marks = [
            (one.revision, one.size_bytes, one.is_readonly, one.is_directory, file.data, file.encoding)
            for one, file in ((was, had), (info, content))
        ]
        if marks[0] != marks[1]:
            raise Mismatch.of(marks[0], marks[1], f"{place[:80]}, but for its times")
    now = await case.files.usage()
    assert (now.files, now.directories, now.bytes) == (usage.files, usage.directories, usage.bytes)
    revision = before["file /d/a"][0].revision
    await case.files.write_file("d/a", "two", if_revision=revision)
    assert await case.files.delete_file("sealed") is False
    assert [match.path for match in await case.files.grep_files("fixed")] == ["/sealed"]


@check(
    "times.files.absent", "3.16.3", since="1.3",
    likely="what is missing is made, is an error, or keeps others from theirs; or the first of two counts",
)  # fmt: skip
async def files_absent(case: Case) -> None:
    """Where nothing is, and of the root, it is False, nothing is made; of two of one path the last counts."""
    await _fill_files(case)
    root = await case.files.stat_file("/")
    wrong = [FileTimes(path, 1, 2) for path in ("none", "/", "d/a/below", "d/sub/none", "D/a")]
    async with case.untouched():
        assert await _restore_files(case) == []
        assert await _restore_files(case, *wrong) == [False] * len(wrong)
        assert await case.store.file_system.restore_times(case.new_id(), [FileTimes("d/a", 1, 2)]) == [False]
    assert await case.files.stat_file("/") == root
    mixed = wrong[0], FileTimes("d/a", 3, 4), wrong[1], FileTimes("d", 5, 6), FileTimes("d/a", 7, 8)
    assert await _restore_files(case, *mixed) == [False, True, False, True, True]
    found = {path: stamps_of(await case.files.stat_file(path)) for path in ("d/a", "d")}
    if found != {"d/a": (7, 8), "d": (5, 6)}:
        raise Mismatch("the last times of each path", f"{found}")


async def _later(look: Callable[[], Awaitable[Any]], change: Callable[[], Awaitable[Any]]) -> tuple[Any, Any]:
    """What is there before a change, and after it."""
    before = await look()
    await change()
    return before, await look()


def require_moved_on(created_ns: int, before: Any, after: Any, about: str) -> None:
    """Created when it was, and updated now, or a microsecond later where that would be no later."""
    earliest = max(before.updated_ns + 1000, now_ns() - HOUR_NS)
    latest = max(earliest, now_ns() + HOUR_NS)
    if after.created_ns != created_ns:
        raise Mismatch(f"created_ns {created_ns} {about}", f"{after.created_ns}", field="created_at")
    if not earliest <= after.updated_ns <= latest:
        raise Mismatch(
            f"updated_ns from {earliest} to {latest} {about}", f"{after.updated_ns}", field="updated_at"
        )
    assert after.revision != before.revision, f"the same revision {about}"


@check(
    "times.files.go_on", "3.16.4", "3.2.3", "3.2.6", since="1.3",
    likely="what is written next is as old as what was restored, or is created anew",
)  # fmt: skip
async def files_go_on(case: Case) -> None:
    """What is changed next keeps created_at; updated_at moves to the clock's time, or on from a later one."""
    changes: dict[str, Callable[[], Awaitable[Any]]] = {
        "an overwrite": lambda: case.files.write_file("a", "two"),
        "an edit": lambda: case.files.edit_file("a", "two", "three"),
        "an append": lambda: case.files.append_file("a", "four"),
        "a seed": lambda: case.files.seed_initial_file(InitialFile("a", "five")),
    }
    await case.files.write_file("a", "one")
    for updated_ns in (TIMES[1], now_ns() + 2 * HOUR_NS, LATEST_NS):
        for name, change in changes.items():
            await case.files.write_file("a", "two")
            await _restore_files(case, FileTimes("a", TIMES[0], updated_ns))
            before, after = await _later(lambda: case.files.stat_file("a"), change)
            assert before.updated_ns == updated_ns
            require_moved_on(TIMES[0], before, after, f"after {name} of what was updated at {updated_ns}")
    await _restore_files(case, FileTimes("a", *TIMES))
    moved = await case.files.move_file("a", "b")
    assert moved.created_ns == TIMES[0]
    copied = await case.files.copy_file("b", "c")
    assert copied.created_ns > TIMES[1]


@check(
    "times.files.one_step", "3.16.3", "3.10.1", since="1.3", level="standard", tags=("concurrency",),
    likely="the times are set one after the other, and whoever looks meanwhile sees some of them",
)  # fmt: skip
async def files_one_step(case: Case) -> None:
    """Whoever lists a directory meanwhile sees the times of all that is in it from before, or from after."""
    await asyncio.gather(*(case.files.write_file(f"d/{at}", "x") for at in range(AT_ONCE)))
    paths = [f"d/{at}" for at in range(AT_ONCE)]
    await _restore_files(case, *(FileTimes(path, 0, 0) for path in paths))

    async def look() -> None:
        for _ in range(TURNS):
            seen = {stamps_of(info) for info in await case.files.list_directory("d")}
            assert len(seen) == 1, f"times of {len(seen)} moments in one listing: {sorted(seen)}"
            await asyncio.sleep(0)

    async def restore() -> None:
        for turn in range(1, TURNS):
            await _restore_files(case, *(FileTimes(path, turn, turn) for path in paths))

    await asyncio.gather(look(), restore(), look())


@check(
    "times.refused", "3.16.5", "6.7.5", since="1.3",
    likely="what comes before the wrong one is done already, or the place is not told",
)  # fmt: skip
async def refused_times(case: Case) -> None:
    """With a time that is none nothing is restored, and the error has the place of the wrong one as index."""
    await case.files.write_file("a", "x")
    await case.storage.set_value("k", "x")
    await case.storage.set_secret("s", "x")
    async with case.untouched():
        for wrong in ((-1, 0), (0, LATEST_NS + 1), (0, 1.5)):
            times: Any = wrong
            with refused(InvalidArgumentError) as caught:
                await _restore_files(case, FileTimes("a", 1, 2), FileTimes("a", *times))
            assert caught.error.index == 1
            with refused(InvalidArgumentError) as caught:
                await restore_texts(
                    case, ValueTimes("k", 1, 2), SecretTimes("s", 3, 4), SecretTimes("s", *times)
                )
            assert caught.error.index == 2
    assert await _restore_files(case, FileTimes("a", 0, LATEST_NS)) == [True]
    assert await restore_texts(case, ValueTimes("k", LATEST_NS, 0), SecretTimes("s", 0, 0)) == [True, True]
    found = {place: stamps_of(info) for place, (info, _) in (await marked(case)).items()}
    wanted = {"file /a": (0, LATEST_NS), "value k": (LATEST_NS, 0), "secret s": (0, 0)}
    if found != wanted:
        raise Mismatch.of(wanted, found, "the first and the last times that there are")


@check(
    "times.forked", "3.14.1", "6.6.1", "3.16.1", "6.7.1", since="1.3", needs=("forks",),
    likely="a fork, or what it shares with its source, has kept the times from before",
)  # fmt: skip
async def forked(case: Case) -> None:
    """A fork has the times that were restored, and what is restored on one side is not on the other."""
    fork = case.session()
    await case.files.write_file("d/a", LARGE)
    await case.storage.set_value("k", "x")
    await _restore_files(case, FileTimes("d/a", *TIMES), FileTimes("d", 5, 6))
    await restore_texts(case, ValueTimes("k", 7, 8))
    await case.store.file_system.fork_session(case.id, fork.id)
    await case.store.storage.fork_session(case.id, fork.id)
    await case.store.file_system.restore_times(fork.id, [FileTimes("d", 1, 2)])
    await restore_texts(case, ValueTimes("k", 9, 9))
    await _restore_files(case, FileTimes("d/a", 3, 4))
    seen = [
        {place: stamps_of(info) for place, (info, _) in each.items()}
        for each in (await marked(case), await marked(case, fork.id))
    ]
    wanted = [
        {"file /d": (5, 6), "file /d/a": (3, 4), "value k": (9, 9)},
        {"file /d": (1, 2), "file /d/a": TIMES, "value k": (7, 8)},
    ]
    if seen != wanted:
        raise Mismatch.of(wanted, seen, "times in the source, and in the fork")


@check(
    "times.reopened", "3.16.1", "6.7.1", "3.10.3", since="1.3", level="durable", needs=("durable",),
    tags=("durability",), likely="the times are kept in a cache, and nothing is written",
)  # fmt: skip
async def reopened(case: Case) -> None:
    """What was restored is there when the storage is opened again."""
    await case.files.write_file("d/a", "x")
    await case.storage.set_value("k", "x")
    await case.storage.set_secret("s", "x")
    await _restore_files(case, FileTimes("d", 1, 2), FileTimes("d/a", 3, 4))
    await restore_texts(case, ValueTimes("k", 5, 6), SecretTimes("s", 7, 8))
    await case.reopen()
    found = {place: stamps_of(info) for place, (info, _) in (await marked(case)).items()}
    wanted = {"file /d": (1, 2), "file /d/a": (3, 4), "value k": (5, 6), "secret s": (7, 8)}
    if found != wanted:
        raise Mismatch.of(wanted, found, "times after opening again")
