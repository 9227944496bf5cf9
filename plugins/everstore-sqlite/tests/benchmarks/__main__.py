"""Measure everstore-sqlite: ``python plugins/everstore-sqlite/tests/benchmarks [--markdown FILE]``.

In rounds, everybody's turn in each, so that a slow moment of the machine hits all alike. What is told
is the median of the rounds, and the median of the rounds' ratios to sqlite3 in a worker thread.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import platform
import random
import sqlite3
import sys
import tempfile
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from contenders import CONTENDERS
from forks import measure_forks

import everstore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

BODY = "x" * 1024
NAMES = [f"file-{number}.txt" for number in range(300)]
REFERENCE = "sqlite3 in a thread"
TASKS = 100


def _tell(line: str) -> None:
    """What is known so far, for whoever waits."""
    sys.stderr.write(f"{line}\n")


Work = Any  # of a contender and a number that never comes back: makes one call


def _replace(contender: Any, number: int) -> Awaitable[object]:
    return contender.write(NAMES[number % len(NAMES)], BODY)


def _create(contender: Any, number: int) -> Awaitable[object]:
    return contender.write(f"new-{number}.txt", BODY)


def _read(contender: Any, number: int) -> Awaitable[object]:
    return contender.read(NAMES[number % len(NAMES)])


def _stat(contender: Any, number: int) -> Awaitable[object]:
    return contender.stat(NAMES[number % len(NAMES)])


def _set(contender: Any, number: int) -> Awaitable[object]:
    return contender.set(NAMES[number % len(NAMES)], "value")


def _get(contender: Any, number: int) -> Awaitable[object]:
    return contender.get(NAMES[number % len(NAMES)])


# name, call, tasks, calls a round, target: at most (or, of many tasks, at least) so many times the reference
WORKLOADS: list[tuple[str, Callable[[Any, int], Awaitable[object]], int, int, str]] = [
    ("replace 1 KiB", _replace, 1, 40, "time at most 1.5x"),
    ("create 1 KiB", _create, 1, 40, "time at most 1.5x"),
    ("set a value", _set, 1, 40, "time at most 1.5x"),
    ("read 1 KiB", _read, 1, 200, "time at most 1.3x"),
    ("stat", _stat, 1, 200, "time at most 1.3x"),
    ("get a value", _get, 1, 200, "time at most 1.3x"),
    ("100 tasks replace 1 KiB", _replace, TASKS, 500, "throughput at least 8x"),
    ("100 tasks create 1 KiB", _create, TASKS, 500, "throughput at least 8x"),
    ("100 tasks set a value", _set, TASKS, 500, "throughput at least 8x"),
]


async def _time(contender: Any, call: Work, tasks: int, calls: int, numbers: Iterator[int]) -> float:
    """Seconds a call."""

    async def task() -> None:
        for _ in range(calls // tasks):
            await call(contender, next(numbers))

    gc.collect()
    gc.disable()
    started = perf_counter()
    if tasks == 1:
        await task()
    else:
        await asyncio.gather(*(task() for _ in range(tasks)))
    taken = perf_counter() - started
    gc.enable()
    return taken / calls


async def measure_calls(folder: Path, synchronous: str, rounds: int) -> list[str]:
    """The table of all calls: microseconds, and times the reference."""
    lines = [
        f"| `synchronous={synchronous}` | {' | '.join(CONTENDERS)} | everstore to {REFERENCE} | target |",
        f"|---|{'--:|' * len(CONTENDERS)}--:|---|",
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
            assert await contender.stat(NAMES[7]) == len(BODY)
            assert await contender.get(NAMES[7]) == "value"
        numbers = count()
        for name, call, tasks, calls, target in WORKLOADS:
            taken: dict[str, list[float]] = {contender: [] for contender in contenders}
            for turn in range(rounds + 1):
                for contender, opened in _rotated(contenders, turn):
                    seconds = await _time(opened, call, tasks, calls, numbers)
                    if turn:  # the first is for warming up
                        taken[contender].append(seconds)
            # Without an fsync there is little to share.
            has_target = tasks == 1 or synchronous == "full"
            lines.append(_line(name, taken, target if has_target else "none"))
            _tell(lines[-1])
    return lines


def _rotated(contenders: dict[str, Any], turn: int) -> list[tuple[str, Any]]:
    """Everybody, another one first in each round: whoever follows a busy one inherits its disk."""
    all_of_them = list(contenders.items())
    first = turn % len(all_of_them)
    return all_of_them[first:] + all_of_them[:first]


def _line(name: str, taken: dict[str, list[float]], target: str) -> str:
    cells = [f"{median(seconds) * 1e6:,.0f} us" for seconds in taken.values()]
    pairs = list(zip(taken["everstore"], taken[REFERENCE], strict=True))
    if "time" in target:
        ratio = median(ours / theirs for ours, theirs in pairs)
        is_met = ratio <= float(target.rsplit(maxsplit=1)[-1][:-1])
    else:
        ratio = median(theirs / ours for ours, theirs in pairs)
        is_met = ratio >= 8
    verdict = "" if target == "none" else f": {'met' if is_met else 'missed'}"
    return f"| {name} | {' | '.join(cells)} | {ratio:.2f}x | {target}{verdict} |"


def _text(chance: random.Random, words: list[str], needle: str | None) -> str:
    text = ""
    while len(text) < 8192:
        text += " ".join(chance.choices(words, k=10)) + "\n"
    text = text[:8192]
    return text if needle is None else text[:4000] + needle + text[4000 + len(needle) :]


async def measure_search(folder: Path, rounds: int) -> list[str]:
    """A literal among 10,000 files of 8 KiB, without the index and with it."""
    chance = random.Random(7)
    words = [
        "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 9))) for _ in range(3000)
    ]
    session_id = everstore.new_session_id()
    settings = {"sqlite_path": folder / "search.db", "sqlite_synchronous": "normal"}
    async with everstore.open_store(backend="sqlite", **settings) as store:
        for start in range(0, 10_000, 500):
            batch = range(start, start + 500)
            texts = {n: _text(chance, words, "needle in here" if n % 1000 == 7 else None) for n in batch}
            await asyncio.gather(
                *(
                    store.file_system.write_file(session_id, f"/{n % 100}/{n}.txt", text)
                    for n, text in texts.items()
                )
            )
    lines = [
        "| literal | matches | without the index | with it | faster | target |",
        "|---|--:|--:|--:|--:|---|",
    ]
    async with AsyncExitStack() as stack:
        started = perf_counter()
        stores = [
            await stack.enter_async_context(
                everstore.open_store(backend="sqlite", **settings, sqlite_search_index=use)
            )
            for use in (False, True)
        ]
        watching = sqlite3.connect(folder / "search.db")
        open_work = "SELECT 1 FROM search_todo WHERE NOT is_final LIMIT 1"
        while watching.execute(open_work).fetchone():  # noqa: ASYNC110 - a thread does it, and tells nobody
            await asyncio.sleep(0.1)
        watching.close()
        filled = perf_counter() - started
        for literal in ("needle in here", "is nowhere", f"{words[1]} {words[2]}", words[3]):
            taken: list[list[float]] = [[], []]
            for _ in range(rounds):
                answers = []
                for store, seconds in zip(stores, taken, strict=True):
                    started = perf_counter()
                    answers.append(await store.file_system.grep_files(session_id, literal))
                    seconds.append(perf_counter() - started)
                assert answers[0] == answers[1]
            ratio = median(plain / indexed for plain, indexed in zip(*taken, strict=True))
            verdict = f"at least 20x: {'met' if ratio >= 20 else 'missed'}"
            plain, indexed = (f"{median(seconds) * 1e3:,.2f} ms" for seconds in taken)
            lines.append(
                f"| `{literal}` | {len(answers[0]):,} | {plain} | {indexed} | {ratio:,.1f}x | {verdict} |"
            )
            _tell(lines[-1])
    lines += [
        "",
        f"Filling the index took {filled:.0f} s, {filled / 10:.1f} ms a file, while the store was open.",
    ]
    return lines


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--part", choices=["full", "normal", "search", "forks"], action="append")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    parts = options.part or ["full", "normal", "search", "forks"]
    page = [f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.system()}.", ""]
    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            if part == "search":
                page += await measure_search(Path(folder), options.rounds)
            elif part == "forks":
                page += await measure_forks(Path(folder), options.rounds)
            else:
                page += await measure_calls(Path(folder), part, options.rounds)
        page.append("")
    text = "\n".join(page)
    sys.stdout.write(text)
    if options.markdown:
        options.markdown.write_text(text)


asyncio.run(_main())
