"""Running a command's work: the store opened and closed, the session found, the outcome a status."""

from __future__ import annotations

import traceback
from contextlib import asynccontextmanager
from contextvars import ContextVar
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, TypeVar

from everstore.cli.ending import carry_out
from everstore.cli.output import OutputError, note, tell, tell_error
from everstore.cli.phrasing import in_commands
from everstore.errors import (
    BackendError,
    BackendUnavailableError,
    CheckpointNotFoundError,
    EditError,
    EverstoreError,
    InvalidArgumentError,
    PathNotFoundError,
    PluginError,
    SecretDecryptionError,
    SecretsKeyMissingError,
    SessionNotFoundError,
    SettingsError,
    code_of,
)
from everstore.installing import command_to_install
from everstore.paths import parse_session_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
    from pathlib import Path
    from uuid import UUID

    from everstore.configuration import Configuration, RoleName
    from everstore.session import BoundSession
    from everstore.settings import CommandLineSettings
    from everstore.sources import Sources
    from everstore.store import Store

    Work = Coroutine[Any, Any, "T"]

__all__ = [
    "ABSENT",
    "CONFIG_FILE",
    "EVERYTHING",
    "FAILED",
    "FILES",
    "RECORDS",
    "REFUSED",
    "VALUES",
    "WRONG_USE",
    "AbsentError",
    "WrongAnswerError",
    "configured",
    "fleeting",
    "in_session",
    "in_store",
    "line_to_keep",
    "nothing_yet",
    "opened",
    "own_settings",
    "reading",
    "refuse_what_is_lost",
    "report",
    "session_of",
    "sources",
    "status_of",
    "tell_what_is_lost",
    "unmade",
]

T = TypeVar("T")

CONFIG_FILE: ContextVar[str | None] = ContextVar("CONFIG_FILE", default=None)
"""The settings file that ``everstore --config FILE`` names, while the command runs."""

_ROLES: dict[RoleName, str] = {"file_system": "files", "storage": "values and secrets", "sessions": "records"}
FILES: tuple[RoleName, ...] = ("file_system",)
VALUES: tuple[RoleName, ...] = ("storage",)
RECORDS: tuple[RoleName, ...] = ("sessions",)
EVERYTHING: tuple[RoleName, ...] = tuple(_ROLES)
"""The roles that a command writes to: files alone, values and secrets, records, or a whole session."""

_NOTHING = "memory"  # which has nothing when it opens
_FIRST_BACKEND = "sqlite"  # what it takes least to begin with: no server

ABSENT = 1
WRONG_USE = 2
REFUSED = 3
FAILED = 4


class AbsentError(EverstoreError, LookupError):
    """A value or a secret that a command was asked for is not there."""

    code = "absent"


class WrongAnswerError(EverstoreError):
    """The backend answered something else than is known to be true."""

    code = "wrong_answer"


_STATUS: tuple[tuple[type[EverstoreError], int], ...] = (
    (AbsentError, ABSENT),
    (WrongAnswerError, ABSENT),
    (PathNotFoundError, ABSENT),
    (SessionNotFoundError, ABSENT),
    (CheckpointNotFoundError, ABSENT),
    (InvalidArgumentError, WRONG_USE),
    (SettingsError, WRONG_USE),
    (PluginError, WRONG_USE),
    (SecretsKeyMissingError, WRONG_USE),
    (BackendError, FAILED),
    (OutputError, FAILED),
    (SecretDecryptionError, FAILED),
)


def status_of(error: BaseException) -> int:
    """The exit status of a command that ended with this error."""
    if isinstance(error, EditError) and not error.matches:
        return ABSENT
    if not isinstance(error, EverstoreError):
        return FAILED
    return next((status for kind, status in _STATUS if isinstance(error, kind)), REFUSED)


_UNDONE = "; nothing was changed, so it may be done again"
_UNKNOWN = "; it may have been done, so look before doing it again"


def report(error: Exception) -> int:
    """Tell an error in one line on stderr (its traceback at log level ``debug``); the exit status."""
    if _log_level() == "debug":
        tell("".join(traceback.format_exception(error)))
    message = in_commands(str(error))
    if isinstance(error, BackendUnavailableError):
        message += _UNDONE if error.happened is False else _UNKNOWN
    message += "".join(f"; {told}" for told in getattr(error, "__notes__", ()))
    if not isinstance(error, EverstoreError) or (isinstance(error, BackendError) and error.__cause__):
        message += " (EVERSTORE_LOG_LEVEL=debug shows where)"
    tell_error(code_of(error), message, getattr(error, "facts", None))
    return status_of(error)


def _log_level() -> str | None:
    from everstore.settings import EverstoreSettings, load  # noqa: PLC0415 - loads pydantic

    try:
        return load(EverstoreSettings, sources(), {})[0].log_level
    except SettingsError:
        return "warning"


def sources() -> Sources:
    """What configures a command: the environment, and the settings file that somebody named."""
    from everstore.sources import Sources  # noqa: PLC0415 - with those that need it

    return Sources(config_file=CONFIG_FILE.get())


def unmade(configuration: Configuration) -> dict[str, Path]:
    """The plugins of roles whose storage is not there yet, and where it would be made."""
    return {
        plugin: place
        for plugin, own in configuration.plugin_settings.items()
        if plugin in configuration.roles.values() and own is not None and (place := own.unmade())
    }


def reading(configuration: Configuration, **settings: str) -> Configuration:
    """The same for a command that makes nothing: memory stands in for a storage that is not there yet.

    It is told, for somebody may be in another directory than he thinks. ``settings`` are those that
    ``configuration`` was made with.
    """
    places = unmade(configuration)
    if not places or _NOTHING in configuration.settings.disabled_plugins:
        return configuration
    for plugin, place in places.items():
        note(f"note: backend {plugin} has {nothing_yet(place)}")
    return configured(
        **settings | {role: _NOTHING for role, plugin in configuration.roles.items() if plugin in places}
    )


def nothing_yet(place: Path) -> str:
    """What a storage has that is not there."""
    return f"nothing yet: the first command that keeps something makes {place.absolute()}"


def configured(log_level: str = "off", **settings: str) -> Configuration:
    """The configuration in force; where nobody chose a level, this one: off, for errors are told here.

    ``settings`` go before those of the environment and of the settings file.
    """
    from everstore.configuration import configure  # noqa: PLC0415 - loads pydantic and structlog
    from everstore.settings import EverstoreSettings, load  # noqa: PLC0415 - loads when needed

    _, origins = load(EverstoreSettings, sources(), {})
    chosen = any(origin.name == "EVERSTORE_LOG_LEVEL" and origin.source != "default" for origin in origins)
    level = {} if chosen else {"log_level": log_level}
    return configure({"config_file": CONFIG_FILE.get(), **level, **settings})


@asynccontextmanager
async def opened(configuration: Configuration) -> AsyncIterator[Store]:
    """The store of a configuration, closed on the way out."""
    from everstore.building import build  # noqa: PLC0415 - loads when needed

    store = await build(configuration)
    try:
        yield store
    finally:
        await store.close()


def in_store(work: Callable[[Store], Work[T]], *, keeps: Sequence[RoleName] = ()) -> T:
    """What ``work`` answers, done in the configured store; ``keeps`` are the roles that it writes to."""
    return _done(configured(), work, keeps)


def in_session(
    session: str | None, work: Callable[[BoundSession], Work[T]], *, keeps: Sequence[RoleName] = ()
) -> T:
    """What ``work`` answers, done in the session that the option or the configuration names."""
    configuration = configured()
    session_id = _chosen(session, configuration)
    return _done(configuration, lambda store: work(store.session(session_id)), keeps)


def _done(configuration: Configuration, work: Callable[[Store], Work[T]], keeps: Sequence[RoleName]) -> T:
    refuse_what_is_lost(configuration, keeps)
    in_force = configuration if keeps else reading(configuration)

    async def run() -> T:
        async with opened(in_force) as store:
            if in_force is configuration:
                tell_what_is_lost(store, keeps)
            return await work(store)

    return carry_out(run())


def own_settings(configuration: Configuration) -> CommandLineSettings:
    """The settings of the command itself."""
    from everstore.settings import CommandLineSettings, load  # noqa: PLC0415 - loads pydantic

    return load(CommandLineSettings, configuration.sources, {})[0]


def session_of(given: str | None) -> UUID:
    """The id of the session that an argument or the configuration names."""
    return _chosen(given, configured(), "its id")


def _chosen(session: str | None, configuration: Configuration, how: str = "--session ID") -> UUID:
    if session is not None:
        return parse_session_id(session)
    in_force = own_settings(configuration).session
    if in_force is not None:
        return in_force
    raise InvalidArgumentError(
        f"which session? give {how} or set EVERSTORE_SESSION; 'everstore session new' makes one"
    )


def refuse_what_is_lost(configuration: Configuration, keeps: Sequence[RoleName]) -> None:
    """``SettingsError`` where a command would keep something in memory that nobody chose by its name."""
    lost: list[RoleName] = [role for role in keeps if configuration.is_by_default(role)]
    if lost:
        what = "" if len(lost) == len(_ROLES) else f" ({', '.join(_ROLES[role] for role in lost)})"
        raise SettingsError(
            f"no backend is chosen, and memory would forget this{what} when the command ends; "
            f"{line_to_keep()} (EVERSTORE_BACKEND=memory does it all the same)",
            install=line_to_keep(),
        )


def line_to_keep() -> str:
    """What to type so that the next command keeps what it is given."""
    chosen = f"export EVERSTORE_BACKEND={_FIRST_BACKEND}"
    installed = any(True for _ in entry_points(group="everstore", name=_FIRST_BACKEND))
    return chosen if installed else f"{command_to_install(_FIRST_BACKEND)} && {chosen}"


def tell_what_is_lost(store: Store, keeps: Sequence[RoleName] = ()) -> None:
    """Say that a backend forgets everything with its process, so that nobody wonders at what is not there."""
    lost = " and ".join(fleeting(store, keeps or EVERYTHING))
    if lost and keeps:
        note(f"note: backend {lost} forgets this when the command ends")
    elif lost:
        roles = [_ROLES[role] for role in _forgotten(store, EVERYTHING)]
        what = "" if len(roles) == len(_ROLES) else f", which has {', '.join(roles)},"
        note(
            f"note: backend {lost}{what} is empty at the start of every command, so there is nothing in it; "
            f"to keep something: {line_to_keep()}"
        )


def fleeting(store: Store, roles: Sequence[RoleName] = EVERYTHING) -> list[str]:
    """The names of the backends that play these roles and forget everything with their process."""
    return sorted({store.backends[role] for role in _forgotten(store, roles)})


def _forgotten(store: Store, roles: Sequence[RoleName]) -> list[RoleName]:
    return [role for role in roles if not getattr(store, role).capabilities.durable]
