"""What settings are called, in the environment and in a settings file."""

from __future__ import annotations

from functools import lru_cache
from types import UnionType
from typing import TYPE_CHECKING, Union, get_args, get_origin

from pydantic import BaseModel

from everstore.errors import PluginError
from everstore.secret_files import SUFFIX, secrets_of
from everstore.sources import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_settings import BaseSettings

    from everstore.settings.models import PluginSettings

__all__ = [
    "RENAMED",
    "check_prefix",
    "names_of_secret_files",
    "nested_model",
    "plugin_prefix",
    "prefix_of",
    "setting_names",
    "table_name",
    "table_name_of",
]

RENAMED = {"limitssessionfiles": ("limits", "session_entries")}
"""Where a setting is now that was called something else, by all the words of its old name together."""


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
