"""Copies and imports that are killed: what was told is whole, and the rest is made anew."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

import everstore
from everstore import errors
from everstore.changes import Write
from everstore.transfer import copy_sessions, export_session, import_session
from everstore.transfer.items import MARK

if TYPE_CHECKING:
    from pathlib import Path

COPY = """
import asyncio, sys
import everstore
from everstore.transfer import copy_sessions

async def main(here, there):
    async with everstore.open_store(backend="sqlite", sqlite_path=here) as source:
        async with everstore.open_store(backend="sqlite", sqlite_path=there) as target:
            async for copied in copy_sessions(source, target):
                print(copied.session_id, copied.outcome, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""

IMPORT = """
import asyncio, os, signal, sys
import everstore
from everstore.transfer import import_session

async def main(there, archive):
    pieces = []

    def progress(more):
        pieces.append(more)
        if len(pieces) == 600:  # some of them are in the storage by then
            os.kill(os.getpid(), signal.SIGKILL)

    async with everstore.open_store(backend="sqlite", sqlite_path=there) as target:
        await import_session(target, archive, progress=progress)

asyncio.run(main(*sys.argv[1:]))
"""


async def started(program: str, *arguments: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *map(str, arguments), stdout=asyncio.subprocess.PIPE
    )


@pytest.mark.parametrize("lines", [0, 3])
async def test_a_copy_that_was_killed_goes_on(path, tmp_path, lines):
    there = tmp_path / "there.db"
    async with everstore.open_store(backend="sqlite", sqlite_path=path) as source:
        made = [await source.create_session(f"number {number}") for number in range(8)]
        for session in made:
            writes = [Write(f"{number}.txt", f"{session.id} {number}") for number in range(30)]
            await source.file_system.apply_changes(session.id, writes)
        child = await started(COPY, path, there)
        told = {str(await child.stdout.readline(), "ascii").split()[0] for _ in range(lines)}
        os.kill(child.pid, signal.SIGKILL)
        told |= {line.split()[0] for line in str(await child.stdout.read(), "ascii").splitlines()}
        await child.wait()
        async with everstore.open_store(backend="sqlite", sqlite_path=there) as target:
            outcomes = {str(each.session_id): each.outcome async for each in copy_sessions(source, target)}
            assert set(outcomes) == {str(session.id) for session in made}
            assert {outcomes[session_id] for session_id in told} <= {"same"}
            assert set(outcomes.values()) <= {"copied", "same"}
            for session in made:
                assert await target.sessions.get_session(session.id) == session
                assert (
                    await target.file_system.read_bytes(session.id, "29.txt") == f"{session.id} 29".encode()
                )
                assert (await target.usage(session.id)).files == 30
                assert (await target.usage(session.id)).values == 0


async def test_an_import_that_was_killed_is_done_again(opened, path, tmp_path):
    archive, there = tmp_path / "session.tar", tmp_path / "there.db"
    async with opened() as source:
        session = await source.create_session("to be moved")
        writes = [Write(f"{number:03}.txt", "text") for number in range(900)]
        await source.file_system.apply_changes(session.id, writes)
        await export_session(source, session.id, archive)
    child = await started(IMPORT, there, archive)
    assert await child.wait() == -signal.SIGKILL
    async with everstore.open_store(backend="sqlite", sqlite_path=there) as target:
        assert await target.sessions.get_session(session.id) is None
        assert await target.storage.stat_value(session.id, MARK) is not None
        assert (await target.usage(session.id)).files == 500
        await import_session(target, archive)
        assert await target.sessions.get_session(session.id) == session
        usage = await target.usage(session.id)
        assert (usage.files, usage.values) == (900, 0)
        with pytest.raises(errors.SessionNotEmptyError):
            await import_session(target, archive)
