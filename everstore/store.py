"""An open store: three roles, and what concerns all of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from everstore.arguments import check_session_id, plain_session
from everstore.compat import override
from everstore.errors import EverstoreError, InvalidArgumentError, UnsupportedError, shown
from everstore.interfaces import SecretRotation
from everstore.labels import NO_LABELS
from everstore.models import InitialFile, Session, new_session_id
from everstore.session import BoundSession
from everstore.session_limits import plain_limits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from everstore.interfaces import OpenFileSystem, SessionStorageStore, SessionStore
    from everstore.models import SessionUsage
    from everstore.session_limits import SessionLimits
    from everstore.settings import Limits

__all__ = ["Roles", "Store"]


class Roles(NamedTuple):
    """The three parts of a store."""

    file_system: OpenFileSystem
    storage: SessionStorageStore
    sessions: SessionStore


class Store:
    """An open store. Every verb of its three parts is validated, logged and atomic.

    ``file_system`` keeps files, ``storage`` values and secrets, ``sessions`` the records of
    sessions. ``backends`` tells which plugin plays which of these roles.
    """

    def __init__(
        self,
        file_system: OpenFileSystem,
        storage: SessionStorageStore,
        sessions: SessionStore,
        backends: dict[str, str],
        close: Callable[[], Awaitable[None]],
        trusted: Callable[[], Roles] | None = None,
    ) -> None:
        """Made by ``open_store``; ``trusted`` makes the same parts without the guard of checkpoints."""
        self.file_system = file_system
        self.storage = storage
        self.sessions = sessions
        self.backends = backends
        self._close = close
        self._make_trusted = trusted

    @cached_property
    def _trusted(self) -> Roles:
        """The parts for core's own work: they change checkpoints, too; all else is as in the open ones."""
        if self._make_trusted is None:
            return Roles(self.file_system, self.storage, self.sessions)
        return self._make_trusted()

    def session(self, session_id: UUID) -> BoundSession:
        """The same verbs bound to one session; it needs no record, and no backend is called."""
        check_session_id(session_id)
        return BoundSession(session_id, self.file_system, self.storage)

    @property
    def rotation(self) -> SecretRotation:
        """The stored secrets of all sessions as ciphertext, for who looks after their keys.

        ``UnsupportedError`` where secrets do not outlive the process, and none is ever encrypted.
        """
        if isinstance(self.storage, SecretRotation):
            return self.storage
        raise UnsupportedError(
            f"backend {self.backends['storage']!r} keeps secrets in its process only, and encrypts none; "
            "EVERSTORE_BACKEND or EVERSTORE_STORAGE names another"
        )

    async def create_session(
        self,
        title: str | None = None,
        *,
        session_id: UUID | None = None,
        files: Iterable[InitialFile] = (),
        labels: Mapping[str, str] | None = None,
        limits: SessionLimits | Limits | Mapping[str, int | None] | None = None,
    ) -> Session:
        """Make a session with a record, and perhaps its first files; returns the record.

        The id is a fresh UUID version 7 unless one is given (whose record is then replaced). The
        record is written last: a session in ``list_sessions`` has all its files.

        ``limits`` are those of this session: ``{"session_entries": 100, "session_bytes": 1 << 20}`` and the
        like, ``session_keys`` and ``session_value_bytes``. They may only be lower than the store's, and hold
        until the session is deleted, whoever opens the store. Under an id that was given they replace all
        those it had: ``{}`` takes them away, ``None`` leaves them. ``InvalidArgumentError`` for another limit
        or a higher one, ``UnsupportedError`` where a backend cannot keep them.

        When it fails or is cancelled, what it had made of a fresh session is removed again. Under an id that
        was given, nothing is removed: what was there is the caller's, and calling again finishes the
        job. The error says ``session_id``, and in a note what has stayed.
        """
        session = plain_session(
            Session(
                id=new_session_id() if session_id is None else session_id,
                title=title,
                labels=NO_LABELS if labels is None else labels,
            )
        )
        if not hasattr(type(files), "__iter__") or isinstance(files, (str, bytes)):
            raise InvalidArgumentError(f"files are some InitialFile objects, not {shown(files)}")
        own = None if limits is None else plain_limits(limits)
        try:
            if own is not None:
                await self.file_system.limit_session(session.id, own)
                await self.storage.limit_session(session.id, own)
            for file in files:
                await self.file_system.seed_initial_file(session.id, file)
            await self.sessions.add_session(session)
        except BaseException as error:
            await self._unmake(session.id, error, is_fresh=session_id is None)
            raise
        return session

    async def _unmake(self, session_id: UUID, error: BaseException, *, is_fresh: bool) -> None:
        """Remove what a ``create_session`` that failed has made, and tell of it in its error."""
        if isinstance(error, EverstoreError):
            error.facts.setdefault("session_id", session_id)
            error.__dict__.setdefault("session_id", session_id)
        if not is_fresh:
            error.add_note(f"session {session_id} may have some of the files by now; call again to have all")
            return
        import asyncio  # noqa: PLC0415 - loads when needed

        from everstore.waiting import to_the_end  # noqa: PLC0415 - loads when needed

        removing = asyncio.ensure_future(self.delete_session(session_id))
        try:
            await to_the_end(removing)
        except asyncio.CancelledError as cancelled:
            error = cancelled  # it takes the place of what went wrong before
            raise
        except Exception:  # noqa: BLE001, S110 - it is logged, and what is told is why there is no session
            pass
        finally:
            if removing.cancelled() or removing.exception() is not None:
                error.add_note(f"session {session_id} could not be removed again; delete_session does it")

    async def delete_session(self, session_id: UUID) -> bool:
        """Remove a session: files, values, secrets and record; whether there was anything.

        The record goes last. After a crash on the way, run it again: it finishes the job.
        """
        files = await self.file_system.purge_session(session_id)
        storage = await self.storage.purge_session(session_id)
        record = await self.sessions.delete_session(session_id)
        return files or storage or record

    async def usage(self, session_id: UUID) -> SessionUsage:
        """What a session holds: see ``BoundSession.usage``."""
        return await self.session(session_id).usage()

    async def session_ids(self, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        """A page of the ids of all sessions that hold anything, record or not, ascending, each once.

        A file, a directory, a value, a secret or a record is something; what is past its time is not. For
        the next page pass the last id of this one as ``after``: it need not hold anything any more. Fewer
        than ``limit`` only when no more follow, ``[]`` when there are none. What each part answers is of one
        moment. ``UnsupportedError`` where one of the backends cannot list them.
        """
        parts = self.file_system, self.storage, self.sessions
        pages = [await part.session_ids(after=after, limit=limit) for part in parts]
        return sorted({session_id for page in pages for session_id in page})[:limit]

    async def ping(self) -> None:
        """Ask each role for something that is not there: an error says that the store is not ready.

        For a probe of readiness: it reads, of a session that nobody has, and writes nothing.
        """
        nobody = UUID(int=0)
        await self.file_system.stat_file(nobody, "/ping")
        await self.storage.get_value(nobody, "ping")
        await self.sessions.get_session(nobody)

    @override
    def __repr__(self) -> str:
        roles = ", ".join(f"{role}={plugin}" for role, plugin in self.backends.items())
        return f"<everstore.Store: {roles}>"

    async def close(self) -> None:
        """Release everything. Closing again does nothing; any other use is ``StoreClosedError``."""
        await self._close()
