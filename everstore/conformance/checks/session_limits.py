"""Limits of one session: that each verb keeps to them, wherever it is called, and no other session does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.changes import Append, Write
from everstore.conformance.case import Mismatch, gather, refused
from everstore.conformance.checks.limit_races import (
    CALLS,
    WAYS,
    Grow,
    Way,
    require_what_fits,
    told_of,
    used,
)
from everstore.conformance.children import Job, Nursery
from everstore.conformance.registry import check, table
from everstore.errors import InvalidArgumentError, QuotaExceededError
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundSession
    from everstore.store import Store

    Tell = Callable[[dict[str, str]], object]

_FIT = 4
_LIMITS = {"session_entries": 4, "session_bytes": 40, "session_keys": 3, "session_value_bytes": 2000}

_WAYS: dict[str, Way] = {
    **{name: way for name, way in WAYS.items() if way.limit != "file_bytes"},
    "entries.apply_changes": Way(
        "session_entries",
        2,
        lambda at, n: at.files.apply_changes([Write(f"n{n}", "x"), Append(f"m{n}", "x")]),
    ),
    "bytes.write_bytes": Way("session_bytes", 10, lambda at, n: at.files.write_bytes(f"n{n}", b"x" * 10)),
    "bytes.append_bytes": Way("session_bytes", 10, lambda at, n: at.files.append_bytes(f"n{n}", b"x" * 10)),
}
"""Every verb that makes something grow that a session may have a limit of, by limit."""


async def _room_for(case: Case, way: Way) -> tuple[int, int]:
    """What looking finds used before, and the limit under which as many calls fit as shall."""
    one = case.store.session(case.new_id())
    if way.prepare is not None:
        await way.prepare(one)
    before = (await used(one))[way.limit]
    more = way.more
    if more == 0:
        narrow = case.new_id()
        await case.store.create_session(session_id=narrow, limits={way.limit: 1})
        with refused(QuotaExceededError) as caught:
            await way.grow(case.store.session(narrow), 0)
        more = caught.error.wanted
    return before, before + _FIT * more


@table(
    "session_limits.races.{row}",
    "1.8.1", "7.4.3",
    rows={name.replace(".", "_"): (way,) for name, way in _WAYS.items()},
    level="standard",
    since="1.2",
    tags=("concurrency",),
    likely="this verb, or the statement that many calls share, does not look for limits of the session",
)  # fmt: skip
async def races(case: Case, way: Way) -> None:
    """Of nine calls at once, by two clients where there may be two, exactly what fits is made: {row}."""
    before, most = await _room_for(case, way)
    other = await case.open() if case.capabilities.shared else case.store
    session_id = case.new_id()
    await case.store.create_session(session_id=session_id, limits={way.limit: most})
    clients = [store.session(session_id) for store in (case.store, other)]
    if way.prepare is not None:
        await way.prepare(clients[0])
    answers = await gather(*(way.grow(clients[n % 2], n) for n in range(CALLS)))
    require_what_fits(way, [told_of(answer) for answer in answers])
    refusals = [answer for answer in answers if isinstance(answer, QuotaExceededError)]
    assert {(error.limit, error.allowed) for error in refusals} == {(way.limit, most)}
    assert (await used(clients[1]))[way.limit] == before + _FIT * way.more


@check(
    "session_limits.many",
    "1.8.1",
    level="standard",
    since="1.2",
    tags=("concurrency",),
    likely="calls that share a statement or a commit are not looked at one by one",
)
async def many(case: Case) -> None:
    """Among a hundred calls at once, of sessions with limits and without, each is held to its own."""
    limited, free = case.new_id(), case.new_id()
    await case.store.create_session(session_id=limited, limits={"session_keys": 10, "session_entries": 10})
    both = [case.store.session(session_id) for session_id in (limited, free)]
    puts: tuple[Grow, ...] = (
        lambda one, n: one.storage.set_value(f"k{n}", "x"),
        lambda one, n: one.files.write_file(f"f{n}", "x"),
    )
    for put in puts:
        answers = await gather(*(put(one, n) for n in range(50) for one in both))
        made = [sum(not isinstance(each, BaseException) for each in answers[at::2]) for at in (0, 1)]
        if made != [10, 50]:
            raise Mismatch("10 calls of the limited session, and all 50 of the other", repr(made))


async def _fill(one: BoundSession) -> None:
    """All that ``_LIMITS`` allow of entries, bytes of files, and values and secrets."""
    await one.files.write_file("d/a", "x" * 20)
    await one.files.write_file("d/b", "x" * 20)
    await one.files.create_directory("e")
    await one.storage.set_value("k", "x")
    await one.storage.set_value("n", "9")
    await one.storage.set_secret("s", "x")


_GROWTH: dict[str, Callable[[BoundSession], Awaitable[Any]]] = {
    "session_entries": lambda one: one.files.create_directory("f"),
    "session_bytes": lambda one: one.files.append_file("d/a", "x"),
    "session_keys": lambda one: one.storage.increment_value("m"),
    "session_value_bytes": lambda one: one.storage.set_value("k", "x" * 2000),
}


async def _require_full(one: BoundSession, **allowed: int) -> None:
    for name, grow in _GROWTH.items():
        with refused(QuotaExceededError, about=name) as caught:
            await grow(one)
        assert (caught.error.limit, caught.error.allowed) == (name, {**_LIMITS, **allowed}[name])


async def _require_free(one: BoundSession) -> None:
    for grow in _GROWTH.values():
        await grow(one)


@check("session_limits.apart", "1.8.1", since="1.2", likely="the limits of one session become the store's")
async def apart(case: Case) -> None:
    """A session beside one with limits has none, were it made before or after."""
    before, after = case.session(), case.session()
    await _fill(before)
    await case.store.create_session(session_id=case.id, limits=_LIMITS)
    full = case.store.session(case.id)
    await _fill(full)
    await _fill(after)
    await _require_full(full)
    for other in (before, after):
        await _require_free(other)


@table(
    "session_limits.refused.{row}",
    "1.8.2",
    rows={
        "another": ({"file_bytes": 5},),
        "unknown": ({"session_files": 5},),
        "zero": ({"session_bytes": 0},),
        "negative": ({"session_keys": -1},),
        "text": ({"session_bytes": "5"},),
        "flag": ({"session_bytes": True},),
        "fraction": ({"session_entries": 1.5},),
        "huge": ({"session_value_bytes": 1 << 63},),
        "name": ({5: 5},),
        "no_mapping": (5,),
        "list": (["session_bytes"],),
    },
    since="1.2",
    likely="what is no limit of a session is left out, or kept, and never held against anything",
)
async def refused_limits(case: Case, limits: Any) -> None:
    """What is no limit of a session is refused, and no session is made: {row}."""
    with refused(InvalidArgumentError):
        await case.store.create_session(session_id=case.id, files=[InitialFile("a", "x")], limits=limits)
    assert await case.store.sessions.get_session(case.id) is None
    assert await case.paths() == []


@table(
    "session_limits.looser.{row}",
    "1.8.2",
    rows={name: (name,) for name in _LIMITS},
    since="1.2",
    likely="the session's limit takes the place of the store's",
)
async def looser(case: Case, name: str) -> None:
    """A limit above the store's is refused, and the error names it; one that is the same is not: {row}."""
    await case.store.close()
    case.store = await case.open(**{f"limits__{name}": 50})
    with refused(InvalidArgumentError) as caught:
        await case.store.create_session(session_id=case.id, limits={name: 51})
    assert name in str(caught.error)
    assert await case.store.sessions.get_session(case.id) is None
    await case.store.create_session(session_id=case.id, limits={name: 50})


@check(
    "session_limits.reopened",
    "1.8.3",
    since="1.2",
    needs=("durable",),
    likely="limits are kept in the client that made the session",
)
async def reopened(case: Case) -> None:
    """After the store was closed and opened again, a session's limits hold as before."""
    await case.store.create_session(session_id=case.id, limits=_LIMITS)
    await _fill(case.store.session(case.id))
    await case.reopen()
    await _require_full(case.store.session(case.id))


@check(
    "session_limits.lower_counts",
    "1.8.2",
    since="1.2",
    needs=("durable",),
    likely="a session with limits of its own is not held to the store's any more",
)
async def lower_counts(case: Case) -> None:
    """Under a store that is opened with other limits, the lower one of each counts."""
    await case.store.create_session(session_id=case.id, limits=_LIMITS)
    await _fill(case.store.session(case.id))
    lower = {"session_entries": 3, "session_value_bytes": 500}
    higher = {"session_bytes": 1 << 30, "session_keys": 1 << 30}
    await case.store.close()
    case.store = await case.open(**{f"limits__{name}": most for name, most in {**lower, **higher}.items()})
    await _require_full(case.store.session(case.id), **lower)


@table(
    "session_limits.purged.{row}",
    "1.8.3",
    "1.8.5",
    rows={
        "files": ("file_system", ("session_entries", "session_bytes")),
        "storage": ("storage", ("session_keys", "session_value_bytes")),
    },
    since="1.2",
    likely="a purge leaves the limits, or takes those of the other part",
)
async def purged(case: Case, role: str, gone: tuple[str, ...]) -> None:
    """A purge takes the limits of what it purges along, and those of nothing else: {row}."""
    await case.store.create_session(session_id=case.id, limits=_LIMITS)
    one = case.store.session(case.id)
    await _fill(one)
    assert await getattr(case.store, role).purge_session(case.id) is True
    await _fill(one)
    for name, grow in _GROWTH.items():
        if name in gone:
            await grow(one)
        else:
            with refused(QuotaExceededError):
                await grow(one)


@check(
    "session_limits.deleted",
    "1.8.3",
    "1.5.3",
    since="1.2",
    likely="what is kept of limits outlives a session that held nothing",
)
async def deleted(case: Case) -> None:
    """A session that was deleted has no limits when it is used again, had it held anything or not."""
    filled, empty = case.session(), case.session()
    for one in (filled, empty):
        await case.store.create_session(session_id=one.id, limits=_LIMITS)
    await _fill(filled)
    for one in (filled, empty):
        assert await case.store.delete_session(one.id) is True
        await _fill(one)
        await _require_free(one)


@table(
    "session_limits.replaced.{row}",
    "1.8.4",
    rows={
        "files": (("session_entries", "session_bytes"),),
        "storage": (("session_keys",),),
        "none": ((),),
        "unsaid": (None,),
    },
    since="1.2",
    likely="new limits are added to those that were there",
)
async def replaced(case: Case, kept: tuple[str, ...] | None) -> None:
    """Made again under its id, a session has the limits that it is given, or those it had: {row}."""
    await case.store.create_session(session_id=case.id, limits=_LIMITS)
    one = case.store.session(case.id)
    await _fill(one)
    limits = None if kept is None else {name: _LIMITS[name] for name in kept}
    await case.store.create_session(session_id=case.id, limits=limits)
    for name, grow in _GROWTH.items():
        if name in (_LIMITS if limits is None else limits):
            with refused(QuotaExceededError):
                await grow(one)
        else:
            await grow(one)


@check(
    "session_limits.what_is_there",
    "1.8.4",
    since="1.2",
    likely="who is over a new limit can do nothing, or loses something",
)
async def what_is_there(case: Case) -> None:
    """What is there when a session gets limits stays, and counts; it can be read, shortened and deleted."""
    one = case.store.session(case.id)
    await _fill(one)
    await case.store.create_session(session_id=case.id, limits=dict.fromkeys(_LIMITS, 2))
    await _require_full(one, **dict.fromkeys(_LIMITS, 2))
    assert (await case.read("d/a")).size_bytes == 20
    await one.files.write_file("d/a", "x")
    await one.files.delete_file("d", recursive=True)
    assert await one.storage.delete_value("n") is True
    await one.storage.set_value("k", "")
    assert await one.storage.get_secret("s") == "x"


@check(
    "session_limits.seeds",
    "1.8.1",
    "1.5.4",
    since="1.2",
    likely="limits are set when the files are there already",
)
async def seeds(case: Case) -> None:
    """The files that a session begins with are held to its limits; then nothing of it is left."""
    files = [InitialFile(f"d/{number}", "x" * 10) for number in range(5)]
    with refused(QuotaExceededError) as caught:
        await case.store.create_session(files=files, limits={"session_bytes": 40})
    made = case.new_id(caught.error.session_id)
    assert made not in await case.store.session_ids(after=UUID(int=made.int - 1), limit=1)
    await case.store.file_system.seed_initial_file(made, InitialFile("a", "x" * 100))


@table(
    "session_limits.nothing.{row}",
    "1.8.5",
    rows={"file_system": ("file_system",), "storage": ("storage",)},
    since="1.2",
    likely="a row of limits is taken for something that the session holds",
)
async def nothing(case: Case, role: str) -> None:
    """A session that has limits alone is not listed, and a purge of it finds nothing: {row}."""
    await case.store.create_session(session_id=case.id, limits=_LIMITS)
    part = getattr(case.store, role)
    assert case.id not in await part.session_ids(after=UUID(int=case.id.int - 1), limit=1)
    assert await part.purge_session(case.id) is False


@check(
    "session_limits.races_of_processes",
    "1.8.3",
    "7.4.3",
    level="standard",
    since="1.2",
    tags=("concurrency",),
    needs=("shared",),
    likely="limits are known to the process that made the session",
)
async def races_of_processes(case: Case) -> None:
    """Of calls that two processes make at once, exactly those that fit are made, whatever grows."""
    jobs: list[dict[str, str]] = []
    for name, way in _WAYS.items():
        _, most = await _room_for(case, way)
        session_id, meeting = case.new_id(), case.new_id()
        await case.store.create_session(session_id=session_id, limits={way.limit: most})
        if way.prepare is not None:
            await way.prepare(case.store.session(session_id))
        jobs.append({"way": name, "id": str(session_id), "meeting": str(meeting)})
    answers: dict[str, list[str]] = {name: [] for name in _WAYS}
    async with Nursery(case.subject) as nursery:
        await nursery.start(*(Job(f"{__name__}:grow_all", {"jobs": jobs, "half": half}) for half in (0, 1)))
        async for told in nursery.told():
            answers[told["way"]].append(told["answer"])
    for name, way in _WAYS.items():
        require_what_fits(way, answers[name])


async def grow_all(store: Store, tell: Tell, jobs: list[dict[str, str]], half: int) -> None:
    """Make half of the calls of each way once both halves are there, as the job of a process."""
    for job in jobs:
        one, meeting = (store.session(UUID(job[each])) for each in ("id", "meeting"))
        there = await meeting.storage.increment_value("n")
        while there < 2:
            await asyncio.sleep(0.001)
            there = int(await meeting.storage.get_value("n") or 0)
        for number in range(half, CALLS, 2):
            [answer] = await gather(_WAYS[job["way"]].grow(one, number))
            tell({"way": job["way"], "answer": told_of(answer)})
