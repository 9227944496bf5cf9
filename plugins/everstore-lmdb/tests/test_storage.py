"""A full storage, a folder that is no place for one, and files that somebody else removes."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import lmdb
import pytest

import everstore_lmdb
from everstore import errors

MIB = 1 << 20


async def fill(work, size: int = 50_000) -> int:
    """Write files until one is refused; how many there are."""
    for number in range(1000):
        try:
            await work.files.write_file(f"fill/{number}.txt", "x" * size)
        except errors.QuotaExceededError:
            return number
    pytest.fail("never full")


async def test_a_full_storage_is_a_quota_and_can_be_emptied(opened, session_id):
    async with opened(max_bytes=2 * MIB) as store:
        work = store.session(session_id)
        kept = await work.files.write_file("kept.txt", "kept")
        count = await fill(work)
        with pytest.raises(errors.QuotaExceededError, match="EVERSTORE_LMDB_MAX_BYTES") as caught:
            await work.files.write_file("kept.txt", "x" * MIB)
        assert (caught.value.limit, caught.value.allowed) == ("lmdb_max_bytes", 2 * MIB)
        assert await work.files.read_file("kept.txt") == kept
        assert len(await work.files.list_directory("fill")) == count
        assert await work.files.delete_file("fill", recursive=True)
        await work.files.write_file("kept.txt", "x" * MIB)
    async with opened(max_bytes=8 * MIB) as store:  # it grows by a setting
        await store.session(session_id).files.write_file("more.txt", "x" * 2 * MIB)


async def test_only_what_does_not_fit_is_refused(opened, session_id):
    async with opened(max_bytes=2 * MIB) as store:
        work = store.session(session_id)
        calls = [work.files.write_file(f"{n}.txt", "x" * (4 * MIB if n == 3 else 10)) for n in range(8)]

        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(answer) is errors.QuotaExceededError for answer in answers] == [n == 3 for n in range(8)]
        assert len(await work.files.list_directory("/")) == 7


async def test_what_another_process_made_larger_is_told(opened, path, session_id):
    async with opened(max_bytes=MIB) as store:
        await store.session(session_id).files.write_file("a.txt", "x")
    with lmdb.open(str(path), map_size=16 * MIB) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"other", b"x" * 4 * MIB)
    async with opened(max_bytes=MIB) as store:
        assert (await store.session(session_id).files.read_file("a.txt")).content == "x"


@pytest.mark.parametrize("kind", ["file", "missing parent", "no LMDB", "unwritable"])
async def test_a_folder_that_cannot_be_used_is_told_at_opening(kind, opened, path, tmp_path):
    if kind == "file":
        path.write_text("a file")
    elif kind == "missing parent":
        path = path / "below"
    elif kind == "no LMDB":
        path.mkdir()
        (path / "data.mdb").write_bytes(b"no LMDB" * 2000)
    else:
        path = "/proc/everstore.lmdb"
    with pytest.raises(errors.SettingsError, match="EVERSTORE_LMDB_PATH"):
        async with opened(path=path):
            pass


async def test_a_newer_layout_is_refused(opened, path):
    async with opened():
        pass
    with lmdb.open(str(path)) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"l", b"3")
    with pytest.raises(errors.SettingsError, match="newer"):
        async with opened():
            pass


async def test_a_new_folder_is_its_owners_only(opened, path):
    async with opened():
        pass
    assert path.stat().st_mode & 0o777 == 0o700
    assert (path / "data.mdb").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("what", ["data.mdb", "lock.mdb", "folder", "replaced"])
async def test_nothing_is_acknowledged_by_files_that_are_gone(what, opened, path, session_id):
    async with opened() as store:
        work = store.session(session_id)
        await work.files.write_file("a.txt", "x")
        if what == "folder":
            shutil.rmtree(path)
        elif what == "replaced":
            path.rename(path.with_name("elsewhere"))
            shutil.copytree(path.with_name("elsewhere"), path)
        else:
            (path / what).unlink()
        for _ in range(2):
            with pytest.raises(errors.StorageReplacedError, match="open the store again"):
                await work.files.write_file("a.txt", "y")
            with pytest.raises(errors.StorageReplacedError):
                await work.storage.get_value("key")
    async with opened() as store:
        await store.session(session_id).files.write_file("a.txt", "z")


async def test_damage_is_told_and_can_be_mended(opened, path, session_id):
    async with opened() as store:
        work = store.session(session_id)
        for name in ("row.txt", "pieces.txt", "short.txt"):
            await work.files.write_file(name, name[0] * 5000)
        await work.storage.set_value("key", "value")
    with lmdb.open(str(path)) as environment, environment.begin(write=True) as transaction:
        for key, value in [*transaction.cursor()]:
            if key.endswith((b"row.txt", b"key")):
                transaction.put(key, b"\xc1" + value)
            elif value.startswith(b"pp"):
                transaction.delete(key)
            elif value.startswith(b"ss"):
                transaction.put(key, b"s")
    async with opened() as store:
        work = store.session(session_id)
        for name in ("row.txt", "pieces.txt", "short.txt"):
            with pytest.raises(errors.DataDamagedError, match=name):
                await work.files.read_file(name)
        with pytest.raises(errors.DataDamagedError, match=r"row\.txt"):
            await work.files.list_directory("/")
        with pytest.raises(errors.DataDamagedError):
            await work.files.grep_files("r")
        with pytest.raises(errors.DataDamagedError, match="key"):
            await work.storage.get_value("key")
        await work.storage.set_value("key", "anew")
        await work.files.write_file("row.txt", "anew")
        await work.files.write_file("short.txt", "anew")
        assert await work.files.delete_file("pieces.txt")
        assert [info.name for info in await work.files.list_directory("/")] == ["row.txt", "short.txt"]
        assert len(await work.files.grep_files("anew")) == 2
        assert await work.storage.get_value("key") == "anew"
        assert await store.delete_session(session_id)


async def test_a_map_for_which_there_are_no_addresses_is_told_by_its_setting(opened):
    with pytest.raises(errors.SettingsError, match="EVERSTORE_LMDB_MAX_BYTES"):
        async with opened(max_bytes=1 << 64):
            pass


def test_it_is_short():
    modules = Path(everstore_lmdb.__file__).parent.glob("*.py")
    assert sum(len(module.read_text().splitlines()) for module in modules) <= 250


async def test_the_folder_may_be_below_ones_home(opened, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    async with opened(path="~/mine"):
        assert (tmp_path / "mine" / "data.mdb").exists()
    assert everstore_lmdb.LmdbSettings(path="~/mine").unmade() is None
    assert everstore_lmdb.LmdbSettings(path="~/other").unmade() == tmp_path / "other"


def test_the_settings_tell_what_is_not_there_yet(tmp_path):
    settings = everstore_lmdb.LmdbSettings(path=tmp_path / "new")
    assert settings.unmade() == tmp_path / "new"
    settings.path.mkdir()
    assert settings.unmade() == tmp_path / "new"
    (settings.path / "data.mdb").touch()
    assert settings.unmade() is None
    assert everstore_lmdb.LmdbSettings(path=tmp_path / "no" / "folder").unmade() is None
    (tmp_path / "file").touch()
    assert everstore_lmdb.LmdbSettings(path=tmp_path / "file").unmade() is None
