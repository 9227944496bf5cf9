"""The connections of a store when some are dead, when there are no more, and when searches want them all."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from proxy import Proxy

import everstore
from everstore.errors import BackendUnavailableError, StoreClosedError


@asynccontextmanager
async def _over_proxy(settings, connections):
    """A store whose connections lead through a wire, all of them open, and the wire."""
    async with Proxy(settings["postgres_url"]) as proxy:
        over = {**settings, "postgres_url": proxy.url, "postgres_statement_timeout": 2}
        async with everstore.open_store(
            **over, postgres_pool_min_size=connections, postgres_pool_max_size=connections
        ) as store:
            yield store.session(everstore.new_session_id()), proxy


async def _outcomes(calls) -> list[object]:
    ended = []
    for call in calls:
        try:
            ended.append(await call)
        except BackendUnavailableError as error:
            ended.append(error)
    return ended


async def test_one_dead_connection_gives_all_away_that_died_with_it(settings):
    async with _over_proxy(settings, 10) as (work, proxy):
        await work.storage.set_value("key", "value")
        proxy.strand()
        told = await _outcomes(work.storage.get_value("key") for _ in range(12))
        assert isinstance(told[0], BackendUnavailableError)
        assert told[0].happened is False
        assert told[1:] == ["value"] * 11


async def test_connections_unused_for_long_are_asked_before_they_are_used(settings):
    async with _over_proxy(settings, 10) as (work, proxy):
        await work.storage.increment_value("count")
        proxy.strand()
        await asyncio.sleep(2.1)  # longer than a call may take
        counts = await asyncio.gather(*(work.storage.increment_value("count") for _ in range(12)))
        assert sorted(counts) == list(range(2, 14))


async def test_connections_that_die_in_the_middle_of_calls_die_together(settings):
    async with _over_proxy(settings, 3) as (work, proxy):
        await work.storage.set_value("key", "value")
        proxy.strand()
        ended = await asyncio.gather(
            *(work.storage.get_value("key") for _ in range(3)), return_exceptions=True
        )
        assert {type(error) for error in ended} == {BackendUnavailableError}
        assert await asyncio.gather(*(work.storage.get_value("key") for _ in range(9))) == ["value"] * 9


async def test_calls_that_wait_for_a_connection_when_the_store_is_closed_say_that_it_is(settings):
    session_id = everstore.new_session_id()
    store = everstore.open_store(**settings, postgres_pool_min_size=1, postgres_pool_max_size=1)
    async with store as opened:
        counting = [
            asyncio.ensure_future(opened.storage.increment_value(session_id, "count")) for _ in range(9)
        ]
        await asyncio.sleep(0)
    ended = await asyncio.gather(*counting, return_exceptions=True)
    refused = [answer for answer in ended if not isinstance(answer, int)]
    assert {type(error) for error in refused} == {StoreClosedError}
    async with everstore.open_store(**settings) as again:
        assert int(await again.storage.get_value(session_id, "count")) == len(ended) - len(refused)


@pytest.fixture
async def few(settings, database):
    """Settings of a role that the server gives three connections."""
    role = settings["postgres_schema_name"]
    async with everstore.open_store(**settings):
        pass
    await database.execute(
        f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 3; GRANT USAGE ON SCHEMA {role} TO {role};"
        f"GRANT ALL ON ALL TABLES IN SCHEMA {role} TO {role};"
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA {role} TO {role}"
    )
    yield {**settings, "postgres_url": settings["postgres_url"].replace("postgres:@", f"{role}@")}
    await database.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_a_server_without_a_free_slot_is_no_failure_beside_sound_connections(few):
    session_id = everstore.new_session_id()
    async with everstore.open_store(**few, postgres_pool_min_size=5) as store:
        for _ in range(3):
            counts = await asyncio.gather(
                *(store.storage.increment_value(session_id, "count") for _ in range(30))
            )
        assert sorted(counts) == list(range(61, 91))


async def test_a_server_without_a_slot_for_the_first_connection_says_so(few):
    async with everstore.open_store(**few, postgres_pool_min_size=3):
        with pytest.raises(BackendUnavailableError, match="POOL_MAX_SIZE") as caught:
            async with everstore.open_store(**few):
                pass
        assert caught.value.happened is False


async def test_calls_that_wait_for_a_slot_all_end_when_there_is_none(few, database):
    """Its only connection dies, others have all the slots: each call that waited fails, none hangs."""
    session_id = everstore.new_session_id()
    async with everstore.open_store(**few, postgres_pool_max_size=1) as store:
        await store.storage.set_value(session_id, "key", "value")
        await _terminate(database)
        async with everstore.open_store(**few, postgres_pool_min_size=3):
            ended = await asyncio.gather(
                *(store.storage.get_value(session_id, "key") for _ in range(8)), return_exceptions=True
            )
            assert {type(error) for error in ended} == {BackendUnavailableError}
            assert {error.happened for error in ended} == {False}
        ended = []
        for _ in range(1000):  # until the server has noticed that the others are gone
            ended = await _outcomes([store.storage.get_value(session_id, "key")])
            if ended == ["value"]:
                break
            await asyncio.sleep(0.01)
        assert ended == ["value"]


async def _terminate(database) -> None:
    await database.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = current_schema()"
    )


@pytest.mark.parametrize("connections", [2, 4, 10])
async def test_short_calls_find_a_connection_whatever_searches_there_are(settings, database, connections):
    async with everstore.open_store(**settings, postgres_pool_max_size=connections) as store:
        work = store.session(everstore.new_session_id())
        await work.files.write_file("a", "needle")
        await work.storage.set_value("key", "value")
        async with database.transaction():
            await database.execute("LOCK TABLE files IN ACCESS EXCLUSIVE MODE")
            searches = [asyncio.create_task(work.files.grep_files("needle")) for _ in range(12)]
            searches += [asyncio.create_task(work.files.glob_files("*")) for _ in range(12)]
            async with asyncio.timeout(20):
                for number in range(20):
                    await asyncio.sleep(0)
                    assert await work.storage.get_value("key") == "value"
                    assert await work.storage.increment_value("count") == number + 1
            assert not any(search.done() for search in searches)
        assert [len(found) for found in await asyncio.gather(*searches)] == [1] * 24


async def test_a_search_that_waits_for_its_turn_in_vain_says_so_and_may_be_cancelled(settings, database):
    slow = {**settings, "postgres_pool_max_size": 2, "postgres_pool_timeout": 1}
    async with everstore.open_store(**slow) as store:
        work = store.session(everstore.new_session_id())
        async with database.transaction():
            await database.execute("LOCK TABLE files IN ACCESS EXCLUSIVE MODE")
            first = asyncio.create_task(work.files.grep_files("needle"))
            await asyncio.sleep(0)
            cancelled = asyncio.create_task(work.files.grep_files("needle"))
            await asyncio.sleep(0)
            cancelled.cancel()
            with pytest.raises(BackendUnavailableError, match="EVERSTORE_POSTGRES_POOL_TIMEOUT") as caught:
                await work.files.grep_files("needle")
            assert caught.value.happened is False
        assert await first == []
        assert await work.files.glob_files("*") == []
