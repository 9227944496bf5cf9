"""A session that is read from one end to the other, as it is at one moment."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from everstore.arguments import LATEST_NS
from everstore.branching.undoing import undone
from everstore.errors import (
    BackendUnavailableError,
    PolicyError,
    QuotaExceededError,
    SessionNotFoundError,
    UnsupportedError,
)
from everstore.models import Session, SessionUsage, is_checkpoint
from everstore.transfer.items import MARK, PIECE, Directory, File, Secret, Value, times_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from uuid import UUID

    from everstore.models import FileInfo, FileUsage, SessionFile, StoredValue
    from everstore.store import Store
    from everstore.transfer.items import Item

__all__ = ["Source", "frozen", "record_of"]

_PAGE = 500  # entries that are listed at once
_FEWER = 100  # values that are read at once
_AT_ONCE = 32  # files that are read at once, so that a backend answers several in one go
_MOST_BYTES = 4 * PIECE  # of files that are read at once, unless one alone has more


class Source:
    """A session to be read: ``session_id`` names it, and what is read is what ``reading`` names."""

    def __init__(
        self, store: Store, session_id: UUID, record: Session | None, reading: UUID, *, is_still: bool
    ) -> None:
        """``is_still`` says that nobody changes what is read; else it is looked at again at the end."""
        self.session_id = session_id
        self.record = record
        self.reading = reading
        self.store = store
        self._is_still = is_still

    async def usage(self) -> FileUsage:
        """What the files are, in numbers."""
        return await self.store.file_system.usage(self.reading)

    async def items(self, *, secrets: bool = False) -> AsyncIterator[Item]:
        """All that the session holds, in order.

        ``BackendUnavailableError`` at the end, or before, when it changed meanwhile.
        """
        seen = _Versions()
        async for item in self._files(seen):
            yield item
        async for value in self._values():
            seen.add(value.key, value.version)
            yield Value(value.key, value.value, value.expires_ns, *times_of(value))
        if secrets:
            async for secret in self._secrets():
                yield secret
        if not self._is_still and await self._versions() != seen.value():
            raise self.changed()

    async def _files(self, seen: _Versions) -> AsyncIterator[Item]:
        async for infos in self._entries():
            for some in _together(infos):
                seen.add_all(some)
                files = [info for info in some if not info.is_directory]
                reads = [self.store.file_system.read_file(self.reading, info.path) for info in files]
                found = dict(zip(files, await asyncio.gather(*reads), strict=True)) if reads else {}
                for info in some:
                    if info.is_directory:
                        yield Directory(info.path, *times_of(info))
                        continue
                    for part in self._parts(info, found.pop(info)):
                        yield part

    def _parts(self, info: FileInfo, found: SessionFile | None) -> Iterator[Item]:
        if found is None or found.version != info.version:
            raise self.changed()
        data = found.data or b""
        yield File(info.path, len(data), found.encoding, info.is_readonly, *times_of(info))
        for start in range(0, len(data), PIECE):
            yield data[start : start + PIECE]

    async def _entries(self) -> AsyncIterator[list[FileInfo]]:
        after = None
        while page := await self.store.file_system.list_tree(self.reading, after=after, limit=_PAGE):
            yield page
            after = page[-1].path
            if len(page) < _PAGE:
                return

    async def _values(self) -> AsyncIterator[StoredValue]:
        after = None
        while page := await self.store.storage.read_values(self.reading, after=after, limit=_FEWER):
            for value in page:
                if value.key != MARK:
                    yield value
            after = page[-1].key
            if len(page) < _FEWER:
                return

    async def _secrets(self) -> AsyncIterator[Secret]:
        """The secrets, which no checkpoint has: they are read where they are, and looked at again."""
        storage = self.store.storage
        before = await storage.list_secrets(self.session_id)
        for info in before:
            text = await storage.get_secret(self.session_id, info.name)
            if text is None:
                raise self.changed()
            yield Secret(info.name, text, info.expires_ns, *times_of(info))
        if await storage.list_secrets(self.session_id) != before:
            raise self.changed()

    async def _versions(self) -> str:
        """What identifies all that is there now: no revision ever comes back."""
        seen = _Versions()
        async for infos in self._entries():
            seen.add_all(infos)
        async for value in self._values():
            seen.add(value.key, value.version)
        return seen.value()

    def changed(self) -> BackendUnavailableError:
        """What is raised when the session did not stay as it was while it was read."""
        return BackendUnavailableError(
            f"session {self.session_id} changed while it was read; do it again when nobody writes to it",
            happened=False,
        )


class _Versions:
    """What identifies a state of a session that has been looked at."""

    def __init__(self) -> None:
        self._hash = sha256()

    def add(self, place: str, version: int) -> None:
        self._hash.update(f"{place}\0{version}\n".encode())

    def add_all(self, infos: list[FileInfo]) -> None:
        for info in infos:
            self.add(info.path, info.version)

    def value(self) -> str:
        return self._hash.hexdigest()


def _together(infos: list[FileInfo]) -> Iterator[list[FileInfo]]:
    """Entries in groups that are read at once."""
    group: list[FileInfo] = []
    size = 0
    for info in infos:
        if group and (len(group) == _AT_ONCE or size + info.size_bytes > _MOST_BYTES):
            yield group
            group, size = [], 0
        group.append(info)
        size += info.size_bytes
    yield group


async def record_of(store: Store, session_id: UUID) -> Session | None:
    """A session's record, with times that another one may have, as ``times_of`` has them; or ``None``."""
    record = await store.sessions.get_session(session_id)
    if record is None or record.updated_ns <= LATEST_NS:
        return record
    return msgspec.structs.replace(record, updated_ns=LATEST_NS)


@asynccontextmanager
async def frozen(store: Store, session_id: UUID) -> AsyncIterator[Source]:
    """A session as it is at this moment, whatever others write meanwhile.

    Where a checkpoint can be taken, that is read, and gone afterwards; else the session is looked at again at
    the end. ``SessionNotFoundError`` when there is nothing.
    """
    record = await record_of(store, session_id)
    await _require_something(store, session_id, record)
    if is_checkpoint(session_id):
        title = None if record is None else record.title
        own = None if record is None else Session(session_id, title, record.created_ns, parent=record.parent)
        yield Source(store, session_id, own, session_id, is_still=True)
        return
    try:
        checkpoint = await store.checkpoint(session_id, "transfer")
    except (UnsupportedError, PolicyError, QuotaExceededError):  # no forks, only read, not allowed, full
        yield Source(store, session_id, record, session_id, is_still=False)
        return
    try:
        yield Source(store, session_id, record, checkpoint.id, is_still=True)
    except BaseException as error:
        left = f"checkpoint {checkpoint.id} could not be removed; delete_checkpoint() does it"
        await undone(error, [store.delete_checkpoint(checkpoint.id)], left)
        raise
    await store.delete_checkpoint(checkpoint.id)


async def _require_something(store: Store, session_id: UUID, record: Session | None) -> None:
    if record is not None:
        return
    if await store.storage.stat_value(session_id, MARK) is not None:
        raise SessionNotFoundError(
            f"session {session_id} is left of a transfer that did not end; run that again, or delete it",
            session_id=session_id,
        )
    if await store.usage(session_id) == SessionUsage():
        raise SessionNotFoundError(
            f"session {session_id} has no record and holds nothing", session_id=session_id
        )
