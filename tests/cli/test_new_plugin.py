"""``everstore new-plugin``: what it writes, and what it refuses. tests/proof installs and runs it."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from everstore.installing import pip_install


def test_it_writes_a_distribution_with_the_entry_point(cli, in_empty_folder):
    answer = cli("new-plugin", "book-shelf")
    root = in_empty_folder / "everstore-book-shelf"
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert (answer.status, answer.err) == (0, "")
    assert project["project"]["entry-points"]["everstore"] == {"book-shelf": "everstore_book_shelf.plugin"}
    assert f"{pip_install()} -e 'everstore-book-shelf[test]'" in answer.out
    modules = sorted((root / "src" / "everstore_book_shelf").glob("*.py"))
    assert [module.stem for module in modules] == ["__init__", "engine", "plugin"]
    assert (root / "LICENSE").read_text().startswith("MIT License\n")
    for module in (*modules, root / "tests" / "test_conformance.py"):
        compile(module.read_text(), module, "exec")


def test_its_settings_tell_what_is_not_there_yet_where_it_can_be(cli, in_empty_folder, monkeypatch):
    assert cli("new-plugin", "unmade-shelf").status == 0
    monkeypatch.syspath_prepend(str(in_empty_folder / "everstore-unmade-shelf" / "src"))
    settings = importlib.import_module("everstore_unmade_shelf.plugin").Settings
    assert settings().unmade() == Path("unmade-shelf.db")
    assert settings(path=in_empty_folder / "no" / "shelf.db").unmade() is None
    (in_empty_folder / "unmade-shelf.db").touch()
    assert settings().unmade() is None


def test_it_tells_in_json_what_it_wrote(cli, in_empty_folder):
    told = cli("new-plugin", "shelf", "--json").json
    assert (told["name"], told["directory"]) == ("shelf", "everstore-shelf")
    root = in_empty_folder / told["directory"]
    files = [str(each.relative_to(root)) for each in root.rglob("*") if each.is_file()]
    assert told["files"] == sorted(files)


def test_it_writes_where_it_is_told(cli, tmp_path):
    assert cli("new-plugin", "shelf", "--directory", tmp_path / "here").status == 0
    assert (tmp_path / "here" / "README.md").read_text().startswith("# everstore-shelf\n")


@pytest.mark.parametrize("name", ["Shelf", "1shelf", "my_shelf", "shelf-", "a--b", "../shelf", "class", ""])
def test_a_name_that_cannot_be_is_refused_and_nothing_written(cli, in_empty_folder, name):
    answer = cli("new-plugin", name)
    assert answer.status == 2
    assert answer.err.startswith("everstore: error: settings: ")
    assert list(in_empty_folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("class", "it is a keyword of Python"),
        ("memory", "a backend 'memory' is installed with everstore"),
        ("x" * 300, "cannot be written: File name too long"),
    ],
)
def test_a_refused_name_is_told_why_in_one_line(cli, in_empty_folder, name, said):
    answer = cli("new-plugin", name)
    assert (answer.status, len(answer.err.splitlines())) == (2, 1)
    assert said in answer.err
    assert list(in_empty_folder.iterdir()) == []


def test_nothing_is_overwritten(cli, in_empty_folder):
    kept = in_empty_folder / "everstore-shelf" / "mine.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    answer = cli("new-plugin", "shelf")
    assert (answer.status, len(answer.err.splitlines())) == (2, 1)
    assert list(kept.parent.iterdir()) == [kept]


def test_the_package_is_the_command(in_empty_folder):
    done = subprocess.run(
        [sys.executable, "-m", "everstore", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
