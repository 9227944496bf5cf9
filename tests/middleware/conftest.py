"""A backend whose every verb does the same: fail, wait, or whatever a test wants of it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

import everstore
from everstore import (
    Capabilities,
    SessionFileSystem,
    SessionFileSystemFactory,
    SessionStorageStore,
    SessionStore,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@pytest.fixture(autouse=True)
def _nowhere(in_empty_folder):
    """No settings file of the developer's is read."""


def verbs_in(interface: type) -> list[str]:
    """The names of an interface's public coroutine methods."""
    return [
        name
        for name, member in vars(interface).items()
        if inspect.iscoroutinefunction(member) and not name.startswith("_") and name != "close"
    ]


def backend_that(interface: type, act: Callable[[], Awaitable[Any]], capabilities: Capabilities) -> Any:
    async def verb(_self: object, *_args: object, **_kwargs: object) -> Any:
        return await act()

    members = {**dict.fromkeys(verbs_in(interface), verb), "capabilities": capabilities}
    return type(f"Odd{interface.__name__}", (interface,), members)()


@pytest.fixture
def open_odd_store(install_plugin) -> Callable[..., Any]:
    """Open a store on a backend whose every verb awaits ``act()`` and does nothing else."""

    def opener(act: Callable[[], Awaitable[Any]], claims: Capabilities | None = None, **settings: Any) -> Any:
        claims = claims or Capabilities()

        class Factory(SessionFileSystemFactory):
            async def create_session_file_system(self, context):
                return backend_that(SessionFileSystem, act, claims)

        install_plugin(
            "odd",
            everstore_file_system_factory=lambda: Factory(),  # noqa: PLW0108 - a hook is a function
            everstore_storage_store=lambda: backend_that(SessionStorageStore, act, claims),
            everstore_session_store=lambda: backend_that(SessionStore, act, claims),
        )
        return everstore.open_store(backend="odd", **settings)

    return opener
