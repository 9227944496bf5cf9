"""A database that was copied over one whose log a killed process left there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from everstore.building import ask
from everstore.configuration import configure
from everstore.errors import BackendUnavailableError, StorageReplacedError
from everstore.operating import back_up, restore

if TYPE_CHECKING:
    from uuid import UUID

# Values of one length, whose pages are written over in place: nothing but the log tells old from new.
_WRITER = """
import asyncio, os, sys, uuid, everstore
async def main(path, session, text, count):
    async with everstore.open_store(backend="sqlite", sqlite_path=path, sqlite_synchronous="normal") as store:
        work = store.session(uuid.UUID(session))
        for number in range(int(count)):
            await work.storage.set_value(f"key {number}", text * 200)
            await work.files.write_file(f"d/{number}", text * 900)
        os.kill(os.getpid(), 9)
asyncio.run(main(*sys.argv[1:]))
"""


def killed(path: Path, session_id: UUID, text: str, count: int) -> None:
    """Write values and files in a process that is killed then, and leaves its log."""
    subprocess.run([sys.executable, "-c", _WRITER, path, str(session_id), text, str(count)], check=False)
    assert Path(f"{path}-wal").stat().st_size


def log_of(path: Path) -> bytes:
    return Path(f"{path}-wal").read_bytes()


async def looked(path: Path, *, deep: bool = False) -> list[str]:
    return [*(await ask(configure({"sqlite_path": path}), "sqlite", "everstore_check", deep=deep) or ())]


async def fill(opened, session_id: UUID, text: str, count: int) -> None:
    async with opened() as store:
        work = store.session(session_id)
        for number in range(count):
            await work.storage.set_value(f"key {number}", text * 200)
            await work.files.write_file(f"d/{number}", text * 900)


@pytest.mark.parametrize("how", ["backup", "cp", "empty"])
@pytest.mark.parametrize(("before", "between", "after"), [(100, 0, 30), (100, 60, 5), (20, 400, 3)])
async def test_a_copy_over_a_database_beside_its_log_is_found(
    path, opened, session_id, tmp_path, how, before, between, after
):
    await fill(opened, session_id, "o", before)
    copy = tmp_path / "copy.db"
    if how == "backup":
        await back_up(configure({"sqlite_path": path}), copy, lambda _done, _total: None)
    elif how == "cp":
        shutil.copyfile(path, copy)
    else:
        copy.touch()
    if between:
        await fill(opened, session_id, "b", between)
    killed(path, session_id, "n", after)
    assert await looked(path) == []
    log = log_of(path)
    shutil.copyfile(copy, path)
    [problem] = await looked(path)
    assert "everstore restore" in problem
    assert log_of(path) == log


async def test_nothing_opens_a_backup_beside_the_log_of_what_it_replaced(path, opened, session_id, tmp_path):
    await fill(opened, session_id, "o", 30)
    copy = tmp_path / "copy.db"
    configuration = configure({"sqlite_path": path})
    await back_up(configuration, copy, lambda _done, _total: None)
    killed(path, session_id, "n", 5)
    shutil.copyfile(copy, path)
    log = log_of(path)
    for settings in ({}, {"read_only": True}, {"must_exist": True}):
        with pytest.raises(StorageReplacedError, match="everstore restore"):
            async with opened(**settings):
                pass
    with pytest.raises(StorageReplacedError, match="everstore restore"):
        await back_up(configuration, tmp_path / "another.db", lambda _done, _total: None)
    assert log_of(path) == log
    await restore(configuration, copy, lambda _done, _total: None)
    assert await looked(path, deep=True) == []
    async with opened() as store:
        assert await store.session(session_id).storage.get_value("key 0") == "o" * 200


@pytest.mark.parametrize("count", [3, 40, 400, 1200])
async def test_what_a_killed_process_left_is_sound(path, opened, session_id, tmp_path, count):
    killed(path, session_id, "a", count)
    assert await looked(path) == []
    moved = tmp_path / "moved"
    moved.mkdir()
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", moved / f"{path.name}{end}")
    assert await looked(moved / path.name) == []
    assert await looked(path, deep=True) == []
    async with opened() as store:
        assert await store.session(session_id).storage.get_value(f"key {count - 1}") == "a" * 200
        assert await looked(path) == []


async def test_a_second_store_of_this_process_takes_no_lock_from_the_first(path, opened, session_id):
    """The header is not looked into while the file is open here: closing it would drop the locks."""
    async with opened() as first:
        await first.session(session_id).storage.set_value("key", "first")
        async with opened() as second:
            await second.session(session_id).storage.set_value("key", "second")
        assert await looked(path) == []
        with pytest.raises(BackendUnavailableError, match="is open"):
            await restore(configure({"sqlite_path": path}), await copied(path), lambda _done, _total: None)
        assert await first.session(session_id).storage.get_value("key") == "second"


async def copied(path: Path) -> Path:
    copy = path.with_name("copy.db")
    await back_up(configure({"sqlite_path": path}), copy, lambda _done, _total: None)
    return copy
