"""The command line over several invocations: what one put, the next one reads."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

KEY = "tests:" + "QUJD" * 10 + "QUI="

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def everstore(path, monkeypatch) -> Callable[..., str]:
    """Run ``everstore ...`` in a process of its own; its output. It must succeed."""
    monkeypatch.setenv("EVERSTORE_SQLITE_PATH", str(path))

    def run(*arguments: str, text: str = "") -> str:
        command = [sys.executable, "-c", "from everstore.cli import main; main()", *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_what_one_invocation_puts_the_next_one_reads(everstore, monkeypatch, tmp_path):
    session = json.loads(everstore("session", "new", "--json"))["id"]
    monkeypatch.setenv("EVERSTORE_SESSION", session)
    (tmp_path / "notes.txt").write_text("first\nsecond\n")
    everstore("put", str(tmp_path / "notes.txt"), "docs/notes.txt")
    everstore("edit", "docs/notes.txt", "--old", "second", "--new", "changed")
    assert everstore("cat", "docs/notes.txt") == "first\nchanged\n"
    monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", KEY)
    everstore("secret", "set", "name", text="a secret")
    assert everstore("secret", "get", "name", "--reveal").strip() == "a secret"


def test_reading_makes_no_database(everstore, path, monkeypatch):
    assert json.loads(everstore("session", "ls", "--json"))["sessions"] == []
    assert [*path.parent.iterdir()] == []
    everstore("session", "new")
    assert len(json.loads(everstore("session", "ls", "--json"))["sessions"]) == 1


@pytest.mark.parametrize("is_link", [False, True])
def test_reading_makes_no_database_of_an_empty_file_or_of_a_link_to_none(here, path, is_link):
    path.symlink_to(path.with_name("elsewhere.db")) if is_link else path.touch()
    assert json.loads(here("session", "ls", "--json").stdout)["sessions"] == []
    assert [*path.parent.iterdir()] == [path]
    assert is_link or not path.stat().st_size
    assert here("session", "new").returncode == 0
    assert len(json.loads(here("session", "ls", "--json").stdout)["sessions"]) == 1


def test_what_is_left_of_a_database_is_not_taken_for_nothing(everstore, path):
    path.with_name(f"{path.name}-wal").write_bytes(b"what was acknowledged")
    with pytest.raises(AssertionError, match="is there without its database"):
        everstore("session", "ls")
