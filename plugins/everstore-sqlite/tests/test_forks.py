"""Forks while a store is open: SQLite's locks are not inherited, and its threads neither."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import sqlite3
import sys
import traceback

import pytest

import everstore
from everstore import new_session_id
from everstore.errors import StoreContextError

# Forking with threads is what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

_SECONDS = 60  # after which a child that hangs is ended, and the test fails


def forked(work) -> int:
    """Run ``work`` in a forked child, on no event loop; the child's process id."""
    child = os.fork()
    if child:
        return child
    signal.alarm(_SECONDS)
    status = 1
    try:
        asyncio.events._set_running_loop(None)
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - the child must not go on with the tests
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


async def ended(child: int) -> int:
    """The status that a child ended with."""
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    return os.waitstatus_to_exitcode(status)


def opens(path, **settings) -> None:
    """Open a store on a file, write to it, and close it."""

    async def use():
        own = {f"sqlite_{name}": value for name, value in settings.items()}
        async with everstore.open_store(
            environment={}, backend="sqlite", sqlite_path=path, log_level="off", **own
        ) as store:
            await store.sessions.get_session(new_session_id())
            if not settings.get("read_only"):
                await store.create_session("child")

    asyncio.run(use())


def refused(*arguments, **settings) -> None:
    with pytest.raises(StoreContextError, match=r"close every store before forking.*'spawn'"):
        opens(*arguments, **settings)


async def test_a_child_opens_no_store_that_its_parent_has_open(opened, path, tmp_path):
    """Whichever name or mode it takes, and however far down the child is."""
    linked, hard, other = tmp_path / "linked.db", tmp_path / "hard.db", tmp_path / "other.db"

    def work():
        for name in (path, linked, hard, other):
            refused(name)
        refused(path, read_only=True)
        grandchild = forked(lambda: refused(path))
        assert not os.waitpid(grandchild, 0)[1]

    async with opened() as store:
        linked.symlink_to(path)
        os.link(path, hard)
        await store.create_session("parent")
        assert await ended(forked(work)) == 0
        await store.create_session("parent, after the fork")
    async with opened() as store:
        assert {session.title for session in await store.sessions.list_sessions()} == {
            "parent",
            "parent, after the fork",
        }


async def test_a_store_that_nobody_closed_counts_as_open(path, tmp_path):
    opening = everstore.open_store(environment={}, backend="sqlite", sqlite_path=path, log_level="off")
    store = await opening.__aenter__()
    close = store.close
    del opening, store
    assert await ended(forked(lambda: refused(tmp_path / "other.db"))) == 0
    await close()


async def test_a_child_opens_what_its_parent_has_closed(opened, path):
    async with opened() as store:
        await store.create_session("parent")
    children = [forked(lambda: opens(path)) for _ in range(2)]
    async with opened() as store:  # opened behind the fork, as by a process of its own
        assert [await ended(child) for child in children] == [0, 0]
        titles = [session.title for session in await store.sessions.list_sessions()]
    assert sorted(titles) == ["child", "child", "parent"]


async def test_an_opening_that_failed_leaves_nothing_that_a_fork_could_meet(opened, path, tmp_path):
    path.write_text("no database" * 1000)
    with pytest.raises(everstore.errors.SettingsError):
        await opened().__aenter__()
    assert await ended(forked(lambda: opens(tmp_path / "other.db"))) == 0


_WORK = """
import asyncio, everstore

async def work():
    async with everstore.open_store(backend="sqlite", sqlite_path={path!r}, log_level="off") as store:
        await store.create_session("child")

asyncio.run(work())
"""


def _in_worker(method, path) -> int:
    # A module of tests has no name that a process of its own could import it by.
    work = _WORK.format(path=str(path))
    process = multiprocessing.get_context(method).Process(target=exec, args=(work, {}))
    process.start()
    process.join(_SECONDS)
    assert process.exitcode is not None
    return process.exitcode


async def test_processes_that_are_spawned_open_it_and_those_that_are_forked_do_not(opened, path, capfd):
    async with opened() as store:
        assert await asyncio.to_thread(_in_worker, "fork", path) == 1
        assert "StoreContextError" in capfd.readouterr().err
        assert await asyncio.to_thread(_in_worker, "spawn", path) == 0
        assert await asyncio.to_thread(_in_worker, "forkserver", path) == 0
        assert len(await store.sessions.list_sessions()) == 2


async def test_a_child_is_refused_at_once_while_all_threads_are_at_work(opened, path, tmp_path):
    """A thread that is inside SQLite at the fork holds its locks for ever in the child."""
    session_id = new_session_id()
    is_over = False

    async def write(name):
        while not is_over:
            await store.file_system.write_file(session_id, name, "text " * 200)

    async def search():
        while not is_over:
            await store.file_system.grep_files(session_id, "nowhere")

    def leave_a_cycle():
        """What the frames of an exception may leave: a cursor that only the collector finds."""
        connection = sqlite3.connect(":memory:")
        cycle = [connection.execute("SELECT 1 UNION SELECT 2")]
        cycle.append(cycle)
        connection.close()

    def collected_and_refused():
        gc.collect()
        refused(tmp_path / "other.db")

    async with opened() as store:
        for number in range(100):
            await store.file_system.write_file(session_id, f"f{number}", "text " * 2000)
        busy = [asyncio.ensure_future(write(f"g{number}")) for number in range(4)]
        busy += [asyncio.ensure_future(search()) for _ in range(2)]
        for _ in range(20):
            await asyncio.sleep(0.003)
            leave_a_cycle()
            assert await ended(forked(collected_and_refused)) == 0
        is_over = True
        await asyncio.gather(*busy)
