"""Several processes in one folder, several stores in one process, and forks."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from uuid import UUID

import lmdb
import pytest

import everstore
from everstore import errors

# Forking with threads is what some of these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

SESSION_ID = UUID(int=7)
PROGRAM = """
import asyncio, sys, uuid
import everstore

async def main(path, number):
    async with everstore.open_store(backend="lmdb", lmdb_path=path, lmdb_synchronous="normal") as store:
        work = store.session(uuid.UUID(int=7))
        print("ready", flush=True)
        sys.stdin.readline()
        won = 0
        for step in range(25):
            await asyncio.gather(*(work.storage.increment_value("count") for _ in range(4)))
            try:
                await work.files.write_file(f"won/{step}.txt", number, if_absent=True)
                won += 1
            except everstore.errors.RevisionConflictError:
                pass
            await work.files.append_file("log.txt", f"{number}-{step}\\n")
            await work.files.edit_file("shared.txt", f"<{number}:{step}>", f"<{number}:{step + 1}>")
        print(won, flush=True)
        sys.stdin.readline()

asyncio.run(main(*sys.argv[1:]))
"""


async def start(path, number: int) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(path), str(number), stdin=pipe, stdout=pipe
    )
    assert await process.stdout.readline() == b"ready\n"
    return process


async def test_four_processes(opened, path):
    async with opened() as store:
        work = store.session(SESSION_ID)
        await work.files.write_file("shared.txt", "".join(f"<{number}:0>\n" for number in range(4)))
        processes = [await start(path, number) for number in range(4)]
        told = await asyncio.gather(*(process.communicate(b"go\n\n") for process in processes))
        assert [process.returncode for process in processes] == [0] * 4
        assert sum(int(output) for output, _ in told) == 25
        assert await work.storage.get_value("count") == "400"
        assert (await work.files.read_file("shared.txt")).content == "".join(f"<{n}:25>\n" for n in range(4))
        log = (await work.files.read_file("log.txt")).content.split()
        assert sorted(log) == sorted(f"{number}-{step}" for number in range(4) for step in range(25))


async def test_what_a_killed_process_looked_at_takes_no_room(opened, path):
    program = (
        "import lmdb, sys; t = lmdb.open(sys.argv[1]).begin(); print(t.id(), flush=True); sys.stdin.read()"
    )
    async with opened(max_bytes=1 << 20) as store:
        work = store.session(SESSION_ID)
        await work.files.write_file("a.txt", "x" * 300_000)
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(path), stdin=pipe, stdout=pipe
        )
        await child.stdout.readline()
        for number in range(10):
            try:
                await work.files.write_file("a.txt", str(number) * 300_000)
            except errors.QuotaExceededError:
                break
        else:
            pytest.fail("never full")
        child.kill()
        await child.wait()
        for number in range(10):
            await work.files.write_file("a.txt", str(number) * 300_000)


async def test_stores_of_one_process_share_what_is_open(opened, path, tmp_path):
    linked = tmp_path / "linked"
    async with opened() as one:
        linked.symlink_to(path)
        async with opened(path=linked) as other:
            await one.storage.set_value(SESSION_ID, "key", "one")
            assert await other.storage.get_value(SESSION_ID, "key") == "one"
        await one.storage.set_value(SESSION_ID, "key", "two")
    async with opened() as store:
        assert await store.storage.get_value(SESSION_ID, "key") == "two"


@pytest.mark.parametrize(
    ("setting", "first", "second"),
    [("synchronous", "normal", "full"), ("max_bytes", 1 << 24, 1 << 25), ("direct_reads", True, False)],
)
async def test_what_is_open_is_opened_in_no_other_way(opened, setting, first, second):
    async with opened(**{setting: first}) as store:
        with pytest.raises(errors.SettingsError, match=f"EVERSTORE_LMDB_{setting.upper()}: another store"):
            async with opened(**{setting: second}):
                """Nothing of the second would count."""
        await store.storage.set_value(SESSION_ID, "key", "one")
    async with opened(**{setting: second}) as store:
        assert await store.storage.get_value(SESSION_ID, "key") == "one"


async def test_what_is_open_is_closed_with_the_last_store(opened, path):
    async with opened():
        with pytest.raises(lmdb.Error):
            lmdb.open(str(path))
        async with opened():
            pass
        with pytest.raises(lmdb.Error):
            lmdb.open(str(path))
    lmdb.open(str(path)).close()


def forked(work) -> int:
    """Run ``work`` in a forked child, on no event loop; the child's process id."""
    child = os.fork()
    if child:
        return child
    signal.alarm(60)
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
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    return os.waitstatus_to_exitcode(status)


def uses(path) -> None:
    async def use():
        async with everstore.open_store(
            environment={}, backend="lmdb", lmdb_path=path, log_level="off"
        ) as store:
            await store.create_session("child")

    asyncio.run(use())


async def test_a_child_opens_no_folder_that_its_parent_has_open(opened, path, tmp_path):
    def work():
        with pytest.raises(errors.StoreContextError, match=r"close every store before forking.*'spawn'"):
            uses(path)
        uses(tmp_path / "other.lmdb")

    async with opened() as store:
        await store.create_session("parent")
        assert await ended(forked(work)) == 0
        await store.create_session("parent, after the fork")
        assert len(await store.sessions.list_sessions()) == 2


async def test_a_child_opens_what_its_parent_has_closed(opened, path):
    async with opened() as store:
        await store.create_session("parent")
    children = [forked(lambda: uses(path)) for _ in range(2)]
    async with opened() as store:
        assert [await ended(child) for child in children] == [0, 0]
        titles = [session.title for session in await store.sessions.list_sessions()]
    assert sorted(titles) == ["child", "child", "parent"]
