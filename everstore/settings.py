"""Configuration: ``EVERSTORE_*``, and where each value came from.

Strongest first: keyword arguments of ``open_store``, the environment, and the settings file, if one
is named. Importing this module loads pydantic, so only an opening store does.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path  # noqa: TC003 - pydantic reads annotations at run time
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin
from uuid import UUID  # noqa: TC003 - pydantic reads annotations at run time

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableSettingError

from everstore.compat import override
from everstore.errors import InvalidSessionIdError, PluginError, QuotaExceededError, SettingsError
from everstore.paths import parse_session_id
from everstore.secret_files import SUFFIX, is_secret_file, read_secret_files, secrets_of
from everstore.sources import ENVIRONMENT, KEYWORDS, PREFIX, Sources
from everstore.wanted import given, wanted

__all__ = [
    "CommandLineSettings",
    "EverstoreSettings",
    "Limits",
    "Origin",
    "PluginSettings",
    "load",
    "names_of_secret_files",
    "nested_model",
    "plugin_prefix",
    "prefix_of",
    "setting_names",
    "table_name",
    "table_name_of",
]

_ROLES = ("file_system", "storage", "sessions")

Names = Annotated[tuple[str, ...], NoDecode]


RENAMED = {"limitssessionfiles": ("limits", "session_entries")}
"""Where a setting is now that was called something else, by all the words of its old name together."""


class Limits(BaseModel):
    """What a store refuses to exceed (§7.4): sizes in bytes; ``None`` is no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file_bytes: Annotated[int, Field(gt=0)] | None = None
    """The largest file."""
    session_entries: Annotated[int, Field(gt=0)] | None = None
    """The most files and directories a session, whose names no other limit counts."""
    session_bytes: Annotated[int, Field(gt=0)] | None = None
    """The most bytes all files of a session have together."""
    key_bytes: Annotated[int, Field(gt=0, le=1024)] = 1024
    """The longest key or name of a secret."""
    value_bytes: Annotated[int, Field(gt=0)] | None = None
    """The largest value or secret; a counter may always have its 20 digits."""
    session_keys: Annotated[int, Field(gt=0)] | None = None
    """The most values and secrets a session."""
    session_value_bytes: Annotated[int, Field(gt=0)] | None = None
    """The most bytes all values and secrets of a session have together, keys included, as they are stored."""

    def require(self, place: str, **growth: tuple[int, int]) -> None:
        """Refuse what would exceed a limit: of each by its name, how much there is and how much comes to it.

        ``QuotaExceededError`` tells of ``place``, the path or key that is to be written. What does not
        grow is never refused, also when there already is more than is allowed.
        """
        for limit, (held, more) in growth.items():
            allowed = getattr(self, limit)
            if allowed is not None and more > 0 and held + more > allowed:
                raise QuotaExceededError.over(limit, held + more, allowed, place)

    def tightened(self, **own: int | None) -> Limits:
        """These limits with a session's own, by their names: of each the lower one (§1.8.2)."""
        lower = {
            name: value
            for name, value in own.items()
            if value is not None and ((most := getattr(self, name)) is None or value < most)
        }
        return self.model_copy(update=lower)

    def of_files_with(self, own: tuple[int | None, int | None] | None) -> Limits | None:
        """``of_files``, tightened by the most entries and bytes that one session may have."""
        if own is None:
            return self.of_files
        return self.tightened(session_entries=own[0], session_bytes=own[1]).of_files

    def of_values_with(self, own: tuple[int | None, int | None] | None) -> Limits | None:
        """``of_values``, tightened by the most values and secrets, and bytes of them, of one session."""
        if own is None:
            return self.of_values
        return self.tightened(session_keys=own[0], session_value_bytes=own[1]).of_values

    @property
    def of_files(self) -> Limits | None:
        """These limits, where any of them is about files; else ``None``."""
        return self if self.bounds_files or self.file_bytes is not None else None

    @property
    def of_values(self) -> Limits | None:
        """These limits, where any is about a session's values and secrets together; else ``None``."""
        return self if self.bounds_values else None

    @property
    def bounds_files(self) -> bool:
        """Whether what a session's files have together has a limit."""
        return self.session_entries is not None or self.session_bytes is not None

    @property
    def bounds_values(self) -> bool:
        """Whether what a session's values and secrets have together has a limit."""
        return self.session_keys is not None or self.session_value_bytes is not None


class _Settings(BaseSettings):
    model_config = SettingsConfigDict(
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        env_ignore_empty=True,
        env_nested_delimiter="__",
    )

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what ``load`` has gathered: by itself, a model reads nothing."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


class PluginSettings(_Settings):
    """The base of a plugin's own settings.

    ``env_prefix`` must be ``EVERSTORE_<NAME>_``, the plugin's name in capitals::

        class AcmeSettings(PluginSettings):
            model_config = SettingsConfigDict(env_prefix="EVERSTORE_ACME_")
            url: SecretStr
            pool_size: int = 4

    The same settings are ``open_store(acme_url=...)`` and the table ``[acme]`` of a settings file.
    Passwords and keys are ``SecretStr``: then no ``repr`` and no error shows them.
    """

    def unmade(self) -> Path | None:
        """Where a storage would be made that is not there yet; ``None`` when it is, or nobody can tell.

        A command that only reads answers then as from an empty one, and makes none.
        """
        return None


class EverstoreSettings(_Settings):
    """The settings of everstore itself."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    backend: str = "memory"
    """The plugin that keeps everything the next three do not name."""
    file_system: str | None = None
    """The plugin that keeps the files."""
    storage: str | None = None
    """The plugin that keeps values and secrets."""
    sessions: str | None = None
    """The plugin that keeps the session records."""
    middleware: Names = ()
    """Further plugins whose middleware goes around every call, outermost first."""
    observers: Names = ()
    """Further plugins that are told of every call."""
    disabled_plugins: Names = ()
    """Plugins that must not be imported."""
    log_level: Literal["debug", "info", "warning", "error", "off"] | None = None
    """The least level that goes to stderr, when the host has configured no structlog; without it, events go
    to the standard library's logger ``everstore``."""
    log_format: Literal["console", "json"] = "console"
    """How such an event is written."""
    secrets_keys: SecretStr | None = None
    """``id:base64`` keys for secrets in durable backends, by comma; the first encrypts, all decrypt."""
    limits: Limits = Limits()
    """What a store refuses to exceed."""
    workspace_alias: bool = True
    """Whether a leading ``/workspace`` is the root; else it is a name like any other."""
    config_file: Path | None = None
    """The settings file; no other file is ever read."""

    @field_validator("middleware", "observers", "disabled_plugins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    def plugin_of(self, role: Literal["file_system", "storage", "sessions"]) -> str:
        """The name of the plugin that plays a role."""
        chosen: str | None = getattr(self, role)
        return chosen or self.backend


class CommandLineSettings(_Settings):
    """What only the ``everstore`` command uses; opening a store neither needs nor checks it."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    session: UUID | None = None
    """The session that the command works in."""
    mcp_token: SecretStr | None = None
    """What clients of ``everstore mcp`` have to show over HTTP; beyond loopback it is needed."""

    @field_validator("session", mode="before")
    @classmethod
    def _parse(cls, value: object) -> object:
        try:
            return parse_session_id(value) if isinstance(value, str) else value
        except InvalidSessionIdError:
            raise ValueError("it names a session, by a UUID or session_<32 hex digits>") from None


class Origin(msgspec.Struct, frozen=True):
    """One setting in force: its environment name, its value as it may be shown, and its source.

    ``problem`` is what is wrong with a setting that is therefore not in force.
    """

    name: str
    value: str
    source: str
    problem: str | None = None


def table_name(model: type[BaseSettings]) -> str:
    """The table of a settings file that is about this model; empty for core, which has the top level."""
    return str(model.model_config.get("env_prefix", "")).removeprefix(PREFIX).removesuffix("_").lower()


def table_name_of(plugin: str) -> str:
    """The table of a settings file in which this plugin's settings are."""
    return plugin_prefix(plugin).removeprefix(PREFIX).removesuffix("_").lower()


def prefix_of(model: type[BaseSettings]) -> str:
    """What the environment names of a model's settings begin with."""
    return str(model.model_config.get("env_prefix", ""))


@lru_cache
def setting_names(model: type[BaseModel], prefix: str) -> tuple[str, ...]:
    """The environment names of a model's settings, those of nested models with ``__``."""
    names: list[str] = []
    for name, field in model.model_fields.items():
        nested = nested_model(field.annotation)
        if nested:
            names += setting_names(nested, f"{prefix}{name.upper()}__")
        else:
            names.append(f"{prefix}{name.upper()}")
    return tuple(names)


def names_of_secret_files(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """The environment names of the files that may hold a model's secrets."""
    for path in secrets_of(model):
        yield f"{prefix}{'__'.join(path).upper()}{SUFFIX.upper()}"


def nested_model(annotation: object) -> type[BaseModel] | None:
    """The model that a setting of this type is made of, when it is a table of further settings."""
    may_be = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    for kind in may_be:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


S = TypeVar("S", bound=_Settings)
_UNSAID = object()
_DEFAULT = "default"


def load(model: type[S], sources: Sources, keywords: Mapping[str, Any]) -> tuple[S, list[Origin]]:
    """The settings in force, and where each value came from.

    ``keywords`` are field names, those of nested models joined by ``__``. ``SettingsError`` names
    the setting, its source and what it takes when a value is wrong, and shows no value but numbers.
    """
    states = [(KEYWORDS, _nest(keywords)), (ENVIRONMENT, _from_environment(model, sources))]
    if sources.file_name is not None:
        states.append((sources.file_name, _from_file(model, sources)))
    prefix = prefix_of(model)
    files = read_secret_files(model, states, prefix)
    cleared = _clear_roles(states) if model is EverstoreSettings else {}
    said: dict[str, Any] = {}
    for _, state in reversed(states):
        said = _joined(said, state)
    settings = _made(model, said, states)
    if isinstance(settings, SettingsError):
        raise settings  # out here it is chained to nothing: pydantic's error has the values in it
    origins = []
    for name in setting_names(model, prefix):
        source = files.get(name) or _source_of(name, prefix, states)
        shown = cleared.get(name, source) if source == _DEFAULT else source
        origins.append(Origin(name, _shown(settings, name, prefix), shown))
    return settings, origins


def _made(
    model: type[S], said: dict[str, Any], states: list[tuple[str, dict[str, Any]]]
) -> S | SettingsError:
    try:
        return model(**said)
    except ValidationError as error:
        return _explained(model, error, states)


def _from_environment(model: type[BaseSettings], sources: Sources) -> dict[str, Any]:
    source = EnvSettingsSource(model)
    # In the place of what it has read from os.environ, in the form that it has read it.
    source.env_vars = {
        name if source.case_sensitive else name.lower(): value
        for name, value in sources.environment.items()
        if value or not source.env_ignore_empty
    }
    try:
        return _with_secret_files(model, sources, source())
    except UnreadableSettingError as error:
        field = re.search(r"field \"(\w+)\"", str(error))
        name = f"{prefix_of(model)}{field[1].upper()}" if field else "a setting"
        message = f"{name} in the {ENVIRONMENT} is not written as JSON, which a setting of its kind is there"
        told = SettingsError(message, problems={name: message})
    raise told  # chained to nothing: the cause of the error holds the value


def _with_secret_files(model: type[BaseSettings], sources: Sources, said: dict[str, Any]) -> dict[str, Any]:
    """With the names of files, which are no fields; pydantic has found those in tables already."""
    prefix = prefix_of(model)
    for path in secrets_of(model):
        file = sources.variables.get(f"{prefix}{path[0].upper()}{SUFFIX.upper()}")
        if file and not path[1:]:
            said[f"{path[0]}{SUFFIX}"] = file
    return said


def _from_file(model: type[BaseSettings], sources: Sources) -> dict[str, Any]:
    """The file's part about this model: its top level for the core, ``[name]`` for a plugin."""
    name = table_name(model)
    section = sources.table.get(name) if name else sources.table
    return _understood(model, section) if isinstance(section, dict) else {}


def _understood(model: type[BaseModel], section: dict[str, Any]) -> dict[str, Any]:
    """What of a table are settings in their place; ``spelling.check_file`` tells of all else."""
    understood = {}
    for name, value in section.items():
        field = model.model_fields.get(name)
        nested = nested_model(field.annotation) if field else None
        if nested is not None and isinstance(value, dict):
            understood[name] = _understood(nested, value)
        elif (field and nested is None) or is_secret_file(name, model.model_fields):
            understood[name] = value
    return understood


def _clear_roles(states: list[tuple[str, dict[str, Any]]]) -> dict[str, str]:
    """Take out the roles that are weaker than somebody's ``backend``; where each was, and who did it.

    Who says ``backend`` says where everything is kept, whatever a file that he may not know says of a part.
    """
    cleared: dict[str, str] = {}
    stronger: str | None = None
    for source, state in states:
        for role in _ROLES:
            if stronger is not None and state.pop(role, None) is not None:
                cleared[f"{PREFIX}{role.upper()}"] = f"{source}, cleared by {PREFIX}BACKEND from {stronger}"
        if stronger is None and "backend" in state:
            stronger = source
    return cleared


def _joined(weaker: dict[str, Any], stronger: dict[str, Any]) -> dict[str, Any]:
    """What two sources say together: of a table each setting by itself."""
    joined = dict(weaker)
    for name, value in stronger.items():
        below = joined.get(name)
        if isinstance(value, dict) and isinstance(below, dict):
            joined[name] = _joined(below, value)
        else:
            joined[name] = value
    return joined


def _nest(keywords: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for keyword in sorted(keywords, key=lambda keyword: keyword.count("__")):
        value = keywords[keyword]
        *tables, name = keyword.split("__")
        at = nested
        for table in tables:
            at = at.setdefault(table, {})
            if not isinstance(at, dict):
                raise SettingsError(
                    f"{KEYWORDS}: {table} is a mapping of settings, or each has its own keyword"
                )
        if isinstance(value, BaseModel):
            value = value.model_dump(exclude_unset=True)
        at[name] = dict(value) if isinstance(value, Mapping) else value
    return nested


def _explained(
    model: type[BaseSettings], error: ValidationError, states: list[tuple[str, dict[str, Any]]]
) -> SettingsError:
    lines: dict[str, str] = {}
    for problem in error.errors(include_url=False, include_context=False):
        path = _path_of(model, problem["loc"])
        field = "__".join(path)
        name = f"{prefix_of(model)}{field.upper()}"
        if problem["type"] == "missing":
            lines[name] = f"{name} is not set, and has no default"
        elif problem["type"] == "extra_forbidden" and (now := RENAMED.get(field.replace("_", ""))):
            lines[name] = (
                f"{name} is no setting; did you mean {PREFIX}{'__'.join(now).upper()}, its name now?"
            )
        elif problem["type"] == "extra_forbidden":
            close = difflib.get_close_matches(
                name, list(setting_names(model, prefix_of(model))), n=1, cutoff=0.5
            )
            hint = f"did you mean {close[0]}?" if close else "take it out"
            lines[name] = f"{name} is no setting; {hint} (from {_source_of(name, prefix_of(model), states)})"
        else:
            takes = None if problem["type"] == "value_error" else wanted(model, path)
            message = (
                problem["msg"].removeprefix("Value error, ")
                if takes is None
                else f"it takes {takes}, and {given(model, path, problem['input'])} is given"
            )
            lines[name] = f"{name}: {message} (from {_source_of(name, prefix_of(model), states)})"
    return SettingsError("; ".join(lines.values()), problems=lines)


def _path_of(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The fields that lead to a problem; behind the last one, pydantic may name the type that it tried."""
    path: list[str] = []
    at: type[BaseModel] | None = model
    for part in place:
        if at is None or not isinstance(part, str):
            break
        path.append(part)
        field = at.model_fields.get(part)
        at = None if field is None else nested_model(field.annotation)
    return path


def _source_of(name: str, prefix: str, states: list[tuple[str, dict[str, Any]]]) -> str:
    path = name.removeprefix(prefix).lower().split("__")
    for source, state in states:
        at: Any = state
        for part in path:
            at = at.get(part, _UNSAID) if isinstance(at, Mapping) else getattr(at, part, _UNSAID)
        if at is not _UNSAID:
            return source
    return _DEFAULT


def _shown(settings: BaseModel, name: str, prefix: str) -> str:
    at: Any = settings
    for part in name.removeprefix(prefix).lower().split("__"):
        at = getattr(at, part, None)  # a table that may be left out is None
    if at is None:
        return ""
    if isinstance(at, bool):
        return str(at).lower()  # as it is written in the environment
    return ",".join(map(str, at)) if isinstance(at, tuple) else str(at)


def check_prefix(plugin: str, model: type[PluginSettings]) -> None:
    """``PluginError`` unless the plugin's settings carry the plugin's own prefix."""
    wanted = plugin_prefix(plugin)
    if prefix_of(model) != wanted:
        raise PluginError(
            f"plugin {plugin!r}: its settings {model.__name__} must have env_prefix={wanted!r}", plugin=plugin
        )


def plugin_prefix(plugin: str) -> str:
    """The prefix of a plugin's environment names."""
    return f"{PREFIX}{plugin.upper().replace('-', '_').replace('.', '_')}_"
