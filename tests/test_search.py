"""The matching engine against a reference that goes line by line."""

from __future__ import annotations

import asyncio
import re
from uuid import UUID

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st

from everstore import GrepMatch, SessionFile, errors, new_session_id
from everstore.lines import LineCounts, lines_of
from everstore.search import Query

# Few characters, so that matches are likely; among them all that could be taken for a line's end.
CHARACTERS = "ab A\n\n\r\t-é\u2028\x0b\x0c\x00\x85"
TEXTS = st.text(CHARACTERS, max_size=60)
PIECES = [
    *(
        "a",
        "b",
        "-",
        "é",
        ".",
        "|",
        "?",
        "*",
        "+",
        "^",
        "$",
        "\n",
        "\r",
        "x{0}",
        "a{2}",
        "(?:)",
        "(a)",
        "(?:b|$)",
    ),
    *(
        r"\A",
        r"\z",
        r"\b",
        r"\B",
        r"\n",
        r"\r",
        r"\s",
        r"\S",
        r"\w",
        r"\W",
        r"\pL",
        r"\x{2028}",
        r"\C",
        r"\\z",
    ),
    *("(?m)", "(?-m)", "(?s)", "(?i)", "(?m:^)", "(?-m:^)", "(?-m:$)", "(?s:.)", r"\Qa.\E"),
    *("[^a]", "[^b]*", "[[:space:]]", "[[:^alpha:]]"),
]
REGEXES = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)


def lines_by_the_book(text: str) -> list[str]:
    """§5.2, one character at a time."""
    lines, line = [], ""
    for character in text:
        if character != "\n":
            line += character
            continue
        lines.append(line.removesuffix("\r"))
        line = ""
    return [*lines, line] if line else lines


def matches_by_the_book(text, is_hit, before=0, after=0, limit=None):
    lines = lines_by_the_book(text)
    found = [
        GrepMatch("/f", number + 1, line, tuple(lines[max(0, number - before) : number]),
                  tuple(lines[number + 1 : number + 1 + after]))
        for number, line in enumerate(lines)
        if is_hit(line)
    ]  # fmt: skip
    return found[:limit]


def file_of(text: str, path: str = "/f") -> SessionFile:
    return SessionFile(
        1, 1, 1, new_session_id(), path, 1, len(text.encode()), is_readonly=False, content=text
    )


def search(text: str, pattern: str, **options) -> list[GrepMatch]:
    """The answer of the engine, which must be the same in a task and in a backend's own thread."""
    at_once = Query(pattern, **options)
    at_once.add_now("/f", text)
    in_turns = asyncio.run(Query(pattern, **options).run([file_of(text)]))
    assert in_turns == at_once.matches
    return at_once.matches


@pytest.fixture(params=[1, 7, 1 << 18], ids="stretch of {}".format, scope="module", autouse=True)
def stretch(request):
    """How much is searched at once: that must never show."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("everstore.search.MOST_AT_ONCE", request.param)
        patch.setattr("everstore.search._LEAST_STRETCH", 1)
        patch.setattr("everstore.search._LONGEST_STEP", request.param)
        yield


CONTEXT = st.integers(0, 3)
LIMITS = st.none() | st.integers(0, 3)


@given(TEXTS, st.text(CHARACTERS, max_size=3), CONTEXT, CONTEXT, LIMITS)
@example("a\r\n\r\nb", "", 1, 1, None)
@example("a\r", "\r", 0, 0, None)
@example("a\r\r\nb", "\r", 0, 1, None)
@example("a\r\r\nb", "b", 1, 0, None)
@example("b\na", "b\na", 0, 0, None)
@example("\n\n", "", 0, 0, 1)
def test_literal_matches_are_those_of_every_line_by_itself(text, pattern, before, after, limit):
    expected = matches_by_the_book(text, lambda line: pattern in line, before, after, limit)
    assert search(text, pattern, before=before, after=after, limit=limit) == expected


@given(TEXTS, st.text("abAÉé-.\n", max_size=3), LIMITS)
def test_case_is_ignored_when_asked(text, pattern, limit):
    is_hit = re.compile(re.escape(pattern), re.IGNORECASE).search
    expected = matches_by_the_book(text, is_hit, limit=limit)
    assert search(text, pattern, ignore_case=True, limit=limit) == expected


@given(TEXTS, REGEXES, st.booleans(), CONTEXT, CONTEXT, LIMITS)
@example("a\n", "$", False, 0, 0, None)
@example("\na", r"\Aa", False, 0, 0, None)
@example("a\nb", r"a\z", False, 0, 0, None)
@example("ab\na", r"(?-m)^a$", False, 0, 0, None)
@example("a\nb", r"(?s)a.b", False, 0, 0, None)
@example("a\nb\n", "[^b]*", False, 0, 0, None)
@example("a\r\nb", "a$", False, 0, 0, None)
@example("A\r\nb", "a$", True, 0, 0, None)
@example("a\n\nb", r"^$", False, 1, 1, None)
@example("a\nb", r"a\sb|b", False, 0, 0, None)
@example("é\nb", r"\xc3|\C\C", False, 0, 0, None)
def test_regex_matches_are_those_of_every_line_by_itself(text, pattern, ignore_case, before, after, limit):
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        by_line = re2.compile(pattern.encode(), options)
    except re2.error:
        with pytest.raises(errors.InvalidPatternError):
            Query(pattern, regex=True)
        return
    expected = matches_by_the_book(text, lambda line: by_line.search(line.encode()), before, after, limit)
    options = {"before": before, "after": after, "limit": limit, "ignore_case": ignore_case}
    assert search(text, pattern, regex=True, **options) == expected


def page_of(text, start, limit):
    file = SessionFile(1, 0, 0, UUID(int=1), "/f", 1, len(text.encode()), is_readonly=False, content=text)
    return asyncio.run(lines_of(file, text, start, limit, LineCounts()))


@given(TEXTS, st.integers(-8, 8).filter(bool), st.none() | st.integers(0, 4))
def test_numbered_lines_are_those_of_the_text(text, start, limit):
    lines = [*enumerate(lines_by_the_book(text), 1)]
    wanted = lines[start - 1 :] if start > 0 else lines[start:]
    answer = page_of(text, start, limit)
    assert [(line.number, line.text) for line in answer.lines] == wanted[:limit]
    assert answer.has_more == bool(wanted[len(answer.lines) :])
    assert (answer.path, answer.revision, answer.total_lines) == ("/f", "1", len(lines))


@pytest.mark.parametrize("line", ["", "x", "x" * 70, "x" * 20_000, "\r", "é\r"])
def test_pages_of_a_large_file_are_its_lines(line):
    text = "".join(f"{number}{line}\n" for number in range(2500)) + "end"
    lines = text.replace("\r\n", "\n").split("\n")
    for start, limit in ((1, None), (1, 1), (2400, 50), (-1, None), (-2000, 1100), (2501, 9), (2502, 9)):
        answer = page_of(text, start, limit)
        first = start - 1 if start > 0 else len(lines) + start
        assert [each.text for each in answer.lines] == lines[first:][:limit]
        assert [each.number for each in answer.lines] == [*range(first + 1, first + 1 + len(answer.lines))]
        assert (answer.total_lines, answer.has_more) == (2501, first + len(answer.lines) < 2501)


def test_a_line_far_behind_the_end_is_soon_found_missing():
    assert page_of("a\n", 10**15, None).lines == ()


async def test_a_query_takes_no_more_once_it_is_full():
    query = Query("a", limit=2)
    assert await query.add(file_of("a\n", "/1")) is False
    assert query.add_now("/2", "a\na\n") is True
    assert query.is_full
    assert await query.add(file_of("a\n", "/3")) is True
    assert query.add_now("/4", "a\n") is True
    assert [match.path for match in query.matches] == ["/1", "/2"]
    assert [
        match.path for match in await Query("a", limit=1).run([file_of("a", "/1"), file_of("a", "/2")])
    ] == ["/1"]


async def test_directories_and_bytes_are_passed_over():
    directory = SessionFile(1, 1, 1, new_session_id(), "/d", 1, 0, is_readonly=False, content=None)
    data = SessionFile(
        1, 1, 1, new_session_id(), "/b", 1, 0, is_readonly=False, content="YQ==", encoding="base64"
    )
    query = Query("")
    assert await query.run([directory, data]) == []
    assert await query.add(directory) is False
    assert await query.add(data) is False


@pytest.mark.parametrize("stretch_and_line", [(8, 100), (8, 7), (3, 1000)], ids=str)
async def test_a_line_longer_than_a_stretch_is_searched_whole(monkeypatch, stretch_and_line):
    length, line = stretch_and_line
    monkeypatch.setattr("everstore.search.MOST_AT_ONCE", length)
    monkeypatch.setattr("everstore.search._LEAST_STRETCH", 1)
    for at in range(0, line, 3):
        text = "short\n" + "x" * at + "needle" + "x" * (line - at) + "\r\nshort\n"
        expected = [GrepMatch("/f", 2, text.split("\n")[1].removesuffix("\r"), ("short",), ("short",))]
        for options in ({}, {"regex": True}, {"ignore_case": True}):
            query = Query("needle", before=1, after=1, **options)
            assert await query.run([file_of(text)]) == expected
    assert await Query("absent", regex=True).run([file_of("x" * line)]) == []


def test_what_every_match_contains_is_told_to_backends_that_can_filter():
    assert Query("a.b").literal == "a.b"
    assert Query("a.b", regex=True).literal is None
    assert Query("a.b", ignore_case=True).literal is None


@pytest.mark.parametrize("option", ["before", "after", "limit"])
def test_a_backend_s_own_query_counts_in_whole_numbers_too(option):
    for wrong in (-1, "1", 1.5, *([101] if option != "limit" else [])):
        with pytest.raises(errors.InvalidArgumentError):
            Query("a", **{option: wrong})


def test_matches_of_files_in_any_order_are_sorted():
    query = Query("a")
    for path in ("/c", "/a", "/b", "/none"):
        query.add_now(path, "a\nb\na\n" if path != "/none" else "b")
    assert [(match.path, match.line_number) for match in query.sorted_matches()] == [
        (path, number) for path in ("/a", "/b", "/c") for number in (1, 3)
    ]
    query.clear()
    assert query.sorted_matches() == []


@pytest.mark.parametrize("regex", [False, True])
@pytest.mark.parametrize(
    ("pattern", "told"), [(b"a", "not bytes"), (None, "not NoneType"), ("\ud800", "surrogate")]
)
def test_a_backend_s_own_query_takes_text_only(pattern, told, regex):
    with pytest.raises(errors.InvalidPatternError, match=told) as caught:
        Query(pattern, regex=regex)
    str(caught.value).encode()  # it can be printed
