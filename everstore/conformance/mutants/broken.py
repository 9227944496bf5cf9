"""How a mutant is written: the registry, and the store whose verbs it replaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import msgspec

from everstore.interfaces import (
    DurableStorageStore,
    OpenFileSystem,
    SecretRotation,
    SessionStorageStore,
    SessionStore,
)
from everstore.middleware.base import Call, assemble, verbs_of
from everstore.models import Session, is_checkpoint
from everstore.store import Roles, Store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

__all__ = ["REGISTRY", "Broken", "Mutant", "mutant"]

F = TypeVar("F", bound="Call")
T = TypeVar("T")

INTERFACES = {
    "file_system": OpenFileSystem,
    "storage": SessionStorageStore,
    "sessions": SessionStore,
}


class Mutant(msgspec.Struct, frozen=True):
    """One mistake. ``dies_at`` is the check that must catch it.

    ``durable`` ones take a backend that outlives its process. ``without`` are prefixes of settings that
    get lost on the way; a ``lenient`` one opens something where a setting is wrong. ``provided`` is what
    becomes of a value that the host hands over.
    """

    name: str
    mistake: str
    dies_at: str
    durable: bool
    function: Callable[[Broken], None]
    without: tuple[str, ...]
    lenient: bool
    provided: Callable[[object], object]

    def settings(self, given: dict[str, Any]) -> dict[str, Any]:
        """What is left of the settings: a mutant may lose some on the way."""
        return {name: value for name, value in given.items() if not name.startswith(self.without or "\0")}


REGISTRY: dict[str, Mutant] = {}


def mutant(
    dies_at: str,
    *,
    durable: bool = False,
    without: tuple[str, ...] = (),
    lenient: bool = False,
    provided: Callable[[object], object] = lambda value: value,
) -> Callable[[Callable[[Broken], None]], Callable[[Broken], None]]:
    """Register a function that breaks a store; its name names the mutant, its docstring the mistake."""

    def register(function: Callable[[Broken], None]) -> Callable[[Broken], None]:
        name = function.__name__
        if name in REGISTRY:
            raise ValueError(f"two mutants are called {name!r}")
        mistake = (function.__doc__ or name).strip().rstrip(".")
        REGISTRY[name] = Mutant(name, mistake, dies_at, durable, function, without, lenient, provided)
        return function

    return register


def _except_for_checkpoints(call: Call, sound: Call) -> Call:
    """The call, or the sound one where it is about a checkpoint, which what is broken cannot change."""

    async def either(*args: Any, **options: Any) -> Any:
        given = [each.id if isinstance(each, Session) else each for each in (*args, *options.values())]
        about = any(isinstance(each, UUID) and is_checkpoint(each) for each in given)
        return await (sound if about else call)(*args, **options)

    return either


class Broken:
    """A store on its way to being broken. ``files``, ``storage`` and ``sessions`` are the sound parts.

    ``kind`` is the class that the store will have.

    ``@broken.verb`` replaces the verb of the function's name, ``around`` wraps several.
    """

    def __init__(self, store: Store, lost: dict[str, Any]) -> None:
        """Sound as yet; ``lost`` are the settings that the mutant loses on the way."""
        self.lost = lost
        self.sound = store
        self.files = store.file_system
        self.storage = store.storage
        self.sessions = store.sessions
        self.kind = Store
        self.close: Callable[[], Awaitable[None]] = store.close
        self.described: Callable[[], str] | None = None
        self.capabilities: object = store.file_system.capabilities
        self._parts: dict[str, Any] = {role: getattr(store, role) for role in INTERFACES}
        self._interfaces: dict[str, type[Any]] = {**INTERFACES}
        if isinstance(store.storage, SecretRotation):
            self._interfaces["storage"] = DurableStorageStore
        self._verbs = {role: verbs_of(interface, role, "") for role, interface in self._interfaces.items()}
        self._calls: dict[tuple[str, str], Call] = {
            (role, verb.name): getattr(self._parts[role], verb.name)
            for role, verbs in self._verbs.items()
            for verb in verbs
        }

    def verb(self, call: F) -> F:
        """Replace the verb that is called like the function, in whichever part has it."""
        name = call.__name__
        roles = [role for role in INTERFACES if (role, name) in self._calls]
        self._calls[roles[0], name] = call
        return call

    def around(
        self, wrap: Callable[[Call], Call], roles: Iterable[str] = INTERFACES, names: Iterable[str] = ()
    ) -> None:
        """Put ``wrap`` around the verbs of these roles (those named, or all)."""
        wanted = frozenset(names)
        for (role, name), call in self._calls.items():
            if role in roles and (not wanted or name in wanted):
                self._calls[role, name] = wrap(call)

    async def entries(self, session_id: Any) -> list[Any]:
        """Every entry of a session of the sound store, parents before children."""
        found = []
        directories = ["/"]
        while directories:
            for info in await self.files.list_directory(session_id, directories.pop()):
                found.append(info)
                if info.is_directory:
                    directories.append(info.path)
        return found

    def store(self) -> Store:
        """The broken store."""
        return self.kind(
            self._face("file_system"),
            self._face("storage"),
            self._face("sessions"),
            self.sound.backends,
            self.close,
            lambda: Roles(*(self._face(role, trusted=True) for role in INTERFACES)),
        )

    def _face(self, role: str, *, trusted: bool = False) -> Any:
        calls = {verb.name: self._calls[role, verb.name] for verb in self._verbs[role]}
        if trusted:
            sound = getattr(self.sound._trusted, role)  # noqa: SLF001 - core's own, as in the store itself
            calls = {
                name: _except_for_checkpoints(call, getattr(sound, name)) for name, call in calls.items()
            }
        face: Any = assemble(self._interfaces[role], self._parts[role], calls)
        setattr(type(face), "capabilities", self.capabilities)  # noqa: B010 - a class of its own
        if self.described is not None:
            text = self.described
            setattr(type(face), "__repr__", lambda _: text())  # noqa: B010 - a class of its own
        return face
