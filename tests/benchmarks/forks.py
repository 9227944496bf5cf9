"""Forks, appends and ranges of files: ``python tests/benchmarks/forks.py``, on the environment's backend.

Of each call the median is told. It runs on versions without forks, too, whose lines of forks are left out.
"""

from __future__ import annotations

import asyncio
import sys
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import everstore
from everstore import new_session_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from uuid import UUID

ROUNDS = 31


async def filled(files: everstore.SessionFileSystem, count: int, size: int) -> UUID:
    """A session of so many files in a hundred directories, no two of which have one content."""
    session = new_session_id()
    for number in range(count):
        await files.write_file(session, path_of(number), f"{number}".ljust(size, "x"))
    return session


def path_of(number: int) -> str:
    """Where a file is."""
    return f"/src/d{number % 100}/f{number}.txt"


async def timed(call: Callable[[], Awaitable[Any]]) -> float:
    """Microseconds."""
    begun = perf_counter()
    await call()
    return (perf_counter() - begun) * 1e6


async def longest_hold(call: Callable[[], Awaitable[Any]]) -> float:
    """The longest time in microseconds that another task had to wait for the event loop meanwhile."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            begun = perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, (perf_counter() - begun) * 1e6)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    await call()
    await asyncio.sleep(0)
    watching.cancel()
    return longest


async def forks(files: everstore.SessionFileSystem, count: int) -> list[str]:
    """A fork and what is done with it first."""
    source = await filled(files, count, 10 << 10)
    taken: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        await one_fork(files, source, taken)
    return [f"{count:,} files of 10 KiB, {name}: {median(each):,.1f} us" for name, each in taken.items()]


async def one_fork(files: everstore.SessionFileSystem, source: UUID, taken: dict[str, list[float]]) -> None:
    """Add what each step takes."""
    fork, other = new_session_id(), new_session_id()

    async def step(name: str, verb: Callable[..., Awaitable[Any]], *args: Any, measure: Any = timed) -> None:
        taken.setdefault(name, []).append(await measure(lambda: verb(*args)))

    await step("fork", files.fork_session, source, fork)
    await step("the first file read of it", files.read_file, fork, path_of(7))
    await step("the first file written in it", files.write_file, fork, path_of(7), "y")
    await step("their difference", files.diff_sessions, source, fork)
    await step("its first listing of all, held the loop for", files.list_tree, fork, measure=longest_hold)
    await step("purge of it", files.purge_session, fork)
    await step("another fork held the loop for", files.fork_session, source, other, measure=longest_hold)
    await step("its first write held it for", files.write_file, other, path_of(7), "y", measure=longest_hold)
    await files.purge_session(other)


async def checkpoints(files: everstore.SessionFileSystem, count: int, *, is_one: bool) -> str:
    """A fork before each of a thousand edits, of one file or of another each time."""
    session = await filled(files, count, 1024)

    async def edits() -> None:
        for number in range(1000):
            await files.fork_session(session, new_session_id())
            await files.write_file(session, path_of(0 if is_one else number), f"edit {number}")

    which = "one file" if is_one else "another file each time"
    return f"a fork and an edit of {which} among {count:,}: {await timed(edits) / 1000:,.1f} us"


async def appends(files: everstore.SessionFileSystem, size: int, character: str) -> str:
    """200 bytes more."""
    session, start, more = new_session_id(), character * (size // len(character.encode())), "y" * 200
    taken = []
    for _ in range(ROUNDS):
        await files.write_file(session, "/log", start)
        await files.append_file(session, "/log", more)  # pieces of a large file are made once
        times = [await timed(lambda: files.append_file(session, "/log", more)) for _ in range(20)]
        taken.append(median(times))
    return f"append of 200 B to {size >> 10:,} KiB of {character!r}: {median(taken):,.1f} us"


async def ranges(files: everstore.SessionFileSystem, character: str) -> str:
    """1,000 bytes out of many, in the midst of a character as it may be."""
    session, size = new_session_id(), 32 << 20
    await files.write_file(session, "/large", character * (size // len(character.encode())))

    async def part(number: int) -> float:
        return await timed(lambda: files.read_bytes(session, "/large", number * 1_000_003 % size, 1000))

    first, *taken = [await part(number) for number in range(10 * ROUNDS)]
    return f"1,000 B out of 32 MiB of {character!r}: {median(taken):,.1f} us (the first: {first:,.0f} us)"


async def figures(files: everstore.SessionFileSystem) -> AsyncIterator[str]:
    """A line for each."""
    if getattr(files.capabilities, "forks", False):
        for count in (1000, 10_000):
            for line in await forks(files, count):
                yield line
            for is_one in (True, False):
                yield await checkpoints(files, count, is_one=is_one)
    for character in "xé":
        for size in (4 << 10, 1 << 20, 8 << 20):
            yield await appends(files, size, character)
        yield await ranges(files, character)


async def main() -> None:
    """Measure, and tell."""
    async with everstore.open_store(log_level="off") as store:
        async for line in figures(store.file_system):
            sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    asyncio.run(main())
