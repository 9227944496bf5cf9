"""Sessions by label: ``python tests/benchmarks/labels.py [RECORDS]``, on the backend in the environment.

A page of a hundred by labels, beside the same found by reading all records. The best of some rounds is told.
"""

from __future__ import annotations

import asyncio
import sys
from time import perf_counter
from typing import TYPE_CHECKING

import everstore
from everstore import Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

RECORDS = 100_000
BATCH = 1000
PAGE = 100
ROUNDS = 20
WANTED = (
    {"user": "u7"},
    {"app": "odd"},
    {"user": "u7", "app": "odd"},
    {"user": "u7", "app": "even"},  # nobody has both
)


async def fill(store: everstore.Store, count: int) -> None:
    """So many records; each user has one of a thousand, each of two apps half of them."""
    for start in range(0, count, BATCH):
        records = [
            Session(
                title=f"session {number}",
                created_ns=1_700_000_000 * 10**9 + number * 1000,
                labels={"user": f"u{number % 1000}", "app": "odd" if number % 2 else "even"},
            )
            for number in range(start, min(start + BATCH, count))
        ]
        await asyncio.gather(*map(store.sessions.add_session, records))


async def ask(store: everstore.Store, labels: dict[str, str]) -> list[Session]:
    """A page by labels."""
    return await store.sessions.list_sessions(labels=labels, limit=PAGE)


async def read_all(store: everstore.Store, labels: dict[str, str]) -> list[Session]:
    """What was done where records had no labels that a backend knows."""
    found: list[Session] = []
    after = None
    while page := await store.sessions.list_sessions(limit=BATCH, after=after):
        found += [record for record in page if record.has_labels(labels)]
        after = page[-1]
    return found[:PAGE]


async def best_of(
    rounds: int,
    call: Callable[[everstore.Store, dict[str, str]], Awaitable[list[Session]]],
    store: everstore.Store,
    labels: dict[str, str],
) -> tuple[list[Session], float]:
    """The answer, and the least milliseconds."""
    answer: list[Session] = []
    least = float("inf")
    for _ in range(rounds):
        begun = perf_counter()
        answer = await call(store, labels)
        least = min(least, perf_counter() - begun)
    return answer, least * 1000


async def main(count: int) -> None:
    """Fill, measure, and tell a line for each list."""
    async with everstore.open_store(log_level="off") as store:
        await fill(store, count)
        for labels in WANTED:
            listed, by_index = await best_of(ROUNDS, ask, store, labels)
            found, by_reading = await best_of(2, read_all, store, labels)
            assert listed == found
            told = f"{len(listed)} in {by_index:.2f} ms; by reading all {by_reading:.0f} ms"
            sys.stdout.write(f"{labels}: {told}\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else RECORDS))
