"""Which files a path pattern or a glob selects, and reading single lines of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import InvalidArgumentError, InvalidContentError, InvalidPatternError
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundFiles

_PATHS = [
    "/.hidden",
    "/README.md",
    "/a[1].txt",
    "/notes.txt",
    "/src/.cache/x.py",
    "/src/Main.py",
    "/src/deep/er/util.py",
    "/src/main.py",
    "/src/main_test.py",
    "/srcx/main.py",
    "/é.txt",
]


async def _some_files(case: Case) -> None:
    for path in _PATHS:
        await case.files.write_file(path, "text\n")
    await case.files.create_directory("empty.py")


_GLOBS: dict[str, tuple[str, list[str]]] = {
    "basename_at_any_depth": ("main.py", ["/src/main.py", "/srcx/main.py"]),
    "star_basename": ("*.txt", ["/a[1].txt", "/notes.txt", "/é.txt"]),
    "star_stays_in_segment": ("/src/*.py", ["/src/Main.py", "/src/main.py", "/src/main_test.py"]),
    "relative_is_anchored": ("src/*.py", ["/src/Main.py", "/src/main.py", "/src/main_test.py"]),
    "star_segment": ("/*/main.py", ["/src/main.py", "/srcx/main.py"]),
    "double_star_crosses": (
        "/src/**/*.py",
        ["/src/.cache/x.py", "/src/Main.py", "/src/deep/er/util.py", "/src/main.py", "/src/main_test.py"],
    ),
    "double_star_at_end": ("/src/deep/**", ["/src/deep/er/util.py"]),
    "double_star_first": ("**/util.py", ["/src/deep/er/util.py"]),
    "double_star_of_nothing": ("**/notes.txt", ["/notes.txt"]),
    "double_star_alone": ("**", _PATHS),
    "star_takes_hidden": ("/*", ["/.hidden", "/README.md", "/a[1].txt", "/notes.txt", "/é.txt"]),
    "question_mark": ("/?.txt", ["/é.txt"]),
    "question_mark_is_no_slash": ("/src?main.py", []),
    "class": ("/src/[Mm]ain.py", ["/src/Main.py", "/src/main.py"]),
    "class_range": ("[A-Z]*", ["/README.md", "/src/Main.py"]),
    "class_negated": ("/src/[!M]ain.py", ["/src/main.py"]),
    "class_of_bracket": ("a[[]1].txt", ["/a[1].txt"]),
    "case_counts": ("readme.*", []),
    "dot_is_a_dot": ("main?py", ["/src/main.py", "/srcx/main.py"]),
    "like_is_literal": ("m%n.py*", []),
    "underscore_is_literal": ("main_*.py", ["/src/main_test.py"]),
    "workspace_dropped": ("/workspace/src/main.*", ["/src/main.py"]),
    "nothing": ("*.zip", []),
}


@table(
    "search.glob.{row}",
    "5.5.1",
    "5.3.3",
    "5.3.4",
    rows=_GLOBS,
    likely="fnmatch, the database's GLOB or LIKE decides, where the contract's rules differ",
)
async def glob(case: Case, pattern: str, expected: list[str]) -> None:
    """glob_files answers with every file, and no directory, that the glob selects, sorted: {row}."""
    await _some_files(case)
    found = await case.files.glob_files(pattern)
    assert [info.path for info in found] == expected


@check("search.glob_answers_with_entries", "5.5.1", "3.6.4", likely="a glob answers with less than a listing")
async def glob_entries(case: Case) -> None:
    """What glob_files shows of a file is what reading it shows."""
    await _some_files(case)
    for info in await case.files.glob_files("**"):
        assert info == (await case.read(info.path)).info()


@table(
    "search.path_pattern.{row}",
    "5.3.2",
    "5.3.3",
    rows={
        "substring": ("main", ["/src/Main.py", "/src/main.py", "/src/main_test.py", "/srcx/main.py"][1:]),
        "directory": ("src/", [path for path in _PATHS if path.startswith("/src/")]),
        "leading_slash": ("/src", [path for path in _PATHS if path.startswith("/src")]),
        "inside": ("ep/er", ["/src/deep/er/util.py"]),
        "workspace_dropped": ("/workspace/src/", [path for path in _PATHS if path.startswith("/src/")]),
        "dot_is_a_dot": ("n.p", ["/src/Main.py", "/src/main.py", "/srcx/main.py"]),
        "underscore_is_literal": ("main_", ["/src/main_test.py"]),
        "percent_is_literal": ("%", []),
        "glob": ("*_test.py", ["/src/main_test.py"]),
        "glob_anchored": ("/srcx/*", ["/srcx/main.py"]),
        "nothing": ("missing", []),
        "empty": ("", _PATHS),
    },
    likely="the pattern goes unescaped into LIKE, or a substring is taken for a prefix",
)
async def path_pattern(case: Case, pattern: str, expected: list[str]) -> None:
    """A grep's path_pattern is a substring of the path or, with glob characters, a glob: {row}."""
    await _some_files(case)
    found = await case.files.grep_files("text", pattern)
    assert [match.path for match in found] == expected


@check("search.glob_follows", "5.5.1", likely="an index of paths is not kept up")
async def glob_follows(case: Case) -> None:
    """A glob sees moves and deletes at once, of whole trees too."""
    await _some_files(case)
    assert await case.files.glob_files("main*")
    await case.files.move_file("src", "lib")
    await case.files.delete_file("srcx", recursive=True)
    assert [info.path for info in await case.files.glob_files("main*")] == [
        "/lib/main.py",
        "/lib/main_test.py",
    ]


@check("search.refused_patterns", "5.4.1", likely="only regular expressions are validated")
async def refused_patterns(case: Case) -> None:
    """A lone surrogate in a literal, a glob or a path pattern is InvalidPatternError."""
    await case.files.write_file("a", "x")
    with refused(InvalidPatternError):
        await case.files.grep_files("\ud800")
    with refused(InvalidPatternError):
        await case.files.grep_files("x", "\ud800")
    with refused(InvalidPatternError):
        await case.files.glob_files("*\ud800")


@table(
    "search.read_lines.{row}",
    "5.6.1",
    rows={
        "all": (1, None, [1, 2, 3, 4, 5], False),
        "first": (1, 2, [1, 2], True),
        "middle": (2, 2, [2, 3], True),
        "last": (5, 1, [5], False),
        "to_the_end": (4, None, [4, 5], False),
        "exactly_all": (1, 5, [1, 2, 3, 4, 5], False),
        "beyond": (6, None, [], False),
        "far_beyond": (1000, 10, [], False),
        "none": (1, 0, [], True),
        "none_beyond": (6, 0, [], False),
    },
    likely="start or limit is off by one, or has_more is guessed",
)
async def read_lines(case: Case, start: int, most: int | None, numbers: list[int], more: object) -> None:
    """read_lines answers with lines from start, at most limit, and whether more follow: {row}."""
    written = await case.files.write_file("a", "l1\r\nl2\nl3\nl4\nl5\n")
    found = await case.files.read_lines("a", start, most)
    assert found is not None
    assert [(line.number, line.text) for line in found.lines] == [
        (number, f"l{number}") for number in numbers
    ]
    assert (found.has_more, found.path, found.revision) == (more, "/a", written.revision)


@table(
    "search.read_lines_follows.{row}",
    "5.6.1",
    "5.6.2",
    rows={
        "overwrite": (lambda files: files.write_file("d/a", "new"), "new"),
        "edit": (lambda files: files.edit_file("d/a", "old", "new"), "new"),
        "append": (lambda files: files.append_file("d/a", "er"), "older"),
        "seed": (lambda files: files.seed_initial_file(InitialFile("d/a", "new")), "new"),
        "content_matches": (
            lambda files: files.write_file_if_content_matches("d/a", "old", "text", "new", "text"),
            "new",
        ),
        "copied_onto": (lambda files: files.copy_file("other", "d/a", overwrite=True), "other"),
        "moved_onto": (lambda files: files.move_file("other", "d/a", overwrite=True), "other"),
        "tree_moved_away": (lambda files: files.move_file("d", "e"), None),
        "tree_deleted": (lambda files: files.delete_file("d", recursive=True), None),
    },
    likely="lines are kept beside the file, and not kept up",
)
async def read_lines_follow(
    case: Case, change: Callable[[BoundFiles], Awaitable[Any]], expected: str | None
) -> None:
    """read_lines sees every change at once, whatever it had read before: {row}."""
    await case.files.write_file("d/a", "old")
    await case.files.write_file("other", "other")
    before = await case.files.read_lines("d/a")
    assert before is not None
    await change(case.files)
    found = await case.files.read_lines("d/a")
    assert (found and [line.text for line in found.lines]) == (expected and [expected])
    there = await case.files.stat_file("d/a")
    assert (found and found.revision) == (there and there.revision)


@check("search.glob_order", "5.5.1", likely="paths come as a walk finds them, or sorted by UTF-16")
async def glob_order(case: Case) -> None:
    """What a glob selects is sorted by path by code point, across directories too."""
    paths = ["b", "a-b", "a/x", "a.b", "a0", "B", "\u00e9", "\uffff", "\U0001f600", "Z/z"]
    for path in paths:
        await case.files.write_file(path, "x")
    found = await case.files.glob_files("**")
    assert [info.path for info in found] == sorted(f"/{path}" for path in paths)


@check("search.read_lines_of_nothing", "5.6.2", likely="what has no lines is an error, or an empty file")
async def read_lines_of_nothing(case: Case) -> None:
    """A missing path or a directory has no lines (None); a file in base64 is InvalidContentError."""
    await case.files.write_file("d/a", "YWJj", "base64")
    for path in ("missing", "d", "/", "d/a/b"):
        assert await case.files.read_lines(path) is None
    with refused(InvalidContentError):
        await case.files.read_lines("d/a")


@table(
    "search.read_last_lines.{row}",
    "5.6.3",
    rows={
        "last": ("a\nb\nc\n", -1, None, ["c"], False),
        "last_without_end": ("a\nb\nc", -2, None, ["b", "c"], False),
        "more_than_there_are": ("a\nb\n", -20, None, ["a", "b"], False),
        "limited": ("a\nb\nc\nd\n", -3, 2, ["b", "c"], True),
        "none_of_them": ("a\nb\n", -1, 0, [], True),
        "crlf": ("a\r\nb\r\n", -1, None, ["b"], False),
        "empty_line": ("a\n\n", -1, None, [""], False),
        "of_nothing": ("", -5, None, [], False),
        "of_many": ("x\n" * 40_000 + "y\nz", -2, None, ["y", "z"], False),
    },
    likely="a negative start is a slice of characters, is one off, or its limit counts from the end",
    since="1.2",
)
async def read_last_lines(
    case: Case, text: str, start: int, most: int | None, shown: list[str], more: object
) -> None:
    """A negative start begins so many lines before the end, with all lines where there are fewer: {row}."""
    await case.files.write_file("a", text)
    found = await case.files.read_lines("a", start, most)
    assert found is not None
    assert [line.text for line in found.lines] == shown
    assert found.has_more is more
    everything = await case.files.read_lines("a")
    assert everything is not None
    first = max(0, len(everything.lines) + start)
    assert found.lines == everything.lines[first : first + len(shown)]


@check(
    "search.read_lines_from_0", "5.6.4", likely="0 is the first line, or the one behind the last", since="1.2"
)
async def read_lines_from_0(case: Case) -> None:
    """There is no line 0."""
    await case.files.write_file("a", "x")
    with refused(InvalidArgumentError):
        await case.files.read_lines("a", 0)


@check(
    "search.total_lines",
    "5.6.5",
    likely="only the lines that are shown are counted, or those that were there before",
    since="1.2",
)
async def total_lines(case: Case) -> None:
    """read_lines tells how many lines the file has, whatever it shows of them, and after every change."""
    for text, total in (
        ("", 0), ("\n", 1), ("a", 1), ("a\nb", 2), ("a\r\nb\r\n", 2), ("a\rb\u2028c", 1),
        ("x\n" * 30_000, 30_000), ("y\n" * 30_000 + "z", 30_001), ("z" * 60_000, 1),
    ):  # fmt: skip
        await case.files.write_file("a", text)
        for start, most in ((1, None), (1, 0), (2, 1), (-1, None), (50_000, 5)):
            found = await case.files.read_lines("a", start, most)
            assert found is not None
            assert found.total_lines == total
    await case.files.append_file("a", "\nmore\n")
    found = await case.files.read_lines("a", 1, 1)
    assert found is not None
    assert found.total_lines == 2
