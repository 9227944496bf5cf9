"""Calls that come together share statements, and still each fails, waits and is cancelled by itself."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING

import asyncpg
import pytest
from on_host_pool import open_on_host_pool
from pooler import TransactionPooler
from proxy import Proxy

import everstore
from everstore import InitialFile
from everstore.errors import (
    BackendError,
    BackendUnavailableError,
    DataDamagedError,
    ParentNotDirectoryError,
    PathIsDirectoryError,
    QuotaExceededError,
    ReadOnlyFileError,
)
from everstore_postgres.sharing import LARGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CROWD = range(100)


@asynccontextmanager
async def _through_pooler(**settings) -> AsyncIterator[everstore.Store]:
    async with everstore.open_store(**settings):
        pass
    async with TransactionPooler(settings["postgres_url"]) as pooler:
        over = {**settings, "postgres_url": pooler.url, "postgres_statement_cache": False}
        async with everstore.open_store(**over) as store:
            yield store


WAYS = {"own pool": everstore.open_store, "host's pool": open_on_host_pool, "pooler": _through_pooler}


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
async def any_store(request, settings) -> AsyncIterator[everstore.Store]:
    """A store on connections of each kind."""
    async with request.param(**settings) as store:
        yield store


class Values:
    """Plain sets and gets."""

    def __init__(self, work: everstore.BoundSession) -> None:
        self._storage = work.storage

    async def put(self, name: str, text: str) -> object:
        return await self._storage.set_value(name, text)

    async def take(self, name: str) -> str | None:
        return await self._storage.get_value(name)


class Files:
    """Plain writes and reads."""

    def __init__(self, work: everstore.BoundSession) -> None:
        self._files = work.files

    async def put(self, name: str, text: str) -> object:
        return await self._files.write_file(f"a directory/{name}", text)

    async def take(self, name: str) -> str | None:
        file = await self._files.read_file(f"a directory/{name}")
        return None if file is None else file.content


@pytest.fixture(params=[Values, Files])
def kind(request) -> type[Values | Files]:
    """What is put, and taken again."""
    return request.param


@pytest.fixture
def work(store) -> everstore.BoundSession:
    """A session of an open store."""
    return store.session(everstore.new_session_id())


@asynccontextmanager
async def _held(database, session_id, key="held"):
    """Another client's transaction, which has changed a value and does not end."""
    async with database.transaction():
        found = await database.execute(
            "UPDATE entries SET version = version WHERE session_id = $1 AND key = $2", session_id, key
        )
        assert found == "UPDATE 1"
        yield


async def test_many_sets_and_gets_at_once_are_few_statements(any_store, database):
    sessions = [everstore.new_session_id() for _ in CROWD]
    storage = any_store.storage
    await asyncio.gather(*(storage.set_value(one, f"k{n % 7}", str(n)) for n, one in enumerate(sessions)))
    assert await database.fetchval("SELECT count(*) FROM entries") == len(CROWD)
    assert await database.fetchval("SELECT count(DISTINCT xmin::text) FROM entries") <= 10
    reads = (storage.get_value(one, f"k{n % 7}") for n, one in enumerate(sessions))
    assert await asyncio.gather(*reads) == [str(n) for n in CROWD]
    assert await asyncio.gather(*(storage.get_value(one, "none") for one in sessions)) == [None] * len(CROWD)


async def test_secrets_and_values_of_one_name_stay_apart(any_store):
    work = any_store.session(everstore.new_session_id())
    names = [f"name {n}" for n in range(30)]
    await asyncio.gather(
        *(work.storage.set_value(name, "value of " + name) for name in names),
        *(work.storage.set_secret(name, "secret of " + name) for name in names),
    )
    assert await asyncio.gather(*map(work.storage.get_value, names)) == ["value of " + name for name in names]
    assert await asyncio.gather(*map(work.storage.get_secret, names)) == [
        "secret of " + name for name in names
    ]


async def test_many_sets_of_one_value_are_all_answered_and_one_of_them_stays(any_store):
    work = any_store.session(everstore.new_session_id())
    infos = await asyncio.gather(*(work.storage.set_value("key", str(n)) for n in CROWD))
    assert len({info.revision for info in infos}) == len(CROWD)
    assert len({info.updated_ns for info in infos}) == len(CROWD)
    assert len({info.created_ns for info in infos}) == 1
    stays = max(infos, key=lambda info: info.updated_ns)
    assert await work.storage.stat_value("key") == stays
    assert await work.storage.get_value("key") == str(infos.index(stays))


async def test_what_is_large_goes_by_itself(work, kind):
    items, texts = kind(work), {f"k{n}": str(n) * (LARGE + n - 15) for n in range(30)}
    await asyncio.gather(*(items.put(name, text) for name, text in texts.items()))
    assert await asyncio.gather(*map(items.take, texts)) == list(texts.values())


async def test_a_set_ends_the_time_to_live_of_what_was_there(work):
    keys = [f"k{n}" for n in CROWD]
    await asyncio.gather(*(work.storage.set_value(key, "old", ttl=1000) for key in keys))
    await asyncio.gather(*(work.storage.set_value(key, "new") for key in keys))
    assert {info.expires_at for info in await work.storage.list_keys()} == {None}


async def test_a_limit_is_asked_of_each(settings):
    async with everstore.open_store(**settings, limits__session_keys=5) as store:
        work = store.session(everstore.new_session_id())
        ended = await asyncio.gather(
            *(work.storage.set_value(f"k{n}", "") for n in range(30)), return_exceptions=True
        )
        assert sum(isinstance(error, QuotaExceededError) for error in ended) == 25


async def test_many_writes_and_reads_at_once_are_few_statements(any_store, database):
    sessions = [everstore.new_session_id() for _ in CROWD]
    files = any_store.file_system
    written = await asyncio.gather(
        *(files.write_file(one, f"d/{n}", str(n)) for n, one in enumerate(sessions))
    )
    assert await database.fetchval("SELECT count(*) FROM files") == 2 * len(CROWD)
    assert await database.fetchval("SELECT count(DISTINCT xmin::text) FROM files") <= 10
    reads = (files.read_file(one, f"d/{n}") for n, one in enumerate(sessions))
    assert await asyncio.gather(*reads) == written
    stats = (files.stat_file(one, f"d/{n}") for n, one in enumerate(sessions))
    assert await asyncio.gather(*stats) == [file.stat() for file in written]
    directories = await asyncio.gather(*(files.read_file(one, "d") for one in sessions))
    assert {file.is_directory for file in directories} == {True}
    assert await asyncio.gather(*(files.stat_file(one, "none") for one in sessions)) == [None] * len(CROWD)


async def test_writes_that_are_refused_fail_each_for_its_own_reason(any_store):
    files = any_store.file_system
    session = await any_store.create_session(files=[InitialFile("kept", "x", is_readonly=True)])
    await files.write_file(session.id, "file", "x")
    await files.create_directory(session.id, "directory")
    refusals = {
        "file/below": ParentNotDirectoryError,
        "directory": PathIsDirectoryError,
        "kept": ReadOnlyFileError,
        "kept/below": ParentNotDirectoryError,
    }
    paths = [f"new/{n}" for n in range(40)]
    for place, path in enumerate(refusals):
        paths.insert(10 * place, path)
    ended = await asyncio.gather(
        *(files.write_file(session.id, path, path) for path in paths), return_exceptions=True
    )
    told = dict(zip(paths, ended, strict=True))
    assert {path: type(told[path]) for path in refusals} == refusals
    assert all(told[path].content == path for path in paths if path not in refusals)


async def test_writes_onto_one_path_and_below_it_leave_a_tree(any_store):
    work = any_store.session(everstore.new_session_id())
    paths = ["a", "a/b", "a/b/c", "a-", "a/b-"]
    for _ in range(10):
        await asyncio.gather(
            *(work.files.write_file(path, "x") for path in paths * 8), return_exceptions=True
        )
        for info in await work.files.glob_files("**"):
            assert (await work.files.stat_file(info.path.rpartition("/")[0] or "/")).is_directory
        await asyncio.gather(*(work.files.delete_file(path, recursive=True) for path in paths))


async def test_a_session_that_another_client_locks_holds_no_other(any_store, database):
    locked, free = (any_store.session(everstore.new_session_id()) for _ in range(2))
    async with database.transaction():
        await database.execute("SELECT pg_advisory_xact_lock(uuid_hash_extended($1, 1))", locked.id)
        waiting = [asyncio.create_task(locked.files.write_file(f"{n}", "x")) for n in range(2)]
        async with asyncio.timeout(20):
            await asyncio.gather(*(free.files.write_file(f"{n}", "x") for n in CROWD))
        assert not any(call.done() for call in waiting)
    await asyncio.gather(*waiting)


async def test_a_damaged_file_is_told_to_who_reads_it(work, database):
    await asyncio.gather(*(work.files.write_file(f"{n}", "text") for n in range(50)))
    await database.execute("UPDATE files SET content = '\\xff' WHERE place = '/30'")
    reads = (work.files.read_file(f"{n}") for n in range(50))
    ended = await asyncio.gather(*reads, return_exceptions=True)
    assert isinstance(ended.pop(30), DataDamagedError)
    assert {file.content for file in ended} == {"text"}


@asynccontextmanager
async def _refusing(database, state: str):
    """The server refuses every row whose key is 'bad'."""
    await database.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$"
        f" BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON entries"
        " FOR EACH ROW WHEN (new.key = 'bad') EXECUTE FUNCTION refuse()"
    )
    yield
    await database.execute("DROP TRIGGER refuse ON entries")


@pytest.mark.parametrize("state", ["40P01", "55P03", "53100", "57014"])
async def test_one_that_the_server_refuses_fails_alone(any_store, database, state):
    work = any_store.session(everstore.new_session_id())
    async with _refusing(database, state):
        keys = [*(f"k{n}" for n in range(40)), "bad", *(f"l{n}" for n in range(40))]
        ended = await asyncio.gather(
            *(work.storage.set_value(key, key) for key in keys), return_exceptions=True
        )
    assert [key for key, error in zip(keys, ended, strict=True) if isinstance(error, BackendError)] == ["bad"]
    assert ended[40].happened is False
    assert {info.key for info in await work.storage.list_keys()} == {*keys} - {"bad"}


async def test_each_has_an_error_of_its_own_when_all_fail(work, database):
    await work.storage.set_value("key", "value")
    await database.execute("ALTER TABLE entries RENAME TO hidden")
    ended = await asyncio.gather(
        *(work.storage.set_value(f"k{n}", "") for n in range(20)),
        *(work.storage.get_value(f"k{n}") for n in range(20)),
        return_exceptions=True,
    )
    assert {type(error).__name__ for error in ended} == {"StorageReplacedError"}
    assert len({id(error) for error in ended}) == 40
    await database.execute("ALTER TABLE hidden RENAME TO entries")
    await asyncio.gather(*(work.storage.set_value(f"k{n}", "") for n in range(20)))


async def test_a_damaged_value_is_told_to_who_asks_for_it(work, database):
    await asyncio.gather(*(work.storage.set_value(f"k{n}", "text") for n in range(50)))
    await database.execute("UPDATE entries SET value = '\\xff' WHERE key = 'k30'")
    ended = await asyncio.gather(
        *(work.storage.get_value(f"k{n}") for n in range(50)), return_exceptions=True
    )
    assert isinstance(ended.pop(30), DataDamagedError)
    assert ended == ["text"] * 49


async def test_a_lock_that_another_client_keeps_holds_nobody_else(any_store, database):
    work = any_store.session(everstore.new_session_id())
    await work.storage.set_value("held", "before")
    async with _held(database, work.id):
        kept = asyncio.create_task(work.storage.set_value("held", "mine"))
        others = [asyncio.create_task(work.storage.set_value(f"k{n}", "x")) for n in range(50)]
        # Those who come later, and get into a batch with it.
        more = [asyncio.create_task(work.storage.set_value("held", "theirs"))]
        more += [asyncio.create_task(work.storage.set_value(f"l{n}", "x")) for n in range(50)]
        async with asyncio.timeout(20):
            await asyncio.gather(*others, *more[1:])
        assert not kept.done()
        assert not more[0].done()
    await asyncio.gather(kept, more[0])
    assert await work.storage.get_value("held") in {"mine", "theirs"}


async def test_clients_that_write_the_same_in_any_order_do_not_wait_in_a_ring(settings, kind):
    session_id, chance = everstore.new_session_id(), random.Random(12)
    async with everstore.open_store(**settings) as one, everstore.open_store(**settings) as two:
        items = [kind(store.session(session_id)) for store in (one, two)]

        async def write(number):
            for name in chance.choices(range(12), k=12):
                await items[number % 2].put(f"k{name}", str(number))

        async with asyncio.timeout(60):
            await asyncio.gather(*map(write, range(60)))
        found = [await asyncio.gather(*(each.take(f"k{n}") for n in range(12))) for each in items]
        assert found[0] == found[1]


async def _cancelled(call) -> None:
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call


async def test_whoever_is_cancelled_takes_nobody_along(any_store, kind):
    items, chance = kind(any_store.session(everstore.new_session_id())), random.Random(5)
    for turn in range(15):
        puts = {f"{turn} {n}": asyncio.create_task(items.put(f"{turn} {n}", "x")) for n in CROWD}
        for _ in range(turn):
            await asyncio.sleep(0)
        unlucky = set(chance.sample(sorted(puts), chance.choice([1, 50, 99, 100])))
        await asyncio.gather(*(_cancelled(puts[name]) for name in unlucky))
        await asyncio.gather(*(call for name, call in puts.items() if name not in unlucky))
        found = dict(zip(puts, await asyncio.gather(*map(items.take, puts)), strict=True))
        assert all(found[name] == "x" for name in puts if not puts[name].cancelled())
        assert not [task for task in asyncio.all_tasks() if "Shared" in task.get_coro().__qualname__]


async def test_what_a_cancelled_call_did_is_settled_before_the_next_is_answered(any_store, kind):
    items, numbers = kind(any_store.session(everstore.new_session_id())), count()
    chance = random.Random(7)

    async def contend(name):
        for _ in range(12):
            call = asyncio.create_task(items.put(name, "cancelled"))
            for _ in range(chance.randrange(8)):
                await asyncio.sleep(0)
            await _cancelled(call)
            last = str(next(numbers))
            await items.put(name, last)
            for _ in range(3):
                assert await items.take(name) == last

    await asyncio.gather(*(contend(f"k{n}") for n in range(40)))


async def test_reads_that_are_cancelled_are_gone_at_once_and_leave_the_others(settings, database, kind):
    async with everstore.open_store(**settings, postgres_pool_max_size=2) as store:
        items = kind(store.session(everstore.new_session_id()))
        await items.put("key", "value")
        async with database.transaction():
            await database.execute("LOCK TABLE entries, files IN ACCESS EXCLUSIVE MODE")
            reads = [asyncio.create_task(items.take("key")) for _ in range(20)]
            await asyncio.sleep(0.05)
            for read in reads[5:15]:
                read.cancel()
            async with asyncio.timeout(10):
                await asyncio.wait(reads[5:15])
        assert await asyncio.gather(*reads[:5], *reads[15:]) == ["value"] * 10


async def test_when_all_are_cancelled_their_statement_is(settings, database, kind):
    async with everstore.open_store(**settings) as store:
        items = kind(store.session(everstore.new_session_id()))
        await items.put("key", "value")
        async with database.transaction():
            await database.execute("LOCK TABLE entries, files IN ACCESS EXCLUSIVE MODE")
            calls = [asyncio.create_task(items.put(f"k{n}", "x")) for n in range(20)]
            calls += [asyncio.create_task(items.take("key")) for _ in range(20)]
            await asyncio.sleep(0.05)
            async with asyncio.timeout(20):
                await asyncio.gather(*map(_cancelled, calls))
            assert asyncio.all_tasks() == {asyncio.current_task()}
        assert await asyncio.gather(*(items.take(f"k{n}") for n in range(20))) == [None] * 20


async def test_a_connection_cut_under_many_is_told_to_each(work, database):
    await database.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN PERFORM pg_sleep(60); RETURN new; END $$;"
        "CREATE TRIGGER slow BEFORE INSERT ON entries"
        " FOR EACH ROW WHEN (new.key = 'k20') EXECUTE FUNCTION slow()"
    )
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(_outcome(work.storage.set_value(f"k{n}", "x"))) for n in range(30)]
        async with asyncio.timeout(10):
            while not await database.fetchval(_CUT):  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.01)
    lost = [call.result() for call in calls if call.result() is not None]
    assert len({id(error) for error in lost}) == len(lost) == 22  # all but those that went by themselves
    assert {(type(error), error.happened) for error in lost} == {(BackendUnavailableError, None)}
    assert len(await work.storage.list_keys()) == 8


_CUT = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE wait_event = 'PgSleep' AND query LIKE '%patience%' AND query LIKE '%' || current_schema() || '%'
"""


async def _outcome(call) -> Exception | None:
    try:
        await call
    except BackendUnavailableError as error:
        return error
    return None


async def test_reads_whose_connection_dies_are_made_again(settings, database, kind):
    async with everstore.open_store(**settings, postgres_pool_min_size=3) as store:
        items = kind(store.session(everstore.new_session_id()))
        await items.put("key", "value")
        await database.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'everstore' AND query LIKE '%' || current_schema() || '%'"
        )
        assert await asyncio.gather(*(items.take("key") for _ in CROWD)) == ["value"] * len(CROWD)


async def test_a_server_that_does_not_answer_is_told_to_each_in_time(settings, kind):
    async with Proxy(settings["postgres_url"]) as proxy:
        over = {**settings, "postgres_url": proxy.url, "postgres_statement_timeout": 2}
        async with everstore.open_store(**over, postgres_connect_timeout=2) as store:
            items = kind(store.session(everstore.new_session_id()))
            await items.put("key", "value")
            proxy.swallow()
            calls = [asyncio.create_task(_outcome(items.put(f"k{n}", "x"))) for n in range(20)]
            calls += [asyncio.create_task(_outcome(items.take("key"))) for _ in range(20)]
            told = await asyncio.gather(*calls)
            assert {type(error) for error in told} == {BackendUnavailableError}
            assert {error.happened for error in told[20:]} == {False}
            proxy.pass_on()
            async with asyncio.timeout(60):  # a busy machine may take longer than these calls have
                while any(await asyncio.gather(*(_outcome(items.put(f"k{n}", "y")) for n in range(20)))):
                    pass


async def test_who_waits_for_a_connection_in_vain_is_told_in_time_and_who_came_later_goes_on(
    settings, database
):
    short = {**settings, "postgres_pool_max_size": 1, "postgres_pool_timeout": 2}
    async with everstore.open_store(**short) as store:
        work = store.session(everstore.new_session_id())
        await work.storage.set_value("held", "before")
        async with _held(database, work.id):
            first = asyncio.create_task(work.storage.set_value("held", "mine"))
            await asyncio.sleep(0)
            early = [asyncio.create_task(_outcome(work.storage.set_value(f"k{n}", "x"))) for n in range(9)]
            await asyncio.sleep(1)
            late = [asyncio.create_task(work.storage.set_value(f"l{n}", "x")) for n in range(9)]
            told = await asyncio.gather(*early)
            assert {(type(error), error.happened) for error in told} == {(BackendUnavailableError, False)}
            assert "EVERSTORE_POSTGRES_POOL_TIMEOUT" in str(told[0])
        await asyncio.gather(first, *late)


async def test_what_each_waits_is_in_its_record(url, settings, database):
    seen: list[everstore.CallRecord] = []
    async with everstore.open_store(**settings, postgres_pool_max_size=1, on_call=seen.append) as store:
        work = store.session(everstore.new_session_id())
        await work.storage.set_value("held", "before")
        async with _held(database, work.id):
            calls = [asyncio.create_task(work.storage.set_value("held", "mine"))]
            await asyncio.sleep(0)
            calls += [asyncio.create_task(work.storage.set_value(f"k{n}", "x")) for n in range(20)]
            await asyncio.sleep(0.05)
        await asyncio.gather(*calls)
    waited = [record for record in seen if record.waited_ns > 40_000_000]
    assert len(waited) == 20
    assert all(record.waited_ns <= record.duration_ns for record in waited)


async def test_calls_at_once_are_all_answered_when_the_store_closes(settings):
    store = await everstore.open_store(**settings)
    work = store.session(everstore.new_session_id())
    calls = [asyncio.create_task(work.storage.set_value(f"k{n}", "x")) for n in CROWD]
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.close())
    ended = await asyncio.gather(*calls, return_exceptions=True)
    await closing
    assert {isinstance(each, (everstore.KeyInfo, BackendUnavailableError)) for each in ended} == {True}
    assert asyncio.all_tasks() == {asyncio.current_task()}
    done = sum(isinstance(each, everstore.KeyInfo) for each in ended)
    connection = await asyncpg.connect(settings["postgres_url"])
    schema = settings["postgres_schema_name"]
    assert await connection.fetchval(f"SELECT count(*) FROM {schema}.entries") >= done
    await connection.close()


async def test_whoever_makes_the_tasks_of_the_loop_makes_these(work, kind):
    loop, made = asyncio.get_running_loop(), []

    def factory(loop, coroutine):  # as hosts have had them for long: it knows of no context
        made.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop)

    loop.set_task_factory(factory)
    try:
        items = kind(work)
        await asyncio.gather(*(items.put(f"k{n}", "x") for n in CROWD))
        assert await asyncio.gather(*(items.take(f"k{n}") for n in CROWD)) == ["x"] * len(CROWD)
    finally:
        loop.set_task_factory(None)
    assert made.count("Shared._send") >= 2
