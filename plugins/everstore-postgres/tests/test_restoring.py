"""A database that was restored from a dump, by the programs that operators use."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import server

import everstore
from everstore import errors

if TYPE_CHECKING:
    from pathlib import Path


def commands(schema: str) -> tuple[list[str], list[str]]:
    """What an operator is told to do for a backup, and to restore it."""
    told = subprocess.run(
        [sys.executable, "-m", "everstore", "backup", "FILE"],
        env={
            **os.environ,
            "EVERSTORE_BACKEND": "postgres",
            "EVERSTORE_POSTGRES_URL": "postgresql://nowhere",
            "EVERSTORE_POSTGRES_SCHEMA_NAME": schema,
        },
        capture_output=True,
        text=True,
        check=False,
    ).stderr
    backup, restore = re.findall(r"'((?:pg_dump|psql) .*? URL)'", told)
    return shlex.split(backup), shlex.split(restore)


def run(command: list[str], url: str, file: Path) -> None:
    words = [word.replace("FILE", str(file)) if word.startswith("--file=") else word for word in command]
    words = [url if word == "URL" else word for word in words]
    subprocess.run([server.PROGRAMS / words[0], *words[1:]], check=True, capture_output=True)


async def given_out(store, session_id) -> dict[str, str]:
    """A revision of each kind, for the same places every time."""
    work = store.session(session_id)
    found = {"file": (await work.files.write_file("a", "x")).revision}
    found["edited"] = (await work.files.edit_file("a", "x", "y")).revision
    found["new"] = (await work.files.append_file("new", "x")).revision
    found["copy"] = (await work.files.copy_file("a", "copy", overwrite=True)).revision
    found["moved"] = (await work.files.move_file("new", "copy", overwrite=True)).revision
    await work.storage.set_value("k", "x")
    await work.storage.increment_value("n")
    await work.storage.set_secret("s", "x")
    for info in await work.storage.list_keys():
        found[info.key] = info.revision
    [secret] = await work.storage.list_secrets()
    return {**found, "secret": secret.revision}


@pytest.mark.parametrize("indexed", [False, True])
async def test_no_revision_of_the_time_that_was_lost_comes_back(own_settings, tmp_path: Path, indexed):
    own_settings["postgres_search_index"] = indexed
    url, schema = own_settings["postgres_url"], own_settings["postgres_schema_name"]
    session_id, dump = everstore.new_session_id(), tmp_path / "dump"
    backup, restore = commands(schema)
    large = "large " * 20_000
    async with everstore.open_store(**own_settings) as store:
        await given_out(store, session_id)
        await store.file_system.write_file(session_id, "/large", large)
        await store.file_system.copy_file(session_id, "/large", "/shared")
        run(backup, url, dump)
        await store.file_system.append_file(session_id, "/shared", "lost")
        lost = [await given_out(store, session_id) for _ in range(5)]
    run(restore, url, dump)
    async with everstore.open_store(**own_settings) as store:
        work = store.session(session_id)
        assert (await work.files.read_file("a")).content == "y"
        await work.files.write_file("new", large + "new")
        for path in ("large", "shared"):
            assert (await work.files.read_file(path)).content == large
        again = [await given_out(store, session_id) for _ in range(5)]
        for place in again[0]:
            assert {each[place] for each in lost} & {each[place] for each in again} == set()
        for each in lost:
            for revision in (each["file"], each["edited"]):
                with pytest.raises(errors.RevisionConflictError):
                    await work.files.write_file("a", "lost", if_revision=revision)
            with pytest.raises(errors.RevisionConflictError):
                await work.storage.set_value("k", "lost", if_revision=each["k"])
