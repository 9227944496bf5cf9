"""A pool of the host's own, which stores of several schemas share, and which is the host's to close."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from conftest import settings_for

import everstore
from everstore import CallRecord, errors
from everstore_postgres import SERVER_SETTINGS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def pool(url) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(url, min_size=1, max_size=4, server_settings=SERVER_SETTINGS) as pool:
        yield pool


def without_url(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "postgres_url"}


@pytest.fixture
def own(settings) -> dict[str, Any]:
    """What opens the test's schema on a pool."""
    return without_url(settings)


async def test_everything_works_and_the_pool_stays_open(pool, own):
    async with everstore.open_store(pool, **own) as store:
        session = await store.create_session("one")
        work = store.session(session.id)
        await work.files.write_file("d/a.txt", "one\ntwo\n")
        await work.files.move_file("d", "e")
        assert [match.line for match in await work.files.grep_files("t.o", regex=True)] == ["two"]
        await work.storage.set_value("k", "v", ttl=60)
        await work.storage.set_secret("s", "hidden")
        assert await work.storage.get_secret("s") == "hidden"
        assert await work.storage.increment_value("n") == 1
        assert await store.delete_session(session.id)
    assert await pool.fetchval("SELECT 1") == 1
    assert pool.get_idle_size() == pool.get_size()


async def test_stores_of_many_tenants_share_its_connections(pool, url, settings):
    schemas = [settings["postgres_schema_name"], f"test_{uuid.uuid4().hex}"]
    async with AsyncExitStack() as stack:
        stores = [
            await stack.enter_async_context(
                everstore.open_store(pool, **without_url(settings_for(url, schema)))
            )
            for schema in schemas
        ]
        session_id = everstore.new_session_id()
        await asyncio.gather(
            *(
                store.storage.set_value(session_id, f"{number}", f"{place}")
                for place, store in enumerate(stores)
                for number in range(50)
            )
        )
        for place, store in enumerate(stores):
            values = [await store.storage.get_value(session_id, f"{number}") for number in range(50)]
            assert values == [f"{place}"] * 50
        assert pool.get_size() <= 4
    await pool.execute(f"DROP SCHEMA {schemas[1]} CASCADE")


async def test_a_call_that_finds_no_connection_in_time_did_not_happen(pool, own):
    async with (
        everstore.open_store(pool, **own, postgres_pool_timeout=0.5) as store,
        AsyncExitStack() as held,
    ):
        for _ in range(4):
            await held.enter_async_context(pool.acquire())
        with pytest.raises(errors.BackendUnavailableError, match="POOL_TIMEOUT") as caught:
            await store.storage.increment_value(everstore.new_session_id(), "n")
        assert caught.value.happened is False


async def test_what_a_call_waits_for_a_connection_is_in_its_record(pool, own):
    seen: list[CallRecord] = []
    async with everstore.open_store(pool, **own, on_call=seen.append) as store:
        async with AsyncExitStack() as held:
            for _ in range(4):
                await held.enter_async_context(pool.acquire())
            call = asyncio.ensure_future(store.storage.increment_value(everstore.new_session_id(), "n"))
            await asyncio.sleep(0.05)
        assert await call == 1
    [record] = seen
    assert 40_000_000 < record.waited_ns <= record.duration_ns


async def test_a_cancelled_call_gives_its_connection_back(pool, own):
    async with everstore.open_store(pool, **own) as store:
        session_id = everstore.new_session_id()
        for turns in range(12):
            call = asyncio.ensure_future(store.storage.increment_value(session_id, "n"))
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        assert await store.storage.increment_value(session_id, "n") >= 1
    assert pool.get_idle_size() == pool.get_size()


async def test_a_call_that_takes_too_long_is_stopped(pool, own):
    async with everstore.open_store(pool, **own, postgres_statement_timeout=1) as store:
        session_id = everstore.new_session_id()
        schema = own["postgres_schema_name"]
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(f"LOCK TABLE {schema}.entries IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(errors.BackendUnavailableError, match="STATEMENT_TIMEOUT"):
                await store.storage.get_value(session_id, "k")
        assert await store.storage.get_value(session_id, "k") is None


async def test_a_pool_beside_a_url_is_refused(pool, settings):
    with pytest.raises(errors.SettingsError, match=r"asyncpg\.Pool, and EVERSTORE_POSTGRES_URL"):
        await everstore.open_store(pool, **settings)


async def test_without_either_both_are_named():
    with pytest.raises(errors.SettingsError, match=r"EVERSTORE_POSTGRES_URL is not set.*open_store\(pool"):
        await everstore.open_store(backend="postgres")


async def test_a_pool_that_decodes_in_its_own_way_is_refused(url, own):
    async def decode(connection):
        await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str)

    async with asyncpg.create_pool(url, min_size=1, max_size=1, init=decode) as pool:
        with pytest.raises(errors.SettingsError, match="codecs of their own"):
            await everstore.open_store(pool, **own)
        assert pool.get_idle_size() == 1


async def test_a_pool_that_is_closed_is_told(url, own):
    pool = await asyncpg.create_pool(url, min_size=1, max_size=1)
    store = await everstore.open_store(pool, **own)
    await pool.close()
    with pytest.raises(errors.BackendUnavailableError) as caught:
        await store.storage.get_value(everstore.new_session_id(), "k")
    assert caught.value.happened is False
    await store.close()


async def test_a_pool_that_is_not_open_is_told_at_once(url, own):
    closed = await asyncpg.create_pool(url, min_size=1, max_size=1)
    await closed.close()
    for pool in (closed, asyncpg.create_pool(url)):
        with pytest.raises(errors.SettingsError, match=r"is not open.*await asyncpg.create_pool"):
            await everstore.open_store(pool, wait=60, **own)
