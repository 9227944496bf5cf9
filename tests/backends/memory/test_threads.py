"""Threads as well as tasks: each with its own event loop, on one store."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from everstore import InitialFile, Session, errors, new_session_id
from everstore.backends.memory import (
    InMemorySessionFileStore,
    InMemorySessionStorageStore,
    InMemorySessionStore,
)
from everstore.changes import (
    Delete,
    DeleteSecret,
    DeleteValue,
    Edit,
    Increment,
    Move,
    Seed,
    SetSecret,
    SetValue,
    Write,
)
from everstore.settings import Limits

THREADS = 6
TURNS = 200


@pytest.fixture(autouse=True)
def _hurried():
    """Threads that take turns as often as the interpreter can let them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def session_id():
    return new_session_id()


@pytest.fixture
def files():
    return InMemorySessionFileStore()


@pytest.fixture
def values():
    return InMemorySessionStorageStore()


def in_threads(work, *, readers=()):
    """``work(number)`` in several threads at once, ``readers`` over and over until that is done."""
    done = threading.Event()

    async def read(reader):
        while not done.is_set():
            await reader()

    with ThreadPoolExecutor(THREADS + len(readers)) as pool:
        reading = [pool.submit(asyncio.run, read(reader)) for reader in readers]
        try:
            answers = list(pool.map(lambda number: asyncio.run(work(number)), range(THREADS)))
        finally:
            done.set()
        for future in reading:
            future.result()
    return answers


def test_counters_are_exact(values, session_id):
    async def count(_number):
        for _ in range(TURNS):
            await values.increment_value(session_id, "n")

    in_threads(count)
    assert asyncio.run(values.get_value(session_id, "n")) == str(THREADS * TURNS)


def test_no_edit_and_no_appended_line_is_lost(files, session_id):
    lines = [f"<{number}.{turn}>" for number in range(THREADS) for turn in range(TURNS)]
    asyncio.run(files.write_file(session_id, "/edited", "".join(lines)))

    async def work(number):
        for turn in range(TURNS):
            await files.edit_file(session_id, "/edited", f"<{number}.{turn}>", f"[{number}.{turn}]")
            await files.append_file(session_id, "/appended", f"[{number}.{turn}]\n")

    in_threads(work)
    edited = asyncio.run(files.read_text(session_id, "/edited"))
    appended = asyncio.run(files.read_text(session_id, "/appended"))
    assert edited == "".join(lines).replace("<", "[").replace(">", "]")
    assert sorted(appended.splitlines()) == sorted(line.replace("<", "[").replace(">", "]") for line in lines)


def test_an_exclusive_create_has_one_winner(files, values, session_id):
    async def work(number):
        won = []
        for turn in range(TURNS):
            try:
                await files.write_file(session_id, f"/{turn}/file", str(number), if_absent=True)
            except errors.RevisionConflictError:
                continue
            await values.set_value(session_id, str(turn), str(number), if_absent=True)
            won.append(turn)
        return won

    winners = in_threads(work)
    assert sorted(turn for won in winners for turn in won) == list(range(TURNS))
    for number, won in enumerate(winners):
        for turn in won:
            assert asyncio.run(files.read_text(session_id, f"/{turn}/file")) == str(number)
            assert asyncio.run(values.get_value(session_id, str(turn))) == str(number)


def test_a_revision_is_written_over_once(files, values, session_id):
    asyncio.run(files.write_file(session_id, "/n", "0"))
    asyncio.run(values.set_value(session_id, "n", "0"))

    async def file_up():
        file = await files.read_file(session_id, "/n")
        try:
            await files.write_file(session_id, "/n", str(int(file.content) + 1), if_revision=file.revision)
        except errors.RevisionConflictError:
            return 0
        return 1

    async def value_up():
        revision = (await values.stat_value(session_id, "n")).revision
        text = str(int(await values.get_value(session_id, "n")) + 1)
        try:
            await values.set_value(session_id, "n", text, if_revision=revision)
        except errors.RevisionConflictError:
            return 0
        return 1

    async def work(_number):
        return sum([await file_up() for _ in range(TURNS)]), sum([await value_up() for _ in range(TURNS)])

    done = in_threads(work)
    assert asyncio.run(files.read_text(session_id, "/n")) == str(sum(ups for ups, _ in done))
    assert asyncio.run(values.get_value(session_id, "n")) == str(sum(ups for _, ups in done))


def test_a_file_that_is_moved_over_is_never_gone(files, session_id):
    asyncio.run(files.write_file(session_id, "/current", "first"))

    async def replace(number):
        for turn in range(TURNS):
            await files.write_file(session_id, f"/next.{number}", f"{number}.{turn}")
            await files.move_file(session_id, f"/next.{number}", "/current", overwrite=True)

    async def read():
        assert await files.read_file(session_id, "/current") is not None
        assert await files.stat_file(session_id, "/current") is not None

    in_threads(replace, readers=[read])


def test_a_tree_comes_and_goes_as_one(files, session_id):
    async def work(number):
        for turn in range(TURNS if not number else 0):  # one thread makes the changes
            for name in range(30):
                await files.write_file(session_id, f"/made/{name}", str(turn))
            await files.move_file(session_id, "/made", "/there")
            if turn % 2:
                await files.delete_file(session_id, "/there", recursive=True)
            else:
                await files.move_file(session_id, "/there", "/gone")
                await files.delete_file(session_id, "/gone", recursive=True)

    async def content_of(name):
        found = await files.read_file(session_id, f"/there/{name}")
        return None if found is None else found.content

    async def see_it_come():
        first, last, again = [await content_of(name) for name in (0, 29, 0)]
        assert first is None or first != again or last == first

    async def see_it_go():
        before = await content_of(0)
        for _ in range(10_000):
            if await content_of(0) != before:
                assert before is None or await content_of(29) != before
                return

    in_threads(work, readers=[see_it_come, see_it_go])


def test_parents_come_with_their_file(files, session_id):
    writing = 0

    async def work(number):
        nonlocal writing
        for writing in range(TURNS * 10 if not number else 0):
            await files.write_file(session_id, f"/{writing}/a/b/c/d/e/f/file", "")

    async def read():
        turn = writing
        if await files.stat_file(session_id, f"/{turn}") is not None:
            assert await files.stat_file(session_id, f"/{turn}/a/b/c/d/e/f/file") is not None

    in_threads(work, readers=[read])


def test_listings_and_searches_show_whole_states(files, session_id):
    async def work(number):
        for turn in range(TURNS):
            path = f"/{number}/{turn % 10}"
            await files.write_file(session_id, path, f"line {number}\n" * 3)
            await files.delete_file(session_id, path)

    async def read():
        for info in await files.list_directory(session_id, "/0"):
            assert info.size_bytes == len("line 0\n" * 3)
        matches = await files.grep_files(session_id, "line 0", "/0/")
        assert len(matches) % 3 == 0
        await files.glob_files(session_id, "*")

    in_threads(work, readers=[read])
    assert asyncio.run(files.glob_files(session_id, "**")) == []


def test_limits_hold(session_id):
    limits = Limits(session_entries=50, session_bytes=300)
    files = InMemorySessionFileStore(limits)

    async def work(number):
        refused = 0
        for turn in range(TURNS):
            try:
                await files.write_file(session_id, f"/{number}.{turn}", "12345")
            except errors.QuotaExceededError:
                refused += 1
        return refused

    refused = sum(in_threads(work))
    found = asyncio.run(files.glob_files(session_id, "*"))
    assert len(found) == 50
    assert refused == THREADS * TURNS - 50


def test_records_are_never_gone_while_they_are_replaced(session_id):
    sessions = InMemorySessionStore()
    asyncio.run(sessions.add_session(Session(id=session_id)))

    async def work(number):
        for turn in range(TURNS):
            await sessions.add_session(Session(id=session_id, title=f"{number}.{turn}"))
            await sessions.update_session_title(session_id, "title")

    async def read():
        assert await sessions.get_session(session_id) is not None
        assert len(await sessions.list_sessions()) == 1

    in_threads(work, readers=[read])


def test_seeds_and_deletes_of_all_threads_leave_a_tree(files, session_id):
    async def work(number):
        for turn in range(TURNS):
            place = f"/{turn % 7}"
            try:
                if (number + turn) % 3 == 0:
                    await files.delete_file(session_id, place, recursive=True)
                elif (number + turn) % 3 == 1:
                    await files.seed_initial_file(session_id, InitialFile(f"{place}/below", "text"))
                else:
                    await files.write_file(session_id, place, "text")
            except (errors.PathIsDirectoryError, errors.ParentNotDirectoryError):
                continue

    in_threads(work)
    for info in asyncio.run(files.glob_files(session_id, "**")):
        parent = asyncio.run(files.stat_file(session_id, info.path.rpartition("/")[0] or "/"))
        assert parent is not None
        assert parent.is_directory
        names = [child.path for child in asyncio.run(files.list_directory(session_id, parent.path))]
        assert info.path in names


def test_nobody_sees_the_midst_of_a_list_of_changes(files, values, session_id):
    """Entries that go and come again within one list are never gone, for readers that take no lock either."""
    put_files = [Write("/d/a", "x"), Write("/d/b", "x"), Seed(InitialFile("/d/c", "x", is_readonly=True))]
    put_values = [SetValue("a", "x"), SetSecret("s", "x", ttl=3600), SetValue("b", "x")]
    asyncio.run(files.apply(session_id, put_files))
    asyncio.run(values.apply(session_id, put_values))

    async def work(number):
        for turn in range(TURNS // 4):
            changes = [Move("/d/a", "/moved"), Delete("/d/b"), Write("/d/a", "x"), Write("/d/b", "x")]
            gone = [DeleteValue("a"), DeleteSecret("s"), SetSecret("s", "x", ttl=3600), SetValue("a", "x")]
            if turn % 2:
                with pytest.raises(errors.PathNotFoundError):
                    await files.apply(session_id, [*changes, Edit("/nowhere", "a", "b")])
                with pytest.raises(errors.InvalidContentError):
                    await values.apply(session_id, [*gone, Increment("a")])
            else:
                await files.apply(session_id, [*changes, Delete("/moved")])
                await values.apply(session_id, gone)

    async def look():
        for path in ("/d/a", "/d/b"):
            assert (await files.read_file(session_id, path)).content == "x"
            assert (await files.stat_file(session_id, path)).size_bytes == 1
        assert await values.get_value(session_id, "a") == "x"
        assert await values.stat_value(session_id, "a") is not None
        assert await values.get_secret(session_id, "s") == "x"

    in_threads(work, readers=[look, look])
    assert [info.path for info in asyncio.run(files.list_directory(session_id, "/d"))] == [
        "/d/a",
        "/d/b",
        "/d/c",
    ]
    assert [info.key for info in asyncio.run(values.list_keys(session_id))] == ["a", "b"]


def test_a_list_that_is_refused_leaves_no_trace_in_what_is_counted(session_id):
    files = InMemorySessionFileStore(Limits(session_bytes=10))
    values = InMemorySessionStorageStore(Limits(session_value_bytes=10))
    for _ in range(20):
        with pytest.raises(errors.QuotaExceededError):
            asyncio.run(files.apply(session_id, [Write("/a/b", "12345"), Write("/c", "1234567")]))
        with pytest.raises(errors.QuotaExceededError):
            asyncio.run(values.apply(session_id, [SetValue("a", "12345"), SetValue("b", "12345")]))
    assert asyncio.run(files.list_directory(session_id)) == []
    asyncio.run(files.write_file(session_id, "/a", "1234567890"))
    asyncio.run(values.set_value(session_id, "a", "123456789"))
