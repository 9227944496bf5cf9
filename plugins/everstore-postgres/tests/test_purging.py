"""Sessions of many files and values go, whole, whatever time a call may take."""

from __future__ import annotations

import asyncio

import pytest

import everstore
from everstore.errors import BackendUnavailableError

MANY = 20_000
TABLES = {
    "files": (
        "INSERT INTO files (version, serial, created_ns, updated_ns, session_id, depth, size, kind,"
        " is_readonly, place, content)"
        " SELECT n, n, 1, 1, $1, 1, 1, 't', n % 10 = 0, '/' || n, 'x' FROM generate_series(1, {}) n"
    ),
    "entries": (
        "INSERT INTO entries (version, created_ns, updated_ns, session_id, space, key, value)"
        " SELECT n, 1, 1, $1, CASE n % 3 WHEN 0 THEN 's' ELSE 'v' END::\"char\", n::text, 'x'"
        " FROM generate_series(1, {}) n"
    ),
}
table = pytest.mark.parametrize("table", list(TABLES))


async def _fill(database, name, session_id, count=MANY) -> None:
    await database.execute(TABLES[name].format(count), session_id)


async def _impatient(database, name) -> None:
    """Have the server stop what would take all at once, as its own time-out does."""
    await database.execute(
        "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF current_query() LIKE '%purge_%' THEN RAISE 'late' USING ERRCODE = '57014'; END IF;"
        " RETURN NULL; END $$;"
        f"CREATE TRIGGER stop BEFORE DELETE ON {name} FOR EACH STATEMENT EXECUTE FUNCTION stop()"
    )


async def _slow(database, name) -> None:
    """Have each thousandth row take a tenth of a second to delete."""
    await database.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF OLD.version % 1000 = 0 THEN PERFORM pg_sleep(0.1); END IF; RETURN OLD; END $$;"
        f"CREATE TRIGGER slow BEFORE DELETE ON {name} FOR EACH ROW EXECUTE FUNCTION slow()"
    )


def _purge(store, name, session_id):
    return (store.file_system if name == "files" else store.storage).purge_session(session_id)


async def _count(store, name, session_id) -> int:
    if name == "files":
        return len(await store.file_system.list_directory(session_id, "/"))
    return len(await store.storage.list_keys(session_id))


@pytest.fixture
async def hurried(settings, database):
    """Settings under which no call may take long, here and in the server."""
    names = ["statement_timeout"]
    if await database.fetchval("SELECT EXISTS (SELECT FROM pg_settings WHERE name = 'transaction_timeout')"):
        names.append("transaction_timeout")
    url = settings["postgres_url"] + "".join(f"&{name}=1900" for name in names)
    return {**settings, "postgres_url": url, "postgres_statement_timeout": 1.9}


@table
async def test_a_large_session_goes_whatever_time_a_call_may_take(settings, hurried, database, table):
    session_id, other = everstore.new_session_id(), everstore.new_session_id()
    async with everstore.open_store(**settings) as calm, everstore.open_store(**hurried) as store:
        for each in (session_id, other):
            await _fill(database, table, each)
        there = await _count(calm, table, session_id)
        await _slow(database, table)
        purging = asyncio.create_task(_purge(store, table, session_id))
        seen = []
        while not purging.done():
            seen.append(await _count(calm, table, session_id))
        assert await purging is True
        assert len(seen) > 3
        assert set(seen[:-1]) == {there}  # all of it, until all is gone
        assert seen[-1] in {there, 0}
        assert await _count(calm, table, session_id) == 0
        assert await _count(calm, table, other) == there
        assert await _purge(store, table, session_id) is False


@table
@pytest.mark.parametrize("count", [0, 1, 4999, 5000, 5001, 10_000])
async def test_every_number_of_rows_goes_whole(store, database, table, count):
    session_id = everstore.new_session_id()
    await _impatient(database, table)
    await _fill(database, table, session_id, count)
    assert await _purge(store, table, session_id) is bool(count)
    assert await database.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await _purge(store, table, session_id) is False


@table
@pytest.mark.parametrize("impatient", [False, True], ids=["at_once", "in_steps"])
async def test_a_purge_that_is_cancelled_takes_nothing(store, database, table, impatient):
    session_id = everstore.new_session_id()
    if impatient:
        await _impatient(database, table)
    await _fill(database, table, session_id)
    there = await _count(store, table, session_id)
    await _slow(database, table)
    purging = asyncio.create_task(_purge(store, table, session_id))
    await asyncio.sleep(0.3)
    purging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await purging
    assert await _count(store, table, session_id) == there
    await store.storage.set_value(session_id, "after", "x")


async def test_deep_trees_and_much_content_go_in_steps(store, database):
    work = store.session(everstore.new_session_id())
    await work.files.write_file("/".join(["deep"] * 40) + "/file", "x")
    await work.files.write_file("/".join(["long" * 50] * 15), "x")
    await _impatient(database, "files")
    for number in range(6):
        await work.files.write_file(f"large/{number}", "x" * 9_000_000)
    # What they are said to have; more than a step takes.
    await database.execute("UPDATE files SET size = 200000000 WHERE size = 9000000")
    await _fill(database, "files", work.id, 3000)
    assert await database.fetchval("SELECT count(DISTINCT id) FROM contents") == 6
    assert await store.delete_session(work.id) is True
    assert await database.fetchval("SELECT count(*) FROM files") == 0
    assert await database.fetchval("SELECT count(*) FROM contents") == 0


async def test_values_that_are_past_their_time_do_not_count(store, database):
    session_id = everstore.new_session_id()
    await _fill(database, "entries", session_id, 5000)
    await database.execute("UPDATE entries SET expires_ns = 1")
    await _impatient(database, "entries")
    assert await store.storage.purge_session(session_id) is False
    assert await database.fetchval("SELECT count(*) FROM entries") == 0


async def test_a_value_that_is_written_in_the_midst_is_not_lost(store, database):
    """The purge comes before all that is set, or after it; where it can be neither, it takes nothing."""
    session_id = everstore.new_session_id()
    await _fill(database, "entries", session_id)
    await _impatient(database, "entries")
    await _slow(database, "entries")
    purging = asyncio.create_task(store.storage.purge_session(session_id))
    await asyncio.sleep(0.2)
    for key in ("0", "1", "zzz"):
        await store.storage.set_value(session_id, key, "new")
    [ended] = await asyncio.gather(purging, return_exceptions=True)
    left = [info.key for info in await store.storage.list_keys(session_id)]
    if isinstance(ended, BackendUnavailableError):
        assert ended.happened is False
        assert len(left) > MANY // 2
    else:
        assert ended is True
        assert left in ([], ["0", "zzz"], ["0", "1", "zzz"])
