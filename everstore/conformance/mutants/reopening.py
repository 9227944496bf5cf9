"""Mistakes that show when a storage is opened again after a call was cancelled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__: list[str] = []


def _until_closed(broken: Broken, name: str, undo: Callable[..., Awaitable[Any]]) -> None:
    """What is cancelled is in memory only: it is there until the store is closed."""
    in_memory: list[tuple[Any, ...]] = []

    def wrap(call: Any) -> Any:
        async def made(*args: Any, **options: Any) -> Any:
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                await call(*args, **options)
                in_memory.append(args)
                raise
            return await call(*args, **options)

        return made

    async def close() -> None:
        for args in in_memory:
            await undo(*args)
        await broken.sound.close()

    broken.around(wrap, names=(name,))
    broken.close = close


@mutant("durability.cancelled.file_system", durable=True)
def remembers_directories_until_closed(broken: Broken) -> None:
    """A directory whose creation was cancelled is in memory, and never in the storage."""
    _until_closed(broken, "create_directory", broken.files.delete_file)


@mutant("durability.cancelled.storage", durable=True)
def remembers_values_until_closed(broken: Broken) -> None:
    """A value whose setting was cancelled is in memory, and never in the storage."""

    async def undo(session_id: Any, key: str, _: str) -> None:
        await broken.storage.delete_value(session_id, key)

    _until_closed(broken, "set_value", undo)


@mutant("durability.cancelled.sessions", durable=True)
def remembers_records_until_closed(broken: Broken) -> None:
    """A record whose addition was cancelled is in memory, and never in the storage."""

    async def undo(record: Any) -> None:
        await broken.sessions.delete_session(record.id)

    _until_closed(broken, "add_session", undo)
