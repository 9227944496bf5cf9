"""Why what is too large is refused, where there are earlier reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from everstore.content import append_content
from everstore.errors import (
    ParentNotDirectoryError,
    PathIsDirectoryError,
    ReadOnlyFileError,
    RevisionConflictError,
)
from everstore.guards.files.looking import LookingGuard
from everstore.paths import parents_of

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.models import Encoding, FileStat, SessionFile


__all__ = ["RefusingGuard"]


class RefusingGuard(LookingGuard):
    """What refuses a size."""

    # What is too large is refused in any case. But a limit is the last reason to refuse for (§3.11.1), so
    # the earlier ones are looked for, in calls that would otherwise fail at once. No other call pays for it.

    async def _refuse_size(
        self, session_id: UUID, path: str, size: int, *condition: str | None, is_seed: bool = False
    ) -> NoReturn:
        found = await self._next.stat_file(session_id, path)
        await self._require_writable(session_id, path, found, is_seed=is_seed)
        if condition:
            RevisionConflictError.require(path, condition[0], None if found is None else found.revision)
        raise self._room.refusal(size, path)

    async def _refuse_replacing(
        self, session_id: UUID, path: str, size: int, *expected: str
    ) -> SessionFile | None:
        found = await self._next.read_file(session_id, path)
        if found is None or (found.content, found.encoding) != expected:
            return None
        await self._require_writable(session_id, path, found)
        raise self._room.refusal(size, path)

    async def _refuse_appending(
        self, session_id: UUID, path: str, size: int, content: str | bytes, encoding: Encoding
    ) -> NoReturn:
        found = await self._next.read_file(session_id, path)
        await self._require_writable(session_id, path, found)
        if found is not None:
            append_content(found, content, encoding)  # or else it does not fit in another way
            size += found.size_bytes
        raise self._room.refusal(size, path)

    async def _require_writable(
        self, session_id: UUID, path: str, found: SessionFile | FileStat | None, *, is_seed: bool = False
    ) -> None:
        if found is None:
            for parent in parents_of(path):
                above = await self._next.stat_file(session_id, parent)
                if above is not None and not above.is_directory:
                    raise ParentNotDirectoryError.through(path, parent)
        elif found.is_directory:
            raise PathIsDirectoryError.at(path)
        elif found.is_readonly and not is_seed:
            raise ReadOnlyFileError.at(path)
