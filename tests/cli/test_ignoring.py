"""What .gitignore files leave of a tree is the same, however far ahead it is looked up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from everstore.cli.directories import ignoring
from everstore.cli.directories.local_directory import LocalDirectory
from everstore.cli.directories.walking import walk
from everstore.errors import InvalidArgumentError

FILES = {
    ".gitignore": "*.log\n/out/\n!kept.log\n",
    "a.txt": "",
    "a/x.log": "",
    "a/kept.log": "",
    "a/.gitignore": "!x.log\nb/*\n!b/seen/\n",
    "a/b/hidden.txt": "",
    "a/b/seen/.gitignore": "*.tmp\n",
    "a/b/seen/1.tmp": "",
    "a/b/seen/2.txt": "",
    "a/out/here.txt": "",
    "out/.gitignore": "!*\n",
    "out/gone.txt": "",
    "c/d/e/f/g.log": "",
    "c/d/e/f/h.txt": "",
    ".git/info/exclude": "h.txt\n",
    "i/j.txt": "",
}
LEFT = [
    *(".gitignore", "a.txt", "a/.gitignore", "a/b/seen/.gitignore", "a/b/seen/2.txt", "a/kept.log"),
    *("a/out/here.txt", "a/x.log", "i/j.txt"),
]


def listed(root: Path) -> list[str]:
    with LocalDirectory(root) as directory:
        return [found.path for found in walk(directory, lambda *_: None) if not found.is_directory]


@pytest.fixture
def tree(tmp_path) -> Path:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


@pytest.mark.parametrize("most", [0, 4, 8, 16, 20_000])
def test_what_is_left_is_the_same_however_much_is_looked_up_at_once(tree, monkeypatch, most):
    monkeypatch.setattr(ignoring, "_MOST_AHEAD", most)
    assert listed(tree) == LEFT
    monkeypatch.chdir(tree / "a")
    assert listed(Path()) == [path[2:] for path in LEFT if path.startswith("a/")]


def test_a_name_that_is_no_utf8_is_told_where_it_is(tree):
    Path(os.fsdecode(os.fsencode(tree / "a/b/seen") + b"/\xff")).mkdir()
    left_out = []
    with LocalDirectory(tree) as directory:
        found = [*walk(directory, lambda *told: left_out.append(told))]
    assert [each.path for each in found if not each.is_directory] == LEFT
    assert left_out == [("a/b/seen/\udcff", "refused: name is not UTF-8")]


def test_rules_far_below_that_are_no_file_are_not_waited_for(tree):
    os.mkfifo(tree / "c/d/e/f/.gitignore")
    with pytest.raises(InvalidArgumentError, match="nobody knows what it excludes"):
        listed(tree)


def test_the_rules_of_a_deep_tree_are_not_read_for_each_directory_in_it(tmp_path, monkeypatch):
    place = tmp_path
    for _ in range(60):
        place /= "d"
        place.mkdir()
        (place / ".gitignore").write_text("*.log\n")
    walks = []
    walked = ignoring.rignore.walk
    monkeypatch.setattr(
        ignoring.rignore, "walk", lambda *args, **options: walks.append(args) or walked(*args, **options)
    )
    assert len(listed(tmp_path)) == 60
    assert len(walks) == 1
