"""What is wrong is told at opening, names its setting, and leaves nothing open."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

import everstore
from everstore import errors
from everstore.building import build
from everstore.configuration import configure

if TYPE_CHECKING:
    from collections.abc import Iterator


def handles() -> set[str]:
    """The databases that this process holds open."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return {str(link.readlink()) for link in links if ".db" in str(link.readlink())}


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if "everstore" in thread.name}


@contextmanager
def unprivileged():
    """Not as root, whom no file mode stops."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@asynccontextmanager
async def opened_unprivileged(path: Path):
    """A store on ``path``, whose files are somebody else's.

    What is installed may be root's own too, so it is read before.
    """
    configuration = configure({"backend": "sqlite", "sqlite_path": path})
    with unprivileged():
        store = await build(configuration)
    yield store
    await store.close()


async def refused(opened, **settings) -> errors.SettingsError:
    """The error of an opening that must fail, in one line, with nothing left open."""
    before = handles()
    with pytest.raises(errors.SettingsError) as caught:
        async with opened(**settings):
            pass
    assert "\n" not in str(caught.value)
    assert handles() == before
    assert not threads()
    return caught.value


async def test_the_default_is_everstore_db_in_the_working_directory(tmp_path):
    async with everstore.open_store() as store:
        await store.create_session("first")
    assert (tmp_path / "everstore.db").is_file()


async def test_a_path_is_relative_to_the_working_directory_at_opening(opened, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    async with opened(path="elsewhere/x.db") as store:
        monkeypatch.chdir("/")
        session = await store.create_session()
        await store.storage.list_keys(session.id)
    assert (tmp_path / "elsewhere" / "x.db").is_file()


async def test_a_missing_folder(opened, tmp_path):
    error = await refused(opened, path=tmp_path / "missing" / "x.db")
    assert "EVERSTORE_SQLITE_PATH" in str(error)
    assert "missing" in str(error)


async def test_a_folder_in_the_file_s_place(opened, tmp_path):
    assert "EVERSTORE_SQLITE_PATH" in str(await refused(opened, path=tmp_path))


async def test_memory_is_another_backend(opened):
    assert "EVERSTORE_BACKEND=memory" in str(await refused(opened, path=":memory:"))


@pytest.mark.parametrize("content", [b"no database at all, but long enough for a header\n" * 20, b"short"])
async def test_a_file_that_is_no_database(opened, path, content):
    path.write_bytes(content)
    assert "EVERSTORE_SQLITE_PATH" in str(await refused(opened))
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE somebody_elses (x)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"],
)
async def test_a_database_of_another_program(opened, path, raw, statement):
    raw("PRAGMA journal_mode = DELETE")
    raw(statement)
    before = path.read_bytes()
    assert "another program" in str(await refused(opened))
    assert path.read_bytes() == before


async def test_a_database_of_a_newer_schema(opened, raw):
    async with opened():
        pass
    (version,) = raw("PRAGMA user_version")[0]
    raw(f"PRAGMA user_version = {version + 1}")
    raw("PRAGMA journal_mode = DELETE")
    error = await refused(opened)
    assert "EVERSTORE_SQLITE_PATH" in str(error)
    assert str(version + 1) in str(error)


@pytest.mark.parametrize("index", [False, True])
async def test_a_schema_that_becomes_newer_is_not_written_to_by_who_had_it_open(
    opened, raw, session_id, index
):
    async with opened(search_index=index) as store:
        work = store.session(session_id)
        await work.files.write_file("a.txt", "before")
        (version,) = raw("PRAGMA user_version")[0]
        raw(f"PRAGMA user_version = {version + 1}")
        calls = [work.files.write_file(name, "after") for name in ("a.txt", "b.txt", "c.txt")]
        for answer in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(answer, errors.StorageReplacedError)
            assert f"one of version {version + 1} since the file was opened" in str(answer)
        assert [info.path for info in await work.files.list_directory("/")] == ["/a.txt"]
        assert (await work.files.read_file("a.txt")).content == "before"


@pytest.fixture
def public(monkeypatch) -> Iterator[Path]:
    """A folder that everybody may look into; pytest's own are for their owner only."""
    monkeypatch.chdir("/")
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


async def test_a_file_that_cannot_be_written_to(opened, public):
    async with opened(path=public / "x.db"):
        pass
    (public / "x.db").chmod(0o444)
    error = await refused(opened_unprivileged, path=public / "x.db")
    assert f"EVERSTORE_SQLITE_PATH: '{public / 'x.db'}' cannot be written to" in str(error)


async def test_a_folder_that_cannot_be_written_to(public):
    public.chmod(0o555)
    error = await refused(opened_unprivileged, path=public / "x.db")
    assert f"EVERSTORE_SQLITE_PATH: no file can be made in the folder '{public}'" in str(error)


async def test_a_folder_that_cannot_be_entered(public):
    public.chmod(0o600)
    error = await refused(opened_unprivileged, path=public / "x.db")
    assert "EVERSTORE_SQLITE_PATH" in str(error)
    public.chmod(0o700)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("synchronous", "off"),
        ("busy_timeout", -1),
        ("max_bytes", 10),
        ("readers", 0),
        ("search_index", "maybe"),
    ],
)
async def test_a_wrong_value_names_its_setting(opened, name, value):
    assert f"EVERSTORE_SQLITE_{name.upper()}" in str(await refused(opened, **{name: value}))


async def test_settings_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("EVERSTORE_SQLITE_PATH", str(tmp_path / "named.db"))
    monkeypatch.setenv("EVERSTORE_SQLITE_SYNCHRONOUS", "NORMAL")
    monkeypatch.setenv("EVERSTORE_SQLITE_SEARCH_INDEX", "true")
    async with everstore.open_store():
        pass
    with sqlite3.connect(tmp_path / "named.db") as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'search'").fetchone() == (
            1,
        )
    connection.close()


async def test_a_closed_store_holds_nothing(opened, session_id):
    async with opened() as store:
        await store.file_system.write_file(session_id, "a.txt", "a" * 100_000)
        await store.file_system.read_file(session_id, "a.txt")
        await store.file_system.grep_files(session_id, "a")
        await store.file_system.list_directory(session_id)
        assert handles()
        assert threads()
    assert not handles()
    assert not threads()


async def test_a_database_that_another_process_keeps_locked_is_unavailable(opened, raw):
    raw("BEGIN EXCLUSIVE")
    with pytest.raises(errors.BackendUnavailableError, match="EVERSTORE_SQLITE_BUSY_TIMEOUT"):
        async with opened(busy_timeout=0.05):
            pass
    assert not threads()
    raw("ROLLBACK")
    async with opened(busy_timeout=0.05):
        pass


async def test_a_cancelled_opening_leaves_nothing_open(opened, raw):
    raw("BEGIN EXCLUSIVE")

    async def open_and_wait() -> None:
        async with opened(busy_timeout=10):
            pass

    opening = asyncio.create_task(open_and_wait())
    await asyncio.sleep(0.05)
    opening.cancel()
    raw("ROLLBACK")
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not threads()


async def test_mixed_roles_share_nothing_they_need_not(path):
    async with everstore.open_store(backend="memory", storage="sqlite", sqlite_path=path) as store:
        session = await store.create_session()
        await store.storage.set_value(session.id, "kept", "value")
    async with everstore.open_store(backend="memory", storage="sqlite", sqlite_path=path) as store:
        assert await store.storage.get_value(session.id, "kept") == "value"
        assert await store.sessions.get_session(session.id) is None
