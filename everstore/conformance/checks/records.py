"""Session records."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import InvalidArgumentError, InvalidContentError, SessionNotFoundError
from everstore.models import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from everstore.conformance.case import Case

# Records far in the future come first in every list, whatever else the storage holds.
_FUTURE = 1 << 62


def _record(case: Case, age: int, title: str | None = None) -> Session:
    """A record of a fresh session that was created ``age`` nanoseconds before a moment far in the future."""
    created = _FUTURE + case.id.int % (1 << 40) * 1000 - age
    return Session(id=case.new_id(), title=title, created_ns=created)


async def _pages(case: Case, limit: int) -> AsyncIterator[list[Session]]:
    """Pages from the start, as long as they are of that future."""
    after: Session | None = None
    while page := await case.store.sessions.list_sessions(limit=limit, after=after):
        if page[0].created_ns < _FUTURE - 1_000_000:
            break
        assert after is None or (page[0].created_ns, page[0].id) < (after.created_ns, after.id), "no way on"
        yield page
        after = page[-1]


@table(
    "sessions.record.{row}",
    "1.4.1",
    "1.4.2",
    rows={
        "plain": ("A title",),
        "no_title": (None,),
        "empty_title": ("",),
        "unicode": ("Zürich \U0001f600 e\u0301",),
        "quotes": ("it's; DROP TABLE sessions; --",),
        "line_ends": (" a\r\nb\n ",),
        "long": ("t" * 10_000,),
    },
    likely="a title is stripped, or None becomes empty",
)
async def record(case: Case, title: str | None) -> None:
    """A record is kept as it was added, to the nanosecond: {row}."""
    added = Session(
        id=case.id, title=title, created_ns=1_700_000_000_123_456_789, updated_ns=1_700_000_001_987_654_321
    )
    await case.store.sessions.add_session(added)
    assert await case.store.sessions.get_session(case.id) == added


@check("sessions.record.missing", "1.4.2", "1.4.7", likely="a missing record is an error")
async def missing(case: Case) -> None:
    """A session without a record is None and in no list, and its record cannot be deleted."""
    await case.files.write_file("a", "x")
    assert await case.store.sessions.get_session(case.id) is None
    assert case.id not in {session.id for session in await case.store.sessions.list_sessions(limit=1000)}
    assert await case.store.sessions.delete_session(case.id) is False


@check("sessions.record.replace", "1.4.1", likely="an existing record is kept, or is there twice")
async def replace(case: Case) -> None:
    """Adding a record again replaces it, in lists too."""
    first, second = _record(case, 0, "one"), _record(case, 10)
    await case.store.sessions.add_session(first)
    await case.store.sessions.add_session(second)
    replaced = Session(id=first.id, title="two", created_ns=second.created_ns - 5)
    await case.store.sessions.add_session(replaced)
    assert await case.store.sessions.get_session(first.id) == replaced
    listed = await case.store.sessions.list_sessions(limit=50)
    assert [session for session in listed if session.id in {first.id, second.id}] == [second, replaced]


@check(
    "sessions.record.title", "1.4.3", likely="the title is updated, but not updated_at, or created_at moves"
)
async def title(case: Case) -> None:
    """A new title moves updated_at, keeps created_at, and is answered and kept."""
    created = await case.store.create_session("one", session_id=case.id)
    renamed = await case.store.sessions.update_session_title(case.id, "two")
    assert (renamed.id, renamed.title, renamed.created_at) == (case.id, "two", created.created_at)
    assert renamed.updated_at > created.updated_at
    assert await case.store.sessions.get_session(case.id) == renamed
    for text in ("", " a\r\nb ", "t" * 10_000):
        again = await case.store.sessions.update_session_title(case.id, text)
        assert again.title == text
        assert again.updated_at > renamed.updated_at
        assert await case.store.sessions.get_session(case.id) == again
        renamed = again


@check("sessions.record.title_of_missing", "1.4.4", likely="the record is created, or nothing is told")
async def title_of_missing(case: Case) -> None:
    """A title for a session without a record is SessionNotFoundError, and makes no record."""
    await case.files.write_file("a", "x")
    with refused(SessionNotFoundError):
        await case.store.sessions.update_session_title(case.id, "two")
    assert await case.store.sessions.get_session(case.id) is None


@check("sessions.record.refused", "1.4.1", "1.4.3", likely="records are not validated")
async def refused_records(case: Case) -> None:
    """What is no record, or a title that cannot be kept, is refused, and nothing is written."""
    await case.store.create_session("one", session_id=case.id)
    before = await case.store.sessions.get_session(case.id)
    wrong: Any = {"id": case.id}
    with refused(InvalidContentError):
        await case.store.sessions.add_session(wrong)
    for text in ("a\ud800", "a\0b", None):
        unfit: Any = text
        with refused(InvalidContentError):
            await case.store.sessions.update_session_title(case.id, unfit)
    for limit in (0, -1):
        with refused(InvalidArgumentError):
            await case.store.sessions.list_sessions(limit=limit)
    assert await case.store.sessions.get_session(case.id) == before


@check("sessions.record.delete", "1.4.7", likely="the record takes the session's files along")
async def delete(case: Case) -> None:
    """Deleting a record removes only that, and is True once."""
    await case.store.create_session("one", session_id=case.id)
    await case.files.write_file("a", "x")
    await case.storage.set_value("k", "x")
    async with case.untouched():
        assert await case.store.sessions.delete_session(case.id) is True
        assert await case.store.sessions.delete_session(case.id) is False
    assert await case.store.sessions.get_session(case.id) is None
    assert case.id not in {session.id for session in await case.store.sessions.list_sessions(limit=1000)}


@check(
    "sessions.list.newest_first", "1.4.5", likely="records are listed by id, by updated_at or as they came"
)
async def newest_first(case: Case) -> None:
    """Records are listed newest first, whatever order they were added and renamed in."""
    records = [_record(case, age) for age in (3000, 1000, 4000, 0, 2000)]
    for one in records:
        await case.store.sessions.add_session(one)
    await case.store.sessions.update_session_title(records[2].id, "renamed")
    mine = {one.id for one in records}
    listed = [one for one in await case.store.sessions.list_sessions(limit=100) if one.id in mine]
    assert [one.id for one in listed] == [records[at].id for at in (3, 1, 4, 0, 2)]


@check(
    "sessions.list.replaced",
    "1.4.1",
    "1.4.5",
    "1.4.6",
    likely="a record's place in the list, or the next page's, is that of what it was before",
    since="1.1",
)
async def replaced(case: Case) -> None:
    """A record that is replaced by one of another time, renamed and deleted is listed once, where it is."""
    old, replaced, young = (_record(case, age) for age in (3000, 2000, 0))
    for one in (old, replaced, young):
        await case.store.sessions.add_session(one)

    async def listed(after: Session | None = None) -> list[UUID]:
        page = await case.store.sessions.list_sessions(limit=100, after=after)
        return [one.id for one in page if one.id in {old.id, replaced.id, young.id}]

    for created_ns, where in (
        (old.created_ns - 500, 2),
        (young.created_ns + 500, 0),
        (replaced.created_ns, 1),
    ):
        await case.store.sessions.add_session(Session(id=replaced.id, created_ns=created_ns))
        await case.store.sessions.update_session_title(replaced.id, "renamed")
        expected = [young.id, old.id]
        expected.insert(where, replaced.id)
        assert await listed() == expected
        # The record that the page before ended with is the place to go on from, whatever became of it.
        assert await listed(replaced) == ([old.id, replaced.id] if where == 2 else [old.id])
        await case.store.sessions.delete_session(replaced.id)
        assert await listed() == [young.id, old.id]


@check(
    "sessions.list.same_time",
    "1.4.5",
    "1.4.6",
    likely="records of one moment are in no order, so pages lose some",
)
async def same_time(case: Case) -> None:
    """Records of the same nanosecond are ordered by id, descending, across pages too."""
    created = _record(case, 0).created_ns
    records = [Session(id=case.new_id(), created_ns=created) for _ in range(7)]
    for one in records:
        await case.store.sessions.add_session(one)
    mine = {one.id for one in records}
    listed = [one.id async for page in _pages(case, 2) for one in page if one.id in mine]
    assert listed == sorted(mine, reverse=True)


@table(
    "sessions.list.pages_of_{row}",
    "1.4.6",
    "1.4.8",
    rows={"1": (1,), "2": (2,), "3": (3,), "12": (12,), "13": (13,), "1010": (1010,)},
    likely="a page starts one too early or too late",
)
async def pages(case: Case, size: int) -> None:
    """Pages have every record once, and as many as asked for while there are more: {row}."""
    count = max(12, size + 10)
    records = [_record(case, age * 1000, str(age)) for age in range(count)]
    await asyncio.gather(*map(case.store.sessions.add_session, reversed(records)))
    mine = {one.id for one in records}
    listed: list[Session] = []
    async for page in _pages(case, size):
        assert len(page) == size or len(listed) + len(page) >= count
        assert len(page) <= size
        listed += [one for one in page if one.id in mine]
    assert listed == records


@check("sessions.list.after_deleted", "1.4.6", likely="the next page is found by the last record's row")
async def after_deleted(case: Case) -> None:
    """The record that a page ended with need not exist any more."""
    records = [_record(case, age) for age in range(6)]
    for one in records:
        await case.store.sessions.add_session(one)
    mine = {one.id for one in records}
    await case.store.sessions.delete_session(records[2].id)
    listed = await case.store.sessions.list_sessions(limit=50, after=records[2])
    assert [one for one in listed if one.id in mine] == records[3:]
