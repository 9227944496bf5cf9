"""What forking, comparing and appending cost, and how much of the file a fork takes."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import everstore
from everstore import new_session_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from uuid import UUID

__all__ = ["measure_forks"]

Step = tuple[str, float, str, str]  # what it is, how much, in which unit, what was aimed at


async def measure_forks(folder: Path, rounds: int) -> list[str]:
    """The table of all of it."""
    path = folder / "forks.db"
    lines = ["| | measured | target |", "|---|--:|---|"]
    async with everstore.open_store(
        backend="sqlite", sqlite_path=path, sqlite_synchronous="normal", log_level="off"
    ) as store:
        files = store.file_system
        steps = [
            *await _forks(files, path, rounds, 10_000, "60 ms"),
            *await _forks(files, path, 3, 100_000, "none"),
            await _checkpoints(files),
            *await _parts(files, rounds),
        ]
    return [*lines, *(f"| {what} | {value:,.1f} {unit} | {target} |" for what, value, unit, target in steps)]


async def _filled(files: everstore.SessionFileSystem, count: int, size: int) -> UUID:
    session = new_session_id()
    for start in range(0, count, 500):
        batch = range(start, min(start + 500, count))
        await asyncio.gather(
            *(files.write_file(session, f"/src/d{n % 100}/f{n}.txt", f"{n}".ljust(size, "x")) for n in batch)
        )
    return session


def _size(path: Path) -> int:
    """The bytes of the database that are in use."""
    with closing(sqlite3.connect(path)) as connection:
        values = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        ]
    return (values[0] - values[1]) * values[2]


async def _timed(call: Callable[[], Awaitable[Any]]) -> float:
    """Milliseconds."""
    started = perf_counter()
    await call()
    return (perf_counter() - started) * 1e3


async def _forks(
    files: everstore.SessionFileSystem, path: Path, rounds: int, count: int, target: str
) -> list[Step]:
    size = 10 << 10 if count < 100_000 else 100
    source = await _filled(files, count, size)
    forks, purges, differences = [], [], []
    before = _size(path)
    for number in range(rounds):
        fork = new_session_id()
        forks.append(await _timed(lambda: files.fork_session(source, fork)))  # noqa: B023 - done at once
        if not number:
            taken = (_size(path) - before) / count
        await files.write_file(fork, "/src/d1/f1.txt", "changed")
        differences.append(await _timed(lambda: files.diff_sessions(source, fork)))  # noqa: B023 - as above
        purges.append(await _timed(lambda: files.purge_session(fork)))  # noqa: B023 - as above
    name = f"{count:,} files of {size:,} B"
    await files.purge_session(source)
    return [
        (f"fork of {name}", median(forks), "ms", target),
        ("what it takes in the file, for each of them", taken, "B", "250 B"),
        ("difference of the two, one file changed", median(differences), "ms", "none"),
        ("purge of the fork", median(purges), "ms", "none"),
    ]


async def _checkpoints(files: everstore.SessionFileSystem) -> Step:
    session = await _filled(files, 1000, 1024)

    async def edits() -> None:
        for number in range(1000):
            await files.fork_session(session, new_session_id())
            await files.write_file(session, f"/src/d{number % 100}/f{number}.txt", f"edit {number}")

    taken = await _timed(edits)
    return (
        "a checkpoint before each of 1,000 edits of one file among 1,000, for each edit",
        taken / 1000,
        "ms",
        "none",
    )


async def _parts(files: everstore.SessionFileSystem, rounds: int) -> list[Step]:
    session, data = new_session_id(), b"0123456789abcdef" * 256
    await files.write_bytes(session, "/small", data)
    await files.write_bytes(session, "/large", data * 2048)
    await files.write_bytes(session, "/huge", data * 8192)
    taken: dict[str, list[float]] = {}

    async def each(name: str, call: Callable[[], Awaitable[Any]], times: int) -> None:
        for _ in range(times):
            taken.setdefault(name, []).append(await _timed(call) * 1e3)

    for _ in range(rounds):
        await each("small", lambda: files.append_bytes(session, "/small", b"x" * 200), 10)
        await each("large", lambda: files.append_bytes(session, "/large", b"x" * 200), 10)
        await each("stat", lambda: files.stat_file(session, "/huge"), 100)
        await each("range", lambda: files.read_bytes(session, "/huge", 20 << 20, 1000), 100)
        await files.write_bytes(session, "/small", data)
    small, large, stat, part = (median(taken[name]) for name in ("small", "large", "stat", "range"))
    return [
        ("append of 200 B to 4 KiB", small, "us", "none"),
        (f"append of 200 B to 8 MiB, {large / small:.1f}x of that", large, "us", "2x"),
        ("stat", stat, "us", "none"),
        (f"1,000 B out of 32 MiB, {part / stat:.1f}x of that", part, "us", "3x"),
    ]
