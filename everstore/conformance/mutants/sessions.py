"""Mistakes with sessions, their isolation, their records and their end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import (
    BackendError,
    EverstoreError,
    SessionNotFoundError,
    StoreClosedError,
    UnsupportedError,
)
from everstore.models import Session
from everstore.paths import parse_session_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.middleware.base import Call

__all__: list[str] = []

_LEFT: list[asyncio.Task[Any]] = []  # what ``leaves_a_task`` leaves


def _with_ids(
    broken: Broken, change: Callable[[Any], Any], roles: tuple[str, ...] = ("file_system", "storage")
) -> None:
    """Change every session id on its way in."""

    def wrap(call: Call) -> Call:
        async def changed(*args: Any, **kwargs: Any) -> Any:
            return await call(*(change(args[0]), *args[1:]) if args else (), **kwargs)

        return changed

    broken.around(wrap, roles)


@mutant("sessions.isolation.read_file")
def ignores_the_session(broken: Broken) -> None:
    """All sessions are one."""
    _with_ids(broken, lambda each: UUID(int=1) if isinstance(each, UUID) else each)


@mutant("sessions.near_id.upper_half_only")
def compares_half_the_id(broken: Broken) -> None:
    """Sessions are told apart by the first half of their ids."""
    _with_ids(broken, lambda each: UUID(int=each.int >> 64 << 64) if isinstance(each, UUID) else each)


@mutant("sessions.near_id.last_digit")
def compares_ids_by_prefix(broken: Broken) -> None:
    """The last digits of an id are not compared."""
    _with_ids(broken, lambda each: UUID(int=each.int >> 8 << 8) if isinstance(each, UUID) else each)


@mutant("sessions.near_id.digits_turned")
def sums_the_digits(broken: Broken) -> None:
    """Ids with the same digits in another order are the same."""
    _with_ids(broken, lambda each: UUID("".join(sorted(each.hex))) if isinstance(each, UUID) else each)


@mutant("sessions.refused_ids.text")
def takes_ids_as_text(broken: Broken) -> None:
    """An id may be text."""

    def read(given: Any) -> Any:
        try:
            return parse_session_id(given)
        except EverstoreError:
            return given

    _with_ids(broken, read, ("file_system", "storage", "sessions"))


@mutant("sessions.isolation.grep_files")
def searches_every_session(broken: Broken) -> None:
    """A search looks through all sessions."""
    seen: dict[UUID, None] = {}

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        seen[session_id] = None
        return await broken.files.write_file(session_id, path, content, encoding, **options)

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        everywhere = [session_id, *(each for each in seen if each != session_id)]
        found = [await broken.files.grep_files(each, pattern, path_pattern, **options) for each in everywhere]
        return [match for matches in found for match in matches]


@mutant("sessions.isolation.list_secrets")
def lists_every_secret(broken: Broken) -> None:
    """Secrets are listed across sessions."""
    seen: dict[UUID, None] = {}

    @broken.verb
    async def set_secret(session_id: Any, name: str, value: str, *, ttl: Any = None) -> None:
        seen[session_id] = None
        await broken.storage.set_secret(session_id, name, value, ttl=ttl)

    @broken.verb
    async def list_secrets(session_id: Any) -> Any:
        everywhere = [session_id, *(each for each in seen if each != session_id)]
        found = [await broken.storage.list_secrets(each) for each in everywhere]
        return [info for infos in found for info in infos]


@mutant("sessions.no_reach.delete_value")
def deletes_in_every_session(broken: Broken) -> None:
    """delete_value forgets the session in its condition."""
    seen: dict[UUID, None] = {}

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> None:
        seen[session_id] = None
        await broken.storage.set_value(session_id, key, value, **options)

    @broken.verb
    async def delete_value(session_id: Any, key: str) -> bool:
        answer = await broken.storage.delete_value(session_id, key)
        for each in seen:
            await broken.storage.delete_value(each, key)
        return answer


@mutant("sessions.delete.everything")
def leaves_secrets_behind(broken: Broken) -> None:
    """Deleting a session leaves its secrets and values."""

    @broken.verb
    async def purge_session(session_id: Any) -> bool:
        return await broken.files.purge_session(session_id)

    broken.around(_only_looks, ["storage"], ["purge_session"])


def _only_looks(call: Call) -> Call:
    del call

    async def looks(session_id: Any) -> bool:
        del session_id
        return True

    return looks


@mutant("sessions.delete.only_read_only_file")
def leaves_read_only_behind(broken: Broken) -> None:
    """Deleting a session is a recursive delete, which read-only files withstand."""

    @broken.verb
    async def purge_session(session_id: Any) -> bool:
        infos = await broken.files.list_directory(session_id)
        return any([await broken.files.delete_file(session_id, info.path, recursive=True) for info in infos])


@mutant("sessions.delete.only_values")
def says_nothing_was_there(broken: Broken) -> None:
    """Purging values answers False."""

    def wrap(call: Call) -> Call:
        async def purge(session_id: Any) -> bool:
            await call(session_id)
            return False

        return purge

    broken.around(wrap, ["storage"], ["purge_session"])


@mutant("sessions.delete.leaves_others")
def deletes_every_session(broken: Broken) -> None:
    """Deleting a session's files deletes those of every session."""
    seen: dict[UUID, None] = {}

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        seen[session_id] = None
        return await broken.files.write_file(session_id, path, content, encoding, **options)

    @broken.verb
    async def purge_session(session_id: Any) -> bool:
        return any([await broken.files.purge_session(each) for each in [session_id, *seen]])


@mutant("sessions.list.newest_first")
def lists_oldest_first(broken: Broken) -> None:
    """Records come oldest first within a page."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None) -> Any:
        return (await broken.sessions.list_sessions(limit=limit, after=after))[::-1]


@mutant("sessions.list.pages_of_2")
def has_one_page(broken: Broken) -> None:
    """Every page is the first page."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None) -> Any:
        page = await broken.sessions.list_sessions(limit=limit)
        return [] if after is not None and after.id in {each.id for each in page[-1:]} else page


@mutant("sessions.list.after_deleted")
def loses_its_place(broken: Broken) -> None:
    """A page that follows a deleted record is empty."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None) -> Any:
        if isinstance(after, Session) and await broken.sessions.get_session(after.id) is None:
            return []
        return await broken.sessions.list_sessions(limit=limit, after=after)


@mutant("sessions.list.same_time")
def pages_by_time_alone(broken: Broken) -> None:
    """The next page begins with the next older time."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None) -> Any:
        if isinstance(after, Session):
            after = replace(after, id=UUID(int=0))
        return await broken.sessions.list_sessions(limit=limit, after=after)


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


@mutant("lifecycle.after_close.file_system")
def works_when_closed(broken: Broken) -> None:
    """A closed store answers with nothing."""

    def wrap(call: Call) -> Call:
        async def answered(*args: Any, **kwargs: Any) -> Any:
            try:
                return await call(*args, **kwargs)
            except StoreClosedError:
                return None

        return answered

    broken.around(wrap)


@mutant("lifecycle.close_twice")
def closes_once(broken: Broken) -> None:
    """Closing again is an error."""
    closed: list[bool] = []

    async def close() -> None:
        if closed:
            raise BackendError("already closed")
        closed.append(True)
        await broken.sound.close()

    broken.close = close


@mutant("lifecycle.nothing_left")
def leaves_a_task(broken: Broken) -> None:
    """Every write leaves a task that waits for ever."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        _LEFT.append(asyncio.create_task(asyncio.Event().wait()))
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("lifecycle.errors.typed")
def raises_bare_errors(broken: Broken) -> None:
    """Refusals are errors of Python's own."""

    def wrap(call: Call) -> Call:
        async def bare(*args: Any, **kwargs: Any) -> Any:
            try:
                return await call(*args, **kwargs)
            except EverstoreError as error:
                raise ValueError(str(error)) from error

        return bare

    broken.around(wrap)


@mutant("lifecycle.errors.no_content")
def shows_content_in_errors(broken: Broken) -> None:
    """A refusal quotes what it was given."""

    def wrap(call: Call) -> Call:
        async def quoting(*args: Any, **kwargs: Any) -> Any:
            try:
                return await call(*args, **kwargs)
            except EverstoreError as error:
                error.args = (f"{error} (called with {args[1:]!r} {kwargs!r})",)
                raise

        return quoting

    broken.around(wrap)


@mutant("limits.session_files.write", without=("limits",))
def knows_no_limits(broken: Broken) -> None:
    """The limits of the settings never reach the backend."""
    del broken


@mutant("files.write.answer_is_stored")
def implements_nothing(broken: Broken) -> None:
    """Every verb does nothing and answers None."""

    def wrap(call: Call) -> Call:
        del call

        async def nothing(*args: Any, **kwargs: Any) -> None:
            del args, kwargs

        return nothing

    broken.around(wrap)


@mutant("values.round_trip.plain")
def supports_nothing(broken: Broken) -> None:
    """Every verb is UnsupportedError."""

    def wrap(call: Call) -> Call:
        del call

        async def unsupported(*args: Any, **kwargs: Any) -> None:
            del args, kwargs
            raise UnsupportedError("not offered")

        return unsupported

    broken.around(wrap)
