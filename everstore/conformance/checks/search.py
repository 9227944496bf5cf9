"""Searching the lines of files."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import InvalidPatternError
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.models import GrepMatch
    from everstore.session import BoundFiles

Numbered = list[tuple[int, str]]


def _numbered(matches: list[GrepMatch]) -> Numbered:
    return [(match.line_number, match.line) for match in matches]


def _placed(matches: list[GrepMatch]) -> list[tuple[str, int]]:
    return [(match.path, match.line_number) for match in matches]


@table(
    "search.lines.{row}",
    "5.2.1",
    "5.2.2",
    "5.2.3",
    "5.2.4",
    rows={
        "newline": ("a\nb\n", [(1, "a"), (2, "b")]),
        "no_final_newline": ("a\nb", [(1, "a"), (2, "b")]),
        "crlf": ("a\r\nb\r\n", [(1, "a"), (2, "b")]),
        "mixed": ("a\r\nb\nc\r\n", [(1, "a"), (2, "b"), (3, "c")]),
        "lone_cr": ("a\rb\n", [(1, "a\rb")]),
        "two_crs": ("a\r\r\nb", [(1, "a\r"), (2, "b")]),
        "final_cr": ("a\r", [(1, "a\r")]),
        "unicode_line_separator": ("a\u2028b\u2029c", [(1, "a\u2028b\u2029c")]),
        "next_line": ("a\x85b", [(1, "a\x85b")]),
        "form_feed_and_tab": ("a\x0cb\x0bc\x1cd\x1de\x1ef", [(1, "a\x0cb\x0bc\x1cd\x1de\x1ef")]),
        "empty_lines": ("\n\na\n\n", [(1, ""), (2, ""), (3, "a"), (4, "")]),
        "empty_file": ("", []),
        "one_newline": ("\n", [(1, "")]),
        "nul": ("a\0b\nc", [(1, "a\0b"), (2, "c")]),
        "bom": ("\ufeffa\n\ufeffb", [(1, "\ufeffa"), (2, "\ufeffb")]),
    },
    likely="str.splitlines() or the database splits the lines",
)
async def lines(case: Case, text: str, expected: Numbered) -> None:
    """Lines are told apart and numbered as the contract says, by grep and by read_lines: {row}."""
    await case.files.write_file("a", text)
    assert _numbered(await case.files.grep_files("")) == expected
    read = await case.files.read_lines("a")
    assert read is not None
    assert [(line.number, line.text) for line in read.lines] == expected


@table(
    "search.literal.{row}",
    "5.1.2",
    rows={
        "dot": ("a.c", ["a.c", "xa.cx"], ["abc", "a\\.c"]),
        "star": ("a*", ["a*", "ba*c"], ["aaa", "b"]),
        "brackets": ("[ab]", ["x[ab]"], ["a", "b"]),
        "parentheses": ("(a|b)", ["(a|b)"], ["a", "b"]),
        "backslash": ("\\d", ["\\d"], ["1", "d"]),
        "anchors": ("^a$", ["x^a$x"], ["a"]),
        "like_percent": ("a%c", ["a%c"], ["abc", "ac"]),
        "like_underscore": ("a_c", ["a_c"], ["abc"]),
        "quotes": ('it\'s "x"', ['say it\'s "x"'], ["its x"]),
        "sql_comment": ("--", ["a -- b"], ["a - b"]),
        "unclosed_group": ("(", ["f(x)"], ["f x"]),
        "unicode": ("é", ["café"], ["cafe\u0301", "cafe", "É"]),
        "astral": ("\U0001f600", ["a\U0001f600"], ["\U0001f601"]),
        "spaces": (" a ", ["x a y"], ["a", " a", "a "]),
        "fts_operator": ("a AND b", ["a AND b"], ["a b", "b AND a"]),
        "hyphen": ("e-mail", ["my e-mail"], ["email", "mail"]),
        "one_character": ("q", ["qed", "seq"], ["Q", "g"]),
        "end_of_word": ("ing", ["searching"], ["in g"]),
    },
    likely="the literal goes unescaped into LIKE, a regular expression or a full-text query",
)
async def literal(case: Case, pattern: str, matching: list[str], others: list[str]) -> None:
    """By default a pattern is a literal substring of a line, and case counts: {row}."""
    await case.files.write_file("a", "\n".join(matching + others))
    found = await case.files.grep_files(pattern)
    assert _numbered(found) == list(enumerate(matching, start=1))


@table(
    "search.order.{row}",
    "5.1.1",
    rows={"all": (None,), "with_limit": (7,)},
    likely="matches come in the storage's order",
)
async def order(case: Case, most: int | None) -> None:
    """Matches are sorted by path by code point, then by line: {row}."""
    paths = ["b", "a-b", "a/x", "a.b", "a0", "B", "é", "\uffff", "\U0001f600", "Z/z"]
    for path in paths:
        await case.files.write_file(path, "hit\nno\nhit\n")
    expected = [(f"/{path}", number) for path in sorted(paths) for number in (1, 3)]
    assert _placed(await case.files.grep_files("hit", limit=most)) == expected[:most]


@check("search.once_a_line", "5.1.1", likely="every occurrence is a match")
async def once_a_line(case: Case) -> None:
    """A line with several occurrences is one match."""
    await case.files.write_file("a", "aaa aaa\nb\naa")
    assert _numbered(await case.files.grep_files("a")) == [(1, "aaa aaa"), (3, "aa")]


@check("search.across_lines", "5.1.2", "5.2.1", likely="the whole text is searched, not its lines")
async def across_lines(case: Case) -> None:
    """A pattern with a line end in it matches nothing, for a line has none."""
    await case.files.write_file("a", "one\ntwo\r\nthree")
    for pattern in ("one\ntwo", "one\n", "\n", "\r\n", "two\r"):
        assert await case.files.grep_files(pattern) == []


@check("search.empty_pattern", "5.1.3", likely="an empty pattern matches nothing, or is refused")
async def empty_pattern(case: Case) -> None:
    """The empty pattern matches every line of every text file."""
    await case.files.write_file("a", "one\n\ntwo\n")
    await case.files.write_file("b", "")
    await case.files.write_file("c", "three")
    assert _placed(await case.files.grep_files("")) == [("/a", 1), ("/a", 2), ("/a", 3), ("/c", 1)]


@table(
    "search.limit.{row}",
    "5.1.4",
    rows={
        "none_at_all": (0,),
        "one": (1,),
        "within_a_file": (4,),
        "exactly_all": (6,),
        "more_than_all": (99,),
    },
    likely="the limit is taken for each file, or before sorting",
)
async def limit(case: Case, most: int) -> None:
    """A limit gives the first matches in order: {row}."""
    for path in ("b", "a"):
        await case.files.write_file(path, "hit\nhit\nhit\n")
    everything = [(path, number) for path in ("/a", "/b") for number in (1, 2, 3)]
    assert _placed(await case.files.grep_files("hit", limit=most)) == everything[:most]


@table(
    "search.context.{row}",
    "5.1.4",
    rows={
        "middle": (2, 1, "l4", ("l2", "l3"), ("l5",)),
        "start": (3, 1, "l1", (), ("l2",)),
        "end": (1, 3, "l7", ("l6",), ()),
        "none": (0, 0, "l4", (), ()),
        "everything": (99, 99, "l2", ("l1",), ("l3", "l4", "l5", "l6", "l7")),
    },
    likely="neighbours are lost at the edges, or come from the next file",
)
async def context(
    case: Case, before: int, after: int, hit: str, above: tuple[str, ...], below: tuple[str, ...]
) -> None:
    """A match has the neighbouring lines asked for, of its own file, in order: {row}."""
    await case.files.write_file("a", "other\nother\n")
    await case.files.write_file("b", "\r\n".join(f"l{number}" for number in range(1, 8)))
    await case.files.write_file("c", "other\nother\n")
    [match] = await case.files.grep_files(hit, before=before, after=after)
    assert (match.path, match.line, match.before, match.after) == ("/b", hit, above, below)


@check("search.context_of_neighbours", "5.1.4", likely="a line is shown once, as grep does")
async def context_of_neighbours(case: Case) -> None:
    """Matches next to each other have each other among their neighbouring lines."""
    await case.files.write_file("a", "hit 1\nhit 2\nother\nhit 3")
    found = await case.files.grep_files("hit", before=1, after=1)
    assert [(match.before, match.line, match.after) for match in found] == [
        ((), "hit 1", ("hit 2",)),
        (("hit 1",), "hit 2", ("other",)),
        (("other",), "hit 3", ()),
    ]


@check("search.only_text", "5.3.1", likely="base64 is searched as text, or decoded")
async def only_text(case: Case) -> None:
    """Files in base64 are not searched, neither their text nor their bytes."""
    await case.files.write_file("a", "YWJj", "base64")
    await case.files.write_file("b", "YWJj abc")
    for pattern in ("YWJj", "abc", ""):
        assert _placed(await case.files.grep_files(pattern)) == [("/b", 1)]


@table(
    "search.regex.{row}",
    "5.4.1",
    "5.2.1",
    rows={
        "alternatives": ("cat|dog", ["a cat", "dogs"], ["bird"]),
        "anchored": ("^a.*z$", ["az", "a to z"], ["az.", " az"]),
        "end_before_crlf": ("one$", ["one\r"], ["one.\r"]),
        "classes": (r"\d{3}-\w+", ["tel 555-abc"], ["55-abc"]),
        "unicode_class": (r"^\p{Lu}", ["Éa", "Za"], ["éa"]),
        "word_boundary": (r"\bcat\b", ["a cat."], ["concat"]),
        "escaped": (r"a\.c", ["a.c"], ["abc"]),
        "dot_is_no_line_end": ("a.b", ["a\u2028b", "axb"], ["a", "b"]),
        "empty": ("", ["a", ""], []),
        "start_of_text": (r"\Ab", ["b", "b too"], ["ab"]),
        "blank_is_no_line_end": (r"a\s+b", ["a b"], ["a", "b"]),
        "like_characters": ("a_c%", ["a_c%"], ["abc"]),
    },
    likely="a pre-filter or another engine decides",
)
async def regex(case: Case, pattern: str, matching: list[str], others: list[str]) -> None:
    """With regex a pattern is RE2, held against each line by itself: {row}."""
    await case.files.write_file("a", "\n".join([*matching, *others, ""]))
    found = await case.files.grep_files(pattern, regex=True)
    expected = [(number, line.removesuffix("\r")) for number, line in enumerate(matching, start=1)]
    assert _numbered(found) == expected


@table(
    "search.wrong_regex.{row}",
    "5.4.1",
    rows={
        "unclosed_group": ("(a",),
        "unclosed_class": ("[a",),
        "nothing_to_repeat": ("*a",),
        "wrong_range": ("a{3,1}",),
        "trailing_backslash": ("a\\",),
        "look_ahead": ("a(?=b)",),
        "back_reference": (r"(a)\1",),
        "lone_surrogate": ("a\ud800",),
    },
    likely="another engine than RE2 takes the pattern, or its error comes through",
)
async def wrong_regex(case: Case, pattern: str) -> None:
    """What is no RE2 is InvalidPatternError, before anything is read: {row}."""
    with refused(InvalidPatternError):
        await case.files.grep_files(pattern, regex=True)
    await case.files.write_file("a", "a")
    with refused(InvalidPatternError):
        await case.files.grep_files(pattern, regex=True)


@table(
    "search.follows.{row}",
    "5.1.1",
    rows={
        "overwrite": (lambda files: files.write_file("a", "fresh"), ["/b"], ["/a"]),
        "edit": (lambda files: files.edit_file("a", "stale", "fresh"), ["/b"], ["/a"]),
        "append": (lambda files: files.append_file("a", " fresh"), ["/a", "/b"], ["/a"]),
        "move": (lambda files: files.move_file("a", "c"), ["/b", "/c"], []),
        "copy": (lambda files: files.copy_file("a", "c"), ["/a", "/b", "/c"], []),
        "delete": (lambda files: files.delete_file("a"), ["/b"], []),
        "becomes_base64": (lambda files: files.write_file("a", "YWJj", "base64"), ["/b"], []),
        "seed": (lambda files: files.seed_initial_file(InitialFile("a", "fresh")), ["/b"], ["/a"]),
        "content_matches": (
            lambda files: files.write_file_if_content_matches("a", "stale text", "text", "fresh", "text"),
            ["/b"],
            ["/a"],
        ),
    },
    likely="a search index is not kept up",
)
async def follows(
    case: Case, change: Callable[[BoundFiles], Awaitable[Any]], stale: list[str], fresh: list[str]
) -> None:
    """A search sees every change at once: {row}."""
    await case.files.write_file("a", "stale text")
    await case.files.write_file("b", "stale text")
    assert len(await case.files.grep_files("stale")) == 2
    assert await case.files.grep_files("fresh") == []
    assert len(await case.files.glob_files("**")) == 2
    await change(case.files)
    assert [match.path for match in await case.files.grep_files("stale")] == stale
    assert [match.path for match in await case.files.grep_files("fresh")] == fresh
    globbed = [(info.path, info.revision) for info in await case.files.glob_files("**")]
    assert globbed == [(info.path, info.revision) for info in await case.files.list_directory()]


@check(
    "search.large",
    "5.1.1",
    "5.2.4",
    likely="line numbers restart, or a match is lost, where a text is cut in pieces",
)
async def large(case: Case) -> None:
    """In a file of 2 MB with long lines every match has its number."""
    long_line = "x" * 300_000
    hay = ["hay and straw"] * 50_000
    text = "\n".join(["needle first", *hay, f"{long_line}needle{long_line}", *hay, "needle last"])
    await case.files.write_file("a", text)
    for is_regex, any_case in ((False, False), (True, False), (False, True)):
        found = await case.files.grep_files("needle", regex=is_regex, ignore_case=any_case)
        assert [(match.line_number, len(match.line)) for match in found] == [
            (1, 12),
            (50_002, 600_006),
            (100_003, 11),
        ]


@check("search.event_loop", "5.4.3", likely="the whole search is done in one go on the event loop")
async def event_loop(case: Case) -> None:
    """While much is searched, other tasks get their turn many times."""
    lines = 10_000
    text = "some hay to look through\n" * lines
    await asyncio.gather(*(case.files.write_file(f"d/{number}", text) for number in range(6)))
    search = asyncio.ensure_future(case.files.grep_files("l[aeo]+k", regex=True))
    turns = 0
    while not search.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(search.result()) == 6 * lines
    assert turns >= 5
