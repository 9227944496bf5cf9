"""An open store whose verbs wait for their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from everstore.compat import override
from everstore.sync.bound import BoundFiles, BoundStorage, BoundVerbs, StoreVerbs
from everstore.sync.interfaces import OpenFileSystem, SecretRotation, SessionStorageStore, SessionStore

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future
    from uuid import UUID

    from everstore import session, store
    from everstore.models import Checkpoint, Session
    from everstore.sync.loop import LoopThread

__all__ = ["BoundSession", "Store"]

T = TypeVar("T")


class BoundSession(BoundVerbs):
    """One session of an open store: ``files`` and ``storage`` without the session id.

    Making one touches no backend: a session needs no record (§1.2).
    """

    __slots__ = {
        "files": "Its files.",
        "id": "Its id.",
        "storage": "Its values and secrets.",
    }

    def __init__(self, asynchronous: session.BoundSession, loop: LoopThread) -> None:
        """Made by ``Store.session``."""
        super().__init__(asynchronous, loop)
        self.id = asynchronous.id
        self.files = BoundFiles(asynchronous.files, loop)
        self.storage = BoundStorage(asynchronous.storage, loop)


class Store(StoreVerbs):
    """An open store, for any number of threads at once. No call waits for that of another thread.

    The verbs are those of ``everstore.Store`` and of its parts, with the same answers and errors; each
    waits for its answer. They run on an event loop of their own in a thread, which they share, and with it
    the backend's connections. A call that is interrupted (Ctrl-C, a time limit told by a signal) is
    cancelled and over when the interrupt is raised.

    A context manager, which closes on the way out. In a forked process every verb is ``StoreContextError``.
    """

    __slots__ = {
        "backends": "The name of the backend that each role has.",
        "file_system": "The files of all sessions: each verb takes the id of one.",
        "sessions": "The records of sessions.",
        "storage": "The values and secrets of all sessions: each verb takes the id of one.",
    }

    def __init__(self, asynchronous: store.Store, loop: LoopThread) -> None:
        """Made by ``everstore.sync.open_store``."""
        super().__init__(asynchronous, loop)
        self.backends = asynchronous.backends
        self.file_system = OpenFileSystem(asynchronous.file_system, loop)
        self.storage = SessionStorageStore(asynchronous.storage, loop)
        self.sessions = SessionStore(asynchronous.sessions, loop)

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the store."""
        self.close()

    @override
    def __repr__(self) -> str:
        roles = ", ".join(f"{role}={plugin}" for role, plugin in self.backends.items())
        return f"<everstore.sync.Store: {roles}>"

    @property
    def asynchronous(self) -> store.Store:
        """The store whose verbs are awaited: for coroutines that ``run`` and ``submit`` are given."""
        return self._asynchronous

    @property
    def rotation(self) -> SecretRotation:
        """The stored secrets of all sessions as ciphertext, for who looks after their keys.

        ``UnsupportedError`` where secrets do not outlive the process, and none is ever encrypted.
        """
        return SecretRotation(self._asynchronous.rotation, self._loop)

    def session(self, session_id: UUID | Session | Checkpoint) -> BoundSession:
        """The same verbs bound to one session; it needs no record, and no backend is called.

        A session may be given by its record, and a checkpoint, which is read like any session, by itself.
        """
        return BoundSession(self._asynchronous.session(session_id), self._loop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine answers or raises, which runs on the store's event loop; waits for it.

        For several steps in one go, and for what has no verb, with the verbs of ``asynchronous``:
        ``store.run(asyncio.wait_for(work(store.asynchronous), 5))``. Context variables are the caller's.
        """
        return self._loop.run(coroutine)

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin a coroutine on the store's event loop; the future of its end, which does not wait.

        Cancelling the future cancels the coroutine. On another event loop it is awaited with
        ``await asyncio.wrap_future(future)``.
        """
        return self._loop.submit(coroutine)

    def close(self) -> None:
        """Release everything. Closing again does nothing; any other use is ``StoreClosedError``.

        Other threads may be at work: each of their calls has its answer, or ``StoreClosedError``. A
        coroutine that goes on for another second is cancelled.
        """
        self._loop.close()
