"""Configuration: ``EVERSTORE_*``, and where each value came from.

Strongest first: keyword arguments of ``open_store``, the environment, ``.env``, ``everstore.toml``
and ``[tool.everstore]`` of ``pyproject.toml``, the files in the working directory. Importing
this module loads pydantic, so only an opening store does.
"""

from __future__ import annotations

import difflib
import functools
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args
from uuid import UUID  # noqa: TC003 - pydantic reads annotations at run time

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableSettingError

from everstore.compat import override
from everstore.errors import InvalidSessionIdError, PluginError, SettingsError
from everstore.paths import parse_session_id

__all__ = ["EverstoreSettings", "Limits", "Origin", "PluginSettings", "check_names", "load", "setting_names"]

PREFIX = "EVERSTORE_"
_TEST_PREFIX = "EVERSTORE_TEST_"  # points test suites to servers; no setting of a store

Names = Annotated[tuple[str, ...], NoDecode]


class Limits(BaseModel):
    """What a store refuses to exceed (§7.4): sizes in bytes; ``None`` is no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file_bytes: Annotated[int, Field(gt=0)] | None = None
    """The largest file."""
    session_files: Annotated[int, Field(gt=0)] | None = None
    """The most files a session (directories do not count)."""
    session_bytes: Annotated[int, Field(gt=0)] | None = None
    """The most bytes all files of a session have together."""
    key_bytes: Annotated[int, Field(gt=0, le=1024)] = 1024
    """The longest key or name of a secret."""
    value_bytes: Annotated[int, Field(gt=0)] | None = None
    """The largest value or secret; a counter may always have its 20 digits."""


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
        """The precedence that the module's first lines promise."""
        del env_settings, dotenv_settings, file_secret_settings
        return (init_settings, *(source for _, source in _ambient_sources(settings_cls)))


class PluginSettings(_Settings):
    """The base of a plugin's own settings.

    ``env_prefix`` must be ``EVERSTORE_<NAME>_``, the plugin's name in capitals::

        class AcmeSettings(PluginSettings):
            model_config = SettingsConfigDict(env_prefix="EVERSTORE_ACME_")
            url: SecretStr
            pool_size: int = 4

    The same settings are ``open_store(acme_url=...)`` and the table ``[acme]`` of ``everstore.toml``.
    Passwords and keys are ``SecretStr``: then no ``repr`` and no error shows them.
    """


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
    disabled_plugins: Names = ()
    """Plugins that must not be imported."""
    log_level: Literal["debug", "info", "warning", "error", "off"] = "warning"
    """The least level that goes to stderr, when the host has not configured structlog."""
    log_format: Literal["console", "json"] = "console"
    """How such an event is written."""
    secrets_keys: SecretStr | None = None
    """``id:base64`` keys for secrets in durable backends, by comma; the first encrypts, all decrypt."""
    limits: Limits = Limits()
    """What a store refuses to exceed."""
    session: UUID | None = None
    """The session that the ``everstore`` command works in; a store pays it no heed."""

    @field_validator("middleware", "disabled_plugins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("session", mode="before")
    @classmethod
    def _parse(cls, value: object) -> object:
        try:
            return parse_session_id(value) if isinstance(value, str) else value
        except InvalidSessionIdError:
            raise ValueError("it names a session, by a UUID or session_<32 hex digits>") from None

    def plugin_of(self, role: Literal["file_system", "storage", "sessions"]) -> str:
        """The name of the plugin that plays a role."""
        chosen: str | None = getattr(self, role)
        return chosen or self.backend


class Origin(msgspec.Struct, frozen=True):
    """One setting in force: its environment name, its value as it may be shown, and its source."""

    name: str
    value: str
    source: str


def _ambient_sources(model: type[BaseSettings]) -> Iterator[tuple[str, PydanticBaseSettingsSource]]:
    """Every source but the keywords, strongest first, each with the name a person knows it by."""
    yield "environment", EnvSettingsSource(model)
    yield ".env", _dotenv(model)
    for name, table in _files():
        yield name, InitSettingsSource(model, init_kwargs=_section(model, table))


def _dotenv(model: type[BaseSettings]) -> DotEnvSettingsSource:
    try:
        return DotEnvSettingsSource(model, env_file=".env")
    except (OSError, ValueError) as error:
        raise SettingsError(f".env cannot be read: {error}") from error


def _files() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "everstore.toml", _read_toml(Path("everstore.toml"))
    tool = _read_toml(Path("pyproject.toml")).get("tool", {})
    table = tool.get("everstore", {}) if isinstance(tool, dict) else {}
    yield "[tool.everstore]", table if isinstance(table, dict) else {}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return _parse_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error


@functools.lru_cache(maxsize=4)
def _parse_toml(text: str) -> dict[str, Any]:
    # One opening reads the files several times, and to parse a pyproject.toml takes milliseconds.
    return tomllib.loads(text)


def _section(model: type[BaseSettings], table: dict[str, Any]) -> dict[str, Any]:
    """A file's part about this model: the table itself for the core, ``[name]`` for a plugin."""
    name = _table_name(model)
    section = table.get(name) if name else table
    if not isinstance(section, dict):  # check_names tells of a value where a table belongs
        return {}
    return {key: value for key, value in section.items() if key in model.model_fields}


def _table_name(model: type[BaseSettings]) -> str:
    return str(model.model_config.get("env_prefix", "")).removeprefix(PREFIX).removesuffix("_").lower()


def _prefix(model: type[BaseSettings]) -> str:
    return str(model.model_config.get("env_prefix", ""))


def setting_names(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """The environment names of a model's settings, those of nested models with ``__``."""
    for name, field in model.model_fields.items():
        nested = _nested_model(field.annotation)
        if nested:
            yield from setting_names(nested, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}"


def _nested_model(annotation: object) -> type[BaseModel] | None:
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


S = TypeVar("S", bound=_Settings)


def load(model: type[S], keywords: Mapping[str, Any]) -> tuple[S, list[Origin]]:
    """The settings in force, and where each value came from.

    ``keywords`` are field names, those of nested models joined by ``__``. ``SettingsError`` names
    the setting and its source when a value is wrong, and never shows the value.
    """
    nested = _nest(keywords)
    states = [("open_store()", nested)]
    states += [(name, _said_by(name, source)) for name, source in _ambient_sources(model)]
    try:
        settings = model(**nested)
    except ValidationError as error:
        raise _explained(model, error, states) from None
    return settings, [
        Origin(name, _shown(settings, name, _prefix(model)), _source_of(name, _prefix(model), states))
        for name in setting_names(model, _prefix(model))
    ]


def _said_by(name: str, source: PydanticBaseSettingsSource) -> dict[str, Any]:
    try:
        return source()
    except UnreadableSettingError as error:
        # Its cause holds the value.
        raise SettingsError(f"a setting from {name} is not written as JSON: {error}") from None


def _nest(keywords: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for keyword in sorted(keywords, key=lambda keyword: keyword.count("__")):
        value = keywords[keyword]
        *tables, name = keyword.split("__")
        at = nested
        for table in tables:
            at = at.setdefault(table, {})
        if isinstance(value, BaseModel):
            value = value.model_dump(exclude_unset=True)
        at[name] = dict(value) if isinstance(value, Mapping) else value
    return nested


def _explained(
    model: type[BaseSettings], error: ValidationError, states: list[tuple[str, dict[str, Any]]]
) -> SettingsError:
    lines = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        field = "__".join(str(part) for part in problem["loc"] if isinstance(part, str))
        name = f"{_prefix(model)}{field.upper()}"
        if problem["type"] == "missing":
            lines.append(f"{name} is not set, and has no default")
        elif problem["type"] == "extra_forbidden":
            hint = _hint(name, set(setting_names(model, _prefix(model))), cutoff=0.5) or "take it out"
            lines.append(f"{name} is no setting; {hint} (from {_source_of(name, _prefix(model), states)})")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{name}: {message} (from {_source_of(name, _prefix(model), states)})")
    return SettingsError("; ".join(lines))


def _source_of(name: str, prefix: str, states: list[tuple[str, dict[str, Any]]]) -> str:
    path = name.removeprefix(prefix).lower().split("__")
    for source, state in states:
        at: Any = state
        for part in path:
            at = at.get(part) if isinstance(at, Mapping) else getattr(at, part, None)
        if at is not None:
            return source
    return "default"


def _shown(settings: BaseModel, name: str, prefix: str) -> str:
    at: Any = settings
    for part in name.removeprefix(prefix).lower().split("__"):
        at = getattr(at, part)
    if at is None:
        return ""
    return ",".join(at) if isinstance(at, tuple) else str(at)


def check_prefix(plugin: str, model: type[PluginSettings]) -> None:
    """``PluginError`` unless the plugin's settings carry the plugin's own prefix."""
    wanted = plugin_prefix(plugin)
    if _prefix(model) != wanted:
        raise PluginError(
            f"plugin {plugin!r}: its settings {model.__name__} must have env_prefix={wanted!r}", plugin=plugin
        )


def plugin_prefix(plugin: str) -> str:
    """The prefix of a plugin's environment names."""
    return f"{PREFIX}{plugin.upper().replace('-', '_').replace('.', '_')}_"


def check_names(
    models: Sequence[type[BaseSettings]], in_use: Iterable[str], installed: Iterable[str]
) -> None:
    """``SettingsError`` with a suggestion for a misspelt name in the environment or a settings file.

    ``models`` are those of the core and of the plugins in use. A name that belongs to another
    plugin is no mistake, whether or not that plugin is installed.
    """
    known = {name for model in models for name in setting_names(model, _prefix(model))}
    known |= {f"{PREFIX}LIMITS"}
    used = tuple(plugin_prefix(name) for name in in_use)
    others = tuple(plugin_prefix(name) for name in installed)
    for source, name in _names_in_sources():
        if name in known or name.startswith(_TEST_PREFIX):
            continue
        own = name.startswith(used)
        if not own and name.startswith(others):
            continue
        _refuse_if_misspelt(source, name, known, certain=own or _is_core_name(name))


def _names_in_sources() -> Iterator[tuple[str, str]]:
    for name in os.environ:
        if name.upper().startswith(PREFIX):
            yield "the environment", name.upper()
    for name in _dotenv(EverstoreSettings).env_vars:
        if name.upper().startswith(PREFIX):
            yield ".env", name.upper()
    for source, table in _files():
        for key, value in table.items():
            if isinstance(value, dict):
                separator = "__" if key == "limits" else "_"
                yield from ((source, f"{PREFIX}{key}{separator}{inner}".upper()) for inner in value)
            else:
                yield source, f"{PREFIX}{key}".upper()


def _is_core_name(name: str) -> bool:
    """Whether no plugin could own the name: it has no second word, or begins like a name of ours."""
    first, _, rest = name.removeprefix(PREFIX).partition("_")
    ours = {known.removeprefix(PREFIX).split("_")[0] for known in setting_names(EverstoreSettings, PREFIX)}
    return not rest or first in ours


def _refuse_if_misspelt(source: str, name: str, known: set[str], *, certain: bool) -> None:
    hint = _hint(name, known, cutoff=0.5 if certain else 0.8)
    if hint or certain:
        hint = hint or "'everstore settings' lists them all"
        raise SettingsError(f"{name} in {source} is no setting; {hint}")


def _hint(name: str, known: set[str], cutoff: float) -> str:
    bare = {other.removeprefix(PREFIX): other for other in known}
    close = difflib.get_close_matches(name.removeprefix(PREFIX), bare, n=1, cutoff=cutoff)
    return f"did you mean {bare[close[0]]}?" if close else ""


def split_keywords(
    keywords: Mapping[str, Any], models: Mapping[str, type[BaseSettings]]
) -> dict[str, dict[str, Any]]:
    """``open_store``'s keywords by owner: ``""`` for the core, else the plugin's name.

    ``SettingsError`` with a suggestion for a keyword that no plugin in use has.
    """
    owners: dict[str, tuple[str, str]] = {}
    for owner, model in models.items():
        prefix = _prefix(model).removeprefix(PREFIX).lower()
        for field in model.model_fields:
            owners.setdefault(f"{prefix}{field}", (owner, field))
        for name in setting_names(model, ""):
            owners.setdefault(f"{prefix}{name.lower()}", (owner, name.lower()))
    split: dict[str, dict[str, Any]] = {owner: {} for owner in models}
    for keyword, value in keywords.items():
        if keyword not in owners:
            close = difflib.get_close_matches(keyword, owners, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(owners))}"
            raise SettingsError(f"open_store() has no setting {keyword!r}; {hint}")
        owner, field = owners[keyword]
        split[owner][field] = value
    return split
