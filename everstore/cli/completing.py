"""What a shell completes: sessions, paths, keys, names of secrets, checkpoints and backends.

Nobody waits for a completion, nor reads an error of it: it is given up after a moment, says nothing when
anything is wrong, and neither makes nor changes a storage.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import typer  # noqa: TC002 - typer reads annotations at run time

from everstore.cli.output import one_line
from everstore.cli.shells import evaluates

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from everstore.configuration import Configuration
    from everstore.store import Store


__all__ = ["backends", "checkpoints", "keys", "paths", "secrets", "sessions"]

Found = list[tuple[str, str]]
"""What may stand there, and what is told of each."""
Look: TypeAlias = "Callable[[Store, UUID | None], Awaitable[Found]]"

_MOST = 100
_PATIENCE = 2.0  # seconds
_HARMLESS: dict[str, object] = {"read_only": True, "auto_migrate": False, "connect_timeout": 1.0}
"""What settings of plugins have to be for a look that changes nothing, and is quick."""


def sessions(ctx: typer.Context, incomplete: str) -> Found:
    """Ids of sessions, the newest first, with their titles."""

    async def look(store: Store, _: UUID | None) -> Found:
        newest = await store.sessions.list_sessions(limit=_MOST)
        return [(str(each.id), each.title or "") for each in newest]

    return _found(ctx, incomplete, look)


def checkpoints(ctx: typer.Context, incomplete: str) -> Found:
    """Ids of the checkpoints of the session that the command names, with their labels."""

    async def look(store: Store, session: UUID | None) -> Found:
        newest = [] if session is None else await store.list_checkpoints(session, limit=_MOST)
        return [(str(each.id), each.label) for each in newest]

    return _found(ctx, incomplete, look)


def paths(ctx: typer.Context, incomplete: str) -> Found:
    """Paths of the session, spelt as they were begun; of a directory that is the only one, what is in it."""
    above, slash, _ = incomplete.rpartition("/")

    async def look(store: Store, session: UUID | None) -> Found:
        if session is None:
            return []
        found = await _below(store, session, above + slash, incomplete)
        while len(found) == 1 and found[0].endswith("/"):
            inner = await _below(store, session, found[0], found[0])
            if not inner:
                break
            found = inner
        return [(path, "") for path in found]

    return _found(ctx, incomplete, look)


async def _below(store: Store, session: UUID, directory: str, start: str) -> list[str]:
    entries = await store.session(session).files.list_directory(directory)
    spelt = [f"{directory}{entry.name}{'/' if entry.is_directory else ''}" for entry in entries]
    return [path for path in spelt if path.startswith(start)]


def keys(ctx: typer.Context, incomplete: str) -> Found:
    """Keys of the session's values."""

    async def look(store: Store, session: UUID | None) -> Found:
        if session is None:
            return []
        found = await store.session(session).storage.list_keys(incomplete, limit=_MOST)
        return [(each.key, "") for each in found]

    return _found(ctx, incomplete, look)


def secrets(ctx: typer.Context, incomplete: str) -> Found:
    """Names of the session's secrets."""

    async def look(store: Store, session: UUID | None) -> Found:
        found = [] if session is None else await store.session(session).storage.list_secrets()
        return [(each.name, "") for each in found]

    return _found(ctx, incomplete, look)


def backends(incomplete: str) -> list[str]:
    """Names of the installed backends."""
    from everstore.plugins import Plugins  # noqa: PLC0415 - loads pluggy

    return [name for name in Plugins().names if name.startswith(incomplete)]


def _found(ctx: typer.Context, incomplete: str, look: Look) -> Found:
    found: Found = []
    if evaluates():
        return found
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere), suppress(Exception):  # noqa: PTH123 - a device
        found = asyncio.run(asyncio.wait_for(_looked(ctx, look), _PATIENCE))
    return [
        (value, one_line(told))
        for value, told in found
        if value.startswith(incomplete) and value.isprintable()
    ]


async def _looked(ctx: typer.Context, look: Look) -> Found:
    from everstore.cli.running import fleeting, opened, own_settings  # noqa: PLC0415 - loads when needed
    from everstore.paths import parse_session_id  # noqa: PLC0415 - with those that need it

    configuration = _harmless(ctx.find_root().params.get("config"))
    if configuration is None:
        return []
    named = ctx.params.get("session")
    session = own_settings(configuration).session if named is None else parse_session_id(named)
    async with opened(configuration) as store:
        return [] if fleeting(store) else await look(store, session)


def _harmless(config_file: str | None) -> Configuration | None:
    """The configuration, of stores that are only looked into; ``None`` where one would have to be made."""
    from everstore.configuration import configure  # noqa: PLC0415 - loads pydantic and structlog
    from everstore.settings import table_name_of  # noqa: PLC0415 - so does this

    keywords: dict[str, Any] = {"config_file": config_file, "log_level": "off"}
    plain = configure(keywords)
    for plugin, settings in plain.plugin_settings.items():
        fields = type(settings).model_fields if settings is not None else {}
        keywords |= {
            f"{table_name_of(plugin)}_{name}": value for name, value in _HARMLESS.items() if name in fields
        }
        if "read_only" not in fields and not _is_there(getattr(settings, "path", None)):
            return None
    return configure(keywords)


def _is_there(path: object) -> bool:
    return not isinstance(path, Path) or path.exists()
