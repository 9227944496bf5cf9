"""The settings of everstore and of plugins: what there is to set, and what each takes."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads annotations at run time
from typing import Annotated, Literal
from uuid import UUID  # noqa: TC003 - pydantic reads annotations at run time

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from everstore.compat import override
from everstore.errors import InvalidSessionIdError
from everstore.paths import parse_session_id
from everstore.settings.limits import Limits
from everstore.sources import PREFIX

__all__ = ["CommandLineSettings", "EverstoreSettings", "PluginSettings", "Settings"]

Names = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """What all settings have in common."""

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


class PluginSettings(Settings):
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


class EverstoreSettings(Settings):
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


class CommandLineSettings(Settings):
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
