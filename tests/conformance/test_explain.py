"""What a failing assertion saw, without pytest: in a process of its own, for here pytest rewrites."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from textwrap import dedent

import pytest

RUN = """
    import json, sys
    import everstore.conformance.assertions as assertions

    assertions.remember("conformance")  # a package of this name counts as part of the suite
    from conformance.checks import made
    from everstore.conformance.explain import explain

    told = {}
    for name in made.__all__:
        try:
            getattr(made, name)()
        except AssertionError as error:
            told[name] = explain(error)
    print(json.dumps(told))
"""

MADE = """
    import asyncio
    from types import SimpleNamespace

    from everstore.conformance.case import Mismatch
    from everstore.models import KeyInfo

    __all__ = [name for name in dir() if name.startswith("fails")]


    async def three():
        return 3


    def fails_equal():
        assert 1 + 1 == 3


    def fails_await():
        async def run():
            assert await three() == 4

        asyncio.run(run())


    def fails_is():
        assert [] is None


    def fails_in():
        assert 3 in [1, 2]


    def fails_less():
        assert 3 < 2


    def fails_not():
        assert not [1]


    def fails_plain():
        found = 0
        assert found


    def fails_with_reason():
        assert 1 == 2, "because"


    def fails_by_hand():
        raise AssertionError("by hand")


    def fails_long():
        assert "x" * 600 + "a" == "x" * 600 + "b"


    def fails_with_a_text():
        assert "b" in "an a"


    def fails_without_a_text():
        assert "a" not in "an a"


    def fails_in_a_chain():
        done, of = 3, [1]
        assert 0 < done < len(of)


    def fails_in_one_of_several():
        record = SimpleNamespace(is_readonly=False)
        assert record is None or record.is_readonly


    def fails_with_a_revision():
        one, other = (KeyInfo(version=version, created_ns=1, updated_ns=1, key="k") for version in (7, 8))
        assert one == other


    def fails_by_a_mismatch():
        raise Mismatch("one", "another", likely="a mistake")


    def fails_after_another():
        assert 1 == 1
        assert (2, 3) == (2, 4)


    __all__ = [name for name in dir() if name.startswith("fails")]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the package that is imported."""
    folder = tmp_path_factory.mktemp("explained")
    checks = folder / "conformance" / "checks"
    checks.mkdir(parents=True)
    (checks / "made.py").write_text(dedent(MADE))
    return folder


def run(folder):
    done = subprocess.run(
        [sys.executable, "-c", dedent(RUN)],
        capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": ""},
    )  # fmt: skip
    return {
        name: dict(zip(("expected", "got", "where", "likely", "field"), each, strict=True))
        for name, each in json.loads(done.stdout).items()
    }


@pytest.fixture(scope="module")
def told(folder):
    return run(folder)


@pytest.mark.parametrize(
    ("name", "expected", "got"),
    [
        ("fails_equal", "3", "2"),
        ("fails_await", "4", "3"),
        ("fails_is", "None", "[]"),
        ("fails_in", "one of [1, 2]", "3"),
        ("fails_less", "less than 2", "3"),
        ("fails_not", "not [1]", "[1]"),
        ("fails_plain", "found", "0"),
        ("fails_with_reason", "2", "1 (because)"),
        ("fails_by_hand", "the assertion to hold", "by hand"),
        ("fails_after_another", "(2, 4)", "(2, 3)"),
        ("fails_with_a_text", "a text with 'b'", "'an a'"),
        ("fails_without_a_text", "a text without 'a'", "'an a'"),
        ("fails_in_a_chain", "0 < done < len(of)", "done=3, of=[1]"),
        (
            "fails_in_one_of_several",
            "record is None or record.is_readonly",
            "record.is_readonly=False, record=namespace(is_readonly=False)",
        ),
        ("fails_with_a_revision", "('k').revision: '8'", "('k').revision: '7'"),
        ("fails_by_a_mismatch", "one", "another"),
    ],
)
def test_both_sides_of_an_assertion_are_told(told, name, expected, got):
    assert (told[name]["expected"], told[name]["got"]) == (expected, got)


def test_of_long_values_the_part_that_differs_is_told(told):
    long = told["fails_long"]
    assert long["expected"].startswith("...'xxx")
    assert long["expected"].endswith("xb' (of 601, differing from 600 on)")
    assert long["got"].endswith("xa' (of 601, differing from 600 on)")
    assert len(long["got"]) < 100


def test_the_line_of_the_check_is_told(told):
    lines = dedent(MADE).splitlines()
    at = lines.index("    assert 1 + 1 == 3") + 1
    assert told["fails_equal"]["where"] == f"made.py:{at}: 1 + 1 == 3"


def test_the_field_that_differs_says_what_is_likely(told):
    assert told["fails_with_a_revision"]["field"] == "revision"
    assert "leaves the revision as it was" in told["fails_with_a_revision"]["likely"]
    assert told["fails_by_a_mismatch"]["likely"] == "a mistake"
    assert told["fails_equal"]["likely"] is None


def test_what_was_rewritten_is_kept_until_the_source_changes(folder, told):
    made = folder / "conformance" / "checks" / "made.py"
    [kept] = made.parent.glob("__pycache__/made.*remembers.pyc")
    before = kept.stat()
    assert run(folder) == told
    assert kept.stat().st_ino == before.st_ino, "rewritten once more"
    changed, times = made.read_text().replace("assert 1 + 1 == 3", "assert 1 + 1 == 4"), made.stat()
    made.write_text(changed)
    os.utime(made, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert run(folder)["fails_equal"]["expected"] == "4"
    kept.write_bytes(b"something else")
    assert run(folder)["fails_equal"]["expected"] == "4"
