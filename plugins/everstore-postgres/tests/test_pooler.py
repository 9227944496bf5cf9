"""Behind a proxy that pools by transaction, each statement may run in another session of the server."""

from __future__ import annotations

import asyncio

import pytest
from pooler import TransactionPooler

import everstore
from everstore import InitialFile
from everstore.errors import RevisionConflictError, SettingsError


@pytest.fixture
async def pooled(settings):
    """Settings that lead through such a proxy, the schema already there, and the proxy."""
    async with everstore.open_store(**settings):
        pass
    async with TransactionPooler(settings["postgres_url"]) as pooler:
        yield {**settings, "postgres_url": pooler.url, "postgres_statement_cache": False}, pooler


async def test_every_kind_of_statement_works_behind_a_pooler(pooled):
    settings, _ = pooled
    async with everstore.open_store(**settings, postgres_pool_max_size=8) as store:
        session = await store.create_session("pooled", files=[InitialFile("kept", "x", is_readonly=True)])
        work = store.session(session.id)

        async def use(number):
            path = f"dir{number}/file"
            await work.files.write_file(path, "one\ntwo\n")
            await work.files.edit_file(path, "two", str(number))
            await work.files.append_file(path, "end\n")
            await work.files.copy_file(f"dir{number}", f"copy{number}")
            assert (await work.files.read_file(f"copy{number}/file")).content == f"one\n{number}\nend\n"
            assert len(await work.files.grep_files(str(number), f"copy{number}/")) == 1
            assert await work.files.delete_file(f"dir{number}", recursive=True)
            await work.storage.set_value(f"{number}", "1", ttl=60)
            await work.storage.increment_value("count", number)
            await work.storage.set_secret(f"{number}", "hush")
            assert await work.storage.get_secret(f"{number}") == "hush"
            with pytest.raises(RevisionConflictError):
                await work.storage.set_value(f"{number}", "2", if_absent=True)

        await asyncio.gather(*map(use, range(12)))
        assert await work.storage.get_value("count") == str(sum(range(12)))
        assert len(await work.files.glob_files("copy*/*")) == 12
        assert [each.title for each in await store.sessions.list_sessions()] == ["pooled"]
        assert await store.delete_session(session.id)


async def test_a_large_search_is_one_transaction_behind_a_pooler(pooled):
    settings, _ = pooled
    async with everstore.open_store(**settings) as store:
        work = store.session(everstore.new_session_id())
        for number in range(30):
            await work.files.write_file(f"{number:02}.txt", "needle\n" + "hay\n" * 100_000)
        assert [match.path for match in await work.files.grep_files("needle")] == [
            f"/{number:02}.txt" for number in range(30)
        ]


async def test_a_known_statement_is_one_round_trip_behind_a_pooler(pooled):
    settings, pooler = pooled
    async with everstore.open_store(**settings, postgres_pool_max_size=1) as store:
        work = store.session(everstore.new_session_id())
        await work.files.write_file("a", "1")
        await work.files.read_file("a")
        before = pooler.transactions
        await work.files.write_file("b", "2")
        await work.files.read_file("b")
        assert pooler.transactions - before == 2


async def test_a_pooler_that_nobody_has_told_of(pooled):
    settings, _ = pooled
    with pytest.raises(SettingsError, match=r"EVERSTORE_POSTGRES_STATEMENT_CACHE.* false"):
        async with everstore.open_store(**{**settings, "postgres_statement_cache": True}):
            pass


async def test_the_schema_is_installed_through_a_pooler(settings):
    async with TransactionPooler(settings["postgres_url"]) as pooler:
        behind = {**settings, "postgres_url": pooler.url, "postgres_statement_cache": False}
        async with everstore.open_store(**behind) as store:
            assert await store.file_system.list_directory(everstore.new_session_id()) == []
