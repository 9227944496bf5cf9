"""A configuration looked at although something in it is wrong: what is in force, and what is not and why."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.cli.running import CONFIG_FILE
from everstore.configuration import Configuration
from everstore.errors import EverstoreError, PluginError, SettingsError, UnknownBackendError
from everstore.secret_files import SUFFIX
from everstore.settings import CommandLineSettings, EverstoreSettings, Origin, load
from everstore.sources import ENVIRONMENT, KEYWORDS, PREFIX, Sources

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Examined", "examine"]

_NAME = re.compile(rf"{PREFIX}[A-Z0-9_]+")
_CONFIG_FILE = f"{PREFIX}CONFIG_FILE"


class Examined(msgspec.Struct, frozen=True):
    """What was found.

    ``configuration`` is what there would be without what is wrong; ``None`` where there is none.
    """

    origins: list[Origin]
    errors: list[EverstoreError]
    configuration: Configuration | None


def examine() -> Examined:
    """Take out what is wrong, one after the other, until the rest is sound, and tell of both."""
    errors: list[EverstoreError] = []
    sources = _sources(errors)
    found = {_CONFIG_FILE: str(errors[0])} if errors else {}
    removed: dict[str, str] = {_CONFIG_FILE: _file_named_by()} if errors else {}
    while True:
        keywords: dict[str, Any] = {} if sources.file_name is None else {"config_file": sources.file_name}
        try:
            configuration = Configuration(keywords, sources)
            _, own = load(CommandLineSettings, sources, {})
        except (SettingsError, PluginError) as error:
            errors.append(error)
            problems = _problems(error, sources)
            taken = {name: _take_out(sources, name) for name in problems}
            found |= problems
            removed |= {name: source or "" for name, source in taken.items()}
            if any(taken.values()) or _take_out_file(sources):
                continue
            origins = _origins_of_core(keywords, sources)
            return Examined([*_marked(origins, found, removed)], errors, None)
        origins = [*configuration.origins, *own]
        return Examined([*_marked(origins, found, removed)], errors, configuration)


def _sources(errors: list[EverstoreError]) -> Sources:
    """The environment and the file; without the file where it cannot be read."""
    environment = dict(os.environ)
    try:
        return Sources(environment, CONFIG_FILE.get())
    except SettingsError as error:
        errors.append(error)
    try:
        return Sources({name: each for name, each in environment.items() if name.upper() != _CONFIG_FILE})
    except SettingsError as error:  # two spellings of one name that disagree
        if str(error) != str(errors[0]):
            errors.append(error)
        return Sources({})


def _file_named_by() -> str:
    return "--config" if CONFIG_FILE.get() is not None else ENVIRONMENT


def _problems(error: SettingsError | PluginError, sources: Sources) -> dict[str, str]:
    """What is told of each setting that an error is about."""
    told: dict[str, str] = getattr(error, "problems", {})
    if told:
        return told
    plugin = getattr(error, "name" if isinstance(error, UnknownBackendError) else "plugin", None)
    naming = [name for name in _NAMING if plugin in _values(sources, name)] if plugin else []
    names = naming or [name for name in _NAME.findall(str(error)) if _values(sources, name)][:1]
    return dict.fromkeys(names or _NAME.findall(str(error))[:1], str(error))


_NAMING = [
    f"{PREFIX}{what}" for what in ("BACKEND", "FILE_SYSTEM", "STORAGE", "SESSIONS", "MIDDLEWARE", "OBSERVERS")
]


def _values(sources: Sources, name: str) -> list[str]:
    """What the sources say of a setting, or of the file that it is in: as a list, for it may be one."""
    values = [sources.variables.get(each) for each in (name, f"{name}{SUFFIX.upper()}")]
    values.append(sources.table.get(name.removeprefix(PREFIX).lower()))
    return [one.strip() for value in values if value is not None for one in str(value).split(",")]


def _take_out(sources: Sources, name: str) -> str | None:
    """Have the strongest source say nothing of a setting; which it was, and ``None`` where none did."""
    spellings = {name, f"{name}{SUFFIX.upper()}"}
    if spellings & sources.variables.keys():
        sources.variables = {
            each: value for each, value in sources.variables.items() if each not in spellings
        }
        sources.environment = {
            each: value for each, value in sources.environment.items() if each.upper() not in spellings
        }
        return ENVIRONMENT
    *tables, last = name.removeprefix(PREFIX).lower().split("__")
    at: Any = sources.table
    for table in tables:
        at = at.get(table) if isinstance(at, dict) else None
    if isinstance(at, dict) and at.pop(last, None) is not None:
        return sources.file_name
    for table, inner in sources.table.items():
        if last.startswith(f"{table}_") and isinstance(inner, dict):
            return sources.file_name if inner.pop(last.removeprefix(f"{table}_"), None) is not None else None
    return None


def _take_out_file(sources: Sources) -> bool:
    """Have the whole settings file say nothing, where it is not known what in it is wrong."""
    if not sources.table:
        return False
    sources.table = {}
    return True


def _origins_of_core(keywords: dict[str, Any], sources: Sources) -> list[Origin]:
    try:
        return load(EverstoreSettings, sources, keywords)[1]
    except SettingsError:
        return []


def _marked(origins: list[Origin], problems: dict[str, str], removed: dict[str, str]) -> Iterator[Origin]:
    """The settings in force, with those that are wrong in their places or at the end."""
    for origin in origins:
        if origin.name in problems:
            source = removed.get(origin.name) or origin.source
            yield Origin(origin.name, "", source, problems[origin.name])
        elif origin.source == KEYWORDS:  # the one keyword that there is
            yield msgspec.structs.replace(origin, source=_file_named_by())
        else:
            yield origin
    for name in problems.keys() - {origin.name for origin in origins}:
        yield Origin(name, "", removed.get(name) or "", problems[name])
