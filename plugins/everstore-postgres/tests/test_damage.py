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


async def test_a_damaged_value(work, store, database):
    await work.storage.set_value("key", "SECRET")
    await work.storage.set_secret("name", "SECRET")
    await database.execute("UPDATE entries SET value = '\\xff'::bytea")
    assert (await told(partial(work.storage.get_value, "key"))).key == "key"
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
