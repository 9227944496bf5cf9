"""Many tasks at once: nothing is lost, torn, or done twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from everstore.conformance.case import gather
from everstore.conformance.registry import check, table
from everstore.errors import (
    EditError,
    PathExistsError,
    PathNotFoundError,
    RevisionConflictError,
)
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundSession

    Attempt = Callable[[BoundSession, int], Awaitable[Any]]

_MANY = 20

concurrent = partial(check, level="standard", tags=("concurrency",))
concurrent_table = partial(table, level="standard", tags=("concurrency",))


def kinds(answers: list[Any]) -> Counter[str]:
    """How often each error came, and how often an answer (``ok``)."""
    return Counter(type(one).__name__ if isinstance(one, BaseException) else "ok" for one in answers)


@concurrent("concurrency.edits_survive", "4.4.3", likely="an edit reads, and writes without a condition")
async def edits_survive(case: Case) -> None:
    """Of 20 edits of different lines at once every one survives."""
    await case.files.write_file("a", "".join(f"line {n:02}\n" for n in range(_MANY)))
    answers = await gather(*(case.files.edit_file("a", f"line {n:02}", f"done {n:02}") for n in range(_MANY)))
    assert kinds(answers) == {"ok": _MANY}
    assert (await case.read("a")).content == "".join(f"done {n:02}\n" for n in range(_MANY))


@concurrent(
    "concurrency.appends_survive", "4.5.9", "3.10.1", likely="an append reads, and writes without a condition"
)
async def appends_survive(case: Case) -> None:
    """Of 20 appends at once every one is there, whole and once; the first ones create the file."""
    pieces = [f"{n:03}" * 500 + "\n" for n in range(_MANY)]
    answers = await gather(*(case.files.append_file("d/a", piece) for piece in pieces))
    assert kinds(answers) == {"ok": _MANY}
    content = (await case.read("d/a")).content or ""
    assert sorted(content.splitlines(keepends=True)) == pieces


@concurrent(
    "concurrency.counter_exact", "4.6.3", likely="a counter is read, added to and written in three steps"
)
async def counter_exact(case: Case) -> None:
    """Of 60 increments at once every one counts, and no sum is answered twice."""
    answers = await gather(*(case.storage.increment_value("n") for _ in range(60)))
    assert sorted(answer for answer in answers if isinstance(answer, int)) == list(range(1, 61))
    assert await case.storage.get_value("n") == "60"


@concurrent("concurrency.counters_apart", "4.6.3", "1.3.2", likely="a lock or a cache is shared between keys")
async def counters_apart(case: Case) -> None:
    """Counters of several keys and sessions, incremented at once, are each exact."""
    sessions = [case.session() for _ in range(3)]
    await asyncio.gather(
        *(one.storage.increment_value(key, 2) for _ in range(10) for one in sessions for key in ("a", "b"))
    )
    sums = [await one.storage.get_value(key) for one in sessions for key in ("a", "b")]
    assert sums == ["20"] * 6


async def _file_revision(one: BoundSession) -> str:
    return (await one.files.write_file("a", "start")).revision


async def _value_revision(one: BoundSession) -> str:
    await one.storage.set_value("a", "start")
    [info] = await one.storage.list_keys()
    return info.revision


@concurrent_table(
    "concurrency.one_winner.{row}",
    "3.10.1",
    "4.2.4",
    "4.3.3",
    rows={
        "create_file": (
            lambda one, n: one.files.write_file("new/f", str(n), if_absent=True),
            RevisionConflictError,
        ),
        "create_value": (
            lambda one, n: one.storage.set_value("new", str(n), if_absent=True),
            RevisionConflictError,
        ),
        "content_matches": (
            lambda one, n: one.files.write_file_if_content_matches("a", "start", "text", f"by {n}", "text"),
            None,
        ),
        "edit": (lambda one, n: one.files.edit_file("a", "start", f"by {n}"), EditError),
        "delete_file": (lambda one, _: one.files.delete_file("a"), False),
        "delete_tree": (lambda one, _: one.files.delete_file("d", recursive=True), False),
        "delete_value": (lambda one, _: one.storage.delete_value("k"), False),
        "delete_secret": (lambda one, _: one.storage.delete_secret("s"), False),
        "move_file": (lambda one, n: one.files.move_file("a", f"b{n}"), PathNotFoundError),
        "move_tree": (lambda one, n: one.files.move_file("d", f"e{n}"), PathNotFoundError),
        "move_onto": (lambda one, n: one.files.move_file(f"src/{n}", "target"), PathExistsError),
        "copy_onto": (lambda one, n: one.files.copy_file(f"src/{n}", "target"), PathExistsError),
    },
    likely="looking and writing are two steps",
)
async def one_winner(case: Case, attempt: Attempt, loses: object) -> None:
    """Of 20 that try the same at once exactly one succeeds: {row}."""
    session = case.store.session(case.id)
    await asyncio.gather(
        session.files.write_file("a", "start"),
        *(session.files.write_file(f"d/sub/{name}", "x") for name in ("x", "y")),
        *(session.files.write_file(f"src/{n}", str(n)) for n in range(_MANY)),
        session.storage.set_value("k", "x"),
        session.storage.set_secret("s", "x"),
    )
    answers = await gather(*(attempt(session, n) for n in range(_MANY)))
    winners = [one for one in answers if one is not loses and type(one) is not loses]
    assert len(winners) == 1
    assert not isinstance(winners[0], BaseException)


@concurrent_table(
    "concurrency.compare_and_set.{row}",
    "4.2.4",
    "4.6.1",
    rows={
        "file": (_file_revision, lambda one, n, rev: one.files.write_file("a", f"by {n}", if_revision=rev)),
        "value": (
            _value_revision,
            lambda one, n, rev: one.storage.set_value("a", f"by {n}", if_revision=rev),
        ),
    },
    likely="the revision is compared in one step and written in another",
)
async def compare_and_set(
    case: Case,
    prepare: Callable[[BoundSession], Awaitable[str]],
    write: Callable[[BoundSession, int, str], Awaitable[Any]],
) -> None:
    """Of 20 writes at once with the same revision exactly one writes, five times over: {row}."""
    session = case.store.session(case.id)
    for _ in range(5):
        revision = await prepare(session)
        answers = await gather(*(write(session, n, revision) for n in range(_MANY)))
        assert kinds(answers) == {"ok": 1, "RevisionConflictError": _MANY - 1}


@concurrent("concurrency.compare_and_set.loop", "4.2.4", likely="a lost race is not told")
async def compare_and_set_loop(case: Case) -> None:
    """A counter that 8 tasks keep in a file by read and conditional write, is exact."""
    await case.files.write_file("n", "0")

    async def add(times: int) -> None:
        while times:
            found = await case.read("n")
            try:
                await case.files.write_file(
                    "n", str(int(found.content or "") + 1), if_revision=found.revision
                )
            except RevisionConflictError:
                await asyncio.sleep(0)
            else:
                times -= 1

    await asyncio.gather(*(add(5) for _ in range(8)))
    assert (await case.read("n")).content == "40"


@concurrent("concurrency.no_torn_read", "3.10.1", likely="content is replaced in place, or in pieces")
async def no_torn_read(case: Case) -> None:
    """While large contents are written over each other, every read sees one of them whole."""
    contents = [letter * size for letter, size in (("a", 300_000), ("b", 100), ("c", 200_000), ("d", 70_000))]
    await case.files.write_file("f", contents[0])
    done = False

    async def write() -> None:
        nonlocal done
        for turn in range(24):
            await case.files.write_file("f", contents[turn % 4])
        done = True

    async def read() -> None:
        while not done:
            found = await case.read("f")
            assert found.content in contents, "a torn content was read"
            assert found.size_bytes == len(found.content or "")
            await asyncio.sleep(0)

    await asyncio.gather(write(), read(), read(), read())


@concurrent(
    "concurrency.seed_read_only", "3.9.2", likely="is_readonly is looked at before the write, not with it"
)
async def seed_read_only(case: Case) -> None:
    """A read-only seed that writes compete with holds what it was seeded with, and is read-only at once."""
    for turn in range(6):
        calls: list[Awaitable[Any]] = [case.files.write_file(f"f{turn}", f"by {n}") for n in range(8)]
        calls.insert(
            8 if turn % 2 else 4,
            case.files.seed_initial_file(InitialFile(f"f{turn}", "seed", is_readonly=True)),
        )
        working = asyncio.ensure_future(gather(*calls))
        while not working.done():
            between = await case.files.read_file(f"f{turn}")
            assert between is None or (between.content == "seed") == between.is_readonly
            await asyncio.sleep(0)
        await working
        found = await case.read(f"f{turn}")
        assert (found.content, found.is_readonly) == ("seed", True)


@concurrent(
    "concurrency.revisions_distinct", "4.1.2", likely="revisions are made of a clock, or before the lock"
)
async def revisions_distinct(case: Case) -> None:
    """Of 40 writes at once to one file, and to one value, each has its own revision."""
    written = await asyncio.gather(*(case.files.write_file("a", str(n)) for n in range(40)))
    assert len({file.revision for file in written}) == 40
    assert await case.read("a") in written
