"""The values that a host hands to plugins by their type, and what to say of one that nobody asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING
from uuid import UUID

from everstore.errors import EverstoreError, SettingsError
from everstore.interfaces import (
    SessionFileSystem,
    SessionFileSystemFactory,
    SessionStorageStore,
    SessionStore,
)
from everstore.middleware.base import Middleware
from everstore.settings import Limits
from everstore.sources import PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from everstore.plugins import Plugins

__all__ = ["Provided"]

_PLACES = ("url", "dsn", "path", "file", "folder")  # what plugins call the setting that says where
_SCHEMES = {"postgresql": "postgres"}
_BACKEND = "a backend comes with a plugin: did you mean open_store({}='<that plugin>')?"
_LAYER = (
    "a middleware comes with a plugin, from its hook everstore_middleware: "
    "did you mean open_store(middleware='<that plugin>')?"
)
_MEANT: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (Middleware, _LAYER),
    ((SessionFileSystem, SessionFileSystemFactory), _BACKEND.format("file_system")),
    (SessionStorageStore, _BACKEND.format("storage")),
    (SessionStore, _BACKEND.format("sessions")),
    (Limits, "did you mean open_store(limits=...)?"),
    (UUID, "did you mean open_store() and then store.session(session_id)?"),
    ((list, tuple, set, frozenset), "did you mean open_store(*values)?"),
    (type, "did you mean an instance of a class?"),
    (
        object,
        "name the plugin that does: open_store(value, backend=...) or open_store(value, middleware=...)",
    ),
)


class Provided:
    """What the host gave to ``open_store(value, ...)``, by type, and what plugins have asked for."""

    def __init__(self, values: Sequence[object]) -> None:
        """``SettingsError`` when there are two values of one type."""
        self._values = {type(value): value for value in values}
        if len(self._values) != len(values):
            raise SettingsError("open_store() was given two values of one type; plugins find them by type")
        self._asked: set[type] = set()

    def get(self, kind: type) -> object:
        """The value of this very type, ``None`` when there is none."""
        self._asked.add(kind)
        return self._values.get(kind)

    def refuse_unasked(self, plugins: Plugins) -> None:
        """``SettingsError`` for a value that no plugin has asked for, with the call that was meant."""
        for kind, value in self._values.items():
            if kind not in self._asked:
                raise SettingsError(
                    f"open_store() was given a value of type {kind.__name__} that no plugin here asks for; "
                    f"{_meant(value, plugins)}"
                )


def _meant(value: object, plugins: Plugins) -> str:
    """The call that was meant; the value itself is never shown."""
    if isinstance(value, str):
        return _meant_by_text(value, plugins)
    if isinstance(value, PurePath):
        return _meant_by_path(value)
    if isinstance(value, Mapping):
        is_environment = any(str(name).startswith(PREFIX) for name in value)
        return f"did you mean open_store({'environment=...' if is_environment else '**settings'})?"
    return next(words for kind, words in _MEANT if isinstance(value, kind))


def _meant_by_text(text: str, plugins: Plugins) -> str:
    scheme, is_url, _ = text.partition("://")
    # "postgresql+asyncpg" and "sqlite+aiosqlite" are what others call the same databases.
    name = _SCHEMES.get(scheme.partition("+")[0].lower(), scheme.partition("+")[0].lower())
    if name in plugins.names:
        where = f", {_place_of(name, plugins)}" if is_url else ""
        return f"did you mean open_store(backend={name!r}{where})?"
    if is_url:
        return "did you mean open_store(backend=..., <backend>_url=...)?"
    if "=" in text:
        return "did you mean a keyword, open_store(name=value)?"
    if text.startswith(("/", ".", "~")) or PurePath(text).suffix:
        return _meant_by_path(PurePath(text))
    return f"did you mean open_store(backend=...)? there are {', '.join(plugins.names)}"


def _meant_by_path(path: PurePath) -> str:
    if path.suffix == ".toml":
        return "did you mean open_store(config_file=...)?"
    return "did you mean open_store(backend='<plugin>', <plugin>_path=...)?"


def _place_of(name: str, plugins: Plugins) -> str:
    """The setting in which a plugin is told where its storage is, as a keyword."""
    setting = "url"
    try:
        model = plugins.load(name).settings_model()
    except EverstoreError:
        model = None
    if model is not None:
        setting = next((place for place in _PLACES if place in model.model_fields), setting)
    return f"{name.replace('-', '_').replace('.', '_')}_{setting}=..."
