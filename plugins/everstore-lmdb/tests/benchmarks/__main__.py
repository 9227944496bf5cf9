"""Measure everstore-lmdb: ``python plugins/everstore-lmdb/tests/benchmarks [--markdown FILE]``.

In rounds, everybody's turn in each, so that a slow moment of the machine hits all alike. What is told is the
median of the rounds, and the median of the rounds' ratios to lmdb in a thread and to everstore-sqlite.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import platform
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import lmdb

import everstore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

BODY = "x" * 1024
NAMES = [f"file-{number}.txt" for number in range(300)]
TASKS = 100
RAW, SQLITE = "lmdb in a thread", "everstore-sqlite"


class Everstore:
    """Through ``open_store()``."""

    def __init__(self, store: everstore.Store) -> None:
        self._work = store.session(everstore.new_session_id())

    async def write(self, name: str, content: str) -> None:
        await self._work.files.write_file(f"/d/{name}", content)

    async def read(self, name: str) -> str:
        return (await self._work.files.read_file(f"/d/{name}")).content

    async def set(self, key: str, value: str) -> None:
        await self._work.storage.set_value(key, value)

    async def get(self, key: str) -> str:
        return await self._work.storage.get_value(key)


class Raw:
    """lmdb itself, in a worker thread: a name and its bytes, no rules, no record, one commit a write."""

    def __init__(self, environment: lmdb.Environment, thread: ThreadPoolExecutor) -> None:
        self._environment = environment
        self._thread = thread
        self._loop = asyncio.get_running_loop()

    def _put(self, name: str, content: str) -> None:
        with self._environment.begin(write=True) as transaction:
            transaction.put(name.encode(), content.encode())

    def _get(self, name: str) -> str:
        with self._environment.begin() as transaction:
            return transaction.get(name.encode()).decode()

    async def write(self, name: str, content: str) -> None:
        await self._loop.run_in_executor(self._thread, self._put, name, content)

    async def read(self, name: str) -> str:
        return await self._loop.run_in_executor(self._thread, self._get, name)

    async def set(self, key: str, value: str) -> None:
        await self.write(f"value {key}", value)

    async def get(self, key: str) -> str:
        return await self.read(f"value {key}")


@asynccontextmanager
async def _everstore(backend: str, folder: Path, synchronous: str) -> AsyncIterator[Everstore]:
    own = {f"{backend}_path": folder / "storage", f"{backend}_synchronous": synchronous}
    async with everstore.open_store(environment={}, backend=backend, **own) as store:
        yield Everstore(store)


@asynccontextmanager
async def _raw(folder: Path, synchronous: str) -> AsyncIterator[Raw]:
    with (
        lmdb.open(str(folder / "raw"), map_size=1 << 32, sync=synchronous == "full") as environment,
        ThreadPoolExecutor(1) as thread,
    ):
        yield Raw(environment, thread)


CONTENDERS: dict[str, Callable[[Path, str], Any]] = {
    "everstore-lmdb": lambda folder, synchronous: _everstore("lmdb", folder, synchronous),
    SQLITE: lambda folder, synchronous: _everstore("sqlite", folder, synchronous),
    RAW: _raw,
}


def _replace(contender: Any, number: int) -> Awaitable[object]:
    return contender.write(NAMES[number % len(NAMES)], BODY)


def _create(contender: Any, number: int) -> Awaitable[object]:
    return contender.write(f"new-{number}.txt", BODY)


def _read(contender: Any, number: int) -> Awaitable[object]:
    return contender.read(NAMES[number % len(NAMES)])


def _set(contender: Any, number: int) -> Awaitable[object]:
    return contender.set(NAMES[number % len(NAMES)], "value")


def _get(contender: Any, number: int) -> Awaitable[object]:
    return contender.get(NAMES[number % len(NAMES)])


# name, call, tasks, calls a round, whom to compare with, and how fast it has to be in comparison
WORKLOADS: list[tuple[str, Callable[[Any, int], Awaitable[object]], int, int, str, float]] = [
    ("read 1 KiB", _read, 1, 300, RAW, 0.5),
    ("get a value", _get, 1, 300, RAW, 0.5),
    ("replace 1 KiB", _replace, 1, 40, RAW, 0.5),
    ("create 1 KiB", _create, 1, 40, RAW, 0.5),
    ("100 tasks replace 1 KiB", _replace, TASKS, 1000, SQLITE, 1.0),
    ("100 tasks create 1 KiB", _create, TASKS, 1000, SQLITE, 1.0),
    ("100 tasks set a value", _set, TASKS, 1000, SQLITE, 1.0),
]


async def _time(
    contender: Any, call: Callable[..., Any], tasks: int, calls: int, numbers: Iterator[int]
) -> float:
    """Seconds a call."""

    async def task() -> None:
        for _ in range(calls // tasks):
            await call(contender, next(numbers))

    gc.collect()
    gc.disable()
    started = perf_counter()
    await asyncio.gather(*(task() for _ in range(tasks)))
    taken = perf_counter() - started
    gc.enable()
    return taken / calls


async def measure(folder: Path, synchronous: str, rounds: int) -> list[str]:
    """The table of all calls: microseconds, and how fast everstore-lmdb is in comparison."""
    lines = [
        f"| `synchronous={synchronous}` | {' | '.join(CONTENDERS)} | compared with | speed | target |",
        f"|---|{'--:|' * len(CONTENDERS)}---|--:|---|",
    ]
    async with AsyncExitStack() as stack:
        contenders: dict[str, Any] = {}
        for name, open_contender in CONTENDERS.items():
            own = folder / name.replace(" ", "-")
            own.mkdir()
            contenders[name] = await stack.enter_async_context(open_contender(own, synchronous))
        for contender in contenders.values():
            for number, name in enumerate(NAMES):
                await contender.write(name, BODY)
                await _set(contender, number)
            assert await contender.read(NAMES[7]) == BODY
            assert await contender.get(NAMES[7]) == "value"
        numbers = count()
        for name, call, tasks, calls, peer, least in WORKLOADS:
            taken: dict[str, list[float]] = {contender: [] for contender in contenders}
            for turn in range(rounds + 1):
                order = list(contenders.items())
                for contender, opened in order[turn % len(order) :] + order[: turn % len(order)]:
                    seconds = await _time(opened, call, tasks, calls, numbers)
                    if turn:  # the first is for warming up
                        taken[contender].append(seconds)
            cells = [f"{median(seconds) * 1e6:,.0f} us" for seconds in taken.values()]
            ratio = median(
                theirs / ours for ours, theirs in zip(taken["everstore-lmdb"], taken[peer], strict=True)
            )
            verdict = f"at least {least}x: {'met' if ratio >= least else 'missed'}"
            lines.append(f"| {name} | {' | '.join(cells)} | {peer} | {ratio:.2f}x | {verdict} |")
            sys.stderr.write(f"{lines[-1]}\n")
    return lines


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--part", choices=["full", "normal"], action="append")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    page = [
        f"Python {platform.python_version()}, lmdb {lmdb.__version__}, {platform.system()}.",
        "",
    ]
    for part in options.part or ["full", "normal"]:
        with tempfile.TemporaryDirectory() as folder:
            page += [*await measure(Path(folder), part, options.rounds), ""]
    text = "\n".join(page)
    sys.stdout.write(text)
    if options.markdown:
        options.markdown.write_text(text)


asyncio.run(_main())
