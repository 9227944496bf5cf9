"""A straight port of the ancestor's algorithm: one flat map of all files of all sessions.

A look-up is a look-up, but every listing, search and delete looks at every file of every session.
As in the ancestor, each verb holds the store's lock, making the parents, the read-only check and the
write are three steps, and a listing or stat makes its own records. Records are frozen, so that nobody
need copy them as the ancestor does. Keys hold the session's number and not its ``uuid.UUID``, whose
comparison is Python code: the scans are as fast as Python can make them.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["AncestorPort"]


@dataclass(frozen=True, slots=True)
class Info:
    """A file or directory without its content: a line of a listing, or what stat answers."""

    id: uuid.UUID
    session_id: uuid.UUID
    path: str
    is_directory: bool
    is_readonly: bool
    size_bytes: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or directory."""

    id: uuid.UUID
    session_id: uuid.UUID
    path: str
    content: str | None
    is_directory: bool
    is_readonly: bool
    size_bytes: int
    created_at: datetime
    updated_at: datetime

    def info(self) -> Info:
        return Info(
            self.id,
            self.session_id,
            self.path,
            self.is_directory,
            self.is_readonly,
            self.size_bytes,
            self.created_at,
            self.updated_at,
        )


@dataclass(frozen=True, slots=True)
class Value:
    """One value."""

    text: str
    created_at: datetime
    updated_at: datetime


def normalized(path: str) -> str:
    """Absolute, without the alias ``/workspace`` and without a trailing slash."""
    if not path.startswith("/"):
        path = "/" + path
    if path == "/workspace" or path.startswith("/workspace/"):
        path = path[len("/workspace") :]
    return path.rstrip("/") or "/"


def parent_of(path: str) -> str:
    """The directory that a path is in."""
    return path.rpartition("/")[0] or "/"


class AncestorPort:
    """Files and values of all sessions."""

    def __init__(self) -> None:
        self.files: dict[tuple[int, str], Entry] = {}
        self.values: dict[tuple[int, str], Value] = {}
        self.lock = asyncio.Lock()

    async def read_file(self, session_id: uuid.UUID, path: str) -> Entry | None:
        path = normalized(path)
        async with self.lock:
            return self.files.get((session_id.int, path))

    async def stat_file(self, session_id: uuid.UUID, path: str) -> Info | None:
        path = normalized(path)
        async with self.lock:
            found = self.files.get((session_id.int, path))
            return None if found is None else found.info()

    async def write_file(self, session_id: uuid.UUID, path: str, content: str) -> Entry:
        path = normalized(path)
        await self._make_parents(session_id, path)
        async with self.lock:
            old = self.files.get((session_id.int, path))
        if old is not None and old.is_readonly:
            raise PermissionError(path)
        now = datetime.now(UTC)
        async with self.lock:
            if old is None:
                old = self._entry(session_id, path, now)
            entry = Entry(
                old.id,
                session_id,
                path,
                content,
                False,
                False,
                len(content.encode()),
                old.created_at,
                now,
            )
            self.files[session_id.int, path] = entry
        return entry

    @staticmethod
    def _entry(session_id: uuid.UUID, path: str, now: datetime) -> Entry:
        return Entry(uuid.uuid4(), session_id, path, None, True, False, 0, now, now)

    async def _make_parents(self, session_id: uuid.UUID, path: str) -> None:
        async with self.lock:
            parent = parent_of(path)
            while parent != "/" and (session_id.int, parent) not in self.files:
                self.files[session_id.int, parent] = self._entry(session_id, parent, datetime.now(UTC))
                parent = parent_of(parent)

    async def list_directory(self, session_id: uuid.UUID, path: str) -> list[Info]:
        path, number = normalized(path), session_id.int
        async with self.lock:
            found = [
                entry.info()
                for (session, at), entry in self.files.items()
                if session == number and parent_of(at) == path
            ]
        return sorted(found, key=lambda info: info.path)

    async def grep_files(self, session_id: uuid.UUID, pattern: str) -> list[tuple[str, int, str]]:
        found: list[tuple[str, int, str]] = []
        number = session_id.int
        async with self.lock:
            for (session, path), entry in self.files.items():
                if session == number and entry.content is not None:
                    lines = enumerate(entry.content.splitlines(), 1)
                    found += [(path, at, line) for at, line in lines if pattern in line]
        return found

    async def delete_file(self, session_id: uuid.UUID, path: str, recursive: bool) -> bool:
        path, number = normalized(path), session_id.int
        prefix = path + "/"
        async with self.lock:
            below = [key for key in self.files if key[0] == number and key[1].startswith(prefix)]
            if below and not recursive:
                return False
            for key in below:
                del self.files[key]
            return self.files.pop((number, path), None) is not None

    async def set_value(self, session_id: uuid.UUID, key: str, value: str) -> None:
        now = datetime.now(UTC)
        async with self.lock:
            old = self.values.get((session_id.int, key))
            self.values[session_id.int, key] = Value(value, now if old is None else old.created_at, now)

    async def get_value(self, session_id: uuid.UUID, key: str) -> str | None:
        async with self.lock:
            found = self.values.get((session_id.int, key))
            return None if found is None else found.text

    async def purge_session(self, session_id: uuid.UUID) -> None:
        async with self.lock:
            for index in (self.files, self.values):
                for key in [key for key in index if key[0] == session_id.int]:
                    del index[key]
