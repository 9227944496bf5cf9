"""The suite in an author's own tests: one class, all of it, with pytest's diffs and nothing left over."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from textwrap import dedent

import pytest

from everstore.conformance import Subject, all_checks, by_id, pytest_suite

AUTHOR = """
    from everstore.conformance import Subject, pytest_suite


    def subject(directory):
        return Subject({settings!r}, opener={opener!r})


    TestConformance = pytest_suite(subject, {options})
"""

OPENER = """
    from contextlib import asynccontextmanager

    from everstore import SessionFileSystem, open_store
    from everstore.middleware.base import assemble, verbs_of
    from everstore.store import Store


    @asynccontextmanager
    async def open_stripping(**settings):
        async with open_store(**settings) as store:
            files = store.file_system

            async def write_file(session_id, path, content, *rest, **options):
                return await files.write_file(session_id, path, content.strip(), *rest, **options)

            calls = {verb.name: getattr(files, verb.name) for verb in verbs_of(SessionFileSystem, "", "")}
            broken = assemble(SessionFileSystem, files, {**calls, "write_file": write_file})
            yield Store(broken, store.storage, store.sessions, store.backends, store.close)
"""


@pytest.fixture
def pytest_run(in_empty_folder):
    """Run pytest in a repository that has one file of tests; what it printed, and its status."""

    def run(*arguments, options='level="core"', settings=None, opener="everstore:open_store"):
        author = AUTHOR.format(settings=settings or {"backend": "memory"}, opener=opener, options=options)
        (in_empty_folder / "test_acme.py").write_text(dedent(author))
        (in_empty_folder / "stripping.py").write_text(dedent(OPENER))
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:asyncio",
                "-Werror",
                *arguments,
            ],
            capture_output=True,
            text=True,
            cwd=in_empty_folder,
            env={**os.environ, "PYTHONPATH": str(in_empty_folder)},
            check=False,
            timeout=300,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_one_line_brings_every_check_of_the_level(pytest_run):
    status, out = pytest_run("-q", "--collect-only")
    expected = [c.id for c in all_checks() if c.level == "core" and c.applies_to({"time_to_live", "forks"})]
    assert status == 0
    assert [one for one in expected if f"test_check[{one}]" not in out] == []
    assert out.count("::test_check[") == len(expected)
    assert "TestConformance::test_level" in out


def test_checks_pass_and_the_level_is_reached(pytest_run):
    status, out = pytest_run("-q", "-k", "files.text or test_level")
    assert status == 0, out
    assert "failed" not in out


def test_a_failure_has_pytests_diff_and_the_suites_words(pytest_run):
    status, out = pytest_run("-k", "files.text.crlf", opener="stripping:open_stripping")
    assert status == 1
    assert 'assert (found.content, found.encoding) == (content, "text")' in out
    assert "At index 0 diff: 'a\\r\\nb' != 'a\\r\\nb\\r\\n'" in out
    assert "files.text.crlf: Text is kept byte for byte: crlf (contract §3.3.1, §3.1.1)" in out
    assert "did: read_file(" in out
    assert "likely: the text is decoded, normalised, stripped or cut" in out
    assert "replay: everstore conformance memory --seed 0 -k files.text.crlf" in out


def test_a_known_failure_is_expected_to_fail_and_keeps_the_level_away(pytest_run):
    known = 'level="core", known_failures={"files.text.crlf": "a reason"}'
    status, out = pytest_run(
        "-rx", "-k", "files.text.crlf or test_level", options=known, opener="stripping:open_stripping"
    )
    assert status == 1
    assert "XFAIL test_acme.py::TestConformance::test_check[files.text.crlf] - a reason" in out
    assert "level 'core' is not reached with known failures" in out


def test_a_known_failure_that_passes_fails(pytest_run):
    known = 'level=None, known_failures={"files.text.crlf": "a reason"}'
    status, out = pytest_run("-k", "files.text.crlf or test_level", options=known)
    assert status == 1
    assert "files.text.crlf is a known failure, and passes: take it out of the list" in out
    assert "1 failed, 1 passed" in out


def test_a_known_failure_must_be_a_check(memory):
    with pytest.raises(ValueError, match=r"not part of this run: files.text.clrf"):
        pytest_suite(lambda _: memory, known_failures={"files.text.clrf": "misspelt"})
    with pytest.raises(ValueError, match=r"not part of this run"):
        pytest_suite(lambda _: memory, level="core", known_failures={"hostile.deep_tree": "is no core check"})


def test_a_level_that_the_capabilities_do_not_allow_is_not_reached(pytest_run):
    status, out = pytest_run("-k", "test_level", options='level="durable"')
    assert status == 1
    assert "level 'durable' takes" in out


def test_nothing_leaks_into_an_authors_own_tests(pytest_run):
    status, out = pytest_run("--fixtures", "-v")
    assert status == 0
    # By what they are called: the checkout's own path may have our name in it.
    brought = re.findall(r"^(?:plugins: |-+ fixtures defined from )(.+)", out, re.MULTILINE)
    assert any("hypothesis" in each for each in brought)
    assert not any("everstore" in each for each in brought)


def test_each_check_has_a_folder_of_its_own(tmp_path, pytestconfig):
    seen = []

    def subject(directory):
        seen.append(directory)
        return Subject({"backend": "memory"})

    suite = pytest_suite(subject, level="core")
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        suite().test_check(by_id("files.text.plain"), folder, pytestconfig)
    assert seen == [tmp_path / "one", tmp_path / "two"]
