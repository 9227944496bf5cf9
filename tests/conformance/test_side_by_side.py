"""Checks that several processes run: what they find out is what one finds out."""

from __future__ import annotations

import json

import pytest

PLUGIN = """\
import os, signal
from everstore import hookimpl
from everstore.backends.memory import InMemorySessionStorageStore

calls = 0


class Storage(InMemorySessionStorageStore):
    async def set_value(self, *args, **options):
        global calls
        calls += 1
        print("set_value", calls, flush=True)
        if calls == 9:
            {then}
        return await super().set_value(*args, **options)


@hookimpl
async def everstore_storage_store():
    return Storage()
"""


@pytest.fixture
def report_of(everstore, in_empty_folder):
    """Run the command with these arguments on a backend; its status, output and report."""

    def run(name, *arguments):
        status, out, err = everstore(name, *arguments, "--json", "report.json")
        assert err.count("Traceback") == 0, err
        return status, out, json.loads((in_empty_folder / "report.json").read_text())

    return run


@pytest.fixture
def ninth(in_empty_folder):
    """A backend that does something at the ninth value that a process sets."""

    def write(then):
        (in_empty_folder / "ninth.py").write_text(PLUGIN.format(then=then))
        info = in_empty_folder / "ninth-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ninth\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[everstore]\nninth = ninth\n")
        return "ninth"

    return write


def outcomes(report):
    return [(check["id"], check["outcome"]) for check in report["checks"]]


def test_several_processes_tell_what_one_tells(report_of):
    status, _, alone = report_of("memory", "-k", "files.text or opening", "-j", 1)
    same, told, together = report_of("memory", "-k", "files.text or opening", "-j", 2)
    assert (same, outcomes(together)) == (status, outcomes(alone))
    assert len(alone["checks"]) > 20
    assert "core      files         18 passed\n" in told


def test_a_process_that_dies_has_failed_its_check_and_another_goes_on(report_of, ninth):
    name = ninth("os.kill(os.getpid(), signal.SIGKILL)")
    status, told, report = report_of(name, "-k", "values.delete or values.get", "-j", 2)
    assert status == 1
    assert "got       the process that ran the check died of SIGKILL" in told
    failed = [check["failure"]["got"] for check in report["checks"] if check["outcome"] == "failed"]
    assert {*failed} == {"the process that ran the check died of SIGKILL"}
    assert 0 < len(failed) < len(report["checks"])


def test_no_check_is_started_after_one_that_failed(report_of, ninth):
    status, _, report = report_of(ninth("raise ZeroDivisionError"), "-x", "-k", "values.", "-j", 2)
    assert status == 1
    assert [outcome for _, outcome in outcomes(report)].count("failed") == 1
    assert len(report["checks"]) < 100
