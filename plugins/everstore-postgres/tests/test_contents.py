"""Large contents are apart from their files: in chunks, shared, and freed when the last file lets go."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from itertools import pairwise
from types import SimpleNamespace

import pytest

import everstore
from everstore.building import ask
from everstore.changes import Append, Delete, Write
from everstore.configuration import configure
from everstore.errors import (
    BackendError,
    EditError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
    SessionNotEmptyError,
)

EMPTY = SimpleNamespace(content="")
SIZES = (0, 1, 1791, 1792, 1793, 5000, 7999, 8000, 8001, 100_000, 262_143, 262_144, 262_145, 600_001)


async def contents(database) -> list[tuple]:
    """The id and the number of chunks of every content, the files that have it, and how many are counted."""
    return await database.fetch(
        "SELECT c.id, count(*), (SELECT count(*) FROM files WHERE content_id = c.id),"
        " (SELECT s.files FROM shares s WHERE s.content_id = c.id)"
        " FROM contents c GROUP BY c.id ORDER BY c.id"
    )


async def problems(settings) -> list[str]:
    """What a deep check finds."""
    return list(await ask(configure(settings), "postgres", "everstore_check", deep=True) or ())


def text_of(rng: random.Random, size: int) -> str:
    """So many characters, of one to four bytes."""
    some = "".join(rng.choices(["a", "b", "\n", "é", "€", "😀", "\r\n"], k=40))
    return (some * (size // 40 + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pieces", [(1 << 20,), (0, 2000, 7900, 8100, 99_999)], ids=["at once", "in pieces"])
async def test_every_size_is_kept_whole_and_read_in_parts(work, database, size, pieces):
    data = random.Random(size).randbytes(size)
    await work.files.write_bytes("a", data[: pieces[0]])
    for start, end in pairwise((*pieces, size)):
        await work.files.append_bytes("a", data[start:end])
    assert await work.files.read_bytes("a") == data
    for start in {0, 1, *pieces, size // 2, size - 1, size, 262_143, 262_144, -1, -8001}:
        for length in (None, 0, 1, 2, 40_000):
            begin = max(size + start, 0) if start < 0 else start
            expected = data[begin:] if length is None else data[begin : begin + length]
            assert await work.files.read_bytes("a", start, length) == expected
    await work.files.delete_file("a")
    assert await contents(database) == []


async def test_random_verbs_leave_what_a_dictionary_has(store, settings):
    rng = random.Random(14)
    work = store.session(everstore.new_session_id())
    files: dict[str, str] = {}

    async def edit(path: str, old: str, new: str) -> None:
        edited = await work.files.edit_file(path, old, new, replace_all=True)
        files[path] = files[path].replace(old, new)
        assert edited.content == files[path]

    for _ in range(250):
        path, other = rng.sample(["/a", "/b", "/c", "/d"], 2)
        text = text_of(rng, rng.choice(SIZES[:-1]))
        match rng.choice(["write", "append", "append", "edit", "copy", "delete"]):
            case "write":
                await work.files.write_file(path, text)
                files[path] = text
            case "append":
                await work.files.append_file(path, text)
                files[path] = files.get(path, "") + text
            case "edit" if files.get(path):
                start = rng.randrange(len(files[path]))
                await edit(path, files[path][start : start + 9], rng.choice(["", "x", text_of(rng, 2000)]))
            case "copy" if path in files:
                await work.files.copy_file(path, other, overwrite=True)
                files[other] = files[path]
            case "delete" if path in files:
                await work.files.delete_file(path)
                del files[path]
        for each in ("/a", "/b", "/c", "/d"):
            if len(files.get(each, "")) > 400_000:
                await work.files.write_file(each, "small")
                files[each] = "small"
        assert {info.path for info in await work.files.list_tree()} == set(files)
        assert (await work.files.read_file(path) or EMPTY).content == files.get(path, "")
        assert (await work.files.read_file(other) or EMPTY).content == files.get(other, "")
    assert await problems(settings) == []


async def test_an_append_writes_no_more_than_a_chunk_again(work, database):
    async def chunks() -> list[tuple]:
        return await database.fetch("SELECT start, ctid FROM contents ORDER BY start")

    await work.files.write_file("a", "x" * 300_000)
    before = await chunks()
    assert [start for start, _ in before] == [0, 262_144]
    await work.files.append_file("a", "more")  # behind a chunk that is larger than a page
    after = await chunks()
    assert after[:2] == before
    assert [start for start, _ in after] == [0, 262_144, 300_000]
    await work.files.append_file("a", "x" * 7_996)  # into the last one
    assert [start for start, _ in await chunks()] == [0, 262_144, 300_000]
    await work.files.append_file("a", "")
    await work.files.append_file("a", "!")
    assert [start for start, _ in await chunks()] == [0, 262_144, 300_000, 308_000]
    edited = await work.files.edit_file("a", "more", "y" * 70_000)
    assert edited.size_bytes == 300_000 + 70_000 + 7_996 + 1
    assert (await chunks())[:1] == before[:1]
    assert [start for start, _ in await chunks()] == [0, 262_144]


async def test_copies_and_forks_share_and_part(store, database):
    work = store.session(everstore.new_session_id())
    await work.files.write_file("dir/a", "x" * 50_000)
    await work.files.copy_file("dir", "copy")
    other = everstore.new_session_id()
    await store.file_system.fork_session(work.id, other)
    [(content, chunks, files, counted)] = await contents(database)
    assert (chunks, files, counted) == (1, 4, 4)
    await store.file_system.append_file(other, "/copy/a", "!")
    assert [row[1:] for row in await contents(database)] == [(1, 3, 3), (2, 1, None)]
    assert (await work.files.read_file("copy/a")).content == "x" * 50_000
    await work.files.edit_file("dir/a", "x" * 50_000, "y")
    await work.files.delete_file("copy", recursive=True)
    assert (content, chunks, 1, None) in await contents(database)
    assert await store.file_system.purge_session(other)
    assert await contents(database) == []


@pytest.mark.parametrize("size", [10, 5_000, 262_144, 262_145])
async def test_a_write_over_what_others_have_leaves_it_to_them(store, database, size):
    work, fork = store.session(everstore.new_session_id()), everstore.new_session_id()
    await work.files.write_file("a", "x" * 50_000)
    await store.file_system.fork_session(work.id, fork)
    written = await work.files.write_file("a", "y" * size)
    assert written.version == (await work.files.stat_file("a")).version
    assert (await store.file_system.read_file(fork, "/a")).content == "x" * 50_000
    assert (await work.files.read_file("a")).content == "y" * size
    apart = [(1 + (size > 262_144), 1, None)] if size > 1792 else []
    assert [row[1:] for row in await contents(database)] == [(1, 1, None), *apart]
    await store.file_system.write_file(fork, "/a", "z" * size)
    assert (await work.files.read_file("a")).content == "y" * size
    assert [row[1:] for row in await contents(database)] == apart * 2


async def test_edits_find_what_memory_finds(store):
    rng, session_id = random.Random(14), everstore.new_session_id()

    async def edited(files, part, new):
        try:
            return (await files.edit_file(session_id, "/a", part, new)).content
        except EditError as error:
            return error.args, error.matches

    async with everstore.open_store(backend="memory") as memory:
        for number in range(150):
            text = "".join(rng.choices("abé", k=rng.randint(1, 12)))
            part = "".join(rng.choices("abé", k=rng.randint(1, 4)))
            behind = "-" * rng.choice((0, 2000, 9000)) + part * (number % 5 == 0)
            results = []
            for each in (store.file_system, memory.file_system):
                await each.write_file(session_id, "/a", text + behind)
                results.append(await edited(each, part, "new"))
            assert results[0] == results[1]


async def test_a_rewinding_gives_what_was_there_to_another(store, settings):
    files = store.file_system
    a, b, c = (everstore.new_session_id() for _ in range(3))
    for session, text in ((a, "old"), (b, "new")):
        await files.write_file(session, "/d/x", text * 1000)
    before = await files.read_file(b, "/d/x")
    with pytest.raises(SessionNotEmptyError):
        await files.fork_session(a, b)
    await files.fork_session(a, b, replaced=c)
    now, then = await files.read_file(b, "/d/x"), await files.read_file(c, "/d/x")
    assert (now.content, then.content) == ("old" * 1000, "new" * 1000)
    assert len({now.revision, then.revision, before.revision}) == 3
    assert await files.diff_sessions(a, b) == []
    assert [change.path for change in await files.diff_sessions(a, c)] == ["/d/x"]
    with pytest.raises(SessionNotEmptyError):
        await files.fork_session(a, b, replaced=c)
    await files.fork_session(everstore.new_session_id(), b, replaced=everstore.new_session_id())
    assert await files.list_directory(b, "/") == []
    assert await problems(settings) == []


async def test_a_content_of_an_older_version_is_set_apart_by_a_fork_and_a_copy(store, database):
    work = store.session(everstore.new_session_id())
    for path in ("a", "b", "c"):
        await work.files.write_file(path, "x")
    old = "SET size = 40000, content = convert_to(repeat('old', 13333) || '!', 'UTF8')"
    await database.execute(f"UPDATE files {old}")
    await work.files.append_file("c", "more")
    await work.files.copy_file("a", "copy")
    assert len(await contents(database)) == 2
    other = everstore.new_session_id()
    await store.file_system.fork_session(work.id, other)
    assert await store.file_system.diff_sessions(work.id, other) == []
    assert [row[2:] for row in await contents(database)] == [(2, 2), (4, 4), (2, 2)]
    for path, text in (("a", ""), ("b", ""), ("c", "more"), ("copy", "")):
        for each in (work.id, other):
            assert (await store.file_system.read_file(each, f"/{path}")).content == "old" * 13333 + "!" + text


async def test_no_append_makes_more_than_the_server_can_join(work, database):
    await work.files.write_file("a", "x" * 10_000)
    tail = (1 << 30) - 20_000
    await database.execute(f"UPDATE contents SET start = {tail}")
    await database.execute(f"UPDATE files SET tail = {tail}, size = {tail + 10_000}")
    await work.files.append_file("a", "y" * 1000)
    before = await work.files.stat_file("a")
    for more in ("y" * 1000, "y" * 100_000):
        with pytest.raises(BackendError, match="1 GiB"):
            await work.files.append_file("a", more)
    assert await work.files.stat_file("a") == before


@pytest.mark.parametrize("part", ["ab", "\0", "a\0", "ab" * 3000, "é", "b" + "x" * 4096])
async def test_what_a_text_with_a_nul_has_often_is_replaced_everywhere_and_refused_at_its_second_place(
    work, part
):
    rng = random.Random(part)
    fill = [
        rng.choice(["", "x" * rng.randrange(4100), "a", "b", "é\n", "ab" * rng.randrange(5)])
        for _ in range(300)
    ]
    text = part.join(fill) + "\0" + part
    await work.files.write_file("a", text)
    for new in ("y" * 100_000, "\0" * 100_000):
        with pytest.raises(EditError) as caught:
            await work.files.edit_file("a", part, new)
        assert caught.value.matches == text.count(part)
    for new in ("", "\0z", "é"):
        await work.files.write_file("a", text)
        edited = await work.files.edit_file("a", part, new, replace_all=True)
        assert edited.content == text.replace(part, new)
        starts = [len(piece) for piece in text.split(part)[:-1]]
        lines, at = [], 0
        for start in starts:
            at += start
            lines.append(edited.content.count("\n", 0, at) + 1)
            at += len(new)
        assert edited.replaced == tuple(lines)
        assert (await work.files.read_file("a")).content == edited.content


async def test_a_replacement_that_would_be_larger_than_anything_is_not_begun(work):
    await work.files.write_file("a", "a\n" * 100_000)
    for text in ("a\n" * 100_000, "\0" + "a\n" * 100_000):
        await work.files.write_file("a", text)
        with pytest.raises(EditError, match="more than once"):
            await work.files.edit_file("a", "a", "\0" + "x" * 50_000)
        assert (await work.files.read_file("a")).content == text


async def test_what_has_one_size_is_compared_but_for_chunks_that_are_copies(store, database):
    files = store.file_system
    a, b = (everstore.new_session_id() for _ in range(2))
    for session, pieces in ((a, (600_000,)), (b, (5_000, 2_999, 1, 300_000, 292_000))):
        for size in pieces:
            await files.append_file(session, "/x", "x" * size)
        await files.write_file(session, "/y", "same" * 1000)
    assert await files.diff_sessions(a, b) == []
    for path, new in (("/x", "x" * 599_999 + "y"), ("/x", "y" + "x" * 599_999), ("/y", "SAME" * 1000)):
        old = (await files.read_file(a, path)).content
        await files.write_file(a, path, new)
        assert [change.path for change in await files.diff_sessions(a, b)] == [path]
        await files.write_file(a, path, old)
    fork = everstore.new_session_id()
    await files.fork_session(b, fork)
    for session in (b, fork):
        await files.append_file(session, "/x", "the same")
    assert await files.diff_sessions(b, fork) == []
    last = "(SELECT max(id) FROM contents)"
    await database.execute(f"UPDATE contents SET data = set_byte(data, 9, 0) WHERE start = 0 AND id = {last}")
    assert await files.diff_sessions(b, fork) == []


async def test_what_a_deadlock_broke_off_is_made_again(store, database):
    work = store.session(everstore.new_session_id())
    for path in ("d/a", "d/b"):
        await work.files.write_file(path, path * 1000)
    await store.file_system.fork_session(work.id, everstore.new_session_id())
    first, second = [row[0] for row in await contents(database)]
    lock = "SELECT FROM shares WHERE content_id = $1 FOR UPDATE"
    async with database.transaction():
        await database.execute(
            "SET LOCAL deadlock_timeout = '1min'"
        )  # it is the other one that is broken off
        await database.execute(lock, second)
        deleting = asyncio.create_task(work.files.delete_file("d", recursive=True))
        await asyncio.sleep(0.2)  # it has locked the first one, and waits for the second
        await database.execute(lock, first)  # goes on when the server has broken the other one off
    assert await deleting is True
    assert [row[2:] for row in await contents(database)] == [(1, None), (1, None)]


async def test_writers_forks_copies_and_purges_at_once_lose_leak_and_deadlock_nothing(settings, database):
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = await database.fetchval(deadlocks)

    async def writer(store, session_ids, rng):
        for number in range(40):
            session_id = rng.choice(session_ids)
            path, other = (f"/d/{each}" for each in rng.sample(range(6), 2))
            text = f"{number}:" + "x" * rng.choice((10, 3000, 40_000))
            call = rng.choice(("write_file", "append_file", "delete_file", "edit_file", "copy_file"))
            args = {
                "delete_file": (),
                "edit_file": ("x", text),
                "copy_file": (rng.choice((other, f"/c/{number}")),),
            }
            options = {"overwrite": True} if call == "copy_file" else {}
            with suppress(PathNotFoundError, EditError, PathExistsError, PathIsDirectoryError):
                await getattr(store.file_system, call)(session_id, path, *args.get(call, (text,)), **options)

    async def batcher(store, session_ids, rng):
        for number in range(20):
            a, b, c = rng.sample([f"/d/{each}" for each in range(6)], 3)
            text = str(number) * 3000
            changes = [Write(a, text), Append(b, text), Delete(c), Write(c, text)]
            with suppress(PathNotFoundError):
                await store.file_system.apply_changes(rng.choice(session_ids), changes)

    async def rewinder(store, session_ids, rng):
        for _ in range(8):
            session_id, point, before = rng.choice(session_ids), *(everstore.new_session_id() for _ in "ab")
            await store.file_system.fork_session(session_id, point)
            await store.file_system.fork_session(point, session_id, replaced=before)
            await store.file_system.purge_session(rng.choice((point, before)))
            session_ids += [each for each in (point, before) if await store.file_system.list_directory(each)]

    async def forker(store, session_ids, rng):
        for _ in range(12):
            target = everstore.new_session_id()
            await store.file_system.fork_session(rng.choice(session_ids), target)
            listed = await store.file_system.list_tree(target)
            for info in listed:
                if not info.is_directory:
                    file = await store.file_system.read_file(target, info.path)
                    assert len(file.content) == info.size_bytes
            if rng.random() < 0.6:
                await store.file_system.purge_session(target)
            else:
                session_ids.append(target)

    async with everstore.open_store(**settings) as one, everstore.open_store(**settings) as two:
        session_ids = [everstore.new_session_id() for _ in range(2)]
        for session_id in session_ids:
            for number in range(6):
                await one.file_system.write_file(session_id, f"/d/{number}", "x" * 40_000)
        both = [(work, store) for work in (writer, batcher, rewinder, forker) for store in (one, two)]
        await asyncio.gather(
            *(work(store, session_ids, random.Random(seed)) for seed, (work, store) in enumerate(both))
        )
        assert await problems(settings) == []
        for session_id in session_ids:
            for info in await one.file_system.list_tree(session_id):
                if not info.is_directory:
                    assert (await one.file_system.stat_file(session_id, info.path)).size_bytes == len(
                        (await one.file_system.read_file(session_id, info.path)).content
                    )
        for session_id in session_ids:
            await one.file_system.purge_session(session_id)
    assert await contents(database) == []
    assert await database.fetchval("SELECT count(*) FROM shares") == 0
    # The stores are closed: what their connections counted has been told.
    assert await database.fetchval(deadlocks) == before
