"""What is in force: settings, the plugins that they name, and where each value came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from everstore.errors import PluginError
from everstore.keywords import split_keywords
from everstore.middleware.encryption import parse_keys
from everstore.plugins import Plugin, Plugins
from everstore.settings import (
    EverstoreSettings,
    PluginSettings,
    load,
    names_of_secret_files,
    setting_names,
    table_name_of,
)
from everstore.sources import PREFIX, Sources
from everstore.spelling import check_environment, check_file, strangers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_settings import BaseSettings

__all__ = ["Configuration", "RoleName", "configure"]

RoleName: TypeAlias = Literal["file_system", "storage", "sessions"]


class Configuration:
    """What is in force: the settings, the plugins that they name, and where each value came from."""

    def __init__(self, keywords: Mapping[str, Any], sources: Sources) -> None:
        """Put the keywords and the sources together.

        ``SettingsError``, ``UnknownBackendError`` or ``PluginError`` when one of them is wrong.
        """
        self.sources = sources
        known = *setting_names(EverstoreSettings, ""), *names_of_secret_files(EverstoreSettings, "")
        core = {name.lower() for name in known} | set(EverstoreSettings.model_fields)
        own = {name: value for name, value in keywords.items() if name in core}
        self.settings, self.origins = load(EverstoreSettings, sources, own)
        keys = self.settings.secrets_keys
        self.secrets_keys = parse_keys(keys.get_secret_value()) if keys else {}
        self.installed = Plugins(self.settings.disabled_plugins)
        self.roles = {
            "file_system": self.settings.plugin_of("file_system"),
            "storage": self.settings.plugin_of("storage"),
            "sessions": self.settings.plugin_of("sessions"),
        }
        self._chosen = {origin.name for origin in self.origins if origin.source != "default"}
        names = dict.fromkeys([*self.settings.middleware, *self.settings.observers, *self.roles.values()])
        self.plugins: dict[str, Plugin] = {name: self.installed.load(name) for name in names}
        self._require("middleware", "everstore_middleware")
        self._require("observers", "everstore_observers")
        self.plugin_settings: dict[str, PluginSettings | None] = dict.fromkeys(names)
        self._load_plugin_settings(keywords)

    def is_by_default(self, role: RoleName) -> bool:
        """Whether nobody named the plugin that plays a role, neither for it nor for all."""
        return not self._chosen & {f"{PREFIX}BACKEND", f"{PREFIX}{role.upper()}"}

    def _require(self, what: str, hook: str) -> None:
        """``PluginError`` unless the plugins that the setting ``what`` names have something for it."""
        for name in getattr(self.settings, what):
            if not self.plugins[name].offers(hook):
                raise PluginError(
                    f"plugin {name!r} has no {what}; take it out of EVERSTORE_{what.upper()}", plugin=name
                )

    def _load_plugin_settings(self, keywords: Mapping[str, Any]) -> None:
        plugin_models = {name: plugin.settings_model() for name, plugin in self.plugins.items()}
        models: dict[str, type[BaseSettings]] = {"": EverstoreSettings}
        models |= {name: model for name, model in plugin_models.items() if model is not None}
        self.idle = self._check_names(list(models.values()))
        split = split_keywords(keywords, models, self.installed.names)
        for name, model in plugin_models.items():
            if model is not None:
                self.plugin_settings[name], origins = load(model, self.sources, split[name])
                self.origins += origins

    def _check_names(self, models: Sequence[type[BaseSettings]]) -> dict[str, list[str]]:
        """The settings there are of installed plugins that play no role, unless they must not play one."""
        names = self.installed.names
        tables = check_file(self.sources, self.plugins, names, self._model_of)
        idle = check_environment(self.sources, models, self.plugins, names)
        self.strangers = strangers(self.sources, models, names)
        for plugin in tables:
            idle.setdefault(plugin, []).append(f"[{table_name_of(plugin)}] in {self.sources.file_name}")
        return {name: idle[name] for name in idle if name not in self.settings.disabled_plugins}

    def _model_of(self, plugin: str) -> type[PluginSettings] | None:
        try:
            return self.installed.load(plugin).settings_model() or PluginSettings
        except PluginError:  # nobody asks anything of it
            return None


def configure(keywords: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Configuration:
    """The configuration that these keywords, the environment and the settings file make.

    The file is the one that the keyword ``config_file`` names, or else the environment.
    """
    given = dict(keywords)
    file = given.pop("config_file", None)
    sources = Sources(environment, file)
    return Configuration(given if file is None else {**given, "config_file": sources.file_name}, sources)
