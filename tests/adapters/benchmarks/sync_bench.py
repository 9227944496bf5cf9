"""everstore.sync beside ``await``: ``python tests/adapters/benchmarks/sync_bench.py``.

Beside both stands what is written by hand where there is no everstore.sync: the same verb through
``asyncio.run_coroutine_threadsafe``. All are of one run, turn by turn, on the same store.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import threading
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from everstore import new_session_id, sync

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = "tests:" + b64encode(bytes(range(32))).decode()
TEXT = "x" * 1000
VERBS: dict[str, Callable[[Any], Any]] = {
    "get_value": lambda work: work.storage.get_value("key"),
    "read_file": lambda work: work.files.read_file("a"),
    "set_value": lambda work: work.storage.set_value("key", "value"),
    "write_file": lambda work: work.files.write_file("a", TEXT),
}
HEAD = """\
| backend | verb | threads | everstore.sync, us | await, us | difference | ratio | by hand, us |
|---|---|---|---|---|---|---|---|
"""


class Ways:
    """The three ways to make calls, each of so many sessions in a thread or a task of its own."""

    def __init__(self, store: sync.Store, sessions: int) -> None:
        self._works = [store.session(new_session_id()) for _ in range(sessions)]
        self._behind = [store.asynchronous.session(work.id) for work in self._works]
        self._store = store
        self._loop = store.run(_loop())
        for work in self._works:
            work.files.write_file("a", TEXT)
            work.storage.set_value("key", "value")

    def waiting(self, verb: Callable[[Any], Any], count: int) -> float:
        """Seconds a call with everstore.sync."""
        return self._in_threads(lambda place: verb(self._works[place]), count)

    def by_hand(self, verb: Callable[[Any], Any], count: int) -> float:
        """Seconds a call by what asyncio has for threads."""
        behind, loop = self._behind, self._loop
        return self._in_threads(
            lambda place: asyncio.run_coroutine_threadsafe(verb(behind[place]), loop).result(), count
        )

    def awaited(self, verb: Callable[[Any], Any], count: int) -> float:
        """Seconds a call with ``await``, a task a session."""

        async def several(work: object) -> None:
            for _ in range(count):
                await verb(work)

        async def all_of_them() -> float:
            began = time.perf_counter()
            await asyncio.gather(*map(several, self._behind))
            return time.perf_counter() - began

        return self._store.run(all_of_them()) / count / len(self._works)

    def _in_threads(self, call: Callable[[int], object], count: int) -> float:
        together = threading.Barrier(len(self._works))

        def several(place: int) -> tuple[float, float]:
            together.wait()
            began = time.perf_counter()
            for _ in range(count):
                call(place)
            return began, time.perf_counter()

        with ThreadPoolExecutor(len(self._works)) as pool:
            times = list(pool.map(several, range(len(self._works))))
        took = max(end for _, end in times) - min(began for began, _ in times)
        return took / count / len(self._works)


async def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def rows(backend: str, count: int, rounds: int, **settings: str) -> None:
    """Print what the verbs take on a backend, by one thread and by twenty: medians of the rounds."""
    with sync.open_store(backend=backend, log_level="warning", **settings) as store:
        for sessions in (1, 20):
            ways = Ways(store, sessions)
            for name, verb in VERBS.items():
                took: tuple[list[float], ...] = ([], [], [])
                for _ in range(rounds):
                    for way, seconds in zip((ways.waiting, ways.awaited, ways.by_hand), took, strict=True):
                        seconds.append(way(verb, count))
                waiting, awaited, by_hand = (statistics.median(each[1:]) * 1e6 for each in took)
                figures = f"{waiting:.0f} | {awaited:.1f} | {waiting - awaited:.0f} | {waiting / awaited:.2f}"
                sys.stdout.write(f"| {backend} | {name} | {sessions} | {figures} | {by_hand:.0f} |\n")


def main() -> None:
    """Measure memory, then SQLite."""
    sys.stdout.write(HEAD)
    rows("memory", 50, 41)
    with tempfile.TemporaryDirectory() as folder:
        rows("sqlite", 5, 61, sqlite_path=str(Path(folder) / "everstore.db"), secrets_keys=KEYS)


if __name__ == "__main__":
    main()
