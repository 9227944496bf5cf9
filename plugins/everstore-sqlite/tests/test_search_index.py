"""With the index or without it, filled or not: a search has the same answer."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import everstore
from everstore import changes, errors, new_session_id
from everstore_sqlite import checking, index

if TYPE_CHECKING:
    from collections.abc import Callable

# Few characters, so that literals are found: every kind that an index could get wrong.
ALPHABET = "aAbÄä\"'%_*\0\r\n  éé\u2028\U0001f600\ufffe\uffff"


async def filled(raw) -> None:
    """Wait until the index covers what it can."""
    open_work = "SELECT serial FROM search_todo WHERE NOT is_final UNION ALL SELECT serial FROM search_stale"
    while raw(open_work):  # noqa: ASYNC110 - another thread does it, and tells nobody
        await asyncio.sleep(0.01)


async def change_at_random(work: everstore.BoundSession, chance: random.Random) -> None:
    """Every verb that touches contents, on a handful of places."""

    def place() -> str:
        return "/".join(chance.choices("abc", k=chance.randint(1, 2)))

    text = "".join(chance.choices(ALPHABET, k=chance.randint(0, 30)))
    verb = chance.choice(["write", "write", "write", "base64", "append", "edit", "move", "copy", "delete"])
    try:
        match verb:
            case "write":
                await work.files.write_file(place(), text)
            case "base64":
                await work.files.write_file(place(), "YWJj", "base64")
            case "append":
                await work.files.append_file(place(), text)
            case "edit":
                await work.files.edit_file(place(), "a", text, replace_all=True)
            case "move":
                await work.files.move_file(place(), place(), overwrite=True)
            case "copy":
                await work.files.copy_file(place(), place(), overwrite=True)
            case _:
                await work.files.delete_file(place(), recursive=True)
    except errors.EverstoreError:
        pass  # refused: then nothing happened


async def answers(
    store: everstore.Store, session_id: Any, literals: list[str]
) -> list[list[everstore.GrepMatch]]:
    return [await store.file_system.grep_files(session_id, literal) for literal in literals]


@pytest.mark.parametrize("seed", range(8))
async def test_the_same_answers_whoever_wrote_and_whenever(opened, raw, seed):
    """One store knows the index, one does not; both write, and it is removed and made again between."""
    chance = random.Random(seed)
    ids = [new_session_id() for _ in range(2)]
    async with opened() as plain:
        for turn in range(4):
            async with opened(search_index=True) as indexed:
                for _ in range(25):
                    store = chance.choice([plain, indexed])
                    await change_at_random(store.session(chance.choice(ids)), chance)
                texts = [
                    (await plain.file_system.read_file(one, info.path)).content
                    for one in ids
                    for info in await plain.file_system.glob_files(one, "**")
                ]
                starts = [(text, chance.randrange(len(text))) for text in texts if text]
                literals = [text[at : at + chance.randint(1, 6)] for text, at in starts]
                for is_filled in (False, True):
                    if is_filled:
                        await filled(raw)
                    for one in ids:
                        assert await answers(indexed, one, literals) == await answers(plain, one, literals)
            if turn == 1:
                async with opened(search_index="remove"):
                    pass


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Callable[[str, str], tuple[Any, Any]]:
    """Search one text for one literal in two stores that stay open: without and with a filled index."""
    folder = tmp_path_factory.mktemp("index")
    runner = asyncio.Runner()

    async def search(text: str, literal: str) -> tuple[Any, Any]:
        found = []
        for name, use in (("plain.db", False), ("indexed.db", True)):
            session_id = new_session_id()
            own = {"sqlite_path": folder / name, "sqlite_synchronous": "normal", "sqlite_search_index": use}
            async with everstore.open_store(backend="sqlite", log_level="off", **own) as store:
                work = store.session(session_id)
                await work.files.write_file("a.txt", text)
                while use and _todo(folder / name):  # noqa: ASYNC110 - see filled
                    await asyncio.sleep(0.001)
                found.append(await work.files.grep_files(literal))
        return tuple(found)

    yield lambda text, literal: runner.run(search(text, literal))
    runner.close()


def _todo(path) -> int:
    connection = sqlite3.connect(path)
    (count,) = connection.execute("SELECT count(*) FROM search_todo WHERE NOT is_final").fetchone()
    connection.close()
    return count


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=40), st.data())
def test_any_text_and_any_part_of_it(both, text, data):
    start = data.draw(st.integers(0, len(text)))
    literal = text[start : data.draw(st.integers(start, len(text)))]
    plain, indexed = both(text, literal)
    assert plain == indexed


async def test_the_index_is_asked_for_one_session_only(opened, raw, session_id):
    async with opened(search_index=True) as store:
        for _ in range(3):
            await store.file_system.write_file(new_session_id(), "a.txt", "needle")
        await store.file_system.write_file(session_id, "mine.txt", "needle")
        await filled(raw)
        assert [match.path for match in await store.file_system.grep_files(session_id, "needle")] == [
            "/mine.txt"
        ]
        assert await store.file_system.grep_files(new_session_id(), "needle") == []


async def test_a_purged_session_leaves_the_index(opened, raw, session_id):
    async with opened(search_index=True) as store:
        for number in range(30):
            await store.file_system.write_file(session_id, f"{number}.txt", "needle in a haystack")
        await filled(raw)
        assert raw("SELECT count(*) FROM search WHERE search MATCH '\"nee\"'") == [(30,)]
        await store.delete_session(session_id)
        await filled(raw)
    assert raw("SELECT count(*) FROM search WHERE search MATCH '\"nee\"'") == [(0,)]
    for table in ("search_todo", "search_stale", "contents", "entries", "trees"):
        assert raw(f"SELECT count(*) FROM {table}") == [(0,)]


async def test_an_index_made_late_is_filled_while_the_store_works(opened, raw, session_id):
    async with opened() as store:
        calls = (
            store.file_system.write_file(session_id, f"{n}.txt", f"text {n}\n" * 200) for n in range(200)
        )
        await asyncio.gather(*calls)
    async with opened(search_index=True) as store:
        assert len(await store.file_system.grep_files(session_id, "text 7", limit=1)) == 1
        await store.file_system.write_file(session_id, "new.txt", "text 7")
        await filled(raw)
        assert len({match.path for match in await store.file_system.grep_files(session_id, "text 19")}) == 11


async def test_a_removed_index_leaves_nothing(opened, raw, session_id, path):
    async with opened(search_index=True) as store:
        await store.file_system.write_file(session_id, "a.txt", "needle")
    async with opened(search_index="remove") as store:
        assert len(await store.file_system.grep_files(session_id, "needle")) == 1
        assert raw("SELECT name FROM sqlite_master WHERE name LIKE '%search%' OR name LIKE '%serial'") == []
        await store.file_system.write_file(session_id, "b.txt", "needle")
        await store.file_system.delete_file(session_id, "a.txt")
        assert len(await store.file_system.grep_files(session_id, "needle")) == 1


async def test_a_store_whose_index_somebody_removes_goes_on(opened, session_id):
    async with opened(search_index=True) as store:
        await store.file_system.write_file(session_id, "a.txt", "needle")
        async with opened(search_index="remove"):
            pass
        assert len(await store.file_system.grep_files(session_id, "needle")) == 1
        await store.file_system.write_file(session_id, "b.txt", "needle")
        assert len(await store.file_system.grep_files(session_id, "needle")) == 2


async def test_an_sqlite_without_fts5_is_told_by_name(opened, monkeypatch):
    statements = [statement.replace("fts5", "fts5_that_is_missing") for statement in index._CREATE]
    monkeypatch.setattr(index, "_CREATE", tuple(statements))
    with pytest.raises(errors.SettingsError, match="EVERSTORE_SQLITE_SEARCH_INDEX"):
        async with opened(search_index=True):
            pass
    async with opened():
        pass


def large_text(seed: int) -> str:
    """Several pieces of characters of one to four bytes, so that pieces end within one, too."""
    chance = random.Random(seed)
    words = ["plain", "größe", "数据库", "🦄🦄", "né", "x" * 30]
    return "".join(chance.choices(words, k=200_000)) + "\n"


@pytest.mark.parametrize("seed", range(3))
async def test_a_large_text_is_indexed_and_forgotten_in_pieces(opened, raw, session_id, seed):
    text = large_text(seed)
    async with opened(search_index=True) as store:
        files = store.session(session_id).files
        await files.write_file("large.txt", text)
        needles = [text[at : at + 12] for at in range(0, len(text) - 12, len(text) // 40)]
        assert all([await files.grep_files(needle, limit=1) for needle in needles])
        await filled(raw)
        assert all([await files.grep_files(needle, limit=1) for needle in needles])
        # Every trigram is in the index, those across two pieces, too.
        trigrams = {text[at : at + 3] for at in range(len(text) - 3)}
        ask = "SELECT count(*) FROM search WHERE search MATCH ?"
        assert [trigram for trigram in trigrams if raw(ask, f'"{trigram}"') != [(1,)]] == []
        await files.write_file("large.txt", "small")
        await filled(raw)
        assert [trigram for trigram in trigrams if raw(ask, f'"{trigram}"') != [(0,)]] == []
        assert await files.grep_files("plain") == []


async def test_a_text_that_changes_while_it_is_indexed(opened, raw, session_id):
    async with opened(search_index=True) as store:
        files = store.session(session_id).files
        for seed in range(4):
            text = large_text(seed) + "needle\n"
            await files.write_file("large.txt", text)
            while raw("SELECT serial FROM search_todo WHERE NOT position"):  # noqa: ASYNC110 - another thread
                await asyncio.sleep(0.001)
            assert len(await files.grep_files("needle")) == 1
        await files.delete_file("large.txt")
        await filled(raw)
        assert raw('SELECT count(*) FROM search WHERE search MATCH \'"pla" OR "nee"\'') == [(0,)]
        assert raw("SELECT count(*) FROM search_forgotten") == [(0,)]


@pytest.mark.parametrize("end", ["the end", "🦄数é🦄数", "é" * 9])
async def test_a_text_that_goes_in_the_step_that_made_it_longer(opened, raw, path, session_id, end):
    async with opened(search_index=True) as store:
        files = store.session(session_id).files
        await files.write_file("large.txt", "x" * 100_000 + end)
        await filled(raw)
        await files.apply_changes([changes.Append("large.txt", " and more"), changes.Delete("large.txt")])
        await filled(raw)
        assert checking.check(path, deep=True) == []


async def test_a_text_that_gets_longer_when_all_of_it_is_just_indexed(opened, raw, session_id):
    async with opened() as plain, opened(search_index=True):  # the plain one leaves the work undone
        await plain.file_system.write_file(session_id, "large.txt", "x" * 100_000 + "nee")
        await filled(raw)
    raw("INSERT INTO search_todo SELECT serial, 0, 100003 FROM contents")  # as it is until the next step
    async with opened() as plain:
        await plain.file_system.append_file(session_id, "large.txt", "dle")
    async with opened(search_index=True) as store:
        await filled(raw)
        assert len(await store.file_system.grep_files(session_id, "needle")) == 1
        await store.file_system.delete_file(session_id, "large.txt")
        await filled(raw)
    assert raw('SELECT count(*) FROM search WHERE search MATCH \'"xxx" OR "eed"\'') == [(0,)]


@pytest.mark.parametrize("seed", [10, 21])
async def test_a_text_of_many_pieces_leaves_the_index_whatever_fts5_has_merged(opened, path, seed):
    def tend() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            more = True
            while more:
                connection.execute("BEGIN")
                more = index._forget_one(connection) or index._add_one(connection)
                connection.execute("COMMIT")

    chance = random.Random(seed)
    words = ["".join(chance.choices("abcdefghijklmnop", k=5)) for _ in range(40)]
    large, others = (UUID(int=number) for number in (1, 2))

    def text(most: int) -> str:
        return "".join(chance.choices(words, k=chance.randrange(1, most)))

    async with opened(search_index=True):
        pass
    async with opened() as store:  # one that leaves the index to us
        files = store.session(large).files
        await files.write_file("large.txt", "".join(chance.choices(words, k=20_000)))
        for more in (True, True, True, True, False):
            tend()
            writes = [changes.Write(f"{chance.randrange(30)}", text(300)) for _ in range(8)]
            await store.session(others).files.apply_changes(writes)
            tend()
            if more:
                await files.append_file("large.txt", text(1000))
            else:
                await files.delete_file("large.txt")
                tend()
        await store.session(others).files.apply_changes([changes.Write("last", text(30))] * 8)
        tend()
        assert checking.check(path, deep=True) == []


async def test_an_index_of_an_earlier_version_is_begun_anew(opened, raw, session_id):
    async with opened(search_index=True) as store:
        await store.file_system.write_file(session_id, "a.txt", "a needle")
        await filled(raw)
    raw("DROP TABLE search_forgotten")
    async with opened(search_index=True) as store:
        await filled(raw)
        assert len(await store.file_system.grep_files(session_id, "needle")) == 1
        await store.file_system.delete_file(session_id, "a.txt")
        await filled(raw)


async def test_a_search_looks_up_what_the_index_names(opened, raw):
    """And does not read the entries of all sessions for it."""
    async with opened(search_index=True):
        plan = raw(f"EXPLAIN QUERY PLAN {index._FILES}", b"", "abc", 0, 1, 0, 1)
    assert plan[0][3] == "SEARCH entries USING INDEX entries_by_content (<expr>=? AND session=?)"
