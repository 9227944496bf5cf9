"""What an operator does with a configured storage, through the plugins' hooks: back up, restore, check."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from everstore.building import ask
from everstore.drafts import draft, publish, require_place
from everstore.engine import check
from everstore.errors import (
    BackendError,
    EverstoreError,
    InvalidArgumentError,
    UnsupportedError,
    code_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from everstore.configuration import Configuration
    from everstore.engine import Engine

    Progress = Callable[[int, int], object]

__all__ = ["back_up", "look", "parts_of", "restore"]


def parts_of(configuration: Configuration, file: Path) -> dict[str, Path]:
    """The file of each plugin that plays a role: ``file`` itself for the only one, else ``file.<plugin>``."""
    names = list(dict.fromkeys(configuration.roles.values()))
    return {name: file if len(names) == 1 else file.with_name(f"{file.name}.{name}") for name in names}


async def back_up(
    configuration: Configuration, file: Path, progress: Progress, *, overwrite: bool = False
) -> dict[str, Sequence[str] | None]:
    """Write a copy of what each plugin keeps; what was done, by its name.

    ``None`` for a plugin that keeps nothing which outlives its process. ``PathExistsError``, and nothing
    is written, when a file is there already; ``InvalidArgumentError`` where none can be, where something
    else than a file is, and on a place that belongs to what is kept. ``UnsupportedError`` when one of them
    cannot, or none has anything to copy: those that can are done before. A file is there whole, on the
    disk, or not at all.
    """
    parts = parts_of(configuration, file)
    for part in parts.values():
        require_place(part, overwrite=overwrite)
    done: dict[str, Sequence[str] | None] = {}
    refusals = []
    for name, part in parts.items():
        if not configuration.plugins[name].offers("everstore_backup"):
            refusals.append(f"plugin {name!r} offers no backup; use the tools of its storage")
            continue
        with draft(part) as copy:
            try:
                done[name] = await ask(
                    configuration, name, "everstore_backup", target=copy, place=part, progress=progress
                )
            except UnsupportedError as error:
                refusals.append(str(error))
                continue
            if done[name] is not None:
                publish(copy, part, overwrite=overwrite)
    if refusals:
        raise UnsupportedError("; ".join([*refusals, *_kept(done)]))
    if not any(lines is not None for lines in done.values()):
        names = " and ".join(map(repr, done))
        raise UnsupportedError(f"backend {names} keeps nothing past its process: there is nothing to back up")
    return done


def _kept(done: dict[str, Sequence[str] | None]) -> list[str]:
    names = [name for name, lines in done.items() if lines is not None]
    return [f"what {' and '.join(map(repr, names))} keeps was backed up"] if names else []


async def restore(
    configuration: Configuration, file: Path, progress: Progress
) -> dict[str, Sequence[str] | None]:
    """Put back what ``back_up`` wrote, plugin by plugin; what was done, by its name.

    ``UnsupportedError``, and nothing is done, when one of them cannot; ``InvalidArgumentError`` when a
    file is missing.
    """
    parts = parts_of(configuration, file)
    for name, part in parts.items():
        if not configuration.plugins[name].offers("everstore_restore"):
            raise UnsupportedError(
                f"plugin {name!r} offers no restoring; use the tools of its storage, if it keeps anything"
            )
        if not part.is_file():
            raise InvalidArgumentError(f"there is no file {str(part)!r} to restore what {name!r} keeps from")
    done: dict[str, Sequence[str] | None] = {}
    for name, part in parts.items():
        done[name] = await ask(configuration, name, "everstore_restore", source=part, progress=progress)
    return done


async def look(configuration: Configuration, *, deep: bool) -> dict[str, Sequence[str] | None]:
    """What each plugin finds wrong with its storage, by its name; ``None`` for one that cannot look."""
    found: dict[str, Sequence[str] | None] = {}
    for name in dict.fromkeys(configuration.roles.values()):
        try:
            found[name] = await _look(configuration, name, deep=deep)
        except EverstoreError as error:
            found[name] = [f"{code_of(error)}: {error}"]
    return found


async def _look(configuration: Configuration, name: str, *, deep: bool) -> Sequence[str] | None:
    """What a plugin's hook finds; of an engine, where there is none, what everstore finds."""
    plugin, settings = configuration.plugins[name], configuration.plugin_settings[name]
    if plugin.offers("everstore_check") or not plugin.offers("everstore_engine"):
        return await ask(configuration, name, "everstore_check", deep=deep)
    if settings is not None and settings.unmade():
        return []
    engine = cast("Engine", await ask(configuration, name, "everstore_engine"))
    try:
        return await asyncio.to_thread(check, engine, deep=deep)
    except EverstoreError:
        raise
    except Exception as error:
        message = f"backend {name!r} could not be looked at: {type(error).__name__}"
        raise BackendError(message, backend=name) from error
