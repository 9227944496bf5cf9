"""A store without ``await`` in processes: forked ones, and those that end without closing it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from everstore import sync

HERE = Path(__file__).parent

FORKS = """
import json, os, signal, sys, threading, warnings
from everstore import new_session_id, sync
from everstore.errors import StoreContextError

warnings.simplefilter("ignore")
settings = json.loads(sys.argv[1])
session_id = new_session_id()

def refused(store):
    work = store.session(session_id)
    for call in (
        lambda: work.storage.increment_value("n"),
        lambda: work.files.write_file("a", "x"),
        lambda: store.create_session("child"),
        lambda: store.run(store.asynchronous.ping()),
        lambda: store.submit(store.asynchronous.ping()),
    ):
        try:
            call()
        except StoreContextError:
            continue
        sys.exit(1)
    store.close()

def be_child(store):
    signal.alarm(60)
    refused(store)
    try:
        with sync.open_store(**settings) as another:
            assert another.storage.increment_value(new_session_id(), "n") == 1
    except StoreContextError:
        assert settings["backend"] in {"sqlite", "lmdb"}

def fork(store, leave):
    child = os.fork()
    if not child:
        status = 1
        try:
            be_child(store)
            status = 7
        finally:
            leave(status)
    return child

def count(store):
    while not stop.is_set():
        counts.append(store.storage.increment_value(session_id, "n"))

stop, counts = threading.Event(), []
with sync.open_store(**settings) as store:
    threads = [threading.Thread(target=count, args=(store,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for leave in (os._exit, os._exit, sys.exit):
        _, status = os.waitpid(fork(store, leave), 0)
        assert os.waitstatus_to_exitcode(status) == 7, status
    stop.set()
    for thread in threads:
        thread.join()
    assert sorted(counts) == list(range(1, len(counts) + 1))
    assert store.storage.get_value(session_id, "n") == str(len(counts))
os.write(1, b"sound")
"""

FORGOTTEN = """
import json, sys, threading
from uuid import UUID
from everstore import sync

work = sync.open_store(**json.loads(sys.argv[1])).session(UUID(sys.argv[2]))

def count():
    for _ in range(5):
        work.storage.increment_value("n")

for _ in range(9):
    threading.Thread(target=count).start()
"""


@pytest.fixture
def ends(backend, tmp_path):
    """Run a program on the backend, which ends well; what it prints."""
    installed = tmp_path / "installed"
    if installed.exists():  # the process of its own finds the plugin of this test, too
        shutil.copy(HERE / "minimal.py", installed / "plugin_minimal_under_test.py")

    def run(program: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program, json.dumps({**backend, "log_level": "warning"}), *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "PYTHONPATH": str(installed)},
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


def test_a_forked_child_is_refused_and_its_end_is_not_felt(ends):
    assert ends(FORKS) == "sound"


def test_a_process_that_does_not_close_ends_and_loses_nothing(ends, backend, session_id):
    assert ends(FORGOTTEN, str(session_id)) == ""
    if backend["backend"] not in {"memory", "minimal"}:
        with sync.open_store(**backend) as store:
            assert store.storage.get_value(session_id, "n") == "45"
