"""Durability: what was acknowledged is there again, also after the process was killed."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.conformance.case import Mismatch, snapshot
from everstore.conformance.children import Job, Nursery
from everstore.conformance.crash import FILLING, PROGRAMS, Worker, possible_states, state_of
from everstore.conformance.registry import check, table
from everstore.conformance.showing import shown
from everstore.models import InitialFile, Session

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from everstore.conformance.case import Case
    from everstore.session import BoundSession
    from everstore.store import Store

_KILLS = 8
_WORKERS = 6
_CALLS_LATER = 60
_PATIENCE = 15.0  # seconds for what takes a tenth of one
_LONGEST = 0.03  # seconds between the first acknowledgement and the kill


def _workers(case: Case, program: str, name: str = "w") -> list[Worker]:
    """Workers for one program, two in a session, but one a session where they write its record."""
    sessions = [case.new_id() for _ in range(_WORKERS)]
    alone = program == "records"
    return [
        Worker(f"{name}{i}", program, sessions[i if alone else i // 2], case.random.getrandbits(32))
        for i in range(_WORKERS)
    ]


def _job(function: str, **arguments: object) -> Job:
    return Job(f"everstore.conformance.crash:{function}", msgspec.to_builtins(arguments))


async def _told_until_killed(case: Case, nursery: Nursery, job: Job) -> list[dict[str, Any]]:
    """What a child acknowledges until it is killed, a random moment after the first time."""
    [pid] = await nursery.start(job)
    acknowledged: list[dict[str, Any]] = []
    async for told in nursery.told():
        if not acknowledged:
            _kill_soon(case, nursery, pid)
        acknowledged.append(told)
    return acknowledged


async def _told_by_both(case: Case, nursery: Nursery, jobs: list[Job]) -> dict[str, int]:
    """How many steps each worker was told of: the first job is killed soon, the second some calls later."""
    first, second = await nursery.start(*jobs)
    killed = asyncio.Event()
    survivors = {worker["name"] for worker in jobs[1].arguments["workers"]}
    done: dict[str, int] = {}
    later = 0

    async def listen() -> None:
        nonlocal later
        async for told in nursery.told():
            if not done:
                _kill_soon(case, nursery, first, killed.set)
            done[told["worker"]] = told["done"]
            later += killed.is_set() and told["worker"] in survivors
            if later == _CALLS_LATER:
                nursery.kill(second)

    try:
        await asyncio.wait_for(listen(), _PATIENCE)
    except TimeoutError:
        raise Mismatch(
            f"{_CALLS_LATER} calls by the process that lives on", f"{later} in {_PATIENCE} seconds"
        ) from None
    return done


def _kill_soon(case: Case, nursery: Nursery, pid: int, then: Callable[[], object] = lambda: None) -> None:
    def kill() -> None:
        nursery.kill(pid)
        then()

    asyncio.get_running_loop().call_later(case.random.random() * _LONGEST, kill)


async def _require_possible(case: Case, store: Store, worker: Worker, done: int) -> None:
    """``Mismatch`` unless the area is as after the last acknowledged step, or after the one that followed."""
    got = await state_of(store, worker)
    before, after = await possible_states(worker, done)
    if got in (before, after):
        return
    case.trace.tell(worker.told(done + 1))
    places = sorted({*got, *before, *after})
    for place in places:
        there, was, then = (state.get(place) for state in (got, before, after))
        if there not in (was, then):
            raise Mismatch(
                f"{place!r} as before the last of these calls, {shown(was)}, or as after it, {shown(then)}",
                shown(there),
            )
    behind = next(place for place in places if got.get(place) != after.get(place))
    ahead = next(place for place in places if got.get(place) != before.get(place))
    raise Mismatch(
        "the last of these calls wholly or not at all", f"{behind!r} as before it, and {ahead!r} as after it"
    )


@check(
    "durability.reopen",
    "3.10.3", "6.2.1", "6.4.1", "6.5.1",
    level="durable",
    tags=("durability",),
    needs=("durable",),
    likely="a field is kept in memory only, or read back in another form",
)  # fmt: skip
async def reopen(case: Case) -> None:
    """Everything written is there when the storage is opened again, with its ids, revisions and times."""
    await case.files.write_file("/d/crlf.txt", "a\r\n\0\ufeff\u2028")
    await case.files.write_file("/d/bytes", "AP8=", "base64")
    await case.files.write_file("/d/empty", "")
    await case.files.create_directory("/d/nothing/in it")
    await case.files.seed_initial_file(InitialFile("/seed", "fixed", is_readonly=True))
    await case.files.move_file("/d/empty", "/e\u0301/%_")
    for value in ("", "7", "\u00e9"):
        await case.storage.set_value(f"value {value}", value)
        await case.storage.set_secret(f"secret {value}", f"secret {value}")
    if case.capabilities.time_to_live:
        await case.storage.set_value("for a while", "x", ttl=3600)
    record = Session(case.id, "a title", 1_700_000_000_123_456_789)
    await case.store.sessions.add_session(record)
    before = await case.snapshot()
    for _ in range(2):
        await case.reopen()
        assert await case.snapshot() == before
        assert await case.store.sessions.get_session(case.id) == record


@check(
    "durability.reopen.revisions",
    "4.1.1", "4.1.2", "3.2.5",
    level="durable",
    tags=("durability",),
    needs=("durable",),
    likely="revisions or ids are counted in memory, and start again with the process",
)  # fmt: skip
async def revisions_after_reopening(case: Case) -> None:
    """A revision or an id never comes back, also not when the storage was opened again in between."""
    revisions, ids = set(), set()
    for turn in range(5):
        written = await case.files.write_file("/a", f"{turn}")
        await case.storage.set_value("k", f"{turn}")
        info = await case.storage.stat_value("k")
        assert info is not None
        assert (written.revision, "/a") not in revisions
        assert (info.revision, "k") not in revisions
        assert written.id not in ids
        revisions |= {(written.revision, "/a"), (info.revision, "k")}
        ids.add(written.id)
        await case.files.delete_file("/a")
        await case.storage.delete_value("k")
        await case.reopen()


@check(
    "durability.restored",
    "4.1.4",
    level="durable",
    tags=("durability",),
    needs=("durable",),
    likely="revisions are counted in the storage, and a restored backup counts on from where it was made",
    since="1.1",
)
async def restored(case: Case) -> None:
    """Of two storages made of one backup, neither gives out what the other did.

    Asked where settings name its files. What is opened is a copy: nothing is done to the storage itself.
    """
    await case.files.write_file("/a", "x")
    await case.storage.set_value("k", "x")
    await case.storage.set_secret("s", "x")
    await case.store.close()
    times: list[set[str]] = []
    for _ in range(2):
        with case.subject.copied() as settings:
            async with case.subject.open(**settings) as store:
                times.append(await _given_out(store.session(case.id)) if settings else set())
    case.store = await case.open()
    later = await _given_out(case.store.session(case.id))
    assert times[0] & times[1] == set()
    assert later & (times[0] | times[1]) == set()


async def _given_out(session: BoundSession) -> set[str]:
    """Revisions that are given out for the same places, with the place."""
    found: set[str] = set()
    for turn in range(8):
        found.add(f"/a {(await session.files.write_file('/a', 'x')).revision}")
        found.add(f"/new {(await session.files.write_file('/new', 'x', if_absent=True)).revision}")
        await session.files.move_file("/new", f"/moved {turn}")
        await session.storage.set_value("k", "x")
        await session.storage.set_secret("s", "x")
        [key], [secret] = await session.storage.list_keys(), await session.storage.list_secrets()
        found |= {f"key {key.revision}", f"secret {secret.revision}"}
    return found


@table(
    "durability.kill.{row}",
    "3.10.2",
    "3.10.3",
    "3.10.4",
    rows={program: (program,) for program in PROGRAMS},
    level="durable",
    tags=("durability",),
    needs=("durable",),
    likely="a call returns before its write is kept, or its write is kept in several steps",
)
async def kill(case: Case, program: str) -> None:
    """After a kill -9, what was acknowledged has happened, and the rest wholly or not at all: {row}."""
    await case.store.close()  # a storage that is not shared has one user at a time
    async with Nursery(case.subject) as nursery:
        for _ in range(_KILLS):
            workers = _workers(case, program)
            acknowledged = await _told_until_killed(case, nursery, _job("work", workers=workers))
            done = {told["worker"]: told["done"] for told in acknowledged}
            async with case.subject.open() as store:
                for worker in workers:
                    await _require_possible(case, store, worker, done.get(worker.name, 0))


@check(
    "durability.kill.shared_places",
    "3.10.3", "3.10.4", "4.4.3", "4.5.9", "4.6.3",
    level="durable",
    tags=("durability", "concurrency"),
    needs=("durable",),
    likely="calls of several tasks share a transaction that is acknowledged before it is kept",
)  # fmt: skip
async def kill_at_shared_places(case: Case) -> None:
    """After a kill -9, what six tasks appended, edited and counted at the same places is there."""
    await case.store.close()
    async with Nursery(case.subject) as nursery:
        for _ in range(_KILLS):
            session = case.new_id()
            job = _job("share_places", session=session, workers=_WORKERS)
            acknowledged = await _told_until_killed(case, nursery, job)
            told = Counter((each["worker"], each["kind"]) for each in acknowledged)
            async with case.subject.open() as store:
                await _require_shared(store.session(session), told)


async def _require_shared(session: BoundSession, told: Counter[tuple[int, str]]) -> None:
    log = await session.files.read_file("/log")
    lines = await session.files.read_file("/lines")
    count = await session.storage.get_value("count")
    assert lines is not None
    entries = (log.content or "").splitlines() if log else []
    numbers = dict(line.removesuffix(";").split("=") for line in (lines.content or "").splitlines())
    for worker in range(_WORKERS):
        appended = [entry for entry in entries if entry.startswith(f"{worker}.")]
        acknowledged = told[worker, "log"]
        assert len(appended) in (acknowledged, acknowledged + 1)
        assert appended == [f"{worker}.{turn}" for turn in range(len(appended))]
        acknowledged = told[worker, "lines"]
        assert int(numbers[f"{worker}"]) in (acknowledged, acknowledged + 1)
    counted = sum(told[worker, "count"] for worker in range(_WORKERS))
    assert int(count or "0") in range(counted, counted + _WORKERS + 1)


@check(
    "durability.kill.one_of_two",
    "3.10.3", "3.10.4",
    level="durable",
    tags=("durability", "concurrency"),
    needs=("durable", "shared"),
    likely="a lock outlives the process that held it",
)  # fmt: skip
async def kill_one_of_two(case: Case) -> None:
    """When one of two processes is killed, the other works on, and what either was told is there."""
    async with Nursery(case.subject) as nursery:
        for _ in range(_KILLS // 2):
            killed, others = _workers(case, "files", "k"), _workers(case, "trees", "o")
            jobs = [_job("work", workers=workers) for workers in (killed, others)]
            done = await _told_by_both(case, nursery, jobs)
            for worker in (*killed, *others):
                await _require_possible(case, case.store, worker, done.get(worker.name, 0))


@check(
    "durability.kill.delete_session",
    "1.5.1", "1.5.2", "1.5.3", "3.10.4",
    level="durable",
    tags=("durability",),
    needs=("durable",),
    likely="what was left of a session is not found any more once its record, or its first file, is gone",
)  # fmt: skip
async def kill_while_deleting(case: Case) -> None:
    """A deletion of a session that a kill -9 interrupted is finished by the next one."""
    await case.store.close()
    async with Nursery(case.subject) as nursery:
        for _ in range(_KILLS):
            sessions = [case.new_id() for _ in range(_WORKERS)]
            acknowledged = await _told_until_killed(case, nursery, _job("delete_sessions", sessions=sessions))
            events = {told["session"]: told["event"] for told in acknowledged}
            async with case.subject.open() as store:
                for session_id in sessions:
                    await _require_deletable(store, session_id, events.get(str(session_id)))


async def _require_deletable(store: Store, session_id: UUID, event: str | None) -> None:
    if event == "filled":
        # Nobody has begun to delete it.
        found = await store.session(session_id).files.glob_files("**")
        assert [info.path for info in found] == [file.path for file in FILLING]
        assert await store.sessions.get_session(session_id) is not None
    if event != "deleted":
        await store.delete_session(session_id)
    assert await snapshot(store.session(session_id)) == {}
    assert await store.session(session_id).files.glob_files("**") == []
    assert await store.sessions.get_session(session_id) is None
    again = await store.delete_session(session_id)
    assert again is False
