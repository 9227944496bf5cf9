"""A run of the conformance suite that is ended from outside leaves nothing in the database."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# Ctrl-C interrupts, as at a terminal: a shell starts background jobs with it ignored.
_MAIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from everstore.cli import main; main()"
)


def started(
    folder: Path, path: Path, expression: str, jobs: int = 1, *, by_file: bool
) -> subprocess.Popen[str]:
    """A run on the database, which the environment or a file names; its notes are in a folder of ours."""
    environment = {**os.environ, "TMPDIR": str(folder)}
    options = []
    if by_file:
        file = folder / "named.toml"
        file.write_text(f"backend = 'sqlite'\n[sqlite]\npath = '{path}'\n")
        options = ["--config", str(file)]
        del environment["EVERSTORE_BACKEND"]
    else:
        environment["EVERSTORE_SQLITE_PATH"] = str(path)
    return subprocess.Popen(
        [sys.executable, "-c", _MAIN, *options, "conformance", "sqlite", "-k", expression,
         "-j", str(jobs)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
    )  # fmt: skip


def kept(path: Path) -> int:
    """How many sessions have anything in the database."""
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        try:
            [(count,)] = connection.execute(
                "SELECT count(*) FROM (SELECT session FROM entries UNION SELECT session FROM pairs"
                " UNION SELECT session FROM secrets UNION SELECT id FROM sessions)"
            )
        except sqlite3.OperationalError:  # no tables yet
            return 0
    return int(count)


def ended(run: subprocess.Popen[str], path: Path, how: signal.Signals) -> None:
    """End it while it has something in the database."""
    until = time.monotonic() + 60
    while not kept(path):
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < until
        time.sleep(0.005)
    run.send_signal(how)
    run.communicate(timeout=60)


@pytest.mark.parametrize("expression", ["trees or values", "shared or durable"])
@pytest.mark.parametrize("by_file", [False, True], ids=["environment", "file"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_nothing(tmp_path, path, how, by_file, expression):
    run = started(tmp_path, path, expression, by_file=by_file)
    ended(run, path, how)
    assert run.returncode != 0
    if how is signal.SIGKILL:
        again = started(tmp_path, path, "tree.list", by_file=by_file)
        told, _ = again.communicate(timeout=120)
        assert "that an earlier run left, which was killed" in told
    assert kept(path) == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_several_processes_that_are_ended_leave_nothing(tmp_path, path, how):
    run = started(tmp_path, path, "values", 3, by_file=False)
    ended(run, path, how)  # waits for all of them: what was killed is the one that started them
    assert run.returncode != 0
    folders = [*tmp_path.rglob(".everstore-conformance-*")]
    assert bool(folders) == (how is signal.SIGKILL)
    again = started(tmp_path, path, "tree.list", by_file=False)
    again.communicate(timeout=120)
    assert not [*tmp_path.rglob(".everstore-conformance-*")]
    assert kept(path) == 0
