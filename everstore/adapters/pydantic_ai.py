"""A workspace of Pydantic AI: its files are a session's (``pip install 'everstore[pydantic-ai]'``)."""

from __future__ import annotations

import asyncio
import posixpath
from typing import TYPE_CHECKING, Any, TypeVar

from everstore.adapters.calls import Calls
from everstore.adapters.files import real_path, written
from everstore.adapters.naming import FRAMEWORK
from everstore.changes import Write
from everstore.compat import override
from everstore.installing import extra
from everstore.models import new_session_id
from everstore.paths import parse_session_id
from everstore.waiting import to_the_end

with extra("pydantic-ai"):
    from pydantic_ai.workspaces import (
        FileEntry,
        SupportsFilesystem,
        SupportsRealpath,
        WorkspaceBackend,
        WorkspaceRef,
        WorkspaceUnavailableError,
    )

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from uuid import UUID

    from everstore import sync
    from everstore.models import FileInfo, FileStat, Session
    from everstore.session import BoundFiles, BoundSession
    from everstore.store import Store

__all__ = ["PROVIDER", "EverstoreWorkspace"]

T = TypeVar("T")

PROVIDER = "everstore"
"""The ``provider`` of the refs; their ``id`` is the session's."""


class EverstoreWorkspace(WorkspaceBackend, SupportsFilesystem, SupportsRealpath):
    """The files of a session, as a workspace of Pydantic AI: every operation is one atomic step.

    It runs no commands, and ``/`` is its working directory. Built without ``ref`` and ``session``, its first
    operation makes a session. With ``ref`` it works in the session that this names. A session whose record is
    deleted (``store.delete_session``) is gone: every operation is ``WorkspaceUnavailableError``.

    Files whose bytes are UTF-8 are kept as text, so that they are searched and edited.

    Of an ``everstore.Store`` it works on the store's event loop, of an ``everstore.sync.Store`` on any.
    """

    def __init__(
        self,
        store: Store | sync.Store,
        ref: WorkspaceRef | None = None,
        *,
        session: UUID | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Of an open store, which its opener closes; nothing is called.

        ``ref`` names the session to work in, as an earlier workspace or a message history tells it;
        ``session`` is the host's own one, which gets a record when it has none. ``ValueError`` for both, and
        for a ref that names no session.

        ``labels`` are what the record of a session that is made here has, beside ``framework=pydantic_ai``.
        By a ref no session is reached whose record lacks any of them: so none of another tenant.
        """
        if ref is not None and session is not None:
            raise ValueError("EverstoreWorkspace takes a ref or session=, not both")
        self._calls = Calls(store)
        self._ref = ref
        self._session_id = _session_of(ref) if ref is not None else session or new_session_id()
        self._makes = ref is None
        self._labels = {FRAMEWORK: "pydantic_ai", **(labels or {})}
        self._entering: asyncio.Future[None] | None = None
        self._has_entered = False

    @property
    @override
    def ref(self) -> WorkspaceRef | None:
        """What leads back to the session: ``None`` until the first operation has made it."""
        return self._ref

    async def session(self) -> BoundSession:
        """The session, for the verbs that no workspace has: edits, appends, conditions, values.

        Of an ``everstore.sync.Store`` they are awaited on its loop only (``store.submit``).
        """
        await self._calls.go(self._enter())
        return self._calls.store.session(self._session_id)

    @override
    async def working_dir(self) -> str:
        """The root of the session."""
        await self._calls.go(self._enter())
        return "/"

    @override
    async def read_bytes(self, path: str) -> bytes:
        """The bytes of a file."""
        return await self._call(_read, path)

    @override
    async def write_bytes(self, path: str, data: bytes) -> None:
        """Create or replace a file, with its missing parents."""

        async def write(files: BoundFiles, path: str) -> None:
            change = written(path, data)
            if isinstance(change, Write):
                await files.write_file(path, change.content)
            else:
                await files.write_bytes(path, change.data)

        await self._call(write, path, changes=True)

    @override
    async def stat(self, path: str) -> FileEntry:
        """What is at the path; the size of a file."""
        return await self._call(_stat, path)

    @override
    async def list_dir(self, path: str) -> Sequence[FileEntry]:
        """The direct children, sorted by path."""
        return await self._call(_list, path)

    @override
    async def make_dir(self, path: str) -> None:
        """Create a directory, with its missing parents; one that is there stays."""
        await self._call(_make_dir, path, changes=True)

    @override
    async def remove(self, path: str) -> None:
        """Remove a file, or a directory with all that is in it, in one step; the root is ``ValueError``."""
        await self._call(_remove, path, changes=True)

    @override
    async def exists(self, path: str) -> bool:
        """Whether a file or a directory is there."""
        try:
            await self._call(_stat, path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    @override
    async def realpath(self, path: str) -> str:
        """The path as listings show it: without the alias of the root, and ``..`` taken up."""
        return await self._call(real_path, posixpath.normpath(path))

    # -- the session --------------------------------------------------------------------------------

    async def _call(
        self, verb: Callable[[BoundFiles, str], Coroutine[Any, Any, T]], path: str, *, changes: bool = False
    ) -> T:
        if not posixpath.isabs(path):
            raise ValueError(f"the path of a workspace is absolute, not {path!r:.100}")
        return await self._calls.go(self._called(verb, path, changes=changes))

    async def _called(
        self, verb: Callable[[BoundFiles, str], Coroutine[Any, Any, T]], path: str, *, changes: bool
    ) -> T:
        """What a verb answers of a session that is there: what is found in one tells that it is."""
        if not self._has_entered:
            await self._enter()
        elif changes:
            await self._require_session()
        try:
            answer = await verb(self._calls.store.session(self._session_id).files, path)
        except FileNotFoundError:
            await self._require_session()
            raise
        if answer == []:
            await self._require_session()
        return answer

    async def _enter(self) -> None:
        """Make the session, or see that it is there: once, whoever comes first, and to the end."""
        if self._has_entered:
            await self._require_session()
            return
        if self._entering is None or self._entering.done():
            self._entering = asyncio.ensure_future(self._make_or_attach())
        await to_the_end(self._entering)

    async def _make_or_attach(self) -> None:
        if not self._makes:
            await self._require_session(self._labels)
        elif await self._calls.store.sessions.get_session(self._session_id) is None:
            await self._calls.store.create_session(session_id=self._session_id, labels=self._labels)
        self._ref = WorkspaceRef(provider=PROVIDER, id=str(self._session_id))
        self._has_entered = True

    async def _require_session(self, labels: Mapping[str, str] | None = None) -> None:
        found: Session | None = await self._calls.store.sessions.get_session(self._session_id)
        if found is None or (labels and not found.has_labels(labels)):
            raise WorkspaceUnavailableError(
                f"there is no session {self._session_id} (any more) for this workspace"
            )


def _session_of(ref: WorkspaceRef) -> UUID:
    if ref.provider != PROVIDER:
        raise ValueError(f"this ref is of provider {ref.provider!r:.100}, not {PROVIDER!r}")
    return parse_session_id(ref.id)


# -- what is asked of the files, as pydantic-ai answers it ------------------------------------------
# The errors are Python's own already, and ``ValueError`` for a path that cannot be one.


async def _read(files: BoundFiles, path: str) -> bytes:
    data = await files.read_bytes(path)
    if data is None:  # nothing, or a directory: the strict look tells which
        data = (await files.read_file(path, strict=True)).data
    return data or b""


async def _stat(files: BoundFiles, path: str) -> FileEntry:
    found: FileStat | FileInfo | None = await files.stat_file(path)
    if found is None:
        found = (await files.read_file(path, strict=True)).info()
    return _entry(found, path)


async def _list(files: BoundFiles, path: str) -> list[FileEntry]:
    infos = await files.list_directory(path, strict=True)
    prefix = path if path.endswith("/") else path + "/"
    return [_entry(info, prefix + info.name) for info in infos]


async def _make_dir(files: BoundFiles, path: str) -> None:
    await files.create_directory(path)


async def _remove(files: BoundFiles, path: str) -> None:
    await files.delete_file(path, recursive=True, strict=True)


def _entry(info: FileInfo, path: str) -> FileEntry:
    """An entry by the path that it was asked for."""
    size = None if info.is_directory else info.size_bytes
    return FileEntry(name=path.rstrip("/").rpartition("/")[2], path=path, is_dir=info.is_directory, size=size)
