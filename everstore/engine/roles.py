"""The three roles over an engine: every verb is some work for its threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from everstore.changes import SwapSecret
from everstore.compat import override
from everstore.engine import counting, file_forks, looking, own_limits, records, value_forks
from everstore.engine.keys import LIMITS_OF_FILES, LIMITS_OF_TEXTS, SECRETS, VALUES
from everstore.engine.space import EngineSpace, purge_texts, scan_secrets
from everstore.engine.tree import EngineTree
from everstore.interfaces import DurableStorageStore, SessionFileSystem, SessionStorageStore, SessionStore
from everstore.paging import KeyPage
from everstore.rules import Held, answered_together, apply_to_space, apply_to_tree
from everstore.search import compile_glob
from everstore.trees import TreePage

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from everstore.changes import FileMutation, ValueMutation
    from everstore.engine.base import Engine
    from everstore.engine.threads import Threads
    from everstore.engine.writing import Writing
    from everstore.models import (
        FileChange,
        FileInfo,
        FileStat,
        FileUsage,
        GrepMatch,
        KeyInfo,
        SecretInfo,
        Session,
        SessionFile,
        StorageUsage,
        StoredSecret,
        StoredValue,
        ValueChange,
    )
    from everstore.search import Query
    from everstore.session_limits import SessionLimits
    from everstore.settings import Limits

__all__ = ["role_over"]


def role_over(
    role: str, threads: Threads, limits: Limits
) -> SessionFileSystem | SessionStorageStore | SessionStore:
    """What plays a role over an open engine."""
    if role == "file_system":
        return EngineFiles(threads, limits)
    return EngineStorage(threads, limits) if role == "storage" else EngineSessions(threads)


class EngineFiles(SessionFileSystem):
    """Files over an engine."""

    def __init__(self, threads: Threads, limits: Limits) -> None:
        """A view on ``threads``, which somebody else closes."""
        self._threads = threads
        self._limits = limits
        self.capabilities = replace(threads.capabilities, forks=True)

    @override
    async def apply(self, session_id: UUID, changes: Sequence[FileMutation[Any]]) -> list[Any]:
        return await self._threads.write(_apply_to_files, session_id, self._limits, changes)

    @override
    async def read_file(self, session_id: UUID, path: str) -> SessionFile | None:
        return await self._threads.look(looking.read_file, session_id, path)

    @override
    async def read_bytes(
        self, session_id: UUID, path: str, start: int = 0, length: int | None = None
    ) -> bytes | None:
        return await self._threads.look(looking.read_bytes, session_id, path, start, length)

    @override
    async def stat_file(self, session_id: UUID, path: str) -> FileStat | None:
        return await self._threads.look(looking.stat_file, session_id, path)

    @override
    async def list_directory(self, session_id: UUID, path: str = "/") -> list[FileInfo]:
        return await self._threads.read(looking.list_directory, session_id, path)

    @override
    async def list_tree(
        self,
        session_id: UUID,
        path: str = "/",
        *,
        depth: int | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[FileInfo]:
        page = TreePage(path, depth, after, limit)
        return await self._threads.search(looking.list_tree, session_id, page)

    @override
    async def search(self, session_id: UUID, query: Query) -> list[GrepMatch]:
        return await self._threads.search(looking.grep, session_id, query)

    @override
    async def glob_files(self, session_id: UUID, pattern: str) -> list[FileInfo]:
        return await self._threads.search(looking.glob, session_id, compile_glob(pattern))

    @override
    async def usage(self, session_id: UUID) -> FileUsage:
        return await self._threads.read(counting.usage_of_files, session_id)

    @override
    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        return await self._threads.read(counting.ids_of_files, after, limit)

    @override
    async def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
        await self._threads.write(file_forks.fork, source, target, replaced)

    @override
    async def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> list[FileChange]:
        return await self._threads.search(file_forks.differences, a, b, after, limit)

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        return await self._threads.write(_purge_files, session_id, self._limits)

    @override
    async def limit_session(self, session_id: UUID, limits: SessionLimits) -> None:
        await _keep_limits(self._threads, LIMITS_OF_FILES, session_id, limits.of_files)


def _apply_to_files(
    writing: Writing,
    engine: Engine,
    session_id: UUID,
    limits: Limits,
    changes: Sequence[FileMutation[Any]],
) -> list[Any]:
    tree = EngineTree(writing, engine, session_id, limits)
    answers = answered_together(lambda change: apply_to_tree(tree, change), changes)
    tree.finish()
    return answers


def _purge_files(writing: Writing, engine: Engine, session_id: UUID, limits: Limits) -> bool:
    return EngineTree(writing, engine, session_id, limits).purge()


async def _keep_limits(
    threads: Threads, kind: bytes, session_id: UUID, limits: tuple[int | None, int | None] | None
) -> None:
    if limits is not None or await threads.look(own_limits.is_limited, kind, session_id):
        await threads.write(own_limits.keep, kind, session_id, limits)


class EngineStorage(DurableStorageStore):
    """Values and secrets over an engine."""

    def __init__(self, threads: Threads, limits: Limits) -> None:
        """A view on ``threads``, which somebody else closes."""
        self._threads = threads
        self._limits = limits
        self.capabilities = replace(threads.capabilities, forks=True)

    @override
    async def apply(self, session_id: UUID, changes: Sequence[ValueMutation[Any]]) -> list[Any]:
        return await self._threads.write(_apply_to_texts, session_id, self._limits, changes)

    @override
    async def get_value(self, session_id: UUID, key: str) -> str | None:
        return await self._threads.look(looking.get_text, VALUES, session_id, key)

    @override
    async def stat_value(self, session_id: UUID, key: str) -> KeyInfo | None:
        return await self._threads.look(looking.stat_value, session_id, key)

    @override
    async def read_value(self, session_id: UUID, key: str) -> StoredValue | None:
        return await self._threads.look(looking.read_value, session_id, key)

    @override
    async def get_values(self, session_id: UUID, keys: Collection[str]) -> dict[str, str]:
        return await self._threads.look_at_some(looking.get_values, len(keys), session_id, keys)

    @override
    async def read_values(
        self,
        session_id: UUID,
        prefix: str = "",
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[StoredValue]:
        page = KeyPage.of(prefix, after, limit, reverse=reverse)
        return await self._threads.look_at_some(looking.read_values, limit, session_id, page)

    @override
    async def list_keys(
        self,
        session_id: UUID,
        prefix: str = "",
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[KeyInfo]:
        page = KeyPage.of(prefix, after, limit, reverse=reverse)
        return await self._threads.look_at_some(looking.list_keys, limit, session_id, page)

    @override
    async def get_secret(self, session_id: UUID, name: str) -> str | None:
        return await self._threads.look(looking.get_text, SECRETS, session_id, name)

    @override
    async def list_secrets(self, session_id: UUID) -> list[SecretInfo]:
        return await self._threads.read(looking.list_secrets, session_id)

    @override
    async def usage(self, session_id: UUID) -> StorageUsage:
        return await self._threads.read(counting.usage_of_texts, session_id)

    @override
    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        return await self._threads.read(counting.ids_of_texts, after, limit)

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        return await self._threads.write(purge_texts, session_id)

    @override
    async def limit_session(self, session_id: UUID, limits: SessionLimits) -> None:
        await _keep_limits(self._threads, LIMITS_OF_TEXTS, session_id, limits.of_values)

    @override
    async def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
        await self._threads.write(value_forks.fork, source, target, replaced)

    @override
    async def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> list[ValueChange]:
        return await self._threads.read(value_forks.differences, a, b, after, limit)

    @override
    async def scan_secrets(
        self, *, after: tuple[UUID, str] | None = None, limit: int = 100
    ) -> list[StoredSecret]:
        return await self._threads.read(scan_secrets, after, limit)

    @override
    async def swap_secret(self, session_id: UUID, name: str, expected: str, replacement: str) -> bool:
        (answer,) = await self.apply(session_id, [SwapSecret(name, expected, replacement)])
        return bool(answer)


_KINDS = {"values": VALUES, "secrets": SECRETS}


def _apply_to_texts(
    writing: Writing,
    engine: Engine,
    session_id: UUID,
    limits: Limits,
    changes: Sequence[ValueMutation[Any]],
) -> list[Any]:
    spaces: dict[str, EngineSpace] = {}
    held = Held()

    def apply(change: ValueMutation[Any]) -> Any:
        space = spaces.get(change.space)
        if space is None:
            kind = _KINDS[change.space]
            space = spaces[change.space] = EngineSpace(writing, engine, kind, session_id, limits, held)
        return apply_to_space(space, change)

    return answered_together(apply, changes)


class EngineSessions(SessionStore):
    """Session records over an engine."""

    def __init__(self, threads: Threads) -> None:
        """A view on ``threads``, which somebody else closes."""
        self._threads = threads
        self.capabilities = replace(threads.capabilities, forks=True)

    @override
    async def add_session(self, session: Session) -> None:
        await self._threads.write(records.add, session)

    @override
    async def get_session(self, session_id: UUID) -> Session | None:
        return await self._threads.look(records.look, session_id)

    @override
    async def update_session(
        self,
        session_id: UUID,
        *,
        title: str | UnsetType | None = UNSET,
        labels: Mapping[str, str] | UnsetType = UNSET,
    ) -> Session:
        return await self._threads.write(records.update, session_id, title, labels)

    @override
    async def list_sessions(
        self,
        *,
        limit: int = 100,
        after: Session | None = None,
        labels: Mapping[str, str] | None = None,
        checkpoints_of: UUID | None = None,
    ) -> list[Session]:
        return await self._threads.read(records.newest, limit, after, labels, checkpoints_of)

    @override
    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        return await self._threads.read(counting.ids_of_records, after, limit)

    @override
    async def delete_session(self, session_id: UUID) -> bool:
        return await self._threads.write(records.delete, session_id)
