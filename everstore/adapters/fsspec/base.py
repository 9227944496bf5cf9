"""Which store a file system is of, and on which event loop its verbs run."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from everstore.adapters.fsspec.files import WholeTransaction
from everstore.adapters.fsspec.framework import (
    AbstractFileSystem,
    AsyncFileSystem,
    async_methods,
    stringify_path,
    tokenize,
)
from everstore.adapters.fsspec.opened import Described, Given
from everstore.adapters.fsspec.urls import PROTOCOL, canonical
from everstore.compat import override

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from everstore import sync
    from everstore.store import Store

__all__ = ["StoreFileSystem", "on_the_loop", "with_waiting_verbs"]

T = TypeVar("T")
Verb = TypeVar("Verb", bound="Callable[..., Coroutine[Any, Any, Any]]")
Kind = TypeVar("Kind", bound="type[StoreFileSystem]")

_OF_FSSPEC = ("use_listings_cache", "listings_expiry_time", "max_paths")
"""Options of every file system, about a cache that this one has not."""


_Kind: Any = type(AsyncFileSystem)


class _OfItsStore(_Kind):
    """fsspec hands out one file system for the same options; two open stores may look the same to it."""

    def __call__(self, store: sync.Store | None = None, *arguments: Any, **options: Any) -> Any:
        if store is None:
            return super().__call__(*arguments, **options)
        return super().__call__(store, *arguments, **{**options, "skip_instance_cache": True})


class StoreFileSystem(AsyncFileSystem, metaclass=_OfItsStore):
    """What a file system is apart from its verbs."""

    protocol = PROTOCOL
    root_marker = ""
    transaction_type = WholeTransaction
    mirror_sync_methods = False  # with_waiting_verbs makes them

    def __init__(
        self,
        store: sync.Store | None = None,
        *,
        asynchronous: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        batch_size: int | None = None,
        **settings: Any,
    ) -> None:
        """The files of all sessions of ``store``, or of the one that settings and environment describe.

        That one is opened when it is needed first, once for the same settings in each process, and stays
        open until ``close()`` or the end of the process.
        """
        del loop  # the verbs run on the store's own
        super().__init__(asynchronous=True, batch_size=batch_size)  # True: so that fsspec starts no other
        self.asynchronous = asynchronous
        settings = {name: value for name, value in settings.items() if name not in _OF_FSSPEC}
        self._source = Described(settings) if store is None else Given(store)

    @property
    def store(self) -> sync.Store:
        """The open store; it is opened if it is not."""
        return self._source.opened().store

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop of the store."""
        return self._source.opened().loop

    @property
    def _verbs(self) -> Store:
        return self._source.opened().verbs

    def close(self) -> None:
        """Close the store that was opened for these settings; the next call opens it again.

        A store that was given is its owner's to close.
        """
        self._source.close()

    def end_of_transaction(self) -> None:
        """From now on files are written when they are closed."""
        self._intrans = False
        self._transaction = None

    @property
    def fsid(self) -> str:
        """The same for all file systems of everstore."""
        return PROTOCOL

    @property
    def _fs_token(self) -> str:
        token: str = super()._fs_token
        return tokenize(token, id(self.store)) if isinstance(self._source, Given) else token

    @override
    def __reduce__(self) -> Any:
        if isinstance(self._source, Described):
            return super().__reduce__()
        raise TypeError(
            "a file system of an open store cannot leave its process; make it of settings: "
            "EverstoreFileSystem(backend=...), or of the environment"
        )

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        path = stringify_path(path)
        return canonical(path.removeprefix(f"{PROTOCOL}://").removeprefix(f"{PROTOCOL}::"))


def on_the_loop(method: Verb) -> Verb:
    """Have a verb run on the store's event loop, on whichever it is awaited."""

    @wraps(method)
    async def there(self: StoreFileSystem, *args: Any, **kwargs: Any) -> Any:
        opened = await self._source.opened_soon()
        if asyncio.get_running_loop() is opened.loop:
            return await method(self, *args, **kwargs)
        return await asyncio.wrap_future(opened.store.submit(method(self, *args, **kwargs)))

    return cast("Verb", there)


def with_waiting_verbs(file_system: Kind) -> Kind:
    """Give a file system each verb that it has as a coroutine, ``_ls``, without ``await`` too: ``ls``.

    fsspec has its own way, which takes twice the time and goes on when its caller is interrupted.
    """
    for name in {*async_methods, *dir(AsyncFileSystem)}:
        verb = getattr(file_system, name, None)
        plain = getattr(AbstractFileSystem, name[1:], None) if name[:1] == "_" else None
        if plain is None or getattr(file_system, name[1:]) is not plain:
            continue
        if inspect.iscoroutinefunction(verb):
            setattr(file_system, name[1:], wraps(plain)(_waiting(name)))
        elif inspect.isasyncgenfunction(verb):
            setattr(file_system, name[1:], wraps(plain)(_waiting_for_each(name)))
    return file_system


def _waiting(name: str) -> Callable[..., Any]:
    def verb(self: StoreFileSystem, *args: Any, **kwargs: Any) -> Any:
        return self.store.run(getattr(self, name)(*args, **kwargs))

    return verb


def _waiting_for_each(name: str) -> Callable[..., Iterator[Any]]:
    def verb(self: StoreFileSystem, *args: Any, **kwargs: Any) -> Iterator[Any]:
        each = getattr(self, name)(*args, **kwargs)
        with suppress(StopAsyncIteration):
            while True:
                yield self.store.run(_next(each))

    return verb


async def _next(each: AsyncIterator[T]) -> T:
    return await anext(each)
