"""Every older schema becomes the latest one, once, and keeps all that it held."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

import everstore
from everstore import InitialFile, errors, new_session_id
from everstore_sqlite.checking import looked_at, problems_of

SCHEMAS = sorted((Path(__file__).parent / "schemas").glob("version_*.sql"))
IN_THE_WAY = {
    "version_1": "CREATE TABLE pairs_by_expiry (in_the_way)",
    "version_2": "ALTER TABLE trees ADD COLUMN directories",
    "version_3": "CREATE TABLE labels (in_the_way)",
    "version_4": "CREATE TABLE shares (in_the_way)",
}
SESSION_ID = UUID("01900000-0000-7000-8000-000000000001")


def build(path: Path, script: Path) -> None:
    """The database that an older everstore-sqlite left."""
    with sqlite3.connect(path) as connection:
        connection.executescript(script.read_text())
    connection.close()


def shape(path: Path) -> list[tuple[str, ...]]:
    """What a database is made of, however its SQL was laid out."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        ).fetchall()
        version = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return [*sorted((kind, name, " ".join(sql.split())) for kind, name, sql in rows), version]


async def test_there_is_a_database_of_every_older_version(opened, raw):
    async with opened():
        pass
    (latest,) = raw("PRAGMA user_version")[0]
    assert [script.stem for script in SCHEMAS] == [f"version_{number}" for number in range(1, latest)]


@pytest.mark.parametrize("script", SCHEMAS, ids=lambda script: script.stem)
async def test_an_older_database_becomes_like_a_new_one(opened, path, tmp_path, script):
    build(path, script)
    async with opened():
        pass
    async with opened(path=tmp_path / "new.db"):
        pass
    assert shape(path) == shape(tmp_path / "new.db")


@pytest.mark.parametrize("script", SCHEMAS, ids=lambda script: script.stem)
async def test_an_older_database_keeps_what_it_held(opened, path, script):
    build(path, script)
    async with opened() as store:
        kept = await store.sessions.get_session(SESSION_ID)
        assert (kept.title, kept.labels, kept.parent) == ("kept", {}, None)
        await store.sessions.update_session(SESSION_ID, labels={"a": "b"})
        [labelled] = await store.sessions.list_sessions(labels={"a": "b"})
        assert labelled.id == SESSION_ID
        work = store.session(SESSION_ID)
        listed = [(info.path, info.is_readonly) for info in await work.files.glob_files("**")]
        assert listed == [
            ("/docs/rules.txt", True),
            ("/logo.bin", False),
            ("/nul.txt", False),
            ("/src/main.py", False),
        ]
        assert (await work.files.read_file("src/main.py")).content == "print('hello')\r\n"
        assert (await work.files.read_file("nul.txt")).content == "a\0b"
        assert (await work.files.read_file("logo.bin")).content == "AAECAwQFBgcICQoLDA0ODw=="
        assert (await work.files.stat_file("empty")).is_directory
        assert await work.storage.get_value("step") == "1"
        assert await work.storage.get_value("old") is None
        assert await work.storage.get_secret("token") == "s3cret"
        fork = everstore.new_session_id()
        await store.storage.fork_session(SESSION_ID, fork)
        assert [each.key for each in await store.storage.list_keys(fork)] == [
            each.key for each in await work.storage.list_keys()
        ]
        await store.sessions.add_session(everstore.Session(fork, parent=SESSION_ID))
        assert (await store.sessions.get_session(fork)).parent == SESSION_ID


@pytest.mark.parametrize("script", SCHEMAS, ids=lambda script: script.stem)
async def test_an_older_database_goes_on_counting(opened, path, raw, script):
    build(path, script)
    used = {version for (version,) in raw("SELECT version FROM entries UNION SELECT version FROM pairs")}
    async with opened() as store:
        written = await store.session(SESSION_ID).files.write_file("gone.txt", "back")
        created = await store.session(SESSION_ID).files.write_file("new.txt", "new")
    assert not {written.version, created.version} & used
    assert len({serial for (serial,) in raw("SELECT serial FROM entries")}) == len(
        raw("SELECT 1 FROM entries")
    )


@pytest.mark.parametrize("script", SCHEMAS, ids=lambda script: script.stem)
async def test_an_older_database_knows_how_many_entries_there_are(opened, path, script):
    build(path, script)
    settings = {"sqlite_path": path, "sqlite_synchronous": "normal", "limits__session_entries": 9}
    async with everstore.open_store(backend="sqlite", **settings) as store:
        work = store.session(SESSION_ID)
        with pytest.raises(errors.QuotaExceededError) as caught:
            await work.files.create_directory("a/b/c")
        assert (caught.value.wanted, caught.value.allowed) == (7 + 3, 9)
        await work.files.create_directory("a/b")


@pytest.mark.parametrize("script", SCHEMAS, ids=lambda script: script.stem)
async def test_a_migration_that_fails_changes_nothing(opened, path, raw, script):
    build(path, script)
    raw(IN_THE_WAY[script.stem])
    before = shape(path)
    with pytest.raises(errors.BackendError):
        async with opened():
            pass
    assert shape(path) == before


@pytest.mark.parametrize("script", SCHEMAS, ids=lambda script: script.stem)
async def test_processes_that_open_at_once_migrate_once(path, script):
    build(path, script)
    program = (
        "import asyncio, everstore\n"
        "async def main():\n"
        f"    async with everstore.open_store(backend='sqlite', sqlite_path={str(path)!r}) as store:\n"
        f"        await store.storage.increment_value(__import__('uuid').UUID('{SESSION_ID}'), 'opened')\n"
        "asyncio.run(main())\n"
    )
    started = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE)
        for _ in range(4)
    ]
    for process in started:
        _, complaint = await process.communicate()
        assert process.returncode == 0, complaint.decode()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT value FROM pairs WHERE key = 'opened'").fetchone() == (b"4",)
    connection.close()


async def test_damaged_limits_of_a_session_are_told_and_go_with_it(store, raw):
    session = await store.create_session(limits={"session_entries": 5, "session_keys": 5})
    raw("UPDATE session_limits SET most = 'five'")
    work = store.session(session.id)
    for call in (work.files.write_file("a", "x"), work.storage.set_value("k", "x")):
        with pytest.raises(errors.DataDamagedError, match="its limits are none"):
            await call
    await store.delete_session(session.id)
    await work.files.write_file("a", "x")
    assert raw("SELECT * FROM session_limits") == []


LARGE = "größe\n" * 30_000


def add_large(path: Path) -> None:
    """A file that an older version wrote: all of it in one row, and no digest."""
    data, session = LARGE.encode(), SESSION_ID.bytes
    with sqlite3.connect(path) as connection:
        (slot, last) = connection.execute("SELECT slot, last FROM trees").fetchone()
        serial = slot << 32 | last + 1
        columns = "session, parent, name, version, created, updated, serial, size, is_readonly, is_directory"
        entry = (session, "/", "large.txt", 77, 1, 1, serial, len(data), 0, 0)
        connection.execute(f"INSERT INTO entries ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", entry)
        connection.execute("INSERT INTO contents VALUES (?, 1, ?)", (serial, data))
        connection.execute(
            "UPDATE trees SET last = last + 1, files = files + 1, bytes = bytes + ?", (len(data),)
        )
    connection.close()


@pytest.mark.parametrize("script", SCHEMAS, ids=lambda script: script.stem)
async def test_an_older_database_is_forked_and_compared(opened, path, script):
    build(path, script)
    add_large(path)
    async with opened() as store:
        files, fork, same = store.file_system, new_session_id(), new_session_id()
        await files.fork_session(SESSION_ID, fork)
        assert await files.diff_sessions(SESSION_ID, fork) == []
        for info in await files.list_tree(SESSION_ID):
            if info.is_directory:
                await files.create_directory(same, info.path)
            else:
                found = await files.read_file(SESSION_ID, info.path)
                await files.seed_initial_file(
                    same, InitialFile(info.path, found.content, found.encoding, info.is_readonly)
                )
        assert await files.diff_sessions(SESSION_ID, same) == []
        assert await files.read_bytes(fork, "/large.txt", 70_000, 10) == LARGE.encode()[70_000:70_010]
        await files.append_file(fork, "/large.txt", "more\n")
        await files.write_file(fork, "/nul.txt", "a\0c")
        found = await files.diff_sessions(SESSION_ID, fork)
        assert [(change.path, change.kind) for change in found] == [
            ("/large.txt", "changed"),
            ("/nul.txt", "changed"),
        ]
        await files.purge_session(SESSION_ID)
        assert (await files.read_file(fork, "/large.txt")).content == f"{LARGE}more\n"
        assert (await files.read_file(fork, "/docs/rules.txt")).is_readonly
        await files.purge_session(fork)
        await files.purge_session(same)
    with closing(looked_at(path)) as connection:
        assert problems_of(connection) == []
        assert connection.execute("SELECT count(*) FROM contents").fetchone() == (0,)


@pytest.mark.parametrize("script", SCHEMAS, ids=lambda script: script.stem)
def test_an_older_database_is_checked_as_it_is(path, script):
    build(path, script)
    add_large(path)
    with closing(looked_at(path)) as connection:
        assert problems_of(connection) == []
