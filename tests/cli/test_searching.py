"""grep, glob and edit."""

from __future__ import annotations

import json

import pytest

TEXT = b"one\ntwo fish\nthree\nfour FISH\nfive\nsix\nseven fish\neight\n"


@pytest.fixture(autouse=True)
def _files(session, cli):
    cli("put", "-", "a/rhyme.txt", stdin=TEXT)
    cli("put", "-", "b.md", stdin=b"no [fish]\n")
    cli("put", "-", "c.bin", stdin=b"fish \xff")


def test_grep_prints_path_number_and_line(cli):
    answer = cli("grep", "fish")
    assert answer == (0, b"/a/rhyme.txt:2:two fish\n/a/rhyme.txt:7:seven fish\n/b.md:1:no [fish]\n", "")


def test_grep_for_a_terminal_is_in_colours(cli, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = cli("grep", "[fish]").out
    assert "\x1b[35m/b.md\x1b[0m" in out
    assert "no [fish]" in out


def test_grep_in_json_has_all_a_match_has(cli):
    [match] = cli("grep", "three", "--json", "-B", "1", "-A", "2").json
    assert match == {
        "path": "/a/rhyme.txt",
        "line_number": 3,
        "line": "three",
        "before": ["two fish"],
        "after": ["four FISH", "five"],
    }


def test_grep_without_a_match_is_status_1_and_silent(cli):
    assert cli("grep", "whale") == (1, b"", "")
    answer = cli("grep", "whale", "--json")
    assert (answer.status, answer.json) == (1, [])


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["-i", "FISH", "a"], ["2", "4", "7"]),
        (["-E", "^(one|six)$"], ["1", "6"]),
        (["fish", "*.md"], ["1"]),
        (["-m", "2", "fish"], ["2", "7"]),
        (["[fish]"], ["1"]),
    ],
)
def test_grep_heeds_its_options(cli, arguments, lines):
    assert [line.split(":")[1] for line in cli("grep", *arguments).out.splitlines()] == lines


def test_grep_shows_each_line_of_context_once_and_marks_gaps(cli):
    assert cli("grep", "-i", "-C", "1", "fish", "rhyme").out.splitlines() == [
        "/a/rhyme.txt-1-one",
        "/a/rhyme.txt:2:two fish",
        "/a/rhyme.txt-3-three",
        "/a/rhyme.txt:4:four FISH",
        "/a/rhyme.txt-5-five",
        "/a/rhyme.txt-6-six",
        "/a/rhyme.txt:7:seven fish",
        "/a/rhyme.txt-8-eight",
    ]
    assert cli("grep", "-A", "1", "fish").out.splitlines() == [
        "/a/rhyme.txt:2:two fish",
        "/a/rhyme.txt-3-three",
        "--",
        "/a/rhyme.txt:7:seven fish",
        "/a/rhyme.txt-8-eight",
        "--",
        "/b.md:1:no [fish]",
    ]


def test_grep_says_what_is_wrong_with_an_expression(cli):
    answer = cli("grep", "-E", "(")
    assert answer.status == 2
    assert answer.err.startswith("everstore: error: invalid_pattern: not a regular expression in RE2 syntax")


def test_a_pattern_that_is_not_utf8_is_told_in_a_sentence(cli):
    for command in ("grep", "glob"):
        answer = cli(command, "\udcff")
        assert (answer.status, answer.err.count("\n")) == (2, 1)
        assert answer.err.endswith(" is not UTF-8\n")


def test_grep_takes_a_pattern_that_looks_like_an_option(cli):
    cli("put", "-", "d.txt", stdin=b"a -x b\n")
    assert cli("grep", "--", "-x").out == "/d.txt:1:a -x b\n"


def test_grep_hands_long_lines_on_whole(cli):
    long = "word " * 500 + "needle"
    cli("put", "-", "long.txt", stdin=long.encode())
    assert cli("grep", "needle").out == f"/long.txt:1:{long}\n"


def test_glob_prints_a_path_a_line(cli):
    assert cli("glob", "*.*") == (0, b"/a/rhyme.txt\n/b.md\n/c.bin\n", "")
    assert [info["path"] for info in cli("glob", "*.md", "--json").json] == ["/b.md"]
    assert cli("glob", "*.rs") == (1, b"", "")
    assert cli("glob", "*.rs", "--json").json == []


def test_edit_replaces_what_is_there_once(cli):
    assert cli("edit", "b.md", "--old", "[fish]", "--new", "fowl").out.startswith("/b.md  8 B  revision ")
    assert cli("cat", "b.md").bytes == b"no fowl\n"
    assert cli("edit", "b.md", "--old", "fowl", "--new", "", "--json").json["size_bytes"] == 4


def test_edit_with_all_replaces_it_everywhere(cli):
    ambiguous = cli("edit", "a/rhyme.txt", "--old", "fish", "--new", "bird")
    assert (ambiguous.status, "edit_failed" in ambiguous.err) == (3, True)
    assert cli("edit", "a/rhyme.txt", "--old", "fish", "--new", "bird", "--all").status == 0
    assert cli("cat", "a/rhyme.txt").bytes == TEXT.replace(b"fish", b"bird")


def test_edit_takes_texts_of_several_lines_from_files_and_stdin(cli, in_empty_folder):
    (in_empty_folder / "old").write_bytes(b"five\nsix\n")
    answer = cli("edit", "a/rhyme.txt", "--old-file", "old", "--new-file", "-", stdin=b"5\r\n6\n")
    assert answer.status == 0
    assert cli("cat", "a/rhyme.txt").bytes == TEXT.replace(b"five\nsix\n", b"5\r\n6\n")


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["b.md", "--old", "absent", "--new", "x"], 1, "edit_failed"),
        (["nothing", "--old", "a", "--new", "x"], 1, "path_not_found"),
        (["a", "--old", "a", "--new", "x"], 3, "path_is_directory"),
        (["c.bin", "--old", "a", "--new", "x"], 2, "invalid_content"),
        (["b.md", "--old", "", "--new", "x"], 2, "invalid_content"),
        (["b.md", "--old", "no"], 2, "invalid_argument"),
        (["b.md", "--new", "no"], 2, "invalid_argument"),
        (["b.md", "--old", "no", "--old-file", "-", "--new", "x"], 2, "invalid_argument"),
        (["b.md", "--old-file", "-", "--new-file", "-"], 2, "invalid_argument"),
    ],
)
def test_edit_that_cannot_be_made_changes_nothing(cli, arguments, status, code):
    answer = cli("edit", *arguments)
    assert answer.status == status
    assert answer.err.startswith(f"everstore: error: {code}: ")
    assert cli("cat", "b.md").bytes == b"no [fish]\n"


def test_grep_says_when_it_cut(cli, session):
    cli("put", "-", "a.txt", stdin=b"line\n" * 3)
    answer = cli("grep", "line", "-m", "2")
    assert (answer.status, answer.out.count("\n")) == (0, 2)
    assert answer.err == "everstore: note: there are more than 2 matches; a larger --limit shows them\n"
    assert cli("grep", "line", "-m", "3").err == ""
    cut = cli("grep", "line", "-m", "1", "--json")
    assert len(cut.json) == 1
    assert json.loads(cut.err)["note"].startswith("there are more than 1 match;")
    assert cli("grep", "none", "-m", "1").err == ""
