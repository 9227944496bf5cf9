"""An older schema becomes the latest one, keeps all that it held, and counts what it did not count."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

import everstore
from everstore.building import ask
from everstore.configuration import configure
from everstore.errors import QuotaExceededError
from everstore_postgres import migrations

SCRIPT = Path(__file__).parent / "schemas" / "version_1.sql"
PUT = "SELECT * FROM put_file('write', $1, $2, $3, $2, $4, 't', $5, NULL, false, NULL, NULL, NULL, $6, NULL)"


LARGE = "0123456789" * 10_000


@pytest.fixture(params=range(1, migrations.LATEST))
async def old(request, settings, database):
    """An older schema, and a session in it: two files in a directory, written under a limit.

    What it holds was there in version 1; the scripts that were released since made of it what it is.
    """
    schema = settings["postgres_schema_name"]
    script = SCRIPT.read_text().replace("{schema}", schema).replace("{partitions}", "2")
    await database.execute(f"CREATE SCHEMA {schema}")
    await database.execute(script)
    await database.execute("INSERT INTO migrations (version) VALUES (1)")
    await database.execute("INSERT INTO sessions VALUES (gen_random_uuid(), 5, 6, 'kept')")
    session_id = everstore.new_session_id()
    for name in ("a", "b"):
        await database.fetch(PUT, session_id, f"/d/{name}", 2, "/d", name.encode(), 10)
    assert await database.fetch("SELECT files, bytes FROM usage") == [(2, 2)]
    for version in range(2, request.param + 1):
        for name in migrations._STEPS[version - 1]:
            step = files("everstore_postgres").joinpath("sql", name).read_text(encoding="utf-8")
            await database.execute(step.replace("{schema}", schema))
        await database.execute("INSERT INTO migrations (version) VALUES ($1)", version)
    return session_id


async def test_an_older_schema_becomes_like_a_new_one(old, settings, database):
    async def shape(schema):
        columns = await database.fetch(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = $1 ORDER BY table_name, ordinal_position",
            schema,
        )
        functions = await database.fetch(
            "SELECT proname, replace(pg_get_function_arguments(oid), $1, ''), replace(prosrc, $1, '')"
            " FROM pg_proc WHERE pronamespace = $1::text::regnamespace ORDER BY proname",
            schema,
        )
        return columns, functions

    schema = settings["postgres_schema_name"]
    async with everstore.open_store(**settings):
        pass
    await database.execute(f"ALTER SCHEMA {schema} RENAME TO {schema}_old")
    try:
        async with everstore.open_store(**settings):
            pass
        new_columns, new_functions = await shape(schema)
        old_columns, old_functions = await shape(f"{schema}_old")
        assert old_columns == new_columns
        assert [row[:2] for row in old_functions] == [row[:2] for row in new_functions]
    finally:
        await database.execute(f"DROP SCHEMA {schema}_old CASCADE")


async def test_an_older_schema_keeps_what_it_held_and_counts_directories(old, settings, database):
    async with everstore.open_store(**settings, limits__session_entries=4) as store:
        work = store.session(old)
        assert [info.path for info in await work.files.glob_files("**")] == ["/d/a", "/d/b"]
        with pytest.raises(QuotaExceededError) as caught:
            await work.files.write_file("e/c", "x")
        assert (caught.value.limit, caught.value.wanted) == ("session_entries", 5)
        await work.files.write_file("c", "x")
    assert await database.fetch("SELECT entries, bytes FROM usage") == [(4, 3)]


async def test_an_older_record_gets_labels(old, settings):
    async with everstore.open_store(**settings) as store:
        [record] = await store.sessions.list_sessions()
        assert (record.title, record.created_ns, record.labels, record.parent) == ("kept", 5, {}, None)
        labelled = await store.sessions.update_session(record.id, labels={"a": "b"})
        assert await store.sessions.list_sessions(labels={"a": "b"}) == [labelled]


async def test_an_older_session_can_be_limited(old, settings):
    async with everstore.open_store(**settings) as store:
        await store.create_session(session_id=old, limits={"session_entries": 3, "session_keys": 1})
        with pytest.raises(QuotaExceededError, match=r"create_session\(limits=\) allows 3"):
            await store.session(old).files.write_file("e/c", "x")


async def test_older_contents_stay_until_they_are_written_copied_or_forked(old, settings, database):
    row = "SELECT content_id IS NOT NULL FROM files WHERE place = $1 AND session_id = $2"
    for path in ("/d/a", "/d/b", "/d/c"):
        await database.execute(
            "INSERT INTO files (version, serial, created_ns, updated_ns, session_id, depth, size, kind,"
            " is_readonly, place, content) VALUES (7, 8, 9, 10, $1, 2, $2, 't', false, $3, $4)"
            " ON CONFLICT (session_id, depth, place) DO UPDATE SET size = $2, content = $4",
            old, len(LARGE), path, LARGE.encode(),
        )  # fmt: skip
    await database.execute("DELETE FROM usage")
    async with everstore.open_store(**settings) as store:
        work = store.session(old)
        assert await database.fetch("SELECT count(*) FROM contents") == [(0,)]
        assert await work.files.read_bytes("d/a", 99_990, 5) == b"01234"
        assert len(await work.files.grep_files("89012")) == 3
        await work.files.append_file("d/a", "more")
        await work.files.copy_file("d/b", "b")
        assert [await database.fetchval(row, path, old) for path in ("/d/a", "/d/b", "/d/c")] == [
            True, True, False,
        ]  # fmt: skip
        stat = await work.files.stat_file("d/c")
        fork = everstore.new_session_id()
        await store.file_system.fork_session(old, fork)
        assert await database.fetchval(row, "/d/c", old) is True
        assert await work.files.stat_file("d/c") == stat
        assert await store.file_system.diff_sessions(old, fork) == []
        for session_id in (old, fork):
            texts = [
                (await store.file_system.read_file(session_id, path)).content
                for path in ("/d/a", "/d/b", "/d/c", "/b")
            ]
            assert texts == [LARGE + "more", LARGE, LARGE, LARGE]
    assert await ask(configure(settings), "postgres", "everstore_check", deep=True) == []


@pytest.mark.parametrize("old", [5], indirect=True)
async def test_contents_in_chunks_of_version_5_are_taken_over(old, settings, database):
    texts = {"/d/one": "x" * 5000, "/d/large": LARGE, "/d/same": LARGE}
    for number, (path, text) in enumerate(texts.items()):
        await database.execute(
            "INSERT INTO files (version, serial, created_ns, updated_ns, session_id, depth, size, kind,"
            " is_readonly, place, content_id, digest)"
            " VALUES ($1, $1, 9, 10, $2, 2, $3, 't', false, $4, $5, '')",
            7 + number, old, len(text), path, min(number, 1),
        )  # fmt: skip
        if path != "/d/same":
            await database.executemany(
                "INSERT INTO contents VALUES ($1, $2, '', $3)",
                [
                    (number, chunk, text[chunk * 32768 :][:32768].encode())
                    for chunk in range(len(text) // 32768 + 1)
                ],
            )
    await database.execute(
        "INSERT INTO shares VALUES (1, 2); SELECT setval('serials', 20), setval('content_ids', 1)"
    )
    await database.execute("DELETE FROM usage")
    async with everstore.open_store(**settings) as store:
        files = store.file_system
        for path, text in texts.items():
            assert (await files.read_file(old, path)).content == text
            assert await files.read_bytes(old, path, 4_000, 50_000) == text.encode()[4_000:54_000]
        assert await ask(configure(settings), "postgres", "everstore_check", deep=True) == []
        fork = everstore.new_session_id()
        await files.fork_session(old, fork)
        for path, text in texts.items():
            await files.append_file(old, path, "more")
            assert (await files.read_file(old, path)).content == text + "more"
            assert (await files.read_file(fork, path)).content == text
    assert await ask(configure(settings), "postgres", "everstore_check", deep=True) == []


async def test_keys_that_came_without_a_limit_count_where_there_is_one(settings):
    session_id = everstore.new_session_id()
    limits = {"limits__session_keys": 3, "limits__session_value_bytes": 500}
    async with (
        everstore.open_store(**settings) as free,
        everstore.open_store(**settings, **limits) as limited,
    ):
        for key in ("a", "b"):
            await free.storage.set_value(session_id, key, "x" * 10)
        await limited.storage.set_value(session_id, "c", "x" * 10)
        with pytest.raises(QuotaExceededError, match="SESSION_KEYS"):
            await limited.storage.set_secret(session_id, "a", "x")
        await free.storage.set_value(session_id, "d", "x" * 1000)
        await limited.storage.set_value(session_id, "c", "y" * 10)  # there is too much, and no more
        with pytest.raises(QuotaExceededError, match="SESSION_VALUE_BYTES"):
            await limited.storage.set_value(session_id, "c", "y" * 11)
        with pytest.raises(QuotaExceededError, match="SESSION_KEYS"):
            await limited.storage.increment_value(session_id, "n")
        await free.storage.delete_value(session_id, "d")
        await limited.storage.set_value(session_id, "c", "y" * 11)


async def test_directories_that_came_without_a_limit_count_where_there_is_one(settings, database):
    session_id = everstore.new_session_id()
    async with (
        everstore.open_store(**settings) as free,
        everstore.open_store(**settings, limits__session_entries=6) as limited,
    ):
        await limited.file_system.write_file(session_id, "a", "x")
        await free.file_system.create_directory(session_id, "b/c/d")
        await limited.file_system.write_file(session_id, "b/e", "x")
        assert await database.fetch("SELECT entries FROM usage") == [(5,)]
        with pytest.raises(QuotaExceededError):
            await limited.file_system.move_file(session_id, "a", "f/g/a")
        await free.file_system.move_file(session_id, "a", "f/a")
        assert await database.fetch("SELECT entries FROM usage") == [(6,)]
        await free.file_system.delete_file(session_id, "b", recursive=True)
        assert await database.fetch("SELECT entries FROM usage") == [(2,)]
