"""What is damaged in the database is told as that, with its place: never another answer or error."""

from __future__ import annotations

from functools import partial

import pytest

from everstore import errors


async def told(call) -> errors.DataDamagedError:
    with pytest.raises(errors.DataDamagedError, match="damaged") as caught:
        await call()
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "assignment",
    ["content = '\\xff00'::bytea", "content = 'SECRET', size = 3", "content = NULL", "kind = 'x'"],
)
async def test_a_damaged_content(work, database, assignment):
    await work.files.write_file("a.txt", "SECRET")
    await work.files.write_file("b.txt", "b")
    await database.execute(f"UPDATE files SET {assignment} WHERE place = '/a.txt'")
    error = await told(partial(work.files.read_file, "a.txt"))
    assert error.path == "/a.txt"
    assert "SECRET" not in str(error)
    assert error.__cause__ is error.__context__ is None
    assert (await work.files.read_file("b.txt")).content == "b"
    written = await work.files.write_file("a.txt", "whole again")
    assert await work.files.read_file("a.txt") == written


async def test_a_text_that_is_no_utf_8_on_every_verb_that_reads_it(work, database):
    await work.files.write_file("a.txt", "text")
    await database.execute("UPDATE files SET content = '\\xff616263'::bytea WHERE place = '/a.txt'")
    for call in (
        partial(work.files.read_file, "a.txt"),
        partial(work.files.read_lines, "a.txt"),
        partial(work.files.grep_files, "abc"),
        partial(work.files.grep_files, "ABC", ignore_case=True),
        partial(work.files.edit_file, "a.txt", "abc", "x"),
        partial(work.files.append_file, "a.txt", "more"),
    ):
        await told(call)
    await work.files.write_file("a.txt", "abc")
    assert len(await work.files.grep_files("abc")) == 1


DAMAGES = {
    "no UTF-8": "content = '\\xff616263'::bytea",
    "no UTF-8, with a NUL": "content = '\\x610062ff'::bytea, kind = 'z'",
    "a cut character at the end": "content = '\\x616200c3'::bytea, kind = 'z'",
    "cut short": "content = 'abc'",
    "missing": "content = NULL",
    "of no kind": "kind = 'x'",
}


@pytest.mark.parametrize("assignment", DAMAGES.values(), ids=DAMAGES)
async def test_nothing_is_made_of_a_damaged_content(work, database, assignment):
    await work.files.write_file("a.txt", "text")
    await database.execute(f"UPDATE files SET {assignment} WHERE place = '/a.txt'")
    before = await database.fetchrow("SELECT * FROM files")
    for call in (
        partial(work.files.edit_file, "a.txt", "b", "x"),
        partial(work.files.edit_file, "a.txt", "b", "\0"),
        partial(work.files.append_file, "a.txt", "more"),
        partial(work.files.write_file_if_content_matches, "a.txt", "text", "text", "x", "text"),
        partial(work.files.write_file_if_content_matches, "a.txt", "other", "text", "x", "text"),
    ):
        error = await told(call)
        assert error.path == "/a.txt"
        assert error.__cause__ is error.__context__ is None
        assert await database.fetchrow("SELECT * FROM files") == before
    await work.files.write_file("a.txt", "abc")
    await work.files.append_file("a.txt", "!")
    assert (await work.files.read_file("a.txt")).content == "abc!"


@pytest.mark.parametrize("name", ["cut short", "missing", "of no kind"])
async def test_a_range_of_a_damaged_content(work, database, name):
    await work.files.write_file("a.txt", "text")
    await database.execute(f"UPDATE files SET {DAMAGES[name]} WHERE place = '/a.txt'")
    for start, length in ((0, None), (1, 2), (-1, 1), (100, 1), (0, 0)):
        assert (await told(partial(work.files.read_bytes, "a.txt", start, length))).path == "/a.txt"
    await work.files.write_bytes("a.txt", b"abc")
    assert (await work.files.append_bytes("a.txt", b"!")).size_bytes == 4
    assert await work.files.read_bytes("a.txt", 2) == b"c!"


async def in_three_chunks(work, path: str) -> str:
    """A text that is there now; its chunks begin at 0, 60000 and 80000."""
    text = "0123456789" * 10_000
    for start, end in ((0, 60_000), (60_000, 80_000), (80_000, 100_000)):
        await work.files.append_file(path, text[start:end])
    return text


CHUNKS = {
    "all are missing": "DELETE FROM contents",
    "the first is missing": "DELETE FROM contents WHERE start = 0",
    "the last is missing": "DELETE FROM contents WHERE start = 80000",
    "one is too short": "UPDATE contents SET data = substr(data, 2) WHERE start = 80000",
    "one is too many": "INSERT INTO contents SELECT id, mark, 70000, data FROM contents WHERE start = 80000",
    "it is of nothing": "UPDATE files SET content_id = 1 << 40 WHERE place = '/tree/a.txt'",
}


@pytest.mark.parametrize("damage", CHUNKS.values(), ids=CHUNKS)
@pytest.mark.parametrize("again", ["write", "delete"])
async def test_damaged_chunks(work, database, damage, again):
    text = await in_three_chunks(work, "tree/a.txt")
    await database.execute(damage)
    for call in (
        partial(work.files.read_file, "tree/a.txt"),
        partial(work.files.read_lines, "tree/a.txt"),
        partial(work.files.grep_files, "0123"),
        partial(work.files.grep_files, "nothing like it"),
        partial(work.files.edit_file, "tree/a.txt", "90123", "x", replace_all=True),
        partial(work.files.write_file_if_content_matches, "tree/a.txt", "text", "text", "x", "text"),
        partial(work.files.copy_file, "tree", "copy"),
        partial(work.files.copy_file, "tree/a.txt", "copy"),
    ):
        assert (await told(call)).path == "/tree/a.txt"
    if "start = 0" not in damage and "70000" not in damage:
        await told(partial(work.files.append_file, "tree/a.txt", "more"))
        await told(partial(work.files.read_bytes, "tree/a.txt", -10))
    if again == "write":
        await work.files.write_file("tree/a.txt", text)
        assert (await work.files.read_file("tree/a.txt")).content == text
    assert await work.files.delete_file("tree", recursive=True)
    left = await database.fetchval("SELECT count(DISTINCT id) FROM contents")
    assert left == (1 if "1 << 40" in damage else 0)


async def test_a_range_where_chunks_begin_otherwise_is_of_what_is_read_whole(work, database):
    text = await in_three_chunks(work, "a.txt")
    await database.execute("UPDATE contents SET start = start + 7 WHERE start = 60000")
    assert (await work.files.read_file("a.txt")).content == text
    for start, length in ((60_003, 5), (30_000, 60_000)):
        assert await work.files.read_bytes("a.txt", start, length) == text.encode()[start:][:length]


@pytest.mark.parametrize("source", ["/tree/a.txt", "/tree"])
async def test_a_chunk_behind_the_last_one_is_of_no_content(work, database, source):
    await work.files.write_file("tree/a.txt", "x" * 5000)
    await database.execute("INSERT INTO contents SELECT id, mark, 5000, data FROM contents")
    assert (await work.files.read_file("tree/a.txt")).content == "x" * 5000
    assert await work.files.read_bytes("tree/a.txt", 4999, 9) == b"x"
    await work.files.copy_file(source, "copy")
    await work.files.append_file("tree/a.txt", "y" * 9000)
    assert (await work.files.read_file("tree/a.txt")).content == "x" * 5000 + "y" * 9000
    for path in ("tree", "copy"):
        assert await work.files.delete_file(path, recursive=True)
    assert await database.fetchval("SELECT count(*) FROM contents") == 0


@pytest.mark.parametrize("source", ["/tree/a.txt", "/tree"])
@pytest.mark.parametrize("assignment", ["content = NULL", "content = 'abc'"])
async def test_a_copy_of_a_damaged_content_is_no_copy(work, database, assignment, source):
    await work.files.write_file("tree/a.txt", "text")
    await database.execute(f"UPDATE files SET {assignment} WHERE place = '/tree/a.txt'")
    assert (await told(partial(work.files.copy_file, source, "copy"))).path == "/tree/a.txt"
    assert await work.files.stat_file("copy") is None
    await work.files.move_file(source, "moved")
    assert await work.files.delete_file("moved", recursive=True)


@pytest.mark.parametrize("text", ["é" * 600_000 + "\0", "a\0é€😀" * 200_000, "\0" * 1_048_577, "\\000\0\\\0"])
async def test_a_long_text_with_a_nul_is_not_taken_for_damaged(work, text):
    await work.files.write_file("a.txt", text)
    await work.files.append_file("a.txt", "€")
    assert (await work.files.read_file("a.txt")).content == text + "€"


async def test_a_damaged_counter(work, database):
    await work.storage.set_value("key", "5")
    await database.execute("UPDATE entries SET value = '\\x35ff'::bytea")
    assert (await told(partial(work.storage.increment_value, "key"))).key == "key"
    await work.storage.set_value("key", "5")
    assert await work.storage.increment_value("key") == 6


async def test_a_damaged_value(work, store, database):
    await work.storage.set_value("key", "SECRET")
    await work.storage.set_secret("name", "SECRET")
    await database.execute("UPDATE entries SET value = '\\xff'::bytea")
    assert (await told(partial(work.storage.get_value, "key"))).key == "key"
    assert (await told(partial(work.storage.read_value, "key"))).key == "key"
    assert (await told(partial(work.storage.get_values, ["key"]))).key == "key"
    assert (await told(partial(work.storage.read_values, limit=1))).key == "key"
    assert (await told(partial(work.storage.get_secret, "name"))).key == "name"
    await work.storage.set_value("key", "whole again")
    assert await work.storage.get_value("key") == "whole again"


async def test_a_schema_that_is_gone(work, database, settings):
    await database.execute(f"DROP SCHEMA {settings['postgres_schema_name']} CASCADE")
    for call in (
        partial(work.files.write_file, "a.txt", "lost"),
        partial(work.files.read_file, "a.txt"),
        partial(work.storage.set_value, "key", "lost"),
    ):
        with pytest.raises(errors.StorageReplacedError):
            await call()


async def test_a_schema_of_another_version(work, database):
    await work.files.write_file("a.txt", "x" * 5000)
    await database.execute("ALTER TABLE files RENAME COLUMN tail TO other")
    for call in (partial(work.files.write_file, "b.txt", "x"), partial(work.files.grep_files, "x")):
        with pytest.raises(errors.StorageReplacedError):
            await call()
