"""What is past its time or deleted is gone from the file, too, and a backup is a whole store."""

from __future__ import annotations

import asyncio
import sqlite3
from base64 import b64encode
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

import everstore
from everstore import InitialFile, errors, new_session_id
from everstore.clock import turned
from everstore.paging import KeyPage
from everstore_sqlite.schema import CHECKPOINTS, SESSIONS
from everstore_sqlite.spaces import VALUES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECRET = "correct horse battery staple é"


@pytest.fixture
def clock() -> Iterator[Callable[[float], None]]:
    """Let seconds pass: ``clock(60)``."""
    with ExitStack() as stack:
        yield lambda seconds: stack.enter_context(turned(seconds))


async def test_expired_rows_are_swept(store, work, raw, clock):
    for number in range(30):
        await work.storage.set_value(f"value {number}", "x", ttl=60)
        await work.storage.set_secret(f"secret {number}", "x", ttl=60)
    await work.storage.set_value("stays", "x")
    clock(60)
    await work.storage.set_value("later", "x", ttl=100)
    await work.storage.set_secret("later", "x", ttl=100)
    assert raw("SELECT key FROM pairs ORDER BY key") == [("later",), ("stays",)]
    assert raw("SELECT key FROM secrets") == [("later",)]


async def test_expired_rows_of_sessions_that_nobody_uses_any_more_are_swept(store, work, raw, clock):
    for _ in range(150):
        other = store.session(new_session_id()).storage
        await other.set_value("value", "x", ttl=60)
        await other.set_secret("secret", "x", ttl=60)
        await other.set_value("lease", "x", ttl=3600)
    clock(60)
    await work.storage.set_value("key", "x")
    # What a single write does is bounded.
    assert raw("SELECT count(*) FROM pairs WHERE key = 'value'") == [(50,)]
    await work.storage.increment_value("count")
    assert raw("SELECT key, count(*) FROM pairs GROUP BY key") == [("count", 1), ("key", 1), ("lease", 150)]
    assert raw("SELECT count(*) FROM secrets") == [(0,)]


async def test_an_entry_past_its_time_is_new_when_it_is_set_again(store, work, clock):
    await work.storage.set_value("key", "x", ttl=60)
    first = await work.storage.stat_value("key")
    clock(60)
    await work.storage.set_value("key", "y", if_absent=True)
    second = await work.storage.stat_value("key")
    assert second.created_at > first.created_at
    assert second.expires_at is None


async def test_scanning_secrets_passes_over_what_is_past_its_time(store, clock):
    ids = sorted([new_session_id() for _ in range(3)])
    for one in ids:
        for name in ("b", "a", "é"):
            await store.storage.set_secret(one, name, SECRET)
        await store.storage.set_secret(one, "gone", SECRET, ttl=60)
    clock(60)
    places, after = [], None
    while page := await store.storage.scan_secrets(after=after, limit=2):
        places += [(stored.session_id, stored.name) for stored in page]
        after = places[-1]
    assert places == [(one, name) for one in ids for name in ("a", "b", "é")]


async def test_swapping_a_secret_keeps_its_times(store, work, session_id):
    await work.storage.set_secret("name", SECRET, ttl=100)
    [before] = await work.storage.list_secrets()
    [stored] = await store.storage.scan_secrets()
    assert not await store.storage.swap_secret(session_id, "name", "something else", stored.ciphertext)
    assert await store.storage.swap_secret(session_id, "name", stored.ciphertext, stored.ciphertext + "A")
    [after] = await work.storage.list_secrets()
    assert (after.created_at, after.expires_at) == (before.created_at, before.expires_at)
    assert after.revision == before.revision


async def test_a_deleted_session_leaves_no_row(store, raw):
    session = await store.create_session("title", files=[InitialFile("a/b.txt", "x", is_readonly=True)])
    work = store.session(session.id)
    await work.files.create_directory("empty/deep")
    await work.storage.set_value("key", "x")
    await work.storage.set_secret("name", "x")
    assert await store.delete_session(session.id)
    for table in ("sessions", "trees", "entries", "contents", "pairs", "secrets"):
        assert raw(f"SELECT count(*) FROM {table}") == [(0,)]


async def test_a_session_is_one_range_of_contents(store, raw):
    """However their writes alternate: searching and deleting a session touches no other's pages."""
    ids = [new_session_id() for _ in range(3)]
    for number in range(30):
        await store.file_system.write_file(ids[number % 3], f"{number}.txt", "x")
    owners = raw("SELECT session FROM contents JOIN entries USING (serial) ORDER BY serial")
    assert [UUID(bytes=owner) for (owner,) in owners] == [one for one in ids for _ in range(10)]


NEWEST = "ORDER BY created DESC, id DESC"


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        ("SELECT * FROM entries WHERE session = x'' AND parent = '/a/' ORDER BY name", "PRIMARY KEY"),
        (
            "SELECT * FROM entries WHERE session = x'' AND parent >= '/a/' AND parent < '/a0'",
            "parent>? AND parent<?",
        ),
        (
            f"SELECT * FROM sessions WHERE {SESSIONS} AND (created, id) < (1, x'') {NEWEST}",
            "sessions_by_age",
        ),
        (
            f"SELECT id FROM sessions WHERE {CHECKPOINTS} AND parent = x'' AND created < 1 {NEWEST}",
            "checkpoints_by_age (parent=? AND created<?)",
        ),
        ("SELECT * FROM pairs WHERE expires <= 1 ORDER BY expires LIMIT 1", "pairs_by_expiry"),
        ("SELECT 1 FROM secrets WHERE expires <= 1 LIMIT 1", "secrets_by_expiry"),
        ("SELECT * FROM secrets WHERE (session, key) > (x'', '') ORDER BY session, key", "PRIMARY KEY"),
    ],
)
async def test_nothing_is_looked_for_by_scanning(store, raw, sql, index):
    plan = " ".join(row[3] for row in raw(f"EXPLAIN QUERY PLAN {sql}"))
    assert index in plan
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("with_texts", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
async def test_a_page_of_keys_is_a_range_of_the_key(store, raw, reverse, with_texts):
    for prefix, bounds in (("a", "key>? AND key<?"), ("", "key>?")):
        page = KeyPage.of(prefix, None, 10, reverse=reverse)
        sql = VALUES.page(page, with_texts=with_texts).replace("?", "1")
        plan = " ".join(row[3] for row in raw(f"EXPLAIN QUERY PLAN {sql}"))
        assert f"PRIMARY KEY (session=? AND {bounds})" in plan
        assert "TEMP B-TREE" not in plan


def forms(secret: str) -> list[bytes]:
    """How a secret could show in a file: as text, in UTF-16, in base64 at any of three offsets, in hex."""
    plain = [secret.encode(), secret.encode("utf-16-le"), secret.encode("utf-16-be")]
    coded = [b64encode(b"-" * offset + form)[4:-4] for offset in range(3) for form in plain]
    return plain + coded + [plain[0].hex().encode(), plain[0].hex().upper().encode()]


def found_in(files: list[Path], secret: str) -> list[str]:
    return [file.name for file in files for form in forms(secret) if form in file.read_bytes()]


async def test_no_byte_of_a_secret_reaches_the_disk(opened, session_id, path, tmp_path):
    async with opened(synchronous="full") as store:
        work = store.session(session_id)
        for number in range(20):
            await work.storage.set_secret(f"name {number}", SECRET)
        await work.storage.set_secret("name 0", SECRET + " again")
        await work.storage.delete_secret("name 1")
        await work.storage.set_value("plain", "a value is not a secret")
        # A copy, for this process's own reading of the files would drop SQLite's locks.
        for suffix in ("", "-wal"):
            process = await asyncio.create_subprocess_exec(
                "cp", f"{path}{suffix}", f"{tmp_path}/copy{suffix}"
            )
            assert await process.wait() == 0
        with (
            closing(sqlite3.connect(path)) as source,
            closing(sqlite3.connect(tmp_path / "backup")) as backup,
        ):
            source.backup(backup)
            source.execute("VACUUM INTO ?", (str(tmp_path / "vacuumed"),))
        assert await work.storage.get_secret("name 5") == SECRET
    files = [tmp_path / "copy", tmp_path / "copy-wal", tmp_path / "backup", tmp_path / "vacuumed", path]
    assert found_in(files, SECRET) == []
    # The look finds what is there: a value that is no secret.
    assert {"copy-wal", "backup", "vacuumed"} <= set(found_in(files, "a value is not a secret"))


@pytest.mark.parametrize("how", ["backup", "vacuum into"])
async def test_a_backup_made_while_others_write_is_a_store(opened, session_id, path, tmp_path, how):
    async with opened() as store:
        work = store.session(session_id)
        writing = [asyncio.create_task(work.files.write_file(f"{n}/{n}.txt", "x" * n)) for n in range(300)]
        await work.storage.set_secret("name", SECRET)
        with closing(sqlite3.connect(path, timeout=10)) as source:
            if how == "backup":
                with closing(sqlite3.connect(tmp_path / "copy.db")) as target:
                    await asyncio.to_thread(lambda: None)
                    source.backup(target)
            else:
                source.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
        await asyncio.gather(*writing)
    async with opened(path=tmp_path / "copy.db") as store:
        work = store.session(session_id)
        assert await work.storage.get_secret("name") == SECRET
        for info in await work.files.glob_files("**"):
            assert (await work.files.read_file(info.path)).content == "x" * int(
                info.name.removesuffix(".txt")
            )


async def test_without_a_key_a_secret_is_refused_and_nothing_else(path, session_id):
    async with everstore.open_store(backend="sqlite", sqlite_path=path) as store:
        work = store.session(session_id)
        with pytest.raises(errors.SecretsKeyMissingError, match="everstore keys generate"):
            await work.storage.set_secret("name", SECRET)
        assert await work.storage.get_secret("name") is None
        assert await work.storage.list_secrets() == []
        assert await work.storage.delete_secret("name") is False
        await work.storage.set_value("key", "value")


async def test_a_ciphertext_that_was_moved_or_changed_does_not_open(store, work, session_id, raw):
    await work.storage.set_secret("mine", SECRET)
    await work.storage.set_secret("other", "another secret")
    raw("UPDATE secrets SET value = (SELECT value FROM secrets WHERE key = 'mine') WHERE key = 'other'")
    with pytest.raises(errors.SecretDecryptionError) as caught:
        await work.storage.get_secret("other")
    assert SECRET not in str(caught.value)
    raw("UPDATE secrets SET session = ?", new_session_id().bytes)
    assert await work.storage.get_secret("mine") is None
    [stored, _] = await store.storage.scan_secrets()
    with pytest.raises(errors.SecretDecryptionError):
        await store.storage.get_secret(stored.session_id, stored.name)


async def test_a_condition_from_a_lost_time_line_does_not_hold_after_a_restore(opened, path, session_id):
    async with opened() as store:
        await store.session(session_id).files.write_file("a", "first")
    backup = path.read_bytes()
    async with opened() as store:
        work = store.session(session_id)
        lost = (await work.files.write_file("a", "lost")).revision
        await work.storage.set_value("k", "lost")
        lost_value = (await work.storage.stat_value("k")).revision
    path.write_bytes(backup)
    async with opened() as store:
        work = store.session(session_id)
        await work.files.write_file("a", "second")
        await work.storage.set_value("k", "second")
        with pytest.raises(errors.RevisionConflictError):
            await work.files.write_file("a", "third", if_revision=lost)
        with pytest.raises(errors.RevisionConflictError):
            await work.storage.set_value("k", "third", if_revision=lost_value)
