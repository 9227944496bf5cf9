"""Finding plugins by name, loading only those that are named, and explaining what is wrong."""

from __future__ import annotations

import difflib
import inspect
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import msgspec
import pluggy

from everstore import hookspecs
from everstore.errors import PluginError, UnknownBackendError
from everstore.hookspecs import PROJECT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from everstore.context import PluginContext
    from everstore.settings import PluginSettings

__all__ = ["Plugin", "PluginReport", "Plugins"]

ROLES = {
    "file_system": "everstore_file_system_factory",
    "storage": "everstore_storage_store",
    "sessions": "everstore_session_store",
}


class PluginReport(msgspec.Struct, frozen=True):
    """What is known of an installed plugin; ``problem`` says why it cannot be used."""

    name: str
    distribution: str
    roles: tuple[str, ...] = ()
    problem: str | None = None


class Plugin:
    """One loaded plugin."""

    def __init__(self, name: str, module: object) -> None:
        """Check the plugin's hooks; ``PluginError`` for a misspelt hook or argument."""
        self.name = name
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        try:
            self._manager.register(module, name)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(f"plugin {name!r} is broken: {error}", plugin=name) from error
        if not self._manager.get_hookcallers(module):
            raise PluginError(f"plugin {name!r} implements no hook of everstore", plugin=name)

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that this plugin can play."""
        return tuple(role for role, hook in ROLES.items() if self._implements(hook))

    def _implements(self, hook: str) -> bool:
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    def settings_model(self) -> type[PluginSettings] | None:
        """The plugin's own settings, checked to carry its prefix."""
        model: type[PluginSettings] | None = self._manager.hook.everstore_settings()
        if model is not None:
            from everstore.settings import check_prefix  # noqa: PLC0415 - pydantic loads when a store opens

            check_prefix(self.name, model)
        return model

    async def make(self, role: str, context: PluginContext) -> Any:
        """What the plugin's hook for this role gives; ``PluginError`` when it has none."""
        made = getattr(self._manager.hook, ROLES[role])(context=context)
        if inspect.isawaitable(made):
            made = await made
        if made is None:
            roles = ", ".join(self.roles) or "none"
            raise PluginError(
                f"plugin {self.name!r} cannot play the role {role!r} (it can: {roles}); "
                f"name another one in EVERSTORE_{role.upper()}",
                plugin=self.name,
            )
        return made

    async def middleware(self, context: PluginContext) -> list[Any]:
        """What the plugin puts around calls, outermost first."""
        layers: list[Any] = []
        for given in self._manager.hook.everstore_middleware(context=context):
            made = await given if inspect.isawaitable(given) else given
            layers += made if isinstance(made, (list, tuple)) else [made]
        return [layer for layer in layers if layer is not None]


class Plugins:
    """The installed plugins, by name. Nothing is imported before it is asked for."""

    def __init__(self, disabled: Sequence[str] = ()) -> None:
        """Read the entry points; ``disabled`` names are never loaded."""
        self._disabled = frozenset(disabled)
        self._loaded: dict[str, Plugin] = {}
        self._entry_points: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=PROJECT):
            same = self._entry_points.setdefault(point.name, [])
            # One distribution can be found twice, on two entries of sys.path.
            if (point.value, _owner(point)) not in {(other.value, _owner(other)) for other in same}:
                same.append(point)

    @property
    def names(self) -> list[str]:
        """The names of all installed plugins, sorted."""
        return sorted(self._entry_points)

    def load(self, name: str) -> Plugin:
        """The plugin of this name.

        ``UnknownBackendError`` when there is none, ``PluginError`` when it is blocked, installed
        twice or broken.
        """
        if name not in self._loaded:
            self._loaded[name] = Plugin(name, self._import(name))
        return self._loaded[name]

    def _import(self, name: str) -> object:
        points = self._entry_points.get(name)
        if points is None:
            raise self._unknown(name)
        if name in self._disabled:
            raise PluginError(f"plugin {name!r} is blocked by EVERSTORE_DISABLED_PLUGINS", plugin=name)
        if len(points) > 1:
            owners = " and ".join(sorted(_owner(point) for point in points))
            raise PluginError(
                f"two plugins are called {name!r}: {owners}; uninstall one of them", plugin=name
            )
        try:
            return points[0].load()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise PluginError(
                f"plugin {name!r} ({_owner(points[0])}) is broken: {reason}", plugin=name
            ) from error

    def _unknown(self, name: str) -> UnknownBackendError:
        available = [other for other in self.names if other not in self._disabled]
        close = difflib.get_close_matches(name, available, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        return UnknownBackendError(
            f"no backend {name!r}; {hint}available: {', '.join(available)}",
            name=name,
            available=tuple(available),
        )

    def report(self) -> list[PluginReport]:
        """Every installed plugin, the unusable ones with their reason. Imports them all."""
        reports = []
        for name in self.names:
            owner = " and ".join(sorted(_owner(point) for point in self._entry_points[name]))
            try:
                reports.append(PluginReport(name, owner, self.load(name).roles))
            except PluginError as error:
                reports.append(PluginReport(name, owner, problem=str(error)))
        return reports


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
