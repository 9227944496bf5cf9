"""A backend that hangs, wherever it does, costs its author no more than the time that was allowed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HANGS = {
    "a call": "await asyncio.Event().wait()",
    "a thread of the loop's": "await asyncio.to_thread(threading.Event().wait)",
    "a thread of its own": "threading.Thread(target=time.sleep, args=(99,)).start(); await asyncio.sleep(99)",
    "the loop": "time.sleep(1000)",
    "whoever is cancelled": "await self.stubborn()",
}

PLUGIN = """\
import asyncio, threading, time
from everstore import SessionStorageStore, hookimpl
from everstore.backends.memory import InMemorySessionStorageStore


class Storage(InMemorySessionStorageStore):
    async def stubborn(self):
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass

    async def set_value(self, *args, **options):
        {call}
        return await super().set_value(*args, **options)

    async def close(self):
        {close}


opened = 0


@hookimpl
async def everstore_storage_store():
    global opened
    opened += 1
    {opens}
    return Storage()
"""


@pytest.fixture
def prove(in_empty_folder):
    """Run one check on a backend that does this in set_value, and that when it is closed."""

    def run(*arguments, call="pass", close="pass", opens="pass", only_written=False):
        (in_empty_folder / "hanging.py").write_text(PLUGIN.format(call=call, close=close, opens=opens))
        info = in_empty_folder / "hanging-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hanging\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[everstore]\nhanging = hanging\n")
        if only_written:
            return None
        done = subprocess.run(
            [Path(sys.executable).with_name("everstore"), "conformance", "hanging", *arguments],
            capture_output=True, text=True, check=False, cwd=in_empty_folder, timeout=120,
            env={**os.environ, "PYTHONPATH": str(in_empty_folder)},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("hang", HANGS.values(), ids=HANGS.keys())
def test_a_call_that_hangs_is_ended_and_named(prove, hang):
    status, told = prove("--timeout", "3", "-k", "values.delete", call=hang)
    assert status == 1
    assert "none within 3 s; these calls wait: set_value(" in told
    assert "FAILED values.delete" in told


@pytest.mark.parametrize("hang", [HANGS["a call"], HANGS["the loop"]], ids=["a call", "the loop"])
def test_closing_that_hangs_is_ended(prove, hang):
    status, told = prove("--timeout", "3", "-k", "values.delete", close=hang)
    assert status == 4
    assert "backend 'hanging' was not opened and closed again within 3 s" in told


LATER = "await asyncio.sleep(99 if opened > 2 else 0)"


@pytest.mark.parametrize(("where", "named"), [("opens", "open_store()"), ("close", "close()")])
def test_what_hangs_while_a_check_opens_or_closes_is_named(prove, where, named):
    status, told = prove("--timeout", "3", "-x", "-k", "values.delete", **{where: LATER})
    assert status == 1
    assert f"none within 3 s; these calls wait: {named}" in told
    assert "likely    a call waits for what is never given back or done" in told


def test_pytest_does_not_wait_for_a_thread_that_hangs(prove, in_empty_folder):
    prove("-k", "values.delete", call=HANGS["a thread of its own"], only_written=True)
    (in_empty_folder / "test_hanging.py").write_text(
        "from everstore.conformance import Subject, pytest_suite\n"
        "def subject(directory):\n"
        "    return Subject({'backend': 'memory', 'storage': 'hanging'})\n"
        "TestConformance = pytest_suite(subject, timeout=3)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "values.delete and not condition", "test_hanging.py"],
        capture_output=True, text=True, check=False, cwd=in_empty_folder, timeout=60,
        env={**os.environ, "PYTHONPATH": str(in_empty_folder)},
    )  # fmt: skip
    assert done.returncode == 1
    assert "these calls wait: set_value(" in done.stdout
    assert "1 failed" in done.stdout


def test_the_first_failure_can_be_the_last(prove):
    broken = "raise ZeroDivisionError"
    _, told = prove("-x", "-k", "values", call=broken)
    assert told.count("\nFAILED ") == 1
    assert "1 failed" in told


def test_one_cause_is_told_once(prove):
    _, told = prove("-k", "values.", call="raise ZeroDivisionError")
    failed = int(re.findall(r"(\d+) failed", told)[-1])
    assert failed > 10
    assert told.count("\nFAILED ") < failed / 2
    assert "... and so fail " in told
