"""How a store is put together: settings, then plugins, then the layers around every verb."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from everstore.context import PluginContext
from everstore.errors import BackendError, EverstoreError, SettingsError, UnsupportedError
from everstore.guards import DurableStorageGuard, FileSystemGuard, SessionStoreGuard, StorageGuard
from everstore.guards.checkpoints import changed_by
from everstore.hosting import Host
from everstore.interfaces import (
    Capabilities,
    DurableStorageStore,
    OpenFileSystem,
    SessionFileSystem,
    SessionFileSystemFactory,
    SessionStorageStore,
    SessionStore,
    storage_interface,
)
from everstore.middleware.base import Call, Middleware, Role, Verb, assemble, described, verbs_of, wrap_all
from everstore.middleware.encryption import Encryption, Envelope, Keys
from everstore.middleware.key_ring import RingKeys
from everstore.provided import Provided
from everstore.store import Roles, Store
from everstore.telling.calls import CallLog
from everstore.telling.events import EventLog
from everstore.telling.observing import Observers, about_observer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from everstore.configuration import Configuration
    from everstore.plugins import Plugin
    from everstore.settings import Limits

__all__ = ["ask", "build", "migrate"]

T = TypeVar("T", SessionFileSystem, SessionStorageStore, SessionStore)
Face = TypeVar("Face", OpenFileSystem, SessionStorageStore, SessionStore)
K = TypeVar("K")


async def build(configuration: Configuration, host: Host | None = None) -> Store:
    """The store that a configuration describes; nothing stays open when it cannot be built."""
    opening = _Opening(configuration, host or Host())
    try:
        return await opening.store()
    except BaseException as error:
        try:
            await opening.resources.aclose()
        except Exception as closing:  # noqa: BLE001 - why it could not be opened matters more
            error.add_note(f"Then closing what was already open failed: {type(closing).__name__}")
        raise


async def migrate(configuration: Configuration) -> dict[str, Sequence[str] | None]:
    """What bringing the storage of each configured plugin up to date took, a line each, by its name.

    ``None`` for a plugin that has nothing to migrate.
    """
    return {name: await ask(configuration, name, "everstore_migrate") for name in configuration.plugins}


async def ask(
    configuration: Configuration, plugin: str, hook: str, **arguments: object
) -> Sequence[str] | None:
    """What one of an operator's hooks of a plugin answers, no store being opened for it."""
    opening = _Opening(configuration, Host())
    async with opening.resources:
        context = opening.contexts[plugin]
        work = configuration.plugins[plugin].ask(hook, context=context, **arguments)
        lines: Sequence[str] | None = await _told(plugin, work, opening.log)
        return lines


class _Opening:
    """One store on its way: what it holds open, and the layers around its verbs."""

    def __init__(self, configuration: Configuration, host: Host) -> None:
        settings = configuration.settings
        self._host = host
        self._provided = Provided(host.provided)
        self.resources = AsyncExitStack()
        self._configuration = configuration
        self._events = EventLog(settings.log_level, settings.log_format)
        self._observers = Observers(host.observers)
        self.log = CallLog(self._events, self._observers)
        self._layers: list[Middleware] = []
        self._keys = _keys(configuration, host)
        self.contexts = {
            name: PluginContext(
                name, own, settings.limits, self._provided, self.resources, configuration.sources.environment
            )
            for name, own in configuration.plugin_settings.items()
        }

    async def store(self) -> Store:
        settings = self._configuration.settings
        limits, workspace_alias = settings.limits, settings.workspace_alias
        file_system = await self._backend("file_system", SessionFileSystem)
        storage = await self._backend("storage", SessionStorageStore)
        sessions = await self._backend("sessions", SessionStore)
        await self._lay_around()
        await self._let_watch()
        self._provided.refuse_unasked(self._configuration.installed)
        faces = (
            self._face(
                "file_system",
                OpenFileSystem,
                file_system,
                lambda inner: FileSystemGuard(inner, limits, workspace_alias=workspace_alias),
            ),
            self._face("storage", storage_interface(storage), storage, lambda inner: _guarded(inner, limits)),
            self._face("sessions", SessionStore, sessions, lambda inner: SessionStoreGuard(inner, limits)),
        )
        files, values, records = faces
        store = Store(
            *(files.open(), values.open(), records.open()),
            self._configuration.roles,
            self._close,
            lambda: Roles(files.trusted(), values.trusted(), records.trusted()),
        )
        self._tell_idle()
        self._tell("everstore.open")
        return store

    async def _lay_around(self) -> None:
        """Collect the layers, the outermost first: those that the host lists, then what backends bring."""
        for each in dict.fromkeys((*self._host.layers, *self._configuration.plugins)):
            if isinstance(each, Middleware):
                self._layers.append(each)
                continue
            plugin = self._configuration.plugins[each]
            layers = await self._all_of(each, "everstore_middleware")
            self._layers += [_checked(plugin, "middleware", Middleware, layer) for layer in layers]

    async def _let_watch(self) -> None:
        """Let plugins watch calls, too."""
        for name, plugin in self._configuration.plugins.items():
            observers = await self._all_of(name, "everstore_observers")
            for observer in observers:
                if (complaint := about_observer(observer)) is not None:
                    raise plugin.broken(complaint)
            self._observers.add(observers)

    async def _all_of(self, name: str, hook: str) -> list[Any]:
        work = self._configuration.plugins[name].all_of(hook, self.contexts[name])
        found: list[Any] = await _told(name, work, self.log)
        return found

    async def _backend(self, role: str, interface: type[T]) -> T:
        name = self._configuration.roles[role]
        plugin, context = self._configuration.plugins[name], self.contexts[name]
        made = await _told(name, plugin.make(role, context), self.log)
        if isinstance(made, SessionFileSystemFactory):
            made = await _told(name, made.create_session_file_system(context), self.log)
        backend = _checked(plugin, role, interface, made)
        self.resources.push_async_callback(backend.close)
        _checked(plugin, f"{role}.capabilities", Capabilities, backend.capabilities)
        return backend

    def _face(self, role: str, interface: type[Face], backend: T, guard: Callable[[T], Face]) -> _Face[Face]:
        """The backend as the host sees it: logged, guarded, with every middleware around it."""
        verbs = verbs_of(interface, role, self._configuration.roles[role])
        layers: list[Middleware] = self._layers
        if role == "storage" and backend.capabilities.durable:
            layers = [Encryption(self._keys), *layers]
        guarded = guard(self._wrapped(interface, backend, verbs, layers))
        return _Face(self.log, interface, verbs, backend, guarded)

    def _wrapped(self, interface: type[Any], backend: T, verbs: list[Verb], layers: list[Middleware]) -> T:
        """The backend with the layers around its verbs; itself where none of them wraps anything."""
        calls: dict[str, Call] = {verb.name: _call(backend, verb.name) for verb in verbs}
        alias = self._configuration.settings.workspace_alias
        log, verb = self.log, verbs[0]
        role = Role(verb.role, verb.backend, tuple(verbs), calls, alias, lambda: log.closed)
        wrapped = wrap_all(role, layers)
        return backend if wrapped == calls else assemble(interface, backend, wrapped)

    async def _close(self) -> None:
        if not self.log.closed:
            self.log.refuse_closing()
            self.log.closed = True
            try:
                await self.resources.aclose()
            except EverstoreError:
                raise
            except Exception as error:
                if misplaced := self.log.out_of_place(error, "close"):
                    raise misplaced from error
                message = f"the store could not be closed cleanly: {type(error).__name__}"
                raise BackendError(message) from error
            finally:
                self._tell("everstore.close")
                await self._events.drain()
                await self._observers.drain()

    def _tell_idle(self) -> None:
        """Warn of settings that change nothing: most of the time, whoever made them forgot the backend."""
        idle = self._configuration.idle
        if idle:
            self._events.tell(
                "warning",
                "everstore.idle_settings",
                lambda: {
                    "plugins": ", ".join(idle),
                    "settings": ", ".join(name for names in idle.values() for name in names),
                    "remedy": " or ".join(f"EVERSTORE_BACKEND={name}" for name in idle),
                },
            )

    def _tell(self, event: str) -> None:
        self._events.tell("info", event, lambda: dict(self._configuration.roles))


class _Face(Generic[K]):
    """One role, guarded, as the host calls it and as core does."""

    def __init__(
        self, log: CallLog, interface: type[K], verbs: list[Verb], backend: object, guarded: K
    ) -> None:
        self._log = log
        self._interface = interface
        self._verbs = verbs
        self._backend = backend
        self._guarded = guarded

    def open(self) -> K:
        """For the host: no verb changes a checkpoint."""
        return self._assembled(changed_by)

    def trusted(self) -> K:
        """For core's own work, which makes checkpoints and removes them."""
        return self._assembled(lambda *_: ())

    def _assembled(self, changed: Callable[[str, Callable[..., object]], tuple[str, ...]]) -> K:
        calls: dict[str, Call] = {}
        for verb in self._verbs:
            member = getattr(self._interface, verb.name)
            guarded = getattr(self._guarded, verb.name)
            logged = self._log.wrap(verb, guarded, member, changed(verb.name, member))
            calls[verb.name] = described(logged, member)
        shown = f"{self._verbs[0].role} of an open store, on {self._verbs[0].backend}"
        return assemble(self._interface, self._backend, calls, shown)


def _keys(configuration: Configuration, host: Host) -> Keys:
    """What secrets are encrypted with, when they are: the configured keys, or those of the host's ring."""
    if host.ring is None:
        return Envelope(configuration.secrets_keys)
    if configuration.secrets_keys:
        raise SettingsError(
            "open_store() was given a key ring, and EVERSTORE_SECRETS_KEYS is set; take one of them out"
        )
    return RingKeys(host.ring)


def _guarded(storage: SessionStorageStore, limits: Limits) -> SessionStorageStore:
    if isinstance(storage, DurableStorageStore):
        return DurableStorageGuard(storage, limits)
    return StorageGuard(storage, limits)


def _call(backend: object, verb: str) -> Call:
    """A verb of a backend's; one that its author left out must not seem to have no secrets."""
    found: Call | None = getattr(backend, verb, None)

    async def refused(*_args: object, **_kwargs: object) -> NoReturn:
        so = "so that the secrets that it keeps can neither be counted nor encrypted anew"
        raise UnsupportedError.lacks(backend, verb, so)

    return refused if found is None else found


def _checked(plugin: Plugin, what: str, kind: type[K], made: object) -> K:
    if not isinstance(made, kind):
        raise plugin.broken(f"its {what} is of type {type(made).__name__}, not {kind.__name__}")
    return made


async def _told(plugin: str, work: Any, log: CallLog) -> Any:
    """Await a plugin's work at opening; whatever it throws becomes one of ours."""
    try:
        return await work
    except EverstoreError:
        raise
    except Exception as error:
        if misplaced := log.out_of_place(error, f"backend {plugin!r}"):
            raise misplaced from error
        message = f"backend {plugin!r} could not be opened: {type(error).__name__}"
        raise BackendError(message, backend=plugin) from error
