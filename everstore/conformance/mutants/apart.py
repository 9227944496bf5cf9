"""Mistakes between kinds: a session is written whole by who keeps only one kind of it apart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.models import Session

if TYPE_CHECKING:
    from everstore.middleware.base import Call

__all__: list[str] = []

Look = Callable[[Broken, Any], Awaitable[Any]]
Restore = Callable[[Broken, Any, Any], Awaitable[Any]]


def _whole(broken: Broken, names: list[str], look: Look, restore: Restore) -> None:
    """These verbs write what another kind was when they began, if it has changed meanwhile."""

    def wrap(call: Call) -> Call:
        async def written(*args: Any, **options: Any) -> Any:
            session_id = args[0].id if isinstance(args[0], Session) else args[0]
            before = await look(broken, session_id)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if await look(broken, session_id) != before:
                await restore(broken, session_id, before)
            return await call(*args, **options)

        return written

    broken.around(wrap, names=names)


async def _values(broken: Broken, session_id: Any) -> dict[str, str | None]:
    keys = await broken.storage.list_keys(session_id)
    names = await broken.storage.list_secrets(session_id)
    values = {f"v{info.key}": await broken.storage.get_value(session_id, info.key) for info in keys}
    return values | {
        f"s{each.name}": await broken.storage.get_secret(session_id, each.name) for each in names
    }


async def _restore_values(broken: Broken, session_id: Any, before: dict[str, str]) -> None:
    await broken.storage.purge_session(session_id)
    for key, value in before.items():
        put = broken.storage.set_value if key[0] == "v" else broken.storage.set_secret
        await put(session_id, key[1:], value)


async def _record(broken: Broken, session_id: Any) -> Session | None:
    return await broken.sessions.get_session(session_id)


async def _restore_record(broken: Broken, session_id: Any, before: Session | None) -> None:
    if before is None:
        await broken.sessions.delete_session(session_id)
    else:
        await broken.sessions.add_session(before)


@mutant("races.apart.add_record")
def writes_values_with_a_record(broken: Broken) -> None:
    """A record is kept with its session's values, which are read before and written again."""
    _whole(broken, ["add_session"], _values, _restore_values)


@mutant("races.apart.move_tree")
def writes_a_record_with_what_is_moved(broken: Broken) -> None:
    """A move writes the session's record as it was when the move began."""
    _whole(broken, ["move_file"], _record, _restore_record)


@mutant("races.apart.delete_secret")
def writes_a_record_with_secrets(broken: Broken) -> None:
    """Deleting a secret writes the session's record as it was before."""
    _whole(broken, ["delete_secret"], _record, _restore_record)
