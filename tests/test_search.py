"""The matching engine against a reference that goes line by line."""

from __future__ import annotations

import asyncio
import re

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st

from everstore import GrepMatch, SessionFile, errors, new_session_id
from everstore.search import Query, compile_glob, compile_path_pattern, lines_of

# Few characters, so that matches are likely; among them all that could be taken for a line's end.
CHARACTERS = "ab A\n\n\r\t-é\u2028\x0b\x0c\x00\x85"
TEXTS = st.text(CHARACTERS, max_size=60)
PIECES = (
    *"ab-é.|?*+^$",
    r"\A", r"\z", r"\b", r"\B", r"\n", r"\r", r"\s", r"\S", r"\w", r"\W", r"\pL", r"\x{2028}",
    "(?m)", "(?-m)", "(?s)", "(?i)", "(?m:^)", "(?-m:^)", "(?-m:$)", "(?s:.)", "(a)", "(?:b|$)",
    "[^a]", "[^b]*", "[[:space:]]", "[[:^alpha:]]", "x{0}", "a{2}", "(?:)", "\n", "\r", r"\C", r"\Qa.\E", r"\\z",
)  # fmt: skip
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
        patch.setattr("everstore.search._STRETCH", request.param)
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
