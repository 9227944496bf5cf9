"""Mistakes with session records."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import SessionNotFoundError
from everstore.models import Session

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []


@mutant("sessions.list.newest_first")
def lists_oldest_first(broken: Broken) -> None:
    """Records come oldest first within a page."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None, **rest: Any) -> Any:
        return (await broken.sessions.list_sessions(limit=limit, after=after, **rest))[::-1]


@mutant("sessions.list.pages_of_2")
def has_one_page(broken: Broken) -> None:
    """Every page is the first page."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None, **rest: Any) -> Any:
        page = await broken.sessions.list_sessions(limit=limit, **rest)
        return [] if after is not None and after.id in {each.id for each in page[-1:]} else page


@mutant("sessions.list.after_deleted")
def loses_its_place(broken: Broken) -> None:
    """A page that follows a deleted record is empty."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None, **rest: Any) -> Any:
        if isinstance(after, Session) and await broken.sessions.get_session(after.id) is None:
            return []
        return await broken.sessions.list_sessions(limit=limit, after=after, **rest)


@mutant("sessions.list.same_time")
def pages_by_time_alone(broken: Broken) -> None:
    """The next page begins with the next older time."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None, **rest: Any) -> Any:
        if isinstance(after, Session):
            after = replace(after, id=UUID(int=0))
        return await broken.sessions.list_sessions(limit=limit, after=after, **rest)


@mutant("sessions.record.title")
def renames_without_a_trace(broken: Broken) -> None:
    """A new title leaves updated_at alone."""

    @broken.verb
    async def update_session_title(session_id: Any, title: str) -> Any:
        old = await broken.sessions.get_session(session_id)
        await broken.sessions.update_session_title(session_id, title)
        if old is not None:
            await broken.sessions.add_session(replace(old, title=title))
        return await broken.sessions.get_session(session_id)


@mutant("sessions.record.title_of_missing")
def renames_into_being(broken: Broken) -> None:
    """A title for a missing record makes one."""

    @broken.verb
    async def update_session_title(session_id: Any, title: str) -> Any:
        try:
            return await broken.sessions.update_session_title(session_id, title)
        except SessionNotFoundError:
            await broken.sessions.add_session(Session(id=session_id, title=title))
            return await broken.sessions.get_session(session_id)


@mutant("sessions.record.plain")
def cuts_times_to_seconds(broken: Broken) -> None:
    """A record's times are kept in whole seconds."""

    @broken.verb
    async def get_session(session_id: Any) -> Any:
        found = await broken.sessions.get_session(session_id)
        return found and replace(found, created_ns=found.created_ns // 10**9 * 10**9)


@mutant("sessions.record.empty_title")
def takes_the_empty_title_for_none(broken: Broken) -> None:
    """The empty title is no title."""

    @broken.verb
    async def get_session(session_id: Any) -> Any:
        found = await broken.sessions.get_session(session_id)
        return found and replace(found, title=found.title or None)


@mutant("sessions.record.replace")
def never_replaces_records(broken: Broken) -> None:
    """Adding a record again leaves the first one."""

    @broken.verb
    async def add_session(session: Any) -> None:
        if not isinstance(session, Session) or await broken.sessions.get_session(session.id) is None:
            await broken.sessions.add_session(session)


@mutant("sessions.list.pages_of_1")
def begins_with_the_last(broken: Broken) -> None:
    """A page begins with the record that the one before ended with."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None, **rest: Any) -> Any:
        if isinstance(after, Session):
            after = replace(after, id=UUID(int=min(after.id.int + 1, (1 << 128) - 1)))
        return await broken.sessions.list_sessions(limit=limit, after=after, **rest)


@mutant("sessions.list.pages_of_1010")
def caps_pages(broken: Broken) -> None:
    """A page has a hundred records at most, whatever was asked for."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None, **rest: Any) -> Any:
        return await broken.sessions.list_sessions(limit=min(limit, 100), after=after, **rest)


@mutant("sessions.record.title")
def cuts_titles(broken: Broken) -> None:
    """A new title is cut to the 255 characters of its column."""

    @broken.verb
    async def update_session_title(session_id: Any, title: str) -> Any:
        return await broken.sessions.update_session_title(session_id, title and title[:255])


@mutant("sessions.list.replaced")
def goes_on_from_where_it_is_now(broken: Broken) -> None:
    """The record that a page ended with is looked up again, and has another time by then."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None, **rest: Any) -> Any:
        found = await broken.sessions.get_session(after.id) if isinstance(after, Session) else None
        return await broken.sessions.list_sessions(limit=limit, after=found or after, **rest)


def _removing_first(broken: Broken, verb: str, when: Callable[[dict[str, Any]], bool]) -> None:
    """A record is removed, and a moment later it is there as it is to be."""

    async def changed(session_id: Any, *given: Any, **options: Any) -> Any:
        record = await broken.sessions.get_session(session_id)
        if record is not None and when(options):
            await broken.sessions.delete_session(session_id)
            await asyncio.sleep(0)
            await broken.sessions.add_session(record)
        return await getattr(broken.sessions, verb)(session_id, *given, **options)

    changed.__name__ = verb
    broken.verb(changed)


@mutant("concurrency.no_torn_list_of_records.relabel")
def relabels_by_removing(broken: Broken) -> None:
    """A record that gets other labels is taken out of the lists, and put into them anew."""
    _removing_first(broken, "update_session", lambda options: "title" not in options)


@mutant("concurrency.no_torn_list_of_records.retitle")
def retitles_by_removing(broken: Broken) -> None:
    """A record that gets another title is taken out of the lists, and put into them anew."""
    _removing_first(broken, "update_session_title", lambda _: True)


@mutant("concurrency.no_torn_list_of_records.title_and_labels")
def retitles_then_relabels(broken: Broken) -> None:
    """A title and labels that are given together are set one after the other."""

    @broken.verb
    async def update_session(session_id: Any, **given: Any) -> Any:
        if len(given) > 1:
            await broken.sessions.update_session(session_id, title=given.pop("title"))
            await asyncio.sleep(0)
        return await broken.sessions.update_session(session_id, **given)


@mutant("concurrency.no_torn_list_of_records.add_again")
def adds_again_by_removing(broken: Broken) -> None:
    """A record that is added again is removed first."""

    @broken.verb
    async def add_session(session: Any) -> None:
        if isinstance(session, Session) and await broken.sessions.delete_session(session.id):
            await asyncio.sleep(0)
        await broken.sessions.add_session(session)
