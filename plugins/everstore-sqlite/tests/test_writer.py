"""Calls that wait together are committed together, and still succeed or fail each on its own."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import TYPE_CHECKING

import pytest

import everstore
from everstore import CallRecord, errors, new_session_id

if TYPE_CHECKING:
    from pathlib import Path

FRAME_HEADER = struct.Struct(">6I")


def commits(path: Path) -> int:
    """How many transactions the write-ahead log holds: a frame that ends one carries the database's size."""
    log = path.with_name(path.name + "-wal").read_bytes()
    page_size = struct.unpack(">I", log[8:12])[0]
    step = FRAME_HEADER.size + page_size
    return sum(FRAME_HEADER.unpack_from(log, at)[1] > 0 for at in range(32, len(log) - step + 1, step))


async def test_a_hundred_writers_share_a_few_commits(store, work, path):
    await work.files.write_file("first.txt", "first")
    before = commits(path)
    await asyncio.gather(*(work.files.write_file(f"{number}.txt", "text") for number in range(100)))
    assert commits(path) - before <= 5
    assert len(await work.files.list_directory()) == 101


async def test_a_lone_writer_has_its_own_commit(store, work, path):
    await work.files.write_file("first.txt", "first")
    before = commits(path)
    for number in range(5):
        await work.files.write_file(f"{number}.txt", "text")
    assert commits(path) - before == 5


async def test_what_returned_is_committed(store, work, raw):
    async def write(number: int) -> None:
        await work.files.write_file(f"{number}.txt", str(number))
        # Another connection sees nothing but what was committed.
        assert raw("SELECT count(*) FROM entries WHERE name = ?", f"{number}.txt") == [(1,)]

    await asyncio.gather(*(write(number) for number in range(50)))


async def test_refusals_among_successes(store, work):
    kept = await work.files.write_file("kept.txt", "kept")
    calls = [
        work.files.write_file("kept.txt", str(number), if_revision=kept.revision) for number in range(20)
    ] + [work.files.write_file(f"kept.txt/{number}", "below a file") for number in range(20)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(not isinstance(answer, Exception) for answer in answers[:20]) == 1
    assert {type(answer) for answer in answers[:20]} >= {errors.RevisionConflictError}
    assert {type(answer) for answer in answers[20:]} == {errors.ParentNotDirectoryError}
    assert [info.path for info in await work.files.list_directory()] == ["/kept.txt"]


@pytest.mark.parametrize("how", ["ABORT", "ROLLBACK", "FAIL"])
async def test_a_call_that_breaks_half_way_takes_nobody_along(store, work, raw, how):
    """The database itself refuses one content, after the call made its directories and its entry."""
    await work.files.write_file("first.txt", "first")
    raw(
        "CREATE TRIGGER broken BEFORE INSERT ON contents WHEN NEW.data = x'626F6F6D'"
        f" BEGIN SELECT RAISE({how}, 'boom'); END"
    )
    calls = [work.files.write_file(f"{n}/{n}.txt", "boom" if n == 7 else "text") for n in range(20)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [n for n, answer in enumerate(answers) if isinstance(answer, Exception)] == [7]
    assert isinstance(answers[7], errors.BackendError)
    assert answers[7].__cause__ is not None
    assert "boom" not in str(answers[7])
    assert await work.files.stat_file("7") is None
    assert len(await work.files.glob_files("**")) == 20
    # What the session's limits are counted by is right, too.
    assert raw("SELECT files, bytes FROM trees") == [(20, 5 + 19 * 4)]
    assert await work.files.write_file("7/7.txt", "fine")


async def test_a_lone_call_that_breaks_half_way_leaves_nothing(store, work, raw):
    raw("CREATE TRIGGER broken BEFORE INSERT ON contents BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(errors.BackendError):
        await work.files.write_file("a/b.txt", "text")
    assert await work.files.list_directory() == []
    raw("DROP TRIGGER broken")
    await work.files.write_file("a/b.txt", "text")
    assert raw("SELECT files, bytes FROM trees") == [(1, 4)]


async def test_a_lock_that_somebody_holds_for_a_while_is_waited_for(store, work, raw):
    raw("BEGIN IMMEDIATE")
    writes = [asyncio.ensure_future(work.storage.increment_value("n")) for _ in range(10)]
    await asyncio.sleep(0.1)
    assert not any(write.done() for write in writes)
    raw("COMMIT")
    assert sorted(await asyncio.gather(*writes)) == list(range(1, 11))


async def test_a_lock_that_stays_is_unavailable_and_never_locked(opened, session_id, raw):
    async with opened(busy_timeout=0.1) as store:
        raw("BEGIN IMMEDIATE")
        calls = (store.storage.increment_value(session_id, "n") for _ in range(10))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(answer) for answer in answers} == {errors.BackendUnavailableError}
        assert all("EVERSTORE_SQLITE_BUSY_TIMEOUT" in str(answer) for answer in answers)
        assert {answer.happened for answer in answers} == {False}
        raw("COMMIT")
        assert await store.storage.increment_value(session_id, "n") == 1


async def test_a_call_that_is_cancelled_before_it_began_never_happens(store, work, raw):
    raw("BEGIN IMMEDIATE")
    tasks = [asyncio.ensure_future(work.files.write_file(f"{n}/{n}.txt", "text")) for n in range(40)]
    await asyncio.sleep(0.05)
    for task in tasks[::2]:
        task.cancel()
    # Whoever gives up does not wait for the lock.
    await asyncio.wait(tasks[::2])
    raw("COMMIT")
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [True, False] * 20
    there = {info.path for info in await work.files.glob_files("**")}
    assert there == {f"/{number}/{number}.txt" for number in range(1, 40, 2)}
    assert len(await work.files.list_directory()) == 20
    assert raw("SELECT files FROM trees") == [(20,)]


async def test_a_call_that_is_cancelled_under_way_has_an_end(store, work, raw):
    """When the cancelled call returns, what it did is done, and nothing comes after."""
    outcomes = set()
    for number in range(60):
        write = asyncio.ensure_future(work.files.write_file(f"{number}/{number}.txt", "x" * 100_000))
        await asyncio.sleep(number / 60_000)
        write.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await write
        entries = raw("SELECT count(*) FROM entries")
        await work.storage.increment_value("a later write")
        assert raw("SELECT count(*) FROM entries") == entries
        is_there = await work.files.stat_file(f"{number}/{number}.txt") is not None
        assert is_there == (await work.files.stat_file(f"{number}") is not None)
        outcomes.add((write.cancelled(), is_there))
    assert {(True, False), (True, True)} & outcomes


async def test_calls_that_wait_when_the_store_closes_are_done(opened, session_id):
    async with opened() as store:
        calls = [asyncio.ensure_future(store.storage.increment_value(session_id, "n")) for _ in range(100)]
        await asyncio.sleep(0)
    answers = await asyncio.gather(*calls, return_exceptions=True)
    done = [answer for answer in answers if isinstance(answer, int)]
    assert {type(answer) for answer in answers} <= {int, errors.StoreClosedError}
    async with opened() as store:
        assert await store.storage.get_value(session_id, "n") == str(len(done))


async def test_a_revision_never_comes_back(opened, session_id):
    seen = set()
    for _ in range(3):
        async with opened() as store:
            work = store.session(session_id)
            for _ in range(3):
                seen.add((await work.files.write_file("a.txt", "same")).revision)
                await work.files.delete_file("a.txt")
            await store.delete_session(session_id)
    assert len(seen) == 9


async def test_long_writes_leave_the_event_loop_free(store, session_id):
    """While the writer commits many files, the loop goes on: it counts its own turns."""
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    await store.file_system.write_file(session_id, "big.txt", "x" * 20_000_000)
    turning.cancel()
    assert turns > 100


async def test_sessions_do_not_share_their_counts(store, raw):
    ids = [new_session_id() for _ in range(10)]
    calls = (store.file_system.write_file(ids[n % 10], f"{n}.txt", "x" * (n % 10)) for n in range(100))
    await asyncio.gather(*calls)
    counts = {bytes(key): rest for key, *rest in raw("SELECT session, files, bytes FROM trees")}
    assert counts == {one.bytes: [10, 10 * position] for position, one in enumerate(ids)}


async def test_what_a_call_waits_for_the_writer_is_in_its_record(path, session_id):
    seen: list[CallRecord] = []
    async with everstore.open_store(sqlite_path=path, on_call=seen.append) as store:
        files = store.session(session_id).files
        await asyncio.gather(*(files.write_file(f"{number}.txt", "text") for number in range(50)))
        await files.read_file("0.txt")
    written = seen[:50]
    assert {record.verb for record in written} == {"write_file"}
    assert all(0 < record.waited_ns < record.duration_ns for record in written)
