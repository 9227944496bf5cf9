"""Mistakes that take several clients, or a killed process, to be seen."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.content import add_to_counter
from everstore.errors import RevisionConflictError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from everstore.middleware.base import Call

__all__ = ["A_WHILE", "Behind"]


# -- between tasks -----------------------------------------------------------------------------------------


@mutant("histories.tasks.value")
def checks_then_sets(broken: Broken) -> None:
    """set_value looks at the revision, waits, and sets."""

    @broken.verb
    async def set_value(
        session_id: Any,
        key: str,
        value: str,
        *,
        ttl: float | None = None,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> Any:
        if if_absent or if_revision is not None:
            found = await broken.storage.stat_value(session_id, key)
            current = found.revision if found else None
            if current != if_revision:
                raise RevisionConflictError.found(key, if_revision, current)
            await asyncio.sleep(0)
        return await broken.storage.set_value(session_id, key, value, ttl=ttl)


@mutant("histories.tasks.counter")
def tells_a_later_sum(broken: Broken) -> None:
    """An increment is exact, but answers with what it reads a moment later."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        await broken.storage.increment_value(session_id, key, amount)
        await asyncio.sleep(0)
        return int(await broken.storage.get_value(session_id, key) or "0")


@mutant("histories.tasks.directory")
def lists_in_steps(broken: Broken) -> None:
    """A listing takes the names first, and then looks at each of them."""

    @broken.verb
    async def list_directory(session_id: Any, path: str = "/") -> Any:
        found = []
        for info in await broken.files.list_directory(session_id, path):
            await asyncio.sleep(0)
            if await broken.files.stat_file(session_id, info.path) is not None:
                found.append(info)
        return found


@mutant("histories.cancelled")
def undoes_what_is_cancelled(broken: Broken) -> None:
    """A cancelled increment puts back the number that it found, whoever has counted since."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        before = await broken.storage.get_value(session_id, key)
        total = await broken.storage.increment_value(session_id, key, amount)
        try:
            await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            await broken.storage.set_value(session_id, key, before or "0")
            raise
        return total


# -- between clients ---------------------------------------------------------------------------------------


def _counts_under(broken: Broken, lock: Callable[[], AbstractAsyncContextManager[object]]) -> None:
    """An increment reads, waits and writes under a lock, which does not reach far enough."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        async with lock():
            total = add_to_counter(await broken.storage.get_value(session_id, key), amount)
            await asyncio.sleep(0)
            await broken.storage.set_value(session_id, key, str(total))
            return total


@mutant("histories.clients", durable=True)
def locks_in_the_store(broken: Broken) -> None:
    """Increments keep each other out by a lock of the open store."""
    lock = asyncio.Lock()
    _counts_under(broken, lambda: lock)


_OF_THREAD = threading.local()


@mutant("histories.threads", durable=True)
def locks_in_the_thread(broken: Broken) -> None:
    """Increments keep each other out by a lock of the thread."""

    def lock() -> asyncio.Lock:
        found: asyncio.Lock = _OF_THREAD.__dict__.setdefault("lock", asyncio.Lock())
        return found

    _counts_under(broken, lock)


_OF_PROCESS = threading.Lock()


@contextlib.asynccontextmanager
async def _process_lock() -> AsyncIterator[None]:
    while not _OF_PROCESS.acquire(blocking=False):  # noqa: ASYNC110 - no event reaches other loops
        await asyncio.sleep(0.0005)
    try:
        yield
    finally:
        _OF_PROCESS.release()


@mutant("histories.processes", durable=True)
def locks_in_the_process(broken: Broken) -> None:
    """Increments keep each other out by a lock of the process."""
    _counts_under(broken, _process_lock)


# -- in front of kill -9 -----------------------------------------------------------------------------------

A_WHILE = 0.02
"""Seconds between two steps that should be one."""


class Behind:
    """Work that is done a little later, whatever was answered."""

    def __init__(self) -> None:
        """Nothing to do as yet."""
        self._tasks: set[asyncio.Task[object]] = set()

    def do(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do it later."""

        async def later() -> None:
            await asyncio.sleep(A_WHILE * 2)
            await work()

        task = asyncio.create_task(later())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait until all is done."""
        await asyncio.gather(*self._tasks)


@mutant("durability.reopen", durable=True)
def counts_revisions_anew(broken: Broken) -> None:
    """Values that are equal have other revisions once the storage is opened again."""
    offset = next(_OPENED) << 64

    @broken.verb
    async def list_keys(session_id: Any, *page: Any, **options: Any) -> Any:
        infos = await broken.storage.list_keys(session_id, *page, **options)
        return [replace(info, version=info.version + offset) for info in infos]


_OPENED = itertools.count(1)


@mutant("durability.reopen.revisions", durable=True)
def begins_again_at_one(broken: Broken) -> None:
    """Revisions of values are counted from one by each store that is opened."""
    numbers: dict[int, int] = {}

    @broken.verb
    async def stat_value(session_id: Any, key: str) -> Any:
        info = await broken.storage.stat_value(session_id, key)
        return info and replace(info, version=numbers.setdefault(info.version, len(numbers) + 1))


@mutant("durability.kill.files", durable=True)
def cuts_then_fills(broken: Broken) -> None:
    """A write cuts the file off, and then fills it."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        await broken.files.write_file(session_id, path, "", **options)
        await asyncio.sleep(A_WHILE)
        return await broken.files.write_file(session_id, path, content, encoding)


@mutant("durability.kill.trees", durable=True)
def copies_then_deletes(broken: Broken) -> None:
    """A move is a copy, and then a deletion."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        copied = await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)
        await asyncio.sleep(A_WHILE)
        await broken.files.delete_file(session_id, source, recursive=True)
        return copied


@mutant("durability.kill.secrets", durable=True)
def replaces_secrets_in_two_steps(broken: Broken) -> None:
    """A secret that is set again is deleted first."""

    @broken.verb
    async def set_secret(session_id: Any, name: str, value: str, *, ttl: float | None = None) -> None:
        if await broken.storage.delete_secret(session_id, name):
            await asyncio.sleep(A_WHILE)
        await broken.storage.set_secret(session_id, name, value, ttl=ttl)


@mutant("durability.kill.records", durable=True)
def retitles_behind(broken: Broken) -> None:
    """A new title is acknowledged, and kept a little later."""
    behind = Behind()

    @broken.verb
    async def update_session_title(session_id: Any, title: str) -> Any:
        record = await broken.sessions.get_session(session_id)
        if record is None:
            return await broken.sessions.update_session_title(session_id, title)
        behind.do(lambda: broken.sessions.update_session_title(session_id, title))
        return record.updated(record.updated_ns, title=title)


@mutant("durability.kill.shared_places", durable=True)
def appends_behind(broken: Broken) -> None:
    """Appends to a file that exists are gathered, and kept a little later."""
    behind = Behind()

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is None:
            return await broken.files.append_file(session_id, path, content, encoding)
        behind.do(lambda: broken.files.append_file(session_id, path, content, encoding))
        return found


_LEASES = UUID(int=7)


@mutant("durability.kill.one_of_two", durable=True)
def leaves_its_lock(broken: Broken) -> None:
    """Writers keep each other out by a row in the storage, which nobody removes for a dead one."""

    def wrap(call: Call) -> Call:
        async def locked(*args: Any, **kwargs: Any) -> Any:
            while True:
                try:
                    await broken.storage.set_value(_LEASES, "lock", "held", if_absent=True)
                    break
                except RevisionConflictError:
                    await asyncio.sleep(0.001)
            try:
                return await call(*args, **kwargs)
            finally:
                await broken.storage.delete_value(_LEASES, "lock")

        return locked

    broken.around(wrap, ["file_system"], ["write_file", "append_file"])


@mutant("durability.kill.delete_session", durable=True)
def purges_only_what_it_began(broken: Broken) -> None:
    """Purging deletes the values, and then the secrets if there were values."""

    def wrap(call: Call) -> Call:
        async def purge_session(session_id: Any) -> bool:
            keys = await broken.storage.list_keys(session_id)
            for key in keys:
                await broken.storage.delete_value(session_id, key.key)
            if not keys:
                return False
            await asyncio.sleep(A_WHILE)
            await call(session_id)
            return True

        return purge_session

    broken.around(wrap, ["storage"], ["purge_session"])
