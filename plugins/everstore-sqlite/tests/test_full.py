"""A full disk, or a limit on the file: a typed error, the old state, and then it goes on."""

from __future__ import annotations

import asyncio
import resource
import signal
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from everstore import errors
from everstore_sqlite import connecting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MIB = 1 << 20


def is_sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        counted = connection.execute("SELECT sum(files), sum(bytes) FROM trees").fetchone()
        summed = connection.execute(
            "SELECT count(*), sum(size) FROM entries WHERE NOT is_directory"
        ).fetchone()
        return counted == summed and connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def fill(work, size: int = 100_000) -> int:
    """Write files until one is refused; how many there are."""
    for number in range(1000):
        try:
            await work.files.write_file(f"fill/{number}.txt", "x" * size)
        except errors.EverstoreError:
            return number
    pytest.fail("never full")


async def test_a_limit_on_the_file_is_a_quota(opened, session_id, path):
    async with opened(max_bytes=2 * MIB) as store:
        work = store.session(session_id)
        kept = await work.files.write_file("kept.txt", "kept")
        count = await fill(work)
        with pytest.raises(errors.QuotaExceededError, match="EVERSTORE_SQLITE_MAX_BYTES") as caught:
            await work.files.write_file("kept.txt", "x" * 500_000)
        assert (caught.value.limit, caught.value.allowed) == ("sqlite_max_bytes", 2 * MIB)
        assert await work.files.read_file("kept.txt") == kept
        assert len(await work.files.list_directory("fill")) == count
        assert await work.files.stat_file(f"fill/{count}.txt") is None
        # Room is made, and it goes on.
        assert await work.files.delete_file("fill", recursive=True)
        await work.files.write_file("kept.txt", "x" * 500_000)
    assert is_sound(path)
    assert path.stat().st_size <= 2 * MIB


async def test_of_a_group_only_those_fail_that_do_not_fit(opened, session_id, path):
    async with opened(max_bytes=2 * MIB) as store:
        work = store.session(session_id)
        sizes = [5_000_000 if number % 5 == 0 else 1000 for number in range(50)]
        calls = (work.files.write_file(f"{n}/{n}.txt", "x" * size) for n, size in enumerate(sizes))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        for size, answer in zip(sizes, answers, strict=True):
            assert isinstance(answer, errors.QuotaExceededError) == (size == 5_000_000), answer
        assert len(await work.files.glob_files("**")) == 40
    assert is_sound(path)


async def test_more_than_sqlite_keeps_in_one_value_is_a_quota(opened, session_id, monkeypatch):
    connect = connecting._Connection.__init__

    def with_less_room(connection, *args, **kwargs):
        connect(connection, *args, **kwargs)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MIB)  # 10^9, by default

    monkeypatch.setattr(connecting._Connection, "__init__", with_less_room)
    async with opened() as store:
        work = store.session(session_id)
        with pytest.raises(errors.QuotaExceededError, match="at most 1,000,000,000 bytes"):
            await work.storage.set_value("key", "x" * (MIB + 1))
        assert await work.storage.list_keys() == []
        await work.files.write_file("a/b.txt", "x" * (MIB + 1))  # in chunks
        assert (await work.files.read_file("a/b.txt")).size_bytes == MIB + 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MiB, where this user may mount one; else a folder on the disk there is."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "everstore", str(folder)]
    is_mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    yield folder
    if is_mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def short_files() -> Iterator[Callable[[int], None]]:
    """Make the system refuse to let a file of this process grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda most: resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


async def test_a_commit_that_the_disk_fails_may_have_happened(opened, session_id, path, short_files):
    async with opened() as store:
        count = store.storage.increment_value
        assert await count(session_id, "n") == 1
        short_files(path.with_name(path.name + "-wal").stat().st_size)
        with pytest.raises(errors.BackendUnavailableError, match="disk") as caught:
            await count(session_id, "n")
        assert caught.value.happened is None
        short_files(resource.RLIM_INFINITY)
        assert await count(session_id, "n") == 2
        await store.file_system.write_file(session_id, "a.txt", "a")
    assert is_sound(path)


async def test_a_full_disk_is_unavailable(opened, session_id, small_disk):
    is_small = small_disk.is_mount()
    settings = {} if is_small else {"max_bytes": 3 * MIB}
    wanted = errors.BackendUnavailableError if is_small else errors.QuotaExceededError
    path = small_disk / "everstore.db"
    async with opened(path=path, synchronous="full", **settings) as store:
        work = store.session(session_id)
        kept = await work.files.write_file("kept.txt", "kept")
        await work.storage.set_value("key", "kept")
        (small_disk / "ballast").write_bytes(b"x" * MIB) if is_small else None
        count = await fill(work)
        assert count < 40
        for _ in range(3):
            with pytest.raises(wanted) as caught:
                await work.files.write_file("kept.txt", "x" * MIB)
            assert getattr(caught.value, "happened", False) is False
        assert await work.files.read_file("kept.txt") == kept
        assert await work.storage.get_value("key") == "kept"
        assert len(await work.files.list_directory("fill")) == count
        if is_small:
            (small_disk / "ballast").unlink()
        else:
            await work.files.delete_file("fill/0.txt")
        await work.files.write_file("kept.txt", "changed")
    assert is_sound(path)
    async with opened(path=path) as store:
        assert (await store.file_system.read_file(session_id, "kept.txt")).content == "changed"
