"""The server dies, connections break, calls are slow or cancelled: typed errors, then all is well again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest
from proxy import Proxy

import everstore
from everstore.errors import BackendUnavailableError, EverstoreError, PathExistsError, PathNotFoundError


async def _until_it_works(call):
    """Repeat a call, as a host would, until the backend is available again."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await call()
            except BackendUnavailableError:
                await asyncio.sleep(0.02)


async def test_whoever_tries_again_and_again_does_not_hold_the_event_loop(own_server, own_settings):
    async with everstore.open_store(**own_settings) as store:
        session_id = everstore.new_session_id()
        own_server.kill()
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.create_task(count())
        for _ in range(50):
            before = turns
            with pytest.raises(BackendUnavailableError) as caught:
                await store.storage.increment_value(session_id, "n")
            assert turns > before
        assert caught.value.happened is False
        counting.cancel()


KILLS = 6


async def test_a_server_killed_under_load_loses_nothing_acknowledged(own_server, own_settings):
    async with everstore.open_store(**own_settings) as store:
        acknowledged, errors, stopping = {}, [], asyncio.Event()
        sessions = [everstore.new_session_id() for _ in range(3)]
        files = store.file_system

        async def attempt(call) -> bool:
            try:
                await call
            except EverstoreError as error:
                errors.append(error)
                await asyncio.sleep(0.02)
                return False
            return True

        async def write(number):
            session_id, count = sessions[number % 3], 0
            while not stopping.is_set():
                count += 1
                path, text = f"/{number}/{count % 7}.txt", f"{number} {count}"
                done = await attempt(files.write_file(session_id, path, text))
                acknowledged[session_id, path] = text if done else None  # None: may be there or not

        async def move(session_id):
            """A tree of five files goes to and fro, and its copy comes and goes."""
            while not stopping.is_set():
                for source, destination in (("/here", "/there"), ("/there", "/here")):
                    await attempt(files.move_file(session_id, source, destination))
                    await attempt(files.copy_file(session_id, destination, "/copy"))
                    await attempt(files.delete_file(session_id, "/copy", recursive=True))

        for session_id in sessions:
            for number in range(5):
                await files.write_file(session_id, f"/here/sub/{number}.txt", "x")
        tasks = [
            *(asyncio.create_task(write(number)) for number in range(12)),
            *(asyncio.create_task(move(session_id)) for session_id in sessions),
        ]
        for _ in range(KILLS):
            await asyncio.sleep(0.4)
            await asyncio.to_thread(own_server.kill)
            await asyncio.sleep(0.1)
            await asyncio.to_thread(own_server.start)
        await _until_it_works(lambda: files.write_file(sessions[0], "after.txt", "recovered"))
        stopping.set()
        await asyncio.gather(*tasks)

        kinds = {type(error) for error in errors}
        assert BackendUnavailableError in kinds
        assert kinds <= {BackendUnavailableError, PathNotFoundError, PathExistsError}
        assert all(error.__cause__ for error in errors if isinstance(error, BackendUnavailableError))
        for (session_id, path), content in acknowledged.items():
            if content is not None:
                assert (await files.read_file(session_id, path)).content == content
        for session_id in sessions:
            found = [info.path for info in await files.glob_files(session_id, "**")]
            for path in found:
                assert (await files.stat_file(session_id, path.rpartition("/")[0] or "/")).is_directory
            trees = [
                [path for path in found if path.startswith(f"/{tree}/")] for tree in ("here", "there", "copy")
            ]
            assert sorted(map(len, trees[:2])) == [0, 5]
            assert len(trees[2]) in {0, 5}


async def test_a_counter_is_exact_when_what_certainly_did_not_happen_is_made_again(own_server, own_settings):
    """Under kills: each call is repeated as long as it certainly did not happen, and only then."""
    async with everstore.open_store(**own_settings) as store:
        session_id, stopping = everstore.new_session_id(), asyncio.Event()
        counted = {"done": 0, "maybe": 0, "not": 0}

        async def count():
            while not stopping.is_set():
                try:
                    await store.storage.increment_value(session_id, "count")
                    counted["done"] += 1
                except BackendUnavailableError as error:
                    counted["maybe" if error.happened is None else "not"] += 1
                    await asyncio.sleep(0.01)

        tasks = [asyncio.create_task(count()) for _ in range(16)]
        for _ in range(4):
            await asyncio.sleep(0.3)
            await asyncio.to_thread(own_server.kill)
            await asyncio.sleep(0.1)
            await asyncio.to_thread(own_server.start)
        stopping.set()
        await asyncio.gather(*tasks)
        total = int(await _until_it_works(lambda: store.storage.get_value(session_id, "count")))
        assert counted["done"] <= total <= counted["done"] + counted["maybe"]
        assert counted["not"] > 0


REFUSALS = {
    "deadlock": ("40P01", False),
    "serialization_failure": ("40001", False),
    "statement_completion_unknown": ("40003", None),
    "query_canceled": ("57014", False),
    "lock_not_available": ("55P03", False),
    "disk_full": ("53100", False),
    "out_of_memory": ("53200", False),
    "connection_failure": ("08006", None),
    "admin_shutdown": ("57P01", None),
}


@pytest.mark.parametrize(("state", "happened"), REFUSALS.values(), ids=list(REFUSALS))
async def test_what_the_server_refuses_has_not_happened(store, database, state, happened):
    """The server is made to refuse a write with each of its words for "later"."""
    session_id = everstore.new_session_id()
    await database.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$"
        f" BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    with pytest.raises(BackendUnavailableError) as caught:
        await store.storage.set_value(session_id, "key", "value")
    assert caught.value.happened is happened
    await database.execute("DROP TRIGGER refuse ON entries")
    await store.storage.set_value(session_id, "key", "value")


async def test_idle_connections_that_died_are_replaced_unseen(settings, database):
    async with everstore.open_store(**settings, postgres_pool_min_size=3) as store:
        session_id = everstore.new_session_id()
        await store.storage.set_value(session_id, "key", "value")
        await _terminate_all(database)
        assert await store.storage.get_value(session_id, "key") == "value"
        await _terminate_all(database)
        await _until_it_works(lambda: store.storage.set_value(session_id, "key", "other"))
        assert await store.storage.get_value(session_id, "key") == "other"


async def _backends(database, which: str = "true") -> list[int]:
    """The server processes of the test's stores, now: a transaction would go on seeing what it saw first."""
    await database.execute("SELECT pg_stat_clear_snapshot()")
    rows = await database.fetch(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'everstore'"
        f" AND query LIKE '%' || current_schema() || '%' AND {which}"
    )
    return [row["pid"] for row in rows]


async def _terminate_all(database) -> None:
    for pid in await _backends(database):
        await database.execute("SELECT pg_terminate_backend($1, 5000)", pid)


async def _until(condition) -> None:
    """Wait for what the server tells nobody."""
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


@asynccontextmanager
async def _held_file(database, session_id):
    """Another writer's transaction, which has the file and does not end."""
    async with database.transaction():
        await database.fetch(
            "SELECT * FROM put_file('write', $1, '/held.txt', 1, '/held.txt', '/', 't', '\\x31',"
            " NULL, false, NULL, NULL, NULL, NULL, NULL)",
            session_id,
        )
        yield


async def test_a_connection_cut_in_the_middle_of_a_call(settings, database, store):
    session_id = everstore.new_session_id()
    async with _held_file(database, session_id):
        call = asyncio.create_task(store.file_system.write_file(session_id, "/held.txt", "mine"))
        await _waiting_backend(database)
        await _terminate_all(database)
        with pytest.raises(BackendUnavailableError) as caught:
            await call
    assert caught.value.happened is None  # nobody can know
    assert (await store.file_system.read_file(session_id, "/held.txt")).content == "1"
    await store.file_system.write_file(session_id, "/held.txt", "mine")


async def _waiting_backend(database) -> None:
    """Until a call of ours waits in the database for another one."""
    await _until(lambda: _backends(database, "wait_event_type = 'Lock'"))


async def test_a_cancelled_call_has_happened_or_not_and_its_connection_goes_on(settings, database):
    async with everstore.open_store(**settings, postgres_pool_max_size=1) as store:
        session_id = everstore.new_session_id()
        async with _held_file(database, session_id):
            call = asyncio.create_task(store.file_system.write_file(session_id, "/held.txt", "mine"))
            await _waiting_backend(database)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            # The only connection is free again, and its next answer is its own.
            await store.file_system.write_file(session_id, "/other.txt", "other")
            assert (await store.file_system.read_file(session_id, "/other.txt")).content == "other"
        assert (await store.file_system.read_file(session_id, "/held.txt")).content == "1"
        assert len(await _backends(database)) == 1


class _LosesCancellations(Proxy):
    """A wire on which no request to cancel arrives."""

    async def _accept(self, reader, writer, first=b""):
        first = await reader.readexactly(8)
        if first[4:] == (80877102).to_bytes(4):  # the protocol's number for such a request
            writer.close()
        else:
            await super()._accept(reader, writer, first)


async def test_a_cancelled_call_whose_cancellation_is_lost_is_ended_in_the_server(settings, database):
    async with (
        _LosesCancellations(settings["postgres_url"]) as proxy,
        everstore.open_store(**{**settings, "postgres_url": proxy.url}) as store,
    ):
        session_id = everstore.new_session_id()
        async with _held_file(database, session_id):
            call = asyncio.create_task(store.file_system.write_file(session_id, "/held.txt", "mine"))
            await _waiting_backend(database)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert not await _backends(database, "wait_event_type = 'Lock'")
        assert (await store.file_system.read_file(session_id, "/held.txt")).content == "1"


async def test_calls_cancelled_at_any_moment_leave_a_sound_pool(settings):
    async with everstore.open_store(**settings, postgres_pool_max_size=2) as store:
        session_id = everstore.new_session_id()
        for number in range(60):
            call = asyncio.create_task(store.storage.set_value(session_id, f"{number}", str(number)))
            for _ in range(number % 12):
                await asyncio.sleep(0)
            call.cancel()
            with suppress(asyncio.CancelledError):
                await call
            assert await store.storage.get_value(session_id, str(number)) in {None, str(number)}
        keys = await store.storage.list_keys(session_id)
        for info in keys:
            assert await store.storage.get_value(session_id, info.key) == info.key
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_pool_exhausted_by_slow_calls_says_so(settings, database):
    async with everstore.open_store(**settings, postgres_pool_max_size=2, postgres_pool_timeout=1) as store:
        session_id = everstore.new_session_id()
        async with _held_file(database, session_id):
            slow = [
                asyncio.create_task(store.file_system.write_file(session_id, "/held.txt", "mine"))
                for _ in range(2)
            ]
            await _waiting_backend(database)
            with pytest.raises(BackendUnavailableError, match="EVERSTORE_POSTGRES_POOL_TIMEOUT") as caught:
                await store.storage.increment_value(session_id, "count")
            assert caught.value.happened is False
        await asyncio.gather(*slow)
        assert await store.storage.get_value(session_id, "count") is None


async def test_a_call_that_takes_too_long_is_cancelled_in_the_database(settings, database):
    async with everstore.open_store(**settings, postgres_statement_timeout=1) as store:
        session_id = everstore.new_session_id()
        async with _held_file(database, session_id):
            with pytest.raises(
                BackendUnavailableError, match="EVERSTORE_POSTGRES_STATEMENT_TIMEOUT"
            ) as caught:
                await store.file_system.write_file(session_id, "/held.txt", "mine")
            assert caught.value.happened is None
            assert await _backends(database, "state = 'active'") == []
        assert (await store.file_system.read_file(session_id, "/held.txt")).content == "1"


async def test_a_network_that_swallows_everything(settings, database):
    """Neither an answer nor an end: the call gives up in time, and later calls reach the server again."""
    async with Proxy(settings["postgres_url"]) as proxy:
        over_proxy = {**settings, "postgres_url": proxy.url, "postgres_statement_timeout": 2}
        async with everstore.open_store(
            **over_proxy, postgres_pool_max_size=1, postgres_connect_timeout=2
        ) as store:
            session_id = everstore.new_session_id()
            await store.storage.set_value(session_id, "key", "value")
            proxy.swallow()
            with pytest.raises(BackendUnavailableError) as caught:
                await store.storage.get_value(session_id, "key")
            assert caught.value.happened is False  # a read changes nothing
            proxy.pass_on()
            assert await store.storage.get_value(session_id, "key") == "value"


async def test_closing_waits_for_calls_under_way(settings, database):
    async with everstore.open_store(**settings) as store:
        session_id = everstore.new_session_id()
        async with _held_file(database, session_id):
            call = asyncio.create_task(store.file_system.write_file(session_id, "/held.txt", "mine"))
            await _waiting_backend(database)
            closing = asyncio.create_task(store.close())
            await asyncio.sleep(0)
        await closing
        assert (await call).content == "mine"

    async def gone():
        return not await _backends(database)

    await _until(gone)


async def test_opening_at_a_dead_server_leaves_nothing_behind(own_server, own_settings):
    await asyncio.to_thread(own_server.kill)
    with pytest.raises(BackendUnavailableError, match="EVERSTORE_POSTGRES_URL") as caught:
        async with everstore.open_store(**own_settings):
            pass
    assert caught.value.happened is False
    assert isinstance(caught.value.__cause__, (OSError, asyncpg.PostgresError))
    assert asyncio.all_tasks() == {asyncio.current_task()}
