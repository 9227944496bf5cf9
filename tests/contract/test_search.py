"""Contract §5: searching. (The engine itself is tested line by line in tests/test_search.py.)"""

from __future__ import annotations

import pytest

from everstore import InitialFile, errors

FILES = {
    "/src/main.py": "import os\n\ndef main():\n    return os.name\n",
    "/src/lib/util.py": "import re\r\nMAIN = 'main'\r\n",
    "/src/lib/data.json": '{"main": "lib/util.py"}',
    "/docs/a.md": "Main things\n\u2028not a new line\x0b\x0c\x85nor here\n\nlast main",
    "/docs/workspace.md": "",
    "/README": "read src/main.py\n",
    "/src-old/main.py": "gone\n",
}


@pytest.fixture
async def files(work):
    for path, text in FILES.items():
        await work.files.write_file(path, text)
    await work.files.write_file("/src/main.bin", "bWFpbg==", "base64")
    await work.files.create_directory("/src/empty.py")
    return work.files


async def places(coroutine):
    return [(match.path, match.line_number) for match in await coroutine]


# §5.1
async def test_a_pattern_is_a_literal_part_of_a_line(files):
    assert await places(files.grep_files("main")) == [
        *(("/README", 1), ("/docs/a.md", 4), ("/src/lib/data.json", 1)),
        *(("/src/lib/util.py", 2), ("/src/main.py", 3)),
    ]
    assert await places(files.grep_files("main.py")) == [("/README", 1)]
    assert await places(files.grep_files("main():")) == [("/src/main.py", 3)]
    assert await files.grep_files("main\n") == []
    assert await files.grep_files("ma.n") == []
    assert await files.grep_files("%") == []
    [match] = await files.grep_files("os.name")
    assert (match.path, match.line_number, match.line) == ("/src/main.py", 4, "    return os.name")
    assert (match.before, match.after) == ((), ())


async def test_the_empty_pattern_matches_every_line(files):
    counts = {
        "/README": 1,
        "/docs/a.md": 4,
        "/src-old/main.py": 1,
        "/src/lib/data.json": 1,
        "/src/lib/util.py": 2,
    }
    counts["/src/main.py"] = 4
    expected = [(path, number) for path, count in counts.items() for number in range(1, count + 1)]
    assert await places(files.grep_files("")) == expected
    assert await places(files.grep_files("", regex=True)) == expected
    assert await places(files.grep_files("", ignore_case=True)) == expected


async def test_matches_are_sorted_by_path_by_code_point_then_line(work):
    paths = sorted(
        f"/{name}" for name in ("b", "a", "a/", "A", "a-", "a.b", "é", "\uffff", "\U00010000", "10", "9")
    )
    paths.remove("/a/")
    paths[paths.index("/a")] = "/a/x"
    for path in reversed(paths):
        await work.files.write_file(path, "hit\nmiss\nhit\n")
    expected = [(path, number) for path in sorted(paths) for number in (1, 3)]
    assert await places(work.files.grep_files("hit")) == expected
    for limit in range(len(expected) + 2):
        assert await places(work.files.grep_files("hit", limit=limit)) == expected[:limit]


async def test_neighbours_come_with_a_match_when_asked(files):
    [match] = await files.grep_files("def", before=5, after=1)
    assert match.before == ("import os", "")
    assert match.after == ("    return os.name",)
    [match] = await files.grep_files("MAIN", before=1, after=1)
    assert (match.before, match.line, match.after) == (("import re",), "MAIN = 'main'", ())


async def test_capitals_do_not_count_when_asked(files):
    assert await places(files.grep_files("MAIN", ignore_case=True, path_pattern="lib")) == [
        *(("/src/lib/data.json", 1), ("/src/lib/util.py", 2)),
    ]
    assert await places(files.grep_files("^main", regex=True, ignore_case=True)) == [
        *(("/docs/a.md", 1), ("/src/lib/util.py", 2)),
    ]


@pytest.mark.parametrize("option", ["before", "after", "limit"])
async def test_counts_of_lines_are_whole_numbers(files, option):
    for wrong in (-1, 1.5, "1", True):
        with pytest.raises(errors.InvalidArgumentError):
            await files.grep_files("x", **{option: wrong})
    for option_that_counts in ("before", "after"):
        with pytest.raises(errors.InvalidArgumentError):
            await files.grep_files("x", **{option_that_counts: None})


# §5.2
async def test_only_a_newline_ends_a_line(files):
    matches = await files.grep_files("", "/docs/a.md")
    assert [match.line for match in matches] == [
        "Main things",
        "\u2028not a new line\x0b\x0c\x85nor here",
        "",
        "last main",
    ]
    assert [match.line_number for match in matches] == [1, 2, 3, 4]


async def test_one_carriage_return_before_it_is_no_part_of_the_line(work):
    await work.files.write_file("a", "one\r\ntwo\rstill two\r\r\nthree\r")
    lines = ["one", "two\rstill two\r", "three\r"]
    assert [match.line for match in await work.files.grep_files("")] == lines
    assert [match.line for match in await work.files.grep_files("o$", regex=True)] == []
    assert [match.line for match in await work.files.grep_files("e$", regex=True)] == ["one"]
    assert [line.text for line in (await work.files.read_lines("a")).lines] == lines


# §5.3
async def test_only_text_is_searched(files):
    assert await files.grep_files("main", "main.bin") == []
    assert await files.grep_files("bWFpbg", "main.bin") == []
    await files.write_file("/src/main.bin", "now main as text")
    assert await places(files.grep_files("main", "main.bin")) == [("/src/main.bin", 1)]


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("lib", ["/src/lib/data.json", "/src/lib/util.py"]),
        ("src/", ["/src/lib/data.json", "/src/lib/util.py", "/src/main.py"]),
        ("/src", ["/src-old/main.py", "/src/lib/data.json", "/src/lib/util.py", "/src/main.py"]),
        ("/workspace/src/lib", ["/src/lib/data.json", "/src/lib/util.py"]),
        ("workspace/src", []),
        ("/workspace", sorted(FILES)),
        (".py", ["/src-old/main.py", "/src/lib/util.py", "/src/main.py"]),
        ("SRC", []),
        ("", sorted(FILES)),
        ("*.py", ["/src-old/main.py", "/src/lib/util.py", "/src/main.py"]),
        ("src/*.py", ["/src/main.py"]),
        ("/workspace/src/*.py", ["/src/main.py"]),
        ("main.??", ["/src-old/main.py", "/src/main.py"]),
        ("[RS]*", ["/README"]),
    ],
)
async def test_a_path_pattern_selects_what_is_searched(files, pattern, paths):
    await files.write_file("/docs/workspace.md", "not empty")
    matches = await files.grep_files("", pattern)
    assert list(dict.fromkeys(match.path for match in matches)) == paths


# §5.4
async def test_a_wrong_regex_is_refused_before_anything_is_read(store, work, furnished, refused):
    for wrong in (
        "(",
        "[",
        "a{2,1}",
        "*",
        r"(?=a)",
        r"(?<!a)b",
        r"(a)\1",
        "\\",
        "(?z)a",
        r"\8",
    ):
        error = await refused(errors.InvalidPatternError, work.files.grep_files(wrong, regex=True), wrong)
        assert (error.code, error.pattern) == ("invalid_pattern", wrong)
        assert isinstance(error, ValueError)
        assert await work.files.grep_files(wrong, "no such path") == []
        with pytest.raises(errors.InvalidPatternError):
            await work.files.grep_files(wrong, "no such path", regex=True)
    for wrong in ("\ud800", None, 1, b"a"):
        await refused(errors.InvalidPatternError, work.files.grep_files(wrong), wrong)
        await refused(errors.InvalidPatternError, work.files.glob_files(wrong), wrong)
        if wrong is not None:
            await refused(errors.InvalidPatternError, work.files.grep_files("a", wrong), wrong)


async def test_a_regex_is_re2_syntax(files):
    assert await places(files.grep_files(r"^\s*(def|return)\b", regex=True)) == [
        ("/src/main.py", 3),
        ("/src/main.py", 4),
    ]
    assert await places(files.grep_files(r"^$", regex=True)) == [("/docs/a.md", 3), ("/src/main.py", 2)]
    assert await places(files.grep_files(r"\Aimport \pL+\z", regex=True)) == [
        ("/src/lib/util.py", 1),
        ("/src/main.py", 1),
    ]


async def test_patterns_that_ruin_other_engines_are_answered(work):
    await work.files.write_file("a", "a" * 5000 + "!\n" + "x" * 5000)
    for pattern in (r"(a+)+$", r"(a|aa)+$", r"(.*)*b", r"(a?){50}a{50}b", "(x+x+)+y"):
        assert await work.files.grep_files(pattern, regex=True) == []


# §5.5
@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("**", [*sorted([*FILES, "/src/main.bin"])]),
        ("*", [*sorted([*FILES, "/src/main.bin"])]),
        ("/*", ["/README"]),
        ("README", ["/README"]),
        ("readme", []),
        ("main.*", ["/src-old/main.py", "/src/main.bin", "/src/main.py"]),
        ("src/**", ["/src/lib/data.json", "/src/lib/util.py", "/src/main.bin", "/src/main.py"]),
        ("src/**/*.py", ["/src/lib/util.py", "/src/main.py"]),
        ("**/lib/*", ["/src/lib/data.json", "/src/lib/util.py"]),
        ("src/*", ["/src/main.bin", "/src/main.py"]),
        ("src?old/*", ["/src-old/main.py"]),
        ("src*/main.py", ["/src-old/main.py", "/src/main.py"]),
        ("/workspace/README", ["/README"]),
        ("/workspace/**/a.md", ["/docs/a.md"]),
        ("[!a-lR]*.md", ["/docs/workspace.md"]),
        ("src", []),
        ("empty.py", []),
        ("main", []),
        ("", []),
    ],
)
async def test_a_glob_selects_files(files, pattern, paths):
    infos = await files.glob_files(pattern)
    assert [info.path for info in infos] == paths
    for info in infos:
        assert info == (await files.read_file(info.path)).info()


# §5.6
async def test_lines_are_numbered_and_tell_whether_more_follow(work):
    file = await work.files.write_file("a", "1\n2\r\n\n4\n5")
    lines = ["1", "2", "", "4", "5"]
    for start in range(1, 8):
        for limit in (None, 0, 1, 2, 5, 100):
            answer = await work.files.read_lines("a", start, limit)
            end = None if limit is None else start - 1 + limit
            assert [(line.number, line.text) for line in answer.lines] == [*enumerate(lines, 1)][
                start - 1 : end
            ]
            assert answer.has_more == (end is not None and end < 5)
            assert (answer.path, answer.revision) == ("/a", file.revision)


async def test_lines_of_nothing(furnished, refused):
    files = furnished.files
    await files.write_file("blank", "")
    assert (await files.read_lines("blank")).lines == ()
    assert (await files.read_lines("blank")).has_more is False
    assert await files.read_lines("missing") is None
    assert await files.read_lines("kept") is None
    assert await files.read_lines("/") is None
    await refused(errors.InvalidContentError, files.read_lines("kept/below.bin"))
    for start in (0, None, "1", 1.0, True):
        await refused(errors.InvalidArgumentError, files.read_lines("kept.txt", start), start)
    for limit in (-1, "1", 1.0, True):
        await refused(errors.InvalidArgumentError, files.read_lines("kept.txt", 1, limit), limit)


async def test_a_search_of_a_read_only_file(work):
    await work.files.seed_initial_file(InitialFile("rules", "never\nalways\n", is_readonly=True))
    assert await places(work.files.grep_files("always")) == [("/rules", 2)]
    assert [info.is_readonly for info in await work.files.glob_files("rules")] == [True]
