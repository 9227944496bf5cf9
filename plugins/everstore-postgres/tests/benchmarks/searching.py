"""Searching 100 MB of text, without the trigram index and with it, and what the index costs a writer."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any

from page import note, times, with_unit
from rounds import in_turns, one_by_one

import everstore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from uuid import UUID

    from bench import Bench

__all__ = ["measure_search"]

FILES, SIZE = 5_000, 20_000
A_BATCH = 250
PLAIN, INDEXED = "without the index", "with it"
SEED = 7
INDEX_SIZE = "SELECT sum(pg_relation_size(relid))::bigint FROM pg_partition_tree('files_texts')"
TABLE_SIZE = "SELECT sum(pg_table_size(relid))::bigint FROM pg_partition_tree('files')"


class Corpus:
    """Texts of lines of ten words of 3 to 9 letters; every five-hundredth file has a needle."""

    def __init__(self) -> None:
        self.chance = chance = random.Random(SEED)
        letters = "abcdefghijklmnopqrstuvwxyz"
        self.words = ["".join(chance.choices(letters, k=chance.randint(3, 9))) for _ in range(5_000)]
        self._lines = [" ".join(chance.choices(self.words, k=10)) + "\n" for _ in range(20_000)]

    def text(self, number: int) -> str:
        """The text of a file, most of which is in no other file in this order."""
        text = "".join(self.chance.choices(self._lines, k=SIZE // 50))[:SIZE]
        return f"{text[:9_000]}\nneedle 42 in here\n{text[9_020:]}" if number % 500 == 7 else text

    def queries(self) -> dict[str, dict[str, Any]]:
        """What to search for."""
        common = next(word for word in self.words if len(word) == 7)
        return {
            "rare literal": {"pattern": "needle 42 in"},
            "literal that is nowhere": {"pattern": "is nowhere"},
            "common literal": {"pattern": common},
            "rare literal, `ignore_case`": {"pattern": "NEEDLE 42 in", "ignore_case": True},
            "regex with a rare literal": {"pattern": r"needle \d+ in", "regex": True},
            "regex without a literal": {"pattern": r"\b[0-9]+\b", "regex": True},
            "common literal, the first 10": {"pattern": common, "limit": 10},
        }


def _path(number: int) -> str:
    return f"/{number % 100}/{number}.txt"


async def _load(stores: list[everstore.Store], session_id: UUID, corpus: Corpus) -> None:
    """Write the same files into both stores."""
    for start in range(0, FILES, A_BATCH):
        texts = {number: corpus.text(number) for number in range(start, start + A_BATCH)}
        for store in stores:
            write = store.file_system.write_file
            await asyncio.gather(*(write(session_id, _path(n), text) for n, text in texts.items()))


async def measure_search(bench: Bench) -> None:
    """The tables of searches and of writes."""
    page, session_id, corpus = bench.page, everstore.new_session_id(), Corpus()
    page.begin("search", f"Searching {FILES:,} files of {SIZE // 1000} KB in one session")
    async with (
        bench.schema("plain") as plain_schema,
        bench.schema("indexed") as indexed_schema,
        bench.store(plain_schema) as plain,
        bench.connection(indexed_schema) as connection,
    ):
        async with bench.store(indexed_schema) as not_yet:
            note(f"writing {2 * FILES:,} files")
            await _load([plain, not_yet], session_id, corpus)
        note("building the index")
        started = perf_counter()
        async with bench.store(indexed_schema, postgres_search_index=True) as indexed:
            built = perf_counter() - started
            stores = {PLAIN: plain, INDEXED: indexed}
            for schema in (plain_schema, indexed_schema):
                await connection.execute(f"VACUUM ANALYZE {schema}.files")
            await _searches(bench, stores, session_id, corpus)
            size, table = [await connection.fetchval(query) for query in (INDEX_SIZE, TABLE_SIZE)]
            page.say(
                f"\nBuilding the index took {built:.0f} s, {built / FILES * 1e3:.1f} ms a file. It has "
                f"{size / 1e6:,.0f} MB, the table {table / 1e6:,.0f} MB.\n"
            )
            page.keep("index", {"seconds": built, "index_bytes": size, "table_bytes": table})
            await _writes(bench, stores, corpus)
    page.say()


async def _searches(
    bench: Bench, stores: dict[str, everstore.Store], session_id: UUID, corpus: Corpus
) -> None:
    page = bench.page
    page.head("", "matches", PLAIN, INDEXED, "faster")
    for name, query in corpus.queries().items():
        searches = {
            which: partial(store.file_system.grep_files, session_id, **query)
            for which, store in stores.items()
        }
        found = [await search() for search in searches.values()]
        assert found[0] == found[1], name
        turns = {which: partial(one_by_one, [search]) for which, search in searches.items()}
        figures = await in_turns(turns, max(3, bench.rounds // 10))
        cells = [with_unit(figures.seconds(which)) for which in stores]
        page.row(name, f"{len(found[0]):,}", *cells, times(figures.ratio(PLAIN, INDEXED)))
        page.keep(name, figures)


async def _writes(bench: Bench, stores: dict[str, everstore.Store], corpus: Corpus) -> None:
    """Files of 1 KB and of 20 KB, one after the other, into a session that has few."""
    page, session_id, numbers = bench.page, everstore.new_session_id(), count()
    page.head("", PLAIN, INDEXED, "times as long")
    for size in (1_000, SIZE):

        def turn(store: everstore.Store, size: int = size) -> Callable[[], Awaitable[float]]:
            write = partial(store.file_system.write_file, session_id)
            return lambda: _written(write, corpus, size, numbers)

        figures = await in_turns(
            {which: turn(store) for which, store in stores.items()}, max(3, bench.rounds // 2)
        )
        cells = [with_unit(figures.seconds(which)) for which in stores]
        name = f"create a file of {size // 1000} KB"
        page.row(name, *cells, times(figures.ratio(INDEXED, PLAIN)))
        page.keep(name, figures)


async def _written(write: Any, corpus: Corpus, size: int, numbers: Iterator[int]) -> float:
    """The mean of a turn, for the index is written in bursts."""
    texts = [corpus.text(1)[:size] for _ in range(20)]
    started = perf_counter()
    for text in texts:
        await write(f"/new/{next(numbers)}.txt", text)
    return (perf_counter() - started) / len(texts)
