"""Measure what forks, appends and ranges cost: ``python plugins/everstore-lmdb/tests/benchmarks/forks.py``.

Each figure is the median of rounds; ratios are of the medians of the same run.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import everstore
from everstore.changes import WriteBytes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

COUNT, SIZE = 10_000, 10 << 10
EDITS = 1_000
MIB = 1 << 20


def tell(what: str, figure: str) -> None:
    """One row of the answer."""
    sys.stdout.write(f"{what:<50} {figure}\n")


async def timed(call: Callable[[], Awaitable[object]], rounds: int) -> float:
    """Seconds that a call takes, at the median."""
    took = []
    for _ in range(rounds):
        began = perf_counter()
        await call()
        took.append(perf_counter() - began)
    return median(took)


async def longest_turn(done: asyncio.Event) -> float:
    """The longest that the event loop left others waiting until then, in seconds."""
    longest = 0.0
    while not done.is_set():
        began = perf_counter()
        await asyncio.sleep(0)
        longest = max(longest, perf_counter() - began)
    return longest


def room(folder: Path) -> int:
    """The bytes that a storage takes on the disk."""
    return sum(file.stat().st_blocks * 512 for file in folder.iterdir())


async def filled(store: everstore.Store, count: int, size: int) -> UUID:
    """A session with so many files."""
    session = everstore.new_session_id()
    for start in range(0, count, 500):
        names = range(start, min(start + 500, count))
        changes = [WriteBytes(f"/d{n % 100}/{n}.bin", f"{n:08}".encode() * (size // 8)) for n in names]
        await store.file_system.apply_changes(session, changes)
    return session


async def forks(store: everstore.Store, folder: Path) -> None:
    """A fork of many files: how long it takes, what others see of it, and what room it needs."""
    files, base = store.file_system, await filled(store, COUNT, SIZE)
    before = room(folder)
    alone = await timed(lambda: files.fork_session(base, everstore.new_session_id()), 5)
    turns = []
    for _ in range(5):
        done = asyncio.Event()
        watching = asyncio.create_task(longest_turn(done))
        await asyncio.sleep(0)
        await files.fork_session(base, everstore.new_session_id())
        done.set()
        turns.append(await watching)
    tell(f"fork of {COUNT:,} files of {SIZE >> 10} KiB", f"{alone * 1e3:.0f} ms")
    tell("longest turn of the event loop meanwhile", f"{median(turns) * 1e3:.1f} ms")
    tell("room that it takes", f"{(room(folder) - before) / 10 / COUNT:.0f} B a file")
    fork = everstore.new_session_id()
    await files.fork_session(base, fork)
    await files.append_bytes(fork, "/d1/1.bin", b"more")
    took = await timed(lambda: files.diff_sessions(base, fork), 5)
    tell("difference of two of them", f"{took * 1e3:.0f} ms")


async def checkpoints(store: everstore.Store, count: int) -> None:
    """A checkpoint before each of many edits of one file among others."""
    session = await filled(store, count, 4096)
    await store.sessions.add_session(everstore.Session(session))
    await store.file_system.write_file(session, "/edited.txt", "0" * 4096)
    began = perf_counter()
    for number in range(EDITS // 10):
        await store.checkpoint(session)
        await store.file_system.write_file(session, "/edited.txt", f"{number}" * 1000)
    each = (perf_counter() - began) / (EDITS // 10)
    tell(f"checkpoint and edit of one file among {count:,}", f"{each * 1e3:.2f} ms")


async def contents(store: everstore.Store) -> None:
    """Appends to small and large files, and a range of a large one."""
    files, session = store.file_system, everstore.new_session_id()
    for name, size in (("small", 4096), ("mebibytes", 8 * MIB), ("large", 32 * MIB)):
        await files.write_bytes(session, f"/{name}", b"x" * size)
    small, large = [
        await timed(lambda name=name: files.append_bytes(session, f"/{name}", b"y" * 200), 300)
        for name in ("small", "mebibytes")
    ]
    tell("append of 200 B to 4 KiB", f"{small * 1e6:.0f} us")
    tell("append of 200 B to 8 MiB", f"{large * 1e6:.0f} us, {large / small:.2f}x")
    stat = await timed(lambda: files.stat_file(session, "/large"), 2000)
    part = await timed(lambda: files.read_bytes(session, "/large", 16 * MIB, 1000), 2000)
    tell("1,000 B out of 32 MiB", f"{part * 1e6:.0f} us, {part / stat:.2f}x a stat")


async def main() -> None:
    """Measure all of it, in a new folder."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory, "everstore.lmdb")
        settings = {"lmdb_path": folder, "lmdb_max_bytes": 4 << 30, "lmdb_synchronous": "normal"}
        async with everstore.open_store(backend="lmdb", log_level="off", **settings) as store:
            await contents(store)
            await forks(store, folder)
            for count in (10, 1_000):
                await checkpoints(store, count)


if __name__ == "__main__":
    asyncio.run(main())
