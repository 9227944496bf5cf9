"""Many names written at once: what is written under one is not lost to what is written under another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.conformance.case import Mismatch, gather
from everstore.conformance.checks.concurrency import concurrent, concurrent_table, kinds
from everstore.errors import SessionNotFoundError
from everstore.models import Session

if TYPE_CHECKING:
    from everstore.conformance.case import Case
    from everstore.interfaces import SessionStore
    from everstore.session import BoundSession

    Put = Callable[[BoundSession, int], Awaitable[Any]]
    Names = Callable[[BoundSession], Awaitable[list[str]]]

_MANY = 20
_LATE_NS = (1 << 62) - 1_000_000  # before it no other record is in any list


async def _files(one: BoundSession) -> list[str]:
    return [info.path for info in await one.files.glob_files("**")]


async def _values(one: BoundSession) -> list[str]:
    return [f"/{info.key}" for info in await one.storage.list_keys()]


async def _secrets(one: BoundSession) -> list[str]:
    return [f"/{info.name}" for info in await one.storage.list_secrets()]


_KINDS: dict[str, tuple[Put, Names]] = {
    "files": (lambda one, n: one.files.write_file(f"/{n:02}", "x"), _files),
    "values": (lambda one, n: one.storage.set_value(f"{n:02}", "x"), _values),
    "secrets": (lambda one, n: one.storage.set_secret(f"{n:02}", "x"), _secrets),
}


@concurrent_table(
    "concurrency.names_survive.{row}",
    "3.10.1",
    rows=_KINDS,
    likely="all of a session is read, changed and written back as one",
)
async def names_survive(case: Case, put: Put, names: Names) -> None:
    """Of 20 names of a session written at once every one is there: {row}."""
    one = case.store.session(case.id)
    answers = await gather(*(put(one, n) for n in range(_MANY)))
    assert kinds(answers) == {"ok": _MANY}
    assert await names(one) == [f"/{n:02}" for n in range(_MANY)]


@concurrent_table(
    "concurrency.sessions_survive.{row}",
    "1.3.2",
    "3.10.1",
    rows=_KINDS,
    likely="all sessions are read, changed and written back as one",
)
async def sessions_survive(case: Case, put: Put, names: Names) -> None:
    """What is written in 20 sessions at once is in each of them: {row}."""
    sessions = [case.session() for _ in range(_MANY)]
    answers = await gather(*(put(one, n) for n, one in enumerate(sessions)))
    assert kinds(answers) == {"ok": _MANY}
    assert [await names(one) for one in sessions] == [[f"/{n:02}"] for n in range(_MANY)]


@concurrent(
    "concurrency.records_survive",
    "1.4.1",
    "3.10.1",
    likely="all records are read, changed and written back as one",
)
async def records_survive(case: Case) -> None:
    """Of 20 records added at once every one is there, and those deleted at once are gone."""
    records = case.store.sessions
    added = [Session(case.new_id(), str(n)) for n in range(_MANY)]
    await asyncio.gather(*map(records.add_session, added))
    assert [await records.get_session(each.id) for each in added] == added
    answers = await asyncio.gather(*(records.delete_session(each.id) for each in added[::2]))
    assert set(answers) == {True}
    assert [await records.get_session(each.id) for each in added[1::2]] == added[1::2]
    assert {await records.get_session(each.id) for each in added[::2]} == {None}


Change = Callable[["SessionStore", Session, int], "Awaitable[Any]"]

_CHANGES: dict[str, tuple[Change]] = {
    "relabel": (lambda records, one, n: records.update_session(one.id, labels={**one.labels, "n": str(n)}),),
    "retitle": (lambda records, one, n: records.update_session_title(one.id, str(n)),),
    "title_and_labels": (
        lambda records, one, n: records.update_session(
            one.id, title=str(n), labels={**one.labels, "title": str(n)}
        ),
    ),
    "add_again": (
        lambda records, one, n: records.add_session(
            Session(one.id, str(n), one.created_ns, labels={**one.labels, "title": str(n)})
        ),
    ),
}


@concurrent_table(
    "concurrency.no_torn_list_of_records.{row}",
    "3.10.1", "1.4.10", "1.4.14", "1.7.4",
    rows=_CHANGES,
    likely="a record is taken out of the lists and put into them anew, or its parts are set one by one",
    since="1.3",
)  # fmt: skip
async def no_torn_record(case: Case, change: Change) -> None:
    """While a record is changed, each look at it, and each list that it belongs to, has it whole: {row}."""
    records, labels = case.store.sessions, {"run": case.id.hex}
    one = Session(case.id, "0", _LATE_NS, labels={**labels, "title": "0"})
    await records.add_session(one)
    before, behind = UUID(int=one.id.int - 1), Session(one.id, None, _LATE_NS + 1)
    done = False

    async def write() -> None:
        nonlocal done
        for number in range(1, _MANY):
            await change(records, one, number)
        done = True

    async def look() -> None:
        while not done:
            found = await records.get_session(one.id)
            listed = await records.list_sessions(labels=labels)
            page = await records.list_sessions(after=behind, limit=1)
            for seen in (found, *listed):
                if seen is None or (change is not _CHANGES["retitle"][0] and not _is_whole(seen)):
                    raise Mismatch("a record with the label of its title", f"{seen!r}")
            if [record.id for record in (*listed, *page)] != [one.id] * 2:
                raise Mismatch("the record in each list, once", f"{listed} and {page}")
            assert await records.session_ids(after=before, limit=1) == [one.id]
            await asyncio.sleep(0)

    await asyncio.gather(write(), look(), look())


def _is_whole(record: Session) -> bool:
    return "n" in record.labels or record.labels.get("title") == record.title


@concurrent(
    "concurrency.title_and_delete",
    "1.4.4",
    "3.10.1",
    likely="a title is written with the record that was read, and brings it back",
)
async def title_and_delete(case: Case) -> None:
    """A record that is deleted while titles are given to it is gone, whoever came last."""
    records = case.store.sessions
    for _ in range(6):
        record = Session(case.new_id(), "first")
        await records.add_session(record)
        calls: list[Awaitable[Any]] = [records.update_session_title(record.id, str(n)) for n in range(8)]
        calls.insert(4, records.delete_session(record.id))
        answers = await gather(*calls)
        assert answers[4] is True
        assert {type(one) for one in answers} <= {Session, SessionNotFoundError, bool}
        assert await records.get_session(record.id) is None


@concurrent(
    "concurrency.empty_directory_and_write",
    "3.8.5",
    "3.10.1",
    likely="a directory is looked into, and deleted a moment later with what came into it meanwhile",
)
async def empty_directory_and_write(case: Case) -> None:
    """Where an empty directory is deleted, not recursively, while files come into it, none is lost."""
    for turn in range(8):
        await case.files.create_directory(f"d{turn}")
        calls: list[Awaitable[Any]] = [case.files.write_file(f"d{turn}/{n}", "x") for n in range(6)]
        calls.insert(turn % 3, case.files.delete_file(f"d{turn}"))
        await asyncio.gather(*calls)
        found = [info.path for info in await case.files.list_directory(f"d{turn}")]
        assert found == [f"/d{turn}/{n}" for n in range(6)]


@concurrent_table(
    "concurrency.no_half_purged_session.{row}",
    "3.10.1",
    "1.5.1",
    rows=_KINDS,
    likely="a session is purged entry by entry",
)
async def no_half_purged_session(case: Case, put: Put, names: Names) -> None:
    """While all of one kind in a session is purged, a look sees all of it or nothing: {row}."""
    for _ in range(4):
        one = case.session()
        await asyncio.gather(*(put(one, n) for n in range(_MANY)))
        purges = (case.store.file_system.purge_session, case.store.storage.purge_session)
        purging = asyncio.gather(*(purge(one.id) for purge in purges))
        seen = set()
        while not purging.done():
            seen.add(len(await names(one)))
            await asyncio.sleep(0)
        assert True in await purging
        assert seen <= {0, _MANY}, "a half-purged session is visible"
        assert await names(one) == []


@concurrent_table(
    "concurrency.no_torn_list.{row}",
    "3.10.1",
    rows={
        "files": (*_KINDS["files"], lambda one, n: one.files.delete_file(f"/{n:02}")),
        "values": (*_KINDS["values"], lambda one, n: one.storage.delete_value(f"{n:02}")),
        "secrets": (*_KINDS["secrets"], lambda one, n: one.storage.delete_secret(f"{n:02}")),
    },
    likely="names are listed in one step, and looked at in others",
)
async def no_torn_list(case: Case, put: Put, names: Names, delete: Put) -> None:
    """Where a name comes before another one goes, a list always has one: {row}."""
    one = case.store.session(case.id)
    await put(one, 0)
    done = False

    async def change() -> None:
        nonlocal done
        for turn in range(24):
            await put(one, turn + 1)
            await delete(one, turn)
            await asyncio.sleep(0)
        done = True

    async def look() -> None:
        while not done:
            assert await names(one) != []
            await asyncio.sleep(0)

    await asyncio.gather(change(), look(), look())
