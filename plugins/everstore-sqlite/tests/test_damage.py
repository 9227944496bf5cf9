"""What is damaged in the file is told as that, with its place: never another answer, and never dropped."""

from __future__ import annotations

import asyncio
import random
from functools import partial

import pytest

from everstore import errors, new_session_id

CONTENT = "(SELECT serial FROM entries WHERE name = 'a.txt')"
HEX = "CAST(x'ff00fe' AS TEXT)"


def bend(raw, statement: str) -> None:
    """Damage the file behind everstore's back."""
    raw("PRAGMA ignore_check_constraints = 1")
    raw(statement)


def walked(error: BaseException) -> str:
    """The words of an error and of all that hang on it."""
    words = [str(error), repr(error.args)]
    for other in (error.__cause__, error.__context__):
        words += [walked(other)] if other is not None else []
    return "\n".join(words)


async def told(call) -> errors.DataDamagedError:
    """The damage that a call must tell, in one line."""
    with pytest.raises(errors.DataDamagedError, match="damaged") as caught:
        await call
    assert "\n" not in str(caught.value)
    assert "SECRET" not in walked(caught.value)
    return caught.value


@pytest.fixture
async def work(work):
    """A session with a file, a directory, a value and a secret."""
    await work.files.write_file("a.txt", "SECRET text\n")
    await work.files.write_file("dir/b.txt", "b\n")
    await work.storage.set_value("key", "SECRET value")
    await work.storage.set_secret("name", "SECRET secret")
    return work


CONTENTS = {
    "missing": f"DELETE FROM contents WHERE serial = {CONTENT}",
    "no UTF-8": f"UPDATE contents SET data = CAST(x'ff' || substr(data, 2) AS BLOB) WHERE serial = {CONTENT}",
    "cut short": f"UPDATE contents SET data = substr(data, 1, 3) WHERE serial = {CONTENT}",
    "longer": f"UPDATE contents SET data = data || data WHERE serial = {CONTENT}",
    "a text": f"UPDATE contents SET data = CAST(data AS TEXT) WHERE serial = {CONTENT}",
    "a text of no UTF-8": f"UPDATE contents SET data = {HEX} WHERE serial = {CONTENT}",
    "a number": f"UPDATE contents SET data = 5 WHERE serial = {CONTENT}",
    "of no encoding": f"UPDATE contents SET is_text = 'SECRET' WHERE serial = {CONTENT}",
    "of a third encoding": f"UPDATE contents SET is_text = 2 WHERE serial = {CONTENT}",
    "of another size": "UPDATE entries SET size = 70000 WHERE name = 'a.txt'",
}


@pytest.mark.parametrize("statement", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("direct_reads", [True, False])
async def test_a_damaged_content(opened, work, session_id, raw, statement, direct_reads):
    bend(raw, statement)
    async with opened(direct_reads=direct_reads) as store:
        files = store.session(session_id).files
        for call in (
            partial(files.read_file, "a.txt"),
            partial(files.read_lines, "a.txt"),
            partial(files.grep_files, "SECRET|x", regex=True),
            partial(files.grep_files, "secret", ignore_case=True),
            partial(files.grep_files, ""),
            partial(files.edit_file, "a.txt", "text", "other"),
            partial(files.append_file, "a.txt", "more"),
            partial(files.write_file_if_content_matches, "a.txt", "SECRET text\n", "text", "x", "text"),
        ):
            error = await told(call())
            assert error.path == "/a.txt"
            assert "/a.txt" in str(error)
        assert (await files.read_file("dir/b.txt")).content == "b\n"
        assert [match.path for match in await files.grep_files("b", "dir/")] == ["/dir/b.txt"]
        written = await files.write_file("a.txt", "whole again")
        assert await files.read_file("a.txt") == written
        assert (await files.grep_files("whole"))[0].path == "/a.txt"
        await work.files.append_file("a.txt", "!")


LARGE = "abc\n" * 50_000
CHUNKS = "(SELECT chunk FROM pieces WHERE number = 1)"
PARTS = {
    "missing": f"DELETE FROM chunks WHERE id = {CHUNKS}",
    "missing at the end": "DELETE FROM chunks WHERE id = (SELECT chunk FROM pieces ORDER BY number DESC)",
    "unknown": "DELETE FROM pieces WHERE number = 1",
    "cut short": f"UPDATE chunks SET data = substr(data, 1, 3) WHERE id = {CHUNKS}",
    "a text": f"UPDATE chunks SET data = CAST(data AS TEXT) WHERE id = {CHUNKS}",
    "a number": f"UPDATE chunks SET data = 5 WHERE id = {CHUNKS}",
    "all missing": "DELETE FROM pieces",
}
NUMBERS = {
    "nobody's": "UPDATE entries SET content = 7 WHERE name = 'large.txt'",
    "none": "UPDATE entries SET content = 'SECRET' WHERE name = 'large.txt'",
}


@pytest.mark.parametrize("part", ["missing", "missing at the end", "all missing"])
async def test_what_is_damaged_before_it_is_indexed_is_told_by_a_search(opened, session_id, raw, part):
    async with opened() as store:
        await store.file_system.write_file(session_id, "/large.txt", LARGE + "the end")
    bend(raw, PARTS[part])
    async with opened(search_index=True) as store:
        while raw("SELECT 1 FROM search_todo WHERE NOT is_final"):  # noqa: ASYNC110 - a thread does it
            await asyncio.sleep(0.01)
        for literal in ("the end", "abc"):
            assert (await told(store.file_system.grep_files(session_id, literal))).path == "/large.txt"


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        *((statement, index) for statement in PARTS.values() for index in (True, False)),
        *((statement, False) for statement in NUMBERS.values()),
    ],
)
async def test_a_damaged_chunk(opened, session_id, raw, statement, index):
    async with opened(search_index=index) as store:
        files = store.session(session_id).files
        await files.write_file("large.txt", LARGE)
        bend(raw, statement)
        for call in (
            partial(files.read_file, "large.txt"),
            partial(files.read_bytes, "large.txt"),
            partial(files.read_lines, "large.txt", 40_000),
            partial(files.grep_files, "abc", limit=1),
            partial(files.edit_file, "large.txt", "abc", "x", replace_all=True),
            partial(files.copy_file, "large.txt", "copy.txt"),
        ):
            assert (await told(call())).path == "/large.txt"
        written = await files.write_file("large.txt", LARGE + "whole again")
        assert await files.read_file("large.txt") == written
        assert len(await files.grep_files("whole again")) == 1
        assert await files.delete_file("large.txt")


async def test_an_append_looks_at_what_it_writes_again(work, raw):
    await work.files.write_file("large.txt", LARGE)
    bend(raw, PARTS["missing at the end"])
    assert (await told(work.files.append_file("large.txt", "more"))).path == "/large.txt"
    await work.files.write_bytes("full.bin", bytes(3 << 15))
    bend(raw, "DELETE FROM pieces WHERE number = 2")
    assert (await told(work.files.append_bytes("full.bin", b"more"))).path == "/full.bin"


async def test_a_content_that_nobody_counts_as_shared_is_another_ones(store, work, raw):
    """Whoever changes or deletes a fork's entry whose content cannot be told leaves its source alone."""
    fork = new_session_id()
    await store.file_system.fork_session(work.id, fork)
    bend(raw, f"UPDATE entries SET content = 'SECRET' WHERE session = x'{fork.hex}'")
    await told(store.file_system.read_file(fork, "/a.txt"))
    await store.file_system.write_file(fork, "/a.txt", "anew")
    assert await store.file_system.delete_file(fork, "/dir", recursive=True)
    assert (await store.file_system.read_file(fork, "/a.txt")).content == "anew"
    assert (await work.files.read_file("a.txt")).content == "SECRET text\n"
    assert (await work.files.read_file("dir/b.txt")).content == "b\n"


SEEN_BY_A_COPY = [
    name for name in CONTENTS if name != "no UTF-8"
]  # it is copied byte for byte, and told when read


@pytest.mark.parametrize("name", SEEN_BY_A_COPY)
@pytest.mark.parametrize("direct_reads", [True, False])
async def test_a_range_of_a_damaged_content(opened, work, session_id, raw, name, direct_reads):
    bend(raw, CONTENTS[name])
    async with opened(direct_reads=direct_reads) as store:
        for start, length in ((0, None), (1, 2), (-1, 1), (100, 1), (0, 0)):
            error = await told(store.session(session_id).files.read_bytes("a.txt", start, length))
            assert error.path == "/a.txt"


@pytest.mark.parametrize("name", SEEN_BY_A_COPY)
@pytest.mark.parametrize("source", ["a.txt", "/"])
async def test_a_copy_of_a_damaged_content_is_no_copy(work, raw, name, source):
    await work.files.move_file("a.txt", "tree/a.txt")
    bend(raw, CONTENTS[name])
    error = await told(work.files.copy_file("tree/a.txt" if source != "/" else "tree", "copy"))
    assert error.path == "/tree/a.txt"
    assert await work.files.stat_file("copy") is None
    await work.files.move_file("tree", "moved")
    assert await work.files.delete_file("moved", recursive=True)
    assert await work.files.list_directory("moved") == []


@pytest.mark.parametrize("index", [True, False])
async def test_a_literal_search_does_not_pass_over_what_is_missing(opened, session_id, raw, index):
    async with opened(search_index=index) as store:
        files = store.session(session_id).files
        await files.write_file("a.txt", "nothing of the kind")
        bend(raw, CONTENTS["missing"])
        await store.storage.set_value(session_id, "another", "write")
        if not index:  # with it, the content's absence is noted by the index itself
            assert (await told(files.grep_files("needle"))).path == "/a.txt"
        await files.write_file("a.txt", "a needle")
        assert len(await files.grep_files("needle")) == 1


COLUMNS = ("version", "created", "updated", "serial", "size", "is_readonly", "is_directory")


@pytest.mark.parametrize("value", ["'SECRET'", "x'00ff'", "1.5", HEX])
@pytest.mark.parametrize("column", COLUMNS)
async def test_a_damaged_entry(work, raw, column, value):
    bend(raw, f"UPDATE entries SET {column} = {value} WHERE name = 'a.txt'")
    files = work.files
    for call in (
        partial(files.read_file, "a.txt"),
        partial(files.stat_file, "a.txt"),
        partial(files.list_directory, "/"),
        partial(files.glob_files, "*.txt"),
        files.usage,
        partial(files.edit_file, "a.txt", "text", "other"),
        partial(files.append_file, "a.txt", "more"),
        partial(files.copy_file, "a.txt", "copy.txt"),
        partial(files.move_file, "a.txt", "moved.txt"),
    ):
        await told(call())
    written = await files.write_file("a.txt", "whole again")
    assert await files.read_file("a.txt") == written
    assert await files.stat_file("a.txt") == written.stat()
    assert [info.path for info in await files.list_directory("/")] == ["/a.txt", "/dir"]
    assert (await files.usage()).bytes == len("whole again") + 2
    assert raw("SELECT files, bytes FROM trees") == [(2, len("whole again") + 2)]


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_damaged_entry_can_be_deleted(work, raw, column):
    for path, recursive in (("a.txt", False), ("dir", True)):
        bend(raw, f"UPDATE entries SET {column} = 'x' WHERE name LIKE '%.txt'")
        assert await work.files.delete_file(path, recursive=recursive)
    assert raw("SELECT files, bytes FROM trees") == [(0, 0)]
    await work.files.write_file("dir/b.txt", "new")
    assert raw("SELECT files, bytes FROM trees") == [(1, 3)]


@pytest.mark.parametrize(
    "statement", ["DELETE FROM trees", "UPDATE trees SET files = 'x'", "UPDATE trees SET slot = x''"]
)
async def test_lost_counts_are_counted_anew(store, work, raw, statement):
    bend(raw, statement)
    await work.files.write_file("c.txt", "ccc")
    assert (await work.files.read_file("a.txt")).content == "SECRET text\n"
    assert raw("SELECT files, bytes FROM trees") == [(3, 17)]
    await store.delete_session(work.id)
    assert raw("SELECT count(*) FROM contents") == [(0,)]


@pytest.mark.parametrize("table", ["pairs", "secrets"])
@pytest.mark.parametrize(
    "assignment",
    [
        "value = x'ff'",
        "value = 'SECRET'",
        "value = 5",
        f"value = {HEX}",
        "expires = 'SECRET'",
        "expires = x'ff'",
    ],
)
async def test_a_damaged_value(work, store, raw, table, assignment):
    bend(raw, f"UPDATE {table} SET {assignment}")
    storage = work.storage
    if table == "pairs":
        get, put, delete, key = storage.get_value, storage.set_value, storage.delete_value, "key"
        assert (await told(storage.increment_value("key"))).key == "key"
        assert (await told(storage.read_value("key"))).key == "key"
        await told(storage.get_values(["key"]))
        await told(storage.read_values(limit=9))
        await told(storage.read_values())
    else:
        get, put, delete, key = storage.get_secret, storage.set_secret, storage.delete_secret, "name"
    assert (await told(get(key))).key == key
    if "expires" in assignment:
        await told(storage.list_keys() if table == "pairs" else storage.list_secrets())
    await put(key, "whole again")
    assert await get(key) == "whole again"
    bend(raw, f"UPDATE {table} SET {assignment}")
    assert await delete(key)
    assert await get(key) is None


@pytest.mark.parametrize("column", ["version", "created", "updated"])
@pytest.mark.parametrize("value", ["'SECRET'", "x'ff'", "1.5"])
async def test_a_damaged_entry_of_a_value(work, raw, column, value):
    bend(raw, f"UPDATE pairs SET {column} = {value}")
    await told(work.storage.stat_value("key"))
    await told(work.storage.read_value("key"))
    await told(work.storage.list_keys())
    await told(work.storage.usage())
    await told(work.storage.read_values(reverse=True, limit=1))
    await told(work.storage.set_value("key", "x", if_revision="1"))
    await work.storage.set_value("key", "whole again")
    assert [info.key for info in await work.storage.list_keys()] == ["key"]


@pytest.mark.parametrize(
    "assignment",
    [
        *("title = x'ff'", f"title = {HEX}", "created = 'x'", "updated = x''"),
        *("labels = x'ff'", "labels = 'SECRET'", "labels = 5", "labels = '[1]'", "labels = '{\"a\": 1}'"),
    ],
)
async def test_a_damaged_record(store, raw, assignment):
    session = await store.create_session("SECRET title", labels={"a": "SECRET"})
    bend(raw, f"UPDATE sessions SET {assignment}")
    await told(store.sessions.get_session(session.id))
    await told(store.sessions.update_session_title(session.id, "new"))
    await told(store.sessions.list_sessions())
    await store.sessions.add_session(session)
    assert await store.sessions.list_sessions() == [session]
    assert await store.sessions.list_sessions(labels={"a": "SECRET"}) == [session]


async def test_a_name_that_is_no_utf_8(work, raw):
    bend(raw, f"UPDATE entries SET name = {HEX} WHERE name = 'a.txt'")
    await told(work.files.list_directory("/"))
    await told(work.files.glob_files("*.txt"))
    await told(work.files.grep_files("text"))


async def test_a_name_or_a_key_that_is_no_text(work, raw):
    bend(raw, "UPDATE entries SET name = CAST(name AS BLOB) WHERE name = 'b.txt'")
    await told(work.files.list_directory("dir"))
    assert (await told(work.files.copy_file("dir", "copy"))).path == "/dir"
    await work.files.move_file("a.txt", "elsewhere/a.txt")
    bend(raw, "UPDATE pairs SET key = CAST(key AS BLOB)")
    assert (await told(work.storage.list_keys())).place == work.id
    assert (await told(work.storage.read_values(limit=1, reverse=True))).place == work.id
    bend(raw, "UPDATE secrets SET key = CAST(key AS BLOB)")
    await told(work.storage.list_secrets())


@pytest.mark.parametrize("regex", [True, False])
async def test_a_content_that_two_files_share(work, raw, regex):
    bend(raw, f"UPDATE entries SET serial = {CONTENT}, size = 12 WHERE name = 'b.txt'")
    assert (await told(work.files.grep_files("text", regex=regex))).path in {"/a.txt", "/dir/b.txt"}
    assert await work.files.delete_file("dir/b.txt")
    await work.files.write_file("a.txt", "SECRET text\n")
    assert len(await work.files.grep_files("text", regex=regex)) == 1


@pytest.mark.parametrize(
    "statement", ["DELETE FROM counters", "UPDATE counters SET slot = 'x'", "DROP TABLE contents"]
)
async def test_a_database_that_lacks_what_every_one_has(store, raw, statement):
    work = store.session(new_session_id())
    bend(raw, statement)
    await told(work.files.write_file("new.txt", "text"))
    assert await work.files.stat_file("new.txt") is None


def schema_pages(content: bytes) -> set[int]:
    """The pages, from 1, that hold the schema: without them there is nothing to open."""
    is_branched, cells = content[100] == 5, int.from_bytes(content[103:105])
    places = [int.from_bytes(content[at : at + 2]) for at in range(112, 112 + 2 * cells, 2)]
    return {1, *(int.from_bytes(content[at : at + 4]) for at in [108, *places] if is_branched)}


async def damage_of(calls) -> int:
    """How many of the calls told damage; no other error may come."""
    told = 0
    for call in calls:
        try:
            await call()
        except errors.DataDamagedError:
            told += 1
    return told


@pytest.mark.parametrize("seed", range(4))
async def test_pages_of_garbage_are_damage_or_what_was_written(opened, path, session_id, raw, seed):
    async with opened() as store:
        work = store.session(session_id)
        for number in range(100):
            await work.files.write_file(f"dir{number % 5}/{number}.txt", f"{number}:" + "x" * 500)
            await work.storage.set_value(f"key{number}", f"{number}:" + "y" * 200)
    chance = random.Random(seed)
    content = bytearray(path.read_bytes())
    ((pages,), (size,)) = raw("PRAGMA page_count")[0], raw("PRAGMA page_size")[0]
    spared = schema_pages(content)
    for page in chance.sample([page for page in range(1, pages) if page + 1 not in spared], pages // 3):
        content[page * size : (page + 1) * size] = chance.randbytes(size)
    path.write_bytes(content)
    async with opened() as store:
        work = store.session(session_id)

        async def reads(number: int) -> None:
            found = await work.files.read_file(f"dir{number % 5}/{number}.txt")
            assert found is None or found.content == f"{number}:" + "x" * 500

        async def gets(number: int) -> None:
            value = await work.storage.get_value(f"key{number}")
            assert value is None or value == f"{number}:" + "y" * 200

        calls = [partial(call, number) for number in range(100) for call in (reads, gets)]
        for number in range(10):
            calls += [
                partial(work.files.write_file, f"new/{number}", "n"),
                partial(work.files.list_directory, f"dir{number % 5}"),
                partial(work.files.grep_files, f"{number}:"),
                partial(work.files.glob_files, "*.txt"),
                partial(work.storage.list_keys),
            ]
        assert await damage_of(calls)


@pytest.mark.parametrize("table", ["entries", "pairs", "secrets", "sessions"])
@pytest.mark.parametrize("value", ["'SECRET'", "x'ff'", "5"])
async def test_a_session_whose_id_is_none_is_told_when_all_are_listed(store, work, raw, table, value):
    await store.create_session(session_id=work.id)
    part = {"entries": store.file_system, "sessions": store.sessions}.get(table, store.storage)
    assert await part.session_ids() == [work.id]
    bend(raw, f"UPDATE {table} SET {'id' if table == 'sessions' else 'session'} = {value}")
    await told(part.session_ids())
    await told(store.session_ids())
