"""Mistakes that only show when several work at the same time."""

from __future__ import annotations

import asyncio
from typing import Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.content import add_to_counter
from everstore.errors import RevisionConflictError

__all__: list[str] = []


@mutant("concurrency.edits_survive")
def loses_updates(broken: Broken) -> None:
    """An edit reads, thinks and writes, whoever wrote meanwhile."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is None or not found.content or found.content.count(old) != 1 or found.is_readonly:
            return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)
        await asyncio.sleep(0)
        return await broken.files.write_file(session_id, path, found.content.replace(old, new))


@mutant("concurrency.strict_looks")
def tells_a_later_reason(broken: Broken) -> None:
    """A strict listing that found nothing takes what is a directory a moment later for an empty one."""

    @broken.verb
    async def list_directory(session_id: Any, path: str = "/", *, strict: bool = False) -> Any:
        found = await broken.files.list_directory(session_id, path)
        await asyncio.sleep(0)
        is_there = await broken.files.stat_file(session_id, path)
        if found or not strict or (is_there and is_there.is_directory):
            return found
        return await broken.files.list_directory(session_id, path, strict=True)


@mutant("concurrency.appends_survive")
def loses_appends(broken: Broken) -> None:
    """An append reads, thinks and writes."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is None or encoding != "text" or found.encoding != "text" or found.is_readonly:
            return await broken.files.append_file(session_id, path, content, encoding)
        await asyncio.sleep(0)
        return (await broken.files.write_file(session_id, path, (found.content or "") + content)).info()


@mutant("concurrency.counter_exact")
def loses_counts(broken: Broken) -> None:
    """An increment reads, adds and writes."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        found = await broken.storage.get_value(session_id, key)
        if await broken.storage.stat_value(session_id, key) is None or not isinstance(amount, int):
            return await broken.storage.increment_value(session_id, key, amount)
        total = add_to_counter(found, amount)
        await asyncio.sleep(0)
        await broken.storage.set_value(session_id, key, str(total))
        return total


@mutant("concurrency.one_winner.create_file")
def has_two_winners(broken: Broken) -> None:
    """if_absent looks first and writes later."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        if options.pop("if_absent", False):
            found = await broken.files.stat_file(session_id, path)
            if found is not None:
                raise RevisionConflictError.found(path, None, found.revision)
            await asyncio.sleep(0)
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("concurrency.compare_and_set.file")
def compares_then_sets(broken: Broken) -> None:
    """if_revision looks first and writes later."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        wanted = options.pop("if_revision", None)
        if wanted is not None:
            found = await broken.files.stat_file(session_id, path)
            if found is None or found.revision != wanted:
                raise RevisionConflictError.found(path, wanted, found.revision if found else None)
            await asyncio.sleep(0)
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("concurrency.no_torn_read")
def tears_writes(broken: Broken) -> None:
    """A long text is written in two halves, which readers can see."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        if encoding == "text" and isinstance(content, str) and len(content) > 1 and not any(options.values()):
            await broken.files.write_file(session_id, path, content[: len(content) // 2])
            await asyncio.sleep(0)
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("concurrency.no_half_deleted_tree")
def deletes_one_by_one(broken: Broken) -> None:
    """A recursive delete takes one entry after the other, for all to see."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        for info in await broken.files.list_directory(session_id, path) if recursive and path != "/" else ():
            await broken.files.delete_file(session_id, info.path, recursive=True)
            await asyncio.sleep(0)
        return await broken.files.delete_file(session_id, path, recursive)


@mutant("concurrency.no_torn_tree")
def moves_in_two_steps(broken: Broken) -> None:
    """A move copies, and deletes a moment later."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)
        await asyncio.sleep(0)
        await broken.files.delete_file(session_id, destination, recursive=True)
        return await broken.files.move_file(session_id, source, destination, overwrite=overwrite)


@mutant("histories.tasks.file")
def reads_from_a_cache(broken: Broken) -> None:
    """A read may come from a cache that a write clears only later."""
    cache: dict[Any, Any] = {}

    @broken.verb
    async def read_file(session_id: Any, path: str) -> Any:
        if (session_id, path) not in cache:
            cache[session_id, path] = await broken.files.read_file(session_id, path)
        return cache[session_id, path]

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        answer = await broken.files.write_file(session_id, path, content, encoding, **options)
        asyncio.get_running_loop().call_later(0.005, cache.pop, (session_id, path), None)
        return answer


@mutant("lifecycle.cancelled.write_onto")
def tears_when_cancelled(broken: Broken) -> None:
    """An overwrite deletes, waits and writes: a call that is cancelled between leaves nothing."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is not None and found.content and not found.is_readonly and not any(options.values()):
            await broken.files.write_file(session_id, path, "")
            await asyncio.sleep(0)
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("lifecycle.cancelled.move_tree")
def moves_when_nobody_waits(broken: Broken) -> None:
    """A call is handed to a worker, which does it a little later, also when it was cancelled meanwhile."""
    working: set[Any] = set()

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        async def later() -> Any:
            await asyncio.sleep(0.003)
            return await broken.files.move_file(session_id, source, destination, overwrite=overwrite)

        task = asyncio.create_task(later())
        working.add(task)
        task.add_done_callback(working.discard)
        return await asyncio.shield(task)

    async def close() -> None:
        await asyncio.gather(*working, return_exceptions=True)
        await broken.sound.close()

    broken.close = close


@mutant("durability.kill.values", durable=True)
def writes_behind(broken: Broken) -> None:
    """A write is acknowledged at once and made a little later."""
    tasks: set[Any] = set()

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        async def later() -> None:
            await asyncio.sleep(0.05)
            await broken.storage.set_value(session_id, key, value, **options)

        task = asyncio.create_task(later())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
