"""Configuration: ``EVERSTORE_*``, and where each value came from.

Strongest first: keyword arguments of ``open_store``, the environment, and the settings file, if one
is named. Importing this module loads pydantic, so only an opening store does.
"""

from everstore.settings.limits import Limits
from everstore.settings.models import CommandLineSettings, EverstoreSettings, PluginSettings
from everstore.settings.names import (
    RENAMED,
    check_prefix,
    names_of_secret_files,
    nested_model,
    plugin_prefix,
    prefix_of,
    setting_names,
    table_name,
    table_name_of,
)
from everstore.settings.origins import Origin
from everstore.settings.reading import load

__all__ = [
    "RENAMED",
    "CommandLineSettings",
    "EverstoreSettings",
    "Limits",
    "Origin",
    "PluginSettings",
    "check_prefix",
    "load",
    "names_of_secret_files",
    "nested_model",
    "plugin_prefix",
    "prefix_of",
    "setting_names",
    "table_name",
    "table_name_of",
]
