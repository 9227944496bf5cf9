"""Times as they were elsewhere, of files and of what a storage has: one round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.changes import FileTimes, SecretTimes, ValueTimes
from everstore_postgres.changing_entries import SECRETS, VALUES
from everstore_postgres.places import depth_of, place_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from everstore_postgres.database import Database

__all__ = ["Times"]


class Times:
    """Restores times in one database."""

    def __init__(self, database: Database) -> None:
        """Nothing is asked yet."""
        self._database = database
        self._files = database.sql("SELECT * FROM {schema}.restore_file_times($1, $2, $3, $4, $5)")
        self._entries = database.sql("SELECT * FROM {schema}.restore_entry_times($1, $2, $3, $4, $5)")

    async def of_files(self, session_id: UUID, times: Sequence[FileTimes]) -> list[bool]:
        """As ``restore_times`` of files."""
        wanted = {each.path: each for each in times if each.path != "/"}
        paths = [*wanted]
        depths, places = [depth_of(path) for path in paths], [place_of(path) for path in paths]
        numbers = await self._restored(self._files, session_id, depths, places, [*wanted.values()])
        there = {paths[number - 1] for number in numbers}
        return [each.path in there for each in times]

    async def of_entries(self, session_id: UUID, times: Sequence[ValueTimes | SecretTimes]) -> list[bool]:
        """As ``restore_times`` of a storage."""
        wanted = {_place_of(each): each for each in times}
        places = [*wanted]
        spaces, keys = [space for space, _ in places], [key for _, key in places]
        numbers = await self._restored(self._entries, session_id, spaces, keys, [*wanted.values()])
        there = {places[number - 1] for number in numbers}
        return [_place_of(each) in there for each in times]

    async def _restored(
        self,
        statement: str,
        session_id: UUID,
        ones: Sequence[object],
        others: Sequence[str],
        times: Sequence[FileTimes | ValueTimes | SecretTimes],
    ) -> list[int]:
        """The numbers of those that are there."""
        created, updated = [each.created_ns for each in times], [each.updated_ns for each in times]
        rows = await self._database.change_all(statement, session_id, ones, others, created, updated)
        return [number for (number,) in rows]


def _place_of(each: ValueTimes | SecretTimes) -> tuple[bytes, str]:
    return (VALUES, each.key) if isinstance(each, ValueTimes) else (SECRETS, each.name)
