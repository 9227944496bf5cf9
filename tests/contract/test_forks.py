"""Processes that are forked while a store is open: refused there, and not felt here.

In processes of their own, so that whatever hangs is ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAM = """
import asyncio, json, multiprocessing, os, signal, sys, warnings
import everstore
from everstore import new_session_id
from everstore.errors import StoreContextError

warnings.simplefilter("ignore")
kind, settings = sys.argv[1], json.loads(sys.argv[2])
session_id, counts, rounds = new_session_id(), [0] * 4, 3

async def refused(store):
    calls = [
        lambda: store.storage.increment_value(session_id, "n0"),
        lambda: store.file_system.write_file(session_id, "a", "x"),
        lambda: store.file_system.grep_files(session_id, "x"),
        lambda: store.sessions.get_session(session_id),
        lambda: store.create_session("child"),
    ]
    for call in calls:
        try:
            await call()
        except StoreContextError:
            continue
        sys.exit(1)
    await store.close()

async def another():
    try:
        async with everstore.open_store(**settings) as store:
            assert await store.storage.increment_value(new_session_id(), "n") == 1
    except StoreContextError:
        assert settings["backend"] in {"sqlite", "lmdb"}

def be_child(store):
    signal.alarm(60)
    asyncio.run(refused(store))
    asyncio.run(another())

def ended(child):
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7, status

async def count(store, number, until):
    while counts[number] < until:
        counts[number] += 1
        assert await store.storage.increment_value(session_id, f"n{number}") == counts[number]

def counting(store, until):
    return [asyncio.ensure_future(count(store, number, until)) for number in range(4)]

def fork_and_exit(store):
    child = os.fork()
    if not child:
        status = 1
        try:
            be_child(store)
            status = 7
        finally:
            os._exit(status)
    return child

def work(store):
    be_child(store)
    sys.exit(7)

async def inside():
    opening = everstore.open_store(**settings)
    async with opening as store:
        for number in range(1, rounds + 1):
            busy = counting(store, number * 50)
            await asyncio.sleep(0)
            if kind == "multiprocessing":
                child = multiprocessing.get_context("fork").Process(target=work, args=(store,))
                child.start()
                await asyncio.gather(*busy)
                await asyncio.to_thread(child.join)
                assert child.exitcode == 7, child.exitcode
            else:
                child = fork_and_exit(store)
                await asyncio.gather(*busy)
                await asyncio.to_thread(ended, child)
        assert counts == [rounds * 50] * 4

def outside():
    opening, stores = everstore.open_store(**settings), []

    async def begin():
        stores.append(await opening.__aenter__())
        await asyncio.gather(*counting(stores[0], 50))

    async def go_on(until):
        try:
            await asyncio.gather(*counting(stores[0], until))
        except StoreContextError:
            assert settings["backend"] == "postgres"

    asyncio.run(begin())
    for number in range(1, rounds + 1):
        child = os.fork()
        if not child:
            work(stores[0])
        ended(child)
        asyncio.run(go_on(number * 50 + 50))
    asyncio.run(opening.__aexit__(None, None, None))

outside() if kind == "exit" else asyncio.run(inside())
os.write(1, b"sound")
"""


@pytest.mark.parametrize("kind", ["_exit", "multiprocessing", "exit"])
async def test_a_forked_child_is_refused_and_its_end_is_not_felt(kind, backend, tmp_path):
    """From within a running loop and ended with ``os._exit``, or where none is open and ended in any way."""
    installed = tmp_path / "installed"
    if installed.exists():  # the process of its own finds the plugin of this test, too
        shutil.copy(HERE / "minimal.py", installed / "plugin_minimal_under_test.py")
    settings = json.dumps({**backend, "log_level": "off"})
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", PROGRAM, kind, settings],
        capture_output=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(installed)},
    )
    assert (done.returncode, done.stdout) == (0, b"sound"), done.stderr.decode()
