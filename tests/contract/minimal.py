"""The least that keeps the contract: the abstract verbs and ``KEEPERS``, here by handing them to memory.

Everything else comes from the interfaces' defaults, which so prove that they keep the contract.
"""

from __future__ import annotations

from typing import Any

from everstore import (
    Capabilities,
    SessionFileSystem,
    SessionFileSystemFactory,
    SessionStorageStore,
    SessionStore,
    hookimpl,
)
from everstore.backends.memory import (
    InMemorySessionStorageStore,
    InMemorySessionStore,
)
from everstore.backends.memory.files import MemoryFiles  # in which /workspace has no meaning

KEEPERS = {"session_ids", "limit_session", "fork_session"}


def least_of(interface: type, full: type) -> type:
    """A backend with the verbs of an interface only that no default can be made for."""

    def __init__(self: Any, *args: Any) -> None:  # noqa: N807 - a method of the class made below
        self.full = full(*args)

    def handed_over(verb: str) -> Any:
        async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            return await getattr(self.full, verb)(*args, **kwargs)

        return call

    needed = {*interface.__abstractmethods__} | ({"session_ids"} if interface is SessionStore else KEEPERS)
    needed |= {"diff_sessions"} if interface is SessionFileSystem else set()
    verbs = {verb: handed_over(verb) for verb in needed}
    members = {"__init__": __init__, "capabilities": Capabilities(forks=True), **verbs}
    return type(f"Minimal{interface.__name__}", (interface,), members)


MinimalFileSystem = least_of(SessionFileSystem, MemoryFiles)
MinimalStorageStore = least_of(SessionStorageStore, InMemorySessionStorageStore)
MinimalSessionStore = least_of(SessionStore, InMemorySessionStore)


class MinimalFactory(SessionFileSystemFactory):
    async def create_session_file_system(self, context):
        return MinimalFileSystem(context.limits)


@hookimpl
def everstore_file_system_factory():
    return MinimalFactory()


@hookimpl
def everstore_storage_store(context):
    return MinimalStorageStore(context.limits)


@hookimpl
def everstore_session_store():
    return MinimalSessionStore()
