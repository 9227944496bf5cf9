"""Finding plugins by name, loading only those that are named, and explaining what is wrong."""

from __future__ import annotations

import difflib
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pluggy

from everstore import hookspecs
from everstore.discovery import entry_points
from everstore.errors import PluginError, PluginVersionError, UnknownBackendError
from everstore.hookspecs import PROJECT
from everstore.installing import KNOWN_BACKENDS, command_to_install
from everstore.loading import loading
from everstore.versions import misfit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.metadata import EntryPoint

    from everstore.context import PluginContext
    from everstore.engine import Engine
    from everstore.settings import PluginSettings

__all__ = ["Plugin", "PluginReport", "Plugins"]

ROLES = {
    "file_system": "everstore_file_system_factory",
    "storage": "everstore_storage_store",
    "sessions": "everstore_session_store",
}

ENGINE = "everstore_engine"


class PluginReport(msgspec.Struct, frozen=True):
    """What is known of an installed plugin; ``problem`` says why it cannot be used."""

    name: str
    distribution: str
    roles: tuple[str, ...] = ()
    problem: str | None = None


class Plugin:
    """One loaded plugin."""

    def __init__(self, name: str, owner: Callable[[], str], module: object) -> None:
        """Check the plugin's hooks; ``PluginError`` for a misspelt hook or argument.

        ``owner`` answers with the distribution that the plugin comes with: only who tells of it reads that.
        """
        self.name = name
        self._owner = owner
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        try:
            self._manager.register(module, name)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise self.broken(_unknown_hook(module) or _one_line(error)) from error
        if forgotten := _unmarked(module):
            raise self.broken(f"{forgotten} is not marked with @hookimpl")
        if not self._manager.get_hookcallers(module):
            raise self.broken("it implements no hook of everstore")

    def broken(self, reason: str) -> PluginError:
        """The error that tells what is wrong with the plugin, and whose it is."""
        return PluginError(f"plugin {self.name!r} ({self._owner()}) is broken: {reason}", plugin=self.name)

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that this plugin can play."""
        has_engine = self.offers(ENGINE)
        return tuple(role for role, hook in ROLES.items() if has_engine or self.offers(hook))

    def offers(self, hook: str) -> bool:
        """Whether the plugin implements a hook."""
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    def settings_model(self) -> type[PluginSettings] | None:
        """The plugin's own settings, ``None`` without any; ``PluginError`` unless they carry its prefix."""
        # pydantic loads when a store opens.
        from everstore.settings import PluginSettings, check_prefix  # noqa: PLC0415 - loads when needed

        try:
            model = self._manager.hook.everstore_settings()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin that ends the process (sys.exit) is broken, not the host
            raise self.broken(f"everstore_settings failed: {_one_line(error)}") from error
        if model is None:
            return None
        if not (isinstance(model, type) and issubclass(model, PluginSettings)):
            raise self.broken(
                "everstore_settings must return a subclass of everstore.settings.PluginSettings"
            )
        check_prefix(self.name, model)
        return model

    async def make(self, role: str, context: PluginContext) -> Any:
        """What the plugin's hook for this role gives; ``PluginError`` when it has none."""
        made = await self._made(ROLES[role], context)
        if made is None and self.offers(ENGINE):
            made = await self._over_engine(role, context)
        if made is None:
            roles = ", ".join(self.roles) or "none"
            raise PluginError(
                f"plugin {self.name!r} cannot play the role {role!r} (it can: {roles}); "
                f"name another one in EVERSTORE_{role.upper()}",
                plugin=self.name,
            )
        return made

    async def _made(self, hook: str, context: PluginContext) -> Any:
        made = getattr(self._manager.hook, hook)(context=context)
        return await made if inspect.isawaitable(made) else made

    async def _over_engine(self, role: str, context: PluginContext) -> Any:
        with loading:
            from everstore.engine.opening import OpenEngine  # noqa: PLC0415 - loads when needed
            from everstore.engine.roles import role_over  # noqa: PLC0415 - loads when needed
            from everstore.engine.threads import Threads  # noqa: PLC0415 - loads when needed

        opener = partial(OpenEngine, self.name, partial(self._engine, context), context.settings)
        return role_over(role, await context.shared(Threads, opener), context.limits)

    async def _engine(self, context: PluginContext) -> Engine:
        from everstore.engine import Engine  # noqa: PLC0415 - loads when needed

        made = await self._made(ENGINE, context)
        if not isinstance(made, Engine):
            raise self.broken(f"its engine is of type {type(made).__name__}, not Engine")
        return made

    async def all_of(self, hook: str, context: PluginContext) -> list[Any]:
        """What the plugin has for a hook that may give one, several or none, in the order given."""
        found: list[Any] = []
        for given in getattr(self._manager.hook, hook)(context=context):
            made = await given if inspect.isawaitable(given) else given
            found += made if isinstance(made, (list, tuple)) else [made]
        return [each for each in found if each is not None]

    async def ask(self, hook: str, **arguments: object) -> Sequence[str] | None:
        """The lines that one of the operator's hooks answers with; ``None`` when it has nothing to say."""
        done = getattr(self._manager.hook, hook)(**arguments)
        made: Sequence[str] | None = await done if inspect.isawaitable(done) else done
        return made


class Plugins:
    """The installed plugins, by name. Nothing is imported before it is asked for."""

    def __init__(self, disabled: Sequence[str] = ()) -> None:
        """Read the entry points; ``disabled`` names are never loaded."""
        self._disabled = frozenset(disabled)
        self._loaded: dict[str, Plugin] = {}
        self._entry_points: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=PROJECT):
            self._entry_points.setdefault(point.name, []).append(point)

    @property
    def names(self) -> list[str]:
        """The names of all installed plugins, sorted."""
        return sorted(self._entry_points)

    def load(self, name: str) -> Plugin:
        """The plugin of this name.

        ``UnknownBackendError`` when there is none, ``PluginError`` when it is blocked, installed
        twice or broken, ``PluginVersionError`` when it is made for another version of everstore.
        """
        if name not in self._loaded:
            point = self._entry_point(name)
            with loading:
                self._loaded[name] = Plugin(name, partial(_owner, point), _import(point))
        return self._loaded[name]

    def _entry_point(self, name: str) -> EntryPoint:
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
        if points[0].dist and (reason := misfit(points[0].dist)):
            raise PluginVersionError(
                f"plugin {name!r} ({_owner(points[0])}) does not fit: {reason}; "
                f"install both anew, by one command",
                plugin=name,
            )
        return points[0]

    def _unknown(self, name: str) -> UnknownBackendError:
        available = [other for other in self.names if other not in self._disabled]
        missing = [known for known in KNOWN_BACKENDS if known not in self._entry_points]
        bare = name.strip().lower().removeprefix(f"{PROJECT}-")
        close = (difflib.get_close_matches(bare, [*available, *missing], n=1) or [""])[0]
        hint = f"did you mean {close!r}? " if close and close != name else ""
        install = command_to_install(close) if close in missing else None
        if install is not None:
            hint += f"{install} installs {'it' if close == name else repr(close)}; "
        return UnknownBackendError(
            f"no backend {name!r}; {hint}available: {', '.join(available)}",
            name=name,
            available=tuple(available),
            install=install,
        )

    def report(self) -> list[PluginReport]:
        """Every installed plugin, the unusable ones with their reason. Imports them all."""
        reports = []
        for name in self.names:
            owner = " and ".join(sorted(_owner(point) for point in self._entry_points[name]))
            try:
                plugin = self.load(name)
                plugin.settings_model()
                reports.append(PluginReport(name, owner, plugin.roles))
            except PluginError as error:
                reports.append(PluginReport(name, owner, problem=str(error)))
        return reports


def _import(point: EntryPoint) -> object:
    try:
        return point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin that ends the process (sys.exit) is broken, not the host
        name = point.name
        raise PluginError(
            f"plugin {name!r} ({_owner(point)}) is broken: {_one_line(error)}", plugin=name
        ) from error


def _unknown_hook(module: object) -> str | None:
    """What to say of a misspelt hook, of which pluggy tells no remedy."""
    hooks = _hooks()
    for name, member in inspect.getmembers(module, inspect.isroutine):
        if hasattr(member, f"{PROJECT}_impl") and name not in hooks:
            # All begin with the prefix, which would make any two of them alike.
            bare = {hook.removeprefix(f"{PROJECT}_"): hook for hook in hooks}
            close = difflib.get_close_matches(name.removeprefix(f"{PROJECT}_"), bare, n=1)
            hint = f"did you mean {bare[close[0]]!r}?" if close else "everstore.hookspecs has them all"
            return f"{name!r} is no hook; {hint}"
    return None


def _unmarked(module: object) -> str | None:
    """A function that is called like a hook and is none, which pluggy passes over."""
    return next(
        (
            name
            for name, member in inspect.getmembers(module, inspect.isroutine)
            if name in _hooks() and not hasattr(member, f"{PROJECT}_impl")
        ),
        None,
    )


def _hooks() -> list[str]:
    return [
        name
        for name, spec in inspect.getmembers(hookspecs, inspect.isfunction)
        if hasattr(spec, f"{PROJECT}_spec")
    ]


def _one_line(error: BaseException) -> str:
    """An error in one line, whatever it says itself."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
