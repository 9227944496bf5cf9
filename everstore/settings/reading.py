"""Settings are read from the keywords of who opens, the environment, and the file that is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_settings import EnvSettingsSource
from pydantic_settings import SettingsError as UnreadableSettingError

from everstore.errors import SettingsError
from everstore.secret_files import SUFFIX, is_secret_file, read_secret_files, secrets_of
from everstore.settings.explaining import explained
from everstore.settings.models import EverstoreSettings
from everstore.settings.names import nested_model, prefix_of, setting_names, table_name
from everstore.settings.origins import DEFAULT, Origin, shown_value, source_of
from everstore.sources import ENVIRONMENT, KEYWORDS, PREFIX, Sources

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

    from everstore.secret_files import States
    from everstore.settings.models import Settings

__all__ = ["load"]

S = TypeVar("S", bound="Settings")

_ROLES = ("file_system", "storage", "sessions")


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
        source = files.get(name) or source_of(name, prefix, states)
        shown = cleared.get(name, source) if source == DEFAULT else source
        origins.append(Origin(name, shown_value(settings, name, prefix), shown))
    return settings, origins


def _made(model: type[S], said: dict[str, Any], states: States) -> S | SettingsError:
    try:
        return model(**said)
    except ValidationError as error:
        return explained(model, error, states)


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


def _clear_roles(states: States) -> dict[str, str]:
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
