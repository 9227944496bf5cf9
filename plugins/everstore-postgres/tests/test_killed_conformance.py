"""A run of the conformance suite that is ended from outside leaves nothing in the schema."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import everstore

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg

# Ctrl-C interrupts, as at a terminal: a shell starts background jobs with it ignored.
_MAIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from everstore.cli import main; main()"
)


def started(folder: Path, settings: dict[str, Any], expression: str, jobs: int = 1) -> subprocess.Popen[str]:
    """A run on the schema, which a settings file names; its notes are in a folder of ours."""
    file = folder / "named.toml"
    file.write_text(
        f"backend = 'postgres'\n[postgres]\nurl = '{settings['postgres_url']}'\n"
        f"schema_name = '{settings['postgres_schema_name']}'\npartitions = 2\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", _MAIN, "--config", str(file), "conformance", "postgres", "-k", expression,
         "-j", str(jobs)],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
    )  # fmt: skip


async def kept(database: asyncpg.Connection) -> int:
    """How many sessions have anything there."""
    return int(
        await database.fetchval(
            "SELECT count(*) FROM (SELECT session_id FROM files UNION SELECT session_id FROM entries"
            " UNION SELECT id FROM sessions) kept"
        )
    )


async def ended(run: subprocess.Popen[str], database: asyncpg.Connection, how: signal.Signals) -> None:
    """End it while it has something there."""
    async with asyncio.timeout(300):
        while not await kept(database):
            assert run.poll() is None, run.communicate()
            await asyncio.sleep(0.005)
    run.send_signal(how)
    await asyncio.to_thread(run.communicate)


@pytest.mark.parametrize(
    ("how", "jobs"), [(signal.SIGTERM, 3), (signal.SIGINT, 1), (signal.SIGINT, 3), (signal.SIGKILL, 1)]
)
async def test_a_run_that_is_ended_leaves_nothing(settings, database, tmp_path, how, jobs):
    async with everstore.open_store(**settings):
        pass
    run = started(tmp_path, settings, "tree or values", jobs)
    await ended(run, database, how)
    assert run.returncode != 0
    if how is signal.SIGKILL:
        again = started(tmp_path, settings, "tree.list")
        told, _ = await asyncio.to_thread(again.communicate)
        assert "that an earlier run left, which was killed" in told
    assert await kept(database) == 0
