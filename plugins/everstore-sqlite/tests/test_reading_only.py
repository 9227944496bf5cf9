"""A new database is its owner's alone; one that is to be there, or only to be read, is left as it is."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import sys
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
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


def beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def modes(path: Path) -> list[int]:
    return [stat.S_IMODE(beside(path, ending).stat().st_mode) for ending in ("", "-wal", "-shm")]


async def refused(opened, **settings) -> str:
    """What the refusal of an opening says."""
    with pytest.raises(errors.SettingsError) as caught:
        async with opened(**settings):
            pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
async def test_a_new_database_is_its_owner_s_alone(opened, path, session_id, umask):
    before = os.umask(umask)
    try:
        async with opened() as store:
            await store.storage.set_value(session_id, "key", "value")
            assert modes(path) == [0o600] * 3
    finally:
        os.umask(before)


async def test_the_rights_to_an_existing_one_are_left(opened, path, session_id):
    async with opened():
        pass
    path.chmod(0o640)
    async with opened() as store:
        await store.storage.set_value(session_id, "key", "value")
        assert modes(path) == [0o640] * 3


async def test_a_link_to_no_file_is_followed(opened, path, tmp_path, session_id):
    path.symlink_to("real.db")
    async with opened() as store:
        await store.storage.set_value(session_id, "key", "value")
        assert modes(tmp_path / "real.db") == [0o600] * 3


@pytest.mark.parametrize("name", ["must_exist", "read_only"])
async def test_what_must_be_there_is_not_created(opened, path, name):
    message = await refused(opened, **{name: True})
    assert f"EVERSTORE_SQLITE_{name.upper()}" in message
    assert str(path) in message
    assert not path.exists()
    path.touch()
    assert "holds no store yet" in await refused(opened, **{name: True})
    assert not path.stat().st_size


async def test_what_is_there_opens_where_it_must(opened, session_id):
    async with opened() as store:
        await store.storage.set_value(session_id, "key", "value")
    async with opened(must_exist=True) as store:
        await store.storage.set_value(session_id, "key", "other")


async def filled(opened, session_id) -> None:
    async with opened() as store:
        work = store.session(session_id)
        await work.files.write_file("dir/a.txt", "text of a file")
        await work.files.write_file("large.txt", "x" * 100_000)
        await work.storage.set_value("key", "value")
        await work.storage.set_secret("name", "secret")
        await store.sessions.add_session(everstore.Session(session_id, "title"))
        await store.checkpoint(session_id, "checkpoint")


async def check_reads(store, session_id) -> None:
    work = store.session(session_id)
    assert (await work.files.read_file("dir/a.txt")).content == "text of a file"
    assert len((await work.files.read_file("large.txt")).content) == 100_000
    assert len(await work.files.list_directory("/")) == 2
    assert len(await work.files.glob_files("*.txt")) == 2
    assert len(await work.files.grep_files("text of")) == 1
    assert await work.storage.get_value("key") == "value"
    assert await work.storage.get_secret("name") == "secret"
    assert [session.title for session in await store.sessions.list_sessions()] == ["title"]


async def check_refusals(store, session_id) -> None:
    work = store.session(session_id)
    [checkpoint] = await store.list_checkpoints(session_id)
    for call in (
        partial(work.files.write_file, "new.txt", "x"),
        partial(work.files.append_file, "dir/a.txt", "x"),
        partial(work.files.edit_file, "dir/a.txt", "text", "x"),
        partial(work.files.create_directory, "new"),
        partial(work.files.delete_file, "dir", recursive=True),
        partial(work.files.copy_file, "dir", "copy"),
        partial(work.files.move_file, "dir", "moved"),
        partial(work.storage.set_value, "key", "x"),
        partial(work.storage.increment_value, "count"),
        partial(work.storage.delete_value, "key"),
        partial(work.storage.set_secret, "name", "x"),
        partial(work.storage.delete_secret, "name"),
        partial(store.create_session, "x"),
        partial(store.sessions.update_session_title, session_id, "x"),
        partial(store.delete_session, session_id),
        partial(store.fork_session, session_id),
        partial(store.fork_session, session_id, base=False, secrets=True),
        partial(store.checkpoint, session_id),
        partial(store.rewind, session_id, checkpoint),
        partial(store.delete_checkpoint, checkpoint),
    ):
        with pytest.raises(errors.UnsupportedError, match="EVERSTORE_SQLITE_READ_ONLY") as refused:
            await call()
        assert not getattr(refused.value, "__notes__", None)  # nothing was made, and nothing is left
    assert await store.list_checkpoints(session_id) == [checkpoint]
    assert await store.diff(checkpoint, session_id) == []


@pytest.mark.parametrize("direct_reads", [True, False])
@pytest.mark.parametrize("search_index", [True, False])
async def test_everything_is_read_and_nothing_written(opened, path, session_id, direct_reads, search_index):
    await filled(opened, session_id)
    before = path.read_bytes()
    only = {"read_only": True, "direct_reads": direct_reads, "search_index": search_index}
    async with opened(**only) as store:
        await check_reads(store, session_id)
        await check_refusals(store, session_id)
        await check_reads(store, session_id)
    assert path.read_bytes() == before


async def test_beside_a_writer_what_it_writes_is_read(opened, session_id):
    await filled(opened, session_id)
    async with opened() as writer, opened(read_only=True) as reader:
        for step in range(5):
            await writer.storage.set_value(session_id, "step", str(step))
            assert await reader.storage.get_value(session_id, "step") == str(step)


@pytest.mark.parametrize("how", ["backup", "VACUUM INTO"])
async def test_a_backup(opened, path, session_id, raw, tmp_path, how):
    await filled(opened, session_id)
    copy = tmp_path / "copy.db"
    if how == "backup":
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    else:
        raw("VACUUM INTO ?", str(copy))
    async with opened(path=copy, read_only=True) as store:
        await check_reads(store, session_id)
        async with opened(path=copy) as writer:  # another process, say, begins to use it
            await writer.storage.set_value(session_id, "later", "value")
            assert await store.storage.get_value(session_id, "later") == "value"


@contextmanager
def unprivileged() -> Iterator[None]:
    """Not as root, whom no file mode stops."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def public(monkeypatch) -> Iterator[Path]:
    """A folder that everybody may look into; pytest's own are for their owner only."""
    monkeypatch.chdir("/")
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        Path(folder).chmod(0o755)


@asynccontextmanager
async def opened_unprivileged(**settings):
    """A store on files that are somebody else's, used as nobody in particular."""
    settings = {f"sqlite_{name}": value for name, value in settings.items()}
    configuration = configure({"backend": "sqlite", "secrets_keys": KEYS, **settings})
    with unprivileged():
        store = await build(configuration)
        try:
            yield store
        finally:
            await store.close()


KEYS = "tests:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.fixture
async def readable(opened, public, session_id) -> Path:
    """A filled database in a folder that takes no new file, whoever asks."""
    path = public / "x.db"
    await filled(partial(opened, path=path), session_id)
    path.chmod(0o444)
    public.chmod(0o555)
    return path


async def test_a_folder_that_takes_no_file(readable, session_id):
    assert f"{str(readable)!r} cannot be written to" in await refused(opened_unprivileged, path=readable)
    async with opened_unprivileged(path=readable, read_only=True) as store:
        await check_reads(store, session_id)
        await check_refusals(store, session_id)


async def test_what_nobody_was_to_change_and_somebody_does(readable, opened, session_id):
    async with opened_unprivileged(path=readable, read_only=True, direct_reads=False) as store:
        assert await store.storage.get_value(session_id, "key") == "value"
        await asyncio.sleep(0.002)
        if os.geteuid() != os.getuid():
            os.seteuid(0)
        readable.parent.chmod(0o755)
        readable.chmod(0o644)
        async with opened(path=readable) as writer:
            await writer.storage.set_value(session_id, "key", "other")
            with pytest.raises(errors.StorageReplacedError):
                await store.storage.get_value(session_id, "key")


async def test_a_log_that_cannot_be_read_there_is_not_passed_over(opened, public, session_id):
    path = public / "x.db"
    async with opened(path=path) as store:
        await store.storage.set_value(session_id, "key", "value")
        (public / "copy").mkdir()
        for ending in ("", "-wal"):
            shutil.copy(beside(path, ending), public / "copy" / f"x.db{ending}")
            (public / "copy" / f"x.db{ending}").chmod(0o444)
    (public / "copy").chmod(0o555)
    message = await refused(opened_unprivileged, path=public / "copy" / "x.db", read_only=True)
    assert "x.db-wal" in message
    (public / "copy").chmod(0o755)


@pytest.mark.parametrize("ending", ["", "-wal", "-shm"])
async def test_the_file_in_the_way_is_named(opened, public, session_id, ending):
    path = public / "x.db"
    async with opened(path=path) as store:
        await store.storage.set_value(session_id, "key", "value")
        public.chmod(0o777)
        for other in ("", "-wal", "-shm"):
            beside(path, other).chmod(0o444 if other == ending else 0o666)
        message = await refused(opened_unprivileged, path=path)
        assert f"{str(beside(path, ending))!r} cannot be written to" in message
        beside(path, ending).chmod(0o000)
        message = await refused(opened_unprivileged, path=path)
        assert f"{str(beside(path, ending))!r} cannot be read" in message


async def test_an_older_schema_is_not_migrated_by_reading(opened, path):
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((Path(__file__).parent / "schemas" / "version_1.sql").read_text())
    before = path.read_bytes()
    message = await refused(opened, read_only=True)
    assert "schema version 1" in message
    assert path.read_bytes() == before


async def test_reading_only_does_not_remove_an_index(opened, session_id):
    await filled(opened, session_id)
    message = await refused(opened, read_only=True, search_index="remove")
    assert "EVERSTORE_SQLITE_SEARCH_INDEX" in message
    assert "EVERSTORE_SQLITE_READ_ONLY" in message


@pytest.mark.parametrize("read_only", ["true", "false"])
async def test_the_command_line_reads_while_somebody_writes(opened, path, session_id, raw, read_only):
    await filled(opened, session_id)
    raw("BEGIN IMMEDIATE")
    environment = {
        **os.environ,
        "EVERSTORE_SQLITE_PATH": str(path),
        "EVERSTORE_SQLITE_BUSY_TIMEOUT": "3600",
        "EVERSTORE_SQLITE_READ_ONLY": read_only,
        "EVERSTORE_SESSION": str(session_id),
    }
    program = "from everstore.cli import main; main()"
    for command in (("ls",), ("cat", "dir/a.txt"), ("session", "ls"), ("grep", "text")):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, *command, env=environment, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        assert output.strip()
    raw("ROLLBACK")
