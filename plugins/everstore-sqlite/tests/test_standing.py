"""Files that somebody deletes, moves or replaces under an open store: nothing is acknowledged any more."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from everstore import errors

if TYPE_CHECKING:
    from pathlib import Path


def beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def delete(path: Path) -> None:
    path.unlink()


def delete_all(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        beside(path, ending).unlink()


def replace_by_an_empty_file(path: Path) -> None:
    beside(path, ".new").touch()
    beside(path, ".new").replace(path)


def replace_by_another_store(path: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(beside(path, ".new"))) as copy:
        source.backup(copy)
    beside(path, ".new").replace(path)


def move(path: Path) -> None:
    path.rename(path.with_name("moved.db"))


def move_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


def remove_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def swap_folder(path: Path) -> None:
    """Another folder of the same name, with a copy of everything."""
    shutil.copytree(path.parent, path.parent.with_name("copy"))
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.with_name("copy").rename(path.parent)


def delete_log(path: Path) -> None:
    beside(path, "-wal").unlink()


def delete_memory(path: Path) -> None:
    beside(path, "-shm").unlink()


def replace_log(path: Path) -> None:
    shutil.copy(beside(path, "-wal"), beside(path, ".new"))
    beside(path, ".new").replace(beside(path, "-wal"))


def replace_memory(path: Path) -> None:
    shutil.copy(beside(path, "-shm"), beside(path, ".new"))
    beside(path, ".new").replace(beside(path, "-shm"))


HARM = (
    delete,
    delete_all,
    replace_by_an_empty_file,
    replace_by_another_store,
    move,
    move_folder,
    remove_folder,
    swap_folder,
    delete_log,
    delete_memory,
    replace_log,
    replace_memory,
)


@pytest.fixture
def path(tmp_path):
    """A folder of its own, to be moved."""
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder" / "everstore.db"


async def told(call) -> errors.StorageReplacedError:
    with pytest.raises(errors.StorageReplacedError) as caught:
        await call
    assert "\n" not in str(caught.value)
    assert ".db" in str(caught.value)
    return caught.value


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.is_dir() else {}


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("settings", [{}, {"direct_reads": False}, {"search_index": True}], ids=str)
async def test_nothing_is_acknowledged_or_read_any_more(opened, path, session_id, harm, settings):
    async with opened(**settings) as store:
        work = store.session(session_id)
        await work.files.write_file("a.txt", "text")
        await work.storage.set_value("key", "value")
        await asyncio.sleep(0.002)
        harm(path)
        for call in (
            partial(work.files.write_file, "b.txt", "lost"),
            partial(work.files.read_file, "a.txt"),
            partial(work.files.list_directory, "/"),
            partial(work.files.grep_files, "text"),
            partial(work.storage.get_value, "key"),
            partial(work.storage.set_value, "key", "lost"),
            partial(work.storage.increment_value, "count"),
            partial(store.create_session, "lost"),
            partial(store.delete_session, session_id),
        ):
            await told(call())
        left = content_of(path.parent)
    # Closing leaves alone what is there now: it may be somebody else's.
    assert content_of(path.parent) == left


@pytest.mark.parametrize("harm", HARM)
async def test_what_reads_first_tells_it(opened, path, session_id, harm):
    async with opened() as store:
        work = store.session(session_id)
        await work.storage.set_value("key", "value")
        await asyncio.sleep(0.002)
        harm(path)
        await told(work.storage.get_value("key"))


async def test_what_is_put_back_is_not_trusted(opened, path, session_id):
    async with opened() as store:
        path.rename(path.with_name("away.db"))
        await told(store.storage.set_value(session_id, "key", "value"))
        path.with_name("away.db").rename(path)
        await told(store.storage.set_value(session_id, "key", "value"))
    async with opened() as store:
        await store.storage.set_value(session_id, "key", "value")


async def test_a_link_that_leads_elsewhere_now(opened, path, session_id):
    link = path.with_name("link.db")
    link.symlink_to(path)
    async with opened(path=link) as store:
        await store.storage.set_value(session_id, "key", "value")
        assert beside(path, "-wal").exists()
        path.with_name("other.db").touch()
        link.unlink()
        link.symlink_to("other.db")
        await told(store.storage.set_value(session_id, "key", "lost"))


WRITER = """
import asyncio, sys, uuid
import everstore


async def main(path):
    async with everstore.open_store(backend="sqlite", sqlite_path=path) as store:
        print("ready", flush=True)
        step = 0
        while True:
            try:
                await store.storage.set_value(uuid.UUID(int=7), f"{sys.argv[2]}-{step}", "x" * 1000)
            except everstore.errors.StorageReplacedError:
                print("stopped", flush=True)
                sys.stdin.readline()
                return
            print(step, flush=True)
            step += 1

asyncio.run(main(sys.argv[1]))
"""


async def writer(path: Path, name: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path), name, stdin=pipe, stdout=pipe
    )
    assert await process.stdout.readline() == b"ready\n"
    return process


async def acknowledged(process: asyncio.subprocess.Process) -> int:
    """How many writes a writer was told are done, before it stopped by itself."""
    last = 0  # the first was read by whoever started it
    while (line := await process.stdout.readline()) != b"stopped\n":
        assert line, "it ended otherwise"
        last = int(line)
    return last + 1


@pytest.mark.parametrize(
    "harm", [delete_all, move_folder, replace_by_another_store, delete_memory, delete_log]
)
async def test_processes_that_write_stop(path, harm):
    processes = [await writer(path, str(number)) for number in range(2)]
    for process in processes:
        await process.stdout.readline()
    harm(path)
    counts = await asyncio.gather(*map(acknowledged, processes))
    assert len(counts) == len(processes)
    for process in processes:
        await process.communicate(b"\n")
        assert process.returncode == 0


async def test_whoever_opens_after_the_shared_memory_was_removed_loses_nothing(opened, path):
    """The writer stops; the second is refused while it lives; what was acknowledged is there after that."""
    session_id = UUID(int=7)
    process = await writer(path, "w")
    for _ in range(100):
        await process.stdout.readline()
    delete_memory(path)
    count = await acknowledged(process)
    with pytest.raises(errors.StorageReplacedError, match="another process has the database open"):
        async with opened(busy_timeout=0.2):
            pass
    await process.communicate(b"\n")
    async with opened() as store:
        keys = {info.key for info in await store.storage.list_keys(session_id)}
    assert {f"w-{step}" for step in range(count)} <= keys
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_another_program_that_opens_after_the_shared_memory_was_removed(opened, path, session_id):
    """The first store stops before it does harm, and its closing leaves the other's log alone."""
    async with opened() as store:
        for step in range(50):
            await store.storage.set_value(session_id, f"first-{step}", "x" * 3000)
        delete_memory(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("CREATE TABLE others (x)")
            for step in range(50):
                other.execute("INSERT INTO others VALUES (?)", (f"other-{step}" * 300,))
                with suppress(errors.StorageReplacedError):
                    await store.storage.set_value(session_id, f"late-{step}", "x" * 3000)
                    pytest.fail("acknowledged")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM others").fetchone() == (50,)
        assert connection.execute("SELECT count(*) FROM pairs").fetchone() == (50,)


@pytest.mark.parametrize("ending", ["-wal", "-shm"])
async def test_a_log_without_its_database_is_left_alone(opened, path, ending):
    beside(path, ending).write_bytes(b"what was acknowledged")
    with pytest.raises(errors.SettingsError, match=f"everstore.db{ending}.*without its database"):
        async with opened():
            pass
    assert beside(path, ending).read_bytes() == b"what was acknowledged"
    assert not path.exists()


async def test_what_a_crash_leaves_of_one_file_is_taken_up(opened, path):
    """Nobody has it open, so a log without its shared memory, or the reverse, is no reason to refuse."""
    process = await writer(path, "w")
    await process.stdout.readline()
    process.kill()
    await process.wait()
    delete_memory(path)
    async with opened() as store:
        assert await store.storage.get_value(UUID(int=7), "w-0") == "x" * 1000


_REPLACE = """
import fcntl, os, sys, time
path, other = sys.argv[1:]
old = os.open(path, os.O_RDWR)
fcntl.lockf(old, fcntl.LOCK_EX, 512, 0x40000000)
print("locked", flush=True)
sys.stdin.readline()
os.replace(other, path)
os.pwrite(old, b"replaced".ljust(100), 0)
"""


async def test_a_store_that_opens_while_its_database_is_replaced_is_told_so(
    opened, path, session_id, tmp_path
):
    async with opened() as store:
        await store.storage.set_value(session_id, "key", "x")
    other = tmp_path / "other.db"
    shutil.copy(path, other)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _REPLACE, str(path), str(other),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert await process.stdout.readline() == b"locked\n"

    async def opening() -> None:
        async with opened():
            pass

    waiting = asyncio.ensure_future(opening())
    await asyncio.sleep(0.3)
    assert not waiting.done()
    process.stdin.write(b"\n")
    process.stdin.close()
    await process.wait()
    with pytest.raises(errors.StorageReplacedError):
        await waiting
    async with opened() as store:
        assert await store.storage.get_value(session_id, "key") == "x"
