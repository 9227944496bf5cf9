"""Backups, what is restored from them, and what a check finds, by the commands that operators run."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import everstore

if TYPE_CHECKING:
    from collections.abc import Callable

# Ctrl-C interrupts, as at a terminal: a shell starts background jobs with it ignored.
_MAIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from everstore.cli import main; main()"
)
COMMAND = [sys.executable, "-c", _MAIN]


@pytest.fixture
def run(configured) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``everstore ...`` on the database in a process of its own."""

    def command(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
        )

    return command


def opened(path: Path) -> Any:
    return everstore.open_store(backend="sqlite", sqlite_path=path, log_level="off")


async def fill(path: Path, session: Any, text: str, files: int = 60) -> None:
    async with opened(path) as store:
        work = store.session(session)
        for number in range(files):
            await work.files.write_file(f"d{number % 5}/f{number}.txt", f"{text} {number}\n" * 300)
        await work.storage.set_value("key", text)
        await work.storage.set_secret("name", text)


async def texts(path: Path, session: Any) -> set[str]:
    """What the files of a session, its value and its secret begin with."""
    async with opened(path) as store:
        work = store.session(session)
        found = [
            (await work.files.read_file(info.path)).content.split()[0]
            for info in await work.files.glob_files("**")
        ]
        return {*found, await work.storage.get_value("key"), await work.storage.get_secret("name")}


@pytest.fixture
def session() -> Any:
    return everstore.new_session_id()


async def test_a_backup_of_an_open_database_is_one_moment_of_it(run, path, session, tmp_path):
    copy = tmp_path / "copy.db"
    async with opened(path) as store:
        work = store.session(session)
        await work.files.write_file("before", "x")
        stop = asyncio.Event()

        async def write() -> int:
            number = 0
            while not stop.is_set():
                number += 1
                await work.files.write_file(f"many/{number}", "x" * 9_000)
                await work.storage.set_value("last", str(number))
            return number

        writing = asyncio.create_task(write())
        done = await asyncio.to_thread(run, "backup", copy)
        stop.set()
        written = await writing
        assert done.returncode == 0, done.stderr
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.name.startswith(("copy", "."))) == [
        "copy.db"
    ]
    async with opened(copy) as store:
        work = store.session(session)
        last = int(await work.storage.get_value("last") or 0)
        names = {int(info.name) for info in await work.files.list_directory("/many")}
        assert names in ({*range(1, last + 1)}, {*range(1, last + 2)})
        assert last <= written


def test_a_file_that_is_there_is_replaced_only_when_told(here, path, session, tmp_path):
    asyncio.run(fill(path, session, "old"))
    copy = tmp_path / "copy.db"
    copy.write_text("mine")
    done = here("backup", copy)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "path_exists" in done.stderr
    assert copy.read_text() == "mine"
    assert here("backup", copy, "--overwrite").returncode == 0
    assert asyncio.run(texts(copy, session)) == {"old"}


@pytest.mark.parametrize("beside", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("options", [(), ("--overwrite",)])
async def test_no_backup_takes_a_place_of_the_database(run, path, session, options, beside):
    await fill(path, session, "old")
    async with opened(path) as store:
        done = await asyncio.to_thread(
            run, "backup", f"{path.parent}/../{path.parent.name}/{path.name}{beside}", *options
        )
        assert done.returncode in ({2} if options else {2, 3})
        assert done.stderr.count("\n") == 1
        await store.session(session).storage.set_value("later", "x")
    assert await texts(path, session) == {"old"}


def test_no_backup_replaces_the_link_by_which_the_database_is_named(
    here, path, session, tmp_path, monkeypatch
):
    asyncio.run(fill(path, session, "old"))
    link = tmp_path / "link.db"
    link.symlink_to(path)
    monkeypatch.setenv("EVERSTORE_SQLITE_PATH", str(link))
    for place in (link, path):
        assert here("backup", place, "--overwrite").returncode == 2
    assert link.is_symlink()


def test_a_backup_takes_no_place_of_what_is_no_file(here, path, session, tmp_path):
    asyncio.run(fill(path, session, "old", 3))
    pipe, folder, dangling = tmp_path / "pipe", tmp_path / "folder", tmp_path / "dangling"
    os.mkfifo(pipe)
    folder.mkdir()
    dangling.symlink_to(tmp_path / "nothing")
    for place in (pipe, folder, dangling, tmp_path / ("x" * 300), tmp_path / "no" / "folder"):
        for options in ((), ("--overwrite",)):
            done = here("backup", place, *options)
            assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert pipe.is_fifo()
    assert dangling.is_symlink()


def test_nothing_is_restored_over_what_is_for_reading_only(here, path, session, tmp_path, monkeypatch):
    asyncio.run(fill(path, session, "old", 3))
    copy = tmp_path / "copy.db"
    monkeypatch.setenv("EVERSTORE_SQLITE_READ_ONLY", "true")
    assert here("backup", copy).returncode == 0
    before = path.stat().st_ino
    done = here("restore", copy)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "READ_ONLY" in done.stderr
    assert path.stat().st_ino == before


def test_what_is_backed_up_is_restored_over_a_left_behind_log(here, path, session, tmp_path):
    asyncio.run(fill(path, session, "old"))
    copy = tmp_path / "copy.db"
    assert here("backup", copy).returncode == 0
    asyncio.run(_crashing(path, session))
    assert Path(f"{path}-wal").stat().st_size
    done = here("restore", copy)
    assert done.returncode == 0, done.stderr
    assert not Path(f"{path}-wal").exists()
    assert asyncio.run(texts(path, session)) == {"old"}
    assert here("check", "--deep").returncode == 0


async def _crashing(path: Path, session: Any) -> None:
    """Leave the log of a process that died: with writes in it that the database's file does not have."""
    log = Path(f"{path}-wal")
    async with opened(path) as store:
        await store.session(session).files.write_file("after", "new " * 5000)
        for file in (path, log):
            shutil.copy(file, f"{file}.left")
    for file in (path, log):
        shutil.move(f"{file}.left", file)


@pytest.mark.parametrize("wrong", ["no database", "another program's", "garbage inside", "missing"])
def test_a_file_that_is_no_sound_backup_changes_nothing(here, path, session, tmp_path, wrong):
    asyncio.run(fill(path, session, "old"))
    copy = tmp_path / "copy.db"
    if wrong == "no database":
        copy.write_bytes(os.urandom(40_000))
    elif wrong == "another program's":
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute("CREATE TABLE mine (x)")
    elif wrong == "garbage inside":
        assert here("backup", copy).returncode == 0
        spoil(copy)
    before = path.read_bytes()
    done = here("restore", copy)
    assert done.returncode in {2, 4}
    assert done.stderr.count("\n") == 1
    assert path.read_bytes() == before
    assert asyncio.run(texts(path, session)) == {"old"}


def spoil(database: Path) -> None:
    """Write garbage over pages in the middle."""
    with database.open("r+b") as file:
        for page in range(5, database.stat().st_size // 4096, 7):
            file.seek(page * 4096)
            file.write(os.urandom(4096))


async def test_nothing_is_restored_under_an_open_store(run, path, session, tmp_path):
    await fill(path, session, "old")
    copy = tmp_path / "copy.db"
    assert run("backup", copy).returncode == 0
    async with opened(path) as store:
        await store.session(session).files.write_file("after", "x")
        done = await asyncio.to_thread(run, "restore", copy)
        assert (done.returncode, done.stderr.count("\n")) == (4, 1)
        assert "is open" in done.stderr
        await store.session(session).files.write_file("later", "x")
    async with opened(path) as store:
        assert await store.session(session).files.stat_file("later") is not None


def test_a_damaged_database_is_restored(here, path, session, tmp_path):
    asyncio.run(fill(path, session, "old"))
    copy = tmp_path / "copy.db"
    assert here("backup", copy).returncode == 0
    for content in (os.urandom(50_000), b"", None):
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        assert here("restore", copy).returncode == 0
        assert asyncio.run(texts(path, session)) == {"old"}


def test_a_restoring_that_is_killed_leaves_the_old_or_the_new(run, path, session, tmp_path):
    asyncio.run(fill(path, session, "old", 400))
    copy = tmp_path / "copy.db"
    assert run("backup", copy).returncode == 0
    asyncio.run(fill(path, session, "new", 400))
    for turn in range(12):
        process = subprocess.Popen([*COMMAND, "restore", copy], stderr=subprocess.DEVNULL)
        time.sleep(0.25 + turn * 0.05)
        process.kill()
        process.wait()
        assert asyncio.run(texts(path, session)) in ({"old"}, {"new"})
    assert run("restore", copy).returncode == 0
    assert asyncio.run(texts(path, session)) == {"old"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_backup_that_is_stopped_leaves_nothing(run, path, session, tmp_path, how):
    asyncio.run(fill(path, session, "old", 400))
    folder = tmp_path / "backups"
    folder.mkdir()
    for turn in range(6):
        process = subprocess.Popen(
            [*COMMAND, "backup", folder / "copy.db", "--overwrite"], stderr=subprocess.PIPE
        )
        until = time.monotonic() + 30
        while process.poll() is None and not list(folder.iterdir()) and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(turn * 0.01)
        process.send_signal(how)
        process.communicate()
        assert [entry.name for entry in folder.iterdir()] in ([], ["copy.db"])


def test_a_check_finds_rows_of_the_search_index_without_a_text(here, path, session, monkeypatch):
    monkeypatch.setenv("EVERSTORE_SQLITE_SEARCH_INDEX", "true")
    asyncio.run(fill(path, session, "old"))
    assert here("check", "--deep").returncode == 0
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM search_todo")
        connection.execute("INSERT INTO search (rowid, data) VALUES (123456789, 'dangling')")
    done = here("check", "--deep")
    assert done.returncode == 4
    assert "search index" in done.stdout
    assert "dangling" not in done.stdout


def test_a_quick_check_finds_garbage_and_a_copy_under_a_stale_log(here, path, session, tmp_path):
    asyncio.run(fill(path, session, "old", 300))
    assert here("check").returncode == 0
    whole = path.read_bytes()
    spoil(path)
    assert here("check").returncode == 4
    path.write_bytes(whole[: len(whole) // 2])
    assert here("check").returncode == 4


async def test_a_check_finds_a_database_that_was_taken_from_under_a_store(run, path, session, tmp_path):
    await fill(path, session, "old")
    other = tmp_path / "other.db"
    await fill(other, session, "new")
    async with opened(path) as store:
        await store.session(session).files.write_file("open", "x")
        done = await asyncio.to_thread(run, "check")
        assert done.returncode == 0, done.stdout
        aside = tmp_path / "aside.db"
        path.rename(aside)
        done = await asyncio.to_thread(run, "check")
        assert done.returncode == 4, done.stdout
        shutil.copy(other, path)
        done = await asyncio.to_thread(run, "check")
        assert done.returncode == 4, done.stdout
        path.unlink()
        aside.rename(path)
        done = await asyncio.to_thread(run, "check")
        assert done.returncode == 0, done.stdout
        await asyncio.to_thread(os.rename, f"{path}-shm", tmp_path / "shm")
        done = await asyncio.to_thread(run, "check")
        assert done.returncode == 4, done.stdout


async def test_a_check_finds_that_all_files_were_removed_from_under_a_store(run, path, session):
    async with opened(path) as store:
        await store.session(session).storage.set_value("key", "x")
        for end in ("", "-wal", "-shm"):
            await asyncio.to_thread(os.unlink, f"{path}{end}")
        done = await asyncio.to_thread(run, "check")
        assert done.returncode == 4, done.stdout
        assert f"process {os.getpid()} " in done.stdout
    done = await asyncio.to_thread(run, "check")
    assert done.returncode == 0, done.stdout


def test_a_sound_database_for_reading_only_is_well(here, path, session, monkeypatch):
    asyncio.run(fill(path, session, "old", 3))
    monkeypatch.setenv("EVERSTORE_SQLITE_READ_ONLY", "true")
    before = path.read_bytes()
    for options in ((), ("--deep",)):
        done = here("check", *options, "--json")
        assert done.returncode == 0, done.stdout
        assert {each["outcome"] for each in json.loads(done.stdout)} == {"ok", "not possible"}
    assert path.read_bytes() == before
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM contents")
    assert here("check", "--deep").returncode == 4
