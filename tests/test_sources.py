"""What configures a store: the environment that it is given, and the one file that is named."""

from __future__ import annotations

import os
import traceback
from collections import ChainMap
from pathlib import Path
from types import MappingProxyType

import pytest

import everstore
from everstore import errors
from everstore.configuration import configure

HIJACK = "file_system = 'sqlite'\nstorage = 'sqlite'\nsessions = 'sqlite'\nsecrets_keys = 'theirs:AAAA'\n"


async def refusal(**settings: object) -> str:
    """What opening says, in one line; nothing of what led there holds more."""
    with pytest.raises(errors.SettingsError) as caught:
        async with everstore.open_store(**settings):
            pass
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


async def backends(**settings: object) -> dict[str, str]:
    async with everstore.open_store(**settings) as store:
        return store.backends


@pytest.mark.parametrize("keywords", [{}, {"backend": "memory"}, {"environment": {}}])
@pytest.mark.parametrize("content", [HIJACK, "[[[", None], ids=["hijack", "broken", "endless"])
async def test_nothing_in_the_working_directory_is_read(in_empty_folder, content, keywords):
    for name in ("everstore.toml", ".env", "pyproject.toml"):
        if content is None:
            (in_empty_folder / name).symlink_to("/dev/zero")
        else:
            (in_empty_folder / name).write_text(content)
    if content == HIJACK:
        (in_empty_folder / ".env").write_text("EVERSTORE_BACKEND=sqlite\n")
        (in_empty_folder / "pyproject.toml").write_text(f"[tool.everstore]\n{HIJACK}")
    assert set((await backends(**keywords)).values()) == {"memory"}


@pytest.mark.parametrize("form", [str, Path])
async def test_a_file_is_read_that_a_keyword_names(tmp_path, form):
    file = tmp_path / "any.name"
    file.write_text("storage = 'nobody'\n")
    assert "'nobody'" in await refusal(config_file=form(file))


async def test_a_file_is_read_that_the_environment_names(tmp_path, monkeypatch):
    file = tmp_path / "any.name"
    file.write_text("storage = 'nobody'\n")
    assert "'nobody'" in await refusal(environment={"EVERSTORE_CONFIG_FILE": str(file)})
    monkeypatch.setenv("EVERSTORE_CONFIG_FILE", str(file))
    assert "'nobody'" in await refusal()
    assert set((await backends(environment={})).values()) == {"memory"}
    other = tmp_path / "other"
    other.write_text("")
    assert set((await backends(config_file=other)).values()) == {"memory"}


async def test_an_empty_name_in_the_environment_names_no_file(monkeypatch):
    monkeypatch.setenv("EVERSTORE_CONFIG_FILE", "")
    assert set((await backends()).values()) == {"memory"}


@pytest.mark.parametrize("nothing", ["", 3, b"x", ["x"]])
async def test_what_names_no_file_is_told(nothing):
    told = await refusal(config_file=nothing)
    assert told.startswith("EVERSTORE_CONFIG_FILE: ")
    assert "str or a Path" in told


def _huge(path: Path) -> None:
    path.write_text("#" * (1 << 20) + "\n")


UNREADABLE = {
    "missing": (lambda path: None, "No such file"),
    "directory": (Path.mkdir, "no regular file"),
    "endless": (lambda path: path.symlink_to("/dev/zero"), "no regular file"),
    "pipe": (os.mkfifo, "no regular file"),
    "loop": (lambda path: path.symlink_to(path), "symbolic link"),
    "huge": (_huge, "larger than 1 MiB"),
    "no TOML": (lambda path: path.write_text("backend = \n"), "line 1"),
    "no UTF-8": (lambda path: path.write_bytes(b"backend = '\xff'\n"), "not UTF-8 (byte 11)"),
    "UTF-16": (lambda path: path.write_text("backend = 'x'", encoding="utf-16"), "not UTF-8"),
    "deep": (lambda path: path.write_text("x = " + "[" * 100_000), "nested too deeply"),
    "twice": (lambda path: path.write_text("log_level = 'info'\nlog_level = 'off'\n"), "line 2"),
    "control characters": (lambda path: path.write_text("a = '\x00'\n"), "line 1"),
}


@pytest.mark.parametrize("case", UNREADABLE)
async def test_a_file_that_cannot_be_read_is_told_with_its_name(tmp_path, case):
    make, words = UNREADABLE[case]
    file = tmp_path / "the-file.toml"
    make(file)
    for settings in ({"config_file": file}, {"environment": {"EVERSTORE_CONFIG_FILE": str(file)}}):
        told = await refusal(**settings)
        assert str(file) in told
        assert words in told
        assert "EVERSTORE_CONFIG_FILE" in told


async def test_a_name_with_odd_characters_stays_in_one_line():
    for name in ("a\nb", "a\x00b", "\udc80", "x" * 5000):
        assert len(await refusal(config_file=name)) < 400


async def test_a_file_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    file = tmp_path / "secret.toml"
    file.write_text("")

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)  # a superuser may read everything
    assert "Permission denied" in await refusal(config_file=file)


async def test_a_byte_order_mark_is_accepted(tmp_path):
    file = tmp_path / "the.toml"
    file.write_bytes(b"\xef\xbb\xbfstorage = 'nobody'\r\n")
    assert "'nobody'" in await refusal(config_file=file)


async def test_an_error_in_a_file_shows_nothing_of_it(tmp_path):
    file = tmp_path / "the.toml"
    for text in (
        "secrets_keys = hunter2\n",
        "secrets_keys = 'hunter2\n",
        "[limits]\nfile_bytes = 'hunter2'\n",
    ):
        file.write_text(text)
        with pytest.raises(errors.SettingsError) as caught:
            configure({"config_file": file})
        assert "hunter2" not in str(caught.value)
        assert "hunter2" not in "".join(traceback.format_exception_only(caught.value))


async def test_a_mapping_takes_the_place_of_the_environment(monkeypatch):
    monkeypatch.setenv("EVERSTORE_BACKEND", "nobody")
    monkeypatch.setenv("EVERSTORE_BACKNED", "nobody")
    monkeypatch.setenv("EVERSTORE_LOG_LEVEL", "loud")
    for environment in ({}, {"PATH": "x"}, MappingProxyType({}), ChainMap({"EVERSTORE_BACKEND": "memory"})):
        assert set((await backends(environment=environment)).values()) == {"memory"}
    assert "'other'" in await refusal(environment={"EVERSTORE_BACKEND": "other"})
    assert "did you mean EVERSTORE_BACKEND" in await refusal(environment={"EVERSTORE_BACKNED": "memory"})


async def test_plugins_get_the_same_environment_and_their_settings_from_it(install_plugin, monkeypatch):
    from everstore.backends.memory import InMemorySessionStorageStore  # noqa: PLC0415 - for this plugin

    seen = []

    def storage(context):
        seen.append(dict(context.environment))
        return InMemorySessionStorageStore()

    install_plugin("looking", everstore_storage_store=storage)
    monkeypatch.setenv("EVERSTORE_STORAGE", "looking")
    monkeypatch.setenv("PGPASSWORD", "x")
    await backends(environment={"EVERSTORE_STORAGE": "looking", "A": "b"})
    assert seen.pop() == {"EVERSTORE_STORAGE": "looking", "A": "b"}
    await backends()
    assert seen.pop()["PGPASSWORD"] == "x"


@pytest.mark.parametrize(
    "environment",
    ["EVERSTORE_BACKEND=x", [("a", "b")], {"EVERSTORE_BACKEND": 3}, {b"A": "b"}, {"A": None}, 3],
)
async def test_what_is_no_environment_is_told(environment):
    assert (await refusal(environment=environment)).startswith("open_store(environment=...)")


async def test_one_name_in_two_spellings_must_not_disagree():
    both = {"EVERSTORE_LOG_LEVEL": "off", "everstore_log_level": "error"}
    told = await refusal(environment=both)
    assert "EVERSTORE_LOG_LEVEL and everstore_log_level" in told
    assert set((await backends(environment={**both, "everstore_log_level": "off"})).values()) == {"memory"}
