"""Mistakes with sessions, their isolation and their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import EverstoreError
from everstore.models import FileUsage
from everstore.paths import parse_session_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.middleware.base import Call

__all__: list[str] = []


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


@mutant("sessions.isolation.usage")
def counts_every_session(broken: Broken) -> None:
    """Usage counts the files of all sessions."""
    seen: dict[UUID, None] = {}

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        seen[session_id] = None
        return await broken.files.write_file(session_id, path, content, encoding, **options)

    @broken.verb
    async def usage(session_id: Any) -> Any:
        everywhere = [session_id, *(each for each in seen if each != session_id)]
        return FileUsage.of([info for each in everywhere for info in await broken.entries(each)])


@mutant("sessions.no_reach.delete_value")
def deletes_in_every_session(broken: Broken) -> None:
    """delete_value forgets the session in its condition."""
    seen: dict[UUID, None] = {}

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        seen[session_id] = None
        return await broken.storage.set_value(session_id, key, value, **options)

    @broken.verb
    async def delete_value(session_id: Any, key: str, **options: Any) -> Any:
        answer = await broken.storage.delete_value(session_id, key, **options)
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
