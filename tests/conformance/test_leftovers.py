"""What a run that was killed left is removed by the next one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import everstore
from everstore.conformance import leftovers
from everstore.errors import SettingsError


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def dead() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def interrupted(session):
    with leftovers.journal("a storage"):
        leftovers.note(session)
        raise KeyboardInterrupt


async def test_sessions_of_a_killed_run_go_and_others_stay(monkeypatch, dead):
    async with everstore.open_store(backend="memory") as store:
        mine, theirs = everstore.new_session_id(), everstore.new_session_id()
        for session in (mine, theirs):
            await store.file_system.write_file(session, "a", "x")
        with monkeypatch.context() as patched:
            patched.setattr(os, "getpid", lambda: dead)
            with pytest.raises(KeyboardInterrupt):
                interrupted(mine)
        assert await leftovers.remove("another storage", store) == 0
        assert await leftovers.remove("a storage", store) == 1
        assert await leftovers.remove("a storage", store) == 0
        assert await store.file_system.stat_file(mine, "a") is None
        assert await store.file_system.stat_file(theirs, "a") is not None


async def test_a_run_that_lives_is_left_alone():
    async with everstore.open_store(backend="memory") as store:
        mine = everstore.new_session_id()
        await store.file_system.write_file(mine, "a", "x")
        with leftovers.journal("a storage"):
            leftovers.note(mine)
            assert await leftovers.remove("a storage", store) == 0
        assert await store.file_system.stat_file(mine, "a") is not None


@pytest.mark.parametrize("wrong", ["a link", "a file", "open to others"])
async def test_a_folder_that_others_may_write_to_is_refused(tmp_path, wrong):
    with leftovers.journal("a storage"):
        pass
    [folder] = tmp_path.iterdir()
    elsewhere = tmp_path / "elsewhere"
    folder.rename(elsewhere)
    if wrong == "a link":
        folder.symlink_to(elsewhere)
    elif wrong == "a file":
        folder.write_text("x")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    async with everstore.open_store(backend="memory") as store:
        with pytest.raises(SettingsError, match="TMPDIR"):
            await leftovers.remove("a storage", store)
    with pytest.raises(SettingsError, match="TMPDIR"), leftovers.journal("a storage"):
        pass
