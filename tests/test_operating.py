"""What operators do through the plugins' hooks, and what is said where a plugin leaves them out."""

from __future__ import annotations

import json
import os

import pytest

from everstore.backends.memory import (
    InMemorySessionFileSystemFactory,
    InMemorySessionStorageStore,
    InMemorySessionStore,
)
from everstore.cli.app import run
from everstore.configuration import configure
from everstore.errors import BackendError, InvalidArgumentError, PathExistsError, UnsupportedError
from everstore.operating import back_up, look, restore


def told(_done: int, _total: int) -> None:
    """Nobody watches."""


def _files():
    return InMemorySessionFileSystemFactory()


def _storage():
    return InMemorySessionStorageStore()


def _sessions():
    return InMemorySessionStore()


@pytest.fixture
def acme(install_plugin):
    """Install a plugin that keeps everything, with these hooks besides."""

    def install(name: str = "acme", **hooks):
        install_plugin(
            name,
            everstore_file_system_factory=_files,
            everstore_storage_store=_storage,
            everstore_session_store=_sessions,
            **hooks,
        )

    return install


async def test_memory_has_nothing_to_back_up_or_restore(tmp_path):
    file = tmp_path / "copy"
    with pytest.raises(UnsupportedError, match="'memory' keeps nothing past its process"):
        await back_up(configure({}), file, told)
    assert not [*tmp_path.iterdir()]
    file.write_text("mine")
    with pytest.raises(UnsupportedError, match="'memory' offers no restoring"):
        await restore(configure({}), file, told)
    assert file.read_text() == "mine"
    assert await look(configure({}), deep=True) == {"memory": None}


async def test_a_plugin_without_the_hooks_is_refused_and_nothing_written(acme, tmp_path):
    acme()
    configuration = configure({"backend": "acme"})
    with pytest.raises(UnsupportedError, match="'acme' offers no backup; use the tools of its storage"):
        await back_up(configuration, tmp_path / "copy", told)
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UnsupportedError, match="'acme' offers no restoring"):
        await restore(configuration, tmp_path / "mine", told)
    assert not (tmp_path / "copy").exists()


def test_a_check_says_that_there_is_no_look(acme, monkeypatch, capsys):
    acme()
    monkeypatch.setenv("EVERSTORE_BACKEND", "acme")
    assert run(["check", "--json"]) == 0
    assert not [each for each in json.loads(capsys.readouterr().out) if "storage" in each["probe"]]
    assert run(["check", "--deep", "--json"]) == 0
    [first, *_] = json.loads(capsys.readouterr().out)
    assert (first["outcome"], first["reason"]) == ("not possible", "the plugin offers no look")


async def test_a_copy_is_there_whole_or_not_at_all(acme, tmp_path):
    file = tmp_path / "copy"

    def everstore_backup(target, progress):
        assert (target.stat().st_mode & 0o777, target.read_bytes()) == (0o600, b"")
        target.write_text("half")
        target.with_name(f"{target.name}-log").write_text("its log")
        progress(1, 2)
        if os.environ.get("EVERSTORE_TEST_FAILS"):
            raise OSError("no space")
        return ["done"]

    acme(everstore_backup=everstore_backup)
    configuration = configure({"backend": "acme"})
    with pytest.MonkeyPatch.context() as failing:
        failing.setenv("EVERSTORE_TEST_FAILS", "1")
        with pytest.raises(BackendError):
            await back_up(configuration, file, told)
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == []
    seen = []
    assert await back_up(configuration, file, lambda *step: seen.append(step)) == {"acme": ["done"]}
    assert (file.read_text(), file.stat().st_mode & 0o777, seen) == ("half", 0o600, [(1, 2)])
    with pytest.raises(PathExistsError, match="--overwrite"):
        await back_up(configuration, file, told)
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["copy"]


async def test_each_of_several_plugins_has_its_own_file(acme, tmp_path):
    acme("acme", everstore_backup=lambda target: [str(target.write_text("acme"))])
    acme("ocme", everstore_backup=lambda target: [str(target.write_text("ocme"))])
    configuration = configure({"backend": "acme", "storage": "ocme"})
    await back_up(configuration, tmp_path / "copy", told)
    files = {each.name: each.read_text() for each in tmp_path.iterdir() if each.is_file()}
    assert files == {"copy.acme": "acme", "copy.ocme": "ocme"}


async def test_nothing_is_restored_when_one_of_the_files_is_missing(acme, tmp_path):
    restored = []
    for name in ("acme", "ocme"):
        acme(name, everstore_restore=lambda source: restored.append(source) or [])
    (tmp_path / "copy.acme").write_text("x")
    configuration = configure({"backend": "acme", "storage": "ocme"})
    with pytest.raises(InvalidArgumentError, match=r"copy\.ocme"):
        await restore(configuration, tmp_path / "copy", told)
    assert restored == []
    (tmp_path / "copy.ocme").write_text("x")
    await restore(configuration, tmp_path / "copy", told)
    assert [source.name for source in restored] == ["copy.acme", "copy.ocme"]


async def test_what_a_look_finds_is_told_and_what_it_throws_is_a_finding(acme, tmp_path):
    def failing(deep):
        raise OSError(f"deep is {deep}")

    acme("acme", everstore_check=lambda deep: ["row 7"] if deep else [])
    acme("ocme", everstore_check=failing)
    configuration = configure({"backend": "acme", "storage": "ocme"})
    assert (await look(configuration, deep=False))["acme"] == []
    found = await look(configuration, deep=True)
    assert found["acme"] == ["row 7"]
    assert "OSError" in " ".join(found["ocme"] or ())
