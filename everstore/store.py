"""An open store: three roles, and what concerns all of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from everstore.arguments import check_flag, plain_count, plain_session
from everstore.branching.differences import differences
from everstore.branching.forks import Branches, id_of
from everstore.branching.undoing import changeable, undone
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
    from everstore.models import Checkpoint, FileChange, Merged, Prefer, SessionUsage, ValueChange
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

    @cached_property
    def _branches(self) -> Branches:
        return Branches(self._trusted, self.backends)

    def session(self, session_id: UUID | Session | Checkpoint) -> BoundSession:
        """The same verbs bound to one session; it needs no record, and no backend is called.

        A session may be given by its record, and a checkpoint, which is read like any session, by itself.
        """
        return BoundSession(id_of(session_id), self.file_system, self.storage)

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
                id=new_session_id() if session_id is None else changeable(id_of(session_id)),
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
        left = f"session {session_id} could not be removed again; delete_session does it"
        await undone(error, [self.delete_session(session_id)], left)

    async def delete_session(self, session_id: UUID | Session, *, keep_checkpoints: bool = False) -> bool:
        """Remove a session: files, values, secrets and record; whether there was anything.

        Its checkpoints go with it, and first, unless they are to be kept: each is found by its id then, and
        all by ``list_checkpoints`` still. Forks of it stay, whole. The record goes last. After a crash on the
        way, run it again: it finishes the job. ``ReadOnlySessionError`` for a checkpoint, which
        ``delete_checkpoint`` removes.
        """
        check_flag("keep_checkpoints", keep_checkpoints)
        session_id = changeable(id_of(session_id))
        had = False if keep_checkpoints else await self._branches.delete_all(session_id)
        files = await self.file_system.purge_session(session_id)
        storage = await self.storage.purge_session(session_id)
        record = await self.sessions.delete_session(session_id)
        return had or files or storage or record

    async def fork_session(
        self,
        source: UUID | Session | Checkpoint,
        *,
        title: str | None = None,
        labels: Mapping[str, str] | None = None,
        session_id: UUID | None = None,
        secrets: bool = False,
        base: bool = True,
    ) -> Session:
        """Make a session that has what this one has at one moment, and goes its own way; returns its record.

        Files and values, whatever they weigh, at the cost of their number: no content is copied. Times, time
        to live, read-only marks and limits of its own are the same; ids and revisions are not. ``secrets``
        come along only when asked for, and are sealed anew. The record has ``parent``, and the title and
        labels of the other unless they are given; of a checkpoint, ``parent`` is the session that it is of.

        With ``base`` its starting point is kept as a checkpoint of the fork, which ``merge`` needs and
        ``delete_session`` frees. Files are of one moment, and so are values; the record is written last.

        ``UnsupportedError``, and nothing happens, where a backend cannot fork; ``SessionNotEmptyError`` when
        files or values are under a given ``session_id``, or secrets when some are to come. When it fails or
        is cancelled, what it had made of a fresh session is removed; under a given id it may stay, which the
        error says, and ``delete_session`` removes it.
        """
        check_flag("secrets", secrets)
        check_flag("base", base)
        fork_id = None if session_id is None else id_of(session_id)
        return await self._branches.fork(id_of(source), fork_id, title, labels, secrets=secrets, base=base)

    async def checkpoint(self, session_id: UUID | Session, label: str = "") -> Checkpoint:
        """Keep what a session has at one moment: a session by itself, which verbs read and none changes.

        ``store.session(checkpoint.id)`` reads it; a verb that would change it is ``ReadOnlySessionError``.
        Secrets are not in it. It costs what a fork costs. ``UnsupportedError``, and nothing happens, where a
        backend cannot.
        """
        return await self._branches.checkpoint(id_of(session_id), label)

    async def list_checkpoints(
        self,
        session_id: UUID | Session,
        *,
        limit: int | None = None,
        after: Checkpoint | UUID | None = None,
    ) -> list[Checkpoint]:
        """The checkpoints of a session, newest first; at most ``limit``, those that follow ``after``.

        That of a fork's starting point is one of them, with the label ``base``. ``[]`` when there are none.
        ``after`` need not be there any more; of an id that nothing has it is ``CheckpointNotFoundError``.
        """
        if limit is not None:
            limit = plain_count("limit", limit, 0)
        return await self._branches.list(id_of(session_id), limit, after)

    async def delete_checkpoint(self, checkpoint: Checkpoint | UUID) -> bool:
        """Remove a checkpoint; whether it was there. What only it had is freed.

        ``InvalidArgumentError`` for what is no checkpoint's id. Run again after a crash it finishes the job;
        until then nobody can go back to what is left.
        """
        return await self._branches.delete(id_of(checkpoint))

    async def rewind(
        self, session_id: UUID | Session, checkpoint: Checkpoint | UUID, *, keep: bool = True
    ) -> Checkpoint | None:
        """Have a session be again what it was at one of its checkpoints; the checkpoint of the moment before.

        Files in one step, then values: whoever looks sees what was, or what is again, and no write is lost,
        for what was there at that very moment is kept as a checkpoint, by which rewinding is undone. With
        ``keep=False`` it is not, and the answer is ``None``. Revisions never repeat: an ``if_revision`` from
        the time line that was left does not hold. Id, record, secrets and limits stay.

        ``CheckpointNotFoundError`` when there is no such checkpoint, or it is another session's; fork that.
        """
        check_flag("keep", keep)
        return await self._branches.rewind(id_of(session_id), id_of(checkpoint), keep=keep)

    async def diff(
        self,
        a: UUID | Session | Checkpoint,
        b: UUID | Session | Checkpoint,
        *,
        after: str | None = None,
        limit: int | None = None,
        text: bool = False,
    ) -> list[FileChange]:
        """What is different in the files of ``b``: added, removed or changed, sorted by path by code point.

        Those that follow the path ``after``, and ``limit`` at most; fewer only when no more follow. With
        ``text`` each has a unified difference of its contents, which says so where these are binary or large.
        """
        check_flag("text", text)
        return await differences(self.file_system, id_of(a), id_of(b), after, limit, text=text)

    async def diff_values(
        self,
        a: UUID | Session | Checkpoint,
        b: UUID | Session | Checkpoint,
        *,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[ValueChange]:
        """What is different in the values of ``b``, sorted by key by code point; of secrets nothing is told.

        Those that follow the key ``after``, and ``limit`` at most; fewer only when no more follow.
        """
        return await self.storage.diff_sessions(id_of(a), id_of(b), after=after, limit=limit)

    async def merge(
        self,
        fork: UUID | Session,
        into: UUID | Session | None = None,
        *,
        prefer: Prefer | None = None,
    ) -> Merged:
        """Take what a fork changed since it began into its parent, or another session; what changed there.

        What only one side changed is taken, what both changed in the same way is done. What they changed
        differently is a ``MergeConflictError`` with all ``paths`` and ``keys``, and nothing is changed; with
        ``prefer`` that side's is taken there. Files are applied in one step, then values in another, as
        ``apply_changes`` and ``change_values`` do: nobody's write is lost, neither one that comes meanwhile.
        Secrets and read-only marks are not merged. ``CheckpointNotFoundError`` when the fork's starting point
        was not kept, ``ReadOnlyFileError``, and nothing is changed, when a file to change is read-only there.
        """
        return await self._branches.merge(id_of(fork), None if into is None else id_of(into), prefer)

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
