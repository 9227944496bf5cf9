"""Limits of one session, raced: that each verb keeps to them beside others, in one process and in two."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
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
from everstore.errors import QuotaExceededError

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.conformance.case import Case
    from everstore.store import Store

    Tell = Callable[[dict[str, str]], object]

_FIT = 4

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
