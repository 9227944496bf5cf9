"""backup and restore as commands, on plugins that are as small as the hooks allow."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from everstore.backends.memory import (
    InMemorySessionFileSystemFactory,
    InMemorySessionStorageStore,
    InMemorySessionStore,
)
from everstore.errors import UnsupportedError


def _files():
    return InMemorySessionFileSystemFactory()


def _storage():
    return InMemorySessionStorageStore()


def _sessions():
    return InMemorySessionStore()


@pytest.fixture
def plugin(install_plugin, in_empty_folder, monkeypatch):
    """Install a plugin for every role with these hooks besides, and configure it."""

    def install(name: str, variable: str = "EVERSTORE_BACKEND", **hooks):
        install_plugin(
            name,
            everstore_file_system_factory=_files,
            everstore_storage_store=_storage,
            everstore_session_store=_sessions,
            **hooks,
        )
        monkeypatch.setenv(variable, name)

    return install


def _written(text: str):
    """A backup hook that writes this text, and tells how far it is."""

    def everstore_backup(target, progress):
        progress(0, len(text))
        target.write_text(text)
        progress(len(text), len(text))
        return [f"{len(text)} rows copied", "and checked"]

    return everstore_backup


def names_in(folder) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@pytest.mark.parametrize(
    "command",
    [("backup", "-"), ("restore", "-"), ("get", "notes.txt", "-"), ("conformance", "memory", "--json", "-")],
)
def test_no_file_is_named_as_the_streams_are(cli, kept, session, in_empty_folder, command):
    answer = cli(*command)
    assert (answer.status, answer.out, names_in(in_empty_folder)) == (2, "", [])
    assert "'-' is no " in answer.err


def test_a_backup_tells_what_was_done_and_is_put_back(cli, plugin, in_empty_folder):
    restored = []

    def everstore_restore(source, progress):
        restored.append(source.read_text())
        progress(1, 1)
        return ["put back"]

    plugin("acme", everstore_backup=_written("rows"), everstore_restore=everstore_restore)
    answer = cli("backup", "copy")
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.splitlines() == ["acme: 4 rows copied", "acme: and checked"]
    answer = cli("restore", "copy")
    assert (answer.status, answer.out, answer.err, restored) == (0, "acme: put back\n", "", ["rows"])
    assert cli("restore", "copy", "--json").json == {"acme": ["put back"]}
    assert names_in(in_empty_folder) == ["copy"]


def test_a_backup_replaces_a_file_only_when_it_is_told_to(cli, plugin, in_empty_folder):
    plugin("acme", everstore_backup=_written("new"))
    file = in_empty_folder / "copy"
    file.write_text("old")
    answer = cli("backup", "copy")
    assert (answer.status, answer.out) == (3, "")
    assert "path_exists" in answer.err
    assert "--overwrite replaces it" in answer.err
    assert file.read_text() == "old"
    assert cli("backup", "copy", "--overwrite", "--json").json == {"acme": ["3 rows copied", "and checked"]}
    assert (file.read_text(), names_in(in_empty_folder)) == ("new", ["copy"])


def test_several_backends_have_a_file_each_and_memory_has_nothing(cli, plugin, in_empty_folder, monkeypatch):
    plugin("acme", everstore_backup=_written("rows"))
    monkeypatch.setenv("EVERSTORE_SESSIONS", "memory")
    answer = cli("backup", "copy")
    assert answer.status == 0
    assert answer.out.splitlines()[-1] == "memory: has nothing to back up"
    assert cli("backup", "other", "--json").json["memory"] is None
    assert names_in(in_empty_folder) == ["copy.acme", "other.acme"]


def test_those_that_can_be_backed_up_are_and_the_others_are_named(cli, plugin, in_empty_folder):
    plugin("acme", everstore_backup=_written("rows"))
    plugin("ocme", "EVERSTORE_STORAGE")
    answer = cli("backup", "copy")
    assert (answer.status, answer.out) == (3, "")
    assert "'ocme' offers no backup" in answer.err
    assert "what 'acme' keeps was backed up" in answer.err
    assert names_in(in_empty_folder) == ["copy.acme"]


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("nowhere/copy", "its folder must exist"),
        ("n" * 300, "cannot be written: File name too long"),
        ("m" * 250, "cannot be written: File name too long"),  # with what a draft's name has besides
        ("folder", "is there, and no file"),
        ("pipe", "is there, and no file"),
        ("dangling", "is there, and no file"),
    ],
)
def test_a_place_that_takes_no_file_is_refused(cli, plugin, in_empty_folder, file, says):
    plugin("acme", everstore_backup=_written("rows"))
    (in_empty_folder / "folder").mkdir()
    os.mkfifo(in_empty_folder / "pipe")
    (in_empty_folder / "dangling").symlink_to("nothing")
    for options in ([], ["--overwrite"]):
        answer = cli("backup", file, *options)
        assert (answer.status, answer.out, answer.err.count("\n")) == (2, "", 1)
        assert says in answer.err
    assert names_in(in_empty_folder) == ["dangling", "folder", "pipe"]


def test_a_file_that_came_meanwhile_stays(cli, plugin, in_empty_folder):
    def everstore_backup(target, place):
        target.write_text("rows")
        place.write_text("somebody else's")
        return []

    plugin("acme", everstore_backup=everstore_backup)
    answer = cli("backup", "copy")
    assert answer.status == 3
    assert "it exists already" in answer.err
    assert (in_empty_folder / "copy").read_text() == "somebody else's"
    assert names_in(in_empty_folder) == ["copy"]


@pytest.mark.parametrize("comes_meanwhile", [False, True])
def test_a_file_system_without_links_takes_a_copy_too(
    cli, plugin, in_empty_folder, monkeypatch, comes_meanwhile
):
    def linkless(*_args, **_kwargs):
        raise PermissionError("no links here")

    def everstore_backup(target, place):
        target.write_text("rows")
        if comes_meanwhile:
            place.write_text("somebody else's")
        return []

    plugin("acme", everstore_backup=everstore_backup)
    monkeypatch.setattr(os, "link", linkless)
    assert cli("backup", "copy").status == (3 if comes_meanwhile else 0)
    assert (in_empty_folder / "copy").read_text() == ("somebody else's" if comes_meanwhile else "rows")
    assert names_in(in_empty_folder) == ["copy"]


def test_a_hook_that_fails_leaves_nothing(cli, plugin, in_empty_folder):
    def everstore_backup(target):
        target.write_text("half")
        raise OSError("hunter2")

    plugin("acme", everstore_backup=everstore_backup)
    answer = cli("backup", "copy")
    assert (answer.status, answer.out, answer.err.count("\n")) == (4, "", 1)
    assert "OSError" in answer.err
    assert names_in(in_empty_folder) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_backup_after_it_cleaned_up(cli, plugin, in_empty_folder, ending):
    cleaned = []

    async def everstore_backup(target):
        target.write_text("half")
        os.kill(os.getpid(), ending)
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            cleaned.append(target.name)

    plugin("acme", everstore_backup=everstore_backup)
    answer = cli("backup", "copy")
    assert (answer.status, answer.out, len(cleaned)) == (128 + ending, "", 1)
    assert names_in(in_empty_folder) == []


def test_a_cancellation_from_within_ends_a_restore_as_ctrl_c_does(cli, plugin, in_empty_folder):
    async def everstore_restore(source):
        raise asyncio.CancelledError

    plugin("acme", everstore_restore=everstore_restore)
    (in_empty_folder / "copy").write_text("rows")
    answer = cli("restore", "copy")
    assert (answer.status, answer.out) == (130, "")


def test_a_restore_needs_every_file_and_a_plugin_that_can(cli, plugin):
    plugin("acme", everstore_restore=lambda source: [])
    answer = cli("restore", "copy")
    assert answer.status == 2
    assert "there is no file 'copy' to restore what 'acme' keeps from" in answer.err
    plugin("ocme")
    answer = cli("restore", "copy")
    assert answer.status == 3
    assert "'ocme' offers no restoring" in answer.err


def test_a_plugin_that_declines_says_what_to_use_and_the_others_are_copied(cli, plugin, in_empty_folder):
    def everstore_backup():
        raise UnsupportedError("use pg_dump")

    plugin("acme", everstore_backup=everstore_backup)
    plugin("ocme", "EVERSTORE_STORAGE", everstore_backup=_written("rows"))
    answer = cli("backup", "copy")
    assert (answer.status, answer.out) == (3, "")
    assert "use pg_dump; what 'ocme' keeps was backed up" in answer.err
    assert names_in(in_empty_folder) == ["copy.ocme"]
